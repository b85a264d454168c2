package matcher

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"hebian/matcher/rules"
	"hebian/matcher/state"
	"hebian/schemas"
)

// share is how many persons a judge takes at a time: enough to be worth it, few enough that all
// judges end together.
const share = 1 << 10

// court is what a judgement needs beside the rows about persons.
type court struct {
	state  *state.State
	units  *state.Units
	unborn []unborn // by shard
	months []schemas.Month
	county *rules.County
}

// unborn are those of a shard who are born after the day, by their places, among the first so many.
type unborn struct {
	places []int
	of     int
}

// lot is persons of a shard, from first to before last.
type lot struct{ shard, first, last int }

// convene prepares to judge a frozen state as of a day.
func convene(s *state.State, day schemas.Date, p rules.Parameters) *court {
	c := &court{state: s, units: s.Units(), unborn: make([]unborn, len(s.Shards()))}
	c.months = c.evaluated(day)
	c.county = rules.NewCounty(day, p, c.units.Codes, s.Reference(c.units), c.months)
	return c
}

// evaluated finds the months to judge: those that have ended and have regular pay.
func (c *court) evaluated(day schemas.Date) []schemas.Month {
	var months []schemas.Month
	for i, shard := range c.state.Shards() {
		u := &c.unborn[i]
		for ; u.of < shard.Len(); u.of++ {
			if key := shard.Key(u.of); key != 0 && rules.Unborn(key, day) {
				u.places = append(u.places, u.of)
			}
		}
		shard.RegularMonths(u.places, func(m schemas.Month) {
			if m.Last() <= day {
				months = append(months, m)
			}
		})
	}
	slices.Sort(months)
	return slices.Compact(months)
}

// everybody is all persons.
func (c *court) everybody() []lot {
	var lots []lot
	for i, shard := range c.state.Shards() {
		for first := 0; first < shard.Len(); first += share {
			lots = append(lots, lot{i, first, min(first+share, shard.Len())})
		}
	}
	return lots
}

// hear judges persons, with a judge for each processor.
func (c *court) hear(ctx context.Context, lots []lot) ([]*rules.Judge, error) {
	var next atomic.Int64
	var wait sync.WaitGroup
	judges := make([]*rules.Judge, min(runtime.GOMAXPROCS(0), len(lots)))
	for n := range judges {
		judges[n] = rules.NewJudge(c.county, c.units)
		wait.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(lots) {
					return
				}
				shard := c.state.Shards()[lots[i].shard]
				for person := lots[i].first; person < lots[i].last && ctx.Err() == nil; person++ {
					judges[n].Hear(shard, person)
				}
			}
		})
	}
	wait.Wait()
	return judges, ctx.Err()
}

// heard is what judges found about persons, and what those use.
type heard struct {
	findings []Finding
	uses     rules.Uses
}

// ask judges persons.
func (c *court) ask(ctx context.Context, lots []lot) (h heard, err error) {
	judges, err := c.hear(ctx, lots)
	if err != nil {
		return heard{}, err
	}
	h.findings, h.uses = rules.Heard(judges...)
	return h, nil
}

// seen is how many persons each shard has.
func (c *court) seen() []int {
	var seen []int
	for _, shard := range c.state.Shards() {
		seen = append(seen, shard.Len())
	}
	return seen
}

// since is the persons that came up since.
func (c *court) since(seen []int) []lot {
	var lots []lot
	for i, shard := range c.state.Shards() {
		if seen[i] < shard.Len() {
			lots = append(lots, lot{i, seen[i], shard.Len()})
		}
	}
	return lots
}

// A person judged for a delivery is judged twice, before and after, and costs as much as everyShare
// persons do when all are. Below fewPersons nobody can tell the difference.
const (
	everyShare = 8
	fewPersons = 1 << 10
)

// most is how many persons a delivery may be about before it is quicker to judge everybody.
func (c *court) most() int {
	persons := 0
	for _, n := range c.seen() {
		persons += n
	}
	return max(persons/everyShare, fewPersons)
}
