package entity

import (
	"strconv"

	"hebian/schemas"
	"hebian/schemas/ident"
)

// Bench is what judging takes beside the records. Nothing in it changes while it is used, by any number of goroutines.
type Bench struct {
	Divisions *Divisions // nil: none is known
	Authority *Authority // nil: the built-in one
	Calendar  *Calendar  // nil: Monday to Friday
	Day       schemas.Date
}

// maxLag is how many working days another source has to take over what the authoritative one changed.
const maxLag = 30

// Judge fills the golden record and the findings of an entity from its members, which are in their order, and from what linking says.
// Where all members agree it takes next to no memory.
func (b *Bench) Judge(e *Entity) {
	j := judging{Bench: b, e: e}
	j.survey()
	j.golden()
	e.Findings, e.DayBound = nil, false
	for f := range e.Golden {
		j.compare(Field(f))
	}
	if j.bad {
		j.badCodes()
	}
	j.reviews()
	j.orphans()
	j.duplicateCodes()
	if len(e.Clash) > 0 {
		f := j.finding(KindCodeClash, "")
		f.Clash, f.Sides = e.Clash, sides(0, len(e.Members))
	}
}

// judging is the judgement of one entity.
type judging struct {
	*Bench
	e        *Entity
	from     [numSources + 1]int // members of a source: from[s] to before from[s+1]
	uscc     string              // of the entity; empty: it has none
	coded    [numSources]int     // how many members of a source bear it
	bad      bool                // some identifier fails its check
	division string              // the authoritative one; empty: there is none
}

// survey looks at who is there and at their codes.
func (j *judging) survey() {
	for i := range j.e.Members {
		m := &j.e.Members[i]
		j.from[m.Source+1]++
		c := m.Codes()
		j.bad = j.bad || c.Bad != [4]string{}
		if c.USCC != "" {
			j.coded[m.Source]++
			if j.uscc == "" || c.USCC < j.uscc {
				j.uscc = c.USCC
			}
		}
	}
	for s := range j.coded {
		j.from[s+1] += j.from[s]
	}
}

// golden finds whose value counts in each field.
func (j *judging) golden() {
	orders := j.orders()
	if i := j.decide(orders[FieldDivision], FieldDivision); i >= 0 {
		j.division = j.e.Members[i].Division
	}
	for f := range j.e.Golden {
		g := &j.e.Golden[f]
		*g = GoldenValue{Member: j.decide(orders[f], Field(f))}
		if g.Member >= 0 {
			m := &j.e.Members[g.Member]
			g.Value, g.Normal = m.Value(Field(f)), j.normal(m, Field(f))
		}
	}
}

// orders gives the order of sources for each field.
func (j *judging) orders() *[NumFields][]Source {
	a := j.Authority
	if a == nil {
		a = DefaultAuthority()
	}
	registrar := a.registrar(j.uscc)
	if a.types != nil {
		if i := j.decide(a.common[registrar], fieldEntityType); i >= 0 {
			if own := a.types[TextKey(j.e.Members[i].EntityType)]; own != nil {
				return &own[registrar]
			}
		}
	}
	return &a.orders[registrar]
}

// decide gives the member whose value counts: of the first source that has one, the newest; where two are as new, the first.
func (j *judging) decide(order []Source, f Field) int {
	for _, s := range order {
		best := -1
		for i := j.from[s]; i < j.from[s+1]; i++ {
			if m := &j.e.Members[i]; m.has(f) && (best < 0 || newer(m, &j.e.Members[best])) {
				best = i
			}
		}
		if best >= 0 {
			return best
		}
	}
	return -1
}

// newer says whether a record was updated after another. One that does not say when is the oldest.
func newer(a, b *Record) bool {
	return a.HasUpdated && (!b.HasUpdated || a.UpdatedOn > b.UpdatedOn)
}

// normal gives the form in which a member's value is compared.
func (j *judging) normal(m *Record, f Field) string {
	switch f {
	case FieldName:
		return TextKey(m.Name)
	case FieldLegalRep:
		return TextKey(m.LegalRep)
	case FieldAddress:
		return j.Divisions.AddressKey(m.Address, j.divisionOf(m), j.Day)
	case FieldCapital:
		return strconv.FormatInt(m.CapitalFen, 10)
	case FieldStatus:
		_, word := StatusWords(m.Status)
		return word
	case FieldIndustry:
		return ident.Clean(m.Industry)
	}
	return m.Value(f)
}

// divisionOf gives the division that a member's address lies in: the entity's, where the member does not say.
func (j *judging) divisionOf(m *Record) string {
	if m.Division != "" {
		return m.Division
	}
	return j.division
}

// compare holds the others against the member whose value counts.
func (j *judging) compare(field Field) {
	right := j.e.Golden[field].Member
	if right < 0 {
		return
	}
	var found *Finding
	a := &j.e.Members[right]
	for i := range j.e.Members {
		m := &j.e.Members[i]
		if i == right || !m.has(field) || j.same(field, a, m) {
			continue
		}
		if found == nil {
			found = j.finding(KindConflict, field.String())
			found.Field, found.HasField, found.Authority = field, true, right
		}
		state := j.state(a, m)
		found.Sides = append(found.Sides, Side{Member: i, State: state})
		if field == FieldStatus && state == StateConflict {
			found.High = found.High || closedAgainstActive(a, m)
		}
	}
}

