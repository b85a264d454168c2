// Package container reads and writes Avro object container files (Avro 1.12), the form in which data platforms hand records over.
//
// A Reader makes CSV rows of the records, the names of the schema's fields as the header row: from there on a container file is
// treated as any other form. A Writer puts records that are Avro already into a file as they stand. Schema does the same for a record
// alone, such as the message of a topic. The bytes come from outside and no library of Avro sees them: every count, length and depth is
// held against a bound before it is believed. A file is all or nothing: a block that is damaged fails it, and nothing is searched for
// behind the damage. The package doesn't know what columns mean.
package container

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"hebian/connectors/text"
)

// Bounds of a file. Writers make blocks of 16 KiB to a few MiB.
const (
	maxPacked   = 64 << 20 // bytes of a block in the file; a block is in memory whole
	maxExpanded = 32 << 20 // bytes of a block once expanded
	maxMeta     = 2 << 20  // bytes of the names and values in the header, the schema among them
	maxEntries  = 1024     // names in the header
	maxEmpty    = 1 << 20  // blocks without records, which say nothing
	// defaultBytes bounds what a whole file comes to: some 80 million records. A small file can be made to expand to as much.
	defaultBytes = 8 << 30
)

// What Next hands out at a time: the same as the text forms do, few enough to be still in the processor's cache.
const (
	blockRecords = 2500
	blockBytes   = 240 << 10 // of text; text.Block keeps 256 KiB, and the last row may run over
)

// magic begins every container file.
const magic = "Obj\x01"

const (
	syncBytes = 16
	readBytes = 64 << 10 // read at a time, or more where a block is larger
)

// Options are bounds that the caller may know better.
type Options struct {
	// MaxBytes bounds what the blocks of the file come to once expanded, and what its rows come to as text. 0: 8 GiB.
	MaxBytes int64
}

// Error says why a file, or a message, is no Avro of its schema. It quotes nothing of the content.
type Error struct {
	Offset int64 // byte of the file at which the part begins that is wrong: the header, a block; of a message, the value
	Record int64 // ordinal of the record that is wrong, from 1; 0: none in particular
	Reason string
}

func (e *Error) Error() string {
	if e.Record == 0 {
		return fmt.Sprintf("byte %d: %s", e.Offset, e.Reason)
	}
	return fmt.Sprintf("byte %d, record %d: %s", e.Offset, e.Record, e.Reason)
}

// Reader makes CSV rows of a container file. One goroutine at a time.
type Reader struct {
	source source
	schema *Schema
	codec  *unpacker
	sync   [syncBytes]byte

	pass   pass
	packed []byte // the block at hand as it stands in the file
	at     int64  // where it begins
	left   int64  // records of it that are to come
	empty  int    // blocks without records so far
	record int64  // ordinal of the last record
	begun  bool   // the header row is out
	spent  int64  // bytes of blocks expanded
	made   int64  // bytes of rows
	bound  int64
	err    error // what Next says from now on
}

var errClosed = errors.New("the container file is closed")

// Open reads the header of a container file of size bytes: the schema and the codec. An *Error says that it is none that can be read;
// other errors are r's.
func Open(r io.ReaderAt, size int64, o Options) (*Reader, error) {
	buffered := bufio.NewReaderSize(io.NewSectionReader(r, 0, size), int(min(size, readBytes)))
	reader := &Reader{source: source{r: buffered, size: size}, bound: o.MaxBytes}
	if reader.bound == 0 {
		reader.bound = defaultBytes
	}
	head, err := reader.source.header()
	if err != nil {
		return nil, located(err, 0, 0)
	}
	reader.sync = head.sync
	if reader.schema, err = ParseSchema(head.schema); err != nil {
		return nil, &Error{Reason: err.Error()}
	}
	if reader.codec, err = newUnpacker(head.codec); err != nil {
		return nil, &Error{Reason: err.Error()}
	}
	reader.pass.spare = spareInFile
	return reader, nil
}

