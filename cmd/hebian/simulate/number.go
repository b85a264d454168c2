package simulate

import (
	"fmt"

	"hebian/schemas"
)

// The made-up identity numbers use division codes of province 13 that were never issued.
const (
	firstDivision = 139721
	divisions     = 79  // up to 139799
	sequences     = 995 // 001 to 995: 996 to 999 mean the century before in the form with 15 places
	pairs         = divisions * sequences
	pairStep      = 30011 // shares no factor with pairs
	daysOfBirth   = 28    // every month has them
)

// MaxPersons bounds the persons: with more, two of them could get the same identity number.
const MaxPersons = pairs * daysOfBirth

// number is a citizen's identity number.
type number [18]byte

// numberOf is the number of a person. Persons who share division and sequence were born on
// different days of the month, hence no two numbers are equal.
func numberOf(seed uint64, index int, born schemas.Month) number {
	start := drawsOf(seed, streamNumber, 0)
	pair := (start.below(pairs) + index*pairStep) % pairs
	days := drawsOf(seed, streamNumber, uint64(pair)+1)
	day := 1 + (index/pairs+days.below(daysOfBirth))%daysOfBirth
	var n number
	putDigits(n[0:6], firstDivision+pair%divisions)
	putDigits(n[6:12], int(born))
	putDigits(n[12:14], day)
	putDigits(n[14:17], 1+pair/divisions)
	n.check()
	return n
}

func (n number) year() int {
	return int(n[6]-'0')*1000 + int(n[7]-'0')*100 + int(n[8]-'0')*10 + int(n[9]-'0')
}

// check fills in the check digit (MOD 11-2).
func (n *number) check() {
	weights := [17]int{7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2}
	sum := 0
	for i, weight := range weights {
		sum += int(n[i]-'0') * weight
	}
	n[17] = "10X98765432"[sum%11]
}

// short is the form with 15 places; the number must be of the years 1900 to 1999.
func (n number) short() string { return string(n[:6]) + string(n[8:17]) }

// The ways in which a number can be bad.
const (
	badCheckDigit = iota
	badLength
	badLetter
	badScientific
	badRounded
	badPassport
	badTravelPermit
	badProvince
	badFuture
	badDay
	badForms // how many there are
)

// spoiled is a number without a person key that resembles n.
func (n number) spoiled(form int, asOf schemas.Date) string {
	switch form {
	case badLength:
		return string(n[:17])
	case badLetter:
		n[15] = 'O'
	case badScientific:
		return fmt.Sprintf("1.%sE+17", n[1:6])
	case badRounded: // as a spreadsheet with 15 places of precision leaves it
		n[15], n[16] = '0', '0'
		if n.check(); n[17] == '0' {
			return string(n[:17]) // by chance the zeros pass the check
		}
		n[17] = '0'
	case badPassport:
		return "E" + string(n[9:17])
	case badTravelPermit:
		return "H" + string(n[9:17])
	case badProvince:
		n[0], n[1] = '0', '0'
		n.check()
	case badFuture:
		putDigits(n[6:10], int(asOf.Month())/100+1)
		n.check()
	case badDay:
		copy(n[10:14], "0230")
		n.check()
	default:
		if n[17]++; n[17] > '9' { // of 9 and X
			n[17] = '0'
		}
	}
	return string(n[:])
}

// putDigits writes v right-aligned with leading zeros.
func putDigits(dst []byte, v int) {
	for i := len(dst) - 1; i >= 0; i-- {
		dst[i] = byte('0' + v%10)
		v /= 10
	}
}
