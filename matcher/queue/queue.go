// Package queue makes cases of findings and takes them through the office: open, claimed, decided, sent,
// settled. What may happen to a case is a pure function (Next); a Store keeps what came of it, all
// steps of one call in one transaction. It judges no rows, and it does not write to agencies:
// corrections lie in the outbox until the hub's relay fetches them.
package queue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"hebian/hub"
	"hebian/matcher"
	"hebian/matcher/rules"
	"hebian/matcher/state"
	"hebian/schemas"
)

// Bounds of a queue.
const (
	LeaseTime      = 30 * time.Minute // for which a case is claimed: enough to look things up, short enough that none is forgotten
	MaxReasonRunes = 2000             // of a decision's reason: a page
	MaxPage        = 500              // cases of a list: more than anybody reads
	MaxEvents      = 1000             // of a case's history that are shown, the newest

	presentPage = 1000 // cases that Unsettled reads at a time
	lapsePage   = 1000 // leases that one Lapse ends
	citeTries   = 3    // of a decision, should the grounds change under it
)

// Cite finds the file and line of rows in the log.
type Cite func(ctx context.Context, refs []state.Ref) ([]schemas.CitedRow, error)

// Queue is all cases.
type Queue struct {
	store    Store
	agencies []string
	texts    map[string]rules.Text
	cite     Cite
	now      hub.Clock
}

// New gives the queue in a store. Corrections may go to the agencies named.
func New(store Store, agencies []string, cite Cite, now hub.Clock) (*Queue, error) {
	all, err := rules.Texts()
	if err != nil {
		return nil, err
	}
	q := &Queue{store: store, agencies: slices.Sorted(slices.Values(agencies)), texts: map[string]rules.Text{}, cite: cite, now: now}
	for _, text := range all {
		q.texts[text.Code] = text
	}
	return q, nil
}

// Agencies lists where corrections may go.
func (q *Queue) Agencies() []string { return slices.Clone(q.agencies) }

// Ruling is what the matcher says of one finding: that it stands, or that it does not.
type Ruling struct {
	Finding     matcher.Finding // of one that is gone, its key is enough
	Present     bool
	Provisional bool  // a source that the rule needs is not complete: nothing opens and nothing closes
	Cause       int64 // the delivery that brought it about; 0: time, or a source that became complete
}

// Judged says that a delivery was folded: the rows of a subject that it brought, less those it took back.
type Judged struct {
	Delivery int64
	Subject  string
	Rows     int64
}

// Rule takes cases to where the rulings say that they belong. It is told how things are, not what changed: a call made again changes
// nothing, and calls may be split and put together as long as the rulings on one key keep their order. Cases, history and
// the deliveries judged are one transaction; the caller bounds how much goes into it.
func (q *Queue) Rule(ctx context.Context, rulings []Ruling, judged []Judged) error {
	if len(rulings) == 0 && len(judged) == 0 {
		return nil
	}
	at := q.now()
	ids := make([]string, len(rulings))
	for i := range rulings {
		ids[i] = CaseID(matcher.KeyOf(&rulings[i].Finding))
	}
	err := q.store.Write(ctx, func(tx Tx) error {
		known, err := tx.Cases(ids)
		if err != nil {
			return err
		}
		var effects []Effects
		for i := range rulings {
			if err := q.rule(known, ids[i], &rulings[i], at, &effects); err != nil {
				return err
			}
		}
		return errors.Join(tx.Save(effects), tx.Judged(judged))
	})
	if err != nil {
		return fmt.Errorf("rule on %d findings: %w", len(rulings), err)
	}
	return nil
}

// rule applies one ruling to the cases known, and keeps what comes of it there for the next one on the same key.
func (q *Queue) rule(known map[string]Case, id string, r *Ruling, at time.Time, effects *[]Effects) error {
	c, found := known[id]
	key := matcher.KeyOf(&r.Finding)
	if found && c.Key != key {
		return fmt.Errorf("two findings of rule %s share the case %s", key.Code, id)
	}
	text, ok := q.texts[key.Code]
	if !ok {
		return fmt.Errorf("no words for rule %s", key.Code)
	}
	e, err := Next(c, Ruled{*r, text.Severity, agencyOf(key, &text)}, at)
	if err != nil || !e.Changed {
		return err
	}
	known[id] = e.Case
	*effects = append(*effects, e)
	return nil
}

// agencyOf is where the corrections of a finding go: to the agency that the words of its rule name, or to that of the file that the
// finding names.
func agencyOf(key matcher.Key, text *rules.Text) string {
	if text.Agency != "" {
		return text.Agency
	}
	agency, _, _ := strings.Cut(key.Detail, "/")
	return agency
}

