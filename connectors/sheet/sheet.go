// Package sheet reads the rows of a workbook's sheet (XLSX, ISO/IEC 29500, transitional and strict)
// as records of CSV in UTF-8, and writes a sheet of texts.
//
// A sheet is read as it streams out of its archive, by a scanner of its own: memory hangs on the
// texts that the sheet's cells share, which are bounded, and not on its rows. Cells become text as
// they would be typed into CSV: 2026-10-01, 5432.1, TRUE. Where the workbook has lost something, as it
// does with numbers of 16 digits, the row is a misfit. Nothing is calculated: a formula counts for
// the value that was stored with it. The package doesn't read XLS, XLSB or ODS, nor anything else in
// a workbook, such as its macros, and follows no link out of it.
package sheet

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"

	"hebian/connectors/text"
)

const (
	// MaxBytes is how many bytes a part of a workbook may have when it is expanded, and the rows
	// written as CSV, unless the options say otherwise. A full sheet of 1,048,576 rows takes some
	// 2 GiB with 40 columns.
	MaxBytes = 4 << 30

	// Rows are handed out in blocks of the size that the text forms have.
	blockRows  = 2500
	blockBytes = 240 << 10 // leaves room for a last row in what a text.Block holds
)

// Options say what is read. The zero value reads the sheet that one sees first, within the usual bounds.
type Options struct {
	Sheet    string // its name; "": the first that isn't hidden, or the only one
	MaxBytes int64  // bound of a part in expanded bytes; 0: MaxBytes
}

// Error says why a workbook can't be read. Other errors are of the disk.
type Error struct {
	Line   int64 // number of the row in the sheet; 0: nowhere in particular
	Reason string
}

func (e *Error) Error() string {
	if e.Line == 0 {
		return e.Reason
	}
	return fmt.Sprintf("row %d: %s", e.Line, e.Reason)
}

func unfit(format string, args ...any) *Error { return &Error{Reason: fmt.Sprintf(format, args...)} }

// Reader reads one sheet. One goroutine uses it at a time.
type Reader struct {
	src    *source
	part   *part
	xml    *xmlReader
	rows   rows
	texts  texts
	styles []kind // by style of a cell
	epoch  epoch
	state  state
	value  []byte // of the cell at hand, as it stands there
	shown  []byte // and as it is written, a number
	err    error  // what the rows have ended with
}

type state uint8

const (
	beforeRows state = iota
	inRows
	afterRows
)

// Open finds the sheet in a workbook of size bytes and reads what its cells refer to: formats and
// shared texts. An *Error says that it is no workbook that can be read.
func Open(r io.ReaderAt, size int64, o Options) (*Reader, error) {
	if o.MaxBytes <= 0 {
		o.MaxBytes = MaxBytes
	}
	reader := &Reader{src: &source{r: r, size: size, limit: maxDirectory}}
	if err := reader.open(o); err != nil {
		return nil, reader.explain(err)
	}
	return reader, nil
}

func (r *Reader) open(o Options) error {
	archive, err := openParts(r.src, o.MaxBytes)
	if err != nil {
		return err
	}
	book, err := readBook(archive, o.Sheet)
	if err != nil {
		return err
	}
	r.epoch = book.epoch
	if r.styles, err = readStyles(archive, book.styles); err != nil {
		return err
	}
	if r.texts, err = readTexts(archive, book.texts); err != nil {
		return err
	}
	r.rows.max = o.MaxBytes
	if r.part, err = archive.open(book.sheet, o.MaxBytes); err == nil {
		r.xml = newXML(r.part)
	}
	return err
}

// Next fills the block with the next rows, the header first, and returns io.EOF when there are none.
// Rows without a value are left out, the others filled up to the width of the header. An *Error says
// that the sheet ends here for good, whatever has been read of it.
func (r *Reader) Next(b *text.Block) error {
	b.Reset()
	for size := 0; r.err == nil && len(b.Records) < blockRows && size < blockBytes; {
		record, err := r.next()
		if err == io.EOF {
			r.err = io.EOF
			break
		} else if err != nil {
			r.err = r.explain(err)
			return r.err
		}
		b.Append(record.Raw, record.Line, record.Misfit)
		size += len(record.Raw)
	}
	if len(b.Records) > 0 {
		return nil
	}
	return r.err
}

// Offset is how many bytes of the file have been read, for showing how far it has come.
func (r *Reader) Offset() int64 { return min(r.src.read, r.src.size) }

// Close lets go of the sheet. The file stays open: it is the caller's.
func (r *Reader) Close() error {
	if r.part == nil {
		return nil
	}
	return r.part.Close()
}

// explain tells what is wrong with the workbook from what is wrong with the disk.
func (r *Reader) explain(err error) error {
	var own *Error
	switch {
	case r.src.err != nil:
		return fmt.Errorf("read a workbook: %w", r.src.err)
	case errors.As(err, &own):
		return &Error{Line: max(own.Line, r.rows.line), Reason: own.Reason}
	case errors.Is(err, zip.ErrAlgorithm):
		err = errors.New("a part is compressed in a way that workbooks don't use")
	}
	return &Error{Line: r.rows.line, Reason: fmt.Sprintf("the workbook is damaged: %v", err)}
}
