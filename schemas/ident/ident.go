// Package ident reads the identifiers of people and legal entities: it cleans what an agency wrote,
// gives the key that people are matched by, packs it into eight bytes, and says to humans what is
// wrong with a number. Names have their key here too.
//
// It judges a number by its own characters alone. It does not know which county codes were ever
// issued (that takes a dated table of divisions, and would be a warning, never a refusal), whether
// a number was given to anybody, or what day it is: where a date decides, the caller says which.
// Text that is not UTF-8 is no identifier: it comes back as it is and gives no key.
package ident

import (
	"fmt"
	"log/slog"
	"strings"
)

// Kind says what sort of number it is.
type Kind string

// The kinds.
const (
	CitizenID                   Kind = "ID18"
	CitizenID15                 Kind = "ID15" // the form issued until 1999
	ResidencePermit             Kind = "RP18" // of residents of Hong Kong, Macau and Taiwan
	ForeignResident             Kind = "PR18" // permanent residence, cards from 2023 on
	ForeignResident2017         Kind = "PR15" // permanent residence, cards from 2017 on
	HongKongMacauPermit         Kind = "TPHM" // for travel; gives no key
	TaiwanPermit                Kind = "TPTW" // for travel; gives no key
	Passport                    Kind = "PASSPORT"
	UnifiedSocialCredit         Kind = "USCC"
	OrganisationCode            Kind = "ORG9"
	BusinessRegistration        Kind = "REG15"
	TaxRegistration             Kind = "TAX15"
	kindUnknown                 Kind = ""
	scientificNotation               = "E+"
	digitsBeforeSpreadsheetLoss      = 15 // what a spreadsheet keeps of a long number
)

// Verdict is what a number is worth. A warning never drops a record.
type Verdict string

// The verdicts.
const (
	Valid   Verdict = "valid"
	Warn    Verdict = "warn"
	Invalid Verdict = "invalid"
)

// Reason says why a number is not simply valid. The codes are stable.
type Reason string

// The reasons. Those from ReasonCategory on are warnings.
const (
	ReasonLength       Reason = "LENGTH"        // no number of the kind has so many places
	ReasonCharacter    Reason = "CHARACTER"     // a character that may not stand where it stands
	ReasonCheck        Reason = "CHECK"         // the check character is another
	ReasonProvince     Reason = "PROVINCE"      // no province has this code
	ReasonDate         Reason = "DATE"          // there is no such day to be born on
	ReasonFuture       Reason = "FUTURE"        // born after the as-of date
	ReasonScientific   Reason = "SCIENTIFIC"    // 1.10105E+17: a spreadsheet took it for a quantity
	ReasonPrecision    Reason = "PRECISION"     // ...000: a spreadsheet kept 15 digits of it
	ReasonDivision     Reason = "DIVISION"      // a letter in the division code
	ReasonAuthority    Reason = "AUTHORITY"     // no registration authority has this code
	ReasonCategory     Reason = "CATEGORY"      // not in the published table for its authority
	ReasonOrganisation Reason = "ORGANISATION"  // the organisation code inside has another check
	ReasonLocalUnit    Reason = "LOCAL_UNIT"    // B in place 9: how statistics marks a local unit
)

// Number is what an inspector says of a number.
type Number struct {
	Kind       Kind
	Normalized string // the form to compare and keep; empty when invalid
	Verdict    Verdict
	Reason     Reason // empty when valid
}

// Part is one of the things that a number says.
type Part struct{ Name, Text string }

// Day is a calendar day, as far as inspectors need one.
type Day struct{ Year, Month, Day int }

// String writes YYYY-MM-DD.
func (d Day) String() string { return fmt.Sprintf("%04d-%02d-%02d", d.Year, d.Month, d.Day) }

// LogValue leaves the number itself out of logs.
func (n Number) LogValue() slog.Value {
	return slog.GroupValue(slog.String("kind", string(n.Kind)),
		slog.String("verdict", string(n.Verdict)), slog.String("reason", string(n.Reason)))
}
