package hub_test

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"hebian/hub"
	"hebian/schemas"
)

// waiting lists the rows of a file that wait in quarantine: their texts, and IDs by text.
func (h house) waiting(t testing.TB, file string) (texts []string, ids map[string][]schemas.ID) {
	t.Helper()
	ids = map[string][]schemas.ID{}
	if err := hub.Waiting(context.Background(), h.log, h.deliveries, "staffing", file, func(r hub.RefusedRow) error {
		texts = append(texts, misfitText(r.Misfit))
		ids[misfitText(r.Misfit)] = append(ids[misfitText(r.Misfit)], r.ID)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return texts, ids
}

// A row in quarantine leaves it when a corrected one is added in its place, when somebody discards it with a reason, or with
// the next whole file. What was discarded is not asked about again.
func TestSettle(t *testing.T) {
	h := open(t, filepath.Join(t.TempDir(), "hebian.db"))
	h.deliver(t, "f", "a=1", "!b=1", "!c=1", "!c=1", "!d=1")
	h.take(t, changes("f", hub.Add, "0"), "!e=1")
	texts, ids := h.waiting(t, "f")
	if want := strings.Fields("!b=1 !c=1 !c=1 !d=1 !e=1"); !slices.Equal(texts, want) {
		t.Fatalf("%q wait, want %q", texts, want)
	}
	first := h.deliver(t, "g", "!x=1") // another file's
	_, others := h.waiting(t, "g")

	correction := changes("f", hub.Add, "1")
	correction.Settles = []schemas.ID{ids["!b=1"][0], ids["!b=1"][0], others["!x=1"][0], {9}}
	if r := h.take(t, correction, "b=1"); r.Settled != 1 || r.NotWaiting != 2 || r.Retracted != 1 || r.Added != 1 || r.Live != 2 || r.Refused != 4 {
		t.Errorf("corrected, the receipt is %+v; want 1 row settled, 2 not waiting, 2 live, 4 refused", r)
	}
	discard := keyed("f", hub.Discard) // whether the file has keys it need not know
	discard.Settles = []schemas.ID{ids["!c=1"][0], ids["!d=1"][0]}
	r := h.take(t, discard)
	if r.Settled != 2 || r.Retracted != 2 || r.RowsRead != 0 || r.Live != 2 || r.Refused != 2 || r.Note != discard.Note || r.By != discard.By || r.Keyed {
		t.Errorf("discarded, the receipt is %+v; want 2 rows settled, 2 refused", r)
	}
	if r = h.take(t, discard); r.Settled != 0 || r.NotWaiting != 2 || len(r.Spans) != 0 {
		t.Errorf("discarded again, the receipt is %+v; want nothing settled", r)
	}

	r = h.deliver(t, "f", "a=1", "!b=1", "!c=1", "!c=1", "!d=1") // !b=1 was corrected, not discarded
	if r.Quarantined != 4 || r.Added != 1 || r.Unchanged != 4 || r.Retracted != 2 || r.Settled != 1 || r.Refused != 2 || r.Live != 1 {
		t.Errorf("delivered whole again, the receipt is %+v; want 4 quarantined, 1 new, 4 unchanged, 2 refused", r)
	}
	h.compareRefused(t, r, []string{"!b=1", "!c=1"})
	if r = h.take(t, changes("f", hub.Add, "2"), "!d=1"); r.Added != 1 || r.Refused != 3 {
		t.Errorf("what is added on purpose waits again: %+v", r)
	}
	if r = h.deliver(t, "f", "!d=1"); r.Unchanged != 1 || r.Refused != 1 {
		t.Errorf("and then it is not discarded any more: %+v", r)
	}

	files, err := h.deliveries.RefusedFiles(t.Context())
	want := []hub.FileCount{
		{Agency: "staffing", File: "f", Subject: subject, Delivery: r.Delivery, Refused: 1},
		{Agency: "staffing", File: "g", Subject: subject, Delivery: first.Delivery, Refused: 1},
	}
	if err != nil || !slices.Equal(files, want) {
		t.Errorf("files with rows that wait are %+v, %v; want %+v", files, err, want)
	}
}

// A merge settles by name what no row of it has the key of; what it brings again it does not settle.
func TestSettleMerge(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hebian.db")
	h := open(t, path)
	h.mustPut(t, keyed("f", hub.Full), "!?=1", "!?=1", "!b=1", "!c=1", "!d=1")
	_, ids := h.waiting(t, "f")
	m := keyed("f", hub.Merge)
	m.Settles = slices.Concat(ids["!?=1"], ids["!b=1"], ids["!c=1"])
	r := h.mustPut(t, m, "a=1", "b=1", "!c=1")
	if r.Settled != 3 || r.NotWaiting != 1 || r.Added != 2 || r.Unchanged != 1 || r.Retracted != 3 || r.Live != 2 || r.Refused != 2 {
		t.Errorf("the receipt is %+v; want 3 rows settled, 1 not waiting, 2 new, 2 refused", r)
	}
	h.compareRefused(t, r, []string{"!c=1", "!d=1"})
	discard := keyed("f", hub.Discard)
	discard.Settles = ids["!d=1"]
	h.mustPut(t, discard)
	if r = h.mustPut(t, keyed("f", hub.Merge), "!d=1"); r.Quarantined != 1 || r.Unchanged != 1 || r.Refused != 1 {
		t.Errorf("discarded and merged again, the receipt is %+v; want it unchanged", r)
	}
	h = open(t, path) // as after a restart
	if r = h.mustPut(t, keyed("f", hub.Merge), "!d=1"); r.Unchanged != 1 || r.Refused != 1 {
		t.Errorf("and again after a restart: %+v", r)
	}
	if r = h.mustPut(t, keyed("f", hub.Merge), "!d=2"); r.Added != 1 || r.Refused != 2 {
		t.Errorf("another bad version waits: %+v", r)
	}
}
