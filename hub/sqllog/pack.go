package sqllog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"

	"github.com/klauspost/compress/s2"

	"hebian/hub"
	"hebian/schemas"
)

// A blob is: version, CRC-32C of all that follows and of where the batch lies, the records' IDs (they
// don't compress), then S2 of op, line, key and value of each record with their lengths as varints.
const (
	version    = 1
	headBytes  = 5
	idBytes    = len(schemas.ID{})
	maxContent = 1 << 25 // bytes of a batch unpacked; intake stays far below, and Append refuses more
)

var errDamaged = errors.New("batch is damaged; restore the database from a backup")

// packer packs batches, one after the other, in memory that it keeps.
type packer struct{ plain, blob []byte }

// pack gives the blob of a batch; it lasts until the next.
func (p *packer) pack(b *hub.Batch) ([]byte, error) {
	records, plain := b.Records, p.plain[:0]
	for i := range records {
		r := &records[i]
		plain = binary.AppendUvarint(plain, uint64(r.Line)<<1|uint64(r.Op))
		plain = binary.AppendUvarint(plain, uint64(len(r.Key)))
		plain = append(plain, r.Key...)
		plain = binary.AppendUvarint(plain, uint64(len(r.Value)))
		plain = append(plain, r.Value...)
	}
	p.plain = plain
	if len(plain) > maxContent {
		return nil, fmt.Errorf("a batch of %d bytes is longer than %d", len(plain), maxContent)
	}
	ids := headBytes + len(records)*idBytes
	p.blob = slices.Grow(p.blob[:0], ids+s2.MaxEncodedLen(len(plain)))
	blob := p.blob[:cap(p.blob)]
	blob[0] = version
	for i := range records {
		copy(blob[headBytes+i*idBytes:], records[i].ID[:])
	}
	blob = blob[:ids+len(s2.Encode(blob[ids:], plain))]
	seal(b, len(records), blob)
	return blob, nil
}

// seal writes the checksum of a blob of n records.
func seal(b *hub.Batch, n int, blob []byte) {
	binary.LittleEndian.PutUint32(blob[1:], checksum(b, n, blob[headBytes:]))
}

func unpack(blob []byte, n int, b *hub.Batch) error {
	ids := headBytes + n*idBytes
	if len(blob) < ids || blob[0] != version || binary.LittleEndian.Uint32(blob[1:]) != checksum(b, n, blob[headBytes:]) {
		return errDamaged
	}
	if size, err := s2.DecodedLen(blob[ids:]); err != nil || size > maxContent {
		return fmt.Errorf("%w: unpacked length %d", errDamaged, size)
	}
	plain, err := s2.Decode(b.Bytes[:cap(b.Bytes)], blob[ids:])
	if err != nil {
		return fmt.Errorf("%w: %w", errDamaged, err)
	}
	b.Bytes = plain
	for i := range n {
		var r schemas.Record
		copy(r.ID[:], blob[headBytes+i*idBytes:])
		head, k := binary.Uvarint(plain)
		if k <= 0 {
			return errDamaged
		}
		plain = plain[k:]
		r.Line, r.Op = int64(head>>1), schemas.Op(head&1)
		var ok1, ok2 bool
		r.Key, plain, ok1 = cut(plain)
		r.Value, plain, ok2 = cut(plain)
		if !ok1 || !ok2 {
			return errDamaged
		}
		b.Records = append(b.Records, r)
	}
	if len(plain) != 0 {
		return errDamaged
	}
	return nil
}

// cut takes a length and that many bytes off the front.
func cut(b []byte) (part, rest []byte, ok bool) {
	n, k := binary.Uvarint(b)
	if k <= 0 || n > uint64(len(b)-k) {
		return nil, nil, false
	}
	return b[k : k+int(n) : k+int(n)], b[k+int(n):], true
}

// checksum covers what the batch holds and where it lies, so that damage to its row's other columns shows
// as well.
func checksum(b *hub.Batch, n int, content []byte) uint32 {
	table := crc32.MakeTable(crc32.Castagnoli)
	at := fmt.Appendf(nil, "%s %d %d %d %d", b.Topic, b.Partition, b.Base, b.Delivery, n)
	return crc32.Update(crc32.Checksum(at, table), table, content)
}
