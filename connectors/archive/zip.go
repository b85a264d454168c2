package archive

import (
	"archive/zip"
	"errors"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/klauspost/compress/flate"

	"hebian/connectors/text"
)

const (
	// directoryBytes bounds what is read to find an archive's files: room for some 10,000 of them, or for a comment of 64 KiB.
	directoryBytes = 1 << 20
	// nameBytes bounds a name that is given back.
	nameBytes = 255
)

// openZip reads the directory of an archive.
func openZip(src *source, size int64) (*zip.Reader, error) {
	src.budget, src.counts = directoryBytes, true
	defer func() { src.counts = false }()
	r, err := zip.NewReader(src, size)
	if errors.Is(err, zip.ErrInsecurePath) { // no name is used as a path
		err = nil
	}
	if errors.Is(err, errBudget) {
		return nil, refuse("the archive holds too much: %v", errBudget)
	}
	return r, err
}

// expandZip unpacks the one file of an archive.
func expandZip(src *source, size int64, into *sink) (string, error) {
	archive, err := openZip(src, size)
	if err != nil {
		return "", broken(err)
	}
	archive.RegisterDecompressor(zip.Deflate, flate.NewReader) // the faster one
	file, err := only(archive.File)
	if err != nil {
		return "", err
	}
	into.packed = int64(min(file.CompressedSize64, uint64(size)))
	if file.UncompressedSize64 > uint64(max(0, into.limits.MaxBytes)) { // known before, unless it lies
		return "", refuse("more than %d bytes come out of the archive, which is not taken", into.limits.MaxBytes)
	}
	unpacked, err := file.Open()
	if err != nil {
		return "", broken(err)
	}
	defer unpacked.Close() // nothing to lose in reading
	if _, err := io.Copy(into, unpacked); err != nil {
		return "", broken(err)
	}
	return readableName([]byte(file.Name)), nil
}

// only gives the one file among an archive's entries.
func only(entries []*zip.File) (*zip.File, error) {
	var file *zip.File
	files := 0
	for _, entry := range entries {
		if !ignored(entry) {
			file = entry
			files++
		}
	}
	const encrypted, strongly = 0x1, 0x40
	switch {
	case files == 0:
		return nil, refuse("the archive holds no file")
	case files > 1:
		return nil, refuse("the archive holds %d files; wanted is one", files)
	case file.Flags&(encrypted|strongly) != 0:
		return nil, refuse("the archive is encrypted; wanted is one without a password")
	case !file.Mode().IsRegular():
		return nil, refuse("the archive holds no regular file but a link or a device")
	case file.Method != zip.Store && file.Method != zip.Deflate:
		return nil, refuse("the archive is packed by method %d%s; wanted is deflate, the usual one", file.Method, methods[file.Method])
	}
	return file, nil
}

// methods names what packers offer beside deflate.
var methods = map[uint16]string{9: " (Deflate64)", 12: " (bzip2)", 14: " (LZMA)", 93: " (zstd)", 95: " (xz)", 98: " (PPMd)", 99: " (AES encryption)"}

// ignored says whether an entry is a folder or what systems put beside files on their own.
func ignored(entry *zip.File) bool {
	name := strings.ReplaceAll(entry.Name, `\`, "/") // of a folder in GBK it may be half a character, which does no harm here
	folder := strings.HasSuffix(name, "/") && entry.UncompressedSize64 == 0 || entry.Mode().IsDir()
	return folder || strings.HasPrefix(name, "__MACOSX/") || name == ".DS_Store" || strings.HasSuffix(name, "/.DS_Store")
}

// readableName gives the last part of a path, which may be in GBK, if it can be read and shown.
func readableName(raw []byte) string {
	enc := text.UTF8
	if !utf8.Valid(raw) {
		enc = text.GB18030
	}
	path, flaw := text.NewDecoder(enc).Decode(raw)
	name := path[strings.LastIndexAny(path, `/\`)+1:]
	if flaw != nil || len(name) > nameBytes || strings.ContainsFunc(name, unprintable) {
		return ""
	}
	return strings.Clone(name)
}

func unprintable(r rune) bool { return !unicode.IsPrint(r) }

// IsWorkbook says whether a file of size bytes is a workbook (XLSX), which is a ZIP archive with a description of its parts. A file that
// can't be read isn't one.
func IsWorkbook(r io.ReaderAt, size int64) bool {
	archive, err := openZip(&source{src: r}, size)
	if err != nil {
		return false
	}
	for _, entry := range archive.File {
		if strings.EqualFold(entry.Name, "[Content_Types].xml") {
			return true
		}
	}
	return false
}
