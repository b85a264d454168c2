package schemas

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"unicode/utf8"

	"github.com/hamba/avro/v2"
)

const (
	// maxDepth bounds how deep records, arrays, maps and unions nest in one datum, so that neither this
	// walk nor a decoder after it runs out of stack. A linked list has one level for each link.
	maxDepth = 1000
	// spareValues is how many array and map items and values without bytes (null, an empty record) a
	// datum may claim beyond its length. Without the bound five bytes could ask for a thousand million.
	spareValues = 1024
)

// ErrMalformed is in the chain of every error about bytes that are no datum of their schema.
var ErrMalformed = errors.New("malformed Avro")

// WalkError says where a datum breaks its schema. It quotes nothing of the datum.
type WalkError struct {
	Offset int    // byte of the datum at which the wrong value begins
	Field  string // top-level field that it lies in; empty for the datum as a whole
	Want   string // what should stand there
}

// Error says where and what.
func (e *WalkError) Error() string {
	if e.Field == "" {
		return fmt.Sprintf("%v: byte %d: want %s", ErrMalformed, e.Offset, e.Want)
	}
	return fmt.Sprintf("%v: field %s, byte %d: want %s", ErrMalformed, e.Field, e.Offset, e.Want)
}

// Unwrap gives ErrMalformed.
func (e *WalkError) Unwrap() error { return ErrMalformed }

// Field is a top-level field of a datum as Walk found it. A union stands for the value of its branch.
type Field struct {
	// Start and End enclose the content of a string, bytes or fixed; of any other value its encoding.
	Start, End int
	// Int is the value of an int, a long, a boolean (0 or 1), the index of an enum's symbol.
	Int int64
	// Null is true for null.
	Null bool
}

// Walker checks that bytes are exactly one datum of a schema, and finds the fields in it without
// decoding them. No bytes from outside reach the Avro library unwalked: the library takes a cut
// record for a whole one with zeros, and believes any block count. A Walker may be used by several
// goroutines at once.
type Walker struct {
	schema  avro.Schema
	api     avro.API // this schema's own: the library's cache takes schemas that differ in aliases for one
	program *program
	names   []string // of the top-level fields; none when the schema is no record
}

// NewWalker compiles a schema.
func NewWalker(schema avro.Schema) (*Walker, error) {
	c := compiler{records: map[string]*program{}}
	o, err := c.compile(schema)
	if err != nil {
		return nil, fmt.Errorf("compile a schema for walking: %w", err)
	}
	w := &Walker{schema: schema, api: newAPI(), program: &program{ops: []op{o}}}
	if record, ok := schema.(*avro.RecordSchema); ok {
		w.program = o.sub
		for _, f := range record.Fields() {
			w.names = append(w.names, f.Name())
		}
	}
	return w, nil
}

// Index is the place of a top-level field among the fields that Walk fills, -1 if there is none.
func (w *Walker) Index(name string) int { return slices.Index(w.names, name) }

// Walk checks the datum from its first to its last byte and fills fields, the first for the first
// top-level field and so on; it may be shorter than the record has fields, or nil. A datum that is
// no record counts as one field. Every error is a *WalkError; after it the fields mean nothing.
func (w *Walker) Walk(data []byte, fields []Field) error {
	p := pass{data: data, spare: int64(len(data)) + spareValues}
	pos := p.run(w.program.ops, 0, 0, fields)
	if pos < 0 {
		e := &WalkError{Offset: p.at, Want: p.want}
		if p.field < len(w.names) {
			e.Field = w.names[p.field]
		}
		return e
	}
	if pos != len(data) {
		return &WalkError{Offset: pos, Want: "the end of the datum"}
	}
	return nil
}

// A program is what a schema is compiled to: the ops of the fields of a record, of the branches of a
// union, of an item of an array or map.
type program struct {
	ops []op
}

