package matcher

import (
	"cmp"
	"slices"
)

// about is whom a delivery is about.
type about struct {
	known     map[place]struct{}
	unknown   int // records about persons never seen before
	most      int // beyond so many it is quicker to judge everybody
	everybody bool
}

// place is the place of a person in a shard.
type place struct{ shard, person int }

// add notes a person; -1 is somebody never seen before.
func (a *about) add(shard, person int) {
	if person < 0 {
		a.unknown++
	} else {
		a.known[place{shard, person}] = struct{}{}
	}
	a.everybody = a.everybody || len(a.known)+a.unknown > a.most
}

// lots gives those seen before; nobody where everybody is judged anyway.
func (a *about) lots() []lot {
	if a.everybody {
		return nil
	}
	places := make([]place, 0, len(a.known))
	for p := range a.known {
		places = append(places, p)
	}
	slices.SortFunc(places, func(a, b place) int { return cmp.Or(cmp.Compare(a.shard, b.shard), cmp.Compare(a.person, b.person)) })
	var lots []lot
	for _, p := range places {
		if n := len(lots); n > 0 && lots[n-1].shard == p.shard && lots[n-1].last == p.person && lots[n-1].last-lots[n-1].first < share {
			lots[n-1].last++
			continue
		}
		lots = append(lots, lot{p.shard, p.person, p.person + 1})
	}
	return lots
}
