package search

import (
	"cmp"
	"math/bits"
	"slices"
	"strings"
	"sync"
)

const (
	rackCards   = 64 // as many as a word has bits
	drawerRacks = 64 // so that a mark's bits fill eight lines of the processor's cache
	drawerCards = drawerRacks * rackCards
)

// A drawer holds the cards of entities with neighbouring IDs. Each card leaves marks, by which nearly all that don't hold a text are
// passed over, 64 at a time; what is left is read. A text of frequent pieces costs little more than one of rare ones.
type drawer struct {
	mu    sync.RWMutex // guards all below
	racks [drawerRacks]rack
	marks [markCount][drawerRacks]uint64 // has a bit for each card that bears something with this mark
}

// put replaces a card; an empty one is no card.
func (d *drawer) put(n int, card string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := &d.racks[n/rackCards]
	old := r.card(n % rackCards)
	if old == card {
		return
	}
	d.mark(n, old, false)
	d.mark(n, card, true)
	r.replace(n%rackCards, card)
}

// mark sets the bits of what a card leaves, or clears them: they are this card's alone.
func (d *drawer) mark(n int, card string, set bool) {
	bit := uint64(1) << (n % rackCards)
	for len(card) > 0 {
		var t text
		t, card = cutText(card)
		eachMark(t.form, func(m mark) {
			if word := &d.marks[m][n/rackCards]; set {
				*word |= bit
			} else {
				*word &^= bit
			}
		})
	}
}

// find goes through the cards. The first of them is that of an entity with this ID.
func (d *drawer) find(first uint64, s *seeker) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	wanted := s.wanted()
	left := d.marks[wanted[0]]
	for _, m := range wanted[1:] {
		some := uint64(0)
		for i, word := range &d.marks[m] {
			left[i] &= word
			some |= left[i]
		}
		if some == 0 {
			return
		}
	}
	for i, word := range left {
		for ; word != 0; word &= word - 1 {
			n := bits.TrailingZeros64(word)
			r := rankOf(d.racks[i].card(n), s.text)
			if r >= s.below {
				continue
			}
			if s.add(r, first+uint64(i*rackCards+n)); s.below == 0 {
				return
			}
		}
	}
}

// rack holds 64 cards, one behind the other.
type rack struct {
	cards string
	ends  [rackCards]uint32 // by card
}

func (r *rack) card(n int) string {
	start := uint32(0)
	if n > 0 {
		start = r.ends[n-1]
	}
	return r.cards[start:r.ends[n]]
}

func (r *rack) replace(n int, card string) {
	end := r.ends[n]
	start := end - uint32(len(r.card(n)))
	r.cards = r.cards[:start] + card + r.cards[end:]
	for i := n; i < rackCards; i++ {
		r.ends[i] += start + uint32(len(card)) - end
	}
}

// text is one of an entity's, in its form.
type text struct {
	kind kind
	form string
}

// kind says what a text is. On a card each text has its kind before it: bytes that occur in no UTF-8, so that whatever is looked for
// lies within one text.
type kind byte

const (
	kindCode kind = 0xF8 + iota
	kindName
	kindFormer
)

// cardOf writes a card. The same texts make the same card.
func cardOf(codes, names, former []string) string {
	texts := make([]text, 0, 8)
	for i, all := range [...][]string{codes, names, former} {
		for _, s := range all {
			if f := form(s); f != "" {
				texts = append(texts, text{kindCode + kind(i), f})
			}
		}
	}
	slices.SortFunc(texts, func(a, b text) int { return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.form, b.form)) })
	var card strings.Builder
	for _, t := range slices.Compact(texts) {
		card.WriteByte(byte(t.kind))
		card.WriteString(t.form)
	}
	return card.String()
}

// cutText takes the first text off a card.
func cutText(card string) (t text, rest string) {
	end := 1
	for end < len(card) && card[end] < byte(kindCode) {
		end++
	}
	return text{kind(card[0]), card[1:end]}, card[end:]
}

// rankOf says how well a card fits what is looked for.
func rankOf(card, wanted string) rank {
	best := ranks
	if !strings.Contains(card, wanted) { // its marks are those of other grams, or its grams stand apart
		return best
	}
	for len(card) > 0 {
		var t text
		t, card = cutText(card)
		best = min(best, t.rank(wanted))
	}
	return best
}

func (t text) rank(wanted string) rank {
	var of rank
	if t.kind == kindFormer {
		of = rankFormer
	}
	switch {
	case t.form == wanted && t.kind == kindCode:
		return of + rank(Code)
	case t.form == wanted:
		return of + rank(Name)
	case strings.HasPrefix(t.form, wanted):
		return of + rank(Prefix)
	case strings.Contains(t.form, wanted):
		return of + rank(Part)
	}
	return ranks
}
