package archive

import (
	"bufio"
	"io"

	"github.com/klauspost/compress/gzip"
)

// expandGzip unpacks all members of a gzip file, one behind the other. Member by member, because the end of the file within the header of a
// member passes for the end of all otherwise.
func expandGzip(r io.Reader, size int64, into *sink) (string, error) {
	into.packed = size
	packed := bufio.NewReaderSize(r, 64<<10)
	unpacked, err := gzip.NewReader(packed)
	if err != nil {
		return "", broken(err)
	}
	name, buf := gzipName(unpacked.Name), make([]byte, 64<<10)
	for {
		unpacked.Multistream(false)
		if _, err := io.CopyBuffer(into, plainReader{unpacked}, buf); err != nil {
			return "", broken(err)
		}
		next, err := packed.Peek(2)
		switch {
		case len(next) == 0 && err == io.EOF:
			return name, nil
		case err != nil && err != io.EOF:
			return "", err
		case Sniff(next) != Gzip:
			return "", refuse("the archive goes on behind its end with something that is not gzip")
		}
		if err := unpacked.Reset(packed); err != nil {
			return "", broken(err)
		}
	}
}

// plainReader hides WriteTo, which would write in pieces of the packer's choice.
type plainReader struct{ io.Reader }

// broken makes the end of the file within the archive an error of its own.
func broken(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return refuse("the archive is broken: the file ends within it")
	}
	return err
}

// gzipName gives the bytes of a name back, which the reader took for Latin-1, as readable text.
func gzipName(name string) string {
	raw := make([]byte, 0, len(name))
	for _, r := range name {
		raw = append(raw, byte(r))
	}
	return readableName(raw)
}
