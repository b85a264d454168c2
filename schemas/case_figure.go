package schemas

// CaseFigure says how many applications (办件) a unit dealt with in a month at the service hall.
type CaseFigure struct {
	Unit        UnitCode `avro:"unit"`
	Month       Month    `avro:"month"`
	ItemCode    *string  `avro:"item_code"` // nil: the unit as a whole
	ItemName    *string  `avro:"item_name"`
	Accepted    int64    `avro:"accepted"`
	Finished    int64    `avro:"finished"`
	Overdue     int64    `avro:"overdue"`
	PoorRatings int64    `avro:"poor_ratings"`
	Rest        []Cell   `avro:"rest"`
}

// Key is the unit.
func (r *CaseFigure) Key() string { return string(r.Unit) }

// Derive finds nothing: the figures are the hall's own.
func (r *CaseFigure) Derive(Delivered) (string, Reason) { return "", "" }
