package entity

import (
	"bytes"
	"cmp"

	"hebian/matcher/state"
	"hebian/schemas"
	"hebian/schemas/ident"
)

// Record is a registration as it is judged: one source's row about a legal entity. Its strings may point into memory that holds many
// records; nobody changes them.
type Record struct {
	Ref      state.Ref
	ID       schemas.ID
	File     string
	Line     int64
	Delivery int64

	Source Source
	Key    string // source key, as written

	USCC, OrgCode, RegNo, TaxNo string // as cleaned, not yet judged; empty where there is none

	Name, SecondName, EntityType, Address, LegalRep string // as written

	Capital     string // as written
	CapitalFen  int64
	CapitalUnit CapitalUnit

	Established string // as written
	Status      schemas.RegistrationStatus
	Division    string
	Industry    string // as written
	Parent      string
	Employees   string

	UpdatedOn  schemas.Date
	HasUpdated bool
}

// CapitalUnit is the unit that a source writes amounts in.
type CapitalUnit uint8

// The units.
const (
	NoCapital CapitalUnit = iota // the record names no amount
	InYuan
	InWan // 10,000 yuan
)

// SourceKey names the record among all sources, as files do: "commerce:CO0001". Several rows may bear the same one.
func (r *Record) SourceKey() string { return r.Source.String() + ":" + r.Key }

// Compare orders the records of an entity: by source, source key, line and ID.
func (r *Record) Compare(o *Record) int {
	if c := cmp.Or(cmp.Compare(r.Source, o.Source), cmp.Compare(r.Key, o.Key), cmp.Compare(r.Line, o.Line)); c != 0 {
		return c
	}
	return bytes.Compare(r.ID[:], o.ID[:])
}

// Codes are what a record is linked by, and what it can't be linked by.
type Codes struct {
	USCC      string    // valid
	Org, Org2 string    // organisation codes, places 9 to 17 of the USCC among them; Org2 only where it is another one
	Reg       string    // registration number of 15 places
	Bad       [4]string // those of USCC, OrgCode, RegNo and TaxNo that fail their check; empty: none
}

// Codes judges the record's identifiers. A warning is no reason to refuse one. The places of a USCC are taken as they stand; an
// organisation code that statistics marked with B in place 9 counts as that of the head office.
func (r *Record) Codes() Codes {
	var c Codes
	if r.USCC != "" {
		if n := ident.USCC(r.USCC); n.Verdict != ident.Invalid {
			c.USCC = n.Normalized
			c.addOrg(n.Normalized[8:17])
		} else {
			c.Bad[0] = r.USCC
		}
	}
	if r.OrgCode != "" {
		if n := ident.OrgCode(r.OrgCode); n.Verdict != ident.Invalid {
			c.addOrg(n.Normalized)
		} else {
			c.Bad[1] = r.OrgCode
		}
	}
	if r.RegNo != "" {
		if n := ident.Registration(r.RegNo); n.Verdict != ident.Invalid {
			c.Reg = n.Normalized
		} else {
			c.Bad[2] = r.RegNo
		}
	}
	if r.TaxNo != "" {
		c.addTax(r.TaxNo)
	}
	return c
}

// addTax adds a taxpayer number that is no USCC: an old tax number, a registration number, or by chance both.
func (c *Codes) addTax(number string) {
	tax, reg := ident.Tax(number), ident.Registration(number)
	if tax.Verdict == ident.Invalid && reg.Verdict == ident.Invalid {
		c.Bad[3] = number
		return
	}
	if tax.Verdict != ident.Invalid {
		c.addOrg(tax.Normalized[6:])
	}
	if reg.Verdict != ident.Invalid && c.Reg == "" { // tax gives no registration number beside it
		c.Reg = reg.Normalized
	}
}

// addOrg adds an organisation code. No source gives more than two.
func (c *Codes) addOrg(code string) {
	switch {
	case c.Org == "":
		c.Org = code
	case c.Org != code && c.Org2 == "":
		c.Org2 = code
	}
}
