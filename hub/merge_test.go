package hub_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"hebian/hub"
	"hebian/schemas"
)

// keyedRows makes records of texts for a keyed file, in their order: "k=1" is a row of the key k, "!k=1" a misfit, "-k" says that the row of
// k is gone.
func keyedRows(t testing.TB, file string, texts []string) (accepted, misfits []schemas.Record) {
	t.Helper()
	for i, text := range texts {
		if key, gone := strings.CutPrefix(text, "-"); gone {
			accepted = append(accepted, schemas.Record{ID: keyedID(file, key), Op: schemas.Retract, Line: int64(i + 2)})
			continue
		}
		a, m := rows(t, file, []string{text})
		for _, r := range a {
			r.ID, r.Line = keyedID(file, text), int64(i+2)
			r.Key = []byte(recordKey(text)) // the record's key may change from one version of the row to the next
			accepted = append(accepted, r)
		}
		for _, r := range m {
			r.ID, r.Line = keyedID(file, text), int64(i+2)
			misfits = append(misfits, r)
		}
	}
	return accepted, misfits
}

func keyedID(file, text string) schemas.ID {
	key, _, _ := strings.Cut(strings.TrimPrefix(text, "!"), "=")
	return schemas.KeyedID(schemas.Scope("staffing", file), []byte(key), []byte(text))
}

// keyed announces rows of a keyed file.
func keyed(file string, mode hub.Mode) hub.Manifest {
	m := manifest(file)
	m.Mode, m.Keyed = mode, true
	if mode == hub.Discard {
		m.Note, m.By = "delivered twice", "an officer"
	}
	return m
}

// put delivers texts of a keyed file, misfits after the rest.
func (h house) put(t testing.TB, m hub.Manifest, texts ...string) (hub.Receipt, error) {
	t.Helper()
	ctx := context.Background()
	s, err := h.intake.Begin(ctx, m)
	if err != nil {
		return hub.Receipt{}, err
	}
	accepted, misfits := keyedRows(t, m.File, texts)
	if err := errors.Join(s.Accept(ctx, accepted), s.Quarantine(ctx, misfits)); err != nil {
		return s.Fail(ctx, err)
	}
	return s.Finish(ctx, hub.Ending{Digest: "sha256:00"})
}

