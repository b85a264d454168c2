package queue

import (
	"slices"
	"strings"
	"time"

	"hebian/matcher"
	"hebian/matcher/rules"
)

// Ruling is what the matcher says of one finding: that it stands, or that it does not. It is a Move once the queue has
// filled in what the words of its rule say.
type Ruling struct {
	Key         matcher.Key
	Grounds     Grounds // of one that is gone, its key is enough
	Present     bool
	Lags        bool  // it does not stand at this moment, since the agencies may still follow. What was decided waits for them
	Provisional bool  // a source that the rule needs is not complete: nothing opens and nothing closes
	Cause       int64 // the delivery that brought it about; 0: time, or a source that became complete

	Severity string   // empty: as the words of the rule say
	Agencies []string // that hold the rows to put right, each once, the main one first; empty: as the words of the rule say
	Unit     string   // code that officers know a legal entity by; empty: the key's unit
	Title    string   // name of the legal entity
	Division string   // of the legal entity
}

// complete fills in what the ruling leaves to the words of its rule.
func (m Ruling) complete(text *rules.Text) Ruling {
	if m.Severity == "" {
		m.Severity = text.Severity
	}
	if len(m.Agencies) == 0 {
		m.Agencies = agenciesOf(m.Key, text)
	}
	if m.Unit == "" {
		m.Unit = string(m.Key.Unit)
	}
	m.Grounds.Sides = m.Grounds.Sides[:min(len(m.Grounds.Sides), MaxSides)]
	return m
}

// agenciesOf is where the corrections of a finding go: to the agency that the words of its rule name, or to that of the file that the
// finding names.
func agenciesOf(key matcher.Key, text *rules.Text) []string {
	if text.Agency != "" {
		return []string{text.Agency}
	}
	if agency, _, _ := strings.Cut(key.Detail, "/"); agency != "" {
		return []string{agency}
	}
	return nil
}

func (m Ruling) next(c Case, at time.Time) (Effects, error) {
	switch {
	case !m.Present && (m.Provisional || m.Lags && (c.State == Decided || c.State == Sent)):
		return Effects{Case: c}, nil // held back: the row that brings the finding again may be on its way, or the answer
	case !m.Present:
		return m.gone(c, at), nil
	case c.ID == "":
		return m.open(at), nil
	case m.Provisional && (!c.Present || m.contradicts(&c)):
		return Effects{Case: c}, nil // held back: the row that takes the finding away again may be on its way
	}
	return m.stands(c, at), nil
}

// open makes a case of a finding that has none.
func (m Ruling) open(at time.Time) Effects {
	if m.Provisional || m.Severity == info {
		return Effects{}
	}
	c := Case{ID: CaseID(m.Key), Key: m.Key, State: Open, Present: true, Grounds: m.Grounds, Opened: at}
	m.describe(&c)
	return c.changed(at, Event{Kind: EventOpened, Delivery: m.Cause})
}

// describe brings what is shown of a case up to date.
func (m Ruling) describe(c *Case) {
	c.Severity, c.Agencies, c.Unit, c.Title, c.Division = m.Severity, m.Agencies, m.Unit, m.Title, m.Division
}

// stands takes a case on whose finding stands.
func (m Ruling) stands(c Case, at time.Time) Effects {
	again := !c.Present || m.contradicts(&c)
	moved := c.Provisional != m.Provisional || c.Severity != m.Severity || !slices.Equal(c.Agencies, m.Agencies) ||
		c.Unit != m.Unit || c.Title != m.Title || c.Division != m.Division
	c.Present, c.Provisional = true, m.Provisional
	m.describe(&c)
	refreshed := !c.Grounds.same(&m.Grounds)
	if refreshed {
		c.Grounds = m.Grounds
	}
	switch {
	case again:
		c.reopen()
		return c.changed(at, Event{Kind: EventReopened, Delivery: m.Cause})
	case refreshed:
		return c.changed(at, Event{Kind: EventRefreshed, Delivery: m.Cause})
	}
	return Effects{Case: c, Changed: moved}
}

// contradicts says whether the agencies now say something else than what an officer decided on. What was accepted is not what
// stands now; a registration that was kept from one candidate may have others; and what agencies were asked to say is no longer what the
// authority says, or others differ than those that were asked.
func (m Ruling) contradicts(c *Case) bool {
	switch {
	case c.State == Explained && c.Outcome.leaves():
		return !c.Grounds.saysSame(&m.Grounds)
	case (c.State == Decided || c.State == Sent) && (c.Outcome == OutcomeAuthority || c.Outcome == OutcomeDisputed):
		return !c.Grounds.covers(&m.Grounds, c.Outcome == OutcomeDisputed)
	}
	return false
}

// reopen forgets the last decision, but not that there was one.
func (c *Case) reopen() {
	c.State, c.Relapses = Open, c.Relapses+1
	c.Officer, c.Lease, c.Outcome, c.Reason, c.To, c.Right = "", time.Time{}, "", "", "", ""
	c.Due, c.Escalated, c.Until = 0, false, 0
}

// gone takes a case on whose finding is gone for good.
func (m Ruling) gone(c Case, at time.Time) Effects {
	if !c.Present { // no case, or one that knows
		return Effects{Case: c}
	}
	c.Present, c.Provisional = false, false
	c.Due, c.Escalated, c.Until = 0, false, 0
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
