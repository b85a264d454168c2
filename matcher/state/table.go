package state

import "hebian/schemas"

// row is a row of any subject in 40 bytes. Which of a record's fields went where, layoutSpecs says.
type row struct {
	ref     Ref
	mark    uint32 // of the record's ID: tells rows of equal content apart
	next    uint32 // the row after it in its list; 0 is the end
	unit    uint32
	other   uint32
	a, b, c int32
	x, y, z uint8 // place of a symbol in its value set, from 1 on; 0 is null
	flags   uint8
}

// The flags of a row.
const (
	flagPresent uint8 = 1 << iota // the field that the layout calls present is not null
	flagShort                     // the identity number was written in its 15-place form
	flagOwed                      // retracted before it was asserted: the next such row goes with it
)

// null stands for null in a, b and c: no date and no number of an agency is so small.
const null = -1 << 31

// amount gives the two halves a and b as one number.
func (r *row) amount() int64 { return int64(r.a)<<32 | int64(uint32(r.b)) }

// same tells whether a record asserted one row and a record retracted the other.
func (r *row) same(o *row) bool {
	return r.mark == o.mark && r.unit == o.unit && r.other == o.other && r.a == o.a && r.b == o.b && r.c == o.c &&
		r.x == o.x && r.y == o.y && r.z == o.z && (r.flags^o.flags)&^flagOwed == 0
}

// table keeps the rows of many persons, or units, in one list for each.
type table struct {
	heads  []uint32 // the first row of each list; 0: none
	tails  []uint32 // the last
	blocks []*block
	used   uint32 // rows handed out, the never used row 0 included
	free   uint32 // list of rows to use again
	owed   int    // rows with flagOwed
	near   near
}

// near is where the row taken last from a list stood: behind this row, 0 being the list's head. Rows
// are mostly retracted in the order in which they were asserted, so the search for the next begins
// there; else a list of n rows, all retracted, would cost n² steps.
type near struct {
	whose uint32
	row   uint32
}

// Rows lie in blocks, so that growing copies nothing. A block is 160 KiB: eight empty shards cost
// little, and there are few blocks in a full one.
const blockRows = 1 << 12

type block [blockRows]row

// apply adds the row to the list of somebody, or takes it away.
func (t *table) apply(rec *schemas.Record, whose uint32, r row) {
	// Four bytes of the ID are enough beside the content, which it is a digest of: two rows of one
	// person that differ in their ID alone meet in them once in four thousand million times, and then
	// one's reference stands for the other's.
	r.mark = uint32(rec.ID[0]) | uint32(rec.ID[1])<<8 | uint32(rec.ID[2])<<16 | uint32(rec.ID[3])<<24
	for int(whose) >= len(t.heads) {
		t.heads, t.tails = append(t.heads, 0), append(t.tails, 0)
	}
	if rec.Op == schemas.Retract {
		if !t.take(whose, &r, 0) {
			r.flags |= flagOwed
			t.push(whose, &r)
			t.owed++
		}
		return
	}
	if t.owed > 0 && t.take(whose, &r, flagOwed) {
		t.owed--
		return
	}
	t.push(whose, &r)
}

func (t *table) at(n uint32) *row { return &t.blocks[n/blockRows][n%blockRows] }

func (t *table) push(whose uint32, r *row) {
	n := t.free
	if n != 0 {
		t.free = t.at(n).next
	} else {
		if t.used == 0 {
			t.used = 1
		}
		if int(t.used/blockRows) == len(t.blocks) {
			t.blocks = append(t.blocks, new(block))
		}
		n = t.used
		t.used++
	}
	r.next = 0
	*t.at(n) = *r
	if last := t.tails[whose]; last != 0 {
		t.at(last).next = n
	} else {
		t.heads[whose] = n
	}
	t.tails[whose] = n
}

// take removes the row that is the same, owed or not as asked.
func (t *table) take(whose uint32, r *row, owed uint8) bool {
	start := uint32(0)
	if t.near.whose == whose {
		start = t.near.row
	}
	if t.takeBetween(whose, r, owed, start, 0) {
		return true
	}
	return start != 0 && t.takeBetween(whose, r, owed, 0, start)
}

// takeBetween looks at the rows behind one, up to and with another; 0 and 0 are the ends of the list.
func (t *table) takeBetween(whose uint32, r *row, owed uint8, behind, last uint32) bool {
	for before := behind; ; {
		link := &t.heads[whose]
		if before != 0 {
			link = &t.at(before).next
		}
		n := *link
		if n == 0 {
			return false
		}
		if found := t.at(n); found.flags&flagOwed == owed && found.same(r) {
			*link = found.next
			if t.tails[whose] == n {
				t.tails[whose] = before
			}
			*found = row{next: t.free}
			t.free = n
			t.near = near{whose, before}
			return true
		}
		if n == last {
			return false
		}
		before = n
	}
}

// each calls fn for the rows of a list in the order in which they came.
func (t *table) each(whose uint32, fn func(*row)) {
	if int(whose) >= len(t.heads) {
		return
	}
	for n := t.heads[whose]; n != 0; {
		r := t.at(n)
		if r.flags&flagOwed == 0 {
			fn(r)
		}
		n = r.next
	}
}
