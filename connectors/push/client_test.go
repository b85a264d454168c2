package push_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"hebian/connectors"
	"hebian/connectors/push"
)

// line is the road between client and hub: what each try meets, and what it brought.
type line struct {
	meets []func(*http.Request) (*http.Response, error) // the last one again and again
	tries []try
}

type try struct {
	at   time.Duration // since the first
	key  string
	body string
}

func (l *line) RoundTrip(q *http.Request) (*http.Response, error) {
	var body []byte
	if q.Body != nil {
		var err error
		if body, err = io.ReadAll(q.Body); err != nil {
			return nil, err
		}
		q.Body.Close()
		if q.ContentLength != int64(len(body)) {
			return nil, fmt.Errorf("%d bytes announced, %d sent", q.ContentLength, len(body))
		}
	}
	at := time.Since(epoch)
	l.tries = append(l.tries, try{at, q.Header.Get("Idempotency-Key"), string(body)})
	q.Body = io.NopCloser(strings.NewReader(string(body)))
	return l.meets[min(len(l.tries), len(l.meets))-1](q)
}

// epoch is when a bubble begins.
var epoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

func answers(status int, header map[string]string, body string) func(*http.Request) (*http.Response, error) {
	return func(q *http.Request) (*http.Response, error) {
		w := httptest.NewRecorder()
		for name, value := range header {
			w.Header().Set(name, value)
		}
		w.WriteHeader(status)
		io.WriteString(w, body)
		return w.Result(), nil
	}
}

func problemBody(code string) string {
	text, _ := json.Marshal(push.Problem{Type: "urn:hebian:problem:" + code, Detail: code})
	return string(text)
}

var (
	away  = func(*http.Request) (*http.Response, error) { return nil, errors.New("connection refused") }
	stuck = func(q *http.Request) (*http.Response, error) { <-q.Context().Done(); return nil, q.Context().Err() }
	fine  = answers(201, nil, `{"delivery": 7, "outcome": "complete"}`)
	ill   = answers(503, nil, problemBody("overloaded"))
)

func newClient(t *testing.T, address string, transport http.RoundTripper) *push.Client {
	t.Helper()
	client, err := push.NewClient(address, "hb_finance", transport)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func shipment(t *testing.T, content string) push.Shipment {
	t.Helper()
	path := filepath.Join(t.TempDir(), "payroll.csv")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return push.Shipment{Agency: "finance", File: "payroll-202609.csv", Path: path}
}

// The client comes back as long as that may help, and no longer.
func TestRetry(t *testing.T) {
	now := func(seconds int) string {
		return epoch.Add(time.Duration(seconds) * time.Second).Format(http.TimeFormat)
	}
	for _, test := range []struct {
		name  string
		meets []func(*http.Request) (*http.Response, error)
		tries int
		after time.Duration // of the last try, where the hub says it
		code  string        // of the problem that comes back
	}{
		{name: "at once", meets: []func(*http.Request) (*http.Response, error){fine}, tries: 1},
		{name: "hub says seconds", meets: []func(*http.Request) (*http.Response, error){answers(503, map[string]string{"Retry-After": "7"}, problemBody("overloaded")), fine}, tries: 2, after: 7 * time.Second},
		{name: "hub says when", meets: []func(*http.Request) (*http.Response, error){answers(429, map[string]string{"Retry-After": now(20)}, ""), fine}, tries: 2, after: 20 * time.Second},
		{name: "hub says too long", meets: []func(*http.Request) (*http.Response, error){answers(503, map[string]string{"Retry-After": "86400"}, ""), fine}, tries: 2, after: time.Minute},
		{name: "busy", meets: []func(*http.Request) (*http.Response, error){answers(409, map[string]string{"Retry-After": "2"}, problemBody("busy")), fine}, tries: 2, after: 2 * time.Second},
		{name: "broken off", meets: []func(*http.Request) (*http.Response, error){answers(400, nil, problemBody("truncated")), away, ill, fine}, tries: 4},
		{name: "own fault", meets: []func(*http.Request) (*http.Response, error){answers(422, nil, problemBody("file_refused"))}, tries: 1, code: "file_refused"},
		{name: "lacking", meets: []func(*http.Request) (*http.Response, error){answers(409, nil, problemBody("files_lacking"))}, tries: 1, code: "files_lacking"},
		{name: "other bytes", meets: []func(*http.Request) (*http.Response, error){answers(400, nil, problemBody("digest_mismatch"))}, tries: 1, code: "digest_mismatch"},
		{name: "disk full", meets: []func(*http.Request) (*http.Response, error){answers(507, nil, problemBody("disk_full"))}, tries: 1, code: "disk_full"},
		{name: "sent elsewhere", meets: []func(*http.Request) (*http.Response, error){answers(307, map[string]string{"Location": "http://elsewhere/"}, "")}, tries: 1, code: "about:blank"},
		{name: "no answer in time", meets: []func(*http.Request) (*http.Response, error){stuck, fine}, tries: 2},
		{name: "never", meets: []func(*http.Request) (*http.Response, error){ill}, tries: 8, code: "overloaded"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := shipment(t, file)
			synctest.Test(t, func(t *testing.T) {
				l := &line{meets: test.meets}
				r, err := newClient(t, "http://hub", l).Deliver(t.Context(), s)
				var p *push.Problem
				if errors.As(err, &p); test.code == "" && (err != nil || r.Delivery != 7) || test.code != "" && (p == nil || p.Code() != test.code) {
					t.Errorf("receipt %d, %v", r.Delivery, err)
				}
				if len(l.tries) != test.tries {
					t.Fatalf("%d tries, want %d", len(l.tries), test.tries)
				}
				for i, try := range l.tries {
					if try.body != file || try.key == "" || try.key != l.tries[0].key {
						t.Errorf("try %d sent %q under %q", i, try.body, try.key)
					}
				}
				if last := l.tries[len(l.tries)-1].at; test.after != 0 && last != test.after {
					t.Errorf("the last try came after %v, want %v", last, test.after)
				}
			})
		})
	}
}

