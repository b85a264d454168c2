package table_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"hebian/connectors"
	"hebian/connectors/connectortest"
	"hebian/connectors/table"
)

// reader fetches from a table as the hub does.
type reader struct {
	config   table.Config
	src      *table.Source
	position string
	batches  []string
	fails    int // the batch that is not taken in, from 1; 0: none
}

var errFails = errors.New("it is not taken in")

func newReader(t testing.TB, c table.Config) *reader {
	r := &reader{config: c}
	r.restart(t)
	return r
}

// restart opens the source anew, which goes on from the position.
func (r *reader) restart(t testing.TB) {
	t.Helper()
	if r.src != nil {
		r.src.Close() //nolint:errcheck // it never says anything
	}
	r.src = source(t, r.config)
}

// fetch gives the rows that come, as they are.
func (r *reader) fetch() (rows []map[string]any, err error) {
	r.batches = nil
	err = r.src.Fetch(context.Background(), r.position, func(_ context.Context, b connectors.Batch) (connectors.Receipt, error) {
		body, err := io.ReadAll(b.Body)
		if err != nil {
			return connectors.Receipt{}, err
		}
		r.batches = append(r.batches, string(body))
		if len(r.batches) == r.fails {
			return connectors.Receipt{}, errFails
		}
		for line := range strings.Lines(string(body)) {
			var row map[string]any
			if err := json.Unmarshal([]byte(line), &row); err != nil {
				return connectors.Receipt{}, err
			}
			rows = append(rows, row)
		}
		r.position = b.Position
		return connectors.Receipt{Outcome: connectors.Complete}, nil
	})
	return rows, err
}

// ids gives the IDs of the rows that come, in their order.
func (r *reader) ids(t testing.TB) string {
	t.Helper()
	rows, err := r.fetch()
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, row := range rows {
		ids = append(ids, row["id"].(string))
	}
	return strings.Join(ids, " ")
}

