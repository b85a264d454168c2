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
)

// Number is what an inspector (Person, USCC, OrgCode, Registration, Tax) says of a number.
type Number struct {
	Kind       Kind   // what it is or, if invalid, was taken for; empty when that is not to be told
	Normalized string // the form to compare and keep; empty when invalid
	Verdict    Verdict
	Reason     Reason // empty when valid
}

// Kind says what sort of number it is.
type Kind string

// The kinds.
const (
	CitizenID            Kind = "ID18"
	CitizenID15          Kind = "ID15"     // the form without century and check digit
	ResidencePermit      Kind = "RP18"     // of residents of Hong Kong, Macau and Taiwan
	ForeignResident      Kind = "PR18"     // permanent residence card of 2023
	ForeignResident2017  Kind = "PR15"     // permanent residence card of 2017
	HongKongMacauPermit  Kind = "TPHM"     // for travel: gives no key
	TaiwanPermit         Kind = "TPTW"     // for travel: gives no key
	Passport             Kind = "PASSPORT" // gives no key
	UnifiedSocialCredit  Kind = "USCC"
	OrganisationCode     Kind = "ORG9"
	BusinessRegistration Kind = "REG15"
	TaxRegistration      Kind = "TAX15"
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

// The reasons, the last three of them for warnings.
const (
	ReasonLength       Reason = "LENGTH"       // no number of the kind has so many places
	ReasonCharacter    Reason = "CHARACTER"    // a character that can't stand where it stands
	ReasonCheck        Reason = "CHECK"        // the check character is another
	ReasonProvince     Reason = "PROVINCE"     // no province has this code
	ReasonDate         Reason = "DATE"         // there is no such day to be born on
	ReasonFuture       Reason = "FUTURE"       // born after the as-of date
	ReasonScientific   Reason = "SCIENTIFIC"   // 1.10105E+17: a spreadsheet took it for a quantity
	ReasonPrecision    Reason = "PRECISION"    // a spreadsheet kept 15 digits and made the rest 000
	ReasonAuthority    Reason = "AUTHORITY"    // no registration authority has this code
	ReasonCategory     Reason = "CATEGORY"     // not in the published table for its authority
	ReasonOrganisation Reason = "ORGANISATION" // the check of the organisation code inside is another
	ReasonLocalUnit    Reason = "LOCAL_UNIT"   // B in place 9: how statistics marks a local unit
)

// Part is one of the things that a number says.
type Part struct{ Name, Text string }

// Parts takes the number apart. An invalid one has no parts.
func (n Number) Parts() []Part {
	s := n.Normalized
	if s == "" {
		return nil
	}
	switch n.Kind {
	case CitizenID, CitizenID15, ResidencePermit:
		return []Part{{"region", s[:6]}, {"birth", hyphenate(s[6:14])}, {"seq", s[14:17]}, {"sex", sex(s[16])}}
	case ForeignResident:
		return []Part{{"province", s[1:3]}, {"country", s[3:6]}, {"birth", hyphenate(s[6:14])}}
	case ForeignResident2017:
		return []Part{{"country", s[:3]}, {"area", s[3:7]}, {"birth", s[7:13]}} // YYMMDD: the century is not told
	case UnifiedSocialCredit:
		return []Part{{"authority", s[:1]}, {"category", s[1:2]}, {"division", s[2:8]}, {"org_code", s[8:17]}}
	case BusinessRegistration:
		return []Part{{"division", s[:6]}, {"class", registrantClass(s[6])}, {"serial", s[6:14]}}
	case TaxRegistration:
		return []Part{{"division", s[:6]}, {"org_code", s[6:]}}
	}
	return nil
}

// LogValue leaves the number itself out of logs.
func (n Number) LogValue() slog.Value {
	return slog.GroupValue(slog.String("kind", string(n.Kind)),
		slog.String("verdict", string(n.Verdict)), slog.String("reason", string(n.Reason)))
}

// Day is a calendar day, as far as inspectors need one.
type Day struct{ Year, Month, Day int }

// Before tells whether d is earlier than other.
func (d Day) Before(other Day) bool {
	if d.Year != other.Year {
		return d.Year < other.Year
	}
	if d.Month != other.Month {
		return d.Month < other.Month
	}
	return d.Day < other.Day
}

// String writes YYYY-MM-DD.
func (d Day) String() string { return fmt.Sprintf("%04d-%02d-%02d", d.Year, d.Month, d.Day) }

// exists holds for the days of the years 0001 to 9999. Package schemas has its own calendar, but
// it stands on this package.
func (d Day) exists() bool {
	if d.Year < 1 || d.Year > 9999 || d.Month < 1 || d.Month > 12 || d.Day < 1 {
		return false
	}
	switch d.Month {
	case 4, 6, 9, 11:
		return d.Day <= 30
	case 2:
		if d.Year%4 == 0 && (d.Year%100 != 0 || d.Year%400 == 0) {
			return d.Day <= 29
		}
		return d.Day <= 28
	}
	return d.Day <= 31
}

func valid(k Kind, normalized string) Number {
	return Number{Kind: k, Normalized: normalized, Verdict: Valid}
}

func warn(k Kind, normalized string, why Reason) Number {
	return Number{Kind: k, Normalized: normalized, Verdict: Warn, Reason: why}
}

func invalid(k Kind, why Reason) Number { return Number{Kind: k, Verdict: Invalid, Reason: why} }

func hyphenate(yyyymmdd string) string {
	return yyyymmdd[:4] + "-" + yyyymmdd[4:6] + "-" + yyyymmdd[6:]
}

func sex(lastOfSequence byte) string {
	if lastOfSequence%2 == 1 {
		return "M"
	}
	return "F"
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isUpper(c byte) bool { return 'A' <= c && c <= 'Z' }

func allDigits(s string) bool {
	for i := range len(s) {
		if !isDigit(s[i]) {
			return false
		}
	}
	return true
}
