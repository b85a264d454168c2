package table

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"hebian/connectors"
)

// SinkConfig describes a partner's table that records are written into. SinkDDL says what it looks like.
type SinkConfig struct {
	Driver Driver `yaml:"driver"`
	DSN    string `yaml:"-"`     // see Config
	Table  string `yaml:"table"` // SCHEMA.TABLE, or TABLE
}

// Check says what is wrong with a configuration, naming the key.
func (c SinkConfig) Check() error { return checkTable(c.Driver, c.Table) }

// Sink writes records into a partner's table, one row each.
type Sink struct {
	*door
	config SinkConfig
}

// sinkColumns are the columns that are written, in their order. Rows in the order of dispatch_id and number are in the order of the records.
var sinkColumns = []column{
	{name: "dispatch_id", cast: "text"}, {name: "number", cast: "integer"}, {name: "record_id", cast: "text"}, {name: "feed", cast: "text"},
	{name: "key", cast: "text"}, {name: "body", cast: "text"},
}

// sinkRows is how many records MySQL is told of in one statement, and sinkBytes of how many bytes at most: servers refuse more than 16 MiB.
const (
	sinkRows  = 200
	sinkBytes = 4 << 20
)

// SinkDDL is the statement that makes a table for a Sink.
func SinkDDL(driver Driver, name string) string {
	q := newQuery(driver).add("CREATE TABLE ").table(name)
	id, long, moment, tail := "varchar(200)", "text", "timestamptz", ""
	if driver == MySQL {
		id, long, moment, tail = "varchar(200) CHARACTER SET ascii COLLATE ascii_bin", "longtext", "timestamp(6)", " DEFAULT CHARACTER SET utf8mb4"
	}
	key := "text"
	if driver == MySQL {
		key = "varchar(1000)"
	}
	for i, c := range []struct{ name, kind string }{
		{"dispatch_id", id + " NOT NULL"}, {"number", "integer NOT NULL"}, {"record_id", id + " NOT NULL PRIMARY KEY"},
		{"feed", "varchar(64) NOT NULL"}, {"key", key + " NOT NULL"}, {"body", long + " NOT NULL"},
		{"created_at", moment + " NOT NULL DEFAULT CURRENT_TIMESTAMP" + map[bool]string{true: "(6)"}[driver == MySQL]},
	} {
		q.add(map[bool]string{true: ",\n  ", false: " (\n  "}[i > 0]).name(c.name).add(" ", c.kind)
	}
	return q.add("\n)", tail).sql.String()
}

// NewSink makes ready to write into a table. It connects when it is first asked to send.
func NewSink(c SinkConfig) (*Sink, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	open, err := newOpener(c.Driver, c.DSN, queryTime)
	if err != nil {
		return nil, err
	}
	return &Sink{newDoor(open), c}, nil
}

// Send writes a dispatch in one transaction. Records that the table has, by their record_id, stay as they are.
func (s *Sink) Send(ctx context.Context, d connectors.Dispatch) (answer string, err error) {
	var written int64
	err = s.call(ctx, func(ctx context.Context) error {
		if err := s.connect(ctx, s.look); err != nil {
			return err
		}
		written, err = s.write(ctx, &d)
		return asTrouble(fmt.Sprintf("write %s to %s", d.ID(), s.config.Table), err)
	})
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%d of %d rows written, the others were there", written, len(d.Records)), nil
}

func (s *Sink) write(ctx context.Context, d *connectors.Dispatch) (written int64, err error) {
	if _, err := s.db.exec(ctx, newStatement(s.config.Driver, "BEGIN")); err != nil {
		return 0, err
	}
	for from := 0; from < len(d.Records); {
		next := portion(d.Records, from)
		n, err := s.db.exec(ctx, s.insert(d, from, next))
		if err != nil {
			return 0, err
		}
		written += n
		from = next
	}
	_, err = s.db.exec(ctx, newStatement(s.config.Driver, "COMMIT"))
	return written, err
}

// look says whether the table is there and has what is written.
func (s *Sink) look(ctx context.Context) error {
	shape, err := s.db.shape(ctx, s.config.Table)
	if err != nil {
		return asTrouble("look at table "+s.config.Table, err)
	}
	if len(shape.columns) == 0 {
		return unfit("there is no table %s, or it may not be seen; make it with: %s", s.config.Table, SinkDDL(s.config.Driver, s.config.Table))
	}
	for _, want := range sinkColumns {
		if !slices.ContainsFunc(shape.columns, func(c column) bool { return c.name == want.name }) {
			return unfit("table %s has no column %q, or it may not be seen; it should be as made with: %s",
				s.config.Table, want.name, SinkDDL(s.config.Driver, s.config.Table))
		}
	}
	return nil
}

// portion says up to where records go in one statement.
func portion(records []connectors.Out, from int) int {
	size, next := 0, from
	for next < len(records) && next-from < sinkRows {
		size += len(records[next].JSON) + len(records[next].Key)
		if next > from && size > sinkBytes {
			break
		}
		next++
	}
	return next
}

// insert writes records that aren't there. MySQL's INSERT IGNORE would cut what is too long, so what is there is set to itself, which counts as no change.
func (s *Sink) insert(d *connectors.Dispatch, from, next int) *query {
	q := newQuery(s.config.Driver).add("INSERT INTO ").table(s.config.Table).add(" (").names(sinkColumns).add(") VALUES ")
	for i := from; i < next; i++ {
		r := &d.Records[i]
		for j, text := range []string{d.ID(), strconv.Itoa(i + 1), r.ID, d.Feed, r.Key, string(r.JSON)} {
			switch {
			case j > 0:
				q.add(", ")
			case i > from:
				q.add("), (")
			default:
				q.add("(")
			}
			q.arg(text, sinkColumns[j].cast)
		}
	}
	q.add(")")
	if s.config.Driver == Postgres {
		return q.add(" ON CONFLICT (").name("record_id").add(") DO NOTHING")
	}
	return q.add(" ON DUPLICATE KEY UPDATE ").name("record_id").add(" = ").name("record_id")
}

var (
	_ connectors.Source = (*Source)(nil)
	_ connectors.Sink   = (*Sink)(nil)
)