// An op walks over one value.
type op struct {
	code     opCode
	varint   bool     // the value begins with a varint
	optional bool     // an index stands before the value, and null may stand for it
	null     byte     // the index that says null, as it is written
	n        uint64   // symbols of an enum, bytes of a fixed
	sub      *program // of a record, union, array, map
}

type opCode uint8

const (
	opNull opCode = iota
	opBoolean
	opInt
	opLong
	opEnum
	opString
	opBytes
	opFixed
	opUnion // but for unions of null and one other: those are optional
	opRecord
	opBlocks // of an array or map
)

// A pass is the walk over one datum. Its methods take the place where something begins and give the
// place after it, or -1 once the datum is refused.
type pass struct {
	data  []byte
	spare int64  // what is left of the claims that the datum's length allows
	field int    // which top-level field was refused
	at    int    // at which byte
	want  string // and what should stand there
}

func (p *pass) refuse(field, at int, want string) int {
	p.field, p.at, p.want = field, at, want
	return -1
}

// claim takes n from what the datum may claim.
func (p *pass) claim(n int64) bool {
	if n > p.spare {
		return false
	}
	p.spare -= n
	return true
}

// run walks over one value for each op and says in fields what they were, as far as fields reach.
func (p *pass) run(ops []op, pos, depth int, fields []Field) int {
	data := p.data
	var unwanted Field
	for i := range ops {
		o, f := &ops[i], &unwanted
		if i < len(fields) {
			f = &fields[i]
		}
		if o.optional {
			if pos >= len(data) || data[pos]|2 != 2 { // branch 0 or 1; nobody writes them in more than a byte
				return p.refuse(i, pos, "the index of a branch")
			}
			if pos++; data[pos-1] == o.null {
				*f = Field{Start: pos, End: pos, Null: true}
				continue
			}
		}
		var u uint64
		next := pos
		if o.varint {
			// Nearly all have up to three bytes: symbols, lengths, months, dates, most amounts.
			x := uint32(math.MaxUint32)
			if len(data)-pos >= 4 {
				x = binary.LittleEndian.Uint32(data[pos:])
			}
			switch {
			case x&0x80 == 0:
				u, next = uint64(x&0x7f), pos+1
			case x&0x8000 == 0:
				u, next = uint64(x&0x7f|x>>1&0x3f80), pos+2
			case x&0x800000 == 0:
				u, next = uint64(x&0x7f|x>>1&0x3f80|x>>2&0x1fc000), pos+3
			default:
				if u, next = readVarint(data, pos); next < 0 {
					return p.refuse(i, pos, "a number")
				}
			}
		}
		f.Start, f.Int, f.Null = pos, 0, false
		switch o.code {
		case opString, opBytes:
			if u&1 != 0 || u>>1 > uint64(len(data)-next) {
				return p.refuse(i, pos, "a length within the datum")
			}
			f.Start = next
			next += int(u >> 1)
			if o.code == opString && !validText(data[f.Start:next]) {
				return p.refuse(i, pos, "UTF-8")
			}
		case opEnum:
			if u&1 != 0 || u>>1 >= o.n || next-pos > 5 {
				return p.refuse(i, pos, "the index of a symbol")
			}
			f.Int = int64(u >> 1)
		case opInt, opLong:
			if o.code == opInt && (u > math.MaxUint32 || next-pos > 5) {
				return p.refuse(i, pos, "an int")
			}
			f.Int = zigzag(u)
		default:
			if pos = p.rare(o, pos, depth, f); pos < 0 {
				p.field = i
				return -1
			}
			continue
		}
		f.End, pos = next, next
	}
	return pos
}

