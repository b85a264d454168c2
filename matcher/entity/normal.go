package entity

import (
	"unicode"
	"unicode/utf8"

	"hebian/schemas/ident"
)

// TextKey is the form in which names, representatives and other texts are compared: that of ident.NameKey, without white space and after
// NFKC, and with one pair of brackets, （ and ）. A text of ordinary characters comes back itself.
//
// Brackets come last, because NFKC makes ( of （ and of ⑴'s brackets alike.
func TextKey(s string) string {
	if isPlainText(s) {
		return s
	}
	var room [textRoom]byte
	return string(appendText(room[:0], s))
}

// textRoom is the bytes that nearly every text fits in: 80 ideographs.
const textRoom = 240

// sameText says whether two texts have the same key.
func sameText(a, b string) bool {
	if a == b {
		return true
	}
	var roomA, roomB [textRoom]byte
	return string(appendText(roomA[:0], a)) == string(appendText(roomB[:0], b))
}

// appendText appends the text's key.
func appendText(dst []byte, s string) []byte {
	start := len(dst)
	for rest := s; ; {
		n := ideographs(rest)
		dst, rest = append(dst, rest[:n]...), rest[n:]
		if rest == "" {
			return dst
		}
		r, size := utf8.DecodeRuneInString(rest)
		key, ok := simple(r)
		if !ok {
			return appendBrackets(dst[:start], ident.NameKey(s))
		}
		if key != gone {
			dst = utf8.AppendRune(dst, key)
		}
		rest = rest[size:]
	}
}

// appendBrackets appends a text with its brackets changed. Bytes that are no character stay.
func appendBrackets(dst []byte, s string) []byte {
	for i, r := range s {
		_, size := utf8.DecodeRuneInString(s[i:])
		switch r {
		case '(', '[', '【', '〔':
			dst = append(dst, "（"...)
		case ')', ']', '】', '〕':
			dst = append(dst, "）"...)
		default:
			dst = append(dst, s[i:i+size]...)
		}
	}
	return dst
}

// isPlainText holds for texts whose key they are themselves, as far as that can be seen character by character.
func isPlainText(s string) bool {
	for {
		if s = s[ideographs(s):]; s == "" {
			return true
		}
		r, size := utf8.DecodeRuneInString(s)
		if key, ok := simple(r); !ok || key != r {
			return false
		}
		s = s[size:]
	}
}

// ideographs is the length of the text's beginning that consists of the ideographs U+5000 to U+9FFF: most characters of most texts,
// which nothing changes.
func ideographs[T string | []byte](s T) (n int) {
	for n+2 < len(s) && s[n] >= 0xE5 && s[n] <= 0xE9 && s[n+1] >= 0x80 && s[n+1] < 0xC0 && s[n+2] >= 0x80 && s[n+2] < 0xC0 {
		n += 3
	}
	return n
}

// gone is what simple gives for a character that leaves nothing.
const gone = -1

// simple gives what becomes of a character, where that hangs on no other and NFKC has no say beyond folding full-width forms to ASCII.
// ok is false for all others: full stops, which are dots between Han, zero-width characters, combining ones and the rare.
func simple(r rune) (key rune, ok bool) {
	switch {
	case r >= 0x4E00 && r <= 0x9FFF:
		return r, true
	case r >= 0xFF01 && r <= 0xFF5E:
		r -= 0xFF01 - '!'
	case r == '·', r == '、', r == '。', r == '（', r == '）':
		return r, true
	case r == 0x3000:
		return gone, true
	case r == '【', r == '〔':
		return '（', true
	case r == '】', r == '〕':
		return '）', true
	}
	switch {
	case r >= utf8.RuneSelf, r == '.':
		return 0, false
	case r == ' ', r >= '\t' && r <= '\r':
		return gone, true
	case r == '(', r == '[':
		return '（', true
	case r == ')', r == ']':
		return '）', true
	}
	return r, true
}

// appendBare appends the key of a text without its punctuation: what an address is compared by, but for the names in front.
func appendBare(dst []byte, s string) []byte {
	start := len(dst)
	dst = appendText(dst, s)
	at := start
	for rest := dst[start:]; len(rest) > 0; {
		keep := ideographs(rest)
		size := keep
		if keep == 0 {
			var r rune
			if r, size = utf8.DecodeRune(rest); !isPunctuation(r) {
				keep = size
			}
		}
		at += copy(dst[at:], rest[:keep]) // never ahead of what is read
		rest = rest[size:]
	}
	return dst[:at]
}

// isBare holds for plain texts without punctuation.
func isBare(s string) bool {
	for {
		if s = s[ideographs(s):]; s == "" {
			return true
		}
		r, size := utf8.DecodeRuneInString(s)
		if key, ok := simple(r); !ok || key != r || isPunctuation(r) {
			return false
		}
		s = s[size:]
	}
}

// isPunctuation holds for the characters of category P.
func isPunctuation(r rune) bool { return (r < 0x4E00 || r > 0x9FFF) && unicode.IsPunct(r) }
