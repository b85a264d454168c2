package container

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"unicode/utf8"
)

// source reads the parts of a file, from its start on, and believes no length beyond its end.
type source struct {
	r        *bufio.Reader
	at, size int64
}

// refusal is what makes a file none that can be read.
type refusal string

func (r refusal) Error() string { return string(r) }

const cutShort refusal = "the file ends early"

// head is what the header of a file says.
type head struct {
	schema []byte
	codec  string
	sync   [syncBytes]byte
}

// header reads the magic, the metadata and the marker. The metadata is a map in Avro's own encoding.
func (s *source) header() (h head, err error) {
	first := make([]byte, len(magic))
	if err := s.full(first); err == cutShort || err == nil && string(first) != magic {
		return h, refusal("the file doesn't begin as an Avro container file does")
	} else if err != nil {
		return h, err
	}
	meta := map[string][]byte{}
	for room := int64(maxMeta); ; {
		count, end, err := s.metaBlock()
		if err != nil {
			return h, err
		}
		if count == 0 {
			break
		}
		for range count {
			name, err := s.bytes(&room)
			if err != nil {
				return h, err
			}
			value, err := s.bytes(&room)
			if err != nil {
				return h, err
			}
			if _, twice := meta[string(name)]; twice || !utf8.Valid(name) || len(meta) == maxEntries {
				return h, refusal("the header names something twice, or not in UTF-8, or too many things")
			}
			meta[string(name)] = value
		}
		if end >= 0 && s.at != end {
			return h, refusal("the header holds a block that isn't of the size it says")
		}
	}
	var ok bool
	if h.schema, ok = meta["avro.schema"]; !ok {
		return h, refusal("the header holds no schema")
	}
	h.codec = string(meta["avro.codec"])
	return h, s.full(h.sync[:])
}

// metaBlock reads how many entries stand in the next block of the metadata, and where it ends: -1 if it doesn't say.
func (s *source) metaBlock() (count, end int64, err error) {
	if count, err = s.long(); err != nil {
		return 0, 0, err
	}
	end = -1
	if count < 0 {
		size, err := s.long()
		if err != nil {
			return 0, 0, err
		}
		if size < 0 || size > s.size-s.at {
			return 0, 0, refusal("the header holds a block of a size that it can't have")
		}
		count, end = -count, s.at+size
	}
	if count < 0 || count > maxEntries { // the negative of the lowest number is itself
		return 0, 0, refusal(fmt.Sprintf("the header says that it holds %d entries, more than %d", uint64(count), maxEntries))
	}
	return count, end, nil
}

// block reads a block with the marker behind it into buf, which grows as needed, and gives how many records it says it holds.
func (s *source) block(buf *[]byte, sync [syncBytes]byte) (count int64, err error) {
	if count, err = s.long(); err != nil {
		return 0, err
	}
	size, err := s.long()
	switch {
	case err != nil:
		return 0, err
	case count < 0:
		return 0, refusal(fmt.Sprintf("a block says that it holds %d records", count))
	case size < 0 || size > maxPacked:
		return 0, refusal(fmt.Sprintf("a block says that it holds %d bytes, which is not 0 to %d", size, maxPacked))
	case size > s.size-s.at:
		return 0, cutShort
	}
	*buf = slices.Grow((*buf)[:0], int(size))[:size]
	if err := s.full(*buf); err != nil {
		return 0, err
	}
	var found [syncBytes]byte
	if err := s.full(found[:]); err != nil {
		return 0, err
	}
	if found != sync {
		return 0, refusal("the marker behind a block is not the file's")
	}
	return count, nil
}

// bytes reads a length and as many bytes, which are taken from room.
func (s *source) bytes(room *int64) ([]byte, error) {
	n, err := s.long()
	switch {
	case err != nil:
		return nil, err
	case n < 0 || n > *room:
		return nil, refusal(fmt.Sprintf("the header says that it holds a text of %d bytes, which is not 0 to %d", n, *room))
	case n > s.size-s.at:
		return nil, cutShort
	}
	*room -= n
	b := make([]byte, n)
	return b, s.full(b)
}

func (s *source) long() (int64, error) {
	var b [maxVarint]byte
	for i := range b {
		if err := s.full(b[i : i+1]); err != nil {
			return 0, err
		}
		if b[i] < 0x80 {
			u, next := readVarint(b[:i+1], 0)
			if next < 0 {
				break
			}
			return zigzag(u), nil
		}
	}
	return 0, refusal("a number has more than 64 bits")
}

func (s *source) full(b []byte) error {
	if int64(len(b)) > s.size-s.at {
		return cutShort
	}
	n, err := io.ReadFull(s.r, b)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return cutShort
	}
	if err != nil {
		return fmt.Errorf("read %d bytes at offset %d: %w", len(b), s.at, err)
	}
	s.at += int64(n)
	return nil
}
