package table_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"testing"

	"hebian/connectors"
	"hebian/connectors/connectortest"
	"hebian/connectors/table"
)

// fillNumbers puts rows with the numbers from 1 into a table.
func fillNumbers(t testing.TB, d *connectortest.Database, rows int) {
	t.Helper()
	series := map[string]string{"postgres": "SELECT n FROM generate_series(1, %d) n", "mysql": "SELECT seq FROM seq_1_to_%d"}[d.Driver]
	exec(t, d.Client, "CREATE TABLE exchange (id bigint PRIMARY KEY, val varchar(200))")
	exec(t, d.Client, "INSERT INTO exchange SELECT s.*, repeat('部门', 40) FROM ("+series+") s", rows)
}

func wholeTable(d *connectortest.Database) table.Config {
	return table.Config{Driver: table.Driver(d.Driver), DSN: d.DSN, Table: "exchange", Mode: table.Whole, Key: []string{"id"}}
}

func TestWhole(t *testing.T) {
	t.Parallel()
	for _, driver := range drivers {
		t.Run(string(driver), func(t *testing.T) {
			const rows = 30_000
			d := open(t, driver, "")
			fillNumbers(t, d, rows)
			other := another(t, d)
			batches := 0
			hand := func(_ context.Context, b connectors.Batch) (connectors.Receipt, error) {
				batches++
				if b.Mode != connectors.Full || b.Position != "" {
					t.Errorf("mode %s, position %q", b.Mode, b.Position)
				}
				lines := bufio.NewScanner(b.Body)
				n := 0
				for lines.Scan() {
					if n++; n == 10 {
						exec(t, other, "INSERT INTO exchange VALUES (0, 'meanwhile'), (1000000, 'meanwhile')")
						exec(t, other, "DELETE FROM exchange WHERE id = 25000")
					}
				}
				if n != rows {
					t.Errorf("%d rows, want %d", n, rows)
				}
				return taken, lines.Err()
			}
			src := source(t, wholeTable(d))
			if err := src.Fetch(t.Context(), "", hand); err != nil || batches != 1 {
				t.Errorf("%d batches, %v", batches, err)
			}
			for name, c := range map[string]struct {
				hand connectors.Hand
				want error
			}{
				"hand fails":             {func(context.Context, connectors.Batch) (connectors.Receipt, error) { return taken, io.ErrShortWrite }, io.ErrShortWrite},
				"hand does not read all": {func(context.Context, connectors.Batch) (connectors.Receipt, error) { return taken, nil }, nil},
			} {
				if err := src.Fetch(t.Context(), "", c.hand); err == nil || c.want != nil && !errors.Is(err, c.want) {
					t.Errorf("%s: %v", name, err)
				}
			}
			ended := func(_ context.Context, b connectors.Batch) (connectors.Receipt, error) {
				if _, err := io.ReadFull(b.Body, make([]byte, 1000)); err != nil {
					return taken, err
				}
				endOthers(t, d)
				_, err := io.Copy(io.Discard, b.Body)
				if err == nil {
					t.Error("the batch came to an end")
				}
				return connectors.Receipt{}, fmt.Errorf("spool: %w", err)
			}
			exec(t, d.Client, "INSERT INTO exchange SELECT id + 2000000, repeat('x', 200) FROM exchange") // beyond what is under way in buffers
			exec(t, d.Client, "INSERT INTO exchange SELECT id + 4000000, repeat('x', 200) FROM exchange")
			if err := src.Fetch(t.Context(), "", ended); kindOf(err) != string(connectors.Unreachable) {
				t.Errorf("the connection was ended: %v", err)
			}
			exec(t, d.Client, "DELETE FROM exchange")
			empty := 0
			if err := src.Fetch(t.Context(), "", func(_ context.Context, b connectors.Batch) (connectors.Receipt, error) {
				n, err := io.Copy(io.Discard, b.Body)
				empty++
				return taken, errors.Join(err, map[bool]error{true: errors.New("there are rows")}[n > 0])
			}); err != nil || empty != 1 {
				t.Errorf("an empty table: %d batches, %v", empty, err)
			}
		})
	}
}

// A million rows take no more memory than a few, whatever the mode.
func TestMemory(t *testing.T) {
	rows := 1_000_000
	if testing.Short() {
		rows = 50_000
	}
	for _, driver := range drivers {
		t.Run(string(driver), func(t *testing.T) {
			d := open(t, driver, "")
			fillNumbers(t, d, rows)
			for _, c := range []table.Config{wholeTable(d), numbers(d)} {
				n, most := 0, uint64(0)
				err := source(t, c).Fetch(t.Context(), "", func(_ context.Context, b connectors.Batch) (connectors.Receipt, error) {
					buf := make([]byte, 1<<20)
					for {
						got, err := b.Body.Read(buf)
						for _, c := range buf[:got] {
							if c == '\n' {
								n++
							}
						}
						if err == io.EOF {
							var m runtime.MemStats
							runtime.ReadMemStats(&m)
							most = max(most, m.HeapAlloc)
							return taken, nil
						}
						if err != nil {
							return taken, err
						}
						if n%100_000 < 500 {
							var m runtime.MemStats
							runtime.ReadMemStats(&m)
							most = max(most, m.HeapAlloc)
						}
					}
				})
				if err != nil || n != rows {
					t.Fatalf("%s: %d rows, %v", c.Mode, n, err)
				}
				t.Logf("%s: %d MiB of memory at most", c.Mode, most>>20)
				if most > 64<<20 {
					t.Errorf("%s: %d MiB of memory", c.Mode, most>>20)
				}
			}
		})
	}
}

// fetchBatch fetches, and has something done with each batch.
func fetchBatch(t *testing.T, c table.Config, do func(b connectors.Batch) error) error {
	t.Helper()
	return source(t, c).Fetch(t.Context(), "", func(_ context.Context, b connectors.Batch) (connectors.Receipt, error) { return taken, do(b) })
}
