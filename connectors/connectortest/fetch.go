package connectortest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"go.uber.org/goleak"

	"hebian/connectors"
)

// handed is a batch as hand got it.
type handed struct {
	rows     []Row
	position string
	kept     bool // hand gave a receipt
}

// fetched is what came of one Fetch.
type fetched struct {
	from    string
	batches []handed
	err     error // that Fetch returned
}

func (f fetched) rows() (rows []Row) {
	for _, b := range f.batches {
		rows = append(rows, b.rows...)
	}
	return rows
}

// kept are the rows that there is a receipt for.
func (f fetched) kept() (rows []Row) {
	for _, b := range f.batches {
		if b.kept {
			rows = append(rows, b.rows...)
		}
	}
	return rows
}

func (f fetched) keptRows() int { return len(f.kept()) }

// position is where to go on from: that of the last batch with a receipt.
func (f fetched) position() string {
	for _, b := range slices.Backward(f.batches) {
		if b.kept {
			return b.position
		}
	}
	return f.from
}

// ended says whether Fetch returned since there was nothing more.
func (f fetched) ended() error {
	var trouble *connectors.Trouble
	if errors.As(f.err, &trouble) && trouble.Kind == connectors.NoFile {
		return nil
	}
	return wrap("Fetch", f.err)
}

// progress is how far a test has come with a partner whose rows have the keys 1, 2, 3, …
type progress struct {
	read     int // rows with a receipt
	position string
}

// on goes on by what was fetched.
func (p progress) on(f fetched) progress {
	if rows := f.kept(); len(rows) > 0 {
		p = progress{rows[len(rows)-1].Key, f.position()}
	}
	return p
}

// follows says whether what was fetched goes on from there: to the end, or, if Fetch came to an error, some way.
func (p progress) follows(f fetched, all []Row, again int) error {
	rows := f.rows()
	if f.err != nil {
		to := p.read
		if len(rows) > 0 {
			to = rows[len(rows)-1].Key
		}
		all = all[:min(max(to, p.read), len(all))]
	}
	return follows(rows, all, p.read, again)
}

// fetching is how a Fetch goes.
type fetching struct {
	from  string
	hand  func(ctx context.Context, n int) error // says what becomes of batch n, from 0; nil: all get receipts
	blind bool                                   // hand is asked before the body is read
}

// maxBatchBody bounds a batch of a test's rows.
const maxBatchBody = 256 << 20

var (
	errNoReturn = errors.New("it ended its goroutine instead of returning")
	errLong     = errors.New("it took too long")
)

// fetch opens a door, fetches, and closes it.
func (s *sourceSuite) fetch(t *testing.T, p Partner, from string, hand func(context.Context, int) error) (fetched, error) {
	t.Helper()
	return s.fetchWith(t.Context(), t, p, from, hand)
}

func (s *sourceSuite) fetchWith(ctx context.Context, t *testing.T, p Partner, from string, hand func(context.Context, int) error) (fetched, error) {
	t.Helper()
	src := p.Source(t)
	f, err := s.fetchFrom(ctx, t, p, src, fetching{from: from, hand: hand})
	if closeErr := src.Close(); err == nil {
		err = wrap("Close", closeErr)
	}
	return f, err
}

// drain fetches everything from the start: all the rows, each once.
func (s *sourceSuite) drain(t *testing.T, p Partner, all []Row) (fetched, error) {
	t.Helper()
	f, err := s.fetch(t, p, "", nil)
	if err != nil {
		return f, err
	}
	return f, errors.Join(f.ended(), follows(f.rows(), all, 0, 0))
}

// fetchFrom calls Fetch once. Its own error says how the call broke the contract, whatever the check.
func (s *sourceSuite) fetchFrom(ctx context.Context, t *testing.T, p Partner, src connectors.Source, how fetching) (fetched, error) {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(ctx, s.whole, errLong)
	defer cancel()
	given, giveUp := context.WithCancel(context.Background())
	defer giveUp() // frees hand where the source has lost it
	h := &hands{t: t, partner: p, how: how, given: given}
	returned := make(chan error, 1)
	go func() {
		err := errNoReturn
		defer func() { returned <- err }()
		err = src.Fetch(ctx, how.from, h.hand)
	}()
	err, inTime := await(ctx, returned, s.end)
	h.mu.Lock()
	defer h.mu.Unlock()
	f := fetched{from: how.from, batches: slices.Clone(h.batches), err: err}
	switch {
	case !inTime:
		return f, fmt.Errorf("no return from Fetch %v after the end of its ctx", s.end)
	case errors.Is(err, errNoReturn):
		return f, fmt.Errorf("source: %w", err)
	case err != nil && errors.Is(context.Cause(ctx), errLong):
		return f, fmt.Errorf("no return from Fetch within %v: %w", s.whole, err)
	}
	return f, h.wrong
}

