// Package rest fetches rows from a partner's HTTP service that answers in JSON: all that it has, page after page, or what has
// changed since. Rows go on as the partner wrote them, one a line; what is in them is the profile's business.
//
// What was changed is told by the partner's own times, never by our clock: a partner whose clock is wrong loses nothing.
package rest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"hebian/connectors"
	"hebian/connectors/outside"
)

// Source is a partner's HTTP service.
type Source struct {
	config Config
	client *outside.Client
	since  clock
}

// New makes a source. An error says which key of the configuration does not do.
func New(c Config) (*Source, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	client, err := outside.New(c.Options)
	if err != nil {
		return nil, err
	}
	c = c.filled()
	since, err := c.Since.clock()
	if err != nil {
		return nil, err
	}
	return &Source{config: c, client: client, since: since}, nil
}

// Fetch implements connectors.Source. In mode full all pages are one batch, whose body asks for the next page when it is read so
// far. In mode merge a batch is a run of whole pages.
func (s *Source) Fetch(ctx context.Context, text string, hand connectors.Hand) error {
	if s.config.Mode == connectors.Full {
		return s.full(ctx, hand)
	}
	at, err := readPosition(text)
	if err != nil {
		return err
	}
	err = s.sweep(ctx, at, hand)
	var gone *goneError
	if errors.As(err, &gone) {
		// The partner no longer knows where we were. What comes twice changes nothing.
		if s.since.config.Ordered {
			at.Since = later(at.Since, at.Max)
		}
		at.Cursor, at.Max = "", time.Time{}
		err = s.sweep(ctx, at, hand)
	}
	return err
}

// Close implements connectors.Source.
func (s *Source) Close() error { return s.client.Close() }

// State says whether the partner failed so often that it is left alone for now, and until when it is.
func (s *Source) State() (open bool, until time.Time) { return s.client.State() }

// feed says whether the service is one endless row of changes, which its cursor alone leads through.
func (s *Source) feed() bool { return s.config.Mode == connectors.Merge && !s.since.on() }

// position is where to go on from in mode merge. Everything in it is the partner's own.
type position struct {
	Since  time.Time `json:"since,omitzero"`   // the latest change of all sweeps that came to their end
	Cursor string    `json:"cursor,omitempty"` // of the next page of a sweep under way, or of what comes after all that was read
	Max    time.Time `json:"max,omitzero"`     // the latest change of the sweep under way
	Again  int       `json:"again,omitempty"`  // sweeps that began at Since and whose pages moved while they were read
	Seen   []byte    `json:"seen,omitempty"`   // digests of rows that the partner will give again and that we have
}

const (
	// maxSeen bounds the rows remembered as seen; others that come again are handed over again, which changes nothing.
	maxSeen = 1000
	// digestBytes tells rows apart: that two of a thousand are taken for one does not happen in the life of a house.
	digestBytes = 12
	// maxCursor bounds a cursor, so that a position stays within its own bound.
	maxCursor = 16 << 10
)

func readPosition(text string) (position, error) {
	var p position
	if text == "" {
		return p, nil
	}
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		return p, fmt.Errorf("read the position of an earlier fetch: %w", err)
	}
	return p, nil
}

func (p position) String() string {
	text, err := json.Marshal(p)
	if err != nil {
		panic(err) // times are within the years that JSON knows: clock.read sees to it
	}
	return string(text)
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// unfit says that the service is not as configured.
func unfit(format string, values ...any) error {
	return &connectors.Trouble{Kind: connectors.Unfit, Err: fmt.Errorf(format, values...)}
}
