package hub

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"hebian/schemas"
)

// CorrectionTopic is where corrections lie.
const CorrectionTopic = "hub.correction"

// Bounds of a relay.
const (
	relayPage    = 200              // corrections to an agency in one pass, all in memory
	relayBytes   = 8 << 20          // that they take at most in one append, but for one that alone is larger
	relayPoll    = time.Second      // between two looks at the outbox when nobody wakes the relay
	relayRetry   = time.Second      // before the first try again; doubled for each further one
	relayPause   = 5 * time.Minute  // the longest time between two tries
	relayTimeout = 30 * time.Second // for one correction to be written
	relayTargets = 8                // agencies written to at once
)

// Outgoing is a correction on its way to an agency.
type Outgoing struct {
	Correction schemas.Correction
	Logged     bool // it is in the log
}

// Outbox holds corrections from the decision until their agency has them. A correction that is Sent is no longer Pending.
type Outbox interface {
	// Waiting lists the agencies that corrections wait for.
	Waiting(ctx context.Context) ([]string, error)
	// Pending gives up to limit corrections to an agency that were not sent, in the order of their decisions.
	Pending(ctx context.Context, agency string, limit int) ([]Outgoing, error)
	// Logged notes that corrections are in the log.
	Logged(ctx context.Context, ids []string) error
	// Sent notes that their agency has corrections.
	Sent(ctx context.Context, ids []string) error
}

// Sink hands corrections to agencies. It returns when the agency has the body for good; the same id written again does no harm.
type Sink interface {
	Write(ctx context.Context, agency, id string, body []byte) error
}

// Relay carries corrections from the outbox into the log, and from there to their agencies. A kill between two steps makes it
// do the later one again: the log then knows the record, and the sink the id. It is the only one that writes to the topic.
type Relay struct {
	// Elsewhere says of which agencies corrections only go into the log here: somebody else brings them, and notes that they are sent. nil: of none.
	Elsewhere func(agency string) bool

	outbox  Outbox
	log     Log
	sink    Sink
	encoder *schemas.Encoder
	schema  uint32 // id of the schema

	mu     sync.Mutex          // one pass at a time
	tail   map[schemas.ID]bool // records at the end of the log that the outbox may not know of; nil: to be read
	paused map[string]pause    // by agency, "" for the hub itself
}

// pause says when to try an agency again that could not be written to.
type pause struct {
	until  time.Time
	length time.Duration
}

// NewRelay gives a relay. schemaID is the id of the corrections' schema.
func NewRelay(outbox Outbox, log Log, sink Sink, schemaID uint32) *Relay {
	return &Relay{
		outbox: outbox, log: log, sink: sink, schema: schemaID,
		encoder: schemas.NewEncoder(schemas.SubjectOf(CorrectionTopic)), paused: map[string]pause{},
	}
}

// Run carries corrections out until stop is closed, and then what still can go. It looks at the outbox every second, and at once when
// woken. What goes wrong it reports and tries again, after longer and longer pauses; an agency that can't be written to keeps no other
// waiting. It ends early when ctx is done.
func (r *Relay) Run(ctx context.Context, stop, wake <-chan struct{}, report func(error)) {
	poll := time.NewTicker(relayPoll)
	defer poll.Stop()
	for stopping := false; ctx.Err() == nil; {
		sent, err := r.Drain(ctx)
		if err != nil && ctx.Err() == nil {
			report(err)
		}
		switch {
		case sent > 0: // there may be more
			continue
		case stopping:
			return
		}
		select {
		case <-ctx.Done():
		case <-stop:
			stopping = true
		case <-wake:
		case <-poll.C:
		}
	}
}

// Drain makes one pass: up to relayPage corrections of every agency that is not paused go out. It says how many went.
func (r *Relay) Drain(ctx context.Context) (sent int, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.due("") {
		return 0, nil
	}
	batches, err := r.fetch(ctx)
	if err == nil {
		err = r.record(ctx, batches)
	}
	if r.settle("", err); err != nil {
		return 0, fmt.Errorf("relay corrections: %w", err)
	}
	counts, errs := make([]int, len(batches)), make([]error, len(batches))
	var group errgroup.Group
	group.SetLimit(relayTargets)
	for i, batch := range batches {
		if r.Elsewhere != nil && r.Elsewhere(batch[0].Correction.Agency) {
			continue
		}
		group.Go(func() error {
			counts[i], errs[i] = r.send(ctx, batch)
			return nil
		})
	}
	group.Wait() //nolint:errcheck // errs has them
	for i, batch := range batches {
		agency := batch[0].Correction.Agency
		if r.settle(agency, errs[i]); errs[i] != nil {
			errs[i] = fmt.Errorf("relay corrections to %s: %w", agency, errs[i])
		}
		sent += counts[i]
	}
	return sent, errors.Join(errs...)
}

