package desk_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/google/go-cmp/cmp"

	"hebian/matcher"
	"hebian/matcher/queue"
	"hebian/ops/access"
	"hebian/ops/desk"
	"hebian/schemas/ident"
)

// program calls the API with a token.
type program struct {
	*office
	handler http.Handler
	token   string
}

func (o *office) program(t access.Token) *program {
	o.t.Helper()
	mux := http.NewServeMux()
	config := huma.DefaultConfig("test", "1")
	config.CreateHooks = nil
	o.desk.Register(humago.New(mux, config))
	t.Expires = o.clock().Add(time.Hour)
	secret, _, err := o.access.Issue(o.t.Context(), t)
	if err != nil {
		o.t.Fatal(err)
	}
	return &program{o, mux, secret}
}

// call gives the status and fills answer, or the problem if there is one.
func (p *program) call(method, path string, body, answer any) (status int, problem desk.Problem) {
	p.t.Helper()
	var content bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&content).Encode(body); err != nil {
			p.t.Fatal(err)
		}
	}
	request := httptest.NewRequestWithContext(p.t.Context(), method, path, &content)
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if p.token != "" {
		request.Header.Set("Authorization", "Bearer "+p.token)
	}
	recorder := httptest.NewRecorder()
	p.handler.ServeHTTP(recorder, request)
	if found := numbers.FindString(recorder.Body.String()); found != "" {
		p.t.Errorf("%s %s shows %s", method, path, found)
	}
	if recorder.Header().Get("Cache-Control") != "no-store" {
		p.t.Errorf("%s %s may be kept by a proxy", method, path)
	}
	into := answer
	if recorder.Code >= 400 {
		into = &problem
		if got := recorder.Header().Get("Content-Type"); got != "application/problem+json" {
			p.t.Errorf("%s %s: a problem of type %s", method, path, got)
		}
	}
	if err := json.Unmarshal(recorder.Body.Bytes(), into); err != nil {
		p.t.Fatalf("%s %s: %v in %s", method, path, err, recorder.Body)
	}
	return recorder.Code, problem
}

type caseList struct {
	Cases []desk.CaseRow
	Next  string
}

func TestAPIList(t *testing.T) {
	o := open(t)
	everyState(o)
	p := o.program(access.Token{Account: "李梅"})
	seen := map[string]bool{}
	after := ""
	for range 20 {
		var list caseList
		if status, _ := p.call(http.MethodGet, "/v1/cases?limit=4&after="+url.QueryEscape(after), nil, &list); status != http.StatusOK {
			t.Fatalf("a page of the list gave %d", status)
		}
		for _, c := range list.Cases {
			if seen[c.ID] {
				t.Errorf("case %s is listed twice", c.ID)
			}
			seen[c.ID] = true
		}
		if after = list.Next; after == "" {
			break
		}
	}
	if len(seen) != 15 {
		t.Errorf("%d cases were listed, want 15", len(seen))
	}
	var list caseList
	p.call(http.MethodGet, "/v1/cases?state=claimed&mine=true", nil, &list)
	if len(list.Cases) != 1 || list.Cases[0].Officer != "李梅" || list.Cases[0].Lease.IsZero() {
		t.Errorf("mine are %+v", list.Cases)
	}
	p.call(http.MethodGet, "/v1/cases?unit=99999", nil, &list)
	if list.Cases == nil || len(list.Cases) != 0 {
		t.Errorf("no case is %v, want an empty list", list.Cases)
	}
}

func TestAPICase(t *testing.T) {
	o := open(t)
	id := o.find(matcher.Finding{Code: "PAID_NO_SLOT", Month: 202609, Rows: 2})
	p := o.program(access.Token{Account: "ops"})
	var got desk.CaseDetail
	if status, _ := p.call(http.MethodGet, "/v1/cases/"+id, nil, &got); status != http.StatusOK {
		t.Fatalf("the case gave %d", status)
	}
	want := desk.CaseRow{
		ID: id, Code: "PAID_NO_SLOT", Label: "无编领薪", Severity: "high", State: "open", Present: true, Person: ident.Mask(string(idNumber(1))),
		Unit: "12139721400000001A", UnitName: "青川县第一中学", Month: "202609", Agency: got.Agency, Agencies: []string{"finance"}, Opened: o.clock(), Updated: o.clock(),
	}
	if diff := cmp.Diff(want, got.CaseRow); diff != "" || got.Agency == "" {
		t.Errorf("the case differs (-want +got):\n%s", diff)
	}
	if len(got.Evidence) != 1 || got.Evidence[0].File != "finance/payroll-202609.csv" || got.Evidence[0].Line != 2 || got.Rows != 2 {
		t.Errorf("evidence is %+v of %d", got.Evidence, got.Rows)
	}
	if len(got.History) != 1 || got.History[0].Kind != "opened" || got.History[0].Delivery != 7 {
		t.Errorf("history is %+v", got.History)
	}
	if got.SentenceZH == "" || got.Check == "" || got.Version != 1 || got.Parameters.EntryGrace != 2 {
		t.Errorf("the grounds are missing in %+v", got)
	}
}