func (r *reader) want(t testing.TB, what, want string) {
	t.Helper()
	if diff := cmp.Diff(want, r.ids(t)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// kindOf is the kind of a trouble, or what the error says.
func kindOf(err error) string {
	var trouble *connectors.Trouble
	switch {
	case err == nil:
		return ""
	case errors.As(err, &trouble):
		return string(trouble.Kind)
	}
	return err.Error()
}

// numbers is a table that grows by its key, read with hardly any rows behind its position.
func numbers(d *connectortest.Database) table.Config {
	return table.Config{Driver: table.Driver(d.Driver), DSN: d.DSN, Table: "exchange", Key: []string{"id"}, Mode: table.Growing, Growing: "id", SettleNumbers: 1}
}

// moments is a table that grows by the time of its rows.
func moments(d *connectortest.Database) table.Config {
	c := numbers(d)
	c.Growing, c.SettleNumbers, c.SettleSeconds = "at", 0, 1
	return c
}

// A transaction that drew a lower number may take as long as it likes.
func TestLateCommit(t *testing.T) {
	t.Parallel()
	fresh := func(t *testing.T, d *connectortest.Database) {
		exec(t, d.Client, "DROP TABLE IF EXISTS exchange")
		exec(t, d.Client, "CREATE TABLE exchange (id bigint PRIMARY KEY, val text)")
	}
	d := open(t, table.Postgres, "")
	for _, restart := range []bool{false, true} {
		t.Run(fmt.Sprintf("postgres, started again %t", restart), func(t *testing.T) {
			fresh(t, d)
			r := newReader(t, numbers(d))
			step := func(what, want string) {
				t.Helper()
				if restart {
					r.restart(t)
				}
				r.want(t, what, want)
			}
			late := another(t, d)
			exec(t, d.Client, "INSERT INTO exchange VALUES (1), (2)")
			step("the first rows", "1 2")
			exec(t, late, "BEGIN; INSERT INTO exchange VALUES (5)")
			exec(t, d.Client, "INSERT INTO exchange VALUES (100)")
			step("what is committed", "100")
			exec(t, d.Client, "INSERT INTO exchange VALUES (1000), (1001)")
			rows := r.ids(t)
			if !strings.HasSuffix(rows, "1000 1001") {
				t.Errorf("what is committed later: %s", rows)
			}
			exec(t, late, "COMMIT")
			if rows := r.ids(t); !strings.HasPrefix(rows, "5") {
				t.Errorf("the late row: got %q", rows)
			}
			exec(t, d.Client, "INSERT INTO exchange VALUES (2000)")
			r.want(t, "the next", "2000")
			step("nothing", "")
		})
	}
	d = open(t, table.MySQL, "")
	t.Run("mysql", func(t *testing.T) {
		fresh(t, d)
		r := newReader(t, numbers(d))
		late := another(t, d)
		exec(t, d.Client, "INSERT INTO exchange (id) VALUES (1), (2)")
		r.want(t, "the first rows", "1 2")
		exec(t, late, "BEGIN")
		exec(t, late, "INSERT INTO exchange (id) VALUES (5)")
		exec(t, d.Client, "INSERT INTO exchange (id) VALUES (3), (100), (1000)")
		r.want(t, "what comes before the open row", "3")
		r.want(t, "nothing", "")
		exec(t, late, "COMMIT")
		r.restart(t)
		r.want(t, "the late row, and those that waited for it", "2 3 5 100 1000") // 2 and 3 lie within settle_numbers
	})
	t.Run("mysql, the first row is open", func(t *testing.T) {
		fresh(t, d)
		late := another(t, d)
		exec(t, late, "BEGIN")
		exec(t, late, "INSERT INTO exchange (id) VALUES (5)")
		r := newReader(t, numbers(d))
		if _, err := r.fetch(); kindOf(err) != string(connectors.Busy) {
			t.Errorf("got %v, want busy", err)
		}
		exec(t, late, "ROLLBACK")
		r.want(t, "nothing", "")
	})
}

// What a transaction may have done before others were read, in ways that leave little trace.
func TestLateCommitTraces(t *testing.T) {
	t.Parallel()
	d := open(t, table.Postgres, "")
	for _, c := range []struct{ name, begin, later, commit, want string }{
		{"it wrote nothing yet", "BEGIN; SELECT now()", "INSERT INTO exchange VALUES (5, now())", "COMMIT", "5"},
		{"it drew its number and wrote nothing", "BEGIN; SELECT nextval('exchange_id_seq')", "INSERT INTO exchange VALUES (5, now())", "COMMIT", "5"},
		{"parts of it have numbers of their own",
			"BEGIN; CREATE TABLE other (); SAVEPOINT a; INSERT INTO exchange VALUES (5, now()); SAVEPOINT b",
			"INSERT INTO exchange VALUES (6, now())", "COMMIT", "5 6"},
		{"nobody is there any more", "BEGIN; INSERT INTO exchange VALUES (5, now()); PREPARE TRANSACTION 'late'", "SELECT 1", "COMMIT PREPARED 'late'", "5"},
		{"it changes a row", "BEGIN; UPDATE exchange SET at = now() WHERE id = 2", "SELECT 1", "COMMIT", "2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			exec(t, d.Client, "DROP TABLE IF EXISTS exchange, other")
			exec(t, d.Client, "CREATE TABLE exchange (id bigserial PRIMARY KEY, at timestamptz NOT NULL)")
			exec(t, d.Client, "INSERT INTO exchange VALUES (1, now()), (2, now())")
			r := newReader(t, moments(d))
			r.want(t, "the first rows", "1 2")
			late := another(t, d)
			exec(t, late, "%s", c.begin)
			for i := range 3 { // far ahead, so that nothing is read again for being near
				exec(t, d.Client, "INSERT INTO exchange VALUES (%d, now() + interval '%d hours')", 100+i, 1+i)
				r.restart(t)
				if rows := r.ids(t); !strings.Contains(rows, fmt.Sprint(100+i)) {
					t.Errorf("row %d is missing in %q", 100+i, rows)
				}
			}
			exec(t, late, "%s", c.later)
			r.restart(t)
			r.ids(t)
			exec(t, late, "%s", c.commit)
			r.restart(t)
			got := r.ids(t)
			for want := range strings.FieldsSeq(c.want) {
				if !slices.Contains(strings.Fields(got), want) {
					t.Errorf("row %s is missing in %q", want, got)
				}
			}
			r.ids(t) // the floor follows
			exec(t, d.Client, "INSERT INTO exchange VALUES (200, now() + interval '5 hours')")
			r.ids(t)
			r.restart(t)
			r.want(t, "nothing", "")
		})
	}
}

// A transaction that stays open and writes nothing, or writes to another database, costs nothing: no row comes twice, and rows of others
// come at once.
func TestOpenReader(t *testing.T) {
	t.Parallel()
	d := open(t, table.Postgres, "")
	exec(t, d.Client, "CREATE TABLE exchange (id bigserial PRIMARY KEY)")
	exec(t, d.Client, "INSERT INTO exchange VALUES (0)")
	r := newReader(t, numbers(d))
	r.want(t, "the first row", "0")
	dump := another(t, d)
	exec(t, dump, "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1 FROM exchange")
	elsewhere := another(t, open(t, table.Postgres, ""))
	exec(t, elsewhere, "BEGIN; CREATE TABLE other ()")
	for i := range 5 {
		exec(t, d.Client, "INSERT INTO exchange VALUES (%d)", 10+10*i)
		r.restart(t)
		r.want(t, "one more row", fmt.Sprint(10+10*i))
	}
}

// Whatever transactions do, and whenever rows are fetched, in the end there is each row that was committed, as it was last.
func TestGrowingLaw(t *testing.T) {
	t.Parallel()
	eachDriver(t, func(t *testing.T, driver table.Driver, d *connectortest.Database) {
		l := &law{t: t, d: d, waits: 15}
		if testing.Short() {
			l.waits = 3
		}
		for range 3 {
			l.writers = append(l.writers, another(t, d))
		}
		rapid.Check(t, l.check)
	})
}

// law is a partner with several writers, and a reader.
type law struct {
	t       *testing.T
	d       *connectortest.Database
	writers []*connectortest.Client
	waits   int // how often MySQL may still meet an open row, for a second each
	tables  int

	name string
	busy []bool // by writer: a transaction is open
	val  int
	r    *reader
	got  map[string]bool
}

func (l *law) check(rt *rapid.T) {
	l.tables++
	l.name, l.busy, l.got = fmt.Sprintf("law_%d", l.tables), make([]bool, len(l.writers)), map[string]bool{}
	identity := map[string]string{"postgres": "bigserial", "mysql": "bigint AUTO_INCREMENT"}[l.d.Driver]
	exec(l.t, l.d.Client, "CREATE TABLE %s (id %s PRIMARY KEY, val int NOT NULL)", l.name, identity)
	c := numbers(l.d)
	c.Table, c.BatchRows = l.name, rapid.IntRange(1, 4).Draw(rt, "batch")
	l.r = newReader(l.t, c)
	defer func() { l.r.src.Close() }() //nolint:errcheck // the last of them; it never says anything
	for range rapid.IntRange(4, 25).Draw(rt, "steps") {
		l.step(rt)
	}
	for w := range l.writers {
		l.end(w, "COMMIT")
	}
	l.fetch(rt)
	want := map[string]bool{}
	rows, err := l.d.Client.Rows(context.Background(), "SELECT id, val FROM "+l.name)
	if err != nil {
		rt.Fatal(err)
	}
	for _, row := range rows {
		want[row[0]+"="+row[1]] = true
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(l.got))); diff != "" {
		rt.Errorf("rows (-committed +fetched):\n%s", diff)
	}
}

