package rules

// secondmentOverdue finds approved secondments that have lasted longer than the limit.
func secondmentOverdue() Rule {
	return Rule{
		Code: "SECONDMENT_OVERDUE", Version: 1,
		Needs: ended(secondments),
		person: func(p *Person) {
			for _, lent := range p.Secondments {
				if lent.Approved && p.county.valid(lent.Interval) &&
					lent.Interval.From.AddMonths(p.county.Parameters.SecondmentLimit) <= p.county.AsOf {
					p.cite(lent.Ref)
					p.flag(lent.To, 0)
				}
			}
		},
	}
}