// hands takes in what one Fetch hands over.
type hands struct {
	t       *testing.T
	partner Partner
	how     fetching
	given   context.Context // ends when the test gives the call up

	mu      sync.Mutex
	inside  bool
	batches []handed
	wrong   error // the first thing that breaks the contract
}

func (h *hands) hand(ctx context.Context, b connectors.Batch) (connectors.Receipt, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(h.given, cancel)()
	h.mu.Lock()
	if h.inside {
		h.note(errors.New("hand was called while it was being called"))
	}
	h.inside = true
	n := len(h.batches)
	h.batches = append(h.batches, handed{position: b.Position})
	h.note(fitting(b))
	h.mu.Unlock()
	defer func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.inside = false
	}()
	var err error
	if h.how.blind && h.how.hand != nil {
		if err = h.how.hand(ctx, n); err != nil {
			return connectors.Receipt{}, err
		}
	}
	body, err := io.ReadAll(io.LimitReader(b.Body, maxBatchBody))
	if err != nil {
		return connectors.Receipt{}, fmt.Errorf("read a batch: %w", err)
	}
	rows := h.partner.Rows(h.t, b, body)
	h.mu.Lock()
	h.batches[n].rows = rows
	h.mu.Unlock()
	if !h.how.blind && h.how.hand != nil {
		if err = h.how.hand(ctx, n); err != nil {
			return connectors.Receipt{}, err
		}
	}
	h.mu.Lock()
	h.batches[n].kept = true
	h.mu.Unlock()
	return receipt(n, b, rows), nil
}

// note keeps the first thing that is wrong. mu is held.
func (h *hands) note(err error) {
	if h.wrong == nil {
		h.wrong = err
	}
}

// fitting says what is wrong with a batch, whatever its rows.
func fitting(b connectors.Batch) error {
	switch {
	case len(b.Position) > connectors.MaxPosition:
		return fmt.Errorf("a position has %d bytes, at most %d are kept", len(b.Position), connectors.MaxPosition)
	case !utf8.ValidString(b.Position):
		return fmt.Errorf("position %q is no UTF-8", b.Position)
	case b.Form == "" && b.Dataset == "":
		return errors.New("a batch has no form, and no name that tells it")
	case b.Mode != connectors.Full && b.Mode != connectors.Merge:
		return fmt.Errorf("a batch has mode %q, want %q or %q", b.Mode, connectors.Full, connectors.Merge)
	case b.Body == nil:
		return errors.New("a batch has no body")
	}
	return nil
}

// receipt is what the hub would answer.
func receipt(n int, b connectors.Batch, rows []Row) connectors.Receipt {
	r := connectors.Receipt{Delivery: int64(n + 1), Agency: "tax", File: "tax/" + b.Dataset, Mode: b.Mode, Outcome: connectors.Complete, RowsRead: int64(len(rows))}
	for _, row := range rows {
		if row.Poison {
			r.Quarantined++
		} else {
			r.Accepted++
		}
	}
	return r
}

// await waits for a call to return: as long as its ctx lasts, and then a while.
func await(ctx context.Context, returned <-chan error, end time.Duration) (err error, inTime bool) {
	select {
	case err := <-returned:
		return err, true
	case <-ctx.Done():
	}
	late := time.NewTimer(end)
	defer late.Stop()
	select {
	case err := <-returned:
		return err, true
	case <-late.C:
		return nil, false
	}
}

