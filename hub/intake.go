package hub

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"strings"
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

// What stands in the way of a delivery before its first row.
var (
	// ErrBusy says that the same file, or one under the same idempotency key, is being delivered.
	ErrBusy = errors.New("this file is being delivered already")
	// ErrKeyUsed says that the idempotency key stands for a complete delivery: its receipt is the answer.
	ErrKeyUsed = errors.New("a delivery under this key is complete already")
	// ErrKeying says that a file's rows had keys so far and come without, or the other way round.
	ErrKeying = errors.New("its rows are told apart in another way than before: deliver the file whole once (mode full)")
)

// Clock tells the time of receipts.
type Clock func() time.Time

// Intake takes deliveries in: it gives records their IDs, leaves out what an earlier version of the
// file brought, appends the rest to the log, takes back what the file no longer has, and writes the
// receipt.
type Intake struct {
	// MisfitSchema is the schema id in the frames of the misfits that intake itself makes: rows to take back that
	// their file does not hold. Mode Remove needs it.
	MisfitSchema uint32

	log        Log
	deliveries Deliveries
	now        Clock
	percent    int64 // of the earlier rows may go without an operator's yes

	mu   sync.Mutex
	busy map[claim]bool // by sessions under way

	shelf shelf // where the rows of keyed files lie

	spare sync.Pool // of *pending, so that each file doesn't grow its own
}

// claim is what one session at a time may have: a file, or an agency's idempotency key.
type claim struct{ file, agency, key string }

// NewIntake gives an intake that writes to a log and keeps its deliveries. A whole file that would withdraw more
// than withdrawalPercent of its earlier rows is held; at 100 none is.
func NewIntake(log Log, deliveries Deliveries, now Clock, withdrawalPercent int) *Intake {
	return &Intake{log: log, deliveries: deliveries, now: now, percent: int64(withdrawalPercent), busy: map[claim]bool{}, shelf: newShelf(shelfRows)}
}

// Session is one delivery being taken in. Rows go in through Accept and Quarantine in the order of the
// file, from one goroutine; Finish, Fail or Leave ends it.
type Session struct {
	intake     *Intake
	manifest   Manifest
	delivery   Delivery
	receipt    Receipt
	before     Delivery              // the newest complete one of the file
	known      map[schemas.ID]origin // live rows of earlier versions, and rows that an interrupted try left
	gone       map[schemas.ID]lost   // rows of earlier versions that the interrupted try took back
	withdrawal withdrawal
	discarded  map[schemas.ID]bool // misfits that wait no more when they come again
	silenced   int64               // of these, how many came
	absent     int64               // rows that say that they are gone, where that changes nothing
	ordinals   tally               // of equal rows in this file
	change     *changeSet          // instead of the six above: rows to add or to take back
	merge      *mergeSet           // or rows that replace those of their keys
	pending    *pending
	queue      chan *pending // to the writer
	free       chan *pending // and back
	writing    sync.WaitGroup
	writeCtx   context.Context         // done when the log refused a batch
	refuse     context.CancelCauseFunc // says why
}

// origin says where a known row lies and whether this file still has it.
type origin struct {
	topic     uint8 // subjectIndex or misfitIndex
	partition uint16
	own       bool // written by the interrupted try that this delivery goes on with
	seen      bool
	offset    int64
}

// lost is a row that an interrupted try took back.
type lost struct {
	topic uint8
	key   keyHash
}

// Settled counts misfits by adding these up.
const (
	subjectIndex = 0
	misfitIndex  = 1
)

// Begin opens a delivery of a file, or goes on with one that a crash interrupted: with a whole file if a whole file
// comes again. Any other interrupted one is closed as failed, for what it left can't be told from this one's rows.
func (in *Intake) Begin(ctx context.Context, m Manifest) (*Session, error) {
	if err := in.check(m); err != nil {
		return nil, fmt.Errorf("deliver %s: %w", m.File, err)
	}
	if !in.claim(m) {
		return nil, fmt.Errorf("deliver %s: %w", m.File, ErrBusy)
	}
	s := &Session{intake: in, manifest: m, queue: make(chan *pending, 1), free: make(chan *pending, 2)}
	if err := s.open(ctx); err != nil {
		in.release(m)
		return nil, fmt.Errorf("deliver %s: %w", m.File, err)
	}
	for range cap(s.free) {
		p, ok := in.spare.Get().(*pending)
		if !ok {
			p = &pending{bytes: make([]byte, 0, pendingBytes)}
		}
		s.free <- p
	}
	s.pending = <-s.free
	s.receipt = s.delivery.receipt()
	s.receipt.Key, s.receipt.Note, s.receipt.By, s.receipt.Period, s.receipt.Connector = m.Key, m.Note, m.By, m.Period, m.Connector
	s.writeCtx, s.refuse = context.WithCancelCause(ctx)
	s.writing.Go(s.write)
	return s, nil
}

