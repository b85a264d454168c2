package text

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"strings"
	"sync"
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"

	"hebian/schemas"
	"hebian/schemas/ident"
)

// gbTable decodes GB18030. Its cells are those of GB 18030-2000, which Python's codec has too, and
// two kinds of cells differ from there:
//   - The cells of two bytes FE50 to FEA0, and those of four bytes for U+E815 to U+E864, are the
//     characters that they were reserved for and that Unicode has by now.
//   - Any other cell for private use, for U+FFFD or for a noncharacter is refused. Editions of the
//     standard and vendors fill them differently, so there is no agreed character. A decoder that
//     guesses or replaces loses names.
type gbTable struct {
	// two holds the UTF-8 of the cells of two bytes, low byte first, at the lead byte's low seven
	// bits and the trail byte. 0: no such cell, or refused.
	two [128 * 256]uint32
	// four holds the characters of the cells of four bytes 81308130 to 8431A439, in order. 0: refused.
	four [gbFourBMP]uint16
}

const (
	gbFourBMP           = 39420  // cells of four bytes for characters up to U+FFFF, from 81308130 on
	gbFourSupplementary = 189000 // where those beyond begin: 90308130 = U+10000
)

// gb18030 gives the table, which is built when it is first needed.
var gb18030 = sync.OnceValue(newGBTable)

// newGBTable builds the table from that of x/text, which gives U+FFFD for the cells of two bytes
// that are for private use and agrees with GB 18030-2000 in the others but one.
func newGBTable() *gbTable {
	var cells strings.Builder // one a line, so that a cell that isn't decoded can't swallow the next
	for lead := 0x81; lead <= 0xFE; lead++ {
		for trail := 0x40; trail <= 0xFE; trail++ {
			cells.Write([]byte{byte(lead), byte(trail), '\n'})
		}
	}
	for n := range gbFourBMP {
		cells.Write(append(gbFour(n), '\n'))
	}
	decoded, err := simplifiedchinese.GB18030.NewDecoder().String(cells.String())
	if err != nil {
		panic(fmt.Sprintf("the table of GB18030 can't be built: %v", err)) // from constants: never
	}
	table := new(gbTable)
	next := func() rune {
		line, rest, _ := strings.Cut(decoded, "\n")
		decoded = rest
		r, size := utf8.DecodeRuneInString(line)
		if size < len(line) {
			return utf8.RuneError
		}
		return r
	}
	for lead := 0x81; lead <= 0xFE; lead++ {
		for trail := 0x40; trail <= 0xFE; trail++ {
			if r, ok := gbCharacter(next(), uint16(lead<<8|trail)); ok {
				var char [utf8.UTFMax]byte
				utf8.EncodeRune(char[:], r)
				table.two[lead&0x7F<<8|trail] = binary.LittleEndian.Uint32(char[:])
			}
		}
	}
	for n := range gbFourBMP {
		if r, ok := gbCharacter(next(), 0); ok {
			table.four[n] = uint16(r)
		}
	}
	return table
}

// gbCharacter gives the character of a cell; r is what x/text reads there.
func gbCharacter(r rune, two uint16) (rune, bool) {
	switch {
	case two == 0xA3A0: // user-defined; x/text and the Web take it for U+3000
		return 0, false
	case r == utf8.RuneError && two >= 0xFE50 && two <= 0xFEA0 && two != 0xFE7F:
		r = 0xE815 + rune(two-0xFE50)
		if two > 0xFE7F {
			r--
		}
	}
	r, _ = ident.FromPrivateUse(r)
	return r, !refused(r)
}

// refused says whether r is for private use or no character at all.
func refused(r rune) bool {
	return r >= 0xE000 && r <= 0xF8FF || r >= 0xFDD0 && r <= 0xFDEF || r >= 0xF0000 || r&0xFFFE == 0xFFFE || r == utf8.RuneError
}

// gbFour gives the bytes of the nth cell of four bytes.
func gbFour(n int) []byte {
	return []byte{byte(0x81 + n/12600), byte(0x30 + n/1260%10), byte(0x81 + n/10%126), byte(0x30 + n%10)}
}

