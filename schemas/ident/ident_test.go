package ident_test

import (
	"encoding/csv"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hebian/schemas/ident"
)

var asOf = ident.Day{Year: 2026, Month: 10, Day: 31}

// TestVectors takes every line of testdata/identifiers.csv. Its reasons are prose and not compared.
func TestVectors(t *testing.T) {
	for line, v := range readVectors(t) {
		t.Run(fmt.Sprintf("line %d %s", line+2, v.kind), func(t *testing.T) {
			cleaned := ident.Clean(v.input)
			n := inspect(v.kind, cleaned)
			if n.Normalized != v.normalized || n.Verdict != v.verdict {
				t.Fatalf("%q: got %+v, want %q %s (%s)", v.input, n, v.normalized, v.verdict, v.reason)
			}
			if (n.Reason == "") != (n.Verdict == ident.Valid) {
				t.Errorf("%q: verdict %s with reason %q", v.input, n.Verdict, n.Reason)
			}
			if n.Verdict != ident.Invalid && n.Kind != v.kind {
				t.Errorf("%q: kind %s, want %s", v.input, n.Kind, v.kind)
			}
			if got := joinParts(n.Parts()); v.parts != "" && got != v.parts {
				t.Errorf("%q: parts %s, want %s", v.input, got, v.parts)
			}
			if isPerson(v.kind) {
				checkPersonVector(t, cleaned, v)
			}
		})
	}
}

// checkPersonVector: the person key is the normalized number, packs and comes back. The one number
// born after the as-of date has a key, and its date says why it is refused.
func checkPersonVector(t *testing.T, cleaned string, v vector) {
	want := v.normalized
	if v.input == "320106209901010157" {
		want = v.input
	}
	key := ident.PersonKey(cleaned)
	if key != want {
		t.Fatalf("person key of %q: got %q, want %q", cleaned, key, want)
	}
	packed, ok := ident.Pack(key)
	if ok != (key != "") || packed.String() != key {
		t.Errorf("pack %q: got %d %t, back %q", key, packed, ok, packed.String())
	}
	year, month, day, ok := ident.BirthDate(key)
	if ok != (len(key) == 18) {
		t.Errorf("birth date of %q: ok = %t", key, ok)
	}
	if born := fmt.Sprintf("birth=%04d-%02d-%02d", year, month, day); ok && !strings.Contains(v.parts, born) && want == v.normalized {
		t.Errorf("birth date of %q: got %s, want %s", key, born, v.parts)
	}
	if v.kind == ident.CitizenID15 && key != "" && packed.Short() != cleaned {
		t.Errorf("short form of %q: got %q, want %q", key, packed.Short(), cleaned)
	}
}

