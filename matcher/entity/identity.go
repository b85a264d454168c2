package entity

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"iter"
	"maps"
	"slices"

	"hebian/schemas"
)

// Identities say which entity each record belonged to when somebody last wrote it down.
type Identities struct {
	Records iter.Seq[Identity] // those that belong to an entity, and those that did
	Retired iter.Seq2[ID, ID]  // IDs that name no entity any more, and what each became part of; 0: of nothing
	Next    ID                 // the first ID that was never given
}

// Identity is the entity that a record belongs to.
type Identity struct {
	RecordKey
	Record  schemas.ID // which of several rows under one key; zero: not known
	Current ID         // 0: the record was withdrawn
	Home    ID         // where it was first placed
}

// roll is the IDs: which entity has which, and what became of the others.
type roll struct {
	bodies   []uint32         // by ID; 0: no entity has it
	into     map[ID]ID        // of IDs that no entity has, what they became part of
	before   map[uint32][]ID  // by record: homes before the last one, where there were some
	departed map[keyDigest]ID // homes of records that were withdrawn
	restored *restored        // nil after the first judgement
}

func newRoll() roll {
	return roll{bodies: make([]uint32, 1), into: map[ID]ID{}, before: map[uint32][]ID{}, departed: map[keyDigest]ID{}}
}

// next is the first ID that was never given.
func (r *roll) next() ID { return ID(len(r.bodies)) }

// find gives the body of an ID, or of what that became part of; 0 if nothing is left.
func (r *roll) find(id ID) uint32 {
	for range len(r.into) + 1 {
		if id >= r.next() || r.bodies[id] != 0 {
			break
		}
		id = r.into[id]
	}
	if id >= r.next() {
		return 0
	}
	return r.bodies[id]
}

// identity is what a record brings along.
type identity struct{ current, home ID }

// identify gives the drafts their IDs. An entity keeps one of its members': that with which most of them were ever at home, then that
// which most of them bore last, then the oldest. Where two want the same one, it goes to the one with more members at home in it, then
// with more that bore it last, then with the smallest first member; the other takes the next best. Who gets none of those takes one that
// no entity has and that is home to most of its members: undoing a merge brings the old ID back. New IDs follow the order of the drafts.
func (g *region) identify(drafts []draft) {
	if g.were != nil {
		g.award(drafts, func(i identity) ID { return i.current })
		g.award(drafts, func(i identity) ID { return i.home })
	}
	undone := map[ID]bool{} // entities that another came out of which had merged into them
	for i := range drafts {
		d := &drafts[i]
		if d.born {
			for _, n := range d.members {
				undone[g.was(n).current] = true
			}
		}
		if d.id == 0 {
			d.id, d.born = g.roll.next(), true
			g.roll.bodies = append(g.roll.bodies, d.body)
		}
	}
	for i := range drafts {
		g.settleIn(&drafts[i], undone)
	}
}

// settleIn says where the members of an entity are at home from now on: where they are placed first. When entities merge, it is where
// each was just before, so that undoing that tells them apart again; then they are at home where they were before. That last is
// remembered for as long as the process runs.
func (g *region) settleIn(d *draft, undone map[ID]bool) {
	absorbed := func(n uint32) bool { was := g.was(n).current; return was != 0 && g.roll.bodies[was] == 0 }
	merged := slices.ContainsFunc(d.members, absorbed)
	for _, n := range d.members {
		h, was := g.held.at(n), g.was(n)
		if h.home == 0 {
			h.home = was.home // it may have had one in an earlier run, or before it was withdrawn
		}
		switch before := g.roll.before[n]; {
		case h.home == 0:
			h.home = d.id
		case merged && (was.current == d.id || absorbed(n)):
			before = append(before, h.home)
			g.roll.before[n], h.home = before[max(0, len(before)-maxBefore):], was.current
		case len(before) > 0 && d.id == h.home && undone[was.current]:
			h.home = before[len(before)-1]
			g.roll.before[n] = before[:len(before)-1]
		}
	}
}

// maxBefore is how many homes are remembered besides the last: so many merges of one entity can be undone, the last first.
const maxBefore = 8

// claim is what an entity without ID has to do with an ID.
type claim struct {
	draft, next int // next: the claim of the same entity that is not as good; -1: there is none
	id          ID
	ever        int // members that were ever at home there
	homes       int // whose home it is
	bearers     int // who bore it last
}

