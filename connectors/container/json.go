package container

import (
	"unicode/utf8"

	"hebian/schemas"
)

// json appends a value that lies in a record, array or map, or is one, as JSON without blanks. Of a union only the value is written.
func (p *pass) json(n *node) bool {
	begin := p.at
	if p.depth++; p.depth > maxDepth {
		return p.fail("values nested less deep")
	}
	if n.kind == kindUnion {
		var ok bool
		if n, ok = p.branch(n); !ok {
			return false
		}
	}
	if !p.value(n) {
		return false
	}
	p.depth--
	p.trim()
	return p.at > begin || p.free()
}

func (p *pass) value(n *node) bool {
	switch n.kind {
	case kindNull:
		p.out = append(p.out, "null"...)
		return true
	case kindString:
		return p.quoted()
	case kindEnum:
		s, ok := p.symbol(n)
		p.put(s.json)
		return ok
	case kindRecord:
		for i := range n.members {
			p.out = append(p.out, "{,"[min(i, 1)])
			p.put(n.members[i].key)
			if !p.json(n.members[i].node) {
				return false
			}
		}
		if len(n.members) == 0 {
			p.out = append(p.out, '{')
		}
		p.out = append(p.out, '}')
		return true
	case kindArray, kindMap:
		return p.items(n)
	case kindBytes, kindFixed:
		if n.logical == logicalDecimal || n.logical == logicalBigDecimal {
			break
		}
		return p.texted(n)
	case kindInt, kindLong:
		if n.logical != logicalNone {
			return p.texted(n)
		}
	}
	return p.plain(n)
}

// texted appends a value whose text is a text in JSON, too: a date, base64.
func (p *pass) texted(n *node) bool {
	p.out = append(p.out, '"')
	ok := p.plain(n)
	p.out = append(p.out, '"')
	return ok
}

// quoted appends a text.
func (p *pass) quoted() bool {
	s, ok := p.bytes("a text")
	if !ok {
		return false
	}
	if !utf8.Valid(s) {
		p.refuse(schemas.ReasonEncoding, "a text is not UTF-8")
	}
	p.out = appendString(p.out, clip(s))
	return true
}

// items appends the items of an array or map, which stand in blocks. The count of a block may be negative; then its size in bytes stands
// behind it and must be right.
func (p *pass) items(n *node) bool {
	open, end := byte('['), byte(']')
	if n.kind == kindMap {
		open, end = '{', '}'
	}
	p.out = append(p.out, open)
	for first := true; ; {
		begin := p.at
		count, bound, ok := p.itemBlock(n)
		if !ok {
			return false
		}
		if count == 0 {
			break
		}
		for range count {
			if !first {
				p.out = append(p.out, ',')
			}
			first = false
			if n.kind == kindMap {
				if !p.quoted() {
					return false
				}
				p.out = append(p.out, ':')
			}
			if !p.json(n.item) {
				return false
			}
		}
		if bound >= 0 && p.at != bound {
			p.at = begin
			return p.fail("a block of items of the size that it says")
		}
	}
	p.out = append(p.out, end)
	return true
}

// itemBlock reads how many items the next block has and where it ends: -1 if it doesn't say.
func (p *pass) itemBlock(n *node) (count int64, bound int, ok bool) {
	begin := p.at
	if count, ok = p.long64(); !ok {
		return 0, 0, false
	}
	bound = -1
	if count < 0 {
		size, ok := p.long64()
		if !ok || size < 0 || size > int64(len(p.data)-p.at) {
			p.at = begin
			return 0, 0, p.fail("a block of items that lies within the data")
		}
		count, bound = -count, p.at+int(size)
	}
	most := mostItems(n.item, len(p.data)-p.at, p.spare)
	if n.kind == kindMap {
		most = int64((len(p.data) - p.at) / (1 + n.item.least))
	}
	if count < 0 || count > most { // the negative of the lowest number is itself
		p.at = begin
		return 0, 0, p.fail("as many items as the data can hold")
	}
	return count, bound, true
}

const hexadecimal = "0123456789abcdef"

// appendString appends a text as JSON. Bytes that are no UTF-8 stay as they are: the row goes to quarantine.
func appendString(dst, s []byte) []byte {
	dst = append(dst, '"')
	done := 0
	for i, c := range s {
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, s[done:i]...)
		done = i + 1
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexadecimal[c>>4], hexadecimal[c&0xf])
		}
	}
	return append(append(dst, s[done:]...), '"')
}
