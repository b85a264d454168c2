package sheet

import "strings"

// kind is what a number stands for, by the format in which its cell shows it.
type kind uint8

const (
	plain   kind = iota // a number
	date                // a day, with a time or not
	clock               // a time of the day
	elapsed             // hours, minutes or seconds, beyond a day too
)

// builtinKind is the kind of a format that workbooks know by its number alone. Those from 27 on are
// for East Asia and differ from language to language: a clock in one is a day in another. That does no
// harm: a clock beyond midnight of day 0 is written as a day.
func builtinKind(id int) kind {
	switch {
	case id >= 14 && id <= 17, id == 22, id >= 27 && id <= 31, id == 36, id >= 50 && id <= 54, id == 57, id == 58:
		return date
	case id >= 18 && id <= 21, id >= 32 && id <= 35, id == 45, id == 47, id == 55, id == 56:
		return clock
	case id == 46:
		return elapsed
	}
	return plain
}

// formatKind is the kind of a format by its code, such as yyyy"年"m"月"d"日". It goes by the first
// section, the one for numbers above zero: quoted and escaped letters are no part of it, and of what
// stands in brackets only [h], [m] and [s] are.
func formatKind(code string) kind {
	day, month, time := false, false, false
	for at := 0; at < len(code); at++ {
		switch c := code[at] | 0x20; { // lower case
		case code[at] == '"':
			end := strings.IndexByte(code[at+1:], '"')
			if end < 0 {
				end = len(code) - at - 2
			}
			at += end + 1
		case code[at] == '\\' || code[at] == '_' || code[at] == '*':
			at++
		case code[at] == '[':
			end := strings.IndexByte(code[at:], ']')
			if end < 0 {
				end = len(code) - at
			}
			if inside := strings.ToLower(code[at+1 : at+end]); inside != "" && strings.Trim(inside, inside[:1]) == "" && strings.ContainsAny(inside[:1], "hms") {
				return elapsed
			}
			at += end
		case code[at] == ';':
			at = len(code)
		case c == 'y' || c == 'd':
			day = true
		case c == 'm':
			month = true
		case c == 'h' || c == 's':
			time = true
		}
	}
	switch {
	case day || month && !time:
		return date
	case time:
		return clock
	}
	return plain
}
