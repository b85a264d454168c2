package queue_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hebian/matcher"
	"hebian/matcher/queue"
	"hebian/matcher/state"
)

// What every move does to a case in every state: the state after it and the line of the history, or who is told what.
func TestMachine(t *testing.T) {
	const want = `
the finding stands
  no case           -> open: opened
  open              -> open
  held by Wang      -> claimed
  lease run out     -> claimed
  decided           -> decided
  sent              -> sent
  settled           -> open: reopened
  explained by Wang -> explained
  explained, gone   -> open: reopened
  explained itself  -> open: reopened
it stands on other rows
  no case           -> open: opened
  open              -> open: refreshed
  held by Wang      -> claimed: refreshed
  lease run out     -> claimed: refreshed
  decided           -> decided: refreshed
  sent              -> sent: refreshed
  settled           -> open: reopened
  explained by Wang -> explained: refreshed
  explained, gone   -> open: reopened
  explained itself  -> open: reopened
it stands, provisionally
  no case           -> no case
  open              -> open
  held by Wang      -> claimed
  lease run out     -> claimed
  decided           -> decided
  sent              -> sent
  settled           -> settled
  explained by Wang -> explained
  explained, gone   -> explained
  explained itself  -> explained
it is gone
  no case           -> no case
  open              -> explained: explained
  held by Wang      -> explained: explained
  lease run out     -> explained: explained
  decided           -> settled: settled
  sent              -> settled: settled
  settled           -> settled
  explained by Wang -> explained: gone
  explained, gone   -> explained
  explained itself  -> explained
it is gone, provisionally
  no case           -> no case
  open              -> open
  held by Wang      -> claimed
  lease run out     -> claimed
  decided           -> decided
  sent              -> sent
  settled           -> settled
  explained by Wang -> explained
  explained, gone   -> explained
  explained itself  -> explained
it is worth a note only
  no case           -> no case
Wang claims
  open              -> claimed: claimed
  held by Wang      -> claimed
  lease run out     -> claimed
  decided           -> no: it is decided
  sent              -> no: it is sent
  settled           -> no: it is settled
  explained by Wang -> no: it is explained
  explained, gone   -> no: it is explained
  explained itself  -> no: it is explained
Li claims
  open              -> claimed: claimed
  held by Wang      -> no: Wang holds it until 08:30
  lease run out     -> claimed: claimed
  decided           -> no: it is decided
  sent              -> no: it is sent
  settled           -> no: it is settled
  explained by Wang -> no: it is explained
  explained, gone   -> no: it is explained
  explained itself  -> no: it is explained
Wang releases
  open              -> no: not held
  held by Wang      -> open: released
  lease run out     -> no: not held
  decided           -> no: not held
  sent              -> no: not held
  settled           -> no: not held
  explained by Wang -> no: not held
  explained, gone   -> no: not held
  explained itself  -> no: not held
Li releases
  held by Wang      -> no: not held
leases are looked at
  open              -> open
  held by Wang      -> claimed
  lease run out     -> open: lapsed
  decided           -> decided
  sent              -> sent
  settled           -> settled
  explained by Wang -> explained
  explained, gone   -> explained
  explained itself  -> explained
Wang confirms
  open              -> no: not held
  held by Wang      -> decided: decided, correction to finance
  lease run out     -> no: not held
  decided           -> no: not held
  sent              -> no: not held
  settled           -> no: not held
  explained by Wang -> no: not held
  explained, gone   -> no: not held
  explained itself  -> no: not held
Wang forwards
  held by Wang      -> decided: decided, correction to hr
Wang explains
  held by Wang      -> explained: decided
Li confirms
  held by Wang      -> no: not held
the agency has the correction
  open              -> open: sent
  held by Wang      -> claimed: sent
  decided           -> sent: sent
  settled           -> settled: sent
the agency has one of an earlier decision
  decided           -> decided: sent
`
	got := "\n"
	for _, m := range moves() {
		got += m.name + "\n"
		for _, c := range startingCases(t) {
			if line, ok := outcome(m.move, c.in); ok && (m.in == "" || strings.Contains(m.in, c.name)) {
				got += fmt.Sprintf("  %-17s -> %s\n", c.name, line)
			}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("moves differ (-want +got):\n%s", diff)
	}
}

var morning = time.Date(2026, 9, 30, 8, 0, 0, 0, time.UTC)

type namedMove struct {
	name string
	move queue.Move
	in   string // states that are shown; empty: all
}

// moves are all that can happen to the case of finding(0).
func moves() []namedMove {
	f := finding(0)
	other := f
	other.Evidence = append([]state.Ref{1}, f.Evidence[1:]...)
	ruled := func(f matcher.Finding, present, provisional bool) queue.Move {
		r := ruling(f, present, 7)
		r.Provisional, r.Severity, r.Agencies = provisional, "high", []string{"finance"}
		return r
	}
	decide := func(officer string, o queue.Outcome, to string) queue.Move {
		return queue.Decide{Officer: officer, Decision: queue.Decision{Outcome: o, Reason: "looked at the file", To: to}}
	}
	note := ruling(f, true, 0)
	note.Severity, note.Agencies = "info", []string{"finance"}
	return []namedMove{
		{"the finding stands", ruled(f, true, false), ""},
		{"it stands on other rows", ruled(other, true, false), ""},
		{"it stands, provisionally", ruled(f, true, true), ""},
		{"it is gone", ruled(f, false, false), ""},
		{"it is gone, provisionally", ruled(f, false, true), ""},
		{"it is worth a note only", note, "no case"},
		{"Wang claims", queue.Claim{Officer: "Wang"}, ""},
		{"Li claims", queue.Claim{Officer: "Li"}, ""},
		{"Wang releases", queue.Release{Officer: "Wang"}, ""},
		{"Li releases", queue.Release{Officer: "Li"}, "held by Wang"},
		{"leases are looked at", queue.Lapse{}, ""},
		{"Wang confirms", decide("Wang", queue.OutcomeConfirmed, ""), ""},
		{"Wang forwards", decide("Wang", queue.OutcomeForwarded, "hr"), "held by Wang"},
		{"Wang explains", decide("Wang", queue.OutcomeExplained, "hr"), "held by Wang"},
		{"Li confirms", decide("Li", queue.OutcomeConfirmed, ""), "held by Wang"},
		{"the agency has the correction", queue.Relayed{Decision: 1, To: "finance"}, "open held by Wang decided settled"},
		{"the agency has one of an earlier decision", queue.Relayed{Decision: 0, To: "finance"}, "decided"},
	}
}

type namedCase struct {
	name string
	in   queue.Case
}

// startingCases are cases in every state, each made by the moves that lead there.
func startingCases(t *testing.T) []namedCase {
	byName := map[string]queue.Move{}
	for _, m := range moves() {
		byName[m.name] = m.move
	}
	after := func(names ...string) (c queue.Case) {
		for _, name := range names {
			e, err := queue.Next(c, byName[name], morning)
			if err != nil {
				t.Fatal(err)
			}
			c = e.Case
		}
		return c
	}
	lapsed := after("the finding stands", "Wang claims")
	lapsed.Lease = morning
	return []namedCase{
		{"no case", after()},
		{"open", after("the finding stands")},
		{"held by Wang", after("the finding stands", "Wang claims")},
		{"lease run out", lapsed},
		{"decided", after("the finding stands", "Wang claims", "Wang confirms")},
		{"sent", after("the finding stands", "Wang claims", "Wang confirms", "the agency has the correction")},
		{"settled", after("the finding stands", "Wang claims", "Wang confirms", "it is gone")},
		{"explained by Wang", after("the finding stands", "Wang claims", "Wang explains")},
		{"explained, gone", after("the finding stands", "Wang claims", "Wang explains", "it is gone")},
		{"explained itself", after("the finding stands", "it is gone")},
	}
}

// outcome says in a line what a move does; ok is false where nobody can make it.
func outcome(m queue.Move, c queue.Case) (line string, ok bool) {
	if _, ruled := m.(queue.Ruling); !ruled && c.ID == "" {
		return "", false
	}
	e, err := queue.Next(c, m, morning)
	var taken *queue.TakenError
	var wrong *queue.StateError
	switch {
	case errors.As(err, &taken):
		return fmt.Sprintf("no: %s holds it until %s", taken.By, taken.Until.Format("15:04")), true
	case errors.As(err, &wrong):
		return fmt.Sprintf("no: it is %s", wrong.State), true
	case errors.Is(err, queue.ErrNotHeld):
		return "no: not held", true
	case err != nil:
		return "no: " + err.Error(), true
	case e.Case.ID == "":
		return "no case", true
	}
	line = string(e.Case.State)
	for _, event := range e.Events {
		line += ": " + string(event.Kind)
	}
	for _, correction := range e.Corrections {
		line += ", correction to " + correction.Agency
	}
	return line, true
}

// A relapse forgets the decision, but not that there was one; the correction of the next has another ID.
func TestRelapse(t *testing.T) {
	byName := map[string]queue.Move{}
	for _, m := range moves() {
		byName[m.name] = m.move
	}
	var c queue.Case
	var corrections []string
	for _, name := range []string{"the finding stands", "Wang claims", "Wang confirms", "it is gone", "the finding stands", "Wang claims", "Wang forwards"} {
		e, err := queue.Next(c, byName[name], morning)
		if err != nil {
			t.Fatal(err)
		}
		if name == "the finding stands" && (e.Case.Officer != "" || e.Case.Reason != "" || e.Case.To != "" || e.Case.Outcome != "") {
			t.Errorf("opened, the case still holds a decision: %+v", e.Case)
		}
		c = e.Case
		for _, correction := range e.Corrections {
			corrections = append(corrections, correction.ID)
		}
	}
	if c.Decisions != 2 || c.Relapses != 1 || c.Events != 7 {
		t.Errorf("%d decisions, %d relapses, %d lines of history; want 2, 1, 7", c.Decisions, c.Relapses, c.Events)
	}
	if len(corrections) != 2 || corrections[0] == corrections[1] {
		t.Errorf("corrections are %q, want two different ones", corrections)
	}
}

func TestCaseID(t *testing.T) {
	key := matcher.Key{Code: "PAID_NO_SLOT", Person: "139721199001010014", Unit: "12139721A", Month: 202609}
	// Fixed: a case must be found again by every later version.
	if got, want := queue.CaseID(key), "1ec2b567071aee5b"; got != want {
		t.Errorf("CaseID = %s, want %s", got, want)
	}
	moved := matcher.Key{Code: "PAID_NO_SLOT", Person: "139721199001010014", Unit: "12139721", Month: 202609, Detail: "A"}
	if queue.CaseID(moved) == queue.CaseID(key) {
		t.Error("a letter that moves from one part of the key to another makes no difference")
	}
	entity := matcher.Key{Code: "ENTITY_CONFLICT", Entity: "E00000042", Detail: "address"}
	if got, want := queue.CaseID(entity), "6dbeda9e603de209"; got != want {
		t.Errorf("CaseID = %s, want %s", got, want)
	}
}
