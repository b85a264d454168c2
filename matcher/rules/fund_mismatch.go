package rules

// fundMismatch finds slots paid from money that is not for slots of their type.
func fundMismatch() Rule {
	return Rule{
		Code: "FUND_MISMATCH", Version: 1,
		Needs: inMonth(slots),
		person: func(p *Person) {
			for i := range p.Slots {
				s := &p.Slots[i]
				if s.Type.Admits(s.Fund) {
					continue
				}
				for _, m := range p.county.Months {
					if m.meets(s.Interval) {
						p.cite(s.Ref)
						p.flag(s.Unit, m.Month)
					}
				}
			}
		},
	}
}
