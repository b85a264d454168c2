package main

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"hebian/hub"
	"hebian/matcher"
	"hebian/matcher/entity"
	goldenbook "hebian/matcher/entity/book"
	"hebian/matcher/entity/search"
	"hebian/matcher/institution"
	"hebian/matcher/queue"
	"hebian/schemas"
)

// register is what the judge of a hub knows of legal entities. The judge alone changes it; its parts have locks of their own, so that
// officers may look meanwhile.
type register struct {
	standing     *entity.Standing
	book         *goldenbook.Book // the golden records
	names        *search.Index[entity.ID]
	institutions *institution.Index
	alike        *alike // the judge's alone

	mu      sync.RWMutex        // guards renamed
	renamed map[string][]string // former names that registers tell of, by credit code

	day    schemas.Date         // judged by; the judge's alone
	handed map[string]bool      // sources whose register came in; the judge's alone
	events *schemas.Walker      // reads registration events
	cased  map[matcher.Key]bool // findings that may have a case whose finding stands; the judge's alone
}

// renamedFrom are the names that registers say an entity had before.
func (r *register) renamedFrom(code string) []string {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return slices.Clone(r.renamed[code])
}

// openRegister makes the register from the log, writes down what golden records lack, and tells the queue how everything stands.
func (s *service) openRegister(ctx context.Context, receipts map[int64]hub.Receipt) error {
	r := &register{
		standing: s.config.Entities.standing(false), names: search.New[entity.ID](), institutions: institution.NewIndex(), handed: map[string]bool{},
		cased: map[matcher.Key]bool{}, renamed: map[string][]string{}, alike: newAlike(),
	}
	s.register = r
	var err error
	if r.events, err = schemas.NewWalker(schemas.SubjectOf(eventSubject).Avro); err != nil {
		return err
	}
	if r.book, err = goldenbook.Open(ctx, s.log, s.schemaIDs[goldenbook.Topic]); err != nil {
		return err
	}
	if err := r.book.Identities(ctx, r.standing.Restore); err != nil {
		return err
	}
	counts := map[int64]string{}
	for id, receipt := range receipts {
		counts[id] = receipt.File
		r.note(receipt)
	}
	if err := s.noteSources(ctx); err != nil {
		return err
	}
	if err := s.foldEntities(ctx, r.standing, counts); err != nil {
		return err
	}
	for _, topic := range institution.Topics() {
		for p := range s.log.Partitions(topic) {
			if _, err := hub.NewReader(s.log, counts).Replay(ctx, topic, p, 0, func(file string, b *hub.Batch) error {
				_, err := r.applyInstitutions(file, b)
				return err
			}); err != nil {
				return err
			}
		}
	}
	links, err := s.links(ctx)
	if err != nil {
		return err
	}
	if _, err := r.standing.Decide(ctx, links); err != nil {
		return err
	}
	if r.day, err = s.firstEntityDay(ctx); err != nil {
		return err
	}
	change, err := r.standing.Judge(ctx, r.day)
	if err != nil {
		return err
	}
	return s.sweep(ctx, &change, nil)
}

// note remembers whose register came in.
func (r *register) note(receipt hub.Receipt) {
	whole := receipt.Mode == hub.Full && (receipt.Accepted > 0 || receipt.RowsRead == 0) // an empty register is one, a refused one is none
	if receipt.Subject == registrationSubject && whole {
		r.handed[receipt.Agency] = true
	}
}

// entitiesProvisional says whether a source is still to hand its register in: until then what looks like a conflict may be none.
func (s *service) entitiesProvisional() bool {
	return slices.ContainsFunc(s.config.Entities.Sources, func(source string) bool { return !s.register.handed[source] })
}

// sourceSetting says of an agency, by its name behind this, that a connector has read its register row by row to the end once.
const sourceSetting = "register:"

// noteSources remembers whose register was read row by row.
func (s *service) noteSources(ctx context.Context) error {
	for _, source := range s.config.Entities.Sources {
		came, err := s.db.Setting(ctx, sourceSetting+source)
		if err != nil {
			return err
		}
		s.register.handed[source] = s.register.handed[source] || came != ""
	}
	return nil
}

// heedSource hears that a connector has read an agency's register to its end.
func (s *service) heedSource(ctx context.Context, source string) error {
	before := s.entitiesProvisional()
	s.register.handed[source] = true
	if !before || s.entitiesProvisional() {
		return nil
	}
	return s.sweep(ctx, &entity.Change{}, nil) // the last register is there
}

// Legal entities are judged by the present day: whether a source may still follow is a matter of days. The day last judged by
// is kept, so that a clock which jumps back turns nothing back.
const entityDaySetting = "entity_day"

