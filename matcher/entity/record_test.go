package entity_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hebian/matcher/entity"
)

func TestCodes(t *testing.T) {
	for _, test := range []struct {
		name   string
		record entity.Record
		want   entity.Codes
	}{
		{"none", entity.Record{}, entity.Codes{}},
		{"a USCC gives its organisation code", entity.Record{USCC: codes["9"]}, entity.Codes{USCC: codes["9"], Org: "QD0000111"}},
		{"the same organisation code", entity.Record{USCC: codes["9"], OrgCode: "QD0000111"}, entity.Codes{USCC: codes["9"], Org: "QD0000111"}},
		{"another organisation code", entity.Record{USCC: codes["9"], OrgCode: "QD0000015"}, entity.Codes{USCC: codes["9"], Org: "QD0000111", Org2: "QD0000015"}},
		{"a warning counts as valid, its places as they stand", entity.Record{USCC: "94139721Q000021016"}, entity.Codes{USCC: "94139721Q000021016", Org: "Q00002101"}},
		{"a local unit of the head office", entity.Record{OrgCode: "QD000011B"}, entity.Codes{Org: "QD0000111"}},
		{"a wrong check gives no key", entity.Record{USCC: codes["9bad"], OrgCode: "QD0000112"}, entity.Codes{Bad: [4]string{codes["9bad"], "QD0000112"}}},
		{"a wrong USCC and a good organisation code", entity.Record{USCC: codes["9bad"], OrgCode: "QD0000111"}, entity.Codes{Org: "QD0000111", Bad: [4]string{codes["9bad"]}}},
		{"a registration number", entity.Record{RegNo: "139722030000127"}, entity.Codes{Reg: "139722030000127"}},
		{"no registration number", entity.Record{RegNo: "1.234"}, entity.Codes{Bad: [4]string{2: "1.234"}}},
		{"an old tax number", entity.Record{TaxNo: "139722QD0000111"}, entity.Codes{Org: "QD0000111"}},
		{"an old tax number of a local unit", entity.Record{TaxNo: "139722QD000011B"}, entity.Codes{Org: "QD0000111"}},
		{"an old tax number outside of all divisions", entity.Record{TaxNo: "13972XQD0000111"}, entity.Codes{Bad: [4]string{3: "13972XQD0000111"}}},
		{"a registration number as tax number", entity.Record{TaxNo: "139722030000127"}, entity.Codes{Reg: "139722030000127"}},
		{"a tax number that is both", entity.Record{TaxNo: bothNumbers(t)}, entity.Codes{Org: bothNumbers(t)[6:], Reg: bothNumbers(t)}},
		{"a tax number that is neither", entity.Record{TaxNo: "139722030000128"}, entity.Codes{Bad: [4]string{3: "139722030000128"}}},
		{"a tax number of another length", entity.Record{TaxNo: "坏"}, entity.Codes{Bad: [4]string{3: "坏"}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, test.record.Codes()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// bothNumbers finds an old tax number that has the check digit of a registration number too.
func bothNumbers(t *testing.T) string {
	for serial := range 10_000 {
		body := fmt.Sprintf("139722%08d", serial)
		for check := range 10 {
			number := fmt.Sprintf("%s%d", body, check)
			asTax := (&entity.Record{OrgCode: number[6:]}).Codes()
			asReg := (&entity.Record{RegNo: number}).Codes()
			if asTax.Org != "" && asReg.Reg != "" {
				return number
			}
		}
	}
	t.Fatal("no number is both")
	return ""
}

func TestCodeOf(t *testing.T) {
	for _, test := range []struct {
		name    string
		members []entity.Record
		want    string
	}{
		{"the USCC before all else", []entity.Record{{OrgCode: "QD0000015"}, {USCC: codes["9"]}}, codes["9"]},
		{"the smallest organisation code", []entity.Record{{OrgCode: "QD0000111"}, {TaxNo: "139722QD0000015"}, {RegNo: "139722030000127"}}, "QD0000015"},
		{"the second one of a record", []entity.Record{{OrgCode: "QD0000111", TaxNo: "139722QD0000015"}}, "QD0000015"},
		{"the smallest source key, by its letters", []entity.Record{{Source: entity.Staffing, Key: "1"}, {Source: entity.Civil, Key: "2"}, {Source: entity.Civil, Key: "10", USCC: codes["9bad"]}}, "civil:10"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := entity.CodeOf(test.members); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestCompare(t *testing.T) {
	ordered := []entity.Record{
		{Source: entity.Staffing, Key: "2", Line: 9},
		{Source: entity.Tax, Key: "1", Line: 9},
		{Source: entity.Tax, Key: "10", Line: 3},
		{Source: entity.Tax, Key: "2", Line: 2},
		{Source: entity.Tax, Key: "2", Line: 3},
		{Source: entity.Tax, Key: "2", Line: 3, ID: [16]byte{1}},
	}
	for i := range ordered {
		for j := range ordered {
			want := 0
			if i < j {
				want = -1
			} else if i > j {
				want = 1
			}
			if got := ordered[i].Compare(&ordered[j]); got != want {
				t.Errorf("record %d against %d: got %d, want %d", i, j, got, want)
			}
		}
	}
}
