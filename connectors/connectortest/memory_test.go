package connectortest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"hebian/connectors"
)

// memory is a partner whose system is a slice: the reference that the suites are held against, and, with a flaw, what they must find.
type memory struct {
	batch   int    // rows of a batch
	overlap int    // rows before a position that come again
	forgets bool   // what was read
	flaw    string // what is wrong with its doors

	free chan struct{} // closed at the end of the test: whoever hangs goes on

	mu     sync.Mutex
	rows   []Row
	gone   int // rows that it has forgotten
	given  int
	away   bool
	slow   chan struct{} // closed when it is quick again; nil: it is
	got    []connectors.Out
	known  map[string]bool // IDs
	latest string          // dispatch
}

func newMemory(t *testing.T) *memory {
	m := &memory{batch: 7, free: make(chan struct{}), known: map[string]bool{}}
	t.Cleanup(func() { close(m.free) })
	return m
}

func (m *memory) Overlap() int  { return m.overlap }
func (m *memory) Forgets() bool { return m.forgets }

func (m *memory) Given() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.given
}

func (m *memory) Put(_ *testing.T, rows ...Row) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.rows = append(m.rows, rows...)
}

func (m *memory) Break(_ *testing.T, slow bool) (mend func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !slow {
		m.away = true
		return func() {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.away = false
		}
	}
	m.slow = make(chan struct{})
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		close(m.slow)
		m.slow = nil
	}
}

// ask is a request to the partner.
func (m *memory) ask(ctx context.Context) error {
	m.mu.Lock()
	away, slow := m.away, m.slow
	m.mu.Unlock()
	if m.flaw == "waits without ctx" {
		ctx = context.Background()
	}
	if slow != nil {
		select {
		case <-slow:
		case <-m.free:
		case <-ctx.Done():
		}
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case away && m.flaw == "plain error":
		return errors.New("connection refused")
	case away && m.flaw == "wrong kind of trouble":
		return &connectors.Trouble{Kind: connectors.Denied, Err: errors.New("connection refused")}
	case away:
		return &connectors.Trouble{Kind: connectors.Unreachable, Err: errors.New("connection refused")}
	}
	return nil
}

func (m *memory) Rows(t *testing.T, _ connectors.Batch, body []byte) (rows []Row) {
	for line := range strings.Lines(string(body)) {
		var row Row
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			row = Row{Poison: true}
		}
		rows = append(rows, row)
	}
	return rows
}

func (m *memory) Source(*testing.T) connectors.Source { return &memorySource{memory: m} }

// memorySource is a door to it. Its position is how many rows were read.
type memorySource struct {
	*memory
	broken  bool
	fetches int
}

func (s *memorySource) Close() error { return nil }

