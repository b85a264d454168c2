package push_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"hebian/connectors"
	"hebian/connectors/push"
)

const rowsAt = "/v1/quarantine/finance/payroll-202609.csv"

func TestQuarantine(t *testing.T) {
	r := build(t)
	for token, want := range map[string]int{"hb_finance": 1, "hb_hr": 0, "hb_operator": 1, "hb_sandbox": 0} {
		out, _ := r.call(t, "list-quarantine", request{method: http.MethodGet, path: "/v1/quarantine", token: token})
		var got struct{ Files []push.QuarantinedFile }
		if err := json.Unmarshal(out.Body.Bytes(), &got); err != nil || len(got.Files) != want || got.Files == nil {
			t.Errorf("%s sees %s", token, out.Body)
		}
		if want > 0 && (got.Files[0].File != theFile || got.Files[0].Rows != 2) {
			t.Errorf("%s sees %+v", token, got.Files[0])
		}
	}
}

// Pages of rows are whole and in order, whatever they are asked for by.
func TestQuarantinedRows(t *testing.T) {
	r := build(t)
	for n := 3; n <= 5000; n++ {
		row := waiting(n)
		if n%2 == 0 {
			row.Reason = "OUT & LIMIT" // an address must bear it
		}
		r.desk.quarantine.rows = append(r.desk.quarantine.rows, row)
	}
	for _, test := range []struct {
		query       string
		rows, pages int
	}{{"", 5000, 5}, {"?reason=UNREADABLE", 2501, 3}, {"?reason=OUT+%26+LIMIT", 2499, 3}, {"?from=4000", 1000, 1}, {"?from=9000", 0, 1}, {"?reason=NONE", 0, 1}} {
		path, pages, last, n := rowsAt+test.query, 0, "", 0
		for ; path != ""; pages++ {
			out, _ := r.call(t, "list-quarantined-rows", request{method: http.MethodGet, path: path})
			var page struct {
				Rows []connectors.QuarantinedRow
				Next string
			}
			if err := json.Unmarshal(out.Body.Bytes(), &page); err != nil || out.Code != http.StatusOK {
				t.Fatalf("%s: answer %d: %.200s", path, out.Code, out.Body)
			}
			if bytes.Contains(out.Body.Bytes(), []byte("=1+1")) {
				t.Fatalf("a list tells what stands in rows: %.200s", out.Body)
			}
			for _, row := range page.Rows {
				if row.Row <= last {
					t.Fatalf("%s: row %s comes behind %s", path, row.Row, last)
				}
				last = row.Row
			}
			n, path = n+len(page.Rows), page.Next
		}
		if n != test.rows || pages != test.pages {
			t.Errorf("%q: %d rows on %d pages, want %d on %d", test.query, n, pages, test.rows, test.pages)
		}
	}
	r.desk.quarantine.broken = errors.New("page 3 of secret.db is torn")
	out, p := r.call(t, "list-quarantined-rows", request{method: http.MethodGet, path: rowsAt + "?reason=NONE"})
	if p == nil || p.Code() != "internal" || strings.Contains(out.Body.String(), "secret") {
		t.Errorf("answer %d: %s", out.Code, out.Body)
	}
	if _, p := r.call(t, "list-quarantined-rows", request{method: http.MethodGet, path: rowsAt + "?from=-1"}); p == nil || p.Code() != "invalid" {
		t.Errorf("from before the start: %v", p)
	}
}

