package main

import (
	"slices"

	"hebian/matcher/entity"
	"hebian/matcher/queue"
)

// alike is what the hub suggests of registrations that no rule can place, and of which entities it was thinking: should one of them
// change, the suggestion may be another.
type alike struct {
	candidates map[entity.ID][]entity.ID        // of those that have a suggestion
	thoughtOf  map[entity.ID]map[entity.ID]bool // by candidate
	details    map[entity.ID]string             // of the finding
}

func newAlike() *alike {
	return &alike{candidates: map[entity.ID][]entity.ID{}, thoughtOf: map[entity.ID]map[entity.ID]bool{}, details: map[entity.ID]string{}}
}

// affected are the entities whose suggestion may be another after some changed or went, or officers said something of a few.
func (a *alike) affected(standing *entity.Standing, change *entity.Change, saidOf []entity.ID) []entity.ID {
	changed := slices.Concat(change.Golden, change.Retired, saidOf)
	all := standing.Lonely(changed)
	for _, id := range changed {
		if _, suggested := a.candidates[id]; suggested {
			all = append(all, id)
		}
		for lonely := range a.thoughtOf[id] {
			all = append(all, lonely)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// suggest says what is suggested of an entity now. before says whether anything was.
func (a *alike) suggest(standing *entity.Standing, id entity.ID) (e *entity.Entity, f entity.Finding, before, now bool) {
	_, before = a.candidates[id]
	for _, candidate := range a.candidates[id] {
		delete(a.thoughtOf[candidate], id)
	}
	delete(a.candidates, id)
	if e, f, now = standing.Suggest(id); !now {
		f = entity.Finding{Kind: entity.KindLinkReview, Entity: id, Detail: a.details[id]}
		delete(a.details, id)
		return nil, f, before, false
	}
	a.details[id] = f.Detail
	for _, c := range f.Candidates {
		a.candidates[id] = append(a.candidates[id], c.Entity)
		if a.thoughtOf[c.Entity] == nil {
			a.thoughtOf[c.Entity] = map[entity.ID]bool{}
		}
		a.thoughtOf[c.Entity][id] = true
	}
	return e, f, before, true
}

// suggestions are the rulings on what is suggested of some entities. stands says whether a finding of the standing has the same key.
func (r *register) suggestions(ids []entity.ID, provisional bool, cause int64, stands func(entity.CaseFinding) bool) (rulings []queue.Ruling) {
	for _, id := range ids {
		e, f, before, now := r.alike.suggest(r.standing, id)
		finding := entity.CaseFinding{Entity: id, Kind: f.Kind, Detail: f.Detail}
		switch {
		case now:
			rulings = r.add(rulings, e, &f, provisional, cause)
		case before && !stands(finding):
			rulings = append(rulings, queue.Ruling{Key: queue.KeyOfEntity(finding), Provisional: provisional, Cause: cause})
			if !provisional {
				delete(r.cased, queue.KeyOfEntity(finding))
			}
		}
	}
	return rulings
}

// stands says whether a finding of the standing has a key.
func (r *register) stands(key entity.CaseFinding) bool {
	e, ok := r.standing.Entity(key.Entity)
	return ok && slices.ContainsFunc(e.Findings, func(f entity.Finding) bool { return f.Kind == key.Kind && f.Detail == key.Detail && e.ID == key.Entity })
}
