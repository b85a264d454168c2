package life_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"hebian/connectors"
	"hebian/connectors/life"
)

// Two hundred connectors, forty of which fail in all ways: the others run exactly on time, every time.
func TestNeighbours(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		free := make(chan struct{})
		began := time.Now()
		var mu sync.Mutex
		late := map[string][]time.Duration{}
		runs := map[string]int{}
		var jobs []life.Job
		for i := range 200 {
			name := fmt.Sprintf("c%03d", i)
			run := func(ctx context.Context, _ string, keep life.Keep) error {
				mu.Lock()
				if at := time.Since(began); at%time.Second != 0 || at/time.Second != time.Duration(runs[name]) {
					late[name] = append(late[name], at)
				}
				runs[name]++
				n := runs[name]
				mu.Unlock()
				return keep(ctx, life.Done{Position: fmt.Sprint(n), Rows: 2, Accepted: 1, Quarantined: 1, Delivery: int64(n)})
			}
			if i%5 == 0 {
				run = trouble(i/5, free)
			}
			j := job(name, run)
			j.Every = time.Second
			jobs = append(jobs, j)
		}
		h := start(t, newMemory(), jobs...)
		seconds := 600
		if testing.Short() {
			seconds = 100
		}
		after(time.Duration(seconds)*time.Second + time.Second/2)
		for i, s := range h.List() {
			if i%5 == 0 {
				continue
			}
			if n := int64(seconds + 1); s.Runs != n || s.Rows != 2*n || s.Failures != 0 || s.Position != fmt.Sprint(n) || s.LastDelivery != n {
				t.Errorf("%s: %+v", s.Name, s)
			}
		}
		if len(late) > 0 {
			t.Errorf("some did not run on time: %v", late)
		}
		for i, state := range []life.State{life.BackingOff, life.Running, life.Failed, life.Running, life.CircuitOpen, life.Failed, life.Running, life.NoFile} {
			if s := h.get(fmt.Sprintf("c%03d", 5*i)); s.State != state {
				t.Errorf("trouble %d: %s is %q (%s), want %q", i, s.Name, s.State, s.Reason, state)
			}
		}
		close(free)
		h.stop()
	})
}

// trouble is one of eight ways to fail.
func trouble(kind int, free <-chan struct{}) step {
	switch kind % 8 {
	case 0:
		return fails(errors.New("refused"))
	case 1:
		return hangs
	case 2:
		return func(context.Context, string, life.Keep) error { panic("broken") }
	case 3: // slow
		return func(ctx context.Context, _ string, _ life.Keep) error {
			select {
			case <-time.After(time.Hour):
			case <-ctx.Done():
			}
			return ctx.Err()
		}
	case 4:
		return fails(&connectors.Trouble{Kind: connectors.CircuitOpen, Until: time.Now().Add(time.Hour), Err: errors.New("often")})
	case 5:
		return fails(&connectors.Trouble{Kind: connectors.Denied, Err: errors.New("who?")})
	case 6:
		return stuck(free)
	}
	return fails(&connectors.Trouble{Kind: connectors.NoFile, Err: errors.New("none")})
}

