package sqldb_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hebian/hub"
	"hebian/hub/sqldb"
	"hebian/schemas"
)

func open(t *testing.T, path string) *sqldb.DB {
	t.Helper()
	db, err := sqldb.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// A path may hold what a URL would take for itself.
func TestOddPath(t *testing.T) {
	path := filepath.Join(t.TempDir(), "核编 100% #1?.db")
	open(t, path).Close()
	if found, err := filepath.Glob(filepath.Join(filepath.Dir(path), "核编*")); err != nil || len(found) == 0 || found[0] != path {
		t.Errorf("the database lies in %q, want %q", found, path)
	}
}

func TestSchemaIDs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hebian.db")
	db := open(t, path)
	ids, err := db.SchemaIDs(t.Context(), map[string]string{"x.a": `"int"`, "x.b": `"int"`})
	if err != nil || ids["x.a"] == ids["x.b"] || ids["x.a"] == 0 || ids["x.b"] == 0 {
		t.Fatalf("ids are %v, %v; want two different ones", ids, err)
	}
	db = open(t, path)
	again, err := db.SchemaIDs(t.Context(), map[string]string{"x.a": `"int"`, "x.b": `"int"`, "x.c": `"int"`})
	if err != nil || again["x.a"] != ids["x.a"] || again["x.b"] != ids["x.b"] || again["x.c"] == 0 {
		t.Errorf("asked again the ids are %v, %v; want %v and a new one", again, err, ids)
	}
	if _, err := db.SchemaIDs(t.Context(), map[string]string{"x.a": `"long"`}); !errors.Is(err, sqldb.ErrOtherSchema) {
		t.Errorf("another schema of the subject gave %v, want ErrOtherSchema", err)
	}
}

