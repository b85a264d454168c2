package queue_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	hubdb "hebian/hub/sqldb"
	"hebian/hub/sqllog"
	"hebian/matcher"
	"hebian/matcher/queue"
	"hebian/matcher/queue/sqldb"
	"hebian/matcher/state"
	"hebian/schemas"
)

// office is a queue in a database of its own.
type office struct {
	db    *hubdb.DB
	log   *sqllog.Log
	queue *queue.Queue
}

func open(t testing.TB) *office {
	return openAt(t, func() time.Time { return morning })
}

func openAt(t testing.TB, now func() time.Time) *office {
	return openWith(t, now, nil, "staffing", "finance", "hr", "social")
}

func openWith(t testing.TB, now func() time.Time, deadline queue.Deadline, agencies ...string) *office {
	t.Helper()
	ctx := context.Background()
	o := &office{}
	var err error
	if o.db, err = hubdb.Open(ctx, filepath.Join(t.TempDir(), "hebian.db")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { o.db.Close() })
	if o.log, err = sqllog.Open(ctx, o.db.DB, "hub.misfit"); err != nil {
		t.Fatal(err)
	}
	store, err := sqldb.Open(ctx, o.db.DB)
	if err != nil {
		t.Fatal(err)
	}
	if o.queue, err = queue.New(store, agencies, cite, now, deadline); err != nil {
		t.Fatal(err)
	}
	return o
}

func cite(_ context.Context, refs []state.Ref) ([]schemas.CitedRow, error) {
	var rows []schemas.CitedRow
	for _, ref := range refs {
		rows = append(rows, schemas.CitedRow{File: ref.Topic(), Line: ref.Offset() + 2, Delivery: 1, Record: "00"})
	}
	return rows, nil
}

// rule rules on findings: they stand, or they are gone.
func (o *office) rule(t testing.TB, delivery int64, present bool, findings ...matcher.Finding) {
	t.Helper()
	var rulings []queue.Ruling
	for _, f := range findings {
		rulings = append(rulings, ruling(f, present, delivery))
	}
	if err := o.queue.Rule(context.Background(), rulings, nil); err != nil {
		t.Fatal(err)
	}
}

func ruling(f matcher.Finding, present bool, delivery int64) queue.Ruling {
	return queue.Ruling{Key: matcher.KeyOf(&f), Grounds: queue.GroundsOf(&f), Present: present, Cause: delivery}
}

func idOf(f matcher.Finding) string { return queue.CaseID(matcher.KeyOf(&f)) }

// story tells a case's history, a line each.
func (o *office) story(t testing.TB, id string) string {
	t.Helper()
	_, events, err := o.queue.Get(context.Background(), id)
	if err != nil {
		t.Fatal(err)
	}
	var story strings.Builder
	for i, e := range events {
		if e.N != i+1 || e.Case != id {
			t.Errorf("line %d of the history is number %d of case %s", i+1, e.N, e.Case)
		}
		fmt.Fprintf(&story, "%s -> %s", e.Kind, e.State)
		for _, part := range []string{e.Officer, string(e.Outcome), e.Reason, e.To} {
			if part != "" {
				fmt.Fprintf(&story, ", %s", part)
			}
		}
		if e.Delivery != 0 {
			fmt.Fprintf(&story, ", delivery %d", e.Delivery)
		}
		story.WriteByte('\n')
	}
	return story.String()
}

