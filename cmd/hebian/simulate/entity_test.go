package simulate

import (
	"cmp"
	"context"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"hebian/connectors"
	"hebian/schemas"
	"hebian/schemas/ident"
)

func writeEntities(t *testing.T, o Options) (string, Summary) {
	t.Helper()
	dir := t.TempDir()
	s, err := Write(context.Background(), dir, o, nil)
	if err != nil {
		t.Fatal(err)
	}
	return dir, s
}

func withEntities(n int) Options {
	o := DefaultOptions()
	o.Entities = n
	return o
}

// Legal entities come on top: whatever else is written stays as it is.
func TestEntitiesChangeNothingElse(t *testing.T) {
	without, _ := writeEntities(t, withEntities(0))
	with, _ := writeEntities(t, withEntities(400))
	again, _ := writeEntities(t, withEntities(400))
	a, b := contents(t, without), contents(t, with)
	if diff := gocmp.Diff(b, contents(t, again)); diff != "" {
		t.Errorf("the same options wrote two counties:\n%s", diff)
	}
	for file, text := range a {
		if file != "quarantine.csv" && text != b[file] {
			t.Errorf("%s is another one with legal entities", file)
		}
		delete(b, file)
	}
	want := []string{
		"conflicts.csv", "entities.csv",
		"in/entities/civil.csv", "in/entities/civil_events.ndjson", "in/entities/commerce.ndjson", "in/entities/commerce_events.ndjson", "in/entities/divisions.csv",
		"in/entities/quality.csv", "in/entities/staffing.csv", "in/entities/staffing_events.ndjson", "in/entities/statistics.csv", "in/entities/tax.csv",
		"in/hall/case_figures.csv",
		"in/staffing/departments.csv", "in/staffing/duties.csv", "in/staffing/establishment_plans.csv", "in/staffing/online_names.csv",
	}
	if diff := gocmp.Diff(want, slices.Sorted(maps.Keys(b))); diff != "" {
		t.Errorf("files on top (- want, + got):\n%s", diff)
	}
}

// counter counts what is taken and refused.
type counter struct{ accepted, quarantined int64 }

func (c *counter) Accept(_ context.Context, records []schemas.Record) error {
	c.accepted += int64(len(records))
	return nil
}

func (c *counter) Quarantine(_ context.Context, misfits []schemas.Record) error {
	c.quarantined += int64(len(misfits))
	return nil
}

// Every file is what its agency's profile describes, but for the rows that are broken on purpose.
func TestFilesMatchProfiles(t *testing.T) {
	for _, o := range []Options{withEntities(400), {Persons: 500, Seed: 3, Months: 2, AsOf: 202402, Entities: 5000}} {
		dir, s := writeEntities(t, o)
		profiles, err := connectors.Profiles()
		if err != nil {
			t.Fatal(err)
		}
		folder, err := connectors.Scan(filepath.Join(dir, "in"), profiles)
		if err != nil {
			t.Fatal(err)
		}
		if len(folder.Found) != len(s.Files) {
			t.Errorf("profiles describe %d of %d files", len(folder.Found), len(s.Files))
		}
		door := connectors.Door{Dir: folder.Dir, SchemaID: func(string) uint32 { return 1 }}
		for _, found := range folder.Found {
			var got counter
			if _, err := door.Read(t.Context(), found, &got); err != nil {
				t.Fatal(err)
			}
			at := slices.IndexFunc(s.Files, func(f FileCount) bool { return f.File == found.Name })
			if want := s.Files[at]; got.accepted != want.Accepted || got.quarantined != want.Quarantined || want.Quarantined < brokenRows {
				t.Errorf("%s: %d rows accepted, %d quarantined; written were %+v", found.Name, got.accepted, got.quarantined, want)
			}
		}
	}
}

