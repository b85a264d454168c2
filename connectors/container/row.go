package container

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"

	"hebian/connectors/text"
	"hebian/schemas"
)

const (
	// maxDepth bounds how deep records, arrays, maps and unions nest in a value, as the forms of text do. A linked list has one level for
	// each link.
	maxDepth = 512
	// Values without bytes (null, an empty record) would make much of nothing: five bytes can ask for a thousand million of them. A
	// message may hold spareInMessage and a file spareInFile, and both sparePerByte more for each byte that they have.
	spareInMessage = 64 << 10
	spareInFile    = 1 << 20
	sparePerByte   = 4
)

// Row appends to dst the CSV row of a record that stands alone, such as a message of a topic behind its framing. payload must be one
// datum of the schema to its last byte, or an *Error says where it isn't; then dst comes back as it was. A misfit says that the record
// is well but holds what no cell can say, or is too long; the row is what could be written of it.
func (s *Schema) Row(dst, payload []byte) ([]byte, *text.Misfit, error) {
	p := pass{data: payload, out: dst, spare: spareInMessage + sparePerByte*int64(len(payload))}
	misfit, ok := p.record(s.top)
	if !ok {
		return dst, nil, &Error{Offset: int64(p.at), Reason: p.reason(s)}
	}
	if p.at < len(payload) {
		return dst, nil, &Error{Offset: int64(p.at), Reason: fmt.Sprintf("%d bytes are behind the record", len(payload)-p.at)}
	}
	return p.out, misfit, nil
}

// pass is the way through the records of a block or a message. Methods that read say false once a value is none of its type; at is then
// where it begins, and want what should stand there.
type pass struct {
	data  []byte
	at    int
	spare int64 // values without bytes that may still come
	out   []byte

	row    int // where the row begins in out
	field  int // the top-level field at hand
	depth  int
	misfit *text.Misfit
	column string
	long   bool // the row is longer than a row may be, and only its beginning is in out
	want   string
}

func (p *pass) fail(want string) bool {
	p.want = want
	return false
}

// reason says what was wrong, of a schema's record.
func (p *pass) reason(s *Schema) string {
	if p.field < len(s.fields) {
		return fmt.Sprintf("field %s: want %s", s.fields[p.field].Name, p.want)
	}
	return "want " + p.want
}

// refuse says that the row can't be taken, for its first reason.
func (p *pass) refuse(reason schemas.Reason, detail string) {
	if p.misfit == nil {
		p.misfit = &text.Misfit{Reason: reason, Column: p.column, Detail: detail}
	}
}

// record appends the row of the next record.
func (p *pass) record(top *node) (*text.Misfit, bool) {
	begin := p.at
	p.row, p.misfit, p.long, p.depth = len(p.out), nil, false, 0
	for i := range top.members {
		if i > 0 {
			p.out = append(p.out, ',')
		}
		p.field, p.column = i, top.members[i].name
		if !p.cell(top.members[i].node) {
			return nil, false
		}
		p.trim()
	}
	if p.field = len(top.members); p.at == begin && !p.free() {
		return nil, false
	}
	if len(p.out) == p.row { // or the row of one empty cell would be a line of nothing
		p.out = append(p.out, `""`...)
	}
	if p.long {
		whole := p.data[begin:p.at]
		digest := sha256.Sum256(whole)
		p.out = p.out[:p.row+text.HeadBytes]
		return &text.Misfit{Reason: schemas.ReasonTooLong, Detail: "the row is longer than 1 MiB", Length: int64(len(whole)), Digest: digest[:]}, true
	}
	if p.misfit != nil {
		p.misfit.Length = int64(len(p.out) - p.row)
	}
	return p.misfit, true
}

// trim keeps a row that is too long from growing further. Its record must be read to the end all the same.
func (p *pass) trim() {
	if len(p.out)-p.row > text.MaxRecord {
		p.long, p.out = true, p.out[:p.row+text.HeadBytes]
	}
}

// put appends what the schema says, not the record: once the row is too long, a few bytes shall not cost many.
func (p *pass) put(s string) {
	if !p.long {
		p.out = append(p.out, s...)
	}
}

// free takes a value without bytes from those that may come.
func (p *pass) free() bool {
	p.spare--
	return p.spare >= 0 || p.fail("fewer values without bytes")
}

// cell appends a value as the text of a cell.
func (p *pass) cell(n *node) bool {
	begin := p.at
	if n.kind == kindUnion {
		var ok bool
		if n, ok = p.branch(n); !ok {
			return false
		}
	}
	switch n.kind {
	case kindNull:
		return p.at > begin || p.free()
	case kindString:
		s, ok := p.bytes("a text")
		if !ok {
			return false
		}
		start := len(p.out)
		var plain bool
		if p.out, plain = appendText(p.out, clip(s)); !plain && !utf8.Valid(s) {
			p.out = appendCell(p.out[:start], clip(s))
			p.refuse(schemas.ReasonEncoding, "the text is not UTF-8")
		}
		return true
	case kindEnum:
		s, ok := p.symbol(n)
		p.out = append(p.out, s.cell...)
		return ok
	case kindArray, kindMap, kindRecord:
		start := len(p.out)
		if !p.json(n) {
			return false
		}
		p.out = quoteFrom(p.out, start)
		return p.at > begin || p.free()
	}
	return p.plain(n) && (p.at > begin || p.free())
}

// clip gives what of a text the longest row has room for, and a byte more, so that it shows.
func clip(s []byte) []byte { return s[:min(len(s), text.MaxRecord+1)] }

