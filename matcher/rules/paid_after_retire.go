package rules

import (
	"hebian/matcher/state"
	"hebian/schemas"
)

// paidAfterRetire finds pay for a month after that of the retirement, unless the unit hired the
// person back.
func paidAfterRetire() Rule {
	return Rule{
		Code: "PAID_AFTER_RETIRE", Version: 1,
		Needs: append(inMonth(payLines, exemptions, successions), ended(staffEvents)...),
		pay: func(p *Person, pay *Pay) bool {
			if p.retired == state.NoDate || pay.Month.Month <= p.retired.Month() || !pay.paid() ||
				p.exemption(pay, schemas.ExemptRehired) {
				return false
			}
			p.citePay(pay)
			p.citeRetirement()
			return true
		},
	}
}
