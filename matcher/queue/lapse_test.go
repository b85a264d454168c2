package queue_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"hebian/matcher/queue"
	"hebian/schemas"
)

const days = 24 * time.Hour

// send has agencies get what waits for them, all or some.
func (o *office) send(t testing.TB, agencies ...string) {
	t.Helper()
	for _, c := range o.pending(t) {
		if len(agencies) == 0 || slices.Contains(agencies, c.Agency) {
			must(t, o.queue.Sent(context.Background(), []string{c.ID}))
		}
	}
}

func (o *office) lapse(t interface{ Fatal(...any) }, want int) {
	n, err := o.queue.Lapse(context.Background())
	must(t, err)
	if n != want {
		t.Fatal(fmt.Sprintf("time took on %d cases, want %d", n, want))
	}
}

// A case is sent when all its agencies have what they are asked. When their day has passed it is escalated, once, and they are reminded.
func TestEscalation(t *testing.T) {
	clock := morning
	o, ctx, r := register(t, &clock), t.Context(), conflict(1)
	id := o.take(t, r, queue.Decision{Outcome: queue.OutcomeAuthority})
	o.send(t, "tax")
	clock = clock.Add(2 * days)
	o.send(t)
	c, _, err := o.queue.Get(ctx, id)
	if err != nil || c.State != queue.Sent || c.Due != day+9 || c.To != "tax statistics" {
		t.Errorf("sent, the case is %+v, %v", c, err)
	}
	clock = morning.Add(9 * days) // the last day
	o.lapse(t, 0)
	clock = clock.Add(1 * days)
	o.lapse(t, 1)
	o.lapse(t, 0)
	reminders := ""
	for _, c := range o.pending(t) {
		reminders += fmt.Sprintf("%s %s %s %t\n", c.Agency, c.Value, c.Due, c.Reminder)
	}
	const want = `statistics 旧址 2026-10-09 true
tax 文峰路7号 2026-10-09 true
tax 文峰巷 2026-10-09 true
`
	if diff := cmp.Diff(want, reminders); diff != "" {
		t.Errorf("reminders differ (-want +got):\n%s", diff)
	}
	if n, oldest, err := o.queue.Outstanding(ctx); err != nil || n != 3 || !oldest.Equal(clock) {
		t.Errorf("%d corrections wait since %s, %v; want 3 since %s", n, oldest, err, clock)
	}
	o.send(t, "tax")
	must(t, o.queue.Rule(ctx, []queue.Ruling{settledFor(r)}, nil)) // statistics has answered
	clock = clock.Add(30 * days)
	o.lapse(t, 0)
	o.send(t)
	must(t, o.queue.Rule(ctx, []queue.Ruling{gone(r)}, nil))
	o.lapse(t, 0)
	const story = `opened -> open, delivery 7
claimed -> claimed, Wang
decided -> decided, Wang, authority, looked at the files, tax statistics
sent -> decided, tax
sent -> decided, tax
sent -> sent, statistics
escalated -> sent, Wang, tax statistics
reminded -> sent, tax
reminded -> sent, tax
refreshed -> sent, delivery 7
reminded -> sent, statistics
settled -> settled, Wang, authority, delivery 9
`
	if diff := cmp.Diff(story, o.story(t, id)); diff != "" {
		t.Errorf("history differs (-want +got):\n%s", diff)
	}
	if c, _, err := o.queue.Get(ctx, id); err != nil || c.Escalated || c.Due != 0 {
		t.Errorf("settled, the case is %+v, %v", c, err)
	}
}

// Cases of persons have a day as well, where one is set.
func TestEscalationOfPersons(t *testing.T) {
	clock := morning
	o := openWith(t, func() time.Time { return clock }, inAWeek, "finance")
	id := o.decide(t, 0)
	o.send(t)
	clock = clock.Add(8 * days)
	o.lapse(t, 1)
	pending := o.pending(t)
	if len(pending) != 1 || !pending[0].Reminder || pending[0].Agency != "finance" || pending[0].Case != id || pending[0].Outcome != "confirmed" {
		t.Errorf("reminders are %+v", pending)
	}
}

