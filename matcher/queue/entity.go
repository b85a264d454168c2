package queue

import (
	"slices"

	"hebian/matcher"
	"hebian/matcher/entity"
	"hebian/matcher/state"
	"hebian/schemas"
)

// KeyOfEntity is the key of a finding about a legal entity.
func KeyOfEntity(f entity.CaseFinding) matcher.Key {
	return matcher.Key{Code: codeOf(f.Kind), Entity: f.Entity.String(), Detail: f.Detail}
}

// OfEntity is the ruling on a finding about a legal entity, judged as of a day: that it stands, or, where a conflict is a lag on all
// sides, that it does not at this moment.
func OfEntity(e *entity.Entity, f *entity.Finding, asOf schemas.Date) Ruling {
	r := Ruling{
		Key: matcher.Key{Code: codeOf(f.Kind), Entity: e.ID.String(), Detail: f.Detail}, Severity: severityOf(f),
		Unit: e.Code, Title: e.Golden[entity.FieldName].Value, Division: e.Golden[entity.FieldDivision].Value,
	}
	r.Lags = f.Kind == entity.KindConflict && f.State() == entity.StateLag
	r.Present = !r.Lags
	r.Grounds = Grounds{Version: entityVersion, AsOf: asOf, Rows: len(f.Sides)}
	if f.Authority >= 0 {
		r.Grounds.Rows++
		r.Grounds.add(e, f, f.Authority, RoleAuthority, "")
	}
	for i := range f.Sides {
		side := &f.Sides[i]
		role := roleOf(f.Kind, side.State)
		r.Grounds.add(e, f, side.Member, role, side.BadCode)
		if agency := e.Members[side.Member].Source.String(); role != RoleLag && !slices.Contains(r.Agencies, agency) {
			r.Agencies = append(r.Agencies, agency)
		}
	}
	for i := range f.Candidates { // of a clash of codes, the other entities that the component fell into
		r.Grounds.addCandidate(&f.Candidates[i])
	}
	return r
}

// entityVersion is that of the rules for legal entities.
const entityVersion = 1

// codeOf is the code of a case about a finding of a kind.
func codeOf(k entity.Kind) string {
	switch k {
	case entity.KindConflict:
		return CodeConflict
	case entity.KindBadCode:
		return CodeBadCode
	case entity.KindLinkReview:
		return CodeLinkReview
	case entity.KindOrphan:
		return CodeOrphan
	case entity.KindDuplicateCode:
		return CodeDuplicateCode
	case entity.KindCodeClash:
		return CodeCodeClash
	}
	panic("a finding about a legal entity of no kind: " + string(k))
}

func roleOf(k entity.Kind, state string) Role {
	switch {
	case k != entity.KindConflict:
		return RoleMember
	case state == entity.StateLag:
		return RoleLag
	}
	return RoleDiffers
}

// severityOf puts conflicts in their order: who is closed here and open there first, then who it is, then what is said of it. Empty: as
// the words of the kind say. Of equal ones the oldest is the next, as in every list.
func severityOf(f *entity.Finding) string {
	switch {
	case f.Kind == entity.KindLinkReview && len(f.Candidates) > 0 && !certain(f.Candidates):
		return "low"
	case f.Kind != entity.KindConflict:
		return ""
	case f.High:
		return "high"
	case f.Field == entity.FieldName || f.Field == entity.FieldLegalRep || f.Field == entity.FieldStatus:
		return "medium"
	}
	return "low"
}

// certain says whether any candidate bears the very name: a tie, and not only a likeness.
func certain(candidates []entity.Candidate) bool {
	return slices.ContainsFunc(candidates, func(c entity.Candidate) bool { return slices.Contains(c.For, entity.ReasonNameEqual) })
}

// add puts a member in, with its row.
func (g *Grounds) add(e *entity.Entity, f *entity.Finding, member int, role Role, badCode string) {
	if len(g.Sides) >= MaxSides {
		return
	}
	m := &e.Members[member]
	s := Side{Agency: m.Source.String(), Key: m.Key, Value: badCode, Role: role, Row: len(g.Evidence)}
	switch {
	case f.HasField:
		s.Value = m.Said(f.Field)
	case badCode == "":
		s.Value = m.Name
	}
	s.Value = short(s.Value)
	g.Sides, g.Evidence = append(g.Sides, s), append(g.Evidence, state.Ref(m.Ref))
}

// maxValueRunes is as much of a value as a case shows and a correction names: above every honest one.
const maxValueRunes = 1000

func short(s string) string {
	if len(s) <= maxValueRunes {
		return s
	}
	if runes := []rune(s); len(runes) > maxValueRunes {
		return string(runes[:maxValueRunes]) + "…"
	}
	return s
}

// addCandidate puts an entity in that the registration under review may belong to.
func (g *Grounds) addCandidate(c *entity.Candidate) {
	if len(g.Sides) >= MaxSides || c.Key == "" {
		return
	}
	s := Side{Agency: c.Source.String(), Key: c.Key, Value: short(c.Name), Role: RoleCandidate, Entity: c.Entity.String(), Row: -1}
	for _, reason := range c.For {
		s.For = append(s.For, string(reason))
	}
	for _, reason := range c.Against {
		s.Against = append(s.Against, string(reason))
	}
	g.Sides = append(g.Sides, s)
}
