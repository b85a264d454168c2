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
			tooLong := false
			for _, stay := range p.away(pay.Unit, pay.Month.Lineage) {
				days := int(min(stay.To, pay.Month.Last+1)) - int(stay.From)
				if pay.Month.meets(stay.Interval) && days > p.county.Parameters.AbsentLimit {
					tooLong = true
					p.citeFirst(stay.rows)
				}
			}
			if tooLong {
				p.citePay(pay)
			}
			return tooLong
		},
	}
}

// stay is a stay away: absences that touch or overlap, as one.
type stay struct {
	state.Interval
	rows []state.Ref // in order
}

// lastAway is what away answered last: it is asked of one unit again and again.
type lastAway struct {
	unit    state.Unit
	lineage *Lineage
	stays   []stay
}

// away gives the person's stays away without leave from the unit.
func (p *Person) away(u state.Unit, l *Lineage) []stay {
	last := &p.lastAway
	if last.unit == u && last.lineage == l {
		return last.stays
	}
	var absences []state.Absence
	for _, a := range p.Absences {
		if a.Kind == schemas.AbsenceAbsent && !a.Approved && l.Same(a.Unit, u) {
			absences = append(absences, a)
		}
	}
	slices.SortFunc(absences, func(a, b state.Absence) int { return int(a.Interval.From) - int(b.Interval.From) })
	last.unit, last.lineage, last.stays = u, l, last.stays[:0]
	for len(absences) > 0 {
		joined, n := firstStay(absences)
		s := stay{Interval: joined}
		for _, a := range absences[:n] {
			s.rows = append(s.rows, a.Ref)
		}
		slices.Sort(s.rows)
		last.stays = append(last.stays, s)
		absences = absences[n:]
	}
	return last.stays
}

// firstStay joins the first absences, ordered by their first days, as far as they touch or overlap.
func firstStay(away []state.Absence) (stay state.Interval, rows int) {
	stay = away[0].Interval
	for rows = 1; rows < len(away) && away[rows].Interval.From <= stay.To; rows++ {
		stay.To = max(stay.To, away[rows].Interval.To)
	}
	return stay, rows
}
