package entity_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"hebian/matcher/entity"
	"hebian/schemas"
)

// TestAnyWay: whatever the way there, a standing says what the rules say of the rows that are left, and what one fold of them says;
// and its changes add up to that.
func TestAnyWay(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWay(t, rt)
		for range rapid.IntRange(1, 6).Draw(rt, "steps") {
			w.step()
			w.check()
		}
	})
}

// way is a standing on its way, with all that it was told.
type way struct {
	t        *testing.T
	rt       *rapid.T
	journal  *journal
	mood     mood
	standing *entity.Standing
	most     int
	day      schemas.Date
	judged   bool
	links    []entity.Link
	open     map[entity.CaseFinding]string // as changes say, with what they stand on
	golden   map[entity.ID]string
	into     map[entity.ID]entity.ID // of retired entities, what each became part of
	next     entity.ID
}

func newWay(t *testing.T, rt *rapid.T) *way {
	w := &way{
		t: t, rt: rt, journal: newJournal(t), day: asOf,
		mood: rapid.SampledFrom(moods).Draw(rt, "mood"), most: rapid.SampledFrom([]int{1000, 3, 2}).Draw(rt, "most"),
		open: map[entity.CaseFinding]string{}, golden: map[entity.ID]string{}, into: map[entity.ID]entity.ID{}, next: 1,
	}
	w.standing = entity.NewStanding(entity.Options{MaxSharers: w.most})
	if rapid.Bool().Draw(rt, "small") {
		w.standing.Small()
	}
	for _, d := range divisionRows() {
		w.fold([]change{{row: w.journal.addDivision(d)}})
	}
	if rapid.Bool().Draw(rt, "decided before") {
		w.decide()
	}
	w.fold(w.changes())
	w.judged = true
	w.judge(asOf)
	w.check()
	return w
}

func (w *way) step() {
	switch rapid.IntRange(0, 9).Draw(w.rt, "step") {
	case 0:
		w.decide()
	case 1:
		w.judge(asOf + schemas.Date(rapid.IntRange(-60, 60).Draw(w.rt, "days")))
	case 2:
		w.fold(w.divisionChanges())
	default:
		w.fold(w.changes())
	}
}

func (w *way) fold(changes []change) {
	for len(changes) > 0 {
		n := rapid.IntRange(1, len(changes)).Draw(w.rt, "delivery")
		w.foldAll(changes[:n])
		changes = changes[n:]
	}
}

func (w *way) foldAll(changes []change) {
	w.rt.Log("fold", changes)
	w.follow(w.standing.Fold(context.Background(), w.journal.deliver(changes...)))
}

func (w *way) judge(day schemas.Date) {
	w.day = day
	w.follow(w.standing.Judge(context.Background(), day))
}

// decide draws decisions of officers about few rows.
func (w *way) decide() {
	var links []entity.Link
	for range rapid.IntRange(0, 4).Draw(w.rt, "links") {
		links = append(links, entity.Link{A: w.key(), B: w.key(), Same: rapid.Bool().Draw(w.rt, "same")})
	}
	w.link(links)
}

// key draws the key of some row.
func (w *way) key() entity.RecordKey {
	if rapid.IntRange(0, 9).Draw(w.rt, "nobody") == 0 {
		return entity.RecordKey{Source: entity.Tax, Key: "nobody's"}
	}
	r := rapid.SampledFrom(w.journal.rows).Draw(w.rt, "row")
	return entity.RecordKey{Source: r.Source, Key: r.Key}
}

func (w *way) link(links []entity.Link) {
	w.rt.Log("decide", links)
	w.links = links
	w.follow(w.standing.Decide(context.Background(), links))
}

