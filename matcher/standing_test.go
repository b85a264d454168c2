package matcher_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"hebian/hub"
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

// TestStandingOfMany: deliveries about few persons and about many, one after the other.
func TestStandingOfMany(t *testing.T) {
	batches, _ := plainCounty(t, 3000)
	s, err := state.New(benchPartitions)
	if err != nil {
		t.Fatal(err)
	}
	st := matcher.NewStanding(s, rules.Defaults())
	if change, err := st.Fold(context.Background(), eachOf(batches)); err != nil || len(change.Opened) > 0 || change.Rows["staffing.permit"] != 3000 {
		t.Fatalf("before the first judgement: %v, %d rows", err, change.Rows["staffing.permit"])
	}
	if change, err := st.Judge(context.Background(), asOf); err != nil || !change.Everybody || len(change.Opened) == 0 {
		t.Fatal(err)
	}
	for _, c := range []struct {
		persons   int
		everybody bool
	}{{1, false}, {1000, false}, {1100, true}, {1, false}} {
		var d delivery
		for person := range c.persons {
			d = append(d, newDelivery(t, person, &schemas.Insurance{IDNumber: madeUpNumber(person), Unit: "U9", Period: 202609})...)
		}
		for _, asserted := range []bool{true, false} {
			d.turn()
			change, err := st.Fold(context.Background(), d.each)
			if err != nil {
				t.Fatal(err)
			}
			if change.Everybody != c.everybody {
				t.Errorf("%d persons: everybody is judged: %v", c.persons, change.Everybody)
			}
			if asserted && len(change.Opened)+len(change.Refreshed)+len(change.Closed) > 0 {
				t.Errorf("insured at another unit besides: %d findings opened", len(change.Opened))
			}
			if diff := cmp.Diff(judged(t, s), st.Findings()); diff != "" {
				t.Fatalf("%d persons: -judged +standing\n%s", c.persons, diff)
			}
		}
	}
}

func eachOf(batches []*hub.Batch) func(fn func(file string, b *hub.Batch) error) error {
	return func(fn func(file string, b *hub.Batch) error) error {
		for _, b := range batches {
			if err := fn("file", b); err != nil {
				return err
			}
		}
		return nil
	}
}

// TestChangeIsTheCallers: who marks the findings of a change does not mark those that stand.
func TestChangeIsTheCallers(t *testing.T) {
	var log matchertest.Log
	log.Assert(t, "f", &schemas.Insurance{IDNumber: "12345", Unit: "U", Period: 202609})
	h, w := newHouse(t), matchertest.NewWriter(&log)
	h.judge(t, asOf)
	change, err := h.Fold(context.Background(), w.Deliver(0).Each)
	if err != nil || len(change.Opened) != 1 {
		t.Fatal(err, change)
	}
	change.Opened[0].Provisional = true
	if h.Findings()[0].Provisional {
		t.Error("a finding that stands is marked")
	}
	h.Findings()[0].Provisional = true
	if found, _ := h.Find(matcher.KeyOf(&change.Opened[0])); found.Provisional {
		t.Error("a finding that stands is marked")
	}
}

// TestFoldThatFails: before anything is folded, nothing is lost; later, the state refuses to go on.
func TestFoldThatFails(t *testing.T) {
	var log matchertest.Log
	for range 2 {
		log.Assert(t, "f", &schemas.Insurance{IDNumber: "12345", Unit: "U", Period: 202609})
	}
	disk := errors.New("the disk is broken")
	h, w := newHouse(t), matchertest.NewWriter(&log)
	h.judge(t, asOf)
	first := w.Deliver(0)

	if _, err := h.Fold(context.Background(), func(func(string, *hub.Batch) error) error { return disk }); !errors.Is(err, disk) {
		t.Errorf("the disk breaks at once: %v", err)
	}
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := h.Fold(cancelled, first.Each); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	h.deliver(t, first)

	times := 0
	_, err := h.Fold(context.Background(), func(fn func(string, *hub.Batch) error) error {
		if times++; times == 2 {
			return disk
		}
		return w.Deliver(1).Each(fn)
	})
	if !errors.Is(err, disk) {
		t.Errorf("the disk breaks later: %v", err)
	}
	if _, err := h.Fold(context.Background(), first.Each); !errors.Is(err, state.ErrSpoilt) {
		t.Errorf("fold: %v", err)
	}
	if _, err := h.Judge(context.Background(), asOf); !errors.Is(err, state.ErrSpoilt) {
		t.Errorf("judge: %v", err)
	}
	if err := h.state.Save(io.Discard); !errors.Is(err, state.ErrSpoilt) {
		t.Errorf("save: %v", err)
	}
}

// TestNobodySeesHalfADelivery: who judges the state while deliveries come sees each whole or not at all.
func TestNobodySeesHalfADelivery(t *testing.T) {
	var log matchertest.Log
	for n := range 40 {
		bad := schemas.IDNumber(fmt.Sprint("bad", n))
		log.Assert(t, "one", &schemas.Insurance{IDNumber: bad, Unit: "U", Period: 202609})
		log.Assert(t, "two", &schemas.Death{IDNumber: bad, DiedOn: 1})
	}
	h, w := newHouse(t), matchertest.NewWriter(&log)
	h.judge(t, asOf)
	var wait sync.WaitGroup
	done := make(chan struct{})
	wait.Go(func() {
		for {
			if n := len(judged(t, h.state)); n%2 != 0 {
				t.Errorf("%d findings", n)
			}
			select {
			case <-done:
				return
			default:
			}
		}
	})
	for n := 0; n < log.Len(); n += 2 {
		if _, err := h.Fold(context.Background(), w.Deliver(n, n+1).Each); err != nil {
			t.Error(err)
		}
		if n := len(h.Findings()); n%2 != 0 {
			t.Errorf("%d findings stand", n)
		}
	}
	close(done)
	wait.Wait()
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
