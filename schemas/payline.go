package schemas

// PayLine is one amount that a unit paid to a person for a service month (所属期).
type PayLine struct {
	Person       string       `avro:"person"` // person key, empty when the number gives none
	Unit         UnitCode     `avro:"unit"`   // the payer (发放单位)
	Period       Month        `avro:"period"` // service month; the payment month where the file gives none
	Class        PayClass     `avro:"class"`  // follows from WageType
	AmountFen    Fen          `avro:"amount_fen"`
	Name         string       `avro:"name"`
	WageType     WageType     `avro:"wage_type"`
	FundChannel  *FundChannel `avro:"fund_channel"`
	PaymentMonth Month        `avro:"payment_month"` // of the file
	PaidOn       *Date        `avro:"paid_on"`
	UnitName     *string      `avro:"unit_name"`
	IDNumber     IDNumber     `avro:"id_number"` // as cleaned
	Rest         []Cell       `avro:"rest"`
}

// Key is the person, or the number as cleaned.
func (r *PayLine) Key() string { return personOr(r.Person, r.IDNumber) }

// Derive finds the person and the pay class, and fills an empty service month with the payment month.
func (r *PayLine) Derive(d Delivered) (string, Reason) {
	r.Person = r.IDNumber.Person()
	r.Class = r.WageType.Class()
	r.PaymentMonth = d.PayMonth
	if r.Period == 0 {
		r.Period = d.PayMonth
	}
	return "", ""
}
