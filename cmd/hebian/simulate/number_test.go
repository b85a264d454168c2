package simulate

import (
	"regexp"
	"strconv"
	"testing"
	"time"

	"hebian/schemas"
)

// readable tells of a number with 18 places, by the words of the standard, whether it can be one.
func readable(s string, asOf string) bool {
	if !regexp.MustCompile(`^1397[0-9]{13}[0-9X]$`).MatchString(s) {
		return false
	}
	born, err := time.Parse("20060102", s[6:14])
	if err != nil || born.Format(time.DateOnly) > asOf {
		return false
	}
	// The last place makes the weighted sum 1 modulo 11; the weights are powers of 2 from the right.
	sum, weight := 0, 1
	for i := 17; i >= 0; i-- {
		value, err := strconv.Atoi(s[i : i+1])
		if err != nil {
			value = 10
		}
		sum += value * weight
		weight = weight * 2 % 11
	}
	return sum%11 == 1
}

func TestNumbersAreValidAndUnique(t *testing.T) {
	const born = schemas.Month(198004) // all in one month: the hardest case
	seen := map[number]bool{}
	for index := range 6 * pairs / 5 {
		n := numberOf(3, index, born)
		if seen[n] {
			t.Fatalf("person %d has the number of another", index)
		}
		seen[n] = true
		if index%97 == 0 && !readable(string(n[:]), "2026-09-30") {
			t.Fatalf("%s is not valid", n)
		}
	}
	for round := range daysOfBirth {
		if n := numberOf(3, round*pairs+12345, born); round > 1 && seen[n] {
			t.Errorf("round %d repeats a number", round)
		} else {
			seen[n] = true
		}
	}
}

func TestSpoiledNumbersAreBad(t *testing.T) {
	asOf := schemas.Month(202609).Last()
	for index := range 3000 {
		n := numberOf(4, index, schemas.Month(198801+index%12))
		for form := range badForms {
			bad := n.spoiled(form, asOf)
			if readable(bad, asOf.String()) {
				t.Fatalf("form %d of %s gives %s, which is valid", form, n, bad)
			}
			// With 15 places it would be the old form.
			if len(bad) == 15 || bad == "" {
				t.Fatalf("form %d gives %q", form, bad)
			}
		}
	}
}

func TestCreditCode(t *testing.T) {
	// The check of the sum by the standard's own words: all places weighted, modulo 31, give 0.
	const alphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY"
	for serial := range 500 {
		code := creditCode(organ, "139724", serial)
		sum, weight := 0, 1
		for i := range 17 {
			for value := range len(alphabet) {
				if alphabet[value] == code[i] {
					sum += value * weight
				}
			}
			weight = weight * 3 % 31
		}
		for value := range len(alphabet) {
			if alphabet[value] == code[17] {
				sum += value
			}
		}
		if len(code) != 18 || sum%31 != 0 {
			t.Fatalf("%s does not pass its check", code)
		}
	}
}