// follows says whether rows are those of all that come after the first read ones, in order and each once, with at most again of those
// before them.
func follows(rows, all []Row, read, again int) error {
	start := len(all) - len(rows)
	if start > read {
		return missing(rows, all, read)
	}
	if start < max(read-again, 0) {
		return fmt.Errorf("%d rows came where %d were to come, and at most %d more of those before%s", len(rows), len(all)-read, again, firstTwice(rows))
	}
	for i, row := range rows {
		want := all[start+i]
		switch {
		case row.Poison != want.Poison:
			return fmt.Errorf("row %d of %d: that it is poisoned is %t, want %t", start+i+1, len(all), row.Poison, want.Poison)
		case want.Poison && row.Key == 0:
		case row.Key != want.Key:
			return fmt.Errorf("row %d of %d has key %d, want %d", start+i+1, len(all), row.Key, want.Key)
		case !want.Poison && row.Value != want.Value:
			return fmt.Errorf("row %d of %d has value %q, want %q", start+i+1, len(all), row.Value, want.Value)
		}
	}
	return nil
}

// missing names the first row that did not come.
func missing(rows, all []Row, read int) error {
	there := map[int]bool{}
	for _, row := range rows {
		there[row.Key] = true
	}
	for _, want := range all[read:] {
		if !there[want.Key] {
			return fmt.Errorf("%d rows came where at least %d were to come: the first that is missing has key %d", len(rows), len(all)-read, want.Key)
		}
	}
	return fmt.Errorf("%d rows came where at least %d were to come", len(rows), len(all)-read)
}

func firstTwice(rows []Row) string {
	there := map[int]bool{}
	for _, row := range rows {
		if row.Key != 0 && there[row.Key] {
			return fmt.Sprintf(": that of key %d came twice", row.Key)
		}
		there[row.Key] = true
	}
	return ""
}

// made makes rows with keys from first on. Their values hold what forms have to quote.
func made(first, n int) []Row {
	rows := make([]Row, n)
	for i := range rows {
		rows[i] = Row{Key: first + i, Value: fmt.Sprintf(`第%d行, "a" & <b>`, first+i)}
	}
	return rows
}

// fill puts rows into a partner, some at a time, with keys from 1 on.
func fill(t *testing.T, p Partner, n int) []Row {
	t.Helper()
	rows := made(1, n)
	for part := range slices.Chunk(rows, putRows) {
		p.Put(t, part...)
	}
	return rows
}

// someOf picks from n batches: all of a few, else first, middle and last ones.
func someOf(n int) (at []int) {
	for i := range n {
		if n <= 6 || i < 2 || i == n/2 || i >= n-2 {
			at = append(at, i)
		}
	}
	return at
}

// stopAfter has hand give so many receipts and then fail.
func stopAfter(batches int) func(context.Context, int) error {
	return func(_ context.Context, n int) error {
		if n >= batches {
			return errStop
		}
		return nil
	}
}

// breaks breaks a partner. What it returns mends it, once.
func breaks(t *testing.T, p Fragile, slow bool) (mend func()) {
	t.Helper()
	return sync.OnceFunc(p.Break(t, slow))
}

// isAway says whether an error is what a partner that can't be reached is to be.
func isAway(err error) error {
	var trouble *connectors.Trouble
	if !errors.As(err, &trouble) {
		return fmt.Errorf("want a *connectors.Trouble, got %v", err)
	}
	switch trouble.Kind {
	case connectors.Unreachable, connectors.Busy, connectors.CircuitOpen:
		return nil
	}
	return fmt.Errorf("want trouble that time may heal, got %w", err)
}

// waitTill waits a while before a partner that is back is tried again: as long as the trouble says, within bounds.
func waitTill(t *testing.T, err error, deadline time.Time) error {
	t.Helper()
	if err := isAway(err); err != nil {
		return err
	}
	if time.Now().After(deadline) {
		return fmt.Errorf("it has not gone on in time: %w", err)
	}
	var trouble *connectors.Trouble
	errors.As(err, &trouble)
	pause := time.NewTimer(min(max(time.Until(trouble.Until), 20*time.Millisecond), time.Second))
	defer pause.Stop()
	select {
	case <-pause.C:
		return nil
	case <-t.Context().Done():
		return t.Context().Err()
	}
}

// leftBehind looks for goroutines that were not there before, for as long as they may take to end.
func leftBehind(before goleak.Option, end time.Duration) error {
	for deadline := time.Now().Add(end); ; {
		err := goleak.Find(before)
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("left behind: %w", err)
		}
	}
}

func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}
