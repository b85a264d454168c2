package connectortest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"hebian/connectors"
)

// Overlapping is a Partner whose door reads some rows before a position again, as it must where the partner's order is not strict.
type Overlapping interface {
	// Overlap is how many rows these are at most, beside those of one batch, which may always come again.
	Overlap() int
}

// Forgetful is a Partner that gives a row out until it is told that it was read, and no more then.
type Forgetful interface{ Forgets() bool }

// Metered is a Partner that counts the rows which it gave out to its door so far, however often each. While the hub takes its time with the
// first batch these may be at most half of a thousand rows, or, if the tests are not short, of ten thousand, of 200 bytes each.
type Metered interface{ Given() int }

// TestSource is what every source must pass. open makes a partner with nothing in it, and a door that cuts small batches: of 60 rows in
// twelve Puts it makes three batches or more. A Partner that is Fragile is broken, too. Nothing else runs in the process meanwhile, since
// goroutines that are left are looked for: no t.Parallel.
func TestSource(t *testing.T, open func(t *testing.T) Partner) {
	s := &sourceSuite{open: open, times: patient, many: 20_000}
	if testing.Short() {
		s.many = 2000
	}
	for _, c := range s.checks() {
		t.Run(c.name, func(t *testing.T) {
			if err := c.run(t); err != nil {
				t.Error(err)
			}
		})
	}
}

// check is one part of a suite. It says by its error what is wrong, so that the suite itself can be tested.
type check struct {
	name string
	run  func(t *testing.T) error
}

// times bound a suite's waits.
type times struct {
	whole time.Duration // one call, from beginning to end
	end   time.Duration // from the end of a ctx to the end of the call
	hold  time.Duration // how long something is kept waiting to see what happens
	mend  time.Duration // until a door goes on with a partner that is back
}

// patient are times that do for a slow machine with the race detector. end is the contract's.
var patient = times{whole: time.Minute, end: 5 * time.Second, hold: 300 * time.Millisecond, mend: 30 * time.Second}

// sourceSuite holds a source against its contract.
type sourceSuite struct {
	times
	open func(t *testing.T) Partner
	many int // rows
}

func (s *sourceSuite) checks() []check {
	return []check{
		{"empty", s.empty},
		{"order", s.order},
		{"resume after ctx ended", func(t *testing.T) error { return s.resume(t, false) }},
		{"resume after hand failed", func(t *testing.T) error { return s.resume(t, true) }},
		{"repeat", s.repeat},
		{"hand fails", func(t *testing.T) error { return s.handFails(t, true) }},
		{"hand fails before it reads", func(t *testing.T) error { return s.handFails(t, false) }},
		{"backpressure", s.backpressure},
		{"cancelled in hand", s.cancelledInHand},
		{"cancelled before", s.cancelledBefore},
		{"poison", s.poison},
		{"positions grow", s.grow},
		{"rows come while it reads", s.growsMeanwhile},
		{"unreachable", s.unreachable},
		{"unreachable midway", s.unreachableMidway},
		{"slow", s.slow},
		{"many rows", s.manyRows},
	}
}

// Shape of most checks: so many rows, so many in one Put.
const (
	fewRows  = 60
	putRows  = 5
	manyPut  = 500
	minParts = 3
)

var (
	errHand = errors.New("the hub has no room")
	errStop = errors.New("the hub stops")
)

// empty: a partner that has nothing is no trouble, but that it has no file.
func (s *sourceSuite) empty(t *testing.T) error {
	p := s.open(t)
	f, err := s.fetch(t, p, "", nil)
	if err != nil {
		return err
	}
	if err := f.ended(); err != nil {
		return err
	}
	return follows(f.rows(), nil, 0, 0)
}

// order: rows come in the order of Put, each once, in batches; then there is nothing more.
func (s *sourceSuite) order(t *testing.T) error {
	p := s.open(t)
	all := fill(t, p, fewRows)
	f, err := s.drain(t, p, all)
	if err != nil {
		return err
	}
	if len(f.batches) < minParts {
		return fmt.Errorf("%d rows in %d Puts came in %d batches: open the door so that it cuts them into %d or more", fewRows, fewRows/putRows, len(f.batches), minParts)
	}
	again, err := s.fetch(t, p, f.position(), nil)
	if err != nil {
		return err
	}
	if err := again.ended(); err != nil {
		return fmt.Errorf("from the last position: %w", err)
	}
	return wrap("from the last position", follows(again.rows(), all, len(all), s.allowance(p, f)))
}

