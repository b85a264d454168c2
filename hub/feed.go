package hub

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"

	"hebian/schemas"
)

// ErrCursor says that a cursor is damaged, of another feed, or beyond the end of the log.
var ErrCursor = errors.New("not a cursor of this feed")

const (
	cursorVersion = 1
	// feedScan is how many records one page looks at. A feed that keeps few records of many gives pages with less than it was asked for.
	feedScan = 1 << 20
)

// Feed gives the records of a topic page by page to readers who keep their own place: a cursor. Records of one key come in their order. It
// keeps nothing, and any number of goroutines may read one.
type Feed struct {
	// Outcome says how a delivery stands; nil in a topic that only the hub itself writes to, whose records are of delivery 0 and
	// count always. Records of a delivery that failed are passed over, and so is what else doesn't count. An open one's may count
	// yet: nothing that lies behind them in their partition is given until it ends.
	Outcome func(ctx context.Context, delivery int64) (Outcome, error)

	log   Log
	topic string
	keep  func(value []byte) bool
}

// NewFeed gives a feed of the records of a topic whose values keep lets through; nil: of all.
func NewFeed(log Log, topic string, keep func(value []byte) bool) *Feed {
	return &Feed{log: log, topic: topic, keep: keep}
}

// Next calls fn for the records that follow a cursor, "" being the start: up to limit of them, with at most so many bytes of keys and
// values together, but for the first, which comes however long it is. It returns the cursor to go on from, and whether there may be more by
// now; a page may be empty and have more behind it. The record's bytes are fn's until it returns, and an error of fn comes back as
// it is. ErrCursor says that the cursor is none of this feed.
func (f *Feed) Next(ctx context.Context, after string, limit, bytes int, fn func(p Position, r *schemas.Record) error) (next string, more bool, err error) {
	at, err := f.parse(after)
	if err != nil {
		return "", false, err
	}
	ends, err := f.ends(ctx)
	if err == nil {
		err = at.within(ends)
	}
	if err != nil {
		return "", false, err
	}
	p := page{records: max(1, limit), bytes: bytes, scan: feedScan, fn: fn}
	full := false
	for range ends { // each partition in turn: one that is busy keeps no other waiting
		n := at.turn
		at.turn = (n + 1) % len(ends)
		if full, err = f.read(ctx, &p, &at, n, ends[n]); err != nil {
			return "", false, err
		}
		if full {
			break
		}
	}
	for n := range ends {
		more = more || full && at.next[n] < ends[n]
	}
	return at.format(f.topic), more, nil
}

// End is the cursor of a reader who wants nothing of what is there by now.
func (f *Feed) End(ctx context.Context) (string, error) {
	ends, err := f.ends(ctx)
	return (&cursor{next: ends}).format(f.topic), err
}

func (f *Feed) ends(ctx context.Context) ([]int64, error) {
	ends := make([]int64, f.log.Partitions(f.topic))
	for n := range ends {
		var err error
		if ends[n], err = f.log.End(ctx, f.topic, n); err != nil {
			return nil, err
		}
	}
	return ends, nil
}

// page is what one call of Next may still give.
type page struct {
	records int
	bytes   int
	scan    int
	given   bool
	fn      func(p Position, r *schemas.Record) error
	batch   Batch
}

// read gives the records of one partition up to an end, and says whether the page is full before it.
func (f *Feed) read(ctx context.Context, p *page, at *cursor, partition int, end int64) (full bool, err error) {
	for at.next[partition] < end {
		if p.records == 0 || p.scan <= 0 {
			return true, nil
		}
		b := &p.batch
		if err := f.log.Read(ctx, f.topic, partition, at.next[partition], b); err != nil {
			return false, err
		}
		if len(b.Records) == 0 {
			return false, fmt.Errorf("no record at %s/%d offset %d", f.topic, partition, at.next[partition])
		}
		outcome, err := f.outcome(ctx, b.Delivery)
		if err != nil || outcome == Open {
			return false, err
		}
		if rest := end - at.next[partition]; int64(len(b.Records)) > rest { // the end lies within the batch
			b.Records = b.Records[:rest]
		}
		n := len(b.Records)
		if outcome == Complete {
			if n, err = f.give(p, b); err != nil {
				return false, err
			}
		}
		p.scan -= n
		at.next[partition] += int64(n)
		if n < len(b.Records) {
			return true, nil
		}
	}
	return false, nil
}