func (in *Intake) check(m Manifest) error {
	switch {
	case m.Mode != Full && m.Mode != Add && m.Mode != Remove && m.Mode != Merge && m.Mode != Discard:
		return fmt.Errorf("its mode is %q, want %s, %s, %s, %s or %s", m.Mode, Full, Add, Remove, Merge, Discard)
	case (m.Mode == Add || m.Mode == Remove) && m.Key == "":
		return fmt.Errorf("mode %s needs an idempotency key: without it a repeat can't be told from more rows", m.Mode)
	case m.Mode == Remove && in.MisfitSchema == 0:
		return errors.New("intake was given no schema id for misfits")
	case m.Mode == Merge && !m.Keyed:
		return errors.New("mode merge needs keyed rows: without a key nobody can say which row is replaced")
	case len(m.Settles) > 0 && m.Mode != Add && m.Mode != Merge && m.Mode != Discard:
		return fmt.Errorf("mode %s settles no misfits by name", m.Mode)
	}
	return m.checkSettling()
}

// open finds or begins the delivery and learns what is known of the file.
func (s *Session) open(ctx context.Context) error {
	in, m := s.intake, &s.manifest
	if m.Key != "" {
		if _, used, err := in.deliveries.ByKey(ctx, m.Agency, m.Key); err != nil || used { // Promise 2
			return cmp.Or(err, ErrKeyUsed)
		}
	}
	interrupted, err := s.survey(ctx)
	if err != nil {
		return err
	}
	switch {
	case m.Mode == Full:
		err = s.loadAll(ctx, interrupted)
	case m.Mode == Merge, m.Mode == Discard && m.Keyed:
		s.merge = &mergeSet{said: map[rowKey]said{}}
	default:
		var versions []Delivery
		versions, err = s.versions(ctx)
		s.change = newChangeSet(versions)
	}
	if err != nil || s.delivery.ID != 0 {
		return err
	}
	s.delivery = Delivery{
		Agency: m.Agency, File: m.File, Subject: m.Subject, Mode: m.Mode, Keyed: m.Keyed, Period: m.Period, Connector: m.Connector,
		Outcome: Open, Started: in.now(),
	}
	if m.Mode == Full {
		if err := s.openSpans(ctx); err != nil {
			return err
		}
	}
	return in.deliveries.Begin(ctx, &s.delivery)
}

// survey finds the newest delivery of the file that counts, and the interrupted one to go on with, if there is one. It
// closes an interrupted one that can't be gone on with.
func (s *Session) survey(ctx context.Context) (interrupted *Delivery, err error) {
	m := &s.manifest
	standing, err := s.intake.deliveries.Standing(ctx, m.Agency, m.File)
	if err != nil {
		return nil, err
	}
	s.before = standing.Newest
	if m.Mode == Discard {
		m.Keyed = s.before.Keyed
	}
	switch known := s.before.ID != 0; {
	case !known && m.Mode == Discard:
		return nil, errors.New("nothing of it was delivered")
	case known && s.before.Subject != m.Subject:
		return nil, fmt.Errorf("it was delivered as %s before and can't become %s", s.before.Subject, m.Subject)
	case known && s.before.Keyed != m.Keyed && m.Mode != Full:
		return nil, ErrKeying
	}
	for i := range standing.Open {
		d := &standing.Open[i]
		if d.Mode == Full && m.Mode == Full && d.Subject == m.Subject && d.Keyed == m.Keyed {
			interrupted = d
			continue
		}
		r := d.receipt()
		r.Outcome, r.Error, r.Finished = Failed, "interrupted, then superseded by another delivery of the file", s.intake.now()
		if err := s.intake.deliveries.Finish(ctx, r); err != nil {
			return nil, err
		}
	}
	return interrupted, nil
}

