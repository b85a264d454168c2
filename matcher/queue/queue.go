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
	"time"

	"hebian/hub"
	"hebian/matcher/entity"
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

	MaxAcceptMonths = 36 // for which a difference may be accepted

	presentPage = 1000 // cases that Unsettled reads at a time
	lapsePage   = 1000 // cases of a kind that one Lapse takes on
	citeTries   = 3    // of a decision, should the grounds change under it
)

// Cite finds the file and line of rows in the log.
type Cite func(ctx context.Context, refs []state.Ref) ([]schemas.CitedRow, error)

// Deadline gives the day by which agencies should have answered what is sent at a time.
type Deadline func(sent time.Time) schemas.Date

// Queue is all cases.
type Queue struct {
	store    Store
	agencies []string
	texts    map[string]rules.Text
	cite     Cite
	now      hub.Clock
	deadline Deadline
}

// New gives the queue in a store. Corrections may go to the agencies named. Without a deadline no day is set for their answers.
func New(store Store, agencies []string, cite Cite, now hub.Clock, deadline Deadline) (*Queue, error) {
	all, err := Texts()
	if err != nil {
		return nil, err
	}
	if deadline == nil {
		deadline = func(time.Time) schemas.Date { return 0 }
	}
	q := &Queue{
		store: store, agencies: slices.Sorted(slices.Values(agencies)), texts: map[string]rules.Text{}, cite: cite, now: now, deadline: deadline,
	}
	for _, text := range all {
		q.texts[text.Code] = text
	}
	return q, nil
}

// Texts gives the words for the code of every finding that can have a case, in the order of a case list.
func Texts() ([]rules.Text, error) {
	people, err := rules.Texts()
	if err != nil {
		return nil, err
	}
	entities, err := entity.Texts()
	if err != nil {
		return nil, err
	}
	return slices.Concat(people, entities), nil
}

// Agencies lists where corrections may go.
func (q *Queue) Agencies() []string { return slices.Clone(q.agencies) }

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
		ids[i] = CaseID(rulings[i].Key)
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
	if found && c.Key != r.Key {
		return fmt.Errorf("two findings of rule %s share the case %s", r.Key.Code, id)
	}
	text, ok := q.texts[r.Key.Code]
	if !ok {
		return fmt.Errorf("no words for rule %s", r.Key.Code)
	}
	if r.Key.Entity != "" && r.Key.Unit != "" {
		return fmt.Errorf("a finding of rule %s is about a unit and a legal entity", r.Key.Code)
	}
	complete := r.complete(&text)
	if SeverityRank(complete.Severity) < 0 {
		return fmt.Errorf("a finding of rule %s is %q, no severity", r.Key.Code, complete.Severity)
	}
	e, err := Next(c, complete, at)
	if err != nil || !e.Changed {
		return err
	}
	known[id] = e.Case
	*effects = append(*effects, e)
	return nil
}

// Changes says whether a ruling would change anything about a case as it is kept.
func (q *Queue) Changes(c Case, r Ruling) bool {
	text, ok := q.texts[r.Key.Code]
	if !ok {
		return true // Rule says what is wrong
	}
	e, err := Next(c, r.complete(&text), q.now())
	return err != nil || e.Changed
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

// Lapse does what time does to cases, and says to how many: those whose lease has run out are open again; those sent whose day
// has passed are escalated, and their agencies reminded; differences accepted up to a day are open again after it.
func (q *Queue) Lapse(ctx context.Context) (lapsed int, err error) {
	for _, end := range []func(tx Tx, at time.Time) ([]Effects, error){endLeases, escalate, expire} {
		var effects []Effects
		failed := q.store.Write(ctx, func(tx Tx) (err error) {
			if effects, err = end(tx, q.now()); err != nil {
				return err
			}
			return tx.Save(effects)
		})
		if failed != nil { // what time does to the other cases does not wait for it
			err = errors.Join(err, fmt.Errorf("end leases and terms: %w", failed))
			continue
		}
		lapsed += len(effects)
	}
	return lapsed, err
}

func endLeases(tx Tx, at time.Time) ([]Effects, error) {
	ids, err := tx.Lapsed(at, lapsePage)
	if err != nil {
		return nil, err
	}
	return moveAll(tx, ids, at, func(*Case) (Move, error) { return Lapse{}, nil })
}

func escalate(tx Tx, at time.Time) ([]Effects, error) {
	ids, err := tx.Overdue(schemas.DateOf(at), lapsePage)
	if err != nil {
		return nil, err
	}
	return moveAll(tx, ids, at, func(c *Case) (Move, error) {
		asked, err := tx.Asked(c.ID, c.Decisions)
		return Escalate{asked}, err
	})
}

func expire(tx Tx, at time.Time) ([]Effects, error) {
	ids, err := tx.Expired(schemas.DateOf(at), lapsePage)
	if err != nil {
		return nil, err
	}
	return moveAll(tx, ids, at, func(*Case) (Move, error) { return Expire{}, nil })
}

// moveAll makes a move with each of some cases.
func moveAll(tx Tx, ids []string, at time.Time, move func(*Case) (Move, error)) ([]Effects, error) {
	known, err := tx.Cases(ids)
	if err != nil {
		return nil, err
	}
	var effects []Effects
	for _, id := range ids {
		c := known[id]
		m, err := move(&c)
		if err != nil {
			return nil, err
		}
		e, err := Next(c, m, at)
		if err != nil {
			return nil, err
		}
		effects = append(effects, e)
	}
	return effects, nil
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