// A hub that is away is left alone for a while, by all calls; a hub that refuses is not away.
func TestBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &line{meets: []func(*http.Request) (*http.Response, error){away}}
		client := newClient(t, "http://hub", l)
		if err := client.Call(t.Context(), http.MethodGet, "/v1/periods", nil, nil); err == nil {
			t.Fatal("no error")
		}
		pauses := make([]time.Duration, len(l.tries)-1)
		for i := range pauses {
			pauses[i] = l.tries[i+1].at - l.tries[i].at
		}
		if quick := slices.IndexFunc(pauses, func(d time.Duration) bool { return d >= 10*time.Second }); len(l.tries) != 8 || quick != 4 {
			t.Errorf("pauses %v: want the hub left alone from the fifth failure on", pauses)
		}
		before := len(l.tries)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if err := client.Call(ctx, http.MethodGet, "/v1/periods", nil, nil); !errors.Is(err, push.ErrAway) || !errors.Is(err, context.DeadlineExceeded) || len(l.tries) != before {
			t.Errorf("while the hub is left alone: %v after %d more tries", err, len(l.tries)-before)
		}
		l.meets = []func(*http.Request) (*http.Response, error){answers(200, nil, "{}")}
		if err := client.Call(t.Context(), http.MethodGet, "/v1/periods", nil, nil); err != nil || len(l.tries) != before+1 {
			t.Errorf("the hub is back: %v after %d tries", err, len(l.tries)-before)
		}
		l.meets = []func(*http.Request) (*http.Response, error){answers(404, nil, problemBody("unknown_receipt"))}
		for range 20 {
			if err := client.Call(t.Context(), http.MethodGet, "/v1/receipts/9", nil, nil); errors.Is(err, push.ErrAway) {
				t.Fatal("refusals opened the breaker")
			}
		}
		for range 20 { // callers that change their mind say nothing of the hub
			l.meets = []func(*http.Request) (*http.Response, error){stuck}
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(time.Second, cancel)
			if err := client.Call(ctx, http.MethodGet, "/v1/receipts/9", nil, nil); !errors.Is(err, context.Canceled) || errors.Is(err, push.ErrAway) {
				t.Fatal(err)
			}
		}
	})
}