// Every kind of trouble brings a connector into its state, with the reason, and says when it is tried again.
func TestStates(t *testing.T) {
	in := func(d time.Duration) func() time.Time { return func() time.Time { return time.Now().Add(d) } }
	never := func() time.Time { return time.Time{} }
	for _, c := range []struct {
		name     string
		kind     connectors.TroubleKind // "": a plain error
		until    func() time.Time
		state    life.State
		from, to time.Duration // when it runs next
		failure  bool
	}{
		{"error", "", never, life.BackingOff, life.MinEvery, time.Second, true},
		{"unreachable", connectors.Unreachable, never, life.BackingOff, life.MinEvery, time.Second, true},
		{"busy", connectors.Busy, in(90 * time.Second), life.BackingOff, 90 * time.Second, 90 * time.Second, true},
		{"busy for no time", connectors.Busy, in(1), life.BackingOff, life.MinEvery, life.MinEvery, true},
		{"busy until past", connectors.Busy, in(-time.Hour), life.BackingOff, life.MinEvery, time.Second, true},
		{"busy for years", connectors.Busy, in(1e5 * time.Hour), life.BackingOff, life.LongestUntil, life.LongestUntil, true},
		{"circuit open", connectors.CircuitOpen, in(time.Minute), life.CircuitOpen, time.Minute, time.Minute, true},
		{"circuit open until nobody knows", connectors.CircuitOpen, never, life.CircuitOpen, life.MinEvery, time.Second, true},
		{"no file", connectors.NoFile, never, life.NoFile, 10 * time.Second, 10 * time.Second, false},
		{"no file before", connectors.NoFile, in(time.Hour), life.NoFile, time.Hour, time.Hour, false},
		{"denied", connectors.Denied, never, life.Failed, life.FailedPause, life.FailedPause, true},
		{"unfit", connectors.Unfit, in(time.Hour), life.Failed, time.Hour, time.Hour, true},
		{"unknown kind", "odd", never, life.BackingOff, life.MinEvery, time.Second, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var err error = errors.New("as it is")
				if c.kind != "" {
					err = fmt.Errorf("fetch: %w", &connectors.Trouble{Kind: c.kind, Until: c.until(), Err: err})
				}
				s := &script{steps: []step{fails(err), well}}
				h := start(t, newMemory(), job("a", s.run))
				got := h.wants("after trouble", "a", c.state, err.Error())
				if next := time.Until(got.Until); next < c.from || next > c.to || !got.Since.Equal(time.Now()) {
					t.Errorf("it runs next in %v, want between %v and %v", next, c.from, c.to)
				}
				failures := int64(0)
				if c.failure {
					failures = 1
				}
				if got.Failures != failures || got.ConsecutiveFailures != failures || got.Runs != 1 || !got.LastSuccess.IsZero() || !got.LastRun.Equal(time.Now()) {
					t.Errorf("it counts %+v", got.Tally)
				}
				if s.runs() != 1 {
					t.Errorf("it ran %d times", s.runs())
				}
				after(c.to)
				got = h.wants("when it is well", "a", life.Waiting, "")
				if got.Runs != 2 || got.Failures != failures || got.ConsecutiveFailures != 0 || got.LastSuccess.IsZero() || time.Until(got.Until) > 10*time.Second {
					t.Errorf("then it counts %+v until %v", got.Tally, got.Until)
				}
				if n := strings.Count(h.log.String(), "connector=a"); n != 2 {
					t.Errorf("the log says\n%s", h.log)
				}
			})
		})
	}
}

// While trouble lasts the pauses grow, and none is longer than five minutes; the log is told once.
func TestBackingOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{steps: []step{fails(errors.New("refused"))}}
		h := start(t, newMemory(), job("a", s.run))
		after(24 * time.Hour)
		gaps := s.gaps()
		var sum time.Duration
		for i, gap := range gaps {
			if most := min(time.Second<<min(i, 20), life.LongestPause); gap < life.MinEvery || gap > most {
				t.Errorf("pause %d is %v, want at most %v", i, gap, most)
			}
			if i >= 20 {
				sum += gap
			}
		}
		if mean := sum / time.Duration(len(gaps)-20); mean < life.LongestPause/3 || mean > 2*life.LongestPause/3 {
			t.Errorf("the pauses are %v in the mean", mean)
		}
		got := h.get("a")
		if got.Failures != int64(len(gaps)+1) || got.ConsecutiveFailures != got.Failures {
			t.Errorf("it counts %+v after %d runs", got.Tally, len(gaps)+1)
		}
		if n := strings.Count(h.log.String(), "\n"); n != 1 {
			t.Errorf("the log has %d lines", n)
		}
	})
}

