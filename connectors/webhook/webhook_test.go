package webhook_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"hebian/connectors"
	"hebian/connectors/connectortest"
	"hebian/connectors/outside"
	"hebian/connectors/webhook"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const secret = "sixteen bytes or more"

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

// receiver is a partner's webhook.
type receiver struct {
	*connectortest.Hook
	config webhook.Config
}

// Sink implements connectortest.Receiver.
func (r *receiver) Sink(t *testing.T) connectors.Sink {
	t.Helper()
	sink, err := webhook.New(r.config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sink.Close() })
	return sink
}

// Received implements connectortest.Receiver.
func (r *receiver) Received(*testing.T) []connectors.Out { return r.Hook.Received() }

// Break implements connectortest.Fragile.
func (r *receiver) Break(_ *testing.T, slow bool) (mend func()) {
	if slow {
		return r.FailAlways(connectortest.Fault{Break: connectortest.HalfOpen})
	}
	return r.FailAlways(connectortest.Fault{Break: connectortest.Reset})
}

func newReceiver(t *testing.T, again int) *receiver {
	t.Helper()
	hook, err := connectortest.NewHook(secret, again)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { hook.Close() })
	return &receiver{hook, webhook.Config{Secret: secret, Options: outside.Options{
		URL: hook.URL() + "/in", Allow: loopback, Tries: 1, Rate: outside.Rate{PerSecond: 10_000, Burst: 10_000},
	}}}
}

// The contract of all sinks, with both answers that partners give to what they have already.
func TestSink(t *testing.T) {
	for _, again := range []int{200, 409} {
		t.Run(fmt.Sprint(again), func(t *testing.T) {
			connectortest.TestSink(t, func(t *testing.T) connectortest.Receiver { return newReceiver(t, again) })
		})
	}
}

// dispatch is one with two records.
func dispatch(number int64) connectors.Dispatch {
	return connectors.Dispatch{Connector: "finance-out", Agency: "finance", Feed: "corrections", Number: number, Records: []connectors.Out{
		{ID: "0a", Key: "unit-1", JSON: []byte(`{"text":"第1行 <b> & \u2028","sum":12.50}`)}, {ID: "0b", Key: "unit-2", JSON: []byte(`{}`)},
	}}
}