// plain appends a value whose text is neither quoted nor escaped: digits, letters, and the signs of numbers, dates and base64.
func (p *pass) plain(n *node) bool {
	begin := p.at
	switch n.kind {
	case kindBoolean:
		if begin == len(p.data) || p.data[begin] > 1 {
			return p.fail("a boolean")
		}
		p.at++
		p.out = strconv.AppendBool(p.out, p.data[begin] == 1)
	case kindInt, kindLong:
		v, ok := p.long64()
		if !ok || n.kind == kindInt && (v != int64(int32(v)) || p.at-begin > 5) {
			p.at = begin
			return p.fail("an " + n.kind.String())
		}
		p.whole(n.logical, v)
	case kindFloat:
		b, ok := p.take(4, "a float")
		if !ok {
			return false
		}
		p.float(float64(math.Float32frombits(binary.LittleEndian.Uint32(b))), 32)
	case kindDouble:
		b, ok := p.take(8, "a double")
		if !ok {
			return false
		}
		p.float(math.Float64frombits(binary.LittleEndian.Uint64(b)), 64)
	case kindBytes, kindFixed:
		b, ok := p.opaque(n)
		if ok {
			p.raw(n, b)
		}
		return ok
	}
	return true
}

func (p *pass) opaque(n *node) ([]byte, bool) {
	if n.kind == kindFixed {
		return p.take(n.size, "all bytes of a fixed")
	}
	return p.bytes("bytes")
}

// branch reads which type of a union the value has.
func (p *pass) branch(n *node) (*node, bool) {
	begin := p.at
	if begin < len(p.data) && p.data[begin]&0x81 == 0 && int(p.data[begin]>>1) < len(n.branches) {
		p.at++
		return n.branches[p.data[begin]>>1], true
	}
	i, ok := p.long64()
	if !ok || i < 0 || i >= int64(len(n.branches)) || p.at-begin > 5 {
		p.at = begin
		return nil, p.fail("the index of a branch")
	}
	return n.branches[i], true
}

func (p *pass) symbol(n *node) (symbol, bool) {
	begin := p.at
	i, ok := p.long64()
	if !ok || i < 0 || i >= int64(len(n.symbols)) || p.at-begin > 5 {
		p.at = begin
		return symbol{}, p.fail("the index of a symbol")
	}
	return n.symbols[i], true
}

// bytes reads a length and as many bytes, which lie in the data.
func (p *pass) bytes(what string) ([]byte, bool) {
	begin := p.at
	n, ok := p.long64()
	if !ok || n < 0 || n > int64(len(p.data)-p.at) {
		p.at = begin
		return nil, p.fail(what + " of a length within the data")
	}
	p.at += int(n)
	return p.data[p.at-int(n) : p.at], true
}

func (p *pass) take(n int, what string) ([]byte, bool) {
	if n > len(p.data)-p.at {
		return nil, p.fail(what)
	}
	p.at += n
	return p.data[p.at-n : p.at], true
}

func (p *pass) long64() (int64, bool) {
	// Nearly all have up to two bytes: lengths, symbols, months.
	if at := p.at; at+1 < len(p.data) {
		if a := p.data[at]; a < 0x80 {
			p.at++
			return zigzag(uint64(a)), true
		} else if b := p.data[at+1]; b < 0x80 {
			p.at += 2
			return zigzag(uint64(a&0x7f) | uint64(b)<<7), true
		}
	}
	u, next := readVarint(p.data, p.at)
	if next < 0 {
		return 0, p.fail("a number")
	}
	p.at = next
	return zigzag(u), true
}

// maxVarint is how many bytes a number of 64 bits takes, seven bits in each.
const maxVarint = 10

// readVarint reads seven bits a byte, the lowest first, the last with its top bit clear.
func readVarint(data []byte, at int) (u uint64, next int) {
	for shift := 0; shift < 7*maxVarint && at < len(data); shift += 7 {
		b := data[at]
		at++
		u |= uint64(b&0x7f) << shift
		if b < 0x80 {
			if shift == 63 && b > 1 { // bits beyond the 64th
				return 0, -1
			}
			return u, at
		}
	}
	return 0, -1
}

func zigzag(u uint64) int64 { return int64(u>>1) ^ -int64(u&1) }

// mostItems is how many values of a type data of so many bytes can hold.
func mostItems(n *node, bytes int, spare int64) int64 {
	if n.least > 0 {
		return int64(bytes / n.least)
	}
	return int64(bytes) + spare
}

// JSON appends to dst a record that stands alone as a JSON object on one line, its fields named as in the schema. Of a union only the
// value is written. An *Error says where payload is no datum of the schema to its last byte, or that the object would be beyond 1 MiB.
func (s *Schema) JSON(dst, payload []byte) ([]byte, error) {
	p := pass{data: payload, out: dst, row: len(dst), spare: spareInMessage + sparePerByte*int64(len(payload))}
	switch {
	case !p.json(s.top):
		return dst, &Error{Offset: int64(p.at), Reason: p.reason(s)}
	case p.at < len(payload):
		return dst, &Error{Offset: int64(p.at), Reason: fmt.Sprintf("%d bytes are behind the record", len(payload)-p.at)}
	case p.long || p.misfit != nil:
		return dst, &Error{Offset: int64(p.at), Reason: "the record is beyond what one line holds, or has a value that JSON can't say"}
	}
	return p.out, nil
}
