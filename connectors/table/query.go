package table

import (
	"context"
	"fmt"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Bounds of what a server is asked. It is the partner's, and others work with it.
const (
	connectTime = 10 * time.Second
	// queryTime bounds a query, or a step of one, other than reading a table whole.
	queryTime = 5 * time.Minute
	// wholeTime bounds reading a table whole: ten million rows at a tenth of the speed measured.
	wholeTime = 60 * time.Minute
	// lockTime is how long PostgreSQL waits for a partner's lock.
	lockTime = 2 * time.Second
	// rowLockTime is how long MySQL does, for a row, too: as short as it can. What comes before the row goes on, the rest another time.
	rowLockTime = time.Second
	// holdTime is how long rows may be locked while a batch of them goes to disk.
	holdTime = time.Minute
)

// opener opens a link.
type opener func(ctx context.Context) (link, error)

// link is a connection to a database. One statement at a time.
type link interface {
	// shape looks at a table; a shape without columns means that there is no such table, or none that we may see.
	shape(ctx context.Context, table string) (shape, error)
	// query runs a query. Its rows are closed before the next statement.
	query(ctx context.Context, q *query) (rows, error)
	// exec runs a statement and says how many rows it changed.
	exec(ctx context.Context, q *query) (changed int64, err error)
	close()
}

// rows are the rows of a query, as the server writes them in text.
type rows interface {
	// next gives the values of the next row, nil for NULL, or false at the end. They last until the next call.
	next() ([][]byte, bool)
	// close passes over what is left and says what went wrong, if anything did.
	close() error
}

// shape is what a table looks like.
type shape struct {
	columns  []column
	versions bool // its rows say which transaction wrote them
	encoding string
}

// column is a column of a table.
type column struct {
	name     string
	kind     kind
	order    order
	cast     string // PostgreSQL: its type
	nullable bool
}

// kind says how values are written.
type kind uint8

const (
	text      kind = iota // as it is
	boolean               // t, f
	zoned                 // a time with its distance to UTC, with a blank where RFC 3339 has T
	hexBinary             // \x, then hexadecimal
	binary                // bytes
	bits                  // bytes of a number
	bit                   // one bit
)

// order says how values follow one another, as far as reading behind a position goes.
type order uint8

const (
	other order = iota
	number
	moment
	day
)

// query is an SQL statement in the making. Values never become part of it but where they are numbers.
type query struct {
	driver Driver
	sql    strings.Builder
	args   []string
	binary map[int]bool // arguments that are bytes
}

func newQuery(driver Driver) *query { return &query{driver: driver} }

// newStatement is a query that is ready.
func newStatement(driver Driver, sql string) *query { return newQuery(driver).add(sql) }

func (q *query) add(parts ...string) *query {
	for _, part := range parts {
		q.sql.WriteString(part)
	}
	return q
}

// name adds the quoted name of a column or table, with the part before its dot, if it has one.
func (q *query) name(name string) *query { return q.add(quoted(q.driver, name)) }

func quoted(driver Driver, name string) string {
	quote := `"`
	if driver == MySQL {
		quote = "`"
	}
	return quote + strings.ReplaceAll(name, quote, quote+quote) + quote
}

// table adds the name of a table.
func (q *query) table(table string) *query { return q.add(quotedTable(q.driver, table)) }

func quotedTable(driver Driver, table string) string {
	parts := strings.Split(table, ".")
	for i, part := range parts {
		parts[i] = quoted(driver, part)
	}
	return strings.Join(parts, ".")
}

// names adds quoted names with commas between them.
func (q *query) names(columns []column) *query {
	for i, c := range columns {
		if i > 0 {
			q.add(", ")
		}
		q.name(c.name)
	}
	return q
}

var isNumber = regexp.MustCompile(`^-?[0-9]{1,80}(\.[0-9]{1,80})?$`)

// value adds a value of a column. MySQL would compare a number with a text as floating point and use no index, so numbers stand in
// the statement.
func (q *query) value(c column, value string) *query {
	if q.driver == Postgres {
		return q.arg(value, c.cast)
	}
	if c.order == number && isNumber.MatchString(value) {
		return q.add(value)
	}
	if c.kind == binary || c.kind == bits || c.kind == bit {
		if q.binary == nil {
			q.binary = map[int]bool{}
		}
		q.binary[len(q.args)] = true
	}
	return q.arg(value, "")
}

// arg adds an argument, for PostgreSQL with its type.
func (q *query) arg(value, cast string) *query {
	q.args = append(q.args, value)
	if q.driver == MySQL {
		return q.add("?")
	}
	q.add("$", strconv.Itoa(len(q.args)))
	if cast != "" {
		q.add("::", cast)
	}
	return q
}

// after adds that the columns of a row come after the values, in their order. MySQL finds no index for a comparison of rows, so
// there it is written out, the first column in a way that an index serves.
func (q *query) after(columns []column, values []string) *query {
	if q.driver == Postgres {
		q.add("(").names(columns).add(") > (")
		for i, c := range columns {
			if i > 0 {
				q.add(", ")
			}
			q.value(c, values[i])
		}
		return q.add(")")
	}
	q.add("(").name(columns[0].name).add(" >= ").value(columns[0], values[0]).add(" AND (")
	for i := range columns {
		if i > 0 {
			q.add(" OR ")
		}
		q.add("(")
		for j := range i {
			q.name(columns[j].name).add(" = ").value(columns[j], values[j]).add(" AND ")
		}
		q.name(columns[i].name).add(" > ").value(columns[i], values[i]).add(")")
	}
	return q.add("))")
}

// less is a number that is smaller by so many. The server's own arithmetic would fail at the end of a type.
func less(value string, numbers int64) string {
	whole, _, cut := strings.Cut(value, ".")
	n, ok := new(big.Int).SetString(whole, 10)
	if !ok {
		return value
	}
	if cut {
		numbers++
	}
	return n.Sub(n, big.NewInt(numbers)).String()
}

// behind adds a value that lies before that of a column: by seconds or a day, or by numbers. What has no distance is taken as it is.
func (q *query) behind(c column, value string, seconds, numbers int64) *query {
	if q.driver == Postgres {
		switch c.order {
		case moment:
			return q.add("(").value(c, value).add(" - ").arg(fmt.Sprintf("%d seconds", seconds), "interval").add(")::", c.cast)
		case day:
			return q.add("(").value(c, value).add(fmt.Sprintf(" - %d)", 1+seconds/(24*3600)))
		case number:
			q.add("GREATEST(").arg(value, "numeric").add(fmt.Sprintf(" - %d", numbers))
			if least := map[string]string{"smallint": "-32768", "integer": "-2147483648", "bigint": "-9223372036854775808", "oid": "0"}[c.cast]; least != "" {
				q.add(", ", least)
			}
			return q.add(")::", c.cast)
		}
		return q.value(c, value)
	}
	switch c.order {
	case moment: // NULL for a time that is none, such as 0000-00-00
		q.add("COALESCE(CAST(").value(c, value).add(fmt.Sprintf(" AS DATETIME(6)) - INTERVAL %d SECOND, ", seconds))
	case day:
		q.add("COALESCE(CAST(").value(c, value).add(fmt.Sprintf(" AS DATE) - INTERVAL %d DAY, ", 1+seconds/(24*3600)))
	case number:
		return q.value(c, less(value, numbers))
	default:
		return q.value(c, value)
	}
	return q.value(c, value).add(")")
}