// A partner that breaks off again and again but comes on is not punished for it; one that only repeats itself is.
func TestComesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		on := func(ctx context.Context, _ string, keep life.Keep) error {
			n++
			return errors.Join(keep(ctx, life.Done{Position: fmt.Sprint(n), Rows: 1}), errors.New("broke off"))
		}
		again := keeps(life.Done{Position: "same", Rows: 1}, errors.New("broke off"))
		h := start(t, newMemory(), job("on", on), job("again", again))
		after(time.Hour)
		if got := h.get("on"); got.ConsecutiveFailures != 1 || got.Rows < 3600 || got.Rows != got.Runs {
			t.Errorf("one that comes on counts %+v", got.Tally)
		}
		if got := h.get("again"); got.Rows > 200 || got.ConsecutiveFailures != got.Runs {
			t.Errorf("one that repeats itself counts %+v", got.Tally)
		}
	})
}

// A panic is the connector's own.
func TestPanic(t *testing.T) {
	for name, run := range map[string]step{
		"text": func(context.Context, string, life.Keep) error { panic("broken") },
		"error": func(_ context.Context, position string, _ life.Keep) error {
			return fmt.Errorf("begins with %c", position[0])
		},
		"in the error": func(context.Context, string, life.Keep) error {
			return (*connectors.Trouble)(nil) // its Error panics
		},
		"after it kept": func(ctx context.Context, _ string, keep life.Keep) error {
			if err := keep(ctx, life.Done{Position: "1", Rows: 1}); err != nil {
				return err
			}
			panic("broken")
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &script{steps: []step{run, well}}
				h := start(t, newMemory(), job("a", s.run))
				if got := h.get("a"); got.State != life.Failed || !strings.HasPrefix(got.Reason, "panic: ") || got.Failures != 1 {
					t.Errorf("it is %q since %q", got.State, got.Reason)
				}
				if log := h.log.String(); !strings.Contains(log, "connectors/life") || !strings.Contains(log, "a person must act") {
					t.Errorf("the log says\n%s", log)
				}
				after(life.FailedPause)
				h.wants("later", "a", life.Waiting, "")
			})
		})
	}
}

// A position is in the store when keep returns, with what was done; a hub that is started anew goes on from there and counts on.
func TestKeep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newMemory()
		var left *memory
		s := &script{steps: []step{func(ctx context.Context, _ string, keep life.Keep) error {
			for n := range int64(3) {
				d := life.Done{Position: fmt.Sprint("批", n+1), Rows: 10, Accepted: 8, Quarantined: 2, Delivery: 40 + n}
				if err := keep(ctx, d); err != nil {
					return err
				}
			}
			left = store.copy()
			return hangs(ctx, "", keep)
		}}}
		h := start(t, store, job("a", s.run))
		synctest.Wait()
		want := life.Tally{Rows: 30, Accepted: 24, Quarantined: 6, Deliveries: 3, LastDelivery: 42}
		next := &script{steps: []step{keeps(life.Done{Position: "批4", Rows: 1, Accepted: 1}, nil), well}}
		g := start(t, left, job("a", next.run))
		if diff := cmp.Diff([]string{"批3"}, next.positions()); diff != "" {
			t.Errorf("after a kill it goes on from (-want +got):\n%s", diff)
		}
		want.Rows, want.Accepted, want.Runs = 31, 25, 1
		got := g.get("a")
		want.LastRun, want.LastSuccess = got.LastRun, got.LastSuccess
		if diff := cmp.Diff(want, got.Tally); diff != "" || got.Position != "批4" {
			t.Errorf("then it is at %q and counts (-want +got):\n%s", got.Position, diff)
		}
		h.stop()
	})
}