// Every kind of finding is there, and of conflicts every field in both states.
func TestEveryFindingOccurs(t *testing.T) {
	for _, o := range []Options{withEntities(400), {Persons: 500, Seed: 3, Months: 2, AsOf: 202402, Entities: 5000}} {
		dir, s := writeEntities(t, o)
		rows := rowsOf(t, contents(t, dir)["conflicts.csv"])[1:]
		if !slices.IsSortedFunc(rows, slices.Compare) || len(slices.CompactFunc(slices.Clone(rows), slices.Equal)) != len(rows) {
			t.Error("conflicts.csv is not sorted, or repeats itself")
		}
		links := rowsOf(t, contents(t, dir)["entities.csv"])[1:]
		if !slices.IsSortedFunc(links, slices.Compare) || len(links) < 4*o.Entities {
			t.Errorf("entities.csv is not sorted, or its %d rows are too few", len(links))
		}
		got := map[string]bool{}
		for _, row := range rows {
			if got[row[0]] = true; row[0] == "CONFLICT" {
				got[row[2]+" "+row[5]] = true
			}
		}
		want := map[string]bool{}
		for _, kind := range []string{"BAD_CODE", "CODE_CLASH", "CONFLICT", "DUPLICATE_CODE", "LINK_REVIEW", "ORPHAN"} {
			want[kind] = true
		}
		for f := range data {
			want[f.String()+" conflict"], want[f.String()+" lag"] = true, true
		}
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Errorf("findings of %+v (- want, + got):\n%s", o, diff)
		}
		if share := s.WrongEntities * 1000 / s.Entities; share < 5 || share > 150 {
			t.Errorf("%d per thousand entities are wrong", share)
		}
	}
}

// Each kind of case, built for many entities, has findings exactly when it is a wrong, and rows that say so.
func TestEntityKinds(t *testing.T) {
	p, err := newPlan(withEntities(2000))
	if err != nil {
		t.Fatal(err)
	}
	r := &registers{folder: &folder{plan: p}, kinds: entityKinds()}
	e := &entity{registers: r, rows: make([]registration, 0, maxRows)}
	names := map[string]bool{}
	for i := range r.kinds {
		k := &r.kinds[i]
		if names[k.name] {
			t.Errorf("two kinds are called %q", k.name)
		}
		names[k.name] = true
		for index := range 300 {
			c := k.class
			if c == classes {
				c = [...]class{publicBody, socialBody, enterprise}[index%3]
			}
			e.reset(len(p.units)+index, c)
			r.findings = r.findings[:0]
			k.build(e)
			if got := len(r.findings) == 0; got != k.harmless {
				t.Fatalf("%s: %d findings", k.name, len(r.findings))
			}
			held := map[string]bool{}
			for _, owner := range []*entity{e, e.twin} {
				if owner == nil {
					continue
				}
				for _, row := range owner.rows {
					held[cmp.Or(row.entity, owner.code)+","+row.source.String()+","+row.key] = true
				}
			}
			for _, line := range r.findings {
				if cells := strings.Split(line, ","); cells[4] != "" && !held[cells[1]+","+cells[3]+","+cells[4]] {
					t.Fatalf("%s: %s is about a row that the entity has not", k.name, line)
				}
			}
		}
	}
}

// The codes are good unless a case spoils them, no two entities share one, and the county's units are called what they are called
// there.
func TestEntityCodes(t *testing.T) {
	p, err := newPlan(withEntities(20_000))
	if err != nil {
		t.Fatal(err)
	}
	r := &registers{folder: &folder{plan: p}, kinds: entityKinds()}
	e := &entity{registers: r, rows: make([]registration, 0, maxRows)}
	seen := map[string]int{}
	for index := range p.Entities {
		e.reset(index, r.classOf(index, nil))
		for _, one := range []*entity{e, e.newTwin()} {
			own := []string{one.code, one.org, one.name, one.former}
			if one.class == enterprise {
				own = append(own, one.regNo)
			}
			for _, text := range own {
				if first, ok := seen[text]; ok {
					t.Fatalf("entities %d and %d have %q both", first, index, text)
				}
				seen[text] = index
			}
			if n := ident.USCC(one.code); n.Verdict != ident.Valid || one.code[8:17] != one.org || ident.OrgCode(one.org).Verdict != ident.Valid {
				t.Fatalf("the code %s is %+v", one.code, n)
			}
			if one.regNo != "" && ident.Registration(one.regNo).Verdict != ident.Valid || ident.Tax(one.oldTaxNumber()).Verdict != ident.Valid {
				t.Fatalf("the numbers %s and %s are not both good", one.regNo, one.oldTaxNumber())
			}
			if bad := one.spoiledCode(one.code); ident.USCC(bad).Verdict != ident.Invalid || ident.OrgCode(one.spoiledCode(one.org)).Verdict != ident.Invalid {
				t.Fatalf("%s or the organisation code in it is not spoiled", bad)
			}
		}
		if index < len(p.units) && (e.code != p.units[index].code || e.name != p.units[index].name.utf8) {
			t.Fatalf("the unit %s %s became %s %s", p.units[index].code, p.units[index].name.utf8, e.code, e.name)
		}
	}
}

