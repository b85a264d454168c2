package push_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hebian/connectors"
	"hebian/connectors/push"
	"hebian/schemas"
)

func complete(month, body string) request {
	return request{method: http.MethodPut, path: "/v1/periods/" + month + "/complete", body: body, header: map[string]string{"Content-Type": "application/json"}}
}

func TestComplete(t *testing.T) {
	r := open(t)
	answer, body := r.send(t, complete("202608", ""))
	p := problemOf(t, answer, body)
	if diff := cmp.Diff([]string{"finance/control_numbers.csv", "finance/payroll-202608.csv"}, p.Files); p.Status != 409 || p.Code() != "files_lacking" || diff != "" {
		t.Fatalf("answer %d %s (-want +got):\n%s", p.Status, p.Code(), diff)
	}
	r.delivered = []string{"finance/payroll-202606.csv", "finance/payroll-202608.csv", "finance/payroll-202609.csv"}
	empty := `{"empty": ["finance/control_numbers.csv"]}`
	for _, test := range []struct {
		month, body string
		want        push.Completeness
	}{
		{"202608", empty, push.Completeness{Agency: "finance", CompleteThrough: "202608", Missing: []string{}}},
		{"202608", empty, push.Completeness{Agency: "finance", CompleteThrough: "202608", Missing: []string{}}},
		{"202609", `{"kind": "changes", "empty": ["finance/control_numbers.csv"]}`, push.Completeness{Agency: "finance", CompleteThrough: "202609", Missing: []string{}}},
		{"202606", empty, push.Completeness{Agency: "finance", CompleteThrough: "202609", Missing: []string{}}}, // August covered it
	} {
		response, body := r.send(t, complete(test.month, test.body))
		var got push.Completeness
		if err := json.Unmarshal([]byte(body), &got); err != nil || response.StatusCode != http.StatusOK {
			t.Fatalf("%s: answer %d, %v: %s", test.month, response.StatusCode, err, body)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.month, diff)
		}
	}
	want := connectors.Declaration{Agency: "finance", Month: 202609, Kind: connectors.Changes, Empty: []string{"finance/control_numbers.csv"}, By: "finance"}
	if diff := cmp.Diff(want, r.declared[1]); diff != "" {
		t.Errorf("declared (-want +got):\n%s", diff)
	}
}

func TestCompleteRefused(t *testing.T) {
	agency := func(q request, agency, token string) request {
		q.path += "?agency=" + agency
		q.token = token
		return q
	}
	for _, test := range []struct {
		name    string
		request request
		status  int
		code    string
		known   []string
	}{
		{"no month", complete("2026-09", ""), 404, "unknown_period", []string{"202608", "202610"}},
		{"thirteenth month", complete("202613", ""), 404, "unknown_period", []string{"202608", "202610"}},
		{"a month to come", complete("202611", ""), 404, "unknown_period", []string{"202608", "202610"}},
		{"another agency's file as empty", complete("202609", `{"empty": ["hr/events.ndjson"]}`), 404, "unknown_file", []string{"finance/control_numbers.csv", "finance/payroll-202609.csv"}},
		{"unknown kind", complete("202609", `{"kind": "half"}`), 422, "invalid", nil},
		{"unknown key", complete("202609", `{"files": []}`), 422, "invalid", nil},
		{"no JSON", complete("202609", `{`), 400, "invalid", nil},
		{"foreign agency", agency(complete("202609", ""), "finance", "hb_hr"), 403, "forbidden", nil},
		{"an officer", agency(complete("202609", ""), "finance", "hb_officer"), 403, "forbidden", nil},
		{"an operator for nobody", agency(complete("202609", ""), "", "hb_operator"), 400, "agency_needed", []string{"civil", "commerce", "discipline", "finance", "hall", "hr", "quality", "social", "staffing", "statistics", "tax"}},
		{"an operator for an agency", agency(complete("202609", ""), "finance", "hb_operator"), 409, "files_lacking", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := open(t)
			r.declared = []connectors.Declaration{{Agency: "finance", Month: 202608}}
			response, body := r.send(t, test.request)
			p := problemOf(t, response, body)
			if p.Status != test.status || p.Code() != test.code {
				t.Errorf("answer %d %s, want %d %s: %s", p.Status, p.Code(), test.status, test.code, body)
			}
			if diff := cmp.Diff(test.known, p.Known); diff != "" {
				t.Errorf("known (-want +got):\n%s", diff)
			}
			if len(r.declared) != 1 {
				t.Error("it was declared all the same")
			}
		})
	}
}

func TestPeriods(t *testing.T) {
	r := open(t)
	r.declared = []connectors.Declaration{{Agency: "hr", Month: 202609, Kind: connectors.Whole}, {Agency: "finance", Month: schemas.Month(202608), Kind: connectors.Whole}, {Agency: "hr", Month: 202608, Kind: connectors.Whole}}
	through := func(request request) map[string]string {
		request.method = http.MethodGet
		response, body := r.send(t, request)
		if response.StatusCode != http.StatusOK {
			t.Fatalf("answer %d: %s", response.StatusCode, body)
		}
		var out struct{ Agencies []push.Completeness }
		if err := json.Unmarshal([]byte(body), &out); err != nil {
			t.Fatal(err)
		}
		got := map[string]string{}
		for _, c := range out.Agencies {
			got[c.Agency] = c.CompleteThrough
			if c.Agency == "hr" && (len(c.Periods) != 2 || c.Periods[0].Month != "202608") {
				t.Errorf("periods of hr: %+v", c.Periods)
			}
		}
		return got
	}
	for _, test := range []struct {
		path, token string
		want        map[string]string
	}{
		{"/v1/periods", "hb_hr", map[string]string{"hr": "202609"}},
		{"/v1/periods?agency=finance", "hb_operator", map[string]string{"finance": "202608"}},
		{"/v1/periods", "hb_operator", map[string]string{
			"finance": "202608", "hr": "202609", "civil": "", "commerce": "", "discipline": "", "hall": "", "quality": "", "social": "", "staffing": "",
			"statistics": "", "tax": "",
		}},
	} {
		if diff := cmp.Diff(test.want, through(request{path: test.path, token: test.token})); diff != "" {
			t.Errorf("%s by %s (-want +got):\n%s", test.path, test.token, diff)
		}
	}
	for _, test := range []struct {
		path, token string
		status      int
	}{
		{"/v1/periods?agency=finance", "hb_hr", 403},
		{"/v1/periods", "hb_officer", 403},
		{"/v1/periods?agency=customs", "hb_operator", 404},
	} {
		response, body := r.send(t, request{method: http.MethodGet, path: test.path, token: test.token})
		if p := problemOf(t, response, body); p.Status != test.status {
			t.Errorf("%s by %s: answer %d", test.path, test.token, p.Status)
		}
	}
}
