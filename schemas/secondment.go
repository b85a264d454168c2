package schemas

// Secondment lends a person from one unit to another; without an approval number it is unapproved.
type Secondment struct {
	Person     string   `avro:"person"` // person key, empty when the number gives none
	Unit       UnitCode `avro:"unit"`   // the unit that the person works at: 借入单位
	From       UnitCode `avro:"from_unit"`
	ValidFrom  Date     `avro:"valid_from"`
	ValidTo    *Date    `avro:"valid_to"` // first day no longer valid; nil: still open
	ApprovalNo *string  `avro:"approval_no"`
	IDNumber   IDNumber `avro:"id_number"` // as cleaned
	Rest       []Cell   `avro:"rest"`
}

// Key is the person, or the number as cleaned.
func (r *Secondment) Key() string { return personOr(r.Person, r.IDNumber) }

// Derive finds the person and checks the interval.
func (r *Secondment) Derive(Delivered) (string, Reason) {
	r.Person = r.IDNumber.Person()
	return interval("valid_to", r.ValidFrom, r.ValidTo)
}
