package table_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"hebian/connectors"
	"hebian/connectors/connectortest"
	"hebian/connectors/table"
)

// entries are what a process that is killed does.
var entries = connectortest.Entries{"fetch": fetchInto}

// killConfig is a table.Config with its secret.
type killConfig struct {
	table.Config
	DSN string
}

// fetchInto fetches from a table again and again, and keeps rows and positions in a folder as the hub does: rows are on disk before the
// position is. It ends when a file there says so.
func fetchInto(dir string) error {
	var c killConfig
	written, err := os.ReadFile(filepath.Join(dir, "config.json"))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(written, &c); err != nil {
		return err
	}
	c.Config.DSN = c.DSN
	src, err := table.NewSource(c.Config)
	if err != nil {
		return err
	}
	defer src.Close() //nolint:errcheck // it only ever lets go
	position, err := os.ReadFile(filepath.Join(dir, "position"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	hand := func(_ context.Context, b connectors.Batch) (connectors.Receipt, error) {
		body, err := io.ReadAll(b.Body)
		if err != nil {
			return connectors.Receipt{}, err
		}
		position = []byte(b.Position)
		return connectors.Receipt{}, errors.Join(appendSynced(filepath.Join(dir, "rows"), body), replace(filepath.Join(dir, "position"), b.Position))
	}
	for tick := time.NewTicker(5 * time.Millisecond); ; <-tick.C {
		_, last := os.Stat(filepath.Join(dir, "end"))
		if err := src.Fetch(context.Background(), string(position), hand); err != nil || last == nil {
			return err
		}
	}
}

func appendSynced(path string, body []byte) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(append([]byte{'\n'}, body...)) // ends what a kill has cut off
	return errors.Join(err, f.Sync(), f.Close())
}

func replace(path, text string) error {
	f, err := os.CreateTemp(filepath.Dir(path), "new-*")
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Sync(), f.Close(), os.Rename(f.Name(), path))
}

// Whatever the moment of a kill, each row arrives, and nothing else does; by status each is marked.
func TestKilled(t *testing.T) {
	t.Parallel()
	times, each := 25, 1000
	if testing.Short() {
		times, each = 5, 300
	}
	for _, driver := range drivers {
		for _, mode := range []table.Mode{table.Growing, table.ByStatus} {
			t.Run(string(driver)+" "+string(mode), func(t *testing.T) {
				d := open(t, driver, "")
				exec(t, d.Client, "CREATE TABLE exchange (id bigint PRIMARY KEY, val varchar(20) NOT NULL, done int NOT NULL DEFAULT 0)")
				rows := 0
				put := func() {
					var b bytes.Buffer
					for range each {
						rows++
						fmt.Fprintf(&b, ", (%d, 'v%d')", rows, rows)
					}
					exec(t, d.Client, "INSERT INTO exchange (id, val) VALUES %s", b.String()[2:])
				}
				put()
				c := killConfig{DSN: d.DSN, Config: table.Config{
					Driver: driver, Table: "exchange", Columns: []string{"id", "val"}, Key: []string{"id"}, Mode: mode, BatchRows: 10,
				}}
				if mode == table.Growing {
					c.Growing = "id"
				} else {
					c.Status = table.Status{Column: "done", New: "0", Read: "1"}
				}
				written, err := json.Marshal(c)
				if err != nil {
					t.Fatal(err)
				}
				dir := t.TempDir()
				if err := os.WriteFile(filepath.Join(dir, "config.json"), written, 0o600); err != nil {
					t.Fatal(err)
				}
				connectortest.Kill(t, connectortest.Killing{Entry: "fetch", Dir: dir, Times: times, Within: 150 * time.Millisecond, Check: put})
				if err := os.WriteFile(filepath.Join(dir, "end"), nil, 0o600); err != nil {
					t.Fatal(err)
				}
				connectortest.Complete(t, "fetch", dir)
				checkRows(t, filepath.Join(dir, "rows"), rows)
				if left, err := d.Client.Rows(t.Context(), "SELECT count(*) FROM exchange WHERE done <> 1"); mode == table.ByStatus && (err != nil || left[0][0] != "0") {
					t.Errorf("%v rows are not marked as read, %v", left, err)
				}
			})
		}
	}
}

// checkRows says whether a file holds just the rows from 1 to so many, however often each.
func checkRows(t *testing.T, path string, rows int) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	seen := map[string]bool{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var row struct{ ID, Val string }
		if err := json.Unmarshal(lines.Bytes(), &row); err != nil {
			continue // cut off by a kill, or empty
		}
		if row.Val != "v"+row.ID {
			t.Errorf("row %s has the value %q", row.ID, row.Val)
		}
		seen[row.ID] = true
	}
	var missing []int
	for i := range rows {
		if !seen[fmt.Sprint(i+1)] {
			missing = append(missing, i+1)
		}
	}
	if len(missing) > 0 || len(seen) != rows {
		t.Errorf("%d of %d rows arrived, missing %v", len(seen), rows, missing[:min(10, len(missing))])
	}
}
