package sqldb_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"hebian/hub"
	"hebian/hub/sqldb"
)

// A dispatch keeps its number and its range until the partner has it; the next one comes after it.
func TestDispatches(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hebian.db")
	var db hub.Dispatches = sqldb.Dispatches{DB: open(t, path)}
	created := time.Date(2026, 9, 30, 8, 0, 0, 0, time.UTC)
	first := hub.Dispatch{Connector: "finance-out", Feed: "corrections", Agency: "finance", Next: "B", Records: 3, Digest: "sha256:00", Created: created}
	begun, err := db.Begin(t.Context(), first)
	first.Number = 1
	if diff := cmp.Diff(first, begun); err != nil || diff != "" {
		t.Errorf("the first dispatch differs, %v (-want +got):\n%s", err, diff)
	}
	if err := db.Failed(t.Context(), "finance-out", 1, "no connection"); err != nil {
		t.Fatal(err)
	}
	db = sqldb.Dispatches{DB: open(t, path)} // as after a restart
	longer := first
	longer.Next, longer.Records, longer.Created = "C", 9, created.Add(time.Hour)
	first.Tries, first.Error = 1, "no connection"
	if begun, err = db.Begin(t.Context(), longer); err != nil || begun != first {
		t.Errorf("begun again the dispatch differs, %v (-want +got):\n%s", err, cmp.Diff(first, begun))
	}
	if other, err := db.Begin(t.Context(), hub.Dispatch{Connector: "hr-out", Created: created}); err != nil || other.Number != 1 {
		t.Errorf("another connector's first dispatch has number %d, %v", other.Number, err)
	}
	for range 2 { // noted twice, it was sent once
		if err := db.Sent(t.Context(), "finance-out", 1, "thank you", created.Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
	}
	first.Sent, first.Answer, first.Tries = created.Add(time.Minute), "thank you", 2
	if got, err := db.Get(t.Context(), "finance-out", 1); err != nil || got != first {
		t.Errorf("sent, the dispatch differs, %v (-want +got):\n%s", err, cmp.Diff(first, got))
	}
	longer.After, longer.Number = "B", 2
	if begun, err = db.Begin(t.Context(), longer); err != nil || begun != longer {
		t.Errorf("the second dispatch differs, %v (-want +got):\n%s", err, cmp.Diff(longer, begun))
	}
	for name, err := range map[string]error{
		"a try of a sent one":     db.Failed(t.Context(), "finance-out", 1, "x"),
		"a try of none":           db.Failed(t.Context(), "finance-out", 3, "x"),
		"one sent that is none":   db.Sent(t.Context(), "finance-out", 3, "", created),
		"a look at one not there": func() error { _, err := db.Get(t.Context(), "none", 1); return err }(),
	} {
		if !errors.Is(err, hub.ErrUnknown) {
			t.Errorf("%s gave %v, want ErrUnknown", name, err)
		}
	}
	if err := db.Sent(t.Context(), "finance-out", 2, strings.Repeat("好", 1000), created); err != nil {
		t.Fatal(err)
	}
	if got, err := db.Get(t.Context(), "finance-out", 2); err != nil || len(got.Answer) > hub.MaxAnswer || len(got.Answer) < hub.MaxAnswer-3 || !utf8.ValidString(got.Answer) {
		t.Errorf("a long answer is kept as %q, %v", got.Answer, err)
	}
}

func TestListDispatches(t *testing.T) {
	db := sqldb.Dispatches{DB: open(t, filepath.Join(t.TempDir(), "hebian.db"))}
	for range 12 {
		d, err := db.Begin(t.Context(), hub.Dispatch{Connector: "out"})
		if err == nil {
			err = db.Sent(t.Context(), "out", d.Number, "", time.Unix(1, 0))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		before int64
		limit  int
		want   string
	}{{0, 3, "[12 11 10]"}, {10, 2, "[9 8]"}, {3, 0, "[2 1]"}, {1, 5, "[]"}} {
		page, err := db.List(t.Context(), "out", test.before, test.limit)
		numbers := []int64{}
		for _, d := range page {
			numbers = append(numbers, d.Number)
		}
		if err != nil || fmt.Sprint(numbers) != test.want {
			t.Errorf("%d before %d are %v, %v; want %s", test.limit, test.before, numbers, err, test.want)
		}
	}
}

func TestConnectorStates(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hebian.db")
	var db hub.ConnectorStates = sqldb.ConnectorStates{DB: open(t, path)}
	if _, found, err := db.Load(t.Context(), "hr-in"); err != nil || found {
		t.Errorf("before it was saved a state was found: %v, %v", found, err)
	}
	want := map[string]string{}
	for i := range 1100 { // more than a page
		name := fmt.Sprintf("in-%04d", i)
		want[name] = fmt.Sprintf(`{"position":"%d"}`, i)
		if i%100 == 0 { // the others by hand: each is a wait for the disk
			if err := db.Save(t.Context(), name, "{}"); err != nil {
				t.Fatal(err)
			}
			if err := db.Save(t.Context(), name, want[name]); err != nil {
				t.Fatal(err)
			}
		}
	}
	raw := open(t, path)
	if _, err := raw.Exec(`WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 1099)
		INSERT OR IGNORE INTO connectors (name, state) SELECT printf('in-%04d', i), '{"position":"' || i || '"}' FROM n`); err != nil {
		t.Fatal(err)
	}
	db = sqldb.ConnectorStates{DB: raw}
	if all, err := db.All(t.Context()); err != nil || !cmp.Equal(want, all) {
		t.Errorf("the states differ, %v (-want +got):\n%.1000s", err, cmp.Diff(want, all))
	}
	for range 2 {
		if err := db.Delete(t.Context(), "in-0000"); err != nil {
			t.Fatal(err)
		}
	}
	if _, found, err := db.Load(t.Context(), "in-0000"); err != nil || found {
		t.Errorf("deleted, the state was found: %v, %v", found, err)
	}
	if state, found, err := db.Load(t.Context(), "in-0100"); err != nil || !found || state != want["in-0100"] {
		t.Errorf("the state is %q, %v, %v; want %q", state, found, err, want["in-0100"])
	}
	if err := db.Save(t.Context(), "hr-in", strings.Repeat("x", hub.MaxState+1)); err == nil {
		t.Error("a state beyond its bound was saved")
	}
}