// What goes over the line: one JSON object, its digest, its key, and a signature that its receiver can check.
func TestRequest(t *testing.T) {
	var got *http.Request
	var body string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		got, body = r, string(text)
		if err := webhook.Verify(secret, r.Header, text, time.Now(), time.Minute); err != nil {
			t.Error(err)
		}
		w.WriteHeader(http.StatusAccepted)
		io.WriteString(w, " taken as 7\n")
	}))
	defer server.Close()
	sink, err := webhook.New(webhook.Config{Secret: secret, Options: outside.Options{
		URL: server.URL + "/in", Allow: loopback, Auth: outside.Auth{Kind: outside.Bearer, Secret: "token"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer sink.Close()
	answer, err := sink.Send(t.Context(), dispatch(42))
	if err != nil || answer != "taken as 7" {
		t.Errorf("got %q, %v", answer, err)
	}
	want := `{"id":"finance-out-corrections-000000042","connector":"finance-out","feed":"corrections","number":42,"agency":"finance","records":[` +
		`{"id":"0a","key":"unit-1","record":{"text":"第1行 <b> & \u2028","sum":12.50}},{"id":"0b","key":"unit-2","record":{}}]}`
	if diff := cmp.Diff(want, body); diff != "" {
		t.Error(diff)
	}
	for name, want := range map[string]string{
		"Content-Type": "application/json", "Idempotency-Key": "finance-out-corrections-000000042", "Hebian-Dispatch": "finance-out-corrections-000000042",
		"Authorization": "Bearer token", "User-Agent": "hebian",
	} {
		if got := got.Header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if digest := got.Header.Get("Content-Digest"); !strings.HasPrefix(digest, "sha-256=:") || got.Method != "POST" || got.URL.Path != "/in" {
		t.Errorf("%s %s with digest %q", got.Method, got.URL, digest)
	}
}

// A partner that fails gets the dispatch again, and has it once.
func TestFaults(t *testing.T) {
	for _, test := range []struct {
		name  string
		fault connectortest.Fault
		kind  connectors.TroubleKind // if it fails on and on; "": the partner has it all the same
	}{
		{"503", connectortest.Fault{Status: 503}, connectors.Unreachable},
		{"429, seconds", connectortest.Fault{Status: 429, RetryAfter: "0"}, connectors.Busy},
		{"429, when", connectortest.Fault{Status: 429, RetryAfter: "Wed, 01 Jan 2020 00:00:00 GMT"}, connectors.Busy},
		{"reset", connectortest.Fault{Break: connectortest.Reset}, connectors.Unreachable},
		{"lost", connectortest.Fault{Break: connectortest.Lost}, connectors.Unreachable},
		{"garbage", connectortest.Fault{Break: connectortest.Garbage}, connectors.Unreachable},
		{"cut", connectortest.Fault{Break: connectortest.Cut}, ""},
		{"half-open", connectortest.Fault{Break: connectortest.HalfOpen}, connectors.Unreachable},
		{"stall", connectortest.Fault{Break: connectortest.Stall}, ""},
		{"endless", connectortest.Fault{Break: connectortest.Endless}, ""},
		{"redirect as GET", connectortest.Fault{Status: 302, Location: "/in"}, connectors.Unfit},
		{"redirect elsewhere", connectortest.Fault{Status: 307, Location: "https://elsewhere.example/"}, connectors.Unfit},
		{"refused", connectortest.Fault{Status: 422}, connectors.Unfit},
		{"denied", connectortest.Fault{Status: 403}, connectors.Denied},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newReceiver(t, 409)
			r.config.Timeout, r.config.Budget = 300*time.Millisecond, 20*time.Second
			if test.kind != connectors.Unfit && test.kind != connectors.Denied {
				r.config.Tries = 5
				r.Fail(test.fault)
				if _, err := r.Sink(t).Send(t.Context(), dispatch(1)); err != nil {
					t.Errorf("failed once: %v", err)
				}
			}
			r.config.Tries = 1
			mend := r.FailAlways(test.fault)
			defer mend()
			_, err := r.Sink(t).Send(t.Context(), dispatch(2))
			var trouble *connectors.Trouble
			if errors.As(err, &trouble) != (test.kind != "") || trouble != nil && trouble.Kind != test.kind {
				t.Errorf("failing on and on: %v, want kind %s", err, test.kind)
			}
			mend()
			if _, err := r.Sink(t).Send(t.Context(), dispatch(2)); err != nil {
				t.Error(err)
			}
			ids := map[string]int{}
			for _, body := range r.Bodies() {
				ids[body.ID]++
			}
			for id, times := range ids {
				if times != 1 {
					t.Errorf("%s was taken %d times", id, times)
				}
			}
			if ids[(&connectors.Dispatch{Connector: "finance-out", Feed: "corrections", Number: 2}).ID()] != 1 || len(r.Refused()) > 0 {
				t.Errorf("taken were %v, refused %v", ids, r.Refused())
			}
		})
	}
}

// road is a partner that is reached without a network.
type road func(*http.Request) (*http.Response, error)

func (r road) RoundTrip(q *http.Request) (*http.Response, error) { return r(q) }

// A try that comes minutes after the first is signed anew: its receiver would take the old signature for a replay.
func TestSignedAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tries := 0
		sink, err := webhook.New(webhook.Config{Secret: secret, Options: outside.Options{URL: "https://partner.example/", Transport: road(func(q *http.Request) (*http.Response, error) {
			tries++
			body, err := io.ReadAll(q.Body)
			if err != nil {
				return nil, err
			}
			if err := webhook.Verify(secret, q.Header, body, time.Now(), time.Second); err != nil {
				t.Errorf("try %d: %v", tries, err)
			}
			w := httptest.NewRecorder()
			if tries == 1 {
				w.Header().Set("Retry-After", "200")
				w.WriteHeader(503)
			}
			return w.Result(), nil
		})}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := sink.Send(t.Context(), dispatch(1)); err != nil || tries != 2 {
			t.Errorf("%d tries: %v", tries, err)
		}
	})
}

// Receivers take what was signed with their secret, unchanged and of late, and nothing else.
func TestVerify(t *testing.T) {
	header, body := signed(t)
	stamp := header.Get("Hebian-Timestamp")
	now := time.Now()
	for _, test := range []struct {
		name   string
		secret string
		change func(h http.Header)
		body   string
		now    time.Time
		want   error
	}{
		{name: "good"},
		{name: "several signatures", change: func(h http.Header) { h.Set("Hebian-Signature", "v0=x, v1=00 ,"+h.Get("Hebian-Signature")) }},
		{name: "another secret", secret: "another secret than that", want: webhook.ErrForged},
		{name: "another body", body: body + " ", want: webhook.ErrForged},
		{name: "another ID", change: func(h http.Header) { h.Set("Hebian-Dispatch", "x") }, want: webhook.ErrForged},
		{name: "another time", change: func(h http.Header) { h.Set("Hebian-Timestamp", "1"+stamp) }, want: webhook.ErrForged},
		{name: "no signature", change: func(h http.Header) { h.Del("Hebian-Signature") }, want: webhook.ErrUnsigned},
		{name: "another kind of signature", change: func(h http.Header) { h.Set("Hebian-Signature", "v2=00") }, want: webhook.ErrUnsigned},
		{name: "empty signature", change: func(h http.Header) { h.Set("Hebian-Signature", "v1=") }, want: webhook.ErrForged},
		{name: "no time", change: func(h http.Header) { h.Del("Hebian-Timestamp") }, want: webhook.ErrUnsigned},
		{name: "no number", change: func(h http.Header) { h.Set("Hebian-Timestamp", "soon") }, want: webhook.ErrUnsigned},
		{name: "no ID", change: func(h http.Header) { h.Del("Hebian-Dispatch") }, want: webhook.ErrUnsigned},
		{name: "too old", now: now.Add(6 * time.Minute), want: webhook.ErrStale},
		{name: "from the future", now: now.Add(-6 * time.Minute), want: webhook.ErrStale},
		{name: "old enough", now: now.Add(4 * time.Minute)},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := header.Clone()
			if test.change != nil {
				test.change(h)
			}
			if test.secret == "" {
				test.secret = secret
			}
			if test.body == "" {
				test.body = body
			}
			if test.now.IsZero() {
				test.now = now
			}
			if err := webhook.Verify(test.secret, h, []byte(test.body), test.now, 5*time.Minute); !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
}

// signed gives a dispatch as it was sent.
func signed(t testing.TB) (header http.Header, body string) {
	t.Helper()
	sink, err := webhook.New(webhook.Config{Secret: secret, Options: outside.Options{URL: "https://partner.example/", Transport: road(func(q *http.Request) (*http.Response, error) {
		text, err := io.ReadAll(q.Body)
		header, body = q.Header, string(text)
		return httptest.NewRecorder().Result(), err
	})}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sink.Send(context.Background(), dispatch(1)); err != nil {
		t.Fatal(err)
	}
	return header, body
}

// An answer is kept within its bound, as text.
func TestAnswer(t *testing.T) {
	for _, test := range []struct{ body, want string }{
		{"", ""}, {" \n", ""}, {"\xff ok \xfe", "ok"}, {strings.Repeat("行", 1000), strings.Repeat("行", 341)}, {strings.Repeat("x", 5000), strings.Repeat("x", 1024)},
	} {
		sink, err := webhook.New(webhook.Config{Secret: secret, Options: outside.Options{URL: "https://partner.example/", Transport: road(func(q *http.Request) (*http.Response, error) {
			w := httptest.NewRecorder()
			io.WriteString(w, test.body)
			return w.Result(), nil
		})}})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := sink.Send(t.Context(), dispatch(1)); err != nil || got != test.want {
			t.Errorf("%.20q: got %d bytes, %v", test.body, len(got), err)
		}
	}
}

// What is no dispatch is not sent.
func TestNoDispatch(t *testing.T) {
	sent := false
	sink, err := webhook.New(webhook.Config{Secret: secret, Options: outside.Options{URL: "https://partner.example/", Transport: road(func(*http.Request) (*http.Response, error) {
		sent = true
		return nil, errors.New("sent")
	})}})
	if err != nil {
		t.Fatal(err)
	}
	many := dispatch(1)
	many.Records = make([]connectors.Out, connectors.DispatchRecords+1)
	broken := dispatch(1)
	broken.Records[0].JSON = []byte(`{`)
	for _, d := range []connectors.Dispatch{many, broken} {
		if _, err := sink.Send(t.Context(), d); err == nil || sent {
			t.Errorf("got %v, sent %t", err, sent)
		}
	}
}

// A configuration as a person writes it, and what does not do.
func TestConfig(t *testing.T) {
	var c webhook.Config
	text := "url: https://partner.example/in\nsecret_file: /run/secrets/finance\nauth: {kind: api_key, header: X-Api-Key, secret_file: key}\nbudget: 2m\n"
	if err := connectors.DecodeYAML([]byte(text), &c); err != nil {
		t.Fatal(err)
	}
	if err := c.Check(); err != nil {
		t.Error(err)
	}
	if _, err := webhook.New(c); err == nil {
		t.Error("a sink without its secret")
	}
	for _, c := range []webhook.Config{
		{Options: outside.Options{URL: "https://x/"}}, {Options: outside.Options{URL: "https://x/"}, Secret: "short"}, {Secret: secret},
	} {
		if err := c.Check(); err == nil {
			t.Errorf("%+v: no error", c)
		}
	}
}

// No header makes a signature good that is not, and none panics.
func FuzzVerify(f *testing.F) {
	header, body := signed(f)
	f.Add(header.Get("Hebian-Dispatch"), header.Get("Hebian-Timestamp"), header.Get("Hebian-Signature"), body)
	f.Add("x", "1", "v1=,v1=00", "{}")
	f.Fuzz(func(t *testing.T, id, stamp, signature, sent string) {
		h := http.Header{"Hebian-Dispatch": {id}, "Hebian-Timestamp": {stamp}, "Hebian-Signature": {signature}}
		err := webhook.Verify(secret, h, []byte(sent), time.Unix(0, 0), 1<<62)
		if err == nil && (sent != body || id != header.Get("Hebian-Dispatch")) {
			t.Errorf("%q %q %q", id, stamp, signature)
		}
	})
}
