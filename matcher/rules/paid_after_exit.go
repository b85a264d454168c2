package rules

import "hebian/matcher/state"

// paidAfterExit finds pay of a unit that the person left longer ago than the exit grace.
func paidAfterExit() Rule {
	return Rule{
		Code: "PAID_AFTER_EXIT", Version: 1,
		Needs: append(inMonth(payLines, successions), ended(staffEvents)...),
		pay: func(p *Person, pay *Pay) bool {
			if !pay.paid() {
				return false
			}
			left := p.left(pay.Unit, pay.Month.Lineage)
			if left == state.NoDate || pay.Month.index <= left.Month().Index()+p.county.Parameters.ExitGrace {
				return false
			}
			p.citePay(pay)
			p.citeEvents(left, leavings[:])
			return true
		},
	}
}
