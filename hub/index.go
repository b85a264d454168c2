package hub

import (
	"container/list"
	"context"
	"fmt"
	"hash/maphash"
	"iter"
	"sync"

	"hebian/schemas"
)

// shelfRows bounds how many rows the indexes that an Intake keeps hold together, at some 35 bytes each. A file with more rows can be merged
// into, but its index is made anew each time.
const shelfRows = 4 << 20

// shelfLeast is what an index counts for at least, so that there are not too many.
const shelfLeast = 256

// place is where a row of a file lies in the log: in the topic of its subject or in quarantine.
type place struct {
	topic     uint8 // subjectIndex or misfitIndex
	partition uint16
	offset    int64
}

// rowIndex finds the live rows of a keyed file by their keys: a hash table whose buckets are linked lists in one array, for
// memory's sake and because a file may hold any number of rows of one key.
type rowIndex struct {
	delivery  int64 // the newest complete one of the file, after which it holds
	seed      maphash.Seed
	heads     []uint32 // by hash of the key: the first row of the bucket, from 1 on; 0: none
	rows      []indexRow
	free      uint32              // the first row not in use, from 1 on; 0: none
	used      int                 // rows in use
	discarded map[schemas.ID]bool // misfits that wait no more when they come again
}

// indexRow is one row in 28 bytes: a partition of 15 bits, an offset of 47.
type indexRow struct {
	id   schemas.ID
	next uint32 // in its bucket, or among those not in use
	low  uint32 // of the offset
	high uint16 // and a mark that the row is gone
	lies uint16 // partition, and topic in the highest bit
}

const (
	maxIndexed = 1<<15 - 1 // the last partition that an indexRow has room for
	indexGone  = 1 << 15   // in high
)

func newRowIndex(rows int) *rowIndex {
	return &rowIndex{seed: maphash.MakeSeed(), heads: make([]uint32, max(16, rows)), rows: make([]indexRow, 0, rows), discarded: map[schemas.ID]bool{}}
}

// of gives the rows of a key, whose number row takes. The index must not change meanwhile.
func (x *rowIndex) of(key rowKey) iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		for n := *x.head(key); n > 0; n = x.rows[n-1].next {
			if x.rows[n-1].id.RowKey() == key && !yield(n) {
				return
			}
		}
	}
}

// row gives a row by its number.
func (x *rowIndex) row(n uint32) (schemas.ID, place) {
	r := &x.rows[n-1]
	return r.id, place{uint8(r.lies >> 15), r.lies & maxIndexed, int64(r.high)<<32 | int64(r.low)}
}

func (x *rowIndex) head(key rowKey) *uint32 {
	// High bits of the hash times the number of buckets: that number need be no power of two.
	hash := maphash.Bytes(x.seed, key[:]) >> 32
	return &x.heads[hash*uint64(len(x.heads))>>32]
}

func (x *rowIndex) add(id schemas.ID, at place) {
	if 2*x.used >= 3*len(x.heads) {
		x.grow()
	}
	n := x.free
	if n > 0 {
		x.free = x.rows[n-1].next
	} else {
		x.rows = append(x.rows, indexRow{})
		n = uint32(len(x.rows))
	}
	head := x.head(id.RowKey())
	x.rows[n-1] = indexRow{id, *head, uint32(at.offset), uint16(at.offset >> 32), at.partition | uint16(at.topic)<<15}
	*head = n
	x.used++
}

// remove takes rows out, in one walk over each of their buckets.
func (x *rowIndex) remove(gone []uint32) {
	for _, n := range gone {
		x.rows[n-1].high |= indexGone
	}
	for _, n := range gone {
		if x.rows[n-1].high&indexGone == 0 {
			continue // went with another one of its bucket
		}
		link := x.head(x.rows[n-1].id.RowKey())
		for *link > 0 {
			n := *link
			r := &x.rows[n-1]
			if r.high&indexGone == 0 {
				link = &r.next
				continue
			}
			*link = r.next
			*r = indexRow{next: x.free}
			x.free = n
			x.used--
		}
	}
}

// grow doubles the buckets.
func (x *rowIndex) grow() {
	old := x.heads
	x.heads = make([]uint32, 2*len(old))
	for _, n := range old {
		for n > 0 {
			r := &x.rows[n-1]
			head, next := x.head(r.id.RowKey()), r.next
			r.next, *head = *head, n
			n = next
		}
	}
}

