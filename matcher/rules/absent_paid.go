package rules

import (
	"slices"

	"hebian/matcher/state"
	"hebian/schemas"
)

// absentPaid finds pay for a month in which the person stayed away without leave and, by the end of
// it, for longer than the limit.
func absentPaid() Rule {
	return Rule{
		Code: "ABSENT_PAID", Version: 1,
		Needs: inMonth(payLines, slots, absences, successions),
		pay: func(p *Person, pay *Pay) bool {
			if len(p.Absences) == 0 || !pay.paid() || !p.covered(pay) {
				return false
			}
			var away []state.Absence
			for _, a := range p.Absences {
				if a.Kind == schemas.AbsenceAbsent && !a.Approved && pay.Month.Lineage.Same(a.Unit, pay.Unit) {
					away = append(away, a)
				}
			}
			slices.SortFunc(away, func(a, b state.Absence) int { return int(a.Interval.From) - int(b.Interval.From) })
			tooLong := false
			for len(away) > 0 {
				stay, rows := firstStay(away)
				days := int(min(stay.To, pay.Month.Last+1)) - int(stay.From)
				if pay.Month.meets(stay) && days > p.county.Parameters.AbsentLimit {
					tooLong = true
					for _, a := range away[:rows] {
						p.cite(a.Ref)
					}
				}
				away = away[rows:]
			}
			if tooLong {
				p.citePay(pay)
			}
			return tooLong
		},
	}
}

// firstStay joins the first absences, ordered by their first days, as far as they touch or overlap.
func firstStay(away []state.Absence) (stay state.Interval, rows int) {
	stay = away[0].Interval
	for rows = 1; rows < len(away) && away[rows].Interval.From <= stay.To; rows++ {
		stay.To = max(stay.To, away[rows].Interval.To)
	}
	return stay, rows
}
