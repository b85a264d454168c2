package connectors

import (
	"errors"
	"fmt"
	"io"

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
	src, size := io.ReaderAt(file), file.opened.Size()
	if o.encoding, err = encodingOf(found, src, size); err != nil {
		return o, fileError(found.Name, err)
	}
	switch found.form() {
	case CSV:
		o.cutter = text.NewCSV(src, o.encoding)
	case NDJSON:
		o.cutter = text.NewLines(src, o.encoding)
	default:
		return o, &FileError{File: found.Name, Reason: fmt.Sprintf("form %s can't be read", found.form())}
	}
	return o, nil
}

func encodingOf(found *Found, src io.ReaderAt, size int64) (text.Encoding, error) {
	switch name := found.encodingName(); name {
	case "gb18030":
		return text.GB18030, nil
	case "utf-8":
		return text.UTF8, nil
	}
	return text.UTF8, nil
}

// fileError says whose fault an error of opening or cutting a file is.
func fileError(name string, err error) error {
	var own *FileError
	if errors.As(err, &own) {
		return err
	}
	return fmt.Errorf("read %s: %w", name, err)
}
