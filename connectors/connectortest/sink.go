package connectortest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"hebian/connectors"
)

// TestSink is what every sink must pass. open makes a receiver that has got nothing yet. A Receiver that is Fragile is broken, too. Nothing
// else runs in the process meanwhile, since goroutines that are left are looked for: no t.Parallel.
func TestSink(t *testing.T, open func(t *testing.T) Receiver) {
	s := &sinkSuite{open: open, times: patient}
	for _, c := range s.checks() {
		t.Run(c.name, func(t *testing.T) {
			if err := c.run(t); err != nil {
				t.Error(err)
			}
		})
	}
}

// sinkSuite holds a sink against its contract.
type sinkSuite struct {
	times
	open func(t *testing.T) Receiver
}

func (s *sinkSuite) checks() []check {
	return []check{
		{"order", s.order},
		{"repeat", s.repeat},
		{"repeat after a start", s.resume},
		{"big dispatch", s.big},
		{"cancelled before", s.cancelled},
		{"close while it sends", s.closeMeanwhile},
		{"unreachable", s.unreachable},
		{"slow", s.slow},
		{"close while it waits", s.closeSlow},
	}
}

// maxAnswer is what a sink may hand on of a partner's answer, in bytes.
const maxAnswer = 1 << 10

// order: dispatches arrive in their order, and records as they are.
func (s *sinkSuite) order(t *testing.T) error {
	r := s.open(t)
	sink := r.Sink(t)
	var all []connectors.Out
	for n := range 10 {
		d := dispatch(n+1, 7)
		if err := s.send(t.Context(), sink, d); err != nil {
			return err
		}
		all = append(all, d.Records...)
	}
	return errors.Join(received(t, r, all), wrap("Close", sink.Close()))
}

// repeat: the same dispatch again, the last or an older one, changes nothing.
func (s *sinkSuite) repeat(t *testing.T) error {
	r := s.open(t)
	sink := r.Sink(t)
	var all []connectors.Out
	for n, times := range []int{1, 3, 2} {
		d := dispatch(n+1, 5)
		all = append(all, d.Records...)
		for range times {
			if err := s.send(t.Context(), sink, d); err != nil {
				return err
			}
		}
	}
	if err := s.send(t.Context(), sink, dispatch(1, 5)); err != nil {
		return fmt.Errorf("an older dispatch again: %w", err)
	}
	return errors.Join(received(t, r, all), wrap("Close", sink.Close()))
}

// resume: a sink that is opened anew sends the last dispatch again, since the hub stopped before it knew, and goes on.
func (s *sinkSuite) resume(t *testing.T) error {
	r := s.open(t)
	var all []connectors.Out
	for n := range 4 {
		d := dispatch(n+1, 5)
		all = append(all, d.Records...)
		for range 2 {
			sink := r.Sink(t)
			if err := errors.Join(s.send(t.Context(), sink, d), sink.Close()); err != nil {
				return err
			}
		}
	}
	return received(t, r, all)
}

// big: a dispatch at the bounds arrives whole.
func (s *sinkSuite) big(t *testing.T) error {
	r := s.open(t)
	sink := r.Sink(t)
	d := dispatch(1, connectors.DispatchRecords)
	room := connectors.DispatchBytes
	for i := range d.Records {
		room -= len(d.Records[i].JSON)
	}
	for i := range d.Records {
		more := room / len(d.Records)
		d.Records[i].JSON = fmt.Appendf(nil, `%s,"more":%q}`, d.Records[i].JSON[:len(d.Records[i].JSON)-1], strings.Repeat("m", more-len(`,"more":""`)))
	}
	if err := s.send(t.Context(), sink, d); err != nil {
		return err
	}
	return errors.Join(received(t, r, d.Records), wrap("Close", sink.Close()))
}

