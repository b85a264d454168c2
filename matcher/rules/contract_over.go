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
		Needs: asOf(payLines, controlNumbers, successions),
		count: func(p *Person) {
			var units []state.Unit
			for _, line := range p.linesNow {
				if u := p.county.Now.Unit(line.Unit); line.Class == schemas.ClassContract && !slices.Contains(units, u) {
					units = append(units, u)
					p.cite(line.Ref)
					p.use(u, 0, "")
				}
			}
		},
	}
}
