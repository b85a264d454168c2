package entity_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"hebian/matcher/entity"
	"hebian/schemas"
)

// history is a county that became a district of another name, with a successor, and what a register may have wrong.
func history(t *testing.T) *entity.Divisions {
	text := func(s string) *string { return &s }
	day := func(s string) *schemas.Date { d := date(t, s); return &d }
	return entity.NewDivisions([]schemas.Division{
		{Code: "130000", Name: "河北省"},
		{Code: "139700", Name: "云溪地区", Parent: text("130000"), ValidTo: day("2001-01-01")},
		{Code: "139700", Name: "云溪市", Parent: text("130000"), ValidFrom: day("2001-01-01")},
		{Code: "139721", Name: "青岚县", Parent: text("139700"), ValidTo: day("2010-01-01"), Successor: text("139702")},
		{Code: "139702", Name: "青岚区", Parent: text("139700"), ValidFrom: day("2010-01-01")},
		{Code: "139703", Name: "甲县", Parent: text("139703")},
		{Code: "139704", Name: "乙县", Successor: text("139705")},
		{Code: "139705", Name: "丙县", Successor: text("139704")},
		{Code: "139706", Name: "旧名县", Parent: text("999999")},
		{Code: "139706", Name: "新名县", Parent: text("999999")},
		{Code: "139707", Name: "镇", Parent: text("139721")},
	})
}

func TestDivisionNames(t *testing.T) {
	d := history(t)
	for _, test := range []struct {
		name, code, day string
		want            []string
	}{
		{"a county", "139702", "2026-09-30", []string{"河北省", "云溪市", "青岚区"}},
		{"a city", "139700", "2026-09-30", []string{"河北省", "云溪市"}},
		{"a city as it was called", "139700", "2000-12-31", []string{"河北省", "云溪地区"}},
		{"a county that is no more", "139721", "2026-09-30", []string{"河北省", "云溪市", "青岚县"}},
		{"unknown", "139799", "2026-09-30", nil},
		{"empty", "", "2026-09-30", nil},
		{"unknown parent, and of two rows the last", "139706", "2026-09-30", []string{"新名县"}},
		{"its own parent", "139703", "2026-09-30", []string{"甲县"}},
		{"below a county", "139707", "2026-09-30", []string{"云溪市", "青岚县", "镇"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, d.Names(test.code, date(t, test.day))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestSameDivision(t *testing.T) {
	d := history(t)
	for _, test := range []struct {
		name, a, b, day string
		want            bool
	}{
		{"equal", "139721", "139721", "2026-09-30", true},
		{"equal and unknown", "坏", "坏", "2026-09-30", true},
		{"succeeded", "139721", "139702", "2026-09-30", true},
		{"on the first day", "139721", "139702", "2010-01-01", true},
		{"not yet", "139721", "139702", "2009-12-31", false},
		{"another", "139702", "139703", "2026-09-30", false},
		{"unknown", "139702", "139799", "2026-09-30", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			day := date(t, test.day)
			if got := d.Same(test.a, test.b, day); got != test.want {
				t.Errorf("got %t", got)
			}
			if got := d.Same(test.b, test.a, day); got != test.want {
				t.Errorf("the other way round: got %t", got)
			}
		})
	}
	if d.Same("139704", "139799", asOf) {
		t.Error("codes that succeed each other are everything")
	}
}

func TestNoDivisions(t *testing.T) {
	var d *entity.Divisions
	if got := d.AddressKey("河北省，人民路", "130000", asOf); got != "河北省人民路" {
		t.Errorf("address key %q", got)
	}
	if d.Names("130000", asOf) != nil || d.Dated() || !d.Same("1", "1", asOf) || d.Same("1", "2", asOf) {
		t.Error("nobody told it anything")
	}
	if !history(t).Dated() || divisions().Dated() {
		t.Error("dated is what has a date")
	}
}
