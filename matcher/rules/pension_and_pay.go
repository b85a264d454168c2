package rules

import "hebian/matcher/state"

// pensionAndPay finds a pension and pay for the same month after that of the retirement.
func pensionAndPay() Rule {
	return Rule{
		Code: "PENSION_AND_PAY", Version: 1,
		Needs: append(inMonth(payLines, successions), ended(staffEvents)...),
		person: func(p *Person) {
			if p.retired == state.NoDate {
				return
			}
			for i := range p.months {
				p.pensionAndPay(&p.months[i])
			}
		},
	}
}

func (p *Person) pensionAndPay(m *monthPays) {
	if m.Month.Month <= p.retired.Month() || !m.pension().positive() {
		return
	}
	for i := range m.pays {
		if m.pays[i].paid() {
			for k := range m.pays {
				p.citePay(&m.pays[k])
				p.citePension(&m.pays[k])
			}
			p.citeRetirement()
			p.flag(m.pays[i].Unit, m.Month.Month)
			return
		}
	}
}
