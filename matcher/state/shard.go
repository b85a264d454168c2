package state

import (
	"sync"

	"hebian/hub"
	"hebian/schemas"
	"hebian/schemas/ident"
)

// Shard is the rows about the persons of one partition. A number that gives no person key counts as
// a person of its own.
type Shard struct {
	mu      sync.Mutex // guards all below
	persons map[ident.Key]uint32
	bad     map[uint32]uint32 // the same, by the number of a bad identity number in words
	whose   []whose           // in the order they came
	last    uint32            // whose row came last: rows beside each other are often about one person
	table   table             // the list of each
	words   words
	values  *values
	regular map[schemas.Month]int64 // regular pay lines of persons, by service month
}

// whose says whom a list of rows is about: a person, or a bad identity number in words.
type whose struct {
	key ident.Key
	bad uint32
}

func newShard(v *values) *Shard {
	return &Shard{
		persons: map[ident.Key]uint32{}, bad: map[uint32]uint32{}, words: newWords(), values: v,
		regular: map[schemas.Month]int64{},
	}
}

func (s *Shard) apply(l *layout, file string, b *hub.Batch) (at int, err error) {
	s.words.comesFrom(file, l.topic, b)
	p := newPacker(l, &s.words)
	for i := range b.Records {
		rec := &b.Records[i]
		row, err := p.pack(rec.Value)
		if err != nil {
			return i, err
		}
		key, short, bad, err := p.person()
		if err != nil {
			return i, err
		}
		if short {
			row.flags |= flagShort
		}
		row.ref = newRef(l.topic, b.Partition, b.Base+int64(i))
		if l.topic == topicPayLine && key != 0 && s.values.payClass[row.x] == schemas.ClassRegular {
			s.countRegular(rec.Op, schemas.Month(row.c))
		}
		s.table.apply(rec, s.listOf(key, bad), row)
	}
	return 0, nil
}

// about calls fn with whom each record of a batch is about.
func (s *Shard) about(l *layout, b *hub.Batch, fn func(person int)) (at int, err error) {
	p := newPacker(l, &s.words)
	for i := range b.Records {
		if err := p.walk(b.Records[i].Value); err != nil {
			return i, err
		}
		key, _, bad, err := p.person()
		if err != nil {
			return i, err
		}
		if n, known := s.find(key, bad); known {
			fn(int(n))
		} else {
			fn(-1)
		}
	}
	return 0, nil
}

// find is the place of the list of somebody known.
func (s *Shard) find(key ident.Key, bad []byte) (n uint32, known bool) {
	if key != 0 {
		n, known = s.persons[key]
		return n, known
	}
	n, known = s.bad[s.words.bad.numbers[string(bad)]]
	return n, known
}

// listOf is the place of somebody's list in the table; who was never seen gets one.
func (s *Shard) listOf(key ident.Key, bad []byte) uint32 {
	if key != 0 {
		if len(s.whose) > 0 && s.whose[s.last].key == key {
			return s.last
		}
		n, known := s.persons[key]
		if !known {
			n = uint32(len(s.whose))
			s.persons[key] = n
			s.whose = append(s.whose, whose{key: key})
		}
		s.last = n
		return n
	}
	number := s.words.bad.number(bad)
	n, known := s.bad[number]
	if !known {
		n = uint32(len(s.whose))
		s.bad[number] = n
		s.whose = append(s.whose, whose{bad: number})
	}
	return n
}

func (s *Shard) countRegular(op schemas.Op, m schemas.Month) {
	if op == schemas.Retract {
		s.regular[m]--
	} else {
		s.regular[m]++
	}
}

// Len is the number of persons and bad numbers, some of them without rows left.
func (s *Shard) Len() int { return len(s.whose) }

// Key is the i-th person; 0 for a number that gives no key.
func (s *Shard) Key(i int) ident.Key { return s.whose[i].key }

// RegularMonths calls fn for each service month with regular pay lines of persons, but for some: who
// is unborn is no person yet.
func (s *Shard) RegularMonths(unborn []int, fn func(schemas.Month)) {
	late := map[schemas.Month]int64{}
	for _, i := range unborn {
		s.table.each(uint32(i), func(r *row) {
			if r.ref.topic() == topicPayLine && s.values.payClass[r.x] == schemas.ClassRegular {
				late[schemas.Month(r.c)]++
			}
		})
	}
	for m, lines := range s.regular {
		if lines > late[m] {
			fn(m)
		}
	}
}

// Mention is a row that bears a number.
type Mention struct {
	Ref    Ref
	Number schemas.IDNumber // as cleaned
	File   string
}

// Mentions gives the rows about the i-th person, or bad number, by what they bear. They are asked
// for where the number gives no key.
func (s *Shard) Mentions(i int) []Mention {
	var mentions []Mention
	w := s.whose[i]
	s.table.each(uint32(i), func(r *row) {
		m := Mention{Ref: r.ref, File: s.words.fileOf(r.ref)}
		switch {
		case w.key == 0:
			m.Number = schemas.IDNumber(s.words.bad.texts[w.bad-1])
		case r.flags&flagShort != 0:
			m.Number = schemas.IDNumber(w.key.Short())
		default:
			m.Number = schemas.IDNumber(w.key.String())
		}
		mentions = append(mentions, m)
	})
	return mentions
}

// Load unpacks the rows about the i-th person. It reuses the room in p.
func (s *Shard) Load(i int, units *Units, p *Person) {
	p.reset()
	p.Key = s.whose[i].key
	numbers := units.tables[&s.words]
	s.table.each(uint32(i), func(r *row) { p.add(r, numbers, s.values) })
}
