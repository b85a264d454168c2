package schemas

import (
	"fmt"
	"time"
)

// Date is a calendar day of the proleptic Gregorian calendar, counted from 1970-01-01 (day 0), the
// Avro logical type date. Agencies write it YYYY-MM-DD; years run from 0001 to 9999.
type Date int32

// MinDate and MaxDate are the first and the last day an agency can write.
const (
	MinDate Date = -719162 // 0001-01-01
	MaxDate Date = 2932896 // 9999-12-31
)

// NewDate gives the day of a year, month and day. ok is false when no such day exists.
func NewDate(year, month, day int) (d Date, ok bool) {
	if year < 1 || year > 9999 || month < 1 || month > 12 || day < 1 || day > daysIn(year, month) {
		return 0, false
	}
	return civil(year, month, day), true
}

// DateOf gives the day of an instant at its place.
func DateOf(t time.Time) Date {
	year, month, day := t.Date()
	return civil(year, int(month), day)
}

// Time gives the midnight, in UTC, with which the day begins.
func (d Date) Time() time.Time {
	year, month, day := d.Civil()
	return time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
}

// ParseDate reads YYYY-MM-DD, exactly so.
func ParseDate(s string) (d Date, ok bool) {
	if len(s) != 10 || s[4] != '-' || s[7] != '-' {
		return 0, false
	}
	year, ok1 := digits(s[:4])
	month, ok2 := digits(s[5:7])
	day, ok3 := digits(s[8:])
	if !ok1 || !ok2 || !ok3 {
		return 0, false
	}
	return NewDate(year, month, day)
}

// Civil gives year, month and day.
func (d Date) Civil() (year, month, day int) {
	// Days are counted from 0000-03-01, so that the leap day is the last of its year; 400 years are one era.
	z := int(d) + 719468
	era := floorDiv(z, 146097)
	dayOfEra := z - era*146097
	yearOfEra := (dayOfEra - dayOfEra/1460 + dayOfEra/36524 - dayOfEra/146096) / 365
	dayOfYear := dayOfEra - (365*yearOfEra + yearOfEra/4 - yearOfEra/100)
	shifted := (5*dayOfYear + 2) / 153
	day = dayOfYear - (153*shifted+2)/5 + 1
	month = shifted + 3
	year = yearOfEra + era*400
	if month > 12 {
		month -= 12
		year++
	}
	return year, month, day
}

// Month is the month that the day lies in.
func (d Date) Month() Month {
	year, month, _ := d.Civil()
	return Month(year*100 + month)
}

// AddMonths moves the day by n months and clips it to the end of the month: January 31 plus 1 is
// the last day of February.
func (d Date) AddMonths(n int) Date {
	year, month, day := d.Civil()
	index := year*12 + month - 1 + n
	year, month = floorDiv(index, 12), index-floorDiv(index, 12)*12+1
	return civil(year, month, min(day, daysIn(year, month)))
}

// String writes YYYY-MM-DD.
func (d Date) String() string {
	year, month, day := d.Civil()
	return fmt.Sprintf("%04d-%02d-%02d", year, month, day)
}

// MarshalJSON writes the day as text, YYYY-MM-DD. Avro takes the number.
func (d Date) MarshalJSON() ([]byte, error) { return []byte(`"` + d.String() + `"`), nil }

// UnmarshalJSON reads what MarshalJSON writes.
func (d *Date) UnmarshalJSON(text []byte) error {
	if n := len(text); n >= 2 && text[0] == '"' && text[n-1] == '"' {
		if day, ok := ParseDate(string(text[1 : n-1])); ok {
			*d = day
			return nil
		}
	}
	return fmt.Errorf("%s is no day YYYY-MM-DD", text)
}

// PartialDate is a day, a month or only a year as an agency writes it: YYYY-MM-DD, YYYY-MM or YYYY.
type PartialDate string

// ParsePartialDate takes any of the three forms, exactly so, of a day or month that exists.
func ParsePartialDate(s string) (d PartialDate, ok bool) {
	const first = "0001-01-01"
	if len(s) != 4 && len(s) != 7 && len(s) != 10 {
		return "", false
	}
	if _, ok := ParseDate(s + first[len(s):]); !ok {
		return "", false
	}
	return PartialDate(s), true
}

// Month is a calendar month as its number YYYYMM, 202609 for September 2026.
type Month int32

// ParseMonth reads YYYYMM, exactly so; years run from 0001 to 9999.
func ParseMonth(s string) (m Month, ok bool) {
	if len(s) != 6 {
		return 0, false
	}
	n, ok := digits(s)
	if !ok || n < 101 || n%100 < 1 || n%100 > 12 {
		return 0, false
	}
	return Month(n), true
}

// Index counts months, so that the difference of two indexes is the number of months between them.
func (m Month) Index() int { return int(m)/100*12 + int(m)%100 - 1 }

// Add gives the month n months later.
func (m Month) Add(n int) Month {
	index := m.Index() + n
	year := floorDiv(index, 12)
	return Month(year*100 + index - year*12 + 1)
}

// First is the first day of the month.
func (m Month) First() Date { return civil(int(m)/100, int(m)%100, 1) }

// Last is the last day of the month.
func (m Month) Last() Date {
	year, month := int(m)/100, int(m)%100
	return civil(year, month, daysIn(year, month))
}

// String writes YYYYMM.
func (m Month) String() string { return fmt.Sprintf("%06d", int32(m)) }

func civil(year, month, day int) Date {
	if month <= 2 {
		year--
		month += 12
	}
	era := floorDiv(year, 400)
	yearOfEra := year - era*400
	dayOfYear := (153*(month-3)+2)/5 + day - 1
	dayOfEra := yearOfEra*365 + yearOfEra/4 - yearOfEra/100 + dayOfYear
	return Date(era*146097 + dayOfEra - 719468)
}

func daysIn(year, month int) int {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

// digits reads a run of ASCII digits, at most nine of them.
func digits(s string) (n int, ok bool) {
	for i := range len(s) {
		c := s[i] - '0'
		if c > 9 {
			return 0, false
		}
		n = n*10 + int(c)
	}
	return n, true
}

func floorDiv(a, b int) int {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
