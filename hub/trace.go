package hub

import (
	"cmp"
	"context"
	"fmt"
	"slices"

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

// tracedBatches is how many batches Trace keeps unpacked. Rows of one file in the order of its lines lie
// in as many runs as the file has versions with a part in it; of more than these, batches are read again.
const tracedBatches = 8

// Trace reads the records at some positions and calls fn for each, in the order given. Positions that lie
// near each other in the log cost least.
func Trace(ctx context.Context, log Log, at []Position, fn func(p Position, delivery int64, r *schemas.Record) error) error {
	kept := make([]*Batch, 0, tracedBatches) // the one used last comes first
	for _, p := range at {
		n := slices.IndexFunc(kept, func(b *Batch) bool { return b.holds(p) })
		if n < 0 {
			if len(kept) < tracedBatches {
				kept = append(kept, &Batch{})
			}
			n = len(kept) - 1
			if err := log.Read(ctx, p.Topic, p.Partition, p.Offset, kept[n]); err != nil {
				return err
			}
			if len(kept[n].Records) == 0 {
				return fmt.Errorf("no record at %s/%d offset %d", p.Topic, p.Partition, p.Offset)
			}
		}
		b := kept[n]
		copy(kept[1:], kept[:n])
		kept[0] = b
		if err := fn(p, b.Delivery, &b.Records[p.Offset-b.Base]); err != nil {
			return err
		}
	}
	return nil
}

func (b *Batch) holds(p Position) bool {
	return b.Topic == p.Topic && b.Partition == p.Partition && b.Base <= p.Offset && p.Offset < b.Base+int64(len(b.Records))
}
