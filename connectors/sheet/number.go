package sheet

import (
	"bytes"
	"math"
	"strconv"

	"hebian/schemas"
)

// digits is how many a workbook's number is sure to keep.
const digits = 15

// fault is why a number can't be written.
type fault uint8

const (
	sound   fault = iota
	noValue       // no number at all
	tooLong       // of 16 digits or more: the last ones are lost
	noDay         // no day of the calendar
)

// appendNumber writes a number as one types it: with 15 digits at most, without an exponent and
// without zeros behind that say nothing, so that 5432.1000000000004 is 5432.1. Dst is as before when
// there is a fault.
func appendNumber(dst, v []byte) ([]byte, fault) {
	if n := plainDigits(v); n > 0 {
		return append(dst, v[:n]...), sound
	}
	f, ok := parseFloat(v)
	if !ok {
		return dst, noValue
	}
	switch {
	case f == 0:
		return append(dst, '0'), sound
	case math.Abs(f) >= 1e15:
		return dst, tooLong
	}
	var room [digits + 16]byte
	e := strconv.AppendFloat(room[:0], math.Abs(f), 'e', digits-1, 64) // d.dddddddddddddde±dd
	exponent, err := strconv.Atoi(string(e[digits+2:]))
	if err != nil || exponent >= digits {
		return dst, tooLong
	}
	mantissa := append(e[:1], e[2:digits+1]...)
	mantissa = bytes.TrimRight(mantissa, "0")
	if f < 0 {
		dst = append(dst, '-')
	}
	if exponent < 0 {
		dst = append(dst, "0."...)
		for range -exponent - 1 {
			dst = append(dst, '0')
		}
		return append(dst, mantissa...), sound
	}
	for i := range max(exponent+1, len(mantissa)) {
		if i == exponent+1 {
			dst = append(dst, '.')
		}
		if i < len(mantissa) {
			dst = append(dst, mantissa[i])
		} else {
			dst = append(dst, '0')
		}
	}
	return dst, sound
}

// plainDigits is the length of a number that is written as it should be, without the zeros behind a
// point; most are. 0: to be looked at closer.
func plainDigits(v []byte) int {
	start := 0
	if len(v) > 0 && v[0] == '-' {
		start = 1
	}
	point, end, longest := -1, start, start+digits
	for i := start; i < len(v); i++ {
		switch c := v[i]; {
		case c == '.' && point < 0 && i > start:
			point = i
			longest++
		case c < '0' || c > '9':
			return 0
		case point < 0 || c != '0':
			end = i + 1
		}
	}
	zero := start < len(v) && v[start] == '0'
	if end == start || len(v) > longest || zero && point != start+1 && len(v) > 1 || zero && end == start+1 && start == 1 {
		return 0
	}
	return end
}

// parseFloat reads a number as a workbook stores it, white space around it or not.
func parseFloat(v []byte) (float64, bool) {
	v = bytes.TrimSpace(v)
	for _, c := range v {
		if (c < '0' || c > '9') && c != '.' && c != '-' && c != '+' && c != 'e' && c != 'E' {
			return 0, false // hexadecimal, Inf
		}
	}
	f, err := strconv.ParseFloat(string(v), 64)
	return f, err == nil || math.IsInf(f, 0)
}

// epoch is day 0 of a workbook, in days since 1970.
type epoch int

const (
	epoch1900 epoch = -25569 // 1899-12-30, right from 1900-03-01 on
	epoch1904 epoch = -24107 // 1904-01-01
)

const (
	// Workbooks that count from 1900 have a day 60 that never was, 1900-02-29, and those before it are
	// one off.
	noLeapDay = 60
	lastDay   = 2958465 // 9999-12-31 from 1900

	secondsADay = 24 * 60 * 60
)

func (e epoch) base() epoch {
	if e == 0 {
		return epoch1900
	}
	return e
}

// appendMoment writes a number that a format shows as a day or a time: YYYY-MM-DD, with hh:mm:ss behind
// it when it is not midnight, or hh:mm:ss when it is no day. Times are rounded to the second, as the
// number for 08:30:00 is a little less. Dst is as before when there is a fault.
func appendMoment(dst, v []byte, k kind, e epoch) ([]byte, fault) {
	f, ok := parseFloat(v)
	if !ok {
		return dst, noValue
	}
	e = e.base()
	last := float64(lastDay + int(epoch1900) - int(e))
	if f < 0 || f >= last+1 {
		return dst, noDay
	}
	all := int(math.Round(f * secondsADay))
	day, seconds := all/secondsADay, all%secondsADay
	switch {
	case k == elapsed:
		return appendClock(dst, all), sound
	case k == clock && f < 1:
		return appendClock(dst, seconds), sound
	}
	if e == epoch1900 {
		switch {
		case day == 0 || day == noLeapDay:
			return dst, noDay
		case day < noLeapDay:
			day++
		}
	}
	if float64(day) > last {
		return dst, noDay
	}
	dst = appendDate(dst, schemas.Date(day+int(e)))
	if seconds > 0 {
		dst = appendClock(append(dst, ' '), seconds)
	}
	return dst, sound
}

func appendDate(dst []byte, d schemas.Date) []byte {
	year, month, day := d.Civil()
	return append(dst, byte('0'+year/1000), byte('0'+year/100%10), byte('0'+year/10%10), byte('0'+year%10),
		'-', byte('0'+month/10), byte('0'+month%10), '-', byte('0'+day/10), byte('0'+day%10))
}

// appendClock writes hh:mm:ss, with more than two digits for the hours if need be.
func appendClock(dst []byte, seconds int) []byte {
	hours := seconds / 3600
	if hours < 10 {
		dst = append(dst, '0')
	}
	dst = strconv.AppendInt(dst, int64(hours), 10)
	minute, second := seconds/60%60, seconds%60
	return append(dst, ':', byte('0'+minute/10), byte('0'+minute%10), ':', byte('0'+second/10), byte('0'+second%10))
}
