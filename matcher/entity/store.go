package entity

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"unsafe"

	"hebian/hub"
	"hebian/matcher/state"
	"hebian/schemas"
)

// store is the registrations, packed. Bytes once written stay as they are for as long as anybody points to them.
type store struct {
	form   *form
	held   blocks[held]
	free   uint32 // list of places to use again, by held.next
	live   int
	arena  arena
	byID   table
	files  []string
	fileNo map[string]uint32
}

// held is what is known of a record beside its packed form: where it stands among the others.
type held struct {
	at   place
	home ID     // of the entity that it was first placed in; 0: not placed yet
	head uint64 // the first eight places of its valid USCC, the others of which are the first code; 0: it has none

	codes, traits uint32 // its first postings
	nCodes        uint8
	nTraits       uint8
	nNames        uint8 // of its traits; the first are names
	flags         uint8
	rep, address  uint32 // hashes of these traits; 0: it has none

	comp   uint32 // a record of the component that rules 1 to 3 put it in, the same for all in there
	link   uint32 // of one alone: the record that rule 4 links it to; 0: none
	entity uint32 // 0: not placed yet
	next   uint32 // member of the entity; of free places, the next free one

}

const (
	flagAlone   = 1 << iota // after rules 1 to 3
	flagTorn                // rule 4 finds two components or more
	flagApart               // splitting found no part for it, and it must be looked at
	flagDecided             // officers decided something about its key
	flagGone                // withdrawn
	flagSought              // it is among those to seek for already
)

// form says how registrations are read from Avro.
type form struct {
	walker *schemas.Walker
	fields int // so many from the first on are looked at
	texts  [numTexts]int

	source, status, yuan, wan, fen, updated int

	statuses []schemas.RegistrationStatus
}

// The texts of a packed record, in their order. The amount of the capital stands behind them. A bit says of each whether it is there.
var textFields = [...]string{"source_key", "uscc", "org_code", "reg_no", "tax_no", "name", "second_name", "division", "legal_rep",
	"address", "entity_type", "established", "industry", "parent", "employees"}

const (
	numTexts    = len(textFields)
	textCapital = numTexts
)

func newForm() *form {
	subject, walker := schemas.SubjectOf(topicRegistration), newWalker(topicRegistration)
	f := &form{walker: walker}
	find := func(name string) int {
		i := walker.Index(name)
		f.fields = max(f.fields, i+1)
		return i
	}
	for i, name := range textFields {
		f.texts[i] = find(name)
	}
	f.source, f.status, f.updated = find("source"), find("status"), find("updated_on")
	f.yuan, f.wan, f.fen = find("capital_yuan"), find("capital_wan"), find("capital_fen")
	for _, symbol := range subject.Field("status").Symbols {
		f.statuses = append(f.statuses, schemas.RegistrationStatus(symbol))
	}
	return f
}

func newWalker(subject string) *schemas.Walker {
	walker, err := schemas.NewWalker(schemas.SubjectOf(subject).Avro)
	if err != nil {
		panic(fmt.Sprintf("the schema of %s, which is built in: %v", subject, err))
	}
	return walker
}

func newStore() *store {
	return &store{form: newForm(), fileNo: map[string]uint32{}, arena: arena{blockBytes: arenaBlockBytes}}
}

// errNoSource names the agency of a registration that is none of the sources.
type errNoSource string

// Error says so.
func (e errNoSource) Error() string { return "a registration of " + string(e) + ", which is no source" }

// pack takes a record in. It can't be found by its ID before enter.
func (s *store) pack(file string, b *hub.Batch, i int, fields []schemas.Field) (n uint32, err error) {
	rec := &b.Records[i]
	_, datum, err := schemas.SplitFrame(rec.Value)
	if err != nil {
		return 0, err
	}
	f := s.form
	if err := f.walker.Walk(datum, fields); err != nil {
		return 0, err
	}
	text := func(field int) []byte { return datum[fields[field].Start:fields[field].End] }
	source, ok := SourceOf(string(text(f.source)))
	if !ok {
		return 0, errNoSource(text(f.source))
	}
	capital, unit := []byte(nil), NoCapital
	if !fields[f.yuan].Null {
		capital, unit = text(f.yuan), InYuan
	} else if !fields[f.wan].Null {
		capital, unit = text(f.wan), InWan
	}
	if n = s.free; n != 0 {
		s.free = s.held.at(n).next
	} else {
		n = s.held.take(1)
	}
	var room [headMost]byte
	head := append(room[:0], rec.ID[:]...)
	head = binary.LittleEndian.AppendUint64(head, uint64(state.RefOf(b.Topic, b.Partition, b.Base+int64(i))))
	head = append(head, byte(source)|byte(unit)<<sourceBits, byte(fields[f.status].Int))
	head = binary.AppendUvarint(head, uint64(s.fileNumber(file)))
	head = binary.AppendUvarint(head, uint64(rec.Line))
	head = binary.AppendUvarint(head, uint64(b.Delivery))
	head = binary.AppendVarint(head, optional(&fields[f.updated]))
	head = binary.AppendVarint(head, fields[f.fen].Int)
	var lengths [numTexts + 1]int
	for i, field := range f.texts {
		lengths[i] = fields[field].End - fields[field].Start
	}
	lengths[textCapital] = len(capital)
	size, there := 0, uint16(0)
	for i, length := range lengths {
		if size += length; length > 0 {
			there |= 1 << i
		}
	}
	head = binary.LittleEndian.AppendUint16(head, there)
	for _, length := range lengths {
		if length > 0 {
			head = binary.AppendUvarint(head, uint64(length))
		}
	}
	at, to := s.arena.take(n, len(head)+size)
	to = append(to, head...)
	for _, field := range f.texts {
		to = append(to, text(field)...)
	}
	_ = append(to, capital...)
	*s.held.at(n) = held{at: at}
	return n, nil
}

