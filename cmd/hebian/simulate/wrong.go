package simulate

import "hebian/schemas"

// Each case states its findings itself, from what it plants: nothing here evaluates a rule.

func (d *dossier) neverHadSlot() {
	d.work(d.home)
	d.flagFrom(paidNoSlot, d.home, 0)
}

func (d *dossier) slotEnded() {
	d.hold(d.home, d.entered, d.months[0].first.AddMonths(-4))
	d.work(d.home)
	d.flagFrom(paidNoSlot, d.home, 0)
}

func (d *dossier) exemptionEnded() {
	end := d.draw.below(d.Months)
	d.exempt(d.home, "特岗", d.months[0].first.AddMonths(-24), d.months[end].first)
	d.work(d.home)
	d.flagFrom(paidNoSlot, d.home, end)
}

// entryPending has a permit that is at most two months old.
func (d *dossier) entryPending() {
	first := d.latest() - d.draw.below(3)
	d.permits = append(d.permits, permit{d.home, d.units[d.home].kind.slots[0], d.day(first)})
	d.paid(d.home, first, d.latest())
	d.insure(d.home, first, d.latest())
	d.flagFrom(pendingEntry, d.home, first)
}

// entryOverdue has a permit that is three months old in the newest month.
func (d *dossier) entryOverdue() {
	first := d.latest() - 3
	d.permits = append(d.permits, permit{d.home, d.units[d.home].kind.slots[0], d.day(first)})
	d.paid(d.home, first, d.latest())
	d.insure(d.home, first, d.latest())
	for i := max(0, first); i < d.latest(); i++ {
		d.flag(pendingEntry, d.home, i)
	}
	d.flag(paidNoSlot, d.home, d.latest())
}

// slotUnpaid was last paid before the newest three months.
func (d *dossier) slotUnpaid() {
	d.hold(d.home, d.entered, none)
	if last := d.latest() - 3; last >= 0 {
		d.paid(d.home, 0, last)
	}
	d.insure(d.home, 0, d.latest())
	d.flag(slotNoPay, d.home, -1)
}

func (d *dossier) deadPaid() {
	month := d.past()
	died := d.day(month)
	d.hold(d.home, d.entered, died+1)
	d.work(d.home)
	d.die(died)
	d.flagFrom(paidAfterDeath, d.home, month+1)
}

func (d *dossier) deadHolds() {
	month := d.past()
	d.staff()
	d.die(d.day(month))
	d.flagFrom(paidAfterDeath, d.home, month+1)
	d.flag(slotStale, d.home, -1)
}

// deadPensioned is reported twice; the earlier day counts.
func (d *dossier) deadPensioned() {
	d.pensioner()
	month := d.past()
	died := d.day(month)
	d.die(died)
	if d.draw.chance(300) {
		d.die(died + 20)
	}
	d.flagFrom(paidAfterDeath, d.home, month+1)
}

func (d *dossier) stopIgnored() {
	month := d.past()
	d.staff()
	d.punish("撤职", "stop", d.day(month), none)
	d.flagFrom(penaltyNotApplied, d.home, month+1)
}

// cutIgnored is paid in the month before the penalty: that is what later pay is measured by.
func (d *dossier) cutIgnored() {
	month := d.latest() - 1
	d.staff()
	d.punish("记大过", "cut", d.day(month), none)
	d.flagFrom(penaltyNotApplied, d.home, month+1)
}

func (d *dossier) retiredPaid() {
	month := d.past()
	retired := d.day(month)
	d.hold(d.home, d.entered, retired)
	d.work(d.home)
	d.event("retire", d.home, retired)
	d.flagFrom(paidAfterRetire, d.home, month+1)
}

func (d *dossier) retiredHolds() {
	month := d.past()
	d.hold(d.home, d.entered, none)
	if month >= 0 {
		d.paid(d.home, 0, month)
	}
	d.paid(d.home, month+1, d.latest()).of = pension
	d.event("retire", d.home, d.day(month))
	d.flag(slotStale, d.home, -1)
}