func TestReasons(t *testing.T) {
	tests := []struct {
		name   string
		kind   ident.Kind
		number string
		want   ident.Reason
	}{
		{"empty", ident.CitizenID, "", ident.ReasonLength},
		{"a letter in the middle", ident.CitizenID, "32010619O307120153", ident.ReasonCharacter},
		{"a letter other than X at the end", ident.CitizenID, "32010619030712015Y", ident.ReasonCharacter},
		{"check digit", ident.CitizenID, "320106190307120151", ident.ReasonCheck},
		{"province", ident.CitizenID, "000106190307120159", ident.ReasonProvince},
		{"province of a foreign resident", ident.CitizenID, "990106190307120158", ident.ReasonProvince},
		{"day", ident.CitizenID, "320106190002290151", ident.ReasonDate},
		{"future", ident.CitizenID, "320106209901010157", ident.ReasonFuture},
		{"spreadsheet, scientific", ident.CitizenID, "1.10105E+17", ident.ReasonScientific},
		{"spreadsheet, scientific and 18 places long", ident.CitizenID, "3.20106190307E+17", ident.ReasonScientific},
		{"spreadsheet, last digits", ident.CitizenID, "320106190307120000", ident.ReasonPrecision},
		{"15 places, day", ident.CitizenID15, "320106051301001", ident.ReasonDate},
		{"15 places, province behind a 9", ident.CitizenID15, "990106050101001", ident.ReasonProvince},
		{"15 places, letter", ident.CitizenID15, "32010605010100X", ident.ReasonCharacter},
		{"2017, check", ident.ForeignResident2017, "USA310002030518", ident.ReasonCheck},
		{"2017, digit in the country", ident.ForeignResident2017, "U5A310002030517", ident.ReasonCharacter},
		{"2017, letter in the area", ident.ForeignResident2017, "USA31OO02030517", ident.ReasonCharacter},
		{"2017, letter at the end", ident.ForeignResident2017, "USA31000203051X", ident.ReasonCharacter},
		{"unit, letter in the division", ident.UnifiedSocialCredit, "123201A6QW0000372L", ident.ReasonCharacter},
		{"unit, authority", ident.UnifiedSocialCredit, "02320106QW0000372T", ident.ReasonAuthority},
		{"unit, category", ident.UnifiedSocialCredit, "94320106QW0000372B", ident.ReasonCategory},
		{"unit, organisation code", ident.UnifiedSocialCredit, "12320106QW0000371N", ident.ReasonOrganisation},
		{"organisation, local unit", ident.OrganisationCode, "QW000111B", ident.ReasonLocalUnit},
		{"organisation, letter at the end", ident.OrganisationCode, "QW000111C", ident.ReasonCharacter},
		{"tax, local unit", ident.TaxRegistration, "320106QW000111B", ident.ReasonLocalUnit},
		{"tax, letter in the division", ident.TaxRegistration, "3201O6QW0001113", ident.ReasonCharacter},
		{"registration, length", ident.BusinessRegistration, "11010800000001", ident.ReasonLength},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := inspect(test.kind, test.number).Reason; got != test.want {
				t.Errorf("%q: got %s, want %s", test.number, got, test.want)
			}
		})
	}
}

// TestForeignResident2017Dates: a day of either century will do.
func TestForeignResident2017Dates(t *testing.T) {
	for body, want := range map[string]bool{
		"USA31000002291": true,  // 2000 had a leap day, 1900 had none
		"USA31000402291": true,  // both had one
		"USA31000302291": false, // neither had
		"USA31000313011": false,
		"USA31000300101": false,
		"USA00000301011": false, // province 00
	} {
		found := false
		for check := '0'; check <= '9'; check++ {
			number := body + string(check)
			key, ok := ident.Pack(ident.PersonKey(number))
			if _, _, _, dated := key.Birth(); ok && (key.String() != number || key.Short() != "" || dated) {
				t.Errorf("%s: packed as %s", number, key)
			}
			found = found || ok
		}
		if found != want {
			t.Errorf("%s: a check digit makes a key of it: %t, want %t", body, found, want)
		}
	}
}

func TestTravelDocument(t *testing.T) {
	for number, want := range map[string]ident.Kind{
		"H12345678":          ident.HongKongMacauPermit,
		"M1234567890":        ident.HongKongMacauPermit,
		"H123456789":         ident.Passport,
		"12345678":           ident.TaiwanPermit,
		"E12345678":          ident.Passport,
		"G1234":              ident.Passport,
		"G123":               "",
		"":                   "",
		"H":                  "",
		"320106190307120153": "",
		"E1234.5678":         "",
		"某1234567":           "",
	} {
		if got := ident.TravelDocument(number); got != want {
			t.Errorf("%q: got %q, want %q", number, got, want)
		}
		if key := ident.PersonKey(number); want != "" && key != "" {
			t.Errorf("%q: a travel document with the key %q", number, key)
		}
	}
}

func TestClean(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"clean already", "42010219031117008X", "42010219031117008X"},
		{"every white space", "1\t\n\v\f\r \u0085\u00A0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200A\u2028\u2029\u202F\u205F\u30002", "12"},
		{"every zero-width", "1\u200B\u200C\u200D\u200E\u200F\u2060\uFEFF\u180E2", "12"},
		{"every hyphen", "1-\u00AD\u2010\u2011\u2012\u2013\u2014\u2015\u2212－2", "12"},
		{"full-width", "！０９ＡＺａｚ～", "!09AZAZ~"},
		{"only a to z go up", "aßéſ", "Aßéſ"},
		{"separators that are no white space stay", "1\x1c\x1f2", "1\x1c\x1f2"},
		{"nothing left", " - ", ""},
		{"no UTF-8", " a\xff", " a\xff"},
		{"damage stays", "1.1E+17", "1.1E+17"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := ident.Clean(test.in); got != test.want {
				t.Errorf("clean %q: got %q, want %q", test.in, got, test.want)
			}
		})
	}
}

