package rules

import (
	"hebian/matcher/state"
	"hebian/schemas"
)

// slotStale finds slots still held after death, retirement or leaving, longer than the exit grace.
func slotStale() Rule {
	return Rule{
		Code: "SLOT_STALE", Version: 1,
		Needs: asOf(slots, deaths, staffEvents, successions),
		person: func(p *Person) {
			for _, s := range p.held {
				if !p.stale(s) {
					continue
				}
				p.cite(s.Ref)
				for _, d := range p.Deaths {
					p.cite(d.Ref)
				}
				p.citeRetirement()
				u := p.county.Now.Unit(s.Unit)
				p.citeEvents(p.left(u, p.county.Now), leavings[:])
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
