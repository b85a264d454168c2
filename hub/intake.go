package hub

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"hebian/schemas"
)

// MisfitTopic is where rows in quarantine lie.
const MisfitTopic = "hub.misfit"

// Bounds of a delivery. A transaction of flushRecords costs one fsync, which at that size is a small
// part of the work; twice that many records are in memory at most.
const (
	flushRecords = 16 << 10
	flushBytes   = 8 << 20
	pendingBytes = 3 << 20 // what flushRecords pay lines come to
)

// ErrBusy says that the same file is being delivered already.
var ErrBusy = errors.New("this file is being delivered already")

// Clock tells the time of receipts.
type Clock func() time.Time

// Intake takes deliveries in: it gives records their IDs, leaves out what an earlier version of the
// file brought, appends the rest to the log, takes back what the file no longer has, and writes the
// receipt.
type Intake struct {
	log        Log
	deliveries Deliveries
	now        Clock

	mu   sync.Mutex
	busy map[string]bool // files being delivered

	spare sync.Pool // of *pending, so that each file doesn't grow its own
}

// NewIntake gives an intake that writes to a log and keeps its deliveries.
func NewIntake(log Log, deliveries Deliveries, now Clock) *Intake {
	return &Intake{log: log, deliveries: deliveries, now: now, busy: map[string]bool{}}
}

// Session is one delivery being taken in. Rows go in through Accept and Quarantine in the order of the
// file, from one goroutine; Finish, Fail or Leave ends it.
type Session struct {
	intake   *Intake
	delivery Delivery
	receipt  Receipt
	known    map[schemas.ID]origin // live rows of earlier versions, and rows that an interrupted try left
	gone     map[schemas.ID]bool   // rows of earlier versions that the interrupted try took back
	ordinals tally                 // of equal rows in this file
	pending  *pending
	queue    chan *pending // to the writer
	free     chan *pending // and back
	writing  sync.WaitGroup
	writeCtx context.Context         // done when the log refused a batch
	refuse   context.CancelCauseFunc // says why
}

// origin says where a known row lies and whether this file still has it.
type origin struct {
	topic     uint8 // subjectIndex or misfitIndex
	partition uint16
	own       bool // written by the interrupted try that this delivery goes on with
	seen      bool
	offset    int64
}

const (
	subjectIndex = iota
	misfitIndex
)

// Begin opens a delivery of a file, or goes on with one that a crash interrupted.
func (in *Intake) Begin(ctx context.Context, agency, file, subject string) (*Session, error) {
	if !in.claim(file) {
		return nil, fmt.Errorf("deliver %s: %w", file, ErrBusy)
	}
	s := &Session{intake: in, queue: make(chan *pending, 1), free: make(chan *pending, 2)}
	for range cap(s.free) {
		p, ok := in.spare.Get().(*pending)
		if !ok {
			p = &pending{bytes: make([]byte, 0, pendingBytes)}
		}
		s.free <- p
	}
	s.pending = <-s.free
	if err := s.open(ctx, agency, file, subject); err != nil {
		in.release(file)
		return nil, err
	}
	d := &s.delivery
	s.receipt = Receipt{Delivery: d.ID, Agency: d.Agency, File: d.File, Subject: d.Subject, Started: d.Started}
	s.writeCtx, s.refuse = context.WithCancelCause(ctx)
	s.writing.Go(s.write)
	return s, nil
}

// open finds or begins the delivery and loads what is known of the file.
func (s *Session) open(ctx context.Context, agency, file, subject string) error {
	earlier, err := s.intake.deliveries.Of(ctx, agency, file)
	if err != nil {
		return err
	}
	s.known, s.gone = map[schemas.ID]origin{}, map[schemas.ID]bool{}
	for _, d := range earlier {
		if d.Outcome == Failed {
			continue
		}
		if d.Subject != subject {
			return fmt.Errorf("%s was delivered as %s before and can't become %s", file, d.Subject, subject)
		}
		if err := s.load(ctx, d); err != nil {
			return fmt.Errorf("load earlier version of %s: %w", file, err)
		}
		if d.Outcome == Open {
			s.delivery = d
		}
	}
	if s.delivery.ID != 0 {
		return nil
	}
	s.delivery = Delivery{Agency: agency, File: file, Subject: subject, Outcome: Open, Started: s.intake.now()}
	for _, topic := range []string{subject, MisfitTopic} {
		for p := range s.intake.log.Partitions(topic) {
			end, err := s.intake.log.End(ctx, topic, p)
			if err != nil {
				return err
			}
			s.delivery.Spans = append(s.delivery.Spans, Span{Topic: topic, Partition: p, First: end, Next: -1})
		}
	}
	return s.intake.deliveries.Begin(ctx, &s.delivery)
}

