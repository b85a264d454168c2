package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hebian/connectors"
	"hebian/connectors/push"
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
	Status  hubStatus
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
		{"a compressed body", "finance", "POST", pay, bytes.NewReader(content), []string{"Content-Encoding", "br"}, 415, "unsupported", []string{"gzip"}},
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
		{"a method that is none", "finance", "DELETE", insured, nil, nil, 405, "unknown_method", nil},
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

// slow is an upload under way whose body comes in pieces.
type slow struct {
	body  *io.PipeWriter
	reply reply
	err   error
	ended chan struct{}
}

// upload begins an upload and waits until the hub has its first bytes. Ended returns its answer.
func (h *served) upload(t *testing.T, name string, first []byte, header ...string) *slow {
	t.Helper()
	r, w := io.Pipe()
	u := &slow{body: w, ended: make(chan struct{})}
	before := len(h.spooled(t))
	agency, path := handedIn(t, name)
	go func() {
		defer close(u.ended)
		u.reply, u.err = h.ask(agency, http.MethodPost, path, r, header...)
		r.CloseWithError(errors.New("the hub has answered"))
	}()
	t.Cleanup(func() { w.CloseWithError(errors.New("the test is over")); <-u.ended })
	if _, err := w.Write(first); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the upload is under way", func() bool { return len(h.spooled(t)) > before })
	return u
}

// end sends the rest of the body and waits for the answer.
func (u *slow) end(t *testing.T, rest []byte) reply {
	t.Helper()
	if _, err := u.body.Write(rest); err != nil {
		t.Fatal(err)
	}
	u.body.Close()
	<-u.ended
	if u.err != nil {
		t.Fatal(u.err)
	}
	return u.reply
}

// An upload that breaks off leaves nothing, however it breaks off.
func TestServeTruncated(t *testing.T) {
	h, files := newVillage(t, smallUploads)
	content := files["finance/payroll-202609.csv"]
	last := h.take(t, "finance/payroll-202609.csv", content)
	before := h.see(t, last.Delivery+1)
	head := func(more string) string {
		return "POST /v1/deliveries/finance/payroll-202609.csv HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer " + h.tokens["finance"] + "\r\n" + more + "\r\n\r\n"
	}
	half := string(content[:len(content)/2])
	for name, text := range map[string]string{
		"shorter than announced": head(fmt.Sprintf("Content-Length: %d", len(content))) + half,
		"without a last chunk":   head("Transfer-Encoding: chunked") + fmt.Sprintf("%x\r\n%s\r\n", len(half), half),
		"in the middle of one":   head("Transfer-Encoding: chunked") + fmt.Sprintf("%x\r\n%s", len(content), half),
		"a chunk that is none":   head("Transfer-Encoding: chunked") + fmt.Sprintf("%x\r\n%s\r\nzz\r\n", len(half), half),
		"nothing at all":         head(fmt.Sprintf("Content-Length: %d", len(content))),
	} {
		for _, waits := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, waits for the answer: %t", name, waits), func(t *testing.T) {
				var p *push.Problem
				eventually(t, "the upload before is over", func() bool {
					p = h.breakOff(t, text, waits)
					return p == nil || p.Code() != "busy"
				})
				if waits && (p.Status != http.StatusBadRequest || p.Code() != "truncated") {
					t.Errorf("the answer is %d %s, want 400 truncated", p.Status, p.Code())
				}
			})
		}
	}
	h.emptySpool(t)
	if diff := cmp.Diff(before, h.see(t, last.Delivery+1)); diff != "" {
		t.Errorf("something of it counts (-before +after):\n%s", diff)
	}
}

