package container

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"time"
	"unicode/utf8"

	"hebian/schemas"
)

// Bounds of decimals: more digits cost time that grows faster than they do.
const (
	maxDecimalBytes = 512  // of the unscaled number
	maxScale        = 1000 // of a decimal that brings its own
)

// whole writes an int or a long by its logical type.
func (p *pass) whole(l logical, v int64) {
	const day = 24 * 60 * 60
	var ok bool
	switch l {
	case logicalDate:
		p.out, ok = appendDate(p.out, time.Unix(v*day, 0).UTC())
	case logicalTimeMillis:
		ok = v >= 0 && v < day*1e3
		p.out = appendClock(p.out, v/1e3, v%1e3*1e6, ok)
	case logicalTimeMicros:
		ok = v >= 0 && v < day*1e6
		p.out = appendClock(p.out, v/1e6, v%1e6*1e3, ok)
	case logicalTimestampMillis:
		p.out, ok = appendTimestamp(p.out, v, 1e3, "Z")
	case logicalTimestampMicros:
		p.out, ok = appendTimestamp(p.out, v, 1e6, "Z")
	case logicalTimestampNanos:
		p.out, ok = appendTimestamp(p.out, v, 1e9, "Z")
	case logicalLocalMillis:
		p.out, ok = appendTimestamp(p.out, v, 1e3, "")
	case logicalLocalMicros:
		p.out, ok = appendTimestamp(p.out, v, 1e6, "")
	case logicalLocalNanos:
		p.out, ok = appendTimestamp(p.out, v, 1e9, "")
	default:
		p.out = strconv.AppendInt(p.out, v, 10)
		return
	}
	if !ok {
		p.out = strconv.AppendInt(p.out, v, 10)
		p.refuse(schemas.ReasonUnreadable, fmt.Sprintf("a %v outside the years 0 to 9999, or of no hour of the day", l))
	}
}

// appendDate appends YYYY-MM-DD, or says that there is no such year.
func appendDate(dst []byte, t time.Time) ([]byte, bool) {
	year, month, day := t.Date()
	if year < 0 || year > 9999 {
		return dst, false
	}
	dst = appendTwo(appendTwo(dst, year/100), year%100)
	return appendTwo(append(appendTwo(append(dst, '-'), int(month)), '-'), day), true
}

// appendTimestamp appends a time as RFC 3339 has it. v is in parts of a second since 1970, so many to the second.
func appendTimestamp(dst []byte, v, parts int64, zone string) ([]byte, bool) {
	seconds, rest := v/parts, v%parts
	if rest < 0 {
		seconds, rest = seconds-1, rest+parts
	}
	if seconds < -1<<40 || seconds > 1<<40 { // years of five digits; and time would overflow at the ends
		return dst, false
	}
	t := time.Unix(seconds, 0).UTC()
	dst, ok := appendDate(dst, t)
	if !ok {
		return dst, false
	}
	hour, minute, second := t.Clock()
	dst = appendClock(append(dst, 'T'), int64(hour*3600+minute*60+second), rest*(1e9/parts), true)
	return append(dst, zone...), true
}

// appendClock appends a time of the day, with a fraction if there is one: in thousandths, millionths or finer.
func appendClock(dst []byte, seconds, nanos int64, ok bool) []byte {
	if !ok {
		return dst
	}
	dst = append(appendTwo(dst, int(seconds/3600)), ':')
	dst = append(appendTwo(dst, int(seconds/60%60)), ':')
	dst = appendTwo(dst, int(seconds%60))
	if nanos == 0 {
		return dst
	}
	var digits [9]byte
	for i, n := len(digits)-1, nanos; i >= 0; i, n = i-1, n/10 {
		digits[i] = '0' + byte(n%10)
	}
	n := len(digits)
	for bytes.HasSuffix(digits[:n], []byte("000")) {
		n -= 3
	}
	return append(append(dst, '.'), digits[:n]...)
}

// appendTwo appends a number below 100 as two digits.
func appendTwo(dst []byte, n int) []byte { return append(dst, '0'+byte(n/10), '0'+byte(n%10)) }

// float writes the shortest text that reads back as the same number, without an exponent where it isn't very large or small.
func (p *pass) float(v float64, bits int) {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		p.out = strconv.AppendFloat(p.out, v, 'g', -1, bits)
		p.refuse(schemas.ReasonUnreadable, "a number that is infinite or none")
		return
	}
	format := byte('f')
	if size := math.Abs(v); size != 0 && (size < 1e-6 || size >= 1e21) {
		format = 'e'
	}
	p.out = strconv.AppendFloat(p.out, v, format, -1, bits)
}

