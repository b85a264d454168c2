package queue_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hebian/matcher"
	"hebian/matcher/queue"
)

// Every filter gives, over pages of any size, the cases that pass it, the worst first, then the oldest; and as many are counted.
func TestLists(t *testing.T) {
	clock := morning
	o, ctx := openAt(t, func() time.Time { return clock }), t.Context()
	var findings []matcher.Finding
	for i := range 120 {
		findings = append(findings, finding(i))
		if i%40 == 39 { // opened at three times
			o.rule(t, 1, true, findings[i-39:]...)
			clock = clock.Add(time.Hour)
		}
	}
	o.rule(t, 2, false, findings[10:20]...)
	for i := 30; i < 70; i++ {
		officer := []string{"Wang", "Li"}[i%2]
		if _, err := o.queue.Claim(ctx, idOf(findings[i]), officer); err != nil {
			t.Fatal(err)
		}
		if i < 50 {
			if _, err := o.queue.Decide(ctx, idOf(findings[i]), officer, queue.Decision{Outcome: queue.OutcomeConfirmed, Reason: "x"}); err != nil {
				t.Fatal(err)
			}
		}
	}
	var all []queue.Case
	for _, f := range findings {
		c, _, err := o.queue.Get(ctx, idOf(f))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
	}
	for _, test := range []struct {
		name   string
		filter queue.Filter
		passes func(c *queue.Case) bool
	}{
		{"all", queue.Filter{}, func(*queue.Case) bool { return true }},
		{"one state", queue.Filter{States: []queue.State{queue.Open}}, func(c *queue.Case) bool { return c.State == queue.Open }},
		{"two states", queue.Filter{States: []queue.State{queue.Claimed, queue.Explained}}, func(c *queue.Case) bool {
			return c.State == queue.Claimed || c.State == queue.Explained
		}},
		{"rule", queue.Filter{Code: "DUAL_PAY"}, func(c *queue.Case) bool { return c.Key.Code == "DUAL_PAY" }},
		{"severity", queue.Filter{Severity: "critical"}, func(c *queue.Case) bool { return c.Severity == "critical" }},
		{"no severity", queue.Filter{Severity: "dire"}, func(*queue.Case) bool { return false }},
		{"agency", queue.Filter{Agency: "finance"}, func(c *queue.Case) bool { return c.Agency() == "finance" }},
		{"month", queue.Filter{Month: 202603}, func(c *queue.Case) bool { return c.Key.Month == 202603 }},
		{"mine", queue.Filter{Officer: "Li"}, func(c *queue.Case) bool { return c.Officer == "Li" }},
		{"mine of a rule", queue.Filter{Officer: "Li", Code: "ABSENT_PAID", States: []queue.State{queue.Decided}}, func(c *queue.Case) bool {
			return c.Officer == "Li" && c.Key.Code == "ABSENT_PAID" && c.State == queue.Decided
		}},
		{"unit", queue.Filter{Unit: string(findings[7].Unit)}, func(c *queue.Case) bool { return c.Key.Unit == findings[7].Unit }},
		{"part of a unit", queue.Filter{Unit: "00001"}, func(c *queue.Case) bool { return strings.Contains(string(c.Key.Unit), "00001") }},
		{"no wildcard", queue.Filter{Unit: "%"}, func(*queue.Case) bool { return false }},
	} {
		t.Run(test.name, func(t *testing.T) {
			var want []string
			counted := map[queue.State]int64{}
			for _, c := range inOrder(all) {
				if test.passes(&c) {
					want = append(want, c.ID)
					counted[c.State]++
				}
			}
			for _, size := range []int{7, 500} {
				if diff := cmp.Diff(want, o.list(t, test.filter, size)); diff != "" {
					t.Errorf("in pages of %d the list differs (-want +got):\n%s", size, diff)
				}
			}
			counts, err := o.queue.Counts(ctx, test.filter)
			if err != nil {
				t.Fatal(err)
			}
			got := map[queue.State]int64{}
			for _, n := range counts {
				got[n.State] += n.Cases
				if n.Oldest.Before(morning) || n.Oldest.After(clock) || n.Code == "" {
					t.Errorf("the oldest of %d cases of rule %q is of %s", n.Cases, n.Code, n.Oldest)
				}
			}
			if diff := cmp.Diff(counted, got); diff != "" {
				t.Errorf("counts differ (-want +got):\n%s", diff)
			}
		})
	}
}

