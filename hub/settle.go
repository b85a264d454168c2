package hub

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"hebian/schemas"
)

// Bounds of what a manifest says beside its file.
const (
	maxSettles = maxChangeRows
	maxWords   = 4 << 10 // of a note, and of a name
)

// checkSettling holds what a manifest says of misfits against its bounds, and wants reasons for a discard.
func (m *Manifest) checkSettling() error {
	switch {
	case len(m.Settles) > maxSettles:
		return fmt.Errorf("it settles %d misfits, at most %d go together", len(m.Settles), maxSettles)
	case len(m.Note) > maxWords || len(m.By) > maxWords || len(m.Connector) > maxWords:
		return fmt.Errorf("its note, or a name, is longer than %d bytes", maxWords)
	case m.Mode == Discard && (m.Note == "" || m.By == ""):
		return errors.New("a discard needs a reason and who decided it")
	case m.Mode == Discard && len(m.Settles) == 0:
		return errors.New("a discard names the misfits that it discards")
	}
	return nil
}

// remember keeps which misfits were discarded, as a delivery's records in quarantine come by.
func remember(discarded map[schemas.ID]bool, mode Mode, r *schemas.Record) {
	switch {
	case r.Op == schemas.Assert:
		delete(discarded, r.ID)
	case mode == Discard:
		discarded[r.ID] = true
	}
}

// named is the misfits that the manifest settles, each once.
func (s *Session) named() map[schemas.ID]bool {
	named := make(map[schemas.ID]bool, len(s.manifest.Settles))
	for _, id := range s.manifest.Settles {
		named[id] = true
	}
	return named
}

// settleNamed takes the misfits named out of quarantine.
func (s *Session) settleNamed(ctx context.Context) error {
	named := s.named()
	if len(named) == 0 {
		return nil
	}
	live := map[schemas.ID]place{}
	for _, d := range s.change.versions {
		d.Spans = slices.DeleteFunc(slices.Clone(d.Spans), func(span Span) bool { return span.Topic != MisfitTopic })
		if err := s.foldPlaces(ctx, d, live, map[schemas.ID]bool{}); err != nil {
			return fmt.Errorf("look up what of %s waits: %w", s.manifest.File, err)
		}
	}
	var at []Position
	for id := range named {
		if lies, waits := live[id]; waits {
			at = append(at, Position{MisfitTopic, int(lies.partition), lies.offset})
		}
	}
	slices.SortFunc(at, Position.Compare)
	s.receipt.Settled, s.receipt.NotWaiting = int64(len(at)), int64(len(named)-len(at))
	s.receipt.Retracted += s.receipt.Settled
	return Trace(ctx, s.intake.log, at, func(p Position, _ int64, r *schemas.Record) error {
		if err := s.openSpan(ctx, p.Topic, p.Partition); err != nil {
			return err
		}
		retraction := *r
		retraction.Op = schemas.Retract
		s.pending.add(p.Topic, p.Partition, retraction)
		return s.flushFull(ctx)
	})
}

// settleMerged takes the misfits named out of quarantine that no row of the merge took already, but for those that it brought again.
func (s *Session) settleMerged() {
	m, named := s.merge, s.named()
	if len(named) == 0 {
		return
	}
	taken := make(map[uint32]bool, len(m.gone))
	for _, row := range m.gone {
		taken[row] = true
	}
	keys := map[rowKey]bool{} // each looked at once, however many misfits have it
	for id := range named {
		keys[id.RowKey()] = true
	}
	s.receipt.NotWaiting = int64(len(named))
	for key := range keys {
		again := schemas.ID{}
		if n := m.said[key].misfit; n > 0 {
			again = m.rows[n-1].ID
		}
		for row := range m.index.of(key) {
			id, at := m.index.row(row)
			if at.topic != misfitIndex || !named[id] || id == again {
				continue
			}
			s.receipt.NotWaiting--
			if !taken[row] {
				m.gone = append(m.gone, row)
				s.receipt.Settled++
			}
		}
	}
}