// versions lists the deliveries of the file that count.
func (s *Session) versions(ctx context.Context) ([]Delivery, error) {
	if s.before.ID == 0 {
		return nil, nil
	}
	all, err := s.intake.deliveries.Of(ctx, s.manifest.Agency, s.manifest.File)
	return slices.DeleteFunc(all, func(d Delivery) bool { return d.Outcome != Complete }), err
}

// openSpans notes from where on the delivery's records can lie, before the first is written: a crash leaves them there.
func (s *Session) openSpans(ctx context.Context) error {
	for _, topic := range []string{s.delivery.Subject, MisfitTopic} {
		for p := range s.intake.log.Partitions(topic) {
			if err := s.openSpan(ctx, topic, p); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Session) openSpan(ctx context.Context, topic string, partition int) error {
	if slices.ContainsFunc(s.delivery.Spans, func(span Span) bool { return span.Topic == topic && span.Partition == partition }) {
		return nil
	}
	end, err := s.intake.log.End(ctx, topic, partition)
	s.delivery.Spans = append(s.delivery.Spans, Span{Topic: topic, Partition: partition, First: end, Next: -1})
	return err
}

// loadAll learns the rows of the file that count, and what an interrupted try left of it.
func (s *Session) loadAll(ctx context.Context, interrupted *Delivery) error {
	s.known, s.gone, s.discarded, s.withdrawal = map[schemas.ID]origin{}, map[schemas.ID]lost{}, map[schemas.ID]bool{}, newWithdrawal()
	versions, err := s.versions(ctx)
	if err != nil {
		return err
	}
	if interrupted != nil {
		s.delivery = *interrupted
		versions = append(versions, *interrupted)
	}
	for _, d := range versions {
		if err := s.load(ctx, d); err != nil {
			return fmt.Errorf("load an earlier version: %w", err)
		}
	}
	return nil
}

// load folds an earlier delivery of the file into the rows known to be live.
func (s *Session) load(ctx context.Context, d Delivery) error {
	var b Batch
	for _, span := range d.Spans {
		o := origin{partition: uint16(span.Partition), own: d.Outcome == Open}
		if span.Topic == MisfitTopic {
			o.topic = misfitIndex
		}
		if err := readSpan(ctx, s.intake.log, d.ID, span, &b, func(b *Batch) error {
			for i := range b.Records {
				r := &b.Records[i]
				s.learn(r, o, b.Base+int64(i))
				if o.topic == misfitIndex {
					remember(s.discarded, d.Mode, r)
				}
			}
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}

// learn folds one record of an earlier delivery, or of the interrupted try that this one goes on with (o.own).
func (s *Session) learn(r *schemas.Record, o origin, offset int64) {
	before, known := s.known[r.ID]
	switch {
	case r.Op == schemas.Retract:
		if known && o.own && !before.own {
			s.gone[r.ID] = lost{before.topic, s.withdrawal.hash(r.Key)}
		}
		delete(s.known, r.ID)
		return
	case o.own:
		if _, back := s.gone[r.ID]; back { // taken back, and there again
			delete(s.gone, r.ID)
			o.own = false
		}
	}
	o.offset = offset
	s.known[r.ID] = o
}

// Accept takes rows of the subject in. Their IDs come as schemas.ContentID or, of a keyed file, schemas.KeyedID; Accept adds
// the ordinal among equal rows. In a Merge a record whose Op is Retract says that the row of its key is gone; nothing but its
// key and line matters. Of rows of one key in a Merge the last one counts, be it accepted or a misfit: Line says which came
// later. The records' bytes are the caller's again when it returns. An error is of the log, or ErrTooLarge.
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
	switch {
	case len(records) > 0 && s.manifest.Mode == Discard:
		return fmt.Errorf("deliver %s: a discard has no rows", s.manifest.File)
	case index == misfitIndex && slices.ContainsFunc(records, isGone):
		return fmt.Errorf("deliver %s: a misfit that is gone", s.manifest.File)
	case s.merge != nil:
		return s.collectMerge(index, records)
	case slices.ContainsFunc(records, isGone): // it is not among those that its agency has
		left := slices.DeleteFunc(slices.Clone(records), isGone)
		gone := int64(len(records) - len(left))
		s.receipt.RowsRead -= int64(len(left)) // counted below
		s.receipt.Unchanged += gone
		s.absent += gone
		return s.take(ctx, index, left)
	case s.change != nil:
		return s.collect(topic, records)
	}
	for i := range records {
		r := records[i]
		r.ID = s.equalID(r.ID, s.ordinals.add(s.contentHash(r.ID)))
		if o, ok := s.known[r.ID]; ok && o.topic == index { // Promise 2
			o.seen = true
			s.known[r.ID] = o
			if o.own {
				s.countAdded(index, r.Key)
			} else {
				s.receipt.Unchanged++
			}
			continue
		}
		if index == misfitIndex && s.discarded[r.ID] {
			s.receipt.Unchanged++
			s.silenced++
			continue
		}
		if _, ok := s.gone[r.ID]; ok { // known before the interrupted try took it back
			delete(s.gone, r.ID)
			s.receipt.Unchanged++
		} else {
			s.countAdded(index, r.Key)
		}
		s.pending.add(topic, s.partition(topic, r.Key), r)
		if err := s.flushFull(ctx); err != nil {
			return err
		}
	}
	return nil
}

// countAdded counts a row that earlier versions did not have.
func (s *Session) countAdded(index uint8, key []byte) {
	s.receipt.Added++
	if index == subjectIndex && s.before.Live > 0 {
		s.withdrawal.added(s.withdrawal.hash(key))
	}
}

// topic is the topic of a number in origin.
func (s *Session) topic(index uint8) string {
	if index == misfitIndex {
		return MisfitTopic
	}
	return s.delivery.Subject
}

// isGone says whether a record says that a row is gone.
func isGone(r schemas.Record) bool { return r.Op == schemas.Retract }

// contentHash tells contents apart for counting equal rows. The first half of a KeyedID is of the key alone.
func (s *Session) contentHash(id schemas.ID) uint64 {
	hash := binary.LittleEndian.Uint64(id[:])
	if s.manifest.Keyed {
		hash ^= bits.RotateLeft64(binary.LittleEndian.Uint64(id[8:]), 32)
	}
	return hash
}

// equalID makes the ID of a row from its content's and its ordinal among equal rows.
func (s *Session) equalID(content schemas.ID, ordinal uint32) schemas.ID {
	return equalID(content, ordinal, s.manifest.Keyed)
}

// equalID keeps what stands for the row's key in a keyed file.
func equalID(content schemas.ID, ordinal uint32, keyed bool) schemas.ID {
	if ordinal == 0 {
		return content
	}
	sum := sha256.Sum256(binary.BigEndian.AppendUint32(content[:], ordinal))
	id := schemas.ID(sum[:16])
	if keyed {
		key := content.RowKey()
		copy(id[:], key[:])
	}
	return id
}

// maxColumns bounds the header in a receipt.
const maxColumns = 64 << 10

// Finish brings the file's rows to what this delivery says, takes back what earlier versions had and a whole file
// lacks, and writes the receipt. A delivery that withdraws too much is held.
func (s *Session) Finish(ctx context.Context, e Ending) (Receipt, error) {
	defer s.intake.release(s.manifest)
	settle := s.retract
	switch {
	case s.merge != nil:
		defer s.shelve()
		settle = s.applyMerge
	case s.change != nil:
		settle = s.apply
	}
	err := settle(ctx)
	if err == nil {
		err = s.flush(ctx)
	}
	if refused := s.stop(); refused != nil {
		err = refused
	}
	if err != nil {
		return s.receipt, err
	}
	r := &s.receipt
	r.Digest, r.Bytes, r.UnknownColumns, r.Notes, r.Form, r.Encoding = e.Digest, e.Bytes, e.UnknownColumns, e.Notes, e.Form, e.Encoding
	if size := len(strings.Join(e.Columns, ",")); size <= maxColumns {
		r.Columns = e.Columns
	}
	if s.held() {
		r.Outcome, r.Added, r.Unchanged, r.Retracted, r.Settled, r.NotWaiting = Held, 0, 0, 0, 0, 0
		r.Error = fmt.Sprintf("it would withdraw %d of %d rows, and waits for an operator's yes", r.Withdrawn, r.Earlier)
	} else if err := s.complete(ctx); err != nil {
		return *r, err
	}
	r.Finished = s.intake.now()
	if err := s.intake.deliveries.Finish(ctx, *r); err != nil { // Promise 1: the receipt after the rows
		return *r, err
	}
	if s.merge != nil && r.Outcome == Complete {
		s.merge.index.change(s.merge, r)
	}
	return *r, nil
}

// complete writes into the receipt what the delivery did.
func (s *Session) complete(ctx context.Context) (err error) {
	r := &s.receipt
	r.Outcome, r.Live, r.Refused = Complete, r.Accepted-s.absent, r.Quarantined-s.silenced
	switch {
	case s.merge != nil:
		r.Live, r.Refused, r.Spans = s.before.Live+s.merge.net, s.before.Refused+s.merge.misfits-r.Settled, s.merge.spans
	case s.change != nil:
		r.Live, r.Refused = s.before.Live+s.change.net, s.before.Refused+r.Quarantined-r.Settled
	}
	for _, span := range s.delivery.Spans {
		if span.Next, err = s.intake.log.End(ctx, span.Topic, span.Partition); err != nil {
			return err
		}
		if s.change == nil || span.Next > span.First {
			r.Spans = append(r.Spans, span)
		}
	}
	return nil
}

// Fail ends a delivery whose file can't be taken, with a receipt that says why. Nothing of it counts.
func (s *Session) Fail(ctx context.Context, cause error) (Receipt, error) {
	s.Leave()
	r := &s.receipt
	r.Outcome, r.Error, r.Finished = Failed, cause.Error(), s.intake.now()
	r.RowsRead, r.Accepted, r.Quarantined, r.Added, r.Unchanged, r.Retracted, r.Settled, r.NotWaiting = 0, 0, 0, 0, 0, 0, 0, 0
	if err := s.intake.deliveries.Finish(ctx, *r); err != nil {
		return *r, fmt.Errorf("%w (and no receipt could be written: %w)", cause, err)
	}
	return *r, cause
}

// Leave ends a delivery that something else than its file stopped: the log, or whoever asked to stop. It
// stays open as after a crash, and the next delivery of the file goes on with it.
func (s *Session) Leave() {
	s.stop() //nolint:errcheck // whoever leaves knows why
	s.intake.release(s.manifest)
}

// retract appends a retraction for each known row that the file no longer has.
func (s *Session) retract(ctx context.Context) error {
	var own, earlier []Position
	for _, o := range s.known {
		switch p := (Position{s.topic(o.topic), int(o.partition), o.offset}); {
		case o.seen:
		case o.own: // of the interrupted try alone: it never counted
			own = append(own, p)
		default:
			earlier = append(earlier, p)
			s.receipt.Settled += int64(o.topic)
		}
	}
	for _, l := range s.gone {
		s.receipt.Settled += int64(l.topic)
		if l.topic == subjectIndex {
			s.withdrawal.gone(l.key)
		}
	}
	s.receipt.Retracted = int64(len(earlier) + len(s.gone))
	if err := s.takeBack(ctx, own, func(*schemas.Record) {}); err != nil {
		return err
	}
	return s.takeBack(ctx, earlier, func(r *schemas.Record) { s.withdrawal.gone(s.withdrawal.hash(r.Key)) })
}

// takeBack appends retractions of the rows at some positions and shows accepted ones to count. For a file cut short
// nothing is appended that would only be passed over.
func (s *Session) takeBack(ctx context.Context, at []Position, count func(*schemas.Record)) error {
	slices.SortFunc(at, Position.Compare)
	return Trace(ctx, s.intake.log, at, func(p Position, _ int64, r *schemas.Record) error {
		if p.Topic != MisfitTopic {
			count(r)
		}
		if s.sureToBeHeld() {
			return nil
		}
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
	return PartitionOf(key, n)
}

func (in *Intake) claim(m Manifest) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, c := range m.claims() {
		if in.busy[c] {
			return false
		}
	}
	for _, c := range m.claims() {
		in.busy[c] = true
	}
	return true
}

func (in *Intake) release(m Manifest) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, c := range m.claims() {
		delete(in.busy, c)
	}
}

func (m *Manifest) claims() []claim {
	claims := []claim{{file: m.File}}
	if m.Key != "" {
		claims = append(claims, claim{agency: m.Agency, key: m.Key})
	}
	return claims
}

// PartitionOf is the partition, of so many, that records of a key belong in: FNV-1a of the key. That is part of a data folder's form, so it
// hangs on no library.
func PartitionOf(key []byte, partitions int) int {
	h := uint32(2166136261)
	for _, c := range key {
		h = (h ^ uint32(c)) * 16777619
	}
	return int(h % uint32(partitions))
}
