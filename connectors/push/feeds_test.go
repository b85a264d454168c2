package push_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hebian/connectors"
	"hebian/connectors/container"
	"hebian/connectors/push"
	"hebian/connectors/text"
)

// pulled is a record as a reader has it.
type pulled struct {
	ID     string `json:"id"`
	Key    string `json:"key"`
	Record string `json:"-"`
}

// read reads a page of a feed in a form.
func read(t *testing.T, form string, page *bytes.Buffer) (all []pulled) {
	t.Helper()
	switch form {
	case "avro":
		in, err := container.Open(bytes.NewReader(page.Bytes()), int64(page.Len()), container.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer in.Close()
		var table bytes.Buffer
		var block text.Block
		for err = in.Next(&block); err == nil; err = in.Next(&block) {
			for _, row := range block.Records {
				table.Write(append(row.Raw, '\n'))
			}
		}
		if err != io.EOF {
			t.Fatal(err)
		}
		return read(t, "csv", &table)
	case "csv":
		rows, err := csv.NewReader(page).ReadAll()
		if err != nil || len(rows) == 0 || strings.Join(rows[0], ",") != "id,key,record" {
			t.Fatalf("no table: %v, %v", rows, err)
		}
		for _, row := range rows[1:] {
			all = append(all, pulled{row[0], row[1], row[2]})
		}
	default:
		for in := json.NewDecoder(page); in.More(); {
			var r struct {
				pulled
				Record json.RawMessage `json:"record"`
			}
			if err := in.Decode(&r); err != nil {
				t.Fatal(err)
			}
			all = append(all, pulled{r.ID, r.Key, string(r.Record)})
		}
	}
	return all
}

// Page after page a reader gets every record once, in order and byte for byte, in each form.
func TestPull(t *testing.T) {
	for _, test := range []struct {
		form, media  string
		limit, pages int
	}{
		{"ndjson", "application/x-ndjson", 7, 4}, {"csv", "text/csv; charset=utf-8", 5, 5}, {"avro", "application/avro", 25, 1}, {"ndjson", "application/x-ndjson", 20_000, 1},
	} {
		t.Run(fmt.Sprint(test.form, test.limit), func(t *testing.T) {
			r := build(t)
			var got, want []pulled
			for n := range 25 {
				c := correction(n + 1)
				want = append(want, pulled{c.ID, c.Key, string(c.JSON)})
			}
			path, pages := fmt.Sprintf("/v1/feeds/corrections?form=%s&limit=%d", test.form, test.limit), 0
			for more := "true"; more == "true"; pages++ {
				out, _ := r.call(t, "pull-feed", request{method: http.MethodGet, path: path})
				h := out.Header()
				link, ok := strings.CutSuffix(h.Get("Link"), `>; rel="next"`)
				if out.Code != http.StatusOK || !ok || h.Get("Content-Type") != test.media || h.Get("Cache-Control") != "no-store" || h.Get("Hebian-Next") != fmt.Sprint(min(25, (pages+1)*test.limit)) {
					t.Fatalf("answer %d with %v", out.Code, h)
				}
				got = append(got, read(t, test.form, out.Body)...)
				path, more = strings.TrimPrefix(link, "<"), h.Get("Hebian-More")
			}
			if diff := cmp.Diff(want, got); diff != "" || pages != test.pages {
				t.Errorf("%d pages (-want +got):\n%s", pages, diff)
			}
			out, _ := r.call(t, "pull-feed", request{method: http.MethodGet, path: path}) // there is no more for now
			if n := len(read(t, test.form, out.Body)); n != 0 || out.Header().Get("Hebian-Next") != "25" || out.Header().Get("Hebian-More") != "false" {
				t.Errorf("behind the last: %d records, %v", n, out.Header())
			}
		})
	}
}

// Whoever pulls gets what is for his agency; an operator says for which.
func TestPullWhose(t *testing.T) {
	for _, test := range []struct{ token, query, want string }{
		{"hb_finance", "", `corrections "finance" "" 1000`},
		{"hb_finance", "?agency=finance&limit=3&after=4", `corrections "finance" "4" 3`},
		{"hb_operator", "", `corrections "" "" 1000`},
		{"hb_operator", "?agency=hr", `corrections "hr" "" 1000`},
	} {
		r := build(t)
		out, _ := r.call(t, "pull-feed", request{method: http.MethodGet, path: "/v1/feeds/corrections" + test.query, token: test.token})
		if got := strings.Join(r.desk.feeds.read, "; "); got != test.want || out.Code != http.StatusOK {
			t.Errorf("%s %q: answer %d, read %s, want %s", test.token, test.query, out.Code, got, test.want)
		}
		if strings.Contains(test.query, "agency=") && !strings.Contains(out.Header().Get("Link"), "agency=") {
			t.Errorf("the next page is whose? %s", out.Header().Get("Link"))
		}
	}
}

func TestPullRefused(t *testing.T) {
	for _, test := range []struct {
		name, path, token string
		err               error
		code              string
		known             []string
	}{
		{name: "cursor of nowhere", path: "corrections?after=abc", code: "bad_cursor"},
		{name: "cursor of the future", path: "corrections?after=26", code: "bad_cursor"},
		{name: "a long cursor", path: "corrections?after=" + strings.Repeat("1", 1001), code: "invalid"},
		{name: "no records", path: "corrections?limit=0", code: "invalid"},
		{name: "too many records", path: "corrections?limit=20001", code: "invalid"},
		{name: "another form", path: "corrections?form=xlsx", code: "invalid"},
		{name: "unknown feed", path: "invoices", code: "unknown_feed", known: []string{"corrections", "golden"}},
		{name: "a feed of others", path: "golden", token: "hb_hr", code: "unknown_feed", known: []string{"corrections"}},
		{name: "a feed where there is none", path: "corrections?agency=statistics", token: "hb_operator", code: "unknown_feed"},
		{name: "unknown agency", path: "corrections?agency=customs", token: "hb_operator", code: "unknown_agency"},
		{name: "the hub's own fault", path: "corrections", err: errors.New("secret"), code: "internal"},
		{name: "about to stop", path: "corrections", err: context.Canceled, code: "closing"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := build(t)
			r.desk.feeds.err = test.err
			out, p := r.call(t, "pull-feed", request{method: http.MethodGet, path: "/v1/feeds/" + test.path, token: test.token})
			if p == nil || p.Code() != test.code || strings.Contains(out.Body.String(), "secret") {
				t.Fatalf("answer %d, want %s: %.300s", out.Code, test.code, out.Body)
			}
			if diff := cmp.Diff(test.known, p.Known); test.code == "unknown_feed" && diff != "" {
				t.Errorf("known (-want +got):\n%s", diff)
			}
		})
	}
}