// same says whether two members agree in a field that both have.
func (j *judging) same(f Field, a, b *Record) bool {
	switch f {
	case FieldName:
		return sameName(a, b)
	case FieldLegalRep:
		return sameText(a.LegalRep, b.LegalRep)
	case FieldAddress:
		return j.Divisions.sameAddress(a.Address, j.divisionOf(a), b.Address, j.divisionOf(b), j.Day)
	case FieldCapital:
		return sameMoney(a.CapitalFen, a.CapitalUnit, b.CapitalFen, b.CapitalUnit)
	case FieldEstablished:
		return sameDate(a.Established, b.Established)
	case FieldStatus:
		return sameStatus(a.Status, b.Status)
	case FieldDivision:
		return j.Divisions.Same(a.Division, b.Division, j.Day)
	case FieldIndustry:
		return sameIndustry(a.Industry, b.Industry)
	}
	panic("no such field")
}

// state says whether a member that differs may just not have followed yet. Whatever says so hangs on the day.
func (j *judging) state(right, other *Record) string {
	if !newer(right, other) || !other.HasUpdated {
		return StateConflict
	}
	j.e.DayBound = true
	if u := right.UpdatedOn; u <= j.Day && j.Calendar.WorkingDays(u, j.Day) <= maxLag {
		return StateLag
	}
	return StateConflict
}

func closedAgainstActive(a, b *Record) bool {
	_, wordA := StatusWords(a.Status)
	_, wordB := StatusWords(b.Status)
	return wordA == closed && wordB == active || wordA == active && wordB == closed
}

// badCodes finds the identifiers that fail their check. Rows of one source key with the same code are one finding.
func (j *judging) badCodes() {
	first := len(j.e.Findings)
	for i := range j.e.Members {
		m := &j.e.Members[i]
		for _, code := range m.Codes().Bad {
			if code == "" {
				continue
			}
			f := j.findingSince(first, KindBadCode, m.SourceKey()+":"+code)
			if n := len(f.Sides); n == 0 || f.Sides[n-1].Member != i { // a record may have the same code in two places
				f.Sides = append(f.Sides, Side{Member: i, BadCode: code})
			}
		}
	}
}

// reviews finds the members that linking was not sure about.
func (j *judging) reviews() {
	first := len(j.e.Findings)
	for n, i := range j.e.Review {
		f := j.findingSince(first, KindLinkReview, j.e.Members[i].SourceKey())
		f.Sides = append(f.Sides, Side{Member: i})
		if n < len(j.e.Candidates) {
			f.Candidates = append(f.Candidates, j.e.Candidates[n]...)
		}
	}
}

// orphans finds who pays taxes or is counted without being registered.
func (j *judging) orphans() {
	if j.from[Tax] > 0 {
		return // some registrar knows the entity
	}
	first := len(j.e.Findings)
	for i := range j.from[Quality] {
		m := &j.e.Members[i]
		if _, word := StatusWords(m.Status); word == active {
			f := j.findingSince(first, KindOrphan, m.SourceKey())
			f.Sides = append(f.Sides, Side{Member: i})
		}
	}
}

// duplicateCodes finds sources that give the entity's USCC to several names.
func (j *judging) duplicateCodes() {
	for s, n := range j.coded {
		if n < 2 {
			continue
		}
		var bearers []Side
		differ := false
		for i := j.from[s]; i < j.from[s+1]; i++ {
			m := &j.e.Members[i]
			if m.Codes().USCC != j.uscc {
				continue
			}
			bearers = append(bearers, Side{Member: i})
			differ = differ || !sameText(m.Name, j.e.Members[bearers[0].Member].Name)
		}
		if differ {
			j.finding(KindDuplicateCode, Source(s).String()).Sides = bearers
		}
	}
}

// finding adds a finding. It is good until the next is added.
func (j *judging) finding(kind Kind, detail string) *Finding {
	j.e.Findings = append(j.e.Findings, Finding{Kind: kind, Entity: j.e.ID, Code: j.e.Code, Detail: detail, Authority: -1})
	return &j.e.Findings[len(j.e.Findings)-1]
}

// findingSince gives the finding of a detail among those from the first on, which are of the kind, or adds it.
func (j *judging) findingSince(first int, kind Kind, detail string) *Finding {
	for i := len(j.e.Findings) - 1; i >= first; i-- {
		if f := &j.e.Findings[i]; f.Detail == detail {
			return f
		}
	}
	return j.finding(kind, detail)
}

// sides are the members from the first to before the last.
func sides(first, last int) []Side {
	var all []Side
	for i := first; i < last; i++ {
		all = append(all, Side{Member: i})
	}
	return all
}
