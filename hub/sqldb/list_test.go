package sqldb_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hebian/hub"
	"hebian/hub/sqldb"
)

// some deliveries of two agencies, three files each, two connectors and all outcomes.
func manyDeliveries(t *testing.T, db sqldb.Deliveries, n int) []hub.Receipt {
	t.Helper()
	db.SetMaxOpenConns(1) // so that the next line holds for all there is
	if _, err := db.Exec(`PRAGMA synchronous = OFF`); err != nil {
		t.Fatal(err)
	}
	var all []hub.Receipt
	for i := range n {
		agency := []string{"hr", "finance"}[i%2]
		d := hub.Delivery{
			Agency: agency, File: fmt.Sprintf("%s/%d.csv", agency, i%3), Subject: "s", Mode: hub.Merge, Keyed: true, Period: 202609,
			Connector: []string{"", "hr-in", "finance-in"}[i%5%3], Started: time.Unix(int64(i), 0).UTC(),
		}
		if err := db.Begin(t.Context(), &d); err != nil {
			t.Fatal(err)
		}
		r := hub.Receipt{
			Delivery: d.ID, Agency: d.Agency, File: d.File, Subject: d.Subject, Mode: d.Mode, Keyed: true, Period: d.Period, Connector: d.Connector,
			Outcome: hub.Open, Started: d.Started,
		}
		if r.Outcome = []hub.Outcome{hub.Complete, hub.Complete, hub.Complete, hub.Failed, hub.Held, hub.Open, hub.Complete}[i%7]; r.Outcome != hub.Open {
			r.Refused, r.Columns, r.Finished = int64(i%4), []string{"编号"}, d.Started
			if err := db.Finish(t.Context(), r); err != nil {
				t.Fatal(err)
			}
		}
		all = append(all, r)
	}
	slices.Reverse(all)
	return all
}

// List gives what its filter lets through and nothing else, the newest first, by an index.
func TestList(t *testing.T) {
	db := sqldb.Deliveries{DB: open(t, filepath.Join(t.TempDir(), "hebian.db"))}
	all := manyDeliveries(t, db, 210)
	for i := range 1 << 5 {
		f := hub.ReceiptFilter{Limit: 7}
		if i&1 > 0 {
			f.Agency = "hr"
		}
		if i&2 > 0 {
			f.Agency, f.File = "finance", "finance/1.csv"
		}
		if i&4 > 0 {
			f.Connector = "hr-in"
		}
		if i&8 > 0 {
			f.Before = 100
		}
		outcomes := []hub.Outcome{""}
		if i&16 > 0 {
			outcomes = []hub.Outcome{hub.Complete, hub.Failed, hub.Open, hub.Held, hub.Discarded}
		}
		for _, f.Outcome = range outcomes {
			var want []hub.Receipt
			for _, r := range all {
				if len(want) < f.Limit && (f.Agency == "" || r.Agency == f.Agency) && (f.File == "" || r.File == f.File) && (f.Connector == "" || r.Connector == f.Connector) &&
					(f.Outcome == "" || r.Outcome == f.Outcome) && (f.Before == 0 || r.Delivery < f.Before) {
					want = append(want, r)
				}
			}
			got, err := db.List(t.Context(), f)
			if diff := cmp.Diff(want, got); err != nil || diff != "" {
				t.Errorf("%+v: %v (-want +got):\n%.1000s", f, err, diff)
			}
			query, args := sqldb.ListQuery(f)
			for _, step := range plan(t, db, query, args...) {
				if !strings.HasPrefix(step, "SEARCH deliveries USING") {
					t.Errorf("%+v: SQLite would %s", f, step)
				}
			}
		}
	}
	if got, err := db.List(t.Context(), hub.ReceiptFilter{}); err != nil || len(got) != 210 {
		t.Errorf("without a limit %d receipts came, %v; want all 210", len(got), err)
	}
	if _, err := db.List(t.Context(), hub.ReceiptFilter{File: "hr/1.csv"}); err == nil {
		t.Error("a file of no agency was listed")
	}
}

