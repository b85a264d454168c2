package state

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strings"
)

// A sealed stream is blocks: length, checksum, content. The checksum is CRC-32C over everything up to
// here, so that no block can be changed, left out, doubled or put elsewhere. A block without content is
// the end. Numbers are little-endian and never reach over the end of a block; bytes may.
const (
	blockBytes  = 1 << 18
	blockHeader = 8
)

// Nobody writes to it.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// sealer writes a sealed stream. After an error it writes nothing more.
type sealer struct {
	w   io.Writer
	buf []byte // the header's room and the content so far
	sum uint32
	err error
}

func newSealer(w io.Writer) *sealer {
	return &sealer{w: w, buf: make([]byte, blockHeader, blockHeader+blockBytes)}
}

// room gives so many bytes to fill.
func (s *sealer) room(n int) []byte {
	if len(s.buf)+n > cap(s.buf) {
		s.flush()
	}
	at := len(s.buf)
	s.buf = s.buf[:at+n]
	return s.buf[at:]
}

func (s *sealer) number(n int) { binary.LittleEndian.PutUint32(s.room(4), uint32(n)) }

func (s *sealer) long(n int64) { binary.LittleEndian.PutUint64(s.room(8), uint64(n)) }

func (s *sealer) bytes(text string) {
	for len(text) > 0 {
		if len(s.buf) == cap(s.buf) {
			s.flush()
		}
		n := min(len(text), cap(s.buf)-len(s.buf))
		s.buf, text = append(s.buf, text[:n]...), text[n:]
	}
}

func (s *sealer) flush() {
	if s.err == nil && len(s.buf) > blockHeader {
		s.write()
	}
	s.buf = s.buf[:blockHeader]
}

func (s *sealer) write() {
	binary.LittleEndian.PutUint32(s.buf, uint32(len(s.buf)-blockHeader))
	s.sum = crc32.Update(crc32.Update(s.sum, castagnoli, s.buf[:4]), castagnoli, s.buf[blockHeader:])
	binary.LittleEndian.PutUint32(s.buf[4:], s.sum)
	_, s.err = s.w.Write(s.buf)
}

// end writes what is left, and the end.
func (s *sealer) end() error {
	s.flush()
	if s.err == nil {
		s.write()
	}
	return s.err
}

// ErrSnapshot is in the chain of every error about bytes that are no snapshot, or none for this binary.
var ErrSnapshot = errors.New("not a snapshot that can be used")

// unsealer reads a sealed stream. After an error it gives zeros.
type unsealer struct {
	r    io.Reader
	buf  []byte // a whole block
	rest []byte // of the block's content
	sum  uint32
	err  error
}

func newUnsealer(r io.Reader) *unsealer { return &unsealer{r: r, buf: make([]byte, blockBytes)} }

// fail keeps the first error.
func (u *unsealer) fail(what string) {
	if u.err == nil {
		u.err = fmt.Errorf("%s: %w", what, ErrSnapshot)
	}
	u.rest = nil
}

// next reads a block. Its content is empty at the end.
func (u *unsealer) next() {
	var header [blockHeader]byte
	if u.read(header[:]); u.err != nil {
		return
	}
	length := binary.LittleEndian.Uint32(header[:])
	if length > blockBytes {
		u.fail("a block too long")
		return
	}
	content := u.buf[:length]
	if u.read(content); u.err != nil {
		return
	}
	u.sum = crc32.Update(crc32.Update(u.sum, castagnoli, header[:4]), castagnoli, content)
	if u.sum != binary.LittleEndian.Uint32(header[4:]) {
		u.fail("a checksum that is wrong")
		return
	}
	u.rest = content
}

func (u *unsealer) read(b []byte) {
	if u.err != nil {
		return
	}
	_, err := io.ReadFull(u.r, b)
	switch {
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		u.fail("an end too early")
	case err != nil:
		u.err = err
	}
}

// more makes sure that something is left to read.
func (u *unsealer) more() bool {
	if len(u.rest) == 0 && u.err == nil {
		if u.next(); u.err == nil && len(u.rest) == 0 {
			u.fail("an end too early")
		}
	}
	return u.err == nil
}

// take gives the next so many bytes, up to 64.
func (u *unsealer) take(n int) []byte {
	if !u.more() || len(u.rest) < n {
		u.fail("a number over the end of a block")
		return noBytes[:n]
	}
	b := u.rest[:n]
	u.rest = u.rest[n:]
	return b
}

// Nobody writes to it.
var noBytes [64]byte

func (u *unsealer) number() uint32 { return binary.LittleEndian.Uint32(u.take(4)) }

func (u *unsealer) long() int64 { return int64(binary.LittleEndian.Uint64(u.take(8))) }

// copy adds the next so many bytes to a text. What that takes up grows with what is there to read.
func (u *unsealer) copy(to *strings.Builder, n int64) {
	for n > 0 && u.more() {
		part := u.rest[:min(int64(len(u.rest)), n)]
		to.Write(part)
		u.rest, n = u.rest[len(part):], n-int64(len(part))
	}
}

// end makes sure that nothing follows.
func (u *unsealer) end() {
	if len(u.rest) > 0 {
		u.fail("content after the end")
	}
	if u.err != nil {
		return
	}
	if u.next(); len(u.rest) > 0 {
		u.fail("content after the end")
	}
	if u.err != nil {
		return
	}
	if n, err := u.r.Read(u.buf[:1]); n > 0 || !errors.Is(err, io.EOF) {
		u.fail("bytes after the end")
	}
}