// What can't be kept is an error of keep, and changes nothing.
func TestNotKept(t *testing.T) {
	broken := errors.New("disk full")
	for _, c := range []struct {
		name  string
		done  life.Done
		store error
		says  string
	}{
		{"position too long", life.Done{Position: strings.Repeat("x", connectors.MaxPosition+1)}, nil, "it has 65537 bytes"},
		{"position no text", life.Done{Position: "\xff"}, nil, "no UTF-8"},
		{"counts below zero", life.Done{Rows: -1}, nil, "below zero"},
		{"store", life.Done{Position: "2", Rows: 1}, broken, "disk full"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := newMemory()
				s := &script{steps: []step{
					keeps(life.Done{Position: "1", Rows: 1}, nil),
					func(ctx context.Context, _ string, keep life.Keep) error {
						store.fail(c.store)
						defer store.fail(nil)
						return keep(ctx, c.done)
					}, well,
				}}
				h := start(t, store, job("a", s.run))
				after(10 * time.Second)
				if got := h.get("a"); got.State != life.BackingOff || !strings.Contains(got.Reason, c.says) || got.Position != "1" || got.Rows != 1 {
					t.Errorf("it is %q since %q, at %q with %d rows", got.State, got.Reason, got.Position, got.Rows)
				}
				after(time.Second)
				if diff := cmp.Diff([]string{"", "1", "1"}, s.positions()); diff != "" {
					t.Errorf("it went on from (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// A stop of the hub cancels runs, keeps what they have handed over, and closes connectors after their last run.
func TestStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newMemory()
		var events []string // of one goroutine after the other
		a := job("a", func(ctx context.Context, _ string, keep life.Keep) error {
			<-ctx.Done()
			after(3 * time.Second) // a receipt is on its way
			err := keep(ctx, life.Done{Position: "1", Rows: 5})
			events = append(events, fmt.Sprint("kept ", err))
			return ctx.Err()
		})
		a.Close = func() error { events = append(events, "closed"); return errors.New("late") }
		idle := job("idle", well)
		idle.Close = func() error { panic("broken") }
		h := start(t, store, a, idle)
		after(time.Second)
		began := time.Now()
		h.stop()
		if took := time.Since(began); took != 3*time.Second {
			t.Errorf("it stopped after %v", took)
		}
		if diff := cmp.Diff([]string{"kept <nil>", "closed"}, events); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
		got := h.wants("stopped", "a", life.Waiting, "")
		if got.Position != "1" || got.Failures != 0 || got.Runs != 1 {
			t.Errorf("it is at %q and counts %+v", got.Position, got.Tally)
		}
		for _, want := range []string{"connector=a error=late", "connector=idle error=\"panic: broken\""} {
			if !strings.Contains(h.log.String(), want) {
				t.Errorf("the log does not say %s:\n%s", want, h.log)
			}
		}
		if again, err := life.New([]life.Job{a, idle}, store, life.Options{}); err != nil || again.List()[0].Rows != 5 || again.List()[1].Runs != 1 {
			t.Errorf("the store has not what was counted: %v", err)
		}
	})
}

// A connector that does not end is left behind after ten seconds, and nothing that it does later is kept.
func TestLeftBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, free := newMemory(), make(chan struct{})
		var kept error
		h := start(t, store, job("a", func(ctx context.Context, _ string, keep life.Keep) error {
			<-free
			kept = keep(ctx, life.Done{Position: "1", Rows: 1})
			return kept
		}), job("b", well))
		after(time.Second)
		began := time.Now()
		h.stop()
		if took := time.Since(began); took != life.EndTime {
			t.Errorf("it stopped after %v", took)
		}
		if log := h.log.String(); strings.Count(log, "left behind") != 1 || !strings.Contains(log, "connector=a") {
			t.Errorf("the log says\n%s", log)
		}
		saves := store.saved("a")
		close(free)
		synctest.Wait()
		if kept == nil || store.saved("a") != saves {
			t.Errorf("after that keep said %v, and there were %d saves", kept, store.saved("a")-saves)
		}
	})
}

// After its run a connector keeps nothing.
func TestKeepLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var late life.Keep
		h := start(t, newMemory(), job("a", func(_ context.Context, _ string, keep life.Keep) error {
			if late == nil {
				late = keep
			}
			return nil
		}))
		synctest.Wait()
		if err := late(t.Context(), life.Done{Position: "1"}); err == nil || h.get("a").Position != "" {
			t.Errorf("keep after its run: %v", err)
		}
		after(10 * time.Second)
		if err := late(t.Context(), life.Done{Position: "1"}); err == nil {
			t.Error("keep during the next run is none of it")
		}
	})
}

// Connectors with nothing to do leave the store in peace.
func TestQuiet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newMemory()
		j := job("a", well)
		j.Every = life.MinEvery
		h := start(t, store, j)
		after(time.Hour)
		runs := h.get("a").Runs
		if saves := store.saved("a"); runs < 35_000 || saves < 50 || saves > 61 {
			t.Errorf("%d saves of %d runs in an hour", saves, runs)
		}
		h.stop()
		again := start(t, store, job("a", hangs))
		if got := again.get("a").Runs; got < runs {
			t.Errorf("after a start it counts %d runs, want %d or more", got, runs)
		}
	})
}

