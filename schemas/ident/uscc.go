package ident

import "strings"

// USCC judges a unified social credit code (GB 32100), cleaned: authority, category, division 6,
// organisation code 9, check character. A category that the published table lacks and an
// organisation code with another check are warnings: such codes were issued.
func USCC(cleaned string) Number {
	if len(cleaned) != 18 {
		return invalid(UnifiedSocialCredit, ReasonLength)
	}
	// The weight of place i is 3^(i-1): tripling the sum from the right makes the weights.
	sum := 0
	for i := 16; i >= 0; i-- {
		value, ok := usccValue(cleaned[i])
		if !ok {
			return invalid(UnifiedSocialCredit, ReasonCharacter)
		}
		sum = sum*3 + value
	}
	check, ok := usccValue(cleaned[17])
	if !ok || !allDigits(cleaned[2:8]) {
		return invalid(UnifiedSocialCredit, ReasonCharacter)
	}
	if check != (31-sum%31)%31 {
		return invalid(UnifiedSocialCredit, ReasonCheck)
	}
	categories := usccCategories(cleaned[0])
	if categories == "" {
		return invalid(UnifiedSocialCredit, ReasonAuthority)
	}
	if strings.IndexByte(categories, cleaned[1]) < 0 {
		return warn(UnifiedSocialCredit, cleaned, ReasonCategory)
	}
	if orgCheck, _ := orgCodeCheck(cleaned[8:16]); orgCheck != cleaned[16] {
		return warn(UnifiedSocialCredit, cleaned, ReasonOrganisation)
	}
	return valid(UnifiedSocialCredit, cleaned)
}

// usccValue numbers the 31 characters of the code: the digits, then the letters but for I, O, S, V
// and Z, each of which makes those after it one less.
func usccValue(c byte) (value int, ok bool) {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0'), true
	case 'A' <= c && c <= 'H':
		return int(c-'A') + 10, true
	case 'J' <= c && c <= 'N':
		return int(c-'A') + 9, true
	case 'P' <= c && c <= 'R':
		return int(c-'A') + 8, true
	case c == 'T' || c == 'U':
		return int(c-'A') + 7, true
	case 'W' <= c && c <= 'Y':
		return int(c-'A') + 6, true
	}
	return 0, false
}

// usccCategories gives the categories of an authority in the published table, none for an
// authority that there is not. 9 is "other" wherever it stands beside others.
func usccCategories(authority byte) string {
	switch authority {
	case '1': // establishment office: organ, public institution, central mass organisation
		return "1239"
	case '2': // foreign affairs
		return "19"
	case '3': // justice: law firm, notary, grassroots legal service, forensic, arbitration
		return "123459"
	case '4': // culture
		return "19"
	case '5': // civil affairs: association, private non-enterprise unit, foundation
		return "1239"
	case '6': // tourism
		return "129"
	case '7': // religion: venue, school
		return "129"
	case '8': // trade unions
		return "19"
	case '9': // market regulation: enterprise, individual business, cooperative
		return "123"
	case 'A': // the military
		return "19"
	case 'N': // rural collectives: group, village, township
		return "1239"
	case 'Y': // other
		return "1"
	}
	return ""
}
