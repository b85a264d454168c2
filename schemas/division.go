package schemas

// Division is an administrative division (行政区划), over an interval of validity.
type Division struct {
	Code      string  `avro:"code"`
	Name      string  `avro:"name"`
	Parent    *string `avro:"parent"`
	ValidFrom *Date   `avro:"valid_from"` // nil: always was
	ValidTo   *Date   `avro:"valid_to"`   // first day no longer valid; nil: still open
	Successor *string `avro:"successor"`  // code of what took its place
	Rest      []Cell  `avro:"rest"`
}

// Key is the code.
func (r *Division) Key() string { return r.Code }

// Derive checks the interval.
func (r *Division) Derive(Delivered) (string, Reason) {
	if r.ValidFrom == nil {
		return "", ""
	}
	return interval("valid_to", *r.ValidFrom, r.ValidTo)
}
