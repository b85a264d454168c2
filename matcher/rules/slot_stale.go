package rules

import (
	"cmp"
	"slices"

	"hebian/matcher/state"
	"hebian/schemas"
)

// slotStale finds slots still held after death, retirement or leaving, longer than the exit grace.
func slotStale() Rule {
	return Rule{
		Code: "SLOT_STALE", Version: 1,
		Needs: ended(slots, deaths, staffEvents, successions),
		person: func(p *Person) {
			if p.dead == state.Open && len(p.Events) == 0 {
				return
			}
			now := p.county.Now
			stale := slices.DeleteFunc(slices.Clone(p.held), func(s *state.Slot) bool { return !p.stale(s) })
			slices.SortStableFunc(stale, func(a, b *state.Slot) int { return cmp.Compare(now.Unit(a.Unit), now.Unit(b.Unit)) })
			for i, s := range stale {
				u := now.Unit(s.Unit)
				p.cite(s.Ref)
				if i+1 < len(stale) && now.Unit(stale[i+1].Unit) == u {
					continue // one flag for all slots of a unit
				}
				for _, d := range p.Deaths {
					p.cite(d.Ref)
				}
				p.citeRetirement()
				p.citeEvents(p.left(u, now), leavings[:])
				p.flag(u, 0)
			}
		},
	}
}

// stale says whether the person's service ended so long ago that the slot should be free.
func (p *Person) stale(s *state.Slot) bool {
	if p.dead == state.Open && len(p.Events) == 0 {
		return false
	}
	return p.longAgo(p.dead) || p.longAgo(p.retired) || p.longAgo(p.left(p.county.Now.Unit(s.Unit), p.county.Now))
}

func (p *Person) longAgo(d schemas.Date) bool {
	return d != state.NoDate && d != state.Open && d.AddMonths(p.county.Parameters.ExitGrace) <= p.county.AsOf
}
