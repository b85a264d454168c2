package entity

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"hebian/hub"
	"hebian/schemas"
)

// Options are what a standing is made with.
type Options struct {
	Authority  *Authority // nil: the built-in one
	Calendar   *Calendar  // nil: Monday to Friday
	MaxSharers int        // so many records at most may share a code; 0: DefaultMaxSharers
	Once       bool       // there will be no change after the first judgement: it links only, tells nothing, and Each judges. Counts counts no findings
}

// DefaultMaxSharers is how many records may share an organisation code or a registration number. A code that more bear is a
// placeholder: it names nobody and links nothing. No entity has that many rows.
const DefaultMaxSharers = 1000

// RecordKey names records as officers and files do. Several rows may bear the same one.
type RecordKey struct {
	Source Source
	Key    string
}

// Link is what an officer decided of two records.
type Link struct {
	A, B RecordKey
	Same bool // they are about the same entity; else about two
}

// Counts says how much a standing holds.
type Counts struct {
	Entities, Records int
	Findings          map[Kind]map[string]int // by state, which is empty but for conflicts
}

// Standing is the legal entities that the log tells of: all registrations, linked and judged. It follows deliveries, and after each of
// them says what one fold of all rows that are left would say, whatever the way there (Promise 5). Only the entities that a delivery
// is about are linked and judged again. A registration takes some 415 bytes.
//
// Fold, Judge and Decide are for one goroutine at a time; all others may be used by any number beside it.
type Standing struct {
	mu sync.RWMutex // guards all below
	linker
	judged, once bool
	divisionForm *schemas.Walker
	divisions    map[schemas.ID]*divisionRow
	strangers    map[string]int // registrations of agencies that are no source
	owed         map[schemas.ID]int

	entities blocks[body]
	freeBody uint32 // list of bodies to use again, by sibling
	roll     roll
	number   int                          // of entities
	findings [len(kinds)][len(states)]int // how many there are

	// Both are 0 between changes.
	places []uint32 // by record: where in the region it is, from 1 on
	firsts []uint32 // by list of codes: where in the region its first record is, from 1 on
}

// divisionRow is a row about a division, as often as it was asserted and not retracted.
type divisionRow struct {
	schemas.Division
	line  int64
	times int
}

// NewStanding makes an empty one.
func NewStanding(o Options) *Standing {
	if o.MaxSharers == 0 {
		o.MaxSharers = DefaultMaxSharers
	}
	return &Standing{
		once:         o.Once,
		linker:       newLinker(newStore(), Bench{Authority: o.Authority, Calendar: o.Calendar}, o.MaxSharers),
		divisionForm: newWalker(topicDivision), divisions: map[schemas.ID]*divisionRow{}, strangers: map[string]int{}, owed: map[schemas.ID]int{},
		roll: newRoll(),
	}
}

// The topics that a standing is a fold of.
const (
	topicRegistration = "entity.registration"
	topicDivision     = "entity.division"
)

// Topics lists the topics that a standing is a fold of.
func Topics() []string { return []string{topicRegistration, topicDivision} }

// Fold folds one delivery and judges what it is about. Before the first Judge it only folds. Where the delivery says something about
// divisions, everything is judged. An error leaves everything as it was.
func (s *Standing) Fold(ctx context.Context, batches func(fn func(file string, b *hub.Batch) error) error) (Change, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := newDelivery(s)
	if err := d.read(ctx, batches); err != nil {
		d.forget()
		return Change{}, fmt.Errorf("fold a delivery: %w", err)
	}
	gone, fresh, divisions := d.commit()
	change := Change{Rows: d.rows}
	switch {
	case !s.judged:
	case divisions:
		s.bench.Divisions = s.newDivisions()
		s.relinkAll(gone, fresh, &change)
	default:
		s.relink(gone, fresh, nil, &change)
	}
	s.compact()
	change.sort()
	return change, nil
}

