package schemas

// Absence is a stay away from work at a unit.
type Absence struct {
	Person   string      `avro:"person"` // person key, empty when the number gives none
	Unit     UnitCode    `avro:"unit"`
	From     Date        `avro:"from_date"`
	To       *Date       `avro:"to_date"` // first day back; nil: still away
	Kind     AbsenceKind `avro:"kind"`
	Approved YesNo       `avro:"approved"`
	IDNumber IDNumber    `avro:"id_number"` // as cleaned
	Rest     []Cell      `avro:"rest"`
}

// Key is the person, or the number as cleaned.
func (r *Absence) Key() string { return personOr(r.Person, r.IDNumber) }

// Derive finds the person and checks the interval.
func (r *Absence) Derive(Delivered) (string, Reason) {
	r.Person = r.IDNumber.Person()
	return interval("to_date", r.From, r.To)
}
