package hub

import "context"

// Replay reads a partition from an offset to its end and calls fn for each batch of a delivery that
// counts, with the delivery's file. Batches of open and failed deliveries are passed over. It returns
// the offset to go on from.
func Replay(ctx context.Context, log Log, counts map[int64]string, topic string, partition int, from int64, fn func(file string, b *Batch) error) (next int64, err error) {
	var b Batch
	for {
		if err := log.Read(ctx, topic, partition, from, &b); err != nil {
			return from, err
		}
		if len(b.Records) == 0 {
			return from, nil
		}
		if file, ok := counts[b.Delivery]; ok {
			if err := fn(file, &b); err != nil {
				return from, err
			}
		}
		from += int64(len(b.Records))
	}
}
