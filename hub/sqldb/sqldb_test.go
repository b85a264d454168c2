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
		d := hub.Delivery{Agency: "hr", File: "f", Subject: "s", Started: started, Spans: []hub.Span{{Topic: "s", Partition: 0, First: int64(i), Next: -1}}}
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
	want := hub.Delivery{ID: last.ID, Agency: "hr", File: "f", Subject: "s", Outcome: hub.Open, Started: started, Spans: []hub.Span{{Topic: "s", First: n - 1, Next: -1}}}
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
