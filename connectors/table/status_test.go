package table_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hebian/connectors"
	"hebian/connectors/connectortest"
	"hebian/connectors/table"
)

// marked makes a table of rows by status.
func marked(t *testing.T, d *connectortest.Database, rows int) table.Config {
	t.Helper()
	driver := table.Driver(d.Driver)
	moment := map[table.Driver]string{table.Postgres: "timestamp", table.MySQL: "datetime"}[driver]
	exec(t, d.Client, "DROP TABLE IF EXISTS exchange")
	exec(t, d.Client, `CREATE TABLE exchange (id bigint, part varchar(20), val text, state char(1) NOT NULL DEFAULT '0', seen %s,
		PRIMARY KEY (id, part))`, moment)
	put(t, d, 1, rows)
	return table.Config{
		Driver: driver, DSN: d.DSN, Table: "exchange", Key: []string{"id", "part"}, Mode: table.ByStatus,
		Status: table.Status{Column: "state", New: "0", Read: "1", ReadAt: "seen"},
	}
}

func put(t *testing.T, d *connectortest.Database, from, to int) {
	t.Helper()
	var b strings.Builder
	for i := from; i <= to; i++ {
		fmt.Fprintf(&b, ", (%d, 'a\"\\\\,{', 'v%d')", i, i)
	}
	if b.Len() > 0 {
		exec(t, d.Client, "INSERT INTO exchange (id, part, val) VALUES %s", b.String()[2:])
	}
}

// states lists rows by their state.
func states(t *testing.T, d *connectortest.Database) map[string]string {
	t.Helper()
	rows, err := d.Client.Rows(context.Background(), "SELECT id, state FROM exchange ORDER BY id")
	if err != nil {
		t.Fatal(err)
	}
	by := map[string]string{}
	for _, row := range rows {
		by[row[1]] = strings.TrimSpace(by[row[1]] + " " + row[0])
	}
	return by
}

// fetchOnce fetches, with a hand that does something while rows are on their way.
func fetchOnce(t *testing.T, c table.Config, meanwhile func(body string) (connectors.Receipt, error)) error {
	t.Helper()
	return source(t, c).Fetch(t.Context(), "", func(_ context.Context, b connectors.Batch) (connectors.Receipt, error) {
		body, err := io.ReadAll(b.Body)
		if err != nil {
			return connectors.Receipt{}, err
		}
		return meanwhile(string(body))
	})
}

var taken = connectors.Receipt{Outcome: connectors.Complete}

// eachDriver runs a test with a database of each driver.
func eachDriver(t *testing.T, test func(t *testing.T, driver table.Driver, d *connectortest.Database)) {
	for _, driver := range drivers {
		t.Run(string(driver), func(t *testing.T) {
			t.Parallel()
			test(t, driver, open(t, driver, ""))
		})
	}
}

func TestStatus(t *testing.T) {
	t.Parallel()
	eachDriver(t, func(t *testing.T, driver table.Driver, d *connectortest.Database) {
		t.Run("rows are marked, with the time, and do not carry it", func(t *testing.T) {
			c := marked(t, d, 1203)
			r := newReader(t, c)
			rows, err := r.fetch()
			if err != nil || len(rows) != 1203 {
				t.Fatalf("%d rows, %v", len(rows), err)
			}
			if len(r.batches) != 2 { // as long as nobody knows how long they are
				t.Errorf("%d batches", len(r.batches))
			}
			if diff := cmp.Diff(map[string]any{"id": "1", "part": `a"\\,{`, "val": "v1"}, rows[0]); diff != "" && driver == table.Postgres {
				t.Error(diff)
			}
			left, err := d.Client.Rows(t.Context(), `SELECT count(*) FROM exchange
				WHERE state <> '1' OR seen IS NULL OR seen > now() OR seen < now() - interval '1' hour`)
			if err != nil || left[0][0] != "0" {
				t.Errorf("%v rows are not marked, %v", left, err)
			}
			r.want(t, "nothing", "")
			exec(t, d.Client, "UPDATE exchange SET state = '0', val = 'new' WHERE id = 7")
			r.want(t, "a row that is new again", "7")
		})
		t.Run("rows that the partner is at work on come another time", func(t *testing.T) {
			c := marked(t, d, 4)
			other := another(t, d)
			exec(t, other, "BEGIN")
			exec(t, other, "UPDATE exchange SET val = 'w' WHERE id = 2")
			r := newReader(t, c)
			r.want(t, "the others", "1 3 4")
			exec(t, other, "COMMIT")
			r.want(t, "that row", "2")
			if diff := cmp.Diff(map[string]string{"1": "1 2 3 4"}, states(t, d)); diff != "" {
				t.Error(diff)
			}
		})
		t.Run("the partner writes and deletes meanwhile", func(t *testing.T) {
			c := marked(t, d, 4)
			c.BatchRows = 2
			n := 0
			err := fetchOnce(t, c, func(string) (connectors.Receipt, error) {
				if n++; n == 1 {
					put(t, d, 5, 6)
					exec(t, d.Client, "DELETE FROM exchange WHERE id = 3")
				}
				return taken, nil
			})
			if diff := cmp.Diff(map[string]string{"1": "1 2 4 5 6"}, states(t, d)); diff != "" || err != nil {
				t.Error(err, diff)
			}
		})
	})
}

