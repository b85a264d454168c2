package rules

// pendingEntry finds pay ahead of the slot, while the permit to enter it is still fresh.
func pendingEntry() Rule {
	return Rule{
		Code: "PENDING_ENTRY", Version: 1,
		Needs: inMonth(payLines, slots, permits, exemptions, secondments, successions),
		pay: func(p *Person, pay *Pay) bool {
			if !p.uncovered(pay) {
				return false
			}
			pending := false
			for _, permit := range p.Permits {
				if permit.Date <= pay.Month.Last &&
					pay.Month.index-permit.Date.Month().Index() <= p.county.Parameters.EntryGrace &&
					pay.Month.Lineage.Same(permit.Unit, pay.Unit) {
					pending = true
					p.cite(permit.Ref)
				}
			}
			if pending {
				p.citePay(pay)
			}
			return pending
		},
	}
}
