package hub

// tally counts how often each of many contents came, by 64 bits of its hash. Two contents that share
// those bits are counted together, which does no harm: an ordinal then is higher than it need be, and
// the ID still holds the whole hash.
type tally struct {
	first []uint64          // open addressing; contents that came once or more, 0: free
	used  int               // of first
	again map[uint64]uint32 // how often beyond the first time; equal rows are rare
}

// add counts a content and returns how often it came before.
func (t *tally) add(hash uint64) uint32 {
	if hash == 0 {
		hash = 1
	}
	if 4*(t.used+1) > 3*len(t.first) {
		t.grow()
	}
	slot := t.slot(hash)
	if t.first[slot] == 0 {
		t.first[slot] = hash
		t.used++
		return 0
	}
	if t.again == nil {
		t.again = map[uint64]uint32{}
	}
	t.again[hash]++
	return t.again[hash]
}

// slot is where a hash is, or the free place where it belongs.
func (t *tally) slot(hash uint64) int {
	mask := len(t.first) - 1
	slot := int(hash) & mask
	for t.first[slot] != 0 && t.first[slot] != hash {
		slot = (slot + 1) & mask
	}
	return slot
}

func (t *tally) grow() {
	old := t.first
	t.first = make([]uint64, max(1024, 2*len(old)))
	for _, hash := range old {
		if hash != 0 {
			t.first[t.slot(hash)] = hash
		}
	}
}
