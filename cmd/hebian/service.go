package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"hebian/connectors"
	"hebian/connectors/drop"
	"hebian/connectors/life"
	"hebian/connectors/sandbox"
	"hebian/hub"
	"hebian/hub/sqldb"
	"hebian/matcher"
	"hebian/matcher/evidence"
	"hebian/matcher/queue"
	queuedb "hebian/matcher/queue/sqldb"
	"hebian/matcher/state"
	"hebian/ops/access"
	accessdb "hebian/ops/access/sqldb"
	"hebian/ops/watch"
	"hebian/schemas"
)

// serviceOptions say how a hub is run.
type serviceOptions struct {
	dir      string // data folder
	config   config
	now      hub.Clock
	calendar hub.Clock    // tells the day to judge by; nil: now
	day      schemas.Date // to judge by; 0: the last end of a month by the calendar
	secure   bool
	logger   *slog.Logger
}

// openService opens a data folder to be served.
func openService(ctx context.Context, o serviceOptions) (*service, error) {
	h, err := openHouse(ctx, o.dir)
	if err != nil {
		return nil, err
	}
	s := &service{
		house: h, config: o.config, now: o.now, calendar: o.calendar, fixedDay: o.day != 0, day: o.day, secure: o.secure, logger: o.logger,
		periods:  sqldb.Periods{DB: h.db},
		arrivals: make(chan arrival, maxArrivals), closed: make(chan struct{}), wake: make(chan struct{}, 1), asking: make(chan struct{}, 1),
		lag: map[int64]hub.Receipt{}, newest: map[origin]time.Time{}, entry: map[string]*sync.RWMutex{},
	}
	s.turn = sync.NewCond(&s.mu)
	s.stopping, s.halt = context.WithCancel(context.WithoutCancel(ctx))
	if s.calendar == nil {
		s.calendar = o.now
	}
	s.openIntake(o.now, o.config.Serve.WithdrawPercent)
	if err := s.furnish(ctx); err != nil {
		return nil, errors.Join(err, h.close())
	}
	return s, nil
}

// furnish opens what the rooms keep in the database.
func (s *service) furnish(ctx context.Context) (err error) {
	if s.agencies = s.config.agencies; s.agencies == nil {
		if s.agencies, err = connectors.Profiles(); err != nil {
			return err
		}
	}
	for _, a := range s.agencies {
		s.entry[a.Agency] = new(sync.RWMutex)
	}
	if s.quarantine, err = newQuarantine(s.agencies); err != nil {
		return err
	}
	if s.units, err = newUnitNames(); err != nil {
		return err
	}
	cases, err := queuedb.Open(ctx, s.db.DB)
	if err != nil {
		return err
	}
	if s.queue, err = queue.New(cases, agencyNames(s.agencies), s.cite, s.now, s.answerDay); err != nil {
		return err
	}
	accounts, err := accessdb.Open(ctx, s.db.DB)
	if err != nil {
		return err
	}
	s.access = access.New(accounts, access.Clock(s.now))
	s.metrics = watch.New(thisBuild().Version, s.readings)
	out := cmp.Or(s.config.Serve.Out, s.folder("out"))
	for _, folder := range []string{s.folder(heldFolder), out} {
		if err := makeFolder(folder); err != nil {
			return err
		}
	}
	s.sink = drop.Sink{Dir: out}
	if s.spool, err = connectors.NewSpool(s.folder(spoolFolder), s.config.Serve.UploadMBytes<<20, s.config.Serve.SpoolMBytes<<20); err != nil {
		return err
	}
	if err := errors.Join(s.spool.Sweep(), doors{s}.sweepHeld(ctx)); err != nil {
		return err
	}
	if err := s.firstDay(ctx); err != nil {
		return err
	}
	return s.connect()
}

// connect makes the feeds, the sandbox and the connectors.
func (s *service) connect() (err error) {
	if s.sandbox, err = sandbox.Open(s.folder(sandboxFolder), s.now); err != nil {
		return err
	}
	if s.feeds, err = newFeeds(s.log, s.queue, s.config.Golden); err != nil {
		return err
	}
	s.bringers = map[string]*bringer{}
	jobs, err := s.jobs()
	if err != nil {
		return err
	}
	s.keeper, err = life.New(jobs, states{sqldb.ConnectorStates{DB: s.db}}, life.Options{Log: s.logger, Now: s.now})
	return err
}

// sandboxFolder is where the sandbox keeps its receipts, below the data folder.
const sandboxFolder = "sandbox"

// states keeps the states of connectors.
type states struct{ sqldb.ConnectorStates }

// Load gives a state; empty: none.
func (s states) Load(ctx context.Context, name string) (string, error) {
	state, _, err := s.ConnectorStates.Load(ctx, name)
	return state, err
}

// The day last judged by is kept, so that a clock which jumps back, over a restart too, turns nothing back.
const daySetting = "day"

func (s *service) firstDay(ctx context.Context) error {
	if s.fixedDay {
		return nil
	}
	text, err := s.db.Setting(ctx, daySetting)
	if err != nil {
		return err
	}
	last, _ := schemas.ParseDate(text) // there is none before the first start
	today := monthEnd(schemas.DateOf(s.calendar()))
	s.day = max(last, today)
	switch {
	case today > last:
		return s.keepDay(ctx, today)
	case today < last:
		s.logger.Warn("the clock is behind the day last judged by, which stays", "day", last.String())
	}
	return nil
}

// monthEnd is the last day of the last month that has ended on a day. A hub without a day of its own judges by it: agencies
// are complete month by month, and what they hand over of a month that is not over yet could open a case that the
// rest of it does not justify.
func monthEnd(today schemas.Date) schemas.Date {
	if today == today.Month().Last() {
		return today
	}
	return today.Month().First() - 1
}

func (s *service) keepDay(ctx context.Context, day schemas.Date) error {
	return s.db.Set(ctx, daySetting, day.String())
}

// cite finds file and line of rows, for corrections.
func (s *service) cite(ctx context.Context, refs []state.Ref) ([]schemas.CitedRow, error) {
	return evidence.Cite(ctx, s.log, s.deliveries, refs)
}

func agencyNames(agencies []connectors.Profile) []string {
	var names []string
	for _, a := range agencies {
		names = append(names, a.Agency)
	}
	return names
}

// notReady says what keeps the hub from taking deliveries in and judging them; empty: nothing.
func (s *service) notReady() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.closed:
		return errStopping.Error()
	default:
		return s.ill
	}
}

// flagsAsOf judges as of a day by all that was delivered before it was called, as a check of the same files
// does.
func (s *service) flagsAsOf(ctx context.Context, day schemas.Date) (matcher.Result, error) {
	wait, cancel := context.WithTimeout(ctx, catchUpSeconds*time.Second)
	defer cancel()
	if err := s.caughtUp(wait); err != nil {
		return matcher.Result{}, fmt.Errorf("%w: %w", errBehind, err)
	}
	select { // one at a time: each takes all processors, and keeps the judge waiting
	case s.asking <- struct{}{}:
		defer func() { <-s.asking }()
	case <-wait.Done():
		return matcher.Result{}, fmt.Errorf("%w: %w", errBehind, wait.Err())
	}
	s.court.RLock()
	defer s.court.RUnlock()
	return matcher.Judge(ctx, s.state, day, s.config.Parameters, matcher.AllComplete{})
}

// catchUpSeconds is how long a question about all that was delivered waits for the judge.
const catchUpSeconds = 60

var errBehind = errors.New("deliveries are still being judged")
