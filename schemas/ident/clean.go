package ident

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Clean gives a number the form that all others are compared with: no white space, no zero-width
// characters, no hyphens; full-width characters folded to ASCII; a to z in upper case. Nothing else
// changes. A number that needs nothing comes back itself.
func Clean(s string) string {
	if isClean(s) || !utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	for _, r := range s {
		if unicode.IsSpace(r) || isZeroWidth(r) || isHyphen(r) {
			continue
		}
		if r >= 0xFF01 && r <= 0xFF5E { // full-width forms lie in ASCII order
			r -= 0xFF01 - '!'
		}
		if r >= 'a' && r <= 'z' {
			r -= 'a' - 'A'
		}
		b.WriteRune(r)
	}
	return b.String()
}

// isClean holds for ASCII that Clean would leave as it is: nearly every number there is.
func isClean(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case isDigit(c) || isUpper(c):
		case c >= utf8.RuneSelf, 'a' <= c && c <= 'z', c == '-', c == ' ', '\t' <= c && c <= '\r':
			return false
		}
	}
	return true
}

// isZeroWidth holds for the characters that nobody sees, joiners, direction marks and the byte
// order mark among them.
func isZeroWidth(r rune) bool {
	return r >= 0x200B && r <= 0x200F || r == 0x2060 || r == 0xFEFF || r == 0x180E
}

func isHyphen(r rune) bool {
	switch r {
	case '-', 0x00AD, 0x2010, 0x2011, 0x2012, 0x2013, 0x2014, 0x2015, 0x2212, 0xFF0D:
		return true
	}
	return false
}