const (
	sourceBits = 3
	// Where things lie in a packed record.
	atRef    = len(schemas.ID{})
	atSource = atRef + 8
	atStatus = atSource + 1
	atRest   = atStatus + 1
	// headMost is the most bytes before the texts: that and so many varints.
	headMost = atRest + (5+numTexts+1)*binary.MaxVarintLen64 + 2
)

// noDate stands for a date that is not there.
const noDate = int64(schemas.MaxDate) + 1

func optional(f *schemas.Field) int64 {
	if f.Null {
		return noDate
	}
	return f.Int
}

func (s *store) fileNumber(file string) uint32 {
	n, known := s.fileNo[file]
	if !known {
		n = uint32(len(s.files))
		s.files = append(s.files, file)
		s.fileNo[file] = n
	}
	return n
}

// enter lets a packed record be found by its ID.
func (s *store) enter(n uint32) {
	s.byID.put(hashOf(s.id(n)), n)
	s.live++
}

// leave is the opposite of enter.
func (s *store) leave(n uint32) {
	s.byID.remove(hashOf(s.id(n)), n)
	s.live--
}

// find gives the record of an ID: of several, the one that came first.
func (s *store) find(id schemas.ID) (n uint32) {
	s.byID.find(hashOf(&id), func(m uint32) bool {
		if *s.id(m) == id && (n == 0 || s.ref(m) < s.ref(n)) {
			n = m
		}
		return false
	})
	return n
}

// hashOf makes a hash of an ID, which is a digest. Made-up ones may be less.
func hashOf(id *schemas.ID) uint64 { return spread(binary.LittleEndian.Uint64(id[:])) }

// drop makes a record's room free.
func (s *store) drop(n uint32) {
	h := s.held.at(n)
	s.arena.drop(h.at)
	*h = held{at: nowhere, next: s.free}
	s.free = n
}

// swap gives a record, which left, the row of another, which entered and gets the row of the first.
func (s *store) swap(n, m uint32) {
	id := hashOf(s.id(m))
	s.byID.remove(id, m)
	s.byID.put(id, n)
	a, b := s.held.at(n), s.held.at(m)
	a.at, b.at = b.at, a.at
	s.arena.number(a.at, n)
	s.arena.number(b.at, m)
}

func (s *store) id(n uint32) *schemas.ID {
	return (*schemas.ID)(s.arena.bytes(s.held.at(n).at))
}

func (s *store) ref(n uint32) state.Ref {
	return state.Ref(binary.LittleEndian.Uint64(s.arena.bytes(s.held.at(n).at)[atRef:]))
}

// load unpacks a record.
func (s *store) load(n uint32, to *Record) {
	b := s.arena.bytes(s.held.at(n).at)
	copy(to.ID[:], b)
	to.Ref = state.Ref(binary.LittleEndian.Uint64(b[atRef:]))
	to.Source, to.CapitalUnit = Source(b[atSource]&(1<<sourceBits-1)), CapitalUnit(b[atSource]>>sourceBits)
	to.Status = s.form.statuses[b[atStatus]]
	r := reader{b, atRest}
	to.File = s.files[r.uvarint()]
	to.Line, to.Delivery = int64(r.uvarint()), int64(r.uvarint())
	updated := r.varint()
	if to.HasUpdated = updated != noDate; to.HasUpdated {
		to.UpdatedOn = schemas.Date(updated)
	} else {
		to.UpdatedOn = 0
	}
	to.CapitalFen = r.varint()
	var lengths [numTexts + 1]int
	there := binary.LittleEndian.Uint16(b[r.at:])
	r.at += 2
	for ; there != 0; there &= there - 1 {
		lengths[bits.TrailingZeros16(there)] = int(r.uvarint())
	}
	text := unsafe.String(unsafe.SliceData(b[r.at:]), len(b)-r.at)
	next := func(i int) string {
		s := text[:lengths[i]]
		text = text[lengths[i]:]
		return s
	}
	to.Key, to.USCC, to.OrgCode, to.RegNo, to.TaxNo = next(0), next(1), next(2), next(3), next(4)
	to.Name, to.SecondName, to.Division, to.LegalRep, to.Address = next(5), next(6), next(7), next(8), next(9)
	to.EntityType, to.Established, to.Industry = next(10), next(11), next(12)
	to.Parent, to.Employees, to.Capital = next(13), next(14), next(textCapital)
}

