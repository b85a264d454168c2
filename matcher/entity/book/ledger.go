package book

import (
	"slices"

	"hebian/matcher/entity"
	"hebian/schemas"
)

// maxFormer bounds the former names, and codes, of one entity. A name that comes and goes counts once.
const maxFormer = 100

// ledger says where the versions of each entity lie: 32 bytes for an entity and 12 for each version of it. Beyond that it has only what
// few entities have.
type ledger struct {
	blocks   []*[blockPages]page // by ID
	entities int                 // that have a page
	last     entity.ID           // the highest of them
	places   []place
	former   map[entity.ID]Former
	retired  map[entity.ID]entity.ID // entities that are no more, and what they became part of; 0: nothing
	split    map[entity.ID]entity.ID // what entities were part of before
}

// blockPages is how many pages are made at once. IDs are counted up, so blocks fill one after the other.
const blockPages = 4096

// maxEntities is above every ID, and a block's place in the list costs eight bytes even where it is empty.
const maxEntities = 1 << 32

// page is what is known of an entity's newest version.
type page struct {
	record  schemas.ID // its ID, see recordID
	version uint32     // 0: there is none
	place   uint32     // in places
	name    uint32     // hash
	code    uint32     // hash
}

// place is where a version lies in its partition: an offset of 48 bits, and the place of the version before it.
type place struct {
	low    uint32
	high   uint16
	before uint32
}

func newLedger() ledger {
	return ledger{places: make([]place, 1), former: map[entity.ID]Former{}, retired: map[entity.ID]entity.ID{}, split: map[entity.ID]entity.ID{}}
}

// page gives what is known of an entity.
func (l *ledger) page(id entity.ID) page {
	if n := id / blockPages; n < entity.ID(len(l.blocks)) && l.blocks[n] != nil {
		return l.blocks[n][id%blockPages]
	}
	return page{}
}

// add notes a version that comes after the newest one.
func (l *ledger) add(id entity.ID, p page, offset int64) {
	n := int(id / blockPages)
	for len(l.blocks) <= n {
		l.blocks = append(l.blocks, nil)
	}
	if l.blocks[n] == nil {
		l.blocks[n] = new([blockPages]page)
	}
	at := &l.blocks[n][id%blockPages]
	if at.version == 0 {
		l.entities++
		l.last = max(l.last, id)
	}
	p.place = uint32(len(l.places))
	l.places = append(l.places, place{uint32(offset), uint16(offset >> 32), at.place})
	*at = p
}

// newest is the offset of an entity's newest version.
func (l *ledger) newest(p page) int64 { return l.places[p.place].offset() }

// offsets gives where the newest versions of an entity lie, oldest first.
func (l *ledger) offsets(id entity.ID, limit int) []int64 {
	var offsets []int64
	for n := l.page(id).place; n != 0 && len(offsets) < limit; n = l.places[n].before {
		offsets = append(offsets, l.places[n].offset())
	}
	slices.Reverse(offsets)
	return offsets
}

func (p place) offset() int64 { return int64(p.high)<<32 | int64(p.low) }

// addFormer adds a text to former ones, in the order in which they were last borne.
func addFormer(texts []string, text string) []string {
	if text == "" {
		return texts
	}
	texts = append(slices.DeleteFunc(texts, func(known string) bool { return known == text }), text)
	return texts[max(0, len(texts)-maxFormer):]
}
