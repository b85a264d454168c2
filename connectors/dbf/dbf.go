// Package dbf reads tables of dBase III (DBF), as FoxPro and its kin write them too, as records of
// CSV in UTF-8.
//
// A table's records have one length, so any of them is found by its number and nothing is held in
// memory but a block of them. Values become text as they would be typed into CSV: 2026-10-01, T.
// What the header says is held against the file: a table that is cut short, or has more than its
// header counts, is refused, for nobody knows which of the two is right. Indexes and memo files, which lie
// beside a table, are not read.
package dbf

import (
	"fmt"
	"io"

	"hebian/connectors/text"
)

const (
	// A block is as large as those of the text forms: some 2,500 records.
	blockRecords = 2500
	blockBytes   = 192 << 10 // as read; in UTF-8 Chinese takes half as much again

	// maxTail is how much may stand behind the last record. Programs end a table with 1A and fill up the
	// last sector.
	maxTail = 64 << 10

	// maxTrimmed is how many cut characters are remembered, to be told to the agency.
	maxTrimmed = 100
)

// Options say how a table is read.
type Options struct {
	// Encoding is "gb18030", "utf-8" or "auto", the same as "": what the table says itself. A table
	// that does not say it is GB18030, as long as it does not look like UTF-8.
	Encoding string
}

// Trim is a value that was cut in the middle of its last character, at the width of its column. The
// rest of the value was taken.
type Trim struct {
	Line   int64
	Column string
}

// Reader reads one table. One goroutine uses it at a time.
type Reader struct {
	src     io.ReaderAt
	table   table
	enc     text.Encoding
	decoder *text.Decoder
	started bool  // the header row has been handed out
	number  int64 // of the next record, from 0
	buf     []byte
	row     []byte // of CSV
	decoded []byte // a value
	trimmed []Trim
	err     error // what the records have ended with
}

// Open reads the header of a table of size bytes. A *text.FormError says that it is no table that can
// be read.
func Open(r io.ReaderAt, size int64, o Options) (*Reader, error) {
	t, err := readTable(r, size)
	if err != nil {
		return nil, err
	}
	reader := &Reader{src: r, table: t}
	perBlock := max(1, min(blockRecords, blockBytes/t.length, t.count))
	reader.buf = make([]byte, perBlock*t.length)
	if reader.enc, err = reader.encoding(o.Encoding); err != nil {
		return nil, err
	}
	reader.decoder = text.NewDecoder(reader.enc)
	return reader, nil
}

// Next fills the block with the next records, the names of the columns first, and returns io.EOF when
// there are none. A record's line is its number, counted from 2, as the names are the first line. Deleted
// records are left out. A *text.FormError says that the table ends here for good.
func (r *Reader) Next(b *text.Block) error {
	b.Reset()
	if !r.started {
		r.started = true
		raw, misfit := r.header()
		b.Append(raw, 1, misfit)
		return nil
	}
	for r.err == nil && len(b.Records) == 0 {
		r.err = r.fill(b)
	}
	return r.err
}

// fill reads the next records into the block. There may be none that isn't deleted.
func (r *Reader) fill(b *text.Block) error {
	if r.number == int64(r.table.count) {
		return io.EOF
	}
	records := min(len(r.buf)/r.table.length, r.table.count-int(r.number))
	p, err := r.records(records)
	if err != nil {
		return err
	}
	for ; len(p) > 0; p = p[r.table.length:] {
		line := r.number + 2
		switch p[0] {
		case ' ':
			raw, misfit := r.record(p[:r.table.length], line)
			b.Append(raw, line, misfit)
		case '*':
		default:
			return &text.FormError{Line: line, Reason: fmt.Sprintf("the record does not begin as one: its first byte is %02X", p[0])}
		}
		r.number++
	}
	return nil
}

// records reads so many records from the next one on.
func (r *Reader) records(n int) ([]byte, error) {
	p, at := r.buf[:n*r.table.length], r.Offset()
	if got, err := r.src.ReadAt(p, at); got < len(p) {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF // it had them when it was opened
		}
		return nil, fmt.Errorf("read %d bytes of a table at offset %d: %w", len(p), at, err)
	}
	return p, nil
}

// Offset is how many bytes of the file have been read, for showing how far it has come.
func (r *Reader) Offset() int64 { return r.table.start + r.number*int64(r.table.length) }

// Trimmed lists values that were cut in the middle of a character, the first 100 of those read so far.
func (r *Reader) Trimmed() []Trim { return r.trimmed }

// Close does nothing: the file is the caller's.
func (r *Reader) Close() error { return nil }

// header writes the names of the columns as a record.
func (r *Reader) header() ([]byte, *text.Misfit) {
	r.row = r.row[:0]
	var misfit *text.Misfit
	for i := range r.table.fields {
		f := &r.table.fields[i]
		if i > 0 {
			r.row = append(r.row, ',')
		}
		name, flaw := r.text(f.name[:len(f.name)-brokenTail(f.name, r.enc)]) // they are cut at ten bytes
		if flaw != nil && misfit == nil {
			misfit = &text.Misfit{Reason: flaw.Reason, Detail: fmt.Sprintf("the name of column %d: %s", i+1, flaw.Detail)}
		}
		f.column = string(name)
		r.row = appendField(r.row, name)
	}
	if misfit != nil {
		misfit.Length = int64(len(r.row))
	}
	return r.row, misfit
}

// record writes a record of the table. The first value that does not fit makes a misfit of it.
func (r *Reader) record(p []byte, line int64) ([]byte, *text.Misfit) {
	r.row = r.row[:0]
	var misfit *text.Misfit
	for i := range r.table.fields {
		f := &r.table.fields[i]
		if i > 0 {
			r.row = append(r.row, ',')
		}
		var flaw *text.Flaw
		if value := p[f.at : f.at+f.width]; f.kind == 'C' {
			flaw = r.characters(value, f, line)
		} else {
			r.row, flaw = f.append(r.row, value)
		}
		if flaw != nil && misfit == nil {
			misfit = &text.Misfit{Reason: flaw.Reason, Column: f.column, Detail: flaw.Detail}
		}
	}
	if misfit != nil {
		misfit.Length = int64(len(r.row))
	}
	return r.row, misfit
}

// characters writes a value of text: without the blanks that fill it up, and without half a character
// where the column's width has cut one.
func (r *Reader) characters(value []byte, f *field, line int64) *text.Flaw {
	cut := unfilled(value)
	if len(cut) == 0 {
		return nil
	}
	if len(cut) == len(value) {
		if broken := brokenTail(cut, r.enc); broken > 0 {
			cut = unfilled(cut[:len(cut)-broken])
			if len(r.trimmed) < maxTrimmed {
				r.trimmed = append(r.trimmed, Trim{Line: line, Column: f.column})
			}
		}
	}
	decoded, flaw := r.text(cut)
	r.row = appendField(r.row, decoded)
	return flaw
}