// change brings the index to what holds after a merge or a discard.
func (x *rowIndex) change(m *mergeSet, r *Receipt) {
	for _, n := range m.gone {
		if id, at := x.row(n); r.Mode == Discard && at.topic == misfitIndex {
			x.discarded[id] = true
		}
	}
	x.remove(m.gone)
	for _, p := range m.placed {
		x.add(p.id, p.at)
	}
	x.delivery = r.Delivery
}

// rowIndex gives the index of the session's file: the one on the shelf if it still holds, else one made from the log. It is the session's
// until shelve.
func (s *Session) rowIndex(ctx context.Context) (*rowIndex, error) {
	if n := s.intake.log.Partitions(s.delivery.Subject); n > maxIndexed+1 {
		return nil, fmt.Errorf("%s has %d partitions, merges know %d", s.delivery.Subject, n, maxIndexed+1)
	}
	if x := s.intake.shelf.take(s.shelfName()); x != nil && x.delivery == s.before.ID {
		return x, nil
	}
	versions, err := s.versions(ctx)
	if err != nil {
		return nil, err
	}
	live, discarded := map[schemas.ID]place{}, map[schemas.ID]bool{}
	for _, d := range versions {
		if err := s.foldPlaces(ctx, d, live, discarded); err != nil {
			return nil, err
		}
	}
	x := newRowIndex(len(live))
	x.delivery, x.discarded = s.before.ID, discarded
	for id, at := range live {
		x.add(id, at)
	}
	return x, nil
}

// foldPlaces folds a delivery of the file into the places of its live rows.
func (s *Session) foldPlaces(ctx context.Context, d Delivery, live map[schemas.ID]place, discarded map[schemas.ID]bool) error {
	var b Batch
	for _, span := range d.Spans {
		at := place{partition: uint16(span.Partition)}
		if span.Topic == MisfitTopic {
			at.topic = misfitIndex
		}
		if err := readSpan(ctx, s.intake.log, d.ID, span, &b, func(b *Batch) error {
			for i := range b.Records {
				r := &b.Records[i]
				if at.topic == misfitIndex {
					remember(discarded, d.Mode, r)
				}
				if r.Op == schemas.Retract {
					delete(live, r.ID)
					continue
				}
				at.offset = b.Base + int64(i)
				live[r.ID] = at
			}
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}

// shelve puts the index back for the next session of the file. Whether it changed or not, it names the delivery after which it holds.
func (s *Session) shelve() {
	if s.merge.index != nil {
		s.intake.shelf.put(s.shelfName(), s.merge.index)
	}
}

func (s *Session) shelfName() shelfName { return shelfName{s.manifest.Agency, s.manifest.File} }

type shelfName struct{ agency, file string }

// shelf keeps the indexes used last.
type shelf struct {
	bound int

	mu     sync.Mutex
	weight int        // of all
	order  *list.List // of *shelved, the one used last in front
	byName map[shelfName]*list.Element
}

type shelved struct {
	name  shelfName
	index *rowIndex
}

func newShelf(bound int) shelf {
	return shelf{bound: bound, order: list.New(), byName: map[shelfName]*list.Element{}}
}

// take takes an index off; nil if it is not there.
func (h *shelf) take(name shelfName) *rowIndex {
	h.mu.Lock()
	defer h.mu.Unlock()
	e := h.byName[name]
	if e == nil {
		return nil
	}
	return h.drop(e)
}

// put puts an index in front, and lets go of those used longest ago where there are too many rows. One that is too large by itself
// is not kept.
func (h *shelf) put(name shelfName, x *rowIndex) {
	if x.weight() > h.bound {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.byName[name] = h.order.PushFront(&shelved{name, x})
	h.weight += x.weight()
	for h.weight > h.bound {
		h.drop(h.order.Back())
	}
}

func (h *shelf) drop(e *list.Element) *rowIndex {
	s := h.order.Remove(e).(*shelved)
	delete(h.byName, s.name)
	h.weight -= s.index.weight()
	return s.index
}

// weight is the rows that an index has room for, and those discarded. It does not change on the shelf.
func (x *rowIndex) weight() int { return max(shelfLeast, len(x.rows)+len(x.discarded)) }