// load folds an earlier delivery of the file into the rows known to be live.
func (s *Session) load(ctx context.Context, d Delivery) error {
	var b Batch
	for _, span := range d.Spans {
		o := origin{partition: uint16(span.Partition), own: d.Outcome == Open}
		if span.Topic == MisfitTopic {
			o.topic = misfitIndex
		}
		for at := span.First; at < span.Next || span.Next < 0; at += int64(len(b.Records)) {
			if err := s.intake.log.Read(ctx, span.Topic, span.Partition, at, &b); err != nil {
				return err
			}
			if len(b.Records) == 0 {
				break
			}
			if b.Delivery != d.ID {
				continue
			}
			for i := range b.Records {
				r := &b.Records[i]
				if r.Op == schemas.Retract {
					s.forget(r.ID, d.Outcome == Open)
					continue
				}
				o.offset = b.Base + int64(i)
				if d.Outcome == Open && s.gone[r.ID] { // taken back, and there again
					delete(s.gone, r.ID)
					s.known[r.ID] = origin{topic: o.topic, partition: o.partition, offset: o.offset}
					continue
				}
				s.known[r.ID] = o
			}
		}
	}
	return nil
}

// forget folds a retraction. One that an interrupted try of this delivery made is this delivery's.
func (s *Session) forget(id schemas.ID, own bool) {
	if o, ok := s.known[id]; ok && own && !o.own {
		s.gone[id] = true
	}
	delete(s.known, id)
}

// Accept takes rows of the subject in. Their IDs come as schemas.ContentID; Accept adds the ordinal among
// equal rows. The records' bytes are the caller's again when it returns. An error is of the log.
func (s *Session) Accept(ctx context.Context, records []schemas.Record) error {
	s.receipt.Accepted += int64(len(records))
	return s.take(ctx, subjectIndex, records)
}

// Quarantine takes misfits of the file in, as Accept takes rows.
func (s *Session) Quarantine(ctx context.Context, misfits []schemas.Record) error {
	s.receipt.Quarantined += int64(len(misfits))
	return s.take(ctx, misfitIndex, misfits)
}

func (s *Session) take(ctx context.Context, index uint8, records []schemas.Record) error {
	topic := s.topic(index)
	s.receipt.RowsRead += int64(len(records))
	for i := range records {
		r := records[i]
		r.ID = s.identify(r.ID)
		if o, ok := s.known[r.ID]; ok && o.topic == index { // Promise 2
			o.seen = true
			s.known[r.ID] = o
			if o.own {
				s.receipt.Added++
			} else {
				s.receipt.Unchanged++
			}
			continue
		}
		if s.gone[r.ID] { // known before the interrupted try took it back
			delete(s.gone, r.ID)
			s.receipt.Unchanged++
		} else {
			s.receipt.Added++
		}
		s.pending.add(topic, s.partition(topic, r.Key), r)
		if err := s.flushFull(ctx); err != nil {
			return err
		}
	}
	return nil
}

// topic is the topic of a number in origin.
func (s *Session) topic(index uint8) string {
	if index == misfitIndex {
		return MisfitTopic
	}
	return s.delivery.Subject
}

// identify makes the ID of a row from its content's and its ordinal among equal rows.
func (s *Session) identify(content schemas.ID) schemas.ID {
	ordinal := s.ordinals.add(binary.LittleEndian.Uint64(content[:]))
	if ordinal == 0 {
		return content
	}
	sum := sha256.Sum256(binary.BigEndian.AppendUint32(content[:], ordinal))
	return schemas.ID(sum[:16])
}

