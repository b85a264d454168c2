package rules

import (
	"hebian/matcher/state"
	"hebian/schemas"
)

// penaltyNotApplied finds pay that a penalty should have stopped, or cut and did not: as much as the
// unit paid for the month before the penalty.
func penaltyNotApplied() Rule {
	return Rule{
		Code: "PENALTY_NOT_APPLIED", Version: 1,
		Needs: inMonth(payLines, penalties, successions),
		pay: func(p *Person, pay *Pay) bool {
			if !pay.paid() {
				return false
			}
			unapplied := false
			for i := range p.Penalties {
				if p.unapplied(&p.Penalties[i], pay) {
					unapplied = true
					p.cite(p.Penalties[i].Ref)
				}
			}
			if unapplied {
				p.citePay(pay)
			}
			return unapplied
		},
	}
}

func (p *Person) unapplied(penalty *state.Penalty, pay *Pay) bool {
	m := pay.Month.Month
	if m <= penalty.Effective.Month() || penalty.Ended != state.Open && penalty.Ended.Month() <= m {
		return false
	}
	if penalty.Effect == schemas.PayStop {
		return true
	}
	before, rows := p.paidBefore(penalty.Effective.Month(), pay)
	if !before.positive() || !pay.regular.atLeast(before) {
		return false
	}
	p.cite(rows...)
	return true
}

// paidBefore is what the unit of the pay, as it is then, paid for the month before m.
func (p *Person) paidBefore(m schemas.Month, pay *Pay) (sum total, rows []state.Ref) {
	before := m.Index() - 1
	for i := range p.PayLines {
		line := &p.PayLines[i]
		if isRegular(line) && line.Month.Index() == before && pay.Month.Lineage.Unit(line.Unit) == pay.Unit {
			sum.add(line.Amount)
			rows = append(rows, line.Ref)
		}
	}
	return sum, rows
}
