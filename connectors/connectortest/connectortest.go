// Package connectortest holds what every door must pass, whatever protocol it speaks, and simulated partners that the suites, the
// demonstration and other tests talk to.
package connectortest

import (
	"testing"

	"hebian/connectors"
)

// Row is what a simulated partner holds: a key of its own, grown by the order of Put, and a value.
type Row struct {
	Key    int
	Value  string
	Poison bool // the partner's system holds something else than a row there
}

// Partner is a system with a door to it, for a test.
type Partner interface {
	// Put makes rows available to the door, behind those that are there.
	Put(t *testing.T, rows ...Row)
	// Source opens the door anew, as after a start of the hub. The test closes it.
	Source(t *testing.T) connectors.Source
	// Rows reads a batch's rows back, in their order. A poisoned one has its key if that can be told.
	Rows(t *testing.T, b connectors.Batch, body []byte) []Row
}

// Receiver is a system that records are brought to, for a test.
type Receiver interface {
	// Sink opens the way anew, as after a start of the hub. The test closes it.
	Sink(t *testing.T) connectors.Sink
	// Received lists the records that the partner has, each once if it tells them apart by their ID, in the order they came.
	Received(t *testing.T) []connectors.Out
}

// Fragile is a Partner or Receiver that can be made to fail.
type Fragile interface {
	// Break makes the partner unreachable, or slow to answer by far more than a second, until mend is called.
	Break(t *testing.T, slow bool) (mend func())
}
