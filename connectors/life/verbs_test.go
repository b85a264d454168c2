package life_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"hebian/connectors"
	"hebian/connectors/life"
)

// A pause interrupts a run, returns when that has ended, lasts beyond a start, and ends when somebody says so.
func TestPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newMemory()
		s := &script{steps: []step{func(ctx context.Context, _ string, keep life.Keep) error {
			<-ctx.Done()
			after(2 * time.Second)
			return errors.Join(keep(ctx, life.Done{Position: "1", Rows: 1}), ctx.Err())
		}, well}}
		h := start(t, store, job("a", s.run))
		after(time.Second)
		began := time.Now()
		h.must(h.Pause(t.Context(), "a", "li", "moving house"))
		if took := time.Since(began); took != 2*time.Second {
			t.Errorf("pausing took %v", took)
		}
		got := h.wants("paused", "a", life.Paused, "moving house")
		if !got.Paused || got.Position != "1" || got.Rows != 1 || got.Failures != 0 || !got.Until.IsZero() {
			t.Errorf("paused, it is %+v", got)
		}
		if err := h.RunNow(t.Context(), "a", "li"); !errors.Is(err, life.ErrPaused) {
			t.Errorf("run now while it is paused: %v", err)
		}
		h.must(h.Pause(t.Context(), "a", "wang", "once more"))
		after(time.Hour)
		h.stop()
		h = start(t, store, job("a", s.run))
		after(time.Hour)
		if h.wants("after a start", "a", life.Paused, "moving house"); s.runs() != 1 {
			t.Errorf("paused, it ran %d times more", s.runs()-1)
		}
		h.must(h.Resume(t.Context(), "a", "wang"))
		if got := h.wants("resumed", "a", life.Waiting, ""); got.Paused || s.runs() != 2 {
			t.Errorf("resumed, it ran %d times", s.runs()-1)
		}
		h.must(h.Resume(t.Context(), "a", "li")) // which it is
		acts := h.get("a").Acts
		want := []life.Act{
			{At: began, By: "li", What: life.DidPause, Why: "moving house"}, {At: time.Now(), By: "wang", What: life.DidResume, From: "1"},
		}
		if diff := cmp.Diff(want, acts); diff != "" {
			t.Errorf("acts (-want +got):\n%s", diff)
		}
	})
}

// A run that does not end keeps a pause from being whole: the position can't be moved, but the pause holds.
func TestPauseStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		free := make(chan struct{})
		s := &script{steps: []step{func(ctx context.Context, position string, keep life.Keep) error {
			return errors.Join(stuck(free)(ctx, position, keep), keep(ctx, life.Done{Position: "1", Rows: 1}))
		}, well}}
		h := start(t, newMemory(), job("a", s.run))
		synctest.Wait()
		began := time.Now()
		if err := h.Pause(t.Context(), "a", "li", ""); !errors.Is(err, life.ErrRunning) || time.Since(began) != life.EndTime {
			t.Errorf("pausing said %v after %v", err, time.Since(began))
		}
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := h.Pause(short, "a", "li", ""); !errors.Is(err, life.ErrRunning) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("pausing again said %v", err)
		}
		if got := h.wants("paused", "a", life.Running, ""); !got.Paused {
			t.Error("it is not paused")
		}
		if err := h.Rewind(t.Context(), "a", "0", "li"); !errors.Is(err, life.ErrRunning) {
			t.Errorf("rewinding said %v", err)
		}
		close(free)
		if got := h.wants("at last", "a", life.Paused, ""); got.Position != "1" {
			t.Errorf("it is at %q", got.Position)
		}
		h.must(h.Rewind(t.Context(), "a", "0", "li"))
		h.must(h.Resume(t.Context(), "a", "li"))
		if diff := cmp.Diff([]string{"", "0"}, s.positions()); diff != "" {
			t.Errorf("it went on from (-want +got):\n%s", diff)
		}
	})
}

// One that is resumed before its run has ended goes on after that.
func TestResumeStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		free := make(chan struct{})
		s := &script{steps: []step{stuck(free), well}}
		h := start(t, newMemory(), job("a", s.run))
		synctest.Wait()
		if err := h.Pause(t.Context(), "a", "li", ""); !errors.Is(err, life.ErrRunning) {
			t.Error(err)
		}
		h.must(h.Resume(t.Context(), "a", "li"))
		if got := h.wants("resumed", "a", life.Running, ""); got.Paused || s.runs() != 1 {
			t.Errorf("it ran %d times", s.runs())
		}
		close(free)
		if h.wants("at last", "a", life.Waiting, ""); s.runs() != 2 {
			t.Errorf("it ran %d times", s.runs())
		}
	})
}

