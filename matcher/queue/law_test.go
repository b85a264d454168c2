package queue_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"hebian/matcher/queue"
	"hebian/matcher/state"
)

// Rule is told how things are. Whatever happened before: a call made again changes nothing, and one that is split and told in another order
// ends in the same cases with the same histories.
func TestRuleIsLevelTriggered(t *testing.T) {
	atOnce, inParts := open(t), open(t)
	rapid.Check(t, func(t *rapid.T) {
		atOnce.clear(t)
		inParts.clear(t)
		for range rapid.IntRange(1, 4).Draw(t, "rounds") {
			rulings := drawRulings(t)
			judged := []queue.Judged{{Delivery: rapid.Int64Range(1, 3).Draw(t, "delivery"), Subject: "finance.pay_line", Rows: rapid.Int64Range(-2, 2).Draw(t, "rows")}}
			must(t, atOnce.queue.Rule(context.Background(), rulings, judged))
			rest := rapid.Permutation(rulings).Draw(t, "in another order")
			for len(rest) > 0 {
				n := rapid.IntRange(1, len(rest)).Draw(t, "part")
				for range rapid.IntRange(1, 2).Draw(t, "times") {
					must(t, inParts.queue.Rule(context.Background(), rest[:n], judged))
				}
				rest = rest[n:]
			}
			must(t, inParts.queue.Rule(context.Background(), rulings, judged))
			if diff := cmp.Diff(atOnce.everything(t), inParts.everything(t)); diff != "" {
				t.Fatalf("told at once (-) and in parts (+) the cases differ:\n%s", diff)
			}
			atOnce.work(t, inParts)
		}
	})
}

const lawFindings = 4

// drawRulings rules on some findings, on each once.
func drawRulings(t *rapid.T) (rulings []queue.Ruling) {
	for i := range lawFindings {
		if !rapid.Bool().Draw(t, "is told of") {
			continue
		}
		f := finding(i)
		if rapid.Bool().Draw(t, "on other rows") {
			f.Evidence = []state.Ref{state.Ref(i)}
		}
		r := ruling(f, rapid.Bool().Draw(t, "present"), 7)
		r.Provisional = rapid.IntRange(0, 3).Draw(t, "provisional") == 0
		rulings = append(rulings, r)
	}
	return rulings
}

// work has an officer do the same in both offices, as far as it can be done.
func (o *office) work(t *rapid.T, other *office) {
	ctx := context.Background()
	for i := range lawFindings {
		id := idOf(finding(i))
		what := rapid.SampledFrom([]string{"nothing", "claim", "explain", "confirm", "send"}).Draw(t, "officer")
		for _, o := range []*office{o, other} {
			if what == "nothing" {
				continue
			}
			if _, err := o.queue.Claim(ctx, id, "Wang"); err != nil || what == "claim" {
				continue // there is no case, or nothing left to decide
			}
			outcome := queue.OutcomeConfirmed
			if what == "explain" {
				outcome = queue.OutcomeExplained
			}
			_, err := o.queue.Decide(ctx, id, "Wang", queue.Decision{Outcome: outcome, Reason: what})
			must(t, err)
			if what != "send" {
				continue
			}
			pending, err := o.queue.Pending(ctx, "finance", 100)
			must(t, err)
			for _, p := range pending {
				must(t, o.queue.Sent(ctx, []string{p.Correction.ID}))
			}
		}
	}
}

// book is all that a queue knows.
type book struct {
	Cases  []queue.Case
	Events [][]queue.Event // of the case in the same place
	Judged map[int64]bool
}

// everything reads all that the queue knows.
func (o *office) everything(t interface{ Fatal(...any) }) (b book) {
	ctx := context.Background()
	cases, err := o.queue.List(ctx, queue.Filter{}, "", queue.MaxPage)
	must(t, err)
	for i := range cases {
		c, events, err := o.queue.Get(ctx, cases[i].ID)
		must(t, err)
		if queue.CaseID(c.Key) != c.ID || c.Events != len(events) {
			t.Fatal("a case under another's ID, or with lines missing")
		}
		b.Cases, b.Events = append(b.Cases, c), append(b.Events, events)
	}
	b.Judged, err = o.queue.JudgedDeliveries(ctx)
	must(t, err)
	return b
}

func (o *office) clear(t interface{ Fatal(...any) }) {
	_, err := o.db.Exec(`DELETE FROM cases; DELETE FROM events; DELETE FROM outbox; DELETE FROM judged; DELETE FROM links`)
	must(t, err)
}

func must(t interface{ Fatal(...any) }, err error) {
	if err != nil {
		t.Fatal(err)
	}
}

// The rulings on one key keep their order within a call: the last one holds.
func TestOneKeyTwiceInACall(t *testing.T) {
	o := open(t)
	f := finding(0)
	var rulings []queue.Ruling
	for i, present := range []bool{true, false, true} {
		rulings = append(rulings, ruling(f, present, int64(i+1)))
	}
	must(t, o.queue.Rule(t.Context(), rulings, nil))
	const story = `opened -> open, delivery 1
explained -> explained, explained, delivery 2
reopened -> open, delivery 3
`
	if diff := cmp.Diff(story, o.story(t, idOf(f))); diff != "" {
		t.Errorf("history differs (-want +got):\n%s", diff)
	}
}
