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
)

// Decision is what an officer says of a case.
type Decision struct {
	Outcome Outcome
	Reason  string
	To      string // agency that the correction goes to; empty: Case.Agency. Without a meaning where there is no correction
}

// Decide closes a case that the officer holds, or sends it on: decision, history and correction are one transaction. ErrNotHeld if the lease
// has run out or is another's, *DecisionError if something is missing in the decision.
func (q *Queue) Decide(ctx context.Context, id, officer string, d Decision) (Case, error) {
	if err := d.check(); err != nil {
		return Case{}, fmt.Errorf("decide case %q: %w", id, err)
	}
	for range citeTries {
		c, _, err := q.store.Get(ctx, id, 0)
		if err != nil {
			return Case{}, fmt.Errorf("decide case %q: %w", id, err)
		}
		if d.Outcome.Corrects() && !slices.Contains(q.agencies, cmp.Or(d.To, c.Agency)) {
			return Case{}, fmt.Errorf("decide case %q: %w", id, &DecisionError{"to", "one of " + strings.Join(q.agencies, ", ")})
		}
		// Before the transaction, for that would keep every writer waiting meanwhile.
		rows, err := q.cite(ctx, c.Grounds.Evidence)
		if err != nil {
			return Case{}, fmt.Errorf("decide case %q: find its evidence: %w", id, err)
		}
		c, err = q.move(ctx, "decide", id, decideOn{Decide{officer, d, rows}, c.Grounds})
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

// check says what is missing in a decision, and trims its reason.
func (d *Decision) check() error {
	if !slices.Contains(Outcomes(), d.Outcome) {
		return &DecisionError{"outcome", "one of confirmed, explained, data_error, forwarded"}
	}
	d.Reason = strings.TrimSpace(d.Reason)
	switch {
	case !utf8.ValidString(d.Reason) || strings.ContainsFunc(d.Reason, unprintable):
		return &DecisionError{"reason", "text"}
	case d.Reason == "":
		return &DecisionError{"reason", "a reason"}
	case utf8.RuneCountInString(d.Reason) > MaxReasonRunes:
		return &DecisionError{"reason", "at most 2,000 characters"}
	}
	return nil
}

func unprintable(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\r' && r != '\t' }

// DecisionError says what is wrong with a decision.
type DecisionError struct {
	Field string // outcome, reason or to
	Want  string // what it should be
}

// Error says what is wrong.
func (e *DecisionError) Error() string {
	return fmt.Sprintf("%s of the decision: want %s", e.Field, e.Want)
}
