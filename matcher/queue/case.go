package queue

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"hebian/matcher"
	"hebian/schemas"
)

// Case is a finding on its way through the office.
type Case struct {
	ID    string // CaseID of the key
	Key   matcher.Key
	State State

	// Present says whether the finding stands, as far as complete sources say. Provisional says that its newest
	// grounds come from sources that are not complete.
	Present     bool
	Provisional bool
	Grounds     Grounds

	Severity string   // critical, high, medium, low
	Agencies []string // that hold the rows to put right, the main one first: a correction goes there unless the officer names another
	Unit     string   // code that officers know the unit or legal entity by
	Title    string   // name of the legal entity; empty for persons and units
	Division string   // of the legal entity
	Opened   time.Time
	Updated  time.Time

	Officer string    // who holds the case, or decided it
	Lease   time.Time // until when it is held; zero when nobody does

	Outcome   Outcome      // of the last decision; empty before one, and after a relapse
	Reason    string       // the officer's; empty when the case was explained by a later delivery
	To        string       // agencies that corrections go to, a blank between two
	Right     string       // agency whose value the officer found right, where it is not the authority's
	Due       schemas.Date // by which those agencies should have answered; 0 unless the case is sent, or where none is set
	Escalated bool         // that day has passed
	Until     schemas.Date // last day on which an accepted difference is left alone; 0 where there is none
	Decisions int          // how many were taken
	Relapses  int          // how often it was opened again
	Events    int          // lines of its history
}

// Agency is the main one of the agencies; empty if there is none.
func (c *Case) Agency() string {
	if len(c.Agencies) == 0 {
		return ""
	}
	return c.Agencies[0]
}

// State is how far a case has come.
type State string

// The states.
const (
	Open      State = "open"
	Claimed   State = "claimed"   // an officer holds it
	Decided   State = "decided"   // a correction waits to go out
	Sent      State = "sent"      // the agencies have the corrections
	Settled   State = "settled"   // the finding went after a decision
	Explained State = "explained" // an officer said why it is none, or the finding went before a decision
)

// States lists the states, in the order in which a case goes through them.
func States() []State { return []State{Open, Claimed, Decided, Sent, Settled, Explained} }

// severities from the worst on: the order of a case list. A finding of severity info opens no case.
var severities = []string{"critical", "high", "medium", "low", "info"}

const info = "info"

// SeverityRank is the place of a severity in the order of a case list, 0 the worst; -1 for none of them.
func SeverityRank(severity string) int { return slices.Index(severities, severity) }

// Rank is where a case belongs in a list by severity, and by whether it is escalated: FirstRank of the severity, or one more.
func (c *Case) Rank() int {
	if c.Escalated {
		return FirstRank(c.Severity)
	}
	return FirstRank(c.Severity) + 1
}

// FirstRank is the Rank of the escalated cases of a severity.
func FirstRank(severity string) int { return 2 * SeverityRank(severity) }

// OfRank is what a Rank says.
func OfRank(rank int) (severity string, escalated bool) { return severities[rank/2], rank%2 == 0 }

// CaseID names the case of a finding for good: 16 hexadecimal digits.
func CaseID(k matcher.Key) string {
	text := fmt.Appendf(nil, "%d:%s %d:%s %d:%s %d %s", len(k.Code), k.Code, len(k.Person), string(k.Person), len(k.Unit), k.Unit, k.Month, k.Detail)
	if k.Entity != "" { // begins with no digit, as every other does
		text = fmt.Appendf(nil, "entity %d:%s %s", len(k.Entity), k.Entity, text)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}

// Event is a line of a case's history.
type Event struct {
	Case       string
	N          int // from 1 on
	At         time.Time
	Kind       EventKind
	State      State // that the case was in afterwards
	Officer    string
	Delivery   int64 // that brought it about; 0: an officer, time, or a source that became complete
	Outcome    Outcome
	Reason     string
	To         string // agencies, a blank between two
	Correction string // ids, a blank between two
}

// EventKind is what happened to a case.
type EventKind string

// The kinds of events.
const (
	EventOpened    EventKind = "opened"
	EventReopened  EventKind = "reopened"  // a relapse, or the agencies say otherwise than when an officer left it as it is
	EventRefreshed EventKind = "refreshed" // the finding stands on other grounds
	EventGone      EventKind = "gone"      // the finding went after an officer had explained it
	EventClaimed   EventKind = "claimed"
	EventReleased  EventKind = "released"
	EventLapsed    EventKind = "lapsed" // the lease ran out
	EventDecided   EventKind = "decided"
	EventSent      EventKind = "sent"      // an agency has its correction
	EventEscalated EventKind = "escalated" // the day has passed by which agencies should have answered
	EventReminded  EventKind = "reminded"  // an agency has its reminder
	EventExpired   EventKind = "expired"   // the time is over for which a difference was accepted: opened again
	EventRevoked   EventKind = "revoked"   // an officer took a link decision back
	EventSettled   EventKind = "settled"
	EventExplained EventKind = "explained" // by itself: the finding went before a decision
)

// EventKinds lists the kinds of events.
func EventKinds() []EventKind {
	return []EventKind{
		EventOpened, EventReopened, EventRefreshed, EventGone, EventClaimed, EventReleased, EventLapsed, EventDecided,
		EventSent, EventEscalated, EventReminded, EventExpired, EventRevoked, EventSettled, EventExplained,
	}
}
