package rules

import (
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"hebian/schemas"
)

// TestTotal compares with sums of any size.
func TestTotal(t *testing.T) {
	amount := rapid.OneOf(rapid.Int64(), rapid.SampledFrom([]int64{math.MinInt64, math.MaxInt64, -1, 0, 1}))
	rapid.Check(t, func(t *rapid.T) {
		sum := func(label string) (total, *big.Int) {
			var got total
			want := new(big.Int)
			for _, a := range rapid.SliceOfN(amount, 0, 20).Draw(t, label) {
				got.add(schemas.Fen(a))
				want.Add(want, big.NewInt(a))
			}
			return got, want
		}
		a, wantA := sum("a")
		b, wantB := sum("b")
		if a.positive() != (wantA.Sign() > 0) {
			t.Fatalf("positive: %v, want %v", a, wantA)
		}
		if a.atLeast(b) != (wantA.Cmp(wantB) >= 0) {
			t.Fatalf("atLeast: %v %v, want %v %v", a, b, wantA, wantB)
		}
		a.addTotal(b)
		if a.positive() != (wantA.Add(wantA, wantB).Sign() > 0) {
			t.Fatalf("addTotal: %v, want %v", a, wantA)
		}
	})
}
