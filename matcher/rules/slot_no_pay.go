package rules

import (
	"slices"

	"hebian/matcher/state"
)

// slotNoPay finds slots of persons whom nobody has paid for some months, without a reason such as
// leave.
func slotNoPay() Rule {
	return Rule{
		Code: "SLOT_NO_PAY", Version: 1,
		Needs:    append(current(payLines, exemptions, secondments, absences), ended(slots, deaths, staffEvents, successions)...),
		MonthEnd: true,
		person: func(p *Person) {
			months := p.county.lately
			if len(months) == 0 || p.paidSince(months[0]) {
				return
			}
			for _, s := range p.held {
				if s.Interval.From < months[0].First && !p.stale(s) && !p.excused(s, months) {
					p.cite(s.Ref)
					p.flag(p.county.Now.Unit(s.Unit), 0)
				}
			}
		},
	}
}

// paidSince says whether anybody paid the person, or a pension, for that month or a later one.
func (p *Person) paidSince(first *Month) bool {
	for i := range p.months {
		m := &p.months[i]
		if m.index < first.index {
			continue
		}
		if m.pension().positive() || slices.ContainsFunc(m.pays, func(pay Pay) bool { return pay.paid() }) {
			return true
		}
	}
	return false
}

// excused says whether there is a reason not to pay for a slot in one of the months.
func (p *Person) excused(s *state.Slot, months []*Month) bool {
	for _, m := range months {
		for _, e := range p.Exemptions {
			if m.meets(e.Interval) {
				return true
			}
		}
		for _, lent := range p.Secondments {
			if lent.Approved && m.meets(lent.Interval) && p.county.Now.Same(lent.From, s.Unit) {
				return true
			}
		}
		for _, a := range p.Absences {
			if a.Approved && m.meets(a.Interval) {
				return true
			}
		}
	}
	return false
}
