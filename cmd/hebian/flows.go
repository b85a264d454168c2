package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"hebian/connectors"
	"hebian/connectors/drop"
	"hebian/connectors/life"
	"hebian/connectors/sandbox"
	"hebian/hub"
	"hebian/matcher"
	"hebian/matcher/queue"
	"hebian/matcher/state"
	"hebian/ops/access"
	"hebian/ops/watch"
	"hebian/schemas"
)

// service is a house that stays up. The way of a delivery, whatever door it came through: take puts it into
// the log and writes the receipt; one goroutine, judge, hears of every receipt in turn, folds that delivery, judges whom it touches
// and rules on the cases; relay carries decided corrections to the agencies.
type service struct {
	*house
	config   config
	now      hub.Clock
	calendar hub.Clock // tells the day to judge by, which need not be now's
	fixedDay bool      // judged by a given day; else by the calendar's
	agencies []connectors.Profile
	queue    *queue.Queue
	periods  hub.Periods
	access   *access.Access
	secure   bool // reached over HTTPS only
	spool    *connectors.Spool
	claims   connectors.Claims
	sink     drop.Sink
	feeds    *feeds
	keeper   *life.Keeper        // of connectors
	bringers map[string]*bringer // by connector
	sandbox  *sandbox.Sandbox
	wake     chan struct{} // the relay: a decision was taken
	asking   chan struct{} // held by who has everybody judged for an answer

	answering sync.WaitGroup  // requests
	stopping  context.Context // done when those that are left must end
	halt      context.CancelFunc
	metrics   *watch.Metrics
	logger    *slog.Logger

	// What the judge knows. The judge alone changes it, and holds court while it does.
	// The judge reads it without. Locks are taken in this order: an agency's of entry, court, those of standing and
	// state, mu. Of the register: the book's of writing, the standing's, then any other.
	court      sync.RWMutex
	state      *state.State
	standing   *matcher.Standing
	folded     folded       // deliveries in the state
	declared   []hub.Period // that it has heard of
	marks      matcher.AgencyMarks
	day        schemas.Date
	quarantine *quarantine
	units      *unitNames
	cased      map[matcher.Key]bool // findings that may have a case whose finding stands
	register   *register            // legal entities

	entry    map[string]*sync.RWMutex // by agency: held by deliveries until the judge knows of them, and by declarations alone
	arrivals chan arrival             // on their way to the judge; where it is full, doors wait
	closed   chan struct{}            // the judge hears no more

	mu     sync.Mutex // guards what follows
	given  int64      // arrivals handed over
	heard  int64      // arrivals that cases show
	turn   *sync.Cond // heard has grown, or the judge is gone
	lag    map[int64]hub.Receipt
	ill    string               // what keeps the judge from going on; empty: nothing
	judged time.Time            // end of the last judgement
	newest map[origin]time.Time // receipt of the newest complete delivery, by agency and subject
}

// origin is what an agency delivers of a subject.
type origin struct{ agency, subject string }

// arrival is what the judge must hear of.
type arrival struct {
	receipt hub.Receipt // of a complete delivery; its Delivery is 0 when an agency declared a period
	period  hub.Period  // that it declared
	linked  string      // ID of the entity under review when an officer decided on a link
	source  string      // agency whose register a connector has read to its end
}

// maxArrivals bounds the receipts that wait for the judge, who hears thousands a second.
const maxArrivals = 256

// take takes one file in and tells the judge. The receipt says how it went, as house.deliver says it.
func (s *service) take(ctx context.Context, door *connectors.Door, found connectors.Found, m hub.Manifest) (hub.Receipt, error) {
	return s.admit(ctx, m, func(ctx context.Context) (hub.Receipt, error) { return s.deliver(ctx, door, found, m) })
}

// admit has a delivery made and tells the judge.
func (s *service) admit(ctx context.Context, m hub.Manifest, deliver func(context.Context) (hub.Receipt, error)) (hub.Receipt, error) {
	entry := s.entry[m.Agency]
	entry.RLock() // a declaration does not overtake the files that it speaks of
	defer entry.RUnlock()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.stopping, cancel)()
	started := time.Now()
	receipt, err := deliver(ctx)
	if err != nil {
		receipt, err = s.makeSure(ctx, receipt, err)
	}
	if err != nil || receipt.Outcome != hub.Complete {
		return receipt, err
	}
	s.metrics.Delivered(receipt.Agency, time.Since(started))
	s.metrics.Records(receipt.Agency, receipt.Subject, "in", "accepted", receipt.Accepted)
	s.metrics.Records(receipt.Agency, receipt.Subject, "in", "quarantined", receipt.Quarantined)
	s.metrics.Records(receipt.Agency, receipt.Subject, "in", "withdrawn", receipt.Retracted)
	s.hand(arrival{receipt: receipt})
	return receipt, nil
}

