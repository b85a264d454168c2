package hub_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hebian/hub"
	"hebian/hub/sqldb"
	"hebian/hub/sqllog"
	"hebian/schemas"
)

// house is an intake over a real database file.
type house struct {
	db         *sqldb.DB
	log        hub.Log
	deliveries hub.Deliveries
	intake     *hub.Intake
}

const subject = "staffing.slot"

// neverHeld lets every withdrawal through.
const neverHeld = 100

func open(t testing.TB, path string) house { return openLimited(t, path, neverHeld) }

// openLimited opens a house that holds what withdraws more than so many percent.
func openLimited(t testing.TB, path string, percent int) house {
	t.Helper()
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		empty, err := emptyDatabase()
		if err := errors.Join(err, os.WriteFile(path, empty, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	db, err := sqldb.Open(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	log, err := sqllog.Open(context.Background(), db.DB, hub.MisfitTopic)
	if err != nil {
		t.Fatal(err)
	}
	deliveries := sqldb.Deliveries{DB: db}
	return house{db, log, deliveries, newIntake(log, deliveries, percent)}
}

// emptyDatabase is a new database as a file: making its tables takes longer than most tests that want them.
var emptyDatabase = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "hub-test-*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "hebian.db")
	db, err := sqldb.Open(context.Background(), path)
	if err != nil {
		return nil, err
	}
	if err := db.Close(); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})

// unsynced makes the house's disk forgetful: where no power fails, a law takes seconds on a busy disk, not minutes.
func (h house) unsynced(t testing.TB) house {
	t.Helper()
	h.db.SetMaxOpenConns(1) // so that the next line holds for all there is
	if _, err := h.db.Exec(`PRAGMA synchronous = OFF`); err != nil {
		t.Fatal(err)
	}
	return h
}

// newIntake gives an intake whose clock runs backwards: nothing may hang on it.
func newIntake(log hub.Log, deliveries hub.Deliveries, percent int) *hub.Intake {
	clock := time.Date(2026, 9, 30, 8, 0, 0, 0, time.UTC)
	intake := hub.NewIntake(log, deliveries, func() time.Time {
		clock = clock.Add(-time.Hour)
		return clock
	}, percent)
	intake.MisfitSchema = 1
	return intake
}

// rows makes records of texts; a text that begins with "!" is a misfit. The key of "k=1" and "!k" is k.
func rows(t testing.TB, file string, texts []string) (accepted, misfits []schemas.Record) {
	t.Helper()
	scope := schemas.Scope("staffing", file)
	encoder := schemas.NewEncoder(schemas.SubjectOf(hub.MisfitTopic))
	for i, text := range texts {
		key, _, _ := strings.Cut(strings.TrimPrefix(text, "!"), "=")
		r := schemas.Record{ID: schemas.ContentID(scope, []byte(text)), Line: int64(i + 2), Key: []byte(key), Value: []byte("value of " + text)}
		if !strings.HasPrefix(text, "!") {
			accepted = append(accepted, r)
			continue
		}
		var err error
		m := schemas.Misfit{File: file, Line: r.Line, Reason: schemas.ReasonMissing, Raw: []byte(text), Length: int64(len(text)), Digest: []byte{}}
		if r.Value, err = encoder.Append(nil, 1, &m); err != nil {
			t.Fatal(err)
		}
		misfits = append(misfits, r)
	}
	return accepted, misfits
}

// manifest announces a whole file.
func manifest(file string) hub.Manifest {
	return hub.Manifest{Agency: "staffing", File: file, Subject: subject, Mode: hub.Full}
}

// changes announces a change set under a key of its own.
func changes(file string, mode hub.Mode, key string) hub.Manifest {
	m := manifest(file)
	m.Mode, m.Key = mode, key
	return m
}

func (h house) deliver(t testing.TB, file string, texts ...string) hub.Receipt {
	t.Helper()
	return h.take(t, manifest(file), texts...)
}

// take delivers texts and holds the receipt against what the log says before and after.
func (h house) take(t testing.TB, m hub.Manifest, texts ...string) hub.Receipt {
	t.Helper()
	ctx := context.Background()
	before := len(h.live(t))
	r, err := h.hand(t, m, texts...)
	if err != nil {
		t.Fatal(err)
	}
	if r.RowsRead != int64(len(texts)) || r.RowsRead != r.Accepted+r.Quarantined {
		t.Errorf("receipt counts %d read, %d accepted, %d quarantined for %d rows", r.RowsRead, r.Accepted, r.Quarantined, len(texts))
	}
	if live := len(h.live(t)); live != before+int(r.Added-r.Retracted) {
		t.Errorf("%d rows were live, %d are; the receipt says %d new, %d taken back", before, live, r.Added, r.Retracted)
	}
	changed := r.Added + r.Unchanged // of the rows read
	if m.Mode == hub.Remove {
		changed += r.Retracted
	}
	if r.Outcome == hub.Complete && changed != r.RowsRead {
		t.Errorf("the receipt says %d new, %d unchanged, %d taken back of %d", r.Added, r.Unchanged, r.Retracted, r.RowsRead)
	}
	if kept, err := h.deliveries.Get(ctx, r.Delivery); err != nil || !cmp.Equal(r, kept) {
		t.Errorf("the receipt kept differs (-given +kept), %v:\n%s", err, cmp.Diff(r, kept))
	}
	return r
}

// hand delivers texts.
func (h house) hand(t testing.TB, m hub.Manifest, texts ...string) (hub.Receipt, error) {
	t.Helper()
	ctx := context.Background()
	s, err := h.intake.Begin(ctx, m)
	if err != nil {
		return hub.Receipt{}, err
	}
	accepted, misfits := rows(t, m.File, texts)
	if err := errors.Join(s.Accept(ctx, accepted), s.Quarantine(ctx, misfits)); err != nil {
		return s.Fail(ctx, err)
	}
	return s.Finish(ctx, hub.Ending{Digest: "sha256:00"})
}

// live folds the log to the rows that count, sorted. A misfit that intake made shows as its file and line.
func (h house) live(t testing.TB) []string {
	t.Helper()
	ctx := context.Background()
	counts, err := hub.Counting(ctx, h.deliveries)
	if err != nil {
		t.Fatal(err)
	}
	rows := map[schemas.ID]string{}
	for _, topic := range []string{subject, hub.MisfitTopic} {
		for p := range h.log.Partitions(topic) {
			if _, err := hub.NewReader(h.log, counts).Replay(ctx, topic, p, 0, func(file string, b *hub.Batch) error {
				fold(t, rows, b)
				return nil
			}); err != nil {
				t.Fatal(err)
			}
		}
	}
	return slices.Sorted(maps.Values(rows))
}

// fold folds a batch into rows by ID; every row comes once and goes once.
func fold(t testing.TB, rows map[schemas.ID]string, b *hub.Batch) {
	t.Helper()
	for _, r := range b.Records {
		switch _, known := rows[r.ID]; {
		case r.Op == schemas.Assert && !known:
			rows[r.ID] = textOf(t, b.Topic, &r)
		case r.Op == schemas.Retract && known:
			delete(rows, r.ID)
		default:
			t.Errorf("delivery %d: op %d on a row known=%v", b.Delivery, r.Op, known)
		}
	}
}

func textOf(t testing.TB, topic string, r *schemas.Record) string {
	t.Helper()
	if topic == subject {
		return strings.TrimPrefix(string(r.Value), "value of ")
	}
	walker, err := schemas.NewWalker(schemas.SubjectOf(hub.MisfitTopic).Avro)
	if err != nil {
		t.Fatal(err)
	}
	var m schemas.Misfit
	if err := schemas.Decode(r.Value, walker, &m); err != nil {
		t.Fatal(err)
	}
	return misfitText(m)
}

func misfitText(m schemas.Misfit) string {
	if m.Reason == schemas.ReasonUnknownRow {
		return fmt.Sprintf("%s:%d", m.File, m.Line)
	}
	return string(m.Raw)
}

func TestIntake(t *testing.T) {
	type delivery struct {
		file                        string
		rows                        string
		added, unchanged, retracted int64
	}
	for _, test := range []struct {
		name       string
		deliveries []delivery
		live       string
	}{
		{"equal rows all count", []delivery{{"a", "x x y x", 4, 0, 0}}, "x x x y"},
		{"the same file again changes nothing", []delivery{{"a", "x x y !z", 4, 0, 0}, {"a", "x x y !z", 0, 4, 0}}, "!z x x y"},
		{"in another order too", []delivery{{"a", "x x y z", 4, 0, 0}, {"a", "z y x x", 0, 4, 0}}, "x x y z"},
		{"a changed file replaces row by row", []delivery{{"a", "x y y z", 4, 0, 0}, {"a", "w x y", 1, 2, 2}}, "w x y"},
		{"a mended row leaves quarantine", []delivery{{"a", "x !y", 2, 0, 0}, {"a", "x y", 1, 1, 1}}, "x y"},
		{"files are apart", []delivery{{"a", "x", 1, 0, 0}, {"b", "x", 1, 0, 0}, {"b", "", 0, 0, 1}}, "x"},
		{"a row may come back", []delivery{{"a", "x", 1, 0, 0}, {"a", "y", 1, 0, 1}, {"a", "x", 1, 0, 1}, {"a", "x", 0, 1, 0}}, "x"},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := open(t, filepath.Join(t.TempDir(), "hebian.db"))
			for i, d := range test.deliveries {
				r := h.deliver(t, d.file, strings.Fields(d.rows)...)
				if got, want := [3]int64{r.Added, r.Unchanged, r.Retracted}, [3]int64{d.added, d.unchanged, d.retracted}; got != want {
					t.Errorf("delivery %d added, kept, retracted %v, want %v", i+1, got, want)
				}
			}
			if diff := cmp.Diff(strings.Fields(test.live), h.live(t)); diff != "" {
				t.Errorf("live rows differ (-want +got):\n%s", diff)
			}
		})
	}
}

