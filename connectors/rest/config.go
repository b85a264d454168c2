package rest

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"

	"hebian/connectors"
	"hebian/connectors/outside"
)

// Config describes a service. What is not set has the value given in brackets.
type Config struct {
	outside.Options `yaml:",inline"`

	Query map[string]string `yaml:"query"` // parameters of every request
	// RowsAt is where the rows stand in an answer: the keys that lead to their array, such as data.items; "": the answer is the
	// array; lines: the answer is a row a line.
	RowsAt string `yaml:"rows_at"`
	// Expect is what each answer must hold besides, for services that answer 200 to everything, such as code: "0". Keys lead
	// there like those of rows_at. Without it, null in place of the rows of mode full is not taken for none.
	Expect map[string]string `yaml:"expect"`
	Paging Paging            `yaml:"paging"`
	Mode   connectors.Mode   `yaml:"mode"` // full: each fetch reads all; merge: what has changed
	Since  Since             `yaml:"since"`
	// MaxRows is how many rows a batch of mode merge has, pages being whole (10,000).
	MaxRows int `yaml:"max_rows_per_batch"`
}

// Style is a way to ask for more rows than one answer holds.
type Style string

// The styles.
const (
	NoPages Style = "none"
	Numbers Style = "page"   // a number of the page
	Offsets Style = "offset" // how many rows to leave out
	Cursors Style = "cursor" // what the last answer said
	Links   Style = "link"   // the last answer's link to the next page
)

// Paging says how to ask for the next page. The end is an answer without rows, or what total_at or more_at say; a page that is
// shorter than asked for is not, since services have bounds of their own.
type Paging struct {
	Style     Style  `yaml:"style"`      // (none)
	Param     string `yaml:"param"`      // of the page, offset or cursor (page, offset, cursor)
	FromZero  bool   `yaml:"from_zero"`  // page: the first is number 0, not 1
	SizeParam string `yaml:"size_param"` // "": the size is not asked for
	Size      int    `yaml:"size"`       // rows a page
	NextAt    string `yaml:"next_at"`    // cursor, link: where the answer says it; link: "" is the header Link
	MoreAt    string `yaml:"more_at"`    // where the answer says whether there is more
	TotalAt   string `yaml:"total_at"`   // page, offset: where the answer says how many rows there are in all
	MaxPages  int    `yaml:"max_pages"`  // more are taken for an error (10,000)
}

// Since says how to ask for what has changed.
type Since struct {
	Param  string `yaml:"param"`  // that says since when
	Field  string `yaml:"field"`  // of a row, where it says when it changed
	Format string `yaml:"format"` // of both: rfc3339, date, unix, unix_ms, datetime (rfc3339)
	Zone   string `yaml:"zone"`   // of date and datetime (Asia/Shanghai)
	// Overlap is how much earlier than the latest change known is asked for, as rows may show up later than they say (1m).
	Overlap time.Duration `yaml:"overlap"`
	Start   string        `yaml:"start"` // for the first fetch; "": it asks without the parameter
	// Ordered says that rows come by rising time of their change and that pages do not move while they are read. What was read
	// then counts page by page; else it counts when all pages were read.
	Ordered bool `yaml:"ordered"`
}

// Lines is the value of rows_at for an answer that is a row a line.
const Lines = "lines"

const (
	defaultRows     = 10_000
	mostRows        = 100_000 // a batch of mode merge is in memory whole
	defaultMaxPages = 10_000
	mostMaxPages    = 1_000_000
	mostPageSize    = 100_000
	defaultOverlap  = time.Minute
	longestOverlap  = 31 * 24 * time.Hour
)

// Check says which key does not do.
func (c *Config) Check() error {
	if err := c.Options.Check(); err != nil {
		return err
	}
	f := c.filled()
	if err := f.paths(); err != nil {
		return err
	}
	if err := f.Paging.check(); err != nil {
		return err
	}
	switch f.Mode {
	case connectors.Full:
		if f.Since != (Since{}) {
			return errors.New("since: only for mode merge")
		}
	case connectors.Merge:
		if f.Since.Param == "" && f.Paging.Style != Cursors {
			return errors.New("mode: merge wants since.param or paging.style cursor; else each fetch reads all rows, which is mode full")
		}
		if _, err := f.Since.clock(); err != nil {
			return err
		}
	default:
		return fmt.Errorf("mode: %q, want full or merge", c.Mode)
	}
	if f.MaxRows < 1 || f.MaxRows > mostRows {
		return fmt.Errorf("max_rows_per_batch: %d, want 1 to %d", f.MaxRows, mostRows)
	}
	return f.params()
}

