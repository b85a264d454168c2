package state

import (
	"fmt"
	"math"

	"hebian/schemas"
	"hebian/schemas/ident"
)

// Person is the rows about one person, as far as rules compare them.
type Person struct {
	Key         ident.Key
	PayLines    []PayLine
	Slots       []Slot
	Permits     []Permit
	Exemptions  []Exemption
	Secondments []Secondment
	Events      []StaffEvent
	Absences    []Absence
	Deaths      []Death
	Penalties   []Penalty
	Insurances  []Insurance
}

// Interval is days from From to before To. One that is still open ends with Open.
type Interval struct{ From, To schemas.Date }

// Open is the end of an interval that is still open.
const Open schemas.Date = math.MaxInt32

// PayLine is a schemas.PayLine.
type PayLine struct {
	Ref    Ref
	Unit   Unit
	Month  schemas.Month // service month
	Amount schemas.Fen
	Class  schemas.PayClass
	Name   Name
}

// Name is a name's key as a number, to be compared within one person.
type Name uint32

// Slot is a schemas.Slot.
type Slot struct {
	Ref        Ref
	Unit       Unit
	Name       Name
	Interval   Interval
	Type       schemas.SlotType
	Fund       schemas.FundChannel
	Leader     schemas.LeaderRank // empty for others
	HasPermit  bool
	PermitDate schemas.Date // NoDate if there is none
}

// NoDate is before all dates.
const NoDate schemas.Date = null

// Permit is a schemas.Permit.
type Permit struct {
	Ref  Ref
	Unit Unit
	Date schemas.Date
}

// Exemption is a schemas.Exemption.
type Exemption struct {
	Ref      Ref
	Unit     Unit
	Interval Interval
	Category schemas.ExemptionCategory
}

// Secondment is a schemas.Secondment.
type Secondment struct {
	Ref      Ref
	From     Unit
	To       Unit
	Interval Interval
	Approved bool
}

// StaffEvent is a schemas.StaffEvent.
type StaffEvent struct {
	Ref       Ref
	Unit      Unit
	Kind      schemas.EventKind
	Effective schemas.Date
}

// Absence is a schemas.Absence.
type Absence struct {
	Ref      Ref
	Unit     Unit
	Interval Interval
	Kind     schemas.AbsenceKind
	Approved bool
}

// Death is a schemas.Death.
type Death struct {
	Ref Ref
	On  schemas.Date
}

// Penalty is a schemas.Penalty.
type Penalty struct {
	Ref       Ref
	Effect    schemas.PayEffect
	Effective schemas.Date
	Ended     schemas.Date // Open if it has not
}

// Insurance is a schemas.Insurance.
type Insurance struct {
	Ref   Ref
	Unit  Unit
	Month schemas.Month
}

func (p *Person) reset() {
	p.PayLines, p.Slots, p.Permits, p.Exemptions = p.PayLines[:0], p.Slots[:0], p.Permits[:0], p.Exemptions[:0]
	p.Secondments, p.Events, p.Absences = p.Secondments[:0], p.Events[:0], p.Absences[:0]
	p.Deaths, p.Penalties, p.Insurances = p.Deaths[:0], p.Penalties[:0], p.Insurances[:0]
}

// add unpacks a row. Units are renumbered on the way.
func (p *Person) add(r *row, units []Unit, v *values) {
	unit := units[r.unit]
	switch r.ref.topic() {
	case topicPayLine:
		p.PayLines = append(p.PayLines, PayLine{r.ref, unit, schemas.Month(r.c), schemas.Fen(r.amount()), v.payClass[r.x], Name(r.other)})
	case topicSlot:
		p.Slots = append(p.Slots, Slot{
			Ref: r.ref, Unit: unit, Name: Name(r.other), Interval: r.interval(),
			Type: v.slotType[r.x], Fund: v.fund[r.y], Leader: v.leader[r.z],
			HasPermit: r.flags&flagPresent != 0, PermitDate: schemas.Date(r.c),
		})
	case topicPermit:
		p.Permits = append(p.Permits, Permit{r.ref, unit, schemas.Date(r.a)})
	case topicExemption:
		p.Exemptions = append(p.Exemptions, Exemption{r.ref, unit, r.interval(), v.category[r.x]})
	case topicSecondment:
		p.Secondments = append(p.Secondments, Secondment{r.ref, units[r.other], unit, r.interval(), r.flags&flagPresent != 0})
	case topicStaffEvent:
		p.Events = append(p.Events, StaffEvent{r.ref, unit, v.event[r.x], schemas.Date(r.a)})
	case topicAbsence:
		p.Absences = append(p.Absences, Absence{r.ref, unit, r.interval(), v.absence[r.x], v.yesNo[r.y] == schemas.Yes})
	case topicDeath:
		p.Deaths = append(p.Deaths, Death{r.ref, schemas.Date(r.a)})
	case topicPenalty:
		p.Penalties = append(p.Penalties, Penalty{r.ref, v.effect[r.x], schemas.Date(r.a), r.end()})
	case topicInsurance:
		p.Insurances = append(p.Insurances, Insurance{r.ref, unit, schemas.Month(r.c)})
	default:
		panic(fmt.Sprintf("a row of %s among those of a person", r.ref.Topic()))
	}
}

func (r *row) interval() Interval { return Interval{schemas.Date(r.a), r.end()} }

func (r *row) end() schemas.Date {
	if r.b == null {
		return Open
	}
	return schemas.Date(r.b)
}

// values are the value sets of the schemas, by the number that a row holds. 0 is null.
type values struct {
	payClass []schemas.PayClass
	slotType []schemas.SlotType
	fund     []schemas.FundChannel
	leader   []schemas.LeaderRank
	category []schemas.ExemptionCategory
	event    []schemas.EventKind
	absence  []schemas.AbsenceKind
	yesNo    []schemas.YesNo
	effect   []schemas.PayEffect
	unitType []schemas.UnitType
}

func newValues() *values {
	return &values{
		payClass: valuesOf[schemas.PayClass](topicPayLine, "class"),
		slotType: valuesOf[schemas.SlotType](topicSlot, "slot_type"),
		fund:     valuesOf[schemas.FundChannel](topicSlot, "fund_channel"),
		leader:   valuesOf[schemas.LeaderRank](topicSlot, "leader"),
		category: valuesOf[schemas.ExemptionCategory](topicExemption, "category"),
		event:    valuesOf[schemas.EventKind](topicStaffEvent, "event"),
		absence:  valuesOf[schemas.AbsenceKind](topicAbsence, "kind"),
		yesNo:    valuesOf[schemas.YesNo](topicAbsence, "approved"),
		effect:   valuesOf[schemas.PayEffect](topicPenalty, "pay_effect"),
		unitType: valuesOf[schemas.UnitType](topicInstitution, "unit_type"),
	}
}

func valuesOf[T ~string](topic int, field string) []T {
	values := []T{""}
	for _, symbol := range schemas.SubjectOf(layoutSpecs[topic].subject).Field(field).Symbols {
		values = append(values, T(symbol))
	}
	return values
}