// A case of several agencies is found and counted under each, and is one in all.
func TestListsOfEntities(t *testing.T) {
	clock := morning
	o, ctx := register(t, &clock), t.Context()
	var all []queue.Ruling
	for i := range 30 {
		r := conflict(i)
		switch i % 3 {
		case 1:
			r = settledFor(r)
		case 2:
			r = review(i)
			r.Title = "青川县财政局"
		}
		all = append(all, r)
	}
	all = append(all, ruling(finding(0), true, 1))
	must(t, o.queue.Rule(ctx, all, nil))
	for _, test := range []struct {
		name   string
		filter queue.Filter
		want   int
		counts map[string][2]int64 // by agency: cases, and those whose main agency it is
	}{
		{"all", queue.Filter{}, 31, map[string][2]int64{"tax": {30, 30}, "statistics": {10, 0}, "finance": {1, 1}}},
		{"an agency", queue.Filter{Agency: "tax"}, 30, map[string][2]int64{"tax": {30, 30}, "statistics": {10, 0}}},
		{"an agency that is never the main one", queue.Filter{Agency: "statistics"}, 10, map[string][2]int64{"tax": {10, 10}, "statistics": {10, 0}}},
		{"half the name of an agency", queue.Filter{Agency: "stat"}, 0, map[string][2]int64{}},
		{"a part of a name", queue.Filter{Unit: "第1足球"}, 1, map[string][2]int64{"tax": {1, 1}}},
		{"a name as long as a code", queue.Filter{Unit: "青川县财政局"}, 10, map[string][2]int64{"tax": {10, 10}}},
		{"a code", queue.Filter{Unit: "521397210000000003"}, 1, map[string][2]int64{"tax": {1, 1}, "statistics": {1, 0}}},
		{"a part of a code", queue.Filter{Unit: "000003"}, 1, map[string][2]int64{"tax": {1, 1}, "statistics": {1, 0}}},
		{"a code of no form", queue.Filter{Unit: "tax:1397:2"}, 5, map[string][2]int64{"tax": {5, 5}}}, // and of 20, 23, 26, 29
		{"an entity", queue.Filter{Entity: "E00000002"}, 1, map[string][2]int64{"tax": {1, 1}}},
		{"no entity", queue.Filter{Entity: "E00000099"}, 0, map[string][2]int64{}},
	} {
		for _, size := range []int{3, 100} {
			if got := o.list(t, test.filter, size); len(got) != test.want {
				t.Errorf("%s: %d cases in pages of %d, want %d", test.name, len(got), size, test.want)
			}
		}
		counts, err := o.queue.Counts(ctx, test.filter)
		must(t, err)
		got := map[string][2]int64{}
		for _, n := range counts {
			sum := got[n.Agency]
			got[n.Agency] = [2]int64{sum[0] + n.Cases, sum[1] + n.Main}
			if !n.Oldest.Equal(morning) {
				t.Errorf("%s: the oldest of %s is of %s", test.name, n.Agency, n.Oldest)
			}
		}
		if diff := cmp.Diff(test.counts, got); diff != "" {
			t.Errorf("%s: counts differ (-want +got):\n%s", test.name, diff)
		}
	}
}

// inOrder sorts cases as a list does.
func inOrder(cases []queue.Case) []queue.Case {
	return slices.SortedFunc(slices.Values(cases), func(a, b queue.Case) int {
		if a.Severity != b.Severity {
			return queue.SeverityRank(a.Severity) - queue.SeverityRank(b.Severity)
		}
		if c := a.Opened.Compare(b.Opened); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
}

// list reads a list page by page.
func (o *office) list(t *testing.T, f queue.Filter, size int) (ids []string) {
	t.Helper()
	for after := ""; ; {
		page, err := o.queue.List(t.Context(), f, after, size)
		if err != nil {
			t.Fatal(err)
		}
		for i := range page {
			ids = append(ids, page[i].ID)
		}
		if len(page) < size {
			return ids
		}
		after = page[len(page)-1].Cursor()
	}
}

func TestCursors(t *testing.T) {
	o := open(t)
	for _, cursor := range []string{"x", "1", "1.2", "1.2.3", "1.x.0123456789abcdef", "x.2.0123456789abcdef", "1.2.0123456789ABCDEF", "1.2.0123456789abcdef.5"} {
		if _, err := o.queue.List(t.Context(), queue.Filter{}, cursor, 10); !errors.Is(err, queue.ErrCursor) {
			t.Errorf("a list after %q: %v, want ErrCursor", cursor, err)
		}
	}
}

// Unsettled gives every case whose finding stands, over several pages.
func TestUnsettled(t *testing.T) {
	o := open(t)
	var findings []matcher.Finding
	for i := range 2500 {
		findings = append(findings, finding(i))
	}
	o.rule(t, 1, true, findings...)
	o.rule(t, 2, false, findings[2300:]...)
	var want, got []string
	for _, f := range findings[:2300] {
		want = append(want, idOf(f))
	}
	slices.Sort(want)
	if err := o.queue.Unsettled(t.Context(), func(c queue.Case) error {
		got = append(got, c.ID)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("cases differ (-want +got):\n%.1000s", diff)
	}
}