// Judge links and judges everything as of a day, from which on deliveries are judged as of that day. Later it judges what hangs on the
// day. The change is relative to what was found before; the first time, everything is new.
func (s *Standing) Judge(ctx context.Context, day schemas.Date) (Change, error) {
	if err := ctx.Err(); err != nil {
		return Change{}, fmt.Errorf("judge as of %s: %w", day, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.bench.Day
	s.bench.Day = day
	var change Change
	switch {
	case !s.judged:
		s.judged = true
		s.bench.Divisions = s.newDivisions()
		s.relinkAll(nil, s.all(), &change)
	case s.divisionsDiffer(before, day):
		s.relinkAll(nil, nil, &change)
	case before != day:
		var bodies []uint32
		s.eachBody(func(b uint32) {
			if s.entities.at(b).flags&bodyDayBound != 0 {
				bodies = append(bodies, b)
			}
		})
		s.judgeBodies(bodies, &change)
	}
	change.sort()
	return change, nil
}

// Decide takes the officers' decisions, in place of all earlier ones; of several about the same two records the last counts. The same
// entity: a link beside those of the rules. Another one: rule 4 and splitting don't put the two together, nor are they candidates of
// each other; equal codes still link them.
func (s *Standing) Decide(ctx context.Context, links []Link) (Change, error) {
	if err := ctx.Err(); err != nil {
		return Change{}, fmt.Errorf("take %d decisions: %w", len(links), err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.said
	s.said = verdicts(links)
	var change Change
	if !s.judged {
		return change, nil
	}
	others := map[RecordKey]bool{} // of which something else is said than before
	for key, said := range s.said {
		if !slices.Equal(said, old[key]) {
			others[key] = true
		}
	}
	for key := range old {
		if s.said[key] == nil {
			others[key] = true
		}
	}
	seeds := s.mind(others)
	s.relink(nil, nil, seeds, &change)
	change.sort()
	return change, nil
}

// verdicts sorts decisions by each of their records.
func verdicts(links []Link) map[RecordKey][]verdict {
	last := map[[2]RecordKey]bool{}
	for _, l := range links {
		if l.A != l.B {
			last[[2]RecordKey{l.A, l.B}], last[[2]RecordKey{l.B, l.A}] = l.Same, l.Same
		}
	}
	said := map[RecordKey][]verdict{}
	for pair, same := range last {
		said[pair[0]] = append(said[pair[0]], verdict{pair[1], same})
	}
	for _, all := range said {
		slices.SortFunc(all, func(a, b verdict) int {
			return cmp.Or(cmp.Compare(a.other.Source, b.other.Source), cmp.Compare(a.other.Key, b.other.Key))
		})
	}
	return said
}

// mind looks for the records of some keys of which officers say something else than before, and notes those of which they say
// anything.
func (s *Standing) mind(keys map[RecordKey]bool) []uint32 {
	var found []uint32
	if len(keys) == 0 {
		return nil
	}
	s.decided = map[RecordKey][]uint32{}
	for _, n := range s.all() {
		key, h := s.key(n), s.held.at(n)
		h.flags &^= flagDecided
		s.mindOne(n, key)
		if keys[key] {
			found = append(found, n)
		}
	}
	return found
}

// mindOne notes a record if officers say something of its key.
func (l *linker) mindOne(n uint32, key RecordKey) {
	if len(l.said[key]) > 0 {
		l.held.at(n).flags |= flagDecided
		key.Key = strings.Clone(key.Key) // else all that was packed beside it would stay
		l.decided[key] = append(l.decided[key], n)
	}
}

// Restore hands in the identities of an earlier run, before the first Judge: entities keep their IDs.
func (s *Standing) Restore(ids Identities) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.judged {
		return errors.New("restore identities after the first judgement")
	}
	s.roll.restored = restore(&ids, &s.roll)
	return nil
}

// relinkAll links and judges everything anew.
func (s *Standing) relinkAll(gone, fresh []uint32, change *Change) {
	g := &region{Standing: s, whole: true}
	for _, n := range gone {
		g.withdraw(n)
	}
	live := s.all()
	s.traits = index{}
	var wait sync.WaitGroup
	wait.Go(func() { s.enterAllTraits(live) })
	var r Record
	room := newKeyRoom()
	for _, n := range fresh {
		s.load(n, &r)
		s.enterCodes(n, &r, room, func(uint32) {})
		s.mindOne(n, RecordKey{r.Source, r.Key})
	}
	wait.Wait()
	g.records, g.parent = make([]uint32, 0, len(gone)+len(live)), make([]uint32, 0, len(gone)+len(live))
	for _, n := range slices.Concat(gone, live) {
		g.take(n)
	}
	g.settle(gone, change)
}

// relink links and judges anew what some records have to do with.
func (s *Standing) relink(gone, fresh, seeds []uint32, change *Change) {
	g := &region{Standing: s}
	var rewrites []rewrite
	if len(gone) > 0 && len(fresh) > 0 {
		rewrites, gone, fresh = g.rewrites(gone, fresh)
		g.rewrite(rewrites)
	}
	for _, n := range slices.Concat(gone, seeds) {
		g.take(n)
	}
	for _, n := range gone {
		g.withdraw(n)
	}
	var r Record
	room := newKeyRoom()
	for _, n := range fresh {
		s.load(n, &r)
		s.enterCodes(n, &r, room, g.takeList)
		s.enterTraits(n, &r, room)
		s.mindOne(n, RecordKey{r.Source, r.Key})
		g.take(n)
	}
	for _, w := range rewrites { // what is left of it is the row before
		gone = append(gone, w.fresh)
	}
	g.settle(gone, change)
}

// all gives all records.
func (s *Standing) all() []uint32 {
	all := make([]uint32, 0, s.live)
	for n := uint32(1); n < s.held.used; n++ {
		if h := s.held.at(n); h.at != nowhere && h.flags&flagGone == 0 {
			all = append(all, n)
		}
	}
	return all
}

func (s *Standing) eachBody(fn func(b uint32)) {
	for b := uint32(1); b < s.entities.used; b++ {
		if s.entities.at(b).first != 0 {
			fn(b)
		}
	}
}

// newDivisions makes divisions of the rows, in the order of their file.
func (s *Standing) newDivisions() *Divisions {
	ids := slices.SortedFunc(maps.Keys(s.divisions), func(a, b schemas.ID) int {
		return cmp.Or(cmp.Compare(s.divisions[a].line, s.divisions[b].line), slices.Compare(a[:], b[:]))
	})
	var rows []schemas.Division
	for _, id := range ids {
		if row := s.divisions[id]; row.times > 0 {
			rows = append(rows, row.Division)
		}
	}
	return NewDivisions(rows)
}

// divisionsDiffer says whether some division begins or ends between two days.
func (s *Standing) divisionsDiffer(a, b schemas.Date) bool {
	a, b = min(a, b), max(a, b)
	between := func(d *schemas.Date) bool { return d != nil && a < *d && *d <= b }
	for _, row := range s.divisions {
		if between(row.ValidFrom) || between(row.ValidTo) {
			return true
		}
	}
	return false
}

// judgeBodies judges entities and notes what is otherwise than it was.
func (s *Standing) judgeBodies(bodies []uint32, change *Change) {
	if s.once {
		return
	}
	heard := make([]hearing, min(len(bodies), judgeRound))
	clerks := make([]clerk, runtime.GOMAXPROCS(0))
	for ; len(bodies) > 0; bodies = bodies[min(len(bodies), judgeRound):] {
		inParallel(min(len(bodies), judgeRound), func(worker int, next func() (int, int)) {
			c := &clerks[worker]
			c.Standing = s
			for from, to := next(); from < to; from, to = next() {
				c.fetch(bodies[from:to])
				for i := from; i < to; i++ {
					heard[i] = c.hear(bodies[i])
				}
			}
		})
		for i, b := range bodies[:min(len(bodies), judgeRound)] {
			s.keep(b, &heard[i], change)
		}
	}
}

// judgeRound is how many entities are judged before what came of it is noted.
const judgeRound = 8192

// keep keeps what was found of an entity.
func (s *Standing) keep(b uint32, now *hearing, change *Change) {
	body := s.entities.at(b)
	if body.print != now.print || body.flags&bodyNew != 0 {
		change.Golden = append(change.Golden, body.id)
	}
	s.note(body.id, body.kept, now.kept, change)
	body.print, body.kept = now.print, now.kept
	if now.order != nil {
		s.chain(body, now.order)
	}
	if body.flags &^= bodyNew | bodyDayBound; now.dayBound {
		body.flags |= bodyDayBound
	}
	for _, b := range now.eyed {
		s.entities.at(b).flags |= bodyEyed
	}
}

// chain gives an entity its members, in their order.
func (s *Standing) chain(to *body, members []uint32) {
	next := uint32(0)
	for _, n := range slices.Backward(members) {
		s.held.at(n).next = next
		next = n
	}
	to.first = next
}

// note compares what was found of an entity with what is. Both are in the order of their keys.
func (s *Standing) note(id ID, before, after []kept, change *Change) {
	for len(before) > 0 || len(after) > 0 {
		order := 0
		switch {
		case len(before) == 0:
			order = 1
		case len(after) == 0:
			order = -1
		default:
			order = before[0].compare(after[0])
		}
		if order <= 0 {
			s.count(before[0], -1)
		}
		if order >= 0 {
			s.count(after[0], 1)
		}
		switch {
		case order < 0:
			change.Closed = append(change.Closed, before[0].caseFinding(id))
		case order > 0:
			change.Opened = append(change.Opened, after[0].caseFinding(id))
		case before[0].grounds != after[0].grounds:
			change.Refreshed = append(change.Refreshed, after[0].caseFinding(id))
		}
		if order <= 0 {
			before = before[1:]
		}
		if order >= 0 {
			after = after[1:]
		}
	}
}

func (k kept) caseFinding(id ID) CaseFinding { return CaseFinding{id, kinds[k.kind], k.detail} }

func (s *Standing) count(k kept, by int) { s.findings[k.kind][k.state] += by }

// inOrder gives all entities in the order of their codes and first rows.
func (s *Standing) inOrder() []uint32 {
	type named struct {
		code   string
		source Source // with line: its first row
		line   int64
		body   uint32
	}
	var all []named
	s.eachBody(func(b uint32) { all = append(all, named{body: b}) })
	inParallel(len(all), func(_ int, next func() (int, int)) {
		c := clerk{Standing: s}
		for from, to := next(); from < to; from, to = next() {
			for i := from; i < to; i++ {
				e := c.open(all[i].body)
				all[i].code, all[i].source, all[i].line = e.Code, e.Members[0].Source, e.Members[0].Line
				for m := range e.Members { // which are in the order of their keys
					if e.Members[m].Source == all[i].source {
						all[i].line = min(all[i].line, e.Members[m].Line)
					}
				}
			}
		}
	})
	var a, b Record
	slices.SortFunc(all, func(x, y named) int {
		if order := cmp.Compare(x.code, y.code); order != 0 {
			return order
		}
		if order := cmp.Or(cmp.Compare(x.source, y.source), cmp.Compare(x.line, y.line)); order != 0 {
			return order
		}
		s.load(s.entities.at(x.body).first, &a)
		s.load(s.entities.at(y.body).first, &b)
		return a.Compare(&b)
	})
	bodies := make([]uint32, len(all))
	for i := range all {
		bodies[i] = all[i].body
	}
	return bodies
}

// Entity gives an entity as it is judged now; of an ID that no entity has any more, the entity that it became part of, if there is one.
func (s *Standing) Entity(id ID) (*Entity, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	b := s.roll.find(id)
	if b == 0 {
		return nil, false
	}
	c := clerk{Standing: s}
	e := *c.judge(b)
	for _, n := range c.numbers {
		e.Homes = append(e.Homes, s.held.at(n).home)
	}
	return &e, true
}

// Warnings say what officers should know beside findings: codes that name nobody, and registrations of agencies that are no source.
func (s *Standing) Warnings() []string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var warnings []string
	for list := range s.crowded {
		warnings = append(warnings, fmt.Sprintf("code %s is borne by %d records, more than %d: it links nothing",
			unpackCode(s.codes.key(list)), s.codes.count(list), s.most))
	}
	for agency, n := range s.strangers {
		warnings = append(warnings, fmt.Sprintf("%d registrations of %s are left out: it is no source of legal entities", n, agency))
	}
	slices.Sort(warnings)
	return warnings
}

// DivisionNames gives the names of a division from the province down to itself, as of the day judged by; none if it is not known.
func (s *Standing) DivisionNames(code string) []string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.bench.Divisions.Names(code, s.bench.Day)
}

// Counts counts entities, records and findings.
func (s *Standing) Counts() Counts {
	s.mu.RLock()
	defer s.mu.RUnlock()
	counts := Counts{Entities: s.number, Records: s.live, Findings: map[Kind]map[string]int{}}
	for kind := range s.findings {
		for state, n := range s.findings[kind] {
			if n == 0 {
				continue
			}
			if counts.Findings[kinds[kind]] == nil {
				counts.Findings[kinds[kind]] = map[string]int{}
			}
			counts.Findings[kinds[kind]][states[state]] = n
		}
	}
	return counts
}

// inParallel has workers, one for each core, do n things. Each asks for the next few until there are none.
func inParallel(n int, work func(worker int, next func() (from, to int))) {
	const few = 32
	var taken atomic.Int64
	next := func() (from, to int) {
		from = min(int(taken.Add(few))-few, n)
		return from, min(from+few, n)
	}
	var wait sync.WaitGroup
	for worker := 1; worker < min(runtime.GOMAXPROCS(0), (n+few-1)/few); worker++ {
		wait.Go(func() { work(worker, next) })
	}
	work(0, next)
	wait.Wait()
}
