package topic

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"
)

const (
	// readCommitted is the isolation in which a broker gives nothing of transactions that are open, and names those that were
	// given up.
	readCommitted = 1
	// partBytes bounds what a broker gives of one partition at a time, and wholeBytes of all. One batch comes whole all the same.
	partBytes  = 1 << 20
	wholeBytes = 8 << 20
)

// piece is what a broker gave of one partition.
type piece struct {
	partition int32
	err       kafkaError
	first     int64 // offset that the broker still has
	aborted   []aborted
	batches   []byte
}

// aborted is a transaction that was given up: the batches of its producer from an offset on, up to its end.
type aborted struct{ producer, first int64 }

// pieces asks one broker for what comes next of the partitions that it leads. It may wait for it as long as it is let.
func (c *cluster) pieces(ctx context.Context, b *conn, partitions []int32, next map[int32]int64, let time.Duration) ([]piece, error) {
	a, err := b.ask(ctx, let, fetchKey, fetchVersion, false, func(r *request) {
		r.int32(-1)
		r.int32(int32(let.Milliseconds()))
		r.int32(1)
		r.int32(wholeBytes)
		r.int8(readCommitted)
		r.int32(0) // no run of fetches that the broker remembers
		r.int32(-1)
		r.array(1)
		r.str(c.config.Topic)
		r.array(len(partitions))
		for _, p := range partitions {
			r.int32(p)
			r.int32(-1)
			r.int64(next[p])
			r.int64(-1)
			r.int32(partBytes)
		}
		r.array(0)
		r.str("") // rack
	})
	if err != nil {
		return nil, err
	}
	return readPieces(a)
}

// readPieces reads what a broker gave, by partition.
func readPieces(a *answer) ([]piece, error) {
	a.int32() // throttling
	if code := kafkaError(a.int16()); code != 0 {
		return nil, code
	}
	a.int32()
	var pieces []piece
	for range a.array(6) {
		a.str()
		for range a.array(42) {
			p := piece{partition: a.int32(), err: kafkaError(a.int16())}
			a.int64() // end of what is on enough replicas
			a.int64() // end of what is settled
			p.first = a.int64()
			for range a.array(16) {
				p.aborted = append(p.aborted, aborted{a.int64(), a.int64()})
			}
			a.int32() // another replica to ask
			p.batches = a.bytes()
			pieces = append(pieces, p)
		}
	}
	slices.SortFunc(pieces, func(a, b piece) int { return int(a.partition) - int(b.partition) })
	return pieces, a.err
}

// read gives the messages of a piece from an offset on, without what was given up and the marks of transactions, and returns the
// offset behind them. When do returns an error, what it was given before counts as read.
func (p *piece) read(next int64, room *bytes.Buffer, do func(message) error) (int64, error) {
	slices.SortFunc(p.aborted, func(a, b aborted) int { return int(max(min(a.first-b.first, 1), -1)) })
	open := p.aborted
	given := map[int64]bool{} // up: producers within a transaction that ends so
	for text := p.batches; ; {
		b, rest, err := cut(text)
		if err != nil || b == nil {
			return next, err
		}
		text = rest
		for len(open) > 0 && open[0].first <= b.last {
			given[open[0].producer] = true
			open = open[1:]
		}
		switch {
		case b.attributes&control != 0:
			if err := b.each(room, func(m message) error {
				if isAbort(m.key) {
					delete(given, b.producer)
				}
				return nil
			}); err != nil {
				return next, fmt.Errorf("batch at offset %d: %w", b.base, err)
			}
		case b.attributes&transactional != 0 && given[b.producer]:
		case b.last < next: // before what was asked for
		default:
			if err := b.each(room, func(m message) error {
				if m.offset < next {
					return nil
				}
				if err := do(m); err != nil {
					return err
				}
				next = m.offset + 1
				return nil
			}); err != nil {
				return next, fmt.Errorf("batch at offset %d: %w", b.base, err)
			}
		}
		next = max(next, b.last+1) // where compaction took the last records, too
	}
}

// isAbort says whether the key of a mark says that its transaction was given up.
func isAbort(key []byte) bool {
	a := answer{b: key}
	a.int16() // version
	return a.int16() == 0 && a.err == nil
}
