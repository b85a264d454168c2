package rules

import (
	"hebian/matcher/state"
)

// mixedPost finds slots of a type that the unit may not have, and persons lent to a unit without
// approval.
func mixedPost() Rule {
	return Rule{
		Code: "MIXED_POST", Version: 1,
		Needs: ended(slots, institutions, secondments, successions),
		person: func(p *Person) {
			for _, s := range p.held {
				u := p.county.Now.Unit(s.Unit)
				registered := p.county.institutions[u]
				if len(registered) == 0 || admitted(s, registered) {
					continue
				}
				p.cite(s.Ref)
				for _, row := range registered {
					p.cite(row.Ref)
				}
				p.flag(u, 0)
			}
			for _, lent := range p.Secondments {
				if !lent.Approved && p.county.valid(lent.Interval) {
					p.cite(lent.Ref)
					p.flag(lent.To, 0)
				}
			}
		},
	}
}

// admitted says whether a unit, as one of its rows has it, may have a slot of this type.
func admitted(s *state.Slot, registered []state.Institution) bool {
	for _, row := range registered {
		if row.Type.Admits(s.Type) {
			return true
		}
	}
	return false
}
