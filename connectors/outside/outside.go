// Package outside calls partners' HTTP services: one Client for one partner's endpoint, with what stands between us and a
// partner's troubles — bounds of time and size, tries with growing pauses, a limit of requests a second, a breaker that leaves a
// partner alone who is away, and a guard that lets no name or redirect lead into our own network. What is asked and what the
// answers mean is its callers' business.
package outside

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/go-resty/resty/v2"
	"github.com/sony/gobreaker/v2"
	"golang.org/x/time/rate"

	"hebian/connectors"
)

// Client calls one endpoint of a partner. Calls may run side by side: they share what is known of its health.
type Client struct {
	options Options
	base    *url.URL
	http    *resty.Client
	idle    interface{ CloseIdleConnections() } // nil: a transport that keeps none
	auth    authorizer
	limiter *rate.Limiter
	breaker *gobreaker.CircuitBreaker[*Answer]

	mu     sync.Mutex
	closed bool
	until  time.Time // the breaker, once it opened, is open until then
	later  time.Time // the partner asked not to be asked before
}

// Answer is what a partner answered.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// ErrClosed says that a client was closed.
var ErrClosed = errors.New("the client was closed")

// New makes a client. An error says which key of the options does not do.
func New(o Options) (*Client, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	o = o.filled()
	base, err := url.Parse(o.URL) // Check did, too
	if err != nil {
		return nil, err
	}
	c := &Client{options: o, base: base, limiter: rate.NewLimiter(rate.Limit(o.Rate.PerSecond), o.Rate.Burst)}
	transport := o.Transport
	if transport == nil {
		if transport, err = o.transport(); err != nil {
			return nil, err
		}
	}
	c.idle, _ = transport.(interface{ CloseIdleConnections() })
	// Made around a client of our own, resty keeps no cookies.
	c.http = resty.NewWithClient(&http.Client{Transport: transport}).
		SetResponseBodyLimit(int(o.MaxBody)).
		SetRedirectPolicy(resty.RedirectPolicyFunc(follow)).
		SetHeader("User-Agent", "hebian").
		SetDisableWarn(true). // what goes over plain HTTP is the operator's choice
		SetLogger(silent{})   // errors are returned
	if c.auth, err = newAuthorizer(o.Auth, c.http); err != nil {
		return nil, err
	}
	c.breaker = c.newBreaker()
	return c, nil
}

// Do sends a request and gives the answer, which is a 2xx if there is no error. ref is a reference to resolve against the
// endpoint's URL: "", "?page=2", "rows/7", "/v2/rows", or a whole URL of the same scheme and host. The request is tried again
// where that may help, so the partner must bear a repeat; all tries send the same header and body.
//
// An error is a *connectors.Trouble, together with the partner's last answer if it gave one, the context's, or ErrClosed.
func (c *Client) Do(ctx context.Context, method, ref string, header http.Header, body []byte) (*Answer, error) {
	return c.DoEach(ctx, method, ref, func() http.Header { return header }, body)
}

// DoEach is Do with a header that is asked for before each try, for what must be new each time, such as the time of a signature.
func (c *Client) DoEach(ctx context.Context, method, ref string, header func() http.Header, body []byte) (*Answer, error) {
	target, err := c.resolve(ref)
	if err != nil {
		return nil, &connectors.Trouble{Kind: connectors.Unfit, Err: err}
	}
	defer func() {
		if c.isClosed() {
			c.rest() // the call's own connection
		}
	}()
	return c.do(ctx, request{method: method, target: target, header: header, body: body})
}

// URL is the endpoint's, parsed.
func (c *Client) URL() *url.URL {
	base := *c.base
	return &base
}

// State says whether the partner failed so often that it is left alone for now, and until when it is.
func (c *Client) State() (open bool, until time.Time) {
	if c.breaker.State() != gobreaker.StateOpen {
		return false, time.Time{}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return true, c.until
}

// Close closes connections. Calls that run go on until they are answered or their context ends; later ones are errors.
func (c *Client) Close() error {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.rest()
	return nil
}

// rest closes connections that no call uses.
func (c *Client) rest() {
	if c.idle != nil {
		c.idle.CloseIdleConnections()
	}
}

func (c *Client) isClosed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

// resolve reads a reference. What a partner names as its next page comes through here, so nothing may lead elsewhere.
func (c *Client) resolve(ref string) (*url.URL, error) {
	target, err := c.base.Parse(ref)
	if err != nil {
		return nil, fmt.Errorf("the address of a request cannot be read")
	}
	if !sameOrigin(target, c.base) || target.User != nil {
		return nil, fmt.Errorf("%s leads away from %s", origin(target), origin(c.base))
	}
	target.Fragment, target.RawFragment = "", ""
	return target, nil
}

// request is what may be sent several times.
type request struct {
	method string
	target *url.URL
	header func() http.Header
	body   []byte
}

// String names a request in errors, without its query: a secret, or a person, may stand there.
func (r request) String() string {
	return r.method + " " + origin(r.target) + r.target.EscapedPath()
}

// sameOrigin says whether two addresses lead to the same door, however they are written.
func sameOrigin(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && strings.EqualFold(a.Hostname(), b.Hostname()) && port(a) == port(b)
}

func port(u *url.URL) string {
	usual := "80"
	if u.Scheme == "https" {
		usual = "443"
	}
	return cmp.Or(u.Port(), usual)
}

func origin(u *url.URL) string { return u.Scheme + "://" + u.Host }

// silent is a resty.Logger that says nothing.
type silent struct{}

func (silent) Errorf(string, ...any) {}
func (silent) Warnf(string, ...any)  {}
func (silent) Debugf(string, ...any) {}