// A download is a file of the agency's own columns, with its name, form and characters, and cells that a
// spreadsheet program would run disarmed.
func TestDownload(t *testing.T) {
	for _, test := range []struct{ query, encoding, media, file, begins string }{
		{"", "utf-8", "text/csv; charset=utf-8", "payroll-202609-refused.csv", "_row,_line,_column,_reason,_detail,发放单位代码,"},
		{"?form=csv", "gb18030", "text/csv; charset=gb18030", "payroll-202609-refused.csv", "_row,_line,_column,_reason,_detail,\xb7\xa2"},
		{"?form=ndjson", "utf-8", "application/x-ndjson", "payroll-202609-refused.ndjson", `{"_row":"00000000000000000000000000000001","_line":"2",`},
		{"?form=ndjson", "gb18030", "application/x-ndjson", "payroll-202609-refused.ndjson", `{"_row":"00000000000000000000000000000001","_line":"2",`},
		{"?form=xlsx", "utf-8", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "payroll-202609-refused.xlsx", "PK\x03\x04"},
	} {
		t.Run(test.query+" "+test.encoding, func(t *testing.T) {
			r := build(t)
			for i := range r.desk.quarantine.rows {
				r.desk.quarantine.rows[i].Encoding = test.encoding
			}
			out, _ := r.call(t, "download-quarantined-rows", request{method: http.MethodGet, path: rowsAt + "/rows" + test.query})
			got := []string{out.Header().Get("Content-Type"), out.Header().Get("Content-Disposition"), out.Header().Get("Cache-Control"), out.Header().Get("Hebian-More")}
			if diff := cmp.Diff([]string{test.media, "attachment; filename=" + test.file, "no-store", "false"}, got); diff != "" {
				t.Errorf("headers (-want +got):\n%s", diff)
			}
			if !strings.HasPrefix(out.Body.String(), test.begins) {
				t.Errorf("it begins %.80q, want %q", out.Body, test.begins)
			}
		})
	}
	r := build(t)
	out, _ := r.call(t, "download-quarantined-rows", request{method: http.MethodGet, path: rowsAt + "/rows?reason=UNREADABLE"})
	table, err := csv.NewReader(out.Body).ReadAll()
	if err != nil || len(table) != 3 {
		t.Fatalf("%d rows, %v", len(table), err)
	}
	want := []string{"00000000000000000000000000000002", "3", "金额", "UNREADABLE", "want an amount such as 5432.1", "U2", "'=1+1", "x", ""}
	if diff := cmp.Diff(want, table[2]); diff != "" {
		t.Errorf("row (-want +got):\n%s", diff)
	}
	if _, p := r.call(t, "download-quarantined-rows", request{method: http.MethodGet, path: rowsAt + "/rows?form=pdf"}); p == nil || p.Code() != "invalid" {
		t.Errorf("another form: %v", p)
	}
	r.desk.quarantine.broken = errors.New("torn")
	if _, p := r.call(t, "download-quarantined-rows", request{method: http.MethodGet, path: rowsAt + "/rows"}); p == nil || p.Code() != "internal" {
		t.Errorf("torn: %v", p)
	}
}

// A download has a bound in rows and in bytes, and says when there is more.
func TestDownloadBound(t *testing.T) {
	for _, test := range []struct {
		name  string
		bytes int
		all   int
		want  int
		more  string
	}{
		{"a byte more", 32<<20 + 1, 2, 1, "true"},
		{"a row more", 2, 100_001, 100_000, "true"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := build(t)
			row := waiting(1)
			row.Form, row.Raw = connectors.NDJSON, append(bytes.Repeat([]byte(" "), test.bytes-2), "{}"...)
			r.desk.quarantine.rows = nil
			for range test.all {
				r.desk.quarantine.rows = append(r.desk.quarantine.rows, row)
			}
			out, _ := r.call(t, "download-quarantined-rows", request{method: http.MethodGet, path: rowsAt + "/rows?form=ndjson"})
			if n := bytes.Count(out.Body.Bytes(), []byte("\n")); n != test.want || out.Header().Get("Hebian-More") != test.more {
				t.Errorf("%d rows, more: %s", n, out.Header().Get("Hebian-More"))
			}
		})
	}
}

func TestResubmit(t *testing.T) {
	r := open(t)
	for _, test := range []struct {
		query string
		form  connectors.Form
	}{{"", connectors.CSV}, {"?form=ndjson", connectors.NDJSON}, {"?form=xlsx", connectors.XLSX}} {
		r.desk.quarantine.during = func() { // the file is not there for others meanwhile
			if response, _ := r.send(t, requestOf(file)); response.StatusCode != http.StatusConflict {
				t.Errorf("a delivery meanwhile: answer %d", response.StatusCode)
			}
		}
		r.desk.quarantine.upload, r.desk.quarantine.text = nil, nil
		response, body := r.send(t, request{path: rowsAt + "/resubmit" + test.query, token: "hb_operator", body: file, header: map[string]string{"Content-Digest": contentDigest(file)}})
		if response.StatusCode != http.StatusCreated || response.Header.Get("Location") != "/v1/receipts/8" || receiptOf(t, body).Delivery != 8 {
			t.Fatalf("answer %d at %q: %s", response.StatusCode, response.Header.Get("Location"), body)
		}
		u := r.desk.quarantine.upload[0]
		got := []any{u.Agency, u.Name, u.As, u.In, u.Mended, u.By, u.Bytes, r.desk.quarantine.text[0]}
		want := []any{"finance", theFile, test.form, "auto", true, "wang", int64(len(file)), file}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("the hub got (-want +got):\n%s", diff)
		}
	}
	release, _ := r.claims.Take(theFile)
	defer release()
	if _, p := r.call(t, "resubmit-rows", request{method: http.MethodPost, path: rowsAt + "/resubmit", body: file}); p == nil || p.Code() != "busy" {
		t.Errorf("while it is taken in: %v", p)
	}
}

