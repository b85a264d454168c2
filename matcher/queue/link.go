package queue

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// LinkDecision is what an officer decided on two registrations: that they are of one legal entity, or that they are not.
type LinkDecision struct {
	Case    string
	A, B    RecordKey // the registration under review, and one of the candidate's
	Same    bool
	Officer string
	At      time.Time
}

// RecordKey names a registration as its agency does.
type RecordKey struct{ Source, Key string }

func (k RecordKey) compare(o RecordKey) int {
	return cmp.Or(strings.Compare(k.Source, o.Source), strings.Compare(k.Key, o.Key))
}

// link is what the case's last decision says of two registrations.
func (c *Case) link(m *Decide, at time.Time) *LinkDecision {
	source, key, _ := strings.Cut(c.Key.Detail, ":")
	with := c.Grounds.candidate(m.Decision.With)
	return &LinkDecision{
		Case: c.ID, A: RecordKey{source, key}, B: RecordKey{with.Agency, with.Key}, Same: c.Outcome == OutcomeSame, Officer: m.Officer, At: at,
	}
}

// Links lists the link decisions that hold: of each two registrations the newest that was not taken back. They are sorted by the registrations.
func (q *Queue) Links(ctx context.Context) ([]LinkDecision, error) {
	holds := map[[2]RecordKey]LinkDecision{}
	if err := q.store.Links(ctx, func(l LinkDecision) { holds[l.pair()] = l }); err != nil {
		return nil, fmt.Errorf("list link decisions: %w", err)
	}
	return slices.SortedFunc(maps.Values(holds), func(a, b LinkDecision) int {
		p, o := a.pair(), b.pair()
		return cmp.Or(p[0].compare(o[0]), p[1].compare(o[1]))
	}), nil
}

// pair is the two registrations, whichever was under review.
func (l *LinkDecision) pair() [2]RecordKey {
	if l.A.compare(l.B) > 0 {
		return [2]RecordKey{l.B, l.A}
	}
	return [2]RecordKey{l.A, l.B}
}

// ErrNoLink says that a case has no link decision that could be taken back.
var ErrNoLink = errors.New("the case has no link decision that holds")

// Revoke takes the case's last link decision back; the one before it holds again, if there was one. The case opens if its finding
// stands, or else when it comes back. ErrNoLink if there is nothing to take back, *DecisionError if the reason is missing.
func (q *Queue) Revoke(ctx context.Context, id, officer, reason string) (revoked Case, err error) {
	err = checkReason(&reason)
	if err == nil {
		err = q.store.Write(ctx, func(tx Tx) error {
			at := q.now()
			c, err := find(tx, id)
			if err != nil {
				return err
			}
			found, err := tx.RevokeLink(id, at)
			if err != nil {
				return err
			}
			if !found {
				return ErrNoLink
			}
			e, err := Next(c, Revoke{officer, reason}, at)
			if err != nil {
				return err
			}
			revoked = e.Case
			return tx.Save([]Effects{e})
		})
	}
	if err != nil {
		return Case{}, fmt.Errorf("take back the link of case %q: %w", id, err)
	}
	return revoked, nil
}