// read reads rows from a place on.
func (s *memorySource) read(ctx context.Context, at, n int) ([]Row, error) {
	if err := s.ask(ctx); err != nil {
		s.broken = s.broken || ctx.Err() == nil
		return nil, err
	}
	if s.flaw == "does not go on" && s.broken {
		return nil, &connectors.Trouble{Kind: connectors.CircuitOpen, Err: errors.New("it was away")}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	at = max(at, s.gone)
	rows := slices.Clone(s.rows[min(at, len(s.rows)):min(at+n, len(s.rows))])
	s.given += len(rows)
	return rows, nil
}

func (s *memorySource) Fetch(ctx context.Context, position string, hand connectors.Hand) error {
	s.fetches++
	at := 0
	if position != "" {
		var err error
		if at, err = strconv.Atoi(strings.TrimLeft(position, "x")); err != nil {
			return err
		}
	}
	at = max(at-s.overlap, 0)
	if s.forgets {
		at = max(at, s.gone)
	}
	if s.flaw == "position ignored" {
		at = 0
	}
	if s.flaw != "" {
		return s.fetchBadly(ctx, at, hand)
	}
	for {
		rows, err := s.read(ctx, at, s.batch)
		if err != nil || len(rows) == 0 {
			return err
		}
		at += len(rows)
		if _, err := hand(ctx, s.pack(rows, at)); err != nil {
			return fmt.Errorf("hand over %d rows: %w", len(rows), err)
		}
		if s.forgets {
			s.mu.Lock()
			s.gone = at
			s.mu.Unlock()
		}
	}
}

func (s *memorySource) pack(rows []Row, at int) connectors.Batch {
	var body bytes.Buffer
	for _, row := range rows {
		if row.Poison {
			body.WriteString("no row\n")
			continue
		}
		line, err := json.Marshal(row)
		if err != nil {
			panic(err)
		}
		body.Write(append(line, '\n'))
	}
	return connectors.Batch{Form: connectors.NDJSON, Body: &body, Dataset: "rows.ndjson", Mode: connectors.Merge, Position: strconv.Itoa(at)}
}

// sourceFlaws are what a source may do wrong, and the check that must find it.
var sourceFlaws = map[string]string{
	"loses a row":               "order",
	"loses the last row":        "order",
	"out of order":              "order",
	"a row twice":               "order",
	"another value":             "order",
	"all in one batch":          "order",
	"hand twice at once":        "order",
	"hand in another goroutine": "", // which is fine
	"position too long":         "order",
	"position no text":          "order",
	"mode add":                  "order",
	"ends its goroutine":        "order",
	"position ignored":          "repeat",
	"other rows again":          "repeat",
	"trouble when empty":        "empty",
	"position ahead":            "resume after ctx ended",
	"gone when read":            "resume after hand failed",
	"position before receipt":   "hand fails",
	"hand's error kept back":    "hand fails",
	"goes on after hand failed": "hand fails",
	"leaves a writer":           "hand fails before it reads",
	"reads all at once":         "backpressure",
	"hand without ctx":          "cancelled in hand",
	"leaves a goroutine":        "cancelled in hand",
	"ctx ended is no matter":    "cancelled in hand",
	"poison dropped":            "poison",
	"poison twice":              "poison",
	"stops at poison":           "poison",
	"not from there":            "positions grow",
	"end taken for position":    "rows come while it reads",
	"plain error":               "unreachable",
	"wrong kind of trouble":     "unreachable midway",
	"does not go on":            "unreachable",
	"waits without ctx":         "slow",
	"stops at a thousand":       "many rows",
	"waits once ctx ended":      "cancelled before",
}

// fetchBadly fetches with a flaw.
func (s *memorySource) fetchBadly(ctx context.Context, at int, hand connectors.Hand) error {
	n, end := s.batch, 1<<30
	switch s.flaw {
	case "all in one batch", "reads all at once":
		n = 1 << 30
	case "ends its goroutine":
		runtime.Goexit()
	case "leaves a goroutine":
		go func() { <-s.free }()
	case "waits once ctx ended":
		if ctx.Err() != nil {
			<-s.free
		}
	case "end taken for position":
		s.mu.Lock()
		end = len(s.rows)
		s.mu.Unlock()
	case "position before receipt":
		if s.fetches > 1 {
			at += n
		}
	case "not from there":
		if at > 0 {
			at++
		}
	}
	for {
		rows, err := s.read(ctx, at, min(n, end-at))
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			if s.flaw == "trouble when empty" {
				return &connectors.Trouble{Kind: connectors.Unfit, Err: errors.New("no rows")}
			}
			return nil
		}
		at += len(rows)
		if s.flaw == "stops at a thousand" && at > 1000 {
			return nil
		}
		if err := s.handBadly(ctx, rows, at, hand); err != nil {
			return err
		}
	}
}

func (s *memorySource) handBadly(ctx context.Context, rows []Row, at int, hand connectors.Hand) error {
	b := s.pack(s.spoil(rows, at), at)
	switch s.flaw {
	case "stops at poison":
		if slices.ContainsFunc(rows, func(r Row) bool { return r.Poison }) {
			return &connectors.Trouble{Kind: connectors.Unfit, Err: errors.New("no row")}
		}
	case "position too long":
		b.Position = strings.Repeat("x", connectors.MaxPosition) + b.Position
	case "position no text":
		b.Position = "\xff"
	case "position ahead":
		b.Position = strconv.Itoa(at + 1)
	case "end taken for position":
		s.mu.Lock()
		b.Position = strconv.Itoa(len(s.rows))
		s.mu.Unlock()
	case "mode add":
		b.Mode = connectors.Add
	case "hand without ctx":
		ctx = context.Background()
	case "gone when read":
		s.mu.Lock()
		s.forgets, s.gone = true, at
		s.mu.Unlock()
	case "leaves a writer":
		body := b.Body
		r, w := io.Pipe()
		go func() {
			io.Copy(w, body) //nolint:errcheck // nobody may read it
			w.Close()
		}()
		b.Body = r
	case "reads all at once":
		for part := range slices.Chunk(rows, s.batch) {
			if _, err := hand(ctx, s.pack(part, at-len(rows)+slices.Index(rows, part[0])+len(part))); err != nil {
				return err
			}
		}
		return nil
	}
	return s.callBadly(ctx, b, hand)
}

func (s *memorySource) callBadly(ctx context.Context, b connectors.Batch, hand connectors.Hand) error {
	switch s.flaw {
	case "hand twice at once":
		second := b
		second.Body = strings.NewReader("")
		slowly, w := io.Pipe()
		b.Body = struct{ io.Reader }{slowly}
		var both sync.WaitGroup
		both.Go(func() { hand(ctx, b) })
		both.Go(func() { defer w.Close(); hand(ctx, second); <-time.After(10 * time.Millisecond) })
		both.Wait()
		return nil
	case "hand in another goroutine":
		ended := make(chan error)
		go func() {
			_, err := hand(ctx, b)
			ended <- err
		}()
		return <-ended
	}
	_, err := hand(ctx, b)
	switch s.flaw {
	case "hand's error kept back":
		if err != nil {
			return errors.New("it did not work")
		}
	case "goes on after hand failed":
		return nil
	case "ctx ended is no matter":
		if ctx.Err() != nil {
			<-s.free
		}
	}
	return err
}

