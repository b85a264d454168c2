package hub_test

import (
	"database/sql"
	"encoding/json"
	"errors"
	"hash/fnv"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"hebian/hub"
	"hebian/hub/sqldb"
	"hebian/hub/sqllog"
)

// oldReceipt is a receipt as the first version wrote it.
type oldReceipt struct {
	Delivery    int64       `json:"delivery"`
	Agency      string      `json:"agency"`
	File        string      `json:"file"`
	Subject     string      `json:"subject"`
	Outcome     hub.Outcome `json:"outcome"`
	RowsRead    int64       `json:"rows_read"`
	Accepted    int64       `json:"accepted"`
	Quarantined int64       `json:"quarantined"`
	Added       int64       `json:"added"`
	Started     time.Time   `json:"started"`
	Finished    time.Time   `json:"finished"`
	Spans       []hub.Span  `json:"positions"`
}

// oldFolder is a database as the first version left it: a complete delivery of x, y and a misfit, a failed one, and one that
// was interrupted when it had written z.
func oldFolder(t *testing.T) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "hebian.db")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	first, err := os.ReadFile(filepath.Join("sqldb", "migrations", "00001_hub.sql"))
	if err != nil {
		t.Fatal(err)
	}
	if err := sqldb.Migrate(t.Context(), db, fstest.MapFS{"00001_hub.sql": {Data: first}}, "goose_db_version"); err != nil {
		t.Fatal(err)
	}
	log, err := sqllog.Open(t.Context(), db, hub.MisfitTopic)
	if err != nil {
		t.Fatal(err)
	}
	started := time.Date(2026, 8, 31, 8, 0, 0, 0, time.UTC)
	for _, d := range []struct {
		outcome hub.Outcome
		rows    string
		next    int64 // misfits after it
	}{{hub.Complete, "x y !q", 1}, {hub.Failed, "w", 1}, {hub.Open, "z", -1}} {
		accepted, misfits := rows(t, "f", strings.Fields(d.rows))
		spans := []hub.Span{{Topic: hub.MisfitTopic, First: max(0, d.next-1), Next: d.next}}
		for p := range log.Partitions(subject) {
			end, err := log.End(t.Context(), subject, p)
			if err != nil {
				t.Fatal(err)
			}
			spans = append(spans, hub.Span{Topic: subject, Partition: p, First: end, Next: -1})
		}
		r := oldReceipt{Agency: "staffing", File: "f", Subject: subject, Outcome: d.outcome, Started: started, Spans: spans}
		if err := db.QueryRow(`INSERT INTO deliveries (agency, file, subject, started, spans) VALUES ('staffing', 'f', ?, ?, '') RETURNING id`,
			subject, started.Format(time.RFC3339Nano)).Scan(&r.Delivery); err != nil {
			t.Fatal(err)
		}
		batches := []hub.Batch{{Topic: hub.MisfitTopic, Delivery: r.Delivery, Records: misfits}}
		for _, a := range accepted {
			hash := fnv.New32a()
			hash.Write(a.Key)
			partition := int(hash.Sum32()) % log.Partitions(subject)
			batches = append(batches, hub.Batch{Topic: subject, Partition: partition, Delivery: r.Delivery, Records: append(accepted[:0:0], a)})
		}
		if len(misfits) == 0 {
			batches = batches[1:]
		}
		if err := log.Append(t.Context(), batches); err != nil {
			t.Fatal(err)
		}
		receipt, finished := "", ""
		if d.outcome != hub.Open {
			for i := range spans {
				if spans[i].Topic == subject {
					spans[i].Next, _ = log.End(t.Context(), subject, spans[i].Partition)
				}
			}
			r.Finished = started.Add(time.Hour)
			finished = r.Finished.Format(time.RFC3339Nano)
			if d.outcome == hub.Complete {
				r.RowsRead, r.Accepted, r.Quarantined, r.Added = 3, 2, 1, 3
			}
			receipt = toJSON(t, r)
		}
		if _, err := db.Exec(`UPDATE deliveries SET outcome = ?, finished = ?, spans = ?, receipt = ? WHERE id = ?`,
			d.outcome, finished, toJSON(t, spans), receipt, r.Delivery); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

func toJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// A data folder of the first version opens, its receipts are whole files', and deliveries go on where they stood.
func TestOldFolder(t *testing.T) {
	h := open(t, oldFolder(t))
	if diff := cmp.Diff([]string{"!q", "x", "y"}, h.live(t)); diff != "" {
		t.Errorf("live rows differ (-want +got):\n%s", diff)
	}
	r, err := h.deliveries.Get(t.Context(), 1)
	if err != nil || r.Mode != hub.Full || r.Live != 2 || r.Refused != 1 || r.RowsRead != 3 || r.Started.IsZero() || len(r.Spans) == 0 {
		t.Errorf("the receipt is %+v, %v; want it of a whole file with 2 rows live and 1 refused", r, err)
	}
	h.compareRefused(t, r, []string{"!q"})
	if r, err := h.deliveries.Get(t.Context(), 2); err != nil || r.Outcome != hub.Failed || r.Mode != hub.Full || r.Live != 0 {
		t.Errorf("the failed receipt is %+v, %v", r, err)
	}
	if r := h.deliver(t, "f", "x", "y", "z"); r.Delivery != 3 || r.Added != 1 || r.Unchanged != 2 || r.Retracted != 1 || r.Withdrawn != 0 || r.Earlier != 2 {
		t.Errorf("the interrupted delivery ended as %+v; want 1 row new, 2 unchanged, 1 taken back, none of 2 withdrawn", r)
	}
	if r := h.take(t, changes("f", hub.Add, "1"), "x"); r.Live != 4 {
		t.Errorf("after one row more %d are live, want 4", r.Live)
	}
	if diff := cmp.Diff([]string{"x", "x", "y", "z"}, h.live(t)); diff != "" {
		t.Errorf("live rows differ (-want +got):\n%s", diff)
	}
}

// And so it does when it was opened as a change set comes, not a whole file.
func TestOldFolderChanges(t *testing.T) {
	h := open(t, oldFolder(t))
	if _, err := h.deliveries.Get(t.Context(), 3); err != nil {
		t.Errorf("the interrupted delivery: %v", err)
	}
	r := h.take(t, changes("f", hub.Add, "1"), "v")
	if before, err := h.deliveries.Get(t.Context(), 3); err != nil || before.Outcome != hub.Failed || r.Live != 3 || r.Refused != 1 {
		t.Errorf("the interrupted delivery is %s, %v, and %d rows live, %d refused; want failed, 3, 1", before.Outcome, err, r.Live, r.Refused)
	}
}

// A data folder from before there were merges opens too: its files are without keys, and a whole one gives them some.
func TestFolderBeforeMerges(t *testing.T) {
	path := oldFolder(t)
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	files := fstest.MapFS{}
	for _, name := range []string{"00001_hub.sql", "00002_change_sets.sql"} {
		text, err := os.ReadFile(filepath.Join("sqldb", "migrations", name))
		if err != nil {
			t.Fatal(err)
		}
		files[name] = &fstest.MapFile{Data: text}
	}
	if err := sqldb.Migrate(t.Context(), db, files, "goose_db_version"); err != nil {
		t.Fatal(err)
	}
	db.Close()
	h := open(t, path)
	s, err := h.deliveries.Standing(t.Context(), "staffing", "f")
	if err != nil || s.Newest.ID != 1 || s.Newest.Keyed || s.Newest.Live != 2 || len(s.Open) != 1 || s.Open[0].ID != 3 {
		t.Errorf("the file stands as %+v, %v; want delivery 1 complete, 3 open", s, err)
	}
	all, err := h.deliveries.List(t.Context(), hub.ReceiptFilter{Agency: "staffing", File: "f"})
	if err != nil || len(all) != 3 || all[0].Outcome != hub.Open || all[2].Live != 2 || all[2].Keyed || all[2].Connector != "" {
		t.Errorf("its receipts are %+v, %v; want three, the open one first", all, err)
	}
	if waiting, err := h.deliveries.RefusedFiles(t.Context()); err != nil || len(waiting) != 1 || waiting[0].Refused != 1 {
		t.Errorf("files with rows that wait are %+v, %v; want one", waiting, err)
	}
	if _, err := h.put(t, keyed("f", hub.Merge), "x"); !errors.Is(err, hub.ErrKeying) {
		t.Errorf("a merge gave %v, want ErrKeying", err)
	}
	if r := h.mustPut(t, keyed("f", hub.Full), "x", "y", "!q"); r.Added != 3 || r.Retracted != 3 || r.Live != 2 || r.Refused != 1 {
		t.Errorf("whole, with keys: %+v; want all rows new, all old ones gone", r)
	}
	h.mustPut(t, keyed("f", hub.Merge), "q", "-x")
	if diff := cmp.Diff([]string{"q", "y"}, h.live(t)); diff != "" {
		t.Errorf("live rows differ (-want +got):\n%s", diff)
	}
}
