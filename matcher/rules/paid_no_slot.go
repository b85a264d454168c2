package rules

import (
	"slices"

	"hebian/matcher/state"
)

// paidNoSlot finds pay to a person without a slot anywhere.
func paidNoSlot() Rule {
	return Rule{
		Code: "PAID_NO_SLOT", Version: 1,
		Needs: inMonth(payLines, slots, permits, exemptions, secondments, successions),
		pay: func(p *Person, pay *Pay) bool {
			if !p.uncovered(pay) ||
				slices.ContainsFunc(p.Slots, func(s state.Slot) bool { return pay.elsewhere(&s) }) {
				return false
			}
			p.citePay(pay)
			for _, s := range p.Slots { // that ended, or begin later
				p.cite(s.Ref)
			}
			return true
		},
	}
}

// uncovered says whether the pay has neither a slot at the unit nor an exemption behind it.
func (p *Person) uncovered(pay *Pay) bool { return pay.paid() && !p.covered(pay) && !p.exempt(pay) }
