package state

import (
	"errors"
	"fmt"
	"math"
	"sync"

	"hebian/schemas"
	"hebian/schemas/ident"
)

// The topics, by the number that they have in every Ref. New ones go to the end.
const (
	topicPayLine = iota
	topicSlot
	topicPermit
	topicExemption
	topicSecondment
	topicStaffEvent
	topicAbsence
	topicDeath
	topicPenalty
	topicInsurance
	topicInstitution
	topicQuota
	topicLeaderPost
	topicSuccession
	topicControlNumber
)

// layoutSpec says how the records of a subject go into a row: the names of the fields that are
// kept, under the room that each gets. Of a record about a person, the person is kept besides.
type layoutSpec struct {
	subject   string
	unit      string
	otherUnit string // this and the next two are one room
	name      string
	count     string
	amount    string // a and b
	a, b, c   string // dates, months, counts
	x, y, z   string // symbols of value sets
	present   string // of which only whether it is there is kept
}

// Nobody writes to it.
var layoutSpecs = [...]layoutSpec{
	topicPayLine: {subject: "finance.pay_line", unit: "unit", name: "name", amount: "amount_fen", c: "period", x: "class"},
	topicSlot: {subject: "staffing.slot", unit: "unit", name: "name", a: "valid_from", b: "valid_to", c: "permit_date",
		x: "slot_type", y: "fund_channel", z: "leader", present: "permit_no"},
	topicPermit:    {subject: "staffing.permit", unit: "unit", a: "permit_date"},
	topicExemption: {subject: "staffing.exemption", unit: "unit", a: "valid_from", b: "valid_to", x: "category"},
	topicSecondment: {subject: "staffing.secondment", unit: "unit", otherUnit: "from_unit", a: "valid_from", b: "valid_to",
		present: "approval_no"},
	topicStaffEvent: {subject: "hr.staff_event", unit: "unit", a: "effective", x: "event"},
	topicAbsence:    {subject: "hr.absence", unit: "unit", a: "from_date", b: "to_date", x: "kind", y: "approved"},
	topicDeath:      {subject: "civil.death", a: "died_on"},
	topicPenalty:    {subject: "discipline.penalty", a: "effective", b: "ended", x: "pay_effect"},
	topicInsurance:  {subject: "social.insurance", unit: "unit", c: "period"},

	topicInstitution:   {subject: "staffing.institution", unit: "unit", a: "valid_from", b: "valid_to", x: "unit_type"},
	topicQuota:         {subject: "staffing.quota", unit: "unit", a: "valid_from", b: "valid_to", c: "quota", x: "slot_type"},
	topicLeaderPost:    {subject: "staffing.leader_post", unit: "unit", a: "valid_from", b: "valid_to", c: "chief", count: "deputy"},
	topicSuccession:    {subject: "staffing.succession", unit: "unit", otherUnit: "to_unit", a: "effective"},
	topicControlNumber: {subject: "finance.control_number", unit: "unit", a: "valid_from", b: "valid_to", c: "control_number"},
}

// layout is a layoutSpec with the fields found in the schema.
type layout struct {
	subject          string
	topic            int
	walker           *schemas.Walker
	fields           int // so many from the first on are looked at
	person, idNumber place
	unit, otherUnit  place
	name, count      place
	amount           place
	a, b, c          place
	x, y, z          place
	present          place
}

// place is where a field stands in its record.
type place struct {
	index    int // -1: the subject has no such field
	kind     schemas.Kind
	optional bool // may be null
	symbols  int  // of a value set
}

func (p place) exists() bool { return p.index >= 0 }

// layouts are those of all subjects, by name. They are the same for every state.
var layouts = sync.OnceValues(newLayouts)

