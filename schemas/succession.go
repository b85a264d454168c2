package schemas

// Succession says what became of a unit on a day. To is nil for an abolished unit, and only then.
type Succession struct {
	Unit      UnitCode       `avro:"unit"`
	To        *UnitCode      `avro:"to_unit"`
	Kind      SuccessionKind `avro:"kind"`
	Effective Date           `avro:"effective"`
	Rest      []Cell         `avro:"rest"`
}

// Key is the unit that ends or changes.
func (r *Succession) Key() string { return string(r.Unit) }

// Derive clears the successor of an abolished unit, which is ignored, and asks for one of the others.
func (r *Succession) Derive(Delivered) (string, Reason) {
	if r.Kind == Abolish {
		r.To = nil
	} else if r.To == nil {
		return "to_unit", ReasonMissing
	}
	return "", ""
}
