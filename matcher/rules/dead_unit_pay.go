package rules

import "hebian/schemas"

// deadUnitPay finds units that pay although nothing is left of them.
func deadUnitPay() Rule {
	return Rule{
		Code: "DEAD_UNIT_PAY", Version: 1,
		Needs: inMonth(payLines, successions),
		count: func(p *Person) {
			for i := range p.pays {
				pay := &p.pays[i]
				if !pay.Month.Lineage.Ended(pay.Unit) {
					continue
				}
				for _, o := range p.order[pay.first:pay.last] {
					// The unit of an ended payer is the payer; a payer that became this one has not ended.
					if line := &p.PayLines[o.line]; line.Class == schemas.ClassRegular && line.Unit == pay.Unit {
						p.cite(line.Ref)
						p.use(line.Unit, pay.Month.Month, "")
					}
				}
			}
		},
	}
}
