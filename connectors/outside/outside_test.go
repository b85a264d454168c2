package outside_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"hebian/connectors"
	"hebian/connectors/outside"
)

// line is the road to a partner: what each try meets, and when it came.
type line struct {
	meets []func(*http.Request) (*http.Response, error) // the last one again and again
	tries []time.Duration                               // since the epoch
	asked []*http.Request
}

func (l *line) RoundTrip(q *http.Request) (*http.Response, error) {
	l.tries, l.asked = append(l.tries, time.Since(epoch)), append(l.asked, q)
	return l.meets[min(len(l.tries), len(l.meets))-1](q)
}

// epoch is when a bubble begins.
var epoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

type meets = []func(*http.Request) (*http.Response, error)

func answers(status int, header map[string]string, body string) func(*http.Request) (*http.Response, error) {
	return func(q *http.Request) (*http.Response, error) {
		w := httptest.NewRecorder()
		for name, value := range header {
			w.Header().Set(name, value)
		}
		w.WriteHeader(status)
		io.WriteString(w, body)
		r := w.Result()
		r.Request = q
		return r, nil
	}
}

var (
	errRefused = errors.New("connection refused")
	away       = func(*http.Request) (*http.Response, error) { return nil, errRefused }
	stuck      = func(q *http.Request) (*http.Response, error) { <-q.Context().Done(); return nil, q.Context().Err() }
	fine       = answers(200, nil, `[]`)
	ill        = answers(503, nil, "")
)

func newClient(t *testing.T, o outside.Options) *outside.Client {
	t.Helper()
	if o.URL == "" {
		o.URL = "https://partner.example/rows"
	}
	client, err := outside.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

func get(t *testing.T, c *outside.Client) (*outside.Answer, error) {
	t.Helper()
	return c.Do(t.Context(), http.MethodGet, "", nil, nil)
}

// kindOf is the kind of trouble, "" for none.
func kindOf(t *testing.T, err error) connectors.TroubleKind {
	t.Helper()
	if err == nil {
		return ""
	}
	var trouble *connectors.Trouble
	if !errors.As(err, &trouble) {
		t.Fatalf("want a *connectors.Trouble, got %v", err)
	}
	return trouble.Kind
}

func untilOf(err error) time.Time {
	var trouble *connectors.Trouble
	errors.As(err, &trouble)
	return trouble.Until
}

// A request is sent again as long as that may help, and no longer.
func TestRetry(t *testing.T) {
	now := func(seconds int) string {
		return epoch.Add(time.Duration(seconds) * time.Second).Format(http.TimeFormat)
	}
	for _, test := range []struct {
		name  string
		meets meets
		tries int
		after time.Duration // of the last try, where the partner says it
		kind  connectors.TroubleKind
	}{
		{name: "at once", meets: meets{fine}, tries: 1},
		{name: "no content", meets: meets{answers(204, nil, "")}, tries: 1},
		{name: "ill and away", meets: meets{ill, away, answers(500, nil, ""), fine}, tries: 4},
		{name: "ill, says seconds", meets: meets{answers(503, map[string]string{"Retry-After": "7"}, ""), fine}, tries: 2, after: 7 * time.Second},
		{name: "busy, says seconds", meets: meets{answers(429, map[string]string{"Retry-After": "0"}, ""), fine}, tries: 2},
		{name: "busy, says when", meets: meets{answers(429, map[string]string{"Retry-After": now(20)}, ""), fine}, tries: 2, after: 20 * time.Second},
		{name: "busy, says when by a clock an hour ahead", meets: meets{answers(429, map[string]string{"Retry-After": now(3620), "Date": now(3600)}, ""), fine}, tries: 2, after: 20 * time.Second},
		{name: "busy, says nothing", meets: meets{answers(429, nil, ""), fine}, tries: 2},
		{name: "busy, says longer than the budget", meets: meets{answers(429, map[string]string{"Retry-After": "301"}, "")}, tries: 1, kind: connectors.Busy},
		{name: "busy, says nonsense", meets: meets{answers(429, map[string]string{"Retry-After": "soon"}, ""), fine}, tries: 2},
		{name: "timed out there", meets: meets{answers(408, nil, ""), fine}, tries: 2},
		{name: "stuck once", meets: meets{stuck, fine}, tries: 2},
		{name: "denied", meets: meets{answers(401, nil, "")}, tries: 1, kind: connectors.Denied},
		{name: "forbidden", meets: meets{answers(403, nil, "")}, tries: 1, kind: connectors.Denied},
		{name: "not there", meets: meets{answers(404, nil, "")}, tries: 1, kind: connectors.Unfit},
		{name: "own fault", meets: meets{answers(422, nil, "")}, tries: 1, kind: connectors.Unfit},
		{name: "not modified", meets: meets{answers(304, nil, "")}, tries: 1, kind: connectors.Unfit},
		{name: "too long", meets: meets{answers(200, nil, strings.Repeat(" ", 1<<20+1))}, tries: 1, kind: connectors.Unfit},
		{name: "too long a page of an error", meets: meets{answers(500, nil, strings.Repeat(" ", 1<<20+1)), fine}, tries: 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				road := &line{meets: test.meets}
				a, err := get(t, newClient(t, outside.Options{Transport: road, MaxBody: 1 << 20}))
				if kind := kindOf(t, err); kind != test.kind {
					t.Errorf("got %v, want kind %q", err, test.kind)
				}
				if err == nil && (a.Status != 200 && a.Status != 204) {
					t.Errorf("got %+v", a)
				}
				if len(road.tries) != test.tries {
					t.Errorf("%d tries, want %d", len(road.tries), test.tries)
				}
				if last := road.tries[len(road.tries)-1]; test.after > 0 && last != test.after {
					t.Errorf("last try after %s, want %s", last, test.after)
				}
			})
		})
	}
}

