package dbf

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"hebian/connectors/text"
)

// Sizes in a table's header, in bytes.
const (
	headBytes  = 32
	fieldBytes = 32
	nameBytes  = 11
	endOfNames = 0x0D
	endOfFile  = 0x1A
)

// table is what a table's header says.
type table struct {
	codePage byte
	count    int   // of records, deleted ones too
	start    int64 // where they begin
	length   int   // of one, with the mark of deletion before it
	fields   []field
}

// field is a column of the table.
type field struct {
	name   []byte // as it stands there, without what fills it up
	column string // the same in UTF-8
	kind   byte   // C, N, F, D, L or M
	at     int    // in the record
	width  int
	high   int // what a text of more than 255 bytes is wider, by Clipper and FoxPro
}

func unfit(format string, args ...any) *text.FormError {
	return &text.FormError{Reason: fmt.Sprintf(format, args...)}
}

// readTable reads the header and holds it against the size of the file.
func readTable(r io.ReaderAt, size int64) (t table, err error) {
	head := make([]byte, headBytes)
	if err := readAt(r, head, 0); err != nil {
		return t, err
	}
	if !isTable(head[0]) {
		return t, unfit("the file is no table of dBase III (DBF)")
	}
	t.codePage = head[29]
	count := int64(binary.LittleEndian.Uint32(head[4:]))
	t.count = int(count)
	t.start = int64(binary.LittleEndian.Uint16(head[8:]))
	t.length = int(binary.LittleEndian.Uint16(head[10:]))
	if t.start < headBytes+fieldBytes+1 || t.length < 2 {
		return t, unfit("the table's header says of itself to have %d bytes and of a record to have %d", t.start, t.length)
	}
	if err := t.readFields(r); err != nil {
		return t, err
	}
	end := t.start + count*int64(t.length)
	if size < end {
		return t, unfit("the table is cut short: it has %d bytes and %d for the %d records that its header counts", size, end, count)
	}
	return t, checkTail(r, end, size)
}

// isTable says whether a file begins with the number of a version that has the header of dBase III.
func isTable(version byte) bool {
	switch version {
	case 0x03, 0x83, // dBase III, FoxBase; with memos
		0x43, 0x63, 0x8B, 0xCB, // dBase IV
		0x30, 0x31, 0x32, // Visual FoxPro
		0xF5: // FoxPro with memos
		return true
	}
	return false
}

// readFields reads the columns.
func (t *table) readFields(r io.ReaderAt) error {
	p := make([]byte, t.start-headBytes)
	if err := readAt(r, p, headBytes); err != nil {
		return err
	}
	for ; len(p) > 0 && p[0] != endOfNames; p = p[fieldBytes:] {
		if len(p) < fieldBytes {
			return unfit("the table's header has no end")
		}
		name, _, _ := bytes.Cut(p[:nameBytes], []byte{0})
		f := field{name: bytes.Trim(name, " "), kind: p[11], width: int(p[16])}
		if f.kind == 'C' {
			f.high = int(p[17]) << 8
		}
		number := len(t.fields) + 1
		switch f.kind {
		case 'C', 'N', 'F', 'D', 'L', 'M':
		default:
			return unfit("column %d of the table is of a type that is not read, %q; save the table as dBase III", number, f.kind)
		}
		if len(f.name) == 0 {
			return unfit("column %d of the table has no name", number)
		}
		t.fields = append(t.fields, f)
	}
	if len(p) == 0 {
		return unfit("the table's header has no end")
	}
	return t.place()
}

// place gives the columns their places in a record. Wide texts have the high byte of their width where
// numbers have their decimals, and some programs put something else there for texts too. So the length of
// a record decides.
func (t *table) place() error {
	narrow, wide := 1, 1
	for _, f := range t.fields {
		narrow += f.width
		wide += f.width + f.high
	}
	if t.length != narrow && t.length != wide {
		return unfit("the table's header says of a record to have %d bytes, and its columns have %d", t.length, narrow)
	}
	at := 1
	for i := range t.fields {
		f := &t.fields[i]
		f.at = at
		if t.length != narrow {
			f.width += f.high
		}
		if f.width == 0 || f.kind == 'D' && f.width != 8 || f.kind == 'L' && f.width != 1 {
			return unfit("column %d of the table, of the type %c, is %d bytes wide", i+1, f.kind, f.width)
		}
		at += f.width
	}
	return nil
}

// checkTail refuses a table with more than its header counts: records that were added and not counted.
func checkTail(r io.ReaderAt, end, size int64) error {
	more := unfit("the table has %d bytes behind the records that its header counts", size-end)
	if size-end > maxTail {
		return more
	}
	p := make([]byte, size-end)
	if err := readAt(r, p, end); err != nil {
		return err
	}
	for _, c := range p {
		if c != 0 && c != endOfFile {
			return more
		}
	}
	return nil
}

// readAt reads all of p. A file that ends before is no table.
func readAt(r io.ReaderAt, p []byte, at int64) error {
	n, err := r.ReadAt(p, at)
	switch {
	case n == len(p):
		return nil
	case errors.Is(err, io.EOF):
		return unfit("the file is no table of dBase III (DBF), or it is cut short: it ends at %d bytes", at+int64(n))
	}
	return fmt.Errorf("read %d bytes of a table at offset %d: %w", len(p), at, err)
}
