package rules

import (
	"slices"

	"hebian/matcher/state"
	"hebian/schemas"
)

const contractOverCode = "CONTRACT_OVER"

// contractOver finds units that pay more contract staff this month than their control number.
func contractOver() Rule {
	return Rule{
		Code: contractOverCode, Version: 1,
		Needs: append(current(payLines), ended(controlNumbers, successions)...),
		count: func(p *Person) {
			var counted []state.Unit
			for _, line := range p.linesNow {
				u := p.county.Now.Unit(line.Unit)
				if line.Class != schemas.ClassContract || slices.Contains(counted, u) {
					continue
				}
				counted = append(counted, u)
				for _, line := range p.linesNow {
					if line.Class == schemas.ClassContract && p.county.Now.Unit(line.Unit) == u {
						p.cite(line.Ref)
					}
				}
				p.use(u, 0, "")
			}
		},
	}
}
