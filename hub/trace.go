package hub

import (
	"cmp"
	"context"
	"fmt"

	"hebian/schemas"
)

// Position is where one record lies.
type Position struct {
	Topic     string
	Partition int
	Offset    int64
}

// Compare orders positions as the log lies.
func (p Position) Compare(o Position) int {
	return cmp.Or(cmp.Compare(p.Topic, o.Topic), cmp.Compare(p.Partition, o.Partition), cmp.Compare(p.Offset, o.Offset))
}

// Trace reads the records at some positions and calls fn for each, in the order given. A batch of the
// log is read once for all positions in a row that lie in it, so sorted positions cost least.
func Trace(ctx context.Context, log Log, at []Position, fn func(p Position, delivery int64, r *schemas.Record) error) error {
	var b Batch
	for _, p := range at {
		i := p.Offset - b.Base
		if p.Topic != b.Topic || p.Partition != b.Partition || i < 0 || i >= int64(len(b.Records)) {
			if err := log.Read(ctx, p.Topic, p.Partition, p.Offset, &b); err != nil {
				return err
			}
			if len(b.Records) == 0 {
				return fmt.Errorf("no record at %s/%d offset %d", p.Topic, p.Partition, p.Offset)
			}
			i = 0
		}
		if err := fn(p, b.Delivery, &b.Records[i]); err != nil {
			return err
		}
	}
	return nil
}
