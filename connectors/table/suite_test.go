package table_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/go-sql-driver/mysql"

	"hebian/connectors"
	"hebian/connectors/connectortest"
	"hebian/connectors/table"
)

func TestMain(m *testing.M) {
	entries.Main()
	os.Exit(m.Run())
}

// drivers are what every test of a database runs with.
var drivers = []table.Driver{table.Postgres, table.MySQL}

// open makes a scratch database.
func open(t testing.TB, driver table.Driver, options string) *connectortest.Database {
	t.Helper()
	return connectortest.ScratchDatabase(t, string(driver), options)
}

// exec runs a statement as the partner.
func exec(t testing.TB, c *connectortest.Client, format string, args ...any) {
	t.Helper()
	statement := fmt.Sprintf(format, args...)
	if err := c.Exec(context.Background(), statement); err != nil {
		t.Fatalf("%.200s: %v", statement, err)
	}
}

// another gives the partner one more connection.
func another(t testing.TB, d *connectortest.Database) *connectortest.Client {
	t.Helper()
	c, err := connectortest.OpenClient(context.Background(), d.Driver, d.DSN)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() }) //nolint:errcheck // its database may have dropped it
	return c
}

// partner has a table of rows, read by a growing number or by status.
type partner struct {
	*connectortest.Database
	relay *relay
	mode  table.Mode
	table string
}

const suiteSettle = 3

// partners gives one partner after the other, in one database.
func partners(t *testing.T, driver table.Driver, mode table.Mode) func(t *testing.T) connectortest.Partner {
	options := ""
	if driver == table.Postgres {
		options = "ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0" // where text may be anything
	}
	d, n := open(t, driver, options), 0
	return func(t *testing.T) connectortest.Partner {
		n++
		p := &partner{d, newRelay(t, d), mode, fmt.Sprintf("exchange_%d", n)}
		exec(t, d.Client, "CREATE TABLE %s (id bigint PRIMARY KEY, val text, done int NOT NULL DEFAULT 0)", p.table)
		return p
	}
}

func (p *partner) Put(t *testing.T, rows ...connectortest.Row) {
	var b strings.Builder
	for i, r := range rows {
		value := "'" + strings.ReplaceAll(r.Value, "'", "''") + "'"
		switch {
		case r.Poison && p.Driver == "postgres":
			value = `E'a\xFFb'`
		case r.Poison:
			value = `CONCAT('a', CHAR(0), 'b')`
		}
		fmt.Fprintf(&b, "%s(%d, %s)", map[bool]string{true: ", "}[i > 0], r.Key, value)
	}
	exec(t, p.Client, "INSERT INTO %s (id, val) VALUES %s", p.table, b.String())
}

func (p *partner) Source(t *testing.T) connectors.Source {
	c := table.Config{
		Driver: table.Driver(p.Driver), DSN: p.relay.dsn, Table: p.table, Columns: []string{"id", "val"}, Key: []string{"id"},
		Mode: p.mode, BatchRows: 18,
	}
	if p.mode == table.Growing {
		c.Growing, c.SettleNumbers = "id", suiteSettle
	} else {
		c.Status = table.Status{Column: "done", New: "0", Read: "1"}
	}
	return source(t, c)
}

func source(t testing.TB, c table.Config) *table.Source {
	t.Helper()
	s, err := table.NewSource(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() }) //nolint:errcheck // a test that minds closes it itself
	return s
}

// suiteKey finds the key of a row that need not be JSON.
var suiteKey = regexp.MustCompile(`"id":"([0-9]+)"`)

func (p *partner) Rows(t *testing.T, _ connectors.Batch, body []byte) (rows []connectortest.Row) {
	for line := range bytes.Lines(body) {
		key, _ := strconv.Atoi(string(suiteKey.FindSubmatch(line)[1]))
		if !utf8.Valid(line) || bytes.IndexByte(line, 0) >= 0 {
			rows = append(rows, connectortest.Row{Key: key, Poison: true})
			continue
		}
		var row struct{ ID, Val string }
		if err := json.Unmarshal(line, &row); err != nil {
			t.Errorf("row %s: %v", line, err)
		}
		rows = append(rows, connectortest.Row{Key: key, Value: row.Val})
	}
	return rows
}

func (p *partner) Overlap() int {
	if p.mode == table.Growing && p.Driver == "mysql" {
		return suiteSettle + 1
	}
	return 0
}

func (p *partner) Forgets() bool { return p.mode == table.ByStatus }

func (p *partner) Break(t *testing.T, slow bool) (mend func()) { return p.relay.breaks(slow) }

