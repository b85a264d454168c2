// Package life keeps connectors alive. It runs each in a goroutine of its own, again and again, from the position that it had come to,
// knows how each is doing, and lets operators pause, rewind and hurry them. A connector that fails, hangs, is slow or panics changes
// nothing for the others: they share nothing but the store. What is fetched or sent, and where to, is not known here.
//
// Locks of a connector: writing comes before mu. telling comes before mu, too, and is never held together with writing.
package life

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"sync/atomic"
	"time"

	"github.com/robfig/cron/v3"
)

// Job is one configured connector.
type Job struct {
	Name      string // unique: lower-case letters, digits and hyphens, at most 64
	Agency    string
	Road      string // rest, sftp, table, …
	Direction Direction
	About     string        // where to, for people: no secrets
	Every     time.Duration // pause between two runs when there is nothing more for now, 100 ms or more
	At        string        // instead: when it runs, in local time, as five fields of cron or @daily and its like
	// Run goes on from a position ("": from the start) until there is nothing more for now. keep makes the next position durable,
	// together with what was done. An error may be a *connectors.Trouble. It ends soon after ctx does. One call at a time.
	Run func(ctx context.Context, position string, keep Keep) error
	// Close lets go of connections, after the last run. It may be nil.
	Close func() error
}

// Direction is which way records go.
type Direction string

// The directions, as seen from the hub.
const (
	In  Direction = "in"
	Out Direction = "out"
)

// Done is a batch that was handed over for good: its receipt is there.
type Done struct {
	Position                    string // where to go on from: valid UTF-8, at most connectors.MaxPosition bytes
	Rows, Accepted, Quarantined int64
	Delivery                    int64 // number of the receipt (In) or of the dispatch (Out); 0: none
}

// Keep makes a position durable, with what was done; both are in the store when it returns without an error. It does so even when ctx has
// ended meanwhile: what was handed over is kept. Once Run has returned nothing is kept any more.
type Keep func(ctx context.Context, d Done) error

// Store holds the state of each connector, JSON that this package owns. Save replaces it whole or not at all, for good; "" is no state.
// Its methods are called from many goroutines at once, but by one for each name.
type Store interface {
	Load(ctx context.Context, name string) (state string, err error)
	Save(ctx context.Context, name, state string) error
}

// Options are what a Keeper needs beside jobs and store. The zero value does.
type Options struct {
	Log *slog.Logger     // nil: the default one
	Now func() time.Time // nil: time.Now
	// Report is told of every change of a status, one after the other for each connector. It is quick, and calls no method of the Keeper.
	Report func(Status)
}

// Bounds of life.
const (
	// maxJobs is far beyond a county's agencies times their roads.
	maxJobs = 1000
	// minEvery keeps a connector from asking its partner without a pause.
	minEvery = 100 * time.Millisecond
	// loadTime bounds how long the store may take for one state at the start, saveTime for one later on.
	loadTime, saveTime = 30 * time.Second, 5 * time.Second
	// endTime bounds how long a run may take to end once it was told to: five seconds are a connector's promise, and then it saves.
	endTime = 10 * time.Second
)

// What a Keeper may answer.
var (
	// ErrUnknown says that there is no connector of that name.
	ErrUnknown = errors.New("no such connector")
	// ErrPaused says that the connector is paused.
	ErrPaused = errors.New("the connector is paused")
	// ErrNotPaused says that the connector must be paused first.
	ErrNotPaused = errors.New("the connector is not paused")
	// ErrRunning says that the connector is paused, but has not ended its run yet.
	ErrRunning = errors.New("the connector has not ended its run yet")

	errOver = errors.New("the run is over")
)

// Keeper keeps connectors alive.
type Keeper struct {
	connectors []*connector
	byName     map[string]*connector
	began      atomic.Bool
}

var names = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,63}$`)

// New loads the state of each connector. Nothing runs before Run.
func New(jobs []Job, store Store, o Options) (*Keeper, error) {
	if len(jobs) > maxJobs {
		return nil, fmt.Errorf("%d connectors are too many: at most %d", len(jobs), maxJobs)
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	k := &Keeper{byName: map[string]*connector{}}
	for _, job := range jobs {
		schedule, err := job.check()
		if err != nil {
			return nil, fmt.Errorf("connector %q: %w", job.Name, err)
		}
		if k.byName[job.Name] != nil {
			return nil, fmt.Errorf("connector %q: there are two of that name", job.Name)
		}
		c := &connector{job: job, schedule: schedule, store: store, o: o, wake: make(chan struct{}, 1), gone: make(chan struct{})}
		if err := c.load(); err != nil {
			return nil, fmt.Errorf("connector %q: %w", job.Name, err)
		}
		k.connectors, k.byName[job.Name] = append(k.connectors, c), c
	}
	return k, nil
}

// check says whether a job can be kept, and reads when it is to run, if that is written as a cron expression.
func (j *Job) check() (cron.Schedule, error) {
	switch {
	case !names.MatchString(j.Name):
		return nil, errors.New("want a name of lower-case letters, digits and hyphens, at most 64")
	case j.Direction != In && j.Direction != Out:
		return nil, fmt.Errorf("its direction is %q, want %q or %q", j.Direction, In, Out)
	case j.Run == nil:
		return nil, errors.New("it has nothing to run")
	case j.At != "" && j.Every != 0:
		return nil, errors.New("it runs every so often or at given times, not both")
	case j.At != "":
		return parseAt(j.At)
	case j.Every < minEvery:
		return nil, fmt.Errorf("it runs every %v, want %v or more", j.Every, minEvery)
	}
	return nil, nil
}

// Run runs every connector until ctx is done, waits for them, and closes them. One that does not end in time is left behind: what it does
// from then on is not kept. It is called once; there is nothing wrong when it returns nil.
func (k *Keeper) Run(ctx context.Context) error {
	if !k.began.CompareAndSwap(false, true) {
		return errors.New("connectors are run once")
	}
	for _, c := range k.connectors {
		go c.live(ctx)
	}
	<-ctx.Done()
	late := time.NewTimer(endTime)
	defer late.Stop()
	for i, c := range k.connectors {
		select {
		case <-c.gone:
		case <-late.C:
			for _, c := range k.connectors[i:] {
				c.abandon()
			}
			return nil
		}
	}
	return nil
}

// List tells how each connector is doing, in the order of the jobs.
func (k *Keeper) List() []Status {
	list := make([]Status, len(k.connectors))
	for i, c := range k.connectors {
		list[i] = c.status()
	}
	return list
}

// Get tells how a connector is doing. The error is ErrUnknown.
func (k *Keeper) Get(name string) (Status, error) {
	c, err := k.find(name)
	if err != nil {
		return Status{}, err
	}
	return c.status(), nil
}

func (k *Keeper) find(name string) (*connector, error) {
	c := k.byName[name]
	if c == nil {
		return nil, fmt.Errorf("connector %q: %w", name, ErrUnknown)
	}
	return c, nil
}
