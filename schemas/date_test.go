package schemas_test

import (
	"encoding/json"
	"math"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"hebian/schemas"
)

// Days, months and their steps agree with package time.
func TestDate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		day := schemas.Date(rapid.Int32Range(int32(schemas.MinDate), int32(schemas.MaxDate)).Draw(t, "day"))
		want := time.Unix(int64(day)*86400, 0).UTC()
		if day.String() != want.Format(time.DateOnly) || schemas.DateOf(want) != day {
			t.Fatalf("day %d is %s, want %s", int32(day), day, want.Format(time.DateOnly))
		}
		if parsed, ok := schemas.ParseDate(day.String()); !ok || parsed != day {
			t.Fatalf("%s reads as %s, %t", day, parsed, ok)
		}
		if m := day.Month(); m.String() != want.Format("200601") || m.First() > day || m.Last() < day || m.Last().AddMonths(0) != m.Last() {
			t.Fatalf("%s lies in %s, from %s to %s", day, m, m.First(), m.Last())
		}
		if year := want.Year(); year > 200 && year < 9800 {
			n := rapid.IntRange(-2000, 2000).Draw(t, "months")
			first := time.Date(year, want.Month()+time.Month(n), 1, 0, 0, 0, 0, time.UTC)
			moved := day.AddMonths(n)
			if moved.Month() != day.Month().Add(n) || moved.Month().String() != first.Format("200601") {
				t.Fatalf("%s moved by %d months is %s", day, n, moved)
			}
			if _, _, d := moved.Civil(); d != min(want.Day(), first.AddDate(0, 1, -1).Day()) {
				t.Fatalf("%s moved by %d months is %s, not clipped to the month", day, n, moved)
			}
			if day.Month().Add(n).Index()-day.Month().Index() != n {
				t.Fatalf("%s and %d months later are not %d apart", day.Month(), n, n)
			}
		}
	})
}

func TestParseDate(t *testing.T) {
	for text, ok := range map[string]bool{
		"2026-09-30": true, "0001-01-01": true, "9999-12-31": true, "2024-02-29": true, "2000-02-29": true,
		"2026-02-29": false, "1900-02-29": false, "2026-13-01": false, "2026-00-01": false, "2026-09-31": false, "2026-09-00": false,
		"0000-01-01": false, "2026-9-30": false, "2026/09/30": false, "20260930": false, " 2026-09-30": false, "２０２６-09-30": false, "+026-09-30": false, "": false,
	} {
		if day, got := schemas.ParseDate(text); got != ok || ok && day.String() != text {
			t.Errorf("%q reads as %s, %t; want %t", text, day, got, ok)
		}
	}
	for text, ok := range map[string]bool{"202609": true, "000101": true, "999912": true, "202600": false, "202613": false, "000001": false, "20269": false, "2026-9": false, "": false} {
		if m, got := schemas.ParseMonth(text); got != ok || ok && m.String() != text {
			t.Errorf("%q reads as month %s, %t; want %t", text, m, got, ok)
		}
	}
}

func TestParsePartialDate(t *testing.T) {
	for text, ok := range map[string]bool{
		"2026-09-30": true, "2026-09": true, "2026": true, "0001": true, "9999-12": true, "2024-02-29": true,
		"2026-02-29": false, "2026-13": false, "2026-00": false, "0000": false, "0000-01": false, "202609": false, "2026-9": false, "2026-": false, "2026-09-": false,
		"26": false, "2026年": false, "２０２６": false, "2026/09": false, " 2026": false, "": false,
	} {
		if d, got := schemas.ParsePartialDate(text); got != ok || ok && string(d) != text {
			t.Errorf("%q reads as %q, %t; want %t", text, d, got, ok)
		}
	}
}

// What is a partial date is the beginning of a date, and only at a hyphen or the end.
func FuzzParsePartialDate(f *testing.F) {
	f.Add("2026-09-30")
	f.Add("2026-13")
	f.Add("0000")
	f.Fuzz(func(t *testing.T, s string) {
		d, ok := schemas.ParsePartialDate(s)
		if !ok {
			return
		}
		if string(d) != s {
			t.Errorf("%q is kept as %q", s, d)
		}
		whole := []string{s, s + "-01", s + "-01-01"}
		if !slices.ContainsFunc(whole, func(s string) bool { _, ok := schemas.ParseDate(s); return ok }) {
			t.Errorf("%q begins no date", s)
		}
	})
}

func TestParseFen(t *testing.T) {
	for text, want := range map[string]schemas.Fen{
		"0": 0, "5432.1": 543210, "5,432.10": 543210, "-200": -20000, "1": 100, "0.05": 5, "-0.01": -1, "007": 700, "1,234,567.89": 123456789,
		"123,456": 12345600, "92233720368547758.07": 9223372036854775807, "-92233720368547758.07": -9223372036854775807, "90071992547409.93": 9007199254740993,
	} {
		if got, ok := schemas.ParseFen(text); !ok || got != want {
			t.Errorf("%q reads as %d, %t; want %d", text, got, ok, want)
		}
	}
	for _, text := range []string{
		"", "-", "+1", "--1", "1.", ".5", "1.234", "1,23", "1,2345", "12,34,567", "1234,567", ",123", "1,", "1,234,", "1.2,3", "1 000", "１", "1e3", "¥1", "1.0x",
		"92233720368547758.08", "92233720368547759", "99999999999999999999999999",
	} {
		if got, ok := schemas.ParseFen(text); ok {
			t.Errorf("%q reads as %d, want it refused", text, got)
		}
	}
}