func (h house) mustPut(t testing.TB, m hub.Manifest, texts ...string) hub.Receipt {
	t.Helper()
	r, err := h.put(t, m, texts...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestMerge(t *testing.T) {
	type delivery struct {
		mode                                            hub.Mode
		rows                                            string
		added, unchanged, retracted, settled, withdrawn int64
	}
	merge, full := hub.Merge, hub.Full
	for _, test := range []struct {
		name       string
		deliveries []delivery
		live       string
	}{
		{"rows of a new file", []delivery{{merge, "a=1 b=1", 2, 0, 0, 0, 0}}, "a=1 b=1"},
		{"a repeat changes nothing", []delivery{{merge, "a=1 !b=1", 2, 0, 0, 0, 0}, {merge, "a=1 !b=1", 0, 2, 0, 0, 0}}, "!b=1 a=1"},
		{"a new version replaces", []delivery{{merge, "a=1 b=1", 2, 0, 0, 0, 0}, {merge, "a=2", 1, 0, 1, 0, 0}}, "a=2 b=1"},
		{"a row is gone", []delivery{{merge, "a=1 b=1", 2, 0, 0, 0, 0}, {merge, "-a", 0, 0, 1, 0, 1}}, "b=1"},
		{"a row that was not there is gone", []delivery{{merge, "a=1", 1, 0, 0, 0, 0}, {merge, "-b", 0, 1, 0, 0, 0}}, "a=1"},
		{"of a key the last counts", []delivery{{merge, "a=1 a=2 a=3", 1, 2, 0, 0, 0}, {merge, "a=4 -a", 0, 1, 1, 0, 1}, {merge, "-a a=5", 1, 1, 0, 0, 0}}, "a=5"},
		{"a bad version keeps the good one", []delivery{{merge, "a=1", 1, 0, 0, 0, 0}, {merge, "!a=2", 1, 0, 0, 0, 0}}, "!a=2 a=1"},
		{"a worse one replaces it", []delivery{{merge, "!a=2", 1, 0, 0, 0, 0}, {merge, "!a=3", 1, 0, 1, 1, 0}}, "!a=3"},
		{"a good version mends", []delivery{{merge, "a=1", 1, 0, 0, 0, 0}, {merge, "!a=2", 1, 0, 0, 0, 0}, {merge, "a=3", 1, 0, 2, 1, 0}}, "a=3"},
		{"the same good version mends too", []delivery{{merge, "a=1", 1, 0, 0, 0, 0}, {merge, "!a=2", 1, 0, 0, 0, 0}, {merge, "a=1", 0, 1, 1, 1, 0}}, "a=1"},
		{"good and then bad at once", []delivery{{merge, "a=1", 1, 0, 0, 0, 0}, {merge, "a=2 !a=3", 2, 0, 1, 0, 0}}, "!a=3 a=2"},
		{"bad and then good at once", []delivery{{merge, "a=1", 1, 0, 0, 0, 0}, {merge, "!a=2 a=3", 1, 1, 1, 0, 0}}, "a=3"},
		{"gone and then bad", []delivery{{merge, "a=1", 1, 0, 0, 0, 0}, {merge, "-a !a=2", 1, 0, 1, 0, 1}}, "!a=2"},
		{"gone mends too", []delivery{{merge, "a=1 !a=2", 2, 0, 0, 0, 0}, {merge, "-a", 0, 0, 2, 1, 1}}, ""},
		{"a whole file before", []delivery{{full, "a=1 b=1 !c=1", 3, 0, 0, 0, 0}, {merge, "a=1 b=2 c=2", 2, 1, 2, 1, 0}}, "a=1 b=2 c=2"},
		{"a whole file after", []delivery{{merge, "a=1 b=1 !c=1", 3, 0, 0, 0, 0}, {full, "!c=1 b=2 a=1", 1, 2, 1, 0, 1}}, "!c=1 a=1 b=2"},
		{"one row in the place of several of its key", []delivery{{full, "a=1 a=1 a=2 b=1", 4, 0, 0, 0, 0}, {merge, "a=1", 0, 1, 2, 0, 2}}, "a=1 b=1"},
		{"several of a key in another order", []delivery{{full, "a=1 a=2", 2, 0, 0, 0, 0}, {full, "a=2 a=1", 0, 2, 0, 0, 0}}, "a=1 a=2"},
		{"nothing", []delivery{{merge, "a=1", 1, 0, 0, 0, 0}, {merge, "", 0, 0, 0, 0, 0}}, "a=1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := open(t, filepath.Join(t.TempDir(), "hebian.db"))
			for i, d := range test.deliveries {
				r := h.mustPut(t, keyed("f", d.mode), strings.Fields(d.rows)...)
				want := delivery{d.mode, d.rows, r.Added, r.Unchanged, r.Retracted, r.Settled, r.Withdrawn}
				if d != want {
					t.Errorf("delivery %d: the receipt says %+v, want %+v", i+1, want, d)
				}
				if kept, err := h.deliveries.Get(t.Context(), r.Delivery); err != nil || !cmp.Equal(r, kept) {
					t.Errorf("the receipt kept differs (-given +kept), %v:\n%s", err, cmp.Diff(r, kept))
				}
			}
			if diff := cmp.Diff(strings.Fields(test.live), h.live(t), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("live rows differ (-want +got):\n%s", diff)
			}
		})
	}
}

// A file is keyed or it is not; only a whole file changes that.
func TestKeying(t *testing.T) {
	h := open(t, filepath.Join(t.TempDir(), "hebian.db"))
	h.deliver(t, "f", "a=1", "b=1", "!c=1")
	if _, err := h.put(t, keyed("f", hub.Merge), "a=2"); !errors.Is(err, hub.ErrKeying) {
		t.Errorf("a merge into a file without keys gave %v, want ErrKeying", err)
	}
	h.kill(t, manifest("f"), []string{"a=1", "z=1"}, 1) // nor is it gone on with
	if r := h.mustPut(t, keyed("f", hub.Full), "a=1", "b=1", "!c=1"); r.Added != 3 || r.Retracted != 3 || !r.Keyed {
		t.Errorf("delivered whole with keys, %d rows are new and %d go; want 3, 3", r.Added, r.Retracted)
	}
	for _, mode := range []hub.Mode{hub.Add, hub.Remove} {
		if _, err := h.hand(t, changes("f", mode, "1"), "a=1"); !errors.Is(err, hub.ErrKeying) {
			t.Errorf("%s without keys gave %v, want ErrKeying", mode, err)
		}
	}
	h.mustPut(t, keyed("f", hub.Merge), "a=2")
	if diff := cmp.Diff(strings.Fields("!c=1 a=2 b=1"), h.live(t)); diff != "" {
		t.Errorf("live rows differ (-want +got):\n%s", diff)
	}
	h.deliver(t, "f", "b=1")
	if d, err := h.deliveries.Standing(t.Context(), "staffing", "f"); err != nil || d.Newest.Keyed || d.Newest.Live != 1 || len(d.Open) != 0 {
		t.Errorf("the file stands as %+v, %v; want it without keys, one row live", d, err)
	}
}

// Change sets of a keyed file find their rows as others do, and what they leave can be merged into.
func TestKeyedChanges(t *testing.T) {
	h := open(t, filepath.Join(t.TempDir(), "hebian.db"))
	h.mustPut(t, keyed("f", hub.Merge), "a=1", "b=1")
	for i, step := range []struct {
		mode hub.Mode
		rows string
		live string
	}{
		{hub.Add, "a=1 a=2", "a=1 a=1 a=2 b=1"},
		{hub.Remove, "a=1 c=1", "a=1 a=2 b=1 f:3"},
		{hub.Merge, "c=1", "a=1 a=2 b=1 c=1"}, // what could not be taken back is of the key too
		{hub.Merge, "a=1", "a=1 b=1 c=1"},
	} {
		m := keyed("f", step.mode)
		m.Key = fmt.Sprint(i)
		h.mustPut(t, m, strings.Fields(step.rows)...)
		if live := strings.Join(h.live(t), " "); live != step.live {
			t.Errorf("after %s %q the live rows are %q, want %q", step.mode, step.rows, live, step.live)
		}
	}
}

func TestMergeRefusals(t *testing.T) {
	h := open(t, filepath.Join(t.TempDir(), "hebian.db"))
	h.mustPut(t, keyed("f", hub.Full), "a=1", "!b=1")
	id := keyedID("f", "!b=1")
	for name, change := range map[string]func(*hub.Manifest){
		"a merge without keys":             func(m *hub.Manifest) { m.Keyed = false },
		"a whole file that settles":        func(m *hub.Manifest) { m.Mode, m.Settles = hub.Full, []schemas.ID{id} },
		"a removal that settles":           func(m *hub.Manifest) { m.Mode, m.Key, m.Settles = hub.Remove, "1", []schemas.ID{id} },
		"too many to settle":               func(m *hub.Manifest) { m.Settles = make([]schemas.ID, 100_001) },
		"a discard without a reason":       func(m *hub.Manifest) { m.Mode, m.By, m.Settles = hub.Discard, "x", []schemas.ID{id} },
		"a discard by nobody":              func(m *hub.Manifest) { m.Mode, m.Note, m.Settles = hub.Discard, "x", []schemas.ID{id} },
		"a discard of nothing":             func(m *hub.Manifest) { m.Mode, m.Note, m.By = hub.Discard, "x", "x" },
		"a note without end":               func(m *hub.Manifest) { m.Note = strings.Repeat("x", 5000) },
		"a discard in an unknown file":     func(m *hub.Manifest) { *m = keyed("g", hub.Discard); m.Settles = []schemas.ID{id} },
		"a discard with rows":              func(m *hub.Manifest) { *m = keyed("f", hub.Discard); m.Settles = []schemas.ID{id} },
		"another subject":                  func(m *hub.Manifest) { m.Subject = "staffing.permit" },
		"a mode that there is none of yet": func(m *hub.Manifest) { m.Mode = "upsert" },
	} {
		m := keyed("f", hub.Merge)
		change(&m)
		if r, err := h.put(t, m, "-a"); err == nil {
			t.Errorf("%s was taken: %+v", name, r)
		}
	}
	if diff := cmp.Diff(strings.Fields("!b=1 a=1"), h.live(t)); diff != "" {
		t.Errorf("live rows differ (-want +got):\n%s", diff)
	}
	s, err := h.intake.Begin(t.Context(), keyed("f", hub.Merge))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Accept(t.Context(), make([]schemas.Record, 100_001)); !errors.Is(err, hub.ErrTooLarge) {
		t.Errorf("100,001 rows gave %v, want ErrTooLarge", err)
	}
	s.Leave()
	s, err = h.intake.Begin(t.Context(), keyed("f", hub.Merge))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Quarantine(t.Context(), []schemas.Record{{Op: schemas.Retract}}); err == nil {
		t.Error("a misfit that is gone was taken")
	}
	s.Leave()
}

// A merge that takes away a large part of the file waits as a whole file would. A few rows go at once, whatever their share.
func TestMergeHold(t *testing.T) {
	h := openLimited(t, filepath.Join(t.TempDir(), "hebian.db"), 10)
	texts, gone := make([]string, 100), make([]string, 100)
	for i := range texts {
		texts[i], gone[i] = fmt.Sprintf("%02d=1", i), fmt.Sprintf("-%02d", i)
	}
	h.mustPut(t, keyed("f", hub.Full), texts...)
	before := h.live(t)
	r := h.mustPut(t, keyed("f", hub.Merge), append(gone[:20:20], "99=2")...)
	if r.Outcome != hub.Held || r.Withdrawn != 20 || r.Earlier != 100 || r.Added+r.Retracted+r.Live != 0 {
		t.Errorf("20 of 100 gone: %+v; want it held", r)
	}
	if diff := cmp.Diff(before, h.live(t)); diff != "" {
		t.Errorf("a held merge changed rows (-want +got):\n%s", diff)
	}
	if r := h.mustPut(t, keyed("f", hub.Merge), gone[:19]...); r.Outcome != hub.Complete || r.Withdrawn != 19 || r.Live != 81 {
		t.Errorf("19 of 100 gone: %+v; want it complete", r)
	}
	confirmed := keyed("f", hub.Merge)
	confirmed.Confirmed = true
	if r := h.mustPut(t, confirmed, gone[19:]...); r.Outcome != hub.Complete || r.Live != 0 || r.Withdrawn != 81 {
		t.Errorf("with a yes all are gone: %+v; want it complete", r)
	}
}

// What a receipt says beside numbers.
func TestReceiptWords(t *testing.T) {
	h := open(t, filepath.Join(t.TempDir(), "hebian.db"))
	m := keyed("f", hub.Merge)
	m.Note, m.By, m.Period, m.Connector = "asked for by telephone", "an officer", 202609, "staffing-in"
	for _, test := range []struct {
		columns, kept []string
	}{{[]string{"编号", "姓名"}, []string{"编号", "姓名"}}, {slices.Repeat([]string{"column"}, 10_000), nil}} {
		s, err := h.intake.Begin(t.Context(), m)
		if err != nil {
			t.Fatal(err)
		}
		begun, err := h.deliveries.List(t.Context(), hub.ReceiptFilter{Outcome: hub.Open})
		if err != nil || len(begun) != 1 || begun[0].Connector != "staffing-in" || begun[0].Period != 202609 || !begun[0].Keyed {
			t.Errorf("the open delivery is %+v, %v", begun, err)
		}
		e := hub.Ending{Digest: "sha256:00", Bytes: 7, UnknownColumns: []string{"x"}, Form: "csv", Encoding: "utf-8", Columns: test.columns}
		r, err := s.Finish(t.Context(), e)
		want := hub.Receipt{
			Delivery: r.Delivery, Agency: "staffing", File: "f", Subject: subject, Mode: hub.Merge, Keyed: true, Outcome: hub.Complete, Started: r.Started, Finished: r.Finished,
			Note: m.Note, By: m.By, Period: m.Period, Connector: m.Connector,
			Digest: e.Digest, Bytes: e.Bytes, UnknownColumns: e.UnknownColumns, Form: e.Form, Encoding: e.Encoding, Columns: test.kept,
		}
		if diff := cmp.Diff(want, r); err != nil || diff != "" {
			t.Errorf("the receipt differs, %v (-want +got):\n%s", err, diff)
		}
		if kept, err := h.deliveries.Get(t.Context(), r.Delivery); err != nil || !cmp.Equal(r, kept) {
			t.Errorf("the receipt kept differs (-given +kept), %v:\n%s", err, cmp.Diff(r, kept))
		}
	}
	all, err := h.deliveries.Of(t.Context(), "staffing", "f")
	if err != nil || len(all) != 2 || all[0].Connector != "staffing-in" || all[0].Period != 202609 || !all[0].Keyed {
		t.Errorf("the deliveries of the file are %+v, %v", all, err)
	}
}

// fileModel is what a file holds, as whoever knows nothing of logs would keep it.
type fileModel struct {
	file      string
	keyed     bool
	good, bad map[schemas.ID]string
	discarded map[schemas.ID]bool
}

func newFileModel(file string) *fileModel {
	return &fileModel{file: file, good: map[schemas.ID]string{}, bad: map[schemas.ID]string{}, discarded: map[schemas.ID]bool{}}
}

func keyOf(text string) string {
	key, _, _ := strings.Cut(strings.TrimLeft(text, "!-"), "=")
	return key
}

// id is the ID of the n-th of equal rows.
func (m *fileModel) id(text string, n uint32) schemas.ID {
	id := keyedID(m.file, text)
	if !m.keyed {
		id = schemas.ContentID(schemas.Scope("staffing", m.file), []byte(text))
	}
	return hub.EqualID(id, n, m.keyed)
}

// after is the model after a delivery.
func (m *fileModel) after(mode hub.Mode, keyed bool, texts []string, settles []schemas.ID) *fileModel {
	n := &fileModel{file: m.file, keyed: keyed, good: maps.Clone(m.good), bad: maps.Clone(m.bad), discarded: maps.Clone(m.discarded)}
	for _, id := range settles {
		if _, waits := n.bad[id]; waits && mode == hub.Discard {
			n.discarded[id] = true
		}
		delete(n.bad, id)
	}
	switch mode {
	case hub.Full:
		n.whole(texts)
	case hub.Add:
		for _, text := range texts {
			n.add(m, text)
		}
	case hub.Merge:
		for _, text := range texts {
			n.merge(text)
		}
	}
	return n
}

func (m *fileModel) whole(texts []string) {
	m.good, m.bad = map[schemas.ID]string{}, map[schemas.ID]string{}
	times := map[string]uint32{}
	for _, text := range texts {
		id := m.id(text, times[text])
		times[text]++
		if !strings.HasPrefix(text, "!") {
			m.good[id] = text
		} else if !m.discarded[id] {
			m.bad[id] = text
		}
	}
}

func (m *fileModel) add(before *fileModel, text string) {
	rows, old := m.good, before.good
	if strings.HasPrefix(text, "!") {
		rows, old = m.bad, before.bad
	}
	for n := uint32(0); ; n++ {
		id := m.id(text, n)
		if _, live := old[id]; live {
			continue
		}
		if _, live := rows[id]; live {
			continue
		}
		rows[id] = text
		delete(m.discarded, id)
		return
	}
}

func (m *fileModel) merge(text string) {
	id := m.id(text, 0)
	other := func(of schemas.ID, text2 string) bool { return keyOf(text2) == keyOf(text) && of != id }
	maps.DeleteFunc(m.bad, other)
	if strings.HasPrefix(text, "!") {
		if !m.discarded[id] {
			m.bad[id] = text
		}
		return
	}
	maps.DeleteFunc(m.good, other)
	if !strings.HasPrefix(text, "-") {
		m.good[id] = text
	}
}

func (m *fileModel) all() map[schemas.ID]string {
	all := maps.Clone(m.good)
	maps.Copy(all, m.bad)
	return all
}

// recordKey is what a row is about, in a whole file; of a merge the row's own key counts.
func recordKey(text string) string { return text[len(text)-1:] }

// withdrawn is how many good rows of m have none of their key in their place in n.
func (m *fileModel) withdrawn(n *fileModel, keyOf func(string) string) (rows int64) {
	left := map[string]int64{}
	for id, text := range m.good {
		if _, stays := n.good[id]; !stays {
			left[keyOf(text)]++
		}
	}
	for id, text := range n.good {
		if _, stays := m.good[id]; !stays {
			left[keyOf(text)]--
		}
	}
	for _, n := range left {
		rows += max(0, n)
	}
	return rows
}

// without is how many IDs of a are not in b.
func without(a, b map[schemas.ID]string) (n int64) {
	for id := range a {
		if _, both := b[id]; !both {
			n++
		}
	}
	return n
}

// Whatever was merged, delivered whole with keys or without, added, settled and discarded before, finished, failed or killed at any write, before a receipt or
// just after it: what counts is what a map of rows by key would hold, and the receipts say so.
func TestMergeLaw(t *testing.T) {
	dir := t.TempDir()
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		w := &mergeWorld{t: t, path: filepath.Join(dir, fmt.Sprintf("%d.db", n)), models: map[string]*fileModel{"f": newFileModel("f"), "g": newFileModel("g")}}
		w.reopen()
		w.h.intake.ShelfRows(rapid.SampledFrom([]int{1 << 20, 300, 0}).Draw(rt, "shelf"))
		for range rapid.IntRange(1, 12).Draw(rt, "deliveries") {
			w.step(rt)
			if rapid.IntRange(0, 4).Draw(rt, "restart") == 0 {
				w.reopen()
			}
		}
		w.h.db.Close()
	})
}

