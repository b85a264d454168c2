package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"hebian/connectors"
	"hebian/connectors/push"
)

// exchange is a request whose answer is no JSON, or whose body is a file. It may be sent several times; the hub bears a repeat.
type exchange struct {
	method, path string
	file         string // its body; "": none
}

const (
	// exchangeTries bounds how often a request is sent.
	exchangeTries = 8
	// exchangeTimeout is how long one try may take: a download of 100,000 rows over a slow line, a corrected file until its receipt.
	exchangeTimeout = 15 * time.Minute
	// firstWait is up to how long the first wait lasts where the hub doesn't say; each is up to twice the one before, and none longer
	// than longestWait.
	firstWait   = 500 * time.Millisecond
	longestWait = time.Minute
	// problemBytes bounds what is read of an answer that says what is wrong.
	problemBytes = 1 << 20
)

// ownFault is an error that is not of the hub or the line to it: another try would not help.
type ownFault struct{ error }

func (f ownFault) Unwrap() error { return f.error }

// exchange sends a request until it is answered for good. take reads the answer; after an error of the line it is called again with
// another one, from the start.
func (a hubAddress) exchange(ctx context.Context, x exchange, take func(*http.Response) error) error {
	address, token, err := a.resolve()
	if err != nil {
		return err
	}
	if _, err := push.NewClient(address, token, nil); err != nil { // it knows what an address is
		return usageError(err.Error())
	}
	for try := 1; ; try++ {
		wait, err := x.try(ctx, strings.TrimRight(address, "/"), token, take)
		if err == nil || !passing(err) || try == exchangeTries {
			return err
		}
		if wait == 0 {
			wait = time.Duration((0.5 + rand.Float64()/2) * float64(firstWait<<(try-1)))
		}
		if err := pause(ctx, min(wait, longestWait)); err != nil {
			return err
		}
	}
}

// pause waits.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// passing says whether an error may go away by itself.
func passing(err error) bool {
	var own ownFault
	var usage usageError
	var p *push.Problem
	switch {
	case errors.As(err, &own), errors.As(err, &usage), errors.Is(err, context.Canceled):
		return false
	case errors.As(err, &p):
		return p.Status == http.StatusTooManyRequests || p.Status == http.StatusConflict && p.Code() == "busy" ||
			p.Status >= http.StatusInternalServerError && p.Status != http.StatusNotImplemented && p.Status != http.StatusInsufficientStorage
	}
	return true
}

// try sends a request once. wait is how long the hub asks to wait; 0: it doesn't say.
func (x exchange) try(ctx context.Context, address, token string, take func(*http.Response) error) (wait time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, exchangeTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, x.method, address+x.path, nil)
	if err != nil {
		return 0, ownFault{err}
	}
	if x.file != "" {
		file, err := os.Open(x.file)
		if err != nil {
			return 0, ownFault{err}
		}
		defer file.Close()
		stat, err := file.Stat()
		if err != nil {
			return 0, ownFault{err}
		}
		request.Body, request.ContentLength = file, stat.Size()
		request.Header.Set("Content-Type", "application/octet-stream")
	}
	request.Header.Set("Authorization", "Bearer "+token)
	// A token goes to the hub alone: redirects are not followed.
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	if response.StatusCode < http.StatusMultipleChoices {
		return 0, take(response)
	}
	if seconds, err := strconv.Atoi(response.Header.Get("Retry-After")); err == nil && seconds > 0 {
		wait = time.Duration(min(seconds, int(longestWait/time.Second))) * time.Second
	}
	return wait, problemOf(response)
}

// problemOf reads what the hub, or something in front of it, has against a request.
func problemOf(response *http.Response) error {
	text, err := io.ReadAll(io.LimitReader(response.Body, problemBytes))
	p := &push.Problem{}
	if err != nil || json.Unmarshal(text, p) != nil || p.Type == "" {
		says := http.StatusText(response.StatusCode)
		p = &push.Problem{Type: "about:blank", Title: says, Detail: fmt.Sprintf("the answer is %d %s, and not from a hub", response.StatusCode, says)}
	}
	p.Status = response.StatusCode
	return p
}

// receiptInto reads a receipt.
func receiptInto(r *connectors.Receipt) func(*http.Response) error {
	return func(response *http.Response) error {
		text, err := io.ReadAll(io.LimitReader(response.Body, problemBytes))
		if err != nil {
			return err
		}
		if err := json.Unmarshal(text, r); err != nil {
			return ownFault{fmt.Errorf("read the hub's answer: %w", err)}
		}
		return nil
	}
}
