package text

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math/bits"
	"unicode/utf8"
)

const (
	// detectBytes is how much of a file is read at a time.
	detectBytes = 1 << 20
	// diagnosedBytes is how much Diagnose is shown of a file.
	diagnosedBytes = 4096
	// judgedBytes is how long a line may be to be judged as one: of a file that is one line, parts are.
	judgedBytes = 4096
)

// Detect tells the encoding of a file of size bytes whose agency doesn't declare it: UTF-8 if it has the mark (BOM) or if all of it is
// UTF-8, else GB18030. It returns a *FormError where that can't be told and must be declared: a file that is UTF-8 but for a few broken
// bytes would come out as other characters if it were taken for GB18030. It reads the file in order, to its end if it is UTF-8.
func Detect(r io.ReaderAt, size int64) (Encoding, error) {
	d := detection{r: r, size: size, buf: make([]byte, min(size, detectBytes))}
	p, last, err := d.read(0)
	if err != nil {
		return 0, err
	}
	switch looks := Diagnose(p[:min(len(p), diagnosedBytes)], UTF8); {
	case GB18030.bom(p) > UTF8.bom(p):
		return GB18030, nil
	case looks != "" && looks != looksEmpty && looks != looksGB18030 && looks != looksNeither:
		return 0, &FormError{Reason: "the file " + looks + "; wanted is text in UTF-8 or GB18030"}
	}
	marked := UTF8.bom(p) > 0
	for at := int64(0); ; {
		whole := len(p)
		if !last {
			whole -= openCharacter(p)
		}
		if !validUTF8(p[:whole]) {
			return d.judge(at, p, last, marked)
		}
		if last {
			return UTF8, nil
		}
		at += int64(whole)
		if p, last, err = d.read(at); err != nil {
			return 0, err
		}
	}
}

type detection struct {
	r    io.ReaderAt
	size int64
	buf  []byte
}

// read reads a piece of the file. last says that the file ends with it.
func (d *detection) read(at int64) (p []byte, last bool, err error) {
	p = d.buf[:min(d.size-at, int64(len(d.buf)))]
	if n, err := d.r.ReadAt(p, at); n < len(p) {
		return nil, false, fmt.Errorf("read %d bytes of %d at offset %d: %w", len(p), d.size, at, err)
	}
	return p, at+int64(len(p)) == d.size, nil
}

// judge tells the encoding of a file that isn't UTF-8 throughout, from the piece p that isn't and from the first one.
func (d *detection) judge(at int64, p []byte, last, marked bool) (Encoding, error) {
	var seen lines
	seen.add(p, last)
	if at > 0 {
		p, last, err := d.read(0)
		if err != nil {
			return 0, err
		}
		seen.add(p, last)
	}
	const declare = "; the encoding must be declared"
	mixed := seen.utf8*10 > seen.all
	switch {
	case mixed && marked:
		return UTF8, nil
	case marked:
		return 0, &FormError{Reason: "the file has the mark of UTF-8 (BOM), but its lines are not UTF-8" + declare}
	case mixed:
		reason := fmt.Sprintf("%d of the %d lines beyond ASCII that were looked at are UTF-8, the others are not", seen.utf8, seen.all)
		return 0, &FormError{Reason: reason + declare}
	case seen.gb18030*2 < seen.all:
		return 0, &FormError{Reason: "the file " + looksNeither + declare}
	}
	return GB18030, nil
}

// validUTF8 is utf8.Valid, and faster on Chinese: it takes the bytes of a character, or of two, together.
func validUTF8(p []byte) bool {
	const (
		high     = 0x8080808080808080
		mask     = 0xC0C0F0 // the bits that tell a byte's place in a character
		char     = 0x8080E0
		firstRun = 0xE1 // the lead bytes E1 to EC take any bytes behind them that are in place
		runs     = 0xEC - 0xE1
	)
	at := 0
	for at+8 <= len(p) {
		word := binary.LittleEndian.Uint64(p[at:])
		if ascii := bits.TrailingZeros64(word&high) / 8; ascii > 0 {
			at += ascii
			continue
		}
		if word&mask == char && byte(word)-firstRun <= runs {
			at += 3
			if next := word >> 24; next&mask == char && byte(next)-firstRun <= runs {
				at += 3
			}
			continue
		}
		r, size := utf8.DecodeRune(p[at:])
		if r == utf8.RuneError && size == 1 {
			return false
		}
		at += size
	}
	return utf8.Valid(p[at:])
}

// openCharacter is the number of bytes at the end of p that may be a character of UTF-8 cut short.
func openCharacter(p []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(p); n++ {
		if c := p[len(p)-n]; utf8.RuneStart(c) {
			if utf8.FullRune(p[len(p)-n:]) {
				return 0
			}
			return n
		}
	}
	return 0
}

// lines counts lines beyond ASCII by the encodings that they fit. Any bytes of UTF-8 with few exceptions fit GB18030, too, and a short
// line of GB18030 may fit UTF-8 by chance; so only many lines tell.
type lines struct{ all, utf8, gb18030 int }

// add looks at the lines of a piece. With last set the file ends with it; else its last line may be cut short.
func (l *lines) add(p []byte, last bool) {
	for len(p) > 0 {
		end := indexFrom(p, 0, '\n')
		if end > judgedBytes { // no character has a byte below that of '0' further in
			if n := bytes.IndexFunc(p[judgedBytes:end], func(r rune) bool { return r < '0' }); n >= 0 {
				end = judgedBytes + n
			}
		}
		line, whole := p[:end], end < len(p) || last
		p = p[min(end+1, len(p)):]
		if isASCII(line) {
			continue
		}
		l.all++
		if utf8.Valid(line) || !whole && isUTF8(line) {
			l.utf8++
		}
		if isGB18030(line) {
			l.gb18030++
		}
	}
}
