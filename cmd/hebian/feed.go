package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"hebian/connectors"
	"hebian/connectors/container"
	"hebian/connectors/push"
	"hebian/hub"
	"hebian/matcher/queue"
	"hebian/schemas"
)

// feeds are what agencies follow: corrections that they were asked for and what becomes of cases that concern them, and golden records
// for those to whom the office grants them.
type feeds struct {
	log    hub.Log
	queue  *queue.Queue
	golden []string
	json   map[string]*container.Schema // of the topics
	parsed sync.Pool                    // of *schemas.Walker for corrections
}

func newFeeds(log hub.Log, q *queue.Queue, golden []string) (*feeds, error) {
	f := &feeds{log: log, queue: q, golden: golden, json: map[string]*container.Schema{}}
	for _, topic := range []string{hub.CorrectionTopic, goldenTopic} {
		schema, err := container.ParseSchema([]byte(schemas.SubjectOf(topic).Schema))
		if err != nil {
			return nil, err
		}
		f.json[topic] = schema
	}
	return f, nil
}

// goldenTopic is where golden records lie.
const goldenTopic = "hub.golden"

// List names the feeds that an agency may pull.
func (f *feeds) List(agency string) []push.Feed {
	all := []push.Feed{
		{Name: feedCorrections, About: "What the agency is asked to put right."},
		{Name: feedFindings, About: "What becomes of the cases that concern the agency."},
	}
	if agency == "" || slices.Contains(f.golden, agency) {
		all = append(all, push.Feed{Name: feedGolden, About: "Legal entities, each field from the source that is believed."})
	}
	return all
}

// Read gives records of a feed.
func (f *feeds) Read(ctx context.Context, feed, agency, after string, limit, bytes int, fn func(connectors.Out) error) (next string, more bool, err error) {
	switch feed {
	case feedFindings:
		return f.findings(ctx, agency, after, limit, bytes, fn)
	case feedCorrections:
		next, more, err = f.topic(ctx, hub.CorrectionTopic, f.concerns(agency), after, limit, bytes, fn)
	case feedGolden:
		if agency != "" && !slices.Contains(f.golden, agency) {
			return "", false, fmt.Errorf("golden records are not granted to %s", agency)
		}
		next, more, err = f.topic(ctx, goldenTopic, nil, after, limit, bytes, fn)
	default:
		return "", false, fmt.Errorf("there is no feed %q", feed)
	}
	if errors.Is(err, hub.ErrCursor) {
		err = fmt.Errorf("%w: %w", push.ErrCursor, err)
	}
	return next, more, err
}

// topic gives records of a topic that the hub writes.
func (f *feeds) topic(ctx context.Context, topic string, keep func([]byte) bool, after string, limit, bytes int, fn func(connectors.Out) error) (string, bool, error) {
	return hub.NewFeed(f.log, topic, keep).Next(ctx, after, limit, bytes, f.written(topic, fn))
}

// written hands records of a topic on as JSON.
func (f *feeds) written(topic string, fn func(connectors.Out) error) func(hub.Position, *schemas.Record) error {
	var buf []byte
	schema := f.json[topic]
	return func(_ hub.Position, r *schemas.Record) error {
		_, payload, err := schemas.SplitFrame(r.Value)
		if err != nil {
			return err
		}
		if buf, err = schema.JSON(buf[:0], payload); err != nil {
			return fmt.Errorf("record %s of %s: %w", r.ID, topic, err)
		}
		return fn(connectors.Out{ID: r.ID.String(), Key: string(r.Key), JSON: buf})
	}
}

