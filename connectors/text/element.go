package text

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// element follows one element of a JSON array through any number of pieces, to where it ends. It looks
// at brackets, quotes and line ends only: the grammar within is for those who read the element. Like
// csvForm it works on bytes, but here the encoding matters: in GB18030 the second byte of a character
// may be that of a bracket or a backslash. The bytes of quotes, commas, blanks and line ends never are.
//
// Where brackets and quotes don't pair up, the end is found as far as it can be told:
//   - A string ends with its line, at the latest.
//   - A bracket that was never closed ends with the one around it.
//   - In the element itself, where a comma stands before a key, "{" begins the next element.
//   - "]" that nothing in the element opened is the array's own, if nothing but blanks follows.
//
// So damage stays within an element, or within two where the comma between them is missing, too. What
// is left open at the end of the file is taken for the array's missing end.
type element struct {
	gb    bool // the encoding is GB18030
	state elementState
	lead  bool // the piece before ended within a character of GB18030
	flaw  string

	depth  int                   // brackets open, but for those beyond maxDepth
	deep   int                   // brackets open beyond maxDepth
	open   [2]int                // braces open, brackets open
	square [maxDepth / 64]uint64 // by level: 1 for a bracket, 0 for a brace

	size  int64 // bytes of the pieces before
	lines int64 // line ends before size, or before the end
	end   int64 // behind the last byte of those pieces that is no blank; the element's end when it is whole
	comma bool  // that byte is a comma
	next  int64 // where to read on when it is whole: behind the end, or blanks further
	cut   int64 // behind the last byte of a string that ended with its line; 0: none
	reset bool  // it ended where the next element begins, whose comma it holds

	stray      int64 // place of a "]" that nothing opened; 0: none
	strayEnd   int64 // the end if that is the array's
	strayLines int64
}

type elementState uint8

const (
	elementStart  elementState = iota
	elementBare                // in a number or a word, or in what is none
	elementText                // in a string
	elementSlash               // in a string, behind a backslash
	elementNested              // within brackets
	elementWhole               // behind the end
	elementOpen                // at the end of the file, which is not the element's
)

// What the splitter itself finds wrong with an element.
const (
	cutDetail     = "a string has no end on its line"
	bracketDetail = "the brackets don't pair up"
	nextDetail    = "the next element begins before this one ends"
	depthDetail   = "more than 512 levels of objects and arrays"
	openDetail    = "the file ends within the element"
	commaDetail   = "no comma before the element"
	strayDetail   = "a comma without an element"
)

// feed follows the next piece, which begins with the element's first byte or where the one before
// ended, and returns how many bytes that took. With last set the file ends with the piece.
func (e *element) feed(p []byte, last bool) int {
	at := 0
	if e.lead && len(p) > 0 {
		e.lead = false
		if trail(p[0]) {
			at++
		}
	}
	for at < len(p) && e.state < elementWhole {
		switch e.state {
		case elementStart:
			at = e.start(p)
		case elementBare:
			at = e.bare(p, at)
		case elementNested:
			at = e.nested(p, at)
		case elementSlash:
			e.state = elementText
			if p[at] == '"' || p[at] == '\\' { // other bytes are plain ones, or none for a string
				at++
			}
		default:
			at = e.text(p, at)
		}
	}
	if e.state < elementWhole {
		if end := e.behind(p, at); end > e.size {
			e.end, e.comma = end, p[end-e.size-1] == ','
		}
		if last {
			e.size += int64(at)
			e.finish()
			return at
		}
	}
	e.size += int64(at)
	return at
}

func (e *element) start(p []byte) int {
	switch p[0] {
	case '{', '[':
		e.state = elementNested
		return 0
	case '"':
		e.state = elementText
		return 1
	}
	e.state = elementBare
	return 0
}

// whole ends the element at a place of the piece.
func (e *element) whole(at int) int {
	e.state, e.end, e.next = elementWhole, e.size+int64(at), e.size+int64(at)
	return at
}

// finish ends the element with the file.
func (e *element) finish() {
	switch {
	case e.state == elementBare:
		e.whole(0)
	case e.stray > 0 && e.stray+1 == e.end:
		e.state, e.end, e.next, e.lines = elementWhole, e.strayEnd, e.stray, e.strayLines
	default:
		e.state, e.next = elementOpen, e.size
		e.wrong(openDetail)
	}
}

func (e *element) bare(p []byte, at int) int {
	for at < len(p) {
		switch c := p[at]; {
		case c <= ' ' && isJSONBlank(c), c == ',', c == ']', c == '[', c == '{', c == '"':
			return e.whole(at)
		case c >= utf8.RuneSelf && e.gb:
			at = e.character(p, at)
		default:
			at++
		}
	}
	return at
}

