package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"sync"
	"time"

	"hebian/connectors"
	"hebian/connectors/drop"
	"hebian/hub"
	"hebian/matcher"
	"hebian/matcher/queue"
	"hebian/matcher/state"
	"hebian/ops/access"
	"hebian/ops/watch"
	"hebian/schemas"
)

// service is a house that stays up. The way of a delivery, whatever door it came through: take puts it into
// the log and writes the receipt; one goroutine, judge, hears of every receipt in turn, folds that delivery, judges whom it touches
// and rules on the cases; relay carries decided corrections to the agencies.
type service struct {
	*house
	config   config
	now      hub.Clock
	calendar hub.Clock // tells the day to judge by, which need not be now's
	fixedDay bool      // judged by a given day; else by the calendar's
	agencies []connectors.Profile
	queue    *queue.Queue
	periods  hub.Periods
	access   *access.Access
	secure   bool // reached over HTTPS only
	spool    *connectors.Spool
	claims   connectors.Claims
	sink     drop.Sink
	wake     chan struct{} // the relay: a decision was taken

	taking   sync.WaitGroup  // deliveries being taken in, whether or not their sender still waits
	stopping context.Context // done when those that are left must end
	halt     context.CancelFunc
	metrics  *watch.Metrics
	logger   *slog.Logger

	// What the judge knows. The judge alone changes it, and holds court while it does.
	court      sync.RWMutex // taken before any lock of the state
	state      *state.State
	standing   *matcher.Standing
	folded     folded       // deliveries in the state
	declared   []hub.Period // that it has heard of
	marks      matcher.AgencyMarks
	day        schemas.Date
	quarantine *quarantine
	units      *unitNames

	arrivals chan arrival  // on their way to the judge; where it is full, doors wait
	closed   chan struct{} // the judge hears no more

	mu     sync.Mutex // guards what follows
	given  int64      // arrivals handed over
	heard  int64      // arrivals that cases show
	turn   *sync.Cond // heard has grown, or the judge is gone
	lag    map[int64]hub.Receipt
	ill    string               // what keeps the judge from going on; empty: nothing
	judged time.Time            // end of the last judgement
	newest map[string]time.Time // receipt of the newest complete delivery, by subject
}

// arrival is what the judge must hear of.
type arrival struct {
	receipt hub.Receipt // of a complete delivery; its Delivery is 0 when an agency declared a period
	period  hub.Period  // that it declared
}

// maxArrivals bounds the receipts that wait for the judge, who hears thousands a second.
const maxArrivals = 256

// take takes one file in and tells the judge. The receipt says how it went, as house.deliver says it.
func (s *service) take(ctx context.Context, door *connectors.Door, found connectors.Found, m hub.Manifest) (hub.Receipt, error) {
	s.taking.Add(1)
	defer s.taking.Done()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.stopping, cancel)()
	started := time.Now()
	receipt, err := s.deliver(ctx, door, found, m)
	if err != nil || receipt.Outcome != hub.Complete {
		return receipt, err
	}
	s.metrics.Delivered(receipt.Agency, time.Since(started))
	s.metrics.Records(receipt.Agency, receipt.Subject, "in", "accepted", receipt.Accepted)
	s.metrics.Records(receipt.Agency, receipt.Subject, "in", "quarantined", receipt.Quarantined)
	s.metrics.Records(receipt.Agency, receipt.Subject, "in", "withdrawn", receipt.Retracted)
	s.hand(arrival{receipt: receipt})
	return receipt, nil
}

// declare notes that an agency has handed over all up to the end of a month, and tells the judge.
func (s *service) declare(ctx context.Context, p hub.Period) error {
	if err := s.periods.Declare(ctx, p); err != nil {
		return err
	}
	s.hand(arrival{period: p})
	return nil
}

// hand gives the judge something to hear. It waits where the judge is behind. Should the judge be gone, the
// next start hears of it: the receipt is on disk.
func (s *service) hand(a arrival) {
	s.mu.Lock()
	s.given++
	if a.receipt.Delivery != 0 {
		s.lag[a.receipt.Delivery] = a.receipt
		s.newest[a.receipt.Subject] = a.receipt.Finished
	}
	s.mu.Unlock()
	select {
	case s.arrivals <- a:
	case <-s.closed:
	}
}

// caughtUp waits until cases show all that was handed over before it was called.
func (s *service) caughtUp(ctx context.Context) error {
	defer context.AfterFunc(ctx, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.turn.Broadcast()
	})()
	s.mu.Lock()
	defer s.mu.Unlock()
	for given := s.given; s.heard < given; s.turn.Wait() {
		if ctx.Err() != nil {
			return fmt.Errorf("wait for %d deliveries to be judged: %w", given-s.heard, ctx.Err())
		}
		select {
		case <-s.closed:
			return errors.New("the hub is stopping")
		default:
		}
	}
	return nil
}