// resume: stopped after any batch, a new source goes on from the position that was kept.
func (s *sourceSuite) resume(t *testing.T, failing bool) error {
	first := s.open(t)
	whole, err := s.drain(t, first, fill(t, first, fewRows))
	if err != nil {
		return err
	}
	for _, k := range someOf(len(whole.batches)) {
		p := s.open(t)
		all := fill(t, p, fewRows)
		ctx, cancel := context.WithCancel(t.Context())
		stopped, err := s.fetchWith(ctx, t, p, "", func(_ context.Context, n int) error {
			if failing && n == k+1 {
				return errStop
			}
			if !failing && n == k {
				cancel()
			} else if ctx.Err() != nil {
				return ctx.Err()
			}
			return nil
		})
		cancel()
		if err != nil {
			return err
		}
		kept := stopped.kept()
		if err := follows(kept, all[:min(len(kept), len(all))], 0, 0); err != nil {
			return fmt.Errorf("until it was stopped after batch %d: %w", k+1, err)
		}
		f, err := s.fetch(t, p, stopped.position(), nil)
		if err != nil {
			return err
		}
		if err := errors.Join(f.ended(), follows(f.rows(), all, len(kept), s.allowance(p, whole))); err != nil {
			return fmt.Errorf("started again after batch %d: %w", k+1, err)
		}
	}
	return nil
}

// repeat: from an older position the same rows come again; a later position never brings more than an earlier one.
func (s *sourceSuite) repeat(t *testing.T) error {
	p := s.open(t)
	all := fill(t, p, fewRows)
	whole, err := s.drain(t, p, all)
	if err != nil {
		return err
	}
	forgetful, ok := p.(Forgetful)
	forgets := ok && forgetful.Forgets()
	read, before := 0, len(all)+1
	for i := -1; i < len(whole.batches); i++ {
		position := ""
		if i >= 0 {
			position = whole.batches[i].position
			read += len(whole.batches[i].rows)
		}
		f, err := s.fetch(t, p, position, nil)
		if err != nil {
			return err
		}
		rows := f.rows()
		if err := f.ended(); err != nil {
			return fmt.Errorf("from the position of batch %d: %w", i+1, err)
		}
		if forgets { // they were acknowledged
			read = len(all)
		}
		if err := follows(rows, all, read, s.allowance(p, whole)); err != nil {
			return fmt.Errorf("from the position of batch %d: %w", i+1, err)
		}
		if len(rows) > before {
			return fmt.Errorf("from the position of batch %d come %d rows, from the one before it %d", i+1, len(rows), before)
		}
		before = len(rows)
	}
	return nil
}

// handFails: Fetch returns what hand returned, asks it no more, and brings the rows again.
func (s *sourceSuite) handFails(t *testing.T, reads bool) error {
	p := s.open(t)
	all := fill(t, p, fewRows)
	if _, err := s.fetch(t, p, "", func(context.Context, int) error { return errStop }); err != nil { // what is made once and stays is there then
		return err
	}
	before := goleak.IgnoreCurrent()
	src := p.Source(t)
	defer src.Close() //nolint:errcheck // after an error; else it is closed below
	calls := 0
	f, err := s.fetchFrom(t.Context(), t, p, src, fetching{blind: !reads, hand: func(_ context.Context, n int) error {
		if calls++; n == 1 {
			return errHand
		}
		return nil
	}})
	switch {
	case err != nil:
		return err
	case calls < 2:
		return fmt.Errorf("of %d rows %d batches came", len(all), calls)
	case !errors.Is(f.err, errHand):
		return fmt.Errorf("hand returned %q, Fetch returned %v", errHand, f.err)
	case calls != 2:
		return fmt.Errorf("hand was called %d times more after it had failed", calls-2)
	}
	again, err := s.fetchFrom(t.Context(), t, p, src, fetching{from: f.position()})
	if err != nil {
		return err
	}
	if err := errors.Join(again.ended(), follows(again.rows(), all, f.keptRows(), s.allowance(p, f))); err != nil {
		return fmt.Errorf("after hand had failed: %w", err)
	}
	return errors.Join(wrap("Close", src.Close()), leftBehind(before, s.end))
}