func (s *service) firstEntityDay(ctx context.Context) (schemas.Date, error) {
	if s.fixedDay {
		return s.day, nil
	}
	text, err := s.db.Setting(ctx, entityDaySetting)
	if err != nil {
		return 0, err
	}
	last, _ := schemas.ParseDate(text) // there is none before the first start
	today := max(last, schemas.DateOf(s.calendar()))
	return today, s.db.Set(ctx, entityDaySetting, today.String())
}

// turnEntityDay judges what hangs on the day anew when another has begun.
func (s *service) turnEntityDay(ctx context.Context) error {
	today := schemas.DateOf(s.calendar())
	if s.fixedDay || today <= s.register.day {
		return nil
	}
	if err := s.untilDone(ctx, "judge", func() error { return s.db.Set(ctx, entityDaySetting, today.String()) }); err != nil {
		return err
	}
	change, err := s.register.standing.Judge(ctx, today)
	if err != nil {
		return err
	}
	s.register.day = today
	return s.follow(ctx, &change, 0, nil, nil)
}

// foldRegister folds a delivery of an agency's register, or of divisions.
func (s *service) foldRegister(ctx context.Context, receipt hub.Receipt) error {
	reader := hub.NewReader(s.log, map[int64]string{receipt.Delivery: receipt.File})
	change, err := s.register.standing.Fold(ctx, func(fn func(string, *hub.Batch) error) error { return reader.Delivery(ctx, receipt, fn) })
	if err != nil {
		return fmt.Errorf("fold delivery %d: %w", receipt.Delivery, err)
	}
	before := s.entitiesProvisional()
	s.register.note(receipt)
	if before && !s.entitiesProvisional() { // the last register is there
		return s.sweep(ctx, &change, judged(receipt, change.Rows))
	}
	return s.follow(ctx, &change, receipt.Delivery, judged(receipt, change.Rows), nil)
}

// eventSubject is where registers tell what became of an entity.
const eventSubject = "entity.event"

func (r *register) applyInstitutions(file string, b *hub.Batch) (int64, error) {
	n, err := r.institutions.Apply(file, b)
	if err == nil && b.Topic == eventSubject {
		err = r.noteRenames(b)
	}
	return n, err
}

// foldInstitutions folds a delivery of what else agencies keep about institutions. Nobody is judged by it.
func (s *service) foldInstitutions(ctx context.Context, receipt hub.Receipt) error {
	rows := int64(0)
	err := hub.NewReader(s.log, map[int64]string{receipt.Delivery: receipt.File}).Delivery(ctx, receipt, func(file string, b *hub.Batch) error {
		n, err := s.register.applyInstitutions(file, b)
		rows += n
		return err
	})
	if err != nil {
		return fmt.Errorf("fold delivery %d: %w", receipt.Delivery, err)
	}
	return s.rule(ctx, nil, judged(receipt, map[string]int64{receipt.Subject: rows}))
}

// heedLinks hears what officers decided on links, the last time on one of an entity.
func (s *service) heedLinks(ctx context.Context, of string) error {
	var links []entity.Link
	if err := s.untilDone(ctx, "judge", func() (err error) {
		links, err = s.links(ctx)
		return err
	}); err != nil {
		return err
	}
	change, err := s.register.standing.Decide(ctx, links)
	if err != nil {
		return err
	}
	id, _ := entity.ParseID(of)
	return s.follow(ctx, &change, 0, nil, []entity.ID{id})
}

// links reads what officers decided.
func (s *service) links(ctx context.Context) ([]entity.Link, error) {
	decided, err := s.queue.Links(ctx)
	if err != nil {
		return nil, err
	}
	var links []entity.Link
	for _, d := range decided {
		a, okA := entity.SourceOf(d.A.Source)
		b, okB := entity.SourceOf(d.B.Source)
		if !okA || !okB { // a source of another version; what is decided of it moves nothing
			s.logger.Warn("a link decision names no source", "case", d.Case)
			continue
		}
		links = append(links, entity.Link{A: entity.RecordKey{Source: a, Key: d.A.Key}, B: entity.RecordKey{Source: b, Key: d.B.Key}, Same: d.Same})
	}
	return links, nil
}