// lookAtClock is how often the judge looks whether a new day has come.
const lookAtClock = time.Minute

// judge hears arrivals until stop is closed, and then those that wait. An error means that the state
// can't be used on; a restart makes a new one from the log.
func (s *service) judge(ctx context.Context, stop <-chan struct{}) error {
	defer s.close()
	clock := time.NewTicker(lookAtClock)
	defer clock.Stop()
	unsaved := int64(0) // rows folded since the last snapshot
	for {
		select {
		case a := <-s.arrivals:
			if err := s.turnDay(ctx); err != nil { // what comes is judged by the day that it comes on
				return err
			}
			if err := s.hear(ctx, a); err != nil {
				return err
			}
			if unsaved += a.receipt.RowsRead; unsaved >= snapshotRows {
				unsaved = 0
				s.keepSnapshot()
			}
		case <-clock.C:
			if err := s.turnDay(ctx); err != nil {
				return err
			}
			if _, err := s.queue.Lapse(ctx); err != nil {
				s.logger.Error("leases that ran out stay for now", "error", err)
			}
		case <-stop:
			if len(s.arrivals) > 0 {
				continue // the other case will be chosen at last
			}
			s.keepSnapshot()
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// snapshotRows is how many rows are taken in between snapshots: a restart folds fewer, within a second.
const snapshotRows = 2_000_000

func (s *service) keepSnapshot() {
	if err := saveSnapshot(s.dir, s.state, s.folded); err != nil {
		s.logger.Warn("no snapshot: the next start takes longer", "error", err)
	}
}

// close wakes who waits for the judge, for it hears no more.
func (s *service) close() {
	close(s.closed)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.turn.Broadcast()
}

// hear folds a delivery, or takes note of a period, and rules on the cases that it touches.
func (s *service) hear(ctx context.Context, a arrival) error {
	started := time.Now()
	var err error
	switch {
	case a.receipt.Delivery == 0:
		s.declared = append(s.declared, a.period)
		err = s.noteMarks(ctx)
	case s.folded[a.receipt.Delivery] == 0:
		err = s.foldDelivery(ctx, a.receipt)
	}
	if err != nil {
		return err
	}
	s.metrics.Judged(time.Since(started))
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.lag, a.receipt.Delivery)
	s.heard++
	s.judged = s.now()
	s.turn.Broadcast()
	return nil
}

// foldDelivery folds a delivery as one: nobody is judged on half of it.
func (s *service) foldDelivery(ctx context.Context, receipt hub.Receipt) error {
	reader := hub.NewReader(s.log, map[int64]string{receipt.Delivery: receipt.File})
	s.court.Lock()
	change, err := s.standing.Fold(ctx, func(fn func(string, *hub.Batch) error) error { return reader.Delivery(ctx, receipt, fn) })
	if err == nil {
		s.folded.note(receipt)
		err = s.quarantine.countDelivery(ctx, s.log, receipt)
	}
	if err == nil && receipt.Subject == institutionSubject {
		err = reader.Delivery(ctx, receipt, s.units.note)
	}
	s.court.Unlock()
	if err != nil {
		return fmt.Errorf("fold delivery %d: %w", receipt.Delivery, err)
	}
	return s.rule(ctx, s.rulings(&change, receipt.Delivery), judged(receipt, change.Rows))
}

// rulings are those of a change that may do something to a case. While a month loads nearly everything is provisional, and
// opens and closes nothing.
func (s *service) rulings(change *matcher.Change, cause int64) []queue.Ruling {
	var rulings []queue.Ruling
	add := func(findings []matcher.Finding, present, always bool) {
		for i := range findings {
			if r := s.ruling(findings[i], present, cause); always || !r.Provisional {
				rulings = append(rulings, r)
			}
		}
	}
	add(change.Opened, true, false)
	add(change.Refreshed, true, true) // an open case's grounds change, provisional or not
	add(change.Closed, false, false)
	return rulings
}

// judged says how many rows of each subject the fold of a delivery added or took away.
func judged(receipt hub.Receipt, rows map[string]int64) []queue.Judged {
	all := []queue.Judged{{Delivery: receipt.Delivery, Subject: receipt.Subject, Rows: rows[receipt.Subject]}}
	for _, subject := range slices.Sorted(maps.Keys(rows)) {
		if subject != receipt.Subject {
			all = append(all, queue.Judged{Delivery: receipt.Delivery, Subject: subject, Rows: rows[subject]})
		}
	}
	return all
}

func (s *service) ruling(f matcher.Finding, present bool, cause int64) queue.Ruling {
	return queue.Ruling{Finding: f, Present: present, Provisional: matcher.Provisional(f.Code, f.Month, s.day, s.marks), Cause: cause}
}

// noteMarks sees how far agencies have declared themselves complete, and rules on everything. Only what the judge has
// heard of counts: of a period that was declared since, deliveries may still wait to be folded.
func (s *service) noteMarks(ctx context.Context) error {
	s.court.Lock()
	s.marks = marksOf(s.agencies, s.declared)
	s.court.Unlock()
	return s.ruleAll(ctx)
}

// turnDay judges everybody anew when a day has begun. A clock that jumps back turns nothing.
func (s *service) turnDay(ctx context.Context) error {
	today := schemas.DateOf(s.calendar())
	if s.fixedDay || today <= s.day {
		return nil
	}
	if err := s.untilDone(ctx, "judge", func() error { return s.keepDay(ctx, today) }); err != nil {
		return err
	}
	s.court.Lock()
	s.day = today
	_, err := s.standing.Judge(ctx, today)
	s.court.Unlock()
	if err != nil {
		return err
	}
	return s.ruleAll(ctx)
}

// ruleAll rules on every finding, and on every case that no finding stands behind any more.
func (s *service) ruleAll(ctx context.Context) error {
	var rulings []queue.Ruling
	unsettled := map[matcher.Key]bool{}
	if err := s.queue.Unsettled(ctx, func(c queue.Case) error {
		unsettled[c.Key] = true
		if _, present := s.standing.Find(c.Key); !present {
			rulings = append(rulings, s.ruling(matcher.Finding{Code: c.Key.Code, Person: c.Key.Person, Unit: c.Key.Unit, Month: c.Key.Month, Detail: c.Key.Detail}, false, 0))
		}
		return nil
	}); err != nil {
		return err
	}
	for _, f := range s.standing.Findings() {
		if r := s.ruling(f, true, 0); !r.Provisional || unsettled[matcher.KeyOf(&f)] {
			rulings = append(rulings, r)
		}
	}
	return s.rule(ctx, rulings, nil)
}

// Rulings go to the queue so many at a time; what can't be written is tried again ever more slowly.
const (
	rulingsAtOnce = 10_000
	firstPause    = 100 * time.Millisecond
	longestPause  = 30 * time.Second
)

// rule has the queue follow the rulings. A full disk is waited out: what was ruled stays ruled.
func (s *service) rule(ctx context.Context, rulings []queue.Ruling, judged []queue.Judged) error {
	for {
		n := min(len(rulings), rulingsAtOnce)
		last := n == len(rulings)
		var done []queue.Judged
		if last {
			done = judged
		}
		if err := s.untilDone(ctx, "judge", func() error { return s.queue.Rule(ctx, rulings[:n], done) }); err != nil {
			return err
		}
		if rulings = rulings[n:]; last {
			return nil
		}
	}
}

// untilDone tries a step until it is done or ctx is.
func (s *service) untilDone(ctx context.Context, what string, step func() error) error {
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		err := step()
		if err == nil || ctx.Err() != nil {
			s.setIll("")
			return err
		}
		s.setIll(what + " can't go on: see the log")
		s.metrics.Retried(what)
		s.logger.Error("will be tried again", "step", what, "error", err, "pause", pause)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
}

func (s *service) setIll(why string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ill = why
}

// relay carries decided corrections to the agencies until stop is closed, and then what still waits, once.
func (s *service) relay(ctx context.Context, stop <-chan struct{}) error {
	relay := hub.NewRelay(s.queue, s.log, s.sink, s.schemaIDs[hub.CorrectionTopic])
	running, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-stop:
		case <-running.Done():
		}
		cancel()
	}()
	report := func(err error) {
		s.metrics.Retried("relay")
		s.logger.Error("corrections wait", "error", err)
	}
	if err := relay.Run(running, s.wake, report); err != nil && running.Err() == nil {
		return err
	}
	if ctx.Err() == nil {
		if _, err := relay.Drain(ctx); err != nil {
			report(err)
		}
	}
	return nil
}

