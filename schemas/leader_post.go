package schemas

// LeaderPost is the number of chief and deputy posts that an approval grants a unit.
type LeaderPost struct {
	Unit       UnitCode `avro:"unit"`
	ValidFrom  Date     `avro:"valid_from"`
	ValidTo    *Date    `avro:"valid_to"` // first day no longer valid; nil: still open
	Chief      int64    `avro:"chief"`
	Deputy     int64    `avro:"deputy"`
	ApprovalNo *string  `avro:"approval_no"`
	Rest       []Cell   `avro:"rest"`
}

// Key is the unit.
func (r *LeaderPost) Key() string { return string(r.Unit) }

// Derive checks the interval.
func (r *LeaderPost) Derive(Delivered) (string, Reason) {
	return interval("valid_to", r.ValidFrom, r.ValidTo)
}
