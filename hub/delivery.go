package hub

import (
	"context"
	"time"
)

// Delivery is one file that an agency handed over, from the first row taken in to the receipt.
type Delivery struct {
	ID       int64 // grows with every delivery
	Agency   string
	File     string // path relative to the county folder, with /
	Subject  string // of its records
	Outcome  Outcome
	Started  time.Time
	Finished time.Time // zero while open
	Spans    []Span    // where its records lie
}

// Outcome says how a delivery ended.
type Outcome string

const (
	// Open: rows are being taken in, or something else than the file stopped it: a crash, a full disk, a
	// signal. Its records count for nothing yet; the next delivery of the same file goes on with them.
	Open Outcome = "open"
	// Complete: every row is in the log, accepted or in quarantine.
	Complete Outcome = "complete"
	// Failed: the file is not what its agency promised, or changed while it was read. Nothing of it counts; what was delivered earlier under its name stays.
	Failed Outcome = "failed"
)

// Span is a run of offsets of one partition, from First to before Next. Next is -1 while the delivery
// is open. Other deliveries' records may lie between.
type Span struct {
	Topic     string `json:"topic"`
	Partition int    `json:"partition"`
	First     int64  `json:"first"`
	Next      int64  `json:"next"`
}

// Receipt is what an agency gets for a delivery. RowsRead = Accepted + Quarantined, and what the
// delivery changed is Added and Retracted rows; Unchanged ones were known from an earlier version.
type Receipt struct {
	Delivery       int64     `json:"delivery"`
	Agency         string    `json:"agency"`
	File           string    `json:"file"`
	Subject        string    `json:"subject"`
	Outcome        Outcome   `json:"outcome"`
	Error          string    `json:"error,omitempty"`
	Digest         string    `json:"digest"` // "sha256:" and the file's digest in hexadecimal
	Bytes          int64     `json:"bytes"`
	RowsRead       int64     `json:"rows_read"`
	Accepted       int64     `json:"accepted"`
	Quarantined    int64     `json:"quarantined"`
	Added          int64     `json:"added"`
	Unchanged      int64     `json:"unchanged"`
	Retracted      int64     `json:"retracted"`
	UnknownColumns []string  `json:"unknown_columns,omitempty"`
	Started        time.Time `json:"started"`
	Finished       time.Time `json:"finished"`
	Spans          []Span    `json:"positions"`
}

// Deliveries keeps deliveries and their receipts.
type Deliveries interface {
	// Begin writes down an open delivery and gives it its ID.
	Begin(ctx context.Context, d *Delivery) error
	// Of lists the deliveries of a file in the order they came.
	Of(ctx context.Context, agency, file string) ([]Delivery, error)
	// Finish closes a delivery with its receipt, both or neither.
	Finish(ctx context.Context, r Receipt) error
	// Each calls fn for every delivery with a receipt, in the order they came.
	Each(ctx context.Context, fn func(Receipt) error) error
}
