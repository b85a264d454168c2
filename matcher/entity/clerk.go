package entity

import (
	"cmp"
	"encoding/binary"
	"hash/maphash"
	"slices"
)

// body is an entity as it is kept: its members are packed, and of what is found as much as tells whether it changed.
type body struct {
	id      ID
	first   uint32 // member; the others follow it
	sibling uint32 // the next of those split from one component, in a ring; mostly itself
	print   uint64 // of the golden record
	kept    []kept // in the order of their keys
	flags   uint8
}

const (
	bodyApart    = 1 << iota // one record that splitting found no part for
	bodyClash                // the part with the smallest USCC of a component that was split
	bodyNew                  // nobody has heard of it
	bodyEyed                 // some record under review may belong to it
	bodyDayBound             // another day may bring other findings
)

// kept is what is kept of a finding.
type kept struct {
	detail  string
	grounds uint64
	kind    uint8 // in kinds
	state   uint8 // in states
}

var (
	kinds  = [...]Kind{KindConflict, KindBadCode, KindLinkReview, KindOrphan, KindDuplicateCode, KindCodeClash}
	states = [...]string{"", StateLag, StateConflict}
)

const (
	// maxCandidates is how many entities an officer is shown for a record.
	maxCandidates = 10
	// maxNear is how many records are looked at for them. Where there are more, the name and the rest of it say nothing.
	maxNear = 200
)

// clerk puts entities together from packed records. What it hands out it uses again for the next one.
type clerk struct {
	*Standing
	entity  Entity
	numbers []uint32 // of the members
	sorted  bool     // they were not kept in this order
	order   []int
	spare   []Record
	spared  []uint32
	other   *clerk   // for candidates
	eyed    []uint32 // entities that were looked at for them
	text    []byte   // what is hashed
	fetched []uint32
	parts   *parts // of the component looked at last
	around  uint32 // an entity of that
}

// fetch brings the records of some entities near, side by side: one after the other, judging would mostly wait for memory.
func (c *clerk) fetch(bodies []uint32) (sum uint64) {
	c.fetched = c.fetched[:0]
	for _, b := range bodies {
		c.fetched = append(c.fetched, c.entities.at(b).first)
	}
	for len(c.fetched) > 0 {
		left := c.fetched[:0]
		for _, n := range c.fetched {
			h := c.held.at(n)
			sum += uint64(c.arena.blocks[h.at.block()].bytes[h.at.byte()+arenaHead+atRest])
			if h.next != 0 {
				left = append(left, h.next)
			}
		}
		c.fetched = left
	}
	return sum
}

// open unpacks an entity, not yet judged.
func (c *clerk) open(b uint32) *Entity {
	body := c.entities.at(b)
	e := &c.entity
	*e = Entity{ID: body.id, Members: e.Members[:0], Homes: e.Homes[:0], Review: e.Review[:0], Candidates: e.Candidates[:0]}
	c.numbers = c.numbers[:0]
	for n := body.first; n != 0; n = c.held.at(n).next {
		if len(e.Members) < cap(e.Members) {
			e.Members = e.Members[:len(e.Members)+1]
		} else {
			e.Members = append(e.Members, Record{})
		}
		c.load(n, &e.Members[len(e.Members)-1])
		c.numbers = append(c.numbers, n)
	}
	c.sort()
	if body.flags&bodyApart != 0 {
		e.Code = e.Members[0].SourceKey()
	} else {
		e.Code = CodeOf(e.Members)
	}
	return e
}

// sort puts the members into their order. Mostly they are in it.
func (c *clerk) sort() {
	members := c.entity.Members
	c.sorted = false
	for i := 1; i < len(members) && !c.sorted; i++ {
		c.sorted = members[i].Compare(&members[i-1]) < 0
	}
	if !c.sorted {
		return
	}
	c.order = c.order[:0]
	for i := range members {
		c.order = append(c.order, i)
	}
	slices.SortFunc(c.order, func(i, j int) int { return members[i].Compare(&members[j]) })
	to, numbers := c.spare[:0], c.spared[:0]
	for _, i := range c.order {
		to, numbers = append(to, members[i]), append(numbers, c.numbers[i])
	}
	c.entity.Members, c.spare = to, members
	c.numbers, c.spared = numbers, c.numbers
}