// changes draws rows that come, go, or are written anew under their key, some of them in an odd order.
func (w *way) changes() []change {
	var changes []change
	for range rapid.IntRange(1, 9).Draw(w.rt, "changes") {
		var live []int
		for _, n := range w.journal.left() {
			if _, ok := w.journal.divisions[n]; !ok && !slices.Contains(changes, change{n, true}) {
				live = append(live, n)
			}
		}
		kind := rapid.IntRange(0, 9).Draw(w.rt, "kind")
		if len(live) == 0 {
			kind = 9
		}
		switch kind {
		case 0:
			changes = append(changes, change{rapid.SampledFrom(live).Draw(w.rt, "gone"), true})
		case 1: // the row again, after all
			n := rapid.SampledFrom(live).Draw(w.rt, "again")
			changes = append(changes, change{n, true}, change{n, false})
		case 2: // never there
			n := w.journal.add(w.row().Draw(w.rt, "row"))
			changes = append(changes, change{n, rapid.Bool().Draw(w.rt, "taken back first")})
			changes = append(changes, change{n, !changes[len(changes)-1].retract})
		case 3, 4, 5, 6, 7:
			n := rapid.SampledFrom(live).Draw(w.rt, "old")
			changes = append(changes, change{n, true}, change{w.journal.add(w.rewritten(w.journal.rows[n], kind)), false})
		default:
			changes = append(changes, change{w.journal.add(w.row().Draw(w.rt, "row")), false})
		}
	}
	return changes
}

// rewritten draws another row under the key of one: with the same codes, or anything else in it.
func (w *way) rewritten(old entity.Record, kind int) entity.Record {
	r := w.row().Draw(w.rt, "new")
	r.Source, r.Key = old.Source, old.Key
	if kind > 3 {
		r.USCC, r.OrgCode, r.RegNo, r.TaxNo = old.USCC, old.OrgCode, old.RegNo, old.TaxNo
	}
	if kind > 4 {
		r.Name, r.SecondName, r.Division = old.Name, old.SecondName, old.Division
	}
	if kind > 5 {
		r.LegalRep = old.LegalRep
	}
	if kind > 6 {
		r.Address = old.Address
	}
	return r
}

// divisionChanges draws a change of the divisions, which moves addresses.
func (w *way) divisionChanges() []change {
	var changes []change
	for _, n := range w.journal.left() {
		d, ok := w.journal.divisions[n]
		if !ok || rapid.IntRange(0, 2).Draw(w.rt, "changed") > 0 {
			continue
		}
		changes = append(changes, change{n, true})
		if rapid.Bool().Draw(w.rt, "renamed") {
			d.Name = rapid.SampledFrom([]string{"青岚县", "白鹭县", "人民"}).Draw(w.rt, "name")
		}
		if rapid.Bool().Draw(w.rt, "dated") {
			to := asOf + schemas.Date(rapid.IntRange(-40, 40).Draw(w.rt, "until"))
			d.ValidTo = &to
		}
		if rapid.IntRange(0, 3).Draw(w.rt, "dropped") > 0 {
			changes = append(changes, change{w.journal.addDivision(d), false})
		}
	}
	return changes
}

// follow adds a change up: it must be all that is otherwise than before, and no more.
func (w *way) follow(c entity.Change, err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
	open, golden := map[entity.CaseFinding]string{}, map[entity.ID]string{}
	each(w.t, w.standing, func(e *entity.Entity) {
		golden[e.ID] = fmt.Sprint(e.Code, e.Golden, e.Members)
		for i := range e.Findings {
			f := &e.Findings[i]
			open[entity.CaseFinding{Entity: e.ID, Kind: f.Kind, Detail: f.Detail}] = groundsOf(e, f)
		}
	})
	var opened, refreshed, closed []entity.CaseFinding
	for key, grounds := range open {
		if before, known := w.open[key]; !known {
			opened = append(opened, key)
		} else if before != grounds {
			refreshed = append(refreshed, key)
		}
	}
	for key := range w.open {
		if _, there := open[key]; !there {
			closed = append(closed, key)
		}
	}
	var changed, retired []entity.ID
	for id, of := range golden {
		if w.golden[id] != of {
			changed = append(changed, id)
		}
	}
	for id := range w.golden {
		if golden[id] == "" {
			retired = append(retired, id)
		}
	}
	if !w.judged {
		return
	}
	want := entity.Change{Opened: opened, Refreshed: refreshed, Closed: closed, Golden: changed, Retired: retired}
	slices.SortFunc(want.Opened, entity.CaseFinding.Compare)
	slices.SortFunc(want.Refreshed, entity.CaseFinding.Compare)
	slices.SortFunc(want.Closed, entity.CaseFinding.Compare)
	slices.Sort(want.Golden)
	slices.Sort(want.Retired)
	for _, id := range c.Retired {
		w.into[id] = 0
	}
	for _, id := range c.Golden {
		delete(w.into, id)
		w.next = max(w.next, id+1)
	}
	for _, l := range c.Lineage {
		for _, id := range l.From {
			if l.Kind == entity.Merged {
				w.into[id] = l.Into[0]
			}
		}
	}
	c.Lineage, c.Rows = nil, nil
	if diff := gocmp.Diff(want, c); diff != "" {
		w.rt.Fatalf("a change says otherwise: -what changed +change\n%s", diff)
	}
	w.open, w.golden = open, golden
}

