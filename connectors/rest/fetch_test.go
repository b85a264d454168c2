package rest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hebian/connectors"
	"hebian/connectors/connectortest"
	"hebian/connectors/outside"
	"hebian/connectors/rest"
)

// script is a partner that gives these answers in turn, the last again and again, and remembers what it was asked.
type script struct {
	answers []answer
	asked   []string // queries
}

type answer struct {
	status int
	header map[string]string
	body   string
}

func (s *script) RoundTrip(q *http.Request) (*http.Response, error) {
	s.asked = append(s.asked, q.URL.RequestURI())
	a := s.answers[min(len(s.asked), len(s.answers))-1]
	w := httptest.NewRecorder()
	w.Header().Set("Date", now.Format(http.TimeFormat))
	for name, value := range a.header {
		w.Header().Set(name, value)
	}
	if a.status == 0 {
		a.status = 200
	}
	w.WriteHeader(a.status)
	io.WriteString(w, a.body)
	return w.Result(), nil
}

// now is the script's clock.
var now = time.Date(2020, 10, 1, 0, 0, 0, 0, time.UTC)

func bodies(texts ...string) *script {
	s := &script{}
	for _, text := range texts {
		s.answers = append(s.answers, answer{body: text})
	}
	return s
}

// taken is what hand got.
type taken struct {
	batches   []string
	positions []string
	err       error // that Fetch returned
}

// fetch fetches once. Batches whose body is an error are not taken.
func fetch(t *testing.T, source connectors.Source, position string) (got taken) {
	t.Helper()
	got.err = source.Fetch(t.Context(), position, func(_ context.Context, b connectors.Batch) (connectors.Receipt, error) {
		body, err := io.ReadAll(b.Body)
		if err != nil {
			return connectors.Receipt{}, fmt.Errorf("read a batch: %w", err)
		}
		got.batches, got.positions = append(got.batches, string(body)), append(got.positions, b.Position)
		return connectors.Receipt{}, nil
	})
	return got
}

func (f taken) position() string {
	if len(f.positions) == 0 {
		return ""
	}
	return f.positions[len(f.positions)-1]
}

func kindOf(err error) connectors.TroubleKind {
	var trouble *connectors.Trouble
	if errors.As(err, &trouble) {
		return trouble.Kind
	}
	if err != nil {
		return connectors.TroubleKind("no trouble: " + err.Error())
	}
	return ""
}

// with gives a configuration for a script.
func with(s *script, c rest.Config) rest.Config {
	c.Options = outside.Options{URL: "https://partner.example/rows", Transport: s, Tries: 1, Rate: outside.Rate{PerSecond: 10_000, Burst: 10_000}}
	return c
}

