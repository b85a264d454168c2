package state

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"

	"hebian/schemas"
	"hebian/schemas/ident"
)

// A snapshot is everything that cannot be computed: texts by their numbers, and the rows of each list
// one after the other. Whatever a State does, one that was loaded does in the same way.

// snapshotVersion grows with the form of a snapshot and with what ident packs into a person key.
const snapshotVersion = 1

// fingerprint stands for how records are laid out in rows. A row means something else, or nothing, to a
// binary with other layouts.
var fingerprint = sync.OnceValue(func() string {
	hash := sha256.New()
	fmt.Fprintln(hash, "hebian state", snapshotVersion, partitionBits, offsetBits)
	for _, spec := range layoutSpecs {
		fmt.Fprintf(hash, "%+v\n", spec)
		for _, f := range schemas.SubjectOf(spec.subject).Fields {
			fmt.Fprintf(hash, "%q %d %v %q\n", f.Name, f.Kind, f.Optional, f.Symbols)
		}
	}
	return string(hash.Sum(nil))
})

// Save writes a snapshot. Batches wait until it is done.
func (s *State) Save(w io.Writer) error {
	defer s.Freeze()()
	if err := s.Spoilt(); err != nil {
		return fmt.Errorf("save the state: %w", err)
	}
	to := newSealer(w)
	to.bytes(fingerprint())
	to.number(len(s.shards))
	s.units.save(to)
	for _, shard := range s.shards {
		shard.save(to)
	}
	if err := to.end(); err != nil {
		return fmt.Errorf("save the state: %w", err)
	}
	return nil
}

// Load reads a snapshot of a log whose topics about persons have so many partitions, up to the end of
// what r gives. Whatever is not exactly as Save wrote it, by a binary that lays out records in the same
// way, is an error: then the log must be folded anew.
func Load(r io.Reader, partitions int) (*State, error) {
	s, err := New(partitions)
	if err != nil {
		return nil, err
	}
	from := newUnsealer(r)
	s.load(from)
	if from.err != nil {
		return nil, fmt.Errorf("load a snapshot of the state: %w", from.err)
	}
	return s, nil
}

func (s *State) load(from *unsealer) {
	var written strings.Builder
	if from.copy(&written, sha256.Size); written.String() != fingerprint() {
		from.fail("a form or schemas of another version")
		return
	}
	if n := from.number(); int64(n) != int64(len(s.shards)) {
		from.fail("another number of partitions")
		return
	}
	byTopic := make([]*layout, len(layoutSpecs))
	for _, l := range s.layouts {
		byTopic[l.topic] = l
	}
	s.units.load(from, byTopic, len(s.shards))
	for partition, shard := range s.shards {
		shard.load(from, byTopic, partition)
	}
	from.end()
}

func (t *unitTable) save(to *sealer) {
	t.words.save(to)
	to.number(len(t.table.heads))
	for list := range t.table.heads {
		to.number(t.table.count(uint32(list)))
		t.table.save(to, uint32(list))
	}
	t.table.saveNear(to)
}

func (t *unitTable) load(from *unsealer, layouts []*layout, partitions int) {
	t.words.load(from)
	lists := from.number()
	if int64(lists) > int64(len(t.words.units.texts)) {
		from.fail("rows of no unit")
	}
	g := guard{layouts: layouts, words: &t.words, topics: [2]int{topicInstitution, len(layouts)}, partitions: [2]int{0, partitions}}
	for list := range lists {
		g.unit = list + 1
		if t.table.load(from, from.number(), &g); from.err != nil {
			return
		}
	}
	t.table.loadNear(from)
}

func (s *Shard) save(to *sealer) {
	s.words.save(to)
	months := slices.Sorted(maps.Keys(s.regular))
	months = slices.DeleteFunc(months, func(m schemas.Month) bool { return s.regular[m] == 0 })
	to.number(len(months))
	for _, m := range months {
		to.number(int(m))
		to.long(s.regular[m])
	}
	to.number(len(s.whose))
	for i, w := range s.whose {
		b := to.room(16)
		binary.LittleEndian.PutUint64(b, uint64(w.key))
		binary.LittleEndian.PutUint32(b[8:], w.bad)
		binary.LittleEndian.PutUint32(b[12:], uint32(s.table.count(uint32(i))))
		s.table.save(to, uint32(i))
	}
	s.table.saveNear(to)
}

func (s *Shard) load(from *unsealer, layouts []*layout, partition int) {
	s.words.load(from)
	var last schemas.Month
	for n := from.number(); n > 0 && from.err == nil; n-- {
		m, lines := schemas.Month(from.number()), from.long()
		if m <= last || !inRange(schemas.KindMonth, int64(m)) || lines == 0 {
			from.fail("a month that is none")
		}
		s.regular[m], last = lines, m
	}
	lists := from.number()
	s.expect(min(lists, mostExpected))
	g := guard{layouts: layouts, words: &s.words, topics: [2]int{0, topicInstitution}, partitions: [2]int{partition, partition + 1}}
	for list := range lists {
		b := from.take(16)
		w := whose{ident.Key(binary.LittleEndian.Uint64(b)), binary.LittleEndian.Uint32(b[8:])}
		if !s.admit(list, w) {
			from.fail("a person that is none, or twice")
		}
		if s.table.load(from, binary.LittleEndian.Uint32(b[12:]), &g); from.err != nil {
			return
		}
	}
	s.table.loadNear(from)
}

