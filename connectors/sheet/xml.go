package sheet

import (
	"bytes"
	"io"
)

const (
	// bufferBytes is how much of a part is in memory at a time, unless one tag or text is longer.
	bufferBytes = 64 << 10
	// maxToken is the longest tag or text. A cell holds 32,767 characters, in XML 10 bytes each at most.
	maxToken = 1 << 20
	// maxDepth is how deep elements may lie in one another. In the parts read here it is some ten.
	maxDepth = 100
	// maxAttributes is how many a tag may have. The root elements have most, some thirty.
	maxAttributes = 256
)

// token is what next has come to.
type token uint8

const (
	endOfPart token = iota
	startTag
	endTag // also of an element that its start tag ends, <a/>
	characters
)

// xmlReader cuts a part into tags and texts. It knows what parts of workbooks are made of and nothing
// else: UTF-8, no DOCTYPE and so no entities but the five of XML itself, tags that match. What it hands
// out lies in its buffer and is gone with the next call.
type xmlReader struct {
	part  *part
	buf   []byte
	at    int // next byte in buf
	end   int // behind the last byte in buf
	last  bool
	begun bool

	name  []byte // of a tag, without its prefix
	text  []byte // characters, as written
	plain bool   // the characters are of a CDATA section: nothing is escaped
	attrs []attr
	tag   int // where the tag begins in buf

	open   []byte // names of the open elements, one behind the other
	starts []int  // where each begins
	closes bool   // the start tag just handed out ended its element, too
	rooted bool   // the root element has been seen
}

type attr struct{ name, value span }

// span is a run of bytes in the buffer, from where the tag begins.
type span struct{ from, to int }

func newXML(p *part) *xmlReader {
	return &xmlReader{part: p, buf: make([]byte, min(bufferBytes, p.size+1))}
}

func (x *xmlReader) fail(what string) error {
	return unfit("the part %s is no XML: %s", x.part.name, what)
}

// next goes on to the next tag or text. White space outside the root element, comments and processing
// instructions are stepped over.
func (x *xmlReader) next() (token, error) {
	if x.closes {
		x.closes = false
		x.pop()
		return endTag, nil
	}
	for {
		if x.at == x.end {
			if more, err := x.more(); err != nil {
				return 0, err
			} else if !more {
				return x.finish()
			}
		}
		if x.buf[x.at] != '<' {
			if err := x.characters(); err != nil || len(x.starts) > 0 {
				return characters, err
			}
			continue
		}
		if x.end-x.at < 2 {
			if err := x.need("a tag"); err != nil {
				return 0, err
			}
		}
		switch x.buf[x.at+1] {
		case '/':
			return endTag, x.endTag()
		case '?':
			if err := x.instruction(); err != nil {
				return 0, err
			}
		case '!':
			if text, err := x.declaration(); text || err != nil {
				return characters, err
			}
		default:
			return startTag, x.startTag()
		}
	}
}

func (x *xmlReader) finish() (token, error) {
	switch {
	case len(x.starts) > 0:
		return 0, x.fail("it ends within " + string(x.open[x.starts[len(x.starts)-1]:]))
	case !x.rooted:
		return 0, x.fail("it is empty")
	}
	return endOfPart, nil
}

// more fills the buffer. It says false at the part's end.
func (x *xmlReader) more() (bool, error) {
	if x.last {
		return false, nil
	}
	x.end = copy(x.buf, x.buf[x.at:x.end])
	x.at = 0
	if x.end == len(x.buf) {
		if x.end >= maxToken {
			return false, x.fail("a tag or text is longer than 1 MiB")
		}
		x.buf = append(x.buf, make([]byte, max(len(x.buf), 512))...)
	}
	n, err := io.ReadFull(x.part, x.buf[x.end:])
	x.end += n
	if !x.begun {
		x.begun = true
		if p := x.buf[:x.end]; bytes.HasPrefix(p, []byte("\xFE\xFF")) || bytes.HasPrefix(p, []byte("\xFF\xFE")) {
			return false, x.fail("it is not in UTF-8")
		} else if bytes.HasPrefix(p, []byte("\uFEFF")) {
			x.at = len("\uFEFF")
		}
	}
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		x.last, err = true, nil
	}
	return x.at < x.end && n > 0, err
}

// need fills the buffer where a tag goes on beyond it.
func (x *xmlReader) need(what string) error {
	more, err := x.more()
	if err == nil && !more {
		err = x.fail("it ends within " + what)
	}
	return err
}