// raw writes bytes or a fixed by its logical type.
func (p *pass) raw(n *node, b []byte) {
	switch n.logical {
	case logicalDecimal:
		p.decimal(b, n.scale)
	case logicalBigDecimal:
		p.bigDecimal(b)
	case logicalUUID:
		for i, part := range [][]byte{b[:4], b[4:6], b[6:8], b[8:10], b[10:]} {
			if i > 0 {
				p.out = append(p.out, '-')
			}
			p.out = hex.AppendEncode(p.out, part)
		}
	default:
		p.out = base64.StdEncoding.AppendEncode(p.out, clip(b))
	}
}

// bigDecimal writes a decimal that brings its scale along: bytes and an int, as they stand alone.
func (p *pass) bigDecimal(b []byte) {
	inner := pass{data: b}
	unscaled, ok := inner.bytes("bytes")
	scale, scaled := int64(0), false
	if ok {
		scale, scaled = inner.long64()
	}
	if !scaled || inner.at != len(b) || scale < -maxScale || scale > maxScale {
		p.out = base64.StdEncoding.AppendEncode(p.out, clip(b))
		p.refuse(schemas.ReasonUnreadable, "a big-decimal without a number, or without a scale from -1000 to 1000")
		return
	}
	p.decimal(unscaled, int(scale))
}

// decimal writes a number in two's complement, the highest byte first, with scale digits behind the point.
func (p *pass) decimal(b []byte, scale int) {
	switch {
	case len(b) == 0 || len(b) > maxDecimalBytes:
		p.out = base64.StdEncoding.AppendEncode(p.out, clip(b))
		p.refuse(schemas.ReasonUnreadable, fmt.Sprintf("a decimal of %d bytes", len(b)))
		return
	case len(b) <= 8:
		var wide [8]byte
		copy(wide[8-len(b):], b)
		shift := 64 - 8*len(b)
		v := int64(binary.BigEndian.Uint64(wide[:])) << shift >> shift
		size := uint64(v)
		if v < 0 {
			p.out, size = append(p.out, '-'), -size
		}
		var digits [20]byte
		p.point(strconv.AppendUint(digits[:0], size, 10), scale)
		return
	}
	v := new(big.Int).SetBytes(b)
	if b[0] >= 0x80 {
		v.Sub(v, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
		p.out = append(p.out, '-')
	}
	p.point(v.Abs(v).Append(nil, 10), scale)
}

// point writes digits with the point before the last so many, or as many noughts behind them if there are less than none.
func (p *pass) point(digits []byte, scale int) {
	if scale <= 0 {
		p.out = append(p.out, digits...)
		if string(digits) != "0" {
			p.out = appendNoughts(p.out, -scale)
		}
		return
	}
	if whole := len(digits) - scale; whole > 0 {
		p.out = append(append(append(p.out, digits[:whole]...), '.'), digits[whole:]...)
		return
	}
	p.out = appendNoughts(append(p.out, "0."...), scale-len(digits))
	p.out = append(p.out, digits...)
}

func appendNoughts(dst []byte, n int) []byte {
	for range n {
		dst = append(dst, '0')
	}
	return dst
}

// signs are the bytes of which one puts a CSV cell in quotes.
var signs = [256]bool{'"': true, ',': true, '\n': true, '\r': true}

// appendText appends a text as a CSV cell. plain says that it is ASCII; if it isn't, whether it is UTF-8 is still open.
func appendText(dst, s []byte) (to []byte, plain bool) {
	var bits byte
	quote := false
	for _, c := range s {
		bits |= c
		quote = quote || signs[c]
	}
	if quote {
		return appendCell(dst, s), bits < utf8.RuneSelf
	}
	return append(dst, s...), bits < utf8.RuneSelf
}

// appendCell appends a text as a CSV cell, in quotes where it needs them.
func appendCell(dst, s []byte) []byte { return quoteFrom(append(dst, s...), len(dst)) }

// quoteFrom makes a cell of what stands in dst from start on, where it stands. A row that was too long may be cut before start.
func quoteFrom(dst []byte, start int) []byte {
	if start > len(dst) || !bytes.ContainsAny(dst[start:], "\",\n\r") {
		return dst
	}
	end := len(dst)
	more := bytes.Count(dst[start:], []byte{'"'}) + 2
	for range more {
		dst = append(dst, '"')
	}
	to := len(dst) - 1 // the closing quote is there
	for from := end - 1; from >= start; from-- {
		to--
		dst[to] = dst[from]
		if dst[from] == '"' {
			to--
			dst[to] = '"'
		}
	}
	dst[start] = '"'
	return dst
}
