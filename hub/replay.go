package hub

import (
	"context"
	"fmt"
)

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

// Delivery reads the records of one complete delivery, those of its subject, and calls fn for each batch, partition
// after partition. The batch is fn's until it returns.
func (r *Reader) Delivery(ctx context.Context, receipt Receipt, fn func(file string, b *Batch) error) error {
	return r.delivery(ctx, receipt, receipt.Subject, fn)
}

// Misfits reads what one complete delivery changed in quarantine, as Delivery reads its records.
func (r *Reader) Misfits(ctx context.Context, receipt Receipt, fn func(file string, b *Batch) error) error {
	return r.delivery(ctx, receipt, MisfitTopic, fn)
}

func (r *Reader) delivery(ctx context.Context, receipt Receipt, topic string, fn func(file string, b *Batch) error) error {
	if receipt.Outcome != Complete {
		return fmt.Errorf("read delivery %d: it is %s, not complete", receipt.Delivery, receipt.Outcome)
	}
	for _, span := range receipt.Spans {
		if span.Topic != topic {
			continue
		}
		err := readSpan(ctx, r.log, receipt.Delivery, span, &r.batch, func(b *Batch) error { return fn(receipt.File, b) })
		if err != nil {
			return err
		}
	}
	return nil
}

// readSpan calls fn for each batch of a delivery in a span, read into b.
func readSpan(ctx context.Context, log Log, delivery int64, span Span, b *Batch, fn func(b *Batch) error) error {
	for at := span.First; at < span.Next || span.Next < 0; at += int64(len(b.Records)) {
		if err := log.Read(ctx, span.Topic, span.Partition, at, b); err != nil {
			return err
		}
		if len(b.Records) == 0 {
			return nil
		}
		if b.Delivery != delivery {
			continue
		}
		if err := fn(b); err != nil {
			return err
		}
	}
	return nil
}
