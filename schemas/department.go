package schemas

// Department is a department inside a unit (内设机构), over an interval of validity.
type Department struct {
	Unit         UnitCode `avro:"unit"`
	ValidFrom    Date     `avro:"valid_from"`
	ValidTo      *Date    `avro:"valid_to"` // first day no longer valid; nil: still open
	DepartmentNo string   `avro:"department_no"`
	Name         string   `avro:"name"`
	Duties       *string  `avro:"duties"`
	Slots        *int64   `avro:"slots"`
	Chief        *int64   `avro:"chief"`
	Deputy       *int64   `avro:"deputy"`
	Rest         []Cell   `avro:"rest"`
}

// Key is the unit.
func (r *Department) Key() string { return string(r.Unit) }

// Derive checks the interval.
func (r *Department) Derive(Delivered) (string, Reason) {
	return interval("valid_to", r.ValidFrom, r.ValidTo)
}
