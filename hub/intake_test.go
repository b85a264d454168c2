package hub_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"hebian/hub"
	"hebian/hub/sqldb"
	"hebian/hub/sqllog"
	"hebian/schemas"
)

// house is an intake over a real database file.
type house struct {
	log        hub.Log
	deliveries hub.Deliveries
	intake     *hub.Intake
}

const subject = "staffing.slot"

func open(t testing.TB, path string) house {
	t.Helper()
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
	now := func() time.Time { return time.Date(2026, 9, 30, 8, 0, 0, 0, time.UTC) }
	return house{log, deliveries, hub.NewIntake(log, deliveries, now)}
}

// rows makes records of texts; a text that begins with "!" is a misfit.
func rows(file string, texts []string) (accepted, misfits []schemas.Record) {
	scope := schemas.Scope("staffing", file)
	for i, text := range texts {
		r := schemas.Record{ID: schemas.ContentID(scope, []byte(text)), Line: int64(i + 2), Key: []byte(text), Value: []byte("value of " + text)}
		if strings.HasPrefix(text, "!") {
			misfits = append(misfits, r)
		} else {
			accepted = append(accepted, r)
		}
	}
	return accepted, misfits
}

func (h house) deliver(t testing.TB, file string, texts ...string) hub.Receipt {
	t.Helper()
	ctx := context.Background()
	s, err := h.intake.Begin(ctx, "staffing", file, subject)
	if err != nil {
		t.Fatal(err)
	}
	accepted, misfits := rows(file, texts)
	if err := errors.Join(s.Accept(ctx, accepted), s.Quarantine(ctx, misfits)); err != nil {
		t.Fatal(err)
	}
	before := len(h.live(t))
	r, err := s.Finish(ctx, "sha256:00", 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	if live := len(h.live(t)); live != before+int(r.Added-r.Retracted) || r.Added+r.Unchanged != r.RowsRead {
		t.Errorf("%d rows were live, %d are; the receipt says %d new, %d unchanged, %d taken back of %d", before, live, r.Added, r.Unchanged, r.Retracted, r.RowsRead)
	}
	if r.RowsRead != int64(len(texts)) || r.RowsRead != r.Accepted+r.Quarantined {
		t.Errorf("receipt counts %d read, %d accepted, %d quarantined for %d rows", r.RowsRead, r.Accepted, r.Quarantined, len(texts))
	}
	return r
}

// live folds the log to the rows that count, sorted.
func (h house) live(t testing.TB) []string {
	t.Helper()
	ctx := context.Background()
	counts := map[int64]string{}
	if err := h.deliveries.Each(ctx, func(r hub.Receipt) error {
		if r.Outcome == hub.Complete {
			counts[r.Delivery] = r.File
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	rows := map[schemas.ID]string{}
	for _, topic := range []string{subject, hub.MisfitTopic} {
		for p := range h.log.Partitions(topic) {
			if _, err := hub.NewReader(h.log, counts).Replay(ctx, topic, p, 0, func(file string, b *hub.Batch) error {
				for _, r := range b.Records {
					switch _, known := rows[r.ID]; {
					case r.Op == schemas.Assert && !known:
						rows[r.ID] = string(r.Key)
					case r.Op == schemas.Retract && known:
						delete(rows, r.ID)
					default:
						t.Errorf("delivery %d of %s: op %d on a row known=%v", b.Delivery, file, r.Op, known)
					}
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
		}
	}
	var texts []string
	for _, text := range rows {
		texts = append(texts, text)
	}
	slices.Sort(texts)
	return texts
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

// Whatever was delivered before, finished, failed or cut off, the last complete version of each file
// is what counts, and nothing else.
func TestIntakeLaw(t *testing.T) {
	dir := t.TempDir()
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		path := filepath.Join(dir, fmt.Sprintf("%d.db", n))
		h := open(t, path)
		current := map[string][]string{}
		for range rapid.IntRange(1, 6).Draw(rt, "deliveries") {
			file := rapid.SampledFrom([]string{"a", "b"}).Draw(rt, "file")
			texts := rapid.SliceOfN(rapid.SampledFrom(strings.Fields("u v w x y z !q !r")), 0, 8).Draw(rt, "rows")
			switch rapid.SampledFrom([]string{"finish", "finish", "fail", "crash"}).Draw(rt, "end") {
			case "finish":
				h.deliver(t, file, texts...)
				current[file] = texts
			case "fail":
				h.cutOff(t, file, texts, true)
			case "crash":
				h.cutOff(t, file, texts, false)
				h = open(t, path)
			}
		}
		var want []string
		for _, texts := range current {
			want = append(want, texts...)
		}
		slices.Sort(want)
		if got := h.live(t); !slices.Equal(got, want) {
			rt.Errorf("live rows are %q, want %q", got, want)
		}
	})
}

// cutOff delivers rows so that they are in the log, and then fails or leaves the delivery open as a crash does.
func (h house) cutOff(t testing.TB, file string, texts []string, fail bool) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	deliveries := h.deliveries
	if !fail {
		deliveries = unfinished{deliveries}
	}
	s, err := hub.NewIntake(h.log, deliveries, time.Now).Begin(ctx, "staffing", file, subject)
	if err != nil {
		t.Fatal(err)
	}
	accepted, misfits := rows(file, texts)
	if err := errors.Join(s.Accept(ctx, accepted), s.Quarantine(ctx, misfits)); err != nil {
		t.Fatal(err)
	}
	if fail {
		if _, err := s.Fail(ctx, errGone); !errors.Is(err, errGone) {
			t.Errorf("Fail returned %v, want %v", err, errGone)
		}
	} else if _, err := s.Finish(ctx, "", 0, nil); !errors.Is(err, errGone) {
		t.Errorf("Finish returned %v, want %v", err, errGone)
	}
}

var errGone = errors.New("the process is gone")

// unfinished keeps no receipts: what a kill just before the receipt leaves behind.
type unfinished struct{ hub.Deliveries }

func (unfinished) Finish(context.Context, hub.Receipt) error { return errGone }

func TestBusy(t *testing.T) {
	h := open(t, filepath.Join(t.TempDir(), "hebian.db"))
	s, err := h.intake.Begin(t.Context(), "staffing", "a", subject)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.intake.Begin(t.Context(), "staffing", "a", subject); !errors.Is(err, hub.ErrBusy) {
		t.Errorf("a second delivery of the file at once gave %v, want ErrBusy", err)
	}
	if _, err := s.Finish(t.Context(), "", 0, nil); err != nil {
		t.Fatal(err)
	}
	h.deliver(t, "a", "x")
}

// A log that refuses a batch stops the delivery with its error, however many rows follow.
func TestLogRefuses(t *testing.T) {
	h := open(t, filepath.Join(t.TempDir(), "hebian.db"))
	intake := hub.NewIntake(full{h.log}, h.deliveries, time.Now)
	s, err := intake.Begin(t.Context(), "staffing", "a", subject)
	if err != nil {
		t.Fatal(err)
	}
	accepted, _ := rows("a", slices.Repeat([]string{"x"}, 20000))
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
