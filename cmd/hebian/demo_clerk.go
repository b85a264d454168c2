package main

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"hebian/schemas"
	"hebian/schemas/ident"
)

// Columns of a payroll.
const (
	payUnit = iota
	payUnitName
	payName
	payNumber
	payMonth
	payDay
	payWage
	payAmount
)

// Columns of slots.
const (
	slotName      = 2
	slotUnit      = 3
	slotType      = 4
	slotFund      = 5
	slotPermit    = 7
	slotPermitDay = 8
	slotFrom      = 9
	slotUntil     = 10
)

// Columns of the other files that clerks read or write in.
const (
	institutionType = 2
	quotaCount      = 2
	chiefPosts      = 1
	deputyPosts     = 2
	controlCount    = 1
	lentUntil       = 5
	insuredNumber   = 0
	insuredUnit     = 2
	insuredMonth    = 3
)

// wageOffset is 冲减 in GB18030.
const wageOffset = "\xb3\xe5\xbc\xf5"

// answer does what a correction asks for in the agency's own files, sends what changed, and says it in words; ""
// where the simulated clerk knows nothing to put right.
func (a *agency) answer(ctx context.Context, c *schemas.Correction, o offices) (string, error) {
	rows := o.cited(c.Rows)
	if c.Entity != "" {
		return a.answerEntity(ctx, c, rows)
	}
	switch a.name {
	case "finance":
		return a.answerFinance(ctx, c, rows, o)
	case "staffing":
		return a.answerStaffing(ctx, c, rows)
	case "social":
		return a.answerSocial(ctx, rows)
	}
	return "", nil
}

// of gives the rows of one book, or of all whose names begin so.
func of(rows []citation, book string) []citation {
	return slices.DeleteFunc(slices.Clone(rows), func(r citation) bool { return !strings.HasPrefix(r.name, book) })
}

func (a *agency) answerFinance(ctx context.Context, c *schemas.Correction, rows []citation, o offices) (string, error) {
	lines := of(rows, "finance/payroll-")
	switch c.Code {
	case "CONTRACT_OVER":
		return a.raise(ctx, of(rows, "finance/control_numbers.csv"), controlCount, persons(lines))
	case "BAD_IDENTITY":
		return a.mendNumbers(ctx, lines)
	case "DEAD_UNIT_PAY": // a unit that is no more has no lines of 冲减 either
		return a.recall(ctx, lines)
	case "PAID_NO_SLOT", "PAID_AFTER_DEATH", "PAID_AFTER_RETIRE", "PAID_AFTER_EXIT", "PAYER_MISMATCH", "ABSENT_PAID":
	case "DUAL_PAY":
		lines = withoutSlot(lines, string(c.Person), o)
	case "PENSION_AND_PAY":
		lines = slices.DeleteFunc(lines, func(l citation) bool { return isPension(l.row) })
	case "PENALTY_NOT_APPLIED":
		stop := slices.ContainsFunc(of(rows, "discipline/"), func(r citation) bool { return strings.Contains(r.row, ",stop,") })
		lines = slices.DeleteFunc(lines, func(l citation) bool {
			return c.Month == nil || serviceMonth(l) != *c.Month || !stop && wage(l.row) != "津贴补贴"
		})
	default: // the pay is as it should be
		return "", nil
	}
	instead := ""
	if slots := of(rows, "staffing/slots.csv"); c.Code == "PAYER_MISMATCH" && len(slots) > 0 {
		instead = strings.Split(slots[0].row, ",")[slotUnit]
	}
	says, err := a.reverse(ctx, lines, instead)
	if err == nil && (instead != "" || slices.Contains(endsPay(), c.Code)) {
		a.onward(lines, instead)
	}
	return says, err
}

// endsPay lists the rules whose findings, once confirmed, end the pay for good.
func endsPay() []string {
	return []string{"PAID_AFTER_DEATH", "PAID_AFTER_RETIRE", "PAID_AFTER_EXIT", "PAID_NO_SLOT", "DUAL_PAY", "PENSION_AND_PAY"}
}

// wage is the kind of a pay line.
func wage(row string) string {
	if cells := cellsOf(row); len(cells) > payWage {
		return fromGB18030(cells[payWage])
	}
	return ""
}

func isPension(row string) bool {
	return slices.Contains([]string{"退休费", "离休费"}, wage(row))
}

// serviceMonth is the month that a pay line is for: as written, or its file's.
func serviceMonth(l citation) schemas.Month {
	if cells := cellsOf(l.row); len(cells) > payMonth && cells[payMonth] != "" {
		m, _ := schemas.ParseMonth(cells[payMonth])
		return m
	}
	return l.book.month()
}

