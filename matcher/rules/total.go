package rules

import (
	"math/bits"

	"hebian/schemas"
)

// total is a sum of amounts, in 128 bits: no number of amounts overflows it, so their order never
// matters.
type total struct {
	high int64
	low  uint64
}

func (t *total) add(amount schemas.Fen) {
	low, carry := bits.Add64(t.low, uint64(amount), 0)
	t.low = low
	t.high += int64(amount)>>63 + int64(carry) // the sign of the amount, carried on
}

func (t *total) addTotal(o total) {
	low, carry := bits.Add64(t.low, o.low, 0)
	t.low = low
	t.high += o.high + int64(carry)
}

func (t total) positive() bool { return t.high > 0 || t.high == 0 && t.low > 0 }

func (t total) atLeast(o total) bool { return t.high > o.high || t.high == o.high && t.low >= o.low }
