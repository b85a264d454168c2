package schemas

// StaffEvent is a change in a person's service at a unit, as the organisation or personnel office records it.
type StaffEvent struct {
	Person    string    `avro:"person"` // person key, empty when the number gives none
	Unit      UnitCode  `avro:"unit"`
	Event     EventKind `avro:"event"`
	Effective Date      `avro:"effective"`
	Name      *string   `avro:"name"`
	Detail    *string   `avro:"detail"`
	IDNumber  IDNumber  `avro:"id_number"` // as cleaned
	Rest      []Cell    `avro:"rest"`
}

// Key is the person, or the number as cleaned.
func (r *StaffEvent) Key() string { return personOr(r.Person, r.IDNumber) }

// Derive finds the person.
func (r *StaffEvent) Derive(Delivered) (string, Reason) {
	r.Person = r.IDNumber.Person()
	return "", ""
}
