package schemas

// Death is a death that civil affairs registered.
type Death struct {
	Person   string   `avro:"person"` // person key, empty when the number gives none
	DiedOn   Date     `avro:"died_on"`
	Name     *string  `avro:"name"`
	IDNumber IDNumber `avro:"id_number"` // as cleaned
	Rest     []Cell   `avro:"rest"`
}

// Key is the person, or the number as cleaned.
func (r *Death) Key() string { return personOr(r.Person, r.IDNumber) }

// Derive finds the person.
func (r *Death) Derive(Delivered) (string, Reason) {
	r.Person = r.IDNumber.Person()
	return "", ""
}
