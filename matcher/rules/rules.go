// Package rules says what does not fit: one file for each rule, each a pure function of what is
// known about a person, of the units, and of a day. It reads no log and keeps nothing; the matcher
// hands in the rows and takes the findings.
package rules

import (
	"slices"

	"hebian/matcher/state"
	"hebian/schemas"
)

// Rule is one way in which the rows about a person or a unit fail to fit. Exactly one of its
// functions is set.
type Rule struct {
	Code    string
	Version int // grows when the rule finds something else in the same rows
	Needs   []Need
	// MonthEnd: the rule speaks on the last day of a month only. That it finds nothing on another day
	// means nothing.
	MonthEnd bool

	// pay judges what a unit paid for a month. A pay is flagged once, by the first rule of All that
	// finds fault with it: its primary flag.
	pay func(*Person, *Pay) bool
	// person judges all rows of a person.
	person func(*Person)
	// count counts what a person takes up of what a unit was allowed.
	count func(*Person)
	// mention judges a number that gives no key.
	mention func(*Person, []state.Mention)
}

// Need is a source that a rule leans on.
type Need struct {
	Subject string
	When    When
}

// When says how far a source must be complete before a rule's word is final.
type When uint8

const (
	// InMonth: up to the month of the finding.
	InMonth When = iota
	// Ended: up to the last month that has ended by the as-of date, whatever month is judged.
	Ended
	// Current: up to the month that the as-of date lies in, because the rule reads the rows of it.
	Current
)

// Month is the month up to which the source must be complete for a finding of a month, as of a day.
func (n Need) Month(of schemas.Month, day schemas.Date) schemas.Month {
	now := day.Month()
	switch {
	case n.When == InMonth:
		return of
	case n.When == Ended && day != now.Last():
		return now.Add(-1)
	}
	return now
}

// ByCode gives the rules by their codes, each with all sources that its word hangs on: those that it
// needs itself and, where it gives a primary flag, those of the rules before it. What they find takes
// the flag from it.
func ByCode() map[string]Rule {
	byCode := map[string]Rule{}
	var primary []Need
	for _, r := range All() {
		if r.pay != nil {
			for _, need := range r.Needs {
				if !slices.Contains(primary, need) {
					primary = append(primary, need)
				}
			}
			r.Needs = slices.Clone(primary)
		}
		byCode[r.Code] = r
	}
	return byCode
}

// All lists the rules. Those that give a primary flag come first, in the order of precedence.
func All() []Rule {
	return []Rule{
		paidAfterDeath(),
		penaltyNotApplied(),
		paidAfterRetire(),
		paidAfterExit(),
		pendingEntry(),
		payerMismatch(),
		paidNoSlot(),
		absentPaid(),

		dualPay(),
		pensionAndPay(),
		fundMismatch(),
		deadUnitPay(),

		dualSlot(),
		slotNoPay(),
		slotStale(),
		mixedPost(),
		secondmentOverdue(),
		noPermitEntry(),
		insuredElsewhere(),
		nameMismatch(),

		overQuota(),
		overPosts(),
		contractOver(),

		badIdentity(),
	}
}

// The sources.
const (
	payLines       = "finance.pay_line"
	controlNumbers = "finance.control_number"
	slots          = "staffing.slot"
	permits        = "staffing.permit"
	exemptions     = "staffing.exemption"
	secondments    = "staffing.secondment"
	institutions   = "staffing.institution"
	quotas         = "staffing.quota"
	leaderPosts    = "staffing.leader_post"
	successions    = "staffing.succession"
	staffEvents    = "hr.staff_event"
	absences       = "hr.absence"
	deaths         = "civil.death"
	penalties      = "discipline.penalty"
	insurances     = "social.insurance"
)

func inMonth(subjects ...string) []Need { return needs(InMonth, subjects) }

func ended(subjects ...string) []Need { return needs(Ended, subjects) }

func current(subjects ...string) []Need { return needs(Current, subjects) }

func needs(when When, subjects []string) []Need {
	var needs []Need
	for _, s := range subjects {
		needs = append(needs, Need{s, when})
	}
	return needs
}
