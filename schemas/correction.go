package schemas

// Correction asks an agency to put right what an officer decided on. Its record is keyed by the case, so that the corrections of a
// case keep their order.
type Correction struct {
	Case    string     `avro:"case" json:"case"`
	ID      string     `avro:"id" json:"id"`           // the same however often it is sent; hexadecimal, also the ID of its record
	Agency  string     `avro:"agency" json:"agency"`   // that is asked
	Outcome string     `avro:"outcome" json:"outcome"` // confirmed, data_error or forwarded
	Reason  string     `avro:"reason" json:"reason"`   // in the officer's words
	Code    string     `avro:"code" json:"code"`       // of the rule
	Person  IDNumber   `avro:"person" json:"person"`   // empty where a unit is judged
	Unit    UnitCode   `avro:"unit" json:"unit"`       // empty where no unit is judged
	Month   *Month     `avro:"month" json:"month,omitempty"`
	Detail  string     `avro:"detail" json:"detail"`
	Decided string     `avro:"decided" json:"decided"` // RFC 3339
	Rows    []CitedRow `avro:"rows" json:"rows"`       // what the finding stands on

	// Where a legal entity is judged; else empty.
	Entity     string `avro:"entity" json:"entity,omitempty"`           // the hub's own number
	EntityCode string `avro:"entity_code" json:"entity_code,omitempty"` // how it is named: its credit code, else another
	Field      string `avro:"field" json:"field,omitempty"`             // at fault
	Value      string `avro:"value" json:"value,omitempty"`             // what the asked agency says
	Proposed   string `avro:"proposed" json:"proposed,omitempty"`       // what it should be
	ProposedBy string `avro:"proposed_by" json:"proposed_by,omitempty"` // the agency that says so

	Due      *Date `avro:"due" json:"due,omitempty"`           // day by which an answer is expected
	Reminder bool  `avro:"reminder" json:"reminder,omitempty"` // it was sent before
}

// CitedRow is a row as its agency can find it again.
type CitedRow struct {
	File     string `avro:"file" json:"file"`
	Line     int64  `avro:"line" json:"line"` // physical line where the row begins, from 1
	Delivery int64  `avro:"delivery" json:"delivery"`
	Record   string `avro:"record" json:"record"` // ID of the record, hexadecimal
}
