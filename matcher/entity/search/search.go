// Package search finds legal entities by what an officer types: a code or a part of one, a name or any part of one, borne today
// or formerly. It holds everything in memory, and of a text only the form in which it is looked for; it links and judges nothing.
package search

import (
	"slices"
	"sync"
)

// MaxHits bounds what one Find gives. Nobody reads further: whoever sees so many types more.
const MaxHits = 1000

// maxEntities is above every ID. Numbers of entities are counted up, and this is more than a counter comes to; a drawer's place in the
// list costs eight bytes even where it is empty.
const maxEntities = 1 << 32

// Match says how a query fits what an entity bears.
type Match uint8

// How a query fits, best first.
const (
	Code   Match = iota // it is a code
	Name                // it is a name
	Prefix              // a code or a name begins with it
	Part                // it stands within one
)

// Hit is an entity that a query fits, by the best of all that it bears.
type Hit[ID ~uint64] struct {
	ID     ID
	Match  Match
	Former bool // none of today's texts fits; of former ones a whole code is a Name too
}

// Index holds the codes and names of entities. IDs should be counted up from a small number: those near each other lie together.
//
// All of it may be used by several goroutines at once. A Find sees each entity as it was at some moment while it ran. The lock of the
// list of drawers is taken before a drawer's, and neither is held while waiting for anything else.
type Index[ID ~uint64] struct {
	mu      sync.RWMutex // guards drawers
	drawers []*drawer    // by ID; nil: of entities that never were
}

// New makes an empty index.
func New[ID ~uint64]() *Index[ID] { return &Index[ID]{} }

// Put says what an entity bears from now on: codes, names, and texts of both kinds that it bore formerly. An ID of 2³² and above panics.
func (x *Index[ID]) Put(id ID, codes, names, former []string) {
	x.grow(uint64(id)/drawerCards).put(int(uint64(id)%drawerCards), cardOf(codes, names, former))
}

// Remove takes an entity out.
func (x *Index[ID]) Remove(id ID) {
	if d, _ := x.drawer(uint64(id) / drawerCards); d != nil {
		d.put(int(uint64(id)%drawerCards), "")
	}
}

// Find gives entities that a query fits, up to limit of them and MaxHits: those that bear it today first, of these by Match, and then by ID.
// Width, case, white space, hyphens and the kind of brackets don't matter.
func (x *Index[ID]) Find(query string, limit int) []Hit[ID] {
	s := newSeeker(query, min(limit, MaxHits))
	for n := uint64(0); s.below > 0; n++ {
		d, more := x.drawer(n)
		if !more {
			break
		}
		if d != nil {
			d.find(n*drawerCards, s)
		}
	}
	var hits []Hit[ID]
	for r, ids := range s.found {
		for _, id := range ids[:min(len(ids), s.limit-len(hits))] {
			hits = append(hits, Hit[ID]{ID: ID(id), Match: rank(r).match(), Former: rank(r).former()})
		}
	}
	return hits
}

// drawer gives the n-th drawer, nil where there is none, and says whether there are any from there on.
func (x *Index[ID]) drawer(n uint64) (d *drawer, more bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if n >= uint64(len(x.drawers)) {
		return nil, false
	}
	return x.drawers[n], true
}

// grow gives the n-th drawer, which it makes where there is none.
func (x *Index[ID]) grow(n uint64) *drawer {
	if d, _ := x.drawer(n); d != nil {
		return d
	}
	if n >= maxEntities/drawerCards {
		panic("search: an entity's number is beyond all that are counted")
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	for uint64(len(x.drawers)) <= n {
		x.drawers = append(x.drawers, nil)
	}
	if x.drawers[n] == nil {
		x.drawers[n] = new(drawer)
	}
	return x.drawers[n]
}

// rank orders hits: by whether the text is borne today, then by Match.
type rank uint8

const (
	rankFormer rank = rank(Part) + 1 // of a former text that is a code; those of others follow
	ranks           = 2 * rankFormer // above all of them: no hit
)

func (r rank) match() Match { return Match(r % rankFormer) }
func (r rank) former() bool { return r >= rankFormer }

// A seeker looks for one text. It goes through the entities in the order of their IDs, and wants the less of them the more it has.
type seeker struct {
	text  string // in the form that cards have
	limit int
	found [ranks][]uint64 // by rank, each in order
	below rank            // only better ranks than this can still be among the first limit hits
	marks [3][]mark       // of what the text leaves on any card, and more of them on cards that begin with it and on those that are it
}

// Which marks a card must have.
const (
	anywhere = iota
	begins
	whole
)

func newSeeker(query string, limit int) *seeker {
	s := &seeker{text: form(query), limit: limit, below: ranks}
	if s.text == "" || limit <= 0 {
		s.below = 0
		return s
	}
	s.marks[anywhere] = marksWithin(s.text)
	starts, n, all := longGrams(s.text)
	s.marks[begins] = addMarks(slices.Clone(s.marks[anywhere]), starts[:n]...)
	s.marks[whole] = addMarks(slices.Clone(s.marks[begins]), all)
	return s
}

// wanted are the marks that every card has which may still become a hit.
func (s *seeker) wanted() []mark {
	switch {
	case s.below > rank(Part):
		return s.marks[anywhere]
	case s.below > rank(Prefix):
		return s.marks[begins]
	}
	return s.marks[whole]
}

// add takes a hit down and no longer wants those that come too late from now on.
func (s *seeker) add(r rank, id uint64) {
	s.found[r] = append(s.found[r], id)
	have := 0
	for q := range s.below {
		if have += len(s.found[q]); have >= s.limit {
			s.below = q
			return
		}
	}
}