// backpressure: while hand takes its time it is not called again, and the door does not read far ahead.
func (s *sourceSuite) backpressure(t *testing.T) error {
	p := s.open(t)
	meter, metered := p.(Metered)
	all := make([]Row, s.many/2)
	for i := range all {
		all[i] = Row{Key: i + 1, Value: fmt.Sprintf("%0200d", i+1)}
	}
	for part := range slices.Chunk(all, manyPut) {
		p.Put(t, part...)
	}
	given := 0
	f, err := s.fetch(t, p, "", func(ctx context.Context, n int) error {
		if n > 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(s.hold):
		}
		if metered {
			given = meter.Given()
		}
		return nil
	})
	if err != nil {
		return err
	}
	if given > len(all)/2 { // a door that goes on reading would have all
		return fmt.Errorf("while hand held the first batch back, the door read %d of %d rows", given, len(all))
	}
	return errors.Join(f.ended(), follows(f.rows(), all, 0, 0))
}

// cancelledInHand: Fetch ends soon after ctx does, leaves nothing behind, and hand's own ctx has ended.
func (s *sourceSuite) cancelledInHand(t *testing.T) error {
	p := s.open(t)
	all := fill(t, p, fewRows)
	if _, err := s.drain(t, p, all); err != nil { // what is made once and stays is there then
		return err
	}
	more := made(fewRows+1, fewRows)
	p.Put(t, more...)
	before := goleak.IgnoreCurrent()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	_, err := s.fetchWith(ctx, t, p, "", func(ctx context.Context, _ int) error {
		cancel()
		<-ctx.Done()
		return ctx.Err()
	})
	if err != nil {
		return err
	}
	if err := leftBehind(before, s.end); err != nil {
		return err
	}
	f, err := s.fetch(t, p, "", nil)
	if err != nil {
		return err
	}
	forgetful, ok := p.(Forgetful)
	if ok && forgetful.Forgets() {
		return errors.Join(f.ended(), follows(f.rows(), more, 0, 0))
	}
	return errors.Join(f.ended(), follows(f.rows(), append(all, more...), 0, 0))
}

// cancelledBefore: a ctx that has ended already ends Fetch as well.
func (s *sourceSuite) cancelledBefore(t *testing.T) error {
	p := s.open(t)
	fill(t, p, fewRows)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.fetchWith(ctx, t, p, "", func(ctx context.Context, _ int) error { return ctx.Err() })
	return err
}

// poison: what is no row is handed over as one, in its place and once, and all others arrive.
func (s *sourceSuite) poison(t *testing.T) error {
	p := s.open(t)
	all := made(1, fewRows)
	for _, at := range []int{0, 7, 8, 9, 31, fewRows - 1} {
		all[at].Poison = true
	}
	for part := range slices.Chunk(all, putRows) {
		p.Put(t, part...)
	}
	f, err := s.drain(t, p, all)
	if err != nil {
		return err
	}
	again, err := s.fetch(t, p, f.position(), nil)
	if err != nil {
		return err
	}
	return wrap("from the last position", errors.Join(again.ended(), follows(again.rows(), all, len(all), s.allowance(p, f))))
}

// grow: whatever comes behind a position is read from there on.
func (s *sourceSuite) grow(t *testing.T) error {
	p := s.open(t)
	var all []Row
	position := ""
	for range 5 {
		read := len(all)
		more := made(len(all)+1, 2*putRows)
		all = append(all, more...)
		p.Put(t, more...)
		f, err := s.fetch(t, p, position, nil)
		if err != nil {
			return err
		}
		if err := errors.Join(f.ended(), follows(f.rows(), all, read, s.allowance(p, f))); err != nil {
			return fmt.Errorf("after %d rows: %w", read, err)
		}
		position = f.position()
	}
	return nil
}

// growsMeanwhile: rows that come while others are read are read then or later, and none is lost.
func (s *sourceSuite) growsMeanwhile(t *testing.T) error {
	p := s.open(t)
	all := fill(t, p, 4*putRows)
	f, err := s.fetch(t, p, "", func(_ context.Context, n int) error {
		if n < minParts {
			more := made(len(all)+1, putRows)
			all = append(all, more...)
			p.Put(t, more...)
		}
		return nil
	})
	if err != nil {
		return err
	}
	read := f.rows()
	if err := errors.Join(f.ended(), follows(read, all[:min(len(read), len(all))], 0, 0)); err != nil {
		return err
	}
	rest, err := s.fetch(t, p, f.position(), nil)
	if err != nil {
		return err
	}
	return wrap("from the last position", errors.Join(rest.ended(), follows(rest.rows(), all, len(read), s.allowance(p, f))))
}

// manyRows: so many that a door which keeps them all, or asks for each, is found out.
func (s *sourceSuite) manyRows(t *testing.T) error {
	p := s.open(t)
	all := made(1, s.many)
	for part := range slices.Chunk(all, manyPut) {
		p.Put(t, part...)
	}
	_, err := s.drain(t, p, all)
	return err
}

