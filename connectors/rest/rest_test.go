package rest_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"hebian/connectors"
	"hebian/connectors/connectortest"
	"hebian/connectors/outside"
	"hebian/connectors/rest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// loopback allows this machine.
var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

// begin is when the first row of a simulated partner changed; each other a second after the one before.
var begin = time.Date(2020, 9, 1, 8, 0, 0, 0, time.UTC)

// fragile is a partner that can be broken. What follows from that is the same however pages are asked for, and takes its time.
type fragile struct{ *partner }

// partner is a service with rows of the suite.
type partner struct {
	*connectortest.Service
	config rest.Config
	rows   int // put so far
	again  int // rows that a door may read again after a start
}

func newService(t *testing.T, o connectortest.ServiceOptions) *connectortest.Service {
	t.Helper()
	service, err := connectortest.NewService(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { service.Close() })
	return service
}

// Put implements connectortest.Partner.
func (p *partner) Put(_ *testing.T, rows ...connectortest.Row) {
	put := make([]connectortest.ServiceRow, len(rows))
	for i, row := range rows {
		updated := begin.Add(time.Duration(p.rows) * time.Second)
		p.rows++
		text, _ := json.Marshal(map[string]any{"key": row.Key, "value": row.Value, "changed": map[string]any{"at": updated.Format(time.RFC3339)}})
		if row.Poison {
			text = fmt.Appendf(nil, `"poison %d"`, row.Key)
		}
		put[i] = connectortest.ServiceRow{Key: fmt.Sprint(row.Key), JSON: text, Updated: updated}
	}
	p.Service.Put(put...)
}

// Source implements connectortest.Partner.
func (p *partner) Source(t *testing.T) connectors.Source {
	t.Helper()
	source, err := rest.New(p.config)
	if err != nil {
		t.Fatal(err)
	}
	return source
}

// Rows implements connectortest.Partner.
func (p *partner) Rows(t *testing.T, b connectors.Batch, body []byte) []connectortest.Row {
	t.Helper()
	if b.Form != connectors.NDJSON {
		t.Errorf("the form is %q", b.Form)
	}
	var rows []connectortest.Row
	for line := range bytes.Lines(body) {
		var row connectortest.Row
		if _, err := fmt.Sscanf(string(line), `"poison %d"`, &row.Key); err == nil {
			row.Poison = true
		} else if err := json.Unmarshal(line, &row); err != nil {
			t.Errorf("line %q: %v", line, err)
		}
		rows = append(rows, row)
	}
	return rows
}

// Break implements connectortest.Fragile.
func (p fragile) Break(_ *testing.T, slow bool) (mend func()) {
	if slow {
		return p.FailAlways(connectortest.Fault{Break: connectortest.HalfOpen})
	}
	return p.FailAlways(connectortest.Fault{Break: connectortest.Reset})
}

// Overlap implements connectortest.Overlapping.
func (p *partner) Overlap() int { return p.again }

// quick are options for a partner that is near.
func quick(url string) outside.Options {
	return outside.Options{
		URL: url, Allow: loopback, Tries: 1, Rate: outside.Rate{PerSecond: 10_000, Burst: 10_000},
	}
}

// since asks for changes as the partners of these tests tell them.
var since = rest.Since{Param: "since", Field: "changed.at", Overlap: 10 * time.Second}

const allRows = 1 << 30

// Each way to ask for changes keeps to the contract of doors.
func TestMerge(t *testing.T) {
	ordered := since
	ordered.Ordered = true
	for _, test := range []struct {
		name   string
		path   string
		paging rest.Paging
		since  rest.Since
		again  int
	}{
		{"feed", "/feed", rest.Paging{Style: rest.Cursors, NextAt: "data.next", SizeParam: "limit", Size: 20}, rest.Since{}, 0},
		{"cursor that ends", "/cursor", rest.Paging{Style: rest.Cursors, NextAt: "data.next", SizeParam: "limit", Size: 20}, rest.Since{}, 0},
		{"cursor and since", "/cursor", rest.Paging{Style: rest.Cursors, NextAt: "data.next", SizeParam: "limit", Size: 20}, since, 10},
		{"pages in order", "/page", rest.Paging{Style: rest.Numbers, SizeParam: "size", Size: 20}, ordered, 10},
		{"pages", "/page", rest.Paging{Style: rest.Numbers, SizeParam: "size", Size: 20}, since, allRows},
		{"offsets with a total", "/offset", rest.Paging{Style: rest.Offsets, SizeParam: "limit", Size: 20, TotalAt: "data.total"}, since, allRows},
		{"links in a header", "/link", rest.Paging{Style: rest.Links, SizeParam: "limit", Size: 20}, since, 10},
		{"links in the answer", "/link", rest.Paging{Style: rest.Links, NextAt: "data.link", SizeParam: "limit", Size: 20}, since, 10},
	} {
		t.Run(test.name, func(t *testing.T) {
			connectortest.TestSource(t, func(t *testing.T) connectortest.Partner {
				service := newService(t, connectortest.ServiceOptions{MaxPage: 100})
				p := &partner{Service: service, again: test.again, config: rest.Config{
					Options: quick(service.URL() + test.path), RowsAt: "data.items", Mode: connectors.Merge, MaxRows: 20, Paging: test.paging, Since: test.since,
				}}
				if test.name == "feed" || test.name == "pages" {
					return fragile{p}
				}
				return p
			})
		})
	}
}

// newSource opens a door to a service.
func newSource(t *testing.T, c rest.Config) *rest.Source {
	t.Helper()
	source, err := rest.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { source.Close() })
	return source
}

