package table

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
)

// maria is a link to MySQL or MariaDB. Arguments are put into the statement by the driver, so that values come as text.
type maria struct {
	db    *sql.DB
	conn  *sql.Conn
	wires *wires
}

func openMySQL(dsn string, limit time.Duration) (opener, error) {
	c, err := mysql.ParseDSN(dsn)
	if err != nil {
		return nil, errors.New("the connection string is not USER:PASSWORD@tcp(HOST:3306)/DATABASE") // what is wrong with it may be its secret
	}
	c.InterpolateParams, c.ParseTime, c.MultiStatements, c.ClientFoundRows, c.RejectReadOnly = true, false, false, false, false
	c.Collation = ""
	if err := c.Apply(mysql.Charset("utf8mb4", "")); err != nil {
		return nil, fmt.Errorf("use utf8mb4: %w", err)
	}
	c.Timeout, c.ReadTimeout, c.WriteTimeout = connectTime, limit+connectTime, time.Minute
	c.Logger = &mysql.NopLogger{} // what it would say comes as an error, too
	return func(ctx context.Context) (link, error) {
		wires, c := newWires(), c.Clone()
		c.DialFunc = wires.dial
		connector, err := mysql.NewConnector(c)
		if err != nil {
			return nil, fmt.Errorf("use the connection string: %w", err)
		}
		m := &maria{db: sql.OpenDB(connector), wires: wires}
		m.db.SetMaxOpenConns(1)
		ctx, cancel := context.WithTimeout(ctx, connectTime)
		defer cancel()
		if m.conn, err = m.db.Conn(ctx); err != nil {
			wires.cut()
			return nil, errors.Join(err, m.db.Close())
		}
		if err := m.prepare(ctx, limit); err != nil {
			m.close()
			return nil, err
		}
		return m, nil
	}, nil
}

// prepare sets what statements rely on.
func (m *maria) prepare(ctx context.Context, limit time.Duration) error {
	settings := []string{
		"TRANSACTION ISOLATION LEVEL READ COMMITTED", // locks what is read, not the gaps into which the partner writes
		"sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'",
		fmt.Sprintf("innodb_lock_wait_timeout = %d", int(rowLockTime.Seconds())),
		fmt.Sprintf("lock_wait_timeout = %d", int(rowLockTime.Seconds())),
		fmt.Sprintf("net_write_timeout = %d", int((10 * time.Minute).Seconds())),                 // rows may wait for a disk of ours
		fmt.Sprintf("wait_timeout = %d", int(max(holdTime, 10*time.Minute).Seconds())),           // rows are not locked forever by a hub that hangs
		fmt.Sprintf("max_statement_time = %d", int(limit.Seconds())),                             // MariaDB
		fmt.Sprintf("max_execution_time = %d", limit.Milliseconds()),                             // MySQL
		fmt.Sprintf("idle_transaction_timeout = %d", int((holdTime + 30*time.Second).Seconds())), // MariaDB
	}
	for _, setting := range settings {
		if _, err := m.exec(ctx, newStatement(MySQL, "SET SESSION "+setting)); err != nil && mysqlCode(err) != unknownVariable {
			return err
		}
	}
	return nil
}

// columnsSQL lists a table's columns. It shows those that we may read, which is all that there is for us.
const columnsSQL = "SELECT COLUMN_NAME, DATA_TYPE, COLUMN_TYPE, IS_NULLABLE FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = "

func (m *maria) shape(ctx context.Context, table string) (shape, error) {
	q := newStatement(MySQL, columnsSQL)
	if schema, name, ok := strings.Cut(table, "."); ok {
		q.arg(schema, "")
		table = name
	} else {
		q.add("DATABASE()")
	}
	q.add(" AND TABLE_NAME = ").arg(table, "").add(" ORDER BY ORDINAL_POSITION")
	rows, err := m.query(ctx, q)
	if err != nil {
		return shape{}, err
	}
	var s shape
	for values, ok := rows.next(); ok; values, ok = rows.next() {
		c := column{name: string(values[0]), nullable: string(values[3]) == "YES"}
		c.kind, c.order = mysqlType(strings.ToLower(string(values[1])), strings.ToLower(string(values[2])))
		s.columns = append(s.columns, c)
	}
	return s, rows.close()
}

// mysqlType tells how a type is written. tinyint(1) stays a number: as often as a truth value it is a code.
func mysqlType(name, full string) (kind, order) {
	switch name {
	case "tinyint", "smallint", "mediumint", "int", "bigint", "decimal":
		return text, number
	case "date":
		return text, day
	case "datetime", "timestamp":
		return text, moment
	case "bit":
		if full == "bit(1)" {
			return bit, other
		}
		return bits, other
	case "binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob", "geometry":
		return binary, other
	}
	return text, other
}

func (m *maria) query(ctx context.Context, q *query) (rows, error) {
	found, err := m.conn.QueryContext(ctx, q.sql.String(), mysqlArgs(q)...)
	if err != nil {
		return nil, err
	}
	names, err := found.Columns()
	if err != nil {
		return nil, errors.Join(err, found.Close())
	}
	r := &mysqlRows{found: found, raw: make([]sql.RawBytes, len(names)), values: make([][]byte, len(names)), into: make([]any, len(names))}
	for i := range r.raw {
		r.into[i] = &r.raw[i]
	}
	return r, nil
}

func (m *maria) exec(ctx context.Context, q *query) (int64, error) {
	result, err := m.conn.ExecContext(ctx, q.sql.String(), mysqlArgs(q)...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

func mysqlArgs(q *query) []any {
	args := make([]any, len(q.args))
	for i, arg := range q.args {
		if args[i] = arg; q.binary[i] {
			args[i] = []byte(arg)
		}
	}
	return args
}

func (m *maria) close() {
	late := time.AfterFunc(closeTime, m.wires.cut)
	defer late.Stop()
	m.conn.Close() //nolint:errcheck // it says only that it was broken already
	m.db.Close()   //nolint:errcheck // likewise
	m.wires.cut()
}

type mysqlRows struct {
	found  *sql.Rows
	raw    []sql.RawBytes
	values [][]byte
	into   []any
	err    error
}

func (r *mysqlRows) next() ([][]byte, bool) {
	if r.err != nil || !r.found.Next() {
		return nil, false
	}
	if r.err = r.found.Scan(r.into...); r.err != nil {
		return nil, false
	}
	for i, raw := range r.raw {
		r.values[i] = raw
	}
	return r.values, true
}

func (r *mysqlRows) close() error {
	closeErr := r.found.Close()
	if err := errors.Join(r.err, r.found.Err()); err != nil {
		return err
	}
	return closeErr
}
