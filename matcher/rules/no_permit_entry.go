package rules

// noPermitEntry finds slots entered without a permit, or before it.
func noPermitEntry() Rule {
	return Rule{
		Code: "NO_PERMIT_ENTRY", Version: 1,
		Needs: ended(slots, successions),
		person: func(p *Person) {
			for _, s := range p.held {
				if !s.HasPermit || s.PermitDate > s.Interval.From {
					p.cite(s.Ref)
					p.flag(p.county.Now.Unit(s.Unit), 0)
				}
			}
		},
	}
}
