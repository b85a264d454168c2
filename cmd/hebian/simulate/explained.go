package simulate

import (
	"bytes"
	"slices"

	"hebian/schemas"
)

func (d *dossier) exemptPost() {
	category := [...]string{"特岗", "三支一扶", "公益性岗位", "控制数", "军转待安置"}[d.draw.below(5)]
	d.exempt(d.home, category, d.months[0].first.AddMonths(-d.draw.between(1, 30)), none)
	d.work(d.home)
}

func (d *dossier) aidAssignment() {
	to := d.other()
	d.staff()
	d.paid(to, 0, d.latest()).of = hostAllowance
	d.exempt(to, "援派", d.months[0].first.AddMonths(-d.draw.between(1, 20)), none)
}

func (d *dossier) leftWithinGrace() {
	left := d.day(d.latest() - 1)
	d.hold(d.home, d.entered, left)
	d.work(d.home)
	d.event(d.exit(), d.home, left)
}

// transferred is paid twice in the month of the transfer only.
func (d *dossier) transferred() {
	month := d.draw.below(d.Months)
	d.transfer(month, d.other(), month)
}

func (d *dossier) unitRenamed() { d.succeeded(d.family(d.families.renamed)) }
func (d *dossier) unitMerged()  { d.succeeded(d.family(d.families.merged)) }
func (d *dossier) unitSplit()   { d.succeeded(d.family(d.families.split)) }
func (d *dossier) unitChained() { d.succeeded(d.family(d.families.chained)) }

// succeeded has a slot under the code of a former unit; each month is paid under the code of its time.
func (d *dossier) succeeded(f *family) {
	d.hold(f.former, d.entered, none)
	d.paidBySuccessors(f)
	if d.draw.chance(500) {
		d.insure(f.former, 0, d.latest())
	} else {
		d.insure(f.heirs[0], 0, d.latest())
	}
}

func (d *dossier) paidBySuccessors(f *family) {
	for i := range d.months {
		d.paid(f.payerIn(&d.months[i]), i, i)
	}
}

func (d *dossier) slotTwiceRenamed() {
	f := d.family(d.families.renamed)
	d.hold(f.former, d.entered, none)
	d.hold(f.heirs[0], d.entered, none)
	d.paidBySuccessors(f)
	d.insure(f.heirs[0], 0, d.latest())
}

// unitAbolished went over to the home unit on the day that the old one ceased.
func (d *dossier) unitAbolished() {
	f := d.family(d.families.abolished)
	here := *f
	here.heirs = []int{d.home}
	since := d.entered
	if since >= f.effective {
		since = f.effective.AddMonths(-40)
	}
	d.hold(f.former, since, f.effective)
	d.event("transfer_out", f.former, f.effective)
	d.hold(d.home, f.effective, none)
	d.paidBySuccessors(&here)
	d.insure(d.home, d.latest(), d.latest())
}

// secondedAllowance is approved for less than twelve months.
func (d *dossier) secondedAllowance() {
	to := d.other()
	first := d.latest() - d.draw.between(1, 10)
	d.staff()
	d.secondTo(to, true, d.day(first))
	d.paid(to, first, d.latest()).of = hostAllowance
}

func (d *dossier) secondedUnpaid() {
	to := d.other()
	d.hold(d.home, d.entered, none)
	d.secondTo(to, true, d.day(d.latest()-d.draw.between(5, 10)))
	d.insure(to, 0, d.latest())
}

// shortNumber has the old form in the slots. Who was born after 1999 never had one.
func (d *dossier) shortNumber() {
	d.staff()
	if year := d.born.year(); year >= 1900 && year <= 1999 {
		d.slotNumber = []byte(d.born.short())
		return
	}
	d.slotNumber = spaced(d.born)
}

// looseNumber writes the number with spaces, full-width digits or a small x.
func (d *dossier) looseNumber() {
	d.staff()
	switch {
	case d.born[17] == 'X':
		d.payNumber = bytes.ToLower(d.born[:])
	case d.draw.chance(500):
		d.payNumber = fullWidth(d.born)
	default:
		d.payNumber = spaced(d.born)
	}
}

func spaced(n number) []byte {
	return slices.Concat(n[:6], []byte(" "), n[6:14], []byte(" "), n[14:])
}

// fullWidth writes the digits as GB18030 cells.
func fullWidth(n number) []byte {
	var out []byte
	for _, c := range n {
		out = append(out, 0xa3, c|0x80)
	}
	return out
}

