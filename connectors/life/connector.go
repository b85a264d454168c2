package life

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/robfig/cron/v3"

	"hebian/connectors"
)

// connector is a job and its life.
type connector struct {
	job      Job
	schedule cron.Schedule // nil: every so often
	store    Store
	o        Options
	wake     chan struct{} // says that something changed which the waiting must know of
	gone     chan struct{} // closed when it has ended for good

	telling sync.Mutex // held while Report is told, so that it hears of changes in their order
	writing sync.Mutex // held while the state is saved, so that an older one does not replace a newer one

	mu      sync.Mutex
	saved   saved // changes while writing is held
	dirty   bool  // saved is not what the store has
	savedAt time.Time
	state   State // unless it runs
	reason  string
	since   time.Time
	until   time.Time // next run; zero: at once
	ended   State     // of the last run
	run     *run      // nil: none
	again   bool      // asked to run once more
	left    bool      // behind, when the hub stopped: nothing is saved any more
}

// saved is what the store holds.
type saved struct {
	Position string `json:"position"`
	// Unfinished: the last run did not come to its end, so that the next is due whatever the time.
	Unfinished  bool      `json:"unfinished,omitempty"`
	Paused      bool      `json:"paused,omitempty"`
	PausedWhy   string    `json:"paused_why,omitempty"`
	PausedSince time.Time `json:"paused_since,omitzero"`
	Tally
	Acts []Act `json:"acts,omitempty"`
}

// run is one call of a job's Run.
type run struct {
	cancel context.CancelFunc
	began  time.Time
	from   string
	over   bool          // nothing is any more
	ended  chan struct{} // closed when all of it is over
}

// quietSave is how often counts are saved that nothing hangs on, lest many connectors with nothing to do keep the store busy.
const quietSave = time.Minute

// lookStep is how long a connector waits at once before it looks at the clock again, which may have been set.
const lookStep = time.Minute

func (c *connector) load() error {
	ctx, cancel := context.WithTimeout(context.Background(), loadTime)
	defer cancel()
	state, err := c.store.Load(ctx, c.job.Name)
	if err != nil {
		return fmt.Errorf("load state: %w", err)
	}
	if state != "" {
		if err := json.Unmarshal([]byte(state), &c.saved); err != nil {
			return fmt.Errorf("read state: %w", err)
		}
	}
	now := c.o.Now()
	c.state, c.since, c.ended, c.savedAt = Waiting, now, Waiting, now
	if c.saved.Paused {
		c.state, c.reason, c.since = Paused, c.saved.PausedWhy, c.saved.PausedSince
	}
	if c.schedule != nil && !c.saved.Unfinished { // what was missed is made up for
		last := c.saved.LastRun
		if last.IsZero() {
			last = now
		}
		c.until = after(c.schedule, last)
	}
	return nil
}

// live runs the connector again and again until ctx is done.
func (c *connector) live(ctx context.Context) {
	defer close(c.gone)
	for c.await(ctx) {
		if r, runCtx := c.begin(ctx); r != nil {
			c.tell()
			e := c.try(runCtx, r)
			c.finish(runCtx, r, e)
		}
	}
	c.close(ctx)
	c.flush(ctx)
}

// await waits until a run is due. It returns false when ctx is done.
func (c *connector) await(ctx context.Context) bool {
	for ctx.Err() == nil {
		c.mu.Lock()
		paused, left := c.saved.Paused, c.until.Sub(c.o.Now())
		c.mu.Unlock()
		var due <-chan time.Time
		if !paused {
			if left <= 0 {
				return true
			}
			due = time.After(min(left, lookStep))
		}
		select {
		case <-ctx.Done():
		case <-due:
		case <-c.wake:
		}
	}
	return false
}

// begin begins a run, unless the connector was paused at the last moment.
func (c *connector) begin(ctx context.Context) (*run, context.Context) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.saved.Paused {
		return nil, nil
	}
	ctx, cancel := context.WithCancel(ctx)
	c.run = &run{cancel: cancel, began: c.o.Now(), from: c.saved.Position, ended: make(chan struct{})}
	return c.run, ctx
}