// filled gives each key that is not set its usual value.
func (c Config) filled() Config {
	c.MaxRows = cmp.Or(c.MaxRows, defaultRows)
	c.Paging.Style = cmp.Or(c.Paging.Style, NoPages)
	c.Paging.MaxPages = cmp.Or(c.Paging.MaxPages, defaultMaxPages)
	if s := c.Paging.Style; s == Numbers || s == Offsets || s == Cursors {
		c.Paging.Param = cmp.Or(c.Paging.Param, string(s))
	}
	if c.Since != (Since{}) {
		c.Since.Format = cmp.Or(c.Since.Format, rfc3339)
		c.Since.Overlap = cmp.Or(c.Since.Overlap, defaultOverlap)
	}
	return c
}

// paths checks what leads into an answer.
func (c *Config) paths() error {
	all := map[string]string{
		"rows_at": c.RowsAt, "paging.next_at": c.Paging.NextAt, "paging.more_at": c.Paging.MoreAt, "paging.total_at": c.Paging.TotalAt,
		"since.field": c.Since.Field,
	}
	for path := range c.Expect {
		if path == "" {
			return errors.New("expect: a key leads nowhere")
		}
		all["expect."+path] = path
	}
	for key, path := range all {
		if len(split(path)) > maxSteps {
			return fmt.Errorf("%s: more than %d keys deep", key, maxSteps)
		}
		for _, step := range split(path) {
			if step == "" {
				return fmt.Errorf("%s: %q, want keys with a dot between them, such as data.items", key, path)
			}
		}
		inAnswer := path != "" && key != "rows_at" && key != "since.field"
		if inAnswer && (c.RowsAt == "" || c.RowsAt == Lines) {
			return fmt.Errorf("%s: an answer that is nothing but rows has no place for it", key)
		}
	}
	return nil
}

func (p *Paging) check() error {
	one := p.Style == Cursors || p.Style == Links
	many := p.Style == Numbers || p.Style == Offsets
	switch {
	case !one && !many && p.Style != NoPages:
		return fmt.Errorf("paging.style: %q, want none, page, offset, cursor or link", p.Style)
	case p.Style == NoPages && (p.Param != "" || p.SizeParam != "" || p.Size != 0 || p.MoreAt != ""):
		return errors.New("paging: keys without a style")
	case p.Style == Links && p.Param != "":
		return errors.New("paging.param: a link has its parameters in it")
	case p.FromZero && p.Style != Numbers:
		return errors.New("paging.from_zero: only for style page")
	case p.Style == Cursors && p.NextAt == "":
		return errors.New("paging.next_at: want the place of the next cursor")
	case p.NextAt != "" && !one:
		return errors.New("paging.next_at: only for the styles cursor and link")
	case p.TotalAt != "" && !many:
		return errors.New("paging.total_at: only for the styles page and offset")
	case (p.SizeParam == "") != (p.Size == 0):
		return errors.New("paging: size and size_param go together")
	case p.Size < 0 || p.Size > mostPageSize:
		return fmt.Errorf("paging.size: %d, want 1 to %d", p.Size, mostPageSize)
	case p.MaxPages < 1 || p.MaxPages > mostMaxPages:
		return fmt.Errorf("paging.max_pages: %d, want 1 to %d", p.MaxPages, mostMaxPages)
	}
	return nil
}

// params sees to it that no parameter has two meanings.
func (c *Config) params() error {
	taken := map[string]string{}
	for name := range c.Query {
		taken[name] = "query"
	}
	for _, p := range []struct{ key, name string }{
		{"paging.param", c.Paging.Param}, {"paging.size_param", c.Paging.SizeParam}, {"since.param", c.Since.Param},
	} {
		if p.name == "" {
			continue
		}
		if by, ok := taken[p.name]; ok {
			return fmt.Errorf("%s: the parameter %q is that of %s", p.key, p.name, by)
		}
		taken[p.name] = p.key
	}
	return nil
}

// split reads keys with dots between them.
func split(path string) []string {
	if path == "" {
		return nil
	}
	return strings.Split(path, ".")
}
