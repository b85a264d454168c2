package sheet

import (
	"bytes"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// unescapeXString resolves _xHHHH_, with which workbooks write what XML may not hold, in place. It
// stands for half a character where two of them make one.
func unescapeXString(s []byte) []byte {
	first := bytes.Index(s, []byte("_x"))
	if first < 0 {
		return s
	}
	out := s[:first]
	for at := first; at < len(s); {
		unit, ok := escapedUnit(s[at:])
		if !ok {
			out = append(out, s[at])
			at++
			continue
		}
		at += escapedBytes
		if utf16.IsSurrogate(unit) {
			if low, ok := escapedUnit(s[at:]); ok && utf16.DecodeRune(unit, low) != utf8.RuneError {
				unit = utf16.DecodeRune(unit, low)
				at += escapedBytes
			}
		}
		out = utf8.AppendRune(out, unit) // half a character becomes U+FFFD, and the row is refused
	}
	return out
}

const escapedBytes = len("_xHHHH_")

// escapedUnit is what _xHHHH_ at the start of s stands for.
func escapedUnit(s []byte) (rune, bool) {
	if len(s) < escapedBytes || s[0] != '_' || s[1] != 'x' || s[6] != '_' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(s[2:6]), 16, 16)
	return rune(n), err == nil
}