func TestAPIDecides(t *testing.T) {
	o := open(t)
	id := o.find(matcher.Finding{Code: "PAID_NO_SLOT", Month: 202609})
	mine, other := o.program(access.Token{Account: "李梅"}), o.program(access.Token{Account: "王强"})
	decision := map[string]string{"outcome": "confirmed", "reason": "无编，已停发。"}
	step := func(p *program, action string, body any, status int, state queue.State) {
		t.Helper()
		var c desk.CaseRow
		got, problem := p.call(http.MethodPost, "/v1/cases/"+id+"/"+action, body, &c)
		if got != status || status == http.StatusOK && c.State != string(state) {
			t.Errorf("%s gave %d, %s, %+v; want %d, %s", action, got, c.State, problem, status, state)
		}
	}
	step(mine, "decide", decision, http.StatusConflict, "")
	step(mine, "claim", nil, http.StatusOK, queue.Claimed)
	step(mine, "claim", nil, http.StatusOK, queue.Claimed)
	step(other, "claim", nil, http.StatusConflict, "")
	step(other, "release", nil, http.StatusConflict, "")
	step(mine, "release", nil, http.StatusOK, queue.Open)
	step(other, "claim", nil, http.StatusOK, queue.Claimed)
	step(other, "decide", decision, http.StatusOK, queue.Decided)
	step(mine, "claim", nil, http.StatusConflict, "")
}

func TestAPIProblems(t *testing.T) {
	o := open(t)
	ids := everyState(o)
	officer := o.program(access.Token{Account: "李梅"})
	operator, agency := o.program(access.Token{Account: "ops"}), o.program(access.Token{Agency: "finance"})
	stranger := *officer
	stranger.token = "hb_nonsense"
	nobody := *officer
	nobody.token = ""
	mine := "/v1/cases/" + ids["claimed by me"]
	for _, test := range []struct {
		name   string
		by     *program
		method string
		path   string
		body   any
		status int
		code   string
		field  string
	}{
		{"no token", &nobody, "GET", "/v1/cases", nil, 401, "unauthorized", ""},
		{"bad token", &stranger, "GET", "/v1/cases", nil, 401, "unauthorized", ""},
		{"agency", agency, "GET", mine, nil, 403, "forbidden", ""},
		{"operator decides", operator, "POST", mine + "/decide", map[string]string{"outcome": "confirmed", "reason": "x"}, 403, "forbidden", ""},
		{"no such case", officer, "GET", "/v1/cases/0123456789abcdef", nil, 404, "unknown_case", ""},
		{"odd id", officer, "POST", "/v1/cases/x/claim", nil, 404, "unknown_case", ""},
		{"taken", officer, "POST", "/v1/cases/" + ids["claimed by another"] + "/claim", nil, 409, "taken", ""},
		{"settled", officer, "POST", "/v1/cases/" + ids["settled"] + "/claim", nil, 409, "not_open", ""},
		{"not held", officer, "POST", "/v1/cases/" + ids["open"] + "/release", nil, 409, "not_held", ""},
		{"no reason", officer, "POST", mine + "/decide", map[string]string{"outcome": "confirmed", "reason": " "}, 422, "incomplete_decision", "reason"},
		{"no agency", officer, "POST", mine + "/decide", map[string]string{"outcome": "confirmed", "reason": "x", "to": "mars"}, 422, "incomplete_decision", "to"},
		{"odd outcome", officer, "POST", mine + "/decide", map[string]string{"outcome": "maybe", "reason": "x"}, 422, "incomplete_decision", "outcome"},
		{"no body", officer, "POST", mine + "/decide", nil, 400, "invalid", ""},
		{"number in the body", officer, "POST", mine + "/decide", map[string]any{"outcome": "confirmed", "reason": "x", string(idNumber(3)): 1}, 422, "invalid", ""},
		{"state", officer, "GET", "/v1/cases?state=gone", nil, 422, "invalid", "state"},
		{"a slip in a name", officer, "GET", "/v1/cases?stat=open", nil, 422, "invalid", "query.stat"},
		{"month", officer, "GET", "/v1/cases?month=13", nil, 422, "invalid", "month"},
		{"after", officer, "GET", "/v1/cases?after=x", nil, 422, "invalid", "after"},
		{"limit", officer, "GET", "/v1/cases?limit=0", nil, 422, "invalid", "query.limit"},
		{"limit no number", officer, "GET", "/v1/cases?limit=x", nil, 422, "invalid", "query.limit"},
	} {
		t.Run(test.name, func(t *testing.T) {
			status, problem := test.by.call(test.method, test.path, test.body, nil)
			if status != test.status || problem.Type != "urn:hebian:problem:"+test.code || problem.Status != status || test.field != "" && problem.Field != test.field {
				t.Errorf("gave %d, %+v", status, problem)
			}
			if problem.Title == "" || problem.Detail == "" || !strings.ContainsAny(problem.DetailZH, "。") {
				t.Errorf("the problem lacks words: %+v", problem)
			}
		})
	}
	o.lost = errDisk
	if status, problem := officer.call("GET", mine, nil, nil); status != 500 || strings.Contains(problem.Detail, errDisk.Error()) || len(o.reports) != 1 {
		t.Errorf("a broken log gave %d, %+v, reported %v", status, problem, o.reports)
	}
}