func (l *law) step(rt *rapid.T) {
	w := rapid.IntRange(0, len(l.writers)-1).Draw(rt, "writer")
	switch rapid.IntRange(0, 5).Draw(rt, "step") {
	case 0, 1:
		if !l.busy[w] {
			exec(l.t, l.writers[w], "BEGIN")
			l.busy[w] = true
		}
		fallthrough
	case 2:
		l.val++
		exec(l.t, l.writers[w], "INSERT INTO %s (val) VALUES (%d)", l.name, l.val)
	case 3:
		l.end(w, rapid.SampledFrom([]string{"COMMIT", "COMMIT", "ROLLBACK"}).Draw(rt, "end"))
	case 4:
		l.r.restart(l.t)
	default:
		if l.d.Driver == "mysql" && slices.Contains(l.busy, true) {
			if l.waits--; l.waits < 0 {
				return
			}
		}
		l.r.fails = rapid.IntRange(0, 2).Draw(rt, "fails")
		l.fetch(rt)
		l.r.fails = 0
	}
}

// end ends a writer's transaction, if one is open.
func (l *law) end(w int, how string) {
	if l.busy[w] {
		exec(l.t, l.writers[w], "%s", how)
		l.busy[w] = false
	}
}

func (l *law) fetch(rt *rapid.T) {
	rows, err := l.r.fetch()
	if err != nil && !errors.Is(err, errFails) && (kindOf(err) != string(connectors.Busy) || !slices.Contains(l.busy, true)) {
		rt.Fatal(err)
	}
	for _, row := range rows {
		l.got[row["id"].(string)+"="+row["val"].(string)] = true
	}
}