// follow writes golden records down, offers names for search, and rules on the cases that a change touches. saidOf are entities that an
// officer said something of.
func (s *service) follow(ctx context.Context, change *entity.Change, cause int64, judged []queue.Judged, saidOf []entity.ID) error {
	// Before the cases: an ID that a case bears is on disk, and a restart gives it to the same entity.
	if err := s.writeGolden(ctx, change); err != nil {
		return err
	}
	if err := s.register.offerNames(change); err != nil {
		return err
	}
	provisional := s.entitiesProvisional()
	var rulings []queue.Ruling
	for _, some := range [][]entity.CaseFinding{change.Opened, change.Refreshed} {
		for len(some) > 0 {
			n := 1
			for n < len(some) && some[n].Entity == some[0].Entity {
				n++
			}
			rulings = append(rulings, s.register.rulings(some[:n], provisional, cause)...)
			some = some[n:]
		}
	}
	if provisional { // nothing is suggested while registers come in
		return s.rule(ctx, append(rulings, s.register.gone(change.Closed, provisional, cause)...), judged)
	}
	suggested := s.register.suggestions(s.register.alike.affected(s.register.standing, change, saidOf), provisional, cause, s.register.stands)
	// A review whose rule falls silent may go on as a suggestion, and the other way round: that is one case, which never closed.
	goesOn := map[matcher.Key]bool{}
	for i := range suggested {
		goesOn[suggested[i].Key] = suggested[i].Present
	}
	closed := slices.DeleteFunc(slices.Clone(change.Closed), func(f entity.CaseFinding) bool { return goesOn[queue.KeyOfEntity(f)] })
	rulings = append(append(rulings, s.register.gone(closed, provisional, cause)...), suggested...)
	return s.rule(ctx, rulings, judged)
}

// gone are the rulings on findings that stand no more.
func (r *register) gone(closed []entity.CaseFinding, provisional bool, cause int64) (rulings []queue.Ruling) {
	for _, f := range closed {
		key := queue.KeyOfEntity(f)
		rulings = append(rulings, queue.Ruling{Key: key, Provisional: provisional, Cause: cause})
		if !provisional {
			delete(r.cased, key)
		}
	}
	return rulings
}

// rulings are those on findings of one entity that may do something to a case.
func (r *register) rulings(keys []entity.CaseFinding, provisional bool, cause int64) (rulings []queue.Ruling) {
	if provisional && !slices.ContainsFunc(keys, func(k entity.CaseFinding) bool { return r.cased[queue.KeyOfEntity(k)] }) {
		return nil // while registers come in, nearly everything
	}
	e, ok := r.standing.Entity(keys[0].Entity)
	if !ok {
		return nil
	}
	for i := range e.Findings {
		f := &e.Findings[i]
		if slices.Contains(keys, entity.CaseFinding{Entity: e.ID, Kind: f.Kind, Detail: f.Detail}) {
			rulings = r.add(rulings, e, f, provisional, cause)
		}
	}
	return rulings
}

// add adds the ruling on a finding, unless there is no case and it opens none.
func (r *register) add(rulings []queue.Ruling, e *entity.Entity, f *entity.Finding, provisional bool, cause int64) []queue.Ruling {
	ruling := queue.OfEntity(e, f, r.day)
	ruling.Provisional, ruling.Cause = provisional, cause
	if !r.cased[ruling.Key] && (provisional || !ruling.Present) {
		return rulings
	}
	if !provisional {
		r.cased[ruling.Key] = ruling.Present
	}
	return append(rulings, ruling)
}

// sweep goes over all entities once: golden records that differ from what is written are written, names offered, and the queue is told how
// every finding stands. change may say what merged and went.
func (s *service) sweep(ctx context.Context, change *entity.Change, judged []queue.Judged) error {
	r, provisional := s.register, s.entitiesProvisional()
	cases := map[matcher.Key]queue.Case{} // whose findings stand as far as the queue knows
	clear(r.cased)
	if err := s.untilDone(ctx, "judge", func() error {
		return s.queue.Unsettled(ctx, func(c queue.Case) error {
			if c.Key.Entity != "" {
				cases[c.Key], r.cased[c.Key] = c, true
			}
			return nil
		})
	}); err != nil {
		return err
	}
	var rulings []queue.Ruling
	left := map[matcher.Key]bool{} // cases whose findings were not met
	visit := func(e *entity.Entity) {
		r.offer(e)
		for i := range e.Findings {
			rulings = r.add(rulings, e, &e.Findings[i], provisional, 0)
		}
	}
	begin := func() {
		rulings = nil
		for key := range cases {
			left[key] = true
		}
	}
	if err := s.eachGolden(ctx, change, begin, visit); err != nil {
		return err
	}
	if !provisional {
		r.alike = newAlike()
		rulings = append(rulings, r.suggestions(r.standing.AllLonely(), provisional, 0, r.stands)...)
	}
	rulings = slices.DeleteFunc(rulings, func(ruling queue.Ruling) bool {
		delete(left, ruling.Key)
		c, known := cases[ruling.Key]
		return known && !s.queue.Changes(c, ruling)
	})
	for key := range left {
		rulings = append(rulings, queue.Ruling{Key: key, Provisional: provisional})
	}
	return s.rule(ctx, rulings, judged)
}