// A case from its finding to its end and back.
func TestCircle(t *testing.T) {
	o, ctx := open(t), t.Context()
	f := finding(0)
	id := idOf(f)
	o.rule(t, 3, true, f)
	if _, err := o.queue.Claim(ctx, id, "Wang"); err != nil {
		t.Fatal(err)
	}
	c, err := o.queue.Decide(ctx, id, "Wang", queue.Decision{Outcome: queue.OutcomeConfirmed, Reason: " paid by mistake\n"})
	if err != nil {
		t.Fatal(err)
	}
	if c.State != queue.Decided || c.Reason != "paid by mistake" || c.To != "finance" || !c.Lease.IsZero() {
		t.Errorf("decided, the case is %+v", c)
	}
	pending, err := o.queue.Pending(ctx, "finance", 10)
	if err != nil || len(pending) != 1 {
		t.Fatalf("%d corrections are pending, %v; want 1", len(pending), err)
	}
	month := f.Month
	rows, _ := cite(ctx, f.Evidence)
	want := schemas.Correction{
		Case: id, ID: pending[0].Correction.ID, Agency: "finance", Outcome: "confirmed", Reason: "paid by mistake",
		Code: f.Code, Person: f.Person, Unit: f.Unit, Month: &month, Decided: "2026-09-30T08:00:00Z", Rows: rows,
	}
	if diff := cmp.Diff(want, pending[0].Correction); diff != "" {
		t.Errorf("the correction differs (-want +got):\n%s", diff)
	}
	for range 2 { // a repeat changes nothing
		if err := o.queue.Sent(ctx, []string{want.ID}); err != nil {
			t.Fatal(err)
		}
	}
	o.rule(t, 9, false, f)
	o.rule(t, 10, true, f)
	const story = `opened -> open, delivery 3
claimed -> claimed, Wang
decided -> decided, Wang, confirmed, paid by mistake, finance
sent -> sent, finance
settled -> settled, Wang, confirmed, delivery 9
reopened -> open, delivery 10
`
	if diff := cmp.Diff(story, o.story(t, id)); diff != "" {
		t.Errorf("history differs (-want +got):\n%s", diff)
	}
	if waiting, err := o.queue.Waiting(ctx); err != nil || len(waiting) != 0 {
		t.Errorf("corrections wait for %q, %v; want none", waiting, err)
	}
}

// What comes back from the store is what went in, and what is read twice is equal.
func TestCaseIsKept(t *testing.T) {
	o := open(t)
	f := finding(5)
	f.Detail, f.Rows = "ADMIN", 900
	o.rule(t, 1, true, f)
	id := idOf(f)
	got, _, err := o.queue.Get(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	want := queue.Case{
		ID: id, Key: matcher.KeyOf(&f), State: queue.Open, Present: true, Severity: "high", Agencies: []string{"finance"}, Unit: string(f.Unit),
		Opened: morning, Updated: morning, Events: 1,
		Grounds: queue.Grounds{Version: f.Version, Parameters: f.Parameters, AsOf: f.AsOf, Evidence: f.Evidence, Rows: f.Rows},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the case differs (-want +got):\n%s", diff)
	}
}

// Provisional findings and those worth a note only open nothing; a number that gives no person goes to the agency of its file.
func TestWhatOpens(t *testing.T) {
	o := open(t)
	provisional := ruling(finding(1), true, 0)
	provisional.Provisional = true
	note := ruling(matcher.Finding{Code: "PENDING_ENTRY", Person: "1", Unit: "2", Month: 202609}, true, 0)
	bad := ruling(matcher.Finding{Code: "BAD_IDENTITY", Person: "1", Detail: "social/insurance.csv"}, true, 0)
	if err := o.queue.Rule(t.Context(), []queue.Ruling{provisional, note, bad}, nil); err != nil {
		t.Fatal(err)
	}
	var opened []string
	if err := o.queue.Unsettled(t.Context(), func(c queue.Case) error {
		opened = append(opened, c.Key.Code+" to "+c.Agency())
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"BAD_IDENTITY to social"}, opened); diff != "" {
		t.Errorf("cases differ (-want +got):\n%s", diff)
	}
	if err := o.queue.Rule(t.Context(), []queue.Ruling{ruling(matcher.Finding{Code: "NO_SUCH_RULE"}, true, 0)}, nil); err == nil {
		t.Error("a finding of no rule opened a case")
	}
	dire, both := conflict(1), conflict(1)
	dire.Severity, both.Key.Unit = "dire", "12139721000000001A"
	for _, r := range []queue.Ruling{dire, both} {
		if err := o.queue.Rule(t.Context(), []queue.Ruling{r}, nil); err == nil {
			t.Errorf("of severity %q and unit %q a finding opened a case", r.Severity, r.Key.Unit)
		}
	}
}

func TestDecisionsRefused(t *testing.T) {
	o, ctx := open(t), t.Context()
	f := finding(0)
	id := idOf(f)
	o.rule(t, 1, true, f)
	if _, err := o.queue.Claim(ctx, id, "Wang"); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name     string
		decision queue.Decision
		field    string
	}{
		{"no outcome", queue.Decision{Reason: "x"}, "outcome"},
		{"another outcome", queue.Decision{Outcome: "maybe", Reason: "x"}, "outcome"},
		{"no reason", queue.Decision{Outcome: queue.OutcomeConfirmed}, "reason"},
		{"a blank reason", queue.Decision{Outcome: queue.OutcomeExplained, Reason: " \n\u3000"}, "reason"},
		{"a long reason", queue.Decision{Outcome: queue.OutcomeConfirmed, Reason: strings.Repeat("核", queue.MaxReasonRunes+1)}, "reason"},
		{"a reason that is no text", queue.Decision{Outcome: queue.OutcomeConfirmed, Reason: "\xff"}, "reason"},
		{"a reason with a null", queue.Decision{Outcome: queue.OutcomeConfirmed, Reason: "a\x00b"}, "reason"},
		{"an unknown agency", queue.Decision{Outcome: queue.OutcomeConfirmed, Reason: "x", To: "tax"}, "to"},
	} {
		_, err := o.queue.Decide(ctx, id, "Wang", test.decision)
		var refused *queue.DecisionError
		if !errors.As(err, &refused) || refused.Field != test.field {
			t.Errorf("%s: %v, want the %s refused", test.name, err, test.field)
		}
	}
	long := queue.Decision{Outcome: queue.OutcomeForwarded, Reason: strings.Repeat("核", queue.MaxReasonRunes), To: "hr"}
	if c, err := o.queue.Decide(ctx, id, "Wang", long); err != nil || c.To != "hr" {
		t.Errorf("a reason as long as may be: %v, to %q", err, c.To)
	}
	for what, err := range map[string]error{
		"claim":   ignore(o.queue.Claim(ctx, "0000000000000000", "Wang")),
		"release": ignore(o.queue.Release(ctx, "no id at all", "Wang")),
		"decide":  ignore(o.queue.Decide(ctx, "", "Wang", long)),
	} {
		if !errors.Is(err, queue.ErrUnknown) {
			t.Errorf("%s of a case that is none: %v, want ErrUnknown", what, err)
		}
	}
}

