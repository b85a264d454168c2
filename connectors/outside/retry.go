package outside

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/go-resty/resty/v2"
	"github.com/sony/gobreaker/v2"

	"hebian/connectors"
)

const (
	// firstPause is up to how long the first wait lasts where the partner doesn't say; each is up to twice the one before, and
	// none longer than longestPause.
	firstPause   = time.Second
	longestPause = time.Minute
	// longestAsked bounds what a partner may ask us to wait: more is a mistake of its clock, or of ours.
	longestAsked = 10 * time.Minute
	// tripAfter failures in a row open the breaker, for openFor; then one try shows whether the partner is back.
	tripAfter = 5
	openFor   = 10 * time.Second
)

// failure is what a try came to that brought no answer to work with.
type failure struct {
	kind   connectors.TroubleKind
	err    error
	again  bool      // another try may do better
	ill    bool      // it says that the partner is not well
	unsent bool      // nothing was sent, so it is no try
	stale  bool      // a token was not accepted that was good before: a new one may be
	until  time.Time // not to be tried before; zero: not known
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

func (f *failure) trouble(r request) *connectors.Trouble {
	return &connectors.Trouble{Kind: f.kind, Until: f.until, Err: fmt.Errorf("%v: %w", r, f.err)}
}

// newBreaker makes what leaves a partner alone that is away. Only what says something about the partner's health counts: no
// refusal, no asking to come later, and no caller that has changed its mind.
func (c *Client) newBreaker() *gobreaker.CircuitBreaker[*Answer] {
	return gobreaker.NewCircuitBreaker[*Answer](gobreaker.Settings{
		Timeout:     openFor,
		ReadyToTrip: func(counts gobreaker.Counts) bool { return counts.ConsecutiveFailures >= tripAfter },
		IsExcluded: func(err error) bool {
			var f *failure
			return errors.Is(err, context.Canceled) || errors.As(err, &f) && !f.ill
		},
		OnStateChange: func(_ string, _, to gobreaker.State) {
			if to == gobreaker.StateOpen {
				c.mu.Lock()
				defer c.mu.Unlock()
				c.until = time.Now().Add(openFor + time.Millisecond) // the breaker itself is open up to and with the last instant
			}
		},
	})
}

// do sends a request until it is answered for good, within its budget.
func (c *Client) do(ctx context.Context, r request) (*Answer, error) {
	limited, cancel := context.WithTimeout(ctx, c.options.Budget)
	defer cancel()
	var last *failure // of a try
	var a *Answer
	renewed := false
	for tries := 0; ; {
		if c.isClosed() {
			return nil, fmt.Errorf("%v: %w", r, ErrClosed)
		}
		got, f := c.once(limited, r)
		if f == nil {
			return got, nil
		}
		if ctx.Err() != nil {
			return nil, fmt.Errorf("%v: %w", r, ctx.Err())
		}
		pause := time.Until(f.until)
		if !f.unsent {
			last, a, tries = f, got, tries+1
			if f.stale && !renewed { // once a call: a partner that refuses new tokens, too, refuses us
				renewed = true
				continue
			}
			if f.until.IsZero() {
				pause = pauseAfter(tries)
			}
		}
		if deadline, _ := limited.Deadline(); last == nil || !f.again || tries >= c.options.Tries || !time.Now().Add(pause).Before(deadline) {
			return a, c.final(last, f).trouble(r)
		}
		if !sleep(limited, pause) {
			return nil, fmt.Errorf("%v: %w", r, ctx.Err())
		}
	}
}

// final is the failure that the caller is told of: that of the last try, and when to come again if the breaker has opened over it.
func (c *Client) final(last, now *failure) *failure {
	if last == nil {
		return now
	}
	f := *last
	if open, until := c.State(); open && until.After(f.until) {
		f.until = until
	}
	return &f
}

// once sends a request once, unless it must not be sent now.
func (c *Client) once(ctx context.Context, r request) (*Answer, *failure) {
	if f := c.held(); f != nil {
		return nil, f
	}
	if err := c.limiter.Wait(ctx); err != nil {
		return nil, &failure{kind: connectors.Busy, unsent: true, err: fmt.Errorf("wait for our own limit of requests: %w", err)}
	}
	a, err := c.breaker.Execute(func() (*Answer, error) {
		a, f := c.try(ctx, r)
		if f == nil {
			return a, nil
		}
		return a, f
	})
	var f *failure
	switch {
	case err == nil:
		return a, nil
	case errors.As(err, &f):
		c.note(f)
		return a, f
	}
	// The breaker has opened meanwhile, or another call's try is to show whether the partner is back.
	if f := c.held(); f != nil {
		return nil, f
	}
	return nil, c.open(time.Now().Add(firstPause))
}

// held says why nothing may be sent now, if so.
func (c *Client) held() *failure {
	if open, until := c.State(); open {
		return c.open(until)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Now().Before(c.later) {
		return &failure{kind: connectors.Busy, again: true, unsent: true, until: c.later, err: errors.New("it asked to come later")}
	}
	return nil
}

func (c *Client) open(until time.Time) *failure {
	return &failure{kind: connectors.CircuitOpen, again: true, unsent: true, until: until, err: fmt.Errorf("%d requests in a row came to nothing", tripAfter)}
}

// note remembers for all calls when the partner asked to come again.
func (c *Client) note(f *failure) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.until.After(c.later) {
		c.later = f.until
	}
}

// try sends a request once.
func (c *Client) try(ctx context.Context, r request) (*Answer, *failure) {
	ctx, cancel := context.WithTimeout(ctx, c.options.Timeout)
	defer cancel()
	q := c.http.R().SetContext(ctx)
	if header := r.header(); header != nil {
		q.Header = header.Clone()
	}
	name, value, err := c.auth.header(ctx)
	if err != nil {
		return nil, failureOf(nil, err)
	}
	if name != "" {
		q.SetHeader(name, value)
	}
	if r.body != nil {
		q.SetBody(r.body)
	}
	a, f := send(q, r.method, r.target.String())
	if f != nil && a != nil && a.Status == http.StatusUnauthorized {
		f.stale = c.auth.forget(value)
	}
	return a, f
}

// send carries a request out, the one place that does.
func send(q *resty.Request, method, target string) (*Answer, *failure) {
	response, err := q.Execute(method, target)
	var a *Answer
	if response != nil && response.RawResponse != nil {
		a = &Answer{Status: response.StatusCode(), Header: response.Header(), Body: response.Body()}
	}
	return a, failureOf(a, err)
}

// failureOf reads what a try brought; nil means an answer to work with.
func failureOf(a *Answer, err error) *failure {
	var f *failure
	var away *redirectError
	var address *AddressError
	var path *url.Error
	switch {
	case errors.As(err, &f):
		return f
	case errors.As(err, &away):
		return &failure{kind: connectors.Unfit, err: away}
	case a != nil && a.Status >= http.StatusMultipleChoices:
		return refusal(a)
	case err == nil:
		return nil
	case errors.As(err, &address):
		return &failure{kind: connectors.Unfit, err: address}
	case errors.Is(err, resty.ErrResponseBodyTooLarge):
		return &failure{kind: connectors.Unfit, err: errors.New("the answer is longer than max_body allows")}
	case errors.Is(err, http.ErrSchemeMismatch):
		return &failure{kind: connectors.Unfit, err: http.ErrSchemeMismatch}
	}
	if errors.As(err, &path) {
		err = path.Err // the rest of it is the address with its query, where a secret may stand
	}
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("no whole answer in time: %w", err)
	}
	if distrust(err) {
		return &failure{kind: connectors.Denied, err: err}
	}
	return &failure{kind: connectors.Unreachable, again: true, ill: true, err: err}
}

