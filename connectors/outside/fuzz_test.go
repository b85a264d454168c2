package outside_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"hebian/connectors/outside"
)

// Whatever a partner writes there, it is a wait within bounds, or none.
func FuzzRetryAfter(f *testing.F) {
	now := time.Date(2026, 10, 1, 8, 0, 0, 0, time.UTC)
	for _, seed := range [][2]string{
		{"120", ""}, {"0", ""}, {"-1", ""}, {"1.5", ""}, {"99999999999999999999", ""}, {" 7", ""}, {"Thu, 01 Oct 2026 08:00:30 GMT", ""},
		{"Thu, 01 Oct 2026 08:00:30 GMT", "Thu, 01 Oct 2026 08:00:00 GMT"}, {"Thursday, 01-Oct-26 08:00:30 GMT", "nonsense"}, {"Thu Oct  1 08:00:30 2026", ""},
		{"Mon, 01 Jan 0001 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT"}, {"Fri, 31 Dec 9999 23:59:59 GMT", "Mon, 01 Jan 0001 00:00:00 GMT"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, after, date string) {
		wait, said := outside.RetryAfter(http.Header{"Retry-After": {after}, "Date": {date}}, now)
		if wait < 0 || wait > outside.LongestAsked || !said && wait != 0 {
			t.Errorf("%q with date %q: %s, %t", after, date, wait, said)
		}
	})
}

// Whatever a token endpoint answers, a token can stand in a header and does not last for ever.
func FuzzToken(f *testing.F) {
	for _, seed := range []string{
		`{"access_token":"a","token_type":"bearer","expires_in":3600}`, `{"access_token":"a","expires_in":"60"}`, `{"access_token":"a","expires_in":-1}`,
		`{"access_token":"a","expires_in":1e300}`, `{"access_token":"a\r\nX: y"}`, `{"access_token":""}`, `{"access_token":"a","token_type":"mac"}`, `[]`, ``,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		token, lasts, err := outside.ReadToken(body)
		if err != nil {
			return
		}
		if token == "" || strings.ContainsAny(token, "\r\n\x00") || lasts <= 0 || lasts > 24*time.Hour {
			t.Errorf("%q: token %q for %s", body, token, lasts)
		}
	})
}
