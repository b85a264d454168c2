package rules

import "hebian/matcher/state"

// pensionAndPay finds a pension and pay for the same month after that of the retirement.
func pensionAndPay() Rule {
	return Rule{
		Code: "PENSION_AND_PAY", Version: 1,
		Needs: append(inMonth(payLines, successions), asOf(staffEvents)...),
		person: func(p *Person) {
			if p.retired == state.NoDate {
				return
			}
			for first := 0; first < len(p.pays); {
				pays := p.month(p.pays[first].Month)
				first += len(pays)
				p.pensionAndPay(pays)
			}
		},
	}
}

func (p *Person) pensionAndPay(pays []Pay) {
	m := pays[0].Month
	if m.Month <= p.retired.Month() || !pension(pays).positive() {
		return
	}
	for i := range pays {
		if pays[i].paid() {
			for k := range pays {
				p.citePay(&pays[k])
				p.citePension(&pays[k])
			}
			p.citeRetirement()
			p.flag(pays[i].Unit, m.Month)
			return
		}
	}
}