// mostExpected bounds the room made beforehand for persons whom a damaged snapshot may only pretend to
// have.
const mostExpected = 1 << 17

// expect makes room for so many persons.
func (s *Shard) expect(persons uint32) {
	s.persons = make(map[ident.Key]uint32, persons)
	s.whose = make([]whose, 0, persons)
	s.table.heads, s.table.tails = make([]uint32, 0, persons), make([]uint32, 0, persons)
}

// admit makes somebody the next in the shard.
func (s *Shard) admit(n uint32, w whose) bool {
	s.whose = append(s.whose, w)
	if w.key == 0 {
		_, twice := s.bad[w.bad]
		s.bad[w.bad] = n
		return !twice && w.bad > 0 && int64(w.bad) <= int64(len(s.words.bad.texts))
	}
	var room [18]byte
	key, ok := ident.Pack(w.key.AppendTo(room[:0]))
	_, twice := s.persons[w.key]
	s.persons[w.key] = n
	return ok && key == w.key && w.bad == 0 && !twice
}

// count counts the rows of a list, owed ones too.
func (t *table) count(list uint32) int {
	if int(list) >= len(t.heads) {
		return 0
	}
	rows := 0
	for n := t.heads[list]; n != 0; n = t.at(n).next {
		rows++
	}
	return rows
}

// rowBytes is what a row takes up in a snapshot: all but next.
const rowBytes = 36

func (t *table) save(to *sealer, list uint32) {
	if int(list) >= len(t.heads) {
		return
	}
	for n := t.heads[list]; n != 0; {
		r := t.at(n)
		r.put((*[rowBytes]byte)(to.room(rowBytes)))
		n = r.next
	}
}

// load reads the next list. Its rows come to lie beside each other.
func (t *table) load(from *unsealer, rows uint32, g *guard) {
	if t.used == 0 {
		t.used = 1
	}
	if rows == 0 {
		t.heads, t.tails = append(t.heads, 0), append(t.tails, 0)
		return
	}
	t.heads = append(t.heads, t.used)
	for left := rows; left > 0; left-- {
		b := from.take(rowBytes)
		if from.err != nil {
			return
		}
		if int(t.used/blockRows) == len(t.blocks) {
			t.blocks = append(t.blocks, new(block))
		}
		r := t.at(t.used)
		if r.get((*[rowBytes]byte)(b)); !g.admits(r) {
			from.fail("a row that is none")
			return
		}
		if r.flags&flagOwed != 0 {
			t.owed++
		}
		t.used++
		if left > 1 {
			r.next = t.used
		}
	}
	t.tails = append(t.tails, t.used-1)
}

// saveNear writes near with the row's place in its list, from 1 on.
func (t *table) saveNear(to *sealer) {
	place := 0
	if t.near.row != 0 {
		place = 1
		for n := t.heads[t.near.whose]; n != t.near.row; n = t.at(n).next {
			place++
		}
	}
	to.number(int(t.near.whose))
	to.number(place)
}

func (t *table) loadNear(from *unsealer) {
	t.near.whose = from.number()
	place := from.number()
	if from.err != nil || place == 0 {
		return
	}
	if int64(t.near.whose) >= int64(len(t.heads)) || int64(place) > int64(t.count(t.near.whose)) {
		from.fail("a row that is nowhere")
		return
	}
	t.near.row = t.heads[t.near.whose] + place - 1
}

func (r *row) put(b *[rowBytes]byte) {
	binary.LittleEndian.PutUint64(b[0:], uint64(r.ref))
	binary.LittleEndian.PutUint32(b[8:], r.mark)
	binary.LittleEndian.PutUint32(b[12:], r.unit)
	binary.LittleEndian.PutUint32(b[16:], r.other)
	binary.LittleEndian.PutUint32(b[20:], uint32(r.a))
	binary.LittleEndian.PutUint32(b[24:], uint32(r.b))
	binary.LittleEndian.PutUint32(b[28:], uint32(r.c))
	b[32], b[33], b[34], b[35] = r.x, r.y, r.z, r.flags
}

// get sets all but next.
func (r *row) get(b *[rowBytes]byte) {
	r.ref = Ref(binary.LittleEndian.Uint64(b[0:]))
	r.mark = binary.LittleEndian.Uint32(b[8:])
	r.unit = binary.LittleEndian.Uint32(b[12:])
	r.other = binary.LittleEndian.Uint32(b[16:])
	r.a = int32(binary.LittleEndian.Uint32(b[20:]))
	r.b = int32(binary.LittleEndian.Uint32(b[24:]))
	r.c = int32(binary.LittleEndian.Uint32(b[28:]))
	r.x, r.y, r.z, r.flags = b[32], b[33], b[34], b[35]
}