// A position is moved only while the connector is paused, and the one before is remembered.
func TestRewind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{steps: []step{keeps(life.Done{Position: "7", Rows: 7}, nil), well}}
		store := newMemory()
		h := start(t, store, job("a", s.run))
		for what, verb := range map[string]func() error{
			"rewind": func() error { return h.Rewind(t.Context(), "a", "3", "li") },
			"reset":  func() error { return h.Reset(t.Context(), "a", "li") },
		} {
			if err := verb(); !errors.Is(err, life.ErrNotPaused) || h.get("a").Position != "7" {
				t.Errorf("%s of one that is not paused: %v", what, err)
			}
		}
		h.must(h.Pause(t.Context(), "a", "li", ""))
		for what, position := range map[string]string{"long": strings.Repeat("x", connectors.MaxPosition+1), "no text": "\xff"} {
			if err := h.Rewind(t.Context(), "a", position, "li"); err == nil {
				t.Errorf("a position that is %s is taken", what)
			}
		}
		h.must(h.Rewind(t.Context(), "a", "3", "li"))
		left := store.copy()
		h.must(h.Reset(t.Context(), "a", "wang"))
		h.must(h.Resume(t.Context(), "a", "li"))
		if diff := cmp.Diff([]string{"", ""}, s.positions()); diff != "" {
			t.Errorf("it went on from (-want +got):\n%s", diff)
		}
		got := h.get("a")
		if got.Rows != 7 || got.Runs != 2 {
			t.Errorf("it counts %+v", got.Tally)
		}
		froms := []string{}
		for _, a := range got.Acts {
			froms = append(froms, fmt.Sprintf("%s %s from %q", a.By, a.What, a.From))
		}
		want := []string{`li paused from "7"`, `li rewound from "7"`, `wang reset from "3"`, `li resumed from ""`}
		if diff := cmp.Diff(want, froms); diff != "" {
			t.Errorf("acts (-want +got):\n%s", diff)
		}
		if got := start(t, left, job("a", s.run)).get("a"); got.Position != "3" || !got.Paused {
			t.Errorf("killed after it was rewound, it is at %q", got.Position)
		}
	})
}

// RunNow runs at once what waits, for whatever it does, and once more what runs.
func TestRunNow(t *testing.T) {
	for name, first := range map[string]step{
		"waiting":     well,
		"failed":      fails(&connectors.Trouble{Kind: connectors.Denied, Err: errors.New("who?")}),
		"backing off": fails(&connectors.Trouble{Kind: connectors.Busy, Until: time.Now().Add(1e6 * time.Hour), Err: errors.New("later")}),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &script{steps: []step{first, well}}
				h := start(t, newMemory(), job("a", s.run))
				if s.runs() != 1 {
					t.Fatalf("it ran %d times", s.runs())
				}
				h.must(h.RunNow(t.Context(), "a", "li"))
				if h.wants("asked", "a", life.Waiting, ""); s.runs() != 2 {
					t.Errorf("asked, it ran %d times", s.runs()-1)
				}
				if acts := h.get("a").Acts; len(acts) != 1 || acts[0].What != life.DidRunNow || acts[0].By != "li" {
					t.Errorf("acts: %+v", acts)
				}
			})
		})
	}
	t.Run("running", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			free := make(chan struct{})
			s := &script{steps: []step{stuck(free), well}}
			h := start(t, newMemory(), job("a", s.run))
			h.get("a")
			h.must(h.RunNow(t.Context(), "a", "li"))
			h.must(h.RunNow(t.Context(), "a", "li"))
			if s.runs() != 1 {
				t.Errorf("two runs at once")
			}
			close(free)
			if s.runs() != 2 {
				t.Errorf("it ran %d times, want one more", s.runs())
			}
			after(9 * time.Second)
			if s.runs() != 2 {
				t.Errorf("it ran %d times, want no more", s.runs())
			}
		})
	})
}

