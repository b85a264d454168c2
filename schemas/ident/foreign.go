package ident

// read2017 reads the foreign permanent residents' number of 2017: country as three letters, area 4
// with the province first, birth date YYMMDD, one digit, check digit.
func read2017[T text](s T) (Key, Reason) {
	var country, number, sum uint64
	for i := range 3 {
		letter := uint64(s[i] - 'A')
		if letter >= 26 {
			return 0, ReasonCharacter
		}
		country = country*26 + letter
		sum += (letter + 10) * weight731(i)
	}
	for i := 3; i < 14; i++ {
		digit := uint64(s[i] - '0')
		if digit > 9 {
			return 0, ReasonCharacter
		}
		number = number*10 + digit
		sum += digit * weight731(i)
	}
	birth := int(number / 10 % 1e6)
	switch last := s[14]; {
	case !isDigit(last):
		return 0, ReasonCharacter
	case uint64(last-'0') != sum%10:
		return 0, ReasonCheck
	case !provinceExists(int(number / 1e9)):
		return 0, ReasonProvince
	case !existsInSomeCentury(birth):
		return 0, ReasonDate
	}
	return form2017 | Key(country*1e11+number), ""
}

// weight731 gives the weights 7, 3, 1 in turn, as in the machine-readable lines of passports.
func weight731(place int) uint64 { return uint64("\x07\x03\x01"[place%3]) }

// existsInSomeCentury holds for the days that 19YYMMDD or 20YYMMDD names.
func existsInSomeCentury(yymmdd int) bool {
	year, month, day := yymmdd/10000, yymmdd/100%100, yymmdd%100
	return Day{1900 + year, month, day}.exists() || Day{2000 + year, month, day}.exists()
}

// TravelDocument recognises the papers that give no key in this version, by their form alone: they
// have no check. Ask it only about what Person refuses, since a citizen ID that lost a digit has
// the form of a passport. It returns "" for everything else.
func TravelDocument(cleaned string) Kind {
	n := len(cleaned)
	switch {
	case (n == 9 || n == 11) && (cleaned[0] == 'H' || cleaned[0] == 'M') && allDigits(cleaned[1:]):
		return HongKongMacauPermit
	case n == 8 && allDigits(cleaned):
		return TaiwanPermit
	case n < 5 || n > 17:
		return ""
	}
	for i := range n {
		if !isDigit(cleaned[i]) && !isUpper(cleaned[i]) {
			return ""
		}
	}
	return Passport
}
