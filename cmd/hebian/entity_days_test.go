package main

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"hebian/hub"
	"hebian/matcher/queue"
	"hebian/schemas"
)

// What time alone does to a conflict: the lag ripens on the calendar of working days, an accepted difference comes back when its day has
// passed, and who does not answer is reminded. A clock that jumps back undoes none of it.
func TestEntityDays(t *testing.T) {
	in := t.TempDir()
	for name, content := range registers(t, "王明", "王民", "王明") {
		if err := os.MkdirAll(filepath.Join(in, filepath.Dir(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(in, name), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	// Commerce changed on Monday 2026-01-05. The Friday after it is a holiday, and its Saturday is worked: the 30th
	// working day is Monday 2026-02-16, the 31st Tuesday.
	calendar := filepath.Join(in, "calendar.csv")
	if err := os.WriteFile(calendar, []byte("date,kind\n2026-01-09,holiday\n2026-01-10,workday\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	clock := time.Date(2026, 2, 13, 8, 0, 0, 0, time.Local)
	o := serviceOptions{dir: t.TempDir(), config: defaultConfig(), now: func() time.Time { return clock }, logger: slog.New(slog.DiscardHandler)}
	o.config.Entities.Calendar = "calendar.csv"
	if err := o.config.Entities.load(in); err != nil {
		t.Fatal(err)
	}
	s := openClocked(t, o)
	deliver := func(names ...string) {
		t.Helper()
		for _, found := range mustScan(t, in).Found {
			if len(names) > 0 && !slices.Contains(names, found.Name) {
				continue
			}
			if _, err := s.take(t.Context(), s.door(in, nil), found, hub.Manifest{Agency: found.Agency, File: found.Name, Subject: found.Subject, Mode: hub.Full}); err != nil {
				t.Fatal(err)
			}
			hearOne(t, s)
		}
	}
	deliver()
	relay := hub.NewRelay(s.queue, s.log, s.sink, s.schemaIDs[hub.CorrectionTopic])
	on := func(day string, back bool) (cases []queue.Case) {
		t.Helper()
		d, ok := schemas.ParseDate(day)
		if !ok {
			t.Fatalf("%q is no day", day)
		}
		clock = d.Time().Add(8 * time.Hour)
		if err := s.turnDays(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := s.queue.Lapse(t.Context()); err != nil {
			t.Fatal(err)
		}
		if !back {
			if _, err := relay.Drain(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		cases, err := s.queue.List(t.Context(), queue.Filter{}, "", 10)
		if err != nil {
			t.Fatal(err)
		}
		return cases
	}
	for _, day := range []string{"2026-02-14", "2026-02-16"} {
		if cases := on(day, false); len(cases) != 0 {
			t.Fatalf("on %s there is a case of %s, which is a lag", day, cases[0].Key.Code)
		}
	}
	for _, day := range []string{"2026-02-17", "2026-02-10", "2026-02-18"} {
		if cases := on(day, day < "2026-02-17"); len(cases) != 1 || cases[0].State != queue.Open || cases[0].Key.Detail != "legal_rep" {
			t.Fatalf("on %s the cases are %+v", day, cases)
		}
	}
	id := on("2026-02-18", false)[0].ID
	until, _ := schemas.ParseDate("2026-03-01")
	decide := func(d queue.Decision) {
		t.Helper()
		if _, err := s.queue.Claim(t.Context(), id, officer); err != nil {
			t.Fatal(err)
		}
		if _, err := s.queue.Decide(t.Context(), id, officer, d); err != nil {
			t.Fatal(err)
		}
	}
	decide(queue.Decision{Outcome: queue.OutcomeAccepted, Reason: "正在办理变更", Until: until})
	if c := on("2026-03-01", false)[0]; c.State != queue.Explained {
		t.Errorf("on the last day that the difference is accepted the case is %s", c.State)
	}
	if c := on("2026-03-02", false)[0]; c.State != queue.Open || c.Relapses != 1 {
		t.Errorf("on the day after, the case is %s", c.State)
	}
	decide(queue.Decision{Outcome: queue.OutcomeAuthority, Reason: "以登记为准"})
	c := on("2026-03-03", false)[0]
	if c.State != queue.Sent || c.Due.String() != "2026-03-24" { // 15 working days
		t.Errorf("the case is %s, due on %s", c.State, c.Due)
	}
	// Commerce touches its row: the others may follow for 30 days again, but what was asked of them is asked.
	const commerce = "entities/commerce.ndjson"
	touched := bytes.Replace(registers(t, "王明", "王民", "王明")[commerce], []byte("2026-01-05"), []byte("2026-03-03"), 1)
	if err := os.WriteFile(filepath.Join(in, commerce), touched, 0o644); err != nil {
		t.Fatal(err)
	}
	deliver(commerce)
	if c := on("2026-03-04", false)[0]; c.State != queue.Sent || c.Due.String() != "2026-03-24" {
		t.Errorf("while the agencies may still follow, the case is %s, due on %s", c.State, c.Due)
	}
	if c := on("2026-03-24", false)[0]; c.Escalated {
		t.Error("escalated before the day has passed")
	}
	if c := on("2026-03-25", false)[0]; !c.Escalated || c.State != queue.Sent {
		t.Errorf("nobody answered: escalated %t, %s", c.Escalated, c.State)
	}
	on("2026-03-26", false)
	reminders := 0
	for _, correction := range corrections(t, s.sink.Dir) {
		if correction.Reminder {
			reminders++
		}
	}
	if all := len(corrections(t, s.sink.Dir)); all != 2 || reminders != 1 {
		t.Errorf("%d corrections went out, %d of them reminders; want 2 and 1", all, reminders)
	}
}
