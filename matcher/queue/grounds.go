package queue

import (
	"slices"

	"hebian/matcher"
	"hebian/matcher/rules"
	"hebian/matcher/state"
	"hebian/schemas"
)

// Grounds is what a finding stands on.
type Grounds struct {
	Version    int // of the rule
	Parameters rules.Parameters
	AsOf       schemas.Date // as of which it was first judged so
	Evidence   []state.Ref
	Rows       int // of which Evidence names the first

	Sides []Side // of a finding about a legal entity: what its agencies say
}

// MaxSides bounds the sides that grounds name, so the corrections of a decision too. The authority and what is held against it come first.
const MaxSides = 64

// GroundsOf is what a finding about a person or a unit stands on.
func GroundsOf(f *matcher.Finding) Grounds {
	return Grounds{Version: f.Version, Parameters: f.Parameters, AsOf: f.AsOf, Evidence: f.Evidence, Rows: f.Rows}
}

// same leaves out the day: a finding that is judged anew every day has the same grounds.
func (g *Grounds) same(o *Grounds) bool {
	return g.Version == o.Version && g.Parameters == o.Parameters && g.Rows == o.Rows && slices.Equal(g.Evidence, o.Evidence) &&
		slices.EqualFunc(g.Sides, o.Sides, Side.same)
}

// saysSame says whether the agencies say the same, be it on other rows or with other delays.
func (g *Grounds) saysSame(o *Grounds) bool {
	return slices.EqualFunc(g.Sides, o.Sides, func(a, b Side) bool { return a.answered().same(b.answered()) })
}

// covers says whether what was decided on these grounds fits others: the authority says the same, and nobody else differs. That some differ
// no more is what was asked for. Where an agency's value was found right, each must say the same as then, too.
func (g *Grounds) covers(o *Grounds, values bool) bool {
	was, is := g.side(RoleAuthority, ""), o.side(RoleAuthority, "")
	if was == nil || is == nil || was.Agency != is.Agency || was.Value != is.Value {
		return was == is
	}
	for i := range o.Sides {
		s := &o.Sides[i]
		if s.Role == RoleDiffers && !slices.ContainsFunc(g.Sides, func(t Side) bool {
			return t.Agency == s.Agency && t.Key == s.Key && (t.Value == s.Value || !values) && (t.Role == RoleDiffers || t.Role == RoleLag)
		}) {
			return false
		}
	}
	return true
}

// side finds the first side in a role that an agency has; of any agency where none is named.
func (g *Grounds) side(role Role, agency string) *Side {
	for i := range g.Sides {
		if s := &g.Sides[i]; s.Role == role && (agency == "" || s.Agency == agency) {
			return s
		}
	}
	return nil
}

// Side is a registration in a finding about a legal entity.
type Side struct {
	Agency string `json:"agency"`
	Key    string `json:"key"`             // of the registration, the agency's own
	Value  string `json:"value,omitempty"` // that it has in the field, or the code that is bad
	Role   Role   `json:"role"`

	// Of a candidate, the entity that it belongs to, and the reasons for and against the link.
	Entity  string   `json:"entity,omitempty"`
	For     []string `json:"for,omitempty"`
	Against []string `json:"against,omitempty"`

	Row int `json:"row"` // its place in Evidence; -1: its row is not there
}

// Role is what part a registration has in a finding.
type Role string

// The roles.
const (
	RoleAuthority Role = "authority" // the others are held against it
	RoleDiffers   Role = "differs"   // it says otherwise
	RoleLag       Role = "lag"       // it says otherwise, but may still follow
	RoleCandidate Role = "candidate" // the registration under review may belong with it
	RoleMember    Role = "member"    // the finding is about it
)

// Name tells candidates apart: Decision.With names one so.
func (s *Side) Name() string { return s.Entity + " " + s.Agency + ":" + s.Key }

func (s Side) same(o Side) bool {
	return s.Agency == o.Agency && s.Key == o.Key && s.Value == o.Value && s.Role == o.Role && s.Entity == o.Entity && s.Row == o.Row &&
		slices.Equal(s.For, o.For) && slices.Equal(s.Against, o.Against)
}

// answered is the part of a side that a decision answers.
func (s Side) answered() Side {
	said := Side{Agency: s.Agency, Key: s.Key, Value: s.Value, Role: s.Role}
	switch s.Role {
	case RoleLag:
		said.Role = RoleDiffers
	case RoleCandidate: // a link is of registrations, whatever they say
		said.Value = ""
	}
	return said
}
