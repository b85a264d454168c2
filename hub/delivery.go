package hub

import (
	"context"
	"errors"
	"time"

	"hebian/schemas"
)

// ErrUnknown says that there is no delivery of that number.
var ErrUnknown = errors.New("no such delivery")

// Mode says what a delivery does to what its file held before.
type Mode string

// The modes. Rows to add and rows to take back together are a change set.
const (
	Full    Mode = "full"    // the file is whole: what it lacks is taken back
	Add     Mode = "add"     // its rows come on top
	Remove  Mode = "remove"  // its rows are taken back; each must be there
	Merge   Mode = "merge"   // of a keyed file: each row replaces the one of its key, or says that it is gone; a repeat changes nothing
	Discard Mode = "discard" // no rows: misfits named in Settles leave quarantine for good
)

// Manifest announces a delivery.
type Manifest struct {
	Agency    string
	File      string // path relative to the county folder, with /
	Subject   string // of its records
	Mode      Mode
	Key       string // the sender's idempotency key, "": none. Add and Remove need one: without it a repeat can't be told from more rows
	Confirmed bool   // an operator said yes to a withdrawal beyond the limit
	// Keyed: IDs of its rows are schemas.KeyedID. So are those of misfits, by the row's key where it can be read, else by the raw row,
	// and of the row's content whatever its line and the fault found in it. A Discard is as its file is.
	Keyed bool

	Settles   []schemas.ID  // misfits of the file that this delivery takes out of quarantine; of an Add, a Merge or a Discard, at most 100,000
	Note      string        // why; a Discard needs one
	By        string        // who delivers, where a person does; a Discard needs one
	Period    schemas.Month // that the rows are of, 0: none
	Connector string        // that fetched the rows, "": none
}

// Ending is what is known of a delivery's file when its last row is read.
type Ending struct {
	Digest         string // "sha256:" and the file's digest in hexadecimal
	Bytes          int64
	UnknownColumns []string
	Form           string
	Encoding       string
	Notes          []string // what else its agency should know, 100 at most
	Columns        []string // the header of a file in columns, in its order: rows it refused are read by it again. None is kept beyond 64 KiB
}

// Delivery is one file that an agency handed over, from the first row taken in to the receipt. The order of
// deliveries is that of their IDs; times are for people, as a clock may jump back.
type Delivery struct {
	ID        int64 // grows with every delivery
	Agency    string
	File      string // path relative to the county folder, with /
	Subject   string // of its records
	Mode      Mode
	Keyed     bool // IDs of its rows are schemas.KeyedID
	Period    schemas.Month
	Connector string
	Outcome   Outcome
	Started   time.Time
	Finished  time.Time // zero while open
	Live      int64     // rows of the file that count after it, accepted ones; 0 unless complete
	Refused   int64     // and those in quarantine

	Accepted    int64 // of the rows that were read, once it ended
	Quarantined int64
	Spans       []Span // where its records lie; none while it is open, but of a whole file
}

