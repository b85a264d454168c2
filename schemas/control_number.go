package schemas

// ControlNumber is the number of contract staff (编外) that a unit may pay.
type ControlNumber struct {
	Unit          UnitCode `avro:"unit"`
	ValidFrom     Date     `avro:"valid_from"`
	ValidTo       *Date    `avro:"valid_to"` // first day no longer valid; nil: still open
	ControlNumber int64    `avro:"control_number"`
	Rest          []Cell   `avro:"rest"`
}

// Key is the unit.
func (r *ControlNumber) Key() string { return string(r.Unit) }

// Derive checks the interval.
func (r *ControlNumber) Derive(Delivered) (string, Reason) {
	return interval("valid_to", r.ValidFrom, r.ValidTo)
}
