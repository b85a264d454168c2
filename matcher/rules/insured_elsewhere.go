package rules

import "hebian/matcher/state"

// insuredElsewhere finds persons insured this month, but by no unit that they have a slot at.
func insuredElsewhere() Rule {
	return Rule{
		Code: "INSURED_ELSEWHERE", Version: 1,
		Needs: append(current(insurances), ended(slots, secondments, successions)...),
		person: func(p *Person) {
			if !p.insuredElsewhere() {
				return
			}
			for _, s := range p.held {
				p.cite(s.Ref)
				for i := range p.Insurances {
					if p.Insurances[i].Month == p.county.month {
						p.cite(p.Insurances[i].Ref)
					}
				}
				p.flag(p.county.Now.Unit(s.Unit), 0)
			}
		},
	}
}

func (p *Person) insuredElsewhere() bool {
	insured := false
	for i := range p.Insurances {
		if row := &p.Insurances[i]; row.Month == p.county.month {
			insured = true
			if p.holdsSlotAt(row.Unit) {
				return false
			}
		}
	}
	for _, lent := range p.Secondments {
		if p.county.valid(lent.Interval) {
			return false
		}
	}
	return insured
}

func (p *Person) holdsSlotAt(u state.Unit) bool {
	for _, s := range p.held {
		if p.county.Now.Same(s.Unit, u) {
			return true
		}
	}
	return false
}