// receipt is what is known of a delivery that is open.
func (d *Delivery) receipt() Receipt {
	return Receipt{
		Delivery: d.ID, Agency: d.Agency, File: d.File, Subject: d.Subject, Mode: d.Mode, Keyed: d.Keyed, Period: d.Period, Connector: d.Connector,
		Outcome: d.Outcome, Started: d.Started,
	}
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
	// Held: the file is whole, but would withdraw more of the earlier rows than is let through without an operator's
	// yes. Nothing of it counts; delivered again with a confirmed manifest, it does.
	Held Outcome = "held"
	// Discarded: it was held, and then an operator let it fall or said yes to it, which made a new delivery; or a
	// newer version of the file came.
	Discarded Outcome = "discarded"
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
// delivery changed is Added and Retracted rows; Unchanged ones were known from an earlier version. A row that
// Remove took back is accepted and retracted. So is a row of a Merge that says that the row of its key is gone; where there
// was none it is unchanged, and so is a row with a later one of its key in the same Merge. A misfit that was discarded and
// comes again is quarantined and unchanged, but waits no more. A held delivery has read its rows and changed none.
type Receipt struct {
	Delivery       int64         `json:"delivery"`
	Agency         string        `json:"agency"`
	File           string        `json:"file"`
	Subject        string        `json:"subject"`
	Mode           Mode          `json:"mode"`
	Key            string        `json:"key,omitempty"` // the sender's idempotency key
	Keyed          bool          `json:"keyed,omitempty"`
	Period         schemas.Month `json:"period,omitempty"`
	Connector      string        `json:"connector,omitempty"`
	Note           string        `json:"note,omitempty"`
	By             string        `json:"by,omitempty"`
	Outcome        Outcome       `json:"outcome"`
	Error          string        `json:"error,omitempty"`
	Digest         string        `json:"digest"` // "sha256:" and the file's digest in hexadecimal
	Bytes          int64         `json:"bytes"`
	RowsRead       int64         `json:"rows_read"`
	Accepted       int64         `json:"accepted"`
	Quarantined    int64         `json:"quarantined"`
	Added          int64         `json:"added"`
	Unchanged      int64         `json:"unchanged"`
	Retracted      int64         `json:"retracted"`
	Withdrawn      int64         `json:"withdrawn"`             // of a Full or a Merge: accepted rows that vanish and have no other of the same key in their place
	Earlier        int64         `json:"earlier"`               // of a Full or a Merge: accepted rows of the file before it
	Settled        int64         `json:"settled,omitempty"`     // misfits that it took out of quarantine; among Retracted
	NotWaiting     int64         `json:"not_waiting,omitempty"` // of those named to settle: settled before, or brought again by this very delivery
	Live           int64         `json:"live"`                  // accepted rows of the file that count after it; 0 unless complete
	Refused        int64         `json:"refused"`               // and those in quarantine
	Form           string        `json:"form,omitempty"`
	Encoding       string        `json:"encoding,omitempty"`
	Columns        []string      `json:"columns,omitempty"` // as in Ending
	UnknownColumns []string      `json:"unknown_columns,omitempty"`
	Notes          []string      `json:"notes,omitempty"`
	Started        time.Time     `json:"started"`
	Finished       time.Time     `json:"finished"`
	Spans          []Span        `json:"positions"`
}

// Versions looks up what was delivered of one file.
type Versions interface {
	// Of lists the deliveries of a file in the order they came.
	Of(ctx context.Context, agency, file string) ([]Delivery, error)
}

// Receipts looks up receipts.
type Receipts interface {
	// Get gives the receipt of a delivery; an open one's says what is known. ErrUnknown if there is none.
	Get(ctx context.Context, id int64) (Receipt, error)
	// ByKey finds the complete delivery of an agency's idempotency key.
	ByKey(ctx context.Context, agency, key string) (Receipt, bool, error)
	// Each calls fn for every delivery with a receipt, in the order they came.
	Each(ctx context.Context, fn func(Receipt) error) error
	// List gives the receipts that a filter lets through, the newest first. An open delivery's says what is known.
	List(ctx context.Context, f ReceiptFilter) ([]Receipt, error)
}

// ReceiptFilter says which receipts to list. What is empty lets everything through.
type ReceiptFilter struct {
	Agency    string
	File      string // of the agency, which must be named
	Outcome   Outcome
	Connector string
	Before    int64 // older than this delivery; 0: from the newest on
	Limit     int   // 1 to 1000; 0: 1000
}

// Standing is what a file is based on, however many deliveries it had.
type Standing struct {
	Newest Delivery   // complete one; its ID is 0 if there is none
	Open   []Delivery // in the order they came
}

// FileCount says how many rows of a file wait in quarantine.
type FileCount struct {
	Agency   string
	File     string
	Subject  string
	Delivery int64 // the newest complete one of the file
	Refused  int64
}

// Deliveries keeps deliveries and their receipts.
type Deliveries interface {
	Versions
	Receipts
	// Standing gives the newest complete delivery of a file and the open ones, without looking at the others.
	Standing(ctx context.Context, agency, file string) (Standing, error)
	// RefusedFiles lists the files with rows in quarantine, by agency and name.
	RefusedFiles(ctx context.Context) ([]FileCount, error)
	// Begin writes down an open delivery and gives it its ID.
	Begin(ctx context.Context, d *Delivery) error
	// Finish closes a delivery with its receipt, both or neither.
	Finish(ctx context.Context, r Receipt) error
}