// cancelled: a ctx that has ended is an error, and the dispatch arrives when it is sent again. Nothing is left behind.
func (s *sinkSuite) cancelled(t *testing.T) error {
	r := s.open(t)
	warm := r.Sink(t) // what is made once and stays is there then
	d := dispatch(1, 5)
	if err := errors.Join(s.send(t.Context(), warm, d), warm.Close()); err != nil {
		return err
	}
	before := goleak.IgnoreCurrent()
	sink := r.Sink(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	next := dispatch(2, 5)
	err := s.send(ctx, sink, next)
	if broken := (*brokenError)(nil); errors.As(err, &broken) {
		return err
	}
	if err == nil { // then the partner has it
		if err := received(t, r, slices.Concat(d.Records, next.Records)); err != nil {
			return fmt.Errorf("after Send with a ctx that had ended: it says that the partner has it: %w", err)
		}
	}
	if err := errors.Join(s.send(t.Context(), sink, next), sink.Close()); err != nil {
		return err
	}
	return errors.Join(received(t, r, slices.Concat(d.Records, next.Records)), leftBehind(before, s.end))
}

// closeMeanwhile: Close while dispatches are sent ends or fails them, and panics and hangs nowhere.
func (s *sinkSuite) closeMeanwhile(t *testing.T) error {
	r := s.open(t)
	sink := r.Sink(t)
	sent := make(chan int)
	stopped := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		for n := 1; ; n++ {
			err := s.send(ctx, sink, dispatch(n, 5))
			if err != nil {
				stopped <- err
				return
			}
			select {
			case sent <- n:
			case <-ctx.Done():
				stopped <- ctx.Err()
				return
			}
		}
	}()
	last := 0
	for range 3 { // dispatches are on their way
		select {
		case last = <-sent:
		case err := <-stopped:
			return err
		}
	}
	if err := s.close(sink); err != nil {
		return err
	}
	after := time.NewTimer(s.hold)
	defer after.Stop()
	for waiting := true; waiting; {
		select {
		case last = <-sent: // a sink that opens a connection for each has nothing to let go of
		case err := <-stopped:
			if broken := (*brokenError)(nil); errors.As(err, &broken) {
				return err
			}
			waiting = false
		case <-after.C:
			cancel()
		}
	}
	var all []connectors.Out
	for n := range last {
		all = append(all, dispatch(n+1, 5).Records...)
	}
	got := r.Received(t)
	if len(got) < len(all) {
		return fmt.Errorf("the partner has %d records, Send said that it has %d", len(got), len(all))
	}
	return equalRecords(got[:len(all)], all)
}

// unreachable: a partner that is away is a *Trouble, also for a sink that opens meanwhile; when it is back the dispatch arrives, once.
func (s *sinkSuite) unreachable(t *testing.T) error {
	r := s.open(t)
	fragile, ok := r.(Fragile)
	if !ok {
		return nil // its maker says that it can't be away
	}
	sink := r.Sink(t)
	defer sink.Close() //nolint:errcheck // its partner was away
	first, second, third := dispatch(1, 5), dispatch(2, 5), dispatch(3, 5)
	if err := s.send(t.Context(), sink, first); err != nil {
		return err
	}
	mend := breaks(t, fragile, false)
	defer mend()
	meanwhile := r.Sink(t)
	defer meanwhile.Close() //nolint:errcheck // its partner was away
	for _, door := range []connectors.Sink{sink, meanwhile, sink} {
		err := s.send(t.Context(), door, second)
		if broken := (*brokenError)(nil); errors.As(err, &broken) {
			return err
		}
		if err := isAway(err); err != nil {
			return fmt.Errorf("to a partner that is away: %w", err)
		}
	}
	mend()
	if err := s.mended(t, sink, second); err != nil {
		return err
	}
	if err := s.mended(t, meanwhile, third); err != nil {
		return err
	}
	return received(t, r, slices.Concat(first.Records, second.Records, third.Records))
}

// slow: a partner that lets wait does not keep Send from ending; sent again, the dispatch is there once.
func (s *sinkSuite) slow(t *testing.T) error {
	r := s.open(t)
	fragile, ok := r.(Fragile)
	if !ok {
		return nil
	}
	sink := r.Sink(t)
	defer sink.Close() //nolint:errcheck // its partner was slow
	first, second := dispatch(1, 5), dispatch(2, 5)
	if err := s.send(t.Context(), sink, first); err != nil {
		return err
	}
	mend := breaks(t, fragile, true)
	defer mend()
	ctx, cancel := context.WithTimeout(t.Context(), s.hold)
	defer cancel()
	err := s.send(ctx, sink, second)
	if broken := (*brokenError)(nil); errors.As(err, &broken) {
		return err
	}
	mend()
	if err := s.mended(t, sink, second); err != nil {
		return err
	}
	return received(t, r, slices.Concat(first.Records, second.Records))
}

// closeSlow: Close does not wait for a slow partner for long, and lets a Send end that does.
func (s *sinkSuite) closeSlow(t *testing.T) error {
	r := s.open(t)
	fragile, ok := r.(Fragile)
	if !ok {
		return nil
	}
	sink := r.Sink(t)
	if err := s.send(t.Context(), sink, dispatch(1, 5)); err != nil {
		return err
	}
	mend := breaks(t, fragile, true)
	defer mend()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- s.send(ctx, sink, dispatch(2, 5)) }()
	wait := time.NewTimer(s.hold)
	defer wait.Stop()
	select {
	case <-wait.C:
	case err := <-ended: // it gave up by itself
		ended <- err
	}
	if err := s.close(sink); err != nil {
		return err
	}
	cancel()
	err := <-ended // within bounds of its own
	if broken := (*brokenError)(nil); errors.As(err, &broken) {
		return err
	}
	return nil
}