// Escalated cases come first among those as severe, in every page, and only them.
func TestEscalatedFirst(t *testing.T) {
	clock := morning
	o, ctx := register(t, &clock), t.Context()
	severe := conflict(9)
	severe.Severity = "high"
	ids := []string{o.take(t, severe, queue.Decision{Outcome: queue.OutcomeAuthority})}
	for i := range 4 {
		clock = clock.Add(time.Minute)
		ids = append(ids, o.take(t, conflict(i), queue.Decision{Outcome: queue.OutcomeAuthority}))
	}
	o.send(t)
	clock = clock.Add(8 * days)
	for _, id := range []string{ids[3], ids[4]} {
		_, err := o.db.Exec(`UPDATE cases SET due = due - 1 WHERE printf('%016x', id) = ?`, shifted(id))
		must(t, err)
	}
	clock = clock.Add(-1 * days)
	o.lapse(t, 2)
	want := []string{ids[0], ids[3], ids[4], ids[1], ids[2]}
	for _, size := range []int{1, 2, 100} {
		for _, f := range []queue.Filter{{}, {Agency: "statistics"}, {Unit: "足球协会"}} {
			if diff := cmp.Diff(want, o.list(t, f, size)); diff != "" {
				t.Errorf("by %+v in pages of %d the list differs (-want +got):\n%s", f, size, diff)
			}
		}
		if diff := cmp.Diff(want[1:], o.list(t, queue.Filter{Severity: "medium"}, size)); diff != "" {
			t.Errorf("of medium severity in pages of %d the list differs (-want +got):\n%s", size, diff)
		}
		if diff := cmp.Diff(want[:1], o.list(t, queue.Filter{Severity: "high"}, size)); diff != "" {
			t.Errorf("of high severity in pages of %d the list differs (-want +got):\n%s", size, diff)
		}
	}
	c, _, err := o.queue.Get(ctx, ids[3])
	if err != nil || !c.Escalated || c.Severity != "medium" {
		t.Errorf("escalated, the case is %+v, %v", c, err)
	}
}

// shifted is an ID as SQLite prints its number.
func shifted(id string) string {
	first := "89abcdef01234567"[strings.IndexByte("0123456789abcdef", id[0])]
	return string(first) + id[1:]
}

// An accepted difference is left alone up to its day, whatever lags; then the case opens, once. Where somebody says otherwise it opens at once.
func TestAccepted(t *testing.T) {
	accept := queue.Decision{Outcome: queue.OutcomeAccepted, Until: day + 10}
	const before = `opened -> open, delivery 7
claimed -> claimed, Wang
decided -> explained, Wang, accepted, looked at the files
`
	moved := conflict(1)
	moved.Grounds.Sides[1].Value = "文峰路8号"
	for _, test := range []struct {
		name    string
		rulings []queue.Ruling // before the day has passed
		lapsed  int            // when it has
		want    string
	}{
		{"it stands", []queue.Ruling{conflict(1)}, 1, "expired -> open\n"},
		{"one side lags", []queue.Ruling{lagging(conflict(1))}, 1, "refreshed -> explained, delivery 7\nexpired -> open\n"},
		{"one side answers", []queue.Ruling{settledFor(conflict(1))}, 0, "reopened -> open, delivery 7\n"},
		{"one side says otherwise", []queue.Ruling{moved}, 0, "reopened -> open, delivery 7\n"},
		{"it went", []queue.Ruling{gone(conflict(1))}, 0, "gone -> explained, Wang, accepted, delivery 9\n"},
		{"it went and came", []queue.Ruling{gone(conflict(1)), conflict(1)}, 0, "gone -> explained, Wang, accepted, delivery 9\nreopened -> open, delivery 7\n"},
	} {
		clock := morning
		o, ctx := register(t, &clock), t.Context()
		id := o.take(t, conflict(1), accept)
		for range 2 {
			must(t, o.queue.Rule(ctx, test.rulings[:1], nil))
		}
		must(t, o.queue.Rule(ctx, test.rulings[1:], nil))
		clock = morning.Add(10 * days)
		o.lapse(t, 0)
		clock = clock.Add(1 * days)
		o.lapse(t, test.lapsed)
		o.lapse(t, 0)
		if diff := cmp.Diff(before+test.want, o.story(t, id)); diff != "" {
			t.Errorf("%s: the history differs (-want +got):\n%s", test.name, diff)
		}
		c, _, err := o.queue.Get(ctx, id)
		if err != nil || c.Until != 0 || c.State == queue.Open && (c.Outcome != "" || c.Officer != "" || c.Relapses != 1) {
			t.Errorf("%s: the case is %+v, %v", test.name, c, err)
		}
	}
}