func TestSuite(t *testing.T) {
	for _, driver := range drivers {
		for _, mode := range []table.Mode{table.Growing, table.ByStatus} {
			t.Run(string(driver)+" "+string(mode), func(t *testing.T) {
				connectortest.TestSource(t, partners(t, driver, mode))
			})
		}
	}
}

// receiver has a table that records are written into.
type receiver struct {
	*connectortest.Database
	relay *relay
	table string
}

func (r *receiver) Sink(t *testing.T) connectors.Sink {
	s, err := table.NewSink(table.SinkConfig{Driver: table.Driver(r.Driver), DSN: r.relay.dsn, Table: r.table})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (r *receiver) Received(t *testing.T) (all []connectors.Out) {
	rows, err := r.Client.Rows(t.Context(), "SELECT t.record_id, t.key, t.body FROM "+r.table+" t ORDER BY t.dispatch_id, t.number")
	if err != nil {
		t.Error(err)
	}
	for _, row := range rows {
		all = append(all, connectors.Out{ID: row[0], Key: row[1], JSON: []byte(row[2])})
	}
	return all
}

func (r *receiver) Break(t *testing.T, slow bool) (mend func()) { return r.relay.breaks(slow) }

func TestSinkSuite(t *testing.T) {
	for _, driver := range drivers {
		t.Run(string(driver), func(t *testing.T) {
			d, n := open(t, driver, ""), 0
			connectortest.TestSink(t, func(t *testing.T) connectortest.Receiver {
				n++
				r := &receiver{d, newRelay(t, d), fmt.Sprintf("incoming_%d", n)}
				exec(t, d.Client, "%s", table.SinkDDL(driver, r.table))
				return r
			})
		})
	}
}

// relay stands between a door and its database and can break.
type relay struct {
	dsn      string // leads through it
	target   string
	listener net.Listener
	done     sync.WaitGroup

	mu    sync.Mutex
	conns map[net.Conn]bool
	away  bool          // connections are refused
	hold  chan struct{} // nothing goes on until it is closed; nil: everything does
}

func newRelay(t testing.TB, d *connectortest.Database) *relay {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{listener: listener, conns: map[net.Conn]bool{}}
	if d.Driver == "postgres" {
		u, err := url.Parse(d.DSN)
		if err != nil {
			t.Fatal(err)
		}
		r.target, u.Host = u.Host, listener.Addr().String()
		r.dsn = u.String()
	} else {
		c, err := mysql.ParseDSN(d.DSN)
		if err != nil {
			t.Fatal(err)
		}
		r.target, c.Addr = c.Addr, listener.Addr().String()
		r.dsn = c.FormatDSN()
	}
	r.done.Go(r.serve)
	t.Cleanup(func() {
		listener.Close() //nolint:errcheck // that is its end
		r.cut()
		r.done.Wait()
	})
	return r
}

func (r *relay) serve() {
	for {
		conn, err := r.listener.Accept()
		if err != nil {
			return
		}
		r.done.Go(func() { r.carry(conn) })
	}
}

// carry takes bytes to the server and back until one side ends.
func (r *relay) carry(near net.Conn) {
	if !r.keep(near) {
		return
	}
	defer r.drop(near)
	far, err := net.Dial("tcp", r.target)
	if err != nil || !r.keep(far) {
		return
	}
	defer r.drop(far)
	var both sync.WaitGroup
	for _, way := range [][2]net.Conn{{near, far}, {far, near}} {
		both.Go(func() {
			buf := make([]byte, 32<<10)
			for {
				n, err := way[0].Read(buf)
				if hold := r.held(); hold != nil {
					<-hold
				}
				if _, writeErr := way[1].Write(buf[:n]); err != nil || writeErr != nil {
					near.Close() //nolint:errcheck // either way
					far.Close()  //nolint:errcheck // either way
					return
				}
			}
		})
	}
	both.Wait()
}

func (r *relay) keep(conn net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.away {
		conn.Close() //nolint:errcheck // it is to fail
		return false
	}
	r.conns[conn] = true
	return true
}

func (r *relay) drop(conn net.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.conns, conn)
	conn.Close() //nolint:errcheck // it may be closed
}

func (r *relay) held() chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.hold
}

// cut ends all connections.
func (r *relay) cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for conn := range r.conns {
		conn.Close() //nolint:errcheck // it is to fail
	}
	if r.hold != nil {
		close(r.hold)
		r.hold = nil
	}
}

func (r *relay) breaks(slow bool) (mend func()) {
	r.mu.Lock()
	if slow {
		r.hold = make(chan struct{})
		r.mu.Unlock()
		return func() {
			r.mu.Lock()
			defer r.mu.Unlock()
			if r.hold != nil {
				close(r.hold)
				r.hold = nil
			}
		}
	}
	r.away = true
	r.mu.Unlock()
	r.cut()
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.away = false
	}
}
