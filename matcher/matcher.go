// Package matcher is the judge of the house: it folds the log into what is known of every person
// and unit, says what does not fit, and what changed since it last said so. How rows are kept is
// package state's business, what does not fit is package rules'. It opens no cases and reads no log.
package matcher

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"hebian/matcher/rules"
	"hebian/matcher/state"
	"hebian/schemas"
	"hebian/schemas/ident"
)

// Finding is something that does not fit.
type Finding = rules.Finding

// Result is what a judgement says.
type Result struct {
	AsOf       schemas.Date
	Parameters rules.Parameters
	Months     []schemas.Month // evaluated, in order
	Findings   []Finding       // in the order of their keys
	Explained  []rules.Explanation
	Warnings   []string // for the officer: what could not be judged as it should
}

// share is how many persons a judge takes at a time: enough to be worth it, few enough that all
// judges end together.
const share = 1 << 10

// Judge says what does not fit as of a day. Batches wait until it is done.
func Judge(ctx context.Context, s *state.State, asOf schemas.Date, p rules.Parameters, marks Marks) (Result, error) {
	if err := p.Check(); err != nil {
		return Result{}, err
	}
	defer s.Freeze()()
	units := s.Units()
	months := evaluated(s, asOf)
	county := rules.NewCounty(asOf, p, units.Codes, s.Reference(units), months)
	judges, err := hearAll(ctx, s, county, units)
	if err != nil {
		return Result{}, fmt.Errorf("judge as of %s: %w", asOf, err)
	}
	r := Result{AsOf: asOf, Parameters: p, Months: months}
	r.Findings, r.Explained = rules.Verdict(judges...)
	markProvisional(r.Findings, marks, asOf.Month())
	for _, u := range county.Tangled() {
		r.Warnings = append(r.Warnings, fmt.Sprintf("successions lead from unit %s to too many units: it is taken to be itself", units.Codes[u]))
	}
	return r, nil
}

// evaluated finds the months to judge: those that have ended and have regular pay.
func evaluated(s *state.State, asOf schemas.Date) []schemas.Month {
	unborn := func(k ident.Key) bool { return rules.Unborn(k, asOf) }
	seen := map[schemas.Month]bool{}
	for _, shard := range s.Shards() {
		shard.RegularMonths(unborn, func(m schemas.Month) { seen[m] = true })
	}
	var months []schemas.Month
	for m := range seen {
		if m.Last() <= asOf {
			months = append(months, m)
		}
	}
	slices.Sort(months)
	return months
}

// hearAll judges everybody, with a judge for each processor.
func hearAll(ctx context.Context, s *state.State, c *rules.County, units *state.Units) ([]*rules.Judge, error) {
	type lot struct {
		shard       *state.Shard
		first, last int
	}
	var lots []lot
	for _, shard := range s.Shards() {
		for first := 0; first < shard.Len(); first += share {
			lots = append(lots, lot{shard, first, min(first+share, shard.Len())})
		}
	}
	var next atomic.Int64
	var wait sync.WaitGroup
	judges := make([]*rules.Judge, runtime.GOMAXPROCS(0))
	for n := range judges {
		judges[n] = rules.NewJudge(c, units)
		wait.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(lots) {
					return
				}
				for person := lots[i].first; person < lots[i].last && ctx.Err() == nil; person++ {
					judges[n].Hear(lots[i].shard, person)
				}
			}
		})
	}
	wait.Wait()
	return judges, ctx.Err()
}

// Difference compares two judgements by the keys of their findings, both in the order that Judge
// gives: what is new, what is still there but with other rows, parameters or rule behind it, and
// what is gone.
func Difference(before, after []Finding) (opened, refreshed, closed []Finding) {
	for len(before) > 0 && len(after) > 0 {
		switch order := before[0].Compare(&after[0]); {
		case order < 0:
			closed, before = append(closed, before[0]), before[1:]
		case order > 0:
			opened, after = append(opened, after[0]), after[1:]
		default:
			if !before[0].SameGrounds(&after[0]) {
				refreshed = append(refreshed, after[0])
			}
			before, after = before[1:], after[1:]
		}
	}
	return append(opened, after...), refreshed, append(closed, before...)
}
