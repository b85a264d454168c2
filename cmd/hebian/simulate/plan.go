package simulate

import (
	"fmt"

	"hebian/schemas"
)

// plan says who is what: the months, the units, and for every index of a person what that person
// is. It holds what is needed for a unit or a case, nothing for an ordinary person.
type plan struct {
	Options
	asOf      schemas.Date
	months    []month // the payroll months, oldest first
	units     []unit  // the live ones first, then the former ones
	live      int
	starts    []int // starts[u] is the first person of the live unit u; one more at the end
	families  families
	names     nameBook
	kinds     []kind
	schedule  []uint8 // the kinds of the cases to come, as indexes
	caseEvery int     // of so many persons in a row one is a case
}

// month is a payroll month with the texts of its rows.
type month struct {
	period      schemas.Month
	first, last schemas.Date
	text        string // 202609
	file        string // of the payroll, relative to the folder
	payDays     [payDays]string
}

const (
	firstPayDay = 8
	payDays     = 12 // the 8th to the 19th
)

func newPlan(o Options) (*plan, error) {
	p := &plan{Options: o, asOf: o.AsOf.Last()}
	for i := range o.Months {
		period := o.AsOf.Add(i - o.Months + 1)
		m := month{period: period, first: period.First(), last: period.Last(), text: period.String()}
		m.file = "finance/payroll-" + m.text + ".csv"
		for day := range m.payDays {
			m.payDays[day] = (m.first + schemas.Date(firstPayDay-1+day)).String()
		}
		p.months = append(p.months, m)
	}
	s := newSpeller()
	p.names = newNameBook(s)
	p.newUnits(s)
	if s.err != nil {
		return nil, s.err
	}
	p.staffUnits()
	p.scheduleCases()
	return p, nil
}

// monthAt is the month at an index of p.months, which may lie before the first one.
func (p *plan) monthAt(index int) schemas.Month { return p.AsOf.Add(index - p.Months + 1) }

// latest is the index of the newest payroll month.
func (p *plan) latest() int { return p.Months - 1 }

// staffUnits shares the persons out among the live units, some large and some small.
func (p *plan) staffUnits() {
	weights, total := make([]int, p.live), 0
	for u := range weights {
		d := drawsOf(p.Seed, streamUnit, uint64(u)+1<<41)
		weights[u] = d.between(15, 65)
		total += weights[u]
	}
	sum := 0
	for _, weight := range weights {
		p.starts = append(p.starts, p.Persons*sum/total)
		sum += weight
	}
	p.starts = append(p.starts, p.Persons)
}

// scheduleCases deals out the kinds of cases in a drawn order, each at least once, but to no more
// than a fifth of the persons.
func (p *plan) scheduleCases() {
	for _, k := range allKinds() {
		if p.Months >= k.months {
			p.kinds = append(p.kinds, k)
		}
	}
	for i, k := range p.kinds {
		for range max(1, p.Persons*k.share/100_000) {
			p.schedule = append(p.schedule, uint8(i))
		}
	}
	d := drawsOf(p.Seed, streamSchedule, 0)
	for i := len(p.schedule) - 1; i > 0; i-- {
		j := d.below(i + 1)
		p.schedule[i], p.schedule[j] = p.schedule[j], p.schedule[i]
	}
	p.schedule = p.schedule[:min(len(p.schedule), p.Persons/5)]
	p.caseEvery = p.Persons / len(p.schedule)
}

// kindOf is the kind of case that a person is, nil for an ordinary person.
func (p *plan) kindOf(person int) *kind {
	turn := person / p.caseEvery
	if turn >= len(p.schedule) {
		return nil
	}
	d := drawsOf(p.Seed, streamSchedule, uint64(turn)+1)
	if person%p.caseEvery != d.below(p.caseEvery) {
		return nil
	}
	return &p.kinds[p.schedule[turn]]
}

// fill writes the person's facts into a dossier.
func (p *plan) fill(d *dossier, person, home int) {
	d.reset(p, person, home)
	if k := p.kindOf(person); k != nil {
		d.kind = k
		d.identify(k.elder)
		k.build(d)
		if !d.keyed {
			d.flagBadEverywhere()
		}
		return
	}
	switch lot := d.draw.below(1000); {
	case lot < 50:
		d.identify(false)
		d.contractor()
	case lot < 78:
		d.identify(true)
		d.pensioner()
	case lot < 90:
		d.identify(true)
		d.survivor()
	case lot < 110 && p.Months > 1:
		d.identify(false)
		d.newcomer()
	default:
		d.identify(false)
		d.staff().extras = true
	}
}

// contractor works without a slot for a labour fee, within the unit's control number.
func (d *dossier) contractor() {
	d.paid(d.home, 0, d.latest()).of = labour
	d.insure(d.home, 0, d.latest())
}

// pensioner gets a pension through the unit.
func (d *dossier) pensioner() {
	d.event("retire", d.home, d.pensioned())
	d.paid(d.home, 0, d.latest()).of = pension
}

// survivor is kin of a dead member of the staff.
func (d *dossier) survivor() { d.paid(d.home, 0, d.latest()).of = survivorSubsidy }

// newcomer entered within the payroll months, with everything in order.
func (d *dossier) newcomer() {
	first := d.draw.between(1, d.latest())
	d.entered = d.day(first)
	d.hold(d.home, d.entered, none)
	d.paid(d.home, first, d.latest()).extras = true
	d.insure(d.home, first, d.latest())
}

func (o Options) check() error {
	switch {
	case o.Persons < minPersons || o.Persons > MaxPersons:
		return fmt.Errorf("%d persons: between %d and %d are possible", o.Persons, minPersons, MaxPersons)
	case o.Months < 1 || o.Months > maxMonths:
		return fmt.Errorf("%d months: between 1 and %d are possible", o.Months, maxMonths)
	case o.AsOf < minAsOf || o.AsOf > maxAsOf || o.AsOf%100 < 1 || o.AsOf%100 > 12:
		return fmt.Errorf("as-of month %d: write YYYYMM between %d and %d", o.AsOf, minAsOf, maxAsOf)
	case o.Entities < 0 || o.Entities > MaxEntities:
		return fmt.Errorf("%d legal entities: up to %d are possible", o.Entities, MaxEntities)
	}
	return nil
}
