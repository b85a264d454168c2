package search

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"hebian/schemas/ident"
)

// form gives a text as it is looked for: as names are compared (ident.NameKey), and beyond that without hyphens, in upper case, with one
// kind of brackets and one of dots. What officers type differs in these, and nothing is lost where one hit too many comes up.
// It is the same for names and codes, so that a query has one form.
func form(s string) string {
	return strings.Map(fold, ident.NameKey(strings.ToValidUTF8(s, "\uFFFD")))
}

func fold(r rune) rune {
	switch r {
	case '[', '【', '〔':
		return '('
	case ']', '】', '〕':
		return ')'
	case '.', '•', '・', '‧', '∙', '⋅': // a name that is cut in two there no longer shows what its dot is
		return '·'
	case '-', 0x00AD, 0x2010, 0x2011, 0x2012, 0x2013, 0x2014, 0x2015, 0x2212:
		return -1
	}
	if r > 0x2FFF { // nearly all characters, and no case among them that matters
		return r
	}
	return unicode.ToUpper(r)
}

// A mark is what a gram, a piece of a text, leaves on a card. Many grams leave the same one: it says that one of them may be there.
type mark uint16

// markCount is how many there are, in all realms: 104 bytes for each card.
const markCount = 832

// A realm is the marks that grams of a kind share. Kinds are apart because what is frequent in one would hide what is rare in another:
// if the two characters of a rare name left the marks of 公司 and of the digit 1, it would be looked for on every card.
type realm struct{ first, size uint64 }

// gram is a piece of a text as a number, and where its marks are.
type gram struct {
	realm realm
	value uint64
}

// single is one character.
func single(r rune) gram {
	if r < utf8.RuneSelf {
		return gram{realm{0, 64}, uint64(r)}
	}
	return gram{realm{64, 160}, uint64(r)}
}

// pair is two characters side by side.
func pair(a, b rune) gram {
	value := uint64(a)<<32 | uint64(b)
	if a < utf8.RuneSelf && b < utf8.RuneSelf {
		return gram{realm{224, 160}, value}
	}
	return gram{realm{384, 256}, value}
}

// beginnings are how many characters of a text's beginning make a gram. One tells too little: where nearly all codes hold a division
// and many begin with its first digit, few begin with the division.
var beginnings = [...]int{1, 2, 4, 6, 8}

// longGrams gives the n beginnings of a text, shortest first, and the whole of it.
func longGrams(form string) (starts [len(beginnings)]gram, n int, whole gram) {
	in := realm{640, 192}
	hash, length := uint64(1), 0
	for _, r := range form {
		hash = hash*0x100000001b3 + uint64(r)
		if length++; n < len(beginnings) && length == beginnings[n] {
			starts[n] = gram{in, hash}
			n++
		}
	}
	return starts, n, gram{in, ^hash}
}

// marks are the two of a gram; of a digit or a letter they are one.
func (g gram) marks() [2]mark {
	if g.realm.first == 0 {
		m := mark(g.value % g.realm.size) // each has its own
		return [2]mark{m, m}
	}
	hash := g.value * 0x9e3779b97f4a7c15
	hash = (hash ^ hash>>32) * 0x9e3779b97f4a7c15
	return [2]mark{mark(g.realm.first + hash>>32%g.realm.size), mark(g.realm.first + hash>>40%g.realm.size)}
}

// eachMark gives all that a text leaves on a card.
func eachMark(form string, fn func(mark)) {
	leave := func(g gram) {
		for _, m := range g.marks() {
			fn(m)
		}
	}
	last := rune(0)
	for i, r := range form {
		leave(single(r))
		if i > 0 {
			leave(pair(last, r))
		}
		last = r
	}
	starts, n, whole := longGrams(form)
	for _, g := range starts[:n] {
		leave(g)
	}
	leave(whole)
}

// marksWithin are those on every card with a text that holds this one: of its pairs of characters, or of its only one.
func marksWithin(form string) []mark {
	var marks []mark
	last := rune(0)
	for i, r := range form {
		if i > 0 {
			marks = addMarks(marks, pair(last, r))
		}
		last = r
	}
	if marks == nil {
		marks = addMarks(nil, single(last))
	}
	return marks
}

// addMarks adds the marks of grams to others, each once: so there are never more than markCount.
func addMarks(marks []mark, grams ...gram) []mark {
	for _, g := range grams {
		for _, m := range g.marks() {
			if !slices.Contains(marks, m) {
				marks = append(marks, m)
			}
		}
	}
	return marks
}