// Whatever ends a batch, its rows stay as they were, unless they are on disk.
func TestStatusBroken(t *testing.T) {
	t.Parallel()
	eachDriver(t, func(t *testing.T, driver table.Driver, d *connectortest.Database) {
		t.Run("a batch that is not taken stays new", func(t *testing.T) {
			c := marked(t, d, 4)
			c.BatchRows = 2
			n := 0
			err := fetchOnce(t, c, func(string) (connectors.Receipt, error) {
				if n++; n == 2 {
					return connectors.Receipt{}, io.ErrShortWrite
				}
				return taken, nil
			})
			if diff := cmp.Diff(map[string]string{"1": "1 2", "0": "3 4"}, states(t, d)); diff != "" || !errors.Is(err, io.ErrShortWrite) {
				t.Error(err, diff)
			}
		})
		t.Run("told to stop while a batch is on its way", func(t *testing.T) {
			c := marked(t, d, 4)
			c.BatchRows = 2
			ctx, cancel := context.WithCancel(t.Context())
			err := source(t, c).Fetch(ctx, "", func(_ context.Context, b connectors.Batch) (connectors.Receipt, error) {
				defer cancel() // it is on disk
				_, err := io.Copy(io.Discard, b.Body)
				return taken, err
			})
			if diff := cmp.Diff(map[string]string{"1": "1 2", "0": "3 4"}, states(t, d)); diff != "" || !errors.Is(err, context.Canceled) {
				t.Error(err, diff)
			}
		})
		t.Run("the connection is ended while a batch is on its way", func(t *testing.T) {
			c := marked(t, d, 4)
			err := fetchOnce(t, c, func(string) (connectors.Receipt, error) {
				endOthers(t, d)
				return taken, nil
			})
			if diff := cmp.Diff(map[string]string{"0": "1 2 3 4"}, states(t, d)); diff != "" || kindOf(err) != string(connectors.Unreachable) {
				t.Error(err, diff)
			}
			newReader(t, c).want(t, "all again", "1 2 3 4")
		})
	})
}

// Rows that can't be read or marked as they should be are found out.
func TestStatusRefused(t *testing.T) {
	t.Parallel()
	eachDriver(t, func(t *testing.T, driver table.Driver, d *connectortest.Database) {
		t.Run("rows that are refused", func(t *testing.T) {
			c := marked(t, d, 4)
			c.BatchRows, c.Status.Refused = 2, "9"
			n := int64(0)
			err := fetchOnce(t, c, func(string) (connectors.Receipt, error) {
				n++ // of the first batch one row, of the second both
				return connectors.Receipt{Outcome: connectors.Complete, RowsRead: 2, Accepted: 2 - n, Quarantined: n}, nil
			})
			if diff := cmp.Diff(map[string]string{"1": "1 2", "9": "3 4"}, states(t, d)); diff != "" || err != nil {
				t.Error(err, diff)
			}
		})
		t.Run("a batch that does not count", func(t *testing.T) {
			c := marked(t, d, 2)
			err := fetchOnce(t, c, func(string) (connectors.Receipt, error) {
				return connectors.Receipt{Outcome: connectors.Failed, Error: "the file is not what its profile says"}, nil
			})
			if diff := cmp.Diff(map[string]string{"0": "1 2"}, states(t, d)); diff != "" || err == nil || !strings.Contains(err.Error(), "profile") {
				t.Error(err, diff)
			}
		})
		t.Run("a key that is none", func(t *testing.T) {
			c := marked(t, d, 4)
			c.Key, c.BatchRows = []string{"part"}, 2
			if err := fetchOnce(t, c, func(string) (connectors.Receipt, error) { return taken, nil }); kindOf(err) != string(connectors.Unfit) {
				t.Errorf("got %v", err)
			}
			if diff := cmp.Diff(map[string]string{"0": "1 2 3 4"}, states(t, d)); diff != "" {
				t.Error(diff)
			}
		})
		t.Run("the table is locked", func(t *testing.T) {
			c := marked(t, d, 1)
			other := another(t, d)
			lock, unlock := "BEGIN; LOCK TABLE exchange IN ACCESS EXCLUSIVE MODE", "COMMIT"
			if driver == table.MySQL {
				lock, unlock = "LOCK TABLES exchange WRITE", "UNLOCK TABLES"
			}
			exec(t, other, "%s", lock)
			r := newReader(t, c)
			started := time.Now()
			if _, err := r.fetch(); kindOf(err) != string(connectors.Busy) {
				t.Errorf("got %v", err)
			}
			if waited := time.Since(started); waited > 30*time.Second {
				t.Errorf("waited %v", waited)
			}
			exec(t, other, "%s", unlock)
			r.want(t, "the row", "1")
		})
	})
}

// A partner that keeps rows from being marked is found out, instead of the same rows coming forever.
func TestStatusStays(t *testing.T) {
	t.Parallel()
	d := open(t, table.Postgres, "")
	c := marked(t, d, 2)
	exec(t, d.Client, "CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'")
	exec(t, d.Client, "CREATE TRIGGER keep BEFORE UPDATE ON exchange FOR EACH ROW EXECUTE FUNCTION keep()")
	if err := fetchOnce(t, c, func(string) (connectors.Receipt, error) { return taken, nil }); kindOf(err) != string(connectors.Unfit) {
		t.Errorf("got %v", err)
	}
}

// endOthers ends all connections to a database but the partner's own.
func endOthers(t *testing.T, d *connectortest.Database) {
	t.Helper()
	if d.Driver == "postgres" {
		exec(t, d.Client, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
		return
	}
	others, err := d.Client.Rows(context.Background(), "SELECT id FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID()")
	if err != nil {
		t.Fatal(err)
	}
	for _, other := range others {
		exec(t, d.Client, "KILL %s", other[0])
	}
}