// Without a key of the caller's, a whole file has another with each call, and rows to add the same.
func TestOwnKey(t *testing.T) {
	s := shipment(t, file)
	keys := func(mode connectors.Mode) [2]string {
		l := &line{meets: []func(*http.Request) (*http.Response, error){fine}}
		s.Mode = mode
		for range 2 {
			if _, err := newClient(t, "http://hub", l).Deliver(t.Context(), s); err != nil {
				t.Fatal(err)
			}
		}
		return [2]string{l.tries[0].key, l.tries[1].key}
	}
	full, add, remove := keys(connectors.Full), keys(connectors.Add), keys(connectors.Remove)
	if full[0] == full[1] || add[0] != add[1] || remove[0] != remove[1] || add[0] == remove[0] {
		t.Errorf("keys: full %q, add %q, remove %q", full, add, remove)
	}
	s.Key = "mine"
	if got := keys(connectors.Add); got != [2]string{"mine", "mine"} {
		t.Errorf("keys %q, want the caller's", got)
	}
}

// A file that changes between two tries is not sent again.
func TestFileChanges(t *testing.T) {
	s := shipment(t, file)
	l := &line{meets: []func(*http.Request) (*http.Response, error){func(*http.Request) (*http.Response, error) {
		if err := os.WriteFile(s.Path, []byte(file+"more\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		return answers(503, map[string]string{"Retry-After": "0"}, "")(nil)
	}}}
	if _, err := newClient(t, "http://hub", l).Deliver(t.Context(), s); !errors.Is(err, connectors.ErrChanged) || len(l.tries) != 1 {
		t.Errorf("%v after %d tries", err, len(l.tries))
	}
	s.Path += ".gone"
	if _, err := newClient(t, "http://hub", l).Deliver(t.Context(), s); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
}

func TestAddress(t *testing.T) {
	for address, good := range map[string]bool{"http://hub:8080": true, "https://hub/": true, "hub:8080": false, "": false, "ftp://hub": false, "http://": false} {
		if _, err := push.NewClient(address, "t", nil); (err == nil) != good {
			t.Errorf("%q: %v", address, err)
		}
	}
}

// Both halves together, over a real connection.
func TestBothHalves(t *testing.T) {
	r := open(t)
	client := newClient(t, r.server.URL+"/", nil)
	receipt, err := client.Deliver(t.Context(), shipment(t, file))
	if err != nil || receipt.Delivery != 1 || receipt.RowsRead != 3 {
		t.Fatalf("receipt %+v, %v", receipt, err)
	}
	r.refused = rows(1500)
	page, err := client.Receipt(t.Context(), receipt.Delivery, 1000)
	if err != nil || len(page.Refused) != 500 || page.File != "finance/payroll-202609.csv" {
		t.Errorf("%d rows, %v", len(page.Refused), err)
	}
	_, err = client.Complete(t.Context(), "", 202609, push.Declare{})
	var p *push.Problem
	if !errors.As(err, &p) || p.Code() != "files_lacking" || !cmp.Equal(p.Files, []string{"finance/control_numbers.csv"}) {
		t.Errorf("declared: %v", err)
	}
	through, err := client.Complete(t.Context(), "finance", 202609, push.Declare{Empty: []string{"finance/control_numbers.csv"}})
	if err != nil || through.CompleteThrough != "202609" {
		t.Errorf("declared: %+v, %v", through, err)
	}
	if _, err := client.Receipt(t.Context(), 99, 0); !errors.As(err, &p) || p.Code() != "unknown_receipt" {
		t.Errorf("unknown receipt: %v", err)
	}
	r.outcome = connectors.Held
	if held, err := client.Deliver(t.Context(), shipment(t, file)); err != nil || held.Outcome != connectors.Held {
		t.Errorf("held: %+v, %v", held, err)
	}
}

// Neither half holds a file in memory.
func TestClientMemory(t *testing.T) {
	r := open(t)
	client := newClient(t, r.server.URL, nil)
	var before, after runtime.MemStats
	send := func(n int) uint64 {
		s := shipment(t, strings.Repeat("x", n))
		r.contents = nil
		runtime.ReadMemStats(&before)
		if _, err := client.Deliver(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc - 2*uint64(n) // the house reads it whole, twice over
	}
	send(1 << 10)
	small, large := send(1<<10), send(maxBytes)
	if int64(large) > int64(small)+1<<20 {
		t.Errorf("sending %d bytes allocated %d bytes, 1 KiB %d", maxBytes, int64(large), int64(small))
	}
}
