package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"

	"hebian/hub"
	"hebian/matcher"
	"hebian/matcher/queue"
	"hebian/matcher/state"
)

// catchUp makes the state from the snapshot and the deliveries after it, or from the whole log, judges
// everybody and rules on everything: the queue then is as if nothing had ever stopped.
func (s *service) catchUp(ctx context.Context) error {
	receipts := map[int64]hub.Receipt{}
	if err := s.deliveries.Each(ctx, func(r hub.Receipt) error {
		if r.Outcome == hub.Complete {
			receipts[r.Delivery] = r
		}
		return nil
	}); err != nil {
		return err
	}
	var err error
	s.state, s.folded, err = loadSnapshot(s.dir, s.statePartitions())
	if err == nil && !s.folded.among(receipts) {
		err = errors.New("the snapshot is not of this database: was a backup restored?")
	}
	if err == nil {
		err = s.foldTail(ctx, receipts)
	} else {
		if !errors.Is(err, os.ErrNotExist) {
			s.logger.Warn("the whole log is folded", "why", err)
		}
		err = s.foldAll(ctx, receipts)
	}
	if err != nil {
		return err
	}
	counts := map[int64]string{}
	for id, r := range receipts {
		counts[id] = r.File
		s.noteNewest(r)
	}
	if err := s.units.noteAll(ctx, s.log, counts); err != nil {
		return err
	}
	if err := s.quarantine.countAll(ctx, hub.NewReader(s.log, counts)); err != nil {
		return err
	}
	s.standing = matcher.NewStanding(s.state, s.config.Parameters)
	if _, err := s.standing.Judge(ctx, s.day); err != nil {
		return err
	}
	if s.declared, err = s.periods.All(ctx); err != nil {
		return err
	}
	if err := s.noteMarks(ctx); err != nil {
		return err
	}
	if err := s.openRegister(ctx, receipts); err != nil {
		return err
	}
	return s.ruleLeft(ctx, receipts)
}

func (s *service) foldAll(ctx context.Context, receipts map[int64]hub.Receipt) (err error) {
	counts := map[int64]string{}
	s.folded = folded{}
	for id, r := range receipts {
		counts[id] = r.File
		s.folded.note(r)
	}
	s.state, err = s.fold(ctx, counts)
	return err
}

// foldTail folds the deliveries that the snapshot lacks.
func (s *service) foldTail(ctx context.Context, receipts map[int64]hub.Receipt) error {
	for _, id := range slices.Sorted(maps.Keys(receipts)) {
		r := receipts[id]
		if s.folded[id] != 0 {
			continue
		}
		s.folded.note(r)
		if !slices.Contains(state.Topics(), r.Subject) {
			continue
		}
		if err := hub.NewReader(s.log, map[int64]string{id: r.File}).Delivery(ctx, r, s.state.Apply); err != nil {
			return fmt.Errorf("fold delivery %d: %w", id, err)
		}
	}
	return nil
}

// ruleLeft writes down, for deliveries that a crash kept the judge from, what their fold counted.
func (s *service) ruleLeft(ctx context.Context, receipts map[int64]hub.Receipt) error {
	known, err := s.queue.JudgedDeliveries(ctx)
	if err != nil {
		return err
	}
	var left []queue.Judged
	for _, id := range slices.Sorted(maps.Keys(receipts)) {
		if known[id] {
			continue
		}
		r, rows := receipts[id], map[string]int64{}
		if err := hub.NewReader(s.log, map[int64]string{id: r.File}).Delivery(ctx, r, func(_ string, b *hub.Batch) error {
			for i := range b.Records {
				rows[b.Topic] += 1 - 2*int64(b.Records[i].Op)
			}
			return nil
		}); err != nil {
			return err
		}
		left = append(left, judged(r, rows)...)
	}
	return s.rule(ctx, nil, left)
}
