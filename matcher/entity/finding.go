package entity

// Finding is something about an entity that does not fit. Kind, entity and detail are its key: the same finding has the same key in
// every judgement.
type Finding struct {
	Kind   Kind
	Entity ID
	Code   string // the entity's name in files
	Detail string // of CONFLICT the field; of BAD_CODE "source:key:code"; of LINK_REVIEW and ORPHAN "source:key"; of DUPLICATE_CODE the source; else empty

	Field    Field // where HasField
	HasField bool

	Authority  int         // the member that the others are held against; -1: there is none
	Sides      []Side      // the members that it is about, in their order, the authority not among them
	High       bool        // closed at one side and active at the other
	Candidates []Candidate // of LINK_REVIEW, where it may belong; of CODE_CLASH, the other parts
	Clash      []string    // of CODE_CLASH, all the USCCs
}

// Kind says what does not fit.
type Kind string

// The kinds, in the order of an entity's findings.
const (
	KindConflict      Kind = "CONFLICT"       // a record says otherwise than the authoritative one
	KindBadCode       Kind = "BAD_CODE"       // an identifier fails its check
	KindLinkReview    Kind = "LINK_REVIEW"    // where a record belongs must be decided by a person
	KindOrphan        Kind = "ORPHAN"         // active in tax or statistics, and no registrar knows it
	KindDuplicateCode Kind = "DUPLICATE_CODE" // one source gives one USCC to several names
	KindCodeClash     Kind = "CODE_CLASH"     // links lead from one USCC to another
)

// Side is a member in a finding.
type Side struct {
	Member  int
	State   string // of CONFLICT: StateConflict or StateLag
	BadCode string // of BAD_CODE: the code as cleaned
}

// The states of a side in a conflict.
const (
	StateConflict = "conflict"
	StateLag      = "lag" // the authoritative value is so new that the other source may still follow
)

// State is that of the whole finding: a conflict where any side is one.
func (f *Finding) State() string {
	state := ""
	for i := range f.Sides {
		if s := f.Sides[i].State; s != "" && state != StateConflict {
			state = s
		}
	}
	return state
}

// Lines gives the finding's lines of conflicts.csv: kind, entity, field, source, source_key, state.
// Rows of one source key may give the same line several times.
func (f *Finding) Lines(e *Entity) [][6]string {
	line := [6]string{string(f.Kind), f.Code}
	switch f.Kind {
	case KindCodeClash:
		return [][6]string{line}
	case KindDuplicateCode:
		line[3] = f.Detail
		return [][6]string{line}
	}
	lines := make([][6]string, len(f.Sides))
	for i, side := range f.Sides {
		m := &e.Members[side.Member]
		line[2], line[3], line[4], line[5] = side.BadCode, m.Source.String(), m.Key, side.State
		if f.HasField {
			line[2] = f.Field.String()
		}
		lines[i] = line
	}
	return lines
}

// Candidate is an entity that a record under review may belong to.
type Candidate struct {
	Entity       ID
	Code, Name   string // of the entity
	Source       Source // with Key: a record of it that stands for it
	Key          string
	For, Against []Reason
}

// Reason says why a record may or may not belong to an entity. The codes are stable.
type Reason string

// The reasons.
const (
	ReasonNameEqual          Reason = "NAME_EQUAL"
	ReasonNameAlike          Reason = "NAME_ALIKE"
	ReasonNameDiffers        Reason = "NAME_DIFFERS"
	ReasonRepEqual           Reason = "REP_EQUAL"
	ReasonRepDiffers         Reason = "REP_DIFFERS"
	ReasonAddressEqual       Reason = "ADDRESS_EQUAL"
	ReasonAddressDiffers     Reason = "ADDRESS_DIFFERS"
	ReasonDivisionEqual      Reason = "DIVISION_EQUAL"
	ReasonDivisionDiffers    Reason = "DIVISION_DIFFERS"
	ReasonEstablishedEqual   Reason = "ESTABLISHED_EQUAL"
	ReasonEstablishedDiffers Reason = "ESTABLISHED_DIFFERS"
	ReasonCodeEqual          Reason = "CODE_EQUAL"       // and yet they are not linked
	ReasonCodeDiffers        Reason = "CODE_DIFFERS"     // both have a USCC or an organisation code, and not the same
	ReasonPlaceholderCode    Reason = "PLACEHOLDER_CODE" // so many records bear the code that it names nobody
)
