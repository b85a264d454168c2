package schemas

import "hebian/schemas/ident"

// IDNumber is an identity number as cleaned: ident.Clean of what the agency wrote. It masks itself
// in logs and messages (ident.Mask).
type IDNumber string

// Person is the person key of the number, or "" when it gives none. A birth date in the future of
// the as-of date takes the key away again; that is the matcher's to judge.
func (n IDNumber) Person() string { return ident.PersonKey(string(n)) }

// UnitCode is a unit's code as cleaned. Its check character is not judged.
type UnitCode string

// The value sets. A value is stored as its Avro symbol; x-labels of the schema says how agencies
// write it.
type (
	UnitType          string
	UnitStatus        string
	SlotType          string
	FundChannel       string
	LeaderRank        string
	SuccessionKind    string
	ExemptionCategory string
	WageType          string
	PayClass          string
	EventKind         string
	AbsenceKind       string
	YesNo             string
	PayEffect         string
)

// Kinds of succession that need a name here.
const Abolish SuccessionKind = "ABOLISH"

// The pay classes.
const (
	ClassRegular    PayClass = "REG" // basic pay, allowances, performance pay
	ClassArrears    PayClass = "ARR" // back pay
	ClassBonus      PayClass = "BON" // year-end bonus
	ClassCorrection PayClass = "COR" // offset, negative
	ClassPension    PayClass = "PEN"
	ClassSurvivor   PayClass = "SUR"
	ClassSeverance  PayClass = "SEV"
	ClassLiving     PayClass = "LIV"
	ClassContract   PayClass = "CON"
)

// Class is the pay class of a wage type.
func (w WageType) Class() PayClass {
	switch w {
	case "BASIC", "ALLOWANCE", "PERFORMANCE":
		return ClassRegular
	case "BACK_PAY":
		return ClassArrears
	case "YEAR_END_BONUS":
		return ClassBonus
	case "OFFSET":
		return ClassCorrection
	case "RETIRED_CADRE_PENSION", "PENSION":
		return ClassPension
	case "SURVIVOR_SUBSIDY":
		return ClassSurvivor
	case "DEATH_GRANT":
		return ClassSeverance
	case "LIVING_ALLOWANCE":
		return ClassLiving
	case "LABOUR_FEE":
		return ClassContract
	}
	panic("wage type without a pay class: " + string(w))
}

func personOr(person string, n IDNumber) string {
	if person != "" {
		return person
	}
	return string(n)
}

func interval(field string, from Date, to *Date) (string, Reason) {
	if to != nil && *to <= from {
		return field, ReasonInterval
	}
	return "", ""
}