func (f *Feed) outcome(ctx context.Context, delivery int64) (Outcome, error) {
	switch {
	case delivery == 0: // written by the hub itself
		return Complete, nil
	case f.Outcome == nil:
		return Failed, nil
	}
	return f.Outcome(ctx, delivery)
}

// give calls fn for the records of a batch that the feed keeps, and returns how many the page had room to look at.
func (f *Feed) give(p *page, b *Batch) (int, error) {
	for i := range b.Records {
		r := &b.Records[i]
		if f.keep != nil && !f.keep(r.Value) {
			continue
		}
		size := len(r.Key) + len(r.Value)
		if p.records == 0 || p.given && size > p.bytes {
			p.records = 0
			return i, nil
		}
		if err := p.fn(Position{b.Topic, b.Partition, b.Base + int64(i)}, r); err != nil {
			return i, err
		}
		p.given = true
		p.records--
		p.bytes -= size
	}
	return len(b.Records), nil
}

// cursor is the place of a reader of a feed. As text it is base64 for URLs over: version, which partition's turn it is, how many there
// are, the offset in each, all but the first as varints, and CRC-32C of these and the topic.
type cursor struct {
	turn int
	next []int64
}

func (c *cursor) format(topic string) string {
	b := append(make([]byte, 0, 8+4*len(c.next)), cursorVersion)
	b = binary.AppendUvarint(b, uint64(c.turn))
	b = binary.AppendUvarint(b, uint64(len(c.next)))
	for _, n := range c.next {
		b = binary.AppendUvarint(b, uint64(n))
	}
	return base64.RawURLEncoding.EncodeToString(binary.BigEndian.AppendUint32(b, cursorSum(topic, b)))
}

func cursorSum(topic string, b []byte) uint32 {
	table := crc32.MakeTable(crc32.Castagnoli)
	return crc32.Update(crc32.Checksum([]byte(topic), table), table, b)
}

// parse reads a cursor. Only what format writes is one.
func (f *Feed) parse(text string) (cursor, error) {
	partitions := f.log.Partitions(f.topic)
	if text == "" {
		return cursor{next: make([]int64, partitions)}, nil
	}
	if len(text) > (partitions+4)*2*binary.MaxVarintLen64 {
		return cursor{}, fmt.Errorf("%w: it is too long", ErrCursor)
	}
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(b) < 5 || b[0] != cursorVersion {
		return cursor{}, fmt.Errorf("%w: it is damaged, or of another version", ErrCursor)
	}
	sum := len(b) - 4
	if binary.BigEndian.Uint32(b[sum:]) != cursorSum(f.topic, b[:sum]) {
		return cursor{}, fmt.Errorf("%w: it is damaged, or of another feed", ErrCursor)
	}
	numbers := []int64{}
	for rest := b[1:sum]; len(rest) > 0; {
		n, k := binary.Uvarint(rest)
		if k <= 0 || n > math.MaxInt64 {
			return cursor{}, fmt.Errorf("%w: it is damaged", ErrCursor)
		}
		numbers, rest = append(numbers, int64(n)), rest[k:]
	}
	if len(numbers) != partitions+2 || numbers[1] != int64(partitions) || numbers[0] >= int64(partitions) {
		return cursor{}, fmt.Errorf("%w: it is of a log with other partitions", ErrCursor)
	}
	c := cursor{turn: int(numbers[0]), next: numbers[2:]}
	if c.format(f.topic) != text {
		return cursor{}, fmt.Errorf("%w: it is damaged", ErrCursor)
	}
	return c, nil
}

// within holds a cursor against where the partitions end.
func (c *cursor) within(ends []int64) error {
	for n, end := range ends {
		if c.next[n] > end {
			return fmt.Errorf("%w: it is at record %d of partition %d, which ends at %d; was the log restored from an older backup? Start over, without a cursor",
				ErrCursor, c.next[n], n, end)
		}
	}
	return nil
}
