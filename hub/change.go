package hub

import (
	"context"
	"fmt"

	"hebian/schemas"
)

// Bounds of a change set: it is in memory until its end. A pay line takes some 200 bytes.
const (
	maxChangeRows  = 100_000
	maxChangeBytes = 32 << 20
)

// ErrTooLarge says that a change set goes beyond its bounds.
var ErrTooLarge = fmt.Errorf("a change set holds at most %d rows and %d MiB: deliver it in parts, or the whole file", maxChangeRows, maxChangeBytes>>20)

// changeSet is the rows of an Add or a Remove. Which of them the file holds already is looked up when all are there,
// by key, so that a few rows cost little however large the file is.
type changeSet struct {
	versions []Delivery // of the file, complete
	rows     pending
	misfits  *schemas.Encoder
	net      int64 // accepted rows added less taken back
}

func newChangeSet(versions []Delivery) *changeSet {
	return &changeSet{versions: versions, misfits: schemas.NewEncoder(schemas.SubjectOf(MisfitTopic))}
}

// collect keeps rows until Finish.
func (s *Session) collect(topic string, records []schemas.Record) error {
	rows := &s.change.rows
	for i := range records {
		r := &records[i]
		if rows.records == maxChangeRows || len(rows.bytes)+len(r.Key)+len(r.Value) > maxChangeBytes {
			return fmt.Errorf("deliver %s: %w", s.manifest.File, ErrTooLarge)
		}
		rows.add(topic, s.partition(topic, r.Key), *r)
	}
	return nil
}

// apply takes the misfits named out of quarantine and appends the rows collected, those to take back as retractions. Misfits
// come last: a row to take back that is not there becomes one.
func (s *Session) apply(ctx context.Context) error {
	if err := s.settleNamed(ctx); err != nil {
		return err
	}
	rows := &s.change.rows
	for _, topic := range []string{s.delivery.Subject, MisfitTopic} {
		for i := 0; i < len(rows.batches); i++ { // they may grow by one of misfits
			if rows.batches[i].Topic != topic {
				continue
			}
			if err := s.applyBatch(ctx, rows.batches[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// applyBatch appends the rows collected for one partition.
func (s *Session) applyBatch(ctx context.Context, b Batch) error {
	if err := s.openSpan(ctx, b.Topic, b.Partition); err != nil {
		return err
	}
	equal, err := s.lookUp(ctx, b)
	if err != nil {
		return fmt.Errorf("look up what %s holds: %w", s.manifest.File, err)
	}
	for _, r := range b.Records {
		switch misfit := b.Topic == MisfitTopic; {
		case misfit || s.manifest.Mode == Add:
			r.ID = equal.free(r.ID)
			s.receipt.Added++
			if !misfit {
				s.change.net++
			}
		default:
			id, ok := equal.last(r.ID)
			if !ok {
				if err := s.refuseUnknown(r); err != nil {
					return err
				}
				continue
			}
			r.ID, r.Op = id, schemas.Retract
			s.receipt.Retracted++
			s.change.net--
		}
		s.pending.add(b.Topic, b.Partition, r)
		if err := s.flushFull(ctx); err != nil {
			return err
		}
	}
	return nil
}

// lookUp finds the rows of the file that count and have the keys of a batch. It reads the one partition where these lie.
func (s *Session) lookUp(ctx context.Context, b Batch) (*equals, error) {
	keys := map[string]bool{}
	for i := range b.Records {
		keys[string(b.Records[i].Key)] = true
	}
	live := map[schemas.ID]bool{}
	fold := func(read *Batch) error {
		for i := range read.Records {
			switch r := &read.Records[i]; {
			case !keys[string(r.Key)]:
			case r.Op == schemas.Retract:
				delete(live, r.ID)
			default:
				live[r.ID] = true
			}
		}
		return nil
	}
	var read Batch
	for _, d := range s.change.versions {
		for _, span := range d.Spans {
			if span.Topic != b.Topic || span.Partition != b.Partition {
				continue
			}
			if err := readSpan(ctx, s.intake.log, d.ID, span, &read, fold); err != nil {
				return nil, err
			}
		}
	}
	return &equals{live: live, keyed: s.manifest.Keyed, end: map[schemas.ID]uint32{}}, nil
}

// refuseUnknown makes a misfit of a row to take back that the file does not hold. It keeps the row as intake got it, in
// framed Avro. Promise 3: a row is accepted or it is here.
func (s *Session) refuseUnknown(r schemas.Record) error {
	m := schemas.Misfit{
		File: s.manifest.File, Line: r.Line, Reason: schemas.ReasonUnknownRow, Detail: "the file holds no row that equals this one in every column",
		Raw: r.Value, Length: int64(len(r.Value)), Digest: []byte{},
	}
	value, err := s.change.misfits.Append(nil, s.intake.MisfitSchema, &m)
	if err != nil {
		return err
	}
	_, payload, err := schemas.SplitFrame(value)
	if err != nil {
		return err
	}
	id := schemas.ContentID(schemas.Scope(s.manifest.Agency, s.manifest.File), payload)
	if s.manifest.Keyed {
		key := r.ID.RowKey()
		copy(id[:], key[:])
	}
	misfit := schemas.Record{ID: id, Line: r.Line, Key: []byte(m.File), Value: value}
	s.change.rows.add(MisfitTopic, s.partition(MisfitTopic, misfit.Key), misfit)
	s.receipt.Accepted--
	s.receipt.Quarantined++
	return nil
}

// equals gives rows their ordinals among equal ones of a file. A file whose rows of one content have the ordinals 0 to n-1
// keeps it so, which are those that the same rows get in a whole file.
type equals struct {
	live  map[schemas.ID]bool
	keyed bool
	end   map[schemas.ID]uint32 // by content: where the last search ended
}

// ordinalGap is how many ordinals in a row may be missing. Any are only where two contents share 64 bits of their hash.
const ordinalGap = 4

// free takes the smallest ordinal of a content that is free. It and last don't serve one set of rows together.
func (e *equals) free(content schemas.ID) schemas.ID {
	for ordinal := e.end[content]; ; ordinal++ {
		if id := equalID(content, ordinal, e.keyed); !e.live[id] {
			e.end[content] = ordinal + 1
			return id
		}
	}
}

// last takes the highest ordinal of a content that is there.
func (e *equals) last(content schemas.ID) (schemas.ID, bool) {
	end, known := e.end[content]
	if !known {
		for ordinal := uint32(0); ordinal < end+ordinalGap; ordinal++ {
			if e.live[equalID(content, ordinal, e.keyed)] {
				end = ordinal + 1
			}
		}
	}
	for ; end > 0; end-- {
		if id := equalID(content, end-1, e.keyed); e.live[id] {
			e.end[content] = end - 1
			return id, true
		}
	}
	e.end[content] = 0
	return schemas.ID{}, false
}
