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
	j.person.county, j.person.uses = c, map[Use]*used{}
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
	var findings []Finding
	var explained []Explanation
	uses := map[Use]*used{}
	for _, j := range judges {
		findings = append(findings, j.person.findings...)
		explained = append(explained, j.person.explained...)
		for use, u := range j.person.uses {
			if sum := uses[use]; sum != nil {
				sum.join(u)
			} else {
				uses[use] = u
			}
		}
	}
	if len(judges) > 0 {
		findings = append(findings, judges[0].overuses(uses)...)
	}
	slices.SortFunc(explained, func(a, b Explanation) int {
		return cmp.Or(cmp.Compare(a.Code, b.Code), cmp.Compare(a.Person, b.Person), cmp.Compare(a.Unit, b.Unit),
			cmp.Compare(a.Month, b.Month), cmp.Compare(a.Reason, b.Reason))
	})
	return sortFindings(findings), explained
}

// overuses finds the units that used more than they were allowed.
func (j *Judge) overuses(uses map[Use]*used) []Finding {
	var findings []Finding
	c := j.county
	for i := range j.rules {
		r := &j.rules[i]
		if r.count == nil {
			continue
		}
		for use, u := range uses {
			limit := c.limits[use]
			if use.Code != r.Code || u.n <= limit.n {
				continue
			}
			f := c.finding(r, use.Unit, use.Month)
			f.Detail, f.Rows = use.Detail, u.total+len(limit.rows)
			// The limit comes first, for it says what all the others are held against.
			slices.Sort(limit.rows)
			f.Evidence = slices.Concat(limit.rows, u.rows)
			f.Evidence = f.Evidence[:min(len(f.Evidence), MaxEvidence)]
			slices.Sort(f.Evidence)
			findings = append(findings, f)
		}
	}
	return findings
}

// verdict is what the rules say of a person, and before that, what they said of others.
type verdict struct {
	rule      *Rule       // that speaks
	cited     []state.Ref // rows that it has named
	more      int         // rows beside them that nobody would see
	findings  []Finding
	explained []Explanation
	uses      map[Use]*used
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
	use := Use{Code: p.rule.Code, Unit: u, Month: m, Detail: detail}
	sum := p.uses[use]
	if sum == nil {
		sum = &used{}
		p.uses[use] = sum
	}
	sum.n++
	sum.add(p.cited...)
	p.cited = p.cited[:0]
}

// used is how much of something was used, and the first MaxEvidence of the rows that say so.
type used struct {
	n     int64
	rows  []state.Ref // in order
	total int
}

func (u *used) join(o *used) {
	total := u.total + o.total
	u.add(o.rows...)
	u.n, u.total = u.n+o.n, total
}

func (u *used) add(rows ...state.Ref) {
	u.total += len(rows)
	for _, row := range rows {
		at, _ := slices.BinarySearch(u.rows, row)
		if at == MaxEvidence {
			continue
		}
		if len(u.rows) == MaxEvidence {
			u.rows = u.rows[:MaxEvidence-1]
		}
		u.rows = slices.Insert(u.rows, at, row)
	}
}
