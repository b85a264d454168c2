package matcher_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"hebian/hub"
	"hebian/matcher"
	"hebian/matcher/matchertest"
	"hebian/matcher/rules"
	"hebian/matcher/state"
	"hebian/schemas"
)

func TestDifference(t *testing.T) {
	at := func(day schemas.Date, code string, rows int) matcher.Finding {
		return matcher.Finding{Code: code, AsOf: day, Rows: rows}
	}
	before := []matcher.Finding{at(1, "A", 1), at(1, "B", 1), at(1, "C", 1), at(1, "E", 1)}
	after := []matcher.Finding{at(2, "B", 1), at(2, "C", 2), at(2, "D", 1), at(2, "F", 1)}
	opened, refreshed, closed := matcher.Difference(before, after)
	got := fmt.Sprint(codes(opened), codes(refreshed), codes(closed))
	if want := "[D F] [C] [A E]"; got != want {
		t.Errorf("opened, refreshed, closed: %s, want %s", got, want)
	}
}

// TestDifferenceLeadsFromOneToTheOther: what was there, without the closed ones and with the opened
// ones, is what is there now.
func TestDifferenceLeadsFromOneToTheOther(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(label string) []matcher.Finding {
			var all []matcher.Finding
			for code := range 8 {
				if rapid.Bool().Draw(t, label) {
					all = append(all, matcher.Finding{Code: string(rune('A' + code)), Rows: rapid.IntRange(1, 2).Draw(t, label+" rows")})
				}
			}
			return all
		}
		before, after := draw("before"), draw("after")
		opened, refreshed, closed := matcher.Difference(before, after)
		now := map[string]int{}
		for _, f := range before {
			now[f.Code] = f.Rows
		}
		for _, f := range closed {
			delete(now, f.Code)
		}
		for _, f := range append(opened, refreshed...) {
			now[f.Code] = f.Rows
		}
		want := map[string]int{}
		for _, f := range after {
			want[f.Code] = f.Rows
		}
		if diff := cmp.Diff(want, now); diff != "" {
			t.Fatalf("-want +got\n%s", diff)
		}
	})
}

func codes(findings []matcher.Finding) []string {
	var all []string
	for _, f := range findings {
		all = append(all, f.Code)
	}
	return all
}

func TestAgencyMarks(t *testing.T) {
	marks := matcher.AgencyMarks{"finance.pay_line": {"county": 202609, "town": 202608}, "civil.death": {"county": 202609}}
	for _, c := range []struct {
		subject string
		month   schemas.Month
		want    bool
	}{
		{"finance.pay_line", 202608, true},
		{"finance.pay_line", 202609, false},
		{"civil.death", 202609, true},
		{"staffing.slot", 202601, false},
	} {
		if got := marks.Complete(c.subject, c.month); got != c.want {
			t.Errorf("%s of %s: complete is %v", c.subject, c.month, got)
		}
	}
}

