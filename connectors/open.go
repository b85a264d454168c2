package connectors

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"

	"hebian/connectors/archive"
	"hebian/connectors/container"
	"hebian/connectors/dbf"
	"hebian/connectors/sheet"
	"hebian/connectors/text"
)

// cutter gives the records of a file, block after block; in a form with columns the first is the header row.
type cutter interface {
	Next(b *text.Block) error // io.EOF behind the last
	Offset() int64            // bytes of the file read so far
}

// opened is a file ready to be read.
type opened struct {
	cutter
	encoding text.Encoding
	table    *dbf.Reader // of a DBF, which tells what it cut off
	ends     []func() error
}

// close gives back what reading took. Nothing was written: there is nothing to lose.
func (o *opened) close() {
	for _, end := range o.ends {
		end() //nolint:errcheck // see above
	}
}

// profileName is an encoding's name in profiles and receipts.
func profileName(e text.Encoding) string {
	if e == text.GB18030 {
		return "gb18030"
	}
	return "utf-8"
}

// open opens a file in its form, unpacked if it is packed.
func (d *Door) open(found *Found, file *watchedFile) (o opened, err error) {
	defer func() {
		if err != nil {
			o.close()
			err = fileError(found.Name, err)
		}
	}()
	src, size, err := d.unpacked(found, file, &o)
	if err != nil {
		return o, err
	}
	if found.form() != CSV && found.form() != NDJSON && found.form() != JSON { // they are not read from start to end
		if err := file.digestAll(); err != nil {
			return o, err
		}
	}
	return o, o.cut(found, src, size)
}

// cut makes the cutter of the file's form.
func (o *opened) cut(found *Found, src io.ReaderAt, size int64) (err error) {
	if found.form().encoded() && found.form() != DBF {
		if o.encoding, err = encodingOf(found, src, size); err != nil {
			return err
		}
	}
	switch found.form() {
	case CSV:
		o.cutter = text.NewCSV(src, o.encoding)
	case NDJSON:
		o.cutter = text.NewLines(src, o.encoding)
	case JSON:
		o.cutter = text.NewArray(src, o.encoding)
	case XLSX:
		r, err := sheet.Open(src, size, sheet.Options{Sheet: found.Sheet})
		if err != nil {
			return err
		}
		o.cutter, o.ends = r, append(o.ends, r.Close)
	case DBF:
		r, err := dbf.Open(src, size, dbf.Options{Encoding: found.encodingName()})
		if err != nil {
			return err
		}
		o.cutter, o.table = r, r
	case Avro:
		r, err := container.Open(src, size, container.Options{})
		if err != nil {
			return err
		}
		o.cutter, o.ends = r, append(o.ends, r.Close)
	}
	return nil
}

// unpacked gives the bytes of a file, unpacked into a file of its own if it is packed.
func (d *Door) unpacked(found *Found, file *watchedFile, o *opened) (io.ReaderAt, int64, error) {
	size := file.opened.Size()
	head := make([]byte, min(size, headBytes))
	if _, err := file.File.ReadAt(head, 0); err != nil && err != io.EOF {
		return nil, 0, err
	}
	kind := archive.Sniff(head)
	if kind == archive.None || kind == archive.Zip && archive.IsWorkbook(file.File, size) {
		return file, size, nil
	}
	if err := file.digestAll(); err != nil {
		return nil, 0, err
	}
	into, err := os.CreateTemp(d.Temp, unpackedPrefix+"*")
	if err != nil {
		return nil, 0, fmt.Errorf("unpack: %w", err)
	}
	o.ends = append(o.ends, into.Close)
	if err := os.Remove(into.Name()); err != nil { // it goes with its last handle, whatever happens
		return nil, 0, fmt.Errorf("unpack: %w", err)
	}
	limits := archive.Limits{MaxBytes: cmp.Or(d.MaxBytes, defaultMaxBytes), MaxRatio: maxRatio}
	var pack *archive.Error
	switch _, err := archive.Expand(file.File, size, into, limits); {
	case errors.As(err, &pack) && kind == archive.Zip:
		return nil, 0, &FileError{File: found.Name, Reason: pack.Reason + " (the file looks like a workbook (XLSX) or another ZIP archive)"}
	case err != nil:
		return nil, 0, err
	}
	stat, err := into.Stat()
	if err != nil {
		return nil, 0, err
	}
	file.head = nil
	return into, stat.Size(), nil
}

const (
	unpackedPrefix = "hebian-unpacked-"
	// defaultMaxBytes is the longest file, unpacked.
	defaultMaxBytes = 4 << 30
	// maxRatio is beyond what rows of real registers are packed by.
	maxRatio = 200
)

func encodingOf(found *Found, src io.ReaderAt, size int64) (text.Encoding, error) {
	switch name := found.encodingName(); name {
	case "gb18030":
		return text.GB18030, nil
	case "utf-8":
		return text.UTF8, nil
	}
	return text.Detect(src, size)
}

// fileError says whose fault an error of opening or cutting a file is.
func fileError(name string, err error) error {
	var own *FileError
	var form *text.FormError
	var book *sheet.Error
	var object *container.Error
	var pack *archive.Error
	switch {
	case errors.As(err, &own):
		return err
	case errors.As(err, &form):
		return &FileError{File: name, Line: form.Line, Reason: form.Reason}
	case errors.As(err, &book):
		return &FileError{File: name, Line: book.Line, Reason: book.Reason}
	case errors.As(err, &object), errors.As(err, &pack):
		return &FileError{File: name, Reason: err.Error()}
	}
	return fmt.Errorf("read %s: %w", name, err)
}
