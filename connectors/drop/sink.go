package drop

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"

	"hebian/connectors"
)

// Sink writes what goes out to agencies: OUT/AGENCY/ID.json, one file each.
type Sink struct{ Dir string }

// plain are the names that files and folders of a sink may have: none leads anywhere else.
var plain = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_-]{0,127}$`)

// Write puts a file into the folder of an agency, whole or not at all; it is on disk when Write returns. A repeat
// leaves the file as it is, or puts it there again if the agency has taken it away: it knows the file by its ID.
func (s Sink) Write(ctx context.Context, agency, id string, body []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if !plain.MatchString(agency) || !plain.MatchString(id) {
		return fmt.Errorf("write to agency %q: %q is no name for a file", agency, id)
	}
	dir := filepath.Join(s.Dir, agency)
	if err := s.make(dir); err != nil {
		return fmt.Errorf("make folder of agency %s: %w", agency, err)
	}
	path := filepath.Join(dir, id+".json")
	if there, err := os.ReadFile(path); err == nil && bytes.Equal(there, body) {
		return syncDir(dir) // a crash may have come before its name was on disk
	}
	if err := whole(path, body, 0o640); err != nil {
		return fmt.Errorf("write %s for agency %s: %w", id, agency, err)
	}
	return nil
}

// make makes the folder of an agency, and brings its name to disk.
func (s Sink) make(dir string) error {
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	return syncDir(s.Dir)
}

// Parcels writes dispatches into one folder, as files of a record a line: DIR/ID.ndjson.
type Parcels struct{ Dir string }

// Send puts a dispatch into the folder as Sink.Write does.
func (p Parcels) Send(ctx context.Context, d connectors.Dispatch) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	if !plain.MatchString(d.ID()) {
		return "", fmt.Errorf("send %q: it is no name for a file", d.ID())
	}
	if stat, err := os.Stat(p.Dir); err != nil || !stat.IsDir() {
		return "", &connectors.Trouble{Kind: connectors.Unreachable, Err: fmt.Errorf("the folder %s is not there: is the share mounted?", p.Dir)}
	}
	body, err := d.Lines()
	if err != nil {
		return "", err
	}
	path := filepath.Join(p.Dir, d.ID()+".ndjson")
	if there, err := os.ReadFile(path); err == nil && bytes.Equal(there, body) {
		return "", syncDir(p.Dir)
	}
	if err := whole(path, body, 0o640); err != nil {
		return "", &connectors.Trouble{Kind: connectors.Unreachable, Err: fmt.Errorf("write dispatch %s: %w", d.ID(), err)}
	}
	return "", nil
}

// Close has nothing to let go of.
func (Parcels) Close() error { return nil }
