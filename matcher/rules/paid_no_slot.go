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
			if !p.uncovered(pay) {
				p.explainNoSlot(pay)
				return false
			}
			if slices.ContainsFunc(p.Slots, func(s state.Slot) bool { return pay.elsewhere(&s) }) {
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

// explainNoSlot says why a pay is in order although the payer, by its code as written, has no slot
// of the person in the month.
func (p *Person) explainNoSlot(pay *Pay) {
	if !pay.paid() {
		return
	}
	why := ReasonExitGrace
	for i := range p.Slots {
		s := &p.Slots[i]
		if !pay.Month.meets(s.Interval) {
			continue
		}
		if p.paidBy(pay, s.Unit) {
			return
		}
		if pay.Month.Lineage.Same(s.Unit, pay.Unit) {
			why = ReasonSuccession
		}
	}
	switch {
	case p.covered(pay):
	case p.lent(pay):
		why = ReasonSecondment
	default:
		why = ReasonExempt
	}
	p.explain(pay.Unit, pay.Month.Month, why)
}

// paidBy says whether the unit is a payer as a line of the pay has it.
func (p *Person) paidBy(pay *Pay, u state.Unit) bool {
	for _, o := range p.order[pay.first:pay.last] {
		if line := &p.PayLines[o.line]; line.Unit == u && isRegular(line) {
			return true
		}
	}
	return false
}
