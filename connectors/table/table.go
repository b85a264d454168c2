// Package table is the road over exchange tables (前置库): a partner keeps rows in a table of its own database, PostgreSQL or
// MySQL and MariaDB, from which they are fetched, or has a table into which records for it are written. What rows mean is not its
// business: they go out as NDJSON, one key for each column. It makes no tables and changes none but the status of rows.
//
// How rows that are new or changed are told from the others is the partner's choice, see Mode.
package table

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"hebian/connectors"
)

// Driver says what a database speaks.
type Driver string

// The drivers.
const (
	Postgres Driver = "postgres"
	MySQL    Driver = "mysql" // MariaDB too
)

// Mode says how rows that are new are told from the others.
type Mode string

// The modes of reading.
const (
	// Growing: a column holds a number, a time or a text that is larger in every row that is new or changed. Rows that are deleted
	// are not noticed.
	Growing Mode = "growing"
	// ByStatus: a column says which rows are new; once they are on disk here it is set to say that they were read.
	ByStatus Mode = "status"
	// Whole: the table holds all that the partner has, and is read whole.
	Whole Mode = "full"
)

// Bounds of a table, and what is so if nothing is said.
const (
	// DefaultBatchRows is how many rows go over together. More make the time longer for which rows by status are locked.
	DefaultBatchRows = 10_000
	maxBatchRows     = 100_000
	// maxBatchBytes is where a batch ends early. It is in memory whole, as its position must be known before it goes.
	maxBatchBytes = 16 << 20
	// defaultSettleSeconds and defaultSettleNumbers: partners whose clocks run that far apart, or whose writers come that far after
	// one another, lose nothing.
	defaultSettleSeconds = 300
	defaultSettleNumbers = 10_000
	// maxColumns is as many as PostgreSQL has; MySQL has some more.
	maxColumns = 1600
	maxKey     = 16
)

// Config describes a partner's table.
type Config struct {
	Driver Driver `yaml:"driver"`
	// DSN is the connection string: postgres://USER:PASSWORD@HOST/DATABASE?sslmode=verify-full, or
	// USER:PASSWORD@tcp(HOST:3306)/DATABASE?tls=true. It is a secret and comes from a file.
	DSN   string `yaml:"-"`
	Table string `yaml:"table"` // SCHEMA.TABLE, or TABLE; a view will do unless it is read by status
	// Columns go out in this order. Empty: all, in the table's order, but those that only say how the exchange goes.
	Columns   []string `yaml:"columns"`
	Key       []string `yaml:"key"` // the columns of its primary key; needed unless the table is read whole
	Mode      Mode     `yaml:"mode"`
	Growing   string   `yaml:"growing"` // the column that grows
	Status    Status   `yaml:"status"`
	Gone      Gone     `yaml:"gone"`
	BatchRows int      `yaml:"batch_rows"` // 0: DefaultBatchRows
	// SettleSeconds and SettleNumbers say how far behind its position a growing column is read again, if it holds times or numbers: for
	// partners whose clocks differ or that draw numbers long before they write. 0: 300 seconds, 10,000 numbers.
	SettleSeconds int64 `yaml:"settle_seconds"`
	SettleNumbers int64 `yaml:"settle_numbers"`
}

// Status says how rows by status are marked.
type Status struct {
	Column string `yaml:"column"`
	New    string `yaml:"new"`  // value of rows to be read
	Read   string `yaml:"read"` // value of rows that were read
	// Refused is the value of rows that went to quarantine, where a batch went there whole; "": they are rows that were read.
	Refused string `yaml:"refused"`
	ReadAt  string `yaml:"read_at"` // column that gets the time of reading, by the partner's clock; "": none
}

// Gone says which rows take back the row of their key: they go out with "$gone": true.
type Gone struct {
	Column string   `yaml:"column"`
	Values []string `yaml:"values"`
}

// withDefaults fills in what is so if nothing is said.
func (c Config) withDefaults() Config {
	if c.BatchRows == 0 {
		c.BatchRows = DefaultBatchRows
	}
	if c.SettleSeconds == 0 {
		c.SettleSeconds = defaultSettleSeconds
	}
	if c.SettleNumbers == 0 {
		c.SettleNumbers = defaultSettleNumbers
	}
	return c
}

