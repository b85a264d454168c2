package queue

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"hebian/schemas"
)

// Decision is what an officer says of a case. What an outcome has no use for has no meaning.
type Decision struct {
	Outcome Outcome
	Reason  string
	To      string       // agency that the correction goes to; empty: the case's main one. Of confirmed, data_error and forwarded
	Right   string       // agency whose value is right. Of disputed
	Until   schemas.Date // last day on which the difference is left alone. Of accepted
	With    string       // Side.Name of a candidate. Of same and different
}

// Decide closes a case that the officer holds, or sends it on: decision, history, corrections and link are one transaction. ErrNotHeld if
// the lease has run out or is another's, *DecisionError if something is missing in the decision.
func (q *Queue) Decide(ctx context.Context, id, officer string, d Decision) (Case, error) {
	if err := d.check(); err != nil {
		return Case{}, fmt.Errorf("decide case %q: %w", id, err)
	}
	for range citeTries {
		c, _, err := q.store.Get(ctx, id, 0)
		if err == nil {
			err = q.fits(&d, &c)
		}
		if err != nil {
			return Case{}, fmt.Errorf("decide case %q: %w", id, err)
		}
		// Before the transaction, for that would keep every writer waiting meanwhile.
		rows, err := q.cite(ctx, c.Grounds.Evidence)
		if err != nil {
			return Case{}, fmt.Errorf("decide case %q: find its evidence: %w", id, err)
		}
		c, err = q.move(ctx, "decide", id, decideOn{Decide{officer, d, rows, q.deadline(q.now())}, c.Grounds})
		if !errors.Is(err, errMoved) {
			return c, err
		}
	}
	return Case{}, fmt.Errorf("decide case %q: %w", id, errMoved)
}

// errMoved says that the grounds of a case changed while its evidence was looked up.
var errMoved = errors.New("new deliveries keep changing the case: try again")

// decideOn is a decision on the grounds whose rows it cites.
type decideOn struct {
	Decide
	grounds Grounds
}

func (m decideOn) next(c Case, at time.Time) (Effects, error) {
	if !c.Grounds.same(&m.grounds) {
		return Effects{}, errMoved
	}
	return m.Decide.next(c, at)
}

// check says what is missing in a decision on any case, and trims its reason.
func (d *Decision) check() error {
	if !slices.Contains(Outcomes(), d.Outcome) {
		return oneOf("outcome", Outcomes())
	}
	return checkReason(&d.Reason)
}

// checkReason trims a reason and says what is wrong with it.
func checkReason(reason *string) error {
	*reason = strings.TrimSpace(*reason)
	switch {
	case !utf8.ValidString(*reason) || strings.ContainsFunc(*reason, unprintable):
		return &DecisionError{"reason", "text"}
	case *reason == "":
		return &DecisionError{"reason", "a reason"}
	case utf8.RuneCountInString(*reason) > MaxReasonRunes:
		return &DecisionError{"reason", "at most 2,000 characters"}
	}
	return nil
}

func unprintable(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\r' && r != '\t' }

// fits says what keeps a decision from being one on a case.
func (q *Queue) fits(d *Decision, c *Case) error {
	g := &c.Grounds
	switch {
	case !slices.Contains(OutcomesOf(c.Key.Code), d.Outcome):
		return oneOf("outcome", OutcomesOf(c.Key.Code))
	case d.Outcome == OutcomeAuthority && (g.side(RoleAuthority, "") == nil || g.side(RoleDiffers, "") == nil),
		d.Outcome == OutcomeDisputed && g.side(RoleAuthority, "") == nil:
		return &DecisionError{"outcome", "another: there is no authority, or nobody differs from it"}
	case d.Outcome == OutcomeDisputed && g.differing(d.Right) == nil:
		return oneOf("right", g.dissenters())
	case d.Outcome == OutcomeAccepted:
		if today := schemas.DateOf(q.now()); d.Until <= today || d.Until > today.AddMonths(MaxAcceptMonths) {
			return &DecisionError{"until", fmt.Sprintf("a day after today, within %d months", MaxAcceptMonths)}
		}
	case d.Outcome.links() && g.candidate(d.With) == nil:
		return oneOf("with", g.candidates())
	}
	for _, agency := range d.asks(c) {
		if !slices.Contains(q.agencies, agency) {
			return oneOf("to", q.agencies)
		}
	}
	return nil
}

// asks lists the agencies that a decision asks to put something right, each once.
func (d *Decision) asks(c *Case) (agencies []string) {
	switch {
	case !d.Outcome.Corrects():
	case d.Outcome == OutcomeAuthority:
		for i := range c.Grounds.Sides {
			if s := &c.Grounds.Sides[i]; s.Role == RoleDiffers && !slices.Contains(agencies, s.Agency) {
				agencies = append(agencies, s.Agency)
			}
		}
	case d.Outcome == OutcomeDisputed:
		agencies = []string{c.Grounds.side(RoleAuthority, "").Agency}
	default:
		agencies = []string{cmp.Or(d.To, c.Agency())}
	}
	return agencies
}

// differing finds an agency's first side that differs from the authority, be it with delay.
func (g *Grounds) differing(agency string) *Side {
	if agency == "" {
		return nil
	}
	return cmp.Or(g.side(RoleDiffers, agency), g.side(RoleLag, agency))
}

// dissenters lists the agencies with a side that differs.
func (g *Grounds) dissenters() (agencies []string) {
	for _, s := range g.Sides {
		if (s.Role == RoleDiffers || s.Role == RoleLag) && !slices.Contains(agencies, s.Agency) {
			agencies = append(agencies, s.Agency)
		}
	}
	return agencies
}

// candidate finds a candidate by its name.
func (g *Grounds) candidate(name string) *Side {
	for i := range g.Sides {
		if s := &g.Sides[i]; s.Role == RoleCandidate && s.Name() == name {
			return s
		}
	}
	return nil
}

func (g *Grounds) candidates() (names []string) {
	for i := range g.Sides {
		if s := &g.Sides[i]; s.Role == RoleCandidate {
			names = append(names, s.Name())
		}
	}
	return names
}

// DecisionError says what is wrong with a decision.
type DecisionError struct {
	Field string // outcome, reason, to, right, until or with
	Want  string // what it should be
}

func oneOf[T ~string](field string, choices []T) error {
	var names []string
	for _, choice := range choices {
		names = append(names, string(choice))
	}
	return &DecisionError{field, "one of " + strings.Join(names, ", ")}
}

// Error says what is wrong.
func (e *DecisionError) Error() string {
	return fmt.Sprintf("%s of the decision: want %s", e.Field, e.Want)
}
