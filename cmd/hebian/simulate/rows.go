package simulate

import (
	"errors"
	"strconv"

	"hebian/schemas"
)

const crlf = "\r\n"

// folder holds the open files.
type folder struct {
	plan *plan
	wage [wages]string // the text of each wage in GB18030, with the comma behind it
	fund [funds]string // the same of the channels, with the comma before it

	institutions, quotas, leaderPosts, successions *table
	slots, permits, exemptions, secondments        *table
	controls, events, deaths, penalties            *table
	insurance, absences                            *table
	payroll                                        []*table
	all                                            []*table
}

func newFolder(p *plan, dir string) (*folder, error) {
	f := &folder{plan: p}
	s := newSpeller()
	f.spell(s)
	for _, place := range []struct {
		table **table
		form  form
	}{
		{&f.institutions, csvForm("staffing/institutions.csv", "uscc,name,unit_type,level,division,parent_uscc,status,valid_from,valid_to", 7, 0)},
		{&f.quotas, csvForm("staffing/quotas.csv", "uscc,slot_type,quota,approval_no,valid_from,valid_to", 4, 2)},
		{&f.leaderPosts, csvForm("staffing/leader_posts.csv", "uscc,chief,deputy,approval_no,valid_from,valid_to", 4, 1)},
		{&f.successions, csvForm("staffing/successions.csv", "from_uscc,to_uscc,kind,effective", 3, 0)},
		{&f.slots, slotForm()},
		{&f.permits, csvForm("staffing/permits.csv", "permit_no,id_number,name,uscc,slot_type,permit_date", 5, 1)},
		{&f.exemptions, csvForm("staffing/exemptions.csv", "id_number,uscc,category,valid_from,valid_to", 3, 2)},
		{&f.secondments, csvForm("staffing/secondments.csv", "id_number,from_uscc,to_uscc,approval_no,valid_from,valid_to", 4, 2)},
		{&f.controls, csvForm("finance/control_numbers.csv", "uscc,control_number,valid_from,valid_to", 2, 1)},
		{&f.events, form{path: "hr/events.ndjson", end: "\n", spoil: spoilJSON("effective", "effective")}},
		{&f.deaths, gbForm(s, "civil/deaths.csv", "证件号码,姓名,死亡日期", 2, "2026-02-30", 0)},
		{&f.penalties, csvForm("discipline/penalties.csv", "id_number,name,penalty,pay_effect,effective,ended", 4, 3)},
		{&f.insurance, insuranceForm()},
		{&f.absences, csvForm("hr/absences.csv", "id_number,uscc,kind,from,to,approved", 3, 2)},
	} {
		if err := f.open(dir, place.form, place.table); err != nil {
			return nil, errors.Join(err, f.close())
		}
	}
	if err := f.openPayroll(dir, s); err != nil {
		return nil, errors.Join(err, f.close())
	}
	return f, s.err
}

// openPayroll opens one file per month. The newest has one more column: a new release of the
// bureau's program.
func (f *folder) openPayroll(dir string, s *speller) error {
	for i, m := range f.plan.months {
		header := "发放单位代码,发放单位名称,姓名,证件号码,所属期,发放日期,工资类别,金额,经费渠道"
		if i == f.plan.latest() {
			header += ",备注"
		}
		var t *table
		if err := f.open(dir, gbForm(s, m.file, header, 4, "202613", 7), &t); err != nil {
			return err
		}
		f.payroll = append(f.payroll, t)
	}
	return nil
}

func (f *folder) open(dir string, shape form, at **table) error {
	t, err := newTable(dir, shape)
	if err != nil {
		return err
	}
	*at = t
	f.all = append(f.all, t)
	return nil
}

func (f *folder) spell(s *speller) {
	for w := range f.wage {
		f.wage[w] = s.word(wage(w).String()).gb + ","
	}
	for c := range f.fund {
		f.fund[c] = "," + s.word(channel(c).String()).gb
	}
}

func csvForm(path, header string, dayColumn, required int) form {
	return form{path: path, header: header, end: "\n", spoil: spoilCSV(dayColumn, "2026-02-30", required, false)}
}

func gbForm(s *speller, path, header string, dayColumn int, badDay string, required int) form {
	return form{path: path, header: s.word(header).gb, end: crlf, spoil: spoilCSV(dayColumn, badDay, required, true)}
}

func slotForm() form {
	shape := csvForm("staffing/slots.csv", "slot_no,id_number,name,uscc,slot_type,fund_channel,leader,permit_no,permit_date,valid_from,valid_to", 9, 5)
	shape.start = "\ufeff"
	return shape
}

func insuranceForm() form {
	shape := csvForm("social/insurance.csv", "id_number,name,insured_uscc,month", 0, 2)
	shape.spoil = spoilCSV(3, "202613", 2, false)
	return shape
}

