package rules

import (
	"hebian/matcher/state"
	"hebian/schemas"
)

// badIdentity finds numbers that are no person's, once for each file that bears them.
func badIdentity() Rule {
	return Rule{
		Code: "BAD_IDENTITY", Version: 1,
		mention: func(p *Person, mentions []state.Mention) {
			type place struct {
				number schemas.IDNumber
				file   string
			}
			rows := map[place][]state.Ref{}
			for _, m := range mentions {
				at := place{m.Number, m.File}
				rows[at] = append(rows[at], m.Ref)
			}
			for at, refs := range rows {
				f := p.county.finding(p.rule, 0, 0)
				f.Person, f.Detail = at.number, at.file
				p.cite(refs...)
				p.find(f)
			}
		},
	}
}