func FuzzParseFen(f *testing.F) {
	f.Add("5,432.10")
	f.Fuzz(func(t *testing.T, s string) {
		fen, ok := schemas.ParseFen(s)
		if !ok {
			return
		}
		if again, ok := schemas.ParseFen(fen.String()); !ok || again != fen {
			t.Errorf("%q reads as %d, which is written %s and reads as %d, %t", s, fen, fen, again, ok)
		}
	})
}

func TestWan(t *testing.T) {
	for text, want := range map[string]schemas.Fen{
		"0": 0, "1": 1000000, "17621": 17621000000, "1.5": 1500000, "-0.000001": -1, "69,732.0000": 69732000000, "9223372036854.775807": 9223372036854775807,
	} {
		if w, ok := schemas.ParseWan(text); !ok || string(w) != text || w.Fen() != want {
			t.Errorf("%q reads as %q of %d fen, %t; want %d", text, w, w.Fen(), ok, want)
		}
	}
	for _, text := range []string{"", "1.0000001", "1.", "1,23", "9223372036854.775808", "9223372036855", "万", "1e3", "1.00000x", "1.x"} {
		if _, ok := schemas.ParseWan(text); ok {
			t.Errorf("%q is taken for an amount", text)
		}
	}
}

// An amount is worth what its digits say, and is kept as written. More decimals are the only thing that is read in units of 10,000
// yuan and not in yuan, and those that int64 can't hold the only thing the other way round.
func FuzzAmounts(f *testing.F) {
	for _, s := range []string{"5,432.10", "-0.000001", "1,234", "92233720368547758.07", "9223372036854.775808", "1.", "-"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		yuan, isYuan := schemas.ParseYuan(s)
		wan, isWan := schemas.ParseWan(s)
		fen, isFen := schemas.ParseFen(s)
		if isYuan != isFen || isYuan && (string(yuan) != s || yuan.Fen() != fen) || isWan && string(wan) != s {
			t.Fatalf("%q: %q of %d fen, %q, %d fen", s, yuan, yuan.Fen(), wan, fen)
		}
		worth, _ := new(big.Rat).SetString(strings.ReplaceAll(s, ",", ""))
		_, decimals, _ := strings.Cut(s, ".")
		switch inWan := new(big.Rat); {
		case isYuan && worth.Cmp(big.NewRat(int64(fen), 100)) != 0:
			t.Errorf("%q yuan are %d fen", s, fen)
		case isWan && worth.Cmp(big.NewRat(int64(wan.Fen()), 1000000)) != 0:
			t.Errorf("%q times 10,000 yuan are %d fen", s, wan.Fen())
		case isWan && !isYuan && len(decimals) <= 2:
			t.Errorf("%q is an amount of 10,000 yuan and none of yuan", s)
		case isYuan && !isWan && inWan.Mul(worth, big.NewRat(1000000, 1)).Abs(inWan).Cmp(big.NewRat(math.MaxInt64, 1)) <= 0:
			t.Errorf("%q is an amount of yuan and none of 10,000 yuan", s)
		}
	})
}

func FuzzParseDate(f *testing.F) {
	f.Add("2026-09-30")
	f.Fuzz(func(t *testing.T, s string) {
		if day, ok := schemas.ParseDate(s); ok && (day.String() != s || day < schemas.MinDate || day > schemas.MaxDate) {
			t.Errorf("%q reads as %s", s, day)
		}
		if m, ok := schemas.ParseMonth(s); ok && m.String() != s {
			t.Errorf("%q reads as month %s", s, m)
		}
	})
}

func TestDateTime(t *testing.T) {
	for _, text := range []string{"0001-01-01", "1969-12-31", "2024-02-29", "9999-12-31"} {
		d, ok := schemas.ParseDate(text)
		if !ok || schemas.DateOf(d.Time()) != d || d.Time().Format(time.DateOnly) != text {
			t.Errorf("%s begins at %s", text, d.Time())
		}
	}
}

func TestDateJSON(t *testing.T) {
	for _, d := range []schemas.Date{schemas.MinDate, -1, 0, 20726, schemas.MaxDate} {
		text, err := json.Marshal(d)
		var got schemas.Date
		if err == nil {
			err = json.Unmarshal(text, &got)
		}
		if err != nil || got != d {
			t.Errorf("%s written and read is %s, %v", d, got, err)
		}
	}
	for _, text := range []string{`20726`, `""`, `"2026-9-30"`, `"2026-02-30"`, `"2026-09-30 "`, `{}`} {
		var d schemas.Date
		if err := json.Unmarshal([]byte(text), &d); err == nil {
			t.Errorf("%s reads as %s", text, d)
		}
	}
}
