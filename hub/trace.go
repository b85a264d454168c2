package hub

import (
	"cmp"
	"context"
	"slices"

	"hebian/schemas"
)

// Position is where one record lies.
type Position struct {
	Topic     string
	Partition int
	Offset    int64
}

// Trace reads the records at some positions, each batch of the log once, and calls fn for each in the
// order of the positions, which it sorts.
func Trace(ctx context.Context, log Log, at []Position, fn func(p Position, delivery int64, r *schemas.Record) error) error {
	slices.SortFunc(at, func(a, b Position) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Offset, b.Offset))
	})
	var b Batch
	for _, p := range at {
		i := p.Offset - b.Base
		if p.Topic != b.Topic || p.Partition != b.Partition || i < 0 || i >= int64(len(b.Records)) {
			if err := log.Read(ctx, p.Topic, p.Partition, p.Offset, &b); err != nil {
				return err
			}
			i = 0
		}
		if err := fn(p, b.Delivery, &b.Records[i]); err != nil {
			return err
		}
	}
	return nil
}