func (w *words) save(to *sealer) {
	w.units.save(to)
	w.spellings.save(to)
	for _, key := range w.keys {
		to.number(int(key))
	}
	w.bad.save(to)
	w.files.save(to)
	for topic := range layoutSpecs {
		var runs []origin
		if topic < len(w.origins) {
			runs = w.origins[topic]
		}
		to.number(len(runs))
		for _, o := range runs {
			to.long(o.base)
			to.long(o.end)
			to.number(int(o.file))
		}
	}
}

func (w *words) load(from *unsealer) {
	w.units.load(from)
	w.spellings.load(from)
	w.names.numbers = make(map[string]uint32, len(w.spellings.texts))
	for _, spelling := range w.spellings.texts {
		// The keys are made anew, and must come out as they were: rows hold their numbers.
		key := w.keyOf(spelling)
		if from.number() != key && from.err == nil {
			from.fail("names keyed in another way")
		}
		w.keys = append(w.keys, key)
	}
	w.bad.load(from)
	w.files.load(from)
	w.origins = make([][]origin, len(layoutSpecs))
	for topic := range w.origins {
		var end int64
		for n := from.number(); n > 0 && from.err == nil; n-- {
			o := origin{from.long(), from.long(), from.number()}
			if o.base < end || o.end <= o.base || o.end > 1<<offsetBits || o.file == 0 || int64(o.file) > int64(len(w.files.texts)) {
				from.fail("files out of order")
			}
			w.origins[topic] = append(w.origins[topic], o)
			end = o.end
		}
	}
}

func (t *texts) save(to *sealer) {
	to.number(len(t.texts))
	for _, text := range t.texts {
		to.number(len(text))
	}
	for _, text := range t.texts {
		to.bytes(text)
	}
}

// load makes one string of all texts, so that there is one thing to keep instead of many.
func (t *texts) load(from *unsealer) {
	var lengths []uint32
	var sum int64
	for n := from.number(); n > 0 && from.err == nil; n-- {
		lengths = append(lengths, from.number())
		sum += int64(lengths[len(lengths)-1])
	}
	var all strings.Builder
	from.copy(&all, sum)
	if from.err != nil {
		return
	}
	t.numbers, t.texts = make(map[string]uint32, len(lengths)), make([]string, 0, len(lengths))
	rest := all.String()
	for _, n := range lengths {
		t.add(rest[:n])
		rest = rest[n:]
	}
	if len(t.numbers) < len(t.texts) {
		from.fail("a text twice")
	}
}

// guard says whether rows can be those of a table, so that nothing that reads them goes astray.
type guard struct {
	layouts    []*layout // by topic
	words      *words
	topics     [2]int // from the first to before the second
	partitions [2]int // the same
	unit       uint32 // whose list it is; 0: not of one
}

func (g *guard) admits(r *row) bool {
	topic, partition := r.ref.topic(), r.ref.Partition()
	if topic < g.topics[0] || topic >= g.topics[1] || partition < g.partitions[0] || partition >= g.partitions[1] {
		return false
	}
	runs := g.words.origins[topic]
	if len(runs) == 0 || r.ref.Offset() < runs[0].base || r.ref.Offset() >= runs[len(runs)-1].end {
		return false
	}
	if g.unit != 0 && (r.unit != g.unit || r.flags&flagShort != 0) {
		return false
	}
	return g.layouts[topic].fits(r, g.words)
}

// fits says whether a row can be one of the subject.
func (l *layout) fits(r *row, w *words) bool {
	return l.unit.exists() == (r.unit > 0) && int64(r.unit) <= int64(len(w.units.texts)) &&
		(l.amount.exists() || l.a.fits(r.a) && l.b.fits(r.b)) && l.c.fits(r.c) && l.otherFits(r.other, w) &&
		l.x.fitsSymbol(r.x) && l.y.fitsSymbol(r.y) && l.z.fitsSymbol(r.z) &&
		r.flags < flagOwed<<1 && (l.present.exists() || r.flags&flagPresent == 0)
}

func (l *layout) otherFits(n uint32, w *words) bool {
	switch {
	case l.name.exists():
		return n > 0 && int64(n) <= int64(len(w.names.texts))
	case l.otherUnit.exists():
		return (n > 0 || l.otherUnit.optional) && int64(n) <= int64(len(w.units.texts))
	}
	return l.count.fits(int32(n))
}

// fits says whether a date, month or number can stand in a field.
func (p place) fits(n int32) bool {
	switch {
	case !p.exists():
		return n == 0
	case n == null:
		return p.optional
	}
	return inRange(p.kind, int64(n))
}

func (p place) fitsSymbol(n uint8) bool {
	if n == 0 {
		return !p.exists() || p.optional
	}
	return int(n) <= p.symbols
}
