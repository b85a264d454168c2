package push_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hebian/connectors/push"
)

// The calendar is asked for the months that are meant; today is 2026-10-01.
func TestExpected(t *testing.T) {
	for _, test := range []struct{ token, query, months, code string }{
		{"hb_finance", "", "finance 202608-202609", ""},
		{"hb_finance", "?from=202601", "finance 202601-202609", ""},
		{"hb_finance", "?to=202501", "finance 202412-202501", ""},
		{"hb_finance", "?from=202701&to=202703", "finance 202701-202703", ""},
		{"hb_finance", "?from=202310", "finance 202310-202609", ""},
		{"hb_operator", "?agency=hr&from=202609", "hr 202609-202609", ""},
		{"hb_sandbox", "", "", ""},
		{"hb_finance", "?from=202309", "", "invalid"},
		{"hb_finance", "?from=202610", "", "invalid"},
		{"hb_finance", "?from=202613", "", "invalid"},
		{"hb_finance", "?to=000001", "", "invalid"},
		{"hb_finance", "?to=2026-09", "", "invalid"},
		{"hb_operator", "?agency=customs", "", "unknown_agency"},
	} {
		r := build(t)
		out, p := r.call(t, "list-expected", request{method: http.MethodGet, path: "/v1/expected" + test.query, token: test.token})
		code := ""
		if p != nil {
			code = p.Code()
		}
		if got := strings.Join(r.desk.months, "; "); got != test.months || code != test.code {
			t.Errorf("%s: answer %d %s, asked for %q, want %q", test.query, out.Code, code, got, test.months)
		}
	}
}

func TestExpectedInOrder(t *testing.T) {
	r := build(t)
	out, _ := r.call(t, "list-expected", request{method: http.MethodGet, path: "/v1/expected", token: "hb_operator"})
	var list struct{ Expected []push.Expected }
	if err := json.Unmarshal(out.Body.Bytes(), &list); err != nil || len(list.Expected) != 2*len(r.options.Profiles) {
		t.Fatalf("%v: %s", err, out.Body)
	}
	if !slices.IsSortedFunc(list.Expected, func(a, b push.Expected) int { return strings.Compare(a.Due, b.Due) }) {
		t.Errorf("not in the order of days: %s", out.Body)
	}
	want := push.Expected{Agency: "civil", File: "civil/early.csv", Period: "202608", Due: "2026-09-01", Late: "2026-09-30", State: "delivered", Came: "2026-09-01"}
	if diff := cmp.Diff(want, list.Expected[0]); diff != "" {
		t.Errorf("the first (-want +got):\n%s", diff)
	}
	r.desk.late = errors.New("torn")
	if _, p := r.call(t, "list-expected", request{method: http.MethodGet, path: "/v1/expected"}); p == nil || p.Code() != "internal" {
		t.Errorf("torn: %v", p)
	}
}

// A profile tells a programmer what his files look like: every file, column and value.
func TestProfile(t *testing.T) {
	r := build(t)
	for _, profile := range r.options.Profiles {
		out, _ := r.call(t, "get-profile", request{method: http.MethodGet, path: "/v1/profiles/" + profile.Agency, token: "hb_operator"})
		var got struct {
			Agency, Name string
			Forms        []string
			Files        []push.Described
		}
		if err := json.Unmarshal(out.Body.Bytes(), &got); err != nil || got.Agency != profile.Agency || got.Name != profile.Name || len(got.Files) != len(profile.Files) || !slices.Contains(got.Forms, "xlsx") {
			t.Fatalf("%s: %v: %.300s", profile.Agency, err, out.Body)
		}
		for i, f := range got.Files {
			if len(f.Columns) != len(profile.Files[i].Columns) || f.File == "" || strings.Contains(f.File, "/") || !cmp.Equal(f.Key, profile.Files[i].Key) {
				t.Errorf("%s: file %+v", profile.Agency, f)
			}
			for _, c := range f.Columns {
				if c.Header == "" || c.Field == "" || c.Label == "" {
					t.Errorf("%s: %s: column %+v", profile.Agency, f.File, c)
				}
			}
		}
	}
	if _, p := r.call(t, "get-profile", request{method: http.MethodGet, path: "/v1/profiles/customs"}); p == nil || p.Code() != "unknown_agency" {
		t.Errorf("an unknown one: %v", p)
	}
}