// Verbs that can't be done say why and leave nothing behind.
func TestVerbs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newMemory()
		h := start(t, store, job("a", well))
		synctest.Wait()
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		before := h.get("a")
		for what, err := range map[string]error{
			"nobody":      h.Pause(t.Context(), "a", "", "why"),
			"long name":   h.Pause(t.Context(), "a", strings.Repeat("x", 257), ""),
			"odd name":    h.Resume(t.Context(), "a", "\xff"),
			"long reason": h.Pause(t.Context(), "a", "li", strings.Repeat("x", 1025)),
			"ended":       h.Pause(ended, "a", "li", ""),
		} {
			if err == nil {
				t.Errorf("%s: no error", what)
			}
		}
		store.fail(errors.New("disk full"))
		if err := h.Pause(t.Context(), "a", "li", ""); err == nil || !strings.Contains(err.Error(), "disk full") {
			t.Errorf("what can't be saved: %v", err)
		}
		store.fail(nil)
		if diff := cmp.Diff(before, h.get("a")); diff != "" {
			t.Errorf("it changed (-before +after):\n%s", diff)
		}
		for what, err := range map[string]error{
			"pause": h.Pause(t.Context(), "b", "li", ""), "resume": h.Resume(t.Context(), "b", "li"), "run now": h.RunNow(t.Context(), "b", "li"),
			"rewind": h.Rewind(t.Context(), "b", "", "li"), "reset": h.Reset(t.Context(), "b", "li"),
		} {
			if !errors.Is(err, life.ErrUnknown) {
				t.Errorf("%s of an unknown connector: %v", what, err)
			}
		}
	})
}

// Acts are bounded by their number and their positions' bytes; the last one always stays.
func TestActs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var all, acts []life.Act
		for range rapid.IntRange(1, 60).Draw(t, "acts") {
			long := rapid.SampledFrom([]int{0, 10, connectors.MaxPosition / 2, connectors.MaxPosition}).Draw(t, "position")
			a := life.Act{By: fmt.Sprint(len(all)), From: strings.Repeat("x", long)}
			before := slices.Clone(acts)
			next := life.Remember(acts, a)
			if !slices.Equal(before, acts) {
				t.Fatal("what was there has changed")
			}
			acts, all = next, append(all, a)
		}
		bytes := 0
		for _, a := range acts {
			bytes += len(a.From)
		}
		if len(acts) == 0 || len(acts) > life.MaxActs || bytes > life.ActBytes || !slices.Equal(acts, all[len(all)-len(acts):]) {
			t.Fatalf("%d acts of %d bytes stay of %d", len(acts), bytes, len(all))
		}
		if len(acts) < min(len(all), life.MaxActs) && bytes+len(all[len(all)-len(acts)-1].From) <= life.ActBytes {
			t.Fatalf("only %d acts of %d bytes stay of %d", len(acts), bytes, len(all))
		}
	})
}

// Whatever a connector and its operators do, and whenever the hub is killed: the position is the last one kept or moved to, and the counts
// are those of what was kept.
func TestAddsUp(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		plan := rapid.SliceOfN(rapid.IntRange(0, 9), 1, 60).Draw(rt, "plan")
		var wrong error
		synctest.Test(t, func(t *testing.T) { wrong = addsUp(t, plan) })
		if wrong != nil {
			rt.Fatal(wrong)
		}
	})
}

func addsUp(t *testing.T, plan []int) error {
	store := newMemory()
	rows, position, n := int64(0), "", 0
	var next []int
	run := func(ctx context.Context, from string, keep life.Keep) error {
		if from != position {
			return fmt.Errorf("from %q, want %q", from, position)
		}
		if len(next) == 0 {
			return hangs(ctx, from, keep)
		}
		kind := next[0]
		next = next[1:]
		n++
		if kind%2 == 0 {
			d := life.Done{Position: fmt.Sprint(n), Rows: int64(n), Accepted: int64(n - 1), Quarantined: 1, Delivery: int64(n)}
			if err := keep(ctx, d); err != nil {
				return err
			}
			rows, position = rows+d.Rows, d.Position
		}
		switch kind {
		case 0, 1:
			return errors.New("refused")
		case 2, 3:
			panic("broken")
		}
		return nil
	}
	h := start(t, store, job("a", run))
	defer func() { h.stop() }()
	synctest.Wait()
	for _, what := range plan {
		next = append(next, what)
		h.must(h.RunNow(t.Context(), "a", "li"))
		synctest.Wait()
		switch what {
		case 6: // killed: what the store has is all there is
			left := store.copy()
			h.stop()
			store = left
			h = start(t, store, job("a", run))
		case 7, 8:
			h.must(h.Pause(t.Context(), "a", "li", ""))
			if what == 8 {
				position = fmt.Sprint("to ", n)
				h.must(h.Rewind(t.Context(), "a", position, "li"))
			}
			h.must(h.Resume(t.Context(), "a", "li"))
		}
		if got := h.get("a"); got.Position != position || got.Rows != rows || got.Accepted+got.Quarantined != rows || strings.HasPrefix(got.Reason, "from") {
			return fmt.Errorf("it is at %q with %d rows (%s), want %q with %d", got.Position, got.Rows, got.Reason, position, rows)
		}
	}
	return nil
}
