package queue_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"hebian/matcher/queue"
)

// links tells the link decisions that hold, a line each.
func (o *office) links(t interface{ Fatal(...any) }) (told string) {
	links, err := o.queue.Links(context.Background())
	must(t, err)
	for _, l := range links {
		told += fmt.Sprintf("%s %s, %s %s: %t by %s\n", l.A.Source, l.A.Key, l.B.Source, l.B.Key, l.Same, l.Officer)
	}
	return told
}

// A link from its decision to the end of the finding, taken back, and decided otherwise.
func TestLink(t *testing.T) {
	clock := morning
	o, ctx, r := register(t, &clock), t.Context(), review(1)
	id := o.take(t, r, queue.Decision{Outcome: queue.OutcomeSame, With: firstCandidate})
	if diff := cmp.Diff("tax 1397:1, civil M1: true by Wang\n", o.links(t)); diff != "" {
		t.Errorf("links differ (-want +got):\n%s", diff)
	}
	links, err := o.queue.Links(ctx)
	if err != nil || len(links) != 1 || links[0].Case != id || !links[0].At.Equal(morning) {
		t.Errorf("the link is %+v, %v", links, err)
	}
	must(t, o.queue.Rule(ctx, []queue.Ruling{gone(r)}, nil)) // the registration is with its entity now
	c, err := o.queue.Revoke(ctx, id, "Li", " another association \n")
	if err != nil || c.State != queue.Explained || c.Outcome != queue.OutcomeExplained || c.Officer != "" {
		t.Errorf("taken back, the case is %+v, %v", c, err)
	}
	if told := o.links(t); told != "" {
		t.Errorf("taken back, it holds still: %s", told)
	}
	must(t, o.queue.Rule(ctx, []queue.Ruling{r}, nil)) // and alone again
	o.take(t, r, queue.Decision{Outcome: queue.OutcomeDifferent, With: firstCandidate})
	if diff := cmp.Diff("tax 1397:1, civil M1: false by Wang\n", o.links(t)); diff != "" {
		t.Errorf("links differ (-want +got):\n%s", diff)
	}
	const story = `opened -> open, delivery 7
claimed -> claimed, Wang
decided -> explained, Wang, same, looked at the files
gone -> explained, Wang, same, delivery 9
revoked -> explained, Li, another association
reopened -> open, delivery 7
claimed -> claimed, Wang
decided -> explained, Wang, different, looked at the files
`
	if diff := cmp.Diff(story, o.story(t, id)); diff != "" {
		t.Errorf("history differs (-want +got):\n%s", diff)
	}
}

// A registration that was kept from one candidate is looked at again for the others, and for no other reason.
func TestOtherCandidates(t *testing.T) {
	clock := morning
	o, ctx, r := register(t, &clock), t.Context(), review(1)
	id := o.take(t, r, queue.Decision{Outcome: queue.OutcomeDifferent, With: firstCandidate})
	state := func() queue.State {
		c, _, err := o.queue.Get(ctx, id)
		must(t, err)
		return c.State
	}
	renamed := review(1)
	renamed.Grounds.Sides[1].Value = "另名"
	renamed.Cause = 8
	must(t, o.queue.Rule(ctx, []queue.Ruling{r, renamed}, nil)) // from before the decision took effect
	if got := state(); got != queue.Explained {
		t.Errorf("told again of the same candidates the case is %s", got)
	}
	fewer := review(1)
	fewer.Grounds = grounds(fewer.Grounds.Sides[0], fewer.Grounds.Sides[2])
	held := fewer
	held.Provisional = true
	must(t, o.queue.Rule(ctx, []queue.Ruling{held}, nil))
	if got := state(); got != queue.Explained {
		t.Errorf("one source is not complete and the case is %s", got)
	}
	for range 2 {
		must(t, o.queue.Rule(ctx, []queue.Ruling{fewer}, nil))
	}
	const story = `opened -> open, delivery 7
claimed -> claimed, Wang
decided -> explained, Wang, different, looked at the files
refreshed -> explained, delivery 8
reopened -> open, delivery 7
`
	if diff := cmp.Diff(story, o.story(t, id)); diff != "" {
		t.Errorf("history differs (-want +got):\n%s", diff)
	}
}

func TestRevokeRefused(t *testing.T) {
	clock := morning
	o, ctx := register(t, &clock), t.Context()
	id := o.take(t, review(1), queue.Decision{Outcome: queue.OutcomeExplained})
	before := o.everything(t)
	var incomplete *queue.DecisionError
	if _, err := o.queue.Revoke(ctx, id, "Wang", "x"); !errors.Is(err, queue.ErrNoLink) {
		t.Errorf("without a link: %v, want ErrNoLink", err)
	}
	if _, err := o.queue.Revoke(ctx, "0000000000000000", "Wang", "x"); !errors.Is(err, queue.ErrUnknown) {
		t.Errorf("without a case: %v, want ErrUnknown", err)
	}
	if _, err := o.queue.Revoke(ctx, id, "Wang", " "); !errors.As(err, &incomplete) || incomplete.Field != "reason" {
		t.Errorf("without a reason: %v, want the reason refused", err)
	}
	if diff := cmp.Diff(before, o.everything(t)); diff != "" {
		t.Errorf("after that the queue differs (-before +after):\n%s", diff)
	}
}

