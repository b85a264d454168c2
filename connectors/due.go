package connectors

import (
	"fmt"

	"hebian/schemas"
)

// Due says when an agency has promised a file.
type Due struct {
	Every Cycle `yaml:"every"`
	Day   int   `yaml:"day"`   // of the cycle's first month after the period, from 1: by the end of that day it is due
	Grace int   `yaml:"grace"` // days after which it is late
}

// Cycle is how often a file is due.
type Cycle string

// The cycles.
const (
	Monthly   Cycle = "month"
	Quarterly Cycle = "quarter"
	Yearly    Cycle = "year"
)

// Months is how many months a cycle has.
func (c Cycle) Months() int {
	switch c {
	case Monthly:
		return 1
	case Quarterly:
		return 3
	case Yearly:
		return 12
	}
	return 0
}

func (d *Due) check() error {
	switch {
	case d == nil:
		return nil
	case d.Every.Months() == 0:
		return fmt.Errorf("due.every is %q, want month, quarter or year", d.Every)
	case d.Day < 1 || d.Day > 28:
		return fmt.Errorf("due.day is %d, want 1 to 28, a day that every month has", d.Day)
	case d.Grace < 0 || d.Grace > 60:
		return fmt.Errorf("due.grace is %d, want 0 to 60 days", d.Grace)
	}
	return nil
}

// Expected is a file that an agency has promised, of one period.
type Expected struct {
	Agency string        `json:"agency"`
	File   string        `json:"file" doc:"Name of the file, of the period's last month." example:"finance/payroll-202609.csv"`
	Period schemas.Month `json:"period" doc:"Last month of the period, YYYYMM."`
	Due    schemas.Date  `json:"due" doc:"Day by whose end it is to be there."`
	Late   schemas.Date  `json:"late" doc:"Last day of grace; after it the file is missing."`
	State  Standing      `json:"state" enum:"expected,due,late,missing,delivered,delivered_late"`
	Came   schemas.Date  `json:"came,omitzero" doc:"Day of the delivery that brought it."`
}

// Standing says how it stands with a file that was promised.
type Standing string

// How it may stand.
const (
	NotYet        Standing = "expected"  // its day has not come
	DueNow        Standing = "due"       // this is the day
	Late          Standing = "late"      // within the grace
	Missing       Standing = "missing"   // beyond it
	Delivered     Standing = "delivered" // in time
	DeliveredLate Standing = "delivered_late"
)

// Calendar lists what an agency has promised for the periods that end from a month to another, in the order of days. came says on
// which day a file of the given name was first delivered whole or in part, for a period; 0: it was not. today judges what is open.
func (p *Profile) Calendar(from, to schemas.Month, today schemas.Date, came func(file string, period schemas.Month) schemas.Date) []Expected {
	var all []Expected
	for month := from; month <= to; month = month.Add(1) {
		for i := range p.Files {
			f := &p.Files[i]
			if f.Due == nil || int(month%100)%f.Due.Every.Months() != 0 {
				continue
			}
			due := month.Add(1).First() + schemas.Date(f.Due.Day-1)
			e := Expected{Agency: p.Agency, File: f.plain(month), Period: month, Due: due, Late: due + schemas.Date(f.Due.Grace)}
			e.Came = came(e.File, month)
			e.State = e.standing(today)
			all = append(all, e)
		}
	}
	return all
}

func (e *Expected) standing(today schemas.Date) Standing {
	switch {
	case e.Came != 0 && e.Came <= e.Due:
		return Delivered
	case e.Came != 0:
		return DeliveredLate
	case today < e.Due:
		return NotYet
	case today == e.Due:
		return DueNow
	case today <= e.Late:
		return Late
	}
	return Missing
}
