package push_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"hebian/connectors/push"
	"hebian/schemas"
)

// An agency that asks too often is told when to come again; others, and operators, don't notice.
func TestTooManyRequests(t *testing.T) {
	for _, test := range []struct {
		name   string
		limits push.Limits
		burst  int
		retry  string
	}{
		{"none", push.Limits{}, 100, ""},
		{"five, then one a second", push.Limits{RequestsPerSecond: 1, Burst: 5}, 5, "1"},
		{"one in four seconds", push.Limits{RequestsPerSecond: 0.25, Burst: 1}, 1, "4"},
		{"without a burst", push.Limits{RequestsPerSecond: 3}, 3, "1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := build(t, func(o *push.Options) { o.Limits = test.limits })
			synctest.Test(t, func(t *testing.T) {
				r.start() // a bucket is full when time in the bubble begins
				see := func(token string) (int, string, string) {
					out := r.ask(request{method: http.MethodGet, path: "/v1/periods", token: token}, nil)
					return out.Code, out.Header().Get("Retry-After"), out.Body.String()
				}
				for i := range test.burst {
					if status, _, body := see("hb_finance"); status != 200 {
						t.Fatalf("request %d: answer %d: %s", i, status, body)
					}
				}
				if test.retry == "" {
					return
				}
				for range 3 { // asking does not put off the time
					if status, retry, body := see("hb_finance"); status != 429 || retry != test.retry || !strings.Contains(body, "too_many_requests") {
						t.Errorf("answer %d, Retry-After %q: %s", status, retry, body)
					}
				}
				if status, _, _ := see("hb_hr"); status != 200 {
					t.Errorf("another agency: answer %d", status)
				}
				for range test.burst + 1 {
					if status, _, _ := see("hb_operator"); status != 200 {
						t.Errorf("an operator: answer %d", status)
					}
				}
				time.Sleep(4 * time.Second)
				if status, _, _ := see("hb_finance"); status != 200 {
					t.Errorf("in time: answer %d", status)
				}
			})
		})
	}
}

// An agency sends no more bytes in a day than it may, in whatever way they come.
func TestQuota(t *testing.T) {
	day := schemas.Month(202610).First()
	r := build(t, func(o *push.Options) {
		o.Limits = push.Limits{DailyBytes: 100}
		o.Today = func() schemas.Date { return day }
	})
	deliver := func(token, path string, body io.Reader) (int, string) {
		out := r.ask(request{method: http.MethodPost, path: "/v1/deliveries/" + path, token: token}, body)
		return out.Code, out.Body.String()
	}
	const ours = "finance/payroll-202609.csv"
	text := func(n int) io.Reader { return strings.NewReader(strings.Repeat("x", n)) }
	for _, test := range []struct {
		name, token, path string
		body              io.Reader
		status            int
	}{
		{"within", "", ours, text(40), 201},
		{"more than is left, as announced", "", ours, text(61), 429},
		{"more than is left, by an operator", "hb_operator", ours, text(61), 201},
		{"what is left in the sandbox counts too", "hb_sandbox", ours, text(20), 201},
		{"what broke off counts too", "", ours, io.MultiReader(text(10), iotest.ErrReader(io.ErrUnexpectedEOF)), 400},
		{"all that is left", "", ours, bare{text(30)}, 201},
		{"nothing left", "", ours, bare{text(1)}, 429},
		{"another agency", "hb_hr", "hr/events.ndjson", text(90), 201},
		{"more than is left, as it turns out", "hb_hr", "hr/events.ndjson", bare{text(11)}, 429},
	} {
		if status, body := deliver(test.token, test.path, test.body); status != test.status || status == 429 && !strings.Contains(body, `problem:quota"`) {
			t.Errorf("%s: answer %d, want %d: %s", test.name, status, test.status, body)
		}
	}
	p := r.announce(t, 201, "", push.Announce{File: "payroll-202609.csv", Bytes: 150})
	if status, code, _ := r.part(p.ID, 0, text(50)); status != 429 || code != "quota" {
		t.Errorf("a part: answer %d %s", status, code)
	}
	day++
	if status, code, at := r.part(p.ID, 0, bare{text(110)}); status != 429 || code != "quota" || at == "" {
		t.Errorf("the next day, a part that is too long: answer %d %s at %s", status, code, at)
	}
	if status, body := deliver("hb_hr", "hr/events.ndjson", text(100)); status != 201 {
		t.Errorf("the next day: answer %d: %s", status, body)
	}
}

