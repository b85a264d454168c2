package push_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"hebian/connectors/push"
)

// reached are the operations on quarantine, feeds, connectors and the calendar, and what callers are answered: the
// agency itself, another one, an operator, an account without rights, a token of the sandbox, and tokens that are for
// delivering, reading and pulling only.
var reached = []struct {
	id, method, path, body                                            string
	own, other, operator, officer, sandbox, toDeliver, toRead, toPull int
}{
	{"list-quarantine", "GET", "/v1/quarantine", "", 200, 200, 200, 403, 200, 403, 200, 403},
	{"list-quarantine", "GET", "/v1/quarantine?agency=finance", "", 200, 403, 200, 403, 200, 403, 200, 403},
	{"list-quarantine", "GET", "/v1/quarantine?agency=customs", "", 404, 404, 404, 404, 404, 403, 404, 403},
	{"list-quarantined-rows", "GET", "/v1/quarantine/finance/payroll-202609.csv", "", 200, 403, 200, 403, 403, 403, 200, 403},
	{"list-quarantined-rows", "GET", "/v1/quarantine/finance/payroll.csv", "", 404, 403, 404, 403, 403, 403, 404, 403},
	{"download-quarantined-rows", "GET", "/v1/quarantine/finance/payroll-202609.csv/rows", "", 200, 403, 200, 403, 403, 403, 200, 403},
	{"resubmit-rows", "POST", "/v1/quarantine/finance/payroll-202609.csv/resubmit", "_row\n1\n", 201, 403, 201, 403, 403, 201, 403, 403},
	{"retry-rows", "POST", "/v1/quarantine/finance/payroll-202609.csv/retry", "{}", 201, 403, 201, 403, 403, 201, 403, 403},
	{"discard-rows", "POST", "/v1/quarantine/finance/payroll-202609.csv/discard", `{"note":"x"}`, 201, 403, 201, 403, 403, 201, 403, 403},
	{"list-feeds", "GET", "/v1/feeds", "", 200, 200, 200, 403, 200, 403, 403, 200},
	{"list-feeds", "GET", "/v1/feeds?agency=finance", "", 200, 403, 200, 403, 200, 403, 403, 200},
	{"pull-feed", "GET", "/v1/feeds/corrections", "", 200, 200, 200, 403, 403, 403, 403, 200},
	{"pull-feed", "GET", "/v1/feeds/corrections?agency=finance", "", 200, 403, 200, 403, 403, 403, 403, 200},
	{"pull-feed", "GET", "/v1/feeds/golden", "", 200, 404, 200, 403, 403, 403, 403, 200},
	{"list-connectors", "GET", "/v1/connectors", "", 200, 200, 200, 200, 200, 403, 200, 403},
	{"get-connector", "GET", "/v1/connectors/finance-sftp", "", 200, 404, 200, 404, 404, 403, 200, 403},
	{"pause-connector", "POST", "/v1/connectors/finance-sftp/pause", "", 403, 404, 200, 404, 404, 403, 403, 403},
	{"resume-connector", "POST", "/v1/connectors/finance-sftp/resume", "", 403, 404, 200, 404, 404, 403, 403, 403},
	{"run-connector", "POST", "/v1/connectors/finance-sftp/run", "", 403, 404, 200, 404, 404, 403, 403, 403},
	{"rewind-connector", "POST", "/v1/connectors/finance-sftp/rewind", `{"position":"x"}`, 403, 404, 200, 404, 404, 403, 403, 403},
	{"reset-connector", "POST", "/v1/connectors/finance-sftp/reset", "", 403, 404, 200, 404, 404, 403, 403, 403},
	{"list-dispatches", "GET", "/v1/connectors/finance-out/dispatches", "", 200, 404, 200, 404, 404, 403, 200, 403},
	{"resend-dispatch", "POST", "/v1/connectors/finance-out/dispatches/3/resend", "", 403, 404, 200, 404, 404, 403, 403, 403},
	{"list-expected", "GET", "/v1/expected", "", 200, 200, 200, 403, 200, 403, 200, 403},
	{"list-expected", "GET", "/v1/expected?agency=finance", "", 200, 403, 200, 403, 200, 403, 200, 403},
	{"get-profile", "GET", "/v1/profiles/finance", "", 200, 403, 200, 403, 200, 200, 200, 403},
}

