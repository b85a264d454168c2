package hub

import "context"

// Reader reads the records of a log that count: batches of open and failed deliveries are passed over.
// One goroutine uses a Reader at a time.
type Reader struct {
	log    Log
	counts map[int64]string
	batch  Batch
}

// NewReader gives a reader of a log; counts are the deliveries that are complete, with their files.
func NewReader(log Log, counts map[int64]string) *Reader { return &Reader{log: log, counts: counts} }

// Counting lists the deliveries that count, with their files.
func Counting(ctx context.Context, deliveries Deliveries) (map[int64]string, error) {
	counts := map[int64]string{}
	err := deliveries.Each(ctx, func(r Receipt) error {
		if r.Outcome == Complete {
			counts[r.Delivery] = r.File
		}
		return nil
	})
	return counts, err
}

// Replay reads a partition from an offset to its end and calls fn for each batch, with the file of its
// delivery. The batch is fn's until it returns. Replay returns the offset to go on from.
func (r *Reader) Replay(ctx context.Context, topic string, partition int, from int64, fn func(file string, b *Batch) error) (next int64, err error) {
	for {
		if err := r.log.Read(ctx, topic, partition, from, &r.batch); err != nil {
			return from, err
		}
		if len(r.batch.Records) == 0 {
			return from, nil
		}
		if file, ok := r.counts[r.batch.Delivery]; ok {
			if err := fn(file, &r.batch); err != nil {
				return from, err
			}
		}
		from += int64(len(r.batch.Records))
	}
}
