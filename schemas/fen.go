package schemas

import (
	"fmt"
	"math"
)

// Fen is an amount of money in hundredths of a yuan.
type Fen int64

// ParseFen reads an amount in yuan as agencies write it: an optional "-", digits plain or in groups
// of three with ",", at most two decimals. Nothing else is an amount, nor is one that int64 fen
// can't hold.
func ParseFen(s string) (f Fen, ok bool) {
	negative := len(s) > 0 && s[0] == '-'
	if negative {
		s = s[1:]
	}
	var n uint64
	i, run, grouped := 0, 0, false
	for ; i < len(s); i++ {
		c := s[i]
		if c == ',' {
			if run == 0 || run > 3 || grouped && run != 3 {
				return 0, false
			}
			grouped, run = true, 0
			continue
		}
		if c < '0' || c > '9' {
			break
		}
		if n = n*10 + uint64(c-'0'); n > math.MaxInt64/100 {
			return 0, false
		}
		run++
	}
	if run == 0 || grouped && run != 3 {
		return 0, false
	}
	n *= 100
	switch rest := s[i:]; {
	case len(rest) == 0:
	case rest[0] == '.' && (len(rest) == 2 || len(rest) == 3):
		cents, ok := digits(rest[1:])
		if !ok {
			return 0, false
		}
		if len(rest) == 2 {
			cents *= 10
		}
		n += uint64(cents)
	default:
		return 0, false
	}
	if n > math.MaxInt64 {
		return 0, false
	}
	if negative {
		return -Fen(n), true
	}
	return Fen(n), true
}

// String writes the amount in yuan with two decimals.
func (f Fen) String() string {
	sign, n := "", uint64(f)
	if f < 0 {
		sign, n = "-", -n
	}
	return fmt.Sprintf("%s%d.%02d", sign, n/100, n%100)
}