func TestMask(t *testing.T) {
	for number, want := range map[string]string{
		"139721190307120156": "139721***********6",
		"13972119031117008X": "139721***********X",
		"139721050101001":    "139721*********",
		"USA310002030517":    "USA3100********",
		"13972119030712015":  "13***************",
		"某某某":                "某某*",
		"E1":                 "E1",
		"":                   "",
		"1":                  "1",
		"\xff\xff\xff":       "\xff\xff*",
	} {
		if got := ident.Mask(number); got != want {
			t.Errorf("mask %q: got %q, want %q", number, got, want)
		}
	}
	key, ok := ident.Pack("320106190307120153")
	if got := key.LogValue().String(); !ok || got != "320106***********3" {
		t.Errorf("log value of a key: %q", got)
	}
	if got := ident.Person("320106190307120153", asOf).LogValue().String(); strings.Contains(got, "3201") {
		t.Errorf("log value of a judged number: %q", got)
	}
}

func TestParts(t *testing.T) {
	for number, want := range map[string]string{
		"USA310002030517": "country=USA;area=3100;birth=020305",
		"440306600000031": "division=440306;class=individual;serial=60000003",
		"320000400000028": "division=320000;class=foreign;serial=40000002",
		"320106QW0000372": "division=320106;org_code=QW0000372",
		"QW0001113":       "",
	} {
		var got string
		for _, n := range []ident.Number{ident.Person(number, asOf), ident.Registration(number), ident.Tax(number), ident.OrgCode(number)} {
			got += joinParts(n.Parts())
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", number, got, want)
		}
	}
}

func TestNoAllocations(t *testing.T) {
	bytes := []byte("320106190307120153")
	key, _ := ident.Pack(bytes)
	room := make([]byte, 0, 18)
	for name, f := range map[string]func(){
		"Clean":     func() { ident.Clean("42010219031117008X") },
		"PersonKey": func() { ident.PersonKey("42010219031117008X"); ident.PersonKey("USA310002030517") },
		"Pack":      func() { ident.Pack(bytes) },
		"AppendTo":  func() { room = key.AppendTo(room[:0]) },
		"BirthDate": func() { ident.BirthDate("42010219031117008X") },
		"Person":    func() { ident.Person("42010219031117008X", asOf) },
		"USCC":      func() { ident.USCC("12320106QW00004870") },
		"NameKey":   func() { ident.NameKey("欧阳某"); ident.NameKey("阿卜杜拉·某某") },
	} {
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

type vector struct {
	kind              ident.Kind
	input, normalized string
	verdict           ident.Verdict
	reason, parts     string
}

func readVectors(t testing.TB) []vector {
	t.Helper()
	f, err := os.Open("testdata/identifiers.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"kind", "input", "normalized", "verdict", "reason", "expect"}, rows[0]); diff != "" {
		t.Fatal(diff)
	}
	vectors := make([]vector, 0, len(rows))
	for _, row := range rows[1:] {
		vectors = append(vectors, vector{ident.Kind(row[0]), row[1], row[2], ident.Verdict(row[3]), row[4], row[5]})
	}
	return vectors
}

func inspect(kind ident.Kind, cleaned string) ident.Number {
	switch kind {
	case ident.UnifiedSocialCredit:
		return ident.USCC(cleaned)
	case ident.OrganisationCode:
		return ident.OrgCode(cleaned)
	case ident.BusinessRegistration:
		return ident.Registration(cleaned)
	case ident.TaxRegistration:
		return ident.Tax(cleaned)
	}
	return ident.Person(cleaned, asOf)
}

func isPerson(kind ident.Kind) bool {
	switch kind {
	case ident.CitizenID, ident.CitizenID15, ident.ResidencePermit, ident.ForeignResident, ident.ForeignResident2017:
		return true
	}
	return false
}

func joinParts(parts []ident.Part) string {
	var fields []string
	for _, p := range parts {
		fields = append(fields, p.Name+"="+p.Text)
	}
	return strings.Join(fields, ";")
}
