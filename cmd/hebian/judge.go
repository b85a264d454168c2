package main

import (
	"context"
	"fmt"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"

	"hebian/hub"
	"hebian/matcher"
	"hebian/matcher/rules"
	"hebian/matcher/state"
	"hebian/schemas"
)

// judgement is a result and how it differs from the one before.
type judgement struct {
	matcher.Result
	opened, refreshed, closed []matcher.Finding
	sources                   map[state.Ref]source // of all evidence
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
	partitions := 1
	for _, topic := range state.Topics() {
		partitions = max(partitions, h.log.Partitions(topic))
	}
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

// trace finds the file and line of every row of evidence.
func (h *house) trace(ctx context.Context, j *judgement, counts map[int64]string) error {
	var at []hub.Position
	refs := map[hub.Position]state.Ref{}
	for i := range j.Findings {
		for _, ref := range j.Findings[i].Evidence {
			p := hub.Position{Topic: ref.Topic(), Partition: ref.Partition(), Offset: ref.Offset()}
			if _, known := refs[p]; !known {
				refs[p] = ref
				at = append(at, p)
			}
		}
	}
	slices.SortFunc(at, hub.Position.Compare)
	return hub.Trace(ctx, h.log, at, func(p hub.Position, delivery int64, r *schemas.Record) error {
		j.sources[refs[p]] = source{File: counts[delivery], Line: r.Line, Delivery: delivery, Record: r.ID.String()}
		return nil
	})
}