// mergeWorld is a house whose log and books fail when told to, and what it should hold.
type mergeWorld struct {
	t      *testing.T
	path   string
	h      house
	log    *dying
	books  *moody
	models map[string]*fileModel
	key    int
}

// moody keeps receipts, or says that it did not although it may have.
type moody struct {
	hub.Deliveries
	before, after bool
}

func (m *moody) Finish(ctx context.Context, r hub.Receipt) error {
	if m.before && r.Outcome == hub.Complete {
		return errGone
	}
	err := m.Deliveries.Finish(ctx, r)
	if m.after && r.Outcome == hub.Complete && err == nil {
		err = errGone
	}
	return err
}

func (w *mergeWorld) reopen() {
	if w.h.db != nil {
		w.h.db.Close()
	}
	w.h = open(w.t, w.path)
	w.h.unsynced(w.t)
	w.log, w.books = &dying{w.h.log, 1 << 30}, &moody{Deliveries: w.h.deliveries}
	w.h.intake = newIntake(w.log, w.books, neverHeld)
}

func (w *mergeWorld) step(rt *rapid.T) {
	file := rapid.SampledFrom([]string{"f", "f", "f", "g"}).Draw(rt, "file")
	before := w.models[file]
	m := keyed(file, rapid.SampledFrom([]hub.Mode{hub.Full, hub.Merge, hub.Merge, hub.Merge, hub.Add, hub.Discard}).Draw(rt, "mode"))
	if newest := w.newest(file); newest == 0 || m.Mode == hub.Full {
		m.Keyed = rapid.IntRange(0, 3).Draw(rt, "keyed") > 0
	} else {
		m.Keyed = before.keyed
	}
	if m.Mode == hub.Merge && !m.Keyed {
		m.Mode = hub.Add
	}
	words := "a=1 a=2 a=3 b=1 b=2 c=1 !a=1 !a=2 !b=1 !c=1"
	switch m.Mode {
	case hub.Merge:
		words += " -a -b -c -d"
	case hub.Add:
		m.Key = fmt.Sprint("key ", w.key)
		w.key++
	}
	texts := rapid.SliceOfN(rapid.SampledFrom(strings.Fields(words)), 0, 8).Draw(rt, "rows")
	if m.Mode != hub.Full {
		known := []schemas.ID{before.id("!a=1", 0), before.id("!b=1", 0), before.id("c=1", 0), {1}, before.id("!a=1", 1)}
		m.Settles = rapid.SliceOfNDistinct(rapid.SampledFrom(known), 0, 3, rapid.ID).Draw(rt, "settles")
	}
	if m.Mode == hub.Discard {
		texts = nil
		if m.Settles = append(m.Settles, schemas.ID{2}); w.newest(file) == 0 {
			return
		}
	}
	after := before.after(m.Mode, m.Keyed, texts, m.Settles)
	end := rapid.SampledFrom([]string{"finish", "finish", "finish", "fail", "leave", "kill", "no receipt", "receipt, but nobody heard"}).Draw(rt, "end")
	newest := w.newest(file)
	r, err := w.deliver(rt, m, texts, end)
	if end == "finish" && err != nil {
		rt.Fatal(err)
	}
	if w.newest(file) != newest {
		w.models[file] = after
	} else if end == "finish" {
		rt.Errorf("a finished delivery does not count")
	}
	if end == "finish" {
		w.checkReceipt(rt, r, before, after, texts, m.Settles)
	}
	w.check(rt, file)
}

