package life_test

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"hebian/connectors"
	"hebian/connectors/life"
)

// at makes a job that runs at given times.
func at(when string, run step) life.Job {
	j := job("a", run)
	j.Every, j.At = 0, when
	return j
}

// clock are the local times at which a script ran.
func (s *script) clock() (times []string) {
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, at := range s.at {
		times = append(times, at.Format("02 15:04:05"))
	}
	return times
}

// A job with given times runs then, by the local clock, and waits for a file that is late; bubbles begin at midnight UTC of a first of January.
func TestAt(t *testing.T) {
	defer func(before *time.Location) { time.Local = before }(time.Local)
	time.Local = time.FixedZone("county", 8*60*60)
	none := &connectors.Trouble{Kind: connectors.NoFile, Err: errors.New("none")}
	t.Run("on time", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := &script{steps: []step{well}}
			h := start(t, newMemory(), at("30 2 * * *", s.run))
			if got := h.wants("at first", "a", life.Waiting, ""); got.Until.Local().Format("02 15:04") != "02 02:30" {
				t.Errorf("it waits until %v", got.Until.Local())
			}
			after(48 * time.Hour)
			if diff := cmp.Diff([]string{"02 02:30:00", "03 02:30:00"}, s.clock()); diff != "" {
				t.Errorf("it ran at (-want +got):\n%s", diff)
			}
		})
	})
	t.Run("late file", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := &script{steps: []step{fails(none), fails(none), well}}
			start(t, newMemory(), at("30 2 * * *", s.run))
			after(48 * time.Hour)
			if diff := cmp.Diff([]string{"02 02:30:00", "02 02:35:00", "02 02:40:00", "03 02:30:00"}, s.clock()); diff != "" {
				t.Errorf("it ran at (-want +got):\n%s", diff)
			}
		})
	})
	t.Run("missed", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			store := newMemory()
			s := &script{steps: []step{well}}
			h := start(t, store, at("@daily", s.run))
			after(24 * time.Hour)
			h.stop()
			h = start(t, store, at("@daily", s.run)) // the same day
			after(time.Hour)
			h.stop()
			after(48 * time.Hour)
			start(t, store, at("@daily", s.run))
			if diff := cmp.Diff([]string{"02 00:00:00", "04 09:00:00"}, s.clock()); diff != "" {
				t.Errorf("it ran at (-want +got):\n%s", diff)
			}
		})
	})
	for _, c := range []struct {
		name   string
		last   step
		killed bool
		runs   int // at once, when it is started again
	}{
		{"interrupted", hangs, false, 1},
		{"interrupted in order", func(ctx context.Context, _ string, _ life.Keep) error { <-ctx.Done(); return nil }, false, 1},
		{"failed", fails(errors.New("refused")), false, 1},
		{"killed midway", func(ctx context.Context, position string, keep life.Keep) error {
			return errors.Join(keep(ctx, life.Done{Position: "1"}), hangs(ctx, position, keep))
		}, true, 1},
		{"killed after it was done", keeps(life.Done{Position: "1"}, nil), true, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := newMemory()
				s := &script{steps: []step{c.last}}
				h := start(t, store, at("@daily", s.run))
				after(16 * time.Hour)
				s.runs()
				left := store.copy()
				h.stop()
				if !c.killed {
					left = store
				}
				next := &script{steps: []step{well}}
				start(t, left, at("@daily", next.run))
				if next.runs() != c.runs {
					t.Errorf("started again, it ran %d times at once, want %d", next.runs(), c.runs)
				}
			})
		})
	}
	t.Run("asked while it runs, and killed", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			store, free := newMemory(), make(chan struct{})
			s := &script{steps: []step{stuck(free), hangs}}
			h := start(t, store, at("@daily", s.run))
			h.must(h.RunNow(t.Context(), "a", "li"))
			synctest.Wait()
			h.must(h.RunNow(t.Context(), "a", "li"))
			close(free)
			if s.runs() != 2 {
				t.Errorf("it ran %d times", s.runs())
			}
			next := &script{steps: []step{well}}
			start(t, store.copy(), at("@daily", next.run))
			if next.runs() != 1 {
				t.Errorf("started again, it ran %d times", next.runs())
			}
		})
	})
	t.Run("resumed and killed", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			store := newMemory()
			s := &script{steps: []step{hangs}}
			h := start(t, store, at("@daily", s.run))
			h.must(h.Pause(t.Context(), "a", "li", ""))
			h.must(h.Rewind(t.Context(), "a", "3", "li"))
			h.must(h.Resume(t.Context(), "a", "li"))
			next := &script{steps: []step{well}}
			start(t, store.copy(), at("@daily", next.run))
			if diff := cmp.Diff([]string{"3"}, next.positions()); diff != "" {
				t.Errorf("started again, it ran from (-want +got):\n%s", diff)
			}
		})
	})
	t.Run("asked", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			store := newMemory()
			s := &script{steps: []step{well}}
			k, err := life.New([]life.Job{at("@daily", s.run)}, store, life.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if err := k.RunNow(t.Context(), "a", "li"); err != nil { // and the hub is killed
				t.Fatal(err)
			}
			start(t, store, at("@daily", s.run))
			if s.runs() != 1 {
				t.Errorf("it ran %d times", s.runs())
			}
		})
	})
}

// A clock that is set forward is noticed within a minute.
func TestClockSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shift := make(chan time.Duration, 1)
		shift <- 0
		s := &script{steps: []step{well}}
		startWith(t, newMemory(), life.Options{Now: func() time.Time {
			d := <-shift
			shift <- d
			return time.Now().Add(d)
		}}, at("@daily", s.run))
		synctest.Wait()
		<-shift
		shift <- 24 * time.Hour
		after(time.Minute)
		if s.runs() != 1 {
			t.Errorf("it ran %d times", s.runs())
		}
	})
}

// Pauses are within their bounds, however often it has failed.
func TestPauseFor(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		failures := rapid.Int64Range(0, math.MaxInt64).Draw(t, "failures")
		most := life.LongestPause
		if failures < 9 {
			most = min(time.Second<<max(failures-1, 0), most)
		}
		if pause := life.PauseFor(failures); pause < life.MinEvery || pause > most {
			t.Fatalf("after %d failures it pauses %v", failures, pause)
		}
	})
}

// A reason is cut where a character ends, and nowhere else changed.
func TestShorten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		reason := strings.Repeat(rapid.String().Draw(t, "part"), rapid.IntRange(0, 300).Draw(t, "times"))
		short := life.Shorten(reason)
		if len(short) > life.MaxReason || !utf8.ValidString(short) {
			t.Fatalf("%d bytes: %q", len(short), short)
		}
		if whole := strings.TrimSuffix(short, "…"); short != reason && (!strings.HasPrefix(reason, whole) || len(whole) < life.MaxReason-6) {
			t.Fatalf("%q became %q", reason, short)
		}
	})
}

// What reads as a time has a next one, soon enough; the rest is an error.
func FuzzAt(f *testing.F) {
	for _, seed := range []string{"30 2 * * *", "@daily", "*/5 8-18 1,15 JAN-DEC mon", "0 0 29 2 *", "TZ=", "CRON_TZ=x", "@every 1ns", "0 0 30 2 *", "? ? ? ? ?", "*/0 * * * *"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, when string) {
		schedule, err := life.ParseAt(when)
		if err != nil {
			return
		}
		now := time.Date(2026, 9, 30, 12, 0, 0, 0, time.Local)
		if next := schedule.Next(now); !next.After(now) && !next.IsZero() {
			t.Errorf("%q comes next at %v", when, next)
		}
	})
}
