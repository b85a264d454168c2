package rules

import (
	"cmp"
	"slices"

	"hebian/matcher/state"
	"hebian/schemas"
)

// Finding is something that does not fit. Code, person, unit, month and detail are its key: the same
// finding has the same key in every judgement.
type Finding struct {
	Code   string
	Person schemas.IDNumber // the person key; BAD_IDENTITY has the number as cleaned; empty where a unit is judged
	Unit   schemas.UnitCode // empty where no unit is in the key
	Month  schemas.Month    // 0 where no month is in the key
	Detail string

	Version     int // of the rule
	Parameters  Parameters
	AsOf        schemas.Date
	Provisional bool // a source that the rule needs is not complete yet

	// Evidence is the rows that the finding stands on, in the order of the log; where they are more
	// than MaxEvidence, some of them. Rows is how many there are.
	Evidence []state.Ref
	Rows     int
}

// MaxEvidence bounds the rows that a finding names. Nobody reads more of the 30,000 slots of a type
// that has one too many.
const MaxEvidence = 64

// Compare orders findings by their keys, as flags.csv does.
func (f *Finding) Compare(o *Finding) int {
	return cmp.Or(
		cmp.Compare(f.Code, o.Code),
		cmp.Compare(f.Person, o.Person),
		cmp.Compare(f.Unit, o.Unit),
		cmp.Compare(f.Month, o.Month),
		cmp.Compare(f.Detail, o.Detail),
	)
}

// SameGrounds says whether two findings of one key stand on the same: rows, rule and parameters.
// The day as of which they were judged may differ.
func (f *Finding) SameGrounds(o *Finding) bool {
	return f.Version == o.Version && f.Parameters == o.Parameters && f.Provisional == o.Provisional &&
		f.Rows == o.Rows && slices.Equal(f.Evidence, o.Evidence)
}

// sortFindings orders findings. Those of the same key, of two slots at one unit perhaps, are one.
func sortFindings(findings []Finding) []Finding {
	slices.SortFunc(findings, func(a, b Finding) int { return a.Compare(&b) })
	n := 0
	for i := range findings {
		if n > 0 && findings[n-1].Compare(&findings[i]) == 0 {
			findings[n-1].join(&findings[i])
			continue
		}
		findings[n] = findings[i]
		n++
	}
	return slices.Delete(findings, n, len(findings))
}

func (f *Finding) join(o *Finding) {
	all := append(slices.Clone(f.Evidence), o.Evidence...)
	slices.Sort(all)
	all = slices.Compact(all)
	// Beyond the bound nobody knows which rows both stand on.
	f.Rows = max(f.Rows, o.Rows, len(all))
	f.Evidence = all[:min(len(all), MaxEvidence)]
}

// Explanation says why something that looks like a finding is none.
type Explanation struct {
	Code   string // of the finding that it looks like
	Person schemas.IDNumber
	Unit   schemas.UnitCode
	Month  schemas.Month
	Reason Reason
}

// Reason is why there is no finding.
type Reason string

// The reasons.
const (
	ReasonExempt     Reason = "exempt"     // an exemption of the unit holds
	ReasonSecondment Reason = "secondment" // an approved secondment brings the person there
	ReasonExitGrace  Reason = "exit_grace" // the slot ended so recently that pay may still run on
	ReasonSuccession Reason = "succession" // the units are one, or one came from the other
	ReasonTransfer   Reason = "transfer"   // one slot follows the other closely
)
