package schemas

import "hebian/schemas/ident"

// IndustryCode is a code of GB/T 4754 as an agency writes it, with its letter or without: F5193, 519. Which codes there are is not
// judged.
type IndustryCode string

// ParseIndustryCode takes what is, once cleaned, a letter or none and two to four digits.
func ParseIndustryCode(s string) (c IndustryCode, ok bool) {
	places := IndustryCode(s).Cleaned()
	if len(places) > 0 && 'A' <= places[0] && places[0] <= 'Z' {
		places = places[1:]
	}
	if _, ok := digits(places); !ok || len(places) < 2 || len(places) > 4 {
		return "", false
	}
	return IndustryCode(s), true
}

// Cleaned is the code as it is compared.
func (c IndustryCode) Cleaned() string { return ident.Clean(string(c)) }