// leftPaid left on the second of a month or later, so that the slot covers the month of grace.
func (d *dossier) leftPaid() {
	month := d.latest() - 2 - d.draw.below(2)
	left := d.day(month)
	d.hold(d.home, d.entered, left)
	d.work(d.home)
	d.event(d.exit(), d.home, left)
	d.flagFrom(paidAfterExit, d.home, month+2)
}

func (d *dossier) leftHolds() {
	month := d.past()
	d.hold(d.home, d.entered, none)
	if month >= 0 {
		d.paid(d.home, 0, month)
		d.insure(d.home, 0, month)
	}
	d.event(d.exit(), d.home, d.day(month))
	d.flag(slotStale, d.home, -1)
}

// exit is a way of leaving a unit.
func (d *dossier) exit() string {
	return [...]string{"resign", "dismiss", "expel", "transfer_out"}[d.draw.below(4)]
}

func (d *dossier) wrongPayer() {
	at := d.other()
	d.hold(at, d.entered, none)
	d.insure(at, 0, d.latest())
	d.paid(d.home, 0, d.latest())
	d.flagFrom(payerMismatch, d.home, 0)
}

// away has gone within the first ten days of a month: more than 15 days of it are left.
func (d *dossier) away() {
	month := d.latest() - d.draw.below(3)
	d.staff()
	d.stayAway("absent", "N", d.monthAt(month).First()+schemas.Date(d.draw.below(10)), none)
	d.flagFrom(absentPaid, d.home, month)
}

// awayTwice joins two stays of ten days each.
func (d *dossier) awayTwice() {
	month := d.draw.below(d.Months)
	from := d.months[month].first + schemas.Date(d.draw.between(1, 6))
	d.staff()
	d.stayAway("absent", "N", from, from+10)
	d.stayAway("absent", "N", from+10, from+20)
	d.flag(absentPaid, d.home, month)
}

func (d *dossier) twoSalaries() {
	first, second := d.draw.below(d.Months), d.other()
	d.staff()
	d.paid(second, first, d.latest())
	d.flagFrom(dualPay, d.lower(d.home, second), first)
}

// transferOverrun is paid by the old unit long after the transfer: the month of the transfer is
// within the overlap, the one after it in the old unit's grace.
func (d *dossier) transferOverrun() {
	month, to := d.latest()-1-d.draw.below(2), d.other()
	d.transfer(month, to, d.latest())
	d.flagFrom(dualPay, d.lower(d.home, to), month+1)
	d.flagFrom(paidAfterExit, d.home, month+2)
}

// transfer moves the person on the first day of a month; the old unit pays until the month last.
func (d *dossier) transfer(month, to, last int) {
	day := d.monthAt(month).First()
	d.hold(d.home, d.entered, day)
	d.event("transfer_out", d.home, day)
	d.paid(d.home, 0, last)
	if month > 0 {
		d.insure(d.home, 0, month-1)
	}
	d.hold(to, day, none)
	d.paid(to, month, d.latest())
	d.insure(to, month, d.latest())
}

func (d *dossier) rehiredPensioned() {
	d.rehired()
	d.paid(d.home, 0, d.latest()).of = pension
	d.flagFrom(pensionAndPay, d.home, 0)
}

func (d *dossier) retiredPensioned() {
	d.pensioner()
	d.paid(d.home, 0, d.latest())
	d.flagFrom(paidAfterRetire, d.home, 0)
	d.flagFrom(pensionAndPay, d.home, 0)
}

func (d *dossier) wrongFund() {
	d.staff()
	switch s := &d.slots[0]; s.fund {
	case fundSelf:
		s.fund = fundFull
	default:
		s.fund = fundSelf
	}
	d.flagFrom(fundMismatch, d.home, 0)
}

func (d *dossier) twoSlots() {
	second := d.other()
	d.staff()
	d.hold(second, d.entered, none)
	d.flag(dualSlot, d.lower(d.home, second), -1)
}

