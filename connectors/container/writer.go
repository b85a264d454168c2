package container

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// fullBlock is how many bytes of records make a block: readers skip and hold blocks whole.
const fullBlock = 64 << 10

// Writer writes a container file. One goroutine at a time.
type Writer struct {
	w     io.Writer
	codec *packer
	sync  [syncBytes]byte
	block []byte // records, one behind the other
	count int64
	frame []byte
	err   error // what every further call says
}

// NewWriter writes the header of a file whose records have the schema, which stands in the file as it is given. codec is null,
// deflate, snappy or zstandard.
func NewWriter(w io.Writer, schemaJSON string, codec string) (*Writer, error) {
	if _, err := ParseSchema([]byte(schemaJSON)); err != nil {
		return nil, err
	}
	packer, err := newPacker(codec)
	if err != nil {
		return nil, err
	}
	writer := &Writer{w: w, codec: packer}
	_, _ = rand.Read(writer.sync[:]) // never fails
	head := binary.AppendVarint([]byte(magic), 2)
	for _, text := range []string{"avro.codec", codec, "avro.schema", schemaJSON} {
		head = append(binary.AppendVarint(head, int64(len(text))), text...)
	}
	head = append(binary.AppendVarint(head, 0), writer.sync[:]...)
	if _, err := w.Write(head); err != nil {
		return nil, fmt.Errorf("write the header of a container file: %w", err)
	}
	return writer, nil
}

// Append adds a record: bytes that are a datum of the schema, which is the caller's promise. They are the caller's again when it
// returns. After an error the file is of no use.
func (w *Writer) Append(datum []byte) error {
	switch {
	case w.err != nil:
		return w.err
	case len(datum) > maxPacked/2: // room for what compression may add; our own reader refuses more
		return fmt.Errorf("a record of %d bytes is longer than %d", len(datum), maxPacked/2)
	}
	w.block, w.count = append(w.block, datum...), w.count+1
	if len(w.block) >= fullBlock || w.count >= fullBlock { // records may be without bytes
		w.flush()
	}
	return w.err
}

// Close writes what is left. The file is whole only if it returns nil.
func (w *Writer) Close() error {
	if w.err == nil && w.count > 0 {
		w.flush()
	}
	err := w.err
	w.err = errClosed
	if errors.Is(err, errClosed) {
		return nil
	}
	return err
}

func (w *Writer) flush() {
	packed, err := w.codec.pack(w.block)
	if err == nil {
		w.frame = binary.AppendVarint(w.frame[:0], w.count)
		w.frame = binary.AppendVarint(w.frame, int64(len(packed)))
		w.frame = append(append(w.frame, packed...), w.sync[:]...)
		_, err = w.w.Write(w.frame)
	}
	if err != nil {
		w.err = fmt.Errorf("write a block of %d records: %w", w.count, err)
	}
	w.block, w.count = w.block[:0], 0
}