// spoil changes rows.
func (s *memorySource) spoil(rows []Row, at int) []Row {
	rows = slices.Clone(rows)
	switch s.flaw {
	case "loses a row":
		return rows[1:]
	case "loses the last row":
		if len(rows) < s.batch {
			return rows[:len(rows)-1]
		}
	case "out of order":
		slices.Reverse(rows)
	case "a row twice":
		return append(rows, rows[len(rows)-1])
	case "another value":
		rows[0].Value += " "
	case "other rows again":
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.given > len(s.rows) {
			rows[0].Value += "again"
		}
	case "poison dropped":
		return slices.DeleteFunc(rows, func(r Row) bool { return r.Poison })
	case "poison twice":
		for i, row := range rows {
			if row.Poison {
				return slices.Insert(rows, i, row)
			}
		}
	}
	return rows
}

func (m *memory) Sink(*testing.T) connectors.Sink {
	return &memorySink{memory: m, closed: make(chan struct{}), known: map[string]bool{}}
}

func (m *memory) Received(*testing.T) []connectors.Out {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.got)
}

// memorySink is a way to it.
type memorySink struct {
	*memory
	once   sync.Once
	closed chan struct{}
	broken bool
	known  map[string]bool // by this sink
}

func (s *memorySink) Close() error {
	switch s.flaw {
	case "close waits":
		s.ask(context.Background()) //nolint:errcheck // it waits
	case "close twice panics":
		close(s.closed)
	case "close hangs":
		<-s.free
	}
	s.once.Do(func() { close(s.closed) })
	return nil
}

// sinkFlaws are what a sink may do wrong, and the check that must find it.
var sinkFlaws = map[string]string{
	"loses a record":        "order",
	"out of order":          "order",
	"changes a record":      "order",
	"rounds a number":       "order",
	"another key":           "order",
	"another id":            "order",
	"long answer":           "order",
	"ends its goroutine":    "order",
	"knows none":            "repeat",
	"knows the last":        "repeat",
	"knows while it lives":  "repeat after a start",
	"cuts":                  "big dispatch",
	"says yes when ended":   "cancelled before",
	"leaves a goroutine":    "cancelled before",
	"close hangs":           "close while it sends",
	"plain error":           "unreachable",
	"wrong kind of trouble": "unreachable",
	"does not go on":        "unreachable",
	"says yes when away":    "unreachable",
	"waits without ctx":     "slow",
	"close waits":           "close while it waits",
}

func (s *memorySink) Send(ctx context.Context, d connectors.Dispatch) (string, error) {
	if s.flaw == "ends its goroutine" {
		runtime.Goexit()
	}
	if s.flaw == "leaves a goroutine" {
		go func() { <-s.free }()
	}
	if err := s.ask(ctx); err != nil {
		s.broken = s.broken || ctx.Err() == nil
		if s.flaw == "says yes when ended" && ctx.Err() != nil || s.flaw == "says yes when away" && ctx.Err() == nil {
			return "", nil
		}
		return "", err
	}
	select {
	case <-s.closed:
		return "", errors.New("closed")
	default:
	}
	if s.flaw == "does not go on" && s.broken {
		return "", &connectors.Trouble{Kind: connectors.CircuitOpen, Err: errors.New("it was away")}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, record := range s.spoil(d.Records) {
		known := s.memory.known[record.ID]
		switch s.flaw {
		case "knows none":
			known = false
		case "knows the last":
			known = s.latest == d.ID()
		case "knows while it lives":
			known = s.known[record.ID]
		}
		s.memory.known[record.ID], s.known[record.ID] = true, true
		if !known {
			s.got = append(s.got, record)
		}
	}
	s.latest = d.ID()
	if s.flaw == "long answer" {
		return strings.Repeat("x", maxAnswer+1), nil
	}
	return "", nil
}

// spoil changes records.
func (s *memorySink) spoil(records []connectors.Out) []connectors.Out {
	records = slices.Clone(records)
	switch s.flaw {
	case "loses a record":
		return records[1:]
	case "out of order":
		slices.Reverse(records)
	case "changes a record":
		records[0].JSON = bytes.Replace(records[0].JSON, []byte("12.50"), []byte("12.51"), 1)
	case "rounds a number":
		records[0].JSON = bytes.Replace(records[0].JSON, []byte("9007199254740993"), []byte("9007199254740992"), 1)
	case "another key":
		records[0].Key += "x"
	case "another id":
		records[0].ID += "x"
	case "cuts":
		return records[:min(len(records), 999)]
	}
	return records
}