func (w *mergeWorld) newest(file string) int64 {
	s, err := w.h.deliveries.Standing(context.Background(), "staffing", file)
	if err != nil {
		w.t.Fatal(err)
	}
	return s.Newest.ID
}

// deliver delivers texts in several calls and ends so.
func (w *mergeWorld) deliver(rt *rapid.T, m hub.Manifest, texts []string, end string) (hub.Receipt, error) {
	ctx := context.Background()
	s, err := w.h.intake.Begin(ctx, m)
	if err != nil {
		rt.Fatal(err)
	}
	if end == "kill" {
		w.log.writes = rapid.IntRange(0, 6).Draw(rt, "writes")
	}
	w.books.before, w.books.after = end == "no receipt", end == "receipt, but nobody heard"
	defer func() { w.log.writes, w.books.before, w.books.after = 1<<30, false, false }()
	accepted, misfits := keyedRows(w.t, m.File, texts)
	for _, records := range [][]schemas.Record{accepted, misfits} {
		for i := range records {
			if text := texts[records[i].Line-2]; !m.Keyed {
				records[i].ID = schemas.ContentID(schemas.Scope("staffing", m.File), []byte(text))
			}
		}
	}
	cut := rapid.IntRange(0, len(texts)).Draw(rt, "cut")
	for _, part := range []func(r schemas.Record) bool{
		func(r schemas.Record) bool { return r.Line < int64(cut+2) }, func(r schemas.Record) bool { return r.Line >= int64(cut+2) },
	} {
		pick := func(records []schemas.Record) (picked []schemas.Record) {
			for _, r := range records {
				if part(r) {
					picked = append(picked, r)
				}
			}
			return picked
		}
		if err := errors.Join(s.Accept(ctx, pick(accepted)), s.Quarantine(ctx, pick(misfits))); err != nil {
			return s.Fail(ctx, err)
		}
	}
	switch end {
	case "fail":
		return s.Fail(ctx, errGone)
	case "leave":
		s.Leave()
		return hub.Receipt{}, nil
	}
	return s.Finish(ctx, hub.Ending{})
}