func ignore(_ queue.Case, err error) error { return err }

// Decision, history and correction are kept together or not at all.
func TestDecisionIsOneStep(t *testing.T) {
	for _, table := range []string{"outbox", "events"} {
		o, ctx := open(t), t.Context()
		f := finding(0)
		o.rule(t, 1, true, f)
		if _, err := o.queue.Claim(ctx, idOf(f), "Wang"); err != nil {
			t.Fatal(err)
		}
		before := o.everything(t)
		if _, err := o.db.Exec(`CREATE TRIGGER full BEFORE INSERT ON ` + table + ` BEGIN SELECT RAISE(ABORT, 'the disk is full'); END`); err != nil {
			t.Fatal(err)
		}
		if _, err := o.queue.Decide(ctx, idOf(f), "Wang", queue.Decision{Outcome: queue.OutcomeConfirmed, Reason: "x"}); err == nil {
			t.Errorf("decided although %s takes nothing", table)
		}
		if diff := cmp.Diff(before, o.everything(t)); diff != "" {
			t.Errorf("after a decision that %s did not take, the queue differs (-before +after):\n%s", table, diff)
		}
		if waiting, err := o.queue.Waiting(ctx); err != nil || len(waiting) != 0 {
			t.Errorf("corrections wait for %q, %v", waiting, err)
		}
	}
}

