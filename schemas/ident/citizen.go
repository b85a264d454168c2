package ident

import "strings"

// PersonKey gives the key that a person is known by: the number itself, cleaned as it must be, or
// the 18-place form of an old citizen number of 15 places. It is empty when the number gives none:
// a wrong check digit, a province or birth date that does not exist, a passport, a travel permit
// or anything else. A birth date in the future is not seen here (see BirthDate).
func PersonKey(cleaned string) string {
	k, why := readPerson(cleaned)
	switch {
	case why != "":
		return ""
	case len(cleaned) == 15 && !k.is2017():
		return k.String()
	}
	return cleaned
}

// BirthDate gives the birth date in a person key. ok is false for the foreign residents' form of
// 2017, which leaves the century open, and for what is no key.
func BirthDate(personKey string) (year, month, day int, ok bool) {
	k, _ := Pack(personKey)
	return k.Birth()
}

// Person judges the number of a person, cleaned: citizen IDs, residence permits, foreign permanent
// residents. Nobody is born after asOf. A county code that was never issued is not noticed: there
// is no table of divisions here.
func Person(cleaned string, asOf Day) Number {
	kind := personKind(cleaned)
	k, why := readPerson(cleaned)
	switch {
	case why != "" && isScientific(cleaned):
		return invalid(kind, ReasonScientific)
	case why == ReasonCheck && kind != ForeignResident2017 && cleaned[15:] == "000":
		return invalid(kind, ReasonPrecision)
	case why != "":
		return invalid(kind, why)
	}
	if year, month, day, ok := k.Birth(); ok && asOf.Before(Day{year, month, day}) {
		return invalid(kind, ReasonFuture)
	}
	if kind == CitizenID15 {
		return valid(kind, k.String())
	}
	return valid(kind, cleaned)
}

// personKind tells the kind by length and beginning.
func personKind(s string) Kind {
	switch {
	case len(s) == 15 && isDigit(s[0]):
		return CitizenID15
	case len(s) == 15:
		return ForeignResident2017
	case len(s) != 18:
		return ""
	case s[0] == '9':
		return ForeignResident
	case s[:6] == "810000" || s[:6] == "820000" || s[:6] == "830000":
		return ResidencePermit
	}
	return CitizenID
}

func readPerson(s string) (Key, Reason) {
	switch {
	case len(s) == 18:
		return read18(s)
	case len(s) != 15:
		return 0, ReasonLength
	case isDigit(s[0]):
		return read15(s)
	}
	return read2017(s)
}

// read18 reads the 18-place form: region 6 (or 9, province 2, country 3), birth date 8, sequence 3,
// check digit.
func read18[T text](s T) (Key, Reason) {
	var number, sum uint64
	for i := range 17 {
		digit := uint64(s[i] - '0')
		if digit > 9 {
			return 0, ReasonCharacter
		}
		number = number*10 + digit
		sum = sum*2 + digit
	}
	k := Key(number)
	switch last := s[17]; {
	case last != check18(sum) && last != 'X' && !isDigit(last):
		return 0, ReasonCharacter
	case last != check18(sum):
		return 0, ReasonCheck
	case !provinceExists(k.province()):
		return 0, ReasonProvince
	}
	if _, _, _, ok := k.Birth(); !ok {
		return 0, ReasonDate
	}
	return k, ""
}

// read15 reads the citizen number of 15 places: region 6, birth date YYMMDD, sequence 3. Sequences
// 996 to 999 were kept for those born in the 19th century.
func read15(s string) (Key, Reason) {
	var number Key
	for i := range 15 {
		digit := Key(s[i] - '0')
		if digit > 9 {
			return 0, ReasonCharacter
		}
		number = number*10 + digit
	}
	region, rest := number/1e9, number%1e9
	k := region*1e11 + centuryOf(rest%1000)*1e9 + rest
	if !provinceExists(k.province()) { // of a first digit 9 places 2 and 3, as in the upgraded form
		return 0, ReasonProvince
	}
	if _, _, _, ok := k.Birth(); !ok {
		return 0, ReasonDate
	}
	return k, ""
}

// check18 is MOD 11-2: with the weight 2^(18-i) for place i, all places sum to 1 modulo 11. The
// weights come about by doubling the sum before each of the 17 places is added.
func check18(sum uint64) byte { return "10X98765432"[sum*2%11] }

// centuryOf gives the first two places of the birth year that a 15-place number leaves out.
func centuryOf(sequence Key) Key {
	if sequence >= 996 {
		return 18
	}
	return 19
}

// provinceExists holds for the province codes of GB/T 2260.
func provinceExists(code int) bool {
	switch {
	case 11 <= code && code <= 15, 21 <= code && code <= 23, 31 <= code && code <= 37,
		41 <= code && code <= 46, 50 <= code && code <= 54, 61 <= code && code <= 65,
		code == 71, 81 <= code && code <= 83:
		return true
	}
	return false
}

// isScientific holds for what a spreadsheet makes of a long number: 1.10105E+17.
func isScientific(s string) bool {
	mantissa, exponent, ok := strings.Cut(s, "E+")
	whole, fraction, _ := strings.Cut(mantissa, ".")
	return ok && len(whole) == 1 && len(exponent) == 2 && allDigits(whole+fraction+exponent)
}
