package drop

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"hebian/connectors"
)

// memory is what became of the files of a watched folder, by name. It is lost without harm: files are then
// handed on again, and change nothing.
type memory map[string]mark

// mark is what became of a file.
type mark struct {
	Glance   glance             `json:"glance"`
	Digest   string             `json:"digest,omitempty"`
	Outcome  connectors.Outcome `json:"outcome"`
	Delivery int64              `json:"delivery,omitempty"`
	Error    string             `json:"error,omitempty"`
}

// recall reads a memory. One that can't be understood is as good as none.
func recall(path string) (memory, error) {
	m := memory{}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return m, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read what was taken in: %w", err)
	}
	if json.Unmarshal(text, &m) != nil || m == nil {
		return memory{}, nil
	}
	return m, nil
}

func (m memory) write(path string) error {
	text, err := json.MarshalIndent(m, "", "\t")
	if err == nil {
		err = whole(path, text, 0o600)
	}
	if err != nil {
		return fmt.Errorf("remember what was taken in: %w", err)
	}
	return nil
}

// whole writes a file that is there whole or not at all, and on disk when it returns.
func whole(path string, content []byte, mode fs.FileMode) error {
	dir, base := filepath.Split(path)
	unfinished := filepath.Join(dir, "."+base+".unfinished") // always the same, so that what a crash leaves is written over
	file, err := os.OpenFile(unfinished, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(unfinished, path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(unfinished))
	}
	return syncDir(dir)
}

// syncDir brings the names in a folder to disk.
func syncDir(dir string) error {
	folder, err := os.Open(filepath.Clean(dir))
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