// The evidence changes while it is looked up: what is sent is what the case then stands on.
func TestDecideOnNewGrounds(t *testing.T) {
	o, ctx := open(t), t.Context()
	f := finding(0)
	newer := f
	newer.Evidence = []state.Ref{state.RefOf("finance.pay_line", 1, 77)}
	store, err := sqldb.Open(ctx, o.db.DB)
	if err != nil {
		t.Fatal(err)
	}
	looked := 0
	o.queue, err = queue.New(store, []string{"finance"}, func(ctx context.Context, refs []state.Ref) ([]schemas.CitedRow, error) {
		if looked++; looked == 1 {
			o.rule(t, 2, true, newer)
		}
		return cite(ctx, refs)
	}, func() time.Time { return morning }, nil)
	if err != nil {
		t.Fatal(err)
	}
	o.rule(t, 1, true, f)
	if _, err := o.queue.Claim(ctx, idOf(f), "Wang"); err != nil {
		t.Fatal(err)
	}
	if _, err := o.queue.Decide(ctx, idOf(f), "Wang", queue.Decision{Outcome: queue.OutcomeDataError, Reason: "x"}); err != nil {
		t.Fatal(err)
	}
	pending, err := o.queue.Pending(ctx, "finance", 10)
	if err != nil || len(pending) != 1 || len(pending[0].Correction.Rows) != 1 || pending[0].Correction.Rows[0].Line != 79 {
		t.Errorf("the correction is %+v, %v; want one on line 79", pending, err)
	}
}

// Two officers reach for one case: one has it, the other is told who.
func TestRaceForACase(t *testing.T) {
	o, ctx := open(t), t.Context()
	officers := []string{"Wang", "Li"}
	for i := range 20 {
		f := finding(i)
		o.rule(t, 1, true, f)
		errs := make([]error, len(officers))
		var wait sync.WaitGroup
		for n, officer := range officers {
			wait.Go(func() { _, errs[n] = o.queue.Claim(ctx, idOf(f), officer) })
		}
		wait.Wait()
		winner := slices.Index(errs, nil)
		var taken *queue.TakenError
		if winner < 0 || !errors.As(errs[1-winner], &taken) || taken.By != officers[winner] || !taken.Until.Equal(morning.Add(queue.LeaseTime)) {
			t.Fatalf("both claimed and got %v", errs)
		}
		if _, err := o.queue.Decide(ctx, idOf(f), officers[1-winner], queue.Decision{Outcome: queue.OutcomeConfirmed, Reason: "x"}); !errors.Is(err, queue.ErrNotHeld) {
			t.Fatalf("the one who lost decides: %v", err)
		}
	}
}

// A lease runs out after half an hour; claimed again by its officer it runs on.
func TestLeases(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := openAt(t, time.Now)
		f, ctx := finding(0), t.Context()
		id := idOf(f)
		o.rule(t, 1, true, f)
		claim := func(officer, want string) {
			t.Helper()
			got := "has it"
			if _, err := o.queue.Claim(ctx, id, officer); err != nil {
				got = "is refused"
			}
			if got != want {
				t.Errorf("%s claims at %s and %s, want %q", officer, time.Now().Format(time.TimeOnly), got, want)
			}
		}
		lapse := func(want int) {
			t.Helper()
			if n, err := o.queue.Lapse(ctx); err != nil || n != want {
				t.Errorf("%d leases ended, %v; want %d", n, err, want)
			}
		}
		claim("Wang", "has it")
		time.Sleep(queue.LeaseTime - time.Second)
		claim("Li", "is refused")
		claim("Wang", "has it") // anew
		time.Sleep(queue.LeaseTime - time.Second)
		lapse(0)
		claim("Li", "is refused")
		time.Sleep(time.Second)
		if _, err := o.queue.Decide(ctx, id, "Wang", queue.Decision{Outcome: queue.OutcomeConfirmed, Reason: "x"}); !errors.Is(err, queue.ErrNotHeld) {
			t.Errorf("decided on a lease that has run out: %v", err)
		}
		claim("Li", "has it")
		time.Sleep(queue.LeaseTime)
		lapse(1)
		lapse(0)
		const story = `opened -> open, delivery 1
claimed -> claimed, Wang
claimed -> claimed, Li
lapsed -> open, Li
`
		if diff := cmp.Diff(story, o.story(t, id)); diff != "" {
			t.Errorf("history differs (-want +got):\n%s", diff)
		}
	})
}