// groundsOf writes down what a finding says and the rows that it stands on, wherever they are among the members.
func groundsOf(e *entity.Entity, f *entity.Finding) string {
	bare := *f
	var rows []entity.Record
	if f.Authority >= 0 {
		rows, bare.Authority = append(rows, e.Members[f.Authority]), 0
	}
	bare.Sides = slices.Clone(f.Sides)
	for i := range bare.Sides {
		rows, bare.Sides[i].Member = append(rows, e.Members[bare.Sides[i].Member]), 0
	}
	return fmt.Sprint(e.Golden[entity.FieldName].Value, bare, rows)
}

// check holds the standing against the rules and against a fold of what is left.
func (w *way) check() {
	w.t.Helper()
	got := described(w.t, w.standing)
	if diff := gocmp.Diff(reference(w), grouping(got)); diff != "" {
		w.rt.Fatalf("linked otherwise than the rules say: -rules +standing\n%s", diff)
	}
	if diff := gocmp.Diff(described(w.t, w.fresh()), got); diff != "" {
		w.rt.Fatalf("another result than of one fold: -one fold +on the way\n%s", diff)
	}
	counts := entity.Counts{Findings: map[entity.Kind]map[string]int{}}
	for _, d := range got {
		counts.Entities++
		counts.Records += len(d.Members)
		for i := range d.Findings {
			f := &d.Findings[i]
			if counts.Findings[f.Kind] == nil {
				counts.Findings[f.Kind] = map[string]int{}
			}
			counts.Findings[f.Kind][f.State()]++
		}
	}
	if diff := gocmp.Diff(counts, w.standing.Counts()); diff != "" {
		w.rt.Fatalf("counted otherwise: -each +counts\n%s", diff)
	}
}

// fresh is a standing that got what is left in one delivery.
func (w *way) fresh() *entity.Standing {
	w.t.Helper()
	s := entity.NewStanding(entity.Options{MaxSharers: w.most})
	var all []change
	for _, n := range w.journal.left() {
		all = append(all, change{row: n})
	}
	order := rapid.Permutation(all).Draw(w.rt, "order")
	if _, err := s.Fold(context.Background(), w.journal.again().deliver(order...)); err != nil {
		w.t.Fatal(err)
	}
	if _, err := s.Decide(context.Background(), w.links); err != nil {
		w.t.Fatal(err)
	}
	if _, err := s.Judge(context.Background(), w.day); err != nil {
		w.t.Fatal(err)
	}
	return s
}

// description is what may be said of an entity whatever the way to it: all but its ID, and where its rows lie in the log.
type description struct {
	Code     string
	Members  []entity.Record
	Review   []int
	Clash    []string
	Golden   [entity.NumFields]entity.GoldenValue
	Findings []entity.Finding
}

func described(t testing.TB, s *entity.Standing) (all []description) {
	each(t, s, func(e *entity.Entity) {
		d := description{e.Code, slices.Clone(e.Members), slices.Clone(e.Review), e.Clash, e.Golden, e.Findings}
		for i := range d.Members {
			d.Members[i].Ref, d.Members[i].Delivery = 0, 0
		}
		for i := range d.Findings {
			f := &d.Findings[i]
			f.Entity = 0
			for k := range f.Candidates {
				f.Candidates[k].Entity = 0
			}
		}
		all = append(all, d)
	})
	return all
}

func each(t testing.TB, s *entity.Standing, fn func(*entity.Entity)) {
	t.Helper()
	if err := s.Each(func(e *entity.Entity) error { fn(e); return nil }); err != nil {
		t.Fatal(err)
	}
}

