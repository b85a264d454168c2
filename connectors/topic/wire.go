package topic

import (
	"encoding/binary"
	"errors"
)

// request is a request's text as it grows. Where it is flexible, lengths are of varying size and tagged fields end structures.
type request struct {
	b        []byte
	flexible bool
}

func (r *request) bool(v bool) {
	if v {
		r.int8(1)
		return
	}
	r.int8(0)
}
func (r *request) int8(v int8)   { r.b = append(r.b, byte(v)) }
func (r *request) int16(v int16) { r.b = binary.BigEndian.AppendUint16(r.b, uint16(v)) }
func (r *request) int32(v int32) { r.b = binary.BigEndian.AppendUint32(r.b, uint32(v)) }
func (r *request) int64(v int64) { r.b = binary.BigEndian.AppendUint64(r.b, uint64(v)) }

// array begins an array of n.
func (r *request) array(n int) {
	if r.flexible {
		r.b = binary.AppendUvarint(r.b, uint64(n)+1)
		return
	}
	r.int32(int32(n))
}

func (r *request) str(s string) {
	if r.flexible {
		r.b = binary.AppendUvarint(r.b, uint64(len(s))+1)
	} else {
		r.int16(int16(len(s)))
	}
	r.b = append(r.b, s...)
}

func (r *request) bytes(b []byte) {
	r.int32(int32(len(b)))
	r.b = append(r.b, b...)
}

// tags ends a structure.
func (r *request) tags() {
	if r.flexible {
		r.b = append(r.b, 0)
	}
}

// errForm says that an answer is not what it should be.
var errForm = errors.New("the broker's answer breaks the form of its kind")

// answer is an answer's text as it is read. After the first thing that does not fit it gives nothing but zeroes, and err says so.
// Whatever length it reads it believes no further than the answer has bytes.
type answer struct {
	b        []byte
	flexible bool
	err      error
}

func (a *answer) take(n int) []byte {
	if a.err != nil || n < 0 || n > len(a.b) {
		a.err, a.b = errForm, nil
		return nil
	}
	taken := a.b[:n:n]
	a.b = a.b[n:]
	return taken
}

func (a *answer) int8() int8 {
	if b := a.take(1); b != nil {
		return int8(b[0])
	}
	return 0
}

func (a *answer) int16() int16 {
	if b := a.take(2); b != nil {
		return int16(binary.BigEndian.Uint16(b))
	}
	return 0
}

func (a *answer) int32() int32 {
	if b := a.take(4); b != nil {
		return int32(binary.BigEndian.Uint32(b))
	}
	return 0
}

func (a *answer) int64() int64 {
	if b := a.take(8); b != nil {
		return int64(binary.BigEndian.Uint64(b))
	}
	return 0
}

func (a *answer) uvarint() uint64 {
	v, n := binary.Uvarint(a.b)
	if n <= 0 {
		a.take(-1)
		return 0
	}
	a.take(n)
	return v
}

// varint reads a number as records have it.
func (a *answer) varint() int64 {
	v, n := binary.Varint(a.b)
	if n <= 0 {
		a.take(-1)
		return 0
	}
	a.take(n)
	return v
}

// array gives how many elements follow, each of at least min bytes; 0 where there is no array.
func (a *answer) array(least int) int {
	var n int64
	if a.flexible {
		n = int64(min(a.uvarint(), 1<<32)) - 1
	} else {
		n = int64(a.int32())
	}
	if n > int64(len(a.b)/least) {
		a.take(-1)
		return 0
	}
	return int(max(n, 0))
}

// str reads a text; "" where there is none.
func (a *answer) str() string {
	var n int64
	if a.flexible {
		n = int64(min(a.uvarint(), 1<<32)) - 1
	} else {
		n = int64(a.int16())
	}
	if n < 0 {
		return ""
	}
	return string(a.take(int(n)))
}

// bytes reads bytes behind a length of four bytes; nil where there are none.
func (a *answer) bytes() []byte {
	n := a.int32()
	if n < 0 {
		return nil
	}
	return a.take(int(n))
}

// int32s steps over an array.
func (a *answer) int32s() { a.take(4 * a.array(4)) }

// tags steps over the tagged fields that end a structure.
func (a *answer) tags() {
	if !a.flexible {
		return
	}
	for n := a.uvarint(); n > 0 && a.err == nil; n-- {
		a.uvarint()
		a.take(int(min(a.uvarint(), 1<<31)))
	}
}