func (d *dossier) rehired() {
	retired := d.pensioned()
	d.event("retire", d.home, retired)
	d.exempt(d.home, "返聘", retired, none)
	d.paid(d.home, 0, d.latest())
}

func (d *dossier) rehiredLabour() {
	d.rehired()
	d.pays[0].of = labour
	d.paid(d.home, 0, d.latest()).of = pension
}

func (d *dossier) deadGrant() {
	month := d.draw.below(d.Months)
	died := d.day(month)
	d.hold(d.home, d.entered, died+1)
	d.paid(d.home, 0, month)
	d.insure(d.home, 0, month)
	d.die(died)
	if month < d.latest() {
		d.paid(d.home, month+1, month+1).of = grant
	}
}

func (d *dossier) retiredOnTime() {
	month := d.draw.below(d.Months)
	retired := d.day(month)
	d.hold(d.home, d.entered, retired)
	d.paid(d.home, 0, month)
	d.insure(d.home, 0, month)
	d.event("retire", d.home, retired)
	if month < d.latest() {
		d.paid(d.home, month+1, d.latest()).of = pension
	}
}

func (d *dossier) approvedLeave() {
	d.hold(d.home, d.entered, none)
	d.insure(d.home, 0, d.latest())
	d.stayAway("study", "Y", d.months[0].first.AddMonths(-6), none)
}

func (d *dossier) awayShortly() {
	from := d.months[d.draw.below(d.Months)].first + schemas.Date(d.draw.below(15))
	d.staff()
	d.stayAway("absent", "N", from, from+schemas.Date(d.draw.between(1, 10)))
}

// looseName differs by the interpunct, a space or the private-use form of a rare character.
func (d *dossier) looseName() {
	d.staff()
	d.name, d.nameGB = d.name[:0], d.nameGB[:0]
	surname := d.names.surnames[d.draw.below(len(d.names.surnames))]
	given := d.names.given[d.draw.below(len(d.names.given))]
	switch d.draw.below(3) {
	case 0:
		d.name, d.nameGB = d.names.longName(&d.draw, d.name, d.nameGB)
		marks := [...]string{"•", "・", "．"}
		d.slotName = bytes.ReplaceAll(d.name, []byte("·"), []byte(marks[d.draw.below(len(marks))]))
	case 1:
		d.name = append(append(d.name, surname.utf8...), given.utf8...)
		d.nameGB = append(append(d.nameGB, surname.gb...), given.gb...)
		d.slotName = []byte(surname.utf8 + " " + given.utf8)
	default:
		d.name = append(append(d.name, surname.utf8...), d.names.dragon.utf8...)
		d.nameGB = append(append(d.nameGB, surname.gb...), d.names.dragon.gb...)
		d.payName = []byte(surname.gb + d.names.privateDragon)
	}
}

// paidLate gets the salary of the month before with the newest payroll.
func (d *dossier) paidLate() {
	d.hold(d.home, d.entered, none)
	d.insure(d.home, 0, d.latest())
	for i := range d.months {
		if p := d.paid(d.home, i, i); i == d.latest()-1 {
			p.file = d.latest()
		}
	}
}

func (d *dossier) cutApplied() {
	month := d.past()
	d.punished(month)
	d.paid(d.home, month+1, d.latest()).percent = 70
	d.punish("记大过", "cut", d.day(month), none)
}

// stopApplied is stopped so late that the slot has not been without pay for long.
func (d *dossier) stopApplied() {
	month := d.latest() - 1
	d.punished(month)
	d.paid(d.home, month+1, d.latest()).of = living
	d.punish("撤职", "stop", d.day(month), none)
}

// punished is staff with full pay up to a month.
func (d *dossier) punished(month int) {
	d.hold(d.home, d.entered, none)
	d.insure(d.home, 0, d.latest())
	if month >= 0 {
		d.paid(d.home, 0, month)
	}
}

func (d *dossier) justEntered() {
	d.entered = d.day(d.latest())
	d.hold(d.home, d.entered, none)
}

func (d *dossier) hiredAgain() {
	left := d.months[0].first.AddMonths(-30)
	again := d.day(-14)
	d.hold(d.home, left.AddMonths(-30), left)
	d.event("resign", d.home, left)
	d.hold(d.home, again, none)
	d.work(d.home)
}

func (d *dossier) takenBack() {
	month := d.draw.below(d.Months)
	d.staff()
	d.paid(d.other(), month, month).reversed = true
}
