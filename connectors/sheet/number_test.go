package sheet_test

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"hebian/connectors/sheet"
)

func TestNumber(t *testing.T) {
	for _, c := range []struct{ in, want, wrong string }{
		{"0", "0", ""},
		{"-0", "0", ""},
		{"0.0", "0", ""},
		{"-0.00", "0", ""},
		{"7", "7", ""},
		{"-7", "-7", ""},
		{"007", "7", ""},
		{"+7", "7", ""},
		{" 7\n", "7", ""},
		{"5432.10", "5432.1", ""},
		{"5432.00", "5432", ""},
		{"5432.", "5432", ""},
		{".5", "0.5", ""},
		{"-0.50", "-0.5", ""},
		{"0.050", "0.05", ""},
		{"100", "100", ""},
		{"5432.1000000000004", "5432.1", ""},
		{"0.30000000000000004", "0.3", ""},
		{"1E3", "1000", ""},
		{"1.5e+2", "150", ""},
		{"1E-3", "0.001", ""},
		{"1.2345E-10", "0.00000000012345", ""},
		{"123456789012345", "123456789012345", ""},
		{"-123456789012345", "-123456789012345", ""},
		{"12345678901234.5", "12345678901234.5", ""},
		{"12345678901234.56", "12345678901234.6", ""},
		{"999999999999999", "999999999999999", ""},
		{"999999999999999.4", "999999999999999", ""},
		{"999999999999999.6", "", "too long"},
		{"1000000000000000", "", "too long"},
		{"1E15", "", "too long"},
		{"-1e15", "", "too long"},
		{"510104199001011234", "", "too long"},
		{"5.10104199001011E+17", "", "too long"},
		{"1e999", "", "too long"},
		{"", "", "no number"},
		{"-", "", "no number"},
		{".", "", "no number"},
		{"1.2.3", "", "no number"},
		{"1,234", "", "no number"},
		{"0x1p4", "", "no number"},
		{"Inf", "", "no number"},
		{"NaN", "", "no number"},
		{"1_000", "", "no number"},
		{"１２", "", "no number"},
	} {
		if got, wrong := sheet.Number(c.in); got != c.want || wrong != c.wrong {
			t.Errorf("%q is %q %s, not %q %s", c.in, got, wrong, c.want, c.wrong)
		}
	}
}

// TestNumberLaw: a number of up to 15 digits that somebody typed comes back as typed, in whatever way the workbook stores it.
func TestNumberLaw(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		digits := rapid.Int64Range(0, 999_999_999_999_999).Draw(t, "digits")
		point := rapid.IntRange(0, 20).Draw(t, "point")
		typed := fmt.Sprintf("%0*d", point+1, digits)
		if point > 0 {
			typed = strings.TrimRight(typed[:len(typed)-point]+"."+typed[len(typed)-point:], "0")
			typed = strings.TrimSuffix(typed, ".")
		}
		if rapid.Bool().Draw(t, "negative") && digits != 0 {
			typed = "-" + typed
		}
		f, err := strconv.ParseFloat(typed, 64)
		if err != nil {
			t.Fatal(err)
		}
		for _, stored := range []string{typed, strconv.FormatFloat(f, 'g', 17, 64), strconv.FormatFloat(f, 'g', -1, 64), strconv.FormatFloat(f, 'f', -1, 64)} {
			if got, wrong := sheet.Number(stored); got != typed || wrong != "" {
				t.Fatalf("%s, stored as %s, is %q %s", typed, stored, got, wrong)
			}
		}
	})
}

func TestMoment(t *testing.T) {
	const day, moment, clock, elapsed = "yyyy-mm-dd", "yyyy-mm-dd hh:mm", "h:mm AM/PM", "[h]:mm:ss"
	for _, c := range []struct {
		in, code string
		from1904 bool
		want     string
		wrong    string
	}{
		{"1", day, false, "1900-01-01", ""},
		{"59", day, false, "1900-02-28", ""},
		{"60", day, false, "", "no day"},
		{"60.5", moment, false, "", "no day"},
		{"59.999999", day, false, "", "no day"}, // rounded to the second it is day 60
		{"61", day, false, "1900-03-01", ""},
		{"0", day, false, "", "no day"},
		{"0.5", moment, false, "", "no day"},
		{"-1", day, false, "", "no day"},
		{"2958465", day, false, "9999-12-31", ""},
		{"2958465.9999999", day, false, "", "no day"},
		{"2958466", day, false, "", "no day"},
		{"0", day, true, "1904-01-01", ""},
		{"60", day, true, "1904-03-01", ""},
		{"2957003", day, true, "9999-12-31", ""},
		{"2957004", day, true, "", "no day"},
		{"-1", day, true, "", "no day"},
		{"46296", day, false, "2026-10-01", ""},
		{"44834", day, true, "2026-10-01", ""},
		{"46296.0", day, false, "2026-10-01", ""},
		{"4.6296E4", day, false, "2026-10-01", ""},
		{"46296.354166666664", day, false, "2026-10-01 08:30:00", ""}, // what the format hides isn't cut
		{"46296.999999999", moment, false, "2026-10-02", ""},
		{"46296.354166666664", clock, false, "2026-10-01 08:30:00", ""},
		{"0.354166666666667", clock, false, "08:30:00", ""},
		{"0.35416666666666663", clock, true, "08:30:00", ""},
		{"0", clock, false, "00:00:00", ""},
		{"0.9999999", clock, false, "00:00:00", ""},
		{"1.5", elapsed, false, "36:00:00", ""},
		{"0.04", elapsed, false, "00:57:36", ""},
		{"-0.5", elapsed, false, "", "no day"},
		{"510104199001011234", day, false, "", "no day"},
		{"x", day, false, "", "no number"},
	} {
		if got, wrong := sheet.Moment(c.in, c.code, c.from1904); got != c.want || wrong != c.wrong {
			t.Errorf("%s as %s is %q %s, not %q %s", c.in, c.code, got, wrong, c.want, c.wrong)
		}
	}
}

