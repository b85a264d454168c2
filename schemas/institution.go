package schemas

// Institution is a unit as the establishment office registers it, over an interval of validity.
type Institution struct {
	Unit      UnitCode   `avro:"unit"`
	ValidFrom Date       `avro:"valid_from"`
	ValidTo   *Date      `avro:"valid_to"` // first day no longer valid; nil: still open
	Name      string     `avro:"name"`
	UnitType  UnitType   `avro:"unit_type"`
	Status    UnitStatus `avro:"status"`
	Level     *string    `avro:"level"`
	Division  *string    `avro:"division"`
	Parent    *UnitCode  `avro:"parent"`
	Rest      []Cell     `avro:"rest"`
}

// Key is the unit.
func (r *Institution) Key() string { return string(r.Unit) }

// Derive checks the interval.
func (r *Institution) Derive(Delivered) (string, Reason) {
	return interval("valid_to", r.ValidFrom, r.ValidTo)
}
