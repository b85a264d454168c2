package outside_test

import (
	"net/http"
	"testing"
	"time"

	"go.uber.org/goleak"

	"hebian/connectors"
	"hebian/connectors/connectortest"
	"hebian/connectors/outside"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Over a real connection: a partner that fails once is asked again, one that fails on and on is a trouble of the right kind, and
// neither lasts longer than it may.
func TestFaults(t *testing.T) {
	service, err := connectortest.NewService(connectortest.ServiceOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer service.Close()
	service.Put(connectortest.ServiceRow{Key: "1", JSON: []byte(`{"id": "1", "text": "第1行"}`)})
	for _, test := range []struct {
		name  string
		fault connectortest.Fault
		kind  connectors.TroubleKind // if it fails on and on; "": it does not keep the answer from coming
	}{
		{"503", connectortest.Fault{Status: 503}, connectors.Unreachable},
		{"503, later", connectortest.Fault{Status: 503, RetryAfter: "0"}, connectors.Busy},
		{"429, seconds", connectortest.Fault{Status: 429, RetryAfter: "0"}, connectors.Busy},
		{"429, when", connectortest.Fault{Status: 429, RetryAfter: "Fri, 01 Jan 2021 00:00:00 GMT"}, connectors.Busy},
		{"latency", connectortest.Fault{Delay: time.Hour}, connectors.Unreachable},
		{"some latency", connectortest.Fault{Delay: 5 * time.Millisecond}, ""},
		{"reset", connectortest.Fault{Break: connectortest.Reset}, connectors.Unreachable},
		{"lost", connectortest.Fault{Break: connectortest.Lost}, connectors.Unreachable},
		{"half-open", connectortest.Fault{Break: connectortest.HalfOpen}, connectors.Unreachable},
		{"garbage", connectortest.Fault{Break: connectortest.Garbage}, connectors.Unreachable},
		{"cut", connectortest.Fault{Break: connectortest.Cut}, connectors.Unreachable},
		{"drip", connectortest.Fault{Break: connectortest.Drip}, connectors.Unreachable},
		{"stall", connectortest.Fault{Break: connectortest.Stall}, connectors.Unreachable},
		{"endless", connectortest.Fault{Break: connectortest.Endless}, connectors.Unfit},
		{"redirect elsewhere", connectortest.Fault{Status: 302, Location: "https://elsewhere.example/"}, connectors.Unfit},
	} {
		t.Run(test.name, func(t *testing.T) {
			open := func(budget time.Duration) *outside.Client {
				return newClient(t, outside.Options{
					URL: service.URL() + "/none", Allow: loopback, Timeout: 200 * time.Millisecond, Budget: budget, MaxBody: 64 << 10,
					Rate: outside.Rate{PerSecond: 1000, Burst: 1000},
				})
			}
			get := func(c *outside.Client) (*outside.Answer, error) {
				return c.Do(t.Context(), http.MethodGet, "", nil, nil)
			}
			if test.kind != connectors.Unfit {
				service.Fail(test.fault)
				if a, err := get(open(30 * time.Second)); err != nil || a.Status != 200 {
					t.Errorf("failed once: %v", err)
				}
			}
			mend := service.FailAlways(test.fault)
			defer mend()
			start := time.Now()
			_, err := get(open(500 * time.Millisecond))
			if kind := kindOf(t, err); kind != test.kind {
				t.Errorf("failing on and on: %v, want kind %q", err, test.kind)
			}
			if lasted := time.Since(start); lasted > 5*time.Second {
				t.Errorf("it lasted %s", lasted)
			}
		})
	}
}

// One partner's stall is no other's.
func TestStallAlone(t *testing.T) {
	stalled, err := connectortest.NewService(connectortest.ServiceOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer stalled.Close()
	well, err := connectortest.NewService(connectortest.ServiceOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer well.Close()
	stalled.FailAlways(connectortest.Fault{Break: connectortest.Stall})
	slow := newClient(t, outside.Options{URL: stalled.URL() + "/none", Allow: loopback, Timeout: 300 * time.Millisecond, Budget: 400 * time.Millisecond})
	fast := newClient(t, outside.Options{URL: well.URL() + "/none", Allow: loopback, Rate: outside.Rate{PerSecond: 1000, Burst: 1000}})
	ended := make(chan error)
	go func() {
		_, err := slow.Do(t.Context(), http.MethodGet, "", nil, nil)
		ended <- err
	}()
	calls := 0
	for {
		select {
		case err := <-ended:
			if kindOf(t, err) != connectors.Unreachable || calls < 10 {
				t.Errorf("the stall ended with %v, after %d calls to another partner", err, calls)
			}
			return
		default:
			if _, err := get(t, fast); err != nil {
				t.Fatal(err)
			}
			calls++
		}
	}
}
