// Package rules says what does not fit: one file for each rule, each a pure function of what is
// known about a person, of the units, and of a day. It reads no log and keeps nothing; the matcher
// hands in the rows and takes the findings.
package rules

import "hebian/matcher/state"

// Rule is one way in which the rows about a person or a unit fail to fit. Exactly one of its
// functions is set.
type Rule struct {
	Code    string
	Version int // grows when the rule finds something else in the same rows
	Needs   []Need

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
	// AsOf: all of the source up to the as-of date matters, whatever month is judged. Otherwise the
	// source matters up to the month of the finding.
	AsOf bool
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

func inMonth(subjects ...string) []Need { return needs(false, subjects) }

func asOf(subjects ...string) []Need { return needs(true, subjects) }

func needs(asOf bool, subjects []string) []Need {
	var needs []Need
	for _, s := range subjects {
		needs = append(needs, Need{Subject: s, AsOf: asOf})
	}
	return needs
}
