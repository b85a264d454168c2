package hub

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"hebian/schemas"
)

// freelyGone is how many rows a merge may take away without an operator's yes, whatever their share of the file: a partner's system
// takes single rows out every day, and of a small file each one is more than a tenth.
const freelyGone = 20

type rowKey = [10]byte

// mergeSet is the rows of a Merge, in memory until Finish, and then what they change. It keeps the bounds of a change set. What counts of
// several rows of one key is what would count if each had come in a merge of its own. The rows replaced are looked up in the
// file's rowIndex, so that a few rows cost little however large the file is and however often it was delivered.
type mergeSet struct {
	rows  []schemas.Record // as they came, accepted ones and misfits
	bytes []byte           // what they point into
	said  map[rowKey]said

	index   *rowIndex
	gone    []uint32 // rows of the index to take back
	fresh   []fresh  // to write, in the order they came
	placed  []placed // these, once they are in the log
	spans   []Span
	net     int64 // accepted rows added less taken back
	misfits int64 // added to quarantine
	held    bool
}

// said is what a delivery says of a key in the end: places in rows from 1 on, 0: none. A misfit is there only if it came after the row:
// a bad version does not undo the good one before it, a good one mends the bad ones.
type said struct{ row, misfit uint32 }

// fresh is a row to write: its place in rows, and what it is.
type fresh struct {
	row   uint32
	topic uint8
}

// placed is a row of the file in the log.
type placed struct {
	id schemas.ID
	at place
}

// collectMerge keeps rows until Finish.
func (s *Session) collectMerge(topic uint8, records []schemas.Record) error {
	m := s.merge
	for _, r := range records {
		if len(m.rows) == maxChangeRows || len(m.bytes)+len(r.Key)+len(r.Value) > maxChangeBytes {
			return fmt.Errorf("deliver %s: %w", s.manifest.File, ErrTooLarge)
		}
		start := len(m.bytes)
		m.bytes = append(append(m.bytes, r.Key...), r.Value...)
		r.Key, r.Value = m.bytes[start:start+len(r.Key):start+len(r.Key)], m.bytes[start+len(r.Key):]
		m.rows = append(m.rows, r)
		m.note(topic, uint32(len(m.rows)))
	}
	return nil
}

// note notes what a row says of its key. Accepted rows and misfits come apart, block by block; their lines tell which came later.
func (m *mergeSet) note(topic uint8, n uint32) {
	r := &m.rows[n-1]
	key := r.ID.RowKey()
	before := m.said[key]
	switch {
	case topic == misfitIndex && (before.row == 0 || m.rows[before.row-1].Line <= r.Line):
		before.misfit = n
	case topic == misfitIndex:
		return // a later row mends it
	default:
		before.row = n
		if before.misfit > 0 && m.rows[before.misfit-1].Line <= r.Line {
			before.misfit = 0
		}
	}
	m.said[key] = before
}

// applyMerge works out what the rows change, and writes it unless too much would go: first what is taken back, then what is new, so that
// readers of a partition never see two versions of a row.
func (s *Session) applyMerge(ctx context.Context) error {
	m := s.merge
	var err error
	if m.index, err = s.rowIndex(ctx); err != nil {
		return fmt.Errorf("look up what %s holds: %w", s.manifest.File, err)
	}
	r := &s.receipt
	if s.manifest.Mode == Merge {
		r.Earlier = s.before.Live
	}
	for i := range m.rows {
		said := m.said[m.rows[i].ID.RowKey()]
		switch n := uint32(i + 1); n {
		case said.row:
			s.mergeRow(n)
		case said.misfit:
			s.mergeMisfit(n)
		default:
			r.Unchanged++ // one of its key comes later
		}
	}
	s.settleMerged()
	r.Added, r.Retracted = int64(len(m.fresh)), int64(len(m.gone))
	if m.held = r.Withdrawn >= freelyGone && s.tooMuch(r.Withdrawn); m.held {
		return nil
	}
	if err := s.mergeGone(ctx); err != nil {
		return err
	}
	for _, f := range m.fresh {
		row := &m.rows[f.row-1]
		topic := s.topic(f.topic)
		s.pending.add(topic, s.partition(topic, row.Key), *row)
		if err := s.commitFull(ctx); err != nil {
			return err
		}
	}
	return s.commit(ctx)
}

