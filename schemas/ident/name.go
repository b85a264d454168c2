package ident

import (
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// NameKey gives the form of a name in which two names are compared: without white space,
// zero-width characters and variation selectors; GBK's private-use characters made real; the dot
// between the parts of a name always U+00B7; then NFKC. Variants of a character stay apart, and so
// do private-use characters that nobody has mapped. A name of ordinary characters comes back
// itself.
//
// A dot counts as one between parts when the characters on both sides of it, as they stand after
// all that, are Han. It is changed before NFKC, which would make a full stop of a full-width one.
// NFKC comes last: a space that it makes of an accent standing alone stays.
func NameKey(s string) string {
	if isPlainName(s) || !utf8.ValidString(s) {
		return s
	}
	var room [64]rune // most names fit; longer ones go to the heap
	name := room[:0]
	for _, r := range s {
		if unicode.IsSpace(r) || isZeroWidth(r) || isVariationSelector(r) {
			continue
		}
		r, _ = FromPrivateUse(r)
		name = append(name, r)
	}
	for i := 1; i < len(name)-1; i++ {
		if isNameDot(name[i]) && unicode.Is(unicode.Han, name[i-1]) && unicode.Is(unicode.Han, name[i+1]) {
			name[i] = '·'
		}
	}
	return norm.NFKC.String(string(name))
}

// isPlainName holds for names of the unified ideographs U+4E00 to U+9FFF, and U+00B7 among them:
// neither NFKC nor any other step changes those.
func isPlainName(s string) bool {
	for _, r := range s {
		if (r < 0x4E00 || r > 0x9FFF) && r != '·' {
			return false
		}
	}
	return true
}

// isNameDot holds for what agencies write in place of U+00B7.
func isNameDot(r rune) bool {
	switch r {
	case '•', 0x30FB, 0xFF65, 0x2027, 0x2219, 0x22C5, 0xFF0E, '.': // katakana dots, hyphenation point, bullet and dot operators, full stops
		return true
	}
	return false
}

// isVariationSelector holds for the characters that choose a glyph for the one before them.
func isVariationSelector(r rune) bool {
	return r >= 0x180B && r <= 0x180D || r >= 0xFE00 && r <= 0xFE0F || r >= 0xE0100 && r <= 0xE01EF
}
