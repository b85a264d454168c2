package rules

import (
	"slices"

	"hebian/matcher/state"
	"hebian/schemas"
)

// dualPay finds pay of two units for one month, unless the person was just moving from one to the
// other.
func dualPay() Rule {
	return Rule{
		Code: "DUAL_PAY", Version: 1,
		Needs: inMonth(payLines, slots, exemptions, secondments, successions),
		person: func(p *Person) {
			for i := range p.months {
				m := &p.months[i]
				if len(m.pays) < 2 {
					continue
				}
				dual := p.dual(m)
				switch {
				case len(dual) < 2:
					p.explainDual(m)
				case p.transfers(m, dual):
					p.explain(dual[0].Unit, m.Month.Month, ReasonTransfer)
				default:
					for _, pay := range dual {
						p.citePay(pay)
					}
					p.flag(dual[0].Unit, m.Month.Month)
				}
			}
		},
	}
}

// dual gives those of a month's pays that have another one, of quite another unit, beside them.
func (p *Person) dual(m *monthPays) []*Pay {
	var paid, dual []*Pay
	for i := range m.pays {
		if pay := &m.pays[i]; pay.paid() && !p.exempt(pay) {
			paid = append(paid, pay)
		}
	}
	for _, pay := range paid {
		if slices.ContainsFunc(paid, func(other *Pay) bool { return !m.Lineage.Same(pay.Unit, other.Unit) }) {
			dual = append(dual, pay)
		}
	}
	return dual
}

// transfers says whether a slot at one of the units ends about the month and a slot at another of
// them begins then.
func (p *Person) transfers(m *monthPays, dual []*Pay) bool {
	overlap := p.county.Parameters.TransferOverlap
	for i := range p.Slots {
		old := &p.Slots[i]
		if old.Interval.To == state.Open || !within((old.Interval.To-1).Month(), m.index-overlap, m.index) {
			continue
		}
		for k := range p.Slots {
			next := &p.Slots[k]
			if k != i && within(next.Interval.From.Month(), m.index, m.index+overlap) && atTwo(m.Lineage, dual, old, next) {
				return true
			}
		}
	}
	return false
}

func within(m schemas.Month, first, last int) bool { return m.Index() >= first && m.Index() <= last }

// atTwo says whether the slots are at two of the units.
func atTwo(l *Lineage, pays []*Pay, old, next *state.Slot) bool {
	for _, a := range pays {
		if l.Same(old.Unit, a.Unit) {
			for _, b := range pays {
				if a.Unit != b.Unit && l.Same(next.Unit, b.Unit) {
					return true
				}
			}
		}
	}
	return false
}

// explainDual says why two units may both pay for a month, neither on the way to the other.
func (p *Person) explainDual(m *monthPays) {
	var first *Pay
	paid, why := 0, ReasonSuccession
	for i := range m.pays {
		pay := &m.pays[i]
		if !pay.paid() {
			continue
		}
		if paid++; paid == 1 {
			first = pay
		}
		if p.exempt(pay) {
			why = ReasonExempt
			if p.lent(pay) {
				why = ReasonSecondment
			}
		}
	}
	if paid > 1 {
		p.explain(first.Unit, m.Month.Month, why)
	}
}
