package schemas

// Certificate is a certificate of a public institution as a legal person (事业单位法人证书) that the establishment office issued. One that
// has expired does not end the institution.
type Certificate struct {
	Unit      UnitCode `avro:"unit"`
	Number    string   `avro:"number"` // twelve digits or an older form, as written
	Name      string   `avro:"name"`
	Sponsor   *string  `avro:"sponsor"` // that keeps the institution (举办单位)
	Capital   *Wan     `avro:"capital"` // opening funds
	IssuedOn  Date     `avro:"issued_on"`
	ExpiresOn *Date    `avro:"expires_on"`
	Revoked   *Date    `avro:"revoked"`
	Rest      []Cell   `avro:"rest"`
}

// Key is the unit.
func (r *Certificate) Key() string { return string(r.Unit) }

// Derive checks the interval.
func (r *Certificate) Derive(Delivered) (string, Reason) {
	return interval("expires_on", r.IssuedOn, r.ExpiresOn)
}
