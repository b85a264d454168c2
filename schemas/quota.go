package schemas

// Quota is the number of slots of one type that an approval grants a unit.
type Quota struct {
	Unit       UnitCode `avro:"unit"`
	SlotType   SlotType `avro:"slot_type"`
	ValidFrom  Date     `avro:"valid_from"`
	ValidTo    *Date    `avro:"valid_to"` // first day no longer valid; nil: still open
	Quota      int64    `avro:"quota"`
	ApprovalNo *string  `avro:"approval_no"`
	Rest       []Cell   `avro:"rest"`
}

// Key is the unit.
func (r *Quota) Key() string { return string(r.Unit) }

// Derive checks the interval.
func (r *Quota) Derive(Delivered) (string, Reason) {
	return interval("valid_to", r.ValidFrom, r.ValidTo)
}
