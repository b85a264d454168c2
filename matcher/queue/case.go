package queue

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"hebian/matcher"
	"hebian/matcher/rules"
	"hebian/matcher/state"
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

	Severity string // of the rule: critical, high, medium, low
	Agency   string // where a correction goes unless the officer names another
	Opened   time.Time
	Updated  time.Time

	Officer string    // who holds the case, or decided it
	Lease   time.Time // until when it is held; zero when nobody does

	Outcome   Outcome // of the last decision; empty before one, and after a relapse
	Reason    string  // the officer's; empty when the case was explained by a later delivery
	To        string  // agency that the correction goes to
	Decisions int     // how many were taken
	Relapses  int     // how often it was opened again
	Events    int     // lines of its history
}

// Grounds is what a finding stands on.
type Grounds struct {
	Version    int // of the rule
	Parameters rules.Parameters
	AsOf       schemas.Date // as of which it was first judged so
	Evidence   []state.Ref
	Rows       int // of which Evidence names the first
}

func groundsOf(f *matcher.Finding) Grounds {
	return Grounds{Version: f.Version, Parameters: f.Parameters, AsOf: f.AsOf, Evidence: f.Evidence, Rows: f.Rows}
}

// same leaves out the day: a finding that is judged anew every day has the same grounds.
func (g *Grounds) same(o *Grounds) bool {
	return g.Version == o.Version && g.Parameters == o.Parameters && g.Rows == o.Rows && slices.Equal(g.Evidence, o.Evidence)
}

// State is how far a case has come.
type State string

// The states.
const (
	Open      State = "open"
	Claimed   State = "claimed"   // an officer holds it
	Decided   State = "decided"   // a correction waits to go out
	Sent      State = "sent"      // the agency has the correction
	Settled   State = "settled"   // the finding went after a decision
	Explained State = "explained" // an officer said why it is none, or the finding went before a decision
)

// States lists the states, in the order in which a case goes through them.
func States() []State { return []State{Open, Claimed, Decided, Sent, Settled, Explained} }

// Outcome is what an officer decides.
type Outcome string

// The outcomes.
const (
	OutcomeConfirmed Outcome = "confirmed"  // it is as found: the agency stops or corrects it
	OutcomeExplained Outcome = "explained"  // it is right as it is
	OutcomeDataError Outcome = "data_error" // a row is wrong: the agency corrects it
	OutcomeForwarded Outcome = "forwarded"  // somebody else's to judge
)

// Outcomes lists the outcomes.
func Outcomes() []Outcome {
	return []Outcome{OutcomeConfirmed, OutcomeExplained, OutcomeDataError, OutcomeForwarded}
}

// Corrects says whether a decision with this outcome sends a correction.
func (o Outcome) Corrects() bool { return o != OutcomeExplained }

// severities from the worst on: the order of a case list. A finding of severity info opens no case.
var severities = []string{"critical", "high", "medium", "low", "info"}

const info = "info"

// SeverityRank is the place of a severity in the order of a case list, 0 the worst; -1 for none of them.
func SeverityRank(severity string) int { return slices.Index(severities, severity) }

// Severity is the severity of a rank; empty if there is none.
func Severity(rank int) string {
	if rank < 0 || rank >= len(severities) {
		return ""
	}
	return severities[rank]
}

// CaseID names the case of a finding for good: 16 hexadecimal digits.
func CaseID(k matcher.Key) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d:%s %d:%s %d:%s %d %s", len(k.Code), k.Code, len(k.Person), string(k.Person), len(k.Unit), k.Unit, k.Month, k.Detail))
	return hex.EncodeToString(sum[:8])
}

// correctionID names the correction of a case's n-th decision for good. It is the ID of its record as well.
func correctionID(id string, n int) schemas.ID {
	sum := sha256.Sum256(fmt.Appendf(nil, "correction %s %d", id, n))
	return schemas.ID(sum[:16])
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
	To         string // agency
	Correction string // its id
}

// EventKind is what happened to a case.
type EventKind string

// The kinds of events.
const (
	EventOpened    EventKind = "opened"
	EventReopened  EventKind = "reopened"  // a relapse
	EventRefreshed EventKind = "refreshed" // the finding stands on other grounds
	EventGone      EventKind = "gone"      // the finding went after an officer had explained it
	EventClaimed   EventKind = "claimed"
	EventReleased  EventKind = "released"
	EventLapsed    EventKind = "lapsed" // the lease ran out
	EventDecided   EventKind = "decided"
	EventSent      EventKind = "sent"
	EventSettled   EventKind = "settled"
	EventExplained EventKind = "explained" // by itself: the finding went before a decision
)