// decode writes the text of src to dst, which must hold twice as many bytes, and returns its length.
func (t *gbTable) decode(dst, src []byte) (int, *Flaw) {
	const high = 0x8080808080808080
	n, at := 0, 0
	for at < len(src) {
		if at+8 <= len(src) { // ASCII, eight at a time; what was stored too much is written over
			word := binary.LittleEndian.Uint64(src[at:])
			binary.LittleEndian.PutUint64(dst[n:], word)
			ascii := bits.TrailingZeros64(word&high) / 8
			at, n = at+ascii, n+ascii
			if ascii == 8 {
				continue
			}
		} else if src[at] < utf8.RuneSelf {
			dst[n] = src[at]
			at, n = at+1, n+1
			continue
		}
		for at+1 < len(src) {
			lead := src[at]
			char := t.two[uint(lead&0x7F)<<8|uint(src[at+1])]
			if lead < utf8.RuneSelf || char == 0 {
				break
			}
			binary.LittleEndian.PutUint32(dst[n:], char)
			switch first := char & 0xFF; {
			case first < 0xE0:
				n += 2
			case first < 0xF0:
				n += 3
			default:
				n += 4
			}
			at += 2
		}
		if at < len(src) && src[at] >= utf8.RuneSelf {
			r, size, reason := t.first(src[at:])
			if reason != "" {
				return 0, gbFlaw(src, at, size, reason)
			}
			n += utf8.EncodeRune(dst[n:], r)
			at += size
		}
	}
	return n, nil
}

// first decodes the first character of p, which isn't empty. Where it can't, it gives U+FFFD and
// the reason.
func (t *gbTable) first(p []byte) (r rune, size int, reason schemas.Reason) {
	lead := p[0]
	if lead < utf8.RuneSelf {
		return rune(lead), 1, ""
	}
	if lead == 0x80 || lead == 0xFF || len(p) < 2 || p[1] < 0x30 || p[1] == 0x7F || p[1] == 0xFF {
		return utf8.RuneError, 1, schemas.ReasonEncoding
	}
	if p[1] >= 0x40 {
		char := t.two[uint(lead&0x7F)<<8|uint(p[1])]
		if char == 0 {
			return utf8.RuneError, 2, schemas.ReasonNoChar
		}
		r, _ = utf8.DecodeRune(binary.LittleEndian.AppendUint32(nil, char))
		return r, 2, ""
	}
	if p[1] > 0x39 || len(p) < 4 || p[2] < 0x81 || p[2] == 0xFF || p[3] < 0x30 || p[3] > 0x39 {
		return utf8.RuneError, 1, schemas.ReasonEncoding
	}
	n := ((int(lead-0x81)*10+int(p[1]-0x30))*126+int(p[2]-0x81))*10 + int(p[3]-0x30)
	switch {
	case n < gbFourBMP:
		r = rune(t.four[n])
	case n < gbFourSupplementary || n-gbFourSupplementary+0x10000 > utf8.MaxRune:
		return utf8.RuneError, 1, schemas.ReasonEncoding
	default:
		r = rune(n - gbFourSupplementary + 0x10000)
	}
	if r == 0 || refused(r) {
		return utf8.RuneError, 4, schemas.ReasonNoChar
	}
	return r, 4, ""
}

// gbFlaw says why the character at a place of a row is refused. For the cells of the user-defined
// areas it names the private-use character that the agency's system takes it for.
func gbFlaw(row []byte, at, size int, reason schemas.Reason) *Flaw {
	if reason == schemas.ReasonEncoding {
		return badByte(at, row[at], GB18030)
	}
	cell := row[at : at+size]
	what := fmt.Sprintf("the cell %X of GB18030", cell)
	if size == 2 {
		lead, trail := rune(cell[0]), rune(cell[1])
		switch {
		case lead >= 0xAA && lead <= 0xAF && trail >= 0xA1:
			what += fmt.Sprintf(" (user-defined, U+%04X)", 0xE000+94*(lead-0xAA)+trail-0xA1)
		case lead >= 0xF8 && trail >= 0xA1:
			what += fmt.Sprintf(" (user-defined, U+%04X)", 0xE234+94*(lead-0xF8)+trail-0xA1)
		case lead >= 0xA1 && lead <= 0xA7 && trail <= 0xA0:
			if trail > 0x7F {
				trail--
			}
			what += fmt.Sprintf(" (user-defined, U+%04X)", 0xE4C6+96*(lead-0xA1)+trail-0x40)
		}
	}
	return noCharacter(at, what)
}