// Check says what is wrong with a configuration, naming the key. The connection string is looked at by NewSource and NewSink.
func (c Config) Check() error {
	if err := checkTable(c.Driver, c.Table); err != nil {
		return err
	}
	for _, names := range []struct {
		key    string
		values []string
		most   int
	}{{"columns", c.Columns, maxColumns}, {"key", c.Key, maxKey}} {
		if len(names.values) > names.most {
			return fmt.Errorf("%s: more than %d", names.key, names.most)
		}
		for i, name := range names.values {
			if err := checkName(names.key, name); err != nil {
				return err
			}
			if slices.Contains(names.values[:i], name) {
				return fmt.Errorf("%s: %q stands twice", names.key, name)
			}
		}
	}
	if err := c.checkMode(); err != nil {
		return err
	}
	if (c.Gone.Column == "") != (len(c.Gone.Values) == 0) {
		return errors.New("gone: column and values come together")
	}
	switch {
	case c.BatchRows < 0 || c.BatchRows > maxBatchRows:
		return fmt.Errorf("batch_rows: %d is not between 1 and %d", c.BatchRows, maxBatchRows)
	case c.SettleSeconds < 0 || c.SettleSeconds > 7*24*3600:
		return fmt.Errorf("settle_seconds: %d is not between 1 and a week", c.SettleSeconds)
	case c.SettleNumbers < 0 || c.SettleNumbers > 1e9:
		return fmt.Errorf("settle_numbers: %d is not between 1 and 1,000,000,000", c.SettleNumbers)
	}
	return nil
}

// checkMode looks at what only one mode needs.
func (c Config) checkMode() error {
	if !slices.Contains([]Mode{Growing, ByStatus, Whole}, c.Mode) {
		return fmt.Errorf("mode: %q is not growing, status or full", c.Mode)
	}
	if c.Mode != Whole && len(c.Key) == 0 {
		return errors.New("key: which columns make up the primary key?")
	}
	if c.Mode != Growing && c.Growing != "" {
		return fmt.Errorf("growing: mode is %q, which does not use it", c.Mode)
	}
	if c.Mode != ByStatus && c.Status != (Status{}) {
		return fmt.Errorf("status: mode is %q, which does not use it", c.Mode)
	}
	switch c.Mode {
	case Growing:
		return checkName("growing", c.Growing)
	case ByStatus:
		switch s := c.Status; {
		case s.New == s.Read:
			return errors.New("status: new and read must differ")
		case s.Refused != "" && s.Refused == s.New:
			return errors.New("status: new and refused must differ")
		}
		return checkName("status.column", c.Status.Column)
	}
	return nil
}

// checkTable looks at what names a table.
func checkTable(driver Driver, table string) error {
	if driver != Postgres && driver != MySQL {
		return fmt.Errorf("driver: %q is not postgres or mysql", driver)
	}
	parts := strings.Split(table, ".")
	if len(parts) > 2 {
		return fmt.Errorf("table: %q is not SCHEMA.TABLE", table)
	}
	for _, part := range parts {
		if err := checkName("table", part); err != nil {
			return err
		}
	}
	return nil
}

// checkName looks at a name of a column or table. Whatever is in it, it is quoted.
func checkName(key, name string) error {
	switch {
	case name == "":
		return fmt.Errorf("%s: a name is missing", key)
	case len(name) > 256 || strings.ContainsRune(name, 0) || strings.HasPrefix(name, "$"):
		return fmt.Errorf("%s: %q can't be a name", key, name)
	}
	return nil
}

// Source fetches rows from a partner's table.
type Source struct {
	*door
	config Config

	plan    *plan // of the open connection
	memory  memory
	now     state  // where a growing table stands; further than what was last handed over if only other writers moved on
	handed  string // the position that was handed over last, which is what now belongs to
	limit   int    // rows of the next batch; less than BatchRows where they are long
	hurried bool   // rows by status that others have locked are passed by, as one was waited for
}

// NewSource makes ready to fetch from a table. It connects when it is first asked to fetch.
func NewSource(c Config) (*Source, error) {
	c = c.withDefaults()
	if err := c.Check(); err != nil {
		return nil, err
	}
	limit := queryTime
	if c.Mode == Whole {
		limit = wholeTime
	}
	open, err := newOpener(c.Driver, c.DSN, limit)
	if err != nil {
		return nil, err
	}
	return &Source{door: newDoor(open), config: c, limit: min(firstLimit, c.BatchRows)}, nil
}

// Fetch reads on from a position, see connectors.Source. Positions are those of a growing table; the others have none.
func (s *Source) Fetch(ctx context.Context, position string, hand connectors.Hand) error {
	return s.call(ctx, func(ctx context.Context) error {
		if err := s.connect(ctx, s.look); err != nil {
			return err
		}
		switch s.config.Mode {
		case Growing:
			return s.growing(ctx, position, hand)
		case ByStatus:
			return s.byStatus(ctx, hand)
		}
		return s.whole(ctx, hand)
	})
}

// look finds the table's columns.
func (s *Source) look(ctx context.Context) error {
	shape, err := s.db.shape(ctx, s.config.Table)
	if err != nil {
		return asTrouble("look at table "+s.config.Table, err)
	}
	s.plan, err = newPlan(s.config, shape)
	return err
}

// counts says why rows that were handed over do not count, if so: then they are not to be passed over.
func counts(r connectors.Receipt, err error) error {
	if err == nil && r.Outcome == connectors.Failed {
		return fmt.Errorf("the rows were not taken in: %s", r.Error)
	}
	return err
}