// judge judges an entity, with all that linking says of it.
func (c *clerk) judge(b uint32) *Entity {
	e := c.open(b)
	for i, n := range c.numbers {
		h := c.held.at(n)
		if h.flags&(flagTorn|flagApart) != 0 || c.isPlaceholder(h) {
			e.Review = append(e.Review, i)
			e.Candidates = append(e.Candidates, c.candidates(b, i, n))
		}
	}
	if c.entities.at(b).flags&bodyClash != 0 {
		e.Clash = c.partsAround(b).uscc
	}
	c.bench.Judge(e)
	for i := range e.Findings {
		if f := &e.Findings[i]; f.Kind == KindCodeClash { // an officer has to see what clashes
			f.Candidates = c.candidatesOf(b, &e.Members[0], c.component(b))
		}
	}
	return e
}

// component gives the records of an entity and of those split from the same component.
func (c *clerk) component(first uint32) []uint32 {
	var all []uint32
	for b := first; ; {
		for n := c.entities.at(b).first; n != 0; n = c.held.at(n).next {
			all = append(all, n)
		}
		if b = c.entities.at(b).sibling; b == first {
			return all
		}
	}
}

// partsAround gives the parts of the component that an entity was split from. It keeps those of the last one.
func (c *clerk) partsAround(b uint32) *parts {
	first := b // by which the component is known
	for at := c.entities.at(b).sibling; at != b; at = c.entities.at(at).sibling {
		first = min(first, at)
	}
	if c.parts == nil || c.around != first {
		c.parts, c.around = c.partsOf(c.component(b)), first
	}
	return c.parts
}

// candidates gives the entities that a member, which is under review, may belong to, in the order of their codes.
func (c *clerk) candidates(b uint32, member int, n uint32) []Candidate {
	h := c.held.at(n)
	var anchors []uint32
	if h.flags&flagTorn != 0 {
		anchors = c.found(n)
	}
	if h.flags&flagApart != 0 {
		p := c.partsAround(b)
		for _, part := range p.open(n, maxCandidates) {
			anchors = append(anchors, p.members[part]...)
		}
	}
	candidates := c.candidatesOf(b, &c.entity.Members[member], anchors)
	if c.isPlaceholder(h) {
		candidates = append(candidates, Candidate{Against: []Reason{ReasonPlaceholderCode}})
	}
	return candidates
}

// found gives the records that rule 4 finds for a lone one, none where there are too many to look at.
func (c *clerk) found(n uint32) []uint32 {
	near := map[uint32]bool{}
	c.near(n, func(m uint32) bool {
		near[m] = true
		return len(near) <= maxNear
	})
	if len(near) > maxNear {
		return nil
	}
	k := seeker{linker: &c.linker}
	c.load(n, &k.self)
	k.bar(n)
	var found []uint32
	for m := range near {
		if k.isOther(m, 0) {
			found = append(found, m)
		}
	}
	return found
}

// candidatesOf makes candidates of other entities, each with its first record among some.
func (c *clerk) candidatesOf(b uint32, self *Record, anchors []uint32) []Candidate {
	if len(anchors) == 0 {
		return nil
	}
	if c.other == nil {
		c.other = &clerk{Standing: c.Standing}
	}
	firsts := map[uint32]Record{}
	for _, n := range anchors {
		of := c.held.at(n).entity
		var r Record
		c.load(n, &r)
		if first, known := firsts[of]; of != b && (!known || r.Compare(&first) < 0) {
			firsts[of] = r
		}
	}
	type anchored struct {
		body   uint32
		code   string
		anchor Record
	}
	var all []anchored
	for of, r := range firsts {
		all = append(all, anchored{of, c.other.open(of).Code, r})
	}
	slices.SortFunc(all, func(a, b anchored) int { return cmp.Or(cmp.Compare(a.code, b.code), a.anchor.Compare(&b.anchor)) })
	var candidates []Candidate
	for i := range all[:min(len(all), maxCandidates)] {
		of := &all[i]
		c.eyed = append(c.eyed, of.body)
		e := c.other.open(of.body)
		c.bench.Judge(e)
		like := c.bench.Alike(self, e.Members)
		candidates = append(candidates, Candidate{Entity: e.ID, Code: e.Code, Name: e.Golden[FieldName].Value,
			Source: of.anchor.Source, Key: of.anchor.Key, For: like.For, Against: like.Against})
	}
	return candidates
}

