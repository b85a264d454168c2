package sftp

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"regexp"

	"github.com/pkg/sftp"

	"hebian/connectors"
)

// Sink lays dispatches into a folder on an SFTP server, each as a file ID.ndjson: a line for each record,
// {"id":…,"key":…,"record":{…}}. It connects for every dispatch.
type Sink struct {
	config Config
	*leash
}

// NewSink gives a sink for a configuration, which is checked. It connects to nobody yet.
func NewSink(c Config) (*Sink, error) {
	if err := c.Check(); err != nil {
		return nil, fmt.Errorf("sftp: %w", err)
	}
	return &Sink{config: c, leash: usual()}, nil
}

// plain are the names that files of a sink may have: none leads anywhere else.
var plain = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_-]{0,127}$`)

// Send lays a dispatch down, whole or not at all. One that lies there in its length is left as it is.
func (s *Sink) Send(ctx context.Context, d connectors.Dispatch) (answer string, err error) {
	id := d.ID()
	if !plain.MatchString(id) {
		return "", fmt.Errorf("send %q: it is no name for a file", id)
	}
	content, err := d.Lines()
	if err != nil {
		return "", fmt.Errorf("send %s: %w", id, err)
	}
	l, err := connect(ctx, &s.config, s.leash)
	if err != nil {
		return "", err
	}
	defer l.close()
	name := path.Join(s.config.Dir, id+".ndjson")
	there, err := within(l, func() (fs.FileInfo, error) { return l.Lstat(name) })
	switch {
	case err == nil && there.Size() == int64(len(content)): // Promise 2: a repeat changes nothing
		return fmt.Sprintf("%s is there with %d bytes", name, len(content)), nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return "", l.trouble(ctx, "look for "+name, err)
	}
	if err := l.lay(name, content); err != nil {
		return "", l.trouble(ctx, "write "+name, err)
	}
	return fmt.Sprintf("%s written with %d bytes", name, len(content)), nil
}

// lay writes a file under another name, always the same, so that what a crash leaves is written over, and gives it its own when
// it is on the server's disk, as far as the server lets that be asked.
func (l *link) lay(name string, content []byte) error {
	dir, base := path.Split(name)
	under := path.Join(dir, "."+base+".part")
	file, err := within(l, func() (*sftp.File, error) { return l.OpenFile(under, os.O_WRONLY|os.O_CREATE|os.O_TRUNC) })
	if err != nil {
		return err
	}
	for part := content; err == nil && len(part) > 0; {
		n := min(len(part), window)
		err = l.within(func() error { _, err := file.Write(part[:n]); return err })
		part = part[n:]
	}
	if _, ok := l.HasExtension("fsync@openssh.com"); ok && err == nil {
		err = l.within(file.Sync)
	}
	if err = errors.Join(err, l.within(file.Close)); err != nil {
		return err
	}
	return l.within(func() error { return l.rename(under, name) })
}