// makeSure looks whether a receipt was written although an error came back, as when the sender went away at that
// very moment: then it counts, and the judge must hear of it.
func (s *service) makeSure(ctx context.Context, r hub.Receipt, err error) (hub.Receipt, error) {
	if r.Outcome != hub.Complete {
		return r, err
	}
	written, unread := s.deliveries.Get(context.WithoutCancel(ctx), r.Delivery)
	if unread != nil || written.Outcome != hub.Complete {
		return r, errors.Join(err, unread)
	}
	return written, nil
}

// declare notes that an agency has handed over all up to the end of a month, and tells the judge.
func (s *service) declare(ctx context.Context, p hub.Period) error {
	s.entry[p.Agency].Lock()
	defer s.entry[p.Agency].Unlock()
	if err := s.periods.Declare(ctx, p); err != nil {
		return err
	}
	s.hand(arrival{period: p})
	return nil
}

// hand gives the judge something to hear. It waits where the judge is behind. Should the judge be gone, the
// next start hears of it: the receipt is on disk.
func (s *service) hand(a arrival) {
	s.mu.Lock()
	s.given++
	if a.receipt.Delivery != 0 {
		s.lag[a.receipt.Delivery] = a.receipt
		s.noteNewest(a.receipt)
	}
	s.mu.Unlock()
	select {
	case s.arrivals <- a:
	case <-s.closed:
	}
}

// noteNewest notes the receipt of an agency's newest delivery of a subject. The caller holds mu, or is alone.
func (s *service) noteNewest(r hub.Receipt) {
	at := origin{r.Agency, r.Subject}
	if r.Finished.After(s.newest[at]) {
		s.newest[at] = r.Finished
	}
}

// caughtUp waits until cases show all that was handed over before it was called.
func (s *service) caughtUp(ctx context.Context) error {
	defer context.AfterFunc(ctx, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.turn.Broadcast()
	})()
	s.mu.Lock()
	defer s.mu.Unlock()
	for given := s.given; s.heard < given; s.turn.Wait() {
		if ctx.Err() != nil {
			return fmt.Errorf("wait for %d deliveries to be judged: %w", given-s.heard, ctx.Err())
		}
		select {
		case <-s.closed:
			return errStopping
		default:
		}
	}
	return nil
}

// relay carries decided corrections to the agencies until stop is closed, and then what still waits.
func (s *service) relay(ctx context.Context, stop <-chan struct{}) {
	relay := hub.NewRelay(s.queue, s.log, s.sink, s.schemaIDs[hub.CorrectionTopic])
	relay.Elsewhere = s.bringsCorrections
	relay.Run(ctx, stop, s.wake, func(err error) {
		s.metrics.Retried("relay")
		s.logger.Error("corrections wait", "error", err)
	})
}

// wakingQueue wakes the relay after a decision, so that a correction leaves at once, and tells the judge of links.
type wakingQueue struct {
	*queue.Queue
	service *service
}

// Decide is the queue's.
func (q wakingQueue) Decide(ctx context.Context, id, officer string, d queue.Decision) (queue.Case, error) {
	c, err := q.Queue.Decide(ctx, id, officer, d)
	if err == nil {
		q.tell(&c, d.Outcome)
	}
	return c, err
}

// Revoke is the queue's.
func (q wakingQueue) Revoke(ctx context.Context, id, officer, reason string) (queue.Case, error) {
	c, err := q.Queue.Revoke(ctx, id, officer, reason)
	if err == nil {
		q.tell(&c, queue.OutcomeSame)
	}
	return c, err
}

func (q wakingQueue) tell(c *queue.Case, outcome queue.Outcome) {
	if outcome == queue.OutcomeSame || outcome == queue.OutcomeDifferent {
		q.service.hand(arrival{linked: c.Key.Entity})
		return
	}
	select {
	case q.service.wake <- struct{}{}:
	default: // it is awake
	}
}

// watchFolder takes in what agencies lay into the watched folder, if there is one, until ctx is done.
func (s *service) watchFolder(ctx context.Context) error {
	if s.config.Serve.Watch == "" {
		<-ctx.Done()
		return nil
	}
	d := doors{s}
	folder, err := drop.Open(drop.Options{
		Dir: s.config.Serve.Watch, Memory: s.folder("watched.json"), Profiles: s.agencies, Spool: s.spool, Claims: &s.claims,
		Deliver: d.Deliver, Periods: d, Books: d, Today: s.today, Log: s.logger,
	})
	if err != nil {
		return err
	}
	return folder.Run(ctx)
}