// Schema is the schema that the file was written with.
func (r *Reader) Schema() *Schema { return r.schema }

// Offset is how many bytes of the file have been made rows so far, block by block.
func (r *Reader) Offset() int64 {
	if r.left > 0 {
		return r.at
	}
	return r.source.at
}

// Close lets go of the memory that expanding takes. The reader's source stays open.
func (r *Reader) Close() error {
	r.err = errClosed
	r.codec.close()
	r.packed, r.pass = nil, pass{}
	return nil
}

// Next fills the block with the next rows, as CSV in UTF-8: first the header row, line 1, then each record, the first on line 2. A row
// that holds what no cell can say carries a misfit. It returns io.EOF when there are no more. After an *Error what was read before
// doesn't count either: the file is damaged.
func (r *Reader) Next(b *text.Block) error {
	b.Reset()
	if r.err != nil {
		return r.err
	}
	begin := r.made
	if !r.begun {
		r.begun = true
		r.pass.out = r.schema.Header(r.pass.out[:0])
		r.hand(b, 1, nil)
	}
	for len(b.Records) < blockRecords && r.made-begin < blockBytes {
		if r.left == 0 {
			if r.err = r.load(); r.err == io.EOF && len(b.Records) > 0 {
				return nil
			} else if r.err != nil {
				return r.err
			}
			continue
		}
		r.record++
		r.pass.out = r.pass.out[:0]
		misfit, ok := r.pass.record(r.schema.top)
		if !ok {
			r.err = &Error{Offset: r.at, Record: r.record, Reason: r.pass.reason(r.schema)}
			return r.err
		}
		if r.hand(b, r.record+1, misfit); r.made > r.bound {
			r.err = &Error{Offset: r.at, Record: r.record, Reason: fmt.Sprintf("the rows come to more than %d bytes as text", r.bound)}
			return r.err
		}
		if r.left--; r.left == 0 && r.pass.at < len(r.pass.data) {
			r.err = &Error{Offset: r.at, Record: r.record, Reason: behind(len(r.pass.data) - r.pass.at)}
			return r.err
		}
	}
	return nil
}

func (r *Reader) hand(b *text.Block, line int64, misfit *text.Misfit) {
	b.Append(r.pass.out, line, misfit)
	r.made += int64(len(r.pass.out)) + 1 // its line end
}

func behind(n int) string {
	return fmt.Sprintf("%d bytes of the block are behind its last record", n)
}

// load reads the next block, checks the marker behind it, and expands it.
func (r *Reader) load() error {
	r.at = r.source.at
	if r.at == r.source.size {
		return io.EOF
	}
	count, err := r.source.block(&r.packed, r.sync)
	if err != nil {
		return located(err, r.at, 0)
	}
	data, err := r.codec.expand(r.packed)
	if err != nil {
		return &Error{Offset: r.at, Reason: err.Error()}
	}
	refuse := func(format string, args ...any) error {
		return &Error{Offset: r.at, Reason: fmt.Sprintf(format, args...)}
	}
	if r.spent += int64(len(data)); r.spent > r.bound {
		return refuse("the blocks come to more than %d bytes", r.bound)
	}
	r.pass.data, r.pass.at = data, 0
	r.pass.spare += sparePerByte * int64(len(data))
	if count == 0 {
		if r.empty++; len(data) > 0 || r.empty > maxEmpty {
			return refuse("a block without records holds %d bytes and is the %dth of its kind", len(data), r.empty)
		}
	}
	// A record takes at least as many bytes as its schema says, or is paid for as a value without any.
	if most := mostItems(r.schema.top, len(data), r.pass.spare); count > most {
		return refuse("a block of %d bytes says that it holds %d records", len(data), count)
	}
	r.left = count
	return nil
}

// located makes an *Error of what a source refuses; errors of the disk stay what they are.
func located(err error, offset, record int64) error {
	if refused, ok := errors.AsType[refusal](err); ok {
		return &Error{Offset: offset, Record: record, Reason: string(refused)}
	}
	return err
}