// Every way in which corrected rows are refused has its status and code, and leaves nothing in the spool.
func TestResubmitRefused(t *testing.T) {
	for _, test := range []struct {
		name    string
		request request
		body    io.Reader
		err     error
		outcome connectors.Outcome
		status  int
		code    string
		reached bool // the hub
	}{
		{name: "broken off", body: io.MultiReader(strings.NewReader(file), iotest.ErrReader(io.ErrUnexpectedEOF)), status: 400, code: "truncated"},
		{name: "stalled", body: io.MultiReader(strings.NewReader(file), iotest.ErrReader(os.ErrDeadlineExceeded)), status: 408, code: "stalled"},
		{name: "too large as announced", body: strings.NewReader(strings.Repeat("x", maxBytes+1)), status: 413, code: "too_large"},
		{name: "too large as it turns out", body: io.MultiReader(strings.NewReader(strings.Repeat("x", maxBytes+1))), status: 413, code: "too_large"},
		{name: "other bytes than announced", request: request{header: map[string]string{"Content-Digest": contentDigest("x")}}, status: 400, code: "digest_mismatch"},
		{name: "a digest that is none", request: request{header: map[string]string{"Content-Digest": "sha-256=abc"}}, status: 400, code: "bad_digest"},
		{name: "packed otherwise", request: request{header: map[string]string{"Content-Encoding": "br"}}, status: 415, code: "unsupported"},
		{name: "a form", request: request{header: map[string]string{"Content-Type": "multipart/form-data; boundary=x"}}, status: 415, code: "unsupported"},
		{name: "another form", request: request{path: "?form=avro"}, status: 422, code: "invalid"},
		{name: "busy", err: fmt.Errorf("x: %w", connectors.ErrBusy), status: 409, code: "busy", reached: true},
		{name: "no such row", err: connectors.ErrUnknown, status: 404, code: "unknown_row", reached: true},
		{name: "the hub's own problem", err: &push.Problem{Type: "urn:hebian:problem:file_refused", Title: "x", Status: 422, Detail: "x", DetailZH: "x"}, status: 422, code: "file_refused", reached: true},
		{name: "not a file", outcome: connectors.Failed, status: 422, code: "file_refused", reached: true},
		{name: "held", outcome: connectors.Held, status: 202, reached: true},
		{name: "about to stop", err: connectors.ErrClosing, status: 503, code: "closing", reached: true},
		{name: "disk full", err: syscall.ENOSPC, status: 507, code: "disk_full", reached: true},
		{name: "the hub's own fault", err: errors.New("secret"), status: 500, code: "internal", reached: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := build(t)
			r.desk.quarantine.err, r.desk.quarantine.out.Outcome = test.err, test.outcome
			q := test.request
			q.method, q.path = http.MethodPost, rowsAt+"/resubmit"+q.path
			if test.body == nil {
				test.body = strings.NewReader(file)
			}
			out := r.ask(q, test.body)
			code := ""
			if p := r.documented(t, "resubmit-rows", out); p != nil {
				code = p.Code()
			}
			if out.Code != test.status || code != test.code {
				t.Fatalf("answer %d %s, want %d %s: %s", out.Code, code, test.status, test.code, out.Body)
			}
			if (len(r.desk.quarantine.upload) > 0) != test.reached || strings.Contains(out.Body.String(), "secret") {
				t.Errorf("the hub got %d files: %s", len(r.desk.quarantine.upload), out.Body)
			}
		})
	}
}

// What is sent to be mended counts as what an agency may send in a day.
func TestResubmitQuota(t *testing.T) {
	r := build(t, func(o *push.Options) { o.Limits.DailyBytes = int64(len(file)) + 1 })
	for _, code := range []string{"", "quota"} {
		_, p := r.call(t, "resubmit-rows", request{method: http.MethodPost, path: rowsAt + "/resubmit", body: file})
		if p != nil && p.Code() != code || p == nil && code != "" {
			t.Errorf("%v, want %q", p, code)
		}
	}
	if len(r.desk.quarantine.upload) != 1 {
		t.Errorf("the hub got %d files", len(r.desk.quarantine.upload))
	}
}

