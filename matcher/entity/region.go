package entity

import "slices"

// region is the records that a change concerns, with all that hang together with them: whole entities before the change and whole
// entities after it. All others stay as they are.
type region struct {
	*Standing
	whole   bool     // all records are in it from the start
	records []uint32 // those withdrawn among them
	parent  []uint32 // by place in records: the way to the root of what it is put together with
	closed  int      // so many of the first hang together with no record outside
	core    int      // so many of the first may be in another component than before; the others only in another entity
	bodies  []uint32 // their entities before the change
	bereft  []uint32 // lone records that may have fitted one that was withdrawn or rewritten

	rewritten []uint32 // records with another row than before, in which linking sees nothing else
	lone      []uint32 // records to seek for

	were     []identity  // by place: what the record brings along; nil: none does
	released map[ID]bool // the IDs of the entities before the change
}

// where is where in the region a record is; -1: it is outside.
func (g *region) where(n uint32) int {
	if int(n) >= len(g.places) {
		return -1
	}
	return int(g.places[n]) - 1
}

// settle links and judges what is in the region. gone are the records that were withdrawn.
func (g *region) settle(gone []uint32, change *Change) {
	g.close()
	g.components()
	g.companions()
	drafts := g.drafts(g.group())
	g.recall()
	before := g.dissolve()
	for i := range drafts {
		drafts[i].body = g.newBody()
	}
	g.identify(drafts)
	bodies := g.found(drafts, before)
	g.retire(drafts, before, change)
	bodies = append(bodies, g.neighbours()...)
	for _, n := range g.rewritten {
		if g.where(n) < 0 {
			bodies = append(bodies, g.held.at(n).entity)
		}
	}
	slices.Sort(bodies)
	bodies = slices.Compact(bodies)
	for _, n := range g.records {
		g.places[n] = 0
	}
	for _, n := range gone {
		delete(g.roll.before, n)
		g.drop(n)
	}
	g.codes.unmark()
	g.traits.unmark()
	g.number += len(drafts) - len(g.bodies)
	g.judgeBodies(bodies, change)
}

// take takes a record in, and with it its entity and those that were split from the same component.
func (g *region) take(n uint32) {
	if g.where(n) >= 0 {
		return
	}
	first := g.held.at(n).entity
	if first == 0 {
		g.add(n)
		return
	}
	for b := first; ; {
		g.bodies = append(g.bodies, b)
		body := g.entities.at(b)
		for m := body.first; m != 0; m = g.held.at(m).next {
			g.add(m)
		}
		if b = body.sibling; b == first {
			return
		}
	}
}

func (g *region) add(n uint32) {
	if int(n) >= len(g.places) {
		g.places = append(g.places, make([]uint32, int(g.held.used)-len(g.places))...)
	}
	g.records = append(g.records, n)
	g.parent = append(g.parent, uint32(len(g.parent)))
	g.places[n] = uint32(len(g.records))
}

// takeList takes all records of a list of codes in.
func (g *region) takeList(list uint32) {
	g.codes.each(list, func(m uint32) bool {
		g.take(m)
		return true
	})
}

// close takes in what codes or officers link to what is in.
func (g *region) close() {
	for ; g.closed < len(g.records); g.closed++ {
		if g.whole {
			continue
		}
		h := g.held.at(g.records[g.closed])
		if h.flags&flagGone != 0 {
			continue
		}
		g.eachCode(h, func(list uint32) {
			if g.links(list) && g.codes.mark(list) {
				g.takeList(list)
			}
		})
		g.eachSame(g.records[g.closed], g.take)
	}
}

// eachSame calls fn for the records that officers linked to one.
func (g *region) eachSame(n uint32, fn func(m uint32)) {
	if g.held.at(n).flags&flagDecided == 0 {
		return
	}
	for _, v := range g.said[g.key(n)] {
		for _, m := range g.decided[v.other] {
			if v.same {
				fn(m)
			}
		}
	}
}

func (g *region) root(i uint32) uint32 {
	for g.parent[i] != i {
		g.parent[i] = g.parent[g.parent[i]]
		i = g.parent[i]
	}
	return i
}

// unite puts two records together. Roots come before the others, so that they are the same whatever the way there.
func (g *region) unite(i, j uint32) {
	i, j = g.root(i), g.root(j)
	g.parent[max(i, j)] = min(i, j)
}