// rare walks over a value of a type that hot schemas have seldom.
func (p *pass) rare(o *op, pos, depth int, f *Field) int {
	if depth == maxDepth {
		return p.refuse(0, pos, "values nested less deep")
	}
	end := pos
	switch o.code {
	case opNull:
		f.Null = true
	case opBoolean:
		if pos >= len(p.data) || p.data[pos] > 1 {
			return p.refuse(0, pos, "a boolean")
		}
		f.Int, end = int64(p.data[pos]), pos+1
	case opFixed:
		if o.n > uint64(len(p.data)-pos) {
			return p.refuse(0, pos, "all bytes of a fixed")
		}
		end = pos + int(o.n)
	case opUnion:
		branch, next := index(p.data, pos, uint64(len(o.sub.ops)))
		if next < 0 {
			return p.refuse(0, pos, "the index of a branch")
		}
		p.spare++ // the index is a byte: it pays for a branch without any
		var one [1]Field
		end = p.run(o.sub.ops[branch:branch+1], next, depth+1, one[:])
		*f = one[0]
		return end
	case opRecord:
		end = p.run(o.sub.ops, pos, depth+1, nil)
	case opBlocks:
		end = p.blocks(o, pos, depth+1)
	}
	if end == pos && !o.optional && !p.claim(1) {
		return p.refuse(0, pos, "fewer values without bytes")
	}
	f.End = end
	return end
}

// blocks walks over the blocks of an array or map. The count of a block may be negative; then the
// size of the block in bytes stands behind it and must be right.
func (p *pass) blocks(o *op, pos, depth int) int {
	for {
		count, next := readLong(p.data, pos)
		if next < 0 {
			return p.refuse(0, pos, "the count of a block")
		}
		if count == 0 {
			return next
		}
		end := -1
		if count < 0 {
			size, start := readLong(p.data, next)
			if start < 0 || size < 0 || size > int64(len(p.data)-start) {
				return p.refuse(0, next, "the size of a block within the datum")
			}
			count, next, end = -count, start, start+int(size)
		}
		// The negative of MinInt64 is MinInt64.
		if count < 0 || !p.claim(count) {
			return p.refuse(0, pos, "a count that the datum can hold")
		}
		begin := next
		for range count {
			if next = p.run(o.sub.ops, next, depth, nil); next < 0 {
				return -1
			}
		}
		if end >= 0 && next != end {
			return p.refuse(0, begin, "a block of the size it names")
		}
		pos = next
	}
}

// validText tells UTF-8. It settles ASCII eight bytes at a time and Han two characters at a time,
// which is nearly all text there is; the rest it leaves to the standard library.
func validText(text []byte) bool {
	b := text
	for len(b) >= 8 {
		x := binary.LittleEndian.Uint64(b)
		switch {
		case x&0x8080808080808080 == 0:
			b = b[8:]
		case x&0xc0c0f0c0c0f0 == 0x8080e08080e0 && plainLead(byte(x)) && plainLead(byte(x>>24)):
			b = b[6:]
		case x&0x80 == 0:
			b = b[1:]
		case x&0xc0c0f0 == 0x8080e0 && plainLead(byte(x)):
			b = b[3:]
		default:
			return utf8.Valid(b)
		}
	}
	if len(text) >= 8 && binary.LittleEndian.Uint64(text[len(text)-8:])&0x8080808080808080 == 0 {
		return true
	}
	for len(b) > 0 {
		if b[0] < 0x80 {
			b = b[1:]
		} else if len(b) >= 3 && b[0]&0xf0 == 0xe0 && plainLead(b[0]) && b[1]&0xc0 == 0x80 && b[2]&0xc0 == 0x80 {
			b = b[3:]
		} else {
			return utf8.Valid(b)
		}
	}
	return true
}

// plainLead says of the first byte of a three-byte character that any two continuation bytes may
// follow it. E0 has overlong forms, ED the surrogates.
func plainLead(c byte) bool { return c != 0xe0 && c != 0xed }

// index reads the index of a branch, an int below n.
func index(data []byte, pos int, n uint64) (i uint64, next int) {
	u, next := readVarint(data, pos)
	if u&1 != 0 || u>>1 >= n || next-pos > 5 {
		return 0, -1
	}
	return u >> 1, next
}