// fetch gets what is pending, by agency.
func (r *Relay) fetch(ctx context.Context) ([][]Outgoing, error) {
	agencies, err := r.outbox.Waiting(ctx)
	if err != nil {
		return nil, err
	}
	var batches [][]Outgoing
	for _, agency := range agencies {
		if !r.due(agency) {
			continue
		}
		pending, err := r.outbox.Pending(ctx, agency, relayPage)
		if err != nil {
			return nil, err
		}
		if len(pending) > 0 {
			batches = append(batches, pending)
		}
	}
	return batches, nil
}

// record brings the corrections into the log that are not there yet, relayPage in one go. Promise 1: the log has them before an
// agency does.
func (r *Relay) record(ctx context.Context, batches [][]Outgoing) error {
	var fresh []*schemas.Correction
	for _, batch := range batches {
		for i := range batch {
			if !batch[i].Logged {
				fresh = append(fresh, &batch[i].Correction)
			}
		}
	}
	for len(fresh) > 0 {
		n, bytes := 0, 0
		for n < len(fresh) && n < relayPage && (n == 0 || bytes < relayBytes) {
			bytes += sizeOf(fresh[n])
			n++
		}
		if err := r.recordPage(ctx, fresh[:n]); err != nil {
			return err
		}
		fresh = fresh[n:]
	}
	return nil
}

// sizeOf is roughly what a correction takes in the log.
func sizeOf(c *schemas.Correction) int {
	return len(c.Reason) + len(c.Detail) + len(c.Value) + len(c.Proposed) + 200*len(c.Rows)
}

func (r *Relay) recordPage(ctx context.Context, page []*schemas.Correction) error {
	known := r.tail
	if known == nil {
		var err error
		if known, err = r.readTail(ctx); err != nil {
			return err
		}
	}
	var ids []string
	var records pending
	for _, c := range page {
		ids = append(ids, c.ID)
		record, err := r.recordOf(c)
		if err != nil {
			return err
		}
		if !known[record.ID] {
			records.add(CorrectionTopic, PartitionOf(record.Key, r.log.Partitions(CorrectionTopic)), record)
		}
	}
	r.tail = nil // until the outbox knows: after an error nobody knows how far the two steps came
	if records.records > 0 {
		if err := r.log.Append(ctx, records.batches); err != nil {
			return err
		}
	}
	if err := r.outbox.Logged(ctx, ids); err != nil {
		return err
	}
	r.tail = map[schemas.ID]bool{}
	return nil
}

// readTail reads the end of the log: a kill between append and Logged leaves up to relayPage records that the outbox knows nothing of, the last ones.
func (r *Relay) readTail(ctx context.Context) (map[schemas.ID]bool, error) {
	tail := map[schemas.ID]bool{}
	var b Batch
	for p := range r.log.Partitions(CorrectionTopic) {
		end, err := r.log.End(ctx, CorrectionTopic, p)
		if err != nil {
			return nil, err
		}
		for at := max(0, end-relayPage); at < end; at += int64(len(b.Records)) {
			if err := r.log.Read(ctx, CorrectionTopic, p, at, &b); err != nil {
				return nil, err
			}
			if len(b.Records) == 0 {
				return nil, fmt.Errorf("no record at %s/%d offset %d", CorrectionTopic, p, at)
			}
			for i := range b.Records {
				tail[b.Records[i].ID] = true
			}
		}
	}
	return tail, nil
}

// recordOf is the record of a correction.
func (r *Relay) recordOf(c *schemas.Correction) (schemas.Record, error) {
	id, err := hex.DecodeString(c.ID)
	if err != nil || len(id) != len(schemas.ID{}) {
		return schemas.Record{}, fmt.Errorf("a correction has the id %q, no id of a record", c.ID)
	}
	value, err := r.encoder.Append(nil, r.schema, c)
	return schemas.Record{ID: schemas.ID(id), Key: []byte(c.Case), Value: value}, err
}

// send writes corrections to their agency, one after the other, and notes which it has.
func (r *Relay) send(ctx context.Context, batch []Outgoing) (int, error) {
	var ids []string
	var failed error
	for i := range batch {
		if failed = r.write(ctx, &batch[i].Correction); failed != nil {
			break
		}
		ids = append(ids, batch[i].Correction.ID)
	}
	if len(ids) == 0 {
		return 0, failed
	}
	if err := r.outbox.Sent(ctx, ids); err != nil {
		return 0, errors.Join(failed, err)
	}
	return len(ids), failed
}

func (r *Relay) write(ctx context.Context, c *schemas.Correction) error {
	body, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, relayTimeout)
	defer cancel()
	return r.sink.Write(ctx, c.Agency, c.ID, append(body, '\n'))
}

// due says whether to try an agency.
func (r *Relay) due(agency string) bool { return !time.Now().Before(r.paused[agency].until) }

// settle pauses an agency after an error, and takes the pause away after none.
func (r *Relay) settle(agency string, err error) {
	if err == nil {
		delete(r.paused, agency)
		return
	}
	length := min(max(relayRetry, 2*r.paused[agency].length), relayPause)
	r.paused[agency] = pause{time.Now().Add(length), length}
}