// wakingQueue wakes the relay after a decision, so that a correction leaves at once.
type wakingQueue struct {
	*queue.Queue
	wake chan<- struct{}
}

// Decide is the queue's.
func (q wakingQueue) Decide(ctx context.Context, id, officer string, d queue.Decision) (queue.Case, error) {
	c, err := q.Queue.Decide(ctx, id, officer, d)
	if err == nil {
		select {
		case q.wake <- struct{}{}:
		default: // it is awake
		}
	}
	return c, err
}

// watchFolder takes in what agencies lay into the watched folder, if there is one, until ctx is done.
func (s *service) watchFolder(ctx context.Context) error {
	if s.config.Serve.Watch == "" {
		<-ctx.Done()
		return nil
	}
	d := doors{s}
	folder, err := drop.Open(drop.Options{
		Dir: s.config.Serve.Watch, Memory: s.folder("watched.json"), Profiles: s.agencies, Spool: s.spool, Claims: &s.claims,
		Deliver: d.Deliver, Periods: d, Today: s.today, Log: s.logger,
	})
	if err != nil {
		return err
	}
	return folder.Run(ctx)
}

// catchUp makes the state from the snapshot and the deliveries after it, or from the whole log, judges
// everybody and rules on everything: the queue then is as if nothing had ever stopped.
func (s *service) catchUp(ctx context.Context) error {
	receipts := map[int64]hub.Receipt{}
	if err := s.deliveries.Each(ctx, func(r hub.Receipt) error {
		if r.Outcome == hub.Complete {
			receipts[r.Delivery] = r
		}
		return nil
	}); err != nil {
		return err
	}
	var err error
	s.state, s.folded, err = loadSnapshot(s.dir, s.statePartitions())
	if err == nil && !s.folded.among(receipts) {
		err = errors.New("the snapshot is not of this database: was a backup restored?")
	}
	if err == nil {
		err = s.foldTail(ctx, receipts)
	} else {
		if !errors.Is(err, os.ErrNotExist) {
			s.logger.Warn("the whole log is folded", "why", err)
		}
		err = s.foldAll(ctx, receipts)
	}
	if err != nil {
		return err
	}
	counts := map[int64]string{}
	for id, r := range receipts {
		counts[id] = r.File
		s.newest[r.Subject] = r.Finished
	}
	if err := s.units.noteAll(ctx, s.log, counts); err != nil {
		return err
	}
	if err := s.quarantine.count(ctx, hub.NewReader(s.log, counts), 0); err != nil {
		return err
	}
	s.standing = matcher.NewStanding(s.state, s.config.Parameters)
	if _, err := s.standing.Judge(ctx, s.day); err != nil {
		return err
	}
	if s.declared, err = s.periods.All(ctx); err != nil {
		return err
	}
	if err := s.noteMarks(ctx); err != nil {
		return err
	}
	return s.ruleLeft(ctx, receipts)
}

