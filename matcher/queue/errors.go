package queue

import (
	"errors"
	"fmt"
	"time"
)

// ErrUnknown says that there is no such case.
var ErrUnknown = errors.New("no such case")

// ErrNotHeld says that the officer does not hold the case.
var ErrNotHeld = errors.New("the case is not held by this officer, or no longer")

// ErrCursor says that a list can't go on from a place that no list gave.
var ErrCursor = errors.New("not a place in a list of cases")

// TakenError says that another officer holds the case.
type TakenError struct {
	By    string
	Until time.Time
}

// Error names the officer and the time.
func (e *TakenError) Error() string {
	return fmt.Sprintf("the case is held by %s until %s", e.By, e.Until.Format(time.RFC3339))
}

// StateError says that a case in this state can't be claimed.
type StateError struct{ State State }

// Error names the state.
func (e *StateError) Error() string {
	return fmt.Sprintf("the case is %s and can't be claimed", e.State)
}
