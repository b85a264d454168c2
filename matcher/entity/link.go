package entity

import (
	"hash/maphash"
	"slices"
	"strconv"
	"strings"
)

// linker knows what records are linked by: codes (rules 1 to 3), names, and representatives and addresses beside their division (rule
// 4), and what officers decided. An equal USCC is an equal organisation code, so rule 1 needs no list of its own.
type linker struct {
	*store
	bench Bench
	most  int // records that may share a code
	long  int // longList
	seed  maphash.Seed

	codes   index
	traits  index           // names, representatives, addresses
	crowded map[uint32]bool // lists of codes that more records share: they link nothing

	said    map[RecordKey][]verdict // by each of the two
	decided map[RecordKey][]uint32  // the records of those keys
}

// verdict is what officers decided of a record and another.
type verdict struct {
	other RecordKey
	same  bool
}

func newLinker(s *store, b Bench, most int) linker {
	return linker{store: s, bench: b, most: most, long: longList, seed: maphash.MakeSeed(), crowded: map[uint32]bool{}, decided: map[RecordKey][]uint32{}}
}

// keyRoom is room for the keys of a record.
type keyRoom struct {
	keys  [maxRun]uint64
	names [2][]byte
	text  []byte
	pair  []byte
}

func newKeyRoom() *keyRoom {
	return &keyRoom{text: make([]byte, 0, textRoom)}
}

// enterCodes lets a record be found by its codes. crowd is called with the lists that it makes too long.
func (l *linker) enterCodes(n uint32, r *Record, room *keyRoom, crowd func(list uint32)) {
	h, c, keys := l.held.at(n), r.Codes(), room.keys[:0]
	if c.USCC != "" {
		h.head = packCode(c.USCC[:usccHead], 36) + 1
	}
	if c.Org != "" {
		keys = append(keys, packCode(c.Org, 36))
	}
	if c.Org2 != "" {
		keys = append(keys, packCode(c.Org2, 36))
	}
	if c.Reg != "" {
		keys = append(keys, packCode(c.Reg, 10)|isNumber)
	}
	h.codes, h.nCodes = l.codes.add(n, keys), uint8(len(keys))
	l.eachCode(h, func(list uint32) {
		if l.codes.count(list) == l.most+1 && !l.crowded[list] {
			l.crowded[list] = true
			crowd(list)
		}
	})
}

// leaveCodes is the opposite. thin is called with the lists that are short enough without the record.
func (l *linker) leaveCodes(n uint32, thin func(list uint32)) {
	h := l.held.at(n)
	l.eachCode(h, func(list uint32) {
		if l.codes.count(list) == l.most+1 {
			delete(l.crowded, list)
			thin(list)
		}
	})
	l.codes.remove(h.codes, int(h.nCodes))
	h.nCodes = 0
}

// eachCode calls fn for the lists of a record's codes.
func (l *linker) eachCode(h *held, fn func(list uint32)) {
	for at := h.codes; at < h.codes+uint32(h.nCodes); at++ {
		fn(l.codes.listOf(at))
	}
}

// links says whether the records of a list of codes are linked by it.
func (l *linker) links(list uint32) bool { return l.codes.count(list) <= l.most }

// isPlaceholder says whether so many records share a code of the record that it names nobody.
func (l *linker) isPlaceholder(h *held) bool {
	if len(l.crowded) > 0 {
		for at := h.codes; at < h.codes+uint32(h.nCodes); at++ {
			if !l.links(l.codes.listOf(at)) {
				return true
			}
		}
	}
	return false
}

const (
	// usccHead is how many places of a USCC stand before the organisation code, which is the record's first code. The check character
	// behind it follows from them.
	usccHead  = 8
	orgPlaces = 9
	regPlaces = 15
	// isNumber tells registration numbers from organisation codes.
	isNumber = 1 << 63
)

// packCode packs a code of digits and capital letters into a number to a base: nine of them to 36, 15 digits to 10. It is the code
// itself and no mere hash.
func packCode(code string, base uint64) uint64 {
	key := uint64(0)
	for i := range len(code) {
		digit := uint64(code[i] - '0')
		if code[i] >= 'A' {
			digit = uint64(code[i]-'A') + 10
		}
		key = key*base + digit
	}
	return key
}

