package simulate

import (
	"hebian/schemas"
)

// dossier is everything that the agencies hold on one person, and what is to be said of it. One
// dossier is reused for all persons. Cases are written in its verbs: staff, paid, hold, insure …
type dossier struct {
	*plan
	person  int
	home    int // the live unit that the person works at unless a case says otherwise
	kind    *kind
	draw    draws
	birth   int    // month of birth, as schemas.Month.Index counts
	born    number // the person's own number
	keyed   bool   // whether the number below gives a person key
	entered schemas.Date
	basic   int // yuan of basic pay a month
	extra   int // allowances beyond the usual ones

	number, slotNumber, payNumber []byte // as written; in slots and pay lines too unless these differ
	name, nameGB                  []byte
	slotName, payName             []byte // nil: the name; payName in GB18030

	slots       []slot
	permits     []permit
	pays        []pay
	insurance   []insured
	exemptions  []exemption
	secondments []secondment
	events      []event
	deaths      []schemas.Date
	penalties   []penalty
	absences    []absence

	flags []Flag
}

type slot struct {
	unit         int
	kind         slotType
	fund         channel
	leader       string
	permitted    bool         // has a permit number
	permitDay    schemas.Date // none: empty
	since, until schemas.Date
}

type permit struct {
	unit int
	kind slotType
	day  schemas.Date
}

// payment is what a payer pays for.
type payment uint8

const (
	salary        payment = iota
	hostAllowance         // of a unit that somebody from another one works at
	pension
	survivorSubsidy
	labour
	living
	grant
)

// pay is what one unit pays for the months first to last, by their index in the plan.
type pay struct {
	unit        int
	first, last int
	of          payment
	percent     int    // of the full amounts
	file        int    // index of the payroll that pays it; -1: each month's own
	extras      bool   // now and then back pay, a bonus, an offset
	reversed    bool   // taken back to the last fen
	number      []byte // as written here only; nil: as in all pay lines
}

type insured struct{ unit, first, last int }

type exemption struct {
	unit         int
	category     string
	since, until schemas.Date
}

type secondment struct {
	to           int
	approved     bool
	since, until schemas.Date
}

type event struct {
	what string
	unit int
	day  schemas.Date
}

type penalty struct {
	name, effect string
	since, until schemas.Date
}

type absence struct {
	unit        int
	kind        string
	from, until schemas.Date
	approved    string
}

func (d *dossier) reset(p *plan, person, home int) {
	d.plan, d.person, d.home, d.kind, d.keyed = p, person, home, nil, true
	d.draw = drawsOf(p.Seed, streamPerson, uint64(person))
	d.slotNumber, d.payNumber, d.slotName, d.payName = nil, nil, nil, nil
	d.slots, d.permits, d.pays, d.insurance = d.slots[:0], d.permits[:0], d.pays[:0], d.insurance[:0]
	d.exemptions, d.secondments, d.events = d.exemptions[:0], d.secondments[:0], d.events[:0]
	d.deaths, d.penalties, d.absences, d.flags = d.deaths[:0], d.penalties[:0], d.absences[:0], d.flags[:0]
}

// identify draws who the person is: an elder is past retirement, the others are of working age.
// Nobody entered service less than 13 months before the first payroll month: no old permit or
// event reaches into it.
func (d *dossier) identify(elder bool) {
	first := d.months[0].period.Index()
	age := d.draw.between(24, 57)
	if elder {
		age = d.draw.between(60, 80)
	}
	d.birth = first - age*12 - d.draw.below(12)
	latest := first - 13
	if elder {
		latest = min(latest, d.birth+40*12)
	}
	entered := d.draw.between(d.birth+22*12, latest)
	d.entered = monthOf(entered).First() + schemas.Date(d.draw.below(28))
	d.born = numberOf(d.Seed, d.person, monthOf(d.birth))
	d.number = append(d.number[:0], d.born[:]...)
	d.name, d.nameGB = d.names.name(&d.draw, d.name[:0], d.nameGB[:0])
	d.basic = d.draw.between(2000, 5600)
	d.extra = 0
	if d.draw.chance(600) {
		d.extra = 1
	}
}

// monthOf is the month with the index that schemas.Month.Index gives.
func monthOf(index int) schemas.Month { return schemas.Month(index/12*100 + index%12 + 1) }

// staff is a member of the home unit's staff with a slot, paid and insured there throughout. It
// gives the pay.
func (d *dossier) staff() *pay {
	d.hold(d.home, d.entered, none)
	return d.work(d.home)
}

