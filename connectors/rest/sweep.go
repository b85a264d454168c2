package rest

import (
	"bytes"
	"context"
	"slices"
	"time"

	"hebian/connectors"
)

const (
	// mostAgain bounds how often in a row a sweep is made again because its pages moved: that a row slips through between two pages
	// three times is not to be expected, and a service where rows change all the time must not stand still.
	mostAgain = 2
	// blindRows without a readable time, and none with one, are no accident: since.field is not as configured.
	blindRows = 100
	// batchBytes bounds a batch beside its rows, as it is in memory whole.
	batchBytes = 16 << 20
)

// sweep is one way through all that has changed.
type sweep struct {
	source *Source
	hand   connectors.Hand
	pages  *pager
	start  position
	dater  func(row []byte) (time.Time, bool)
	known  map[sum]bool // rows that we have, of those that come again
	behind position     // behind all pages read so far

	batch bytes.Buffer
	rows  int // in the batch

	filled int // pages with rows

	max   time.Time // the latest change so far that is to be believed
	began time.Time // by the partner's clock
	moved bool      // rows changed while pages were read
	dated bool      // a row had a readable time
	blind int       // rows without one
	tail  []seen    // rows that will come again, as far as can be said so far
}

// sum is a digest that tells rows apart.
type sum [digestBytes]byte

// seen is a row that was read.
type seen struct {
	sum  sum
	time time.Time
}

// sweep reads pages from a position on to the end, and hands over the rows that are new.
func (s *Source) sweep(ctx context.Context, start position, hand connectors.Hand) error {
	param, _ := s.since.ask(start.Since)
	w := &sweep{
		source: s, hand: hand, pages: s.pager(param, start.Cursor), start: start, behind: start,
		dater: s.since.dater(), known: map[sum]bool{}, max: later(start.Since, start.Max),
	}
	for known := range slices.Chunk(start.Seen, digestBytes) {
		if len(known) == digestBytes {
			w.known[sum(known)] = true
		}
	}
	for {
		got, err := w.pages.next(ctx)
		if err != nil {
			if ctx.Err() == nil && w.rows > 0 { // what came before the trouble is good
				if err := w.flush(ctx, w.behind); err != nil {
					return err
				}
			}
			return err
		}
		if got == nil {
			return w.end(ctx)
		}
		if err := w.take(ctx, got); err != nil {
			return err
		}
	}
}

// take adds a page to the batch. The batch that the last row of a sweep is in must not go before the sweep has ended: the position
// behind the sweep travels with it.
func (w *sweep) take(ctx context.Context, got *page) error {
	now := got.date
	if now.IsZero() {
		now = time.Now() // only ever a bound: with a wrong clock of ours rows come again, and none is lost
	}
	if w.began.IsZero() {
		w.began = now
	}
	if len(got.rows) > 0 {
		w.filled++
	}
	if w.source.feed() {
		w.tail = w.tail[:0] // only the last page may come again
	}
	fresh, err := w.sort(got.rows, now)
	if err != nil {
		return err
	}
	if w.rows > 0 && len(fresh) > 0 && w.rows+len(fresh) > w.source.config.MaxRows {
		if err := w.flush(ctx, w.behind); err != nil {
			return err
		}
	}
	for _, row := range fresh {
		if w.rows == w.source.config.MaxRows || w.rows > 0 && w.batch.Len()+len(row) > batchBytes {
			if err := w.flush(ctx, w.behind); err != nil { // a part of a page: after a crash it is read again
				return err
			}
		}
		w.batch.Write(row)
		w.batch.WriteByte('\n')
		w.rows++
	}
	w.prune()
	w.behind = w.midway()
	return nil
}