// unpackCode gives the code that a list is of.
func unpackCode(key uint64) string {
	base, places := 36, orgPlaces
	if key&isNumber != 0 {
		base, places = 10, regPlaces
	}
	code := strings.ToUpper(strconv.FormatUint(key&^isNumber, base))
	return strings.Repeat("0", places-len(code)) + code
}

// sameUSCC says whether two records have the same USCC; both have one.
func (l *linker) sameUSCC(a, b *held) bool {
	return a.head == b.head && l.codes.listOf(a.codes) == l.codes.listOf(b.codes)
}

// enterTraits lets a record be found by what rule 4 asks for.
func (l *linker) enterTraits(n uint32, r *Record, room *keyRoom) {
	h, keys := l.held.at(n), l.traitKeys(n, r, room.keys[:0], room)
	h.traits, h.nTraits = l.traits.add(n, keys), uint8(len(keys))
}

// traitKeys appends the hashes of a record's traits and notes them.
func (l *linker) traitKeys(n uint32, r *Record, keys []uint64, room *keyRoom) []uint64 {
	h, first := l.held.at(n), len(keys)
	room.names[0] = appendText(room.names[0][:0], r.Name)
	keys = append(keys, l.traitKey(traitName, "", room.names[0], room))
	if r.SecondName != "" {
		room.names[1] = appendText(room.names[1][:0], r.SecondName)
		if string(room.names[0]) != string(room.names[1]) {
			keys = append(keys, l.traitKey(traitName, "", room.names[1], room))
		}
	}
	h.nNames = uint8(len(keys) - first)
	h.rep, h.address = 0, 0
	if r.Division != "" {
		if text := appendText(room.text[:0], r.LegalRep); len(text) > 0 {
			key := l.traitKey(traitRep, r.Division, text, room)
			keys, h.rep = append(keys, key), half(key)|1
		}
		if text := l.appendAddress(room.text[:0], r); len(text) > 0 {
			key := l.traitKey(traitAddress, r.Division, text, room)
			keys, h.address = append(keys, key), half(key)|1
		}
	}
	return keys
}

// enterAllTraits does that for many records. Most of the time such an index waits for memory: what many need is fetched side by side.
func (l *linker) enterAllTraits(records []uint32) {
	var r Record
	room := newKeyRoom()
	keys, ends := make([]uint64, 0, maxRun*sideBySide), make([]int, 0, sideBySide)
	for some := range slices.Chunk(records, sideBySide) {
		keys, ends = keys[:0], ends[:0]
		for _, n := range some {
			l.load(n, &r)
			keys = l.traitKeys(n, &r, keys, room)
			ends = append(ends, len(keys))
		}
		l.traits.fetch(keys)
		first := 0
		for i, n := range some {
			h := l.held.at(n)
			h.traits, h.nTraits = l.traits.add(n, keys[first:ends[i]]), uint8(ends[i]-first)
			first = ends[i]
		}
	}
}

// sideBySide is how many records that is done for at once.
const sideBySide = 64

// leaveTraits is the opposite.
func (l *linker) leaveTraits(n uint32) {
	h := l.held.at(n)
	l.traits.remove(h.traits, int(h.nTraits))
	h.nTraits, h.nNames = 0, 0
}

// What a trait is.
const (
	traitName = iota
	traitRep
	traitAddress
)

// traitKey is a hash. Whoever finds one must look at the texts as well. No text has the byte FF.
func (l *linker) traitKey(kind byte, division string, text []byte, room *keyRoom) uint64 {
	pair := append(append(room.pair[:0], kind), division...)
	room.pair = append(append(pair, 0xFF), text...)
	return maphash.Bytes(l.seed, room.pair)
}

// appendAddress appends the address key of a record by its own division.
func (l *linker) appendAddress(dst []byte, r *Record) []byte {
	way, n := l.bench.Divisions.way(r.Division, l.bench.Day)
	return trimNames(appendBare(dst, r.Address), way[levels-n:])
}

