package entity

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"hebian/schemas"
)

// Calendar knows the working days. A nil one takes Monday to Friday.
type Calendar struct {
	days  []schemas.Date // that are otherwise than their day of the week says, in order
	extra []int          // working days more than there would be without days[:i]; negative: fewer
}

// ParseCalendar reads a CSV file with the columns date and kind (others are ignored): the days that nobody works on (holiday) and those
// that people do (workday), as they are published every year. All other days are as their day of the week. Errors name the line.
func ParseCalendar(text []byte) (*Calendar, error) {
	r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(text, []byte("\uFEFF"))))
	r.ReuseRecord = true
	header, err := r.Read()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("the file is empty: want a header line date,kind")
	} else if err != nil {
		return nil, err
	}
	dateAt, kindAt := column(header, "date"), column(header, "kind")
	if dateAt < 0 || kindAt < 0 {
		return nil, fmt.Errorf("the header is %q: want the columns date and kind", strings.Join(header, ","))
	}
	working := map[schemas.Date]bool{}
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return newCalendar(working), nil
		} else if err != nil {
			return nil, err
		}
		line, _ := r.FieldPos(dateAt)
		text, kind := strings.TrimSpace(row[dateAt]), strings.TrimSpace(row[kindAt])
		day, ok := schemas.ParseDate(text)
		if !ok {
			return nil, fmt.Errorf("line %d: date is %q, want YYYY-MM-DD", line, text)
		}
		if _, twice := working[day]; twice {
			return nil, fmt.Errorf("line %d: %s stands there twice", line, day)
		}
		if kind != "holiday" && kind != "workday" {
			return nil, fmt.Errorf("line %d: kind is %q, want holiday or workday", line, kind)
		}
		working[day] = kind == "workday"
	}
}

func column(header []string, name string) int {
	return slices.IndexFunc(header, func(s string) bool { return strings.TrimSpace(s) == name })
}

func newCalendar(working map[schemas.Date]bool) *Calendar {
	c := &Calendar{extra: []int{0}}
	for day, works := range working {
		if works != (weekdaysTo(day)-weekdaysTo(day-1) == 1) {
			c.days = append(c.days, day)
		}
	}
	slices.Sort(c.days)
	for i, day := range c.days {
		more := -1
		if working[day] {
			more = 1
		}
		c.extra = append(c.extra, c.extra[i]+more)
	}
	return c
}

// WorkingDays counts the working days after one day, up to and with another.
func (c *Calendar) WorkingDays(after, upTo schemas.Date) int {
	if upTo <= after {
		return 0
	}
	n := weekdaysTo(upTo) - weekdaysTo(after)
	if c != nil {
		n += c.extra[c.before(upTo+1)] - c.extra[c.before(after+1)]
	}
	return n
}

// before is how many of the calendar's days are before a day.
func (c *Calendar) before(day schemas.Date) int {
	i, _ := slices.BinarySearch(c.days, day)
	return i
}

// weekdaysTo counts the days from Monday to Friday up to a day and with it, from a Monday before all days on.
func weekdaysTo(day schemas.Date) int {
	const monday = schemas.MinDate - 7 // 0001-01-01 is a Monday
	n := int(day - monday)
	return n/7*5 + min(n%7+1, 5)
}