// A token opens what its scopes say.
func TestScopes(t *testing.T) {
	r := build(t)
	r.ask(request{method: http.MethodPost, path: "/v1/deliveries/finance/payroll-202609.csv"}, strings.NewReader(file))
	r.receipts = append(r.receipts, r.receipts[0])
	r.receipts[1].Delivery, r.receipts[1].Connector, r.receipts[1].By = 2, "finance-in", "finance-in"
	id := r.announce(t, 201, "", payroll(file)).ID
	for _, test := range []struct {
		method, path        string
		deliver, read, pull int
	}{
		{"POST", "/v1/deliveries/finance/payroll-202609.csv", 201, 403, 403},
		{"PUT", "/v1/periods/202609/complete", 409, 403, 403}, // files are lacking
		{"GET", "/v1/uploads/" + id, 200, 403, 403},
		{"PATCH", "/v1/uploads/" + id, 204, 403, 403},
		{"POST", "/v1/uploads/" + id + "/deliver", 409, 403, 403},
		{"DELETE", "/v1/uploads/" + id, 204, 403, 403},
		{"POST", "/v1/receipts/1/release", 403, 403, 403}, // nor may any but an operator
		{"GET", "/v1/periods", 403, 200, 403},
		{"GET", "/v1/receipts", 403, 200, 403},
		{"GET", "/v1/receipts/1", 200, 200, 403},
		{"GET", "/v1/receipts/1/refused.ndjson", 200, 200, 403},
		{"GET", "/v1/receipts/2", 403, 200, 403},
	} {
		for token, want := range map[string]int{"hb_read": test.read, "hb_pull": test.pull, "hb_deliver": test.deliver} {
			var body io.Reader
			if test.method == "POST" && strings.Contains(test.path, "deliveries") {
				body = strings.NewReader(file)
			}
			q := request{method: test.method, path: test.path, token: token}
			if test.method == "PATCH" {
				q.header = map[string]string{"Upload-Offset": "0"}
			}
			if test.method == "DELETE" && want == 204 {
				continue // at the end, by whoever may
			}
			out := r.ask(q, body)
			if out.Code != want {
				t.Errorf("%s %s by %s: answer %d, want %d: %s", test.method, test.path, token, out.Code, want, out.Body)
			}
			if out.Code == 403 && !strings.Contains(test.path, "release") && !strings.Contains(out.Body.String(), `scope`) {
				t.Errorf("%s %s by %s: the scope is not named: %s", test.method, test.path, token, out.Body)
			}
		}
	}
}

// What is tried out in the sandbox meets nothing of the hub's, nor does the hub meet that.
func TestSandbox(t *testing.T) {
	r := open(t)
	key := map[string]string{"Idempotency-Key": "k"}
	once := false
	r.house.during = func() {
		if once {
			return
		}
		once = true
		if response, body := r.send(t, request{body: "tried\n", token: "hb_sandbox", header: key}); response.StatusCode != 201 {
			t.Errorf("tried out while the real one comes: answer %d: %s", response.StatusCode, body)
		}
	}
	if response, body := r.send(t, request{body: file, header: key}); response.StatusCode != 201 {
		t.Errorf("the real one: answer %d: %s", response.StatusCode, body)
	}
	p := r.announce(t, 201, "hb_sandbox", payroll(file))
	q := request{method: http.MethodPatch, path: "/v1/uploads/" + p.ID, token: "hb_sandbox", header: map[string]string{"Upload-Offset": "0"}}
	if out := r.ask(q, strings.NewReader(file)); out.Code != 204 {
		t.Errorf("a part: answer %d: %s", out.Code, out.Body)
	}
	for _, status := range []int{201, 200} {
		if out := r.ask(request{method: http.MethodPost, path: "/v1/uploads/" + p.ID + "/deliver", token: "hb_sandbox"}, nil); out.Code != status {
			t.Errorf("an upload: answer %d: %s", out.Code, out.Body)
		}
	}
	if len(r.house.receipts) != 1 || len(r.sandbox.receipts) != 2 || r.sandbox.contents[0] != "tried\n" {
		t.Errorf("the hub got %d files, the sandbox %d", len(r.house.receipts), len(r.sandbox.receipts))
	}
	for _, test := range []struct {
		token  string
		status int
	}{{"hb_finance", 404}, {"hb_sandbox", 200}} {
		if response, body := r.send(t, request{method: http.MethodGet, path: "/v1/receipts/2", token: test.token}); response.StatusCode != test.status {
			t.Errorf("the second receipt by %s: answer %d: %s", test.token, response.StatusCode, body)
		}
	}
	r.send(t, request{method: http.MethodPut, path: "/v1/periods/202609/complete", token: "hb_sandbox", header: map[string]string{"Content-Type": "application/json"}, body: `{"empty": ["finance/control_numbers.csv"]}`})
	if len(r.house.declared) != 0 || len(r.sandbox.declared) != 1 {
		t.Errorf("%d months declared, and %d in the sandbox", len(r.house.declared), len(r.sandbox.declared))
	}
	r.options.Sandbox = nil
	r.start()
	for _, path := range []string{"/v1/receipts", "/v1/receipts/1", "/v1/periods", "/v1/uploads/" + p.ID} {
		response, body := r.send(t, request{method: http.MethodGet, path: path, token: "hb_sandbox"})
		if got := problemOf(t, response, body); got.Status != 403 || got.Code() != "sandbox_closed" {
			t.Errorf("%s without a sandbox: answer %d %s", path, got.Status, got.Code())
		}
	}
}
