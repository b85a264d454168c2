package dbf

import (
	"bytes"

	"hebian/connectors/text"
	"hebian/schemas"
)

// append writes a value that is no text. What does not fit is written as it stands there, as far as it is ASCII.
func (f *field) append(dst, value []byte) ([]byte, *text.Flaw) {
	value = bytes.Trim(value, " \x00")
	switch {
	case len(value) == 0:
		return dst, nil
	case f.kind == 'N' || f.kind == 'F':
		return number(dst, value)
	case f.kind == 'D':
		return day(dst, value)
	case f.kind == 'L':
		return truth(dst, value)
	}
	if f.width == 10 && len(bytes.Trim(value, "0")) == 0 {
		return dst, nil
	}
	return dst, unreadable("its text lies in a memo file, which is not read; make it a column of characters")
}

// number writes a number as it stands there.
func number(dst, value []byte) ([]byte, *text.Flaw) {
	if len(bytes.Trim(value, "*")) == 0 {
		return append(dst, value...), unreadable("the number was too long for its column and is lost")
	}
	for _, c := range value {
		if (c < '0' || c > '9') && c != '.' && c != '-' && c != '+' && c != 'e' && c != 'E' {
			return raw(dst, value), unreadable("it should hold a number and does not")
		}
	}
	return append(dst, value...), nil
}

// day writes YYYYMMDD as YYYY-MM-DD.
func day(dst, value []byte) ([]byte, *text.Flaw) {
	if len(value) == len("YYYYMMDD") {
		var iso [10]byte
		written := append(append(append(append(append(iso[:0], value[:4]...), '-'), value[4:6]...), '-'), value[6:]...)
		if _, ok := schemas.ParseDate(string(written)); ok {
			return append(dst, written...), nil
		}
	}
	return raw(dst, value), unreadable("it should hold a day YYYYMMDD and does not")
}

// truth writes T or F, or nothing where nothing has been entered.
func truth(dst, value []byte) ([]byte, *text.Flaw) {
	switch value[0] {
	case 'T', 't', 'Y', 'y':
		return append(dst, 'T'), nil
	case 'F', 'f', 'N', 'n':
		return append(dst, 'F'), nil
	case '?':
		return dst, nil
	}
	return raw(dst, value), unreadable("it should hold T or F and does not")
}

func unreadable(detail string) *text.Flaw {
	return &text.Flaw{Reason: schemas.ReasonUnreadable, Detail: detail}
}

// raw writes a value that is not what it should be. It may be of any bytes.
func raw(dst, value []byte) []byte {
	return appendField(dst, bytes.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, value))
}

// unfilled is a value without the blanks that fill it up. Some programs use 00 for it.
func unfilled(value []byte) []byte { return bytes.TrimRight(value, " \x00") }

// appendField writes a field of CSV, in quotes if it needs them.
func appendField(dst, value []byte) []byte {
	if bytes.IndexByte(value, ',') < 0 && bytes.IndexByte(value, '"') < 0 && bytes.IndexByte(value, '\n') < 0 && bytes.IndexByte(value, '\r') < 0 {
		return append(dst, value...)
	}
	dst = append(dst, '"')
	for {
		quote := bytes.IndexByte(value, '"')
		if quote < 0 {
			return append(append(dst, value...), '"')
		}
		dst = append(append(dst, value[:quote+1]...), '"')
		value = value[quote+1:]
	}
}
