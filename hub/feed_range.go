package hub

import (
	"context"
	"fmt"
	"math"

	"hebian/schemas"
)

// Range calls fn for the records between two cursors that Next gave, the same ones that it gave then, in the same order. ErrCursor says
// that one is none of this feed, or that the second lies before the first.
func (f *Feed) Range(ctx context.Context, after, until string, fn func(p Position, r *schemas.Record) error) error {
	at, err := f.parse(after)
	if err != nil {
		return err
	}
	end, err := f.parse(until)
	if err != nil {
		return err
	}
	for n := range at.next {
		if at.next[n] > end.next[n] {
			return fmt.Errorf("%w: the end lies before the start", ErrCursor)
		}
	}
	p := page{records: math.MaxInt, bytes: math.MaxInt, scan: math.MaxInt, fn: fn}
	for i := range at.next {
		n := (at.turn + i) % len(at.next)
		if _, err := f.read(ctx, &p, &at, n, end.next[n]); err != nil {
			return err
		}
	}
	return nil
}
