package connectors

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"slices"
	"syscall"
)

// ErrChanged says that a file was written to or removed while it was read.
var ErrChanged = errors.New("changed while it was read; deliver it again when it is whole")

// watchedFile is a file that is read once from start to end, here and there again, and digested on
// the way. It notices when somebody else writes to it or removes it.
type watchedFile struct {
	*os.File
	path   string
	opened os.FileInfo
	digest hash.Hash
	hashed int64  // bytes digested so far
	head   []byte // the first bytes, to tell what the file looks like
}

const headBytes = 4096

// openWatched opens a file of a county folder. Not to be there, or no file, is the file's fault alone.
func openWatched(path, name string) (*watchedFile, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // not to wait for a pipe's other end
	if err != nil {
		return nil, &FileError{File: name, Reason: fmt.Sprintf("can't be opened: %v", errors.Unwrap(err))}
	}
	stat, err := file.Stat()
	if err != nil || !stat.Mode().IsRegular() {
		file.Close()
		return nil, &FileError{File: name, Reason: "is no regular file"}
	}
	return &watchedFile{File: file, path: path, opened: stat, digest: sha256.New()}, nil
}

// ReadAt reads and digests what is read for the first time.
func (f *watchedFile) ReadAt(p []byte, off int64) (int, error) {
	n, err := f.File.ReadAt(p, off)
	if off <= f.hashed && f.hashed < off+int64(n) {
		f.digest.Write(p[f.hashed-off : n])
		f.hashed = off + int64(n)
	}
	if off == 0 && f.head == nil {
		f.head = slices.Clone(p[:min(n, headBytes)])
	}
	return n, err
}

// digestAll digests the file from start to end, for forms that are not read so.
func (f *watchedFile) digestAll() error {
	n, err := io.Copy(f.digest, io.NewSectionReader(f.File, 0, f.opened.Size()))
	f.hashed = n
	return err
}

// check says whether the file is still the one that was opened, read to its end.
func (f *watchedFile) check() error {
	now, err := os.Stat(f.path)
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("vanished: %w", ErrChanged)
	}
	if err != nil {
		return err
	}
	if !os.SameFile(now, f.opened) || now.Size() != f.opened.Size() || !now.ModTime().Equal(f.opened.ModTime()) || f.hashed != now.Size() {
		return ErrChanged
	}
	return nil
}