func TestDeliveries(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hebian.db")
	deliveries := sqldb.Deliveries{DB: open(t, path)}
	started := time.Date(2026, 9, 30, 8, 0, 0, 1, time.UTC)
	const n = 2500 // more than a page
	for i := range n {
		d := hub.Delivery{Agency: "hr", File: "f", Subject: "s", Mode: hub.Full, Started: started, Spans: []hub.Span{{Topic: "s", Partition: 0, First: int64(i), Next: -1}}}
		if err := deliveries.Begin(t.Context(), &d); err != nil {
			t.Fatal(err)
		}
		if i == n-1 {
			break // stays open
		}
		d.Spans[0].Next = int64(i + 1)
		r := hub.Receipt{Delivery: d.ID, Agency: "hr", File: "f", Subject: "s", Outcome: hub.Complete, Started: started, Finished: started.Add(time.Hour), RowsRead: int64(i), Spans: d.Spans}
		if err := deliveries.Finish(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		if err := deliveries.Finish(t.Context(), r); err == nil {
			t.Fatal("a delivery could be finished twice")
		}
	}
	all, err := deliveries.Of(t.Context(), "hr", "f")
	if err != nil || len(all) != n {
		t.Fatalf("Of gave %d deliveries, %v; want %d", len(all), err, n)
	}
	last := all[n-1]
	want := hub.Delivery{ID: last.ID, Agency: "hr", File: "f", Subject: "s", Mode: hub.Full, Outcome: hub.Open, Started: started, Spans: []hub.Span{{Topic: "s", First: n - 1, Next: -1}}}
	if diff := cmp.Diff(want, last); diff != "" {
		t.Errorf("the open delivery differs (-want +got):\n%s", diff)
	}
	var rows int64
	if err := deliveries.Each(t.Context(), func(r hub.Receipt) error {
		if r.RowsRead != rows || r.Outcome != hub.Complete || !r.Finished.Equal(started.Add(time.Hour)) {
			return fmt.Errorf("receipt %d is %+v", rows, r)
		}
		rows++
		return nil
	}); err != nil || rows != n-1 {
		t.Errorf("Each went through %d receipts, %v; want %d", rows, err, n-1)
	}
	if none, err := deliveries.Of(t.Context(), "hr", "g"); err != nil || len(none) != 0 {
		t.Errorf("another file has %d deliveries, %v", len(none), err)
	}
}

// Each outcome is kept with its receipt. A key stands for one complete delivery of an agency.
func TestKeys(t *testing.T) {
	deliveries := sqldb.Deliveries{DB: open(t, filepath.Join(t.TempDir(), "hebian.db"))}
	begin := func(agency string) hub.Receipt {
		d := hub.Delivery{Agency: agency, File: agency + "/f", Subject: "s", Mode: hub.Add, Started: time.Unix(1, 0).UTC()}
		if err := deliveries.Begin(t.Context(), &d); err != nil {
			t.Fatal(err)
		}
		r, err := deliveries.Get(t.Context(), d.ID)
		if want := (hub.Receipt{Delivery: d.ID, Agency: agency, File: d.File, Subject: "s", Mode: hub.Add, Outcome: hub.Open, Started: d.Started}); err != nil || !cmp.Equal(want, r) {
			t.Errorf("an open delivery's receipt differs (-want +got), %v:\n%s", err, cmp.Diff(want, r))
		}
		r.Key, r.Live, r.Refused = "key", 7, 2
		return r
	}
	for _, outcome := range []hub.Outcome{hub.Failed, hub.Held, hub.Failed, hub.Complete} {
		if _, found, err := deliveries.ByKey(t.Context(), "hr", "key"); err != nil || found {
			t.Errorf("before a delivery is complete its key was found: %v, %v", found, err)
		}
		r := begin("hr")
		r.Outcome = outcome
		if err := deliveries.Finish(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		if kept, err := deliveries.Get(t.Context(), r.Delivery); err != nil || !cmp.Equal(r, kept) {
			t.Errorf("a %s receipt differs (-given +kept), %v:\n%s", outcome, err, cmp.Diff(r, kept))
		}
	}
	if r, found, err := deliveries.ByKey(t.Context(), "hr", "key"); err != nil || !found || r.Outcome != hub.Complete {
		t.Errorf("by its key: %+v, %v, %v; want the complete delivery", r, found, err)
	}
	again := begin("hr")
	again.Outcome = hub.Complete
	if err := deliveries.Finish(t.Context(), again); err == nil {
		t.Error("two complete deliveries have one key")
	}
	other := begin("finance")
	other.Outcome = hub.Complete
	if err := deliveries.Finish(t.Context(), other); err != nil {
		t.Errorf("another agency's delivery under the same key: %v", err)
	}
	all, err := deliveries.Of(t.Context(), "finance", "finance/f")
	if err != nil || len(all) != 1 || all[0].Live != 7 || all[0].Refused != 2 || all[0].Mode != hub.Add {
		t.Errorf("deliveries of the file are %+v, %v; want one with 7 rows live, 2 refused", all, err)
	}
	if _, err := deliveries.Get(t.Context(), 99); !errors.Is(err, hub.ErrUnknown) {
		t.Errorf("a delivery that is none gave %v, want ErrUnknown", err)
	}
}

func TestPeriods(t *testing.T) {
	periods := sqldb.Periods{DB: open(t, filepath.Join(t.TempDir(), "hebian.db"))}
	declared := time.Date(2026, 9, 30, 8, 0, 0, 0, time.UTC)
	var want []hub.Period
	for _, agency := range []string{"finance", "hr"} {
		for i := range 700 { // more than a page
			want = append(want, hub.Period{Agency: agency, Month: schemas.Month(190001).Add(i), Kind: hub.PeriodFull, Empty: []string{agency + "/f"}, Declared: declared, By: "somebody"})
		}
	}
	for i := range want {
		if err := periods.Declare(t.Context(), want[len(want)-1-i]); err != nil {
			t.Fatal(err)
		}
	}
	repeat := want[3]
	repeat.Kind, repeat.Empty, repeat.Declared = hub.PeriodChanges, nil, declared.Add(time.Hour)
	if err := periods.Declare(t.Context(), repeat); err != nil {
		t.Errorf("declaring a period again: %v", err)
	}
	all, err := periods.All(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, all); diff != "" {
		t.Errorf("periods differ (-want +got):\n%.2000s", diff)
	}
	none := hub.Period{Agency: "social", Month: 202609, Kind: hub.PeriodChanges, Declared: declared}
	if err := periods.Declare(t.Context(), none); err != nil {
		t.Fatal(err)
	}
	if all, err = periods.All(t.Context()); err != nil || !cmp.Equal(none, all[len(all)-1]) {
		t.Errorf("a period without empty files came back as %+v, %v", all[len(all)-1], err)
	}
}
