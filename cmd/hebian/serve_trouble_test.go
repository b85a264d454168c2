package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// smallUploads is a configuration under which files may have a megabyte.
const smallUploads = "serve: {upload_mbytes: 1, spool_mbytes: 16}\n"

// newVillage is a hub that serves the village, with three persons paid without a slot.
func newVillage(t *testing.T, config string) (h *served, files map[string][]byte) {
	t.Helper()
	h = newServed(t, "--as-of", sampleDay, "--config", filepath.Join(writeCounty(t, map[string]string{"c.yaml": config}), "c.yaml"))
	h.start(t)
	files = village(40, 43)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		h.take(t, name, files[name])
	}
	h.declareAll(t, "202609", files)
	h.caughtUp(t, sampleDay)
	return h, files
}

// sight is all that deliveries could change.
type sight struct {
	Flags   string
	Status  status
	Cases   map[string]string
	Unknown bool // that there is no receipt of the next delivery
}

func (h *served) see(t *testing.T, next int64) (s sight) {
	t.Helper()
	s.Flags, s.Status, s.Cases = h.flags(t, sampleDay), h.status(t), h.states(t)
	r, err := h.ask(operator, http.MethodGet, fmt.Sprintf("/v1/receipts/%d", next), nil)
	s.Unknown = err == nil && r.status == http.StatusNotFound
	return s
}

// digestOf is a Content-Digest.
func digestOf(content []byte) string {
	sum := sha256.Sum256(content)
	return "sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":"
}

