package hub

import (
	"context"
	"time"
)

// Dispatch is a numbered delivery of records to a partner, from the cut out of a feed to the partner's answer.
type Dispatch struct {
	Connector string    `json:"connector"`
	Number    int64     `json:"number"` // grows by one within a connector, from 1
	Feed      string    `json:"feed"`   // what its records are: corrections, findings, golden
	Agency    string    `json:"agency"`
	After     string    `json:"after"` // the cursors between which its records lie: cut out again, it holds the same ones
	Next      string    `json:"next"`
	Records   int64     `json:"records"`
	Digest    string    `json:"digest"` // of its records, in the caller's own words
	Created   time.Time `json:"created"`
	Sent      time.Time `json:"sent,omitzero"` // zero: not yet
	Answer    string    `json:"answer,omitempty"`
	Tries     int64     `json:"tries"`           // those that went wrong, and the one that did not
	Error     string    `json:"error,omitempty"` // of the last try that went wrong, once it is sent too
}

// MaxAnswer bounds a partner's answer and an error of a dispatch, in bytes. What is longer is cut.
const MaxAnswer = 1 << 10

// Dispatches keeps what went to partners.
type Dispatches interface {
	// Begin writes the connector's next dispatch down, and gives it its number. While one of the connector is unsent that one comes back
	// as it was, whatever d says: it may have reached the partner, and must go out again just so.
	Begin(ctx context.Context, d Dispatch) (Dispatch, error)
	// Sent notes that the partner has a dispatch. Noted again, it stays as it was. ErrUnknown if there is none of that number.
	Sent(ctx context.Context, connector string, number int64, answer string, at time.Time) error
	// Failed notes that a try to send a dispatch went wrong. ErrUnknown if there is none of that number, or it is sent.
	Failed(ctx context.Context, connector string, number int64, why string) error
	// Get gives a dispatch. ErrUnknown if there is none.
	Get(ctx context.Context, connector string, number int64) (Dispatch, error)
	// List gives up to limit dispatches of a connector, the newest first: those below a number, or from the newest on if before is 0.
	// limit is 1 to 1000; 0: 1000.
	List(ctx context.Context, connector string, before int64, limit int) ([]Dispatch, error)
}

// MaxState bounds what a connector keeps between two runs, in bytes.
const MaxState = 1 << 20

// ConnectorStates keeps what connectors know between two runs. What that is only they understand.
type ConnectorStates interface {
	// Load gives the state of a connector, and whether it has one.
	Load(ctx context.Context, name string) (state string, found bool, err error)
	// Save writes a state in place of the one before. It is on disk when Save returns.
	Save(ctx context.Context, name, state string) error
	// All gives every state by the name of its connector.
	All(ctx context.Context) (map[string]string, error)
	// Delete forgets a connector. One that has no state is none to forget.
	Delete(ctx context.Context, name string) error
}
