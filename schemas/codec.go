package schemas

import (
	"encoding/binary"
	"fmt"
	"reflect"

	"github.com/hamba/avro/v2"
)

// frameBytes is the length of the Confluent framing: a zero byte and the schema id.
const frameBytes = 5

// Encoder writes rows of one subject as framed Avro. It reuses its buffer: each goroutine takes an
// Encoder of its own.
type Encoder struct {
	subject *Subject
	typ     reflect.Type // of the pointers that Append takes
	writer  *avro.Writer
	walker  *Walker
}

// NewEncoder makes an encoder for a subject.
func NewEncoder(s *Subject) *Encoder {
	walker, err := NewWalker(s.Avro)
	if err != nil {
		// The schema is part of the binary, and the library parsed it.
		panic(fmt.Sprintf("encoder of %s: %v", s.Name, err))
	}
	return &Encoder{
		subject: s,
		typ:     reflect.TypeOf(s.New()),
		writer:  avro.NewWriter(nil, 512, avro.WithWriterConfig(walker.api)),
		walker:  walker,
	}
}

// Append appends v, a pointer to the subject's record struct, to dst with the id under which its
// schema is registered. A value outside of its value set and text that is not UTF-8 are errors;
// then dst comes back as it was.
func (e *Encoder) Append(dst []byte, id uint32, v any) ([]byte, error) {
	if reflect.TypeOf(v) != e.typ {
		return dst, fmt.Errorf("encode %s: got %T, want %s", e.subject.Name, v, e.typ)
	}
	e.writer.Reset(nil)
	e.writer.WriteVal(e.subject.Avro, v)
	if err := e.writer.Error; err != nil {
		e.writer.Error = nil // Reset keeps it
		return dst, fmt.Errorf("encode %s: %w", e.subject.Name, err)
	}
	// The library checks no text. What leaves here, every walker lets in.
	payload := e.writer.Buffer()
	if err := e.walker.Walk(payload, nil); err != nil {
		return dst, fmt.Errorf("encode %s: %w", e.subject.Name, err)
	}
	dst = append(dst, 0)
	dst = binary.BigEndian.AppendUint32(dst, id)
	return append(dst, payload...), nil
}

// Decode reads one framed datum into v, a pointer. The walker must be that of the schema which the
// frame names. What v held before is gone.
func Decode(framed []byte, w *Walker, v any) error {
	_, payload, err := SplitFrame(framed)
	if err != nil {
		return err
	}
	if err := w.Walk(payload, nil); err != nil {
		return err
	}
	target := reflect.ValueOf(v)
	if target.Kind() != reflect.Pointer || target.IsNil() {
		return fmt.Errorf("decode into %T: not a pointer to something", v)
	}
	// The library leaves the elements of an old slice in place when the new one is empty.
	target.Elem().SetZero()
	if err := w.api.Unmarshal(w.schema, payload, v); err != nil {
		return fmt.Errorf("decode into %T: %w", v, err)
	}
	return nil
}

// SplitFrame takes the Confluent framing off: byte 00, the schema id as four bytes big-endian.
func SplitFrame(framed []byte) (id uint32, payload []byte, err error) {
	if len(framed) < frameBytes || framed[0] != 0 {
		return 0, nil, &WalkError{Want: "byte 00 and four bytes of schema id"}
	}
	return binary.BigEndian.Uint32(framed[1:]), framed[frameBytes:], nil
}

// newAPI is the Avro library as this package uses it. It has no limit on lengths, for the walk has
// seen that the bytes are there. Blocks carry no byte size: shorter, and what Avro in Java writes.
func newAPI() avro.API {
	return avro.Config{MaxByteSliceSize: -1, DisableBlockSizeHeader: true}.Freeze()
}
