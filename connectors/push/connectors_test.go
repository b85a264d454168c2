package push_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hebian/connectors"
	"hebian/connectors/life"
	"hebian/connectors/push"
)

// Each sees his own connectors, by name and in the list.
func TestConnectors(t *testing.T) {
	for token, want := range map[string][]string{
		"hb_finance": {"finance-sftp", "finance-out"}, "hb_operator": {"finance-sftp", "finance-out", "tax-rest"}, "hb_hr": nil, "hb_officer": nil, "hb_sandbox": nil,
	} {
		r := build(t)
		out, _ := r.call(t, "list-connectors", request{method: http.MethodGet, path: "/v1/connectors", token: token})
		var list struct{ Connectors []life.Status }
		if err := json.Unmarshal(out.Body.Bytes(), &list); err != nil || list.Connectors == nil {
			t.Fatalf("%v: %s", err, out.Body)
		}
		var names []string
		for _, c := range list.Connectors {
			names = append(names, c.Name)
			out, _ := r.call(t, "get-connector", request{method: http.MethodGet, path: "/v1/connectors/" + c.Name, token: token})
			var one life.Status
			if err := json.Unmarshal(out.Body.Bytes(), &one); err != nil || !cmp.Equal(one, c) {
				t.Errorf("%s: %v: %s", c.Name, err, out.Body)
			}
		}
		if diff := cmp.Diff(want, names); diff != "" {
			t.Errorf("%s sees (-want +got):\n%s", token, diff)
		}
		if _, p := r.call(t, "get-connector", request{method: http.MethodGet, path: "/v1/connectors/none", token: token}); p == nil || !cmp.Equal(p.Known, want) {
			t.Errorf("%s: an unknown one: %+v", token, p)
		}
	}
}

func TestSteer(t *testing.T) {
	r := build(t)
	for _, test := range []struct{ verb, body, done, code string }{
		{"pause", "", "pause finance-sftp  by wang", ""},
		{"pause", `{"why":"对方维护"}`, "pause finance-sftp 对方维护 by wang", ""},
		{"resume", "", "resume finance-sftp by wang", ""},
		{"run", "{}", "run finance-sftp by wang", ""},
		{"rewind", `{"position":"2026-09-30"}`, "rewind finance-sftp 2026-09-30 by wang", ""},
		{"rewind", "", "", "invalid"},
		{"rewind", `{"position":""}`, "", "invalid"},
		{"rewind", `{}`, "", "invalid"},
		{"rewind", fmt.Sprintf(`{"position":%q}`, strings.Repeat("长", connectors.MaxPosition/2)), "", "invalid"},
		{"reset", "", "reset finance-sftp by wang", ""},
		{"pause", fmt.Sprintf(`{"why":%q}`, strings.Repeat("长", 342)), "", "invalid"},
		{"pause", `{"reason":"x"}`, "", "invalid"},
		{"pause", `{`, "", "invalid"},
	} {
		*r.desk = *newDesk()
		out, p := r.call(t, test.verb+"-connector", request{method: http.MethodPost, path: "/v1/connectors/finance-sftp/" + test.verb, body: test.body, token: "hb_operator"})
		code := ""
		if p != nil {
			code = p.Code()
		}
		if done := strings.Join(r.desk.connectors.done, "; "); done != test.done || code != test.code {
			t.Errorf("%s %.50s: answer %d %s, done %q: %.200s", test.verb, test.body, out.Code, code, done, out.Body)
		}
	}
	for _, test := range []struct {
		err   error
		code  string
		verbs []string // that it can befall
	}{
		{life.ErrNotPaused, "not_paused", []string{"rewind", "reset"}},
		{life.ErrPaused, "paused", []string{"run"}},
		{life.ErrRunning, "running", []string{"pause", "rewind", "reset"}},
		{connectors.ErrFull, "disk_full", []string{"pause", "resume", "run", "rewind", "reset"}},
		{errors.New("secret"), "internal", []string{"pause", "resume", "run", "rewind", "reset"}},
	} {
		for _, verb := range test.verbs {
			r.desk.connectors.err = fmt.Errorf("connector: %w", test.err)
			q := request{method: http.MethodPost, path: "/v1/connectors/finance-sftp/" + verb, token: "hb_operator"}
			if verb == "rewind" {
				q.body = `{"position":"x"}`
			}
			if out, p := r.call(t, verb+"-connector", q); p == nil || p.Code() != test.code || strings.Contains(out.Body.String(), "secret") {
				t.Errorf("%s: %v answers %d %v", verb, test.err, out.Code, p)
			}
		}
	}
}

func TestDispatches(t *testing.T) {
	r := build(t)
	for _, test := range []struct {
		query       string
		first, last int64
		n           int
		code        string
	}{
		{"", 12, 1, 12, ""}, {"?limit=5", 12, 8, 5, ""}, {"?before=8&limit=5", 7, 3, 5, ""}, {"?before=1", 0, 0, 0, ""},
		{query: "?limit=0", code: "invalid"}, {query: "?limit=1001", code: "invalid"}, {query: "?before=-1", code: "invalid"}, {query: "?before=x", code: "invalid"},
	} {
		out, p := r.call(t, "list-dispatches", request{method: http.MethodGet, path: "/v1/connectors/finance-out/dispatches" + test.query})
		if p != nil || test.code != "" {
			if p == nil || p.Code() != test.code {
				t.Errorf("%q: %s", test.query, out.Body)
			}
			continue
		}
		var list struct{ Dispatches []push.Dispatched }
		if err := json.Unmarshal(out.Body.Bytes(), &list); err != nil || list.Dispatches == nil || len(list.Dispatches) != test.n {
			t.Fatalf("%q: %v: %s", test.query, err, out.Body)
		}
		if test.n > 0 && (list.Dispatches[0].Number != test.first || list.Dispatches[test.n-1].Number != test.last) {
			t.Errorf("%q: %s", test.query, out.Body)
		}
	}
	r.desk.connectors.err = errors.New("torn")
	if _, p := r.call(t, "list-dispatches", request{method: http.MethodGet, path: "/v1/connectors/finance-out/dispatches"}); p == nil || p.Code() != "internal" {
		t.Errorf("torn: %v", p)
	}
}

func TestResend(t *testing.T) {
	for _, test := range []struct {
		number, code string
		err          error
	}{
		{"3", "", nil}, {"13", "unknown_dispatch", nil}, {"0", "invalid", nil}, {"x", "invalid", nil},
		{"3", "not_brought", fmt.Errorf("send: %w", &connectors.Trouble{Kind: connectors.Unreachable, Err: errors.New("connection refused")})},
		{"3", "internal", errors.New("secret")},
		{"3", "closing", connectors.ErrClosing},
	} {
		r := build(t)
		r.desk.connectors.err = test.err
		out, p := r.call(t, "resend-dispatch", request{method: http.MethodPost, path: "/v1/connectors/finance-out/dispatches/" + test.number + "/resend", token: "hb_operator"})
		var sent push.Dispatched
		switch err := json.Unmarshal(out.Body.Bytes(), &sent); {
		case err != nil || strings.Contains(out.Body.String(), "secret"):
			t.Fatalf("%v: %s", err, out.Body)
		case p != nil && p.Code() != test.code, p == nil && (test.code != "" || sent.Number != 3):
			t.Errorf("%s, %v: answer %d: %s", test.number, test.err, out.Code, out.Body)
		}
	}
}
