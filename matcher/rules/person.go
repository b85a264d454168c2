package rules

import (
	"slices"

	"hebian/matcher/state"
	"hebian/schemas"
)

// Person is what rules see of a person: the rows, and what several rules make of them.
type Person struct {
	state.Person
	county *County

	pays     []Pay            // by month, then unit
	months   []monthPays      // the same, month by month
	held     []*state.Slot    // valid on the as-of date
	linesNow []*state.PayLine // of the month that the as-of date lies in, evaluated or not
	dead     schemas.Date     // earliest death; Open while there is none
	retired  schemas.Date     // newest retirement without a newer hire; NoDate if none
	order    []placed         // the lines of all pays
	lastLeft lastLeft         // the last answer of left
	lastAway lastAway         // the last answer of away

	verdict
}

// Pay is what a unit paid to a person for an evaluated month.
type Pay struct {
	Month *Month
	Unit  state.Unit // what the payer has become by the end of the month

	regular     total // REG and COR
	pension     total
	first, last int // its lines in order
	month       int // its place in the person's months
	covered     answer
	exempt      answer
	flagged     bool // has its primary flag
}

// answer to a question that several rules ask of a pay.
type answer uint8

const (
	unasked answer = iota
	yes
	no
)

func answerOf(b bool) answer {
	if b {
		return yes
	}
	return no
}

// monthPays is what all units paid for a month.
type monthPays struct {
	*Month
	pays []Pay
}

// placed is a pay line in the order of pays.
type placed struct {
	pay  uint64 // month and unit
	line int32
}

// prepare sorts the lines into pays and finds what many rules ask for.
func (p *Person) prepare() {
	p.lastLeft, p.lastAway = lastLeft{}, lastAway{stays: p.lastAway.stays[:0]}
	p.dead, p.retired = state.Open, state.NoDate
	for i := range p.Deaths {
		p.dead = min(p.dead, p.Deaths[i].On)
	}
	if len(p.Events) > 0 {
		p.retired = p.lastEvent(retirement[:], nil)
	}
	p.held = p.held[:0]
	for i := range p.Slots {
		if s := &p.Slots[i]; p.county.valid(s.Interval) {
			p.held = append(p.held, s)
		}
	}
	p.linesNow = p.linesNow[:0]
	for i := range p.PayLines {
		if line := &p.PayLines[i]; line.Month == p.county.month {
			p.linesNow = append(p.linesNow, line)
		}
	}
	p.sortLines()
	p.sumPays()
}

// sumPays sums up the lines in order.
func (p *Person) sumPays() {
	p.pays, p.months = p.pays[:0], p.months[:0]
	for i, o := range p.order {
		if i == 0 || o.pay != p.order[i-1].pay {
			p.pays = append(p.pays, Pay{Month: p.county.Months[o.pay>>32], Unit: state.Unit(o.pay), first: i})
		}
		pay := &p.pays[len(p.pays)-1]
		pay.last = i + 1
		if line := &p.PayLines[o.line]; line.Class == schemas.ClassPension {
			pay.pension.add(line.Amount)
		} else {
			pay.regular.add(line.Amount)
		}
	}
	for first := 0; first < len(p.pays); {
		m, last := p.pays[first].Month, first
		for last < len(p.pays) && p.pays[last].Month == m {
			p.pays[last].month = len(p.months)
			last++
		}
		p.months = append(p.months, monthPays{m, p.pays[first:last]})
		first = last
	}
}

// sortLines puts the lines that make a pay into order.
func (p *Person) sortLines() {
	p.order = p.order[:0]
	for i := range p.PayLines {
		line := &p.PayLines[i]
		switch line.Class {
		case schemas.ClassRegular, schemas.ClassCorrection, schemas.ClassPension:
			if at, ok := p.county.place(line.Month.Index()); ok {
				unit := p.county.Months[at].Lineage.Unit(line.Unit)
				p.order = append(p.order, placed{uint64(at)<<32 | uint64(unit), int32(i)})
			}
		}
	}
	slices.SortFunc(p.order, func(a, b placed) int {
		switch {
		case a.pay < b.pay:
			return -1
		case a.pay > b.pay:
			return 1
		}
		return 0
	})
}

// paid says whether the unit paid more than it took back.
func (pay *Pay) paid() bool { return pay.regular.positive() }

// pension is the sum of the pensions of a month.
func (m *monthPays) pension() total {
	var sum total
	for i := range m.pays {
		sum.addTotal(m.pays[i].pension)
	}
	return sum
}

