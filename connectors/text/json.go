package text

import "strings"

// maxDepth bounds how deep the objects and arrays of a record lie in one another. Agencies send flat
// objects; the bound keeps a hostile one from eating the stack.
const maxDepth = 512

// jsonText walks over JSON by the grammar of RFC 8259. Where a method says false, at is where the
// text fails and expected what should be there.
type jsonText struct {
	text     string
	at       int
	expected string
}

// member steps over a key and the colon behind it, up to the value. The key comes without its
// quotes, its escapes as written.
func (j *jsonText) member() (key string, escaped, ok bool) {
	j.space()
	start := j.at + 1
	if escaped, ok = j.str("a key"); !ok {
		return "", false, false
	}
	key = j.text[start : j.at-1]
	j.space()
	ok = j.take(':', "a colon")
	j.space()
	return key, escaped, ok
}

// value steps over a value. An object or array in it lies depth deep. escaped says that the value is
// a string with escapes.
func (j *jsonText) value(depth int) (escaped, ok bool) {
	switch c := j.peek(); c {
	case '"':
		return j.str("a string")
	case '{', '[':
		if depth > maxDepth {
			return false, j.fail("no more than 512 levels of objects and arrays")
		}
		return false, j.container(c+2, depth)
	case 't':
		return false, j.word("true")
	case 'f':
		return false, j.word("false")
	case 'n':
		return false, j.word("null")
	}
	return false, j.number()
}

// container steps over an object or array, which ends with the byte end: '}' or ']'.
func (j *jsonText) container(end byte, depth int) bool {
	j.at++
	if j.space(); j.peek() == end {
		j.at++
		return true
	}
	for {
		if end == '}' {
			if _, _, ok := j.member(); !ok {
				return false
			}
		}
		j.space()
		if _, ok := j.value(depth + 1); !ok {
			return false
		}
		if j.space(); j.peek() != ',' {
			return j.take(end, "a comma or the end of the object or array")
		}
		j.at++
	}
}

// str steps over a string.
func (j *jsonText) str(what string) (escaped, ok bool) {
	if !j.take('"', what) {
		return false, false
	}
	for ; j.at < len(j.text); j.at++ {
		switch c := j.text[j.at]; {
		case c == '"':
			j.at++
			return escaped, true
		case c < ' ':
			return false, j.fail("no control character in a string")
		case c == '\\':
			escaped = true
			j.at++
			if !j.escape() {
				return false, false
			}
		}
	}
	return false, j.fail("the end of a string")
}

// escape checks what follows a backslash and steps to its last byte.
func (j *jsonText) escape() bool {
	if c := j.peek(); c != 'u' {
		return c != 0 && strings.IndexByte(`"\/bfnrt`, c) >= 0 || j.fail("an escape")
	}
	for range 4 {
		j.at++
		switch c := j.peek(); {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'f', c >= 'A' && c <= 'F':
		default:
			return j.fail("four hexadecimal digits")
		}
	}
	return true
}

// number steps over a number, or fails where there is no value at all.
func (j *jsonText) number() bool {
	start := j.at
	if j.peek() == '-' {
		j.at++
	}
	if j.peek() == '0' {
		j.at++
	} else if !j.digits() {
		if j.at == start {
			return j.fail("a value")
		}
		return j.fail("a digit")
	}
	if j.peek() == '.' {
		j.at++
		if !j.digits() {
			return j.fail("a digit")
		}
	}
	if c := j.peek(); c == 'e' || c == 'E' {
		j.at++
		if c := j.peek(); c == '+' || c == '-' {
			j.at++
		}
		if !j.digits() {
			return j.fail("a digit")
		}
	}
	return true
}

// digits steps over one or more digits.
func (j *jsonText) digits() bool {
	start := j.at
	for c := j.peek(); c >= '0' && c <= '9'; c = j.peek() {
		j.at++
	}
	return j.at > start
}

func (j *jsonText) word(word string) bool {
	if !strings.HasPrefix(j.text[j.at:], word) {
		return j.fail("a value")
	}
	j.at += len(word)
	return true
}

// take steps over the byte c.
func (j *jsonText) take(c byte, what string) bool {
	if j.peek() != c {
		return j.fail(what)
	}
	j.at++
	return true
}

func (j *jsonText) end() bool {
	j.space()
	return j.at == len(j.text) || j.fail("the end of the row")
}

func (j *jsonText) space() {
	for j.at < len(j.text) {
		switch j.text[j.at] {
		case ' ', '\t', '\n', '\r':
			j.at++
		default:
			return
		}
	}
}

// peek gives the next byte, 0 at the end of the text. A byte 0 in the text fits nowhere either.
func (j *jsonText) peek() byte {
	if j.at < len(j.text) {
		return j.text[j.at]
	}
	return 0
}

func (j *jsonText) fail(expected string) bool {
	j.expected = expected
	return false
}