// What a sender does wrong is answered by a problem that says what to do, and changes nothing.
func TestServeRefuses(t *testing.T) {
	h, files := newVillage(t, smallUploads)
	const pay, insured = "/v1/deliveries/finance/payroll-202609.csv", "/v1/deliveries/social/insurance.csv"
	content := files["finance/payroll-202609.csv"]
	last := h.take(t, "finance/payroll-202609.csv", content)
	h.tokens["stranger"] = "hb_thisOpensNothing"
	h.tokens["gone"] = h.issue(t, "--agency", "finance", "--label", "gone")
	mustRun(t, "token", "revoke", lastToken(t, h.data), "--data", h.data)
	long := bytes.Repeat([]byte("x"), 1<<20+1)
	before := h.see(t, last.Delivery+1)
	for _, test := range []struct {
		name   string
		who    string
		method string
		path   string
		body   io.Reader
		header []string
		status int
		code   string
		says   []string
	}{
		{"no token", "", "POST", pay, bytes.NewReader(content), nil, 401, "unauthorized", nil},
		{"a token that opens nothing", "stranger", "POST", pay, bytes.NewReader(content), nil, 401, "unauthorized", nil},
		{"a token that was revoked", "gone", "POST", pay, bytes.NewReader(content), nil, 401, "unauthorized", nil},
		{"a password in the place of a token", "", "POST", pay, bytes.NewReader(content), []string{"Authorization", "Basic bGluOng="}, 401, "unauthorized", nil},
		{"another agency's file", "social", "POST", pay, bytes.NewReader(content), nil, 403, "forbidden", []string{"finance"}},
		{"a file from an officer", officer, "POST", pay, bytes.NewReader(content), nil, 403, "forbidden", nil},
		{"an unknown agency", "finance", "POST", "/v1/deliveries/treasury/payroll-202609.csv", bytes.NewReader(content), nil, 404, "unknown_agency", []string{"treasury", "finance", "staffing"}},
		{"an unknown file", "finance", "POST", "/v1/deliveries/finance/wages.csv", bytes.NewReader(content), nil, 404, "unknown_file", []string{"wages.csv", "payroll-YYYYMM.csv", "control_numbers.csv"}},
		{"a file of a thirteenth month", "finance", "POST", "/v1/deliveries/finance/payroll-202613.csv", bytes.NewReader(content), nil, 404, "unknown_file", []string{"payroll-YYYYMM.csv"}},
		{"a way out of the folder", "finance", "POST", "/v1/deliveries/finance/..%2Fsocial%2Finsurance.csv", bytes.NewReader(content), nil, 404, "unknown_file", nil},
		{"a file too large", "finance", "POST", pay, bytes.NewReader(long), nil, 413, "too_large", []string{"1048576"}},
		{"a file too large that does not say so", "finance", "POST", pay, io.MultiReader(bytes.NewReader(long)), nil, 413, "too_large", []string{"1048576"}},
		{"other bytes than announced", "finance", "POST", pay, bytes.NewReader(content), []string{"Content-Digest", digestOf(long)}, 400, "digest_mismatch", []string{"again"}},
		{"a digest that is none", "finance", "POST", pay, bytes.NewReader(content), []string{"Content-Digest", "md5=:AAAA:"}, 400, "bad_digest", []string{"sha-256"}},
		{"a compressed body", "finance", "POST", pay, bytes.NewReader(content), []string{"Content-Encoding", "gzip"}, 415, "unsupported", []string{"not compressed"}},
		{"a form", "finance", "POST", pay, bytes.NewReader(content), []string{"Content-Type", "multipart/form-data; boundary=x"}, 415, "unsupported", []string{"--data-binary"}},
		{"rows to add without a key", "finance", "POST", pay + "?mode=add", bytes.NewReader(content), nil, 400, "key_required", []string{"Idempotency-Key"}},
		{"a mode that is none", "finance", "POST", pay + "?mode=replace", bytes.NewReader(content), nil, 422, "invalid", []string{"mode"}},
		{"the month 202613", "finance", "PUT", "/v1/periods/202613/complete", nil, nil, 404, "unknown_period", []string{"202613", "202609"}},
		{"a month that has not come", "finance", "PUT", "/v1/periods/209912/complete", nil, nil, 404, "unknown_period", []string{"209912"}},
		{"a month by its name", "finance", "PUT", "/v1/periods/September/complete", nil, nil, 404, "unknown_period", []string{"September"}},
		{"a month whose files are not there", "finance", "PUT", "/v1/periods/202608/complete", nil, nil, 409, "files_lacking", []string{"finance/payroll-202608.csv", "empty"}},
		{"an empty file that is another agency's", "finance", "PUT", "/v1/periods/202609/complete", strings.NewReader(`{"empty":["civil/deaths.csv"]}`), nil, 404, "unknown_file", []string{"civil/deaths.csv", "finance/control_numbers.csv"}},
		{"another agency's month", "finance", "PUT", "/v1/periods/202609/complete?agency=civil", nil, nil, 403, "forbidden", []string{"civil"}},
		{"a declaration that is none", "finance", "PUT", "/v1/periods/202609/complete", strings.NewReader(`{"kind":"nearly"}`), nil, 422, "invalid", []string{"kind"}},
		{"another agency's receipt", "social", "GET", fmt.Sprintf("/v1/receipts/%d", last.Delivery), nil, nil, 404, "unknown_receipt", nil},
		{"a receipt that is none", "finance", "GET", "/v1/receipts/999999", nil, nil, 404, "unknown_receipt", nil},
		{"a release by an agency", "finance", "POST", fmt.Sprintf("/v1/receipts/%d/release", last.Delivery), nil, nil, 403, "forbidden", nil},
		{"a release of what is not held", operator, "POST", fmt.Sprintf("/v1/receipts/%d/release", last.Delivery), nil, nil, 409, "not_held", nil},
		{"a discard of what is not there", operator, "POST", "/v1/receipts/999999/discard", nil, nil, 404, "unknown_receipt", nil},
		{"flags for an agency", "finance", "GET", "/v1/flags.csv", nil, nil, 403, "forbidden", nil},
		{"flags for nobody", "", "GET", "/v1/flags.csv", nil, nil, 401, "unauthorized", nil},
		{"flags of a day that is none", operator, "GET", "/v1/flags.csv?as_of=2026-02-30", nil, nil, 422, "invalid", []string{"as_of"}},
		{"status for an agency", "finance", "GET", "/v1/status", nil, nil, 403, "forbidden", nil},
		{"cases for an agency", "finance", "GET", "/v1/cases", nil, nil, 403, "forbidden", nil},
		{"a case that is none", officer, "GET", "/v1/cases/0123456789abcdef", nil, nil, 404, "unknown_case", nil},
		{"a case claimed by an operator", operator, "POST", "/v1/cases/" + noSlot(41) + "/claim", nil, nil, 403, "forbidden", nil},
		{"a decision on a case that nobody holds", officer, "POST", "/v1/cases/" + noSlot(41) + "/decide", strings.NewReader(`{"outcome":"confirmed","reason":"查实"}`), nil, 409, "not_held", nil},
		{"an address that is none", "finance", "GET", "/v1/nothing", nil, nil, 404, "unknown_address", nil},
		{"a method that is none", "finance", "DELETE", insured, nil, nil, 404, "unknown_address", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			header := test.header
			if test.method == "PUT" {
				header = append(header, "Content-Type", "application/json")
			}
			r, err := h.ask(test.who, test.method, test.path, test.body, header...)
			if err != nil {
				t.Fatal(err)
			}
			if r.status != test.status {
				t.Fatalf("status %d, want %d: %s", r.status, test.status, r.body)
			}
			p := r.problem(t)
			if p.Code() != test.code {
				t.Errorf("problem %s, want %s", p.Code(), test.code)
			}
			for _, says := range test.says {
				if !strings.Contains(p.Detail, says) {
					t.Errorf("the problem does not say %q: %s", says, p.Detail)
				}
			}
			if challenged := r.header.Get("WWW-Authenticate") != ""; challenged != (test.status == 401) {
				t.Errorf("WWW-Authenticate is %q with status %d", r.header.Get("WWW-Authenticate"), r.status)
			}
		})
	}
	if diff := cmp.Diff(before, h.see(t, last.Delivery+1)); diff != "" {
		t.Errorf("something of it counts (-before +after):\n%s", diff)
	}
	h.emptySpool(t)
}

// lastToken is the number of the token made last.
func lastToken(t *testing.T, data string) string {
	t.Helper()
	_, out, _ := hebian(t, "token", "list", "--data", data, "-o", "json")
	var tokens []struct{ ID int64 }
	reply{body: []byte(out)}.into(t, &tokens)
	newest := int64(0)
	for _, token := range tokens {
		newest = max(newest, token.ID)
	}
	return fmt.Sprint(newest)
}

// emptySpool checks that no upload has left anything.
func (h *served) emptySpool(t *testing.T) {
	t.Helper()
	eventually(t, "the spool is empty", func() bool { return len(h.spooled(t)) == 0 })
}

func (h *served) spooled(t *testing.T) []os.DirEntry {
	t.Helper()
	files, err := os.ReadDir(filepath.Join(h.data, spoolFolder))
	if err != nil {
		t.Fatal(err)
	}
	return files
}
