package rules

import "hebian/matcher/state"

// nameMismatch finds persons whom slots and this month's pay lines don't give the same name.
func nameMismatch() Rule {
	return Rule{
		Code: "NAME_MISMATCH", Version: 1,
		Needs: append(current(payLines), ended(slots)...),
		person: func(p *Person) {
			var onSlots, onLines, differ bool
			var name state.Name
			compare := func(n state.Name) {
				differ = differ || name != 0 && name != n
				name = n
			}
			for _, s := range p.held {
				onSlots = true
				compare(s.Name)
			}
			for _, line := range p.linesNow {
				onLines = true
				compare(line.Name)
			}
			if !onSlots || !onLines || !differ {
				return
			}
			for _, s := range p.held {
				p.cite(s.Ref)
			}
			for _, line := range p.linesNow {
				p.cite(line.Ref)
			}
			p.flag(0, 0)
		},
	}
}