// person writes all rows of a person.
func (f *folder) person(d *dossier) {
	f.writeSlots(d)
	f.writePermits(d)
	for i := range d.pays {
		f.writePay(d, &d.pays[i])
	}
	for _, in := range d.insurance {
		for month := in.first; month <= in.last; month++ {
			f.insurance.endRow(cells(f.insurance.row(), d.number, d.name, f.plan.units[in.unit].code, f.plan.months[month].text))
		}
	}
	for _, x := range d.exemptions {
		row := cells(f.exemptions.row(), d.number, []byte(f.plan.units[x.unit].code), x.category, "")
		f.exemptions.endRow(interval(row, x.since, x.until))
	}
	for i, x := range d.secondments {
		row := cells(f.secondments.row(), d.number, []byte(f.plan.units[d.home].code), f.plan.units[x.to].code, "")
		if x.approved {
			row = append(row, "借〔"...)
			row = strconv.AppendInt(row, int64(x.since.Month()/100), 10)
			row = append(row, "〕"...)
			row = strconv.AppendInt(row, int64(d.person+i+1), 10)
			row = append(row, "号"...)
		}
		f.secondments.endRow(interval(append(row, ','), x.since, x.until))
	}
	for _, e := range d.events {
		f.writeEvent(d, e)
	}
	for _, died := range d.deaths {
		row := append(append(f.deaths.row(), d.number...), ',')
		row = append(append(row, d.nameGB...), ',')
		f.deaths.endRow(day(row, died))
	}
	for _, x := range d.penalties {
		row := cells(f.penalties.row(), d.number, d.name, x.name, x.effect)
		f.penalties.endRow(interval(append(row, ','), x.since, x.until))
	}
	for _, a := range d.absences {
		row := cells(f.absences.row(), d.number, []byte(f.plan.units[a.unit].code), a.kind, "")
		row = interval(row, a.from, a.until)
		f.absences.endRow(append(append(row, ','), a.approved...))
	}
}

func (f *folder) writeSlots(d *dossier) {
	number, name := d.number, d.name
	if d.slotNumber != nil {
		number = d.slotNumber
	}
	if d.slotName != nil {
		name = d.slotName
	}
	for i := range d.slots {
		s := &d.slots[i]
		row := serial(f.slots.row(), "S", d.person*slotsEach+i+1)
		row = append(row, ',')
		row = cells(row, number, name, f.plan.units[s.unit].code, s.kind.String())
		row = append(append(row, ','), s.fund.String()...)
		row = append(append(row, ','), s.leader...)
		row = append(row, ',')
		if s.permitted {
			row = serial(row, "RB", d.person*slotsEach+i+1)
		}
		row = day(append(row, ','), s.permitDay)
		f.slots.endRow(interval(append(row, ','), s.since, s.until))
	}
}

// slotsEach is how many slots and permits a person may have: it keeps their numbers apart.
const slotsEach = 2

func (f *folder) writePermits(d *dossier) {
	for i, permit := range d.permits {
		row := append(serial(f.permits.row(), "RB", d.person*slotsEach+i+1), ',')
		row = cells(row, d.number, d.name, f.plan.units[permit.unit].code, permit.kind.String())
		f.permits.endRow(day(append(row, ','), permit.day))
	}
}

func (f *folder) writeEvent(d *dossier, e event) {
	row := append(f.events.row(), `{"id_number":"`...)
	row = append(append(row, d.number...), `","name":"`...)
	row = append(append(row, d.name...), `","uscc":"`...)
	row = append(append(row, f.plan.units[e.unit].code...), `","event":"`...)
	row = append(append(row, e.what...), `","effective":"`...)
	f.events.endRow(append(day(row, e.day), `","detail":""}`...))
}

// writePay writes the lines of all months of a pay.
func (f *folder) writePay(d *dossier, p *pay) {
	fen := int64(d.basic * p.percent) // yuan × percent = fen
	for month := p.first; month <= p.last; month++ {
		l := payLine{d: d, pay: p, month: month, lot: d.draw.next()}
		switch p.of {
		case salary:
			f.writeSalary(l, fen)
		case hostAllowance:
			f.writeLine(l, wageAllowance, fen/4)
		case pension:
			f.writeLine(l, pensionOf(d), fen)
		case survivorSubsidy:
			f.writeLine(l, wageSurvivor, fen/4)
		case labour:
			f.writeLine(l, wageLabour, fen)
		case living:
			f.writeLine(l, wageLiving, fen/2)
		case grant:
			f.writeLine(l, wageGrant, fen*20)
		}
	}
}

// pensionOf: who was at work before October 1949 gets another pension.
func pensionOf(d *dossier) wage {
	if d.born.year() < 1932 {
		return wageVeteranPension
	}
	return wagePension
}

