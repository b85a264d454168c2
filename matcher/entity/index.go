package entity

// index finds the records that bear a key: a posting of each record stands in a list of each of its keys. Those of one record are
// beside each other.
type index struct {
	table    table // of lists
	lists    blocks[list]
	postings blocks[posting]
	freeList uint32
	freeRuns [maxRun + 1]uint32 // runs of postings to use again, by their length
	seen     []uint64           // a bit for each list
	marked   []uint32           // the lists whose bits are set
}

// maxRun is how many postings a record has in an index at most: two names, representative and address.
const maxRun = 4

// list is the records of a key, in a ring.
type list struct {
	key   uint64
	head  uint32 // 0: nobody's
	count uint32
}

type posting struct {
	next, prev uint32 // in the ring; next also of free runs
	list       uint32
	record     uint32
}

// spread makes a hash of a key, whose upper half is as good as random.
func spread(key uint64) uint64 {
	key ^= key >> 32
	key *= 0x9E3779B97F4A7C15
	return key ^ key<<29
}

// add gives a record its keys. It returns the first of its postings; 0 without keys.
func (x *index) add(record uint32, keys []uint64) uint32 {
	n := len(keys)
	if n == 0 {
		return 0
	}
	first := x.freeRuns[n]
	if first != 0 {
		x.freeRuns[n] = x.postings.at(first).next
	} else {
		first = x.postings.take(uint32(n))
	}
	for i, key := range keys {
		x.enlist(first+uint32(i), record, key)
	}
	return first
}

// fetch brings what adding the keys will look at near.
func (x *index) fetch(keys []uint64) (sum uint64) {
	if x.table.used == 0 {
		return 0
	}
	for _, key := range keys {
		sum += x.table.slots[half(spread(key))>>x.table.shift]
	}
	for _, key := range keys {
		if n := uint32(x.table.slots[half(spread(key))>>x.table.shift]); n != 0 {
			sum += x.lists.at(n).key
		}
	}
	return sum
}

func (x *index) enlist(at, record uint32, key uint64) {
	p := x.postings.at(at)
	p.record = record
	p.list = x.table.find(spread(key), func(n uint32) bool { return x.lists.at(n).key == key })
	if p.list == 0 {
		p.list = x.newList(key)
	}
	l := x.lists.at(p.list)
	l.count++
	if l.head == 0 {
		p.next, p.prev, l.head = at, at, at
		return
	}
	head := x.postings.at(l.head)
	p.next, p.prev = l.head, head.prev
	x.postings.at(head.prev).next = at
	head.prev = at
}

func (x *index) newList(key uint64) uint32 {
	n := x.freeList
	if n != 0 {
		x.freeList = x.lists.at(n).count
	} else {
		n = x.lists.take(1)
	}
	*x.lists.at(n) = list{key: key}
	x.table.put(spread(key), n)
	return n
}

// remove takes the n postings of a record out.
func (x *index) remove(first uint32, n int) {
	if n == 0 {
		return
	}
	for at := first; at < first+uint32(n); at++ {
		p := x.postings.at(at)
		l := x.lists.at(p.list)
		if l.count--; l.count == 0 {
			x.table.remove(spread(l.key), p.list)
			*l = list{count: x.freeList}
			x.freeList = p.list
			if int(p.list/64) < len(x.seen) {
				x.seen[p.list/64] &^= 1 << (p.list % 64) // whoever gets the place is new
			}
			continue
		}
		x.postings.at(p.prev).next, x.postings.at(p.next).prev = p.next, p.prev
		if l.head == at {
			l.head = p.next
		}
	}
	x.postings.at(first).next = x.freeRuns[n]
	x.freeRuns[n] = first
}

// listOf is the list that a posting stands in.
func (x *index) listOf(at uint32) uint32 { return x.postings.at(at).list }

// count is the number of records in a list.
func (x *index) count(list uint32) int { return int(x.lists.at(list).count) }

// key is that of a list.
func (x *index) key(list uint32) uint64 { return x.lists.at(list).key }

// each calls fn for the records of a list until it returns false. A list that is nobody's any more has none.
func (x *index) each(list uint32, fn func(record uint32) bool) {
	head := x.lists.at(list).head
	if head == 0 {
		return
	}
	for at := head; ; {
		p := x.postings.at(at)
		if !fn(p.record) {
			return
		}
		if at = p.next; at == head {
			return
		}
	}
}

// mark says whether a list is new to it since the last unmark.
func (x *index) mark(list uint32) bool {
	for int(list/64) >= len(x.seen) {
		x.seen = append(x.seen, 0)
	}
	if x.seen[list/64]&(1<<(list%64)) != 0 {
		return false
	}
	x.seen[list/64] |= 1 << (list % 64)
	x.marked = append(x.marked, list)
	return true
}

func (x *index) unmark() {
	for _, list := range x.marked {
		x.seen[list/64] = 0
	}
	x.marked = x.marked[:0]
}
