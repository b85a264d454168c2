package dbf

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"

	"hebian/connectors/text"
)

// errLooks is the refusal of a table that may be in two encodings.
var errLooks = &text.FormError{Reason: "the table does not say in which encoding it is and looks like UTF-8; name the encoding in the profile"}

// encoding is the encoding that was asked for, or the table's own.
func (r *Reader) encoding(name string) (text.Encoding, error) {
	switch name {
	case "utf-8":
		return text.UTF8, nil
	case "gb18030":
		return text.GB18030, nil
	case "", "auto":
	default:
		return 0, fmt.Errorf("read a table in the encoding %q: want gb18030, utf-8 or auto", name)
	}
	switch r.table.codePage {
	case 0x4D, 0x7A: // code page 936, by dBase and by FoxPro
		return text.GB18030, nil
	case 0xF0: // by programs that write UTF-8; the standard has no number for it
		return text.UTF8, nil
	case 0x00, 0x57: // nothing, or the code page of the machine
	default:
		return 0, &text.FormError{Reason: fmt.Sprintf("the table is in the code page %02X, %s; save it in code page 936, or name the encoding in the profile",
			r.table.codePage, codePageName(r.table.codePage))}
	}
	looks, err := r.looksUTF8()
	if err == nil && looks {
		err = errLooks
	}
	return text.GB18030, err
}

// looksUTF8 says whether the names and the first records of the table have characters beyond ASCII, and
// all of them are as UTF-8 has them.
func (r *Reader) looksUTF8() (bool, error) {
	beyond := false
	fits := func(value []byte) bool {
		value = value[:len(value)-brokenTail(value, text.UTF8)]
		beyond = beyond || !isASCII(value)
		return utf8.Valid(value)
	}
	for _, f := range r.table.fields {
		if !fits(f.name) {
			return false, nil
		}
	}
	p, err := r.records(min(len(r.buf)/r.table.length, r.table.count))
	if err != nil {
		return false, err
	}
	for ; len(p) > 0; p = p[r.table.length:] {
		for _, f := range r.table.fields {
			if f.kind == 'C' && !fits(unfilled(p[f.at:f.at+f.width])) {
				return false, nil
			}
		}
	}
	return beyond, nil
}

func codePageName(page byte) string {
	switch page {
	case 0x78, 0x4F:
		return "Big5"
	case 0x7B, 0x13:
		return "Shift JIS"
	case 0x79, 0x4E:
		return "Korean"
	case 0x01, 0x02, 0x03:
		return "Western European"
	}
	return "which is not Chinese"
}

// text is what a run of bytes says, in r.decoded or in p. Where bytes are no character U+FFFD stands in
// their place, and the flaw tells which they are.
func (r *Reader) text(p []byte) ([]byte, *text.Flaw) {
	if isASCII(p) && bytes.IndexByte(p, 0) < 0 {
		return p, nil
	}
	decoded, flaw := r.decoder.Decode(p)
	if flaw == nil {
		r.decoded = append(r.decoded[:0], decoded...)
		return r.decoded, nil
	}
	flaw.Detail = strings.Replace(flaw.Detail, "of the row", "of the value", 1)
	r.decoded = r.decoded[:0]
	for len(p) > 0 {
		n := min(len(p), max(1, characterBytes(p, r.enc)))
		decoded, wrong := r.decoder.Decode(p[:n])
		if wrong != nil {
			decoded = string(utf8.RuneError)
		}
		r.decoded = append(r.decoded, decoded...)
		p = p[n:]
	}
	return r.decoded, flaw
}

// characterBytes is how many bytes the character takes that p begins with: more than p has, if it is cut
// there, and 1 if there is no such character.
func characterBytes(p []byte, enc text.Encoding) int {
	lead := p[0]
	switch {
	case lead < utf8.RuneSelf:
		return 1
	case enc == text.UTF8 && lead >= 0xF0 && lead < 0xF8:
		return continued(p, 4)
	case enc == text.UTF8 && lead >= 0xE0 && lead < 0xF0:
		return continued(p, 3)
	case enc == text.UTF8 && lead >= 0xC2 && lead < 0xE0:
		return continued(p, 2)
	case enc == text.UTF8 || lead == 0x80 || lead == 0xFF:
		return 1
	case len(p) == 1 || p[1] >= 0x40 && p[1] != 0x7F && p[1] != 0xFF:
		return 2
	case p[1] < '0' || p[1] > '9' || len(p) > 2 && (p[2] < 0x81 || p[2] == 0xFF) || len(p) > 3 && (p[3] < '0' || p[3] > '9'):
		return 1
	}
	return 4
}

// continued is n if the bytes behind the first are as UTF-8 has them, as far as there are any.
func continued(p []byte, n int) int {
	for _, c := range p[1:min(n, len(p))] {
		if c&0xC0 != 0x80 {
			return 1
		}
	}
	return n
}

// brokenTail is how many bytes at the end of p are the beginning of a character.
func brokenTail(p []byte, enc text.Encoding) int {
	if len(p) == 0 || p[len(p)-1] < utf8.RuneSelf && enc == text.UTF8 || isASCII(p) {
		return 0
	}
	for len(p) > 0 {
		n := characterBytes(p, enc)
		if n > len(p) {
			return len(p)
		}
		p = p[n:]
	}
	return 0
}

func isASCII(p []byte) bool {
	for _, c := range p {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
