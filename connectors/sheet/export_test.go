package sheet

import (
	"bytes"
	"io"
)

// Number and Moment write a number as its cell shows it, by the format's code. What isn't sound is said in a word.
func Number(v string) (string, string) {
	out, wrong := appendNumber(nil, []byte(v))
	return string(out), faults[wrong]
}

func Moment(v, code string, from1904 bool) (string, string) {
	e := epoch1900
	if from1904 {
		e = epoch1904
	}
	out, wrong := appendMoment(nil, []byte(v), formatKind(code), e)
	return string(out), faults[wrong]
}

var faults = []string{"", "no number", "too long", "no day"}

// Kind says what a format shows: of a code, or of a number that workbooks know.
func Kind(code string) string   { return kinds[formatKind(code)] }
func BuiltinKind(id int) string { return kinds[builtinKind(id)] }

var kinds = []string{"plain", "date", "clock", "elapsed"}

// Event is what a part holds next: a tag with its attributes, or characters.
type Event struct {
	Start, End bool
	Name, Text string
	Attrs      []string
}

// Events takes a part apart.
func Events(file []byte) ([]Event, error) {
	x := newXML(&part{ReadCloser: io.NopCloser(bytes.NewReader(file)), name: "test", size: int64(len(file)), left: int64(len(file))})
	var all []Event
	for {
		kind, err := x.next()
		if err != nil || kind == endOfPart {
			return all, err
		}
		switch kind {
		case startTag:
			e := Event{Start: true, Name: string(x.name)}
			for _, a := range x.attrs {
				value, err := x.value(a)
				if err != nil {
					return all, err
				}
				e.Attrs = append(e.Attrs, string(x.key(a)), string(value))
			}
			all = append(all, e)
		case endTag:
			all = append(all, Event{End: true})
		case characters:
			text := x.text
			if !x.plain {
				if text, err = x.unescape(nil, text); err != nil {
					return all, err
				}
			}
			if last := len(all) - 1; last >= 0 && !all[last].Start && !all[last].End {
				all[last].Text += string(text)
			} else if len(text) > 0 {
				all = append(all, Event{Text: string(text)})
			}
		}
	}
}

// AddTexts shares a text again and again, up to where that is refused, and says how often it was taken.
func AddTexts(text string) (n int, err error) {
	var t texts
	for {
		if err := t.add([]byte(text), 1<<30); err != nil {
			return n, err
		}
		if got, ok := t.get(n, true); !ok || len(got) != len(text) {
			return n, nil
		}
		n++
	}
}

// Skip leaves rows out, as if they had been written.
func (s *Writer) Skip(rows int) { s.rows += rows }
