package simulate

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
)

// tableBuffer is large enough that a write costs little beside its rows, and small enough for
// the many files that are open at once.
const tableBuffer = 256 << 10

// form is how the rows of a file look.
type form struct {
	path   string // relative to in/
	header string
	start  string                           // before the header
	end    string                           // of a row
	spoil  func(row []byte, how int) []byte // breaks a copy of a row
}

// table writes one file of the folder. Now and then it adds a broken copy of a row, which whoever
// reads it must refuse.
type table struct {
	form
	file   *os.File
	out    *bufio.Writer
	buf    []byte
	sample []byte // a row to break when the file ends before all due copies were made
	due    int    // broken copies to make of the next rows
	bytes  int64
	count  FileCount
	err    error
}

func newTable(dir string, f form) (*table, error) {
	path := filepath.Join(dir, filepath.FromSlash(f.path))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	t := &table{form: f, file: file, out: bufio.NewWriterSize(file, tableBuffer), count: FileCount{File: f.path}}
	t.write([]byte(f.start))
	if f.header != "" {
		t.write(append([]byte(f.header), f.end...))
	}
	return t, nil
}

// row is an empty row to append to; endRow takes it back.
func (t *table) row() []byte { return t.buf[:0] }

func (t *table) endRow(row []byte) {
	if t.due > 0 || t.sample == nil {
		t.maySpoil(row)
	}
	t.count.Read++
	t.count.Accepted++
	row = append(row, t.end...)
	t.write(row)
	t.buf = row
}

// maySpoil makes a due copy. Rows with quoted cells are passed over: a copy is broken in one way
// only.
func (t *table) maySpoil(row []byte) {
	if t.spoil == nil || bytes.IndexByte(row, '"') >= 0 && t.header != "" {
		return
	}
	if t.sample == nil {
		t.sample = bytes.Clone(row)
	}
	if t.due > 0 {
		t.due--
		t.writeSpoiled(row)
	}
}

func (t *table) writeSpoiled(row []byte) {
	t.write(append(t.spoil(bytes.Clone(row), int(t.count.Quarantined)), t.end...))
	t.count.Read++
	t.count.Quarantined++
}

func (t *table) write(b []byte) {
	n, err := t.out.Write(b)
	t.bytes += int64(n)
	if t.err == nil {
		t.err = err
	}
}

// close makes what copies are still due and writes the rest.
func (t *table) close() error {
	for ; t.due > 0 && t.sample != nil; t.due-- {
		t.writeSpoiled(t.sample)
	}
	if err := t.out.Flush(); t.err == nil {
		t.err = err
	}
	if err := t.file.Close(); t.err == nil {
		t.err = err
	}
	return t.failed()
}

// failed is the first error of a write. It comes late: bytes wait in the buffer.
func (t *table) failed() error {
	if t.err == nil {
		return nil
	}
	return fmt.Errorf("write %s: %w", t.path, t.err)
}

// spoilCSV gives a function that breaks a row without quotes. The columns are a day, or month, and
// a required one.
func spoilCSV(dayColumn int, badDay string, required int, gb bool) func([]byte, int) []byte {
	badByte := byte(0xff)
	if gb {
		badByte = 0x80 // some decoders read it as €
	}
	return func(row []byte, how int) []byte {
		switch how % 6 {
		case 0:
			return append(row, ",1"...)
		case 1:
			return row[:bytes.LastIndexByte(row, ',')]
		case 2:
			return append(row, badByte)
		case 3:
			return append(row, `x"`...)
		case 4:
			return replaceCell(row, dayColumn, badDay)
		}
		return replaceCell(row, required, "")
	}
}

func replaceCell(row []byte, column int, text string) []byte {
	cells := bytes.Split(row, []byte(","))
	cells[column] = []byte(text)
	return bytes.Join(cells, []byte(","))
}

// spoilJSON gives a function that breaks a row of NDJSON. The keys are of a day and of a required text.
func spoilJSON(dayKey, required string) func([]byte, int) []byte {
	textOf := func(row []byte, key string) (from int) {
		return bytes.Index(row, []byte(`"`+key+`":"`)) + len(key) + len(`"":"`)
	}
	return func(row []byte, how int) []byte {
		day := textOf(row, dayKey)
		switch how % 6 {
		case 0:
			return append(row, '}')
		case 1:
			return row[:len(row)-1]
		case 2:
			row[day] = 0xff
			return row
		case 3:
			return append([]byte(`"`), row...)
		case 4:
			copy(row[day:], "2026-02-30")
			return row
		}
		from := textOf(row, required)
		return append(row[:from], row[from+bytes.IndexByte(row[from:], '"'):]...)
	}
}
