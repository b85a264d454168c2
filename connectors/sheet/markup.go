package sheet

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf8"
)

// instruction steps over <?…?>. The one that a part begins with may name the encoding.
func (x *xmlReader) instruction() error {
	n, err := x.until("?>", 2, "an instruction")
	if err != nil {
		return err
	}
	if _, rest, ok := strings.Cut(string(x.buf[x.at:x.at+n]), "encoding"); ok && !x.rooted {
		name := strings.ToUpper(strings.Trim(rest, " \t\r\n=?>'\""))
		if i := strings.IndexAny(name, "'\""); i >= 0 {
			name = name[:i]
		}
		if name != "UTF-8" && name != "UTF8" && name != "US-ASCII" {
			return x.fail("it is not in UTF-8")
		}
	}
	x.at += n
	return nil
}

// declaration steps over a comment, or takes the characters of a CDATA section. Nothing else may begin with <!.
func (x *xmlReader) declaration() (text bool, err error) {
	const comment, cdata = "<!--", "<![CDATA["
	for {
		p := x.buf[x.at:x.end]
		switch {
		case bytes.HasPrefix(p, []byte(comment)):
			n, err := x.until("-->", len(comment), "a comment")
			x.at += n
			return false, err
		case bytes.HasPrefix(p, []byte(cdata)) && len(x.starts) > 0:
			n, err := x.until("]]>", len(cdata), "a CDATA section")
			if err != nil {
				return false, err
			}
			x.text, x.plain = x.buf[x.at+len(cdata):x.at+n-len("]]>")], true
			x.at += n
			return true, nil
		case strings.HasPrefix(comment, string(p)) || strings.HasPrefix(cdata, string(p)):
			if err := x.need("a tag"); err != nil {
				return false, err
			}
		default:
			return false, x.fail("it has a DOCTYPE, or a section of one, which workbooks may not have")
		}
	}
}

// until is the length of what stands there up to and with its end mark, which is looked for behind the first skip bytes.
func (x *xmlReader) until(mark string, skip int, what string) (int, error) {
	for {
		if p := x.buf[x.at:x.end]; len(p) > skip {
			if n := bytes.Index(p[skip:], []byte(mark)); n >= 0 {
				return skip + n + len(mark), nil
			}
		}
		if err := x.need(what); err != nil {
			return 0, err
		}
	}
}

// key is the name of an attribute, with its prefix, and value what it says.
func (x *xmlReader) key(a attr) []byte { return x.buf[x.tag+a.name.from : x.tag+a.name.to] }

func (x *xmlReader) value(a attr) ([]byte, error) {
	value := x.buf[x.tag+a.value.from : x.tag+a.value.to]
	if bytes.IndexByte(value, '&') < 0 {
		return value, nil
	}
	return x.unescape(nil, value)
}

// attribute is the value of the attribute that goes by the name, "" when there is none.
func (x *xmlReader) attribute(name string) (string, error) {
	found := ""
	seen := false
	for _, a := range x.attrs {
		if string(x.key(a)) != name {
			continue
		}
		if seen {
			return "", x.fail("a tag has an attribute twice")
		}
		value, err := x.value(a)
		if err != nil {
			return "", err
		}
		found, seen = string(value), true
	}
	return found, nil
}

// skip goes to the end of the element that has just begun.
func (x *xmlReader) skip() error {
	for depth := len(x.starts); ; {
		kind, err := x.next()
		if err != nil {
			return err
		}
		if kind == endTag && len(x.starts) < depth {
			return nil
		}
	}
}

// content appends the text of the element that has just begun, which holds nothing but text.
func (x *xmlReader) content(dst []byte) ([]byte, error) {
	for {
		kind, err := x.next()
		switch {
		case err != nil:
			return dst, err
		case kind == endTag:
			return dst, nil
		case kind == startTag:
			return dst, x.fail("there is an element where a text should be")
		case x.plain:
			dst = append(dst, x.text...)
		default:
			if dst, err = x.unescape(dst, x.text); err != nil {
				return dst, err
			}
		}
		if len(dst) > maxToken {
			return dst, x.fail("a tag or text is longer than 1 MiB")
		}
	}
}

// unescape appends characters as they are meant: references resolved, line ends as LF. Bytes that are
// not UTF-8 stay: whoever decodes the row refuses it.
func (x *xmlReader) unescape(dst, s []byte) ([]byte, error) {
	for at := 0; at < len(s); at++ {
		if !special[s[at]] {
			continue
		}
		dst = append(dst, s[:at]...)
		switch c := s[at]; {
		case c == '\r':
			if dst = append(dst, '\n'); at+1 < len(s) && s[at+1] == '\n' {
				at++
			}
		case c == '&':
			end := bytes.IndexByte(s[at:min(len(s), at+maxReference)], ';')
			if end < 0 {
				return dst, x.fail("a & begins no reference")
			}
			r, ok := reference(string(s[at+1 : at+end]))
			if !ok {
				return dst, x.fail("a & begins no reference that XML itself knows")
			}
			dst = utf8.AppendRune(dst, r)
			at += end
		default:
			return dst, x.fail("it has a control character")
		}
		s, at = s[at+1:], -1
	}
	return append(dst, s...), nil
}

// maxReference is the longest reference, with leading zeros to spare.
const maxReference = 16

// reference is the character that stands between & and ;.
func reference(name string) (rune, bool) {
	switch name {
	case "lt":
		return '<', true
	case "gt":
		return '>', true
	case "amp":
		return '&', true
	case "quot":
		return '"', true
	case "apos":
		return '\'', true
	}
	digits, ok := strings.CutPrefix(name, "#")
	base := 10
	if hex, is := strings.CutPrefix(digits, "x"); is {
		digits, base = hex, 16
	}
	n, err := strconv.ParseUint(digits, base, 31)
	r := rune(n)
	return r, ok && err == nil && isXML(r)
}

// isXML says whether XML may hold a character.
func isXML(r rune) bool {
	return r >= 0x20 && r < 0xD800 || r > 0xDFFF && r < 0xFFFE || r >= 0x10000 && r <= utf8.MaxRune || r == '\t' || r == '\n' || r == '\r'
}

// special are the bytes of text that don't stand for themselves.
var special = func() (set [256]bool) {
	for c := range 0x20 {
		set[c] = c != '\t' && c != '\n'
	}
	set['&'] = true
	return set
}()

// inName are the bytes that a name is of. What letters XML has is not looked at.
var inName = func() (set [256]bool) {
	for c := range set {
		set[c] = c > ' ' && !strings.ContainsRune("<>/=?!&'\"", rune(c))
	}
	return set
}()

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' }

func isBlankXML(p []byte) bool {
	for _, c := range p {
		if !isSpace(c) {
			return false
		}
	}
	return true
}