// Unsettled calls fn for every case whose finding stands, as far as the queue knows: those that a ruling could close.
func (q *Queue) Unsettled(ctx context.Context, fn func(Case) error) error {
	for after := ""; ; {
		page, err := q.store.Present(ctx, after, presentPage)
		if err != nil {
			return fmt.Errorf("list cases whose findings stand: %w", err)
		}
		for i := range page {
			if err := fn(page[i]); err != nil {
				return err
			}
		}
		if len(page) < presentPage {
			return nil
		}
		after = page[len(page)-1].ID
	}
}

// List gives up to limit cases that pass a filter, the worst first, then the oldest. It goes on after a case's Cursor; empty: from the start.
func (q *Queue) List(ctx context.Context, f Filter, after string, limit int) ([]Case, error) {
	place, err := parseCursor(after)
	if err != nil {
		return nil, err
	}
	if len(f.States) == 0 {
		f.States = States()
	}
	limit = min(max(limit, 1), MaxPage)
	all, err := q.store.List(ctx, f, place, limit)
	if err != nil {
		return nil, fmt.Errorf("list cases: %w", err)
	}
	slices.SortFunc(all, func(a, b Case) int { return a.place().compare(b.place()) })
	return all[:min(len(all), limit)], nil
}

// Counts counts the cases that pass a filter by state, rule and agency.
func (q *Queue) Counts(ctx context.Context, f Filter) ([]Count, error) {
	counts, err := q.store.Counts(ctx, f)
	if err != nil {
		return nil, fmt.Errorf("count cases: %w", err)
	}
	return counts, nil
}

// Get finds a case and its history.
func (q *Queue) Get(ctx context.Context, id string) (Case, []Event, error) {
	c, events, err := q.store.Get(ctx, id, MaxEvents)
	if err != nil {
		return c, nil, fmt.Errorf("look up case %q: %w", id, err)
	}
	return c, events, nil
}

// Claim gives a case to an officer for LeaseTime; claimed again by the same officer it is held anew. *TakenError if another holds
// it, *StateError if there is nothing left to decide.
func (q *Queue) Claim(ctx context.Context, id, officer string) (Case, error) {
	return q.move(ctx, "claim", id, Claim{officer})
}

// Release gives a case back that an officer holds; ErrNotHeld otherwise.
func (q *Queue) Release(ctx context.Context, id, officer string) (Case, error) {
	return q.move(ctx, "release", id, Release{officer})
}

// move makes one move with one case.
func (q *Queue) move(ctx context.Context, what, id string, m Move) (moved Case, err error) {
	err = q.store.Write(ctx, func(tx Tx) error {
		c, err := find(tx, id)
		if err != nil {
			return err
		}
		e, err := Next(c, m, q.now())
		if err != nil {
			return err
		}
		moved = e.Case
		return tx.Save([]Effects{e})
	})
	if err != nil {
		return Case{}, fmt.Errorf("%s case %q: %w", what, id, err)
	}
	return moved, nil
}

func find(tx Tx, id string) (Case, error) {
	known, err := tx.Cases([]string{id})
	if err != nil {
		return Case{}, err
	}
	c, ok := known[id]
	if !ok {
		return Case{}, ErrUnknown
	}
	return c, nil
}

// Lapse opens the cases again whose lease has run out, and says how many.
func (q *Queue) Lapse(ctx context.Context) (int, error) {
	var effects []Effects
	err := q.store.Write(ctx, func(tx Tx) error {
		at := q.now()
		ids, err := tx.Lapsed(at, lapsePage)
		if err != nil {
			return err
		}
		known, err := tx.Cases(ids)
		if err != nil {
			return err
		}
		for _, id := range ids {
			e, err := Next(known[id], Lapse{}, at)
			if err != nil {
				return err
			}
			effects = append(effects, e)
		}
		return tx.Save(effects)
	})
	if err != nil {
		return 0, fmt.Errorf("end leases: %w", err)
	}
	return len(effects), nil
}

// JudgedDeliveries lists the deliveries that Rule was told of as folded.
func (q *Queue) JudgedDeliveries(ctx context.Context) (map[int64]bool, error) {
	judged, err := q.store.JudgedDeliveries(ctx)
	if err != nil {
		return nil, fmt.Errorf("list deliveries judged: %w", err)
	}
	return judged, nil
}

// Ledger balances every subject, all of one moment.
func (q *Queue) Ledger(ctx context.Context) ([]LedgerLine, error) {
	b := newBalance()
	if err := q.store.Ledger(ctx, b.delivery, b.folded); err != nil {
		return nil, fmt.Errorf("balance the ledger: %w", err)
	}
	return b.ledger(), nil
}
