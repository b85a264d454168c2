package connectors

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"hebian/schemas"
)

// What a house may answer to a door beside a receipt.
var (
	// ErrBusy says that the same file is being taken in at this moment.
	ErrBusy = errors.New("the file is being taken in at this moment")
	// ErrFull says that there is no room on the disk.
	ErrFull = errors.New("no room on the disk")
	// ErrClosing says that the house is about to stop.
	ErrClosing = errors.New("about to stop")
	// ErrUnknown says that there is no delivery of that number.
	ErrUnknown = errors.New("no such delivery")
	// ErrNotHeld says that a delivery waits for nobody's yes.
	ErrNotHeld = errors.New("the delivery is not held")
)

// HeldError says that a whole version of the file waits for an operator's yes.
type HeldError struct{ Delivery int64 }

func (e *HeldError) Error() string {
	return fmt.Sprintf("delivery %d of the file waits for an operator's yes", e.Delivery)
}

// Mode says what a file does to what was delivered under its name before.
type Mode string

// The modes of a delivery.
const (
	Full   Mode = "full"   // the file is whole: what it lacks is taken back
	Add    Mode = "add"    // its rows come on top
	Remove Mode = "remove" // its rows are taken back
	// Merge: its rows replace those of the same row key; only for files whose profile says which columns name a row.
	Merge Mode = "merge"
)

// Upload is a whole file that came in by a road and lies in the spool, where nobody else writes to it. Whoever
// takes it in may move the file away to keep it; what is left at its path is removed by the door.
type Upload struct {
	Found         // Path and Bytes are those of the file in the spool
	Digest string // "sha256:" and hexadecimal
	Mode   Mode
	Key    string        // the sender's idempotency key; "": none
	By     string        // who handed it over
	Period schemas.Month // that it is said to be of; 0: not said
	// Connector that fetched it; "": it was handed over.
	Connector string
}

// Outcome says how a delivery ended.
type Outcome string

// The outcomes of a delivery.
const (
	Open     Outcome = "open"     // rows are being taken in, or the hub stopped meanwhile; nothing of it counts yet
	Complete Outcome = "complete" // every row is in the log, accepted or in quarantine
	Failed   Outcome = "failed"   // the file is not what its profile says; nothing of it counts
	Held     Outcome = "held"     // it would take back too many rows: nothing of it counts until an operator says yes
	// Discarded: it was held, and waits no more; the receipt says why.
	Discarded Outcome = "discarded"
)

// Receipt is what a sender gets for a file. RowsRead = Accepted + Quarantined.
type Receipt struct {
	Delivery       int64     `json:"delivery" doc:"Number of the delivery; it grows."`
	Agency         string    `json:"agency"`
	File           string    `json:"file" doc:"Agency, a slash and the file's name." example:"finance/payroll-202609.csv"`
	Subject        string    `json:"subject" doc:"What its rows are."`
	Mode           Mode      `json:"mode" enum:"full,add,remove,merge,discard"`
	Key            string    `json:"key,omitempty" doc:"The Idempotency-Key that came with it."`
	Outcome        Outcome   `json:"outcome" enum:"open,complete,failed,held,discarded"`
	Error          string    `json:"error,omitempty" doc:"Why it failed, is held, or was discarded."`
	Digest         string    `json:"digest" doc:"sha256: and the file's digest in hexadecimal."`
	Bytes          int64     `json:"bytes"`
	RowsRead       int64     `json:"rows_read" doc:"Rows accepted and quarantined together."`
	Accepted       int64     `json:"accepted"`
	Quarantined    int64     `json:"quarantined" doc:"Rows refused; each is kept with the reason."`
	Added          int64     `json:"added" doc:"Rows that the hub did not have."`
	Unchanged      int64     `json:"unchanged" doc:"Rows that an earlier version of the file had brought."`
	Retracted      int64     `json:"retracted" doc:"Rows taken back."`
	Withdrawn      int64     `json:"withdrawn" doc:"Earlier rows that the file no longer has for their subject; what the limit for holding looks at."`
	Earlier        int64     `json:"earlier" doc:"Rows of the file that counted before."`
	Live           int64     `json:"live" doc:"Rows of the file that count now."`
	UnknownColumns []string  `json:"unknown_columns,omitempty" doc:"Columns that no profile names; they are kept."`
	Notes          []string  `json:"notes,omitempty" doc:"What else the sender should know, such as values cut off in the middle of a character."`
	Form           Form      `json:"form,omitempty" doc:"What the file was written in."`
	Encoding       string    `json:"encoding,omitempty" doc:"How its characters were written."`
	Period         string    `json:"period,omitempty" doc:"Month that it is of, YYYYMM." example:"202609"`
	Connector      string    `json:"connector,omitempty" doc:"Connector that fetched it."`
	By             string    `json:"by,omitempty" doc:"Who handed it over, or settled rows in quarantine."`
	Settled        int64     `json:"settled,omitempty" doc:"Rows in quarantine that it settled: corrected, released or discarded."`
	Left           int64     `json:"left,omitempty" doc:"Of a corrected file: rows that it names and that stay in quarantine as they were, since they do not fit yet or wait there no more."`
	Note           string    `json:"note,omitempty" doc:"Why rows were discarded."`
	Sandbox        bool      `json:"sandbox,omitempty" doc:"It was checked in the sandbox, and nothing of it counts."`
	Started        time.Time `json:"started"`
	Finished       time.Time `json:"finished,omitzero"`
	Positions      []Span    `json:"positions,omitempty" doc:"Where its records lie in the log."`
}

// Span is a run of offsets of one partition, from First to before Next.
type Span struct {
	Topic     string `json:"topic"`
	Partition int    `json:"partition"`
	First     int64  `json:"first"`
	Next      int64  `json:"next"`
}

// Refused is a row in quarantine, as its sender is told of it.
type Refused struct {
	File   string `json:"file"`
	Line   int64  `json:"line" doc:"Physical line of the file where the row begins, from 1."`
	Column string `json:"column,omitempty" doc:"Header of the cell at fault, if one is."`
	Reason string `json:"reason" doc:"A stable code." example:"UNREADABLE"`
	Detail string `json:"detail,omitempty" doc:"What was expected."`
}

// Claims makes sure that one door at a time has a file, whichever road it comes by. The zero Claims is ready.
type Claims struct {
	mu    sync.Mutex
	taken map[string]bool
}

// Take claims all the names or none. Whoever gets them gives them back by calling release.
func (c *Claims) Take(names ...string) (release func(), ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, name := range names {
		if c.taken[name] {
			return nil, false
		}
	}
	if c.taken == nil {
		c.taken = map[string]bool{}
	}
	for _, name := range names {
		c.taken[name] = true
	}
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, name := range names {
			delete(c.taken, name)
		}
	}, true
}