// covered says whether a slot at the unit reaches into the month, its exit grace included.
func (p *Person) covered(pay *Pay) bool {
	if pay.covered == unasked {
		pay.covered = answerOf(slices.ContainsFunc(p.Slots, func(s state.Slot) bool { return p.covers(&s, pay) }))
	}
	return pay.covered == yes
}

func (p *Person) covers(s *state.Slot, pay *Pay) bool {
	return s.Interval.From <= pay.Month.Last && addMonths(s.Interval.To, p.county.Parameters.ExitGrace) > pay.Month.First &&
		pay.Month.Lineage.Same(s.Unit, pay.Unit)
}

// elsewhere says whether the slot is held in the month, at another unit than the one that pays.
func (pay *Pay) elsewhere(s *state.Slot) bool {
	return pay.Month.meets(s.Interval) && !pay.Month.Lineage.Same(s.Unit, pay.Unit)
}

// exempt says whether the unit may pay the person without a slot.
func (p *Person) exempt(pay *Pay) bool {
	if pay.exempt == unasked {
		pay.exempt = answerOf(p.exemption(pay, "") || p.lent(pay))
	}
	return pay.exempt == yes
}

// exemption says whether an exemption of the category, of any if empty, holds for the pay.
func (p *Person) exemption(pay *Pay, category schemas.ExemptionCategory) bool {
	return slices.ContainsFunc(p.Exemptions, func(e state.Exemption) bool {
		return (category == "" || e.Category == category) && pay.Month.meets(e.Interval) && pay.Month.Lineage.Same(e.Unit, pay.Unit)
	})
}

// lent says whether an approved secondment brings the person to the unit that pays.
func (p *Person) lent(pay *Pay) bool {
	return slices.ContainsFunc(p.Secondments, func(s state.Secondment) bool {
		return s.Approved && pay.Month.meets(s.Interval) && pay.Month.Lineage.Same(s.To, pay.Unit)
	})
}

// lastLeft is what left answered last: it is asked of one unit again and again.
type lastLeft struct {
	unit    state.Unit
	lineage *Lineage
	day     schemas.Date
}

// left is the day on which the person left the unit for good, NoDate if he did not.
func (p *Person) left(u state.Unit, l *Lineage) schemas.Date {
	if len(p.Events) == 0 {
		return state.NoDate
	}
	if p.lastLeft.unit != u || p.lastLeft.lineage != l {
		p.lastLeft = lastLeft{u, l, p.lastEvent(leavings[:], func(v state.Unit) bool { return l.Same(u, v) })}
	}
	return p.lastLeft.day
}

// The events that end the service, everywhere and at one unit. Nobody writes to them.
var (
	retirement = [...]schemas.EventKind{schemas.EventRetire}
	leavings   = [...]schemas.EventKind{schemas.EventResign, schemas.EventDismiss, schemas.EventExpel, schemas.EventTransferOut}
)

// lastEvent is the newest event of the kinds, NoDate if there is none or a hire came after it. Only
// the units named count, all if nil.
func (p *Person) lastEvent(kinds []schemas.EventKind, counts func(state.Unit) bool) schemas.Date {
	last, hired := state.NoDate, state.NoDate
	for i := range p.Events {
		e := &p.Events[i]
		switch {
		case counts != nil && !counts(e.Unit):
		case slices.Contains(kinds, e.Kind):
			last = max(last, e.Effective)
		case e.Kind == schemas.EventHire:
			hired = max(hired, e.Effective)
		}
	}
	if hired > last {
		return state.NoDate
	}
	return last
}

// isRegular says whether the line counts for what a unit paid.
func isRegular(line *state.PayLine) bool {
	return line.Class == schemas.ClassRegular || line.Class == schemas.ClassCorrection
}

// citePay names the lines of a pay but for the pension.
func (p *Person) citePay(pay *Pay) {
	for _, o := range p.order[pay.first:pay.last] {
		if line := &p.PayLines[o.line]; isRegular(line) {
			p.cite(line.Ref)
		}
	}
}

// citePension names the pension among the lines of a pay.
func (p *Person) citePension(pay *Pay) {
	for _, o := range p.order[pay.first:pay.last] {
		if line := &p.PayLines[o.line]; !isRegular(line) {
			p.cite(line.Ref)
		}
	}
}

// citeEvents names the events of the kinds on a day.
func (p *Person) citeEvents(on schemas.Date, kinds []schemas.EventKind) {
	for i := range p.Events {
		if e := &p.Events[i]; e.Effective == on && slices.Contains(kinds, e.Kind) {
			p.cite(e.Ref)
		}
	}
}

// citeRetirement names the retirement that counts.
func (p *Person) citeRetirement() { p.citeEvents(p.retired, retirement[:]) }