func (w *mergeWorld) checkReceipt(rt *rapid.T, r hub.Receipt, before, after *fileModel, texts []string, settles []schemas.ID) {
	misfits := int64(0)
	for _, text := range texts {
		if strings.HasPrefix(text, "!") {
			misfits++
		}
	}
	type counts struct{ read, quarantined, added, retracted, settled, notWaiting, live, refused, withdrawn, earlier int64 }
	want := counts{
		int64(len(texts)), misfits, without(after.all(), before.all()), without(before.all(), after.all()), without(before.bad, after.bad), 0,
		int64(len(after.good)), int64(len(after.bad)), 0, 0,
	}
	switch r.Mode {
	case hub.Full:
		want.withdrawn, want.earlier = before.withdrawn(after, recordKey), int64(len(before.good))
	case hub.Merge:
		want.withdrawn, want.earlier = before.withdrawn(after, keyOf), int64(len(before.good))
	}
	for _, id := range settles {
		_, waited := before.bad[id]
		_, waits := after.bad[id]
		if !waited || waits {
			want.notWaiting++
		}
	}
	got := counts{r.RowsRead, r.Quarantined, r.Added, r.Retracted, r.Settled, r.NotWaiting, r.Live, r.Refused, r.Withdrawn, r.Earlier}
	w.checkOrder(rt, r)
	if got != want || r.RowsRead != r.Accepted+r.Quarantined || r.Outcome != hub.Complete {
		rt.Errorf("%s of %q settling %v: the receipt says %s, %+v, want %+v", r.Mode, texts, settles, r.Outcome, got, want)
	}
	if unchanged := r.Unchanged; r.Mode == hub.Full && unchanged != r.RowsRead-r.Added {
		rt.Errorf("%d of %d rows are new and %d unchanged", r.Added, r.RowsRead, unchanged)
	}
}