func (f *folder) writeSalary(l payLine, basic int64) {
	total := basic + basic/2
	f.writeLine(l, wageBasic, basic)
	f.writeLine(l.next(), wageAllowance, basic/2)
	further := l.d.extra
	if f.plan.units[l.pay.unit].kind.category == organ {
		further++ // instead of performance pay
	} else {
		f.writeLine(l.next(), wagePerformance, basic/4)
		total += basic / 4
	}
	for range further {
		f.writeLine(l.next(), wageAllowance, basic/8)
		total += basic / 8
	}
	if l.pay.reversed {
		f.writeLine(l.next(), wageOffset, -total)
	}
	if l.pay.extras {
		switch lot := l.lot >> 48 % 1000; {
		case lot < 20:
			f.writeLine(l.next(), wageBackPay, basic/10)
		case lot < 30:
			f.writeLine(l.next(), wageBonus, basic)
		case lot < 40:
			f.writeLine(l.next(), wageOffset, -basic/20)
		}
	}
}

// payLine is what the lines of one pay and month have in common.
type payLine struct {
	d     *dossier
	pay   *pay
	month int
	lot   uint64 // decides how a line is written
}

// next is for a further line, which may be written in another way.
func (l payLine) next() payLine {
	l.lot = mix(l.lot + 1)
	return l
}

func (f *folder) writeLine(l payLine, w wage, fen int64) {
	file := l.month
	if l.pay.file >= 0 {
		file = l.pay.file
	}
	t, u := f.payroll[file], &f.plan.units[l.pay.unit]
	row := append(t.row(), u.head...)
	if name := l.d.payName; name != nil {
		row = append(row, name...)
	} else {
		row = append(row, l.d.nameGB...)
	}
	row = append(row, ',')
	switch {
	case l.pay.number != nil:
		row = append(row, l.pay.number...)
	case l.d.payNumber != nil:
		row = append(row, l.d.payNumber...)
	default:
		row = append(row, l.d.number...)
	}
	row = append(row, ',')
	if file != l.month || l.lot&1 == 0 {
		row = append(row, f.plan.months[l.month].text...)
	}
	row = append(row, ',')
	row = append(row, f.plan.months[file].payDays[l.lot>>1%payDays]...)
	row = append(append(row, ','), f.wage[w]...)
	row = amount(row, fen, int(l.lot>>8%16))
	row = append(row, f.fund[u.kind.fund]...)
	if file == f.plan.latest() {
		row = append(row, ',')
	}
	t.endRow(row)
}

// amount writes fen as yuan: mostly with two decimals, now and then without, or with grouped
// digits. Only such amounts are quoted.
func amount(row []byte, fen int64, style int) []byte {
	if fen < 0 {
		return amount(append(row, '-'), -fen, style|1)
	}
	yuan, cents := fen/100, fen%100
	switch {
	case style == 0 && cents == 0:
		return strconv.AppendInt(row, yuan, 10)
	case style == 2 && yuan >= 1000 && yuan < 1_000_000:
		row = strconv.AppendInt(append(row, '"'), yuan/1000, 10)
		row = append(row, ',')
		yuan %= 1000
		row = append(row, byte('0'+yuan/100), byte('0'+yuan/10%10), byte('0'+yuan%10))
		return append(decimals(row, cents), '"')
	}
	return decimals(strconv.AppendInt(row, yuan, 10), cents)
}

func decimals(row []byte, cents int64) []byte {
	return append(row, '.', byte('0'+cents/10), byte('0'+cents%10))
}

// cells appends four cells: two of the person, two more.
func cells(row, first, second []byte, third, fourth string) []byte {
	row = append(append(row, first...), ',')
	row = append(append(row, second...), ',')
	row = append(append(row, third...), ',')
	return append(row, fourth...)
}

// serial appends a letter and a number of eight places or more.
func serial(row []byte, letters string, n int) []byte {
	row = append(row, letters...)
	for limit := 10_000_000; limit > n && limit > 1; limit /= 10 {
		row = append(row, '0')
	}
	return strconv.AppendInt(row, int64(n), 10)
}

// interval appends two dates.
func interval(row []byte, since, until schemas.Date) []byte {
	return day(append(day(row, since), ','), until)
}

// day appends a date, or nothing for none.
func day(row []byte, d schemas.Date) []byte {
	if d == none {
		return row
	}
	year, month, dayOfMonth := d.Civil()
	row = append(row, "0000-00-00"...)
	text := row[len(row)-10:]
	putDigits(text[0:4], year)
	putDigits(text[5:7], month)
	putDigits(text[8:10], dayOfMonth)
	return row
}

// plantBroken makes a broken copy due in every file about persons.
func (f *folder) plantBroken() {
	for _, t := range f.all {
		t.due++
	}
}

func (f *folder) failed() error {
	for _, t := range f.all {
		if err := t.failed(); err != nil {
			return err
		}
	}
	return nil
}

func (f *folder) close() error {
	var first error
	for _, t := range f.all {
		if err := t.close(); first == nil {
			first = err
		}
	}
	return first
}
