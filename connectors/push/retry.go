package push

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"github.com/sony/gobreaker/v2"
)

const (
	// maxTries bounds how often a request is sent.
	maxTries = 8
	// firstPause is up to how long the first wait lasts where the hub doesn't say; each is up to twice the
	// one before, and none longer than longestPause, which bounds what the hub says as well.
	firstPause   = 500 * time.Millisecond
	longestPause = time.Minute
	// tripAfter failures in a row open the breaker, for openSeconds; then one try shows whether the hub is back.
	tripAfter = 5
	openFor   = 10 * time.Second
)

// ErrAway says that the hub did not answer for so long that it is left alone for a while.
var ErrAway = errors.New("the hub does not answer")

// newBreaker makes what leaves a hub alone that is away. Only what says something about the hub's health counts:
// not a refusal, and not a caller that has changed its mind.
func newBreaker() *gobreaker.CircuitBreaker[answer] {
	return gobreaker.NewCircuitBreaker[answer](gobreaker.Settings{
		Timeout:      openFor,
		ReadyToTrip:  func(counts gobreaker.Counts) bool { return counts.ConsecutiveFailures >= tripAfter },
		IsExcluded:   func(err error) bool { return errors.Is(err, context.Canceled) || errors.As(err, new(*fs.PathError)) },
		IsSuccessful: func(err error) bool { p := refusal(err); return err == nil || p != nil && p.Status < 500 },
	})
}

// do sends a request until it is answered for good, within its budget.
func (c *Client) do(ctx context.Context, call call, out any) error {
	ctx, cancel := context.WithTimeout(ctx, call.budget)
	defer cancel()
	for tries := 1; ; {
		a, err := c.breaker.Execute(func() (answer, error) { return c.try(ctx, call) })
		var pause time.Duration
		switch {
		case err == nil && out == nil:
			return nil
		case err == nil:
			if err := json.Unmarshal(a.body, out); err != nil {
				return fmt.Errorf("read the hub's answer: %w", err)
			}
			return nil
		case errors.Is(err, gobreaker.ErrOpenState), errors.Is(err, gobreaker.ErrTooManyRequests):
			// Nothing was sent: it is no try. The budget ends the waiting.
			err, pause = ErrAway, openFor/10
		case !again(ctx, err) || tries == maxTries:
			return err
		default:
			pause = wait(a, tries)
			tries++
		}
		if !sleep(ctx, pause) {
			return fmt.Errorf("%w (%w)", err, context.Cause(ctx))
		}
	}
}

// again says whether another try may do better.
func again(ctx context.Context, err error) bool {
	if ctx.Err() != nil || errors.As(err, new(*fs.PathError)) { // the file to send is not there
		return false
	}
	p := refusal(err)
	if p == nil {
		return true // the road broke off
	}
	switch p.Status {
	case http.StatusRequestTimeout:
		return true
	case http.StatusTooManyRequests:
		return p.Code() != "quota" // tomorrow is too long to wait
	case http.StatusConflict:
		return p.Code() == "busy"
	case http.StatusBadRequest:
		return p.Code() == "truncated"
	}
	return p.Status >= http.StatusInternalServerError && p.Status != http.StatusInsufficientStorage // an operator must make room first
}

// wait says how long to wait before the next try: as long as the hub says, else a random share of a span that
// doubles, so that many senders do not come back at once.
func wait(a answer, tries int) time.Duration {
	if said, ok := retryAfter(a.header.Get("Retry-After")); ok {
		return min(said, longestPause)
	}
	return rand.N(min(firstPause<<(tries-1), longestPause)) + 1
}

// retryAfter reads a Retry-After: seconds, or a day and time.
func retryAfter(header string) (time.Duration, bool) {
	if seconds, err := strconv.ParseUint(header, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second, true
	}
	if at, err := http.ParseTime(header); err == nil {
		return max(0, time.Until(at)), true
	}
	return 0, false
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