// nested goes on outside strings, and over those that lie whole in the piece and hold no escape, to the element's end or to a string
// that takes more care.
func (e *element) nested(p []byte, at int) int {
	for at < len(p) {
		switch c := p[at]; c {
		case '"':
			if at = plain(p, at+1, e.gb); at == len(p) || p[at] != '"' {
				e.state = elementText
				return at
			}
		case '{', '[':
			if c == '{' && e.depth == 1 && e.isNext(p, at) {
				end := e.behind(p, at)
				e.whole(at)
				e.end, e.reset = end, true
				e.wrong(nextDetail)
				return at
			}
			e.push(c)
		case '}', ']':
			if e.pop(c, p, at); e.depth == 0 {
				return e.whole(at + 1)
			}
		case '\n':
			e.lines++
		default:
			if c >= utf8.RuneSelf && e.gb {
				at = e.character(p, at)
				continue
			}
		}
		at++
	}
	return at
}

// isNext says whether a brace within no bracket but the element's own is the beginning of the next element.
func (e *element) isNext(p []byte, at int) bool {
	if e.deep > 0 || e.open[0] == 0 {
		return false
	}
	before := e.behind(p, at)
	if before == e.cut {
		return true
	}
	if before > e.size {
		return p[before-e.size-1] == ','
	}
	return e.comma
}

// behind is the place behind the last byte before p[at] that is no blank.
func (e *element) behind(p []byte, at int) int64 {
	for ; at > 0; at-- {
		if !isJSONBlank(p[at-1]) {
			return e.size + int64(at)
		}
	}
	return e.end
}

func (e *element) push(c byte) {
	if e.depth == maxDepth {
		e.wrong(depthDetail)
		e.deep++
		return
	}
	kind := int(c>>5&1 ^ 1) // '{' is 7B, '[' is 5B
	word, bit := e.depth/64, uint(e.depth%64)
	e.square[word] = e.square[word]&^(1<<bit) | uint64(kind)<<bit
	e.open[kind]++
	e.depth++
}

// pop closes the innermost bracket of the kind, and those within it that were never closed.
func (e *element) pop(c byte, p []byte, at int) {
	kind := int(c>>5&1 ^ 1)
	switch {
	case e.deep > 0:
		e.deep--
		return
	case e.open[kind] == 0:
		e.wrong(bracketDetail)
		if c == ']' {
			e.stray, e.strayEnd, e.strayLines = e.size+int64(at), e.behind(p, at), e.lines
		}
		return
	}
	for {
		e.depth--
		top := int(e.square[e.depth/64] >> uint(e.depth%64) & 1)
		e.open[top]--
		if top == kind {
			return
		}
		e.wrong(bracketDetail)
	}
}

// text goes on within a string to behind its end.
func (e *element) text(p []byte, at int) int {
	for {
		at = plain(p, at, e.gb)
		if at == len(p) {
			return at
		}
		switch c := p[at]; {
		case c == '"':
			if at++; e.depth == 0 {
				return e.whole(at)
			}
			e.state = elementNested
			return at
		case c == '\\':
			e.state = elementSlash
			return at + 1
		case c == '\n':
			e.wrong(cutDetail)
			if e.cut = e.behind(p, at); e.depth == 0 {
				e.whole(at)
				e.end = e.cut
				return at
			}
			e.state = elementNested
			return at
		case c >= utf8.RuneSelf:
			for at < len(p) && p[at] >= utf8.RuneSelf {
				at = e.character(p, at)
			}
		default: // another control character
			at++
		}
	}
}

// character steps over a character of GB18030 that begins with a byte beyond ASCII. One of four bytes
// may pass for two single bytes and twice: digits mean nothing here.
func (e *element) character(p []byte, at int) int {
	if p[at] == 0x80 || p[at] == 0xFF {
		return at + 1
	}
	if at+1 == len(p) {
		e.lead = true
		return at + 1
	}
	if trail(p[at+1]) {
		return at + 2
	}
	return at + 1
}

// trail says whether c may be the second byte of a character of two.
func trail(c byte) bool { return c >= 0x40 && c != 0x7F && c != 0xFF }

// plain is the place of the next byte at or after at that means something in a string: a quote, a
// backslash, a control character and, in GB18030, a byte beyond ASCII; or len(p).
func plain(p []byte, at int, gb bool) int {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	var beyond uint64
	if gb {
		beyond = high
	}
	for ; at+8 <= len(p); at += 8 {
		word := binary.LittleEndian.Uint64(p[at:])
		quote, slash := word^ones*'"', word^ones*'\\'
		found := (quote-ones)&^quote | (slash-ones)&^slash | (word-ones*' ')&^word
		if found = found&high | word&beyond; found != 0 {
			return at + bits.TrailingZeros64(found)/8
		}
	}
	for ; at < len(p); at++ {
		if c := p[at]; c == '"' || c == '\\' || c < ' ' || gb && c >= utf8.RuneSelf {
			break
		}
	}
	return at
}

// wrong notes what is wrong, of several flaws the first.
func (e *element) wrong(flaw string) {
	if e.flaw == "" {
		e.flaw = flaw
	}
}

func isJSONBlank(c byte) bool { return c == ' ' || c == '\n' || c == '\r' || c == '\t' }
