package rules

const overQuotaCode = "OVER_QUOTA"

// overQuota finds units with more slots of a type held than they were granted.
func overQuota() Rule {
	return Rule{
		Code: overQuotaCode, Version: 1,
		Needs: ended(slots, quotas, successions),
		count: func(p *Person) {
			for _, s := range p.held {
				if canon := p.county.Now.Canon(s.Unit); len(canon) == 1 {
					p.cite(s.Ref)
					p.use(canon[0], 0, p.county.slotTypes[s.Type])
				}
			}
		},
	}
}
