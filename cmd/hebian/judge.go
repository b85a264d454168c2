package main

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"hebian/hub"
	"hebian/matcher"
	"hebian/matcher/entity"
	"hebian/matcher/rules"
	"hebian/matcher/state"
	"hebian/schemas"
)

// judgement is a result and how it differs from the one before.
type judgement struct {
	matcher.Result
	opened, refreshed, closed []matcher.Finding
	sources                   map[state.Ref]source // of all evidence
	entities                  *entity.Standing
}

// source is where a row of evidence was delivered.
type source struct {
	File     string `json:"file"`
	Line     int64  `json:"line"`
	Delivery int64  `json:"delivery"`
	Record   string `json:"record"`
}

// fold reads the whole log into the state, as many partitions at a time as there are processors.
func (h *house) fold(ctx context.Context, counts map[int64]string) (*state.State, error) {
	partitions := h.statePartitions()
	s, err := state.New(partitions)
	if err != nil {
		return nil, err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for p := range partitions {
		group.Go(func() error {
			reader := hub.NewReader(h.log, counts)
			for _, topic := range state.Topics() {
				if p >= h.log.Partitions(topic) {
					continue
				}
				if _, err := reader.Replay(ctx, topic, p, 0, s.Apply); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return s, group.Wait()
}

// statePartitions is how many partitions the state is folded in.
func (h *house) statePartitions() int {
	partitions := 1
	for _, topic := range state.Topics() {
		partitions = max(partitions, h.log.Partitions(topic))
	}
	return partitions
}

// judge folds the log, judges as of a day, compares with the findings kept and finds the evidence. In a
// one-shot check everything that will come has come.
func (h *house) judge(ctx context.Context, counts map[int64]string, asOf schemas.Date, p rules.Parameters) (judgement, error) {
	s, err := h.fold(ctx, counts)
	if err != nil {
		return judgement{}, fmt.Errorf("fold the log: %w", err)
	}
	j := judgement{sources: map[state.Ref]source{}}
	if j.Result, err = matcher.Judge(ctx, s, asOf, p, matcher.AllComplete{}); err != nil {
		return j, err
	}
	before, err := h.findings.Load(ctx)
	if err != nil {
		return j, err
	}
	j.opened, j.refreshed, j.closed = matcher.Difference(before, j.Findings)
	return j, h.trace(ctx, &j, counts)
}

// trace finds the file and line of every row of evidence, as many partitions at a time as there are processors.
func (h *house) trace(ctx context.Context, j *judgement, counts map[int64]string) error {
	type part struct {
		topic     string
		partition int
	}
	at := map[part][]hub.Position{}
	seen := map[state.Ref]bool{}
	for i := range j.Findings {
		for _, ref := range j.Findings[i].Evidence {
			if !seen[ref] {
				seen[ref] = true
				p := part{ref.Topic(), ref.Partition()}
				at[p] = append(at[p], hub.Position{Topic: p.topic, Partition: p.partition, Offset: ref.Offset()})
			}
		}
	}
	var mu sync.Mutex // guards j.sources
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for _, positions := range at {
		group.Go(func() error {
			slices.SortFunc(positions, hub.Position.Compare)
			return hub.Trace(ctx, h.log, positions, func(p hub.Position, delivery int64, r *schemas.Record) error {
				mu.Lock()
				defer mu.Unlock()
				j.sources[state.RefOf(p.Topic, p.Partition, p.Offset)] = source{counts[delivery], r.Line, delivery, r.ID.String()}
				return nil
			})
		})
	}
	return group.Wait()
}