// hearing is what is kept of a judgement.
type hearing struct {
	print    uint64
	kept     []kept
	dayBound bool
	order    []uint32 // of the members, where they were kept in another
	eyed     []uint32 // entities that are candidates
}

// hear judges an entity.
func (c *clerk) hear(b uint32) hearing {
	c.eyed = nil
	e := c.judge(b)
	of := hearing{print: c.print(), dayBound: e.DayBound, eyed: c.eyed}
	if c.sorted {
		of.order = slices.Clone(c.numbers)
	}
	if len(e.Findings) > 0 {
		of.kept = make([]kept, len(e.Findings))
	}
	for i := range e.Findings {
		f := &e.Findings[i]
		of.kept[i] = kept{f.Detail, c.grounds(f), uint8(slices.Index(kinds[:], f.Kind)), uint8(slices.Index(states[:], f.State()))}
	}
	slices.SortFunc(of.kept, kept.compare)
	return of
}

func (k kept) compare(o kept) int {
	return cmp.Or(cmp.Compare(k.kind, o.kind), cmp.Compare(k.detail, o.detail))
}

// print is a hash of the golden record and of who belongs to the entity.
func (c *clerk) print() uint64 {
	e := &c.entity
	c.text = append(c.text[:0], e.Code...)
	for i := range e.Members {
		c.addMember(i)
		c.addNumber(uint64(c.held.at(c.numbers[i]).home))
	}
	for f := range e.Golden {
		g := &e.Golden[f]
		c.addNumber(uint64(g.Member))
		c.addText(g.Value)
		c.addText(g.Normal)
	}
	return maphash.Bytes(c.seed, c.text)
}

// grounds is a hash of what a finding says and of the rows that it stands on.
func (c *clerk) grounds(f *Finding) uint64 {
	e := &c.entity
	c.text = append(c.text[:0], e.Code...)
	c.addText(e.Golden[FieldName].Value)
	c.addText(f.State())
	if f.Authority >= 0 {
		c.addMember(f.Authority)
	}
	if f.High {
		c.addText("high")
	}
	for _, side := range f.Sides {
		c.addMember(side.Member)
		c.addText(side.State)
		c.addText(side.BadCode)
	}
	for _, code := range f.Clash {
		c.addText(code)
	}
	for i := range f.Candidates {
		k := &f.Candidates[i]
		c.addNumber(uint64(k.Entity))
		c.addNumber(uint64(k.Source))
		c.addText(k.Code)
		c.addText(k.Name)
		c.addText(k.Key)
		for _, reason := range k.For {
			c.addText(string(reason))
		}
		c.addText("against")
		for _, reason := range k.Against {
			c.addText(string(reason))
		}
	}
	return maphash.Bytes(c.seed, c.text)
}

// addMember adds the row of a member, and where it lies.
func (c *clerk) addMember(i int) {
	m := &c.entity.Members[i]
	c.text = append(c.text, m.ID[:]...)
	c.addNumber(uint64(m.Ref))
	c.addNumber(uint64(m.Line))
}

func (c *clerk) addText(s string) { c.text = append(append(c.text, s...), 0xFF) }

func (c *clerk) addNumber(n uint64) { c.text = binary.LittleEndian.AppendUint64(c.text, n) }
