package desk

import (
	"regexp"
	"strings"

	"hebian/schemas"
	"hebian/schemas/ident"
)

// numbers finds runs that are as long as an identity number.
var numbers = regexp.MustCompile(`[0-9]{14,17}[0-9Xx]`)

// maskText masks identity numbers that somebody wrote into a free text. Unit codes may be as long and stay:
// they have no birth date.
func maskText(s string) string {
	return numbers.ReplaceAllStringFunc(s, func(run string) string {
		switch upper := strings.ToUpper(run); {
		case len(run) == 18 && isBirth(run[6:14]), len(run) == 15 && isBirth("19"+run[6:12]):
			return ident.Mask(upper)
		case len(run) == 17 && isBirth(run[6:14]): // the check digit is missing
			return run[:6] + strings.Repeat("*", len(run)-6)
		}
		return run
	})
}

func isBirth(digits string) bool {
	d, ok := schemas.ParseDate(digits[:4] + "-" + digits[4:6] + "-" + digits[6:])
	return ok && d >= earliestBirth
}

// earliestBirth is 1900-01-01: nobody older is paid.
const earliestBirth schemas.Date = -25567
