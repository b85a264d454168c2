package rules

import (
	"slices"

	"hebian/matcher/state"
)

// payerMismatch finds pay of another unit than the one that the person has a slot at, where that
// unit itself pays nothing.
func payerMismatch() Rule {
	return Rule{
		Code: "PAYER_MISMATCH", Version: 1,
		Needs: inMonth(payLines, slots, permits, exemptions, secondments, successions),
		pay: func(p *Person, pay *Pay) bool {
			if !p.uncovered(pay) {
				return false
			}
			unpaid := false
			for i := range p.Slots {
				if s := &p.Slots[i]; pay.elsewhere(s) && !p.paidAt(s, &p.months[pay.month]) {
					unpaid = true
					p.cite(s.Ref)
				}
			}
			if unpaid {
				p.citePay(pay)
			}
			return unpaid
		},
	}
}

// paidAt says whether the unit of the slot paid the person for the month.
func (p *Person) paidAt(s *state.Slot, m *monthPays) bool {
	return slices.ContainsFunc(m.pays, func(pay Pay) bool { return pay.paid() && m.Lineage.Same(pay.Unit, s.Unit) })
}