// plan is how SQLite goes about a query.
func plan(t *testing.T, db sqldb.Deliveries, query string, args ...any) (steps []string) {
	t.Helper()
	rows, err := db.Query("EXPLAIN QUERY PLAN "+query, args...)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	for rows.Next() {
		var a, b, c int
		var step string
		if err := rows.Scan(&a, &b, &c, &step); err != nil {
			t.Fatal(err)
		}
		steps = append(steps, step)
	}
	return steps
}

// The newest complete delivery of a file, the open ones, and the files with rows in quarantine.
func TestStandingOf(t *testing.T) {
	db := sqldb.Deliveries{DB: open(t, filepath.Join(t.TempDir(), "hebian.db"))}
	all := manyDeliveries(t, db, 210)
	newest, open := map[string]hub.Receipt{}, map[string][]int64{}
	for _, r := range all {
		if _, known := newest[r.File]; !known && r.Outcome == hub.Complete {
			newest[r.File] = r
		}
		if r.Outcome == hub.Open {
			open[r.File] = append([]int64{r.Delivery}, open[r.File]...)
		}
	}
	var want []hub.FileCount
	for file, r := range newest {
		s, err := db.Standing(t.Context(), r.Agency, file)
		if err != nil || s.Newest.ID != r.Delivery || s.Newest.Outcome != hub.Complete || !s.Newest.Keyed || s.Newest.File != file {
			t.Errorf("%s stands as %+v, %v; want it on delivery %d", file, s.Newest, err, r.Delivery)
		}
		var ids []int64
		for _, d := range s.Open {
			ids = append(ids, d.ID)
		}
		if !slices.Equal(ids, open[file]) {
			t.Errorf("open are %v of %s, want %v", ids, file, open[file])
		}
		if r.Refused > 0 {
			want = append(want, hub.FileCount{Agency: r.Agency, File: file, Subject: "s", Delivery: r.Delivery, Refused: r.Refused})
		}
	}
	slices.SortFunc(want, func(a, b hub.FileCount) int { return strings.Compare(a.File, b.File) })
	got, err := db.RefusedFiles(t.Context())
	if diff := cmp.Diff(want, got); err != nil || diff != "" || len(want) == 0 {
		t.Errorf("files with rows that wait, %v (-want +got):\n%s", err, diff)
	}
	if s, err := db.Standing(t.Context(), "hr", "hr/none.csv"); err != nil || s.Newest.ID != 0 || len(s.Open) != 0 {
		t.Errorf("a file that nobody delivered stands as %+v, %v", s, err)
	}
}

// More files than a page holds.
func TestManyRefusedFiles(t *testing.T) {
	db := sqldb.Deliveries{DB: open(t, filepath.Join(t.TempDir(), "hebian.db"))}
	manyDeliveries(t, db, 0)
	if _, err := db.Exec(`WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 3499)
		INSERT INTO deliveries (agency, file, subject, started, outcome, spans, receipt, refused)
		SELECT 'agency ' || i % 3, printf('%05d', i / 2), 's', '', 'complete', '[]', '{}', i % 2 FROM n`); err != nil {
		t.Fatal(err)
	}
	files, err := db.RefusedFiles(t.Context())
	var want int
	if scanErr := db.QueryRow(`SELECT COUNT(*) FROM (SELECT refused FROM deliveries GROUP BY agency, file HAVING id = MAX(id) AND refused > 0)`).Scan(&want); scanErr != nil {
		t.Fatal(scanErr)
	}
	sorted := slices.IsSortedFunc(files, func(a, b hub.FileCount) int { return strings.Compare(a.Agency+a.File, b.Agency+b.File) })
	if err != nil || len(files) != want || want < 1000 || !sorted {
		t.Errorf("%d files came, in order: %v, %v; want %d", len(files), sorted, err, want)
	}
}

// Steps from file to file, however many deliveries each had.
func BenchmarkRefusedFiles(b *testing.B) {
	db, err := sqldb.Open(b.Context(), filepath.Join(b.TempDir(), "hebian.db"))
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(`WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 199999)
		INSERT INTO deliveries (agency, file, subject, started, outcome, spans, receipt, refused)
		SELECT 'hr', printf('%05d', i % 2000), 's', '', 'complete', '[]', '{}', 1 FROM n`); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if files, err := (sqldb.Deliveries{DB: db}).RefusedFiles(b.Context()); err != nil || len(files) != 2000 {
			b.Fatal(len(files), err)
		}
	}
}