// row is a row for tests.
func row(key string, at time.Time) connectortest.ServiceRow {
	return connectortest.ServiceRow{Key: key, Updated: at, JSON: fmt.Appendf(nil, `{"key": %q, "changed": {"at": %q}}`, key, at.Format(time.RFC3339))}
}

// No configuration that does not do gets through, and the error names its key.
func TestCheck(t *testing.T) {
	good := func() rest.Config {
		return rest.Config{
			Options: outside.Options{URL: "https://partner.example/rows"}, RowsAt: "data.items", Mode: connectors.Merge,
			Paging: rest.Paging{Style: rest.Numbers}, Since: rest.Since{Param: "since", Field: "changed.at"},
		}
	}
	if c := good(); c.Check() != nil {
		t.Fatal(c.Check())
	}
	for _, test := range []struct {
		name   string
		change func(c *rest.Config)
		key    string
	}{
		{"url", func(c *rest.Config) { c.URL = "x" }, "url"},
		{"mode", func(c *rest.Config) { c.Mode = "" }, "mode"},
		{"add", func(c *rest.Config) { c.Mode = connectors.Add }, "mode"},
		{"merge of everything", func(c *rest.Config) { c.Since = rest.Since{} }, "mode"},
		{"full since", func(c *rest.Config) { c.Mode = connectors.Full }, "since"},
		{"path", func(c *rest.Config) { c.RowsAt = "data..items" }, "rows_at"},
		{"deep path", func(c *rest.Config) { c.RowsAt = "a" + strings.Repeat(".a", 16) }, "rows_at"},
		{"expect nothing", func(c *rest.Config) { c.Expect = map[string]string{"": "0"} }, "expect"},
		{"nowhere", func(c *rest.Config) { c.RowsAt = ""; c.Paging.TotalAt = "total" }, "paging.total_at"},
		{"lines with an envelope", func(c *rest.Config) { c.RowsAt = rest.Lines; c.Expect = map[string]string{"code": "0"} }, "expect.code"},
		{"style", func(c *rest.Config) { c.Paging.Style = "magic" }, "paging.style"},
		{"keys without style", func(c *rest.Config) { c.Paging = rest.Paging{Size: 7, SizeParam: "size"} }, "paging"},
		{"size alone", func(c *rest.Config) { c.Paging.Size = 7 }, "paging"},
		{"size", func(c *rest.Config) { c.Paging.Size, c.Paging.SizeParam = -1, "size" }, "paging.size"},
		{"pages", func(c *rest.Config) { c.Paging.MaxPages = -1 }, "paging.max_pages"},
		{"cursor from nowhere", func(c *rest.Config) { c.Paging.Style = rest.Cursors }, "paging.next_at"},
		{"next of pages", func(c *rest.Config) { c.Paging.NextAt = "next" }, "paging.next_at"},
		{"total of cursors", func(c *rest.Config) {
			c.Paging = rest.Paging{Style: rest.Cursors, NextAt: "next", TotalAt: "total"}
		}, "paging.total_at"},
		{"zero of offsets", func(c *rest.Config) { c.Paging.Style, c.Paging.FromZero = rest.Offsets, true }, "paging.from_zero"},
		{"parameter of a link", func(c *rest.Config) { c.Paging.Style, c.Paging.Param = rest.Links, "x" }, "paging.param"},
		{"no parameter", func(c *rest.Config) { c.Since.Param = ""; c.Paging = rest.Paging{Style: rest.Cursors, NextAt: "next"} }, "since.param"},
		{"no field", func(c *rest.Config) { c.Since.Field = "" }, "since.field"},
		{"format", func(c *rest.Config) { c.Since.Format = "yyyy" }, "since.format"},
		{"zone", func(c *rest.Config) { c.Since.Zone = "Nowhere/None" }, "since.zone"},
		{"overlap", func(c *rest.Config) { c.Since.Overlap = -1 }, "since.overlap"},
		{"start", func(c *rest.Config) { c.Since.Start = "soon" }, "since.start"},
		{"rows", func(c *rest.Config) { c.MaxRows = 1 << 30 }, "max_rows_per_batch"},
		{"two meanings", func(c *rest.Config) { c.Query = map[string]string{"since": "x"} }, "since.param"},
		{"two meanings of pages", func(c *rest.Config) { c.Since.Param = "page" }, "since.param"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := good()
			test.change(&c)
			if _, err := rest.New(c); err == nil || !strings.HasPrefix(err.Error(), test.key+":") {
				t.Errorf("got %v, want an error about %s", err, test.key)
			}
		})
	}
}

// A configuration as a person writes it.
func TestYAML(t *testing.T) {
	text := `
url: https://partner.example/v1/rows
allow: [10.20.0.0/16]
timeout: 10s
rate: {per_second: 2, burst: 1}
auth: {kind: oauth2, secret_file: /run/secrets/tax, token_url: https://login.example/token, client_id: hub, scopes: [rows]}
tls: {ca_file: ca.pem}
query: {region: "510104"}
rows_at: data.items
expect: {code: "0"}
mode: merge
max_rows_per_batch: 500
paging: {style: cursor, param: after, next_at: data.next, size_param: limit, size: 200, more_at: data.more}
since: {param: updated_after, field: updated_at, format: datetime, zone: Asia/Shanghai, overlap: 5m, start: "2026-01-01 00:00:00", ordered: true}
`
	var c rest.Config
	if err := connectors.DecodeYAML([]byte(text), &c); err != nil {
		t.Fatal(err)
	}
	if err := c.Check(); err != nil {
		t.Error(err)
	}
	if c.Since.Overlap != 5*time.Minute || c.Paging.NextAt != "data.next" || c.URL != "https://partner.example/v1/rows" || !c.Allow[0].Contains(netip.MustParseAddr("10.20.1.1")) {
		t.Errorf("got %+v", c)
	}
}