// The breaker opens over a partner that is away and closes when it is back; a call that began before waits for it.
func TestBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		road := &line{meets: meets{ill, ill, ill, ill, away, fine}}
		client := newClient(t, outside.Options{Transport: road})
		if _, err := get(t, client); err != nil {
			t.Fatal(err)
		}
		if len(road.tries) != outside.TripAfter+1 {
			t.Fatalf("%d tries", len(road.tries))
		}
		if pause := road.tries[5] - road.tries[4]; pause < outside.OpenFor {
			t.Errorf("tried again %s after the breaker had opened, want %s or more", pause, outside.OpenFor)
		}
		if open, _ := client.State(); open {
			t.Error("the breaker is open after a good answer")
		}
	})
}

// While the breaker is open no request is sent, and the trouble says until when.
func TestOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		road := &line{meets: meets{away}}
		client := newClient(t, outside.Options{Transport: road, Budget: 20 * time.Second, Timeout: time.Second})
		_, err := get(t, client)
		if kind := kindOf(t, err); kind != connectors.Unreachable || !errors.Is(err, errRefused) {
			t.Errorf("after the budget: %v", err)
		}
		for {
			if open, _ := client.State(); open {
				break
			}
			get(t, client)
		}
		open, until := client.State()
		if !open || until.Before(time.Now()) || until.After(time.Now().Add(outside.OpenFor+time.Millisecond)) {
			t.Fatalf("State is %t until %s at %s", open, until, time.Now())
		}
		tries := len(road.tries)
		_, err = get(t, client)
		if kind := kindOf(t, err); kind != connectors.CircuitOpen || !untilOf(err).Equal(until) {
			t.Errorf("got %v", err)
		}
		if len(road.tries) != tries {
			t.Error("a request was sent")
		}
		<-time.After(time.Until(until)) // by the bubble's clock
		road.meets = meets{fine}
		if _, err := get(t, client); err != nil {
			t.Errorf("when the time has come: %v", err)
		}
	})
}

// What says nothing about the partner's health leaves the breaker as it is.
func TestBreakerExcludes(t *testing.T) {
	for _, test := range []struct {
		name string
		meet func(*http.Request) (*http.Response, error)
	}{
		{"busy", answers(429, nil, "")},
		{"refused", answers(400, nil, "")},
		{"denied", answers(403, nil, "")},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client := newClient(t, outside.Options{Transport: &line{meets: meets{test.meet}}})
				for range 2 * outside.TripAfter {
					get(t, client)
					if open, _ := client.State(); open {
						t.Fatal("the breaker is open")
					}
				}
			})
		})
	}
	t.Run("cancelled", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			client := newClient(t, outside.Options{Transport: &line{meets: meets{stuck}}})
			for range 2 * outside.TripAfter {
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(time.Second, cancel)
				_, err := client.Do(ctx, http.MethodGet, "", nil, nil)
				if !errors.Is(err, context.Canceled) || errors.As(err, new(*connectors.Trouble)) {
					t.Fatalf("got %v, want the context's error", err)
				}
			}
			if open, _ := client.State(); open {
				t.Error("the breaker is open")
			}
		})
	})
}

// No call lasts longer than its budget, whatever the partner does.
func TestBudget(t *testing.T) {
	for _, test := range []struct {
		name string
		meet func(*http.Request) (*http.Response, error)
		kind connectors.TroubleKind
	}{
		{"away", away, connectors.Unreachable},
		{"ill", ill, connectors.Unreachable},
		{"stuck", stuck, connectors.Unreachable},
		{"busy", answers(429, nil, ""), connectors.Busy},
		{"busy for long", answers(429, map[string]string{"Retry-After": "99999999999999999999"}, ""), connectors.Busy},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				road := &line{meets: meets{test.meet}}
				client := newClient(t, outside.Options{Transport: road})
				start := time.Now()
				_, err := get(t, client)
				if kind := kindOf(t, err); kind != test.kind {
					t.Errorf("got %v, want kind %s", err, test.kind)
				}
				if lasted := time.Since(start); lasted > 5*time.Minute {
					t.Errorf("it lasted %s", lasted)
				}
				if len(road.tries) > outside.DefaultTries {
					t.Errorf("%d tries", len(road.tries))
				}
				if until := untilOf(err); until.After(time.Now().Add(outside.LongestAsked)) {
					t.Errorf("not to be tried before %s", until)
				}
			})
		})
	}
}