// key gives source and source key of a record.
func (s *store) key(n uint32) RecordKey {
	var r Record
	s.load(n, &r)
	return RecordKey{r.Source, r.Key}
}

// reader reads varints that this package has written.
type reader struct {
	b  []byte
	at int
}

func (r *reader) uvarint() uint64 {
	if c := r.b[r.at]; c < 0x80 {
		r.at++
		return uint64(c)
	}
	v, n := binary.Uvarint(r.b[r.at:])
	r.at += n
	return v
}

func (r *reader) varint() int64 {
	v := r.uvarint()
	return int64(v>>1) ^ -int64(v&1)
}

// arena is the bytes of packed records, in blocks. A block of which more than half is given up is moved together.
type arena struct {
	blocks []arenaBlock
	last   int   // the block that is written to
	spare  []int // blocks without bytes

	blockBytes int
}

type arenaBlock struct {
	bytes []byte
	dead  int
}

// place is where in the arena a record lies: block and byte.
type place uint64

const nowhere = ^place(0)

func (p place) block() int { return int(p >> 32) }
func (p place) byte() int  { return int(uint32(p)) }

const (
	arenaBlockBytes = 1 << 20
	// Before a record stand its number and its size.
	arenaHead = 8
)

// take makes room for a record's bytes. They are to be appended to what it returns.
func (a *arena) take(number uint32, size int) (place, []byte) {
	if len(a.blocks) == 0 || cap(a.blocks[a.last].bytes)-len(a.blocks[a.last].bytes) < arenaHead+size {
		a.open(max(a.blockBytes, arenaHead+size))
	}
	block := &a.blocks[a.last]
	start := len(block.bytes)
	block.bytes = block.bytes[:start+arenaHead+size]
	head := block.bytes[start:]
	binary.LittleEndian.PutUint32(head, number)
	binary.LittleEndian.PutUint32(head[4:], uint32(size))
	return place(a.last)<<32 | place(start), head[arenaHead:arenaHead:len(head)]
}

func (a *arena) open(size int) {
	if last := len(a.spare) - 1; last >= 0 {
		a.last, a.spare = a.spare[last], a.spare[:last]
	} else {
		a.blocks = append(a.blocks, arenaBlock{})
		a.last = len(a.blocks) - 1
	}
	a.blocks[a.last] = arenaBlock{bytes: make([]byte, 0, size)}
}

// bytes are those of a record.
func (a *arena) bytes(p place) []byte {
	b := a.blocks[p.block()].bytes[p.byte():]
	size := int(binary.LittleEndian.Uint32(b[4:]))
	return b[arenaHead : arenaHead+size : arenaHead+size]
}

// number changes whose bytes they are.
func (a *arena) number(p place, n uint32) {
	binary.LittleEndian.PutUint32(a.blocks[p.block()].bytes[p.byte():], n)
}

func (a *arena) drop(p place) { a.blocks[p.block()].dead += arenaHead + len(a.bytes(p)) }

// compact moves what is left of blocks that hold little else but what was given up. Whoever still points into one keeps it.
func (s *store) compact() {
	a := &s.arena
	for i := range a.blocks {
		if i == a.last || a.blocks[i].dead <= len(a.blocks[i].bytes)/2 {
			continue
		}
		old := a.blocks[i].bytes
		for at := 0; at < len(old); {
			number := binary.LittleEndian.Uint32(old[at:])
			size := int(binary.LittleEndian.Uint32(old[at+4:]))
			if h := s.held.at(number); h.at == place(i)<<32|place(at) {
				p, to := a.take(number, size)
				_ = append(to, old[at+arenaHead:at+arenaHead+size]...)
				h.at = p
			}
			at += arenaHead + size
		}
		a.blocks[i] = arenaBlock{}
		a.spare = append(a.spare, i)
	}
}
