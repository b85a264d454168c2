package push_test

import (
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"hebian/connectors"
	"hebian/connectors/push"
)

// counted is a line whose client counts the bytes of bodies that it hands over, and that breaks when told to.
type counted struct {
	next     http.RoundTripper
	sent     atomic.Int64
	requests []string
	breaks   []int64 // after so many bytes of the bodies of the next PATCHes; 0: not
	lost     int     // answers to PATCHes and deliveries that do not come back
}

func (c *counted) RoundTrip(q *http.Request) (*http.Response, error) {
	c.requests = append(c.requests, q.Method)
	parts := q.Method == http.MethodPatch
	if parts || strings.HasPrefix(q.URL.Path, "/v1/deliveries/") {
		after := int64(0)
		if parts && len(c.breaks) > 0 {
			after, c.breaks = c.breaks[0], c.breaks[1:]
		}
		q.Body = &breaking{body: q.Body, left: after, breaks: after > 0, sent: &c.sent}
	}
	response, err := c.next.RoundTrip(q)
	if err == nil && c.lost > 0 && (parts || strings.HasSuffix(q.URL.Path, "/deliver")) {
		c.lost--
		response.Body.Close()
		return nil, &net.OpError{Op: "read", Err: errors.New("connection reset")}
	}
	return response, err
}

// breaking is a body in the midst of which the line breaks.
type breaking struct {
	body   io.ReadCloser
	left   int64
	breaks bool
	sent   *atomic.Int64
}

func (b *breaking) Read(p []byte) (int, error) {
	if b.breaks {
		if b.left == 0 {
			return 0, errors.New("the line broke")
		}
		p = p[:min(int64(len(p)), b.left)]
	}
	n, err := b.body.Read(p)
	b.left -= int64(n)
	b.sent.Add(int64(n))
	return n, err
}

func (b *breaking) Close() error { return b.body.Close() }

// large is a file of 3 MB that no other is like.
func large() string {
	var text strings.Builder
	for text.Len() < 3_000_000 {
		text.WriteString(randomLine())
	}
	return text.String()[:3_000_000]
}

func randomLine() string {
	line := make([]byte, 100)
	for i := range line {
		line[i] = 'a' + byte(rand.IntN(26))
	}
	line[99] = '\n'
	return string(line)
}

// A large file goes in parts: where the line breaks, it goes on, and nothing that came is sent again.
func TestDeliverParts(t *testing.T) {
	for _, test := range []struct {
		name   string
		breaks []int64
		lost   int
		again  int64 // bytes that may be sent twice: what was on its way when the line broke
	}{
		{name: "no trouble"},
		{name: "breaks in the first part", breaks: []int64{300_000}, again: 300_000},
		{name: "breaks again and again", breaks: []int64{500_000, 1, 700_000, 0, 999_999}, again: 999_999},
		{name: "answers are lost", lost: 4},
	} {
		t.Run(test.name, func(t *testing.T) {
			r, content := open(t), large()
			c := &counted{next: http.DefaultTransport, breaks: test.breaks, lost: test.lost}
			client := newClient(t, r.server.URL, c)
			client.InParts(1_000_000, 1_000_000)
			s := shipment(t, content)
			s.Period = 202609
			got, err := client.Deliver(t.Context(), s)
			if err != nil || got.Delivery != 1 || r.contents[0] != content || len(r.uploads) != 1 || r.uploads[0].Period != 202609 {
				t.Fatalf("receipt %d, %v, %d files", got.Delivery, err, len(r.uploads))
			}
			if sent := c.sent.Load(); sent < 3_000_000 || sent > 3_000_000+test.again {
				t.Errorf("%d bytes sent, want 3,000,000 and at most %d again", sent, test.again)
			}
		})
	}
}

// What a call that was given up brought, the next one does not send again; a delivered file that is sent again counts again.
func TestDeliverPartsLater(t *testing.T) {
	r, content := open(t), large()
	s := shipment(t, content)
	deliver := func(c *counted) error {
		c.next = http.DefaultTransport
		client := newClient(t, r.server.URL, c)
		client.InParts(1_000_000, 1_000_000)
		_, err := client.Deliver(t.Context(), s)
		return err
	}
	r.serve = func(w http.ResponseWriter, q *http.Request, next http.Handler) {
		if q.Method == http.MethodPatch && q.Header.Get("Upload-Offset") == "2000000" {
			w.WriteHeader(http.StatusTeapot) // something in between does not like it
			return
		}
		next.ServeHTTP(w, q)
	}
	var p *push.Problem
	if err := deliver(&counted{}); !errors.As(err, &p) || p.Status != http.StatusTeapot {
		t.Fatal(err)
	}
	r.serve = nil
	r.start() // the hub was killed meanwhile
	for i, want := range []int64{1_000_000, 3_000_000} {
		c := &counted{}
		if err := deliver(c); err != nil || c.sent.Load() != want || len(r.uploads) != i+1 || r.contents[i] != content {
			t.Errorf("%d. call: %d bytes sent, %v, %d files", i+2, c.sent.Load(), err, len(r.uploads))
		}
	}
}

// A hub that takes no parts gets the file in one piece; one that refuses the file is not asked again.
func TestDeliverPartsWhole(t *testing.T) {
	for _, test := range []struct {
		name string
		with func(*push.Options)
		file string
		fill int // uploads on their way already
		code string
		asks int // requests
	}{
		{name: "no parts", with: func(o *push.Options) { o.Uploads = "" }, asks: 2},
		{name: "too many on their way", fill: 8, asks: 2},
		{name: "unknown file", file: "payroll.csv", code: "unknown_file", asks: 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			var with []func(*push.Options)
			if test.with != nil {
				with = append(with, test.with)
			}
			r := open(t, with...)
			for range test.fill {
				r.announce(t, 201, "", payroll(file))
			}
			c := &counted{next: http.DefaultTransport}
			client := newClient(t, r.server.URL, c)
			client.InParts(10, 10)
			s := shipment(t, file)
			if test.file != "" {
				s.File = test.file
			}
			_, err := client.Deliver(t.Context(), s)
			var p *push.Problem
			if errors.As(err, &p); test.code == "" && err != nil || test.code != "" && (p == nil || p.Code() != test.code) {
				t.Error(err)
			}
			if len(c.requests) != test.asks {
				t.Errorf("requests %q", c.requests)
			}
		})
	}
}

// Without a key of the caller's, rows to add go under the same key in parts as in one piece.
func TestDeliverPartsKey(t *testing.T) {
	r := open(t)
	s := shipment(t, file)
	for _, mode := range []connectors.Mode{connectors.Add, connectors.Full} {
		s.Mode = mode
		for _, from := range []int64{10, 1 << 30} {
			client := newClient(t, r.server.URL, nil)
			client.InParts(from, 10)
			if _, err := client.Deliver(t.Context(), s); err != nil {
				t.Fatal(err)
			}
		}
	}
	if len(r.uploads) != 3 {
		t.Errorf("%d files came in, want the rows to add once, and the whole file twice", len(r.uploads))
	}
}