// Decision and link, and taking it back, are kept together or not at all.
func TestLinkIsOneStep(t *testing.T) {
	clock := morning
	o, ctx, r := register(t, &clock), t.Context(), review(1)
	id := queue.CaseID(r.Key)
	must(t, o.queue.Rule(ctx, []queue.Ruling{r}, nil))
	_, err := o.queue.Claim(ctx, id, "Wang")
	must(t, err)
	unchanged := func(what string, do func() error) {
		t.Helper()
		before, links := o.everything(t), o.links(t)
		if do() == nil {
			t.Errorf("%s although the disk takes nothing", what)
		}
		if diff := cmp.Diff(before, o.everything(t)); diff != "" || links != o.links(t) {
			t.Errorf("%s: links were %q, are %q, the queue differs (-before +after):\n%s", what, links, o.links(t), diff)
		}
	}
	full := func(table string) (empty func()) {
		_, err := o.db.Exec(`CREATE TRIGGER full BEFORE INSERT ON ` + table + ` BEGIN SELECT RAISE(ABORT, 'the disk is full'); END`)
		must(t, err)
		return func() {
			_, err := o.db.Exec(`DROP TRIGGER full`)
			must(t, err)
		}
	}
	decide := func() error {
		_, err := o.queue.Decide(ctx, id, "Wang", queue.Decision{Outcome: queue.OutcomeSame, With: firstCandidate, Reason: "x"})
		return err
	}
	for _, table := range []string{"links", "events"} {
		empty := full(table)
		unchanged("decided", decide)
		empty()
	}
	must(t, decide())
	empty := full("events")
	unchanged("taken back", func() error { _, err := o.queue.Revoke(ctx, id, "Wang", "x"); return err })
	empty()
}

// The law of links: those hold that were decided and not taken back, of two registrations the newest, whichever of the two was
// under review; and taking one back leaves what held before.
func TestLinksThatHold(t *testing.T) {
	clock := morning
	o := register(t, &clock)
	rapid.Check(t, func(t *rapid.T) {
		o.clear(t)
		type decided struct {
			of   string // case
			pair [2]queue.RecordKey
			same bool
		}
		var taken []decided
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			r := mutualReview(rapid.IntRange(0, 3).Draw(t, "case"))
			id := queue.CaseID(r.Key)
			if rapid.IntRange(0, 3).Draw(t, "revoke") == 0 {
				last := -1
				for i := range taken {
					if taken[i].of == id {
						last = i
					}
				}
				_, err := o.queue.Revoke(context.Background(), id, "Li", "x")
				switch {
				case last < 0 && !errors.Is(err, queue.ErrNoLink) && !errors.Is(err, queue.ErrUnknown):
					t.Fatalf("nothing could be taken back, and %v", err)
				case last >= 0:
					must(t, err)
					taken = append(taken[:last], taken[last+1:]...)
				}
				continue
			}
			outcome := rapid.SampledFrom([]queue.Outcome{queue.OutcomeSame, queue.OutcomeDifferent}).Draw(t, "outcome")
			with := r.Grounds.Sides[rapid.IntRange(1, 2).Draw(t, "candidate")]
			must(t, o.queue.Rule(context.Background(), []queue.Ruling{gone(r), r}, nil))
			_, err := o.queue.Claim(context.Background(), id, "Wang")
			must(t, err)
			_, err = o.queue.Decide(context.Background(), id, "Wang", queue.Decision{Outcome: outcome, With: with.Name(), Reason: "x"})
			must(t, err)
			pair := [2]queue.RecordKey{{Source: r.Grounds.Sides[0].Agency, Key: r.Grounds.Sides[0].Key}, {Source: with.Agency, Key: with.Key}}
			if pair[0].Source > pair[1].Source || pair[0].Source == pair[1].Source && pair[0].Key > pair[1].Key {
				pair[0], pair[1] = pair[1], pair[0]
			}
			taken = append(taken, decided{id, pair, outcome == queue.OutcomeSame})
		}
		want, got := map[[2]queue.RecordKey]bool{}, map[[2]queue.RecordKey]bool{}
		for _, d := range taken {
			want[d.pair] = d.same
		}
		links, err := o.queue.Links(context.Background())
		must(t, err)
		for _, l := range links {
			pair := [2]queue.RecordKey{l.A, l.B}
			if l.A.Source > l.B.Source || l.A.Source == l.B.Source && l.A.Key > l.B.Key {
				pair[0], pair[1] = pair[1], pair[0]
			}
			if _, twice := got[pair]; twice {
				t.Fatalf("two decisions hold on %v", pair)
			}
			got[pair] = l.Same
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("links differ (-want +got):\n%s", diff)
		}
	})
}

// mutualReview is a review of one of four registrations, whose candidates are two of the others.
func mutualReview(i int) queue.Ruling {
	agencies := []string{"tax", "tax", "civil", "statistics"}
	at := func(i int, role queue.Role) queue.Side {
		i %= len(agencies)
		s := side(agencies[i], fmt.Sprint("K", i), "某协会", role)
		if role == queue.RoleCandidate {
			s.Entity = fmt.Sprintf("E%08d", 100+i)
		}
		return s
	}
	r := review(i)
	r.Key.Detail = agencies[i] + ":" + fmt.Sprint("K", i)
	r.Grounds = grounds(at(i, queue.RoleMember), at(i+1, queue.RoleCandidate), at(i+2, queue.RoleCandidate))
	return r
}

// Links are listed over several pages.
func TestManyLinks(t *testing.T) {
	clock := morning
	o := register(t, &clock)
	_, err := o.db.Exec(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500)
		INSERT INTO links (case_id, a_source, a_key, b_source, b_key, same, officer, at) SELECT i, 'tax', 'T' || i, 'civil', 'M', 1, 'Wang', ? FROM n`, time.Now().UnixNano())
	must(t, err)
	if links, err := o.queue.Links(t.Context()); err != nil || len(links) != 2500 {
		t.Errorf("%d links, %v; want 2500", len(links), err)
	}
}
