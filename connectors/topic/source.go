package topic

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"hebian/connectors"
)

const (
	// batchRows and batchBytes are how much is handed over at a time: enough for the work per batch not to count.
	batchRows  = 5000
	batchBytes = 4 << 20
	// waitForMore is how long a fetch waits at the end for messages that are about to come.
	waitForMore = 500 * time.Millisecond
	// lookAgain is how often a fetch without end asks where the topic is, and whether it has got more partitions.
	lookAgain = 5 * time.Second
	// maxTries bounds how often a question is asked again in a row while leaders change; the waits double from firstPause. Brokers that
	// are away for longer are a trouble, after which the caller comes again.
	maxTries   = 5
	firstPause = 100 * time.Millisecond
	// maxStill bounds how often in a row brokers may give nothing though there is something.
	maxStill = 20
)

// Source reads a topic's messages as rows. It belongs to no group of consumers: where it is, its caller keeps.
type Source struct {
	*cluster
	format *format
	rows   int           // of a batch
	wait   time.Duration // at the end
	known  progress
}

// progress is how far a topic is read. Beyond the position it holds what lies there and is no row, such as messages of transactions
// that were given up.
type progress struct {
	position string
	id       [16]byte
	next     map[int32]int64
}

// NewSource gives a source for a configuration, which is checked. It connects to nobody yet.
func NewSource(c Config) (*Source, error) {
	if err := c.Check(); err != nil {
		return nil, fmt.Errorf("topic: %w", err)
	}
	format, err := newFormat(&c)
	if err != nil {
		return nil, fmt.Errorf("topic: %w", err)
	}
	return &Source{cluster: newCluster(&c), format: format, rows: batchRows, wait: waitForMore}, nil
}

