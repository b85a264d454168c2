package entity_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/google/go-cmp/cmp"

	"hebian/matcher/entity"
	"hebian/schemas"
)

// TestScenarios runs the cases in testdata. A case is one entity: its records above, what is found below. -rewrite writes the lower
// part anew; read it in the diff, against the rule.
//
//	judge [as-of=2026-09-30] [golden] [calendar] [types]
//
// A record is its source, its source key and what it says: name= second= rep= address= yuan= wan= established= status= division=
// industry= type= updated= uscc= org= reg= tax=. Where it does not say, its name is 甲局 and its status 存续. ␣ stands for a space; 9, 9b,
// 1, 5 and so on stand for codes below. Divisions are those of the function divisions. With calendar the first week of October 2026
// is off, and the Saturday after is not; with types an 个体工商户 is believed to live where tax says. Further lines of a case:
// review KEY, a record under review; clash CODE …, the codes of a component that was split.
//
// A finding is written with its kind and detail, the record held against, and its sides; golden writes the golden record too.
func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no scenarios", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			datadriven.RunTest(t, file, func(t *testing.T, d *datadriven.TestData) string {
				if d.Cmd != "judge" {
					d.Fatalf(t, "unknown command %q", d.Cmd)
				}
				return scenario(t, d)
			})
		})
	}
}

// codes are valid, and made up.
var codes = map[string]string{
	"1": "12139725QD00000580", "5": "52139721QD0000154B", "9": "91139722QD0000111B", "9b": "91139726QD0000015U", "N": "N2139721Q00002793G",
	"9warn": "94139721Q000021016", "9bad": "91139722QD0000111C",
	"org9": "QD0000111", "org9b": "QD0000015", "orgB": "QD000011B", "orgbad": "QD0000112",
	"reg": "139722030000127", "regbad": "139722030000128", "tax9": "139722QD0000111", "taxB": "139722QD000011B",
}

// asOf is 2026-09-30, a Wednesday.
const asOf = schemas.Date(20726)

func divisions() *entity.Divisions {
	text := func(s string) *string { return &s }
	return entity.NewDivisions([]schemas.Division{
		{Code: "130000", Name: "河北省"},
		{Code: "139700", Name: "云溪市", Parent: text("130000")},
		{Code: "139721", Name: "青岚县", Parent: text("139700")},
		{Code: "139722", Name: "白鹭（新）县", Parent: text("139700")},
		{Code: "139723", Name: "白鹭乡", Parent: text("139700"), Successor: text("139722")},
	})
}

func scenario(t *testing.T, d *datadriven.TestData) string {
	bench := &entity.Bench{Divisions: divisions(), Day: asOf}
	golden := false
	var err error
	for _, arg := range d.CmdArgs {
		switch arg.Key {
		case "as-of":
			bench.Day = date(t, arg.Vals[0])
		case "golden":
			golden = true
		case "calendar":
			var days strings.Builder
			for day := 1; day <= 7; day++ {
				fmt.Fprintf(&days, "2026-10-%02d,holiday\n", day)
			}
			bench.Calendar, err = entity.ParseCalendar([]byte("date,kind\n" + days.String() + "2026-10-10,workday\n"))
		case "types":
			bench.Authority, err = entity.ParseAuthority([]byte("types: {个体工商户: {address: [tax, registrar, commerce]}}"))
		default:
			d.Fatalf(t, "unknown argument %q", arg.Key)
		}
		if err != nil {
			d.Fatalf(t, "%v", err)
		}
	}
	e := &entity.Entity{ID: 7}
	var reviews []string
	for i, line := range strings.Split(d.Input, "\n") {
		switch words := strings.Fields(line); words[0] {
		case "review":
			reviews = append(reviews, words[1])
		case "clash":
			for _, word := range words[1:] {
				e.Clash = append(e.Clash, codes[word])
			}
		default:
			e.Members = append(e.Members, record(t, int64(i+1), words))
		}
	}
	slices.SortFunc(e.Members, func(a, b entity.Record) int { return a.Compare(&b) })
	for i := range e.Members {
		if slices.Contains(reviews, e.Members[i].Key) {
			e.Review = append(e.Review, i)
		}
	}
	e.Code = entity.CodeOf(e.Members)
	bench.Judge(e)
	return verdict(e, golden)
}

// record reads a line of a scenario.
func record(t *testing.T, line int64, words []string) entity.Record {
	source, ok := entity.SourceOf(words[0])
	if !ok {
		t.Fatalf("line %d: no source %q", line, words[0])
	}
	r := entity.Record{Source: source, Key: strings.ReplaceAll(words[1], "␣", " "), Line: line, Name: "甲局", Status: schemas.StatusExisting}
	for _, word := range words[2:] {
		name, value, ok := strings.Cut(word, "=")
		value = strings.ReplaceAll(value, "␣", " ")
		code, known := codes[value]
		if !known {
			code = value
		}
		to := map[string]*string{
			"name": &r.Name, "second": &r.SecondName, "rep": &r.LegalRep, "address": &r.Address, "established": &r.Established,
			"division": &r.Division, "industry": &r.Industry, "type": &r.EntityType,
		}[name]
		switch {
		case to != nil:
			*to = value
		case name == "uscc":
			r.USCC = code
		case name == "org":
			r.OrgCode = code
		case name == "reg":
			r.RegNo = code
		case name == "tax":
			r.TaxNo = code
		case name == "yuan":
			r.Capital, r.CapitalUnit, r.CapitalFen = value, entity.InYuan, int64(schemas.Yuan(value).Fen())
		case name == "wan":
			r.Capital, r.CapitalUnit, r.CapitalFen = value, entity.InWan, int64(schemas.Wan(value).Fen())
		case name == "status":
			r.Status = status(t, value)
		case name == "updated":
			r.UpdatedOn, r.HasUpdated = date(t, value), true
		default:
			ok = false
		}
		if !ok {
			t.Fatalf("line %d: what is %q?", line, word)
		}
	}
	return r
}

