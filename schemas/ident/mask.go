package ident

import (
	"strings"
	"unicode/utf8"
)

// Mask hides birth date and sequence of a number, for screens and logs. Of 18 places it leaves the
// region and the check digit, of 15 the region, or country and area. Of everything else it leaves
// two characters: a damaged number may have its birth date anywhere.
func Mask(number string) string {
	n := len(number)
	switch {
	case n == 18 && allDigits(number[:17]) && (isDigit(number[17]) || number[17] == 'X'):
		return number[:6] + "***********" + number[17:]
	case n == 15 && allDigits(number):
		return number[:6] + "*********"
	case n == 15 && isUpper(number[0]) && isUpper(number[1]) && isUpper(number[2]) && allDigits(number[3:]):
		return number[:7] + "********"
	}
	open := 0
	for range 2 {
		_, size := utf8.DecodeRuneInString(number[open:])
		open += size
	}
	return number[:open] + strings.Repeat("*", utf8.RuneCountInString(number[open:]))
}