// Fetch hands over what the topic had when it was called, and what comes within half a second of its end; if the configuration says
// so it does not end. Rows are NDJSON whatever the messages are; within a partition they keep their order. Messages of transactions that
// are open are waited for, and those of transactions that were given up passed over. A message without a value becomes
// {"$gone":true,"$key":KEY}. The position is the offset of the next message by partition, as JSON.
func (s *Source) Fetch(ctx context.Context, position string, hand connectors.Hand) error {
	f, err := s.from(position)
	if err != nil {
		return err
	}
	f.hand = hand
	s.layout = nil // whatever was so the last time
	for tries := 0; ; {
		moved, err := f.round(ctx)
		switch {
		case err == nil && f.done:
			return nil
		case f.handed != nil:
			return f.handed
		case moved:
			tries = 0
		}
		if err == nil {
			continue
		}
		s.drop()
		if tries++; !mayPass(err) || tries > maxTries || ctx.Err() != nil {
			return trouble(ctx, "read topic "+s.config.Topic, err)
		}
		if err := pause(ctx, s.first<<(tries-1)); err != nil {
			return err
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// fetch is one call of Fetch.
type fetch struct {
	*Source
	hand   connectors.Hand
	handed error // hand's error
	at     progress
	end    map[int32]int64 // that the topic had at the start
	waited bool
	still  int
	done   bool
	room   bytes.Buffer
	lines  []byte
	count  int
}

// place is a position as it is written.
type place struct {
	Topic []byte          `json:"topic,omitempty"` // Kafka's number of it
	Next  map[int32]int64 `json:"next"`
}

func (s *Source) from(position string) (*fetch, error) {
	f := &fetch{Source: s, at: progress{position: position, next: map[int32]int64{}}}
	if position == "" {
		return f, nil
	}
	if position == s.known.position {
		f.at = s.known.clone()
		return f, nil
	}
	var p place
	if err := json.Unmarshal([]byte(position), &p); err != nil {
		return nil, fmt.Errorf("read position: %w", err)
	}
	for partition, next := range p.Next {
		if partition < 0 || next < 0 {
			return nil, fmt.Errorf("read position: offset %d of partition %d", next, partition)
		}
		f.at.next[partition] = next
	}
	copy(f.at.id[:], p.Topic)
	return f, nil
}

func (p progress) clone() progress {
	next := make(map[int32]int64, len(p.next))
	for partition, offset := range p.next {
		next[partition] = offset
	}
	p.next = next
	return p
}

// write gives the position.
func (p progress) write() (string, error) {
	written := place{Next: p.next}
	if p.id != [16]byte{} {
		written.Topic = p.id[:]
	}
	text, err := json.Marshal(written)
	if err == nil && len(text) > connectors.MaxPosition {
		err = fmt.Errorf("it has %d bytes", len(text))
	}
	if err != nil {
		return "", fmt.Errorf("write position: %w", err)
	}
	return string(text), nil
}

// round asks the brokers once, and hands over what they give. moved says that it got on.
func (f *fetch) round(ctx context.Context) (moved bool, err error) {
	if f.config.Follow && f.layout != nil && time.Since(f.layout.asked) > lookAgain {
		f.layout = nil
	}
	if f.layout == nil || f.end == nil {
		if err := f.locate(ctx); err != nil {
			return false, err
		}
		if err := f.begin(ctx); err != nil || f.handed != nil {
			return false, err
		}
	}
	var ask []int32
	for _, p := range f.layout.partitions() {
		if f.at.next[p] < f.end[p] {
			ask = append(ask, p)
		}
	}
	behind := len(ask) > 0
	if !behind {
		if f.waited && !f.config.Follow {
			f.done = true
			return false, nil
		}
		ask = f.layout.partitions()
	}
	f.waited = f.waited || !behind
	before := f.at.clone()
	err = f.ask(ctx, ask)
	moved = !same(before.next, f.at.next)
	if err == nil && behind && !moved {
		if f.still++; f.still >= maxStill {
			return false, unfit{fmt.Errorf("the brokers give nothing of partition %d from offset %d on, though it ends at %d",
				ask[0], f.at.next[ask[0]], f.end[ask[0]])}
		}
		return false, nil
	}
	f.still = 0
	return moved, err
}

func same(a, b map[int32]int64) bool {
	for partition, offset := range b {
		if a[partition] != offset {
			return false
		}
	}
	return true
}

// begin finds out where partitions begin that nothing is known of, and where all end.
func (f *fetch) begin(ctx context.Context) error {
	l := f.layout
	if f.at.id != l.id && f.at.id != [16]byte{} && l.id != [16]byte{} {
		return unfit{errors.New("the topic was deleted and made anew: what it holds now is not what was read before; " +
			"rewind the connector to read it from its start")}
	}
	f.at.id = l.id
	var unknown []int32
	for _, p := range l.partitions() {
		if _, ok := f.at.next[p]; !ok {
			unknown = append(unknown, p)
		}
	}
	for p := range f.at.next {
		if _, ok := l.leaders[p]; !ok {
			return unfit{fmt.Errorf("the topic has no partition %d any more, which was read up to offset %d: it was made anew; "+
				"rewind the connector to read it from its start", p, f.at.next[p])}
		}
	}
	virgin := len(f.at.next) == 0
	from := first
	if virgin && f.config.Start == Latest {
		from = end
	}
	if len(unknown) > 0 { // partitions that were added later are read from their start
		offsets, err := f.offsets(ctx, unknown, from)
		if err != nil {
			return err
		}
		for p, offset := range offsets {
			f.at.next[p] = offset
		}
	}
	ends, err := f.offsets(ctx, l.partitions(), end)
	if err != nil {
		return err
	}
	if f.end == nil || f.config.Follow {
		f.end = ends
	}
	for p, offset := range ends {
		if _, ok := f.end[p]; !ok { // of a partition that came meanwhile
			f.end[p] = offset
		}
	}
	if virgin && from == end { // a batch without rows: from now on is a place only once it is written down
		return f.flush(ctx, true)
	}
	return nil
}

// ask asks every leader for its partitions, all at the same time, and hands over what they give.
func (f *fetch) ask(ctx context.Context, partitions []int32) error {
	by, err := f.led(partitions)
	if err != nil {
		return err
	}
	conns := map[string]*conn{}
	for addr := range by {
		if conns[addr], err = f.to(ctx, addr); err != nil {
			return err
		}
	}
	var group sync.WaitGroup
	var mu sync.Mutex // guards what follows
	var pieces []piece
	var errs []error
	for addr, led := range by {
		group.Go(func() {
			got, err := f.pieces(ctx, conns[addr], led, f.at.next, f.wait)
			mu.Lock()
			defer mu.Unlock()
			pieces = append(pieces, got...)
			if err != nil {
				errs = append(errs, fmt.Errorf("ask %s: %w", addr, err))
			}
		})
	}
	group.Wait()
	slices.SortFunc(pieces, func(a, b piece) int { return int(a.partition) - int(b.partition) })
	for i := range pieces {
		err := f.piece(ctx, &pieces[i])
		if f.handed != nil {
			return nil
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("partition %d: %w", pieces[i].partition, err))
		}
	}
	if err := f.flush(ctx, false); err != nil {
		return err
	}
	return worst(errs)
}

// worst is the error that says most: one that does not pass.
func worst(errs []error) error {
	for _, err := range errs {
		if !mayPass(err) {
			return err
		}
	}
	return together(errs)
}

// piece takes in what a broker gave of one partition.
func (f *fetch) piece(ctx context.Context, p *piece) error {
	next, ok := f.at.next[p.partition]
	switch {
	case !ok:
		return errForm
	case p.err == errOffset:
		return f.outOfRange(ctx, p.partition)
	case p.err != 0:
		return p.err
	}
	next, err := p.read(next, &f.room, func(m message) error {
		if f.count >= f.rows || len(f.lines) >= batchBytes {
			f.at.next[p.partition] = m.offset
			if err := f.flush(ctx, false); err != nil || f.handed != nil {
				return errors.Join(err, errHanded)
			}
		}
		lines, err := f.format.line(f.lines, m)
		if err != nil {
			return fmt.Errorf("offset %d: %w", m.offset, err)
		}
		f.lines = lines
		f.count++
		return nil
	})
	f.at.next[p.partition] = next
	return err
}

// errHanded ends the reading of a piece when hand has returned an error.
var errHanded = errors.New("what was read was not taken")

// outOfRange says what is lost. Nothing is skipped by itself.
func (f *fetch) outOfRange(ctx context.Context, partition int32) error {
	asked := []int32{partition}
	begins, err := f.offsets(ctx, asked, first)
	if err != nil {
		return err
	}
	ends, err := f.offsets(ctx, asked, end)
	if err != nil {
		return err
	}
	next, begin, end := f.at.next[partition], begins[partition], ends[partition]
	if next < begin {
		return unfit{fmt.Errorf("the messages from offset %d to %d are gone before they were read, as the topic's retention or somebody removed them; "+
			"what is left begins at %d: get the lost ones from the partner, then rewind the connector to read what is left", next, begin-1, begin)}
	}
	if next > end {
		return unfit{fmt.Errorf("it ends at offset %d, but was read up to %d before: it was made anew or has lost its end; "+
			"rewind the connector to read it from its start", end, next)}
	}
	return kafkaError(78) // the leader has caught up meanwhile
}

// flush hands over the lines that were read, if there are any or if there must be a batch. hand's error is kept aside: the brokers
// have no part in it.
func (f *fetch) flush(ctx context.Context, always bool) error {
	if f.count == 0 && !always {
		if f.handed == nil {
			f.known = f.at.clone() // beyond its position
		}
		return nil
	}
	position, err := f.at.write()
	if err != nil {
		return unfit{err}
	}
	_, f.handed = f.hand(ctx, connectors.Batch{Form: connectors.NDJSON, Encoding: "utf-8", Body: bytes.NewReader(f.lines), Mode: connectors.Merge, Position: position})
	f.lines, f.count = f.lines[:0], 0
	if cap(f.lines) > 2*batchBytes {
		f.lines = nil
	}
	if f.handed == nil {
		f.at.position = position
		f.known = f.at.clone()
	}
	return nil
}