// persons counts whom pay lines name.
func persons(lines []citation) int {
	numbers := map[string]bool{}
	for _, l := range lines {
		if cells := cellsOf(l.row); len(cells) > payNumber {
			numbers[cells[payNumber]] = true
		}
	}
	return len(numbers)
}

// withoutSlot gives the lines of units where the person has no slot; where that leaves all or none, those of
// the last unit.
func withoutSlot(lines []citation, person string, o offices) []citation {
	var units, wrong []string
	for _, l := range lines {
		if unit := cellsOf(l.row)[payUnit]; !slices.Contains(units, unit) {
			units = append(units, unit)
		}
	}
	for _, unit := range units {
		if !o.holdsSlot(person, unit) {
			wrong = append(wrong, unit)
		}
	}
	if len(wrong) == 0 || len(wrong) == len(units) {
		wrong = units[max(0, len(units)-1):]
	}
	return slices.DeleteFunc(lines, func(l citation) bool { return !slices.Contains(wrong, cellsOf(l.row)[payUnit]) })
}

// reverse takes pay lines back to the last fen, as a payroll bureau does: by lines of 冲减 on top, for a pension by
// one of its own kind. Where a unit is named that should have paid instead, its lines come with them.
func (a *agency) reverse(ctx context.Context, lines []citation, instead string) (string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	var books []*book
	more := map[*book][]string{}
	for _, l := range lines {
		if _, done := a.reversed[l.entry]; done {
			continue
		}
		a.reversed[l.entry] = struct{}{}
		if more[l.book] == nil {
			books = append(books, l.book)
		}
		cells := cellsOf(l.row)
		cells[payMonth], cells[payDay] = serviceMonth(l).String(), a.through.Last().String()
		if instead != "" {
			moved := slices.Clone(cells)
			moved[payUnit], moved[payUnitName] = instead, unitName(l.book, instead)
			more[l.book] = append(more[l.book], strings.Join(moved, ","))
		}
		cells[payAmount] = negated(cells[payAmount])
		if !isPension(l.row) {
			cells[payWage] = wageOffset
		}
		more[l.book] = append(more[l.book], strings.Join(cells, ","))
	}
	if len(lines) > 0 && len(books) == 0 {
		return "those lines were taken back before", nil
	}
	var says []string
	for _, b := range books {
		r, err := a.add(ctx, b, more[b])
		if err != nil {
			return "", err
		}
		says = append(says, fmt.Sprintf("%s on top of %s, 冲减 of what was paid", plural(r.Added, "line"), path.Base(b.name)))
	}
	return strings.Join(says, "; "), nil
}

// unitName finds the name of a unit as a payroll writes it; empty, which is allowed, if it pays nobody.
func unitName(payroll *book, unit string) string {
	for _, row := range payroll.rows {
		if strings.HasPrefix(row, unit+",") {
			return cellsOf(row)[payUnitName]
		}
	}
	return ""
}

