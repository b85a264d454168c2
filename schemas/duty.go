package schemas

// Duty is a power or duty of a unit (权责事项) as published, over an interval of validity.
type Duty struct {
	Unit         UnitCode `avro:"unit"`
	ValidFrom    Date     `avro:"valid_from"`
	ValidTo      *Date    `avro:"valid_to"` // first day no longer valid; nil: still open
	ItemCode     string   `avro:"item_code"`
	Name         string   `avro:"name"`
	Kind         DutyKind `avro:"kind"`
	Basis        *string  `avro:"basis"` // the law it rests on
	DepartmentNo *string  `avro:"department_no"`
	DocumentNo   *string  `avro:"document_no"`
	Rest         []Cell   `avro:"rest"`
}

// Key is the unit.
func (r *Duty) Key() string { return string(r.Unit) }

// Derive checks the interval.
func (r *Duty) Derive(Delivered) (string, Reason) {
	return interval("valid_to", r.ValidFrom, r.ValidTo)
}