// checkOrder sees to it that a merge takes rows back in a partition before it asserts any.
func (w *mergeWorld) checkOrder(rt *rapid.T, r hub.Receipt) {
	asserted := map[string]bool{}
	look := func(_ string, b *hub.Batch) error {
		at := fmt.Sprint(b.Topic, b.Partition)
		for _, record := range b.Records {
			if record.Op == schemas.Retract && asserted[at] && r.Mode == hub.Merge {
				rt.Errorf("in %s a row is taken back after another was asserted", at)
			}
			asserted[at] = asserted[at] || record.Op == schemas.Assert
		}
		return nil
	}
	reader := hub.NewReader(w.h.log, nil)
	if err := errors.Join(reader.Delivery(context.Background(), r, look), reader.Misfits(context.Background(), r, look)); err != nil {
		rt.Fatal(err)
	}
}

// check holds the log against the models: as a fold, and as what waits.
func (w *mergeWorld) check(rt *rapid.T, file string) {
	var want []string
	for _, m := range w.models {
		want = append(want, slices.Collect(maps.Values(m.all()))...)
	}
	slices.Sort(want)
	if got := w.h.live(w.t); !slices.Equal(got, want) {
		rt.Fatalf("live rows are %q, want %q", got, want)
	}
	waiting, last := map[schemas.ID]string{}, hub.RefusedRow{}
	if err := hub.Waiting(context.Background(), w.h.log, w.h.deliveries, "staffing", file, func(r hub.RefusedRow) error {
		if r.Delivery < last.Delivery || r.Delivery == last.Delivery && r.Line < last.Line {
			rt.Errorf("delivery %d line %d waits before delivery %d line %d", last.Delivery, last.Line, r.Delivery, r.Line)
		}
		last = r
		waiting[r.ID] = string(r.Raw)
		return nil
	}); err != nil {
		rt.Fatal(err)
	}
	if diff := cmp.Diff(w.models[file].bad, waiting); diff != "" {
		rt.Errorf("what waits differs (-want +got):\n%s", diff)
	}
	files, err := w.h.deliveries.RefusedFiles(context.Background())
	if err != nil {
		rt.Fatal(err)
	}
	counts := map[string]int64{}
	for _, f := range files {
		counts[f.File] = f.Refused
	}
	for name, m := range w.models {
		if counts[name] != int64(len(m.bad)) {
			rt.Errorf("%d rows of %s are said to wait, want %d", counts[name], name, len(m.bad))
		}
	}
}

// A whole file may hold rows that say that they are gone, as a dump with deleted rows does: they are not among those that count.
func TestGoneOutsideMerge(t *testing.T) {
	h := open(t, filepath.Join(t.TempDir(), "hebian.db"))
	r := h.mustPut(t, keyed("f", hub.Full), "-a", "b=1")
	if r.RowsRead != 2 || r.Accepted != 2 || r.Unchanged != 1 || r.Live != 1 {
		t.Errorf("the receipt is %+v", r)
	}
	if live := strings.Join(h.live(t), " "); live != "b=1" {
		t.Errorf("live rows are %q", live)
	}
}
