package matcher

import (
	"sync"

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

// byCode is made once: it is asked for each finding.
var byCode = sync.OnceValue(rules.ByCode)

// Provisional says whether a rule's word on a month, on the day itself if 0, may still change for want
// of a source; be it a finding, or that there is none. A rule that is no more says nothing, for good.
func Provisional(code string, month schemas.Month, day schemas.Date, marks Marks) bool {
	r := byCode()[code]
	if r.MonthEnd && day != day.Month().Last() {
		return true
	}
	for _, need := range r.Needs {
		if !marks.Complete(need.Subject, need.Month(month, day)) {
			return true
		}
	}
	return false
}

// markProvisional marks the findings whose sources are not complete yet.
func markProvisional(findings []Finding, marks Marks, day schemas.Date) {
	type question struct {
		code  string
		month schemas.Month
	}
	answers := map[question]bool{}
	for i := range findings {
		f := &findings[i]
		q := question{f.Code, f.Month}
		provisional, known := answers[q]
		if !known {
			provisional = Provisional(f.Code, f.Month, day, marks)
			answers[q] = provisional
		}
		f.Provisional = provisional
	}
}
