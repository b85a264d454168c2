package ident_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"hebian/schemas/ident"
)

const (
	digits      = "0123456789"
	usccLetters = "0123456789ABCDEFGHJKLMNPQRTUWXY"
)

var provinces = strings.Fields("11 12 13 14 15 21 22 23 31 32 33 34 35 36 37 41 42 43 44 45 46 50 51 52 53 54 61 62 63 64 65 71 81 82 83")

// TestPackRoundTrip: every key comes back as it was, from a string and from bytes; PersonKey of a
// key is the key.
func TestPackRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		number := rapid.OneOf(number18(), number2017()).Draw(t, "number")
		if got := ident.PersonKey(number); got != number {
			t.Fatalf("person key of %s: %q", number, got)
		}
		key, ok := ident.Pack(number)
		fromBytes, okBytes := ident.Pack([]byte(number))
		if !ok || !okBytes || key != fromBytes {
			t.Fatalf("pack %s: %d %t, from bytes %d %t", number, key, ok, fromBytes, okBytes)
		}
		if got := string(key.AppendTo([]byte("+"))); key.String() != number || got != "+"+number {
			t.Fatalf("%s came back as %s, appended %s", number, key, got)
		}
		year, month, day, ok := key.Birth()
		if born := fmt.Sprintf("%04d%02d%02d", year, month, day); ok != (len(number) == 18) || ok && born != number[6:14] {
			t.Fatalf("birth of %s: %s %t", number, born, ok)
		}
	})
}

// TestCheckDigitLaws: no single wrong character and no swap of neighbours gives a key.
func TestCheckDigitLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		number := number18().Draw(t, "number")
		for i := range number {
			for _, c := range digits + "X" {
				if wrong := number[:i] + string(c) + number[i+1:]; wrong != number && ident.PersonKey(wrong) != "" {
					t.Fatalf("%s for %s passes", wrong, number)
				}
			}
			if i > 0 && number[i-1] != number[i] {
				swapped := number[:i-1] + number[i:i+1] + number[i-1:i] + number[i+1:]
				if ident.PersonKey(swapped) != "" {
					t.Fatalf("%s for %s passes", swapped, number)
				}
			}
		}
	})
}

// TestUpgrade: Short and PersonKey are each other's inverse wherever an old number can be.
func TestUpgrade(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		number := number18().Draw(t, "number")
		key, _ := ident.Pack(number)
		inTime := number[6:8] == "19" && number[14:17] < "996" || number[6:8] == "18" && number[14:17] >= "996"
		short := key.Short()
		if (short != "") != inTime {
			t.Fatalf("short form of %s: %q", number, short)
		}
		if short == "" {
			return
		}
		if short != number[:6]+number[8:17] || ident.PersonKey(short) != number {
			t.Fatalf("short form of %s is %s, upgraded %s", number, short, ident.PersonKey(short))
		}
		if _, ok := ident.Pack(short); ok {
			t.Fatalf("%s packs without being upgraded", short)
		}
	})
}

func TestCleanIdempotent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.String().Draw(t, "s")
		once := ident.Clean(s)
		if twice := ident.Clean(once); twice != once {
			t.Fatalf("clean %q: %q, again %q", s, once, twice)
		}
	})
}

// TestUSCCLaws: no single wrong character passes, and no swap of two different characters but of
// the first and the last.
func TestUSCCLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		code := uscc().Draw(t, "code")
		if n := ident.USCC(code); n.Verdict == ident.Invalid {
			t.Fatalf("%s: %+v", code, n)
		}
		for i := range code {
			for _, c := range digits + "ABCDEFGHIJKLMNOPQRSTUVWXYZ" {
				if wrong := code[:i] + string(c) + code[i+1:]; wrong != code && ident.USCC(wrong).Verdict != ident.Invalid {
					t.Fatalf("%s for %s passes", wrong, code)
				}
			}
			for j := range i {
				if j == 0 && i == 17 || code[j] == code[i] {
					continue
				}
				swapped := code[:j] + code[i:i+1] + code[j+1:i] + code[j:j+1] + code[i+1:]
				if ident.USCC(swapped).Verdict != ident.Invalid {
					t.Fatalf("%s for %s passes", swapped, code)
				}
			}
		}
	})
}

