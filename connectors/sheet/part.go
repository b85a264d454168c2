package sheet

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"path"
	"strings"
)

const (
	// maxDirectory is how much is read of the archive's directory. A workbook has some ten parts,
	// with pictures some hundred; each takes about 100 bytes.
	maxDirectory = 4 << 20

	// maxRatio is how many times larger a part may be than it is packed, beyond the first MiB. Sheets
	// come to 10 to 40, of rows that are all the same to 350; DEFLATE can make 1,000 of one byte.
	maxRatio  = 500
	freeBytes = 1 << 20
)

// source is the workbook's file. It counts what is read of it, and keeps the disk's first error, for
// the archive's reader doesn't tell whose an error is.
type source struct {
	r     io.ReaderAt
	size  int64
	read  int64
	limit int64 // of what may be read; 0: none
	err   error
}

func (s *source) ReadAt(p []byte, off int64) (int, error) {
	if s.limit > 0 && s.read+int64(len(p)) > s.limit {
		return 0, unfit("the archive's directory has more than %d MiB", s.limit>>20)
	}
	n, err := s.r.ReadAt(p, off)
	s.read += int64(n)
	if err != nil && !errors.Is(err, io.EOF) && s.err == nil {
		s.err = err
	}
	return n, err
}

// parts is the archive: its parts by name, in lower case as names are compared.
type parts struct {
	files map[string]*zip.File
	max   int64 // bytes of a part
}

func openParts(src *source, max int64) (*parts, error) {
	head := make([]byte, 8)
	n, err := src.ReadAt(head, 0)
	if err != nil && err != io.EOF {
		return nil, err
	}
	head = head[:n]
	switch {
	case bytes.HasPrefix(head, []byte{0xD0, 0xCF, 0x11, 0xE0}):
		return nil, unfit("the file is a workbook of the old kind (XLS), or one with a password; save it as XLSX without a password")
	case !bytes.HasPrefix(head, []byte("PK")):
		return nil, unfit("the file is no workbook (XLSX)")
	}
	archive, err := zip.NewReader(src, src.size)
	if err != nil {
		return nil, err
	}
	src.limit = 0
	p := &parts{files: make(map[string]*zip.File, len(archive.File)), max: max}
	for _, file := range archive.File {
		name := partName(file.Name)
		if _, twice := p.files[name]; twice {
			file = nil // only an error if it is needed
		}
		p.files[name] = file
	}
	return p, nil
}

// partName is a part's name as it is compared. Some programs write it with backslashes.
func partName(name string) string {
	return strings.ToLower(strings.TrimPrefix(path.Clean("/"+strings.ReplaceAll(name, `\`, "/")), "/"))
}

func (p *parts) has(name string) bool {
	_, ok := p.files[partName(name)]
	return ok
}

// open starts reading a part of at most max bytes.
func (p *parts) open(name string, max int64) (*part, error) {
	file, ok := p.files[partName(name)]
	max = min(max, p.max)
	switch {
	case !ok:
		return nil, unfit("the file is no workbook (XLSX): it has no part %s", name)
	case file == nil:
		return nil, unfit("the workbook has the part %s twice", name)
	case file.Flags&1 != 0:
		return nil, unfit("the workbook's part %s is encrypted; save it without a password", name)
	case file.UncompressedSize64 > uint64(max):
		return nil, unfit("the workbook's part %s has %d bytes, more than %d", name, file.UncompressedSize64, max)
	case file.UncompressedSize64 > freeBytes && (file.UncompressedSize64-freeBytes)/maxRatio > file.CompressedSize64:
		return nil, unfit("the workbook's part %s grows more than %d times when it is unpacked", name, maxRatio)
	}
	body, err := file.Open()
	if err != nil {
		return nil, err
	}
	return &part{ReadCloser: body, name: name, size: int64(file.UncompressedSize64), left: int64(file.UncompressedSize64)}, nil
}

// part is a part as it is read: no more than the directory says that it has.
type part struct {
	io.ReadCloser
	name string
	size int64
	left int64
}

func (p *part) Read(b []byte) (int, error) {
	n, err := p.ReadCloser.Read(b)
	if p.left -= int64(n); p.left < 0 {
		return 0, unfit("the workbook's part %s is larger than its archive says", p.name)
	}
	return n, err
}
