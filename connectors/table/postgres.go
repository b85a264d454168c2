package table

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// postgres is a link to PostgreSQL. All values come as text, which is exact for every type and costs nothing to convert.
type postgres struct {
	conn  *pgconn.PgConn
	wires *wires
	// encoding is what text comes in, in the words of a profile: "" for UTF-8.
	encoding string
}

func newOpener(driver Driver, dsn string, limit time.Duration) (opener, error) {
	if driver == MySQL {
		return openMySQL(dsn, limit)
	}
	c, err := pgconn.ParseConfig(dsn)
	if err != nil {
		return nil, errors.New("the connection string is not postgres://USER:PASSWORD@HOST/DATABASE") // what is wrong with it may be its secret
	}
	c.ConnectTimeout = connectTime
	if c.RuntimeParams == nil {
		c.RuntimeParams = map[string]string{}
	}
	c.RuntimeParams["client_encoding"] = "UTF8"
	if c.RuntimeParams["application_name"] == "" {
		c.RuntimeParams["application_name"] = "hebian"
	}
	return func(ctx context.Context) (link, error) {
		wires, c := newWires(), c.Copy()
		c.DialFunc = wires.dial
		conn, err := pgconn.ConnectConfig(ctx, c)
		if err != nil {
			wires.cut()
			return nil, err
		}
		p := &postgres{conn: conn, wires: wires}
		if err := p.prepare(ctx, limit); err != nil {
			p.close()
			return nil, err
		}
		return p, nil
	}, nil
}

// prepare sets what statements rely on. It does so by statements, as poolers refuse such parameters at the start.
func (p *postgres) prepare(ctx context.Context, limit time.Duration) error {
	settings := []string{
		"DateStyle = 'ISO, YMD'", "IntervalStyle = 'iso_8601'", "bytea_output = 'hex'", "extra_float_digits = 1", "standard_conforming_strings = on",
		fmt.Sprintf("statement_timeout = %d", limit.Milliseconds()),
		fmt.Sprintf("lock_timeout = %d", lockTime.Milliseconds()),
		fmt.Sprintf("idle_in_transaction_session_timeout = %d", (holdTime + 30*time.Second).Milliseconds()), // rows are not locked forever by a hub that hangs
	}
	// A database without an encoding says nothing about bytes that aren't text, and would refuse to take them back in a position; one
	// of EUC_CN has characters that PostgreSQL can't convert and fails the whole query for. Both are taken as they are: a row that
	// holds something else goes to quarantine, alone.
	switch p.conn.ParameterStatus("server_encoding") {
	case "SQL_ASCII":
		settings = append(settings, "client_encoding = 'SQL_ASCII'")
	case "EUC_CN":
		settings = append(settings, "client_encoding = 'EUC_CN'")
		p.encoding = "gb18030"
	}
	for _, setting := range settings {
		if _, err := p.exec(ctx, newStatement(Postgres, "SET "+setting)); err != nil {
			return err
		}
	}
	return nil
}

// shapeSQL lists a table's columns; a domain counts as the type that it is of.
const shapeSQL = `SELECT a.attname, CASE WHEN t.typtype = 'd' THEN format_type(t.typbasetype, NULL) ELSE format_type(a.atttypid, NULL) END,
	format_type(a.atttypid, a.atttypmod), a.attnotnull, c.relkind IN ('r', 'p')
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
WHERE c.oid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`

func (p *postgres) shape(ctx context.Context, table string) (shape, error) {
	q := newStatement(Postgres, shapeSQL)
	q.args = []string{inEncoding(p.encoding, quotedTable(Postgres, table))}
	rows, err := p.query(ctx, q)
	if err != nil {
		return shape{}, err
	}
	s := shape{encoding: p.encoding}
	for values, ok := rows.next(); ok; values, ok = rows.next() {
		c := column{name: fromEncoding(p.encoding, string(values[0])), cast: string(values[2]), nullable: string(values[3]) != "t"}
		c.kind, c.order = postgresType(string(values[1]))
		s.versions = string(values[4]) == "t"
		s.columns = append(s.columns, c)
	}
	return s, rows.close()
}

func postgresType(name string) (kind, order) {
	switch name {
	case "smallint", "integer", "bigint", "numeric", "oid":
		return text, number
	case "date":
		return text, day
	case "timestamp without time zone":
		return text, moment
	case "timestamp with time zone":
		return zoned, moment
	case "boolean":
		return boolean, other
	case "bytea":
		return hexBinary, other
	}
	return text, other
}

func (p *postgres) query(ctx context.Context, q *query) (rows, error) {
	args := make([][]byte, len(q.args))
	for i, arg := range q.args {
		args[i] = []byte(arg)
	}
	return &postgresRows{p.conn.ExecParams(ctx, inEncoding(p.encoding, q.sql.String()), args, nil, nil, nil)}, nil
}

func (p *postgres) exec(ctx context.Context, q *query) (int64, error) {
	rows, err := p.query(ctx, q)
	if err != nil {
		return 0, err
	}
	tag, err := rows.(*postgresRows).reader.Close()
	return tag.RowsAffected(), err
}

func (p *postgres) close() {
	ctx, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	p.conn.Close(ctx) //nolint:errcheck // it says only that it was broken already
	select {
	case <-p.conn.CleanupDone(): // a query that was broken off ends at the server, too
	case <-ctx.Done():
	}
	p.wires.cut()
	<-p.conn.CleanupDone()
}

type postgresRows struct{ reader *pgconn.ResultReader }

func (r *postgresRows) next() ([][]byte, bool) {
	if !r.reader.NextRow() {
		return nil, false
	}
	return r.reader.Values(), true
}

func (r *postgresRows) close() error {
	_, err := r.reader.Close()
	return err
}

// array writes values as PostgreSQL does an array.
func array(values []string) string {
	var b strings.Builder
	b.WriteByte('{')
	for i, value := range values {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteByte('"')
		for j := range len(value) {
			if value[j] == '"' || value[j] == '\\' {
				b.WriteByte('\\')
			}
			b.WriteByte(value[j])
		}
		b.WriteByte('"')
	}
	b.WriteByte('}')
	return b.String()
}
