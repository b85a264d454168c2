package schemas

import (
	"fmt"
	"math"
)

// Fen is an amount of money in hundredths of a yuan.
type Fen int64

// Yuan and Wan are amounts in yuan and in units of 10,000 yuan as agencies write them. They keep their text, because their unit
// says how exact they mean to be.
type (
	Yuan string
	Wan  string
)

// Decimals that an amount may have: down to fen.
const (
	yuanDecimals = 2
	wanDecimals  = 6
)

// ParseFen reads an amount in yuan as agencies write it: an optional "-", digits plain or in groups
// of three with ",", at most two decimals. Nothing else is an amount, nor is one that int64 fen
// can't hold.
func ParseFen(s string) (f Fen, ok bool) { return parseAmount(s, yuanDecimals) }

// ParseYuan takes what ParseFen reads.
func ParseYuan(s string) (y Yuan, ok bool) {
	_, ok = parseAmount(s, yuanDecimals)
	return Yuan(s), ok
}

// ParseWan takes the same with up to six decimals.
func ParseWan(s string) (w Wan, ok bool) {
	_, ok = parseAmount(s, wanDecimals)
	return Wan(s), ok
}

// Fen is the amount in fen; 0 for text that ParseYuan refuses.
func (y Yuan) Fen() Fen {
	f, _ := parseAmount(string(y), yuanDecimals)
	return f
}

// Fen is the amount in fen; 0 for text that ParseWan refuses.
func (w Wan) Fen() Fen {
	f, _ := parseAmount(string(w), wanDecimals)
	return f
}

// parseAmount reads an amount in a unit that has so many decimals down to fen.
func parseAmount(s string, decimals int) (f Fen, ok bool) {
	negative := len(s) > 0 && s[0] == '-'
	if negative {
		s = s[1:]
	}
	const most = math.MaxInt64 / 10 // that another digit may follow
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
		if n > most {
			return 0, false
		}
		n = n*10 + uint64(c-'0')
		run++
	}
	if run == 0 || grouped && run != 3 {
		return 0, false
	}
	rest := s[i:] // a point and what stands behind it, or nothing
	if rest != "" && (rest[0] != '.' || len(rest) < 2 || len(rest) > 1+decimals) {
		return 0, false
	}
	for place := 1; place <= decimals; place++ {
		var digit byte
		if place < len(rest) {
			digit = rest[place] - '0'
		}
		if digit > 9 || n > most {
			return 0, false
		}
		n = n*10 + uint64(digit)
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