// However something is written, it is cleaned to what it is.
func TestSpelledCodes(t *testing.T) {
	p, err := newPlan(withEntities(2000))
	if err != nil {
		t.Fatal(err)
	}
	r := &registers{folder: &folder{plan: p}}
	e := &entity{registers: r, rows: make([]registration, 0, maxRows)}
	rapid.Check(t, func(t *rapid.T) {
		e.reset(rapid.IntRange(len(p.units), p.Entities).Draw(t, "index"), enterprise)
		if got := ident.Clean(e.spelledCode(e.code)); got != e.code {
			t.Errorf("%s is cleaned to %s", e.code, got)
		}
		if n := ident.OrgCode(ident.Clean(e.spelledOrganisation(e.org))); n.Normalized != e.org {
			t.Errorf("%s is judged %+v", e.org, n)
		}
		if got := ident.NameKey(bracketed(e.spelledName(e.name), "（", "）")); strings.NewReplacer("(", "（", ")", "）", "【", "（", "】", "）", "〔", "（", "〕", "）").Replace(got) != e.name {
			t.Errorf("%s is compared as %s", e.name, got)
		}
		if got := ident.NameKey(e.spelledRep(e.rep)); got != ident.NameKey(e.rep) {
			t.Errorf("%s is compared as %s", e.rep, got)
		}
	})
}

func TestCodeAndName(t *testing.T) {
	seen := map[string]bool{}
	for n := range 50_000 {
		code, name := CodeAndName(n * 20)
		if seen[code] || seen[name] || ident.USCC(code).Verdict != ident.Valid {
			t.Fatalf("%d is %s %s: not new, or no code", n*20, code, name)
		}
		seen[code], seen[name] = true, true
	}
}

func TestWorkingDaysBack(t *testing.T) {
	for _, test := range []struct {
		asOf schemas.Month
		days int
		want string
	}{
		{202609, 0, "2026-09-30"}, // a Wednesday
		{202609, 1, "2026-09-29"},
		{202609, 3, "2026-09-27"},
		{202609, 4, "2026-09-24"},
		{202609, 30, "2026-08-19"},
		{202602, 0, "2026-02-28"}, // a Saturday
		{202602, 1, "2026-02-26"},
	} {
		e := entity{registers: &registers{folder: &folder{plan: &plan{asOf: test.asOf.Last()}}}}
		if got := e.workingDaysBack(test.days).String(); got != test.want {
			t.Errorf("%d working days before the end of %s: %s, want %s", test.days, test.asOf, got, test.want)
		}
	}
}

func TestBrands(t *testing.T) {
	seen := map[string]int{}
	for n := range 600_000 {
		brand := brandOf(n)
		if first, ok := seen[brand]; ok {
			t.Fatalf("%d and %d are both %s", first, n, brand)
		}
		seen[brand] = n
	}
}

func BenchmarkWriteEntities(b *testing.B) {
	o := DefaultOptions()
	o.Persons, o.Entities = 50, 20_000
	var rows int64
	for b.Loop() {
		s, err := Write(context.Background(), b.TempDir(), o, nil)
		if err != nil {
			b.Fatal(err)
		}
		rows += s.Rows
	}
	b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
}