// try calls Run. A panic there is the connector's own trouble, not the hub's; only one in a goroutine that it started can't be caught.
func (c *connector) try(ctx context.Context, r *run) (e ending) {
	defer func() {
		if p := recover(); p != nil {
			c.o.Log.ErrorContext(ctx, "connector panicked", "connector", c.job.Name, "panic", p, "stack", string(debug.Stack()))
			e = ending{state: Failed, reason: shorten(fmt.Sprintf("panic: %v", p))}
		}
	}()
	return judge(c.job.Run(ctx, r.from, func(ctx context.Context, d Done) error { return c.keep(ctx, r, d) }))
}

// keep saves a position together with what was done.
func (c *connector) keep(ctx context.Context, r *run, d Done) error {
	err := check(d)
	if err == nil {
		err = c.change(ctx, func(s *saved) error {
			if r.over {
				return errOver
			}
			if d.Position != s.Position {
				s.ConsecutiveFailures = 0 // it came on
			}
			s.Position, s.Unfinished = d.Position, true
			s.LastRun, s.LastSuccess = r.began, c.o.Now()
			s.Rows, s.Accepted, s.Quarantined = s.Rows+d.Rows, s.Accepted+d.Accepted, s.Quarantined+d.Quarantined
			if d.Delivery != 0 {
				s.Deliveries, s.LastDelivery = s.Deliveries+1, d.Delivery
			}
			return nil
		}, nil)
	}
	if err != nil {
		return fmt.Errorf("keep position of connector %s: %w", c.job.Name, err)
	}
	c.tell()
	return nil
}

// check refuses what could not be read back as it was, or would make the counts shrink.
func check(d Done) error {
	switch {
	case len(d.Position) > connectors.MaxPosition:
		return fmt.Errorf("it has %d bytes, at most %d are kept", len(d.Position), connectors.MaxPosition)
	case !utf8.ValidString(d.Position):
		return errors.New("it is no UTF-8")
	case min(d.Rows, d.Accepted, d.Quarantined, d.Delivery) < 0:
		return errors.New("it comes with counts below zero")
	}
	return nil
}

// change saves the state that fn makes of it, and then has it and does what follows from it. Both are called with mu held; an error of fn
// comes back as it is. then may be nil.
func (c *connector) change(ctx context.Context, fn func(s *saved) error, then func()) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	c.mu.Lock()
	changed := c.saved
	err := fn(&changed)
	c.mu.Unlock()
	if err != nil {
		return err
	}
	return c.save(ctx, changed, then)
}

