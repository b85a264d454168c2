package desk

import (
	"regexp"
	"strings"

	"hebian/schemas"
	"hebian/schemas/ident"
)

// numbers finds runs that are as long as an identity number or longer, with blanks or hyphens between the digits.
var numbers = regexp.MustCompile(`[0-9](?:[ 　-]?[0-9]){13,39}[ 　-]?[0-9Xx]`)

// maskText masks identity numbers that somebody wrote into a free text, among other digits or not. Unit codes may be
// as long and stay: they have no birth date.
func maskText(s string) string {
	return numbers.ReplaceAllStringFunc(s, func(run string) string {
		digits := strings.ToUpper(strings.NewReplacer(" ", "", "　", "", "-", "").Replace(run))
		switch {
		case len(digits) == 18 && isBirth(digits[6:14]), len(digits) == 15 && isBirth("19"+digits[6:12]):
			return ident.Mask(digits)
		case len(digits) == 17 && isBirth(digits[6:14]): // the check digit is missing
			return digits[:6] + strings.Repeat("*", len(digits)-6)
		case holdsBirth(digits): // a digit too many
			return digits[:2] + strings.Repeat("*", len(digits)-2)
		}
		return run
	})
}

// maskCode masks what stands for a code of a legal entity but may be an identity number, as traders without a credit code have
// it for their taxpayer number. A credit code stays, whatever date it seems to hold.
func maskCode(s string) string {
	if code := ident.Clean(s); ident.USCC(code).Verdict != ident.Invalid && ident.PersonKey(code) == "" {
		return s
	}
	return maskText(s)
}

// holdsBirth says whether digits hold a birth date where an identity number somewhere in them would have it.
func holdsBirth(digits string) bool {
	for at := 6; at+8 < len(digits); at++ {
		if isBirth(digits[at : at+8]) {
			return true
		}
	}
	return false
}

func isBirth(digits string) bool {
	d, ok := schemas.ParseDate(digits[:4] + "-" + digits[4:6] + "-" + digits[6:])
	return ok && d >= earliestBirth && d < latestBirth
}

// Nobody older is paid, and nobody born later is alive when this is read: without an end, many codes would pass for identity numbers.
const (
	earliestBirth schemas.Date = -25567 // 1900-01-01
	latestBirth   schemas.Date = 47482  // 2100-01-01
)
