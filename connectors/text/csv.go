package text

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"hebian/schemas"
)

// csvForm follows the quotes of one CSV record through any number of pieces. It needs no decoding:
// in UTF-8 and in GB18030 the bytes of line end, comma and quote never lie within a longer character.
//
// A record that turns out broken costs its first line only, and the lines after it are read again;
// still no line is read more than twice. A line that leaves a quote open when it begins a record
// holds an odd number of quotes, a line that begins and ends within quotes an even number. So a
// record that runs on ends at the next line with an odd number, well or broken, and each line in
// between, read again as the start of a record, ends or breaks within itself.
type csvForm struct {
	state formState
	lines int64 // line ends within quotes
}

type formState uint8

const (
	fieldStart formState = iota
	unquoted             // in a field without quotes
	quoted               // in a field with quotes
	afterQuote           // behind a quote in a field with quotes: its end, or the first of two
	afterCR              // behind a closing quote and a CR: a line feed must follow
	formWhole            // behind the record's line end, or at the end of the file
	formBroken           // at a quote, or behind one, that breaks the form
)

// feed follows the next piece up to the end of the record or to where it breaks, and returns how
// many bytes that took. With last set the file ends with the piece.
func (f *csvForm) feed(p []byte, last bool) int {
	at, end := 0, -1
	for at < len(p) {
		switch f.state {
		case fieldStart, unquoted:
			if end < at {
				end = indexFrom(p, at, '\n') // known up to there: looked for once a line, not once a field
			}
			quote := indexFrom(p[:end], at, '"')
			if quote > at {
				f.state = unquoted
				if p[quote-1] == ',' {
					f.state = fieldStart
				}
			}
			at = quote
			switch {
			case quote == len(p):
			case quote == end:
				f.state = formWhole
				return end + 1
			case f.state == unquoted:
				f.state = formBroken
				return at
			default:
				f.state = quoted
				at++
			}
		case quoted:
			quote := indexFrom(p, at, '"')
			f.lines += int64(bytes.Count(p[at:quote], []byte{'\n'}))
			if at = quote; at < len(p) {
				f.state = afterQuote
				at++
			}
		case afterQuote, afterCR:
			if f.state = f.behindQuote(p[at]); f.state == formBroken {
				return at
			}
			if at++; f.state == formWhole {
				return at
			}
		case formWhole, formBroken:
			return at
		}
	}
	if last {
		f.end()
	}
	return at
}

// behindQuote is the state after a byte that follows a quote in a quoted field.
func (f *csvForm) behindQuote(c byte) formState {
	switch {
	case c == '\n':
		return formWhole
	case f.state == afterCR:
		return formBroken
	case c == '"':
		return quoted
	case c == ',':
		return fieldStart
	case c == '\r':
		return afterCR
	}
	return formBroken
}

// end is the end of the file: it ends a record, but not within quotes.
func (f *csvForm) end() {
	switch f.state {
	case fieldStart, unquoted, afterQuote:
		f.state = formWhole
	case quoted, afterCR:
		f.state = formBroken
	}
}

// SplitFields appends the fields of a CSV record, as text, to fields: unquoted, then trimmed of
// Unicode white space, inside the quotes too. Fields alias the text where they can.
func SplitFields(text string, fields []string) ([]string, *Flaw) {
	if strings.IndexByte(text, '"') < 0 {
		for {
			comma := strings.IndexByte(text, ',')
			if comma < 0 {
				return append(fields, trim(text)), nil
			}
			fields = append(fields, trim(text[:comma]))
			text = text[comma+1:]
		}
	}
	for {
		field, rest, ok := cutField(text)
		if !ok {
			return fields, &Flaw{Reason: schemas.ReasonQuote, Detail: quoteDetail}
		}
		fields = append(fields, trim(field))
		if rest == "" {
			return fields, nil
		}
		text = rest[1:]
	}
}

// cutField takes the first field off a record. rest is empty or begins with the comma behind it.
func cutField(text string) (field, rest string, ok bool) {
	if text == "" || text[0] != '"' {
		end := strings.IndexByte(text, ',')
		if end < 0 {
			end = len(text)
		}
		return text[:end], text[end:], strings.IndexByte(text[:end], '"') < 0
	}
	doubled := false
	for at := 1; ; {
		quote := strings.IndexByte(text[at:], '"')
		if quote < 0 {
			return "", "", false
		}
		at += quote + 1 // behind the quote
		if at < len(text) && text[at] == '"' {
			doubled = true
			at++
			continue
		}
		if field = text[1 : at-1]; doubled {
			field = strings.ReplaceAll(field, `""`, `"`)
		}
		return field, text[at:], at == len(text) || text[at] == ','
	}
}

// trim cuts off Unicode white space on both sides, as strings.TrimSpace does. Most fields have none,
// and that shows without decoding: beyond ASCII, white space in UTF-8 has two bytes or starts with
// E1, E2 or E3, and the bulk of Chinese starts with E4 or higher.
func trim(s string) string {
	n := len(s)
	if n == 0 {
		return s
	}
	first, last := s[0], s[n-1]
	clean := first > ' ' && first < utf8.RuneSelf || first >= 0xE4
	if last >= utf8.RuneSelf && n >= 3 {
		last = s[n-3] // the lead byte, if the last character has three bytes
		clean = clean && last >= 0xE4
	} else {
		clean = clean && last > ' ' && last < utf8.RuneSelf
	}
	if clean {
		return s
	}
	return strings.TrimSpace(s)
}
