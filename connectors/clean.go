package connectors

import (
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/width"
)

// cleaned is a cell after what its column's agency agreed to: cells that stand for none, codes, another way to write days or amounts.
// expected says what it should be where it can't be that.
func (c *Column) cleaned(cell string) (_, expected string) {
	if slices.Contains(c.Empty, cell) {
		return "", ""
	}
	if word, ok := c.Values[cell]; ok {
		return word, ""
	}
	if c.Dates == "any" {
		cell = plainDate(cell)
	}
	if c.Unit == "fen" {
		yuan, ok := fromFen(cell)
		if !ok {
			return cell, "want an amount in whole fen, such as 543210"
		}
		cell = yuan
	}
	return cell, ""
}

// plain says that there is nothing to clean.
func (c *Column) plain() bool {
	return len(c.Empty) == 0 && len(c.Values) == 0 && c.Dates == "" && c.Unit == ""
}

// plainDate writes a day as 2026-10-01 that stands there as 20261001, 2026/10/1, 2026.10.1 or 2026年10月1日, a midnight behind it or not.
// Anything else stays as it is, and is refused as no day.
func plainDate(cell string) string {
	day := strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(cell, "T00:00:00"), " 00:00:00"), " 0:00:00")
	if len(day) == 8 && isDigits(day) {
		return day[:4] + "-" + day[4:6] + "-" + day[6:]
	}
	day = strings.NewReplacer("年", "-", "月", "-", "日", "", "/", "-", ".", "-").Replace(day)
	parts := strings.Split(day, "-")
	if len(parts) != 3 || len(parts[0]) != 4 || !isDigits(parts[0]) {
		return cell
	}
	for i := range parts[1:] {
		part := &parts[i+1]
		if len(*part) > 2 || !isDigits(*part) {
			return cell
		}
		if len(*part) == 1 {
			*part = "0" + *part
		}
	}
	return strings.Join(parts, "-")
}

// fromFen writes a whole number of fen as yuan.
func fromFen(cell string) (yuan string, ok bool) {
	sign, digits := "", cell
	if rest, negative := strings.CutPrefix(cell, "-"); negative {
		sign, digits = "-", rest
	}
	switch {
	case !isDigits(digits):
		return "", false
	case len(digits) < 3:
		digits = strings.Repeat("0", 3-len(digits)) + digits
	}
	return sign + digits[:len(digits)-2] + "." + digits[len(digits)-2:], true
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// sameHeader is what is left of a header when width, blanks, brackets and case are not looked at: "身份证号 （必填）" and "身份证号(必填)".
func sameHeader(header string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || strings.ContainsRune("()[]{}<>【】〔〕《》_-:*\"'", r) {
			return -1
		}
		return unicode.ToLower(r)
	}, width.Fold.String(header))
}
