package rest

import (
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"

	"hebian/connectors/text"
)

// Formats of times.
const (
	rfc3339  = "rfc3339"  // 2026-10-01T08:00:00+08:00
	date     = "date"     // 2026-10-01
	unix     = "unix"     // seconds since 1970
	unixMS   = "unix_ms"  // milliseconds since 1970
	datetime = "datetime" // 2026-10-01 08:00:00
)

// lead is how far a row's time may be ahead of the partner's clock and still count. A row dated into next year would else be the
// last that is ever fetched.
const lead = time.Hour

// clock reads and writes the partner's times. The zero value is that of a service that has none.
type clock struct {
	config Since
	path   []string
	zone   *time.Location
	start  time.Time // zero: from the first row
}

// clock checks the configuration of times.
func (s Since) clock() (clock, error) {
	if s.Param == "" {
		if s != (Since{}) {
			return clock{}, fmt.Errorf("since.param: want the parameter that says since when")
		}
		return clock{}, nil
	}
	c := clock{config: s, path: split(s.Field), zone: time.FixedZone("CST", 8*60*60)} // Asia/Shanghai, also where no zones are installed
	if s.Field == "" {
		return c, fmt.Errorf("since.field: want the key of a row that says when it changed")
	}
	var err error
	if s.Zone != "" && s.Zone != "Asia/Shanghai" {
		if c.zone, err = time.LoadLocation(s.Zone); err != nil {
			return c, fmt.Errorf("since.zone: %w", err)
		}
	}
	switch s.Format {
	case rfc3339, date, unix, unixMS, datetime:
	default:
		return c, fmt.Errorf("since.format: %q, want rfc3339, date, unix, unix_ms or datetime", s.Format)
	}
	if s.Overlap < 0 || s.Overlap > longestOverlap {
		return c, fmt.Errorf("since.overlap: %s, want more than 0 and at most %s", s.Overlap, longestOverlap)
	}
	if s.Start != "" {
		var ok bool
		if c.start, ok = c.parse(s.Start); !ok {
			return c, fmt.Errorf("since.start: %q is not of the format %s", s.Start, s.Format)
		}
	}
	return c, nil
}

// on says whether changes are asked for by time.
func (c *clock) on() bool { return c.config.Param != "" }

// ask gives the value of the parameter, and the time that it stands for, which is never later than it need be. "" means: from
// the first row.
func (c *clock) ask(since time.Time) (param string, from time.Time) {
	if !c.on() || since.IsZero() && c.start.IsZero() {
		return "", time.Time{}
	}
	from = c.start
	if !since.IsZero() {
		from = since.Add(-c.config.Overlap)
	}
	param = c.format(from)
	from, _ = c.parse(param)
	return param, from
}

// format writes a time, cut to what the format has room for.
func (c *clock) format(t time.Time) string {
	switch c.config.Format {
	case date:
		return t.In(c.zone).Format(time.DateOnly)
	case unix:
		return strconv.FormatInt(t.Unix(), 10)
	case unixMS:
		return strconv.FormatInt(t.UnixMilli(), 10)
	case datetime:
		return t.In(c.zone).Format(time.DateTime)
	}
	return t.In(c.zone).Format(time.RFC3339)
}

// parse reads a time of the years 1970 to 9999.
func (c *clock) parse(text string) (t time.Time, ok bool) {
	var err error
	switch c.config.Format {
	case date:
		if len(text) > len(time.DateOnly) { // services write a date as midnight, too
			text = text[:len(time.DateOnly)]
		}
		t, err = time.ParseInLocation(time.DateOnly, text, c.zone)
	case unix, unixMS:
		var n int64
		n, err = strconv.ParseInt(text, 10, 64)
		if c.config.Format == unixMS {
			t = time.UnixMilli(n)
		} else {
			t = time.Unix(n, 0)
		}
	case datetime:
		t, err = time.ParseInLocation(time.DateTime, text, c.zone)
	default:
		t, err = time.Parse(time.RFC3339, text)
	}
	t = t.UTC()
	return t, err == nil && t.Year() >= 1970 && t.Year() <= 9998
}

// dater gives what reads when a row changed; one goroutine uses it at a time. A row that does not say so is no reason to stop: what is
// wrong with it the profile says.
func (c *clock) dater() func(row []byte) (time.Time, bool) {
	if !c.on() {
		return func([]byte) (time.Time, bool) { return time.Time{}, false }
	}
	last := len(c.path) - 1
	object := text.NewObject(c.path[last])
	return func(row []byte) (time.Time, bool) {
		inner, err := at(row, c.path[:last])
		if err != nil || !utf8.Valid(inner) || object.Read(string(inner)) != nil {
			return time.Time{}, false
		}
		return c.parse(object.Values[0])
	}
}