// save brings a state to the store, whether or not ctx has ended: it says what was done already. writing is held.
func (c *connector) save(ctx context.Context, s saved, then func()) error {
	text, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("write state: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveTime)
	defer cancel()
	if err := c.store.Save(ctx, c.job.Name, string(text)); err != nil {
		return fmt.Errorf("save state: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.saved, c.dirty, c.savedAt = s, false, c.o.Now()
	if then != nil {
		then()
	}
	return nil
}

// finish takes note of how a run ended, and says when the next one is due. ctx is the run's.
func (c *connector) finish(ctx context.Context, r *run, e ending) {
	c.writing.Lock()
	c.mu.Lock()
	before, reason := c.ended, c.reason
	interrupted := ctx.Err() != nil // an error then is not the partner's
	c.settle(r, e, interrupted)
	c.dirty = true
	due := !c.left && (interrupted || c.schedule != nil || c.o.Now().Sub(c.savedAt) >= quietSave)
	now := c.saved
	c.mu.Unlock()
	var err error
	if due {
		err = c.save(ctx, now, nil)
	}
	c.writing.Unlock()
	r.cancel()
	log := c.o.Log.With("connector", c.job.Name)
	if err != nil {
		log.WarnContext(ctx, "what a connector counted is not saved yet", "error", err)
	}
	if !interrupted && (e.state != before || e.reason != reason) {
		says(ctx, log, e)
	}
	c.tell()
	close(r.ended)
}

// settle ends a run. mu and writing are held.
func (c *connector) settle(r *run, e ending, interrupted bool) {
	now := c.o.Now()
	s := &c.saved
	c.run, r.over = nil, true
	s.Runs++
	s.LastRun, s.Unfinished = r.began, e.state != Waiting || interrupted
	if interrupted {
		e = ending{state: c.ended}
		c.turn(Waiting, "", time.Time{})
	} else {
		switch e.state {
		case Waiting:
			s.LastSuccess, s.ConsecutiveFailures = now, 0
		case NoFile:
			s.ConsecutiveFailures = 0
		default:
			s.Failures, s.ConsecutiveFailures = s.Failures+1, s.ConsecutiveFailures+1
		}
		c.turn(e.state, e.reason, next(e, now, c.job.Every, c.schedule, s.ConsecutiveFailures))
	}
	c.ended = e.state
	if c.again {
		c.until, c.again, s.Unfinished = time.Time{}, false, true
	}
	if s.Paused {
		c.turn(Paused, s.PausedWhy, time.Time{})
	}
}

// turn brings the connector into a state. mu is held.
func (c *connector) turn(state State, reason string, until time.Time) {
	c.state, c.reason, c.until, c.since = state, reason, until, c.o.Now()
}

// says logs how a run ended, when that is news.
func says(ctx context.Context, log *slog.Logger, e ending) {
	switch e.state {
	case Waiting:
		log.InfoContext(ctx, "connector is well again")
	case NoFile:
		log.InfoContext(ctx, "connector waits for a file", "reason", e.reason)
	case Failed:
		log.ErrorContext(ctx, "connector failed; a person must act", "reason", e.reason)
	default:
		log.WarnContext(ctx, "connector is in trouble; it tries again", "state", e.state, "reason", e.reason)
	}
}

// close closes the job's connections.
func (c *connector) close(ctx context.Context) {
	if c.job.Close == nil {
		return
	}
	err := func() (err error) {
		defer func() {
			if p := recover(); p != nil {
				err = fmt.Errorf("panic: %v", p)
			}
		}()
		return c.job.Close()
	}()
	if err != nil {
		c.o.Log.WarnContext(ctx, "connector could not be closed", "connector", c.job.Name, "error", err)
	}
}

// flush saves the counts that were not, at the end.
func (c *connector) flush(ctx context.Context) {
	c.writing.Lock()
	defer c.writing.Unlock()
	c.mu.Lock()
	dirty, now := c.dirty && !c.left, c.saved
	c.mu.Unlock()
	if !dirty {
		return
	}
	if err := c.save(ctx, now, nil); err != nil {
		c.o.Log.WarnContext(ctx, "what a connector counted is not saved", "connector", c.job.Name, "error", err)
	}
}

// abandon leaves a connector behind that does not end: the store is closed soon, so nothing is kept from now on.
func (c *connector) abandon() {
	select {
	case <-c.gone:
		return
	default:
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left = true
	if c.run != nil {
		c.run.over = true
	}
	c.o.Log.Error("connector does not end; it is left behind", "connector", c.job.Name)
}

// tell tells Report how the connector is doing.
func (c *connector) tell() {
	if c.o.Report == nil {
		return
	}
	c.telling.Lock()
	defer c.telling.Unlock()
	c.o.Report(c.status())
}

func (c *connector) status() Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := Status{
		Name: c.job.Name, Agency: c.job.Agency, Road: c.job.Road, Direction: c.job.Direction, About: c.job.About,
		State: c.state, Reason: c.reason, Since: c.since, Until: c.until,
		Position: c.saved.Position, Paused: c.saved.Paused, Tally: c.saved.Tally, Acts: slices.Clone(c.saved.Acts),
	}
	if c.run != nil {
		s.State, s.Reason, s.Since, s.Until, s.LastRun = Running, "", c.run.began, time.Time{}, c.run.began
	}
	return s
}
