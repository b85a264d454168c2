package table_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"hebian/connectors"
	"hebian/connectors/table"
)

// written are configurations that are right, one for each mode.
var written = map[string]string{
	"growing": "{driver: postgres, table: public.staff, key: [id], mode: growing, growing: changed, settle_seconds: 60, gone: {column: op, values: [D]}}",
	"status": `{driver: mysql, table: staff, key: [id, part], columns: [id, name], mode: status, batch_rows: 500,
		status: {column: s, new: '0', read: '1', refused: '2', read_at: seen}}`,
	"full": "{driver: mysql, table: staff, mode: full}",
}

func TestCheck(t *testing.T) {
	for name, text := range written {
		t.Run(name, func(t *testing.T) {
			if err := configOf(t, text).Check(); err != nil {
				t.Error(err)
			}
		})
	}
	for _, c := range []struct{ name, of, put, by, want string }{
		{"driver", "full", "mysql", "oracle", "driver"}, {"no table", "full", "table: staff", "table: ''", "table"},
		{"part of a table", "full", "table: staff", "table: 'a.'", "table"},
		{"too many parts", "full", "table: staff", "table: a.b.c", "table"}, {"a byte 0", "full", "table: staff", `table: "a\0b"`, "table"},
		{"mode", "full", "mode: full", "mode: all", "mode"}, {"no key", "growing", "key: [id], ", "", "key"}, {"key twice", "growing", "[id]", "[id, id]", "key"},
		{"columns twice", "status", "[id, name]", "[id, id]", "columns"}, {"a column of ours", "status", "[id, name]", "[id, $gone]", "columns"},
		{"nothing grows", "growing", "growing: changed, ", "", "growing"},
		{"it grows by status", "status", "mode: status,", "mode: status, growing: id,", "growing"},
		{"status in full", "full", "mode: full", "mode: full, status: {column: s}", "status"}, {"new is read", "status", "new: '0'", "new: '1'", "status"},
		{"new is refused", "status", "refused: '2'", "refused: '0'", "status"}, {"no status", "status", "column: s,", "", "status.column"},
		{"gone without values", "growing", "values: [D]", "values: []", "gone"}, {"too many rows", "status", "batch_rows: 500", "batch_rows: 100001", "batch_rows"},
		{"no rows", "status", "batch_rows: 500", "batch_rows: -1", "batch_rows"},
		{"settle", "growing", "settle_seconds: 60", "settle_seconds: -1", "settle_seconds"},
		{"settle numbers", "growing", "settle_seconds: 60", "settle_numbers: 2000000000", "settle_numbers"},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := strings.Replace(written[c.of], c.put, c.by, 1)
			if err := configOf(t, text).Check(); err == nil || !strings.HasPrefix(err.Error(), c.want+":") {
				t.Errorf("%s: got %v, want it to begin with %s", text, err, c.want)
			}
		})
	}
}

func configOf(t *testing.T, text string) table.Config {
	t.Helper()
	var c table.Config
	if err := connectors.DecodeYAML([]byte(text), &c); err != nil {
		t.Fatal(yaml.FormatError(err, false, true))
	}
	return c
}

// The connection string is a secret: no error shows it.
func TestSecret(t *testing.T) {
	for _, driver := range drivers {
		for _, dsn := range []string{
			"geheim", "postgres://u:geheim@[::1/x", "u:geheim@tcp(127.0.0.1:1", "postgres://u:geheim@127.0.0.1:1/x?sslmode=disable", "u:geheim@tcp(127.0.0.1:1)/x", "",
		} {
			c := table.Config{Driver: driver, DSN: dsn, Table: "t", Mode: table.Whole}
			src, err := table.NewSource(c)
			if err == nil {
				err = src.Fetch(t.Context(), "", nil)
				src.Close() //nolint:errcheck // it never says anything
			}
			if err == nil || strings.Contains(err.Error(), "geheim") {
				t.Errorf("%s %s: %v", driver, dsn, err)
			}
			if _, err := table.NewSink(table.SinkConfig{Driver: driver, DSN: dsn, Table: "t"}); err != nil && strings.Contains(err.Error(), "geheim") {
				t.Errorf("%s %s: %v", driver, dsn, err)
			}
		}
	}
}