func TestBusy(t *testing.T) {
	h := open(t, filepath.Join(t.TempDir(), "hebian.db"))
	s, err := h.intake.Begin(t.Context(), manifest("a"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.intake.Begin(t.Context(), manifest("a")); !errors.Is(err, hub.ErrBusy) {
		t.Errorf("a second delivery of the file at once gave %v, want ErrBusy", err)
	}
	if _, err := s.Finish(t.Context(), hub.Ending{}); err != nil {
		t.Fatal(err)
	}
	h.deliver(t, "a", "x")
}

// A log that refuses a batch stops the delivery with its error, however many rows follow.
func TestLogRefuses(t *testing.T) {
	h := open(t, filepath.Join(t.TempDir(), "hebian.db"))
	intake := newIntake(full{h.log}, h.deliveries, neverHeld)
	s, err := intake.Begin(t.Context(), manifest("a"))
	if err != nil {
		t.Fatal(err)
	}
	accepted, _ := rows(t, "a", slices.Repeat([]string{"x"}, 20000))
	for range 20 {
		if err = s.Accept(t.Context(), accepted); err != nil {
			break
		}
	}
	if !errors.Is(err, errFull) {
		t.Errorf("Accept gave %v in the end, want %v", err, errFull)
	}
	r, err := s.Fail(t.Context(), err)
	if !errors.Is(err, errFull) || r.Outcome != hub.Failed || r.RowsRead != 0 {
		t.Errorf("Fail gave %v and a receipt %s with %d rows, want %v, failed, 0", err, r.Outcome, r.RowsRead, errFull)
	}
}

var errFull = errors.New("no space left")

type full struct{ hub.Log }

func (full) Append(context.Context, []hub.Batch) error { return errFull }
