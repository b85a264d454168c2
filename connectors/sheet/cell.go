package sheet

import (
	"slices"

	"hebian/schemas"
)

// What is wrong with cells whose value is not what it was.
const (
	lostDigits   = "a number of 16 digits or more has lost its last digits in the workbook; format the column as text and enter it again"
	noCalendar   = "the number is formatted as a day and is none"
	notANumber   = "it should hold a number and does not"
	notABoolean  = "it should hold TRUE or FALSE and does not"
	noStyle      = "it has a format that the workbook does not have"
	uncalculated = "its formula has no stored value; open the workbook, calculate it and save it"
)

// cellErrors are the errors that a formula comes to. Others are not repeated: a value may be personal.
var cellErrors = []string{"#NULL!", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#N/A", "#GETTING_DATA", "#SPILL!", "#CALC!"}

// cell reads the cell that has just begun and adds its value to the row.
func (r *Reader) cell() error {
	how, style, err := r.cellTag()
	if err != nil {
		return err
	}
	value, formula, values := r.value[:0], false, 0
	for {
		kind, err := r.xml.next()
		if err != nil {
			return err
		}
		if kind == endTag {
			break
		}
		if kind != startTag {
			continue
		}
		switch string(r.xml.name) {
		case "v":
			values++
			value, err = r.xml.content(value)
		case "is":
			values++
			value, err = r.xml.richText(value)
		case "f":
			formula = true
			err = r.xml.skip()
		default:
			err = r.xml.skip()
		}
		if err != nil {
			return err
		}
	}
	r.value = value
	switch {
	case values > 1:
		return unfit("a cell has two values")
	case formula && (values == 0 || how != written && blank(value)):
		return r.refuse(uncalculated, []byte("="))
	case values == 0 || blank(value):
		return nil
	}
	return r.typed(how, style, value)
}

// cellType is what a cell says that its value is.
type cellType uint8

const (
	number  cellType = iota
	shared           // the number of a shared text
	written          // a text
	boolean
	failed // an error
	isoDate
)

// cellTag takes the attributes of a cell: r its place, s its style and t its type.
func (r *Reader) cellTag() (how cellType, style int, err error) {
	x := r.xml
	r.rows.column++
	for i, a := range x.attrs {
		key := x.key(a)
		if len(key) != 1 {
			continue
		}
		for _, before := range x.attrs[:i] {
			if before.name.to == before.name.from+1 && x.key(before)[0] == key[0] {
				return 0, 0, x.fail("a tag has an attribute twice")
			}
		}
		value, err := x.value(a)
		if err != nil {
			return 0, 0, err
		}
		ok := true
		switch key[0] {
		case 'r':
			column, row, is := place(value)
			if !is || row != r.rows.line || column < r.rows.column {
				return 0, 0, unfit("the place of a cell is none, or not behind the one before it")
			}
			r.rows.column = column
		case 's':
			style, ok = smallNumber(value)
		case 't':
			how, ok = typeOf(value)
		}
		if !ok {
			return 0, 0, unfit("a cell has a type or a style that there is not")
		}
	}
	if r.rows.column > maxColumns {
		return 0, 0, unfit("the row has more than %d cells", maxColumns)
	}
	return how, style, nil
}

func typeOf(name []byte) (cellType, bool) {
	switch string(name) {
	case "n":
		return number, true
	case "s":
		return shared, true
	case "str", "inlineStr":
		return written, true
	case "b":
		return boolean, true
	case "e":
		return failed, true
	case "d":
		return isoDate, true
	}
	return 0, false
}

// typed adds a value as text, or as it stands there with the reason why it is none.
func (r *Reader) typed(how cellType, style int, value []byte) error {
	switch how {
	case number:
		return r.number(style, value)
	case shared:
		n, ok := smallNumber(value)
		if value, ok = r.texts.get(n, ok); !ok {
			return unfit("a cell refers to a text that the workbook does not have")
		}
	case written:
		value = unescapeXString(value)
	case boolean:
		switch string(value) {
		case "1", "true":
			value = []byte("TRUE")
		case "0", "false":
			value = []byte("FALSE")
		default:
			return r.refuse(notABoolean, value)
		}
	case failed:
		if name := string(value); slices.Contains(cellErrors, name) {
			return r.refuse("it holds the error "+name, value)
		}
		return r.refuse("it holds an error", value)
	}
	if blank(value) {
		return nil
	}
	return r.rows.add(value)
}

// number adds a number in the way that its cell shows it.
func (r *Reader) number(style int, value []byte) error {
	if style >= len(r.styles) {
		return r.refuse(noStyle, value)
	}
	var wrong fault
	if k := r.styles[style]; k == plain {
		r.shown, wrong = appendNumber(r.shown[:0], value)
	} else {
		r.shown, wrong = appendMoment(r.shown[:0], value, k, r.epoch)
	}
	switch wrong {
	case noValue:
		return r.refuse(notANumber, value)
	case tooLong:
		return r.refuse(lostDigits, value)
	case noDay:
		return r.refuse(noCalendar, value)
	}
	return r.rows.add(r.shown)
}

// refuse adds a value as it stands there and makes a misfit of the row.
func (r *Reader) refuse(detail string, value []byte) error {
	r.rows.refuse(schemas.ReasonUnreadable, detail)
	return r.rows.add(value)
}
