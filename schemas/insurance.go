package schemas

// Insurance says at which unit a person is insured in a month.
type Insurance struct {
	Person   string   `avro:"person"` // person key, empty when the number gives none
	Unit     UnitCode `avro:"unit"`   // the unit that insures
	Period   Month    `avro:"period"`
	Name     *string  `avro:"name"`
	IDNumber IDNumber `avro:"id_number"` // as cleaned
	Rest     []Cell   `avro:"rest"`
}

// Key is the person, or the number as cleaned.
func (r *Insurance) Key() string { return personOr(r.Person, r.IDNumber) }

// Derive finds the person.
func (r *Insurance) Derive(Delivered) (string, Reason) {
	r.Person = r.IDNumber.Person()
	return "", ""
}
