package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// heap is where pulled records pile up: a file that grows, or standard output. In CSV the header row stands there once; an object
// container file stays one, page after page.
type heap struct {
	form    string
	w       io.Writer
	file    *os.File // nil: standard output
	bytes   int64    // length of the file, all of it on disk
	begun   bool     // something stands there
	records int64    // added
	avro    avroFile
}

// openHeap opens a heap. A known state says how long the file is to be: what stands behind came with a page that does not count.
func openHeap(form string, state pullState, known bool, out io.Writer) (*heap, error) {
	h := &heap{form: form, w: out}
	if state.Out == "" {
		return h, nil
	}
	file, err := os.OpenFile(state.Out, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("write records: %w", err)
	}
	h.w, h.file = file, file
	if err := h.cut(state, known); err != nil {
		return nil, fmt.Errorf("write records: %w", errors.Join(err, file.Close()))
	}
	return h, nil
}

// cut cuts the file back to its length, goes to its end, and looks what it begins with.
func (h *heap) cut(state pullState, known bool) error {
	stat, err := h.file.Stat()
	if err != nil {
		return err
	}
	h.bytes = stat.Size()
	switch {
	case !stat.Mode().IsRegular():
		return fmt.Errorf("%s is no regular file", state.Out)
	case known && h.bytes < state.Bytes:
		return fmt.Errorf("%s has %d bytes, and %d belong to the cursor: something was taken away from it; put it back, or begin anew with another --state and --out", state.Out, h.bytes, state.Bytes)
	case known && h.bytes > state.Bytes:
		h.bytes = state.Bytes
		if err := errors.Join(h.file.Truncate(h.bytes), h.file.Sync()); err != nil {
			return err
		}
	}
	if h.begun = h.bytes > 0; h.begun && h.form == "avro" {
		head := make([]byte, min(h.bytes, maxAvroHead))
		if _, err := io.ReadFull(h.file, head); err != nil {
			return err
		}
		if h.avro, _, err = cutAvro(head); err != nil {
			return fmt.Errorf("%s: %w", state.Out, err)
		}
	}
	if _, err = h.file.Seek(h.bytes, io.SeekStart); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(state.Out))
}

// add appends a page and brings it to disk.
func (h *heap) add(page []byte) (records int64, err error) {
	body := page
	switch h.form {
	case "csv":
		if records = max(int64(bytes.Count(page, []byte("\r\n")))-1, 0); h.begun {
			_, body, _ = bytes.Cut(page, []byte("\r\n"))
		}
	case "avro":
		records, body, err = h.avro.join(page, h.begun)
	default:
		records = int64(bytes.Count(page, []byte("\n")))
		if len(page) > 0 && page[len(page)-1] != '\n' {
			err = errors.New("the page ends within a line")
		}
	}
	if err != nil || records == 0 {
		return 0, err
	}
	if _, err := h.w.Write(body); err != nil {
		return 0, fmt.Errorf("write records: %w", err)
	}
	if err := h.sync(); err != nil {
		return 0, fmt.Errorf("write records: %w", err)
	}
	h.bytes, h.begun, h.records = h.bytes+int64(len(body)), true, h.records+records
	return records, nil
}

// sync brings what was written to disk, where it goes to one.
func (h *heap) sync() error {
	file, ok := h.w.(*os.File)
	if !ok {
		return nil
	}
	err := file.Sync()
	if h.file == nil && (errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP) || errors.Is(err, fs.ErrInvalid)) {
		return nil // a pipe or a terminal
	}
	return err
}

func (h *heap) close() error {
	if h.file == nil {
		return nil
	}
	return h.file.Close()
}

// avroFile is what an object container file of Avro begins with: what says how it is written, and the mark behind each of its blocks.
type avroFile struct {
	head string
	mark [16]byte
}

// maxAvroHead is longer than the beginning of our own container files.
const maxAvroHead = 64 << 10

var errAvro = errors.New("this is no object container file of Avro")

// cutAvro cuts the beginning of a container file off.
func cutAvro(b []byte) (c avroFile, blocks []byte, err error) {
	const magic = "Obj\x01"
	if !bytes.HasPrefix(b, []byte(magic)) {
		return c, nil, errAvro
	}
	rest := b[len(magic):]
	for {
		pairs, ok := avroLong(&rest)
		if !ok || pairs < 0 || pairs > maxAvroHead { // our hub does not give lengths of map blocks
			return c, nil, errAvro
		}
		if pairs == 0 {
			break
		}
		for range 2 * pairs {
			length, ok := avroLong(&rest)
			if !ok || length < 0 || length > int64(len(rest)) {
				return c, nil, errAvro
			}
			rest = rest[length:]
		}
	}
	if len(rest) < len(c.mark) {
		return c, nil, errAvro
	}
	c.head = string(b[:len(b)-len(rest)])
	copy(c.mark[:], rest)
	return c, rest[len(c.mark):], nil
}

// avroLong reads a number of Avro.
func avroLong(b *[]byte) (int64, bool) {
	n, size := binary.Varint(*b)
	if size <= 0 {
		return 0, false
	}
	*b = (*b)[size:]
	return n, true
}

// join makes the blocks of a page blocks of this file, whose mark stands behind each. The first page is taken as it is.
func (c *avroFile) join(page []byte, begun bool) (records int64, body []byte, err error) {
	own, rest, err := cutAvro(page)
	switch {
	case err != nil:
		return 0, nil, err
	case begun && own.head != c.head:
		return 0, nil, errors.New("the file has records of another schema: name another --out")
	case !begun:
		*c = own
		body = append(body, page[:len(page)-len(rest)]...)
	}
	for len(rest) > 0 {
		block := rest
		n, ok := avroLong(&rest)
		length, ok2 := avroLong(&rest)
		if !ok || !ok2 || n < 0 || length < 0 || length > int64(len(rest)-len(own.mark)) || !bytes.Equal(rest[length:length+int64(len(own.mark))], own.mark[:]) {
			return 0, nil, errAvro
		}
		rest = rest[length:]
		body = append(append(body, block[:len(block)-len(rest)]...), c.mark[:]...)
		rest = rest[len(own.mark):]
		records += n
	}
	return records, body, nil
}