// divisionRows are those of the function divisions.
func divisionRows() []schemas.Division {
	text := func(s string) *string { return &s }
	return []schemas.Division{
		{Code: "130000", Name: "河北省"}, {Code: "139700", Name: "云溪市", Parent: text("130000")},
		{Code: "139721", Name: "青岚县", Parent: text("139700")}, {Code: "139722", Name: "白鹭县", Parent: text("139700")},
	}
}

// Codes that have to do with each other: two USCCs of one organisation code, one whose organisation code has another check, and others.
var (
	usccs = []string{
		usccOf("91139721", "QD0000197"), usccOf("52139721", "QD0000197"), usccOf("12139722", "QD0000154"), usccOf("91139722", "QD0000155"),
		"91139721QD0000197A",
	}
	orgs = []string{"QD0000197", "QD000019B", "QD0000154", "QD0000155", "QD000015B", "000000000"}
	regs = []string{"139722030000127", regOf("13972103000001"), "139722030000128"}
)

// usccOf adds the check character to what stands before the organisation code and to that.
func usccOf(head, org string) string {
	const alphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY"
	sum, weight := 0, 1
	for _, c := range head + org {
		sum += strings.IndexRune(alphabet, c) * weight
		weight = weight * 3 % 31
	}
	return head + org + string(alphabet[(31-sum%31)%31])
}

// regOf adds the check digit to 14 digits.
func regOf(body string) string {
	p := 10
	for _, c := range body {
		s := (p + int(c-'0')) % 10
		if s == 0 {
			s = 10
		}
		p = s * 2 % 11
	}
	return body + fmt.Sprint((11-p)%10)
}

// mood is how often, of ten, rows have something, and how much of what there is.
type mood struct{ uscc, org, reg, second, rep, address, division, values int }

var moods = []mood{
	{uscc: 3, org: 3, reg: 3, second: 2, rep: 7, address: 7, division: 9, values: 9}, // of everything
	{uscc: 5, org: 4, reg: 2, second: 1, rep: 6, address: 3, division: 9, values: 2}, // USCCs that share an organisation code
	{uscc: 1, org: 1, reg: 1, second: 2, rep: 8, address: 5, division: 9, values: 3}, // nearly only names
	{uscc: 0, org: 0, reg: 0, second: 0, rep: 9, address: 2, division: 10, values: 2},
}

// row draws a row that is likely to have to do with others.
func (w *way) row() *rapid.Generator[entity.Record] {
	m := w.mood
	return rapid.Custom(func(t *rapid.T) entity.Record {
		pick := func(label string, often int, values ...string) string {
			if rapid.IntRange(0, 9).Draw(t, label+"?") >= often {
				return ""
			}
			return rapid.SampledFrom(values[:min(m.values, len(values))]).Draw(t, label)
		}
		r := entity.Record{
			Source:     rapid.SampledFrom(entity.Sources()).Draw(t, "source"),
			Key:        pick("key", 10, "1", "2", "3", "4", "5", "6"),
			Name:       pick("name", 10, "甲（一）局", "甲(一)局", "乙局", "丙 局"),
			SecondName: pick("second name", m.second, "乙局", "甲（一）局", "丙局"),
			USCC:       pick("uscc", m.uscc, usccs...),
			OrgCode:    pick("org", m.org, orgs...),
			RegNo:      pick("reg", m.reg, regs...),
			LegalRep:   pick("representative", m.rep, "张三", "李四", "张 三"),
			Address:    pick("address", m.address, "人民路1号", "北街2号", "青岚县人民路１号", "河北省白鹭县人民路1号", "青岚县"),
			Division:   pick("division", m.division, "139721", "139722"),
			Status:     rapid.SampledFrom([]schemas.RegistrationStatus{schemas.StatusNormal, schemas.StatusClosed}).Draw(t, "status"),
			UpdatedOn:  asOf - schemas.Date(rapid.IntRange(0, 60).Draw(t, "updated")), HasUpdated: true,
		}
		if number := pick("tax", m.org/3, orgs...); number != "" {
			r.TaxNo = "139721" + number
		}
		return r
	})
}