// distrust says that one side does not accept the other's certificate.
func distrust(err error) bool {
	var remote *net.OpError
	return errors.As(err, new(*tls.CertificateVerificationError)) ||
		errors.As(err, &remote) && remote.Op == "remote error" // an alert of TLS; crypto/tls has no type for it
}

// refusal reads an answer that is no 2xx.
func refusal(a *Answer) *failure {
	f := &failure{kind: connectors.Unfit, err: fmt.Errorf("the answer is %d %s", a.Status, http.StatusText(a.Status))}
	asked, said := retryAfter(a.Header, time.Now())
	switch {
	case a.Status == http.StatusUnauthorized, a.Status == http.StatusForbidden, a.Status == http.StatusProxyAuthRequired:
		f.kind = connectors.Denied
	case a.Status == http.StatusTooManyRequests, a.Status == http.StatusTooEarly, a.Status == http.StatusServiceUnavailable && said:
		f.kind, f.again = connectors.Busy, true
	case a.Status == http.StatusRequestTimeout, a.Status >= http.StatusInternalServerError:
		f.kind, f.again = connectors.Unreachable, true
	}
	f.ill = a.Status >= http.StatusInternalServerError
	if f.again && asked > 0 { // "at once" is up to us: to ask ten times in a row helps nobody
		f.until = time.Now().Add(asked)
	}
	return f
}

// retryAfter reads a Retry-After: seconds, or a day and time, which counts from the Date that the partner's own clock gave. The
// bound is longestAsked.
func retryAfter(header http.Header, now time.Time) (time.Duration, bool) {
	text := header.Get("Retry-After")
	if seconds, err := strconv.ParseUint(text, 10, 64); err == nil || errors.Is(err, strconv.ErrRange) {
		return time.Duration(min(seconds, uint64(longestAsked/time.Second))) * time.Second, true
	}
	at, err := http.ParseTime(text)
	if err != nil {
		return 0, false
	}
	if theirs, err := http.ParseTime(header.Get("Date")); err == nil {
		now = theirs
	}
	return min(max(0, at.Sub(now)), longestAsked), true
}

// pauseAfter gives a random share of a span that doubles, so that many that failed together do not come back together.
func pauseAfter(tries int) time.Duration {
	return rand.N(min(firstPause<<min(tries-1, 10), longestPause)) + 1
}

// sleep waits, unless the context ends first.
func sleep(ctx context.Context, pause time.Duration) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
