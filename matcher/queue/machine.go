package queue

import (
	"cmp"
	"time"

	"hebian/matcher"
	"hebian/schemas"
)

// Move is one thing that happens to a case: a Ruled, Claim, Release, Lapse, Decide or Relayed.
type Move interface {
	next(c Case, at time.Time) (Effects, error)
}

// Effects is what a move does. Without events nothing about the case is worth a line; without Changed there is nothing to keep.
type Effects struct {
	Case       Case
	Changed    bool
	Events     []Event
	Correction *schemas.Correction // for the outbox
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

// Ruled is a ruling of the matcher, with the severity of its rule and the agency that its corrections go to.
type Ruled struct {
	Ruling
	Severity string
	Agency   string
}

func (m Ruled) next(c Case, at time.Time) (Effects, error) {
	switch {
	case !m.Present && m.Provisional:
		return Effects{Case: c}, nil // held back: the row that brings the finding again may be on its way
	case !m.Present:
		return m.gone(c, at), nil
	case c.ID == "":
		return m.open(at), nil
	case !c.Present && m.Provisional:
		return Effects{Case: c}, nil // held back: the row that takes the finding away again may be on its way
	}
	return m.stands(c, at), nil
}

// open makes a case of a finding that has none.
func (m Ruled) open(at time.Time) Effects {
	if m.Provisional || m.Severity == info {
		return Effects{}
	}
	key := matcher.KeyOf(&m.Finding)
	c := Case{
		ID: CaseID(key), Key: key, State: Open, Present: true, Grounds: groundsOf(&m.Finding),
		Severity: m.Severity, Agency: m.Agency, Opened: at,
	}
	return c.changed(at, Event{Kind: EventOpened, Delivery: m.Cause})
}

// stands takes a case on whose finding stands.
func (m Ruled) stands(c Case, at time.Time) Effects {
	relapse := !c.Present
	moved := c.Provisional != m.Provisional || c.Severity != m.Severity || c.Agency != m.Agency
	c.Present, c.Provisional, c.Severity, c.Agency = true, m.Provisional, m.Severity, m.Agency
	grounds := groundsOf(&m.Finding)
	refreshed := !c.Grounds.same(&grounds)
	if refreshed {
		c.Grounds = grounds
	}
	switch {
	case relapse:
		c.State, c.Relapses = Open, c.Relapses+1
		c.Officer, c.Lease, c.Outcome, c.Reason, c.To = "", time.Time{}, "", "", ""
		return c.changed(at, Event{Kind: EventReopened, Delivery: m.Cause})
	case refreshed:
		return c.changed(at, Event{Kind: EventRefreshed, Delivery: m.Cause})
	}
	return Effects{Case: c, Changed: moved}
}

// gone takes a case on whose finding is gone for good.
func (m Ruled) gone(c Case, at time.Time) Effects {
	if !c.Present { // no case, or one that knows
		return Effects{Case: c}
	}
	c.Present, c.Provisional = false, false
	e := Event{Delivery: m.Cause, Officer: c.Officer, Outcome: c.Outcome}
	switch c.State {
	case Open, Claimed:
		c.State, c.Officer, c.Lease, c.Outcome = Explained, "", time.Time{}, OutcomeExplained
		e = Event{Kind: EventExplained, Delivery: m.Cause, Outcome: OutcomeExplained}
	case Decided, Sent:
		c.State, e.Kind = Settled, EventSettled
	default: // explained by an officer: it stays so, and a relapse will open it again
		e.Kind = EventGone
	}
	return c.changed(at, e)
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

// Decide is an officer's decision. The decision is one that check let through; rows are what the finding stands on.
type Decide struct {
	Officer  string
	Decision Decision
	Rows     []schemas.CitedRow
}

func (m Decide) next(c Case, at time.Time) (Effects, error) {
	if !c.held(at) || c.Officer != m.Officer {
		return Effects{}, ErrNotHeld
	}
	c.State, c.Lease = Decided, time.Time{}
	c.Outcome, c.Reason, c.To = m.Decision.Outcome, m.Decision.Reason, ""
	c.Decisions++
	e := Event{Kind: EventDecided, Officer: m.Officer, Outcome: c.Outcome, Reason: c.Reason}
	if !c.Outcome.Corrects() {
		c.State = Explained
		return c.changed(at, e), nil
	}
	c.To = cmp.Or(m.Decision.To, c.Agency)
	correction := c.correction(at, m.Rows)
	e.To, e.Correction = c.To, correction.ID
	effects := c.changed(at, e)
	effects.Correction = correction
	return effects, nil
}

// correction is what the case's last decision asks of an agency.
func (c *Case) correction(at time.Time, rows []schemas.CitedRow) *schemas.Correction {
	correction := &schemas.Correction{
		Case: c.ID, ID: correctionID(c.ID, c.Decisions).String(), Agency: c.To, Outcome: string(c.Outcome), Reason: c.Reason,
		Code: c.Key.Code, Person: c.Key.Person, Unit: c.Key.Unit, Detail: c.Key.Detail,
		Decided: at.UTC().Format(time.RFC3339), Rows: append([]schemas.CitedRow{}, rows...), // never null in JSON
	}
	if c.Key.Month != 0 {
		correction.Month = &c.Key.Month
	}
	return correction
}

// Relayed is the agency having the correction of a decision.
type Relayed struct {
	Decision   int // which of the case's
	Correction string
	To         string
}

func (m Relayed) next(c Case, at time.Time) (Effects, error) {
	if c.State == Decided && c.Decisions == m.Decision { // else the case went on meanwhile
		c.State = Sent
	}
	return c.changed(at, Event{Kind: EventSent, To: m.To, Correction: m.Correction}), nil
}
