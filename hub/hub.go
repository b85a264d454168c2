// Package hub is the corridor of the house: records become durable here, in order, and can be read
// again from any position. It takes deliveries in, keeps what does not fit with its reason, and
// writes receipts. It does not know what records mean; the matcher does.
package hub

import (
	"context"

	"hebian/schemas"
)

// Batch is a run of records of one delivery, bound for or read from one partition of a topic.
// Offsets grow by one from Base.
type Batch struct {
	Topic     string // the subject of its records: "finance.pay_line"
	Partition int
	Delivery  int64 // the delivery that the records came with
	Base      int64 // offset of the first record; set by the log
	Records   []schemas.Record
	Bytes     []byte // what keys and values of records that were read point into; Read uses it again
}

// Log is an ordered, durable, replayable log of records, in topics and partitions. Records with the
// same key keep their order. Every implementation passes logtest.
type Log interface {
	// Partitions is the number of partitions of a topic, numbered from 0.
	Partitions(topic string) int
	// Append writes the batches and sets their Base. It returns only when every record is on disk.
	Append(ctx context.Context, batches []Batch) error
	// End is the offset that the next record of a partition will get.
	End(ctx context.Context, topic string, partition int) (int64, error)
	// Read fills b with the next records from an offset on, all of one delivery; none at the end of
	// the partition. The records' bytes are valid until the next Read into the same batch.
	Read(ctx context.Context, topic string, partition int, from int64, b *Batch) error
}
