package rules

import (
	"slices"

	"hebian/matcher/state"
)

// dualSlot finds persons with slots at two units.
func dualSlot() Rule {
	return Rule{
		Code: "DUAL_SLOT", Version: 1,
		Needs: ended(slots, successions),
		person: func(p *Person) {
			if len(p.Slots) < 2 {
				return
			}
			now := p.county.Now
			var units []state.Unit
			for _, s := range p.held {
				units = append(units, now.Unit(s.Unit))
			}
			slices.Sort(units)
			units = slices.Compact(units) // a unit is the same as itself
			var dual []state.Unit
			for _, u := range units {
				if slices.ContainsFunc(units, func(other state.Unit) bool { return !now.Same(u, other) }) {
					dual = append(dual, u)
				}
			}
			if len(dual) == 0 {
				return
			}
			for _, s := range p.held {
				p.cite(s.Ref)
			}
			p.flag(dual[0], 0)
		},
	}
}