// award gives IDs that no entity has to drafts without one. Drafts ask for the best of the IDs that their members name; an ID goes to
// whom it fits best, and who is sent away asks for the next one. Whatever their order, that ends the same way.
func (g *region) award(drafts []draft, named func(identity) ID) {
	var claims []claim
	best := make([]int, 0, len(drafts)) // of drafts without ID
	for i := range drafts {
		if drafts[i].id == 0 {
			if first := g.claims(&claims, drafts[i].members, i, named); first >= 0 {
				best = append(best, first)
			}
		}
	}
	holds := make(map[ID]int, len(best)) // the best claim so far
	for _, asks := range best {
		for asks >= 0 {
			c := &claims[asks]
			holder, held := holds[c.id]
			if !held {
				holds[c.id] = asks
				break
			}
			if g.fitsBetter(drafts, c, &claims[holder]) {
				holds[c.id], asks = asks, holder
			}
			asks = claims[asks].next
		}
	}
	for id, c := range holds {
		d := &drafts[claims[c].draft]
		d.id, g.roll.bodies[id] = id, d.body
		d.born = !g.released[id]
		delete(g.roll.into, id)
	}
}

// claims adds the claims of an entity, and gives the best of them; -1 if there is none.
func (g *region) claims(all *[]claim, members []uint32, draft int, named func(identity) ID) int {
	first := len(*all)
	for _, n := range members {
		id := named(g.was(n))
		if id != 0 && g.roll.bodies[id] == 0 && !slices.ContainsFunc((*all)[first:], func(c claim) bool { return c.id == id }) {
			*all = append(*all, claim{draft: draft, id: id})
		}
	}
	mine := (*all)[first:]
	if len(mine) == 0 {
		return -1
	}
	for i := range mine {
		g.weigh(&mine[i], members)
	}
	slices.SortFunc(mine, func(a, b claim) int {
		return cmp.Or(-cmp.Compare(a.ever, b.ever), -cmp.Compare(a.bearers, b.bearers), cmp.Compare(a.id, b.id))
	})
	for i := range mine {
		mine[i].next = first + i + 1
	}
	mine[len(mine)-1].next = -1
	return first
}

func (g *region) weigh(c *claim, members []uint32) {
	for _, n := range members {
		were := g.was(n)
		if were.home == c.id {
			c.homes++
		}
		if were.home == c.id || slices.Contains(g.roll.before[n], c.id) {
			c.ever++
		}
		if were.current == c.id {
			c.bearers++
		}
	}
}

// fitsBetter says whether an ID goes to one entity rather than another.
func (g *region) fitsBetter(drafts []draft, a, b *claim) bool {
	if order := cmp.Or(-cmp.Compare(a.homes, b.homes), -cmp.Compare(a.bearers, b.bearers)); order != 0 {
		return order < 0
	}
	firstA, firstB := g.firstOf(drafts[a.draft].members), g.firstOf(drafts[b.draft].members)
	return firstA.Compare(&firstB) < 0
}

func (g *region) firstOf(members []uint32) Record {
	var first, other Record
	g.load(members[0], &first)
	for _, n := range members[1:] {
		if g.load(n, &other); other.Compare(&first) < 0 {
			first = other
		}
	}
	return first
}

// recall notes what the records of the region bring along, and releases the IDs of its entities. A row that was changed is a record
// that went and one that came under the same key.
func (g *region) recall() {
	if len(g.bodies)+len(g.roll.departed) == 0 && g.roll.restored == nil {
		return
	}
	g.were = make([]identity, len(g.records))
	g.released = make(map[ID]bool, len(g.bodies))
	for _, b := range g.bodies {
		id := g.entities.at(b).id
		g.released[id], g.roll.bodies[id] = true, 0
	}
	gone := map[RecordKey][]uint32{}
	var fresh []int
	for i, n := range g.records {
		h := g.held.at(n)
		if h.entity == 0 {
			fresh = append(fresh, i)
			continue
		}
		g.were[i] = identity{g.entities.at(h.entity).id, h.home}
		if h.flags&flagGone != 0 {
			key := g.key(n)
			gone[key] = append(gone[key], n)
		}
	}
	if g.roll.restored != nil {
		g.resume(fresh)
		return
	}
	for _, i := range fresh {
		if len(gone)+len(g.roll.departed) == 0 {
			break
		}
		key := g.key(g.records[i])
		if those := gone[key]; len(those) > 0 {
			old := those[0]
			gone[key] = those[1:]
			g.were[i] = g.was(old)
			if before := g.roll.before[old]; before != nil {
				g.roll.before[g.records[i]] = before
			}
		} else if home, known := g.roll.departed[digestOf(key)]; known {
			g.were[i].home = home
			delete(g.roll.departed, digestOf(key))
		}
	}
	for key, those := range gone {
		if len(those) > 0 {
			g.roll.departed[digestOf(key)] = g.was(those[0]).home
		}
	}
}