// fits is rule 4 for two records.
func (l *linker) fits(a, b *Record) bool {
	if a.Division == "" || a.Division != b.Division || !sameName(a, b) {
		return false
	}
	var roomA, roomB [textRoom]byte
	repA, repB := appendText(roomA[:0], a.LegalRep), appendText(roomB[:0], b.LegalRep)
	if len(repA) > 0 && string(repA) == string(repB) {
		return true
	}
	addressA, addressB := l.appendAddress(roomA[:0], a), l.appendAddress(roomB[:0], b)
	return len(addressA) > 0 && string(addressA) == string(addressB)
}

// seeker applies rule 4 to records. Several may do so at once, while nothing changes.
type seeker struct {
	*linker
	self, other Record
	barred      []uint32 // components that officers said are others
}

// seek says which record a lone one is linked to, 0 if to none, and whether it is torn between components. What officers linked to
// something is not torn.
func (k *seeker) seek(n uint32) (link uint32, torn bool) {
	k.load(n, &k.self)
	settled := k.bar(n)
	k.near(n, func(m uint32) bool {
		if k.isOther(m, link) {
			torn = link != 0
			link = m
		}
		return !torn
	})
	if torn {
		return 0, !settled
	}
	return link, false
}

// near calls fn for the records that may fit one by rule 4, as far as hashes tell, some of them twice, until it returns false.
func (l *linker) near(n uint32, fn func(m uint32) bool) {
	h, more := l.held.at(n), true
	for first, last := l.wayNear(h); first < last && more; first++ {
		l.traits.each(l.traits.listOf(first), func(m uint32) bool {
			if m != n && l.mayFit(h, l.held.at(m)) {
				more = fn(m)
			}
			return more
		})
	}
}

// wayNear gives the shorter of two ways to find what may fit a record: the postings of its names, or those of representative and address.
func (l *linker) wayNear(h *held) (first, last uint32) {
	if h.rep == 0 && h.address == 0 {
		return 0, 0
	}
	names, end := h.traits+uint32(h.nNames), h.traits+uint32(h.nTraits)
	length := 0
	for at := h.traits; at < end; at++ {
		if count := l.traits.count(l.traits.listOf(at)); at < names {
			length += count
		} else {
			length -= count
		}
	}
	if length > 0 {
		return names, end
	}
	return h.traits, names
}

func (l *linker) mayFit(a, b *held) bool {
	return a.rep == b.rep && a.rep != 0 || a.address == b.address && a.address != 0
}

// nearOnce is near for many records: it goes through long lists but once before unmark, and then calls fn for all that stand in there.
// again says whether it left one out.
func (l *linker) nearOnce(n uint32, fn func(m uint32)) (again bool) {
	h := l.held.at(n)
	for first, last := l.wayNear(h); first < last; first++ {
		list := l.traits.listOf(first)
		long := l.traits.count(list) > l.long
		if long && !l.traits.mark(list) {
			again = true
			continue
		}
		l.traits.each(list, func(m uint32) bool {
			if m != n && (long || l.mayFit(h, l.held.at(m))) {
				fn(m)
			}
			return true
		})
	}
	return again
}

// longList is how long a list is that isn't gone through for each of its records.
const longList = 256

// isOther says whether a record fits the one sought for, and is of another component than the one found already.
func (k *seeker) isOther(m, found uint32) bool {
	comp := k.held.at(m).comp
	if found != 0 && comp == k.held.at(found).comp || slices.Contains(k.barred, comp) {
		return false
	}
	k.load(m, &k.other)
	return k.fits(&k.self, &k.other)
}

// bar notes which components a record can't belong to, and says whether it was linked to something by hand.
func (k *seeker) bar(n uint32) (settled bool) {
	k.barred = k.barred[:0]
	if k.held.at(n).flags&flagDecided == 0 {
		return false
	}
	for _, v := range k.said[RecordKey{k.self.Source, k.self.Key}] {
		for _, m := range k.decided[v.other] {
			if !v.same {
				k.barred = append(k.barred, k.held.at(m).comp)
			} else if m != n {
				settled = true
			}
		}
	}
	return settled
}