// TestBirthDatesExist walks through every day-like number of years with and without a leap day,
// against the calendar of the standard library.
func TestBirthDatesExist(t *testing.T) {
	for _, year := range []int{0, 1, 4, 100, 400, 1899, 1900, 1904, 2000, 2026, 9999} {
		for month := range 20 {
			for day := range 40 {
				number := withCheck18(fmt.Sprintf("320106%04d%02d%02d015", year, month, day))
				date := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
				want := year > 0 && date.Year() == year && date.Month() == time.Month(month) && date.Day() == day
				if got := ident.PersonKey(number) != ""; got != want {
					t.Errorf("%s: got a key %t, want %t", number, got, want)
				}
			}
		}
	}
}

// TestProvincesExist tries all hundred codes, in citizens' and in foreign residents' numbers.
func TestProvincesExist(t *testing.T) {
	for code := range 100 {
		province := fmt.Sprintf("%02d", code)
		want := false
		for _, p := range provinces {
			want = want || p == province
		}
		if citizen := withCheck18(province + "010619030712015"); code < 90 && (ident.PersonKey(citizen) != "") != want {
			t.Errorf("province %s of a citizen: exists %t", province, !want)
		}
		if foreign := withCheck18("9" + province + "84019030712015"); (ident.PersonKey(foreign) != "") != want {
			t.Errorf("province %s of a foreign resident: exists %t", province, !want)
		}
	}
}

// number18 draws citizens' and foreign residents' numbers, half of them born when numbers of 15
// places were given.
func number18() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		region := rapid.SampledFrom(provinces).Draw(t, "province") + rapid.StringMatching(`[0-9]{4}`).Draw(t, "county")
		if rapid.Bool().Draw(t, "foreign") {
			region = "9" + region[:5]
		}
		sequence := rapid.OneOf(rapid.IntRange(0, 999), rapid.IntRange(990, 999)).Draw(t, "sequence")
		return withCheck18(region + birth(1, 9999).Draw(t, "birth") + fmt.Sprintf("%03d", sequence))
	})
}

func number2017() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		body := rapid.StringMatching(`[A-Z]{3}`).Draw(t, "country") +
			rapid.SampledFrom(provinces).Draw(t, "province") + rapid.StringMatching(`[0-9]{2}`).Draw(t, "county") +
			birth(1900, 2099).Draw(t, "birth")[2:] + rapid.StringMatching(`[0-9]`).Draw(t, "digit")
		sum := 0
		for i, c := range body {
			value := strings.IndexRune("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", c)
			sum += value * []int{7, 3, 1}[i%3]
		}
		return body + fmt.Sprint(sum%10)
	})
}

// birth draws YYYYMMDD, most of them of the years 1800 to 2099.
func birth(from, to int) *rapid.Generator[string] {
	years := rapid.OneOf(rapid.IntRange(max(from, 1800), min(to, 2099)), rapid.IntRange(from, to), rapid.Just(2000))
	return rapid.Custom(func(t *rapid.T) string {
		first := time.Date(years.Draw(t, "year"), 1, 1, 0, 0, 0, 0, time.UTC)
		day := first.AddDate(0, 0, rapid.IntRange(0, first.AddDate(1, 0, -1).YearDay()-1).Draw(t, "day"))
		return day.Format("20060102")
	})
}

// withCheck18 puts the check digit behind 17 digits, from the weights as the standard prints them.
func withCheck18(body string) string {
	sum := 0
	for i, weight := range []int{7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2} {
		sum += int(body[i]-'0') * weight
	}
	return body + "10X98765432"[sum%11:sum%11+1]
}

// uscc draws codes with right checks, from the weights as the standards print them.
func uscc() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		body := rapid.SampledFrom([]string{"11", "12", "35", "51", "91", "92", "N2", "A1", "Y1"}).Draw(t, "registrar") +
			rapid.StringMatching(`[0-9]{6}`).Draw(t, "division")
		org := rapid.StringOfN(rapid.RuneFrom([]rune(usccLetters)), 8, 8, -1).Draw(t, "organisation")
		sum := 0
		for i, weight := range []int{3, 7, 9, 10, 5, 8, 4, 2} {
			sum += weight * strings.IndexByte("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", org[i])
		}
		body += org + "0X987654321"[sum%11:sum%11+1]
		sum = 0
		for i, weight := range []int{1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28} {
			sum += weight * strings.IndexByte(usccLetters, body[i])
		}
		check := (31 - sum%31) % 31
		return body + usccLetters[check:check+1]
	})
}
