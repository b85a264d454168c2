package connectortest_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"hebian/connectors/connectortest"
)

// newHTTPService opens a service with seven rows.
func newHTTPService(t *testing.T, o connectortest.ServiceOptions) *connectortest.Service {
	t.Helper()
	service, err := connectortest.NewService(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { service.Close() })
	for i := range 7 {
		changed := time.Unix(1000+int64(i), 0)
		service.Put(connectortest.ServiceRow{Key: fmt.Sprint(i), Updated: changed, JSON: fmt.Appendf(nil, `{"k":%d}`, i)})
	}
	return service
}

// ask sends a request, and gives the answer without its blanks.
func ask(t *testing.T, address string) (status int, header http.Header, body string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{DisableKeepAlives: true}
	defer transport.CloseIdleConnections()
	r, err := transport.RoundTrip(q)
	if err != nil {
		return 0, nil, "", err
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	return r.StatusCode, r.Header, strings.Join(strings.Fields(string(text)), ""), err
}

// Each way to ask for pages, at its beginning and its end.
func TestServicePages(t *testing.T) {
	service := newHTTPService(t, connectortest.ServiceOptions{MaxPage: 5, TimeFormat: "unix"})
	for ref, want := range map[string]string{
		"/none?since=1006":        `{"code":0,"data":{"items":[{"k":6}],"link":"","more":false,"next":null,"total":1}}`,
		"/page?page=2&size=6":     `{"code":0,"data":{"items":[{"k":5},{"k":6}],"link":"","more":false,"next":null,"total":7}}`,
		"/offset?offset=6":        `{"code":0,"data":{"items":[{"k":6}],"link":"","more":false,"next":null,"total":7}}`,
		"/offset?offset=9":        `{"code":0,"data":{"items":[],"link":"","more":false,"next":null,"total":7}}`,
		"/cursor?limit=1":         `{"code":0,"data":{"items":[{"k":0}],"link":"","more":true,"next":"1","total":7}}`,
		"/cursor?cursor=6":        `{"code":0,"data":{"items":[{"k":6}],"link":"","more":false,"next":null,"total":7}}`,
		"/feed?cursor=6":          `{"code":0,"data":{"items":[{"k":6}],"link":"","more":false,"next":"7","total":7}}`,
		"/feed?cursor=7":          `{"code":0,"data":{"items":[],"link":"","more":false,"next":"7","total":7}}`,
		"/link?limit=1":           `{"code":0,"data":{"items":[{"k":0}],"link":"/link?after=1\u0026limit=1","more":true,"next":"1","total":7}}`,
		"/lines?offset=5&limit=9": `{"k":5}{"k":6}`,
	} {
		status, _, body, err := ask(t, service.URL()+ref)
		if body = strings.ReplaceAll(body, "&", `\u0026`); status != 200 || body != want || err != nil {
			t.Errorf("%s: got %d %s, %v", ref, status, body, err)
		}
	}
	service.Put(connectortest.ServiceRow{Key: "0", Updated: time.Unix(2000, 0), JSON: []byte(`{"k":0,"v":2}`)})
	service.Delete("1", "2", "3", "4", "5")
	if _, _, body, _ := ask(t, service.URL()+"/lines"); body != `{"k":6}{"k":0,"v":2}` {
		t.Errorf("after a change: %s", body)
	}
	if service.Given() != 12 || len(service.Asked()) != 11 {
		t.Errorf("%d rows given to %d requests", service.Given(), len(service.Asked()))
	}
}

// Faults come in turn, then the one that stays, then none.
func TestServiceFaults(t *testing.T) {
	service := newHTTPService(t, connectortest.ServiceOptions{})
	service.Fail(connectortest.Fault{Status: 503, RetryAfter: "7"}, connectortest.Fault{}, connectortest.Fault{Break: connectortest.Cut})
	mend := service.FailAlways(connectortest.Fault{Status: 302, Location: "/elsewhere"})
	if status, header, _, _ := ask(t, service.URL()+"/none"); status != 503 || header.Get("Retry-After") != "7" {
		t.Errorf("got %d with %v", status, header)
	}
	if status, _, _, err := ask(t, service.URL()+"/none"); status != 200 || err != nil {
		t.Errorf("got %d, %v", status, err)
	}
	if _, _, _, err := ask(t, service.URL()+"/none"); err == nil {
		t.Error("a cut answer is whole")
	}
	for range 2 {
		if status, header, _, _ := ask(t, service.URL()+"/none"); status != 302 || header.Get("Location") != "/elsewhere" {
			t.Errorf("got %d with %v", status, header)
		}
	}
	mend()
	if status, _, _, err := ask(t, service.URL()+"/none"); status != 200 || err != nil {
		t.Errorf("mended: %d, %v", status, err)
	}
}

// Close ends whatever waits in a service, and leaves nothing behind.
func TestServiceClose(t *testing.T) {
	before := goleak.IgnoreCurrent()
	for _, how := range []connectortest.Break{connectortest.HalfOpen, connectortest.Stall, connectortest.Endless} {
		service := newHTTPService(t, connectortest.ServiceOptions{})
		service.FailAlways(connectortest.Fault{Break: how})
		ctx, cancel := context.WithCancel(t.Context())
		waiting := make(chan error)
		transport := &http.Transport{}
		go func() {
			q, _ := http.NewRequestWithContext(ctx, http.MethodGet, service.URL()+"/none", nil)
			r, err := transport.RoundTrip(q)
			if err == nil {
				_, err = io.Copy(io.Discard, r.Body)
				r.Body.Close()
			}
			waiting <- err
		}()
		select {
		case err := <-waiting:
			t.Errorf("%s: the answer came: %v", how, err)
		case <-time.After(100 * time.Millisecond):
			service.Close()
			if err := <-waiting; err == nil {
				t.Errorf("%s: closed, and the answer is whole", how)
			}
		}
		cancel()
		transport.CloseIdleConnections()
	}
	goleak.VerifyNone(t, before)
}