var statuses = []schemas.RegistrationStatus{
	schemas.StatusExisting, schemas.StatusInOperation, schemas.StatusNormal, schemas.StatusOpen, schemas.StatusPreparing,
	schemas.StatusSuspended, schemas.StatusOutOfBusiness, schemas.StatusLiquidating, schemas.StatusRevoked, schemas.StatusWithdrawn,
	schemas.StatusClosed, schemas.StatusAbnormal, schemas.StatusMoved,
}

func status(t *testing.T, word string) schemas.RegistrationStatus {
	for _, s := range statuses {
		if written, _ := entity.StatusWords(s); written == word {
			return s
		}
	}
	t.Fatalf("no status %q", word)
	return ""
}

func date(t testing.TB, s string) schemas.Date {
	d, ok := schemas.ParseDate(s)
	if !ok {
		t.Fatalf("no date %q", s)
	}
	return d
}

// verdict writes what was found about an entity.
func verdict(e *entity.Entity, golden bool) string {
	var b strings.Builder
	for i := range e.Findings {
		f := &e.Findings[i]
		fmt.Fprintf(&b, "%s %s", f.Kind, f.Detail)
		if f.Authority >= 0 {
			fmt.Fprintf(&b, " | %s %q", e.Members[f.Authority].SourceKey(), e.Members[f.Authority].Value(f.Field))
		}
		b.WriteString(" |")
		for _, side := range f.Sides {
			m := &e.Members[side.Member]
			fmt.Fprintf(&b, " %s", m.SourceKey())
			if f.HasField {
				fmt.Fprintf(&b, " %q", m.Value(f.Field))
			}
			if word := side.State + side.BadCode; word != "" {
				b.WriteString(" " + word)
			}
		}
		if len(f.Clash) > 0 {
			fmt.Fprintf(&b, " of %s", strings.Join(f.Clash, " "))
		}
		if f.High {
			b.WriteString(" HIGH")
		}
		b.WriteString("\n")
	}
	if e.DayBound {
		b.WriteString("hangs on the day\n")
	}
	for f := range e.Golden {
		if g := &e.Golden[f]; golden && g.Member >= 0 {
			fmt.Fprintf(&b, "%s %q as %q | %s line %d\n", entity.Field(f), g.Value, g.Normal, e.Members[g.Member].SourceKey(), e.Members[g.Member].Line)
		}
	}
	if b.Len() == 0 {
		return "nothing\n"
	}
	return b.String()
}

// TestJudgeAgain judges an entity again after its findings were read: the judgement of one entity knows nothing of the one before.
func TestJudgeAgain(t *testing.T) {
	e := &entity.Entity{Members: []entity.Record{record(t, 1, strings.Fields("staffing S1 rep=张三")), record(t, 2, strings.Fields("tax T1 rep=李四"))}}
	bench := &entity.Bench{Day: asOf}
	bench.Judge(e)
	before := verdict(e, true)
	kept := e.Findings
	bench.Judge(e)
	if after := verdict(e, true); after != before {
		t.Errorf("judged again:\n%s\nbefore:\n%s", after, before)
	}
	if len(kept) == 0 || &kept[0] == &e.Findings[0] {
		t.Error("findings that somebody keeps are written over")
	}
}

// TestJudgeAllocates: what agrees costs no memory but for the normal forms that are no part of what is written.
func TestJudgeAllocates(t *testing.T) {
	bench := &entity.Bench{Divisions: divisions(), Day: asOf}
	e := &entity.Entity{Members: enterprise()}
	if n := testing.AllocsPerRun(100, func() { bench.Judge(e) }); n > 2 {
		t.Errorf("%v allocations, want at most 2: capital, and an address with brackets", n)
	}
}

// TestReviewNamesCandidates: what linking found stands in the finding, each record with its own.
func TestReviewNamesCandidates(t *testing.T) {
	e := &entity.Entity{
		Members:    []entity.Record{record(t, 1, strings.Fields("staffing S1")), record(t, 2, strings.Fields("tax T1")), record(t, 3, strings.Fields("tax T2"))},
		Review:     []int{1, 2},
		Candidates: [][]entity.Candidate{{{Entity: 3, For: []entity.Reason{entity.ReasonNameEqual}}, {Entity: 4}}},
	}
	(&entity.Bench{Day: asOf}).Judge(e)
	got := map[string][]entity.Candidate{}
	for i := range e.Findings {
		if f := &e.Findings[i]; f.Kind == entity.KindLinkReview {
			got[f.Detail] = f.Candidates
		}
	}
	want := map[string][]entity.Candidate{"tax:T1": e.Candidates[0], "tax:T2": nil}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
