package hub_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"hebian/hub"
	"hebian/schemas"
)

// model is what a file holds, as whoever knows nothing of logs would keep it.
type model struct{ accepted, misfits []string }

// take changes the model as a delivery changes its file.
func (m *model) take(file string, mode hub.Mode, texts []string) {
	if mode == hub.Full {
		*m = model{}
	}
	for i, text := range texts {
		misfit := strings.HasPrefix(text, "!")
		at := slices.Index(m.accepted, text)
		switch {
		case misfit:
			m.misfits = append(m.misfits, text)
		case mode != hub.Remove:
			m.accepted = append(m.accepted, text)
		case at < 0:
			m.misfits = append(m.misfits, fmt.Sprintf("%s:%d", file, i+2))
		default:
			m.accepted = slices.Delete(m.accepted, at, at+1)
		}
	}
}

// withdrawn is how many rows of the model a whole file would withdraw, counted key by key.
func (m *model) withdrawn(texts []string) (rows int64) {
	keys := map[string]int64{}
	for _, text := range m.accepted {
		key, _, _ := strings.Cut(text, "=")
		keys[key]++
	}
	for _, text := range texts {
		key, _, _ := strings.Cut(text, "=")
		keys[key]-- // a misfit's is no key of a row
	}
	for _, n := range keys {
		rows += max(0, n)
	}
	return rows
}

// Whatever was delivered before, whole or in change sets, finished, held, failed or killed at any write, what counts is
// what the complete deliveries say one after the other, and their receipts say so.
func TestIntakeLaw(t *testing.T) {
	dir := t.TempDir()
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		path := filepath.Join(dir, fmt.Sprintf("%d.db", n))
		percent := rapid.SampledFrom([]int{0, 30, 100}).Draw(rt, "percent")
		h := openLimited(t, path, percent).unsynced(t)
		files := map[string]*model{"a": {}, "b": {}}
		for i := range rapid.IntRange(1, 9).Draw(rt, "deliveries") {
			m := manifest(rapid.SampledFrom([]string{"a", "a", "b"}).Draw(rt, "file"))
			m.Mode = rapid.SampledFrom([]hub.Mode{hub.Full, hub.Full, hub.Add, hub.Remove}).Draw(rt, "mode")
			m.Confirmed = rapid.Bool().Draw(rt, "confirmed")
			m.Key = fmt.Sprint("key ", i)
			texts := rapid.SliceOfN(rapid.SampledFrom(strings.Fields("u=1 u=2 v=1 v=2 w x y z !u !v")), 0, 8).Draw(rt, "rows")
			file := files[m.File]
			switch rapid.SampledFrom([]string{"finish", "finish", "fail", "kill"}).Draw(rt, "end") {
			case "finish":
				withdrawn, earlier := file.withdrawn(texts), int64(len(file.accepted))
				r := h.take(t, m, texts...)
				held := m.Mode == hub.Full && !m.Confirmed && 100*withdrawn > int64(percent)*earlier
				if held != (r.Outcome == hub.Held) || !held && r.Outcome != hub.Complete {
					rt.Errorf("withdrawing %d of %d, at most %d %%, confirmed %v: the delivery is %s", withdrawn, earlier, percent, m.Confirmed, r.Outcome)
				}
				if m.Mode == hub.Full && (r.Withdrawn != withdrawn || r.Earlier != earlier) {
					rt.Errorf("the receipt says %d of %d withdrawn, want %d of %d", r.Withdrawn, r.Earlier, withdrawn, earlier)
				}
				if held {
					break
				}
				file.take(m.File, m.Mode, texts)
				if r.Live != int64(len(file.accepted)) || r.Refused != int64(len(file.misfits)) {
					rt.Errorf("the receipt says %d live, %d refused, want %d and %d", r.Live, r.Refused, len(file.accepted), len(file.misfits))
				}
				h.compareRefused(t, r, file.misfits)
			case "fail":
				h.fail(t, m, texts)
			case "kill":
				h.kill(t, m, texts, rapid.IntRange(0, 8).Draw(rt, "writes"))
				h.db.Close()
				h = openLimited(t, path, percent).unsynced(t)
			}
			h.compare(t, files)
		}
		h.db.Close()
	})
}

