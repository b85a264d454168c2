package state

import (
	"slices"

	"hebian/hub"
	"hebian/schemas/ident"
)

// words are the texts that the rows of one table refer to by number. They stay when the last row
// that refers to them goes: what agencies send anew is mostly the same.
type words struct {
	units     texts
	names     texts    // keys of names
	spellings texts    // names as written
	keys      []uint32 // number of the key of a spelling, by the number of the spelling - 1
	bad       texts    // identity numbers that give no person key
	files     texts
	origins   [][]origin // by topic
}

func newWords() words {
	return words{units: newTexts(), names: newTexts(), spellings: newTexts(), bad: newTexts(), files: newTexts()}
}

// name numbers the key of a name. The key of a spelling is looked for once.
func (w *words) name(spelling []byte) uint32 {
	n := w.spellings.number(spelling)
	if int(n) > len(w.keys) {
		w.keys = append(w.keys, w.keyOf(w.spellings.texts[n-1]))
	}
	return w.keys[n-1]
}

func (w *words) keyOf(spelling string) uint32 {
	name := ident.NameKey(spelling) // mostly the spelling itself, and then the same bytes
	key, known := w.names.numbers[name]
	if !known {
		key = w.names.add(name)
	}
	return key
}

// comesFrom notes the file of a batch.
func (w *words) comesFrom(file string, topic int, b *hub.Batch) {
	for len(w.origins) <= topic {
		w.origins = append(w.origins, nil)
	}
	o := origin{b.Base, b.Base + int64(len(b.Records)), w.files.number([]byte(file))}
	runs := w.origins[topic]
	i, _ := slices.BinarySearchFunc(runs, o.base, origin.compare)
	if i > 0 && runs[i-1].end == o.base && runs[i-1].file == o.file {
		runs[i-1].end = o.end
		return
	}
	w.origins[topic] = slices.Insert(runs, i, o)
}

// fileOf is the file that a row came with.
func (w *words) fileOf(ref Ref) string {
	runs := w.origins[ref.topic()]
	i, _ := slices.BinarySearchFunc(runs, ref.Offset()+1, origin.compare)
	return w.files.texts[runs[i-1].file-1]
}

// An origin is a run of offsets, from base to before end, that came with one file. Rows themselves
// hold no file: it is asked for so rarely that looking it up costs less.
type origin struct {
	base, end int64
	file      uint32
}

func (o origin) compare(base int64) int {
	switch {
	case o.base < base:
		return -1
	case o.base > base:
		return 1
	}
	return 0
}

// texts numbers texts from 1 on.
type texts struct {
	numbers map[string]uint32
	texts   []string // by number - 1
	last    uint32   // rows beside each other often bear the same text
}

func newTexts() texts { return texts{numbers: map[string]uint32{}} }

func (t *texts) number(text []byte) uint32 {
	if t.last != 0 && t.texts[t.last-1] == string(text) {
		return t.last
	}
	n, known := t.numbers[string(text)]
	if !known {
		n = t.add(string(text))
	}
	t.last = n
	return n
}

func (t *texts) add(text string) uint32 {
	t.texts = append(t.texts, text)
	n := uint32(len(t.texts))
	t.numbers[text] = n
	return n
}