// A feed without records has an empty page and a cursor all the same.
func TestPullNothing(t *testing.T) {
	for _, form := range []string{"ndjson", "csv", "avro"} {
		r := build(t)
		r.desk.feeds.records = 0
		out, _ := r.call(t, "pull-feed", request{method: http.MethodGet, path: "/v1/feeds/corrections?form=" + form})
		if all := read(t, form, out.Body); len(all) != 0 || out.Header().Get("Hebian-More") != "false" {
			t.Errorf("%s: %d records, %v", form, len(all), out.Header())
		}
	}
}

// many is a feed of records such as corrections are, without a thought.
type many struct {
	feeds
	out []connectors.Out
}

func (m *many) Read(_ context.Context, _, _, _ string, _, _ int, fn func(connectors.Out) error) (string, bool, error) {
	for i := range m.out {
		if err := fn(m.out[i]); err != nil {
			return "", false, err
		}
	}
	return "20000", true, nil
}

// void takes an answer in as a connection does that is never full.
type void struct {
	header http.Header
	code   int
}

func (v *void) Header() http.Header         { return v.header }
func (v *void) WriteHeader(code int)        { v.code = code }
func (v *void) Write(p []byte) (int, error) { return len(p), nil }

// BenchmarkFeed is a full page of corrections through the handler, from the hub's JSON to the bytes of the answer.
func BenchmarkFeed(b *testing.B) {
	m := &many{}
	for n := range 20_000 {
		m.out = append(m.out, connectors.Out{ID: fmt.Sprintf("%032x", n), Key: fmt.Sprintf("case-%08d", n), JSON: fmt.Appendf(nil,
			`{"id":"c%08d","agency":"finance","case":"1f0c9e2ab3d44c55","code":"PAID_NO_SLOT","person":"11010519491231002X","unit":"U%05d","month":202609,"outcome":"wrong","reason":"该人员 2026 年 9 月已不在编，仍在发放工资","rows":[{"file":"finance/payroll-202609.csv","line":%d,"delivery":17}],"issued":"2026-10-09T08:30:00Z"}`, n, n%900, n)})
	}
	r := build(b, func(o *push.Options) { o.Feeds = m })
	for _, form := range []string{"ndjson", "csv", "avro"} {
		b.Run(form, func(b *testing.B) {
			b.ReportAllocs()
			var out *void
			for b.Loop() {
				in := httptest.NewRequest(http.MethodGet, "/v1/feeds/corrections?limit=20000&form="+form, bytes.NewReader(nil))
				in.Header.Set("Authorization", "Bearer hb_finance")
				out = &void{header: http.Header{}}
				if r.mux.ServeHTTP(out, in); out.code != http.StatusOK {
					b.Fatal(out.code)
				}
			}
			b.ReportMetric(float64(b.N)*20_000/b.Elapsed().Seconds(), "records/s")
		})
	}
}