// Report hears of every change, in order.
func TestReport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said []string
		s := &script{steps: []step{
			keeps(life.Done{Position: "1", Rows: 1}, nil),
			fails(&connectors.Trouble{Kind: connectors.NoFile, Err: errors.New("none")}), hangs,
		}}
		h := startWith(t, newMemory(), life.Options{Report: func(s life.Status) {
			said = append(said, fmt.Sprintf("%s %d %q", s.State, s.Rows, s.Position))
		}}, job("a", s.run))
		after(25 * time.Second)
		h.must(h.Pause(t.Context(), "a", "li", ""))
		synctest.Wait()
		want := []string{
			`running 0 ""`, `running 1 "1"`, `waiting 1 "1"`, `running 1 "1"`, `waiting for a file 1 "1"`, `running 1 "1"`, `running 1 "1"`, `paused 1 "1"`,
		}
		if diff := cmp.Diff(want, said); diff != "" {
			t.Errorf("it was told (-want +got):\n%s", diff)
		}
	})
}

// What can't be a connector is refused by name.
func TestNew(t *testing.T) {
	for _, c := range []struct {
		name string
		vary func(j *life.Job)
		says string
	}{
		{"no name", func(j *life.Job) { j.Name = "" }, "want a name"},
		{"odd name", func(j *life.Job) { j.Name = "a/b" }, "want a name"},
		{"long name", func(j *life.Job) { j.Name = strings.Repeat("a", 65) }, "want a name"},
		{"no direction", func(j *life.Job) { j.Direction = "" }, "its direction"},
		{"nothing to run", func(j *life.Job) { j.Run = nil }, "nothing to run"},
		{"no pause", func(j *life.Job) { j.Every = 0 }, "it runs every 0s"},
		{"short pause", func(j *life.Job) { j.Every = 99 * time.Millisecond }, "it runs every 99ms"},
		{"both", func(j *life.Job) { j.At = "@daily" }, "not both"},
		{"odd time", func(j *life.Job) { j.Every, j.At = 0, "at noon" }, `read time "at noon"`},
		{"no such day", func(j *life.Job) { j.Every, j.At = 0, "0 0 30 2 *" }, "no such day"},
		{"time zone", func(j *life.Job) { j.Every, j.At = 0, "TZ=UTC 0 0 * * *" }, "read time"},
		{"half a time zone", func(j *life.Job) { j.Every, j.At = 0, "CRON_TZ=UTC" }, "read time"},
		{"every", func(j *life.Job) { j.Every, j.At = 0, "@every 1s" }, "read time"},
		{"same name", func(j *life.Job) { j.Name = "first" }, "two of that name"},
		{"state", func(j *life.Job) { j.Name = "torn" }, "read state"},
	} {
		t.Run(c.name, func(t *testing.T) {
			store := newMemory()
			store.states["torn"] = `{"position":`
			j := job("a", well)
			c.vary(&j)
			_, err := life.New([]life.Job{job("first", well), j}, store, life.Options{})
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want %q", err, c.says)
			}
		})
	}
	t.Run("store", func(t *testing.T) {
		store := newMemory()
		store.fail(errors.New("locked"))
		if _, err := life.New([]life.Job{job("a", well)}, store, life.Options{}); err == nil || !strings.Contains(err.Error(), "locked") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("too many", func(t *testing.T) {
		var jobs []life.Job
		for i := range 1001 {
			jobs = append(jobs, job(fmt.Sprint(i), well))
		}
		if _, err := life.New(jobs, newMemory(), life.Options{}); err == nil {
			t.Error("1001 connectors are not refused")
		}
	})
	t.Run("run twice", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			h := start(t, newMemory(), job("a", well))
			synctest.Wait()
			if err := h.Run(t.Context()); err == nil {
				t.Error("it runs twice")
			}
		})
	})
}
