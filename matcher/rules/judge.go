package rules

import (
	"cmp"
	"slices"

	"hebian/matcher/state"
	"hebian/schemas"
)

// Judge hears persons one after the other and keeps what the rules say. Several judges share the
// work; Verdict puts together what they found. Which of them hears whom changes nothing.
type Judge struct {
	county *County
	units  *state.Units
	rules  []Rule
	person Person
}

// NewJudge makes a judge.
func NewJudge(c *County, units *state.Units) *Judge {
	j := &Judge{county: c, units: units, rules: All()}
	j.person.county, j.person.uses = c, Uses{}
	return j
}

// Hear judges the i-th person of a shard.
func (j *Judge) Hear(shard *state.Shard, i int) {
	p := &j.person
	if key := shard.Key(i); key == 0 || Unborn(key, j.county.AsOf) {
		mentions := shard.Mentions(i)
		for n := range j.rules {
			if p.rule = &j.rules[n]; p.rule.mention != nil {
				p.rule.mention(p, mentions)
			}
		}
		return
	}
	shard.Load(i, j.units, &p.Person)
	p.prepare()
	for n := range j.rules {
		p.rule = &j.rules[n]
		switch r := p.rule; {
		case r.pay != nil:
			for k := range p.pays {
				if pay := &p.pays[k]; !pay.flagged && r.pay(p, pay) {
					pay.flagged = true
					p.flag(pay.Unit, pay.Month.Month)
				}
			}
		case r.person != nil:
			r.person(p)
		case r.count != nil:
			r.count(p)
		}
	}
}

// Verdict gives all findings in the order of their keys, and the explanations in that of theirs.
func Verdict(judges ...*Judge) ([]Finding, []Explanation) {
	findings, uses := Heard(judges...)
	var explained []Explanation
	for _, j := range judges {
		explained = append(explained, j.person.explained...)
	}
	slices.SortFunc(explained, func(a, b Explanation) int {
		return cmp.Or(cmp.Compare(a.Code, b.Code), cmp.Compare(a.Person, b.Person), cmp.Compare(a.Unit, b.Unit),
			cmp.Compare(a.Month, b.Month), cmp.Compare(a.Reason, b.Reason))
	})
	if len(judges) > 0 {
		findings = append(findings, judges[0].county.Over(uses)...)
	}
	return sortFindings(findings), explained
}

// Heard gives what judges found about persons, in the order of the keys, and what those persons use.
// The judges may not go on.
func Heard(judges ...*Judge) ([]Finding, Uses) {
	var findings []Finding
	uses := Uses{}
	for _, j := range judges {
		findings = append(findings, j.person.findings...)
		uses.join(j.person.uses)
	}
	return sortFindings(findings), uses
}

// verdict is what the rules say of a person, and before that, what they said of others.
type verdict struct {
	rule      *Rule       // that speaks
	cited     []state.Ref // rows that it has named
	more      int         // rows beside them that nobody would see
	findings  []Finding
	explained []Explanation
	uses      Uses
}

// cite names rows that the next flag, or use, stands on.
func (v *verdict) cite(rows ...state.Ref) { v.cited = append(v.cited, rows...) }

// citeFirst names rows that stand in order, as many as a finding may name, and counts the others.
func (v *verdict) citeFirst(rows []state.Ref) {
	n := min(len(rows), MaxEvidence)
	v.cite(rows[:n]...)
	v.more += len(rows) - n
}

// flag says that something about the person does not fit. 0 is no unit, or no month.
func (p *Person) flag(u state.Unit, m schemas.Month) {
	f := p.county.finding(p.rule, u, m)
	f.Person = schemas.IDNumber(p.Key.String())
	p.find(f)
}

// find keeps a finding with the rows cited.
func (p *Person) find(f Finding) {
	slices.Sort(p.cited)
	rows := slices.Compact(p.cited)
	f.Evidence, f.Rows = slices.Clone(rows[:min(len(rows), MaxEvidence)]), len(rows)+p.more
	p.findings = append(p.findings, f)
	p.cited, p.more = p.cited[:0], 0
}

func (c *County) finding(r *Rule, u state.Unit, m schemas.Month) Finding {
	return Finding{
		Code: r.Code, Unit: schemas.UnitCode(c.Units[u]), Month: m,
		Version: r.Version, Parameters: c.Parameters, AsOf: c.AsOf,
	}
}

// explain says why what looks like a flag of the rule is none.
func (p *Person) explain(u state.Unit, m schemas.Month, why Reason) {
	p.explained = append(p.explained, Explanation{
		Code: p.rule.Code, Person: schemas.IDNumber(p.Key.String()), Unit: schemas.UnitCode(p.county.Units[u]), Month: m, Reason: why,
	})
}

// use counts one more of what the unit is allowed.
func (p *Person) use(u state.Unit, m schemas.Month, detail string) {
	p.uses.of(Use{Code: p.rule.Code, Unit: u, Month: m, Detail: detail}).add(1, p.cited...)
	p.cited = p.cited[:0]
}
