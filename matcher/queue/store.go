package queue

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"hebian/hub"
	"hebian/schemas"
)

// Store keeps cases, their history, the outbox, and which deliveries were judged.
type Store interface {
	// Write runs fn in a transaction: everything is on disk when Write returns nil, or nothing is.
	Write(ctx context.Context, fn func(Tx) error) error
	// List gives, for each state of a filter, the first limit cases that follow a place in the order of a case list, all of
	// one moment.
	List(ctx context.Context, f Filter, after Place, limit int) ([]Case, error)
	// Counts counts the cases that pass a filter by state, rule and agency, a case under each of its agencies.
	Counts(ctx context.Context, f Filter) ([]Count, error)
	// Get finds a case and its newest events, oldest first; ErrUnknown if there is none.
	Get(ctx context.Context, id string, events int) (Case, []Event, error)
	// Present gives up to limit cases whose finding stands, in the order of their IDs, without the sides of their grounds.
	Present(ctx context.Context, after string, limit int) ([]Case, error)
	// JudgedDeliveries lists the deliveries that were folded.
	JudgedDeliveries(ctx context.Context) (map[int64]bool, error)
	// Ledger gives the hub's complete deliveries in the order they came, with whether they were judged, and how many rows
	// the matcher folded of each subject, all of one moment.
	Ledger(ctx context.Context, delivery func(d hub.Delivery, judged bool), folded func(subject string, rows int64)) error

	// Turns is Queue.Turns.
	Turns(ctx context.Context, agency string, after int64, limit int) (turns []Turn, last int64, more bool, err error)

	// Links calls fn for every link decision that was not taken back, in the order they were taken.
	Links(ctx context.Context, fn func(LinkDecision)) error

	// Outstanding counts the corrections that were not sent; oldest is zero if there is none.
	Outstanding(ctx context.Context) (n int64, oldest time.Time, err error)
	// Waiting, Pending and Logged are of hub.Outbox.
	Waiting(ctx context.Context) ([]string, error)
	Pending(ctx context.Context, agency string, limit int) ([]hub.Outgoing, error)
	Logged(ctx context.Context, ids []string) error
}

// Tx is a transaction of a Store.
type Tx interface {
	// Cases finds cases by their IDs; those that are none are left out.
	Cases(ids []string) (map[string]Case, error)
	// Lapsed lists up to limit cases whose lease has run out.
	Lapsed(at time.Time, limit int) ([]string, error)
	// Overdue lists up to limit cases that were sent, whose day has passed, and that are not escalated.
	Overdue(today schemas.Date, limit int) ([]string, error)
	// Expired lists up to limit cases whose accepted difference has had its time.
	Expired(today schemas.Date, limit int) ([]string, error)
	// Asked gives the corrections of a case's decision, reminders left out.
	Asked(caseID string, decision int) ([]schemas.Correction, error)
	// Save writes cases, the lines of their history, their corrections and links.
	Save(effects []Effects) error
	// Judged notes which deliveries were folded, and with how many rows.
	Judged(judged []Judged) error
	// Relayed marks a correction as sent and says of which case and decision it is; first is false if it was marked already.
	Relayed(correction string, at time.Time) (caseID string, m Relayed, first bool, err error)
	// RevokeLink takes a case's newest link decision back; found is false if there is none that holds.
	RevokeLink(caseID string, at time.Time) (found bool, err error)
}

// Filter chooses cases. What is zero chooses all.
type Filter struct {
	States   []State
	Code     string
	Severity string
	Agency   string // one of the case's
	Month    schemas.Month
	Officer  string
	Unit     string // the code of a unit or legal entity or the name of one, or a part of it
	Entity   string // ID of a legal entity
}

// Count is how many cases of a rule and an agency are in a state, and since when the oldest of them. A case of several agencies
// counts under each; to count cases, add up Main.
type Count struct {
	State  State
	Code   string
	Agency string
	Cases  int64
	Main   int64     // those of them whose main agency it is
	Oldest time.Time // opened
}

// Place is where a case stands in the order of a case list: by severity, escalated ones first, then the time it was opened, its ID.
type Place struct {
	Rank   int   // Case.Rank
	Opened int64 // nanoseconds since 1970
	ID     string
}

func (c *Case) place() Place { return Place{c.Rank(), c.Opened.UnixNano(), c.ID} }

func (p Place) compare(o Place) int {
	return cmp.Or(cmp.Compare(p.Rank, o.Rank), cmp.Compare(p.Opened, o.Opened), cmp.Compare(p.ID, o.ID))
}

// Cursor names the case's place in a case list, to go on from.
func (c *Case) Cursor() string {
	p := c.place()
	return fmt.Sprintf("%d.%d.%s", p.Rank, p.Opened, p.ID)
}

// parseCursor reads a Cursor; an empty one is before the first place.
func parseCursor(s string) (p Place, err error) {
	if s == "" {
		return Place{Rank: -1}, nil
	}
	rank, rest, _ := strings.Cut(s, ".")
	opened, id, _ := strings.Cut(rest, ".")
	p.ID = id
	p.Rank, err = strconv.Atoi(rank)
	if err == nil {
		p.Opened, err = strconv.ParseInt(opened, 10, 64)
	}
	if err != nil || !validID(id) {
		return Place{}, ErrCursor
	}
	return p, nil
}

// validID says whether a text may be the ID of a case.
func validID(id string) bool {
	return len(id) == 16 && !strings.ContainsFunc(id, func(r rune) bool { return !strings.ContainsRune("0123456789abcdef", r) })
}