// TestProvisional asks for findings that may well not be there: a case must not be closed too early.
func TestProvisional(t *testing.T) {
	day := func(s string) schemas.Date { d, _ := schemas.ParseDate(s); return d }
	september := matcher.AgencyMarks{}
	for _, topic := range state.Topics() {
		september[topic] = map[string]schemas.Month{"x": 202609}
	}
	for name, c := range map[string]struct {
		code  string
		month schemas.Month
		day   schemas.Date
		marks matcher.Marks
		want  bool
	}{
		"a month that is complete":                   {"PAID_NO_SLOT", 202609, day("2026-10-15"), september, false},
		"a month that is not":                        {"PAID_NO_SLOT", 202610, day("2026-11-15"), september, true},
		"a day before the month ends":                {"OVER_QUOTA", 0, day("2026-10-30"), september, false},
		"the day on which it ends":                   {"OVER_QUOTA", 0, day("2026-10-31"), september, true},
		"a new year":                                 {"OVER_QUOTA", 0, day("2027-01-01"), september, true},
		"a rule that reads this month's rows":        {"CONTRACT_OVER", 0, day("2026-10-15"), september, true},
		"the same on the last day of a complete one": {"CONTRACT_OVER", 0, day("2026-09-30"), september, false},
		"a rule that speaks at the end of months":    {"SLOT_NO_PAY", 0, day("2026-09-30"), september, false},
		"the same on another day, whatever there is": {"SLOT_NO_PAY", 0, day("2026-09-29"), matcher.AllComplete{}, true},
		"a bad number":                               {"BAD_IDENTITY", 0, day("2026-10-15"), matcher.AgencyMarks{}, false},
		"a rule that is no more":                     {"NO_RULE", 202609, day("2026-10-15"), matcher.AgencyMarks{}, false},
	} {
		if got := matcher.Provisional(c.code, c.month, c.day, c.marks); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestEvidenceIsBounded: a thousand slots of a unit without a quota.
func TestEvidenceIsBounded(t *testing.T) {
	var log matchertest.Log
	for i := range 1000 {
		log.Assert(t, "f", &schemas.Slot{IDNumber: madeUpNumber(i), Unit: "U1", SlotType: schemas.SlotFull, FundChannel: schemas.FundFull, Name: "n", SlotNo: "1"})
	}
	for _, f := range judge(t, &log, nil) {
		if f.Code == "OVER_QUOTA" && (len(f.Entries) != rules.MaxEvidence || f.Rows != 1000) {
			t.Errorf("%d of %d rows", len(f.Entries), f.Rows)
		}
	}
}

// TestTangleWarns: the officer is told of units whose successions nobody can follow.
func TestTangleWarns(t *testing.T) {
	var log matchertest.Log
	for i := range 20 {
		for k := range 20 {
			to := schemas.UnitCode(fmt.Sprint("U", k))
			log.Assert(t, "f", &schemas.Succession{Unit: schemas.UnitCode(fmt.Sprint("U", i)), To: &to, Kind: schemas.Split, Effective: 1})
		}
	}
	s, _ := log.Fold(t, nil)
	r, err := matcher.Judge(context.Background(), s, asOf, rules.Defaults(), matcher.AllComplete{})
	if err != nil || len(r.Warnings) != 20 || !strings.Contains(r.Warnings[0], "U0") {
		t.Errorf("%v, warnings %q", err, r.Warnings)
	}
}

func TestJudgeRefuses(t *testing.T) {
	s, err := state.New(1)
	if err != nil {
		t.Fatal(err)
	}
	p := rules.Defaults()
	p.NoPayMonths = 0
	if _, err := matcher.Judge(context.Background(), s, asOf, p, matcher.AllComplete{}); err == nil || !strings.Contains(err.Error(), "no_pay_months is 0") {
		t.Errorf("no_pay_months of 0: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := matcher.Judge(ctx, s, asOf, rules.Defaults(), matcher.AllComplete{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// TestJudgeWhileFolding: batches of all partitions come in while judgements go on.
func TestJudgeWhileFolding(t *testing.T) {
	batches, _ := plainCounty(t, 400)
	s, err := state.New(benchPartitions)
	if err != nil {
		t.Fatal(err)
	}
	parts := make([][]*hub.Batch, benchPartitions)
	for _, b := range batches {
		parts[b.Partition] = append(parts[b.Partition], b)
	}
	var wait sync.WaitGroup
	for _, part := range parts {
		wait.Go(func() {
			for _, b := range part {
				if err := s.Apply("file", b); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 3 {
		if _, err := matcher.Judge(context.Background(), s, asOf, rules.Defaults(), matcher.AllComplete{}); err != nil {
			t.Error(err)
		}
	}
	wait.Wait()
	r, err := matcher.Judge(context.Background(), s, asOf, rules.Defaults(), matcher.AllComplete{})
	if err != nil {
		t.Fatal(err)
	}
	want := 2 * 3 // two persons without a slot, three months
	if n := strings.Count(fmt.Sprint(codes(r.Findings)), "PAID_NO_SLOT"); n != want {
		t.Errorf("%d findings of PAID_NO_SLOT, want %d", n, want)
	}
}