// breakOff sends part of a request and reads what is wrong with it, if it waits for that.
func (h *served) breakOff(t *testing.T, text string, waits bool) *push.Problem {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(h.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	if !waits {
		return nil
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{response.StatusCode, response.Header, body}.problem(t)
}

// Two uploads of one file, or under one key, exclude each other; so many at once is enough.
func TestServeBusy(t *testing.T) {
	h, files := newVillage(t, smallUploads)
	const name = "finance/payroll-202609.csv"
	content := files[name]
	first := h.upload(t, name, content[:100], "Idempotency-Key", "one")
	for what, try := range map[string]func() (reply, error){
		"the same file": func() (reply, error) { return h.deliver(name, content) },
		"the same key": func() (reply, error) {
			return h.deliver("finance/payroll-202608.csv", content, "Idempotency-Key", "one")
		},
		"the same file from an operator": func() (reply, error) {
			return h.ask(operator, http.MethodPost, "/v1/deliveries/"+name, bytes.NewReader(content))
		},
	} {
		r, err := try()
		if err != nil || r.status != http.StatusConflict || r.problem(t).Code() != "busy" || r.header.Get("Retry-After") == "" {
			t.Errorf("%s at the same time: status %d, %v, Retry-After %q; want 409 busy and when to come again", what, r.status, err, r.header.Get("Retry-After"))
		}
	}
	if r := first.end(t, content[100:]); r.status != http.StatusCreated || r.receipt(t).RowsRead != 43 {
		t.Errorf("the upload that came first: status %d: %s", r.status, r.body)
	}

	var many []*slow
	for month := range 4 { // of one agency
		many = append(many, h.upload(t, fmt.Sprintf("finance/payroll-%d.csv", 202001+month), content[:10]))
	}
	r, err := h.deliver(name, content)
	if err != nil || r.status != http.StatusServiceUnavailable || r.problem(t).Code() != "overloaded" || r.header.Get("Retry-After") == "" {
		t.Errorf("one upload more than the hub takes of an agency at once: status %d, %v: %s", r.status, err, r.body)
	}
	h.take(t, "staffing/slots.csv", files["staffing/slots.csv"]) // no other agency waits for it
	for _, u := range many {
		if r := u.end(t, content[10:]); r.status != http.StatusCreated {
			t.Errorf("status %d: %s", r.status, r.body)
		}
	}
	h.take(t, name, content)
	h.caughtUp(t, sampleDay)
}

// A key stands for one file, whatever happens in between.
func TestServeKeys(t *testing.T) {
	h, files := newVillage(t, smallUploads)
	const name = "finance/payroll-202609.csv"
	more := payroll(50)
	send := func(name, mode string, content []byte) reply {
		t.Helper()
		r, err := h.ask("finance", http.MethodPost, "/v1/deliveries/"+name+"?mode="+mode, bytes.NewReader(content), "Idempotency-Key", "k1")
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	first := send(name, "add", more)
	if first.status != http.StatusCreated || first.receipt(t).Live != 44 {
		t.Fatalf("status %d: %s", first.status, first.body)
	}
	for _, restart := range []func(){func() {}, func() { h.kill(); h.start(t) }} {
		restart()
		h.caughtUp(t, sampleDay)
		before := h.see(t, first.receipt(t).Delivery+1)
		again := send(name, "add", more)
		if again.status != http.StatusOK || again.header.Get("Idempotent-Replayed") != "true" || again.header.Get("Location") != first.header.Get("Location") {
			t.Errorf("the same again: status %d, header %v", again.status, again.header)
		}
		if diff := cmp.Diff(first.receipt(t), again.receipt(t)); diff != "" {
			t.Errorf("the same again has another receipt (-want +got):\n%s", diff)
		}
		for what, r := range map[string]reply{
			"other bytes":  send(name, "add", payroll(51)),
			"another mode": send(name, "full", more),
			"another file": send("finance/payroll-202608.csv", "add", more),
		} {
			if p := r.problem(t); p.Code() != "key_reused" || p.Status != http.StatusUnprocessableEntity || p.Delivery != first.receipt(t).Delivery {
				t.Errorf("the key with %s: %+v, want 422 key_reused and which delivery it was", what, p)
			}
		}
		if diff := cmp.Diff(before, h.see(t, first.receipt(t).Delivery+1)); diff != "" {
			t.Errorf("something of it counts (-before +after):\n%s", diff)
		}
	}
	if r, err := h.ask("staffing", http.MethodPost, "/v1/deliveries/staffing/slots.csv", bytes.NewReader(files["staffing/slots.csv"]), "Idempotency-Key", "k1"); err != nil || r.status != http.StatusCreated {
		t.Errorf("another agency's delivery under the key: status %d, %v: %s", r.status, err, r.body)
	}
}

// A file that is not what its profile says, and a change set beyond its bounds, have a receipt that says why; what was
// delivered before stays.
func TestServeFileRefused(t *testing.T) {
	h, _ := newVillage(t, "serve: {}\n")
	before := h.flags(t, sampleDay)
	const name = "finance/payroll-202609.csv"
	tooMany := gb18030("发放单位代码,姓名,证件号码,工资类别,金额\n" + strings.Repeat(villageUnit+",张三,"+villager(1)+",基本工资,1\n", 100_001))
	for what, test := range map[string]struct {
		content []byte
		mode    string
		says    string
	}{
		"nothing":                {nil, "full", "header"},
		"another file's columns": {slots(1), "full", "发放单位代码"},
		"another encoding":       {[]byte("发放单位代码,姓名,证件号码,工资类别,金额\n"), "full", "GB18030"},
		"a workbook":             {[]byte("PK\x03\x04\x14\x00"), "full", "XLSX"},
		"a change set too long":  {tooMany, "add", "in parts"},
	} {
		r, err := h.ask("finance", http.MethodPost, "/v1/deliveries/"+name+"?mode="+test.mode, bytes.NewReader(test.content), "Idempotency-Key", strings.ReplaceAll(what, " ", "-"))
		if err != nil || r.status != http.StatusUnprocessableEntity {
			t.Errorf("%s: status %d, %v: %s", what, r.status, err, r.body)
			continue
		}
		p := r.problem(t)
		if p.Code() != "file_refused" || !strings.Contains(p.Detail, test.says) || p.Delivery == 0 {
			t.Errorf("%s: %+v, want file_refused with its delivery and a word about %q", what, p, test.says)
		}
		c := h.must(t, http.StatusOK, "finance", http.MethodGet, fmt.Sprintf("/v1/receipts/%d", p.Delivery), nil).receipt(t)
		if c.Outcome != connectors.Failed || c.RowsRead != 0 || c.Error == "" {
			t.Errorf("%s: the receipt says %+v", what, c)
		}
	}
	if diff := cmp.Diff(before, h.flags(t, sampleDay)); diff != "" {
		t.Errorf("flags changed (-before +after):\n%s", diff)
	}
	h.status(t)
}

// A file that would take back more than a tenth of its rows waits for an operator, and nothing of it counts until
// then; kill -9 changes none of it.
func TestServeHeld(t *testing.T) {
	h, files := newVillage(t, smallUploads)
	const name = "staffing/slots.csv"
	half := slots(villagers(0, 20)...)
	settle := func(want int, what string, id int64) reply {
		t.Helper()
		return h.must(t, want, operator, http.MethodPost, fmt.Sprintf("/v1/receipts/%d/%s", id, what), nil)
	}
	before := h.flags(t, sampleDay)
	send := func(content []byte, withdrawn int64, header ...string) connectors.Receipt {
		t.Helper()
		r, err := h.deliver(name, content, header...)
		if err != nil || r.status != http.StatusAccepted {
			t.Fatalf("status %d, %v: %s", r.status, err, r.body)
		}
		c := r.receipt(t)
		if c.Outcome != connectors.Held || c.Withdrawn != withdrawn || c.Earlier != 40 || c.Live != 0 {
			t.Errorf("the receipt is %+v, want it held: %d of 40 rows", c, withdrawn)
		}
		h.kill()
		h.start(t)
		held := h.status(t).Held
		if len(held) != 1 || held[0].Delivery != c.Delivery || held[0].Withdrawn != withdrawn {
			t.Errorf("the status shows %+v held, want delivery %d", held, c.Delivery)
		}
		if diff := cmp.Diff(before, h.flags(t, sampleDay)); diff != "" {
			t.Errorf("something of it counts (-before +after):\n%.2000s", diff)
		}
		return c
	}

	empty := send(slots(), 40)
	if p := settle(http.StatusOK, "discard", empty.Delivery).receipt(t); p.Outcome == connectors.Held || p.Outcome == connectors.Complete {
		t.Errorf("after a no the receipt says %q", p.Outcome)
	}
	settle(http.StatusConflict, "release", empty.Delivery)
	if diff := cmp.Diff(before, h.flags(t, sampleDay)); diff != "" {
		t.Errorf("the no changed flags (-before +after):\n%.2000s", diff)
	}

	held := send(half, 20, "Idempotency-Key", "half")
	again, err := h.deliver(name, half, "Idempotency-Key", "half")
	if err != nil || again.status != http.StatusAccepted && again.status != http.StatusOK {
		t.Fatalf("the same again: status %d, %v: %s", again.status, err, again.body)
	}
	if diff := cmp.Diff(held, again.receipt(t)); diff != "" {
		t.Errorf("the same again has another receipt (-want +got):\n%s", diff)
	}
	r := settle(http.StatusOK, "release", held.Delivery).receipt(t)
	if r.Outcome != connectors.Complete || r.Live != 20 || r.Delivery == held.Delivery {
		t.Errorf("after a yes the receipt is %+v", r)
	}
	settle(http.StatusConflict, "release", held.Delivery)
	files[name] = half
	if diff := cmp.Diff(checked(t, files, sampleDay), h.flags(t, sampleDay)); diff != "" {
		t.Errorf("flags after the yes differ from a check (-want +got):\n%.2000s", diff)
	}
	h.caughtUp(t, sampleDay)
	if n := len(h.cases(t)); n != 23 {
		t.Errorf("%d cases, want one for each of the 23 without a slot", n)
	}
	again, err = h.deliver(name, half, "Idempotency-Key", "half")
	if err != nil || again.status != http.StatusOK || again.receipt(t).Delivery != r.Delivery {
		t.Errorf("the same again after the yes: status %d, %v: %s", again.status, err, again.body)
	}

	old := h.must(t, http.StatusAccepted, "staffing", http.MethodPost, "/v1/deliveries/"+name, bytes.NewReader(slots(1))).receipt(t)
	h.take(t, name, slots(villagers(0, 30)...))
	settle(http.StatusConflict, "release", old.Delivery) // it would bring an older version back
	if held := h.status(t).Held; len(held) != 0 {
		t.Errorf("%+v is held, want nothing", held)
	}

	// A crash between the receipt and the file's being put by: nobody can say yes any more, so nothing waits.
	lost := h.must(t, http.StatusAccepted, "staffing", http.MethodPost, "/v1/deliveries/"+name, bytes.NewReader(slots(1))).receipt(t)
	h.kill()
	if err := os.RemoveAll(filepath.Join(h.data, heldFolder)); err != nil {
		t.Fatal(err)
	}
	h.start(t)
	if held := h.status(t).Held; len(held) != 0 {
		t.Errorf("%+v is held, want nothing", held)
	}
	settle(http.StatusConflict, "release", lost.Delivery)
}

// Told to stop in the middle of an upload, the hub lets nobody in any more, but the upload end; what its receipt says
// holds.
func TestServeStop(t *testing.T) {
	h, files := newVillage(t, smallUploads)
	content := payroll(villagers(0, 42)...)
	u := h.upload(t, "finance/payroll-202609.csv", content[:100])
	if err := h.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	eventually(t, "nobody is let in any more", func() bool {
		conn, err := net.Dial("tcp", strings.TrimPrefix(h.url, "http://"))
		if err == nil {
			conn.Close()
		}
		return err != nil
	})
	r := u.end(t, content[100:])
	if r.status != http.StatusCreated {
		t.Fatalf("the upload under way: status %d: %s", r.status, r.body)
	}
	if err := h.cmd.Wait(); err != nil {
		t.Fatalf("after SIGTERM: %v\n%s", err, h.log.String())
	}
	h.start(t)
	var page push.ReceiptPage
	h.must(t, http.StatusOK, "finance", http.MethodGet, r.header.Get("Location"), nil).into(t, &page)
	if diff := cmp.Diff(r.receipt(t), page.Receipt); diff != "" {
		t.Errorf("the receipt changed over the stop (-want +got):\n%s", diff)
	}
	files["finance/payroll-202609.csv"] = content
	if diff := cmp.Diff(checked(t, files, sampleDay), h.flags(t, sampleDay)); diff != "" {
		t.Errorf("flags after the stop (-want +got):\n%s", diff)
	}
}

// An upload that does not end is cut off when the hub has waited long enough, and nothing of it counts.
func TestServeStopCutsOff(t *testing.T) {
	if testing.Short() {
		t.Skip("waits as long as the hub does; the long run does")
	}
	t.Parallel()
	h, _ := newVillage(t, smallUploads)
	before := h.flags(t, sampleDay)
	content := payroll(villagers(0, 42)...)
	u := h.upload(t, "finance/payroll-202609.csv", content[:100])
	stopped := make(chan error, 1)
	if err := h.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	go func() { stopped <- h.cmd.Wait() }()
	select {
	case err := <-stopped:
		if err != nil {
			t.Fatalf("after SIGTERM: %v\n%s", err, h.log.String())
		}
	case <-time.After((drainSeconds + 30) * time.Second):
		t.Fatal("the hub does not stop")
	}
	u.body.Close()
	<-u.ended
	if u.err == nil && u.reply.status < 400 {
		t.Errorf("half an upload was answered %d: %s", u.reply.status, u.reply.body)
	}
	h.start(t)
	if diff := cmp.Diff(before, h.flags(t, sampleDay)); diff != "" {
		t.Errorf("half an upload counts (-before +after):\n%s", diff)
	}
	h.emptySpool(t)
}

// One process at a time has a data folder; accounts and tokens are the exception.
func TestServeSecondProcess(t *testing.T) {
	h, _ := newVillage(t, smallUploads)
	for _, args := range [][]string{
		{"serve", "--data", h.data, "--listen", "127.0.0.1:0"},
		{"check", filepath.Join(county, "edge", "in"), "--data", h.data},
	} {
		out, err := process(t, args...).CombinedOutput()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != exitFailed || !strings.Contains(string(out), "in use by another hebian") {
			t.Errorf("%s on the data folder of a hub that runs: %v\n%s", args[0], err, out)
		}
	}
	h.tokens["fresh"] = h.issue(t, "--agency", "finance")
	h.must(t, http.StatusOK, "fresh", http.MethodGet, "/v1/periods", nil)
	mustRun(t, "token", "revoke", lastToken(t, h.data), "--data", h.data)
	h.must(t, http.StatusUnauthorized, "fresh", http.MethodGet, "/v1/periods", nil)

	password := filepath.Join(writeCounty(t, map[string]string{"password": "another twelve characters"}), "password")
	mustRun(t, "account", "add", "qian", "--role", "officer", "--data", h.data, "--password-file", password)
	h.tokens["qian"] = h.issue(t, "--account", "qian")
	h.claim(t, "qian", noSlot(40))
	mustRun(t, "account", "remove", "qian", "--data", h.data)
	h.must(t, http.StatusUnauthorized, "qian", http.MethodGet, "/v1/cases", nil)
}

// A snapshot is a help and never the truth: whatever lies in its place, flags and cases are the same.
func TestServeSnapshot(t *testing.T) {
	h, files := newVillage(t, smallUploads)
	flags, cases := h.flags(t, sampleDay), h.states(t)
	path := filepath.Join(h.data, snapshotName)
	foreign := newServed(t, "--as-of", sampleDay)
	foreign.start(t)
	foreign.take(t, "staffing/slots.csv", slots(1, 2, 3))
	foreign.stop(t)
	flip := func(at func(size int) int) func(t *testing.T) {
		return func(t *testing.T) {
			text := []byte(readText(t, path))
			text[at(len(text))] ^= 4
			if err := os.WriteFile(path, text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	write := func(text string) func(t *testing.T) {
		return func(t *testing.T) {
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	for i, test := range []struct {
		name   string
		damage func(t *testing.T)
		warns  bool
	}{
		{"as it was left", func(*testing.T) {}, false},
		{"none", func(t *testing.T) { os.Remove(path) }, false}, //nolint:errcheck // the next start tells
		{"empty", write(""), true},
		{"a text", write("no snapshot\n"), true},
		{"its beginning alone", func(t *testing.T) { write(readText(t, path)[:60])(t) }, true},
		{"all but its end", func(t *testing.T) { text := readText(t, path); write(text[:len(text)-1])(t) }, true},
		{"more than it", func(t *testing.T) { write(readText(t, path) + "x")(t) }, true},
		{"a bit wrong in its head", flip(func(int) int { return len(snapshotMagic) + 3 }), true},
		{"a bit wrong in the middle", flip(func(size int) int { return size / 2 }), true},
		{"another hub's", func(t *testing.T) { write(readText(t, foreign.data, snapshotName))(t) }, true},
		{"a bit wrong at its end", flip(func(size int) int { return size - 1 }), true},
	} {
		if testing.Short() && i%3 != 0 {
			continue
		}
		t.Run(test.name, func(t *testing.T) {
			h.stop(t)
			test.damage(t)
			told := strings.Count(h.log.String(), "level=WARN")
			h.start(t)
			if diff := cmp.Diff(flags, h.flags(t, sampleDay)); diff != "" {
				t.Errorf("flags (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(cases, h.states(t)); diff != "" {
				t.Errorf("cases (-want +got):\n%s", diff)
			}
			if warned := strings.Count(h.log.String(), "level=WARN") > told; warned != test.warns {
				t.Errorf("that there was a warning is %t, want %t\n%s", warned, test.warns, h.log.String())
			}
			h.take(t, "finance/payroll-202609.csv", files["finance/payroll-202609.csv"]) // what is in it can be gone on with
			h.caughtUp(t, sampleDay)
		})
	}

	t.Run("with a tail", func(t *testing.T) {
		h.stop(t)
		h.start(t)
		files["finance/payroll-202609.csv"] = payroll(villagers(0, 42)...)
		h.take(t, "finance/payroll-202609.csv", files["finance/payroll-202609.csv"])
		h.kill()
		h.start(t)
		flags = h.flags(t, sampleDay)
		if diff := cmp.Diff(checked(t, files, sampleDay), flags); diff != "" {
			t.Errorf("flags (-want +got):\n%s", diff)
		}
	})

	t.Run("of a database restored from a backup", func(t *testing.T) {
		h.stop(t)
		database := readText(t, h.data, databaseName)
		h.start(t)
		h.take(t, "finance/payroll-202609.csv", payroll(villagers(0, 41)...))
		h.stop(t)
		if err := os.WriteFile(filepath.Join(h.data, databaseName), []byte(database), 0o600); err != nil {
			t.Fatal(err)
		}
		h.start(t)
		if diff := cmp.Diff(flags, h.flags(t, sampleDay)); diff != "" {
			t.Errorf("flags (-want +got):\n%s", diff)
		}
		h.take(t, "finance/payroll-202609.csv", payroll(villagers(0, 43)...)) // under the number of the one that is lost
		h.caughtUp(t, sampleDay)
	})
}

// A hub that judges by the calendar warns of nothing when it starts twice on a day.
func TestServeQuietly(t *testing.T) {
	h := newServed(t)
	for range 3 {
		h.start(t)
		h.flags(t, sampleDay)
		h.stop(t)
	}
	if log := h.log.String(); log != "" {
		t.Errorf("the log says\n%s", log)
	}
}