// mergeRow puts an accepted row in the place of those with its key, or takes them back if it says that they are gone. Misfits of the key are
// mended by it. The same version stays as it is.
func (s *Session) mergeRow(n uint32) {
	m, r := s.merge, &s.merge.rows[n-1]
	key := r.ID.RowKey()
	same, accepted, misfits, waits := false, int64(0), int64(0), m.said[key].misfit > 0
	for i := range m.index.of(key) {
		id, at := m.index.row(i)
		switch {
		case at.topic == misfitIndex && waits: // the misfit that comes after this row replaces it
			continue
		case at.topic == subjectIndex && !isGone(*r) && id == r.ID:
			same = true
			continue
		case at.topic == misfitIndex:
			misfits++
		default:
			accepted++
		}
		m.gone = append(m.gone, i)
	}
	m.net -= accepted
	s.receipt.Settled += misfits
	switch {
	case isGone(*r) && accepted+misfits == 0, same:
		s.receipt.Unchanged++
	case !isGone(*r):
		m.fresh = append(m.fresh, fresh{n, subjectIndex})
		m.net++
		accepted--
	}
	s.receipt.Withdrawn += max(0, accepted)
}

// mergeMisfit puts a misfit in the place of those with its key. The last good version stays.
func (s *Session) mergeMisfit(n uint32) {
	m, r := s.merge, &s.merge.rows[n-1]
	same := false
	for i := range m.index.of(r.ID.RowKey()) {
		switch id, at := m.index.row(i); {
		case at.topic == subjectIndex:
		case id == r.ID:
			same = true
		default:
			m.gone = append(m.gone, i)
			s.receipt.Settled++
		}
	}
	if same || m.index.discarded[r.ID] {
		s.receipt.Unchanged++
		return
	}
	m.fresh = append(m.fresh, fresh{n, misfitIndex})
	m.misfits++
}

// mergeGone writes the retractions, with the values that the rows were asserted with.
func (s *Session) mergeGone(ctx context.Context) error {
	at := make([]Position, len(s.merge.gone))
	for i, row := range s.merge.gone {
		_, lies := s.merge.index.row(row)
		at[i] = Position{s.topic(lies.topic), int(lies.partition), lies.offset}
	}
	slices.SortFunc(at, Position.Compare)
	return Trace(ctx, s.intake.log, at, func(p Position, _ int64, r *schemas.Record) error {
		retraction := *r
		retraction.Op = schemas.Retract
		s.pending.add(p.Topic, p.Partition, retraction)
		return s.commitFull(ctx)
	})
}

// commitFull writes when enough is pending for a transaction.
func (s *Session) commitFull(ctx context.Context) error {
	if s.pending.records < flushRecords && len(s.pending.bytes) < flushBytes {
		return nil
	}
	return s.commit(ctx)
}

// commit writes what is pending and notes where it lies. A merge waits for it: the log says where only then.
func (s *Session) commit(ctx context.Context) error {
	p, m := s.pending, s.merge
	if p.records == 0 {
		return nil
	}
	for i := range p.batches {
		p.batches[i].Delivery = s.delivery.ID
	}
	if err := s.intake.log.Append(ctx, p.batches); err != nil {
		return err
	}
	for i := range p.batches {
		b := &p.batches[i]
		m.cover(b)
		at := place{partition: uint16(b.Partition)}
		if b.Topic == MisfitTopic {
			at.topic = misfitIndex
		}
		for j := range b.Records {
			if at.offset = b.Base + int64(j); !isGone(b.Records[j]) {
				m.placed = append(m.placed, placed{b.Records[j].ID, at})
			}
		}
	}
	p.reset()
	return nil
}

// cover widens the spans by a batch that was written.
func (m *mergeSet) cover(b *Batch) {
	next := b.Base + int64(len(b.Records))
	n := slices.IndexFunc(m.spans, func(s Span) bool { return s.Topic == b.Topic && s.Partition == b.Partition })
	if n < 0 {
		m.spans = append(m.spans, Span{b.Topic, b.Partition, b.Base, next})
		slices.SortFunc(m.spans, func(a, b Span) int {
			return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
		})
		return
	}
	m.spans[n].Next = next
}
