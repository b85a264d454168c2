package queue

import (
	"context"
	"fmt"
	"time"
)

// Turn is a line of a case's history, told to those whom the case concerns.
type Turn struct {
	Number  int64     // grows with every line of any case
	At      time.Time // when it was written
	Kind    EventKind
	State   State // afterwards
	Outcome Outcome
	Case    Case // as it stands by now, without the grounds
}

// Turns gives up to limit lines that follow a number, in their order; 0: from the first on. Of an agency: those of cases that concern it; "": all.
// last is the number to go on from, which may be beyond that of the last line given; more says that there are more.
func (q *Queue) Turns(ctx context.Context, agency string, after int64, limit int) (turns []Turn, last int64, more bool, err error) {
	if turns, last, more, err = q.store.Turns(ctx, agency, after, limit); err != nil {
		return nil, after, false, fmt.Errorf("read what became of cases: %w", err)
	}
	return turns, last, more, nil
}
