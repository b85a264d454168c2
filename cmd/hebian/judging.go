package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"hebian/connectors"
	"hebian/hub"
	"hebian/matcher"
	"hebian/matcher/entity"
	"hebian/matcher/institution"
	"hebian/matcher/queue"
	"hebian/schemas"
)

// lookAtClock is how often the judge looks whether a month has ended.
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
			if err := s.turnDays(ctx); err != nil { // what comes is judged by the day that it comes on
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
			if err := s.turnDays(ctx); err != nil {
				return err
			}
			if _, err := s.queue.Lapse(ctx); err != nil {
				s.logger.Error("leases and terms that ran out stay for now", "error", err)
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
	case a.linked != "":
		err = s.heedLinks(ctx, a.linked)
	case a.source != "":
		err = s.heedSource(ctx, a.source)
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

// foldDelivery folds a delivery into what its subject belongs to.
func (s *service) foldDelivery(ctx context.Context, receipt hub.Receipt) error {
	s.court.Lock()
	s.folded.note(receipt)
	err := hub.NewReader(s.log, map[int64]string{receipt.Delivery: receipt.File}).Misfits(ctx, receipt, s.quarantine.count)
	s.court.Unlock()
	switch {
	case err != nil:
		return fmt.Errorf("fold delivery %d: %w", receipt.Delivery, err)
	case slices.Contains(entity.Topics(), receipt.Subject):
		return s.foldRegister(ctx, receipt)
	case slices.Contains(institution.Topics(), receipt.Subject):
		return s.foldInstitutions(ctx, receipt)
	}
	return s.foldPersons(ctx, receipt)
}

// foldPersons folds a delivery as one: nobody is judged on half of it.
func (s *service) foldPersons(ctx context.Context, receipt hub.Receipt) error {
	reader := hub.NewReader(s.log, map[int64]string{receipt.Delivery: receipt.File})
	s.court.Lock()
	change, err := s.standing.Fold(ctx, func(fn func(string, *hub.Batch) error) error { return reader.Delivery(ctx, receipt, fn) })
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
	for _, some := range [][]matcher.Finding{change.Opened, change.Refreshed} {
		for i := range some {
			key := matcher.KeyOf(&some[i])
			r := s.ruling(key, true, cause)
			r.Grounds = queue.GroundsOf(&some[i])
			if !r.Provisional {
				s.cased[key] = true
			}
			if s.cased[key] { // a case's grounds change, provisional or not
				rulings = append(rulings, r)
			}
		}
	}
	for i := range change.Closed {
		if r := s.ruling(matcher.KeyOf(&change.Closed[i]), false, cause); !r.Provisional {
			rulings = append(rulings, r)
		}
	}
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

func (s *service) ruling(key matcher.Key, present bool, cause int64) queue.Ruling {
	return queue.Ruling{Key: key, Present: present, Provisional: matcher.Provisional(key.Code, key.Month, s.day, s.marks), Cause: cause}
}

// noteMarks sees how far agencies have declared themselves complete, and rules on everything. Only what the judge has
// heard of counts: of a period that was declared since, deliveries may still wait to be folded.
func (s *service) noteMarks(ctx context.Context) error {
	s.court.Lock()
	s.marks = marksOf(s.agencies, s.declared)
	s.court.Unlock()
	return s.ruleAll(ctx)
}

// turnDays judges anew what another day judges otherwise.
func (s *service) turnDays(ctx context.Context) error {
	if err := s.turnDay(ctx); err != nil {
		return err
	}
	return s.turnEntityDay(ctx)
}

// turnDay judges everybody anew when a month has ended. A clock that jumps back turns nothing.
func (s *service) turnDay(ctx context.Context) error {
	today := monthEnd(schemas.DateOf(s.calendar()))
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
	s.cased = map[matcher.Key]bool{}
	if err := s.queue.Unsettled(ctx, func(c queue.Case) error {
		if c.Key.Entity != "" {
			return nil
		}
		s.cased[c.Key] = true
		if _, present := s.standing.Find(c.Key); !present {
			rulings = append(rulings, s.ruling(c.Key, false, 0))
		}
		return nil
	}); err != nil {
		return err
	}
	for _, f := range s.standing.Findings() {
		key := matcher.KeyOf(&f)
		r := s.ruling(key, true, 0)
		r.Grounds = queue.GroundsOf(&f)
		if !r.Provisional {
			s.cased[key] = true
		}
		if s.cased[key] {
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