// Whoever may not is told so, in the document's own words, and nothing happens.
func TestReach(t *testing.T) {
	r := build(t)
	for _, test := range reached {
		for _, caller := range []struct {
			token  string
			status int
		}{
			{"hb_finance", test.own}, {"hb_hr", test.other}, {"hb_operator", test.operator}, {"hb_officer", test.officer}, {"hb_sandbox", test.sandbox},
			{"hb_deliver", test.toDeliver}, {"hb_read", test.toRead}, {"hb_pull", test.toPull}, {"hb_wrong", 401}, {"hb_broken", 500},
		} {
			t.Run(test.method+" "+test.path+" by "+caller.token, func(t *testing.T) {
				*r.desk = *newDesk()
				out, _ := r.call(t, test.id, request{method: test.method, path: test.path, body: test.body, token: caller.token})
				if out.Code != caller.status {
					t.Errorf("answer %d, want %d: %.200s", out.Code, caller.status, out.Body)
				}
				happened := len(r.desk.quarantine.made) + len(r.desk.connectors.done) + len(r.desk.feeds.read) + len(r.desk.quarantine.asked)
				if (caller.status >= 400 || caller.token == "hb_sandbox") && (happened > 0 || len(r.desk.months) > 0) {
					t.Errorf("it happened all the same: %+v", r.desk)
				}
			})
		}
	}
}

// What TestReach asks for is all that there is on quarantine, feeds and connectors.
func TestReachAll(t *testing.T) {
	var asked, all []string
	for _, test := range reached {
		asked = append(asked, test.id)
	}
	for _, path := range openAPI(t).Paths {
		for _, op := range path {
			if slices.Contains([]string{"quarantine", "feeds", "connectors"}, op.Tags[0]) {
				all = append(all, op.OperationID)
			}
		}
	}
	for _, id := range all {
		if !slices.Contains(asked, id) {
			t.Errorf("nobody asks for %s", id)
		}
	}
}

// Doors that are not there have no addresses.
func TestWithoutDesk(t *testing.T) {
	r := build(t, func(o *push.Options) { o.Quarantine, o.Feeds, o.Connectors, o.Expected = nil, nil, nil, nil })
	for _, test := range reached {
		if test.id != "get-profile" && r.operation(test.id) != nil {
			t.Errorf("there is %s", test.id)
		}
	}
}

// FuzzAddress asks with all kinds of names: nothing falls over, whatever comes back is documented, and a token
// reaches nothing of another agency.
func FuzzAddress(f *testing.F) {
	r := build(f)
	f.Add(0, "finance", "payroll-202609.csv", "")
	f.Add(3, "finance", "../hr/events.ndjson", "7")
	f.Add(4, "corrections", "..", "-1")
	f.Add(5, "finance-sftp", "pause", "\x00")
	f.Add(6, "金额", "%2e%2e", "9223372036854775807")
	f.Fuzz(func(t *testing.T, which int, first, second, third string) {
		first, second, third = url.PathEscape(first), url.PathEscape(second), url.QueryEscape(third)
		asks := []struct{ id, method, path string }{
			{"list-quarantined-rows", "GET", "/v1/quarantine/" + first + "/" + second + "?from=0&reason=" + third},
			{"download-quarantined-rows", "GET", "/v1/quarantine/" + first + "/" + second + "/rows?reason=" + third},
			{"retry-rows", "POST", "/v1/quarantine/" + first + "/" + second + "/retry"},
			{"list-quarantine", "GET", "/v1/quarantine?agency=" + third},
			{"pull-feed", "GET", "/v1/feeds/" + first + "?after=" + third},
			{"pause-connector", "POST", "/v1/connectors/" + first + "/pause"},
			{"list-dispatches", "GET", "/v1/connectors/" + first + "/dispatches?before=" + third},
			{"resend-dispatch", "POST", "/v1/connectors/" + first + "/dispatches/" + second + "/resend"},
			{"list-expected", "GET", "/v1/expected?from=" + first + "&to=" + third},
			{"get-profile", "GET", "/v1/profiles/" + first},
		}
		ask := asks[((which%len(asks))+len(asks))%len(asks)]
		in := httptest.NewRequest(ask.method, ask.path, strings.NewReader("{}"))
		in.Header.Set("Authorization", "Bearer hb_finance")
		out := httptest.NewRecorder()
		r.mux.ServeHTTP(out, in)
		switch out.Code {
		case http.StatusMovedPermanently, http.StatusTemporaryRedirect, http.StatusNotFound, http.StatusMethodNotAllowed: // names such as ".." make it another address
		case http.StatusInternalServerError:
			t.Fatalf("%s: %s", ask.path, out.Body)
		default:
			if r.operation(ask.id).Responses[strconv.Itoa(out.Code)] == nil && !strings.ContainsAny(first+second, ".") && first != "" && second != "" {
				t.Fatalf("%s: %s: status %d is not documented: %s", ask.id, ask.path, out.Code, out.Body)
			}
		}
		for _, agency := range r.desk.quarantine.asked {
			if !strings.HasPrefix(agency, "finance finance/") {
				t.Fatalf("%s reads %s", ask.path, agency)
			}
		}
		r.desk.quarantine.asked, r.desk.quarantine.made, r.desk.feeds.read, r.desk.months = nil, nil, nil, nil
		if done := r.desk.connectors.done; len(done) > 0 {
			t.Fatalf("%s: %v", ask.path, done)
		}
	})
}
