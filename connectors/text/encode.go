package text

import (
	"bytes"
	"fmt"
	"sync"
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/transform"

	"hebian/schemas/ident"
)

// gbEncoder writes text in GB18030, with the cells of GB 18030-2000. Those are the cells that every edition and every system reads, but
// for a handful; and what is written is read back by gbTable as it was, all characters but those for private use. Those are written,
// too, as the standard has them: they came from some agency's system, which reads them so, and a file to it must not fail on them.
type gbEncoder struct {
	cells transform.Transformer
}

func newGBEncoder() *gbEncoder {
	return &gbEncoder{cells: simplifiedchinese.GB18030.NewEncoder().Transformer}
}

// encode appends the bytes of text, which is valid UTF-8, to dst. The table of x/text is right for all but U+E000 to U+E864, the private
// use that has cells of two bytes.
func (g *gbEncoder) encode(dst, text []byte) ([]byte, error) {
	for {
		private := bytes.IndexByte(text, 0xEE) // of U+E000 to U+EFFF the first byte, and of no other
		plain := text
		if private >= 0 {
			plain = text[:private]
		}
		var err error
		if dst, err = g.append(dst, plain); err != nil || private < 0 {
			return dst, err
		}
		r, size := utf8.DecodeRune(text[private:])
		if cell, ok := privateCell(r); ok {
			dst = append(dst, cell...)
		} else {
			char, _ := ident.FromPrivateUse(r)
			if dst, err = g.append(dst, utf8.AppendRune(nil, char)); err != nil {
				return dst, err
			}
		}
		text = text[private+size:]
	}
}

// append encodes text without private use in cells of two bytes.
func (g *gbEncoder) append(dst, text []byte) ([]byte, error) {
	if len(text) == 0 {
		return dst, nil
	}
	// A character of two bytes in UTF-8 has at most four, others have at most two more than they had.
	g.cells.Reset()
	start, most := len(dst), 2*len(text)
	if cap(dst)-start < most {
		dst = append(make([]byte, 0, 2*cap(dst)+most), dst...)
	}
	n, used, err := g.cells.Transform(dst[start:start+most], text, true)
	if err == nil && used < len(text) {
		err = transform.ErrShortSrc
	}
	if err != nil {
		return dst, fmt.Errorf("write %d bytes in GB18030: %w", len(text), err)
	}
	return dst[:start+n], nil
}

// privateCell gives the cell of a character U+E000 to U+E814.
func privateCell(r rune) ([]byte, bool) {
	n := r - 0xE000
	switch {
	case n < 0 || r >= 0xE815:
		return nil, false
	case r < 0xE234: // user-defined: AAA1 to AFFE
		return []byte{byte(0xAA + n/94), byte(0xA1 + n%94)}, true
	case r < 0xE4C6: // F8A1 to FEFE
		n = r - 0xE234
		return []byte{byte(0xF8 + n/94), byte(0xA1 + n%94)}, true
	case r < 0xE766: // A140 to A7A0, without A17F and so on
		n = r - 0xE4C6
		trail := byte(0x40 + n%96)
		if trail >= 0x7F {
			trail++
		}
		return []byte{byte(0xA1 + n/96), trail}, true
	}
	return gbGaps()[r-0xE766], true
}

// gbGaps gives the cells of U+E766 to U+E814: the gaps among the cells of two bytes in their order, but for fifteen characters whose cells of
// two bytes GB 18030-2000 gave away, and which have cells of four bytes since.
var gbGaps = sync.OnceValue(func() (gaps [][]byte) {
	const firstMoved = 33469 // 8336C739 in the order of the cells of four bytes
	table, moved := gb18030(), firstMoved
	next := func() {
		for r := 0xE766 + len(gaps); r == 0xE76C || r == 0xE7C8 || r >= 0xE7E7 && r <= 0xE7F3; r++ {
			gaps = append(gaps, gbFour(moved))
			moved++
		}
	}
	for lead := 0xA1; lead <= 0xF7; lead++ {
		for trail := 0x40; trail <= 0xFE; trail++ {
			userDefined := lead <= 0xA7 && trail <= 0xA0 || lead >= 0xAA && lead <= 0xAF && trail >= 0xA1
			if trail != 0x7F && !userDefined && table.two[lead&0x7F<<8|trail] == 0 {
				next()
				gaps = append(gaps, []byte{byte(lead), byte(trail)})
			}
		}
	}
	return gaps
})