// One kind of case that can't be taken on keeps no other waiting.
func TestLapseGoesOn(t *testing.T) {
	clock := morning
	o, ctx := register(t, &clock), t.Context()
	o.take(t, conflict(1), queue.Decision{Outcome: queue.OutcomeAuthority})
	o.send(t)
	accepted := o.take(t, conflict(2), queue.Decision{Outcome: queue.OutcomeAccepted, Until: day + 1})
	_, err := o.db.Exec(`UPDATE outbox SET content = 'damaged'`)
	must(t, err)
	clock = clock.Add(8 * days)
	if n, err := o.queue.Lapse(ctx); n != 1 || err == nil {
		t.Errorf("%d cases and %v, want 1 and an error", n, err)
	}
	if c, _, err := o.queue.Get(ctx, accepted); err != nil || c.State != queue.Open {
		t.Errorf("the accepted one is %s, %v", c.State, err)
	}
}

// The laws of an office over months, with agencies that get their corrections late and answer or don't: what was asked reaches its agency, once; a case
// is sent when all is sent; after every look at the calendar no case is overdue without being escalated, and none accepted
// beyond its day; each is escalated and opened again once at most; and what is done again changes nothing.
func TestOfficeOverMonths(t *testing.T) {
	clock := morning
	o := register(t, &clock)
	rapid.Check(t, func(t *rapid.T) {
		o.clear(t)
		clock = morning
		reached := map[string]bool{}
		for range rapid.IntRange(1, 25).Draw(t, "steps") {
			switch rapid.IntRange(0, 4).Draw(t, "step") {
			case 0:
				o.told(t)
			case 1, 2:
				o.decided(t, &clock)
			case 3:
				o.delivered(t, reached, false)
			case 4:
				clock = clock.Add(time.Duration(rapid.IntRange(1, 12).Draw(t, "days")) * days)
				o.looked(t, schemas.DateOf(clock))
			}
		}
		o.delivered(t, reached, true)
		o.looked(t, schemas.DateOf(clock))
		o.delivered(t, reached, true)
		o.balance(t, reached)
	})
}

// told rules on a conflict: as it is, at fewer sides, or gone; a second time in vain.
func (o *office) told(t *rapid.T) {
	r := conflict(rapid.IntRange(0, 2).Draw(t, "which"))
	r = rapid.SampledFrom([]queue.Ruling{r, settledFor(r), lagging(r), gone(r)}).Draw(t, "as")
	must(t, o.queue.Rule(context.Background(), []queue.Ruling{r}, nil))
	before := o.everything(t)
	must(t, o.queue.Rule(context.Background(), []queue.Ruling{r}, nil))
	if diff := cmp.Diff(before, o.everything(t)); diff != "" {
		t.Fatalf("told again the queue differs (-before +after):\n%s", diff)
	}
}