// What is wrong with a partner's database is said by its kind.
func TestTroubles(t *testing.T) {
	t.Parallel()
	for _, driver := range drivers {
		t.Run(string(driver), func(t *testing.T) {
			d := open(t, driver, "")
			exec(t, d.Client, "CREATE TABLE exchange (id bigint PRIMARY KEY, val text)")
			exec(t, d.Client, "INSERT INTO exchange VALUES (1, 'a')")
			allowed := newUser(t, d, "")
			r := newReader(t, numbers(d))
			r.want(t, "the row", "1")
			for _, c := range []struct {
				name   string
				change func(c *table.Config)
				want   connectors.TroubleKind
				says   string
			}{
				{"no such table", func(c *table.Config) { c.Table = "other" }, connectors.Unfit, "no table other"},
				{"no such column", func(c *table.Config) { c.Columns = []string{"id", "other"} }, connectors.Unfit, `no column "other"`},
				{"no such status", func(c *table.Config) {
					c.Mode, c.Growing, c.Status = table.ByStatus, "", table.Status{Column: "other", Read: "1"}
				}, connectors.Unfit, `no column "other"`},
				{"no such database", func(c *table.Config) { c.DSN = strings.Replace(c.DSN, d.Name, "other_database", 1) }, connectors.Unfit, "other_database"},
				{"wrong password", func(c *table.Config) { c.DSN = strings.Replace(allowed, ":x@", ":wrong@", 1) }, connectors.Denied, "user_"},
				{"no right to read", func(c *table.Config) { c.DSN = allowed }, connectors.Denied, ""},
				{"nobody there", func(c *table.Config) {
					c.DSN = map[table.Driver]string{table.Postgres: "postgres://a@127.0.0.1:1/b", table.MySQL: "a@tcp(127.0.0.1:1)/b"}[driver]
				}, connectors.Unreachable, "refused"},
			} {
				t.Run(c.name, func(t *testing.T) {
					config := numbers(d)
					c.change(&config)
					if _, err := newReader(t, config).fetch(); kindOf(err) != string(c.want) || !strings.Contains(err.Error(), c.says) {
						t.Errorf("got %v, want %s", err, c.want)
					}
				})
			}
			exec(t, d.Client, "ALTER TABLE exchange DROP COLUMN id")
			if _, err := r.fetch(); kindOf(err) != string(connectors.Unfit) {
				t.Errorf("a column was dropped: %v", err)
			}
			exec(t, d.Client, "ALTER TABLE exchange ADD id bigint NOT NULL DEFAULT 7")
			r.want(t, "it is there again", "7")
			endOthers(t, d)
			exec(t, d.Client, "INSERT INTO exchange (id) VALUES (8)")
			r.want(t, "the connection was ended between two calls", "8")
		})
	}
}

// A sink says what its table is to be, and cuts nothing.
func TestSink(t *testing.T) {
	t.Parallel()
	for _, driver := range drivers {
		t.Run(string(driver), func(t *testing.T) {
			d := open(t, driver, "")
			sink, err := table.NewSink(table.SinkConfig{Driver: driver, DSN: d.DSN, Table: "in coming"})
			if err != nil {
				t.Fatal(err)
			}
			defer sink.Close() //nolint:errcheck // it never says anything
			send := func(records ...connectors.Out) (string, error) {
				return sink.Send(t.Context(), connectors.Dispatch{Connector: "c", Feed: "findings", Number: 3, Records: records})
			}
			one := connectors.Out{ID: "a-1", Key: "k", JSON: []byte(`{"名":"𠮷\u0000"}`)}
			_, err = send(one)
			if kindOf(err) != string(connectors.Unfit) || !strings.Contains(err.Error(), table.SinkDDL(driver, "in coming")) {
				t.Errorf("without a table: %v", err)
			}
			exec(t, d.Client, "%s", table.SinkDDL(driver, "in coming"))
			for i, want := range []string{"1 of 1 rows written, the others were there", "0 of 1 rows written, the others were there"} {
				if answer, err := send(one); err != nil || answer != want {
					t.Errorf("sent %d times: %q, %v", i+1, answer, err)
				}
			}
			two := one
			two.ID = strings.Repeat("b", 201)
			if _, err := send(one, connectors.Out{ID: "c-3", JSON: []byte("{}")}, two); kindOf(err) != string(connectors.Unfit) {
				t.Errorf("an ID that is too long: %v", err)
			}
			quote := map[table.Driver]string{table.Postgres: `"`, table.MySQL: "`"}[driver]
			all := "SELECT dispatch_id, number, record_id, feed, 'key', body FROM 'in coming' WHERE created_at IS NOT NULL"
			rows, err := d.Client.Rows(t.Context(), strings.ReplaceAll(all, "'", quote))
			if diff := cmp.Diff([][]string{{"c-findings-000000003", "1", "a-1", "findings", "k", `{"名":"𠮷\u0000"}`}}, rows); diff != "" || err != nil {
				t.Error(diff, err)
			}
			exec(t, d.Client, "%s", strings.ReplaceAll("ALTER TABLE 'in coming' DROP COLUMN feed", "'", quote))
			if _, err := send(one); kindOf(err) != string(connectors.Unfit) || !strings.Contains(err.Error(), `no column "feed"`) {
				t.Errorf("a column was dropped: %v", err)
			}
			sink.Close() //nolint:errcheck // it never says anything
			if _, err := send(one); err == nil {
				t.Error("it sends although it is closed")
			}
		})
	}
}

// Text goes into JSON as it is.
func FuzzAppendText(f *testing.F) {
	for _, seed := range []string{"", "a\"b\\c\n\r\t\x01\x1f𠮷", "\xff", "\x00", "\u2028"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		line := fmt.Sprintf(`"%s"`, table.AppendText(nil, value))
		if strings.ContainsAny(line, "\r\n") {
			t.Errorf("%q takes more than a line: %q", value, line)
		}
		if !utf8.Valid(value) || strings.Contains(string(value), "\x00") {
			return // not to be read as JSON
		}
		var back string
		if err := json.Unmarshal([]byte(line), &back); err != nil || back != string(value) {
			t.Errorf("%q came back as %q, %v", value, back, err)
		}
	})
}

// A position that can be read is written as one that says the same.
func FuzzPosition(f *testing.F) {
	for _, seed := range []string{
		"", `{"by":"by","high":["7"],"floor":"6","horizon":12,"mark":{"at":"7","open":["3/4","x5"]}}`, `{"by":"by","high":["\"\\xff\""]}`, "{", "[]",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, position string) {
		once, err := table.ParseState(position)
		if err != nil {
			return
		}
		twice, err := table.ParseState(once)
		if err != nil || once != twice {
			t.Errorf("%q became %q and then %q, %v", position, once, twice, err)
		}
	})
}