// onward has the payrolls to come pay in the name of another unit what such lines pay, or, without one, not at all.
func (a *agency) onward(lines []citation, unit string) {
	type pay struct {
		unit, number string
		pension      bool
	}
	payOf := func(row string) (pay, []string) {
		cells := cellsOf(row)
		if len(cells) <= payAmount { // a broken one
			return pay{}, cells
		}
		return pay{cells[payUnit], cells[payNumber], isPension(row)}, cells
	}
	wrong := map[pay]bool{}
	for _, l := range lines {
		p, _ := payOf(l.row)
		wrong[p] = true
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, b := range a.books {
		if b.month() <= a.through {
			continue
		}
		var rows []string
		for _, row := range b.rows {
			p, cells := payOf(row)
			switch {
			case !wrong[p]:
			case unit == "":
				continue
			default:
				cells[payUnit], cells[payUnitName] = unit, unitName(b, unit)
				row = strings.Join(cells, ",")
			}
			rows = append(rows, row)
		}
		b.rows = rows
	}
}

// recall takes pay lines back as if they had never been, and strikes those to come.
func (a *agency) recall(ctx context.Context, lines []citation) (string, error) {
	if len(lines) == 0 {
		return "", nil
	}
	lines = of(lines, lines[0].name) // a month's lines lie in one book, but for those paid late
	var places []int
	for _, l := range lines {
		places = append(places, l.place)
	}
	a.mu.Lock()
	r, err := a.takeBack(ctx, lines[0].book, places)
	a.mu.Unlock()
	if err != nil {
		return "", err
	}
	a.onward(lines, "")
	return fmt.Sprintf("%s of %s taken back", plural(r.Retracted, "line"), path.Base(lines[0].name)), nil
}

// negated is an amount with the other sign.
func negated(amount string) string {
	amount = strings.NewReplacer(`"`, "", ",", "").Replace(amount)
	if rest, negative := strings.CutPrefix(amount, "-"); negative {
		return rest
	}
	return "-" + amount
}

// mendNumbers writes pay lines anew whose number is no person's, if another month's payroll has the right one.
func (a *agency) mendNumbers(ctx context.Context, lines []citation) (string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	var b *book
	var wrong []int
	var right []string
	for _, l := range lines {
		cells := cellsOf(l.row)
		number := a.numberOf(cells)
		if number == "" || b != nil && l.book != b {
			continue
		}
		b, wrong = l.book, append(wrong, l.place)
		cells[payNumber] = number
		right = append(right, strings.Join(cells, ","))
	}
	if len(wrong) == 0 {
		return "", nil
	}
	if _, err := a.takeBack(ctx, b, wrong); err != nil {
		return "", err
	}
	r, err := a.add(ctx, b, right)
	return fmt.Sprintf("%s of %s taken back and sent anew with the right number", plural(r.Added, "line"), path.Base(b.name)), err
}

// numberOf finds the number under which another payroll pays somebody of this name at this unit.
func (a *agency) numberOf(of []string) string {
	for _, b := range a.books {
		if b.month() == 0 {
			continue
		}
		for _, row := range b.rows {
			if !strings.HasPrefix(row, of[payUnit]+",") || !strings.Contains(row, ","+of[payName]+",") {
				continue
			}
			cells := cellsOf(row)
			if len(cells) == len(of) && cells[payName] == of[payName] && ident.PersonKey(ident.Clean(cells[payNumber])) != "" {
				return cells[payNumber]
			}
		}
	}
	return ""
}

func (a *agency) answerStaffing(ctx context.Context, c *schemas.Correction, rows []citation) (string, error) {
	slots, lent := of(rows, "staffing/slots.csv"), of(rows, "staffing/secondments.csv")
	switch c.Code {
	case "DUAL_SLOT":
		return a.amend(ctx, slots[max(0, len(slots)-1):], "ended", a.ending(slotUntil))
	case "SLOT_STALE", "SLOT_NO_PAY":
		return a.amend(ctx, slots, "ended", a.ending(slotUntil))
	case "SECONDMENT_OVERDUE":
		return a.amend(ctx, lent, "ended", a.ending(lentUntil))
	case "MIXED_POST":
		if len(lent) > 0 {
			return a.amend(ctx, lent, "ended", a.ending(lentUntil))
		}
		return a.retype(ctx, slots, of(rows, "staffing/institutions.csv"))
	case "FUND_MISMATCH":
		return a.amend(ctx, slots, "sent anew with the right fund channel", func(cells []string) { cells[slotFund] = fundOf(cells[slotType]) })
	case "NO_PERMIT_ENTRY":
		return a.amend(ctx, slots, "sent anew with the permit", func(cells []string) {
			cells[slotPermit], cells[slotPermitDay] = "RB"+cells[0], cells[slotFrom]
		})
	case "NAME_MISMATCH":
		return a.rename(ctx, slots, of(rows, "finance/payroll-"))
	case "OVER_QUOTA":
		if limits := of(rows, "staffing/quotas.csv"); len(limits) > 0 {
			return a.raise(ctx, limits, quotaCount, len(slots))
		}
		return a.approve(ctx, "staffing/quotas.csv", string(c.Unit), c.Detail, strconv.Itoa(len(slots)))
	case "OVER_POSTS":
		column := chiefPosts
		if c.Detail == "deputy" {
			column = deputyPosts
		}
		if limits := of(rows, "staffing/leader_posts.csv"); len(limits) > 0 {
			return a.raise(ctx, limits, column, len(slots))
		}
		posts := []string{string(c.Unit), "0", "0"}
		posts[column] = strconv.Itoa(len(slots))
		return a.approve(ctx, "staffing/leader_posts.csv", posts...)
	}
	return "", nil
}

// ending writes the day on which the agency stands into a column: from that day on the row says nothing.
func (a *agency) ending(column int) func(cells []string) {
	return func(cells []string) { cells[column] = a.through.Last().String() }
}

// amend changes rows of one book and sends the book anew, whole: so nobody is judged between a row that is gone and
// one that is to come.
func (a *agency) amend(ctx context.Context, rows []citation, done string, change func(cells []string)) (string, error) {
	if len(rows) == 0 {
		return "", nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	b := rows[0].book
	for _, r := range rows {
		cells := strings.Split(r.row, ",")
		change(cells)
		b.rows[r.place] = strings.Join(cells, ",")
	}
	if _, err := a.deliver(ctx, b); err != nil {
		return "", err
	}
	return fmt.Sprintf("%s of %s %s", plural(len(rows), "row"), path.Base(b.name), done), nil
}

// retype gives slots a type that their unit may have, with its fund channel.
func (a *agency) retype(ctx context.Context, slots, units []citation) (string, error) {
	if len(units) == 0 {
		return "", nil
	}
	fits := slotTypeOf(strings.Split(units[0].row, ",")[institutionType])
	return a.amend(ctx, slots, "sent anew as "+fits, func(cells []string) { cells[slotType], cells[slotFund] = fits, fundOf(fits) })
}

// slotTypeOf is the usual type of slot of a type of unit.
func slotTypeOf(unitType string) string {
	switch unitType {
	case "参公事业":
		return "参公"
	case "全额事业":
		return "事业全额"
	case "差额事业":
		return "事业差额"
	case "自收自支事业":
		return "事业自收自支"
	}
	return "行政"
}

// fundOf is the channel that a type of slot is paid from.
func fundOf(slotType string) string {
	switch slotType {
	case "事业差额":
		return "财政差额"
	case "事业自收自支":
		return "自筹"
	}
	return "财政全额"
}

// rename gives slots the name that the payroll has.
func (a *agency) rename(ctx context.Context, slots, lines []citation) (string, error) {
	if len(lines) == 0 {
		return "", nil
	}
	name := fromGB18030(cellsOf(lines[0].row)[payName])
	if name == "" {
		return "", nil
	}
	return a.amend(ctx, slots, "sent anew with the name as in the payroll", func(cells []string) { cells[slotName] = name })
}

// raise approves as many as there are: what the first row lacks beside the others.
func (a *agency) raise(ctx context.Context, limits []citation, column, there int) (string, error) {
	if len(limits) == 0 {
		return "", nil
	}
	allowed := 0
	for _, l := range limits {
		n, _ := strconv.Atoi(strings.Split(l.row, ",")[column]) // the hub has read it
		allowed += n
	}
	return a.amend(ctx, limits[:1], "sent anew with a new approval", func(cells []string) {
		n, _ := strconv.Atoi(cells[column])
		cells[column] = strconv.Itoa(n + max(1, there-allowed))
	})
}

// approve enters an approval that was missing, valid from the month on, and sends the book anew.
func (a *agency) approve(ctx context.Context, name string, cells ...string) (string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	b := a.book(name)
	if b == nil {
		return "", nil
	}
	number := fmt.Sprintf("编发〔%d〕补%d号", int(a.through)/100, len(b.rows)+1)
	b.rows = append(b.rows, strings.Join(append(cells, number, a.through.First().String(), ""), ","))
	if _, err := a.deliver(ctx, b); err != nil {
		return "", err
	}
	return fmt.Sprintf("the approval that was missing is entered in %s", path.Base(name)), nil
}

// answerSocial moves an insurance to the unit that has the slot, from the month found on.
func (a *agency) answerSocial(ctx context.Context, rows []citation) (string, error) {
	slots, insured := of(rows, "staffing/slots.csv"), of(rows, "social/insurance.csv")
	if len(slots) == 0 || len(insured) == 0 {
		return "", nil
	}
	right, wrong := strings.Split(slots[0].row, ",")[slotUnit], strings.Split(insured[0].row, ",")
	a.mu.Lock()
	defer a.mu.Unlock()
	b, changed := insured[0].book, 0
	for place, row := range b.rows {
		cells := strings.Split(row, ",")
		if len(cells) == len(wrong) && cells[insuredNumber] == wrong[insuredNumber] && cells[insuredUnit] == wrong[insuredUnit] && cells[insuredMonth] >= wrong[insuredMonth] {
			cells[insuredUnit] = right
			b.rows[place] = strings.Join(cells, ",")
			changed++
		}
	}
	if _, err := a.deliver(ctx, b); err != nil {
		return "", err
	}
	return fmt.Sprintf("%s moved to the unit that has the slot, from %s on", plural(changed, "insured month"), wrong[insuredMonth]), nil
}

// plural counts things by their English name.
func plural[T ~int | ~int64](n T, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return count(n) + " " + thing + "s"
}