func (d *dossier) strangeSlot() {
	d.staff()
	s := &d.slots[0]
	s.kind = d.units[d.home].kind.stranger
	if s.fund = fundFull; s.kind == slotPartial {
		s.fund = fundPartial
	}
	d.flag(mixedPost, d.home, -1)
}

func (d *dossier) secondedWild() {
	to := d.other()
	d.staff()
	d.secondTo(to, false, d.day(d.latest()-d.draw.between(1, 10)))
	d.flag(mixedPost, to, -1)
}

func (d *dossier) secondedLong() {
	to := d.other()
	d.staff()
	d.secondTo(to, true, d.day(d.latest()-d.draw.between(12, 30)))
	d.flag(secondmentOverdue, to, -1)
}

func (d *dossier) permitMissing() {
	d.staff()
	d.slots[0].permitted, d.slots[0].permitDay = false, none
	d.permits = d.permits[:0]
	d.flag(noPermitEntry, d.home, -1)
}

func (d *dossier) permitLate() {
	d.staff()
	d.slots[0].permitDay = d.entered + schemas.Date(d.draw.between(1, 90))
	d.permits = d.permits[:0]
	d.flag(noPermitEntry, d.home, -1)
}

func (d *dossier) insuredAway() {
	d.hold(d.home, d.entered, none)
	d.paid(d.home, 0, d.latest())
	d.insure(d.other(), 0, d.latest())
	d.flag(insuredElsewhere, d.home, -1)
}

func (d *dossier) otherName() {
	d.staff()
	for d.payName == nil || string(d.payName) == string(d.nameGB) {
		_, d.payName = d.names.name(&d.draw, nil, nil)
	}
	d.flag(nameMismatch, -1, -1)
}

// deadUnit is staff that an abolished unit goes on paying; the finding names the unit only.
func (d *dossier) deadUnit() {
	f := d.family(d.families.abolished)
	d.hold(f.former, d.entered, none)
	d.work(f.former)
	for i, m := range d.months {
		if m.last >= f.effective {
			d.flags = append(d.flags, Flag{Code: deadUnitPay, Unit: d.units[f.former].code, Month: d.months[i].text})
		}
	}
}

// badNumber has a number that gives no person: no rule knows the person, every file gets a finding.
func (d *dossier) badNumber() {
	form := d.draw.below(badForms)
	d.staff()
	if form == badPassport || form == badTravelPermit {
		d.exempt(d.home, "特岗", d.entered, none)
	}
	d.number = append(d.number[:0], d.born.spoiled(form, d.asOf)...)
	d.keyed = false
}

// flagBadEverywhere expects the finding for every file that names the person.
func (d *dossier) flagBadEverywhere() {
	bad := func(file string) {
		d.flags = append(d.flags, Flag{Code: badIdentity, Person: string(d.number), Detail: file})
	}
	for _, m := range d.months {
		bad(m.file)
	}
	bad("social/insurance.csv")
	bad("staffing/slots.csv")
	if len(d.permits) > 0 {
		bad("staffing/permits.csv")
	}
	if len(d.exemptions) > 0 {
		bad("staffing/exemptions.csv")
	}
	if len(d.events) > 0 {
		bad("hr/events.ndjson")
	}
}

// badNumberOnce has a slip of the pen in one payroll; in that month the person is not paid.
func (d *dossier) badNumberOnce() {
	month := d.draw.below(d.Months)
	bad := d.born.spoiled([...]int{badCheckDigit, badLength, badLetter, badRounded}[d.draw.below(4)], d.asOf)
	d.hold(d.home, d.entered, none)
	d.insure(d.home, 0, d.latest())
	for i := range d.months {
		if p := d.paid(d.home, i, i); i == month {
			p.number = []byte(bad)
		}
	}
	d.flags = append(d.flags, Flag{Code: badIdentity, Person: bad, Detail: d.months[month].file})
}
