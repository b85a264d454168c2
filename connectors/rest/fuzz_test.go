package rest_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"hebian/connectors/outside"
	"hebian/connectors/rest"
)

// Whatever a partner answers, it is rows, one on a line each, or a trouble.
func FuzzAnswer(f *testing.F) {
	for _, seed := range []struct{ body, at, next string }{
		{`{"data":{"items":[{"a":1}],"next":"x"}}`, "data.items", "data.next"}, {`[1,2]`, "", ""}, {"{}\n{}\n", "lines", ""}, {`{"a":null}`, "a", "a"},
		{"[\n{\"a\":\"\\n\"}\n]", "", ""}, {`{"a":{"a":[[]]},"a":1}`, "a.a", "b"}, {"\uFEFF[]", "", ""}, {`{"items":[{}]`, "items", "."}, {"\xff", "lines", ""},
		{"[{\"a\":\"\u2028\"}]", "", ""}, {strings.Repeat("[", 20000), "", ""},
	} {
		f.Add([]byte(seed.body), seed.at, seed.next)
	}
	f.Fuzz(func(t *testing.T, body []byte, at, next string) {
		c := rest.Config{Options: outside.Options{URL: "https://x/"}, RowsAt: at, Mode: "full"}
		if next != "" {
			c.Paging = rest.Paging{Style: rest.Cursors, NextAt: next}
		}
		if c.Check() != nil {
			return
		}
		rows, _, err := rest.Read(c, &outside.Answer{Status: 200, Header: http.Header{}, Body: body})
		if err != nil {
			if kindOf(err) != "unfit" {
				t.Errorf("got %v", err)
			}
			return
		}
		for _, row := range rows {
			if bytes.ContainsAny(row, "\n") || len(bytes.TrimSpace(row)) == 0 || at != rest.Lines && !json.Valid(row) {
				t.Errorf("row %q", row)
			}
		}
	})
}

// The target of a link is a part of the header, and there is none without the word next.
func FuzzLink(f *testing.F) {
	for _, seed := range []string{
		`</rows?page=2>; rel="next"`, `<a>; rel=prev, <b>; rel="first next"; title="x, <y>; rel=next"`, `<a>;REL=NEXT`, `<a`, `<a>`, `,,<`, `<>; rel=next`, `<a>; rel="next`, `<a,b>; rel=next`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		got := rest.LinkNext([]string{header})
		if got != "" && (!strings.Contains(header, "<"+got+">") || !strings.Contains(strings.ToLower(header), "next")) {
			t.Errorf("%q of %q", got, header)
		}
	})
}

func TestLinks(t *testing.T) {
	for header, want := range map[string]string{
		`</rows?page=2>; rel="next"`: "/rows?page=2", `<a>; rel=prev, <b,c>; title="x, <y>; rel=next"; rel="first next"`: "b,c", `<a>;REL=NEXT`: "a",
		`<a>; rel=nextish`: "", `<a>; rel="prev"`: "", `rel=next`: "", `<a>, <b>; rel=next`: "b",
	} {
		if got := rest.LinkNext([]string{header}); got != want {
			t.Errorf("%s: got %q, want %q", header, got, want)
		}
	}
}
