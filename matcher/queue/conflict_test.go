package queue_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hebian/matcher"
	"hebian/matcher/queue"
	"hebian/matcher/state"
	"hebian/schemas"
)

var sources = []string{"staffing", "civil", "commerce", "tax", "statistics", "quality"}

// register is an office for legal entities: agencies have a week to answer.
func register(t testing.TB, clock *time.Time) *office {
	return openWith(t, func() time.Time { return *clock }, inAWeek, sources...)
}

func inAWeek(at time.Time) schemas.Date { return schemas.DateOf(at) + 7 }

// side is a registration in a finding; its row is the place of the side.
func side(agency, key, value string, role queue.Role) queue.Side {
	return queue.Side{Agency: agency, Key: key, Value: value, Role: role}
}

// grounds are of sides, each with a row of its own.
func grounds(sides ...queue.Side) queue.Grounds {
	g := queue.Grounds{Version: 1, AsOf: 20726, Sides: sides, Rows: len(sides)}
	for i := range sides {
		if sides[i].Role == queue.RoleCandidate {
			sides[i].Row = -1
			continue
		}
		sides[i].Row = len(g.Evidence)
		g.Evidence = append(g.Evidence, state.RefOf("entity.registration", 0, int64(i)))
	}
	return g
}

// conflict is the finding that tax and statistics have another address than civil; quality may still follow.
func conflict(entity int) queue.Ruling {
	return queue.Ruling{
		Key: matcher.Key{Code: queue.CodeConflict, Entity: fmt.Sprintf("E%08d", entity), Detail: "address"}, Present: true, Cause: 7,
		Agencies: []string{"tax", "statistics"}, Unit: fmt.Sprintf("52139721%010d", entity), Title: fmt.Sprintf("青川县第%d足球协会", entity), Division: "139721",
		Grounds: grounds(side("civil", "M1", "文峰路1号", queue.RoleAuthority), side("tax", "T1", "文峰路7号", queue.RoleDiffers),
			side("tax", "T2", "文峰巷", queue.RoleDiffers), side("statistics", "S1", "旧址", queue.RoleDiffers), side("quality", "Q1", "老路1号", queue.RoleLag)),
	}
}

// settledFor is the same without statistics, which has put its row right.
func settledFor(r queue.Ruling) queue.Ruling {
	r.Grounds = grounds(append(append([]queue.Side{}, r.Grounds.Sides[:3]...), r.Grounds.Sides[4])...)
	r.Agencies = []string{"tax"}
	return r
}

// review is the finding that a registration of tax may belong to either of two entities.
func review(entity int) queue.Ruling {
	candidate := func(entity int, key string) queue.Side {
		s := side("civil", key, "青川县足球协会", queue.RoleCandidate)
		s.Entity, s.For, s.Against = fmt.Sprintf("E%08d", entity), []string{"NAME_EQUAL"}, []string{"REP_DIFFERS"}
		return s
	}
	key := fmt.Sprintf("1397:%d", entity) // a key may have a colon
	return queue.Ruling{
		Key: matcher.Key{Code: queue.CodeLinkReview, Entity: fmt.Sprintf("E%08d", entity), Detail: "tax:" + key}, Present: true, Cause: 7,
		Agencies: []string{"tax"}, Unit: "tax:" + key, Title: "青川县足球协会",
		Grounds: grounds(side("tax", key, "青川县足球协会", queue.RoleMember), candidate(1000+entity, "M1"), candidate(2000+entity, "M2")),
	}
}

func gone(r queue.Ruling) queue.Ruling { return queue.Ruling{Key: r.Key, Cause: 9} }

// lagging is the conflict when time has made a lag of it at one side more.
func lagging(r queue.Ruling) queue.Ruling {
	r.Grounds = grounds(append([]queue.Side{}, r.Grounds.Sides...)...)
	r.Grounds.Sides[3].Role = queue.RoleLag
	return r
}

const (
	firstCandidate = "E00001001 civil:M1"
	day            = schemas.Date(20726) // of morning
)

// take rules, and has an officer claim and decide the case.
func (o *office) take(t testing.TB, r queue.Ruling, d queue.Decision) string {
	t.Helper()
	ctx, id := context.Background(), queue.CaseID(r.Key)
	must(t, o.queue.Rule(ctx, []queue.Ruling{r}, nil))
	_, err := o.queue.Claim(ctx, id, "Wang")
	must(t, err)
	d.Reason = "looked at the files"
	_, err = o.queue.Decide(ctx, id, "Wang", d)
	must(t, err)
	return id
}