func (o *office) decided(t *rapid.T, clock *time.Time) {
	ctx, id := context.Background(), queue.CaseID(conflict(rapid.IntRange(0, 2).Draw(t, "which")).Key)
	if _, err := o.queue.Claim(ctx, id, "Wang"); err != nil {
		return // there is no case, or nothing left to decide
	}
	_, err := o.queue.Decide(ctx, id, "Wang", queue.Decision{
		Outcome: rapid.SampledFrom(queue.OutcomesOf(queue.CodeConflict)).Draw(t, "outcome"), Reason: "x", Right: "tax",
		Until: schemas.DateOf(*clock) + schemas.Date(rapid.IntRange(1, 20).Draw(t, "for")),
	})
	must(t, err)
}

// delivered has agencies get all that waits, or some; told twice that they have it makes no difference.
func (o *office) delivered(t *rapid.T, reached map[string]bool, all bool) {
	ctx := context.Background()
	agencies, err := o.queue.Waiting(ctx)
	must(t, err)
	for _, agency := range agencies {
		waiting, err := o.queue.Pending(ctx, agency, 100)
		must(t, err)
		for _, w := range waiting {
			if !all && rapid.Bool().Draw(t, "later") {
				break
			}
			if reached[w.Correction.ID] || w.Correction.Agency != agency {
				t.Fatalf("%s gets correction %s to %s, had it before: %t", agency, w.Correction.ID, w.Correction.Agency, reached[w.Correction.ID])
			}
			reached[w.Correction.ID] = true
			must(t, o.queue.Sent(ctx, []string{w.Correction.ID, w.Correction.ID}))
		}
	}
}

// looked looks at the calendar, and again in vain.
func (o *office) looked(t *rapid.T, today schemas.Date) {
	_, err := o.queue.Lapse(context.Background())
	must(t, err)
	before := o.everything(t)
	o.lapse(t, 0)
	if diff := cmp.Diff(before, o.everything(t)); diff != "" {
		t.Fatalf("looked again the queue differs (-before +after):\n%s", diff)
	}
	for _, c := range before.Cases {
		overdue := c.State == queue.Sent && c.Due < today
		if overdue != c.Escalated || c.Until != 0 && (c.Until < today || c.State != queue.Explained || !c.Present) || (c.State == queue.Sent) != (c.Due != 0) {
			t.Fatalf("on %s the case is %+v", today, c)
		}
	}
}

// balance holds the histories against what reached agencies.
func (o *office) balance(t *rapid.T, reached map[string]bool) {
	everything := o.everything(t)
	sent := 0
	for i, c := range everything.Cases {
		asked := map[string]bool{} // and not sent yet
		var armed, accepted bool
		var last int // corrections of the last decision
		reminders := 0
		for _, e := range everything.Events[i] {
			switch e.Kind {
			case queue.EventDecided:
				last = 0
				for _, id := range strings.Fields(e.Correction) {
					asked[id] = true
					last++
				}
				accepted = e.Outcome == queue.OutcomeAccepted
			case queue.EventSent:
				if !asked[e.Correction] {
					t.Fatalf("case %s: %s was sent and not asked, or twice", c.ID, e.Correction)
				}
				delete(asked, e.Correction)
				armed = e.State == queue.Sent
				sent++
			case queue.EventEscalated:
				if !armed {
					t.Fatalf("case %s is escalated twice, or was not sent", c.ID)
				}
				armed = false
				reminders += last
			case queue.EventReminded:
				reminders--
				sent++
			case queue.EventExpired:
				if !accepted {
					t.Fatalf("case %s opens after a day that nobody set", c.ID)
				}
				accepted = false
			case queue.EventReopened, queue.EventSettled, queue.EventGone:
				armed, accepted = false, false
			}
		}
		if len(asked) > 0 || reminders != 0 || c.State == queue.Decided {
			t.Fatalf("case %s is %s, %d corrections and %d reminders reached nobody", c.ID, c.State, len(asked), reminders)
		}
	}
	if sent != len(reached) {
		t.Fatalf("%d corrections reached agencies, histories tell of %d", len(reached), sent)
	}
}
