package entity_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"hebian/matcher/entity"
	"hebian/schemas"
)

func TestWorkingDays(t *testing.T) {
	calendar, err := entity.ParseCalendar([]byte("\uFEFFname, kind ,date\n国庆节,holiday,2026-10-01\n国庆节,holiday, 2026-10-03\n调休,workday,2026-10-10\n班,workday,2026-10-12\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name        string
		after, upTo string
		plain, own  int
	}{
		{"the same day", "2026-09-30", "2026-09-30", 0, 0},
		{"backwards", "2026-09-30", "2026-09-01", 0, 0},
		{"to a holiday", "2026-09-30", "2026-10-01", 1, 0},
		{"a holiday on a Saturday changes nothing", "2026-10-02", "2026-10-04", 0, 0},
		{"from a holiday", "2026-10-01", "2026-10-02", 1, 1},
		{"to a Saturday that is worked", "2026-10-09", "2026-10-10", 0, 1},
		{"from a Saturday that is worked", "2026-10-10", "2026-10-11", 0, 0},
		{"a workday on a Monday changes nothing", "2026-10-11", "2026-10-12", 1, 1},
		{"a year", "2025-12-31", "2026-12-31", 261, 261},
	} {
		t.Run(test.name, func(t *testing.T) {
			after, upTo := date(t, test.after), date(t, test.upTo)
			if got := (*entity.Calendar)(nil).WorkingDays(after, upTo); got != test.plain {
				t.Errorf("Monday to Friday: got %d, want %d", got, test.plain)
			}
			if got := calendar.WorkingDays(after, upTo); got != test.own {
				t.Errorf("with the calendar: got %d, want %d", got, test.own)
			}
		})
	}
}

// TestWorkingDaysLaw counts day by day.
func TestWorkingDaysLaw(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		base := schemas.Date(rapid.IntRange(int(schemas.MinDate), int(schemas.MaxDate)-200).Draw(t, "base"))
		kinds := rapid.MapOfN(rapid.IntRange(0, 60), rapid.SampledFrom([]string{"holiday", "workday"}), 0, 20).Draw(t, "kinds")
		var text strings.Builder
		text.WriteString("date,kind\n")
		for day, kind := range kinds {
			fmt.Fprintf(&text, "%s,%s\n", base+schemas.Date(day), kind)
		}
		c, err := entity.ParseCalendar([]byte(text.String()))
		if err != nil {
			t.Fatal(err)
		}
		after, upTo := rapid.IntRange(0, 80).Draw(t, "after"), rapid.IntRange(0, 80).Draw(t, "upTo")
		want := 0
		for day := after + 1; day <= upTo; day++ {
			weekday := (base + schemas.Date(day)).Time().Weekday()
			works := weekday != time.Saturday && weekday != time.Sunday
			if kind, ok := kinds[day]; ok {
				works = kind == "workday"
			}
			if works {
				want++
			}
		}
		if got := c.WorkingDays(base+schemas.Date(after), base+schemas.Date(upTo)); got != want {
			t.Fatalf("got %d, want %d", got, want)
		}
	})
}

func TestParseCalendarErrors(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"empty", "", "the file is empty: want a header line date,kind"},
		{"no header", "2026-10-01,holiday\n", `the header is "2026-10-01,holiday": want the columns date and kind`},
		{"no date", "date,kind\n2026-10-01,holiday\n2026-02-30,holiday\n", `line 3: date is "2026-02-30", want YYYY-MM-DD`},
		{"no kind", "date,kind\n2026-10-01,off\n", `line 2: kind is "off", want holiday or workday`},
		{"twice", "date,kind\n2026-10-01,holiday\n2026-10-01,workday\n", "line 3: 2026-10-01 stands there twice"},
		{"fields", "date,kind\n2026-10-01\n", "record on line 2: wrong number of fields"},
		{"quote", "date,kind\n\"2026-10-01,holiday\n", `parse error on line 2, column 21: extraneous or missing " in quoted-field`},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, err := entity.ParseCalendar([]byte(test.text)); err == nil || err.Error() != test.want {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}

func FuzzParseCalendar(f *testing.F) {
	f.Add([]byte("date,kind\n2026-10-01,holiday\n"))
	f.Add([]byte("kind,date,name\nworkday,0001-01-01,\nholiday,9999-12-31,\"\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := entity.ParseCalendar(text)
		if err != nil {
			return
		}
		all := c.WorkingDays(schemas.MinDate, schemas.MaxDate)
		if parts := c.WorkingDays(schemas.MinDate, asOf) + c.WorkingDays(asOf, schemas.MaxDate); parts != all || all < 0 {
			t.Errorf("%d working days in all, %d in two parts", all, parts)
		}
	})
}