// Range gives the records between two cursors again.
func (f *feeds) Range(ctx context.Context, feed, agency, after, until string, fn func(connectors.Out) error) error {
	switch feed {
	case feedCorrections:
		return hub.NewFeed(f.log, hub.CorrectionTopic, f.concerns(agency)).Range(ctx, after, until, f.written(hub.CorrectionTopic, fn))
	case feedGolden:
		return hub.NewFeed(f.log, goldenTopic, nil).Range(ctx, after, until, f.written(goldenTopic, fn))
	}
	last, err := strconv.ParseInt(until, 10, 64)
	if err != nil {
		return push.ErrCursor
	}
	for after != until {
		next, _, err := f.findings(ctx, agency, after, connectors.DispatchRecords, connectors.DispatchBytes, func(out connectors.Out) error {
			if number, err := strconv.ParseInt(out.ID[strings.LastIndexByte(out.ID, '-')+1:], 10, 64); err != nil || number > last {
				return err
			}
			return fn(out)
		})
		if err != nil {
			return err
		}
		if at, err := strconv.ParseInt(next, 10, 64); err != nil || at >= last || next == after {
			return err
		}
		after = next
	}
	return nil
}

// concerns chooses the corrections to an agency; nil: all.
func (f *feeds) concerns(agency string) func(value []byte) bool {
	if agency == "" {
		return nil
	}
	return func(value []byte) bool {
		walker, ok := f.parsed.Get().(*schemas.Walker)
		if !ok {
			var err error
			if walker, err = schemas.NewWalker(schemas.SubjectOf(hub.CorrectionTopic).Avro); err != nil {
				return false
			}
		}
		defer f.parsed.Put(walker)
		var c schemas.Correction
		return schemas.Decode(value, walker, &c) == nil && c.Agency == agency
	}
}

// turn is a line of a case's history as an agency gets it.
type turn struct {
	Number   int64         `json:"number"`
	At       string        `json:"at"` // RFC 3339
	What     string        `json:"what"`
	State    string        `json:"state"`
	Outcome  string        `json:"outcome,omitempty"`
	Case     string        `json:"case"`
	Code     string        `json:"code"`
	Person   string        `json:"person,omitempty"`
	Unit     string        `json:"unit,omitempty"`
	Month    schemas.Month `json:"month,omitempty"` // a number, as in corrections
	Detail   string        `json:"detail,omitempty"`
	Entity   string        `json:"entity,omitempty"`
	Name     string        `json:"name,omitempty"`
	Division string        `json:"division,omitempty"`
	Agencies []string      `json:"agencies"`
	Due      *schemas.Date `json:"due,omitempty"`
}

// findings gives lines of the cases that concern an agency. Its cursor is the number of a line.
func (f *feeds) findings(ctx context.Context, agency, after string, limit, bytes int, fn func(connectors.Out) error) (next string, more bool, err error) {
	at := int64(0)
	if after != "" {
		if at, err = strconv.ParseInt(after, 10, 64); err != nil || at < 0 || strconv.FormatInt(at, 10) != after {
			return "", false, push.ErrCursor
		}
	}
	turns, last, more, err := f.queue.Turns(ctx, agency, at, limit)
	if errors.Is(err, queue.ErrCursor) { // beyond the end: of a database that was put back, perhaps
		return "", false, push.ErrCursor
	}
	if err != nil {
		return "", false, err
	}
	for i := range turns {
		out, err := outOf(&turns[i])
		if err != nil {
			return "", false, err
		}
		if bytes -= len(out.JSON); bytes < 0 && i > 0 {
			return strconv.FormatInt(turns[i-1].Number, 10), true, nil
		}
		if err := fn(out); err != nil {
			return "", false, err
		}
	}
	return strconv.FormatInt(last, 10), more, nil
}

func outOf(t *queue.Turn) (connectors.Out, error) {
	k := &t.Case.Key
	line := turn{
		Number: t.Number, At: t.At.Format("2006-01-02T15:04:05Z07:00"), What: string(t.Kind), State: string(t.State), Outcome: string(t.Outcome), Case: t.Case.ID,
		Code: k.Code, Person: string(k.Person), Unit: string(k.Unit), Month: k.Month, Detail: k.Detail, Entity: k.Entity, Name: t.Case.Title, Division: t.Case.Division, Agencies: t.Case.Agencies,
	}
	if t.Case.Due != 0 {
		line.Due = &t.Case.Due
	}
	text, err := json.Marshal(line)
	return connectors.Out{ID: fmt.Sprintf("%s-%d", t.Case.ID, t.Number), Key: t.Case.ID, JSON: text}, err
}
