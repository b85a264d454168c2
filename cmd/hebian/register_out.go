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
// them would change with each. A full disk is waited out.
func (s *service) writeGolden(ctx context.Context, change *entity.Change) error {
	if s.entitiesProvisional() || len(change.Golden)+len(change.Retired) == 0 {
		return nil
	}
	from := map[entity.ID]entity.ID{}
	for _, l := range change.Lineage {
		for _, id := range l.Into {
			if l.Kind == entity.Split && len(l.From) == 1 {
				from[id] = l.From[0]
			}
		}
	}
	standing := s.register.standing
	return s.putGolden(ctx, func(fn func(*schemas.Golden) error) error {
		if err := standing.EachOf(change.Golden, func(e *entity.Entity) error { return fn(goldenOf(e, from[e.ID])) }); err != nil {
			return err
		}
		for _, id := range change.Retired {
			if err := fn(retired(id, standing)); err != nil {
				return err
			}
		}
		return nil
	})
}

// writeAllGolden writes down all golden records that differ from what is written.
func (s *service) writeAllGolden(ctx context.Context) error {
	if s.entitiesProvisional() {
		return nil
	}
	return s.putGolden(ctx, func(fn func(*schemas.Golden) error) error {
		return s.register.standing.Each(func(e *entity.Entity) error { return fn(goldenOf(e, 0)) })
	})
}

func (s *service) putGolden(ctx context.Context, goldens func(fn func(*schemas.Golden) error) error) error {
	return s.untilDone(ctx, "judge", func() error {
		_, err := s.register.book.Write(ctx, s.now(), goldens)
		return err
	})
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

// retired is the last golden record of an entity that is no more.
func retired(id entity.ID, standing *entity.Standing) *schemas.Golden {
	g := &schemas.Golden{Entity: id.String(), Members: []schemas.GoldenMember{}, Fields: []schemas.GoldenField{}}
	if e, ok := standing.Entity(id); ok && e.ID != id {
		into := e.ID.String()
		g.MergedInto = &into
	}
	return g
}

// offer offers an entity for search under everything that it is called, or was.
func (r *register) offer(e *entity.Entity) {
	codes, names := []string{e.ID.String(), e.Code}, []string{}
	add := func(to *[]string, text string) {
		if text != "" && !slices.Contains(*to, text) {
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

// noteRenames remembers the names that registers say an entity had before it changed them.
func (r *register) noteRenames(b *hub.Batch) error {
	var event schemas.RegistrationEvent
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
		if !slices.Contains(r.renamed[code], *event.OldValue) {
			r.mu.Lock()
			r.renamed[code] = append(r.renamed[code], *event.OldValue)
			r.mu.Unlock()
		}
		for _, hit := range r.names.Find(code, maxNamesakes) {
			if e, ok := r.standing.Entity(hit.ID); ok && hit.Match == search.Code {
				r.offer(e)
			}
		}
	}
	return nil
}

// maxNamesakes bounds the entities that bear one code.
const maxNamesakes = 10
