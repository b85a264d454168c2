package rules

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"hebian/matcher/state"
)

// TestReplace: what some use now instead of before is as if all had been asked anew.
func TestReplace(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows := rapid.SliceOfNDistinct(rapid.Uint64Range(1, 99), 0, 40, rapid.ID[uint64]).Draw(t, "rows")
		draw := func(label string, some []uint64) *used {
			u := &used{}
			for _, row := range some {
				if rapid.Bool().Draw(t, label) {
					u.add(1, state.Ref(row))
				}
			}
			return u
		}
		n := rapid.IntRange(0, len(rows)).Draw(t, "of others")
		others, before, now := draw("others", rows[:n]), draw("before", rows[n:]), draw("now", rows[n:])
		got, want := &used{}, &used{}
		for _, u := range []*used{before, others} {
			got.add(u.n, u.rows...)
		}
		for _, u := range []*used{others, now} {
			want.add(u.n, u.rows...)
		}
		got.replace(before, now)
		if got.n != want.n || !slices.Equal(got.inOrder(), want.inOrder()) {
			t.Fatalf("%d used, want %d: -want +got\n%s", got.n, want.n, cmp.Diff(want.inOrder(), got.inOrder()))
		}
	})
}