// unreachable: a partner that is away is a *Trouble, also for a door that opens meanwhile; when it is back the rows come.
func (s *sourceSuite) unreachable(t *testing.T) error {
	p := s.open(t)
	fragile, ok := p.(Fragile)
	if !ok {
		return nil // its maker says that it can't be away
	}
	all := fill(t, p, fewRows)
	src := p.Source(t)
	defer src.Close() //nolint:errcheck // its partner was away
	f, err := s.fetchFrom(t.Context(), t, p, src, fetching{hand: stopAfter(1)})
	if err != nil {
		return err
	}
	at := progress{}.on(f)
	mend := breaks(t, fragile, false)
	defer mend()
	meanwhile := p.Source(t)
	defer meanwhile.Close() //nolint:errcheck // its partner was away
	for _, door := range []connectors.Source{src, meanwhile, src} {
		f, err := s.fetchFrom(t.Context(), t, p, door, fetching{from: at.position})
		if err != nil {
			return err
		}
		if err := errors.Join(isAway(f.err), at.follows(f, all, s.allowance(p, f))); err != nil {
			return fmt.Errorf("from a partner that is away: %w", err)
		}
		at = at.on(f)
	}
	mend()
	if err := s.mended(t, p, meanwhile, all, at); err != nil {
		return err
	}
	if forgetful, ok := p.(Forgetful); ok && forgetful.Forgets() {
		at = progress{len(all), at.position}
	}
	return s.mended(t, p, src, all, at)
}

// unreachableMidway: a partner that goes away between two batches loses nothing.
func (s *sourceSuite) unreachableMidway(t *testing.T) error {
	p := s.open(t)
	fragile, ok := p.(Fragile)
	if !ok {
		return nil
	}
	all := fill(t, p, fewRows)
	mend := func() {}
	f, err := s.fetch(t, p, "", func(_ context.Context, n int) error {
		if n == 0 {
			mend = breaks(t, fragile, false)
		}
		return nil
	})
	defer mend()
	if err != nil {
		return err
	}
	read := f.rows()
	if err := follows(read, all[:min(len(read), len(all))], 0, 0); err != nil {
		return err
	}
	if err := isAway(f.err); err != nil && len(read) < len(all) {
		return fmt.Errorf("its partner went away after the first batch: %w", err)
	}
	mend()
	src := p.Source(t)
	defer src.Close() //nolint:errcheck // its partner was away
	return s.mended(t, p, src, all, progress{}.on(f))
}

// slow: a partner that lets wait does not keep Fetch from ending.
func (s *sourceSuite) slow(t *testing.T) error {
	p := s.open(t)
	fragile, ok := p.(Fragile)
	if !ok {
		return nil
	}
	all := fill(t, p, fewRows)
	if _, err := s.fetch(t, p, "", func(context.Context, int) error { return errStop }); err != nil { // what is made once and stays is there then
		return err
	}
	mend := breaks(t, fragile, true)
	defer mend()
	src := p.Source(t)
	defer src.Close() //nolint:errcheck // after an error; else it is closed below
	ctx, cancel := context.WithTimeout(t.Context(), s.hold)
	defer cancel()
	f, err := s.fetchFrom(ctx, t, p, src, fetching{})
	if err != nil {
		return err
	}
	mend()
	if err := s.mended(t, p, src, all, progress{}.on(f)); err != nil {
		return err
	}
	return src.Close()
}

// mended fetches until a partner that is back has given all rows.
func (s *sourceSuite) mended(t *testing.T, p Partner, src connectors.Source, all []Row, at progress) error {
	for deadline := time.Now().Add(s.mend); ; {
		f, err := s.fetchFrom(t.Context(), t, p, src, fetching{from: at.position})
		if err != nil {
			return err
		}
		if err := at.follows(f, all, s.allowance(p, f)); err != nil {
			return fmt.Errorf("from a partner that is back: %w", err)
		}
		if f.err == nil {
			return nil
		}
		at = at.on(f)
		if err := waitTill(t, f.err, deadline); err != nil {
			return fmt.Errorf("from a partner that is back: %w", err)
		}
	}
}

// allowance is how many rows may come again after a start.
func (s *sourceSuite) allowance(p Partner, f fetched) int {
	allowed := 0
	for _, b := range f.batches {
		allowed = max(allowed, len(b.rows))
	}
	if overlapping, ok := p.(Overlapping); ok {
		allowed += overlapping.Overlap()
	}
	return allowed
}
