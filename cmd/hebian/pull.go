package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// pullCommand is the command that fetches the records of a feed.
type pullCommand struct {
	Feed   string `arg:"" help:"corrections, findings, or golden where the office grants it."`
	After  string `placeholder:"CURSOR" help:"Go on from there. Default: from where --state says, else from the start."`
	State  string `placeholder:"FILE" help:"Keep there how far it got, and go on from there the next time."`
	Out    string `placeholder:"FILE" help:"Append the records to this file. Default: write them to standard output."`
	Form   string `enum:"ndjson,csv,avro" default:"ndjson" help:"ndjson, csv or avro."`
	Agency string `help:"An operator says for which agency. Default: the token's; an operator's: all."`
	Follow bool   `help:"Go on waiting for records until interrupted."`
	hubAddress
}

func (pullCommand) Help() string {
	return `The cursor is kept only once a page is on disk: after a crash at any moment nothing is lost. With --out and --state the file is
first cut back to the length that belongs to the cursor, so that nothing stands there twice either: nobody else may write to it. A
record that is seen twice all the same has the same id.

  hebian pull corrections --state corrections.state --out corrections.ndjson --follow`
}

const (
	// pullRecords is how many records a page has at most; it is in memory whole.
	pullRecords = 5000
	// pullBytes is more than a page of records has in any form: 32 MiB of JSON, in CSV every other character doubled.
	pullBytes = 128 << 20
	// followEvery is the pause before the hub is asked again when there was nothing more.
	followEvery = 2 * time.Second
	// maxPullState is longer than any state is.
	maxPullState = 64 << 10
)

// pullState is how far a pull got, as the file of --state keeps it.
type pullState struct {
	Hub    string `json:"hub"`
	Feed   string `json:"feed"`
	Agency string `json:"agency,omitempty"`
	Form   string `json:"form"`
	Cursor string `json:"cursor"`
	Out    string `json:"out,omitempty"`   // whole path; "": standard output
	Bytes  int64  `json:"bytes,omitempty"` // length of the file up to the cursor
}

func (c *pullCommand) Run(ctx context.Context, s streams) (err error) {
	address, _, err := c.resolve()
	if err != nil {
		return err
	}
	state := pullState{Hub: strings.TrimRight(address, "/"), Feed: c.Feed, Agency: c.Agency, Form: c.Form, Cursor: c.After}
	if c.Out != "" {
		if state.Out, err = filepath.Abs(c.Out); err != nil {
			return err
		}
	}
	known := false
	if c.State != "" {
		unlock, err := lockState(c.State)
		if err != nil {
			return err
		}
		defer unlock()
		if known, err = c.goOn(&state); err != nil {
			return err
		}
	}
	into, err := openHeap(c.Form, state, known, s.out)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, into.close()) }()
	if state.Bytes = into.bytes; c.State != "" && !known { // or a crash before the first page counts would leave half of it in the file
		if err := state.save(c.State); err != nil {
			return err
		}
	}
	err = c.pull(ctx, s, &state, into)
	if c.Follow && errors.Is(err, context.Canceled) {
		err = nil // that is how it ends
	}
	fmt.Fprintf(s.err, "%s: %s records\n", c.Feed, count(into.records))
	if c.State == "" && state.Cursor != "" {
		fmt.Fprintf(s.err, "To go on from here: --after %s\n", state.Cursor)
	}
	return err
}

// lockState makes sure that one process at a time keeps a state. The lock is a file beside it, for the state itself is replaced.
func lockState(path string) (unlock func(), err error) {
	file, err := os.OpenFile(path+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock state: %w", err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		file.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("state %s is in use by another hebian pull: wait for it or end it", path)
		}
		return nil, fmt.Errorf("lock state: %w", err)
	}
	return func() { file.Close() }, nil // the kernel gives the lock back
}

// goOn reads the state. It must be of this very pull: a cursor means nothing to another feed, and another file would be cut.
func (c *pullCommand) goOn(state *pullState) (known bool, err error) {
	text, err := readUpTo(c.State, maxPullState)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read state: %w", err)
	}
	var kept pullState
	if err := json.Unmarshal(text, &kept); err != nil {
		return false, fmt.Errorf("read state: %s is none that hebian pull wrote: %w", c.State, err)
	}
	if c.After != "" && c.After != kept.Cursor {
		return false, usageError(fmt.Sprintf("--after is given, and %s says where to go on from; leave one away", c.State))
	}
	for _, differs := range []struct{ what, kept, given string }{
		{"hub", kept.Hub, state.Hub}, {"feed", kept.Feed, state.Feed}, {"agency", kept.Agency, state.Agency}, {"form", kept.Form, state.Form}, {"out", kept.Out, state.Out},
	} {
		if differs.kept != differs.given {
			return false, usageError(fmt.Sprintf("%s is of another pull: its %s is %q, not %q; name another --state", c.State, differs.what, differs.kept, differs.given))
		}
	}
	*state = kept
	return true, nil
}

func (p *pullState) save(path string) error {
	text, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return err
	}
	if err := replaceFile(path, append(text, '\n')); err != nil {
		return fmt.Errorf("write state: %w", err)
	}
	return nil
}

// pull fetches page after page until there is nothing more. The request behind the last page tells the hub that the page has arrived.
func (c *pullCommand) pull(ctx context.Context, s streams, state *pullState, into *heap) error {
	away := false
	for {
		page, next, more, err := c.page(ctx, state.Cursor)
		if err != nil {
			if !c.Follow || !passing(err) || ctx.Err() != nil {
				return fmt.Errorf("pull %s: %w", c.Feed, err)
			}
			if !away {
				fmt.Fprintf(s.err, "pull %s: %v; asking again until the hub answers\n", c.Feed, err)
			}
			away = true
			if err := pause(ctx, longestWait); err != nil {
				return err
			}
			continue
		}
		away = false
		// Promise 1: the cursor tells the hub what has arrived, so it is kept, and sent, after the page is on disk.
		records, err := into.add(page)
		if err != nil {
			return err
		}
		if changed := next != state.Cursor; changed || records > 0 {
			if state.Cursor, state.Bytes = next, into.bytes; c.State != "" {
				if err := state.save(c.State); err != nil {
					return err
				}
			}
		}
		switch {
		case more || records > 0:
		case !c.Follow:
			return nil
		default:
			if err := pause(ctx, followEvery); err != nil {
				return err
			}
		}
	}
}

// page fetches the records behind a cursor, in the form that was asked for.
func (c *pullCommand) page(ctx context.Context, after string) (page []byte, next string, more bool, err error) {
	query := url.Values{"form": {c.Form}, "limit": {strconv.Itoa(pullRecords)}}
	for name, value := range map[string]string{"after": after, "agency": c.Agency} {
		if value != "" {
			query.Set(name, value)
		}
	}
	err = c.exchange(ctx, exchange{method: http.MethodGet, path: "/v1/feeds/" + url.PathEscape(c.Feed) + "?" + query.Encode()}, func(response *http.Response) error {
		var err error
		if page, err = io.ReadAll(io.LimitReader(response.Body, pullBytes+1)); err != nil {
			return err
		}
		next, more = response.Header.Get("Hebian-Next"), response.Header.Get("Hebian-More") == "true"
		switch {
		case len(page) > pullBytes:
			return ownFault{fmt.Errorf("the answer is longer than %d bytes", pullBytes)}
		case response.Header.Get("Hebian-More") == "":
			return ownFault{errors.New("the answer has no cursor, and is not from a hub")}
		}
		return nil
	})
	return page, next, more, err
}