// components is rules 1 to 3.
func (g *region) components() {
	g.core = len(g.records)
	if need := int(g.codes.lists.used); len(g.firsts) < need {
		g.firsts = append(g.firsts, make([]uint32, need-len(g.firsts))...)
	}
	for i, n := range g.records {
		g.eachCode(g.held.at(n), func(list uint32) {
			switch first := g.firsts[list]; {
			case !g.links(list):
			case first == 0:
				g.firsts[list] = uint32(i) + 1
			default:
				g.unite(uint32(i), first-1)
			}
		})
	}
	sizes := make([]uint32, len(g.records))
	for i, n := range g.records {
		sizes[g.root(uint32(i))]++
		g.eachCode(g.held.at(n), func(list uint32) { g.firsts[list] = 0 })
	}
	for i, n := range g.records {
		h := g.held.at(n)
		if h.flags&flagGone != 0 {
			continue
		}
		root := g.root(uint32(i))
		h.comp, h.link = g.records[root], 0
		h.flags &^= flagAlone | flagTorn
		if sizes[root] == 1 {
			h.flags |= flagAlone
			g.lone = append(g.lone, n)
		}
	}
}

// companions is rule 4, for all records for which it may give something else than before: those alone in the core, and those outside
// that may find one of the core, or did.
func (g *region) companions() {
	if !g.whole {
		for _, n := range g.records[:g.core] {
			if g.held.at(n).flags&flagGone == 0 {
				g.nearOnce(n, g.seekFor)
			}
		}
		for _, n := range g.bereft {
			g.seekFor(n)
		}
	}
	links, torn := make([]uint32, len(g.lone)), make([]bool, len(g.lone))
	inParallel(len(g.lone), func(_ int, next func() (int, int)) {
		k := seeker{linker: &g.linker}
		for from, to := next(); from < to; from, to = next() {
			for i := from; i < to; i++ {
				links[i], torn[i] = k.seek(g.lone[i])
			}
		}
	})
	for i, n := range g.lone {
		h := g.held.at(n)
		h.link = links[i]
		if h.flags &^= flagTorn; torn[i] {
			h.flags |= flagTorn
		}
		g.take(n)
		if h.link != 0 {
			g.take(h.link)
		}
	}
	g.close()
}

// seekFor adds a record outside to those to seek for, if it is alone.
func (g *region) seekFor(n uint32) {
	if h := g.held.at(n); g.where(n) < 0 && h.flags&(flagAlone|flagSought|flagGone) == flagAlone {
		h.flags |= flagSought
		g.lone = append(g.lone, n)
	}
}

// group puts records together by component, rule 4 and officers. It gives the groups by their first records, each in the order of
// the region.
func (g *region) group() [][]uint32 {
	for i, n := range g.records {
		h := g.held.at(n)
		if h.flags&flagGone != 0 {
			continue
		}
		h.flags &^= flagSought | flagApart
		if i >= g.core {
			g.unite(uint32(i), uint32(g.where(h.comp)))
		}
		if h.link != 0 {
			g.unite(uint32(i), uint32(g.where(h.link)))
		}
		g.eachSame(n, func(m uint32) { g.unite(uint32(i), uint32(g.where(m))) })
	}
	return g.gather()
}

// gather gives what is put together.
func (g *region) gather() [][]uint32 {
	roots, live, groups := make([]uint32, len(g.records)), 0, 0
	for i, n := range g.records {
		if g.held.at(n).flags&flagGone == 0 {
			root := g.root(uint32(i))
			if roots[root]++; roots[root] == 1 {
				groups++
			}
			live++
		}
	}
	room, all := make([]uint32, live), make([][]uint32, 0, groups)
	for i, n := range g.records {
		if g.held.at(n).flags&flagGone != 0 {
			continue
		}
		root := g.root(uint32(i))
		if root == uint32(i) { // what stood there was the size: now it is the place
			size := roots[root]
			all = append(all, room[:0:size])
			room = room[size:]
			roots[root] = uint32(len(all)) - 1
		}
		of := &all[roots[root]]
		*of = append(*of, n)
	}
	return all
}

// dissolve ends the entities of the region. It gives what was found of them.
func (g *region) dissolve() map[ID]hearing {
	before := make(map[ID]hearing, len(g.bodies))
	for _, b := range g.bodies {
		old := g.entities.at(b)
		before[old.id] = hearing{print: old.print, kept: old.kept}
		*old = body{sibling: g.freeBody}
		g.freeBody = b
	}
	return before
}

func (g *region) newBody() uint32 {
	if b := g.freeBody; b != 0 {
		g.freeBody = g.entities.at(b).sibling
		return b
	}
	return g.entities.take(1)
}