func (s *service) foldAll(ctx context.Context, receipts map[int64]hub.Receipt) (err error) {
	counts := map[int64]string{}
	s.folded = folded{}
	for id, r := range receipts {
		counts[id] = r.File
		s.folded.note(r)
	}
	s.state, err = s.fold(ctx, counts)
	return err
}

// foldTail folds the deliveries that the snapshot lacks.
func (s *service) foldTail(ctx context.Context, receipts map[int64]hub.Receipt) error {
	for _, id := range slices.Sorted(maps.Keys(receipts)) {
		r := receipts[id]
		if s.folded[id] != 0 {
			continue
		}
		if err := hub.NewReader(s.log, map[int64]string{id: r.File}).Delivery(ctx, r, s.state.Apply); err != nil {
			return fmt.Errorf("fold delivery %d: %w", id, err)
		}
		s.folded.note(r)
	}
	return nil
}

// ruleLeft writes down, for deliveries that a crash kept the judge from, what their fold counted.
func (s *service) ruleLeft(ctx context.Context, receipts map[int64]hub.Receipt) error {
	known, err := s.queue.JudgedDeliveries(ctx)
	if err != nil {
		return err
	}
	var left []queue.Judged
	for _, id := range slices.Sorted(maps.Keys(receipts)) {
		if known[id] {
			continue
		}
		r, rows := receipts[id], map[string]int64{}
		if err := hub.NewReader(s.log, map[int64]string{id: r.File}).Delivery(ctx, r, func(_ string, b *hub.Batch) error {
			for i := range b.Records {
				rows[b.Topic] += 1 - 2*int64(b.Records[i].Op)
			}
			return nil
		}); err != nil {
			return err
		}
		left = append(left, judged(r, rows)...)
	}
	return s.rule(ctx, nil, left)
}

// marksOf says for each subject how far every agency that owes it is complete.
func marksOf(agencies []connectors.Profile, periods []hub.Period) matcher.AgencyMarks {
	marks := matcher.AgencyMarks{}
	for _, a := range agencies {
		through := completeness(a.Agency, periods).Through
		for i := range a.Files {
			subject := a.Files[i].Subject
			if marks[subject] == nil {
				marks[subject] = map[string]schemas.Month{}
			}
			marks[subject][a.Agency] = through
		}
	}
	return marks
}
