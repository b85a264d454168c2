package rules

import "hebian/matcher/state"

// paidAfterDeath finds pay or a pension for a month after that of the death.
func paidAfterDeath() Rule {
	return Rule{
		Code: "PAID_AFTER_DEATH", Version: 1,
		Needs: inMonth(payLines, deaths, successions),
		pay: func(p *Person, pay *Pay) bool {
			if p.dead == state.Open || pay.Month.Month <= p.dead.Month() || !pay.paid() && !pay.pension.positive() {
				return false
			}
			p.citePay(pay)
			p.citePension(pay)
			for _, d := range p.Deaths {
				p.cite(d.Ref)
			}
			return true
		},
	}
}
