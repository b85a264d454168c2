package schemas

// Slot is an establishment slot (编制) that a person holds at a unit.
type Slot struct {
	Person      string      `avro:"person"` // person key, empty when the number gives none
	Unit        UnitCode    `avro:"unit"`
	ValidFrom   Date        `avro:"valid_from"`
	ValidTo     *Date       `avro:"valid_to"` // first day no longer valid; nil: still open
	SlotType    SlotType    `avro:"slot_type"`
	FundChannel FundChannel `avro:"fund_channel"`
	Leader      *LeaderRank `avro:"leader"` // nil: no leader
	PermitNo    *string     `avro:"permit_no"`
	PermitDate  *Date       `avro:"permit_date"`
	Name        string      `avro:"name"`
	SlotNo      string      `avro:"slot_no"`
	IDNumber    IDNumber    `avro:"id_number"` // as cleaned
	Rest        []Cell      `avro:"rest"`
}

// Key is the person, or the number as cleaned.
func (r *Slot) Key() string { return personOr(r.Person, r.IDNumber) }

// Derive finds the person and checks the interval.
func (r *Slot) Derive(Delivered) (string, Reason) {
	r.Person = r.IDNumber.Person()
	return interval("valid_to", r.ValidFrom, r.ValidTo)
}
