package entity

// table finds numbers by hashes. It holds of each hash the upper half: whoever looks something up says whether a number is the right
// one. Several may have the same hash.
type table struct {
	slots []uint64 // upper half of the hash, then the number; 0: empty
	used  int
	shift uint // from the upper half of a hash to its slot
}

const firstSlots = 64

func half(hash uint64) uint32 { return uint32(hash >> 32) }

// find gives the first number of a hash that is right; 0 if there is none.
func (t *table) find(hash uint64, right func(uint32) bool) uint32 {
	if t.used == 0 {
		return 0
	}
	h, mask := half(hash), uint32(len(t.slots)-1)
	for i := h >> t.shift; ; i = (i + 1) & mask {
		slot := t.slots[i]
		if slot == 0 {
			return 0
		}
		if uint32(slot>>32) == h && right(uint32(slot)) {
			return uint32(slot)
		}
	}
}

// put adds a number, which is not 0.
func (t *table) put(hash uint64, n uint32) {
	if t.used >= len(t.slots)/4*3 {
		t.grow()
	}
	t.used++
	t.place(uint64(half(hash))<<32 | uint64(n))
}

func (t *table) place(slot uint64) {
	mask := uint32(len(t.slots) - 1)
	i := uint32(slot>>32) >> t.shift
	for t.slots[i] != 0 {
		i = (i + 1) & mask
	}
	t.slots[i] = slot
}

func (t *table) grow() {
	old := t.slots
	if len(old) == 0 {
		t.slots, t.shift = make([]uint64, firstSlots), 32-6
		return
	}
	t.slots = make([]uint64, 2*len(old))
	t.shift--
	for _, slot := range old {
		if slot != 0 {
			t.place(slot)
		}
	}
}

// remove takes a number away, which is there. What stands behind it moves up, so that no search ends too early.
func (t *table) remove(hash uint64, n uint32) {
	slot, mask := uint64(half(hash))<<32|uint64(n), uint32(len(t.slots)-1)
	i := half(hash) >> t.shift
	for t.slots[i] != slot {
		i = (i + 1) & mask
	}
	for j := i; ; {
		j = (j + 1) & mask
		next := t.slots[j]
		if next == 0 {
			break
		}
		if home := uint32(next>>32) >> t.shift; (j-home)&mask >= (j-i)&mask {
			t.slots[i], i = next, j
		}
	}
	t.slots[i] = 0
	t.used--
}

// blocks is a growing array that is never copied. Place 0 is nobody's.
type blocks[T any] struct {
	all  []*[blockLen]T
	used uint32
}

// A block of records is some 200 KiB: an empty standing costs little, and a full one has few of them.
const blockLen = 1 << 12

func (b *blocks[T]) at(n uint32) *T { return &b.all[n/blockLen][n%blockLen] }

// take gives the first of n new places beside each other.
func (b *blocks[T]) take(n uint32) uint32 {
	if b.used == 0 {
		b.used = 1
	}
	for uint32(len(b.all))*blockLen < b.used+n {
		b.all = append(b.all, new([blockLen]T))
	}
	b.used += n
	return b.used - n
}