func (x *xmlReader) characters() error {
	for {
		n := bytes.IndexByte(x.buf[x.at:x.end], '<')
		if n < 0 {
			if more, err := x.more(); err != nil {
				return err
			} else if more {
				continue
			}
			n = x.end - x.at
		}
		x.text, x.plain = x.buf[x.at:x.at+n], false
		x.at += n
		if len(x.starts) == 0 && !isBlankXML(x.text) {
			return x.fail("there is text outside its root element")
		}
		return nil
	}
}

// endTag takes </name>.
func (x *xmlReader) endTag() error {
	for {
		n := bytes.IndexByte(x.buf[x.at:x.end], '>')
		if n < 0 {
			if err := x.need("a tag"); err != nil {
				return err
			}
			continue
		}
		name := x.buf[x.at+2 : x.at+n]
		for len(name) > 0 && isSpace(name[len(name)-1]) {
			name = name[:len(name)-1]
		}
		x.at += n + 1
		top := len(x.starts) - 1
		if top < 0 || !bytes.Equal(x.open[x.starts[top]:], name) {
			return x.fail("its tags don't match")
		}
		x.pop()
		return nil
	}
}

func (x *xmlReader) pop() {
	top := len(x.starts) - 1
	x.open, x.starts = x.open[:x.starts[top]], x.starts[:top]
}

// startTag takes <name a="b"> and <name/>.
func (x *xmlReader) startTag() error {
	for {
		n, fault := x.cutTag(x.buf[x.at:x.end])
		if fault != "" {
			return x.fail(fault)
		}
		if n > 0 {
			x.tag = x.at
			x.at += n
			break
		}
		if err := x.need("a tag"); err != nil {
			return err
		}
	}
	if len(x.starts) == 1 && x.rooted {
		return x.fail("it has two root elements")
	}
	if len(x.starts) == maxDepth+1 {
		return x.fail("its elements lie more than 100 deep in one another")
	}
	x.rooted = true
	return nil
}

// cutTag takes the tag that p begins with apart and opens its element. It returns the tag's length, or
// 0 when p ends within it.
func (x *xmlReader) cutTag(p []byte) (n int, fault string) {
	at, local := 1, 1
	for at < len(p) && inName[p[at]] {
		if at++; p[at-1] == ':' {
			local = at
		}
	}
	name := p[1:at]
	x.attrs = x.attrs[:0]
	for at < len(p) {
		space := at
		for at < len(p) && isSpace(p[at]) {
			at++
		}
		switch {
		case at == len(p):
			return 0, ""
		case local == len(name)+1:
			return 0, "a tag has no name"
		case p[at] == '>' || p[at] == '/':
			if x.closes = p[at] == '/'; x.closes {
				if at++; at == len(p) {
					x.closes = false
					return 0, ""
				}
				if p[at] != '>' {
					return 0, "a tag is broken"
				}
			}
			x.name = name[local-1:]
			x.starts = append(x.starts, len(x.open))
			x.open = append(x.open, name...)
			return at + 1, ""
		case at == space:
			return 0, "a tag is broken"
		case len(x.attrs) == maxAttributes:
			return 0, "a tag has more than 256 attributes"
		}
		a, next, fault := cutAttribute(p, at)
		if fault != "" || next == 0 {
			return 0, fault
		}
		x.attrs = append(x.attrs, a)
		at = next
	}
	return 0, ""
}

// cutAttribute takes a="b" apart, which begins at a place of p. next is 0 when p ends within it.
// Spans are from the tag's start.
func cutAttribute(p []byte, at int) (a attr, next int, fault string) {
	a.name.from = at
	for at < len(p) && inName[p[at]] {
		at++
	}
	a.name.to = at
	for at < len(p) && isSpace(p[at]) {
		at++
	}
	if at < len(p) && (p[at] != '=' || a.name.to == a.name.from) {
		return a, 0, "an attribute is broken"
	}
	at++
	for at < len(p) && isSpace(p[at]) {
		at++
	}
	if at >= len(p) {
		return a, 0, ""
	}
	quote := p[at]
	if quote != '"' && quote != '\'' {
		return a, 0, "an attribute has no quotes"
	}
	at++
	length := bytes.IndexByte(p[at:], quote)
	if length < 0 {
		return a, 0, ""
	}
	a.value = span{at, at + length}
	if bytes.IndexByte(p[at:at+length], '<') >= 0 {
		return a, 0, "an attribute is broken"
	}
	return a, at + length + 1, ""
}