func newLayouts() (map[string]*layout, error) {
	layouts := map[string]*layout{}
	for topic, spec := range layoutSpecs {
		subject := schemas.SubjectOf(spec.subject)
		if subject == nil {
			return nil, fmt.Errorf("lay out %s: no such subject", spec.subject)
		}
		walker, err := schemas.NewWalker(subject.Avro)
		if err != nil {
			return nil, fmt.Errorf("lay out %s: %w", spec.subject, err)
		}
		l := &layout{subject: spec.subject, topic: topic, walker: walker}
		find := func(name string) place {
			field := subject.Field(name)
			if field == nil {
				if name != "" && err == nil {
					err = fmt.Errorf("lay out %s: no field %s", spec.subject, name)
				}
				return place{index: -1}
			}
			index := walker.Index(name)
			l.fields = max(l.fields, index+1)
			return place{index, field.Kind, field.Optional, len(field.Symbols)}
		}
		about := [2]string{"person", "id_number"}
		if topic >= topicInstitution {
			about = [2]string{}
		}
		l.person, l.idNumber = find(about[0]), find(about[1])
		l.unit, l.otherUnit, l.name, l.count = find(spec.unit), find(spec.otherUnit), find(spec.name), find(spec.count)
		l.amount, l.present = find(spec.amount), find(spec.present)
		l.a, l.b, l.c = find(spec.a), find(spec.b), find(spec.c)
		l.x, l.y, l.z = find(spec.x), find(spec.y), find(spec.z)
		if err != nil {
			return nil, err
		}
		layouts[l.subject] = l
	}
	return layouts, nil
}

func (l *layout) aboutUnit() bool { return !l.person.exists() }

// packer packs records of one subject. It holds the fields of the last one.
type packer struct {
	layout *layout
	words  *words
	fields []schemas.Field
	datum  []byte
}

func newPacker(l *layout, w *words) packer {
	return packer{layout: l, words: w, fields: make([]schemas.Field, l.fields)}
}

var errOutOfRange = errors.New("a date, month or number that intake never lets in")

// walk finds the fields of a record's framed value.
func (p *packer) walk(framed []byte) (err error) {
	if _, p.datum, err = schemas.SplitFrame(framed); err != nil {
		return err
	}
	return p.layout.walker.Walk(p.datum, p.fields)
}

// pack packs a record's framed value.
func (p *packer) pack(framed []byte) (r row, err error) {
	l := p.layout
	if err := p.walk(framed); err != nil {
		return row{}, err
	}
	if l.unit.exists() {
		r.unit = p.words.units.number(p.text(l.unit))
	}
	switch {
	case l.name.exists():
		r.other = p.words.name(p.text(l.name))
	case l.otherUnit.exists() && !p.fields[l.otherUnit.index].Null:
		r.other = p.words.units.number(p.text(l.otherUnit))
	}
	ok := true
	if l.amount.exists() {
		amount := p.fields[l.amount.index].Int
		r.a, r.b = int32(amount>>32), int32(amount)
	} else {
		r.a, r.b = p.number(l.a, &ok), p.number(l.b, &ok)
	}
	r.c = p.number(l.c, &ok)
	if l.count.exists() {
		r.other = uint32(p.number(l.count, &ok))
	}
	if !ok {
		return row{}, errOutOfRange
	}
	r.x, r.y, r.z = p.symbol(l.x), p.symbol(l.y), p.symbol(l.z)
	if l.present.exists() && !p.fields[l.present.index].Null {
		r.flags |= flagPresent
	}
	return r, nil
}

// person is whom the record packed last is about; a number that gives no key otherwise.
func (p *packer) person() (key ident.Key, short bool, bad []byte, err error) {
	person, number := p.text(p.layout.person), p.text(p.layout.idNumber)
	if len(person) == 0 {
		return 0, false, number, nil
	}
	key, ok := ident.Pack(person)
	if !ok {
		return 0, false, nil, errors.New("a person key that is none")
	}
	return key, len(number) < len(person), nil, nil
}

func (p *packer) text(at place) []byte {
	f := &p.fields[at.index]
	return p.datum[f.Start:f.End]
}

func (p *packer) symbol(at place) uint8 {
	if !at.exists() || p.fields[at.index].Null {
		return 0
	}
	return uint8(p.fields[at.index].Int + 1)
}

// number gives a date, month or count. A count beyond 31 bits is cut down to them: no fewer rows
// than that are ever held against it.
func (p *packer) number(at place, ok *bool) int32 {
	if !at.exists() {
		return 0
	}
	f := &p.fields[at.index]
	if f.Null {
		return null
	}
	*ok = *ok && inRange(at.kind, f.Int)
	return int32(min(f.Int, math.MaxInt32))
}

// inRange says whether an agency can have written a date, month or count.
func inRange(kind schemas.Kind, n int64) bool {
	switch kind {
	case schemas.KindDate:
		return n >= int64(schemas.MinDate) && n <= int64(schemas.MaxDate)
	case schemas.KindMonth:
		return n >= 101 && n <= 999912 && n%100 >= 1 && n%100 <= 12
	}
	return n >= 0
}
