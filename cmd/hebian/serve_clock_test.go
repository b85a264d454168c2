package main

import (
	"bufio"
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hebian/hub"
	"hebian/matcher/queue"
	"hebian/schemas"
)

// A clock that jumps back changes no verdict, and neither does a restart after it: deliveries follow each other by
// their numbers, and the day judged by never goes back.
func TestClockJumpsBack(t *testing.T) {
	in, dir := t.TempDir(), t.TempDir()
	for name := range countyFiles(t, filepath.Join(county, "edge", "in")) {
		copyFile(t, filepath.Join(county, "edge", "in"), in, name)
	}
	clock := time.Date(2026, 10, 1, 8, 0, 0, 0, time.Local)
	o := serviceOptions{dir: dir, config: defaultConfig(), now: func() time.Time { return clock }, logger: slog.New(slog.DiscardHandler)}
	o.config.Serve.WithdrawPercent = neverHeld
	s := openClocked(t, o)
	deliver := func(names ...string) {
		t.Helper()
		for _, found := range mustScan(t, in).Found {
			if len(names) > 0 && !slices.Contains(names, found.Name) {
				continue
			}
			m := hub.Manifest{Agency: found.Agency, File: found.Name, Subject: found.Subject, Mode: hub.Full}
			if _, err := s.take(t.Context(), s.door(in, nil), found, m); err != nil {
				t.Fatal(err)
			}
			hearOne(t, s)
		}
	}
	deliver()
	for _, agency := range s.agencies {
		if err := s.declare(t.Context(), hub.Period{Agency: agency.Agency, Month: 202609, Kind: hub.PeriodFull, Declared: clock}); err != nil {
			t.Fatal(err)
		}
		hearOne(t, s)
	}
	before := verdictOf(t, s)
	if before.Day != "2026-09-30" || len(before.Cases) < 500 {
		t.Fatalf("%d cases as of %s, want some hundreds as of 2026-09-30", len(before.Cases), before.Day)
	}
	var one string
	for id := range before.Cases {
		one = max(one, id)
	}
	if _, err := s.queue.Claim(t.Context(), one, officer); err != nil {
		t.Fatal(err)
	}
	before.Cases[one] = "claimed"
	for _, back := range []time.Duration{time.Hour, 26 * time.Hour, 400 * 24 * time.Hour} {
		clock = clock.Add(-back)
		if err := s.turnDay(t.Context()); err != nil {
			t.Fatal(err)
		}
		deliver()
		if diff := cmp.Diff(before, verdictOf(t, s)); diff != "" {
			t.Fatalf("%s back (-before +after):\n%.2000s", back, diff)
		}
		var taken *queue.TakenError
		if _, err := s.queue.Claim(t.Context(), one, another); !errors.As(err, &taken) {
			t.Errorf("%s back, the case that an officer holds: %v, want it taken", back, err)
		}
		if err := s.house.close(); err != nil {
			t.Fatal(err)
		}
		s = openClocked(t, o)
		if diff := cmp.Diff(before, verdictOf(t, s)); diff != "" {
			t.Fatalf("%s back, after a restart (-before +after):\n%.2000s", back, diff)
		}
	}

	// What comes later counts, whatever the clock says.
	slots := filepath.Join(in, "staffing", "slots.csv")
	lines := strings.SplitAfter(readText(t, slots), "\n")
	if err := os.WriteFile(slots, []byte(strings.Join(lines[:len(lines)/2], "")), 0o644); err != nil {
		t.Fatal(err)
	}
	deliver("staffing/slots.csv")
	out := t.TempDir()
	mustRun(t, "check", in, "--as-of", "2026-09-30", "--out", out)
	if diff := cmp.Diff(readText(t, out, "flags.csv"), verdictOf(t, s).Flags); diff != "" {
		t.Errorf("flags after the later version (-want +got):\n%.2000s", diff)
	}
}

// openClocked opens a service that nobody else runs: the test is its judge.
func openClocked(t *testing.T, o serviceOptions) *service {
	t.Helper()
	s, err := openService(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.house.close() }) //nolint:errcheck // it may be closed
	if err := s.catchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

// hearOne judges what was handed to the judge, as of the day that the clock shows.
func hearOne(t *testing.T, s *service) {
	t.Helper()
	if err := s.turnDay(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.hear(t.Context(), <-s.arrivals); err != nil {
		t.Fatal(err)
	}
}

// verdict is what a hub says of everybody.
type verdict struct {
	Day   string
	Flags string
	Cases map[string]string
}

func verdictOf(t *testing.T, s *service) verdict {
	t.Helper()
	v := verdict{Day: s.judgedDay().String(), Cases: map[string]string{}}
	result, err := s.flagsAsOf(t.Context(), s.judgedDay())
	if err != nil {
		t.Fatal(err)
	}
	var flags bytes.Buffer
	w := bufio.NewWriter(&flags)
	if err := errors.Join(writeFlags(w, judgement{Result: result}), w.Flush()); err != nil {
		t.Fatal(err)
	}
	v.Flags = flags.String()
	for after := ""; ; {
		page, err := s.queue.List(t.Context(), queue.Filter{}, after, queue.MaxPage)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range page {
			v.Cases[c.ID] = string(c.State)
		}
		if len(page) < queue.MaxPage {
			return v
		}
		after = page[len(page)-1].Cursor()
	}
}

func TestMonthEnd(t *testing.T) {
	for today, want := range map[string]string{"2026-10-01": "2026-09-30", "2026-10-30": "2026-09-30", "2026-10-31": "2026-10-31", "2027-01-15": "2026-12-31", "2024-02-29": "2024-02-29"} {
		day, ok := schemas.ParseDate(today)
		if got := monthEnd(day).String(); !ok || got != want {
			t.Errorf("on %s the last month that has ended ended on %s, want %s", today, got, want)
		}
	}
}
