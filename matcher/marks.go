package matcher

import (
	"hebian/matcher/rules"
	"hebian/schemas"
)

// Marks says how far the sources are complete. Before every source that a rule needs is complete, a
// finding is provisional: the row that would settle it may be on its way.
type Marks interface {
	// Complete says whether everything that the subject has to say up to the end of the month is there.
	Complete(subject string, month schemas.Month) bool
}

// AllComplete holds where nothing more will come: whatever is missing counts as empty.
type AllComplete struct{}

// Complete is always true.
func (AllComplete) Complete(string, schemas.Month) bool { return true }

// AgencyMarks are the marks that agencies set: for each subject, every agency that owes it, and the
// last month that it has delivered in full; 0 before the first.
type AgencyMarks map[string]map[string]schemas.Month

// Complete holds when all agencies that owe the subject have delivered the month. A subject that
// nobody owes is never complete.
func (a AgencyMarks) Complete(subject string, month schemas.Month) bool {
	for _, delivered := range a[subject] {
		if delivered < month {
			return false
		}
	}
	return len(a[subject]) > 0
}

// markProvisional marks the findings whose sources are not complete yet. now is the month of the
// as-of date.
func markProvisional(findings []Finding, marks Marks, now schemas.Month) {
	type question struct {
		code  string
		month schemas.Month
	}
	needs := map[string][]rules.Need{}
	for _, r := range rules.All() {
		needs[r.Code] = r.Needs
	}
	answers := map[question]bool{}
	for i := range findings {
		f := &findings[i]
		q := question{f.Code, f.Month}
		provisional, known := answers[q]
		if !known {
			for _, need := range needs[f.Code] {
				month := f.Month
				if need.AsOf {
					month = now
				}
				provisional = provisional || !marks.Complete(need.Subject, month)
			}
			answers[q] = provisional
		}
		f.Provisional = provisional
	}
}