// In mode full all pages are one batch, in each style.
func TestFull(t *testing.T) {
	service := newService(t, connectortest.ServiceOptions{MaxPage: 7})
	var want strings.Builder
	for i := range 30 {
		r := row(fmt.Sprint(i), begin)
		service.Put(r)
		var flat strings.Builder
		fmt.Fprintf(&flat, `{"key":"%d","changed":{"at":"%s"}}`, i, begin.Format(time.RFC3339))
		want.WriteString(flat.String() + "\n")
	}
	for _, test := range []struct {
		path   string
		at     string
		paging rest.Paging
	}{
		{"/none", "data.items", rest.Paging{}},
		{"/page", "data.items", rest.Paging{Style: rest.Numbers}},
		{"/page", "data.items", rest.Paging{Style: rest.Numbers, SizeParam: "size", Size: 5, TotalAt: "data.total"}},
		{"/offset", "data.items", rest.Paging{Style: rest.Offsets, MoreAt: "data.more"}},
		{"/cursor", "data.items", rest.Paging{Style: rest.Cursors, NextAt: "data.next"}},
		{"/link", "data.items", rest.Paging{Style: rest.Links}},
		{"/link", "data.items", rest.Paging{Style: rest.Links, NextAt: "data.link"}},
		{"/lines", rest.Lines, rest.Paging{Style: rest.Offsets}},
	} {
		t.Run(fmt.Sprint(test), func(t *testing.T) {
			source := newSource(t, rest.Config{Options: quick(service.URL() + test.path), RowsAt: test.at, Mode: connectors.Full, Paging: test.paging})
			got := fetch(t, source, "")
			if got.err != nil {
				t.Fatal(got.err)
			}
			if diff := cmp.Diff([]string{want.String()}, got.batches); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A page that does not come as it should leaves nothing of the whole, wherever it is.
func TestFullBroken(t *testing.T) {
	for _, test := range []struct {
		name  string
		fault connectortest.Fault
		kind  connectors.TroubleKind
	}{
		{"503", connectortest.Fault{Status: 503}, connectors.Unreachable},
		{"429", connectortest.Fault{Status: 429, RetryAfter: "60"}, connectors.Busy},
		{"403", connectortest.Fault{Status: 403}, connectors.Denied},
		{"404", connectortest.Fault{Status: 404}, connectors.Unfit},
		{"no rows", connectortest.Fault{Status: 200}, connectors.Unfit},
		{"reset", connectortest.Fault{Break: connectortest.Reset}, connectors.Unreachable},
		{"garbage", connectortest.Fault{Break: connectortest.Garbage}, connectors.Unreachable},
		{"cut", connectortest.Fault{Break: connectortest.Cut}, connectors.Unreachable},
		{"cut quietly", connectortest.Fault{Break: connectortest.CutQuietly}, connectors.Unfit},
		{"corrupt", connectortest.Fault{Break: connectortest.Corrupt}, connectors.Unfit},
		{"stall", connectortest.Fault{Break: connectortest.Stall}, connectors.Unreachable},
		{"redirect", connectortest.Fault{Status: 302, Location: "http://169.254.169.254/"}, connectors.Unfit},
	} {
		for page := range 3 {
			t.Run(fmt.Sprintf("%s on page %d", test.name, page+1), func(t *testing.T) {
				service := newService(t, connectortest.ServiceOptions{MaxPage: 10})
				for i := range 30 {
					service.Put(row(fmt.Sprint(i), begin))
				}
				c := rest.Config{Options: quick(service.URL() + "/page"), RowsAt: "data.items", Mode: connectors.Full, Paging: rest.Paging{Style: rest.Numbers}}
				if test.fault.Break == connectortest.Stall {
					c.Timeout = 300 * time.Millisecond
				}
				source := newSource(t, c)
				for range page {
					service.Fail(connectortest.Fault{})
				}
				service.Fail(test.fault, test.fault) // net/http itself asks again on a connection that was used before
				if got := fetch(t, source, ""); kindOf(got.err) != test.kind || len(got.batches) > 0 {
					t.Errorf("%d batches and %v, want kind %s", len(got.batches), got.err, test.kind)
				}
			})
		}
	}
}

// What a partner answers is rows, or what is wrong with it.
func TestAnswers(t *testing.T) {
	for _, test := range []struct {
		name    string
		config  rest.Config
		answers *script
		want    []string // lines; nil: trouble
		kind    connectors.TroubleKind
	}{
		{name: "array", answers: bodies(` [ {"a" : 1} , {"a":2}] `), want: []string{`{"a":1}`, `{"a":2}`}},
		{name: "nothing", answers: bodies(`[]`), want: []string{}},
		{name: "no content", answers: &script{answers: []answer{{status: 204}}}, want: []string{}},
		{name: "empty", answers: bodies(``), kind: connectors.Unfit},
		{name: "line ends and odd values", answers: bodies("[{\"a\":\n\t\"\\n\u2028\"\r\n}, 5, null, \"x\", [\n1], {\"n\": 12345678901234567890.10, \"n\": 1e400}]"), want: []string{
			"{\"a\":\"\\n\u2028\"}", `5`, `null`, `"x"`, `[1]`, `{"n":12345678901234567890.10,"n":1e400}`,
		}},
		{name: "mark at the start", answers: bodies("\uFEFF[1]"), want: []string{`1`}},
		{name: "no UTF-8 in a row", answers: bodies("[{\"a\":\"\xC3\"}]"), want: []string{"{\"a\":\"\xC3\"}"}},
		{name: "raw control character", answers: bodies("[{\"a\":\"\x01\"}]"), kind: connectors.Unfit},
		{name: "object", answers: bodies(`{}`), kind: connectors.Unfit},
		{name: "null", answers: bodies(`null`), kind: connectors.Unfit},
		{name: "page for people", answers: &script{answers: []answer{{header: map[string]string{"Content-Type": "text/html; charset=utf-8"}, body: `[]`}}}, kind: connectors.Unfit},
		{name: "deep", config: rest.Config{RowsAt: "a.b.c"}, answers: bodies(`{"a":{"b":{"c":[1]}}}`), want: []string{`1`}},
		{name: "not so deep", config: rest.Config{RowsAt: "a.b.c"}, answers: bodies(`{"a":{"b":[1]}}`), kind: connectors.Unfit},
		{name: "nothing there", config: rest.Config{RowsAt: "a.b"}, answers: bodies(`{"a":{}}`), kind: connectors.Unfit},
		{name: "null there", config: rest.Config{RowsAt: "data"}, answers: bodies(`{"code":0,"data":null}`), kind: connectors.Unfit},
		{name: "null there, as expected", config: rest.Config{RowsAt: "data", Expect: map[string]string{"code": "0"}}, answers: bodies(`{"code":0,"data":null}`), want: []string{}},
		{name: "not as expected", config: rest.Config{RowsAt: "data", Expect: map[string]string{"code": "0"}}, answers: bodies(`{"code":500,"data":[]}`), kind: connectors.Unreachable},
		{name: "nothing to expect from", config: rest.Config{RowsAt: "data", Expect: map[string]string{"code": "0"}}, answers: bodies(`{"data":[]}`), kind: connectors.Unreachable},
		{name: "lines", config: rest.Config{RowsAt: rest.Lines}, answers: bodies("{\"a\": 1}\r\n\n 7\nno JSON\n{}"), want: []string{`{"a":1}`, `7`, `no JSON`, `{}`}},
		{name: "no lines", config: rest.Config{RowsAt: rest.Lines}, answers: bodies(""), want: []string{}},
		{name: "cut lines", config: rest.Config{RowsAt: rest.Lines}, answers: bodies("{\"a\": 1}\n{\"a\": "), kind: connectors.Unfit},
		{name: "no JSON at all", config: rest.Config{RowsAt: rest.Lines}, answers: bodies("service\nunavailable\n"), kind: connectors.Unfit},
		{name: "page again", config: rest.Config{Paging: rest.Paging{Style: rest.Numbers}}, answers: bodies(`[1]`), kind: connectors.Unfit},
		{name: "pages in circles", config: rest.Config{Paging: rest.Paging{Style: rest.Offsets}}, answers: bodies(`[1]`, `[2]`, `[3]`, `[1]`), kind: connectors.Unfit},
		{name: "cursors in circles", config: rest.Config{RowsAt: "r", Paging: rest.Paging{Style: rest.Cursors, NextAt: "n"}},
			answers: bodies(`{"r":[1],"n":"a"}`, `{"r":[2],"n":"b"}`, `{"r":[3],"n":"a"}`), kind: connectors.Unfit},
		{name: "cursor that is an object", config: rest.Config{RowsAt: "r", Paging: rest.Paging{Style: rest.Cursors, NextAt: "n"}}, answers: bodies(`{"r":[1],"n":{}}`), kind: connectors.Unfit},
		{name: "cursor too long", config: rest.Config{RowsAt: "r", Paging: rest.Paging{Style: rest.Cursors, NextAt: "n"}},
			answers: bodies(`{"r":[1],"n":"` + strings.Repeat("x", 1<<17) + `"}`), kind: connectors.Unfit},
		{name: "cursor that is a number", config: rest.Config{RowsAt: "r", Paging: rest.Paging{Style: rest.Cursors, NextAt: "n"}},
			answers: bodies(`{"r":[1],"n":12345678901234567890}`, `{"r":[2],"n":null}`), want: []string{"1", "2"}},
		{name: "no cursor", config: rest.Config{RowsAt: "r", Paging: rest.Paging{Style: rest.Cursors, NextAt: "n"}}, answers: bodies(`{"r":[1]}`), want: []string{"1"}},
		{name: "too many pages", config: rest.Config{RowsAt: "r", Paging: rest.Paging{Style: rest.Cursors, NextAt: "n", MaxPages: 2}},
			answers: bodies(`{"r":[1],"n":"a"}`, `{"r":[2],"n":"b"}`, `{"r":[3],"n":""}`), kind: connectors.Unfit},
		{name: "link elsewhere", config: rest.Config{Paging: rest.Paging{Style: rest.Links}}, answers: &script{answers: []answer{
			{header: map[string]string{"Link": `<https://elsewhere.example/rows?page=2>; rel="next"`}, body: `[1]`}}}, kind: connectors.Unfit},
		{name: "fewer than counted", config: rest.Config{RowsAt: "r", Paging: rest.Paging{Style: rest.Offsets, TotalAt: "t"}},
			answers: bodies(`{"r":[1],"t":3}`, `{"r":[2],"t":3}`, `{"r":[],"t":3}`), kind: connectors.Unfit},
		{name: "counted otherwise", config: rest.Config{RowsAt: "r", Paging: rest.Paging{Style: rest.Offsets, TotalAt: "t"}},
			answers: bodies(`{"r":[1],"t":3}`, `{"r":[2],"t":2}`), kind: connectors.Busy},
		{name: "no count", config: rest.Config{RowsAt: "r", Paging: rest.Paging{Style: rest.Offsets, TotalAt: "t"}}, answers: bodies(`{"r":[1],"t":"many"}`), kind: connectors.Unfit},
		{name: "no word of more", config: rest.Config{RowsAt: "r", Paging: rest.Paging{Style: rest.Offsets, MoreAt: "m"}}, answers: bodies(`{"r":[1],"m":1}`), kind: connectors.Unfit},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.config.Mode = connectors.Full
			got := fetch(t, newSource(t, with(test.answers, test.config)), "")
			if kindOf(got.err) != test.kind {
				t.Fatalf("got %v, want kind %q", got.err, test.kind)
			}
			if test.want == nil {
				if len(got.batches) > 0 {
					t.Errorf("took %q", got.batches)
				}
				return
			}
			want := strings.Join(append(test.want, ""), "\n")
			if diff := cmp.Diff([]string{want}, got.batches); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// at writes a row of a time.
func at(key string, t time.Time) string {
	return fmt.Sprintf(`{"k":%q,"t":%q}`, key, t.Format(time.RFC3339))
}

func rows(list ...string) string { return "[" + strings.Join(list, ",") + "]" }

// sinceOf reads the position's time.
func sinceOf(t *testing.T, position string) time.Time {
	t.Helper()
	var p struct {
		Since time.Time `json:"since"`
	}
	if err := json.Unmarshal([]byte(position), &p); err != nil {
		t.Fatal(err)
	}
	return p.Since
}

var changes = rest.Since{Param: "since", Field: "t"}

// A row of the future does not take the position with it, whether or not the partner tells its time; a partner whose clock is ahead
// as a whole is followed.
func TestFuture(t *testing.T) {
	for _, test := range []struct {
		name string
		date time.Time // zero: none is sent
		rows []time.Time
		want time.Time
	}{
		{"past", now, []time.Time{now.Add(-2 * time.Hour), now.Add(-time.Hour)}, now.Add(-time.Hour)},
		{"a bit ahead", now, []time.Time{now.Add(-2 * time.Hour), now.Add(time.Hour)}, now.Add(time.Hour)},
		{"far ahead", now, []time.Time{now.Add(-2 * time.Hour), now.Add(time.Hour + time.Second), now.AddDate(100, 0, 0)}, now.Add(-2 * time.Hour)},
		{"nothing but far ahead", now, []time.Time{now.AddDate(100, 0, 0)}, time.Time{}},
		{"the partner lives in the future", now.AddDate(50, 0, 0), []time.Time{now, now.AddDate(50, 0, 0)}, now.AddDate(50, 0, 0)},
		{"the partner does not tell", time.Time{}, []time.Time{now, now.AddDate(100, 0, 0)}, now},
	} {
		t.Run(test.name, func(t *testing.T) {
			var list, later []string
			for i, changed := range test.rows {
				list = append(list, at(fmt.Sprint(i), changed))
				if !changed.Before(test.want.Add(-time.Minute)) {
					later = append(later, at(fmt.Sprint(i), changed))
				}
			}
			date := "never"
			if !test.date.IsZero() {
				date = test.date.Format(http.TimeFormat)
			}
			header := map[string]string{"Date": date}
			s := &script{answers: []answer{{header: header, body: rows(list...)}, {header: header, body: rows(later...)}}}
			source := newSource(t, with(s, rest.Config{Mode: connectors.Merge, Since: changes}))
			got := fetch(t, source, "")
			if got.err != nil || len(got.batches) != 1 || strings.Count(got.batches[0], "\n") != len(test.rows) {
				t.Fatalf("got %+v", got)
			}
			if since := sinceOf(t, got.position()); !since.Equal(test.want) {
				t.Errorf("the position is at %s, want %s", since, test.want)
			}
			if again := fetch(t, source, got.position()); again.err != nil || len(again.batches) > 0 {
				t.Errorf("the same rows again: %+v", again)
			}
		})
	}
}

// Changes are asked for from the last one on, less the overlap; rows that come again are not handed over again unless they changed.
func TestOverlap(t *testing.T) {
	first := rows(at("a", now.Add(-time.Hour)), at("b", now.Add(-time.Minute)), `"poison"`, `{"k":"undated"}`)
	second := rows(at("b", now.Add(-time.Minute)), `"poison"`, `{"k":"undated","v":2}`, at("c", now))
	s := bodies(first, second, second)
	source := newSource(t, with(s, rest.Config{Mode: connectors.Merge, Since: changes, Query: map[string]string{"q": "a b"}}))
	one := fetch(t, source, "")
	two := fetch(t, source, one.position())
	three := fetch(t, source, two.position())
	if err := errors.Join(one.err, two.err, three.err); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{`{"k":"undated","v":2}` + "\n" + at("c", now) + "\n"}, two.batches); diff != "" {
		t.Error(diff)
	}
	if len(three.batches) > 0 {
		t.Errorf("without a change: %q", three.batches)
	}
	if diff := cmp.Diff([]string{"/rows?q=a+b", "/rows?q=a+b&since=2020-10-01T07%3A58%3A00%2B08%3A00", "/rows?q=a+b&since=2020-10-01T07%3A59%3A00%2B08%3A00"}, s.asked); diff != "" {
		t.Error(diff)
	}
}

// Times as partners write them.
func TestFormats(t *testing.T) {
	reached := time.Date(2026, 10, 1, 0, 30, 15, 999e6, time.UTC)
	for _, test := range []struct {
		since  rest.Since
		param  string
		values []string // of a row, for the time reached, cut to what the format has room for
	}{
		{rest.Since{}, "2026-10-01T08:29:15+08:00", []string{`"2026-10-01T00:30:15Z"`, `"2026-10-01T08:30:15+08:00"`, `" 2026-10-01T08:30:15+08:00"`}},
		{rest.Since{Zone: "UTC"}, "2026-10-01T00:29:15Z", []string{`"2026-10-01T00:30:15Z"`}},
		{rest.Since{Format: "datetime"}, "2026-10-01 08:29:15", []string{`"2026-10-01 08:30:15"`}},
		{rest.Since{Format: "date"}, "2026-10-01", []string{`"2026-10-01"`, `"2026-10-01 00:00:00"`}},
		{rest.Since{Format: "date", Zone: "UTC", Overlap: 31 * time.Minute}, "2026-09-30", []string{`"2026-10-01"`}},
		{rest.Since{Format: "unix"}, "1790814555", []string{`1790814615`, `"1790814615"`}},
		{rest.Since{Format: "unix_ms"}, "1790814555999", []string{`1790814615999`}},
	} {
		test.since.Param, test.since.Field = "since", "t"
		t.Run(test.since.Format+test.since.Zone, func(t *testing.T) {
			param, from, err := rest.Asked(test.since, reached)
			if err != nil || param != test.param || from.After(reached) {
				t.Errorf("asks for %q from %s, %v; want %q", param, from, err, test.param)
			}
			for _, value := range test.values {
				got, ok := rest.Dated(test.since, fmt.Appendf(nil, `{"t":%s}`, value))
				if !ok || got.After(reached) || reached.Sub(got) >= 24*time.Hour {
					t.Errorf("%s is %s, %t", value, got, ok)
				}
			}
			for _, value := range []string{`null`, `""`, `"soon"`, `{}`, `[1]`, `true`, `1e3`, `"0001-01-01T00:00:00Z"`, `99999999999999999`} {
				if got, ok := rest.Dated(test.since, fmt.Appendf(nil, `{"t":%s}`, value)); ok {
					t.Errorf("%s is %s", value, got)
				}
			}
		})
	}
}

// A first fetch begins where it is told to.
func TestStart(t *testing.T) {
	s := bodies(`[]`)
	c := rest.Config{Mode: connectors.Merge, Since: changes}
	c.Since.Start, c.Since.Format = "2020-01-02 03:04:05", "datetime"
	if got := fetch(t, newSource(t, with(s, c)), ""); got.err != nil || len(got.batches) > 0 {
		t.Errorf("got %+v", got)
	}
	if diff := cmp.Diff([]string{"/rows?since=2020-01-02+03%3A04%3A05"}, s.asked); diff != "" {
		t.Error(diff)
	}
}

// What came before a trouble is handed over; the position is not behind what did not come.
func TestTroubleMidway(t *testing.T) {
	a, b, c := at("a", now.Add(-3*time.Hour)), at("b", now.Add(-2*time.Hour)), at("c", now.Add(-time.Hour))
	page := func(row, next string) string { return fmt.Sprintf(`{"r":[%s],"n":%q}`, row, next) }
	ordered := changes
	ordered.Ordered = true
	for _, test := range []struct {
		name   string
		since  rest.Since
		paging rest.Paging
		resume string // the first request afterwards
	}{
		{"in no order", changes, rest.Paging{Style: rest.Numbers}, "/rows?page=1"},
		{"in order", ordered, rest.Paging{Style: rest.Numbers}, "/rows?page=1&since=2020-10-01T05%3A59%3A00%2B08%3A00"},
		{"by cursor", changes, rest.Paging{Style: rest.Cursors, NextAt: "n"}, "/rows?cursor=3"},
		{"by link", changes, rest.Paging{Style: rest.Links, NextAt: "n"}, "/3"},
		{"a feed", rest.Since{}, rest.Paging{Style: rest.Cursors, NextAt: "n"}, "/rows?cursor=3"},
	} {
		t.Run(test.name, func(t *testing.T) {
			for name, trouble := range map[string]answer{
				"away": {status: 503}, "no JSON": {body: "<"}, "no rows": {body: `{}`}, "denied": {status: 401},
			} {
				s := &script{answers: []answer{{body: page(a, "2")}, {body: page(b, "3")}, trouble, {body: page(c, "")}, {body: `{"r":[]}`}}}
				source := newSource(t, with(s, rest.Config{Mode: connectors.Merge, RowsAt: "r", Paging: test.paging, Since: test.since}))
				got := fetch(t, source, "")
				if kindOf(got.err) == "" || len(got.batches) != 1 || got.batches[0] != a+"\n"+b+"\n" {
					t.Fatalf("%s: got %+v", name, got)
				}
				rest := fetch(t, source, got.position())
				if rest.err != nil || len(rest.batches) != 1 || !strings.HasSuffix(rest.batches[0], c+"\n") {
					t.Errorf("%s, then: got %+v", name, rest)
				}
				if s.asked[3] != test.resume {
					t.Errorf("%s: resumed with %s, want %s", name, s.asked[3], test.resume)
				}
			}
		})
	}
}

// A cursor that the partner no longer knows is left behind.
func TestGone(t *testing.T) {
	s := &script{answers: []answer{{body: `{"r":[1],"n":"a"}`}, {status: 503}, {status: 410}, {body: `{"r":[1],"n":"b"}`}, {body: `{"r":[2],"n":"b"}`}}}
	source := newSource(t, with(s, rest.Config{Mode: connectors.Merge, RowsAt: "r", Paging: rest.Paging{Style: rest.Cursors, NextAt: "n"}}))
	got := fetch(t, source, "")
	if kindOf(got.err) != connectors.Unreachable {
		t.Fatal(got.err)
	}
	again := fetch(t, source, got.position())
	if diff := cmp.Diff([]string{"1\n2\n"}, again.batches); again.err != nil || diff != "" {
		t.Errorf("%v\n%s", again.err, diff)
	}
	if diff := cmp.Diff([]string{"/rows", "/rows?cursor=a", "/rows?cursor=a", "/rows", "/rows?cursor=b"}, s.asked); diff != "" {
		t.Error(diff)
	}
	s = &script{answers: []answer{{status: 410}}}
	source = newSource(t, with(s, rest.Config{Mode: connectors.Merge, RowsAt: "r", Paging: rest.Paging{Style: rest.Cursors, NextAt: "n"}}))
	if got := fetch(t, source, ""); kindOf(got.err) != connectors.Unfit {
		t.Errorf("gone without a cursor: %v", got.err)
	}
}

// A feed with a new cursor for nothing ends.
func TestEmptyFeed(t *testing.T) {
	s := &script{}
	for i := range 50 {
		s.answers = append(s.answers, answer{body: fmt.Sprintf(`{"r":[],"n":"%d"}`, i)})
	}
	source := newSource(t, with(s, rest.Config{Mode: connectors.Merge, RowsAt: "r", Paging: rest.Paging{Style: rest.Cursors, NextAt: "n"}}))
	if got := fetch(t, source, ""); got.err != nil || len(got.batches) > 0 || len(s.asked) != rest.MostEmpty {
		t.Errorf("got %+v after %d requests", got, len(s.asked))
	}
}

// A service that does not understand how it is asked for pages is found out in mode merge, too.
func TestSamePages(t *testing.T) {
	for _, s := range []*script{bodies(rows(at("a", now))), bodies(rows(at("a", now)), rows(at("b", now)), rows(at("a", now)), rows(at("b", now)), rows(at("a", now)))} {
		source := newSource(t, with(s, rest.Config{Mode: connectors.Merge, Since: changes, Paging: rest.Paging{Style: rest.Numbers}}))
		if got := fetch(t, source, ""); kindOf(got.err) != connectors.Unfit || len(s.asked) > 6 {
			t.Errorf("got %+v after %d requests", got, len(s.asked))
		}
	}
}

// While rows changed as pages were read, another may have slipped through between two: they are read again, but not for ever.
func TestMoved(t *testing.T) {
	ordered := changes
	ordered.Ordered = true
	old, changed := now.Add(-time.Hour), now
	for _, test := range []struct {
		name  string
		since rest.Since
		pages []string
		want  []time.Time // of the positions, fetch by fetch
	}{
		{"in no order", changes, []string{rows(at("a", old)), rows(at("b", changed)), `[]`}, []time.Time{{}, {}, changed, changed}},
		{"in order, as promised", ordered, []string{rows(at("a", old)), rows(at("b", changed)), `[]`}, []time.Time{changed}},
		{"one page", changes, []string{rows(at("a", old), at("b", changed)), `[]`}, []time.Time{changed}},
		{"nothing changed", changes, []string{rows(at("a", old)), rows(at("b", old)), `[]`}, []time.Time{old}},
	} {
		t.Run(test.name, func(t *testing.T) {
			position := ""
			for i, want := range test.want {
				fresh := fmt.Sprintf(`{"k":"new%d"}`, i) // or there would be nothing to hand over
				pages := append([]string{strings.Replace(test.pages[0], "[", "["+fresh+",", 1)}, test.pages[1:]...)
				got := fetch(t, newSource(t, with(bodies(pages...), rest.Config{Mode: connectors.Merge, Since: test.since, Paging: rest.Paging{Style: rest.Numbers}})), position)
				if got.err != nil {
					t.Fatal(got.err)
				}
				position = got.position()
				if since := sinceOf(t, position); !since.Equal(want) {
					t.Errorf("fetch %d: the position is at %s, want %s", i+1, since, want)
				}
			}
		})
	}
}

// A service without the field says so, with its rows taken; one that is not in order as promised says so before.
func TestFieldMisled(t *testing.T) {
	var list []string
	for i := range rest.BlindRows {
		list = append(list, fmt.Sprintf(`{"k":%d}`, i))
	}
	got := fetch(t, newSource(t, with(bodies(rows(list...)), rest.Config{Mode: connectors.Merge, Since: changes})), "")
	if kindOf(got.err) != connectors.Unfit || len(got.batches) != 1 {
		t.Errorf("got %+v", got)
	}
	ordered := changes
	ordered.Ordered = true
	s := bodies(rows(at("a", now)), rows(at("b", now.Add(-time.Hour))), `[]`)
	got = fetch(t, newSource(t, with(s, rest.Config{Mode: connectors.Merge, Since: ordered, Paging: rest.Paging{Style: rest.Numbers}})), "")
	if kindOf(got.err) != connectors.Unfit || len(got.batches) > 0 {
		t.Errorf("got %+v", got)
	}
}

// A page larger than a batch is cut, and the position is behind it only with its last row.
func TestLargePage(t *testing.T) {
	var list []string
	for i := range 25 {
		list = append(list, at(fmt.Sprint(i), now.Add(-time.Hour)))
	}
	got := fetch(t, newSource(t, with(bodies(rows(list...)), rest.Config{Mode: connectors.Merge, Since: changes, MaxRows: 10})), "")
	if got.err != nil || len(got.batches) != 3 || strings.Join(got.batches, "") != strings.Join(append(list, ""), "\n") {
		t.Fatalf("got %+v", got)
	}
	for i, position := range got.positions {
		if reached := !sinceOf(t, position).IsZero(); reached != (i == 2) {
			t.Errorf("position %d is %s", i+1, position)
		}
	}
}

// However many rows come again, a position keeps within its bound.
func TestManySeen(t *testing.T) {
	var list []string
	for i := range 5 * rest.MaxSeen {
		list = append(list, at(fmt.Sprint(i), now))
	}
	source := newSource(t, with(bodies(rows(list...)), rest.Config{Mode: connectors.Merge, Since: changes}))
	got := fetch(t, source, "")
	if got.err != nil || len(got.position()) > connectors.MaxPosition {
		t.Fatalf("a position of %d bytes, %v", len(got.position()), got.err)
	}
	again := fetch(t, source, got.position())
	if n := strings.Count(strings.Join(again.batches, ""), "\n"); again.err != nil || n != 4*rest.MaxSeen {
		t.Errorf("%d rows again, %v", n, again.err)
	}
}

// A position that is none is an error, not a start from the beginning.
func TestBadPosition(t *testing.T) {
	source := newSource(t, with(bodies(`[]`), rest.Config{Mode: connectors.Merge, Since: changes}))
	if got := fetch(t, source, "page 7"); got.err == nil {
		t.Error("no error")
	}
}
