package entity

import (
	"maps"
	"slices"
)

// draft is an entity that is about to be.
type draft struct {
	members []uint32
	apart   bool // it is one record that splitting found no part for
	clash   bool // it is the part with the smallest USCC of a component that was split
	more    bool // the next draft is of the same component
	body    uint32
	id      ID
	born    bool // no entity had the ID just before
}

// drafts makes entities of groups: one of each, where the group has not several USCCs.
func (g *region) drafts(groups [][]uint32) []draft {
	drafts := make([]draft, 0, len(groups))
	for _, members := range groups {
		if !g.clashes(members) {
			drafts = append(drafts, draft{members: members})
			continue
		}
		drafts = append(drafts, g.split(members)...)
		drafts[len(drafts)-1].more = false
	}
	return drafts
}

// clashes says whether the records have different USCCs.
func (g *region) clashes(members []uint32) bool {
	var one *held
	for _, n := range members {
		h := g.held.at(n)
		switch {
		case h.head == 0:
		case one == nil:
			one = h
		case !g.sameUSCC(one, h):
			return true
		}
	}
	return false
}

// split makes a part of each USCC. A record without one goes to the part that it fits, or stays apart.
func (g *region) split(members []uint32) []draft {
	p := g.partsOf(members)
	drafts := make([]draft, len(p.members), len(members))
	for i, part := range p.members {
		drafts[i] = draft{members: part, clash: i == 0, more: true}
	}
	for _, n := range p.rest {
		h := g.held.at(n)
		h.flags &^= flagApart
		if part := p.home(n); part >= 0 {
			drafts[part].members = append(drafts[part].members, n)
			continue
		}
		drafts = append(drafts, draft{members: []uint32{n}, apart: true, more: true})
		if len(p.open(n, 1)) > 0 {
			h.flags |= flagApart
		}
	}
	return drafts
}

// parts are the records of a component: those with a USCC by that, and the rest.
type parts struct {
	*linker
	uscc    []string   // in order
	members [][]uint32 // of each
	rest    []uint32
	partOf  map[uint32]int      // by record
	byCode  map[uint32][]uint32 // records by list of codes, in the order of their parts
	byTrait map[uint32][]uint32 // the same by list of representatives and addresses
	self    Record
	other   Record
}

// partsOf finds the parts of a component.
func (l *linker) partsOf(members []uint32) *parts {
	p := &parts{linker: l, partOf: map[uint32]int{}, byCode: map[uint32][]uint32{}, byTrait: map[uint32][]uint32{}}
	byUSCC := map[string][]uint32{}
	for _, n := range members {
		if l.held.at(n).head == 0 {
			p.rest = append(p.rest, n)
			continue
		}
		l.load(n, &p.self)
		byUSCC[p.self.USCC] = append(byUSCC[p.self.USCC], n)
	}
	p.uscc = slices.Sorted(maps.Keys(byUSCC))
	for i, uscc := range p.uscc {
		p.members = append(p.members, byUSCC[uscc])
		for _, n := range byUSCC[uscc] {
			p.note(n, i)
		}
	}
	return p
}

// note notes what a part is found by.
func (p *parts) note(n uint32, part int) {
	p.partOf[n] = part
	h := p.held.at(n)
	p.eachCode(h, func(list uint32) {
		if p.links(list) {
			p.byCode[list] = append(p.byCode[list], n)
		}
	})
	p.eachTrait(h, func(list uint32) { p.byTrait[list] = append(p.byTrait[list], n) })
}

// eachTrait calls fn for the lists of a record's representative and address.
func (p *parts) eachTrait(h *held, fn func(list uint32)) {
	for at := h.traits + uint32(h.nNames); at < h.traits+uint32(h.nTraits); at++ {
		fn(p.traits.listOf(at))
	}
}

// rule is one of those that lead a record without USCC to a part, in their order. Officers come first.
type rule int

const (
	byOfficers rule = iota
	byOrgCode
	byNumber
	byNames
	numRules
)

// home gives the part that a record without USCC goes to: that of the first rule that fits exactly one; -1 if there is none.
func (p *parts) home(n uint32) int {
	for r := range numRules {
		if fit := p.fit(n, r, 2); len(fit) == 1 {
			return fit[0]
		}
	}
	return -1
}

// fit gives the parts that a record fits by a rule, in order, and no more than so many.
func (p *parts) fit(n uint32, r rule, most int) (fit []int) {
	barred := p.saidOf(n, false)
	note := func(records []uint32, fits func(m uint32) bool) {
		last := -1
		for i, left := 0, most; i < len(records) && left > 0; i++ {
			if part := p.partOf[records[i]]; part != last && !slices.Contains(barred, part) && fits(records[i]) {
				last, fit = part, append(fit, part)
				left--
			}
		}
	}
	switch h := p.held.at(n); r {
	case byOfficers:
		fit = slices.DeleteFunc(p.saidOf(n, true), func(part int) bool { return slices.Contains(barred, part) })
	case byOrgCode, byNumber:
		p.eachCode(h, func(list uint32) {
			if (p.codes.key(list)&isNumber != 0) == (r == byNumber) {
				note(p.byCode[list], func(uint32) bool { return true })
			}
		})
	case byNames:
		p.load(n, &p.self)
		p.eachTrait(h, func(list uint32) {
			note(p.byTrait[list], func(m uint32) bool {
				p.load(m, &p.other)
				return p.fits(&p.self, &p.other)
			})
		})
	}
	slices.Sort(fit)
	fit = slices.Compact(fit)
	return fit[:min(len(fit), most)]
}

// saidOf gives the parts with a record that officers said is of the same entity as one, or of another.
func (p *parts) saidOf(n uint32, same bool) []int {
	if p.held.at(n).flags&flagDecided == 0 {
		return nil
	}
	var said []int
	for _, v := range p.said[p.key(n)] {
		for _, m := range p.decided[v.other] {
			if part, known := p.partOf[m]; known && v.same == same {
				said = with(said, part)
			}
		}
	}
	return said
}

// open gives the parts that a record may still be looked at for: those that it fits, else all but what officers barred; the first of
// them, and no more than so many.
func (p *parts) open(n uint32, most int) (open []int) {
	for r := range numRules {
		open = append(open, p.fit(n, r, most)...)
	}
	slices.Sort(open)
	if open = slices.Compact(open); len(open) > 0 {
		return open[:min(len(open), most)]
	}
	barred := p.saidOf(n, false)
	for part := 0; part < len(p.members) && len(open) < most; part++ {
		if !slices.Contains(barred, part) {
			open = append(open, part)
		}
	}
	return open
}

// with adds a part to some that are in order.
func with(parts []int, part int) []int {
	at, there := slices.BinarySearch(parts, part)
	if there {
		return parts
	}
	return slices.Insert(parts, at, part)
}