// Rows that have no place among the others come nonetheless, and hide none.
func TestStrays(t *testing.T) {
	t.Parallel()
	for _, driver := range drivers {
		t.Run(string(driver), func(t *testing.T) {
			d := open(t, driver, "")
			moment := map[table.Driver]string{table.Postgres: "timestamp(3)", table.MySQL: "datetime(3)"}[driver]
			exec(t, d.Client, "CREATE TABLE exchange (id int PRIMARY KEY, at %s)", moment)
			exec(t, d.Client, "INSERT INTO exchange VALUES (1, NULL), (2, '2026-01-01'), (3, '9999-12-31'), (4, '2026-01-02')")
			c := moments(d)
			c.BatchRows = 1
			r := newReader(t, c)
			r.want(t, "all", "1 3 2 4")
			exec(t, d.Client, "INSERT INTO exchange VALUES (5, '2026-01-03'), (6, NULL)")
			r.want(t, "the next", "6 5")
			r.want(t, "nothing", "")
			exec(t, d.Client, "UPDATE exchange SET at = '2026-01-04' WHERE id IN (1, 3)")
			r.want(t, "those that were put right", "1 3")
		})
	}
}

// Within a day, or a second, rows come in any order.
func TestTies(t *testing.T) {
	t.Parallel()
	for _, driver := range drivers {
		d := open(t, driver, "")
		for _, kind := range []string{"date", "varchar(20)", "int"} {
			t.Run(string(driver)+" "+kind, func(t *testing.T) {
				exec(t, d.Client, "DROP TABLE IF EXISTS exchange")
				exec(t, d.Client, "CREATE TABLE exchange (id varchar(20) PRIMARY KEY, at %s NOT NULL)", kind)
				value := map[string]string{"date": "'2026-01-02'", "varchar(20)": "'b'", "int": "-7"}[kind]
				c := numbers(d)
				c.Growing = "at"
				r := newReader(t, c)
				exec(t, d.Client, "INSERT INTO exchange VALUES ('m', %s), ('n', %s)", value, value)
				r.want(t, "the first", "m n")
				exec(t, d.Client, "INSERT INTO exchange VALUES ('a', %s), ('z', %s)", value, value)
				r.want(t, "the others", "a z")
				r.want(t, "nothing", "")
			})
		}
	}
}

// Numbers at the ends of their type do not stop the reading behind them.
func TestEnds(t *testing.T) {
	t.Parallel()
	databases := map[table.Driver]*connectortest.Database{table.Postgres: open(t, table.Postgres, ""), table.MySQL: open(t, table.MySQL, "")}
	for _, c := range []struct {
		driver       table.Driver
		kind, values string
	}{
		{table.Postgres, "smallint", "(-32768), (32767)"}, {table.Postgres, "int", "(-2147483648), (2147483647)"},
		{table.Postgres, "bigint", "(-9223372036854775808), (9223372036854775807)"}, {table.Postgres, "numeric(40,2)", "(-1e30), (1e30)"},
		{table.MySQL, "bigint", "(-9223372036854775808), (9223372036854775807)"}, {table.MySQL, "bigint unsigned", "(1), (18446744073709551615)"},
		{table.MySQL, "decimal(40,2)", "(-1e30), (1e30)"}, {table.MySQL, "tinyint", "(-128), (127)"},
	} {
		t.Run(string(c.driver)+" "+c.kind, func(t *testing.T) {
			d := databases[c.driver]
			exec(t, d.Client, "DROP TABLE IF EXISTS exchange")
			exec(t, d.Client, "CREATE TABLE exchange (id %s PRIMARY KEY)", c.kind)
			config := numbers(d)
			config.SettleNumbers = 1000
			r := newReader(t, config)
			for value := range strings.SplitSeq(c.values, ", ") {
				exec(t, d.Client, "INSERT INTO exchange VALUES %s", value)
				if rows, err := r.fetch(); err != nil || len(rows) != 1 {
					t.Errorf("%d rows, %v", len(rows), err)
				}
			}
			r.want(t, "nothing", "")
		})
	}
}