// readLong reads a long.
func readLong(data []byte, pos int) (v int64, next int) {
	u, next := readVarint(data, pos)
	return zigzag(u), next
}

// readVarint reads seven bits a byte, the lowest first, the last with its top bit clear: at most ten
// bytes and 64 bits.
func readVarint(data []byte, pos int) (u uint64, next int) {
	for shift := 0; shift <= 63 && pos < len(data); shift += 7 {
		b := data[pos]
		pos++
		u |= uint64(b&0x7f) << shift
		if b < 0x80 {
			if shift == 63 && b > 1 { // bits beyond the 64th
				return 0, -1
			}
			return u, pos
		}
	}
	return 0, -1
}

func zigzag(u uint64) int64 { return int64(u>>1) ^ -int64(u&1) }

// A compiler turns a schema into ops. A record compiled before is looked up, so that it may hold
// itself.
type compiler struct {
	records map[string]*program
}

func (c *compiler) compile(schema avro.Schema) (op, error) {
	switch s := schema.(type) {
	case *avro.NullSchema:
		return op{code: opNull}, nil
	case *avro.PrimitiveSchema:
		return primitive(s.Type())
	case *avro.EnumSchema:
		return op{code: opEnum, varint: true, n: uint64(len(s.Symbols()))}, nil
	case *avro.FixedSchema:
		if s.Size() < 0 {
			return op{}, fmt.Errorf("fixed %s of %d bytes", s.FullName(), s.Size())
		}
		return op{code: opFixed, n: uint64(s.Size())}, nil
	case *avro.RefSchema:
		return c.compile(s.Schema())
	case *avro.RecordSchema:
		return c.record(s)
	case *avro.ArraySchema:
		sub, err := c.program(s.Items())
		return op{code: opBlocks, sub: sub}, err
	case *avro.MapSchema:
		// An item of a map goes as its key and its value.
		sub, err := c.program(avro.NewPrimitiveSchema(avro.String, nil), s.Values())
		return op{code: opBlocks, sub: sub}, err
	case *avro.UnionSchema:
		return c.union(s)
	}
	return op{}, fmt.Errorf("unknown schema %T", schema)
}

func primitive(t avro.Type) (op, error) {
	switch t {
	case avro.Boolean:
		return op{code: opBoolean}, nil
	case avro.Int:
		return op{code: opInt, varint: true}, nil
	case avro.Long:
		return op{code: opLong, varint: true}, nil
	case avro.Float:
		return op{code: opFixed, n: 4}, nil
	case avro.Double:
		return op{code: opFixed, n: 8}, nil
	case avro.String:
		return op{code: opString, varint: true}, nil
	case avro.Bytes:
		return op{code: opBytes, varint: true}, nil
	}
	return op{}, fmt.Errorf("unknown type %s", t)
}

func (c *compiler) record(s *avro.RecordSchema) (op, error) {
	if sub := c.records[s.FullName()]; sub != nil {
		return op{code: opRecord, sub: sub}, nil
	}
	sub := new(program)
	c.records[s.FullName()] = sub // before its fields, which may name it
	for _, f := range s.Fields() {
		o, err := c.compile(f.Type())
		if err != nil {
			return op{}, fmt.Errorf("field %s: %w", f.Name(), err)
		}
		sub.ops = append(sub.ops, o)
	}
	return op{code: opRecord, sub: sub}, nil
}

func (c *compiler) union(s *avro.UnionSchema) (op, error) {
	if s.Nullable() {
		null, other := s.Indices()
		o, err := c.compile(s.Types()[other])
		o.optional, o.null = true, byte(null*2)
		return o, err
	}
	sub, err := c.program(s.Types()...)
	return op{code: opUnion, sub: sub}, err
}

func (c *compiler) program(schemas ...avro.Schema) (*program, error) {
	sub := new(program)
	for _, s := range schemas {
		o, err := c.compile(s)
		if err != nil {
			return nil, err
		}
		sub.ops = append(sub.ops, o)
	}
	return sub, nil
}
