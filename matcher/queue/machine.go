package queue

import (
	"strings"
	"time"

	"hebian/schemas"
)

// Move is one thing that happens to a case: a Ruling, Claim, Release, Lapse, Decide, Relayed, Expire, Escalate or Revoke.
type Move interface {
	next(c Case, at time.Time) (Effects, error)
}

// Effects is what a move does. Without events nothing about the case is worth a line; without Changed there is nothing to keep.
type Effects struct {
	Case        Case
	Changed     bool
	Events      []Event
	Corrections []schemas.Correction // for the outbox
	Link        *LinkDecision
}

// Next says what a move does to a case. It is pure: the same case, move and time give the same effects, and nothing is kept.
// A case without an ID is one that is not there yet.
func Next(c Case, m Move, at time.Time) (Effects, error) {
	return m.next(c, at)
}

// changed gives the effects of a step that is worth a line in the history.
func (c Case) changed(at time.Time, e Event) Effects {
	c.Events++
	c.Updated = at
	e.Case, e.N, e.At, e.State = c.ID, c.Events, at, c.State
	return Effects{Case: c, Changed: true, Events: []Event{e}}
}

// Claim is an officer taking a case.
type Claim struct{ Officer string }

func (m Claim) next(c Case, at time.Time) (Effects, error) {
	switch {
	case c.State != Open && c.State != Claimed:
		return Effects{}, &StateError{c.State}
	case c.held(at) && c.Officer != m.Officer:
		return Effects{}, &TakenError{c.Officer, c.Lease}
	}
	again := c.State == Claimed && c.Officer == m.Officer
	c.State, c.Officer, c.Lease = Claimed, m.Officer, at.Add(LeaseTime)
	if again {
		return Effects{Case: c, Changed: true}, nil // no step, only more time
	}
	return c.changed(at, Event{Kind: EventClaimed, Officer: m.Officer}), nil
}

// held says whether an officer holds the case. A lease that has run out is free.
func (c *Case) held(at time.Time) bool { return c.State == Claimed && at.Before(c.Lease) }

// Release is an officer giving a case back.
type Release struct{ Officer string }

func (m Release) next(c Case, at time.Time) (Effects, error) {
	if !c.held(at) || c.Officer != m.Officer {
		return Effects{}, ErrNotHeld
	}
	c.State, c.Officer, c.Lease = Open, "", time.Time{}
	return c.changed(at, Event{Kind: EventReleased, Officer: m.Officer}), nil
}

// Lapse is a lease running out.
type Lapse struct{}

func (Lapse) next(c Case, at time.Time) (Effects, error) {
	if c.State != Claimed || c.held(at) {
		return Effects{Case: c}, nil
	}
	officer := c.Officer
	c.State, c.Officer, c.Lease = Open, "", time.Time{}
	return c.changed(at, Event{Kind: EventLapsed, Officer: officer}), nil
}

// Decide is an officer's decision. It is one that fits the case; rows are what the finding stands on, due is the day that the
// corrections name, 0 for none.
type Decide struct {
	Officer  string
	Decision Decision
	Rows     []schemas.CitedRow
	Due      schemas.Date
}

func (m Decide) next(c Case, at time.Time) (Effects, error) {
	if !c.held(at) || c.Officer != m.Officer {
		return Effects{}, ErrNotHeld
	}
	c.State, c.Lease = Decided, time.Time{}
	c.Outcome, c.Reason, c.To = m.Decision.Outcome, m.Decision.Reason, strings.Join(m.Decision.asks(&c), " ")
	c.Decisions++
	e := Event{Kind: EventDecided, Officer: m.Officer, Outcome: c.Outcome, Reason: c.Reason, To: c.To}
	if c.Outcome.Corrects() {
		if c.Outcome == OutcomeDisputed {
			c.Right = m.Decision.Right
		}
		corrections := c.corrections(&m, at)
		e.Correction = idsOf(corrections)
		effects := c.changed(at, e)
		effects.Corrections = corrections
		return effects, nil
	}
	c.State = Explained
	if c.Outcome == OutcomeAccepted {
		c.Until = m.Decision.Until
	}
	effects := c.changed(at, e)
	if c.Outcome.links() {
		effects.Link = c.link(&m, at)
	}
	return effects, nil
}

// Relayed is an agency having a correction of a decision, or a reminder.
type Relayed struct {
	Decision   int // which of the case's
	Correction string
	To         string
	Reminder   bool
	Left       int          // further corrections of that decision that were not sent
	Due        schemas.Date // by which agencies should answer what is sent now; 0: no day is set
}

func (m Relayed) next(c Case, at time.Time) (Effects, error) {
	e := Event{Kind: EventSent, To: m.To, Correction: m.Correction}
	switch {
	case m.Reminder:
		e.Kind = EventReminded
	case c.State == Decided && c.Decisions == m.Decision && m.Left == 0: // else the case went on meanwhile, or waits for others
		c.State, c.Due = Sent, m.Due
	}
	return c.changed(at, e), nil
}

// Expire is the time being over for which a difference was accepted.
type Expire struct{}

func (Expire) next(c Case, at time.Time) (Effects, error) {
	if c.State != Explained || c.Until == 0 || schemas.DateOf(at) <= c.Until {
		return Effects{Case: c}, nil
	}
	c.reopen()
	return c.changed(at, Event{Kind: EventExpired}), nil
}

// Escalate is the day having passed by which agencies should have answered. Asked are the corrections that they have.
type Escalate struct{ Asked []schemas.Correction }

func (m Escalate) next(c Case, at time.Time) (Effects, error) {
	if c.State != Sent || c.Due == 0 || c.Escalated || schemas.DateOf(at) <= c.Due {
		return Effects{Case: c}, nil
	}
	c.Escalated = true
	effects := c.changed(at, Event{Kind: EventEscalated, Officer: c.Officer, To: c.To})
	effects.Corrections = c.reminders(m.Asked)
	return effects, nil
}

// Revoke is an officer taking the case's last link decision back.
type Revoke struct{ Officer, Reason string }

func (m Revoke) next(c Case, at time.Time) (Effects, error) {
	if c.State == Explained && c.Outcome.links() {
		if c.Present {
			c.reopen()
		} else { // as far as anybody knows the finding went by itself; if it comes back, the case opens again
			c.Officer, c.Outcome, c.Reason = "", OutcomeExplained, ""
		}
	}
	return c.changed(at, Event{Kind: EventRevoked, Officer: m.Officer, Reason: m.Reason}), nil
}
