package rules

import (
	"slices"

	"hebian/matcher/state"
	"hebian/schemas"
)

// Use is what persons take up of what a unit was allowed: slots of a type, posts of a rank, contract
// staff, regular pay of a month.
type Use struct {
	Code   string // of the rule
	Unit   state.Unit
	Month  schemas.Month
	Detail string
}

// Uses is how much of everything is used.
type Uses map[Use]*used

// used is how much of something is used, and the rows that say so, each once.
type used struct {
	n       int64
	rows    []state.Ref
	ordered bool
}

func (u *used) add(n int64, rows ...state.Ref) {
	u.n, u.rows, u.ordered = u.n+n, append(u.rows, rows...), false
}

// inOrder gives the rows in the order of the log. Few uses are ever asked for it.
func (u *used) inOrder() []state.Ref {
	if !u.ordered {
		slices.Sort(u.rows)
		u.ordered = true
	}
	return u.rows
}

func (u Uses) of(use Use) *used {
	sum := u[use]
	if sum == nil {
		sum = &used{}
		u[use] = sum
	}
	return sum
}

// join adds what others use.
func (u Uses) join(others Uses) {
	for use, o := range others {
		if u[use] == nil {
			u[use] = o
		} else {
			u[use].add(o.n, o.rows...)
		}
	}
}

// Renumber follows units to their new numbers. Both lists of codes are in order, and the new one holds
// all of the old.
func (u Uses) Renumber(old, now []string) Uses {
	numbers := make([]state.Unit, len(old))
	for i, code := range old[1:] {
		n, _ := slices.BinarySearch(now[1:], code)
		numbers[i+1] = state.Unit(n + 1)
	}
	renumbered := make(Uses, len(u))
	for use, sum := range u {
		use.Unit = numbers[use.Unit]
		renumbered[use] = sum
	}
	return renumbered
}

// Replace takes out what some persons used before and puts in what they use now. It gives the findings
// of all uses in which that is not the same, as they were and as they are.
func (u Uses) Replace(c *County, before, after Uses) (were, are []Finding) {
	replace := func(use Use, old, now *used) {
		if old.n == now.n && slices.Equal(old.inOrder(), now.inOrder()) {
			return
		}
		sum := u.of(use)
		if f, over := c.over(use, sum); over {
			were = append(were, f)
		}
		sum.replace(old, now)
		if f, over := c.over(use, sum); over {
			are = append(are, f)
		}
		if sum.n == 0 {
			delete(u, use)
		}
	}
	for use, old := range before {
		if now := after[use]; now != nil {
			replace(use, old, now)
		} else {
			replace(use, old, &used{})
		}
	}
	for use, now := range after {
		if before[use] == nil {
			replace(use, &used{}, now)
		}
	}
	return sortFindings(were), sortFindings(are)
}

// replace takes some of the rows out and puts others in.
func (u *used) replace(old, now *used) {
	gone, come := old.inOrder(), now.inOrder()
	rows := make([]state.Ref, 0, len(u.rows)-len(gone)+len(come))
	for _, row := range u.inOrder() {
		if len(gone) > 0 && gone[0] == row {
			gone = gone[1:]
			continue
		}
		for len(come) > 0 && come[0] < row {
			rows, come = append(rows, come[0]), come[1:]
		}
		rows = append(rows, row)
	}
	u.rows, u.n = append(rows, come...), u.n+now.n-old.n
}

// Over finds the units that use more than they are allowed.
func (c *County) Over(uses Uses) []Finding {
	var findings []Finding
	for use, u := range uses {
		if f, over := c.over(use, u); over {
			findings = append(findings, f)
		}
	}
	return sortFindings(findings)
}

func (c *County) over(use Use, u *used) (f Finding, over bool) {
	limit := c.limits[use]
	if u.n <= limit.n {
		return Finding{}, false
	}
	rule := c.counting[use.Code]
	f = c.finding(&rule, use.Unit, use.Month)
	f.Detail, f.Rows = use.Detail, len(u.rows)+len(limit.rows)
	// The limit comes first, for it says what all the others are held against.
	slices.Sort(limit.rows)
	rows := u.inOrder()
	f.Evidence = slices.Concat(limit.rows, rows[:min(len(rows), MaxEvidence)])
	f.Evidence = f.Evidence[:min(len(f.Evidence), MaxEvidence)]
	slices.Sort(f.Evidence)
	return f, true
}