// was is what a record brings along.
func (g *region) was(n uint32) identity {
	if g.were == nil {
		return identity{}
	}
	return g.were[g.where(n)]
}

// keyDigest stands for a RecordKey, and takes less room.
type keyDigest [16]byte

func digestOf(key RecordKey) keyDigest {
	var room [64]byte
	sum := sha256.Sum256(append(append(room[:0], byte(key.Source)), key.Key...))
	return keyDigest(sum[:len(keyDigest{})])
}

func (d *keyDigest) hash() uint64 { return binary.LittleEndian.Uint64(d[:]) }

// restored are the identities of an earlier run.
type restored struct {
	table   table
	entries blocks[restoredIdentity]
}

type restoredIdentity struct {
	key    keyDigest
	record uint64 // the first bytes of its ID; 0: not known
	identity
	taken bool
}

func restore(ids *Identities, r *roll) *restored {
	all := new(restored)
	next := max(ids.Next, 1)
	for id := range ids.Records {
		next = max(next, id.Current+1, id.Home+1)
		n := all.entries.take(1)
		e := all.entries.at(n)
		*e = restoredIdentity{digestOf(id.RecordKey), binary.LittleEndian.Uint64(id.Record[:]), identity{id.Current, id.Home}, false}
		all.table.put(e.key.hash(), n)
	}
	r.bodies, r.into = make([]uint32, next), maps.Collect(ids.Retired)
	return all
}

// resume gives records what they had in the earlier run: of several rows under one key, first those that it knows by their ID.
func (g *region) resume(fresh []int) {
	all := g.roll.restored
	for n := uint32(1); n < all.entries.used; n++ {
		if current := all.entries.at(n).current; current != 0 {
			g.released[current] = true
		}
	}
	var late []int
	for _, i := range fresh {
		if !g.resumeOne(i, true) {
			late = append(late, i)
		}
	}
	for _, i := range late {
		g.resumeOne(i, false)
	}
	for n := uint32(1); n < all.entries.used; n++ {
		if e := all.entries.at(n); !e.taken {
			g.roll.departed[e.key] = e.home
		}
	}
	g.roll.restored = nil
}

func (g *region) resumeOne(i int, sure bool) bool {
	all, n := g.roll.restored, g.records[i]
	key, record := digestOf(g.key(n)), binary.LittleEndian.Uint64(g.id(n)[:])
	var best *restoredIdentity
	all.table.find(key.hash(), func(m uint32) bool {
		e := all.entries.at(m)
		if e.key != key || e.taken || sure && e.record != 0 && e.record != record {
			return false
		}
		if best == nil || e.record == record || best.record != record && e.current < best.current {
			best = e
		}
		return false
	})
	if best == nil {
		return false
	}
	best.taken, g.were[i] = true, best.identity
	return true
}

// retire notes the IDs that no entity has any more and what became of them, and tells what merged and what was split.
func (g *region) retire(drafts []draft, before map[ID]hearing, change *Change) {
	if len(g.released) == 0 {
		return
	}
	merged, split := map[ID][]ID{}, map[ID][]ID{}
	became := map[ID]map[ID]int{} // of retired IDs, how many of their records are where
	for i := range drafts {
		d := &drafts[i]
		var from map[ID]int
		for _, n := range d.members {
			was := g.was(n).current
			if was == 0 || was == d.id {
				continue
			}
			if d.born {
				if from == nil {
					from = map[ID]int{}
				}
				from[was]++
			}
			if g.roll.bodies[was] == 0 {
				if became[was] == nil {
					became[was] = map[ID]int{}
				}
				became[was][d.id]++
			}
		}
		if origin := mostOf(from); origin != 0 {
			split[origin] = append(split[origin], d.id)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(g.released)) {
		if g.roll.bodies[id] != 0 {
			continue
		}
		change.Retired = append(change.Retired, id)
		g.note(id, before[id].kept, nil, change)
		if into := mostOf(became[id]); into != 0 {
			g.roll.into[id] = into
			merged[into] = append(merged[into], id)
		}
	}
	for _, into := range slices.Sorted(maps.Keys(merged)) {
		change.Lineage = append(change.Lineage, Lineage{Merged, merged[into], []ID{into}})
	}
	for _, from := range slices.Sorted(maps.Keys(split)) {
		slices.Sort(split[from])
		change.Lineage = append(change.Lineage, Lineage{Split, []ID{from}, split[from]})
	}
}

// mostOf gives the ID that is counted most often, the smallest of several; 0 if there is none.
func mostOf(counts map[ID]int) ID {
	best := ID(0)
	for id, n := range counts {
		if best == 0 || n > counts[best] || n == counts[best] && id < best {
			best = id
		}
	}
	return best
}
