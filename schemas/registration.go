package schemas

import "hebian/schemas/ident"

// Registration is what one agency has on its register about a legal entity (法人).
type Registration struct {
	Source      string             `avro:"source"`     // the agency, as it is the same subject for all of them
	SourceKey   string             `avro:"source_key"` // its own number of the entity, as written
	USCC        *UnitCode          `avro:"uscc"`       // of tax: its number, where that has 18 places
	OrgCode     *UnitCode          `avro:"org_code"`   // of quality: its number
	RegNo       *UnitCode          `avro:"reg_no"`
	TaxNo       *UnitCode          `avro:"tax_no"` // of tax: its number, where that is no credit code by its length
	Name        string             `avro:"name"`
	SecondName  *string            `avro:"second_name"`
	EntityType  *string            `avro:"entity_type"`
	Address     *string            `avro:"address"`
	LegalRep    *string            `avro:"legal_rep"`
	CapitalYuan *Yuan              `avro:"capital_yuan"`
	CapitalWan  *Wan               `avro:"capital_wan"`
	CapitalFen  *Fen               `avro:"capital_fen"` // follows from the one of the two that is there
	Established *PartialDate       `avro:"established"`
	Status      RegistrationStatus `avro:"status"`
	Division    *string            `avro:"division"`
	Parent      *string            `avro:"parent"` // as written; nobody checks it
	Industry    *IndustryCode      `avro:"industry"`
	Employees   *string            `avro:"employees"` // as written
	UpdatedOn   *Date              `avro:"updated_on"`
	Rest        []Cell             `avro:"rest"`
}

// The agencies whose own number of an entity is one of its codes.
const (
	agencyTax     = "tax"
	agencyQuality = "quality"
)

// usccPlaces is the length of a unified social credit code.
const usccPlaces = 18

// Key is the agency and its number: a newer row about the same entity of the same register goes where the older one went.
func (r *Registration) Key() string { return r.Source + ":" + r.SourceKey }

// Derive finds the codes that lie in the agency's own number and the capital in fen. A status that only tax knows is refused
// from others.
func (r *Registration) Derive(d Delivered) (string, Reason) {
	r.Source, r.TaxNo, r.CapitalFen = d.Agency, nil, nil
	switch number := UnitCode(ident.Clean(r.SourceKey)); {
	case r.Source == agencyTax:
		r.USCC = nil
		if len(number) == usccPlaces {
			r.USCC = &number
		} else if number != "" {
			r.TaxNo = &number
		}
	case r.Source == agencyQuality:
		if r.OrgCode = nil; number != "" {
			r.OrgCode = &number
		}
	}
	if r.CapitalYuan != nil {
		fen := r.CapitalYuan.Fen()
		r.CapitalFen = &fen
	} else if r.CapitalWan != nil {
		fen := r.CapitalWan.Fen()
		r.CapitalFen = &fen
	}
	if r.Status == StatusAbnormal && r.Source != agencyTax {
		return "status", ReasonUnreadable
	}
	return "", ""
}
