package hub

import (
	"encoding/binary"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"hebian/schemas"
)

// An index holds what a map of rows by ID would.
func TestRowIndexLaw(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := newRowIndex(rapid.IntRange(0, 40).Draw(t, "room"))
		want := map[schemas.ID]place{}
		for range rapid.IntRange(0, 60).Draw(t, "steps") {
			key := rapid.IntRange(0, 20).Draw(t, "key")
			id := schemas.KeyedID([32]byte{}, []byte{byte(key)}, []byte{byte(rapid.IntRange(0, 5).Draw(t, "content"))})
			if _, known := want[id]; !known {
				at := place{uint8(rapid.IntRange(0, 1).Draw(t, "topic")), uint16(rapid.IntRange(0, maxIndexed).Draw(t, "partition")), rapid.Int64Range(0, 1<<47-1).Draw(t, "offset")}
				x.add(id, at)
				want[id] = at
				continue
			}
			var gone []uint32
			for n := range x.of(id.RowKey()) {
				if found, _ := x.row(n); rapid.Bool().Draw(t, "goes") {
					gone = append(gone, n)
					delete(want, found)
				}
			}
			x.remove(gone)
		}
		got := map[schemas.ID]place{}
		for key := range 21 {
			for n := range x.of(schemas.KeyedID([32]byte{}, []byte{byte(key)}, nil).RowKey()) {
				id, at := x.row(n)
				got[id] = at
			}
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(place{})); diff != "" || x.used != len(want) {
			t.Errorf("%d rows in use, %d expected; they differ (-want +got):\n%s", x.used, len(want), diff)
		}
	})
}

// Many rows of one key, as a file has whose rows have none, cost no more than as many keys.
func TestRowIndexOneKey(t *testing.T) {
	const rows = 200_000 // a walk over all for each of them would take minutes
	x := newRowIndex(0)
	key := schemas.KeyedID([32]byte{}, nil, nil)
	for n := range uint32(rows) {
		x.add(equalID(key, n, true), place{offset: int64(n)})
	}
	gone := slices.Collect(x.of(key.RowKey()))
	if x.remove(gone[1:]); len(gone) != rows || x.used != 1 {
		t.Errorf("of %d rows %d are left, want 1", len(gone), x.used)
	}
}

// Memory is what bounds how many rows are kept.
func TestRowIndexSize(t *testing.T) {
	x := newRowIndex(0)
	most, sum, looks := 0.0, 0.0, 0.0
	for n := range 150_000 {
		id := schemas.ID{}
		binary.LittleEndian.PutUint64(id[:], uint64(n))
		if x.add(id, place{offset: int64(n)}); n > 20_000 && n%1000 == 0 {
			each := float64(28*cap(x.rows)+4*len(x.heads)) / float64(n+1)
			most, sum, looks = max(most, each), sum+each, looks+1
		}
	}
	if most > 45 || sum/looks > 40 {
		t.Errorf("a row takes %.1f bytes at most and %.1f on average, want 45 and 40", most, sum/looks)
	}
}

// The shelf keeps what was used last, within its bound.
func TestShelf(t *testing.T) {
	h := newShelf(1000)
	file := func(n int) shelfName { return shelfName{"hr", fmt.Sprint(n)} }
	for n := range 5 {
		h.put(file(n), newRowIndex(0))
	}
	large := newRowIndex(0)
	for n := range uint32(600) {
		large.add(equalID(schemas.ID{}, n, true), place{})
	}
	h.put(file(5), large)
	large = newRowIndex(0)
	for n := range uint32(600) {
		large.add(equalID(schemas.ID{}, n, true), place{})
	}
	kept := []int{}
	for n := range 6 {
		if h.byName[file(n)] != nil {
			kept = append(kept, n)
		}
	}
	if diff := cmp.Diff([]int{4, 5}, kept); diff != "" || h.weight != 856 {
		t.Errorf("the shelf weighs %d and keeps others (-want +got):\n%s", h.weight, diff)
	}
	if x := h.take(file(4)); x == nil || h.take(file(4)) != nil {
		t.Error("an index was not there, or was there twice")
	}
	for n := range uint32(600) {
		large.add(equalID(schemas.ID{1}, n, true), place{})
	}
	if h.put(file(6), large); h.byName[file(6)] != nil || h.byName[file(5)] == nil {
		t.Error("an index that is too large for the shelf put another in its place")
	}
}
