package schemas

import "encoding/hex"

// EstablishmentPlan names the document that lays down the duties, departments and slots of a unit (三定规定). The text stays with
// the establishment office; the digest says which text it is.
type EstablishmentPlan struct {
	Unit        UnitCode `avro:"unit"`
	DocumentNo  string   `avro:"document_no"`
	Title       string   `avro:"title"`
	IssuedBy    *string  `avro:"issued_by"`
	IssuedOn    Date     `avro:"issued_on"`
	EffectiveOn *Date    `avro:"effective_on"`
	Status      *string  `avro:"status"` // in the office's words
	Digest      *string  `avro:"digest"` // SHA-256 in hexadecimal
	Rest        []Cell   `avro:"rest"`
}

// Key is the unit.
func (r *EstablishmentPlan) Key() string { return string(r.Unit) }

// Derive checks that the digest is one.
func (r *EstablishmentPlan) Derive(Delivered) (string, Reason) {
	if r.Digest != nil && !isDigest(*r.Digest) {
		return "digest", ReasonUnreadable
	}
	return "", ""
}

// isDigest tells a SHA-256 in hexadecimal.
func isDigest(s string) bool {
	sum, err := hex.DecodeString(s)
	return err == nil && len(sum) == 32
}
