package topic

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"time"

	"github.com/segmentio/kafka-go/compress"
)

const (
	// batchHead is how many bytes stand before the records of a batch.
	batchHead = 61
	// lengthAt is where the bytes begin that the batch's length counts, and crcAt those that its check sum covers.
	lengthAt, crcAt = 12, 21
	// leastRecord is how many bytes a record has at least.
	leastRecord = 7
	// maxUnpacked bounds the records of a batch as they are without compression, in bytes.
	maxUnpacked = 64 << 20
)

// Bits of a batch's attributes.
const (
	compressed    = 7 // the way: three bits
	transactional = 1 << 4
	control       = 1 << 5
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// batch is a record batch as it lies in a topic. Compaction may have taken any of its records, its offsets remain.
type batch struct {
	base, last int64 // offsets
	attributes int16
	producer   int64
	count      int32
	records    []byte // compressed, if the attributes say so
}

var (
	errDamaged  = errors.New("its check sum does not fit: it is damaged")
	errUnpacked = fmt.Errorf("it is longer than %d MiB without its compression", maxUnpacked>>20)
	errMagic    = errors.New("it is of a form from before Kafka 0.11")
)

// cut takes the first batch off what a broker sent; nil: the rest is part of one, which comes whole the next time.
func cut(text []byte) (b *batch, rest []byte, err error) {
	if len(text) < batchHead {
		return nil, nil, nil
	}
	a := answer{b: text}
	b = &batch{base: a.int64()}
	length := int64(a.int32())
	a.int32() // epoch
	if magic := a.int8(); magic != 2 {
		return nil, nil, unfit{errMagic}
	}
	if length < batchHead-lengthAt || length > int64(len(text)-lengthAt) {
		if length < batchHead-lengthAt {
			return nil, nil, errForm
		}
		return nil, nil, nil
	}
	size := lengthAt + int(length)
	if sum := uint32(a.int32()); sum != crc32.Checksum(text[crcAt:size], castagnoli) {
		return nil, nil, unfit{errDamaged}
	}
	b.attributes = a.int16()
	b.last = b.base + int64(a.int32())
	a.int64() // first time
	a.int64() // last time
	b.producer = a.int64()
	a.int16() // epoch
	a.int32() // sequence
	b.count = a.int32()
	b.records = text[batchHead:size]
	if b.base < 0 || b.last < b.base || b.count < 0 {
		return nil, nil, errForm
	}
	return b, text[size:], nil
}

// message is a record of a batch.
type message struct {
	offset     int64
	key, value []byte // nil: there is none
}

// each gives the messages of a batch in their order. room is memory for what is unpacked, which may grow.
func (b *batch) each(room *bytes.Buffer, do func(message) error) error {
	text := b.records
	if way := b.attributes & compressed; way != 0 {
		if err := unpack(room, compress.Compression(way), text); err != nil {
			return err
		}
		text = room.Bytes()
	}
	if int64(b.count) > int64(len(text)/leastRecord) {
		return unfit{errForm}
	}
	a := answer{b: text}
	last := b.base - 1
	for range b.count {
		m, err := a.message(b.base)
		if err != nil {
			return unfit{err}
		}
		if m.offset <= last || m.offset > b.last {
			return unfit{errForm}
		}
		last = m.offset
		if err := do(m); err != nil {
			return err
		}
	}
	return nil
}

// message reads a record as far as it is of interest: its headers are not.
func (a *answer) message(base int64) (message, error) {
	length := a.varint()
	if length < 0 || length > int64(len(a.b)) {
		return message{}, errForm
	}
	one := answer{b: a.take(int(length)), err: a.err}
	one.int8()   // attributes
	one.varint() // time
	m := message{offset: base + one.varint()}
	m.key = one.field()
	m.value = one.field()
	return m, one.err
}

// field reads a key or a value. What is empty is not nil.
func (a *answer) field() []byte {
	n := a.varint()
	if n < 0 || a.err != nil {
		return nil
	}
	if n > int64(len(a.b)) {
		a.take(-1)
		return nil
	}
	return a.take(int(n))
}

// unpack takes the compression off.
func unpack(room *bytes.Buffer, way compress.Compression, text []byte) error {
	codec := way.Codec()
	if codec == nil {
		return unfit{fmt.Errorf("its compression %d is not known", way)}
	}
	room.Reset()
	if room.Cap() > keepRoom {
		*room = bytes.Buffer{}
	}
	reader := codec.NewReader(bytes.NewReader(text))
	n, err := room.ReadFrom(io.LimitReader(reader, maxUnpacked+1))
	err = errors.Join(err, reader.Close())
	if n > maxUnpacked {
		return unfit{errUnpacked}
	}
	if err != nil {
		return unfit{fmt.Errorf("take its compression %s off: %w", way, err)}
	}
	return nil
}

// outgoing is a message to be written.
type outgoing struct {
	key, value []byte
	id         string // goes into the header hebian-id
}

// idHeader is the header by which a partner tells a message that comes twice.
const idHeader = "hebian-id"

// size is about how many bytes a message takes in a batch, rather more.
func (m *outgoing) size() int { return len(m.key) + len(m.value) + len(m.id) + len(idHeader) + 32 }

// pack writes messages as one batch.
func pack(messages []outgoing, now time.Time) []byte {
	r := request{}
	r.int64(0) // offset: the broker's to give
	r.int32(0) // length: below
	r.int32(-1)
	r.int8(2)
	r.int32(0) // check sum: below
	r.int16(0)
	r.int32(int32(len(messages) - 1))
	r.int64(now.UnixMilli())
	r.int64(now.UnixMilli())
	r.int64(-1) // no producer's number
	r.int16(-1)
	r.int32(-1)
	r.int32(int32(len(messages)))
	var one []byte
	for i, m := range messages {
		one = append(one[:0], 0, 0) // attributes, time
		one = binary.AppendVarint(one, int64(i))
		one = appendField(one, m.key)
		one = appendField(one, m.value)
		one = binary.AppendVarint(one, 1)
		one = appendField(one, []byte(idHeader))
		one = appendField(one, []byte(m.id))
		r.b = appendField(r.b, one)
	}
	binary.BigEndian.PutUint32(r.b[8:], uint32(len(r.b)-lengthAt))
	binary.BigEndian.PutUint32(r.b[crcAt-4:], crc32.Checksum(r.b[crcAt:], castagnoli))
	return r.b
}

func appendField(to, field []byte) []byte {
	to = binary.AppendVarint(to, int64(len(field)))
	return append(to, field...)
}

// murmur2 is the hash by which Java's producers choose a partition, so that a key goes where its partner's other programs send it.
func murmur2(key []byte) uint32 {
	const m = 0x5bd1e995
	h := uint32(0x9747b28c) ^ uint32(len(key))
	for ; len(key) >= 4; key = key[4:] {
		k := binary.LittleEndian.Uint32(key) * m
		k ^= k >> 24
		h = h*m ^ k*m
	}
	switch len(key) {
	case 3:
		h ^= uint32(key[2]) << 16
		fallthrough
	case 2:
		h ^= uint32(key[1]) << 8
		fallthrough
	case 1:
		h = (h ^ uint32(key[0])) * m
	}
	h ^= h >> 13
	h *= m
	return h ^ h>>15
}
