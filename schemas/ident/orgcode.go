package ident

// OrgCode judges an organisation code (GB 11714), cleaned: eight digits or letters and a check
// character. Statistics puts B into place 9 for a local unit of the head office: a warning, and the
// code of the head office is what it is compared by.
func OrgCode(cleaned string) Number {
	if len(cleaned) != 9 {
		return invalid(OrganisationCode, ReasonLength)
	}
	check, ok := orgCodeCheck(cleaned[:8])
	switch last := cleaned[8]; {
	case !ok || !isDigit(last) && last != 'X' && last != 'B':
		return invalid(OrganisationCode, ReasonCharacter)
	case last == check:
		return valid(OrganisationCode, cleaned)
	case last == 'B':
		return warn(OrganisationCode, cleaned[:8]+string(rune(check)), ReasonLocalUnit)
	}
	return invalid(OrganisationCode, ReasonCheck)
}

// orgCodeCheck gives the check character of the first eight places, A counting 10 and Z 35. The
// weight of place i is 2^(9-i) and all places sum to 0 modulo 11.
func orgCodeCheck(body string) (check byte, ok bool) {
	sum := 0
	for i := range len(body) {
		switch c := body[i]; {
		case isDigit(c):
			sum = sum*2 + int(c-'0')
		case isUpper(c):
			sum = sum*2 + int(c-'A') + 10
		default:
			return 0, false
		}
	}
	return "0X987654321"[sum*2%11], true
}

// Tax judges a tax registration number of the time before 2015, cleaned: division 6 and the
// organisation code.
func Tax(cleaned string) Number {
	if len(cleaned) != 15 {
		return invalid(TaxRegistration, ReasonLength)
	}
	division := cleaned[:6]
	if !allDigits(division) {
		return invalid(TaxRegistration, ReasonCharacter)
	}
	org := OrgCode(cleaned[6:])
	switch org.Verdict {
	case Valid:
		return valid(TaxRegistration, cleaned)
	case Warn:
		return warn(TaxRegistration, division+org.Normalized, org.Reason)
	}
	return invalid(TaxRegistration, org.Reason)
}

// Registration judges a business registration number of the time before 2015, cleaned: division 6,
// serial 8, check digit by MOD 11,10.
func Registration(cleaned string) Number {
	if len(cleaned) != 15 {
		return invalid(BusinessRegistration, ReasonLength)
	}
	if !allDigits(cleaned) {
		return invalid(BusinessRegistration, ReasonCharacter)
	}
	product := 10
	for i := range 14 {
		sum := (product + int(cleaned[i]-'0')) % 10
		if sum == 0 {
			sum = 10
		}
		product = sum * 2 % 11
	}
	if (product+int(cleaned[14]-'0'))%10 != 1 {
		return invalid(BusinessRegistration, ReasonCheck)
	}
	return valid(BusinessRegistration, cleaned)
}

// registrantClass says whose number it is by the first digit of the serial.
func registrantClass(first byte) string {
	switch {
	case first <= '3':
		return "domestic"
	case first <= '5':
		return "foreign"
	}
	return "individual"
}