// Finish takes back what earlier versions had and this one lacks, and writes the receipt.
func (s *Session) Finish(ctx context.Context, digest string, size int64, unknownColumns []string) (Receipt, error) {
	defer s.intake.release(s.delivery.File)
	err := s.retract(ctx)
	if err == nil {
		err = s.flush(ctx)
	}
	if refused := s.stop(); refused != nil {
		err = refused
	}
	if err != nil {
		return s.receipt, err
	}
	s.receipt.Retracted += int64(len(s.gone))
	s.receipt.Outcome, s.receipt.Digest, s.receipt.Bytes = Complete, digest, size
	s.receipt.UnknownColumns = unknownColumns
	for _, span := range s.delivery.Spans {
		if span.Next, err = s.intake.log.End(ctx, span.Topic, span.Partition); err != nil {
			return s.receipt, err
		}
		s.receipt.Spans = append(s.receipt.Spans, span)
	}
	s.receipt.Finished = s.intake.now()
	return s.receipt, s.intake.deliveries.Finish(ctx, s.receipt) // Promise 1: the receipt after the rows
}

// Fail ends a delivery whose file can't be taken, with a receipt that says why. Nothing of it counts.
func (s *Session) Fail(ctx context.Context, cause error) (Receipt, error) {
	s.Leave()
	r := &s.receipt
	r.Outcome, r.Error, r.Finished = Failed, cause.Error(), s.intake.now()
	r.RowsRead, r.Accepted, r.Quarantined, r.Added, r.Unchanged, r.Retracted = 0, 0, 0, 0, 0, 0
	if err := s.intake.deliveries.Finish(ctx, *r); err != nil {
		return *r, fmt.Errorf("%w (and no receipt could be written: %w)", cause, err)
	}
	return *r, cause
}

// Leave ends a delivery that something else than its file stopped: the log, or whoever asked to stop. It
// stays open as after a crash, and the next delivery of the file goes on with it.
func (s *Session) Leave() {
	s.stop() //nolint:errcheck // whoever leaves knows why
	s.intake.release(s.delivery.File)
}

// retract appends a retraction for each known row that the file no longer has.
func (s *Session) retract(ctx context.Context) error {
	var gone []Position
	for _, o := range s.known {
		if !o.seen {
			if !o.own {
				s.receipt.Retracted++
			}
			gone = append(gone, Position{s.topic(o.topic), int(o.partition), o.offset})
		}
	}
	slices.SortFunc(gone, Position.Compare)
	return Trace(ctx, s.intake.log, gone, func(p Position, _ int64, r *schemas.Record) error {
		retraction := *r
		retraction.Op = schemas.Retract
		s.pending.add(p.Topic, p.Partition, retraction)
		return s.flushFull(ctx)
	})
}

// flushFull flushes when enough is pending for a transaction.
func (s *Session) flushFull(ctx context.Context) error {
	if s.pending.records < flushRecords && len(s.pending.bytes) < flushBytes {
		return nil
	}
	return s.flush(ctx)
}

// flush hands what is pending to the writer and waits for room.
func (s *Session) flush(ctx context.Context) error {
	if s.pending.records == 0 {
		return nil
	}
	for i := range s.pending.batches {
		s.pending.batches[i].Delivery = s.delivery.ID
	}
	select {
	case s.queue <- s.pending:
		s.pending = <-s.free
		return nil
	case <-s.writeCtx.Done():
		return context.Cause(s.writeCtx)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// write appends what is handed over until the queue is closed; after an error it only empties it.
func (s *Session) write() {
	for p := range s.queue {
		if s.writeCtx.Err() == nil {
			if err := s.intake.log.Append(s.writeCtx, p.batches); err != nil {
				s.refuse(err)
			}
		}
		p.reset()
		s.free <- p
	}
}

// stop waits for the writer and returns the error that it met.
func (s *Session) stop() error {
	close(s.queue)
	s.writing.Wait()
	s.pending.reset()
	s.intake.spare.Put(s.pending)
	for range len(s.free) {
		s.intake.spare.Put(<-s.free)
	}
	err := context.Cause(s.writeCtx)
	s.refuse(nil)
	return err
}

// partition is where a key goes, the same for the life of a data folder.
func (s *Session) partition(topic string, key []byte) int {
	n := s.intake.log.Partitions(topic)
	if n == 1 {
		return 0
	}
	return int(fnv32(key) % uint32(n))
}

func (in *Intake) claim(file string) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.busy[file] {
		return false
	}
	in.busy[file] = true
	return true
}

func (in *Intake) release(file string) {
	in.mu.Lock()
	defer in.mu.Unlock()
	delete(in.busy, file)
}

// fnv32 is FNV-1a. The partition of a key is part of a data folder's form, so it hangs on no library.
func fnv32(key []byte) uint32 {
	h := uint32(2166136261)
	for _, c := range key {
		h = (h ^ uint32(c)) * 16777619
	}
	return h
}
