package sheet

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"hash"
	"strings"
	"unicode/utf8"

	"hebian/connectors/text"
	"hebian/schemas"
)

const (
	// maxRows and maxColumns are the size of a sheet.
	maxRows    = 1 << 20
	maxColumns = 1 << 14

	// maxHeader is how many columns a header may have. Every row is filled up to it, so a wider one
	// would let a small file grow into a large one.
	maxHeader = 1024

	// maxName is how many bytes of a header a misfit names.
	maxName = 256
)

// rows makes records of cells, one row at a time.
type rows struct {
	line    int64    // number of the row at hand
	header  []string // names of the columns, to name them in misfits
	known   bool     // the header has been read
	column  int      // of the last cell, from 1
	fields  int      // that the record has so far
	record  []byte
	misfit  *text.Misfit
	max     int64 // bytes of all records
	written int64

	// Of a record beyond the longest: its first bytes, and the digest and length of what is no longer held.
	head   []byte
	digest hash.Hash
	length int64
}

func (w *rows) start(line int64) {
	w.line, w.column, w.fields, w.misfit = line, 0, 0, nil
	w.record, w.digest, w.length = w.record[:0], nil, 0
}

// add writes a cell that has a value behind those before it. Blanks around a value are whoever reads the record's to cut.
func (w *rows) add(value []byte) error {
	if w.known && w.column > len(w.header) {
		w.pad(len(w.header))
		w.refuse(schemas.ReasonFieldCount, "it lies beyond the header")
	} else {
		w.pad(w.column - 1)
	}
	if w.fields > 0 {
		w.record = append(w.record, ',')
	}
	w.fields++
	w.record = appendField(w.record, value)
	if !w.known {
		if w.column > maxHeader {
			return unfit("the header has more than %d columns", maxHeader)
		}
		for len(w.header) < w.column-1 {
			w.header = append(w.header, "")
		}
		w.header = append(w.header, shortened(value))
	}
	if len(w.record) > text.MaxRecord {
		return w.spill()
	}
	return nil
}

// pad brings the record to a number of fields.
func (w *rows) pad(fields int) {
	for ; w.fields < fields; w.fields++ {
		if w.fields > 0 {
			w.record = append(w.record, ',')
		}
	}
}

// refuse makes a misfit of the row, for the cell at hand. The first reason stays.
func (w *rows) refuse(reason schemas.Reason, detail string) {
	if w.misfit != nil {
		return
	}
	w.misfit = &text.Misfit{Reason: reason, Detail: fmt.Sprintf("cell %s%d: %s", columnName(w.column), w.line, detail)}
	if w.column <= len(w.header) {
		w.misfit.Column = w.header[w.column-1]
	}
}

// spill keeps of a record that is too long what a misfit has of it.
func (w *rows) spill() error {
	if w.digest == nil {
		w.digest = sha256.New()
		w.head = append(w.head[:0], w.record[:text.HeadBytes]...)
	}
	w.digest.Write(w.record)
	w.length += int64(len(w.record))
	w.record = w.record[:0]
	return w.count(0)
}

// count holds what has been written against the bound.
func (w *rows) count(more int64) error {
	if w.written+w.length+more > w.max {
		return unfit("the rows have more than %d bytes", w.max)
	}
	return nil
}

// end gives the row as a record that lasts until the next one. It says false when the row has no value.
func (w *rows) end() (text.Record, bool, error) {
	if w.fields == 0 {
		return text.Record{}, false, nil
	}
	if w.known {
		w.pad(len(w.header))
	}
	w.known = true
	record := text.Record{Raw: w.record, Line: w.line, Misfit: w.misfit}
	switch {
	case w.digest != nil:
		w.digest.Write(w.record)
		w.length += int64(len(w.record))
		record.Raw = w.head
		record.Misfit = &text.Misfit{
			Reason: schemas.ReasonTooLong, Detail: "the record is longer than 1 MiB", Length: w.length, Digest: w.digest.Sum(nil),
		}
	case w.misfit != nil:
		w.misfit.Length = int64(len(w.record))
	}
	if err := w.count(int64(len(record.Raw))); err != nil {
		return record, false, err
	}
	w.written += max(w.length, int64(len(record.Raw)))
	return record, true, nil
}

// appendField writes a field of CSV, in quotes if it needs them.
func appendField(dst, value []byte) []byte {
	for _, c := range value {
		if c > ',' || c != ',' && c != '"' && c != '\n' && c != '\r' {
			continue
		}
		dst = append(dst, '"')
		for {
			quote := bytes.IndexByte(value, '"')
			if quote < 0 {
				return append(append(dst, value...), '"')
			}
			dst = append(append(dst, value[:quote+1]...), '"')
			value = value[quote+1:]
		}
	}
	return append(dst, value...)
}

// shortened is a header as misfits name it.
func shortened(value []byte) string {
	name := strings.ToValidUTF8(string(bytes.TrimSpace(value)), string(utf8.RuneError))
	if len(name) <= maxName {
		return name
	}
	return strings.ToValidUTF8(name[:maxName], "") + "…"
}

// columnName is what a sheet calls a column, counted from 1: A, Z, AA.
func columnName(column int) string {
	var name [4]byte
	at := len(name)
	for ; column > 0; column = (column - 1) / 26 {
		at--
		name[at] = byte('A' + (column-1)%26)
	}
	return string(name[at:])
}

// place reads the reference of a cell, such as B12: its column from 1 and its row.
func place(ref []byte) (column int, row int64, ok bool) {
	at := 0
	for at < len(ref) && ref[at] >= 'A' && ref[at] <= 'Z' && column <= maxColumns {
		column = column*26 + int(ref[at]-'A') + 1
		at++
	}
	row, ok = rowNumber(ref[at:])
	return column, row, ok && column > 0 && column <= maxColumns
}

func rowNumber(s []byte) (int64, bool) {
	n, ok := smallNumber(s)
	return int64(n), ok && n > 0 && n <= maxRows
}

// smallNumber reads a number of at most nine digits.
func smallNumber(s []byte) (n int, ok bool) {
	for _, c := range s {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, len(s) > 0 && len(s) <= 9
}

// blank says whether a value is nothing but white space.
func blank(value []byte) bool {
	if len(value) > 0 && value[0] > ' ' && value[0] < utf8.RuneSelf {
		return false
	}
	return len(bytes.TrimSpace(value)) == 0
}
