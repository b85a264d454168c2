// Package archive unpacks the two forms in which agencies pack a single file: gzip, and ZIP with one file in it. It trusts nothing that
// an archive says of itself: what comes out is bounded and checked. It knows nothing of what the file holds, but that it is no archive
// again.
package archive

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// Kind is how a file is packed.
type Kind uint8

// The kinds of archives.
const (
	None Kind = iota // not, or in a way that isn't taken
	Gzip
	Zip
)

// String names the kind as messages do.
func (k Kind) String() string {
	switch k {
	case Gzip:
		return "gzip"
	case Zip:
		return "ZIP"
	}
	return "none"
}

// Sniff tells how a file is packed from its first bytes; four are enough. A workbook (XLSX) is a ZIP archive, too: IsWorkbook tells them
// apart.
func Sniff(head []byte) Kind {
	switch {
	case bytes.HasPrefix(head, []byte("\x1F\x8B")):
		return Gzip
	case bytes.HasPrefix(head, []byte("PK\x03\x04")), bytes.HasPrefix(head, []byte("PK\x05\x06")): // the second: without any file
		return Zip
	}
	return None
}

// Limits bounds what comes out of an archive.
type Limits struct {
	MaxBytes int64 // unpacked
	MaxRatio int   // unpacked bytes beyond the first MiB by packed bytes: text packs 5 to 20 times, a bomb a thousand times
}

// freeBytes is what may come out however small the archive is: a small file of equal rows packs beyond any ratio.
const freeBytes = 1 << 20

// Error says what is wrong with an archive, for those who packed it.
type Error struct {
	Reason string
}

func (e *Error) Error() string { return e.Reason }

func refuse(format string, args ...any) error { return &Error{Reason: fmt.Sprintf(format, args...)} }

// Expand unpacks the file that an archive of size bytes holds and returns its name without folders, as far as the archive gives one that
// can be read; it is good for messages only. An *Error says that the archive is not as it must be: broken, not one file, encrypted, packed
// twice, beyond the limits. Other errors are of src and of into. With an error, what has been written is worth nothing.
func Expand(src io.ReaderAt, size int64, into io.Writer, limits Limits) (name string, err error) {
	source := &source{src: src}
	head := make([]byte, min(size, 4))
	if _, err := source.ReadAt(head, 0); err != nil && (err != io.EOF || source.err != nil) {
		return "", fmt.Errorf("read %d bytes of an archive: %w", len(head), err)
	}
	sink := &sink{into: into, limits: limits}
	switch Sniff(head) {
	case Gzip:
		name, err = expandGzip(io.NewSectionReader(source, 0, size), size, sink)
	case Zip:
		name, err = expandZip(source, size, sink)
	default:
		return "", refuse("the file is neither a gzip nor a ZIP archive")
	}
	if err == nil {
		err = sink.flush()
	}
	switch {
	case source.err != nil:
		return "", fmt.Errorf("read an archive of %d bytes: %w", size, source.err)
	case sink.err != nil:
		return "", fmt.Errorf("unpack an archive of %d bytes: %w", size, sink.err)
	case err == nil || errors.As(err, new(*Error)):
		return name, err
	}
	return "", refuse("the archive is broken: %v", err)
}

// source keeps the errors of the file apart from those of the archive in it.
type source struct {
	src    io.ReaderAt
	err    error
	budget int64 // bytes that may be read while it counts
	counts bool
}

var errBudget = errors.New("its directory is longer than 1 MiB")

func (s *source) ReadAt(p []byte, at int64) (int, error) {
	if at < 0 { // a directory may lie about where it is
		return 0, io.ErrUnexpectedEOF
	}
	if s.counts {
		if s.budget -= int64(len(p)); s.budget < 0 {
			return 0, errBudget
		}
	}
	n, err := s.src.ReadAt(p, at)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

// sink writes what is unpacked, as far as the limits go, and looks at its beginning before.
type sink struct {
	into   io.Writer
	limits Limits
	packed int64 // bytes of the archive that it all comes from
	head   []byte
	passed bool // the head is looked at and written
	count  int64
	err    error // of into
}

// headBytes is how much is looked at to know an archive within the archive: the mark of tar stands at 257.
const headBytes = 512

func (s *sink) Write(p []byte) (int, error) {
	s.count += int64(len(p))
	if s.count > s.limits.MaxBytes {
		return 0, refuse("more than %d bytes come out of the archive, which is not taken", s.limits.MaxBytes)
	}
	if beyond := s.count - freeBytes; beyond > 0 && s.exceeds(beyond) {
		return 0, refuse("more than %d times its size comes out of the archive, which is not taken", s.limits.MaxRatio)
	}
	if !s.passed {
		if s.head = append(s.head, p...); len(s.head) < headBytes {
			return len(p), nil
		}
		if err := s.flush(); err != nil {
			return 0, err
		}
		return len(p), nil
	}
	return s.write(p)
}

// exceeds says whether so many bytes are more than the ratio allows.
func (s *sink) exceeds(count int64) bool {
	ratio := int64(s.limits.MaxRatio)
	return ratio <= 0 || count/ratio > s.packed || count/ratio == s.packed && count%ratio > 0
}

// flush looks at the beginning and writes it.
func (s *sink) flush() error {
	if s.passed {
		return nil
	}
	s.passed = true
	if inner := packedAgain(s.head); inner != "" {
		return refuse("the archive holds another archive (%s); wanted is the file itself in it", inner)
	}
	_, err := s.write(s.head)
	s.head = nil
	return err
}

func (s *sink) write(p []byte) (int, error) {
	n, err := s.into.Write(p)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	s.err = err
	return n, err
}

// packedAgain names the kind of archive that a file begins as. A workbook passes.
func packedAgain(head []byte) string {
	for _, known := range []struct{ kind, mark string }{
		{"gzip", "\x1F\x8B\x08"},
		{"7z", "7z\xBC\xAF\x27\x1C"},
		{"RAR", "Rar!\x1A\x07"},
		{"xz", "\xFD7zXZ\x00"},
		{"zstd", "\x28\xB5\x2F\xFD"},
		{"bzip2", "BZh91AY&SY"},
		{"ZIP", "PK\x05\x06"},
	} {
		if bytes.HasPrefix(head, []byte(known.mark)) {
			return known.kind
		}
	}
	const tarMark, localHeader = 257, 30
	if len(head) > tarMark && bytes.HasPrefix(head[tarMark:], []byte("ustar")) {
		return "tar"
	}
	if !bytes.HasPrefix(head, []byte("PK\x03\x04")) {
		return ""
	}
	for _, part := range []string{"[Content_Types].xml", "_rels/", "docProps/", "xl/", "customXml/", "mimetype"} {
		if len(head) > localHeader && bytes.HasPrefix(head[localHeader:], []byte(part)) {
			return ""
		}
	}
	return "ZIP"
}
