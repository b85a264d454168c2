package connectors

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// Source is a partner's system that rows are fetched from: an HTTP service, an SFTP server, an exchange table, a topic.
type Source interface {
	// Fetch reads on from a position ("": from the start), hands batch after batch over in the partner's order, and returns nil when
	// there is nothing more for now. A *Trouble says what is wrong with the partner. One call at a time; it ends soon after ctx does.
	Fetch(ctx context.Context, position string, hand Hand) error
	// Close lets go of connections.
	Close() error
}

// Batch is rows that a source hands over together, written in one of the forms.
type Batch struct {
	Form     Form      // "": as the name in Dataset says
	Encoding string    // as in a profile; "": the dataset's own
	Body     io.Reader // read once, to its end, before Hand returns
	Dataset  string    // base name of the file that the rows belong to, as the agency's profile knows it; "": the connector's own
	Mode     Mode      // Full: all that the partner has; Merge: rows that are new or changed, or are gone
	Position string    // where to go on from once the batch is on disk, in the source's own words; at most MaxPosition bytes
}

// MaxPosition bounds a position. It is written with every batch.
const MaxPosition = 64 << 10

// Hand takes a batch in. A receipt without an error means: every row is on disk, accepted or in quarantine, and so is the position
// (Promise 1). What the source must tell its partner, such as that rows were read, it tells after that.
type Hand func(ctx context.Context, b Batch) (Receipt, error)

// Sink is a partner's system that records are brought to: a folder, an SFTP server, a webhook, an exchange table, a topic.
type Sink interface {
	// Send brings a dispatch to the partner and returns when it has it for good, with what it answered, if anything, in at most 1 KiB.
	// The same dispatch sent again does no harm: the partner, or the sink, knows it by its ID. A *Trouble says what is wrong with the
	// partner.
	Send(ctx context.Context, d Dispatch) (answer string, err error)
	// Close lets go of connections.
	Close() error
}

// Dispatch is a numbered delivery of records to a partner. Sent again under its number it holds the same records.
type Dispatch struct {
	Connector string
	Agency    string
	Feed      string // what its records are: corrections, findings, golden
	Number    int64  // grows by one within a connector, from 1
	Records   []Out
}

// Out is one record on its way to a partner.
type Out struct {
	ID   string // stays the same however often it is sent; hexadecimal, or letters, digits and hyphens
	Key  string // what it is about; records of one key keep their order
	JSON []byte // an object, on one line
}

// ID names the dispatch: "finance-out-corrections-000000042".
func (d *Dispatch) ID() string { return fmt.Sprintf("%s-%s-%09d", d.Connector, d.Feed, d.Number) }

// Lines writes the records as NDJSON, {"id":…,"key":…,"record":{…}} each: what is laid down as a file.
func (d *Dispatch) Lines() ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	for _, r := range d.Records {
		line := struct {
			ID     string          `json:"id"`
			Key    string          `json:"key"`
			Record json.RawMessage `json:"record"`
		}{r.ID, r.Key, r.JSON}
		if err := encoder.Encode(line); err != nil {
			return nil, fmt.Errorf("record %s: %w", r.ID, err)
		}
	}
	return out.Bytes(), nil
}

// Bounds of a dispatch. It is in memory whole.
const (
	DispatchRecords = 1000
	DispatchBytes   = 8 << 20
)

// Trouble says what is wrong with a partner's system, and by its kind what may help.
type Trouble struct {
	Kind  TroubleKind
	Until time.Time // not to be tried before; zero: not known
	Err   error
}

// TroubleKind says what may help.
type TroubleKind string

// The kinds of trouble.
const (
	Unreachable TroubleKind = "unreachable"  // no connection, a time-out, an answer of its own fault: time may help
	Busy        TroubleKind = "busy"         // it asks to come later
	CircuitOpen TroubleKind = "circuit open" // it failed so often that it is left alone for a while
	NoFile      TroubleKind = "no file"      // what it is to hand over is not there yet
	Denied      TroubleKind = "denied"       // it does not accept who asks: a person must act
	Unfit       TroubleKind = "unfit"        // what it holds or answers is not as configured: a person must act
)

func (t *Trouble) Error() string {
	if t.Until.IsZero() {
		return fmt.Sprintf("%s: %v", t.Kind, t.Err)
	}
	return fmt.Sprintf("%s until %s: %v", t.Kind, t.Until.Format(time.RFC3339), t.Err)
}

func (t *Trouble) Unwrap() error { return t.Err }
