package main

import (
	"context"
	"slices"
	"strings"

	"hebian/hub"
	"hebian/matcher/entity"
	"hebian/matcher/entity/search"
	"hebian/schemas"
)

// writeGolden writes down the golden records that a change brought. While registers are still to come in there are none: nearly all of
// them would change with each.
func (s *service) writeGolden(ctx context.Context, change *entity.Change) error {
	if s.entitiesProvisional() || len(change.Golden)+len(change.Retired) == 0 {
		return nil
	}
	became := becameOf(change)
	return s.putGolden(ctx, func(fn func(*schemas.Golden) error) error {
		if err := s.register.standing.EachOf(change.Golden, func(e *entity.Entity) error { return fn(goldenOf(e, became.splitFrom[e.ID])) }); err != nil {
			return err
		}
		return became.retired(change.Retired, fn)
	})
}

// eachGolden writes down all golden records that differ from what is written, unless registers are still to come in, and visits each
// entity. begin is called before the first, again should all begin anew.
func (s *service) eachGolden(ctx context.Context, change *entity.Change, begin func(), visit func(*entity.Entity)) error {
	became := becameOf(change)
	walk := func(fn func(*schemas.Golden) error) error {
		begin()
		if err := s.register.standing.Each(func(e *entity.Entity) error {
			visit(e)
			return fn(goldenOf(e, became.splitFrom[e.ID]))
		}); err != nil {
			return err
		}
		return became.retired(change.Retired, fn)
	}
	if s.entitiesProvisional() {
		return walk(func(*schemas.Golden) error { return nil })
	}
	return s.putGolden(ctx, walk)
}

// putGolden waits out a full disk.
func (s *service) putGolden(ctx context.Context, goldens func(fn func(*schemas.Golden) error) error) error {
	return s.untilDone(ctx, "judge", func() error {
		_, err := s.register.book.Write(ctx, s.now(), goldens)
		return err
	})
}

// became is what a change made of entities.
type became struct{ splitFrom, mergedInto map[entity.ID]entity.ID }

func becameOf(change *entity.Change) became {
	b := became{map[entity.ID]entity.ID{}, map[entity.ID]entity.ID{}}
	for _, l := range change.Lineage {
		for _, from := range l.From {
			for _, into := range l.Into {
				if l.Kind == entity.Split {
					b.splitFrom[into] = from
				} else {
					b.mergedInto[from] = into
				}
			}
		}
	}
	return b
}

// retired hands on the last golden records of entities that are no more.
func (b became) retired(ids []entity.ID, fn func(*schemas.Golden) error) error {
	for _, id := range ids {
		g := &schemas.Golden{Entity: id.String(), Members: []schemas.GoldenMember{}, Fields: []schemas.GoldenField{}}
		if into := b.mergedInto[id]; into != 0 {
			text := into.String()
			g.MergedInto = &text
		}
		if err := fn(g); err != nil {
			return err
		}
	}
	return nil
}

// offerNames offers for search what a change brought.
func (r *register) offerNames(change *entity.Change) error {
	for _, id := range change.Retired {
		r.names.Remove(id)
	}
	return r.standing.EachOf(change.Golden, func(e *entity.Entity) error {
		r.offer(e)
		return nil
	})
}

// offer offers an entity for search under everything that it is called, or was.
func (r *register) offer(e *entity.Entity) {
	codes, names := []string{e.ID.String(), e.Code}, []string{}
	add := func(to *[]string, text string) {
		if text != "" && len(text) <= maxSearched && !slices.Contains(*to, text) {
			*to = append(*to, text)
		}
	}
	for i := range e.Members {
		m := &e.Members[i]
		for _, code := range []string{m.USCC, m.OrgCode, m.RegNo, m.TaxNo, m.Key} {
			add(&codes, code)
		}
		add(&names, m.Name)
		add(&names, m.SecondName)
	}
	was := r.book.Former(e.ID)
	former := append(slices.Clone(was.Names), was.Codes...)
	for _, name := range r.renamedFrom(e.Code) {
		add(&former, name)
	}
	r.names.Put(e.ID, codes, names, slices.DeleteFunc(former, func(text string) bool { return slices.Contains(names, text) || slices.Contains(codes, text) }))
}

// maxSearched bounds a text that can be searched for, in bytes: nobody types more.
const maxSearched = 1000

// noteRenames remembers the names that registers say an entity had before it changed them: the first maxRenames that it hears of.
func (r *register) noteRenames(b *hub.Batch) error {
	var event schemas.RegistrationEvent
	told := map[string]bool{} // codes
	for i := range b.Records {
		if b.Records[i].Op == schemas.Retract {
			continue // a name that was once told stays findable
		}
		if err := schemas.Decode(b.Records[i].Value, r.events, &event); err != nil {
			return err
		}
		if event.Event != schemas.EventChange || event.Field == nil || event.OldValue == nil || !strings.Contains(*event.Field, "名称") && *event.Field != "name" {
			continue
		}
		code := string(event.USCC)
		if known := r.renamed[code]; len(known) < maxRenames && !slices.Contains(known, *event.OldValue) {
			r.mu.Lock()
			r.renamed[code] = append(known, *event.OldValue)
			r.mu.Unlock()
			told[code] = true
		}
	}
	for code := range told {
		for _, hit := range r.names.Find(code, maxNamesakes) {
			if e, ok := r.standing.Entity(hit.ID); ok && hit.Match == search.Code {
				r.offer(e)
			}
		}
	}
	return nil
}

// maxRenames bounds the former names of a credit code that registers tell of.
const maxRenames = 100

// maxNamesakes bounds the entities that bear one code.
const maxNamesakes = 10
