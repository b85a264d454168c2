package sheet

import "encoding/binary"

const (
	// maxTexts bounds what the shared texts of a workbook take in memory, the places counted. A million
	// persons with number, name and account each once take some 80 MiB.
	maxTexts = 256 << 20
	// textCost is what a text takes beyond its bytes: its place, and room for the list to grow.
	textCost = 8

	chunkBits  = 20
	chunkBytes = 1 << chunkBits
)

// texts are the texts that the cells of all sheets share: in chunks, so that nothing is copied when
// there are more, and without a pointer for each.
type texts struct {
	chunks [][]byte // of texts, each behind its length
	places []uint32 // chunk and offset in it
	cost   int
}

// readTexts reads the shared texts of a workbook. Without the part there are none.
func readTexts(archive *parts, name string) (texts, error) {
	var t texts
	if name == "" {
		return t, nil
	}
	part, err := archive.open(name, archive.max)
	if err != nil {
		return t, err
	}
	defer part.Close()
	x := newXML(part)
	if err := x.root("sst"); err != nil {
		return t, err
	}
	var text []byte
	for {
		kind, err := x.next()
		switch {
		case err != nil || kind == endOfPart:
			return t, err
		case kind != startTag:
		case string(x.name) != "si":
			if err := x.skip(); err != nil {
				return t, err
			}
		default:
			if text, err = x.richText(text[:0]); err != nil {
				return t, err
			}
			if err := t.add(unescapeXString(text), part.size); err != nil {
				return t, err
			}
		}
	}
}

// add keeps a text. expected is how many bytes there may be in all.
func (t *texts) add(text []byte, expected int64) error {
	if t.cost += len(text) + textCost; t.cost > maxTexts {
		return unfit("the texts that the workbook's cells share take more than %d MiB; save the sheet as CSV", maxTexts>>20)
	}
	need := len(text) + binary.MaxVarintLen32
	last := len(t.chunks) - 1
	if last < 0 || cap(t.chunks[last])-len(t.chunks[last]) < need {
		t.chunks = append(t.chunks, make([]byte, 0, max(need, int(min(chunkBytes, expected)))))
		last++
	}
	chunk := t.chunks[last]
	t.places = append(t.places, uint32(last<<chunkBits|len(chunk)))
	chunk = binary.AppendUvarint(chunk, uint64(len(text)))
	t.chunks[last] = append(chunk, text...)
	return nil
}

// get is the text of a number, from 0, if it is one.
func (t *texts) get(n int, ok bool) ([]byte, bool) {
	if !ok || n >= len(t.places) {
		return nil, false
	}
	place := t.places[n]
	chunk := t.chunks[place>>chunkBits][place&(chunkBytes-1):]
	length, size := binary.Uvarint(chunk)
	return chunk[size : size+int(length)], true
}

// root goes into the part's root element.
func (x *xmlReader) root(name string) error {
	for {
		kind, err := x.next()
		if err != nil {
			return err
		}
		if kind == startTag {
			if string(x.name) != name {
				return unfit("the part %s does not begin with %s", x.part.name, name)
			}
			return nil
		}
	}
}

// richText appends the text of the element that has just begun: its own, or that of its runs one
// behind the other. How it is read aloud (rPh) is no part of it.
func (x *xmlReader) richText(dst []byte) ([]byte, error) {
	for depth := len(x.starts); ; {
		kind, err := x.next()
		if err != nil {
			return dst, err
		}
		switch {
		case kind == endTag && len(x.starts) < depth:
			return dst, nil
		case kind != startTag:
		case string(x.name) == "t":
			if dst, err = x.content(dst); err != nil {
				return dst, err
			}
		case string(x.name) == "r" && len(x.starts) == depth+1:
		default:
			if err := x.skip(); err != nil {
				return dst, err
			}
		}
	}
}
