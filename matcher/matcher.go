// Package matcher is the judge of the house: it folds the log into what is known of every person
// and unit, says what does not fit, and what changed since it last said so. How rows are kept is
// package state's business, what does not fit is package rules'. It opens no cases and reads no log.
package matcher

import (
	"context"
	"fmt"

	"hebian/matcher/rules"
	"hebian/matcher/state"
	"hebian/schemas"
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

// Judge says what does not fit as of a day. Batches wait until it is done.
func Judge(ctx context.Context, s *state.State, asOf schemas.Date, p rules.Parameters, marks Marks) (Result, error) {
	if err := p.Check(); err != nil {
		return Result{}, err
	}
	defer s.Freeze()()
	c := convene(s, asOf, p)
	judges, err := c.hear(ctx, c.everybody())
	if err != nil {
		return Result{}, fmt.Errorf("judge as of %s: %w", asOf, err)
	}
	r := Result{AsOf: asOf, Parameters: p, Months: c.months}
	r.Findings, r.Explained = rules.Verdict(judges...)
	markProvisional(r.Findings, marks, asOf)
	for _, u := range c.county.Tangled() {
		r.Warnings = append(r.Warnings, fmt.Sprintf("successions lead from unit %s to too many units: it is taken to be itself", c.units.Codes[u]))
	}
	return r, nil
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