// pending gives all corrections that were not sent, in the order of the agencies.
func (o *office) pending(t testing.TB) (all []schemas.Correction) {
	t.Helper()
	agencies, err := o.queue.Waiting(context.Background())
	must(t, err)
	for _, agency := range agencies {
		waiting, err := o.queue.Pending(context.Background(), agency, 100)
		must(t, err)
		for _, w := range waiting {
			all = append(all, w.Correction)
		}
	}
	return all
}

// What happens to cases of legal entities beyond what happens to all.
func TestEntityMachine(t *testing.T) {
	const want = `
somebody says otherwise
  open              -> open: refreshed
  held by Wang      -> claimed: refreshed
  partly sent       -> decided: refreshed
  sent              -> sent: refreshed
  escalated         -> sent: refreshed
  accepted          -> open: reopened
  term over         -> open: reopened
  linked            -> open: reopened
  linked, gone      -> open: reopened
it lags at one side more
  open              -> open: refreshed
  held by Wang      -> claimed: refreshed
  partly sent       -> decided: refreshed
  sent              -> sent: refreshed
  escalated         -> sent: refreshed
  accepted          -> explained: refreshed
  term over         -> explained: refreshed
it is gone
  open              -> explained: explained
  held by Wang      -> explained: explained
  partly sent       -> settled: settled
  sent              -> settled: settled
  escalated         -> settled: settled
  accepted          -> explained: gone
  term over         -> explained: gone
  linked            -> explained: gone
  linked, gone      -> explained
the authority is right
  open              -> no: not held
  held by Wang      -> decided: decided, correction to tax, correction to tax, correction to statistics
tax is right
  held by Wang      -> decided: decided, correction to civil
it is accepted
  held by Wang      -> explained: decided
the last agency has its correction
  partly sent       -> sent: sent
  sent              -> sent: sent
another agency has its correction
  partly sent       -> decided: sent
  sent              -> sent: sent
an agency has its reminder
  escalated         -> sent: reminded
the calendar is looked at for answers
  open              -> open
  held by Wang      -> claimed
  partly sent       -> decided
  sent              -> sent
  overdue           -> sent: escalated, correction to tax
  escalated         -> sent
  accepted          -> explained
  term over         -> explained
  linked            -> explained
  linked, gone      -> explained
the calendar is looked at for terms
  open              -> open
  held by Wang      -> claimed
  partly sent       -> decided
  sent              -> sent
  overdue           -> sent
  escalated         -> sent
  accepted          -> explained
  term over         -> open: expired
  linked            -> explained
  linked, gone      -> explained
the link is taken back
  open              -> open: revoked
  held by Wang      -> claimed: revoked
  linked            -> open: revoked
  linked, gone      -> explained: revoked
`
	got := "\n"
	for _, m := range entityMoves() {
		got += m.name + "\n"
		for _, c := range entityCases(t) {
			move := m.move
			if r, ok := move.(queue.Ruling); ok && c.in.Key != r.Key { // the same of a review
				r.Key, r.Grounds = c.in.Key, grounds(review(1).Grounds.Sides[:2]...)
				move = r
			}
			if line, ok := outcome(move, c.in); ok && (m.in == "" || strings.Contains(m.in, c.name)) {
				got += fmt.Sprintf("  %-17s -> %s\n", c.name, line)
			}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("moves differ (-want +got):\n%s", diff)
	}
}

// entityMoves are what can happen to the case of conflict(1), and of review(1).
func entityMoves() []namedMove {
	otherwise, lags := conflict(1), lagging(conflict(1))
	otherwise.Grounds.Sides[1].Value = "文峰路8号"
	decide := func(d queue.Decision) queue.Move { return queue.Decide{Officer: "Wang", Decision: d} }
	const most = "open held by Wang partly sent escalated accepted term over"
	return []namedMove{
		{"somebody says otherwise", otherwise, most + " linked, gone"},
		{"it lags at one side more", lags, most},
		{"it is gone", gone(conflict(1)), most + " linked, gone"},
		{"the authority is right", decide(queue.Decision{Outcome: queue.OutcomeAuthority}), "open held by Wang"},
		{"tax is right", decide(queue.Decision{Outcome: queue.OutcomeDisputed, Right: "tax"}), "held by Wang"},
		{"it is accepted", decide(queue.Decision{Outcome: queue.OutcomeAccepted, Until: day + 1}), "held by Wang"},
		{"the last agency has its correction", queue.Relayed{Decision: 1, To: "tax", Due: day + 7}, "partly sent"},
		{"another agency has its correction", queue.Relayed{Decision: 1, To: "tax", Left: 1, Due: day + 7}, "partly sent"},
		{"an agency has its reminder", queue.Relayed{Decision: 1, To: "tax", Reminder: true, Due: day + 7}, "escalated"},
		{"the calendar is looked at for answers", queue.Escalate{Asked: []schemas.Correction{{Agency: "tax"}}}, ""},
		{"the calendar is looked at for terms", queue.Expire{}, ""},
		{"the link is taken back", queue.Revoke{Officer: "Li", Reason: "x"}, "open held by Wang linked, gone"},
	}
}

// entityCases are cases in every state that legal entities know.
func entityCases(t *testing.T) []namedCase {
	after := func(first queue.Ruling, moves ...queue.Move) (c queue.Case) {
		first.Severity = "medium"
		for _, m := range append([]queue.Move{first}, moves...) {
			e, err := queue.Next(c, m, morning)
			must(t, err)
			c = e.Case
		}
		return c
	}
	claim := queue.Claim{Officer: "Wang"}
	decide := func(d queue.Decision) queue.Move { return queue.Decide{Officer: "Wang", Decision: d} }
	authority, same := decide(queue.Decision{Outcome: queue.OutcomeAuthority}), decide(queue.Decision{Outcome: queue.OutcomeSame, With: firstCandidate})
	sent := queue.Relayed{Decision: 1, To: "tax", Due: day}
	overdue := after(conflict(1), claim, authority, sent)
	overdue.Due--
	escalated := overdue
	escalated.Escalated = true
	return []namedCase{
		{"open", after(conflict(1))},
		{"held by Wang", after(conflict(1), claim)},
		{"partly sent", after(conflict(1), claim, authority, queue.Relayed{Decision: 1, To: "tax", Left: 2})},
		{"sent", after(conflict(1), claim, authority, sent)},
		{"overdue", overdue},
		{"escalated", escalated},
		{"accepted", after(conflict(1), claim, decide(queue.Decision{Outcome: queue.OutcomeAccepted, Until: day}))},
		{"term over", after(conflict(1), claim, decide(queue.Decision{Outcome: queue.OutcomeAccepted, Until: day - 1}))},
		{"linked", after(review(1), claim, same)},
		{"linked, gone", after(review(1), claim, same, gone(review(1)))},
	}
}

// What each decision asks of whom.
func TestEntityCorrections(t *testing.T) {
	badCode := queue.Ruling{
		Key: matcher.Key{Code: queue.CodeBadCode, Entity: "E00000001", Detail: "tax:T1:9139"}, Present: true, Agencies: []string{"tax"}, Unit: "52139721",
		Grounds: grounds(side("tax", "T1", "9139", queue.RoleMember)),
	}
	clash := queue.Ruling{
		Key: matcher.Key{Code: queue.CodeCodeClash, Entity: "E00000001"}, Present: true, Agencies: []string{"commerce", "tax"}, Unit: "91139721",
		Grounds: grounds(side("commerce", "C1", "甲", queue.RoleMember), side("tax", "T1", "乙", queue.RoleMember)),
	}
	for _, test := range []struct {
		name     string
		ruling   queue.Ruling
		decision queue.Decision
		want     string // agency: value -> proposed (by whom), rows
	}{
		{"the authority is right", conflict(1), queue.Decision{Outcome: queue.OutcomeAuthority}, `
statistics: 旧址 -> 文峰路1号 (civil), rows 5 2
tax: 文峰路7号 -> 文峰路1号 (civil), rows 3 2
tax: 文峰巷 -> 文峰路1号 (civil), rows 4 2
`},
		{"another is right", conflict(1), queue.Decision{Outcome: queue.OutcomeDisputed, Right: "statistics"}, `
civil: 文峰路1号 -> 旧址 (statistics), rows 2 3 4 5 6
`},
		{"one that lags is right", conflict(1), queue.Decision{Outcome: queue.OutcomeDisputed, Right: "quality"}, `
civil: 文峰路1号 -> 老路1号 (quality), rows 2 3 4 5 6
`},
		{"it is accepted", conflict(1), queue.Decision{Outcome: queue.OutcomeAccepted, Until: day + 1}, "\n"},
		{"a bad code", badCode, queue.Decision{Outcome: queue.OutcomeDataError}, `
tax: 9139 ->  (), rows 2
`},
		{"a clash", clash, queue.Decision{Outcome: queue.OutcomeConfirmed}, `
commerce: 甲 ->  (), rows 2 3
`},
		{"a clash, somebody else's", clash, queue.Decision{Outcome: queue.OutcomeForwarded, To: "tax"}, `
tax: 乙 ->  (), rows 2 3
`},
		{"a registration under review is wrong", review(1), queue.Decision{Outcome: queue.OutcomeDataError}, `
tax: 青川县足球协会 ->  (), rows 2
`},
		{"a registration under review belongs", review(1), queue.Decision{Outcome: queue.OutcomeSame, With: firstCandidate}, "\n"},
	} {
		clock := morning
		o := register(t, &clock)
		id := o.take(t, test.ruling, test.decision)
		got, ids := "\n", map[string]bool{}
		for _, c := range o.pending(t) {
			got += fmt.Sprintf("%s: %s -> %s (%s), rows", c.Agency, c.Value, c.Proposed, c.ProposedBy)
			for _, row := range c.Rows {
				got += fmt.Sprint(" ", row.Line)
			}
			got += "\n"
			ids[c.ID] = true
			field := map[bool]string{true: "address"}[test.ruling.Key.Code == queue.CodeConflict]
			if c.Case != id || c.Entity != test.ruling.Key.Entity || c.EntityCode != test.ruling.Unit || c.Unit != "" || c.Field != field ||
				c.Outcome != string(test.decision.Outcome) || c.Due == nil || *c.Due != day+7 || c.Reminder {
				t.Errorf("%s: the correction is %+v", test.name, c)
			}
		}
		if diff := cmp.Diff(test.want, got); diff != "" || len(ids) != strings.Count(got, "\n")-1 {
			t.Errorf("%s: %d corrections differ (-want +got):\n%s", test.name, len(ids), diff)
		}
	}
}

// The correction of a finding on a person has the ID that it always had.
func TestCorrectionIDStays(t *testing.T) {
	o := open(t)
	o.decide(t, 0)
	if got := o.pending(t); len(got) != 1 || got[0].ID != "ca23857a19b7df8ac424478e24b15ad4" || got[0].Due != nil {
		t.Errorf("corrections are %+v", got)
	}
}

func TestEntityDecisionsRefused(t *testing.T) {
	clock := morning
	o := register(t, &clock)
	noAuthority := conflict(2)
	noAuthority.Grounds = grounds(side("tax", "T1", "文峰路7号", queue.RoleDiffers))
	onlyLag := conflict(3)
	onlyLag.Grounds = grounds(side("civil", "M1", "文峰路1号", queue.RoleAuthority), side("quality", "Q1", "老路1号", queue.RoleLag))
	stranger := conflict(4)
	stranger.Grounds = grounds(side("civil", "M1", "文峰路1号", queue.RoleAuthority), side("customs", "X1", "老路1号", queue.RoleDiffers))
	for _, test := range []struct {
		name     string
		ruling   queue.Ruling
		decision queue.Decision
		want     string
	}{
		{"an outcome of persons", conflict(1), queue.Decision{Outcome: queue.OutcomeConfirmed}, "outcome"},
		{"a link of a conflict", conflict(1), queue.Decision{Outcome: queue.OutcomeSame, With: firstCandidate}, "outcome"},
		{"nobody is right", conflict(1), queue.Decision{Outcome: queue.OutcomeDisputed}, "right"},
		{"the authority is right after all", conflict(1), queue.Decision{Outcome: queue.OutcomeDisputed, Right: "civil"}, "right"},
		{"accepted for good", conflict(1), queue.Decision{Outcome: queue.OutcomeAccepted}, "until"},
		{"accepted up to today", conflict(1), queue.Decision{Outcome: queue.OutcomeAccepted, Until: day}, "until"},
		{"accepted for three years and a day", conflict(1), queue.Decision{Outcome: queue.OutcomeAccepted, Until: day.AddMonths(36) + 1}, "until"},
		{"no authority", noAuthority, queue.Decision{Outcome: queue.OutcomeAuthority}, "outcome"},
		{"no authority to ask", noAuthority, queue.Decision{Outcome: queue.OutcomeDisputed, Right: "tax"}, "outcome"},
		{"nobody differs yet", onlyLag, queue.Decision{Outcome: queue.OutcomeAuthority}, "outcome"},
		{"an agency that nobody knows", stranger, queue.Decision{Outcome: queue.OutcomeAuthority}, "to"},
		{"no candidate", review(1), queue.Decision{Outcome: queue.OutcomeDifferent}, "with"},
		{"no such candidate", review(1), queue.Decision{Outcome: queue.OutcomeSame, With: "E00001001 civil:M2"}, "with"},
		{"not itself", review(1), queue.Decision{Outcome: queue.OutcomeSame, With: "E00000001 tax:1397:1"}, "with"},
	} {
		id := queue.CaseID(test.ruling.Key)
		must(t, o.queue.Rule(t.Context(), []queue.Ruling{test.ruling}, nil))
		_, err := o.queue.Claim(t.Context(), id, "Wang")
		must(t, err)
		test.decision.Reason = "x"
		_, err = o.queue.Decide(t.Context(), id, "Wang", test.decision)
		var refused *queue.DecisionError
		if !errors.As(err, &refused) || refused.Field != test.want {
			t.Errorf("%s: %v, want the %s refused", test.name, err, test.want)
		}
	}
	person := finding(0)
	if err := o.queue.Rule(t.Context(), []queue.Ruling{ruling(person, true, 1)}, nil); err != nil {
		t.Fatal(err)
	}
	_, err := o.queue.Decide(t.Context(), idOf(person), "Wang", queue.Decision{Outcome: queue.OutcomeAuthority, Reason: "x"})
	var refused *queue.DecisionError
	if !errors.As(err, &refused) || refused.Field != "outcome" {
		t.Errorf("the authority is right about a person: %v", err)
	}
	longest := queue.Decision{Outcome: queue.OutcomeAccepted, Reason: "x", Until: day.AddMonths(36)}
	if c, err := o.queue.Decide(t.Context(), queue.CaseID(conflict(1).Key), "Wang", longest); err != nil || c.Until != longest.Until {
		t.Errorf("accepted as long as may be: %v, until %s", err, c.Until)
	}
}

// What comes back from the store is what went in.
func TestEntityCaseIsKept(t *testing.T) {
	clock := morning
	o := register(t, &clock)
	r := review(5)
	must(t, o.queue.Rule(t.Context(), []queue.Ruling{r}, nil))
	id := queue.CaseID(r.Key)
	got, _, err := o.queue.Get(t.Context(), id)
	must(t, err)
	want := queue.Case{
		ID: id, Key: r.Key, State: queue.Open, Present: true, Severity: "medium", Agencies: r.Agencies, Unit: r.Unit, Title: r.Title,
		Opened: morning, Updated: morning, Events: 1, Grounds: r.Grounds,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the case differs (-want +got):\n%s", diff)
	}
	must(t, o.queue.Unsettled(t.Context(), func(c queue.Case) error {
		if c.Key != r.Key {
			t.Errorf("a finding that stands has the key %+v, want %+v", c.Key, r.Key)
		}
		return nil
	}))
	r.Unit, r.Title, r.Division, r.Severity, r.Agencies = "52139721", "新名称", "139722", "high", []string{"civil", "tax"}
	must(t, o.queue.Rule(t.Context(), []queue.Ruling{r}, nil))
	got, events, err := o.queue.Get(t.Context(), id)
	must(t, err)
	want.Unit, want.Title, want.Division, want.Severity, want.Agencies = r.Unit, r.Title, r.Division, r.Severity, r.Agencies
	if diff := cmp.Diff(want, got); diff != "" || len(events) != 1 {
		t.Errorf("under another name it has %d lines and differs (-want +got):\n%s", len(events), diff)
	}
}

// More sides than anybody reads are cut off, and the rest still asks.
func TestManySides(t *testing.T) {
	clock := morning
	o := register(t, &clock)
	r := conflict(1)
	sides := []queue.Side{side("civil", "M1", "文峰路1号", queue.RoleAuthority)}
	for i := range 2 * queue.MaxSides {
		sides = append(sides, side("tax", fmt.Sprint("T", i), "x", queue.RoleDiffers))
	}
	r.Grounds = grounds(sides...)
	for range 2 {
		must(t, o.queue.Rule(t.Context(), []queue.Ruling{r}, nil))
	}
	id := o.take(t, r, queue.Decision{Outcome: queue.OutcomeAuthority})
	c, events, err := o.queue.Get(t.Context(), id)
	must(t, err)
	if pending := o.pending(t); len(c.Grounds.Sides) != queue.MaxSides || len(pending) != queue.MaxSides-1 || len(events) != 3 || c.Agency() != "tax" || c.To != "tax" {
		t.Errorf("%d sides, %d corrections to %q, %d lines", len(c.Grounds.Sides), len(pending), c.To, len(events))
	}
}