// TestMomentLaw: every second of every day comes back as the calendar has it.
func TestMomentLaw(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		day, second := rapid.IntRange(61, 2958464).Draw(t, "day"), rapid.IntRange(1, 86399).Draw(t, "second")
		from1904 := rapid.Bool().Draw(t, "from 1904")
		at := time.Date(1899, 12, 30+day, 0, 0, second, 0, time.UTC)
		if from1904 {
			day = min(day, 2957003)
			at = time.Date(1904, 1, 1+day, 0, 0, second, 0, time.UTC)
		}
		serial := float64(day) + float64(second)/86400
		stored := strconv.FormatFloat(serial, 'g', rapid.SampledFrom([]int{15, 17, -1}).Draw(t, "digits"), 64)
		if got, wrong := sheet.Moment(stored, "yyyy-mm-dd hh:mm:ss", from1904); got != at.Format(time.DateTime) || wrong != "" {
			t.Fatalf("%s is %q %s, not %s", stored, got, wrong, at.Format(time.DateTime))
		}
		if got, _ := sheet.Moment(strconv.Itoa(day), "yyyy-mm-dd", from1904); got != at.Format(time.DateOnly) {
			t.Fatalf("%d is %q", day, got)
		}
	})
}

func TestFormats(t *testing.T) {
	for code, want := range map[string]string{
		"":                                   "plain",
		"General":                            "plain",
		"@":                                  "plain",
		"0":                                  "plain",
		"0.00E+00":                           "plain",
		`#,##0.00_);[Red]\(#,##0.00\)`:       "plain",
		`"¥"#,##0.00;[Red]"¥"\-#,##0.00`:     "plain",
		`[$USD] #,##0`:                       "plain",
		`0"d"`:                               "plain",
		`0\d`:                                "plain",
		`0_d*s`:                              "plain",
		`0;yyyy`:                             "plain",
		`0"unclosed d`:                       "plain",
		`0[unclosed d`:                       "plain",
		`[DBNum1][$-804]General`:             "plain",
		"G/通用格式":                             "plain",
		"yyyy-mm-dd":                         "date",
		`yyyy"年"m"月"d"日"`:                    "date",
		`yyyy"年"m"月"`:                        "date",
		"yyyymm":                             "date",
		"[$-804]yyyy\"年\"m\"月\"d\"日\";@":     "date",
		"[DBNum1][$-804]yyyy\"年\"m\"月\"":     "date",
		"mmm":                                "date",
		"YYYY/M/D":                           "date",
		"[Red]d":                             "date",
		`m/d/yy h:mm`:                        "date",
		"h:mm":                               "clock",
		"mm:ss.0":                            "clock",
		`上午/下午h"时"mm"分"`:                     "clock",
		"[$-F400]h:mm:ss AM/PM":              "clock",
		"[h]:mm":                             "elapsed",
		"[HH]:mm":                            "elapsed",
		"[mm]:ss":                            "elapsed",
		"[hm]:ss":                            "clock",
		"[]d":                                "date",
		strings.Repeat("[", 100) + `"`:       "plain",
		`\`:                                  "plain",
		`"`:                                  "plain",
		"yyyy\\年m\\月":                        "date",
		"d\"天\"" + strings.Repeat(";", 1000): "date",
	} {
		if got := sheet.Kind(code); got != want {
			t.Errorf("%s is %s, not %s", code, got, want)
		}
	}
	for id, want := range map[int]string{0: "plain", 1: "plain", 4: "plain", 13: "plain", 14: "date", 17: "date", 18: "clock", 21: "clock", 22: "date", 23: "plain",
		27: "date", 31: "date", 32: "clock", 36: "date", 37: "plain", 44: "plain", 45: "clock", 46: "elapsed", 47: "clock", 48: "plain", 49: "plain",
		50: "date", 58: "date", 59: "plain", 164: "plain", math.MaxInt32: "plain"} {
		if got := sheet.BuiltinKind(id); got != want {
			t.Errorf("%d is %s, not %s", id, got, want)
		}
	}
}

func FuzzMoment(f *testing.F) {
	f.Add("46296.354166666664", `yyyy"年"m"月"d"日"`)
	f.Add("5.1e+17", "[h]:mm")
	f.Fuzz(func(t *testing.T, v, code string) {
		if got, wrong := sheet.Moment(v, code, false); wrong == "" {
			ok := false
			for _, layout := range []string{time.DateOnly, time.DateTime} {
				_, err := time.Parse(layout, got)
				ok = ok || err == nil
			}
			hours, rest, _ := strings.Cut(got, ":")
			if _, err := time.Parse("04:05", rest); err == nil && strings.Trim(hours, "0123456789") == "" {
				ok = true
			}
			if !ok {
				t.Errorf("%s as %s is %s", v, code, got)
			}
		}
		got, wrong := sheet.Number(v)
		if wrong != "" {
			return
		}
		if f, err := strconv.ParseFloat(got, 64); err != nil || math.Abs(f) >= 1e15 || strings.ContainsAny(got, "eE+ ") {
			t.Errorf("%s is %s", v, got)
		}
		if again, wrong := sheet.Number(got); again != got || wrong != "" {
			t.Errorf("%s is %s and then %s", v, got, again)
		}
	})
}