func TestMend(t *testing.T) {
	ids := []string{waiting(1).Row, waiting(2).Row}
	for _, test := range []struct{ verb, body, code, made string }{
		{"retry", `{}`, "", `retry finance/payroll-202609.csv [] "" by finance`},
		{"retry", fmt.Sprintf(`{"rows":[%q]}`, ids[1]), "", `retry finance/payroll-202609.csv [2] "" by finance`},
		{"retry", `{"reason":"UNREADABLE"}`, "", `retry finance/payroll-202609.csv [1 2] "" by finance`},
		{"retry", `{"reason":"NONE"}`, "unknown_row", ""},
		{"retry", fmt.Sprintf(`{"rows":[%q],"reason":"UNREADABLE"}`, ids[0]), "invalid", ""},
		{"retry", `{"lines":[1]}`, "invalid", ""},
		{"retry", `[`, "invalid", ""},
		{"discard", `{}`, "note_required", ""},
		{"discard", `{"note":" \t "}`, "note_required", ""},
		{"discard", `{"note":"paper kept"}`, "", `discard finance/payroll-202609.csv [] "paper kept" by finance`},
		{"discard", `{"note":"paper kept","reason":"UNREADABLE"}`, "", `discard finance/payroll-202609.csv [1 2] "paper kept" by finance`},
		{"discard", fmt.Sprintf(`{"note":"paper kept","rows":[%q]}`, ids[0]), "", `discard finance/payroll-202609.csv [1] "paper kept" by finance`},
		{"discard", fmt.Sprintf(`{"note":%q}`, strings.Repeat("长", 1001)), "invalid", ""},
	} {
		r := build(t)
		out, p := r.call(t, test.verb+"-rows", request{method: http.MethodPost, path: rowsAt + "/" + test.verb, body: test.body, header: map[string]string{"Content-Type": "application/json"}})
		code, made := "", strings.Join(r.desk.quarantine.made, "; ")
		if p != nil {
			code = p.Code()
		}
		if code != test.code || made != test.made || code == "" && out.Header().Get("Location") != "/v1/receipts/8" {
			t.Errorf("%s %.100s: answer %d %s, made %q: %.200s", test.verb, test.body, out.Code, code, made, out.Body)
		}
	}
	for _, verb := range []string{"retry", "discard"} {
		for _, test := range []struct {
			err  error
			code string
		}{{connectors.ErrBusy, "busy"}, {connectors.ErrUnknown, "unknown_row"}, {connectors.ErrClosing, "closing"}, {connectors.ErrFull, "disk_full"}, {errors.New("torn"), "internal"}} {
			r := build(t)
			r.desk.quarantine.err = test.err
			if _, p := r.call(t, verb+"-rows", request{method: http.MethodPost, path: rowsAt + "/" + verb, body: `{"note":"x"}`}); p == nil || p.Code() != test.code {
				t.Errorf("%s: %v answers %v", verb, test.err, p)
			}
		}
		r := build(t)
		r.desk.quarantine.broken = errors.New("torn")
		if _, p := r.call(t, verb+"-rows", request{method: http.MethodPost, path: rowsAt + "/" + verb, body: `{"note":"x","reason":"UNREADABLE"}`}); p == nil || p.Code() != "internal" {
			t.Errorf("%s: %v", verb, p)
		}
	}
}

// A request may name as many rows as a download has.
func TestMendMany(t *testing.T) {
	r := build(t)
	var ids []string
	for n := range 100_000 {
		ids = append(ids, waiting(n).Row)
	}
	for want, rows := range map[int][]string{http.StatusCreated: ids, http.StatusUnprocessableEntity: append(ids, ids[0])} {
		text, err := json.Marshal(map[string]any{"rows": rows})
		if err != nil {
			t.Fatal(err)
		}
		if out, _ := r.call(t, "retry-rows", request{method: http.MethodPost, path: rowsAt + "/retry", body: string(text)}); out.Code != want {
			t.Errorf("%d rows: answer %d, want %d: %.200s", len(rows), out.Code, want, out.Body)
		}
	}
}

// Whoever goes away meanwhile leaves no half-done work.
func TestMendSenderGoes(t *testing.T) {
	r := open(t)
	gone, leave := context.WithCancel(t.Context())
	var served context.Context
	r.serve = func(w http.ResponseWriter, q *http.Request, next http.Handler) {
		served = q.Context()
		next.ServeHTTP(w, q)
	}
	r.desk.quarantine.during = func() { leave(); <-served.Done() }
	q, err := http.NewRequestWithContext(gone, http.MethodPost, r.server.URL+rowsAt+"/retry", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	q.Header.Set("Authorization", "Bearer hb_finance")
	if response, err := http.DefaultTransport.RoundTrip(q); err == nil {
		response.Body.Close()
		t.Fatal("there is an answer")
	}
	r.server.Close() // waits for what is on its way
	if len(r.desk.quarantine.made) != 1 {
		t.Errorf("made %v", r.desk.quarantine.made)
	}
}
