package drop

import (
	"errors"
	"io/fs"
	"os"
	"syscall"

	"hebian/connectors"
)

// glance is what a look sees of a file. Two that are alike mean that nobody wrote to it in between.
type glance struct {
	Device   uint64 `json:"device"`
	Number   uint64 `json:"inode"`
	Size     int64  `json:"size"`
	Modified int64  `json:"modified"` // nanoseconds
}

// inode tells files apart whatever they are called.
type inode struct{ device, number uint64 }

func (g glance) inode() inode { return inode{g.Device, g.Number} }

func see(stat fs.FileInfo) glance {
	g := glance{Size: stat.Size(), Modified: stat.ModTime().UnixNano()}
	if sys, ok := stat.Sys().(*syscall.Stat_t); ok {
		g.Device, g.Number = uint64(sys.Dev), sys.Ino
	}
	return g
}

// open opens the file that was seen.
func (e entry) open() (*os.File, error) {
	file, err := os.OpenFile(e.path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0) // not to wait for a pipe's other end
	if errors.Is(err, fs.ErrNotExist) {
		return nil, connectors.ErrChanged
	}
	if err != nil {
		return nil, err
	}
	if err := e.check(file); err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

// check says whether an open file is as it was seen.
func (e entry) check(file *os.File) error {
	stat, err := file.Stat()
	if err != nil {
		return err
	}
	if !stat.Mode().IsRegular() || see(stat) != e.glance {
		return connectors.ErrChanged
	}
	return nil
}
