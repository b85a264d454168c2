package matcher_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"hebian/matcher"
	"hebian/matcher/matchertest"
	"hebian/matcher/rules"
	"hebian/matcher/state"
	"hebian/schemas"
)

// TestStandingIsAJudgement: after every delivery, and on every day, the findings that stand are those
// of a judgement of everything delivered so far, and the change is what tells them from those before.
func TestStandingIsAJudgement(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var log matchertest.Log
		for range rapid.IntRange(1, 3).Draw(rt, "times") {
			addRows(t, rt, &log)
		}
		if log.Len() > 0 {
			for _, n := range rapid.SliceOfNDistinct(rapid.IntRange(0, log.Len()-1), 0, log.Len(), rapid.ID[int]).Draw(rt, "retracted") {
				log.Retract(n)
			}
		}
		h, w := newHouse(rt), matchertest.NewWriter(&log)
		h.judge(rt, asOf)
		for rest := rapid.Permutation(upTo(log.Len())).Draw(rt, "order"); len(rest) > 0; {
			n := min(rapid.SampledFrom([]int{1, 0, 2, 3, 9}).Draw(rt, "entries"), len(rest))
			h.deliver(rt, w.Deliver(rest[:n]...))
			rest = rest[n:]
			if rapid.IntRange(0, 4).Draw(rt, "a new day") == 0 {
				h.judge(rt, asOf+schemas.Date(rapid.SampledFrom([]int{-31, -30, -15, -14, -13, -1, 0, 1, 31}).Draw(rt, "day")))
			}
		}
	})
}

// TestStandingKnowsWhoIsUnborn: pay of somebody who is not born yet makes no month, whenever it comes.
// A slot is flagged in every month that there is.
func TestStandingKnowsWhoIsUnborn(t *testing.T) {
	var log matchertest.Log
	born := withCheck("13972119800101001")
	log.Assert(t, "f", &schemas.Slot{IDNumber: born, Unit: "U1", ValidFrom: 1, SlotType: schemas.SlotFull, FundChannel: schemas.FundSelf, Name: "n", SlotNo: "1"})
	for _, n := range []schemas.IDNumber{withCheck("13972120260916001"), withCheck("13972120260916002"), withCheck("13972120260916003"), withCheck("13972120260916004"), born} {
		log.Assert(t, "f", &schemas.PayLine{IDNumber: n, Unit: "U1", Period: 202608, PaymentMonth: 202608, WageType: schemas.WageBasic, AmountFen: 1, Name: "n"})
	}
	h, w := newHouse(t), matchertest.NewWriter(&log)
	h.judge(t, asOf-15)
	for n := range log.Len() {
		h.deliver(t, w.Deliver(n))
		if months, want := strings.Count(fmt.Sprint(codes(h.Findings())), "FUND_MISMATCH"), n/5; months != want {
			t.Errorf("after entry %d: %d months, want %d", n, months, want)
		}
	}
	h.judge(t, asOf-14)
}

// house is a standing judgement, and all that was delivered to it.
type house struct {
	*matcher.Standing
	state     *state.State
	day       schemas.Date
	delivered []matchertest.Batches
	findings  []matcher.Finding
}

func newHouse(t rapid.TB) *house {
	t.Helper()
	s, err := state.New(matchertest.Partitions)
	if err != nil {
		t.Fatal(err)
	}
	return &house{Standing: matcher.NewStanding(s, rules.Defaults()), state: s}
}

func (h *house) deliver(t rapid.TB, batches matchertest.Batches) {
	h.delivered = append(h.delivered, batches)
	change, err := h.Fold(context.Background(), batches.Each)
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]int64{}
	for _, b := range batches {
		for _, r := range b.Records {
			rows[b.Topic] += 1 - 2*int64(r.Op)
		}
	}
	if diff := cmp.Diff(rows, change.Rows); diff != "" {
		t.Fatalf("rows: -want +got\n%s", diff)
	}
	h.compare(t, change)
}

func (h *house) judge(t rapid.TB, day schemas.Date) {
	h.day = day
	change, err := h.Judge(context.Background(), day)
	if err != nil {
		t.Fatal(err)
	}
	h.compare(t, change)
}

// compare judges all that was delivered from scratch.
func (h *house) compare(t rapid.TB, change matcher.Change) {
	s, err := state.New(matchertest.Partitions)
	if err != nil {
		t.Fatal(err)
	}
	for _, batches := range h.delivered {
		if err := batches.Each(s.Apply); err != nil {
			t.Fatal(err)
		}
	}
	r, err := matcher.Judge(context.Background(), s, h.day, rules.Defaults(), matcher.AllComplete{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(r.Findings, h.Findings(), cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("findings: -judged from scratch +standing\n%s", diff)
	}
	var want matcher.Change
	want.Opened, want.Refreshed, want.Closed = matcher.Difference(h.findings, r.Findings)
	if diff := cmp.Diff(want, change, cmpopts.EquateEmpty(), cmpopts.IgnoreFields(matcher.Change{}, "Rows", "Everybody")); diff != "" {
		t.Fatalf("change: -want +got\n%s", diff)
	}
	h.findings = r.Findings
	for _, f := range r.Findings {
		if found, ok := h.Find(matcher.KeyOf(&f)); !ok || !cmp.Equal(found, f) {
			t.Fatalf("%v is found as %v", f, found)
		}
	}
}
