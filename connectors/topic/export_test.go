package topic

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"hash/crc32"
	"time"
)

// Rows sets how many rows a batch has.
func (s *Source) Rows(n int) { s.rows = n }

// Patience bounds how long brokers are waited for, and a thousandth of it the first wait before one is asked again.
func (s *Source) Patience(d time.Duration) { s.connect, s.answer, s.first = d, d, d/1000 }

// Patience bounds how long brokers are waited for, and a thousandth of it the first wait before one is asked again.
func (s *Sink) Patience(d time.Duration) { s.connect, s.answer, s.first = d, d, d/1000 }

// Wait sets how long a fetch waits at the end.
func (s *Source) Wait(d time.Duration) { s.wait = d }

// Exchange goes through a sign-in by SCRAM-SHA-256 with what a broker says.
func Exchange(user, password, nonce, challenge, last string) (first, final string, err error) {
	s := scram{hash: sha256.New, user: user, password: password, nonce: nonce}
	first = s.first()
	if final, err = s.answer(challenge); err != nil {
		return first, "", err
	}
	return first, final, s.verify(last)
}

// Message is a message as tests see it.
type Message struct {
	Offset     int64
	Key, Value string
	Gone       bool // it has no value
}

// ReadBatches reads what a broker sent of a partition, from an offset on.
func ReadBatches(text []byte, next int64, given ...[2]int64) (all []Message, end int64, err error) {
	p := piece{batches: text}
	for _, g := range given {
		p.aborted = append(p.aborted, aborted{g[0], g[1]})
	}
	end, err = p.read(next, &bytes.Buffer{}, func(m message) error {
		all = append(all, Message{m.offset, string(m.key), string(m.value), m.value == nil})
		return nil
	})
	return all, end, err
}

// Batch writes messages as a batch at an offset. It has the attributes and the producer; last is its last offset, if compaction took
// some messages from its end.
func Batch(base, last int64, attributes int16, producer int64, values ...string) []byte {
	var messages []outgoing
	for _, value := range values {
		messages = append(messages, outgoing{key: []byte("k"), value: []byte(value), id: "id"})
	}
	b := pack(messages, time.Unix(1_800_000_000, 0))
	binary.BigEndian.PutUint64(b, uint64(base))
	binary.BigEndian.PutUint16(b[21:], uint16(attributes))
	binary.BigEndian.PutUint32(b[23:], uint32(last-base))
	binary.BigEndian.PutUint64(b[43:], uint64(producer))
	return Sum(b)
}

// Mark is the mark of a transaction's end.
func Mark(base, producer int64, commit bool) []byte {
	key := []byte{0, 0, 0, 0}
	if commit {
		key[3] = 1
	}
	b := pack([]outgoing{{key: key, value: []byte("any")}}, time.Unix(1_800_000_000, 0))
	binary.BigEndian.PutUint64(b, uint64(base))
	binary.BigEndian.PutUint16(b[21:], transactional|control)
	binary.BigEndian.PutUint64(b[43:], uint64(producer))
	return Sum(b)
}

// Sum gives the first batch of a text the length and the check sum that it should have, if it is long enough to be one.
func Sum(b []byte) []byte {
	if len(b) >= batchHead {
		if length := binary.BigEndian.Uint32(b[8:]); uint64(length) > uint64(len(b)-lengthAt) {
			binary.BigEndian.PutUint32(b[8:], uint32(len(b)-lengthAt))
		}
		if end := lengthAt + int(binary.BigEndian.Uint32(b[8:])); end > crcAt {
			binary.BigEndian.PutUint32(b[crcAt-4:], crc32.Checksum(b[crcAt:end], castagnoli))
		}
	}
	return b
}

// ReadAnswer reads an answer of a kind, 0 to 4. What it gives is bounded by what there is.
func ReadAnswer(kind int, text []byte) (things int, err error) {
	switch kind {
	case 0, 1:
		l, err := readLayout(&answer{b: text, flexible: kind == 1}, "t", kind == 1)
		if err != nil {
			return 0, err
		}
		return len(l.leaders) + len(l.brokers), nil
	case 2:
		pieces, err := readPieces(&answer{b: text})
		return len(pieces), err
	case 3:
		offsets := map[int32]int64{}
		err := readOffsets(&answer{b: text}, offsets)
		return len(offsets), err
	}
	acked, err := readAcks(&answer{b: text})
	return len(acked), err
}

// Line writes a message as a line.
func Line(c Config, key, value []byte) (string, error) {
	f, err := newFormat(&c)
	if err != nil {
		return "", err
	}
	line, err := f.line([]byte("before\n"), message{key: key, value: value})
	return string(line), err
}

// Murmur2 hashes a key.
func Murmur2(key []byte) uint32 { return murmur2(key) }
