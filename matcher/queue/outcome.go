package queue

import "slices"

// Outcome is what an officer decides.
type Outcome string

// The outcomes.
const (
	OutcomeConfirmed Outcome = "confirmed"  // it is as found: the agency stops or corrects it
	OutcomeExplained Outcome = "explained"  // it is right as it is
	OutcomeDataError Outcome = "data_error" // a row is wrong: the agency corrects it
	OutcomeForwarded Outcome = "forwarded"  // somebody else's to judge

	OutcomeAuthority Outcome = "authority" // the authority is right: every agency that says otherwise corrects it
	OutcomeDisputed  Outcome = "disputed"  // another agency is right: the authority looks into it
	OutcomeAccepted  Outcome = "accepted"  // the difference is left as it is until a day
	OutcomeSame      Outcome = "same"      // the registration belongs with a candidate
	OutcomeDifferent Outcome = "different" // it does not
)

// Outcomes lists all outcomes.
func Outcomes() []Outcome {
	return []Outcome{
		OutcomeConfirmed, OutcomeExplained, OutcomeDataError, OutcomeForwarded,
		OutcomeAuthority, OutcomeDisputed, OutcomeAccepted, OutcomeSame, OutcomeDifferent,
	}
}

// Codes of findings about legal entities.
const (
	CodeConflict      = "ENTITY_CONFLICT"       // detail: the field
	CodeBadCode       = "ENTITY_BAD_CODE"       // detail: source:key:code
	CodeOrphan        = "ENTITY_ORPHAN"         // detail: source:key
	CodeDuplicateCode = "ENTITY_DUPLICATE_CODE" // detail: the source
	CodeCodeClash     = "ENTITY_CODE_CLASH"
	CodeLinkReview    = "LINK_REVIEW" // detail: source:key
)

// OutcomesOf lists the outcomes that a finding of a code can have.
func OutcomesOf(code string) []Outcome {
	switch code {
	case CodeConflict:
		return []Outcome{OutcomeAuthority, OutcomeDisputed, OutcomeAccepted}
	case CodeLinkReview: // one without candidates, of a code that names nobody, can only be put right or left
		return []Outcome{OutcomeSame, OutcomeDifferent, OutcomeDataError, OutcomeExplained}
	}
	return []Outcome{OutcomeConfirmed, OutcomeExplained, OutcomeDataError, OutcomeForwarded}
}

// Corrects says whether a decision with this outcome sends a correction.
func (o Outcome) Corrects() bool {
	return !slices.Contains([]Outcome{OutcomeExplained, OutcomeAccepted, OutcomeSame, OutcomeDifferent}, o)
}

// links says whether a decision with this outcome links registrations, or keeps them apart.
func (o Outcome) links() bool { return o == OutcomeSame || o == OutcomeDifferent }

// leaves says whether a decision with this outcome holds only as long as agencies say what they said then.
func (o Outcome) leaves() bool { return o == OutcomeAccepted || o.links() }