// work is to be paid and insured at a unit throughout, slot or no slot.
func (d *dossier) work(unit int) *pay {
	d.insure(unit, 0, d.latest())
	return d.paid(unit, 0, d.latest())
}

// paid adds a full salary for the months first to last; months before the payroll are left out.
func (d *dossier) paid(unit, first, last int) *pay {
	d.pays = append(d.pays, pay{unit: unit, first: max(0, first), last: last, percent: 100, file: -1})
	return &d.pays[len(d.pays)-1]
}

func (d *dossier) insure(unit, first, last int) {
	d.insurance = append(d.insurance, insured{unit, max(0, first), last})
}

// hold adds a slot of a type that the unit may hold, with its permit and, when recent, the hire
// event and the permit's own row.
func (d *dossier) hold(unit int, since, until schemas.Date) *slot {
	u := &d.units[unit]
	kind := u.kind.slots[0]
	if d.draw.chance(150) {
		kind = u.kind.slots[len(u.kind.slots)-1]
	} else if len(u.kind.slots) > 2 && d.draw.chance(150) {
		kind = u.kind.slots[1]
	}
	fund := u.kind.fund
	permitDay := since - schemas.Date(d.draw.between(3, 60))
	d.slots = append(d.slots, slot{unit: unit, kind: kind, fund: fund, permitted: true, permitDay: permitDay, since: since, until: until})
	s := &d.slots[len(d.slots)-1]
	if unit == d.home && len(d.slots) == 1 {
		s.leader = d.leader()
	}
	if recent := d.months[0].first.AddMonths(-36); since >= recent {
		d.permits = append(d.permits, permit{unit, kind, permitDay})
		d.event("hire", unit, since)
	}
	return s
}

// leader is the post of the first few persons of a unit.
func (d *dossier) leader() string {
	switch place := d.person - d.starts[d.home]; {
	case place == 0:
		return "chief"
	case place < 4:
		return "deputy"
	}
	return ""
}

func (d *dossier) event(what string, unit int, day schemas.Date) {
	d.events = append(d.events, event{what, unit, day})
}

func (d *dossier) exempt(unit int, category string, since, until schemas.Date) {
	d.exemptions = append(d.exemptions, exemption{unit, category, since, until})
}

func (d *dossier) secondTo(unit int, approved bool, since schemas.Date) {
	d.secondments = append(d.secondments, secondment{unit, approved, since, none})
}

// die closes nothing: what agencies make of a death is up to the case.
func (d *dossier) die(day schemas.Date) { d.deaths = append(d.deaths, day) }

func (d *dossier) punish(name, effect string, since, until schemas.Date) {
	d.penalties = append(d.penalties, penalty{name, effect, since, until})
}

func (d *dossier) stayAway(kind, approved string, from, until schemas.Date) {
	d.absences = append(d.absences, absence{d.home, kind, from, until, approved})
}

// other is a live unit that is not the home unit.
func (d *dossier) other() int { return (d.home + d.draw.between(1, d.live-1)) % d.live }

// family draws one of the families.
func (d *dossier) family(some []family) *family { return &some[d.draw.below(len(some))] }

// day is a day of the month at an index: neither the first, on which an exit would belong to the
// month before, nor so late that the next day might be in the next month.
func (d *dossier) day(index int) schemas.Date {
	return d.monthAt(index).First() + schemas.Date(d.draw.between(1, 26))
}

// past is the index of a month that is over by the newest payroll month and not older than the
// month before the first.
func (d *dossier) past() int { return d.draw.between(-1, d.latest()-1) }

// pensioned is the day on which an elder retired, well before the first payroll month.
func (d *dossier) pensioned() schemas.Date {
	first := d.months[0].period.Index()
	return d.day(min(d.birth+60*12, first-7) - first)
}

// flag expects a finding. unit and month are indexes; -1 leaves the field empty.
func (d *dossier) flag(code string, unit, month int) {
	f := Flag{Code: code, Person: string(d.born[:])}
	if unit >= 0 {
		f.Unit = d.units[unit].code
	}
	if month >= 0 {
		f.Month = d.months[month].text
	}
	d.flags = append(d.flags, f)
}

// flagFrom expects a finding in every payroll month from an index on.
func (d *dossier) flagFrom(code string, unit, first int) {
	for i := max(0, first); i <= d.latest(); i++ {
		d.flag(code, unit, i)
	}
}

// lower is the one of two units whose code sorts first.
func (d *dossier) lower(a, b int) int {
	if d.units[a].code < d.units[b].code {
		return a
	}
	return b
}
