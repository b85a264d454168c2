package text

import (
	"bytes"
	"fmt"
	"unicode"
	"unicode/utf8"
	"unsafe"

	"hebian/schemas"
)

// Decoder turns the bytes of records into text. A record is decoded as a whole: one byte without a
// character refuses it, in whatever column it stands. One goroutine uses a Decoder at a time.
type Decoder struct {
	enc     Encoding
	scratch []byte
}

// NewDecoder gives a decoder for an encoding.
func NewDecoder(enc Encoding) *Decoder { return &Decoder{enc: enc} }

// Decode gives the text of a record, valid UTF-8. The text lies in raw or in the decoder: it lasts
// until the next Decode or the next filling of the block, so what is to stay must be cloned.
func (d *Decoder) Decode(raw []byte) (string, *Flaw) {
	if at := bytes.IndexByte(raw, 0); at >= 0 {
		return "", noCharacter(at, "the byte 00")
	}
	if d.enc == UTF8 {
		return decodeUTF8(raw)
	}
	// A cell of two bytes has at most four in UTF-8.
	if need := 2 * len(raw); cap(d.scratch) < need {
		d.scratch = make([]byte, need+need/2)
	}
	n, flaw := gb18030().decode(d.scratch[:cap(d.scratch)], raw)
	return unsafe.String(unsafe.SliceData(d.scratch), n), flaw
}

func decodeUTF8(raw []byte) (string, *Flaw) {
	if !utf8.Valid(raw) {
		at := 0
		for {
			r, size := utf8.DecodeRune(raw[at:])
			if r == utf8.RuneError && size == 1 {
				return "", badByte(at, raw[at], UTF8)
			}
			at += size
		}
	}
	if at := bytes.Index(raw, []byte("\uFFFD")); at >= 0 {
		return "", noCharacter(at, "U+FFFD")
	}
	return unsafe.String(unsafe.SliceData(raw), len(raw)), nil
}

func badByte(at int, c byte, enc Encoding) *Flaw {
	return &Flaw{Reason: schemas.ReasonEncoding, Detail: fmt.Sprintf("byte %d of the row, %02X, is not %v", at+1, c, enc)}
}

func noCharacter(at int, what string) *Flaw {
	return &Flaw{Reason: schemas.ReasonNoChar, Detail: fmt.Sprintf("byte %d of the row: %s stands for no character", at+1, what)}
}

// bom is the length of the byte order mark that p begins with, or 0. Files that are said to be
// GB18030 come with the mark of UTF-8, too.
func (e Encoding) bom(p []byte) int {
	switch {
	case bytes.HasPrefix(p, []byte("\uFEFF")):
		return len("\uFEFF")
	case e == GB18030 && bytes.HasPrefix(p, []byte("\x84\x31\x95\x33")):
		return 4
	}
	return 0
}

// blank says whether a line holds nothing but Unicode white space.
func (e Encoding) blank(line []byte) bool {
	if len(line) > 0 && line[0] > ' ' && line[0] < utf8.RuneSelf {
		return false
	}
	return e.leadingBlanks(line) == len(line)
}

// leadingBlanks is the number of bytes at the front of p that are characters of white space.
func (e Encoding) leadingBlanks(p []byte) int {
	for at := 0; at < len(p); {
		r, size := rune(p[at]), 1
		switch {
		case r == ' ' || r >= '\t' && r <= '\r':
			at++
			continue
		case r < utf8.RuneSelf:
		case e == GB18030:
			r, size, _ = gb18030().first(p[at:])
		default:
			r, size = utf8.DecodeRune(p[at:])
		}
		if !unicode.IsSpace(r) {
			return at
		}
		at += size
	}
	return len(p)
}

const (
	looksEmpty   = "is empty"
	looksGB18030 = "looks like GB18030"
	looksNeither = "looks like neither UTF-8 nor GB18030"
)

// Diagnose says what a file's first bytes look like when they don't look like what was expected:
// "is empty", "looks like UTF-16" and so on. It returns "" when it has nothing to say. It is for
// messages to the agency; nothing is decoded by guess.
func Diagnose(head []byte, want Encoding) string {
	rest := head[want.bom(head):]
	switch {
	case want.blank(rest):
		return looksEmpty
	case bytes.HasPrefix(head, []byte("PK\x03\x04")):
		return "looks like a workbook (XLSX) or another ZIP archive"
	case bytes.HasPrefix(head, []byte{0xD0, 0xCF, 0x11, 0xE0}):
		return "looks like a workbook (XLS)"
	case bytes.HasPrefix(head, []byte{0xFF, 0xFE}), bytes.HasPrefix(head, []byte{0xFE, 0xFF}):
		return "looks like UTF-16"
	case bytes.IndexByte(head, 0) >= 0:
		return "looks like UTF-16 or no text at all"
	case isASCII(rest):
		return ""
	case isUTF8(rest):
		if want != UTF8 {
			return "looks like UTF-8"
		}
	case isGB18030(rest):
		if want != GB18030 {
			return looksGB18030
		}
	default:
		return looksNeither
	}
	return ""
}

func isASCII(p []byte) bool {
	return bytes.IndexFunc(p, func(r rune) bool { return r >= utf8.RuneSelf }) < 0
}

// isUTF8 says whether p is UTF-8, but for a character that may be cut off at its end.
func isUTF8(p []byte) bool {
	for cut := 0; cut < utf8.UTFMax && cut <= len(p); cut++ {
		if utf8.Valid(p[:len(p)-cut]) {
			return cut == 0 || !utf8.FullRune(p[len(p)-cut:])
		}
	}
	return false
}

// isGB18030 says whether p is GB18030, but for a character that may be cut off at its end.
func isGB18030(p []byte) bool {
	table := gb18030()
	for at := 0; at < len(p); {
		_, size, reason := table.first(p[at:])
		if reason == schemas.ReasonEncoding {
			return len(p)-at < 4
		}
		at += size
	}
	return true
}