// brokenError says that a call broke the contract, whatever it returned.
type brokenError struct{ what string }

func (e *brokenError) Error() string { return e.what }

// send calls Send once. A *brokenError says how it broke the contract; other errors are its own.
func (s *sinkSuite) send(ctx context.Context, sink connectors.Sink, d connectors.Dispatch) error {
	ctx, cancel := context.WithTimeoutCause(ctx, s.whole, errLong)
	defer cancel()
	returned := make(chan error, 1)
	answer := ""
	go func() {
		err := errNoReturn
		defer func() { returned <- err }()
		answer, err = sink.Send(ctx, d)
	}()
	err, inTime := await(ctx, returned, s.end)
	switch {
	case !inTime:
		return &brokenError{fmt.Sprintf("no return from Send %v after the end of its ctx", s.end)}
	case errors.Is(err, errNoReturn), err != nil && errors.Is(context.Cause(ctx), errLong):
		return &brokenError{fmt.Sprintf("Send: %v (%v)", err, context.Cause(ctx))}
	case len(answer) > maxAnswer:
		return &brokenError{fmt.Sprintf("Send hands on an answer of %d bytes, at most %d are kept", len(answer), maxAnswer)}
	}
	return wrap("Send", err)
}

// close calls Close, which must not hang.
func (s *sinkSuite) close(sink connectors.Sink) error {
	closed := make(chan error, 1)
	go func() { closed <- sink.Close() }()
	late := time.NewTimer(s.end)
	defer late.Stop()
	select {
	case <-closed: // what it says of a partner that it was talking to is not of interest
		return nil
	case <-late.C:
		return fmt.Errorf("no return from Close within %v", s.end)
	}
}

// mended sends until a partner that is back has the dispatch.
func (s *sinkSuite) mended(t *testing.T, sink connectors.Sink, d connectors.Dispatch) error {
	for deadline := time.Now().Add(s.mend); ; {
		err := s.send(t.Context(), sink, d)
		if err == nil {
			return nil
		}
		if broken := (*brokenError)(nil); errors.As(err, &broken) {
			return err
		}
		if err := waitTill(t, err, deadline); err != nil {
			return fmt.Errorf("to a partner that is back: %w", err)
		}
	}
}

// dispatch makes a dispatch, always the same for a number and a size. Its records hold what forms have to quote.
func dispatch(number, records int) connectors.Dispatch {
	d := connectors.Dispatch{Connector: "test-out", Agency: "finance", Feed: "corrections", Number: int64(number)}
	for i := range records {
		id := fmt.Sprintf("%04x-%04x", number, i)
		d.Records = append(d.Records, connectors.Out{
			ID: id, Key: fmt.Sprintf("unit-%d", i%3),
			JSON: fmt.Appendf(nil, `{"id":%q,"n":%d,"sum":12.50,"fen":9007199254740993,"none":null,"text":"第%d行, \"a\" \\ <b> & \u2028 '😀","list":[{"x":true}]}`, id, i, i),
		})
	}
	return d
}

// received says whether the partner has just these records.
func received(t *testing.T, r Receiver, want []connectors.Out) error {
	t.Helper()
	return equalRecords(r.Received(t), want)
}

func equalRecords(got, want []connectors.Out) error {
	for i := range min(len(got), len(want)) {
		g, w := got[i], want[i]
		if g.ID != w.ID {
			return fmt.Errorf("record %d of %d has ID %q, want %q", i+1, len(want), g.ID, w.ID)
		}
		if g.Key != "" && g.Key != w.Key { // not every partner is told
			return fmt.Errorf("record %s has key %q, want %q", w.ID, g.Key, w.Key)
		}
		if bytes.Equal(g.JSON, w.JSON) {
			continue
		}
		gotValue, gotErr := valueOf(g.JSON)
		wantValue, wantErr := valueOf(w.JSON)
		if err := errors.Join(gotErr, wantErr); err != nil {
			return fmt.Errorf("record %s: %w", w.ID, err)
		}
		if diff := cmp.Diff(wantValue, gotValue, cmp.Comparer(sameNumber)); diff != "" {
			return fmt.Errorf("record %s differs (-sent +received):\n%.500s", w.ID, diff)
		}
	}
	if len(got) != len(want) {
		return fmt.Errorf("the partner has %d records, want %d", len(got), len(want))
	}
	return nil
}

// valueOf reads JSON with its numbers as they are.
func valueOf(text []byte) (v any, err error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	err = d.Decode(&v)
	return v, err
}

// sameNumber lets a partner write 12.50 as 12.5, but not lose a digit.
func sameNumber(a, b json.Number) bool {
	x, xOK := new(big.Rat).SetString(a.String())
	y, yOK := new(big.Rat).SetString(b.String())
	return xOK && yOK && x.Cmp(y) == 0
}
