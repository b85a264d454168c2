package desk

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"hebian/schemas/ident"
)

// No identity number leaves the desk whole, wherever it stands in a dossier. Named are the places that hold none: words of ours,
// names of files and agencies, days.
func TestDossiersAreMasked(t *testing.T) {
	holdNone := strings.Fields(`ID MergedInto Sources.Agency Sources.File Sources.UpdatedOn Fields.Name Fields.Golden.Agency Fields.Golden.As Fields.Cells.Note
		Codes.Kind Codes.Verdict Codes.Reason Codes.Sources History.Kind History.Field History.Entities History.Agency History.File Tables.Name Tables.Label
		Tables.Columns.Name Tables.Columns.Label Tables.Rows.Mark Tables.Rows.File Figures.Month Events.Effective Events.Event Events.Agency Events.Field Events.File
		Status Division Agencies`)
	const number = "139721199003070029"
	var fill func(v reflect.Value, place string)
	fill = func(v reflect.Value, place string) {
		switch v.Kind() {
		case reflect.String:
			if !slices.Contains(holdNone, place) {
				v.SetString(number)
			}
		case reflect.Slice:
			v.Set(reflect.MakeSlice(v.Type(), 2, 2))
			fill(v.Index(0), place)
			fill(v.Index(1), place)
		case reflect.Struct:
			for i := range v.NumField() {
				if f := v.Type().Field(i); f.IsExported() {
					fill(v.Field(i), strings.TrimPrefix(place+"."+f.Name, "."))
				}
			}
		}
	}
	var x Dossier
	fill(reflect.ValueOf(&x).Elem(), "")
	var h EntityHit
	fill(reflect.ValueOf(&h).Elem(), "")
	before := fmt.Sprintf("%+v %+v", x, h)
	for _, masked := range []any{x.masked(), h.masked()} {
		if text := fmt.Sprintf("%+v", masked); strings.Contains(text, number) || !strings.Contains(text, ident.Mask(number)) {
			t.Errorf("not masked: %s", text)
		}
	}
	if after := fmt.Sprintf("%+v %+v", x, h); after != before {
		t.Error("masking changes what it was given")
	}
}

func TestMaskCode(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"91130420551385082Q", "91130420551385082Q"},
		{"139721199003070029", ident.Mask("139721199003070029")},
		{"13972119900307002900", maskText("13972119900307002900")},
		{"tax:139721199003070029", "tax:" + ident.Mask("139721199003070029")},
		{"CO03000003", "CO03000003"},
		{"", ""},
	} {
		if got := maskCode(test.text); got != test.want {
			t.Errorf("%q was masked to %q, want %q", test.text, got, test.want)
		}
	}
}

func TestAxisStep(t *testing.T) {
	for most, want := range map[int64]int64{0: 1, 1: 1, 4: 1, 5: 2, 9: 5, 20: 5, 21: 10, 80: 20, 399: 100, 401: 200} {
		if got := axisStep(most); got != want {
			t.Errorf("up to %d the lines are %d apart, want %d", most, got, want)
		}
	}
}