// A position of another table, or of other columns, is refused and not read on from.
func TestPositions(t *testing.T) {
	t.Parallel()
	d := open(t, table.Postgres, "")
	exec(t, d.Client, "CREATE TABLE exchange (id bigint PRIMARY KEY, at timestamptz NOT NULL DEFAULT now())")
	exec(t, d.Client, "INSERT INTO exchange VALUES (1)")
	r := newReader(t, numbers(d))
	r.want(t, "the first", "1")
	for name, c := range map[string]struct{ position, want string }{
		"other columns":   {`{"by":"\"other\"","high":["1"]}`, "unfit"},
		"no position":     {"17", "read position"},
		"too few values":  {`{"by":"\"id\"","high":["1","2"]}`, "read position"},
		"not of the type": {`{"by":"\"id\"","high":["x"]}`, "unfit"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newReader(t, numbers(d))
			r.position = c.position
			if _, err := r.fetch(); !strings.Contains(kindOf(err), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

// A user that may do no more than read the table loses nothing either.
func TestLeastRights(t *testing.T) {
	t.Parallel()
	eachDriver(t, func(t *testing.T, driver table.Driver, d *connectortest.Database) {
		exec(t, d.Client, "CREATE TABLE exchange (id bigint PRIMARY KEY, val text)")
		exec(t, d.Client, "INSERT INTO exchange (id) VALUES (1), (2)")
		c := numbers(d)
		c.DSN = newUser(t, d, "SELECT")
		r := newReader(t, c)
		r.want(t, "the first rows", "1 2")
		late := another(t, d)
		exec(t, late, "BEGIN")
		exec(t, late, "INSERT INTO exchange (id) VALUES (5)")
		exec(t, d.Client, "INSERT INTO exchange (id) VALUES (100)")
		first := r.ids(t)
		exec(t, d.Client, "INSERT INTO exchange (id) VALUES (1000)")
		second := r.ids(t)
		exec(t, late, "COMMIT")
		if all := strings.Join([]string{first, second, r.ids(t)}, " "); !slices.Contains(strings.Fields(all), "5") || !strings.Contains(all, "1000") {
			t.Errorf("got %q", all)
		}
		c = marked(t, d, 3)
		exec(t, d.Client, "GRANT SELECT, UPDATE ON exchange TO %s", strings.Split(strings.TrimPrefix(r.config.DSN, "postgres://"), ":")[0])
		c.DSN = r.config.DSN
		newReader(t, c).want(t, "by status", "1 2 3")
	})
}

// newUser makes a user with some rights to the exchange table and gives its connection string.
func newUser(t *testing.T, d *connectortest.Database, rights string) (dsn string) {
	t.Helper()
	user := "user_" + d.Name[len(d.Name)-8:]
	if d.Driver == "postgres" {
		exec(t, d.Client, "CREATE ROLE %s LOGIN PASSWORD 'x'", user)
		t.Cleanup(func() {
			exec(t, d.Client, "DROP OWNED BY %s", user)
			exec(t, d.Client, "DROP ROLE %s", user)
		})
	} else {
		exec(t, d.Client, "CREATE USER %s IDENTIFIED BY 'x'", user)
		t.Cleanup(func() { exec(t, d.Client, "DROP USER %s", user) })
	}
	if rights != "" {
		exec(t, d.Client, "GRANT %s ON exchange TO %s", rights, user)
	}
	return asUser(d, user, "x")
}

func asUser(d *connectortest.Database, user, secret string) string {
	return d.DSN[:strings.Index(d.DSN, "hebian:")] + user + ":" + secret + d.DSN[strings.Index(d.DSN, "@"):]
}
