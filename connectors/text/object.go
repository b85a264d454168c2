package text

import (
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
	"unsafe"

	"hebian/schemas"
)

// Object reads JSON objects, one after the other, for a fixed set of keys. It is as strict as
// RFC 8259 and reads nothing into a value: a number stays as it is written. One goroutine uses an
// Object at a time.
type Object struct {
	// Values of the keys, in the order of the keys: text unescaped and trimmed, a number as written,
	// "" for null and for a key that isn't there.
	Values []string
	// Rest is the other keys as they come: text likewise, everything else as it stands in JSON. So
	// does text that has no Unicode, an escape for half of a surrogate pair.
	Rest []schemas.Cell

	keys    []string
	states  []valueState // of Values; of repeated keys the last counts, so none is final before the end
	next    int          // the key to look for first: keys mostly come in the same order
	json    jsonText
	scratch []byte // unescaped text; when it grows, earlier strings keep the bytes that they have
}

type valueState uint8

const (
	valueFine   valueState = iota
	valueType              // neither text nor number nor null
	valueNoChar            // an escape for U+FFFD or for half of a surrogate pair
)

// NewObject gives a reader for objects with these keys.
func NewObject(keys ...string) *Object {
	return &Object{Values: make([]string, len(keys)), keys: keys, states: make([]valueState, len(keys))}
}

// Read reads the object that the text, valid UTF-8, consists of. Values and Rest last until the next
// Read and no longer than the text.
func (o *Object) Read(text string) *Flaw {
	clear(o.Values)
	clear(o.states)
	o.Rest, o.scratch, o.next = o.Rest[:0], o.scratch[:0], 0
	o.json = jsonText{text: text}
	if !o.object() {
		detail := fmt.Sprintf("byte %d of the row is not JSON: expected %s", o.json.at+1, o.json.expected)
		return &Flaw{Reason: schemas.ReasonJSON, Detail: detail}
	}
	for i, state := range o.states {
		switch state {
		case valueType:
			return &Flaw{Reason: schemas.ReasonType, Column: o.keys[i], Detail: "expected text or a number"}
		case valueNoChar:
			detail := "an escape stands for U+FFFD or for half of a surrogate pair, which is no character"
			return &Flaw{Reason: schemas.ReasonNoChar, Column: o.keys[i], Detail: detail}
		}
	}
	return nil
}

func (o *Object) object() bool {
	j := &o.json
	j.space()
	if !j.take('{', "an object") {
		return false
	}
	if j.space(); j.peek() == '}' {
		j.at++
		return j.end()
	}
	for {
		key, keyEscaped, ok := j.member()
		if !ok {
			return false
		}
		start := j.at
		escaped, ok := j.value(2)
		if !ok {
			return false
		}
		o.keep(key, keyEscaped, j.text[start:j.at], escaped)
		if j.space(); j.peek() == ',' {
			j.at++
			continue
		}
		return j.take('}', "a comma or the end of the object") && j.end()
	}
}

// keep notes a member as it stands in JSON, the key without its quotes.
func (o *Object) keep(key string, keyEscaped bool, value string, escaped bool) {
	if keyEscaped {
		if plain, lone := o.unescape(key); !lone { // else it stays as written: no key that is looked for
			key = plain
		}
	}
	at := o.find(key)
	switch {
	case value[0] == '"':
		plain, lone := value[1:len(value)-1], false
		if escaped {
			plain, lone = o.unescape(plain)
		}
		switch {
		case at < 0 && lone:
			o.Rest = append(o.Rest, schemas.Cell{Column: key, Text: value})
		case at < 0:
			o.Rest = append(o.Rest, schemas.Cell{Column: key, Text: trim(plain)})
		case lone || escaped && strings.Contains(plain, "\uFFFD"):
			o.Values[at], o.states[at] = "", valueNoChar
		default:
			o.Values[at], o.states[at] = trim(plain), valueFine
		}
	case at < 0:
		o.Rest = append(o.Rest, schemas.Cell{Column: key, Text: value})
	case value[0] == 'n':
		o.Values[at], o.states[at] = "", valueFine
	case value[0] == '-' || value[0] >= '0' && value[0] <= '9':
		o.Values[at], o.states[at] = value, valueFine
	default:
		o.Values[at], o.states[at] = "", valueType
	}
}

// find gives the place of a key, or -1.
func (o *Object) find(key string) int {
	for i := range o.keys {
		if i += o.next; i >= len(o.keys) {
			i -= len(o.keys)
		}
		if o.keys[i] == key {
			o.next = i + 1
			return i
		}
	}
	return -1
}

// unescape gives the text of a string whose escapes are well-formed. lone says that there is half of
// a surrogate pair in it.
func (o *Object) unescape(s string) (text string, lone bool) {
	start := len(o.scratch)
	for {
		escape := strings.IndexByte(s, '\\')
		if escape < 0 {
			o.scratch = append(o.scratch, s...)
			plain := o.scratch[start:]
			return unsafe.String(unsafe.SliceData(plain), len(plain)), lone
		}
		o.scratch = append(o.scratch, s[:escape]...)
		c := s[escape+1]
		if s = s[escape+2:]; c != 'u' {
			o.scratch = append(o.scratch, unescaped(c))
			continue
		}
		r := hex4(s)
		if s = s[4:]; utf16.IsSurrogate(r) {
			pair := rune(utf8.RuneError)
			if strings.HasPrefix(s, `\u`) {
				pair = utf16.DecodeRune(r, hex4(s[2:]))
			}
			if r = pair; r == utf8.RuneError {
				lone = true
			} else {
				s = s[6:]
			}
		}
		o.scratch = utf8.AppendRune(o.scratch, r)
	}
}

func unescaped(c byte) byte {
	switch c {
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	}
	return c // quote, backslash, slash
}

// hex4 reads four hexadecimal digits.
func hex4(s string) (r rune) {
	for i := range 4 {
		c := s[i]
		switch {
		case c <= '9':
			c -= '0'
		default:
			c = c | 0x20 - 'a' + 10
		}
		r = r<<4 | rune(c)
	}
	return r
}
