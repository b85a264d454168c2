package schemas

// Penalty is a disciplinary penalty with its effect on pay.
type Penalty struct {
	Person    string    `avro:"person"` // person key, empty when the number gives none
	PayEffect PayEffect `avro:"pay_effect"`
	Effective Date      `avro:"effective"`
	Ended     *Date     `avro:"ended"`
	Name      *string   `avro:"name"`
	Penalty   *string   `avro:"penalty"`
	IDNumber  IDNumber  `avro:"id_number"` // as cleaned
	Rest      []Cell    `avro:"rest"`
}

// Key is the person, or the number as cleaned.
func (r *Penalty) Key() string { return personOr(r.Person, r.IDNumber) }

// Derive finds the person.
func (r *Penalty) Derive(Delivered) (string, Reason) {
	r.Person = r.IDNumber.Person()
	return "", ""
}