// sort gives the rows of a page that we do not have yet, and notes what the page says about time.
func (w *sweep) sort(rows [][]byte, now time.Time) (fresh [][]byte, err error) {
	since := &w.source.since
	_, low := since.ask(w.max)
	high := w.max
	for _, row := range rows {
		at, dated := w.dater(row)
		if since.config.Ordered && dated && at.Before(low) {
			return nil, unfit("rows do not come by rising %s: since.ordered does not hold; set it to false and fetch from the start", since.config.Field)
		}
		w.note(&high, at, dated, now)
		whole := digest(row)
		mark := sum(whole[:digestBytes])
		w.tail = append(w.tail, seen{mark, at})
		if !w.known[mark] {
			fresh = append(fresh, row)
		}
	}
	w.max = high
	return fresh, nil
}

// note looks at the time of a row's change.
func (w *sweep) note(high *time.Time, at time.Time, dated bool, now time.Time) {
	switch {
	case !dated:
		w.blind++
	case at.After(now.Add(lead)): // it will come again and again, and hold nothing up
		w.dated = true
	default:
		w.dated = true
		*high = later(*high, at)
		w.moved = w.moved || !at.Before(w.began)
	}
}

// midway is the position behind the pages read so far, in a sweep that goes on.
func (w *sweep) midway() position {
	style := w.source.config.Paging.Style
	switch {
	case w.source.feed():
		return w.final()
	case style == Cursors || style == Links: // the sweep goes on where it was, and still counts from its start
		p := w.start
		p.Cursor, p.Max = w.pages.cursor, w.max
		return p
	case w.source.since.config.Ordered:
		return position{Since: w.max, Seen: w.sums(w.max)}
	}
	return w.start
}

// end hands over what is left. The position is behind the whole sweep.
func (w *sweep) end(ctx context.Context) error {
	if w.rows > 0 {
		if err := w.flush(ctx, w.final()); err != nil {
			return err
		}
	}
	if w.source.since.on() && !w.dated && w.blind >= blindRows {
		return unfit("since.field: none of %d rows has a time of the format %s at %s; all were taken, and will come again", w.blind,
			w.source.config.Since.Format, w.source.config.Since.Field)
	}
	return nil
}

// final is the position behind the whole sweep.
func (w *sweep) final() position {
	if w.source.feed() {
		if next := w.pages.cursor; next != "" && next != w.pages.sent {
			return position{Cursor: next}
		}
		return position{Cursor: w.pages.sent, Seen: w.sums(time.Time{})} // the last page comes again, with what will stand behind it
	}
	style := w.source.config.Paging.Style
	slips := (style == Numbers || style == Offsets) && !w.source.since.config.Ordered && w.filled > 1
	if slips && (w.moved || w.pages.changed) && w.start.Again < mostAgain {
		// A row that changes while pages are read leaves its place, and another moves into the page before, which was read already.
		return position{Since: w.start.Since, Again: w.start.Again + 1, Seen: w.sums(w.start.Since)}
	}
	return position{Since: w.max, Seen: w.sums(w.max)}
}

// sums gives the digests of rows that come again when changes since then are asked for: the latest, if they are too many.
func (w *sweep) sums(since time.Time) []byte {
	_, from := w.source.since.ask(since)
	var all []byte
	for _, row := range slices.Backward(w.tail) {
		if row.time.IsZero() || !row.time.Before(from) {
			all = append(all, row.sum[:]...)
		}
		if len(all) == maxSeen*digestBytes {
			break
		}
	}
	return all
}

// prune keeps the tail from growing with the sweep.
func (w *sweep) prune() {
	if len(w.tail) < 16*maxSeen {
		return
	}
	slices.SortStableFunc(w.tail, func(a, b seen) int { return a.time.Compare(b.time) })
	w.tail = slices.Delete(w.tail, 0, len(w.tail)-maxSeen)
}

// flush hands the batch over.
func (w *sweep) flush(ctx context.Context, behind position) error {
	text := behind.String()
	if len(text) > connectors.MaxPosition {
		return unfit("paging.next_at: the cursor is too long to be kept")
	}
	_, err := w.hand(ctx, connectors.Batch{
		Form: connectors.NDJSON, Encoding: encoding, Body: bytes.NewReader(w.batch.Bytes()), Mode: connectors.Merge, Position: text,
	})
	if err != nil {
		return err
	}
	w.batch.Reset()
	w.rows = 0
	return nil
}
