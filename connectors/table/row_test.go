package table_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"hebian/connectors"
	"hebian/connectors/table"
	"hebian/connectors/text"
)

// wholeBody fetches a table whole.
func wholeBody(t *testing.T, c table.Config) (body, encoding string) {
	t.Helper()
	c.Mode = table.Whole
	err := fetchBatch(t, c, func(b connectors.Batch) error {
		all, err := io.ReadAll(b.Body)
		body, encoding = string(all), b.Encoding
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return body, encoding
}

// Each type of PostgreSQL goes out as it is written down here.
func TestPostgresValues(t *testing.T) {
	t.Parallel()
	d := open(t, table.Postgres, "")
	exec(t, d.Client, "ALTER DATABASE %s SET timezone = 'Asia/Shanghai'", d.Name)
	d.Client = another(t, d)
	exec(t, d.Client, `CREATE DOMAIN money_text AS numeric(20,2); CREATE TYPE mood AS ENUM ('well')`)
	values := []struct{ kind, value, want string }{
		{"text", `E'a"b\\c\n\t\r' || chr(1) || '𠮷<&>'`, `"a\"b\\c\n\t\r\u0001𠮷<&>"`}, {"text", "''", `""`}, {"text", "NULL", "null"},
		{"char(5)", "'ab'", `"ab   "`}, {"bigint", "9223372036854775807", `"9223372036854775807"`}, {"smallint", "-1", `"-1"`},
		{"numeric", "123456789012345678901234567890.1200", `"123456789012345678901234567890.1200"`}, {"money_text", "1.5", `"1.50"`},
		{"double precision", "0.1", `"0.1"`}, {"real", "'NaN'", `"NaN"`}, {"boolean", "true", `"true"`}, {"boolean", "false", `"false"`},
		{"date", "'2026-10-01'", `"2026-10-01"`}, {"date", "'infinity'", `"infinity"`},
		{"timestamp", "'2026-10-01 08:30:00'", `"2026-10-01 08:30:00"`}, {"timestamp", "'2026-10-01 08:30:00.120'", `"2026-10-01 08:30:00.12"`},
		{"timestamptz", "'2026-10-01 00:30:00+00'", `"2026-10-01T08:30:00+08:00"`}, {"timestamptz", "'infinity'", `"infinity"`},
		{"timestamptz", "'1850-01-01 00:00:00+00'", `"1850-01-01T08:05:43+08:05:43"`},
		{"time", "'08:30'", `"08:30:00"`}, {"bytea", `'\x00ff10'`, `"AP8Q"`}, {"bytea", `''`, `""`}, {"jsonb", `'{"a": [1]}'`, `"{\"a\": [1]}"`},
		{"uuid", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'", `"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"`}, {"text[]", "ARRAY['a', NULL]", `"{a,NULL}"`},
		{"mood", "'well'", `"well"`}, {"interval", "'1 day'", `"P1D"`}, {"inet", "'10.0.0.1'", `"10.0.0.1"`},
	}
	var columns, cells, want []string
	for i, v := range values {
		columns = append(columns, fmt.Sprintf("c%d %s", i, v.kind))
		cells = append(cells, v.value)
		want = append(want, fmt.Sprintf(`"c%d":%s`, i, v.want))
	}
	exec(t, d.Client, "CREATE TABLE exchange (%s)", strings.Join(columns, ", "))
	exec(t, d.Client, "INSERT INTO exchange VALUES (%s)", strings.Join(cells, ", "))
	body, _ := wholeBody(t, table.Config{Driver: table.Postgres, DSN: d.DSN, Table: "public.exchange"})
	if diff := cmp.Diff("{"+strings.Join(want, ",")+"}\n", body); diff != "" {
		t.Error(diff)
	}
}

// Each type of MariaDB goes out as it is written down here.
func TestMySQLValues(t *testing.T) {
	t.Parallel()
	d := open(t, table.MySQL, "")
	exec(t, d.Client, "SET SESSION sql_mode = ''")
	values := []struct{ kind, value, want string }{
		{"text", `'a"b\\c\n\t\r𠮷<&>'`, `"a\"b\\c\n\t\r𠮷<&>"`},
		{"varchar(20) CHARACTER SET gbk", "'河边县'", `"河边县"`}, {"varchar(20) CHARACTER SET latin1", "'é'", `"é"`},
		{"text", "NULL", "null"}, {"text", "'a\x00b'", "\"a\x00b\""}, {"bigint unsigned", "18446744073709551615", `"18446744073709551615"`},
		{"decimal(30,4)", "12345678901234567890.12", `"12345678901234567890.1200"`}, {"double", "0.1", `"0.1"`}, {"tinyint(1)", "2", `"2"`},
		{"bit(1)", "b'1'", `"true"`}, {"bit(1)", "b'0'", `"false"`}, {"bit(12)", "b'100000001'", `"257"`},
		{"date", "'2026-10-01'", `"2026-10-01"`}, {"date", "'0000-00-00'", `"0000-00-00"`},
		{"datetime", "'2026-10-01 08:30:00'", `"2026-10-01 08:30:00"`}, {"datetime(3)", "'2026-10-01 08:30:00.12'", `"2026-10-01 08:30:00.120"`},
		{"datetime", "'2026-00-00'", `"2026-00-00 00:00:00"`}, {"time", "'-100:00:00'", `"-100:00:00"`},
		{"year", "2026", `"2026"`}, {"blob", "x'00ff10'", `"AP8Q"`},
		{"binary(3)", "x'01'", `"AQAA"`}, {"json", `'{"a": [1]}'`, `"{\"a\": [1]}"`}, {"enum('a','b')", "'b'", `"b"`}, {"set('a','b')", "'a,b'", `"a,b"`},
	}
	var columns, cells, want []string
	for i, v := range values {
		columns = append(columns, fmt.Sprintf("c%d %s", i, v.kind))
		cells = append(cells, v.value)
		want = append(want, fmt.Sprintf(`"c%d":%s`, i, v.want))
	}
	exec(t, d.Client, "CREATE TABLE exchange (%s)", strings.Join(columns, ", "))
	exec(t, d.Client, "INSERT INTO exchange VALUES (%s)", strings.Join(cells, ", "))
	body, _ := wholeBody(t, table.Config{Driver: table.MySQL, DSN: d.DSN, Table: d.Name + ".exchange"})
	if diff := cmp.Diff("{"+strings.Join(want, ",")+"}\n", body); diff != "" {
		t.Error(diff)
	}
}

// Names are quoted, whatever is in them, and rows that are gone say so.
func TestNames(t *testing.T) {
	t.Parallel()
	for _, driver := range drivers {
		t.Run(string(driver), func(t *testing.T) {
			d := open(t, driver, "")
			quote := map[table.Driver]string{table.Postgres: `"`, table.MySQL: "`"}[driver]
			odd := `姓"名` + "`; DROP TABLE x; --"
			quoted := quote + strings.ReplaceAll(odd, quote, quote+quote) + quote
			exec(t, d.Client, "CREATE TABLE %s (%s varchar(20) PRIMARY KEY, %skey%s int, op char(1))", quoted, quoted, quote, quote)
			exec(t, d.Client, "INSERT INTO %s VALUES ('甲', 1, 'U'), ('乙', 2, 'D'), ('丙', 3, NULL), ('丁', 4, 'X')", quoted)
			c := table.Config{Driver: driver, DSN: d.DSN, Table: odd, Key: []string{odd, "key"}, Gone: table.Gone{Column: "op", Values: []string{"D", "X"}}}
			c.Mode, c.Growing = table.Growing, "key"
			key, err := json.Marshal(odd)
			if err != nil {
				t.Fatal(err)
			}
			r := newReader(t, c)
			rows, err := r.fetch()
			if err != nil || len(rows) != 4 {
				t.Fatalf("%d rows, %v", len(rows), err)
			}
			want := strings.ReplaceAll(`{K:"甲","key":"1"}|{K:"乙","key":"2","$gone":true}|{K:"丙","key":"3"}|{K:"丁","key":"4","$gone":true}|`, "K", string(key))
			if diff := cmp.Diff(want, strings.ReplaceAll(strings.Join(r.batches, ""), "\n", "|")); diff != "" {
				t.Error(diff)
			}
			exec(t, d.Client, "INSERT INTO %s VALUES ('戊', 5, 'U')", quoted)
			if rows, err := r.fetch(); err != nil || len(rows) != 1 {
				t.Errorf("%d rows, %v", len(rows), err)
			}
		})
	}
}

// What is no text in the partner's database does not keep other rows from coming, whatever the database calls its text.
func TestEncodings(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, options, good, bad, encoding string }{
		{"SQL_ASCII", "ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0", "河边", `E'\xB0\xA1'`, ""},
		{"EUC_CN", "ENCODING 'EUC_CN' LOCALE 'C' TEMPLATE template0", "河边", `E'\xFE\xFE'`, "gb18030"},
		{"LATIN1", "ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0", "é", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := open(t, table.Postgres, c.options)
			d.Client = another(t, d)
			name := c.good
			exec(t, d.Client, "SET client_encoding = 'UTF8'")
			exec(t, d.Client, `CREATE TABLE exchange ("%s" text PRIMARY KEY, op text)`, name)
			exec(t, d.Client, "INSERT INTO exchange VALUES ('a%s', '%s')", c.good, c.good)
			if c.bad != "" {
				exec(t, d.Client, "SET client_encoding = 'SQL_ASCII'")
				exec(t, d.Client, "INSERT INTO exchange VALUES ('b' || %s)", c.bad)
			}
			config := table.Config{Driver: table.Postgres, DSN: d.DSN, Table: "exchange", Columns: []string{name}, Key: []string{name},
				Mode: table.Growing, Growing: name, Gone: table.Gone{Column: "op", Values: []string{c.good}}}
			src, position := source(t, config), ""
			var lines []string
			fetch := func() {
				err := src.Fetch(t.Context(), position, func(_ context.Context, b connectors.Batch) (connectors.Receipt, error) {
					if b.Encoding != c.encoding || !utf8.ValidString(b.Position) {
						t.Errorf("encoding %q, position %q", b.Encoding, b.Position)
					}
					body, err := io.ReadAll(b.Body)
					decoder := text.NewDecoder(text.UTF8)
					if b.Encoding == "gb18030" {
						decoder = text.NewDecoder(text.GB18030)
					}
					for line := range bytes.Lines(body) {
						decoded, flaw := decoder.Decode(bytes.TrimSuffix(line, []byte("\n")))
						if flaw != nil {
							decoded = string(flaw.Reason)
						}
						lines = append(lines, strings.Clone(decoded))
					}
					position = b.Position
					return taken, err
				})
				if err != nil {
					t.Fatal(err)
				}
			}
			fetch()
			fetch() // from a position that need not be text
			src = source(t, config)
			exec(t, d.Client, "INSERT INTO exchange VALUES ('c')")
			fetch()
			want := []string{fmt.Sprintf(`{"%s":"a%s","$gone":true}`, name, c.good), "", fmt.Sprintf(`{"%s":"c"}`, name)}
			if c.bad == "" {
				want = append(want[:1], want[2])
			} else if len(lines) > 1 && strings.Contains(lines[1], "{") {
				t.Errorf("what is no text came as %s", lines[1])
			} else if len(lines) > 1 {
				lines[1] = ""
			}
			if diff := cmp.Diff(want, lines); diff != "" {
				t.Error(diff)
			}
		})
	}
}