// A partner that asked to come later is not asked by another call before.
func TestLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		road := &line{meets: meets{answers(429, map[string]string{"Retry-After": "400"}, ""), fine}}
		client := newClient(t, outside.Options{Transport: road})
		for range 3 {
			_, err := get(t, client)
			if want := epoch.Add(400 * time.Second); kindOf(t, err) != connectors.Busy || !untilOf(err).Equal(want) {
				t.Fatalf("got %v, want busy until %s", err, want)
			}
		}
		if len(road.tries) != 1 {
			t.Errorf("%d tries", len(road.tries))
		}
		<-time.After(400 * time.Second) // by the bubble's clock
		if _, err := get(t, client); err != nil {
			t.Error(err)
		}
	})
}

// Requests keep to the rate.
func TestRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		road := &line{meets: meets{fine}}
		client := newClient(t, outside.Options{Transport: road, Rate: outside.Rate{PerSecond: 2, Burst: 3}})
		for range 7 {
			if _, err := get(t, client); err != nil {
				t.Fatal(err)
			}
		}
		half := 500 * time.Millisecond
		if diff := cmp.Diff([]time.Duration{0, 0, 0, half, 2 * half, 3 * half, 4 * half}, road.tries); diff != "" {
			t.Error(diff)
		}
	})
}

// Each try has its header made anew and the same body, and no error tells the query.
func TestEachTry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var bodies, stamps []string
		road := &line{meets: meets{func(q *http.Request) (*http.Response, error) {
			body, err := io.ReadAll(q.Body)
			bodies, stamps = append(bodies, string(body)), append(stamps, q.Header.Get("Stamp"))
			return &http.Response{StatusCode: 502, Body: http.NoBody, Header: http.Header{}}, err
		}}}
		client := newClient(t, outside.Options{Transport: road, Budget: 3 * time.Second, Timeout: time.Second})
		made := 0
		_, err := client.DoEach(t.Context(), http.MethodPost, "?key=hush", func() http.Header {
			made++
			return http.Header{"Stamp": {strings.Repeat("x", made)}}
		}, []byte("body"))
		if kindOf(t, err) != connectors.Unreachable || strings.Contains(err.Error(), "hush") {
			t.Errorf("got %v", err)
		}
		for i, body := range bodies {
			if body != "body" || len(stamps[i]) != i+1 {
				t.Errorf("try %d has body %q and stamp %q", i+1, body, stamps[i])
			}
		}
	})
}

// A client that is closed sends nothing.
func TestClosed(t *testing.T) {
	road := &line{meets: meets{fine}}
	client := newClient(t, outside.Options{Transport: road})
	if err := client.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := get(t, client); !errors.Is(err, outside.ErrClosed) || len(road.tries) > 0 {
		t.Errorf("got %v after %d tries", err, len(road.tries))
	}
}

// A reference may not lead away.
func TestReference(t *testing.T) {
	for _, test := range []struct{ ref, want string }{
		{"", "https://partner.example/v1/rows?a=1"},
		{"?page=2", "https://partner.example/v1/rows?page=2"},
		{"/other", "https://partner.example/other"},
		{"7", "https://partner.example/v1/7"},
		{"HTTPS://PARTNER.example:443/x#part", "https://PARTNER.example:443/x"},
		{"http://partner.example/v1/rows", ""},
		{"//elsewhere.example/", ""},
		{"https://partner.example:444/", ""},
		{"https://a:b@partner.example/", ""},
		{"https://partner.example.elsewhere.example/", ""},
		{"file:///etc/passwd", ""},
		{"\x00", ""},
	} {
		t.Run(test.ref, func(t *testing.T) {
			road := &line{meets: meets{fine}}
			client := newClient(t, outside.Options{Transport: road, URL: "https://partner.example/v1/rows?a=1"})
			_, err := client.Do(t.Context(), http.MethodGet, test.ref, nil, nil)
			if test.want == "" {
				if kindOf(t, err) != connectors.Unfit || len(road.asked) > 0 {
					t.Errorf("got %v after %d tries", err, len(road.asked))
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := road.asked[0].URL.String(); got != test.want {
				t.Errorf("asked %s, want %s", got, test.want)
			}
		})
	}
}
