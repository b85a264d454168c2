package schemas

// Permit allows a person to enter a slot at a unit; it may exist before the slot.
type Permit struct {
	Person     string   `avro:"person"` // person key, empty when the number gives none
	Unit       UnitCode `avro:"unit"`
	PermitDate Date     `avro:"permit_date"`
	SlotType   SlotType `avro:"slot_type"`
	PermitNo   string   `avro:"permit_no"`
	Name       *string  `avro:"name"`
	IDNumber   IDNumber `avro:"id_number"` // as cleaned
	Rest       []Cell   `avro:"rest"`
}

// Key is the person, or the number as cleaned.
func (r *Permit) Key() string { return personOr(r.Person, r.IDNumber) }

// Derive finds the person.
func (r *Permit) Derive(Delivered) (string, Reason) {
	r.Person = r.IDNumber.Person()
	return "", ""
}
