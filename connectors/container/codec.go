package container

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
)

// The codecs of the specification that are read and written. It knows bzip2 and xz besides, which hardly anyone writes.
const (
	codecNull    = "null"
	codecDeflate = "deflate"
	codecSnappy  = "snappy"
	codecZstd    = "zstandard"
)

const (
	// snappyRatio bounds what a byte of Snappy expands to: the best that the format has are 64 bytes for a copy of three.
	snappyRatio = 22
	// deflateTail is how many bytes may stand behind the end of a deflate stream: Python's writers leave three of the four of zlib's
	// checksum there.
	deflateTail = 4
)

func unknownCodec(name string) error {
	return fmt.Errorf("the codec %.64q is none of null, deflate, snappy and zstandard", name)
}

// unpacker expands the blocks of a file, one after the other, into the same memory.
type unpacker struct {
	name    string
	inflate io.ReadCloser
	zstd    *zstd.Decoder
	buf     []byte
}

func newUnpacker(name string) (*unpacker, error) {
	u := &unpacker{name: name}
	switch name {
	case "":
		u.name = codecNull
	case codecNull, codecSnappy:
	case codecDeflate:
		u.inflate = flate.NewReader(bytes.NewReader(nil))
	case codecZstd:
		var err error
		u.zstd, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxExpanded))
		if err != nil {
			return nil, fmt.Errorf("make a decoder of Zstandard: %w", err)
		}
	default:
		return nil, unknownCodec(name)
	}
	return u, nil
}

// expand gives the content of a block. It lasts until the next call.
func (u *unpacker) expand(packed []byte) (plain []byte, err error) {
	switch u.name {
	case codecDeflate:
		plain, err = u.deflated(packed)
	case codecSnappy:
		plain, err = u.snapped(packed)
	case codecZstd:
		plain, err = u.zstd.DecodeAll(packed, u.buf[:0])
		if errors.Is(err, zstd.ErrDecoderSizeExceeded) || errors.Is(err, zstd.ErrWindowSizeExceeded) {
			err = errTooLarge
		}
	default:
		return packed, nil
	}
	if err != nil {
		return nil, fmt.Errorf("expand a block of %s: %w", u.name, err)
	}
	u.buf = plain
	return plain, nil
}

func (u *unpacker) close() {
	if u.zstd != nil {
		u.zstd.Close()
	}
	u.buf = nil
}

var errTooLarge = fmt.Errorf("it comes to more than %d bytes", maxExpanded)

// deflated grows the memory as bytes come, never for what a block says about itself.
func (u *unpacker) deflated(packed []byte) ([]byte, error) {
	from := bytes.NewReader(packed)
	if err := u.inflate.(flate.Resetter).Reset(from, nil); err != nil {
		return nil, err
	}
	plain := u.buf[:0]
	for {
		if len(plain) == cap(plain) {
			grown := make([]byte, len(plain), min(max(2*len(plain), 4*len(packed), 4<<10), maxExpanded+1))
			copy(grown, plain)
			plain = grown
		}
		n, err := u.inflate.Read(plain[len(plain):cap(plain)])
		plain = plain[:len(plain)+n]
		switch {
		case len(plain) > maxExpanded:
			return nil, errTooLarge
		case err == io.EOF && from.Len() > deflateTail:
			return nil, fmt.Errorf("%d bytes stand behind its end", from.Len())
		case err == io.EOF:
			return plain, nil
		case err != nil:
			return nil, err
		}
	}
}

// snapped expands Snappy's block form, behind which the CRC-32 of the content stands.
func (u *unpacker) snapped(packed []byte) ([]byte, error) {
	body := len(packed) - crc32.Size
	if body < 0 {
		return nil, errors.New("it has no checksum")
	}
	packed, sum := packed[:body], binary.BigEndian.Uint32(packed[body:])
	n, err := snappy.DecodedLen(packed)
	switch {
	case err != nil:
		return nil, err
	case n > maxExpanded:
		return nil, errTooLarge
	case n > snappyRatio*len(packed):
		return nil, fmt.Errorf("%d bytes say that they come to %d", len(packed), n)
	}
	plain, err := snappy.Decode(u.buf[:cap(u.buf)], packed)
	if err == nil && crc32.ChecksumIEEE(plain) != sum {
		err = errors.New("its checksum is wrong")
	}
	return plain, err
}

// packer compresses blocks, one after the other, into the same memory.
type packer struct {
	name    string
	deflate *flate.Writer
	zstd    *zstd.Encoder
	buf     bytes.Buffer
	out     []byte
}

func newPacker(name string) (p *packer, err error) {
	p = &packer{name: name}
	switch name {
	case codecNull, codecSnappy:
	case codecDeflate:
		p.deflate, err = flate.NewWriter(&p.buf, flate.DefaultCompression)
	case codecZstd:
		p.zstd, err = zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	default:
		err = unknownCodec(name)
	}
	return p, err
}

// pack gives the block as it is to stand in the file. It lasts until the next call.
func (p *packer) pack(plain []byte) ([]byte, error) {
	switch p.name {
	case codecDeflate:
		p.buf.Reset()
		p.deflate.Reset(&p.buf)
		if _, err := p.deflate.Write(plain); err != nil {
			return nil, err
		}
		if err := p.deflate.Close(); err != nil {
			return nil, err
		}
		return p.buf.Bytes(), nil
	case codecSnappy:
		packed := snappy.Encode(p.out[:cap(p.out)], plain)
		p.out = binary.BigEndian.AppendUint32(packed, crc32.ChecksumIEEE(plain))
		return p.out, nil
	case codecZstd:
		p.out = p.zstd.EncodeAll(plain, p.out[:0])
		return p.out, nil
	}
	return plain, nil
}