// found founds the entities of the drafts. What was found of an entity under the same ID is what it is compared with.
func (g *region) found(drafts []draft, before map[ID]hearing) []uint32 {
	bodies := make([]uint32, len(drafts))
	first := uint32(0) // of the component
	for i := range drafts {
		d := &drafts[i]
		old, known := before[d.id]
		now := body{id: d.id, print: old.print, kept: old.kept}
		if !known {
			now.flags |= bodyNew
		}
		if d.apart {
			now.flags |= bodyApart
		}
		if d.clash {
			now.flags |= bodyClash
		}
		for _, n := range d.members {
			g.held.at(n).entity = d.body
		}
		g.chain(&now, d.members)
		if first == 0 {
			first = d.body
		}
		if now.sibling = first; d.more {
			now.sibling = drafts[i+1].body
		} else {
			first = 0
		}
		*g.entities.at(d.body) = now
		bodies[i] = d.body
	}
	return bodies
}

// neighbours gives the entities outside with a record under review that may have records of the region among its candidates.
func (g *region) neighbours() []uint32 {
	var bodies []uint32
	for _, n := range g.records[g.core:] {
		g.nearOnce(n, func(m uint32) {
			if h := g.held.at(m); g.where(m) < 0 && h.flags&flagTorn != 0 {
				bodies = append(bodies, h.entity)
			}
		})
	}
	return bodies
}

// withdraw takes a record out of everything but its entity.
func (g *region) withdraw(n uint32) {
	h := g.held.at(n)
	if !g.whole {
		g.bereave(n)
		g.leaveTraits(n)
	}
	g.leaveCodes(n, g.takeList)
	if h.flags&flagDecided != 0 {
		key := g.key(n)
		g.decided[key] = slices.DeleteFunc(g.decided[key], func(m uint32) bool { return m == n })
	}
	h.flags |= flagGone
}

// rewrite is a record that gets another row.
type rewrite struct{ record, fresh uint32 }

// rewrites finds the records whose row was changed, and not its codes: they get their new row in place. It gives what is gone and fresh
// besides.
func (g *region) rewrites(gone, fresh []uint32) (all []rewrite, otherGone, otherFresh []uint32) {
	byKey := make(map[RecordKey]uint32, len(gone))
	for _, n := range gone {
		byKey[g.key(n)] = n
	}
	var old, now Record
	for _, m := range fresh {
		g.load(m, &now)
		key := RecordKey{now.Source, now.Key}
		n := byKey[key]
		if n != 0 {
			g.load(n, &old)
		}
		if n == 0 || old.USCC != now.USCC || old.OrgCode != now.OrgCode || old.RegNo != now.RegNo || old.TaxNo != now.TaxNo {
			otherFresh = append(otherFresh, m)
			continue
		}
		delete(byKey, key)
		g.held.at(n).flags &^= flagGone
		all = append(all, rewrite{n, m})
	}
	for _, n := range gone {
		if g.held.at(n).flags&flagGone != 0 {
			otherGone = append(otherGone, n)
		}
	}
	return all, otherGone, otherFresh
}

// rewrite gives records their new rows. Where linking can't tell a row from the one before, the record's entity need only be judged;
// elsewhere the record is taken in.
func (g *region) rewrite(all []rewrite) {
	var old, now Record
	room := newKeyRoom()
	for _, w := range all {
		h := g.held.at(w.record)
		body := g.entities.at(h.entity)
		plain := body.sibling == h.entity && body.flags&bodyEyed == 0
		g.load(w.record, &old)
		g.load(w.fresh, &now)
		same := old.Name == now.Name && old.SecondName == now.SecondName && old.Division == now.Division &&
			old.LegalRep == now.LegalRep && old.Address == now.Address
		if !same {
			plain = !g.bereave(w.record) && plain && h.flags&flagAlone == 0
			g.leaveTraits(w.record)
			g.enterTraits(w.record, &now, room)
			plain = !g.bereave(w.record) && plain
		}
		g.swap(w.record, w.fresh)
		if plain {
			g.rewritten = append(g.rewritten, w.record)
		} else {
			g.take(w.record)
		}
	}
}

// bereave notes the lone records that may fit one, which is about to have other traits or has got them, and says whether there are any.
func (g *region) bereave(n uint32) (any bool) {
	again := g.nearOnce(n, func(m uint32) {
		if g.held.at(m).flags&(flagAlone|flagGone) == flagAlone {
			g.bereft = append(g.bereft, m)
			any = true
		}
	})
	return any || again
}
