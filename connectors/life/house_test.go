package life_test

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"hebian/connectors/connectortest"
	"hebian/connectors/life"
)

func TestMain(m *testing.M) {
	connectortest.Entries{"life": liveOn}.Main()
	os.Exit(m.Run())
}

// memory is a store that can fail.
type memory struct {
	mu     sync.Mutex
	states map[string]string
	saves  map[string]int
	err    error // that the next calls end with
}

func newMemory() *memory { return &memory{states: map[string]string{}, saves: map[string]int{}} }

func (m *memory) Load(_ context.Context, name string) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.states[name], m.err
}

func (m *memory) Save(ctx context.Context, name, state string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := errors.Join(m.err, ctx.Err()); err != nil {
		return err
	}
	m.states[name] = state
	m.saves[name]++
	return nil
}

func (m *memory) fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.err = err
}

func (m *memory) saved(name string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.saves[name]
}

// copy is what is left after a kill.
func (m *memory) copy() *memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	return &memory{states: maps.Clone(m.states), saves: map[string]int{}}
}

// hub is a Keeper that runs.
type hub struct {
	*life.Keeper
	t     *testing.T
	store *memory
	log   *buffer
	stop  func() // and wait
}

// buffer is a log.
type buffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// start starts a hub in a bubble. It is stopped at the end of the test at the latest.
func start(t *testing.T, store *memory, jobs ...life.Job) *hub {
	t.Helper()
	return startWith(t, store, life.Options{}, jobs...)
}

func startWith(t *testing.T, store *memory, o life.Options, jobs ...life.Job) *hub {
	t.Helper()
	h := &hub{t: t, store: store, log: &buffer{}}
	o.Log = slog.New(slog.NewTextHandler(h.log, nil))
	k, err := life.New(jobs, store, o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- k.Run(ctx) }()
	h.Keeper = k
	h.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(h.stop)
	return h
}

// get tells how a connector is doing once nothing moves any more.
func (h *hub) get(name string) life.Status {
	h.t.Helper()
	synctest.Wait()
	s, err := h.Get(name)
	if err != nil {
		h.t.Fatal(err)
	}
	return s
}

// wants checks a connector's state.
func (h *hub) wants(when, name string, state life.State, reason string) life.Status {
	h.t.Helper()
	s := h.get(name)
	if s.State != state || s.Reason != reason {
		h.t.Errorf("%s: %s is %q since %q, want %q since %q", when, name, s.State, s.Reason, state, reason)
	}
	return s
}

// must fails the test when a verb fails.
func (h *hub) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Error(err)
	}
}

// job makes a job that runs every ten seconds.
func job(name string, run func(ctx context.Context, position string, keep life.Keep) error) life.Job {
	return life.Job{Name: name, Agency: "tax", Road: "rest", Direction: life.In, About: "https://tax.example/rows", Every: 10 * time.Second, Run: run}
}

// script is a Run that does one step after the other, and notes when and from where. The last step is done again and again.
type script struct {
	mu    sync.Mutex
	steps []step
	at    []time.Time
	from  []string
}

type step func(ctx context.Context, position string, keep life.Keep) error

func (s *script) run(ctx context.Context, position string, keep life.Keep) error {
	s.mu.Lock()
	next := s.steps[min(len(s.at), len(s.steps)-1)]
	s.at, s.from = append(s.at, time.Now()), append(s.from, position)
	s.mu.Unlock()
	return next(ctx, position, keep)
}

func (s *script) runs() int {
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.at)
}

// gaps are the times between the beginnings of runs.
func (s *script) gaps() (gaps []time.Duration) {
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.at[1:] {
		gaps = append(gaps, s.at[i+1].Sub(s.at[i]))
	}
	return gaps
}

func (s *script) positions() []string {
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.from)
}

// steps.

func well(context.Context, string, life.Keep) error { return nil }

func fails(err error) step { return func(context.Context, string, life.Keep) error { return err } }

func keeps(d life.Done, then error) step {
	return func(ctx context.Context, _ string, keep life.Keep) error {
		if err := keep(ctx, d); err != nil {
			return err
		}
		return then
	}
}

// hangs until ctx is done.
func hangs(ctx context.Context, _ string, _ life.Keep) error {
	<-ctx.Done()
	return ctx.Err()
}

// stuck does not look at ctx, but at a channel.
func stuck(free <-chan struct{}) step {
	return func(context.Context, string, life.Keep) error {
		<-free
		return nil
	}
}

// after waits in the bubble.
func after(d time.Duration) { <-time.After(d) }
