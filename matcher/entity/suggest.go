package entity

import (
	"cmp"
	"slices"
)

const (
	// maxSuggested is how many entities are suggested for a record: whoever looks at more guesses.
	maxSuggested = 5
	// maxAlike is how many records may share a name, representative or address that still says something. It bounds what is held
	// against a record.
	maxAlike = 50
)

// Suggest says to which entities a registration may belong that no rule can place, though its name, representative or address is
// only alike: a LINK_REVIEW that no file has. id is of an entity that is this one registration, without a valid USCC. ok is false where there is
// nothing to suggest.
func (s *Standing) Suggest(id ID) (e *Entity, f Finding, ok bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	b := s.bodyOf(id)
	if b == 0 || !s.isLonely(b) {
		return nil, Finding{}, false
	}
	c := clerk{Standing: s}
	e = c.judge(b)
	candidates := c.suggested(b, &e.Members[0], s.entities.at(b).first)
	if len(candidates) == 0 {
		return nil, Finding{}, false
	}
	return e, Finding{
		Kind: KindLinkReview, Entity: e.ID, Code: e.Code, Detail: e.Members[0].SourceKey(), Authority: -1, Sides: []Side{{Member: 0}}, Candidates: candidates,
	}, true
}

// AllLonely lists the entities that Suggest may have something to say of.
func (s *Standing) AllLonely() (lonely []ID) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	s.eachBody(func(b uint32) {
		if s.isLonely(b) {
			lonely = append(lonely, s.entities.at(b).id)
		}
	})
	return lonely
}

// Lonely lists those about which it may say otherwise because some entities changed.
func (s *Standing) Lonely(changed []ID) []ID {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var lonely []ID
	note := func(b uint32) {
		if s.isLonely(b) {
			lonely = append(lonely, s.entities.at(b).id)
		}
	}
	for _, id := range changed {
		b := s.bodyOf(id)
		if b == 0 {
			continue
		}
		note(b)
		for n := s.entities.at(b).first; n != 0; n = s.held.at(n).next {
			s.eachAlike(n, func(m uint32) bool {
				note(s.held.at(m).entity)
				return true
			})
		}
	}
	slices.Sort(lonely)
	return slices.Compact(lonely)
}

func (s *Standing) bodyOf(id ID) uint32 {
	if id >= s.roll.next() {
		return 0
	}
	return s.roll.bodies[id]
}

// isLonely says whether an entity is one registration without a valid USCC that nothing was found for, nor anything doubtful.
func (s *Standing) isLonely(b uint32) bool {
	body := s.entities.at(b)
	h := s.held.at(body.first)
	return h.next == 0 && body.sibling == b && h.head == 0 && h.flags&(flagTorn|flagApart|flagGone) == 0 && !s.isPlaceholder(h)
}

// eachAlike calls fn for records with the same name, or the same representative or address in the same division, as far as hashes
// tell, until it returns false. What very many share says nothing.
func (s *Standing) eachAlike(n uint32, fn func(m uint32) bool) {
	h, more := s.held.at(n), true
	for at := h.traits; at < h.traits+uint32(h.nTraits) && more; at++ {
		if list := s.traits.listOf(at); s.traits.count(list) <= maxAlike {
			s.traits.each(list, func(m uint32) bool {
				more = m == n || fn(m)
				return more
			})
		}
	}
}

// suggested holds a record against the entities that share something with it, but for those that officers said are others.
func (c *clerk) suggested(b uint32, self *Record, n uint32) []Candidate {
	k := seeker{linker: &c.linker}
	k.self = *self
	k.bar(n)
	near := map[uint32]bool{} // entities
	c.eachAlike(n, func(m uint32) bool {
		h := c.held.at(m)
		if h.entity != b && !slices.Contains(k.barred, h.comp) {
			near[h.entity] = true
		}
		return true
	})
	if c.other == nil {
		c.other = &clerk{Standing: c.Standing}
	}
	var candidates []Candidate
	for body := range near {
		e := c.other.open(body)
		like := c.bench.Alike(self, e.Members)
		if !like.Worth {
			continue
		}
		c.bench.Judge(e)
		m := &e.Members[0]
		candidates = append(candidates, Candidate{Entity: e.ID, Code: e.Code, Name: e.Golden[FieldName].Value, Source: m.Source, Key: m.Key, For: like.For, Against: like.Against})
	}
	slices.SortFunc(candidates, func(x, y Candidate) int {
		return cmp.Or(cmp.Compare(len(x.Against)-len(x.For), len(y.Against)-len(y.For)), cmp.Compare(x.Code, y.Code), cmp.Compare(x.Entity, y.Entity))
	})
	return candidates[:min(len(candidates), maxSuggested)]
}
