package schemas

// Exemption says that a unit may pay a person without a slot.
type Exemption struct {
	Person    string            `avro:"person"` // person key, empty when the number gives none
	Unit      UnitCode          `avro:"unit"`
	ValidFrom Date              `avro:"valid_from"`
	ValidTo   *Date             `avro:"valid_to"` // first day no longer valid; nil: still open
	Category  ExemptionCategory `avro:"category"`
	IDNumber  IDNumber          `avro:"id_number"` // as cleaned
	Rest      []Cell            `avro:"rest"`
}

// Key is the person, or the number as cleaned.
func (r *Exemption) Key() string { return personOr(r.Person, r.IDNumber) }

// Derive finds the person and checks the interval.
func (r *Exemption) Derive(Delivered) (string, Reason) {
	r.Person = r.IDNumber.Person()
	return interval("valid_to", r.ValidFrom, r.ValidTo)
}
