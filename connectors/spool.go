package connectors

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
)

// ErrTooLarge says that a file is larger than the spool takes.
var ErrTooLarge = errors.New("the file is too large")

// Spool is a folder where files lie whole before they are taken in, so that nobody writes to them meanwhile
// and a road that breaks off leaves nothing half-taken. They live as long as their delivery: a crash leaves
// some, which Sweep removes.
type Spool struct {
	dir       string
	maxBytes  int64
	roomBytes int64
	used      atomic.Int64 // bytes of all files
	create    func(dir string) (spoolFile, error)
}

// spoolFile is what a spool needs of a file.
type spoolFile interface {
	io.WriteCloser
	Name() string
}

// Spooled is a file in the spool.
type Spooled struct {
	Path   string
	Digest string // "sha256:" and hexadecimal
	Bytes  int64
}

const (
	// spoolPrefix begins the names of a spool's files.
	spoolPrefix = "upload-"
	// copyBytes is how much of a file is in memory at once.
	copyBytes = 256 << 10
)

// NewSpool makes the folder if need be. A file beyond maxBytes is too large; beyond roomBytes of all files
// together the spool is full.
func NewSpool(dir string, maxBytes, roomBytes int64) (*Spool, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make spool folder: %w", err)
	}
	create := func(dir string) (spoolFile, error) { return os.CreateTemp(dir, spoolPrefix+"*") }
	return &Spool{dir: dir, maxBytes: maxBytes, roomBytes: roomBytes, create: create}, nil
}

// MaxBytes is the size up to which files are taken.
func (s *Spool) MaxBytes() int64 { return s.maxBytes }

// Sweep removes what a crash left. No upload may be on its way.
func (s *Spool) Sweep() error {
	left, err := os.ReadDir(s.dir)
	if err != nil {
		return fmt.Errorf("sweep spool folder: %w", err)
	}
	for _, file := range left {
		if !strings.HasPrefix(file.Name(), spoolPrefix) {
			continue
		}
		if err := os.Remove(filepath.Join(s.dir, file.Name())); err != nil {
			return fmt.Errorf("sweep spool folder: %w", err)
		}
	}
	return nil
}

// Take copies all of r into the spool and digests it on the way. When it fails nothing is left there.
// ErrTooLarge and ErrFull say what happened; errors of r come back as they are.
func (s *Spool) Take(r io.Reader) (_ Spooled, err error) {
	file, err := s.create(s.dir)
	if err != nil {
		return Spooled{}, spoolError(err)
	}
	var size int64
	defer func() {
		if closeErr := file.Close(); err == nil {
			err = spoolError(closeErr)
		}
		if err != nil {
			s.used.Add(-size)
			os.Remove(file.Name()) //nolint:errcheck // what is left is swept at the next start
		}
	}()
	buf := copyBuffers.Get().(*[copyBytes]byte)
	defer copyBuffers.Put(buf)
	digest := sha256.New()
	for {
		n, readErr := r.Read(buf[:])
		size += int64(n)
		used := s.used.Add(int64(n))
		if size > s.maxBytes {
			return Spooled{}, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, s.maxBytes)
		}
		if used > s.roomBytes {
			return Spooled{}, fmt.Errorf("spool: %w: %d bytes wait already", ErrFull, used-size)
		}
		digest.Write(buf[:n])
		if _, err := file.Write(buf[:n]); err != nil {
			return Spooled{}, spoolError(err)
		}
		if readErr == io.EOF {
			return Spooled{Path: file.Name(), Digest: "sha256:" + hex.EncodeToString(digest.Sum(nil)), Bytes: size}, nil
		}
		if readErr != nil {
			return Spooled{}, readErr
		}
	}
}

// Done gives the room of a file back and removes it, if it is still there. It is called once for each.
func (s *Spool) Done(f Spooled) error {
	s.used.Add(-f.Bytes)
	if err := os.Remove(f.Path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("clear spool: %w", err)
	}
	return nil
}

var copyBuffers = sync.Pool{New: func() any { return new([copyBytes]byte) }}

// spoolError says what an error of the spool's disk means.
func spoolError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fmt.Errorf("spool: %w: %w", ErrFull, err)
	}
	return fmt.Errorf("spool: %w", err)
}