// compare holds the log against the model: replayed as a whole, and delivery by delivery.
func (h house) compare(t testing.TB, files map[string]*model) {
	t.Helper()
	var accepted, all []string
	for _, file := range files {
		accepted = append(accepted, file.accepted...)
		all = append(append(all, file.accepted...), file.misfits...)
	}
	slices.Sort(all)
	slices.Sort(accepted)
	if got := h.live(t); !slices.Equal(got, all) {
		t.Fatalf("live rows are %q, want %q", got, all)
	}
	if got := h.folded(t); !slices.Equal(got, accepted) {
		t.Fatalf("delivery by delivery the accepted rows are %q, want %q", got, accepted)
	}
}

// folded folds the accepted rows of complete deliveries, one delivery after the other.
func (h house) folded(t testing.TB) []string {
	t.Helper()
	ctx := context.Background()
	reader := hub.NewReader(h.log, nil)
	rows := map[schemas.ID]string{}
	if err := h.deliveries.Each(ctx, func(r hub.Receipt) error {
		if r.Outcome != hub.Complete {
			return nil
		}
		return reader.Delivery(ctx, r, func(file string, b *hub.Batch) error {
			if file != r.File || b.Topic != r.Subject || b.Delivery != r.Delivery {
				t.Errorf("delivery %d of %s gave a batch of %s, delivery %d of %s", r.Delivery, r.File, b.Topic, b.Delivery, file)
			}
			fold(t, rows, b)
			return nil
		})
	}); err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, text := range rows {
		texts = append(texts, text)
	}
	slices.Sort(texts)
	return texts
}

func (h house) compareRefused(t testing.TB, r hub.Receipt, want []string) {
	t.Helper()
	var got []string
	line := int64(0)
	if err := hub.Refused(context.Background(), h.log, h.deliveries, r, func(m schemas.Misfit) error {
		if m.Line < line {
			t.Errorf("line %d is refused after line %d", m.Line, line)
		}
		line = m.Line
		got = append(got, misfitText(m))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	want = slices.Sorted(slices.Values(want))
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("refused rows are %q, want %q", got, want)
	}
}

// fail delivers rows of a file that turns out to be no good.
func (h house) fail(t testing.TB, m hub.Manifest, texts []string) {
	t.Helper()
	ctx := context.Background()
	s, err := h.intake.Begin(ctx, m)
	if err != nil {
		t.Fatal(err)
	}
	accepted, misfits := rows(t, m.File, texts)
	if err := errors.Join(s.Accept(ctx, accepted), s.Quarantine(ctx, misfits)); err != nil {
		t.Fatal(err)
	}
	if r, err := s.Fail(ctx, errGone); !errors.Is(err, errGone) || r.Outcome != hub.Failed || r.RowsRead != 0 {
		t.Errorf("Fail returned %v and a receipt that is %s with %d rows, want %v, failed, 0", err, r.Outcome, r.RowsRead, errGone)
	}
}

// kill delivers rows and leaves what a kill after so many writes to the log, at the latest before the receipt, leaves.
func (h house) kill(t testing.TB, m hub.Manifest, texts []string, writes int) {
	t.Helper()
	ctx := context.Background()
	s, err := newIntake(&dying{h.log, writes}, unfinished{h.deliveries}, neverHeld).Begin(ctx, m)
	if err != nil {
		t.Fatal(err)
	}
	accepted, misfits := rows(t, m.File, texts)
	if err := errors.Join(s.Accept(ctx, accepted), s.Quarantine(ctx, misfits)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Finish(ctx, hub.Ending{}); !errors.Is(err, errGone) {
		t.Errorf("Finish returned %v, want %v", err, errGone)
	}
}

var errGone = errors.New("the process is gone")

// unfinished keeps no receipts of what was taken in: what a kill just before the receipt leaves behind.
type unfinished struct{ hub.Deliveries }

func (u unfinished) Finish(ctx context.Context, r hub.Receipt) error {
	if r.Outcome == hub.Failed {
		return u.Deliveries.Finish(ctx, r)
	}
	return errGone
}

// dying writes batch by batch, and after so many no more.
type dying struct {
	hub.Log
	writes int
}

func (d *dying) Append(ctx context.Context, batches []hub.Batch) error {
	for i := range batches {
		if d.writes--; d.writes < 0 {
			return errGone
		}
		if err := d.Log.Append(ctx, batches[i:i+1]); err != nil {
			return err
		}
	}
	return nil
}
