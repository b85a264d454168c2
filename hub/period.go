package hub

import (
	"context"
	"time"

	"hebian/schemas"
)

// How an agency brought a period up to its end.
const (
	PeriodFull    = "full"    // whole files
	PeriodChanges = "changes" // change sets on earlier ones
)

// Period is an agency's word that all it has for a month is delivered.
type Period struct {
	Agency   string        `json:"agency"`
	Month    schemas.Month `json:"month"`
	Kind     string        `json:"kind"`            // PeriodFull or PeriodChanges
	Empty    []string      `json:"empty,omitempty"` // files that have no rows for it and were not delivered
	Declared time.Time     `json:"declared"`
	By       string        `json:"by"` // who said so
}

// Periods keeps what agencies declared.
type Periods interface {
	// Declare writes a period down. Declared before, it stays as it was.
	Declare(ctx context.Context, p Period) error
	// All lists every period by agency and month.
	All(ctx context.Context) ([]Period, error)
}
