package push_test

import (
	"bufio"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hebian/connectors"
	"hebian/connectors/push"
	"hebian/schemas"
)

const file = "发放单位代码,姓名\nU1,a\nU2,b\n"

func contentDigest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return "sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":"
}

// problemOf reads a problem and checks what all have.
func problemOf(t *testing.T, response *http.Response, body string) push.Problem {
	t.Helper()
	var p push.Problem
	if err := json.Unmarshal([]byte(body), &p); err != nil {
		t.Fatalf("%d: no problem: %v: %s", response.StatusCode, err, body)
	}
	if got := response.Header.Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("the problem has content type %q", got)
	}
	if p.Status != response.StatusCode || !strings.HasPrefix(p.Type, "urn:hebian:problem:") || p.Title == "" || p.Detail == "" || p.DetailZH == "" {
		t.Errorf("%d: the problem lacks something: %s", response.StatusCode, body)
	}
	return p
}

func receiptOf(t *testing.T, body string) connectors.Receipt {
	t.Helper()
	var r connectors.Receipt
	if err := json.Unmarshal([]byte(body), &r); err != nil {
		t.Fatalf("no receipt: %v: %s", err, body)
	}
	return r
}

func TestDeliver(t *testing.T) {
	for _, chunked := range []bool{false, true} {
		r := open(t)
		response, body := r.send(t, request{body: file, chunked: chunked, header: map[string]string{"Content-Digest": contentDigest(file), "Content-Type": "text/csv"}})
		if response.StatusCode != http.StatusCreated || response.Header.Get("Location") != "/v1/receipts/1" {
			t.Fatalf("answer %d, Location %q: %s", response.StatusCode, response.Header.Get("Location"), body)
		}
		if got := receiptOf(t, body); got.RowsRead != 3 || got.Outcome != connectors.Complete || got.Delivery != 1 {
			t.Errorf("receipt %+v", got)
		}
		u := r.uploads[0]
		sum := sha256.Sum256([]byte(file))
		got := []any{u.Agency, u.Name, u.Month.String(), u.Subject, u.Mode, u.By, u.Bytes, u.Digest, r.contents[0]}
		want := []any{"finance", "finance/payroll-202609.csv", "202609", "finance.pay_line", connectors.Full, "finance", int64(len(file)), "sha256:" + hex.EncodeToString(sum[:]), file}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("the hub got (-want +got):\n%s", diff)
		}
	}
}

// What a file is said to be goes on to the hub; a packed one goes on as it is.
func TestDeliverAs(t *testing.T) {
	for _, test := range []struct {
		name    string
		request request
		known   string
		mode    connectors.Mode
		period  schemas.Month
	}{
		{"month in the name", request{}, "finance/payroll-202609.csv", connectors.Full, 202609},
		{"month said again", request{path: "/v1/deliveries/finance/payroll-202609.csv?period=202609"}, "finance/payroll-202609.csv", connectors.Full, 202609},
		{"month said", request{path: "/v1/deliveries/finance/control_numbers.csv?period=202608"}, "finance/control_numbers.csv", connectors.Full, 202608},
		{"no month", request{path: "/v1/deliveries/finance/control_numbers.csv"}, "finance/control_numbers.csv", connectors.Full, 0},
		{"merge", request{path: "/v1/deliveries/staffing/certificates.csv?mode=merge", token: "hb_staffing"}, "staffing/certificates.csv", connectors.Merge, 0},
		{"packed on the way", request{header: map[string]string{"Content-Encoding": "gzip", "Content-Digest": contentDigest("\x1F\x8Bpacked")}}, "finance/payroll-202609.csv", connectors.Full, 202609},
		{"packed", request{path: "/v1/deliveries/finance/payroll-202609.csv.gz"}, "finance/payroll-202609.csv", connectors.Full, 202609},
		{"another form", request{path: "/v1/deliveries/finance/payroll-202609.xlsx"}, "finance/payroll-202609.csv", connectors.Full, 202609},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := open(t)
			test.request.body = "\x1F\x8Bpacked"
			if response, body := r.send(t, test.request); response.StatusCode != http.StatusCreated {
				t.Fatalf("answer %d: %s", response.StatusCode, body)
			}
			u := r.uploads[0]
			got, want := []any{u.Name, u.Mode, u.Period, r.contents[0]}, []any{test.known, test.mode, test.period, "\x1F\x8Bpacked"}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("the hub got (-want +got):\n%s", diff)
			}
		})
	}
}

// A file that lies in a folder of many agencies goes by its name alone, too.
func TestDeliverShared(t *testing.T) {
	r := open(t)
	response, body := r.send(t, request{path: "/v1/deliveries/tax/tax.csv", token: "hb_operator", body: file})
	if response.StatusCode != http.StatusCreated {
		t.Fatalf("answer %d: %s", response.StatusCode, body)
	}
	if u := r.uploads[0]; u.Agency != "tax" || u.Name != "entities/tax.csv" {
		t.Errorf("the hub got %s of %s", u.Name, u.Agency)
	}
}

// Every way in which a delivery is refused has its status, its code and, where it helps, the names that
// would have been right.
func TestRefused(t *testing.T) {
	agencies := []string{"civil", "commerce", "discipline", "finance", "hall", "hr", "quality", "social", "staffing", "statistics", "tax"}
	files := []string{"payroll-YYYYMM.csv", "control_numbers.csv"}
	for _, test := range []struct {
		name    string
		request request
		outcome connectors.Outcome // of the hub
		err     error              // of the hub
		status  int
		code    string
		known   []string
		retry   bool
	}{
		{name: "no token", request: request{token: "-"}, status: 401, code: "unauthorized"},
		{name: "wrong token", request: request{token: "hb_wrong"}, status: 401, code: "unauthorized"},
		{name: "no bearer", request: request{token: "-", header: map[string]string{"Authorization": "Basic aGI6aGI="}}, status: 401, code: "unauthorized"},
		{name: "tokens can't be looked up", request: request{token: "hb_broken"}, status: 500, code: "internal"},
		{name: "foreign agency", request: request{token: "hb_hr"}, status: 403, code: "forbidden"},
		{name: "an officer", request: request{token: "hb_officer"}, status: 403, code: "forbidden"},
		{name: "unknown agency", request: request{path: "/v1/deliveries/customs/x.csv"}, status: 404, code: "unknown_agency", known: agencies},
		{name: "unknown file", request: request{path: "/v1/deliveries/finance/payroll.csv"}, status: 404, code: "unknown_file", known: files},
		{name: "a month that is none", request: request{path: "/v1/deliveries/finance/payroll-202613.csv"}, status: 404, code: "unknown_file", known: files},
		{name: "another agency's file name", request: request{path: "/v1/deliveries/finance/deaths.csv"}, status: 404, code: "unknown_file", known: files},
		{name: "a path for a name", request: request{path: "/v1/deliveries/finance/..%2Ffinance%2Fpayroll-202609.csv"}, status: 404, code: "unknown_file", known: files},
		{name: "a path backwards", request: request{path: `/v1/deliveries/finance/..%5Cpayroll-202609.csv`}, status: 404, code: "unknown_file", known: files},
		{name: "a slip in a name", request: request{path: "/v1/deliveries/finance/payroll-202609.csv?mod=add"}, status: 422, code: "invalid"},
		{name: "unknown mode", request: request{path: "/v1/deliveries/finance/payroll-202609.csv?mode=replace"}, status: 422, code: "invalid"},
		{name: "a key that is no key", request: request{header: map[string]string{"Idempotency-Key": "é"}}, status: 422, code: "invalid"},
		{name: "add without a key", request: request{path: "/v1/deliveries/finance/payroll-202609.csv?mode=add"}, status: 400, code: "key_required"},
		{name: "remove without a key", request: request{path: "/v1/deliveries/finance/payroll-202609.csv?mode=remove"}, status: 400, code: "key_required"},
		{name: "other bytes than announced", request: request{header: map[string]string{"Content-Digest": contentDigest("x")}}, status: 400, code: "digest_mismatch"},
		{name: "a digest that is none", request: request{header: map[string]string{"Content-Digest": "sha-256=abc"}}, status: 400, code: "bad_digest"},
		{name: "another digest only", request: request{header: map[string]string{"Content-Digest": "md5=:YWJj:"}}, status: 400, code: "bad_digest"},
		{name: "too large as announced", request: request{body: strings.Repeat("x", maxBytes+1)}, status: 413, code: "too_large"},
		{name: "too large as it turns out", request: request{body: strings.Repeat("x", maxBytes+1), chunked: true}, status: 413, code: "too_large"},
		{name: "compressed otherwise", request: request{header: map[string]string{"Content-Encoding": "br"}}, status: 415, code: "unsupported"},
		{name: "compressed twice", request: request{header: map[string]string{"Content-Encoding": "gzip, gzip"}}, status: 415, code: "unsupported"},
		{name: "merge without a row key", request: request{path: "/v1/deliveries/finance/payroll-202609.csv?mode=merge"}, status: 422, code: "not_keyed"},
		{name: "a period that is none", request: request{path: "/v1/deliveries/finance/payroll-202609.csv?period=202613"}, status: 422, code: "wrong_period"},
		{name: "a period that is no month at all", request: request{path: "/v1/deliveries/finance/payroll-202609.csv?period=2026-9"}, status: 422, code: "invalid"},
		{name: "another period than the name's", request: request{path: "/v1/deliveries/finance/payroll-202609.csv?period=202608"}, status: 422, code: "wrong_period"},
		{name: "a form", request: request{header: map[string]string{"Content-Type": "multipart/form-data; boundary=x"}}, status: 415, code: "unsupported"},
		{name: "not what the profile says", outcome: connectors.Failed, status: 422, code: "file_refused"},
		{name: "taken in by another door", err: fmt.Errorf("x: %w", connectors.ErrBusy), status: 409, code: "busy", retry: true},
		{name: "about to stop", err: connectors.ErrClosing, status: 503, code: "closing", retry: true},
		{name: "disk of the database full", err: connectors.ErrFull, status: 507, code: "disk_full", retry: true},
		{name: "disk full", err: &os.PathError{Op: "write", Err: syscall.ENOSPC}, status: 507, code: "disk_full", retry: true},
		{name: "the hub's own fault", err: errors.New("page 17 of secret.db is torn"), status: 500, code: "internal"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := open(t)
			r.outcome, r.err = test.outcome, test.err
			if test.request.body == "" {
				test.request.body = file
			}
			response, body := r.send(t, test.request)
			p := problemOf(t, response, body)
			if p.Status != test.status || p.Code() != test.code {
				t.Fatalf("answer %d %s, want %d %s: %s", p.Status, p.Code(), test.status, test.code, p.Detail)
			}
			if diff := cmp.Diff(test.known, p.Known); diff != "" {
				t.Errorf("known names differ (-want +got):\n%s", diff)
			}
			retry, challenge := response.Header.Get("Retry-After") != "", response.Header.Get("WWW-Authenticate") != ""
			if retry != test.retry || challenge != (test.status == 401) {
				t.Errorf("the answer has headers %v", response.Header)
			}
			if strings.Contains(body, "secret") {
				t.Errorf("the answer tells of the hub's insides: %s", body)
			}
			if test.status == 500 && !strings.Contains(r.log.String(), "request failed") {
				t.Error("nothing in the log")
			}
		})
	}
}

// An operator may deliver for any agency.
func TestOperatorDelivers(t *testing.T) {
	r := open(t)
	if response, body := r.send(t, request{token: "hb_operator", body: file}); response.StatusCode != http.StatusCreated || r.uploads[0].By != "wang" {
		t.Errorf("answer %d: %s", response.StatusCode, body)
	}
}

// A file that is held is taken note of, not in.
func TestHeld(t *testing.T) {
	r := open(t)
	r.outcome = connectors.Held
	response, body := r.send(t, request{body: file, header: map[string]string{"Idempotency-Key": "k"}})
	if response.StatusCode != http.StatusAccepted || receiptOf(t, body).Outcome != connectors.Held {
		t.Errorf("answer %d: %s", response.StatusCode, body)
	}
	response, body = r.send(t, request{body: file, header: map[string]string{"Idempotency-Key": "k"}})
	if response.StatusCode != http.StatusAccepted || receiptOf(t, body).Delivery != 1 || response.Header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("repeated: answer %d: %s", response.StatusCode, body)
	}
	for _, test := range []struct {
		path, token string
		status      int
		says        string
	}{
		{"/v1/receipts/1/release", "hb_finance", 403, "forbidden"},
		{"/v1/receipts/9/release", "hb_operator", 404, "unknown_receipt"},
		{"/v1/receipts/1/release", "hb_operator", 200, `"complete"`},
		{"/v1/receipts/1/release", "hb_operator", 409, "not_held"},
		{"/v1/receipts/1/discard", "hb_operator", 409, "not_held"},
	} {
		response, body := r.send(t, request{path: test.path, token: test.token})
		if response.StatusCode != test.status || !strings.Contains(body, test.says) {
			t.Errorf("%s by %s: answer %d: %s", test.path, test.token, response.StatusCode, body)
		}
	}
}

// Under the same key the same file is not taken in again; another file is refused.
func TestKey(t *testing.T) {
	r := open(t)
	key := map[string]string{"Idempotency-Key": "september"}
	add := "/v1/deliveries/finance/payroll-202609.csv?mode=add"
	for _, test := range []struct {
		name     string
		request  request
		status   int
		replayed string
		code     string
	}{
		{"first", request{path: add, body: file, header: key}, 201, "", ""},
		{"again", request{path: add, body: file, header: key}, 200, "true", ""},
		{"other bytes", request{path: add, body: file + "U3,c\n", header: key}, 422, "", "key_reused"},
		{"other mode", request{path: "/v1/deliveries/finance/payroll-202609.csv?mode=remove", body: file, header: key}, 422, "", "key_reused"},
		{"other name", request{path: "/v1/deliveries/finance/payroll-202608.csv?mode=add", body: file, header: key}, 422, "", "key_reused"},
		{"other key", request{path: add, body: file, header: map[string]string{"Idempotency-Key": "october"}}, 201, "", ""},
	} {
		response, body := r.send(t, test.request)
		if response.StatusCode != test.status || response.Header.Get("Idempotent-Replayed") != test.replayed {
			t.Errorf("%s: answer %d, replayed %q: %s", test.name, response.StatusCode, response.Header.Get("Idempotent-Replayed"), body)
		}
		if test.code != "" {
			if p := problemOf(t, response, body); p.Code() != test.code || p.Delivery != 1 {
				t.Errorf("%s: %s of delivery %d", test.name, p.Code(), p.Delivery)
			}
		} else if test.replayed != "" && receiptOf(t, body).Delivery != 1 {
			t.Errorf("%s: another receipt: %s", test.name, body)
		}
	}
	if len(r.uploads) != 2 {
		t.Errorf("the hub got %d files, want 2", len(r.uploads))
	}
}

// While a file is taken in, no other upload of its name or key is let in; of another name it is.
func TestTwoAtOnce(t *testing.T) {
	r := open(t)
	key := map[string]string{"Idempotency-Key": "k"}
	once := false
	r.during = func() {
		if once {
			return
		}
		once = true
		for _, test := range []struct {
			request request
			status  int
		}{
			{request{body: file}, 409},
			{request{path: "/v1/deliveries/finance/payroll-202608.csv", body: file, header: key}, 409},
			{request{path: "/v1/deliveries/finance/payroll-202608.csv", body: file}, 201},
			{request{path: "/v1/deliveries/hr/events.ndjson", token: "hb_hr", body: "{}\n", header: key}, 201},
		} {
			if response, body := r.send(t, test.request); response.StatusCode != test.status {
				t.Errorf("%s: answer %d, want %d: %s", test.request.path, response.StatusCode, test.status, body)
			}
		}
	}
	if response, body := r.send(t, request{body: file, header: key}); response.StatusCode != http.StatusCreated {
		t.Fatalf("answer %d: %s", response.StatusCode, body)
	}
	if response, body := r.send(t, request{body: file}); response.StatusCode != http.StatusCreated {
		t.Errorf("once it is done: answer %d: %s", response.StatusCode, body)
	}
	release, _ := r.claims.Take("finance/payroll-202609.csv") // as a watched folder would
	defer release()
	if response, body := r.send(t, request{body: file}); response.StatusCode != http.StatusConflict {
		t.Errorf("taken by another road: answer %d: %s", response.StatusCode, body)
	}
}

// raw speaks HTTP by hand.
func (r *road) raw(t *testing.T) *net.TCPConn {
	t.Helper()
	conn, err := net.Dial("tcp", r.server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn.(*net.TCPConn)
}

const head = "POST /v1/deliveries/finance/payroll-202609.csv HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer hb_finance\r\n"

// An upload that breaks off is told so, if anybody listens still, and nothing of it is taken in.
func TestTruncated(t *testing.T) {
	for name, request := range map[string]string{
		"shorter than announced": head + "Content-Length: 1000\r\n\r\nhalf a file",
		"no last chunk":          head + "Transfer-Encoding: chunked\r\n\r\nb\r\nhalf a file\r\n",
		"in a chunk":             head + "Transfer-Encoding: chunked\r\n\r\nff\r\nhalf a file",
	} {
		t.Run(name, func(t *testing.T) {
			r := open(t)
			conn := r.raw(t)
			if _, err := io.WriteString(conn, request); err != nil {
				t.Fatal(err)
			}
			if err := conn.CloseWrite(); err != nil {
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
			if p := problemOf(t, response, string(body)); p.Status != 400 || p.Code() != "truncated" || !strings.Contains(p.Detail, "after 11 bytes") {
				t.Errorf("answer %d %s: %s", p.Status, p.Code(), p.Detail)
			}
			if len(r.uploads) != 0 {
				t.Error("half a file was handed on")
			}
			if response, body := r.send(t, requestOf(file)); response.StatusCode != http.StatusCreated {
				t.Errorf("the whole file afterwards: answer %d: %s", response.StatusCode, body)
			}
		})
	}
}

func requestOf(body string) request { return request{body: body} }

// A sender that goes away once its file is here whole leaves it to be taken in: a repeat under its key finds
// the receipt.
func TestSenderGoes(t *testing.T) {
	r := open(t)
	conn := r.raw(t)
	done := make(chan struct{})
	r.serve = func(w http.ResponseWriter, q *http.Request, next http.Handler) {
		r.serve = nil
		r.during = func() { conn.Close(); <-q.Context().Done(); r.during = nil }
		next.ServeHTTP(w, q)
		close(done)
	}
	if _, err := fmt.Fprintf(conn, "%sIdempotency-Key: k\r\nContent-Length: %d\r\n\r\n%s", head, len(file), file); err != nil {
		t.Fatal(err)
	}
	<-done
	response, body := r.send(t, request{body: file, header: map[string]string{"Idempotency-Key": "k"}})
	if response.StatusCode != http.StatusOK || len(r.uploads) != 1 {
		t.Errorf("answer %d, %d files: %s", response.StatusCode, len(r.uploads), body)
	}
}

// The spool takes no more than it has room for; what it turned away can be sent again when there is room.
func TestSpoolFull(t *testing.T) {
	r := open(t)
	large := strings.Repeat("x", maxBytes-1)
	once := false
	r.during = func() {
		if once {
			return
		}
		once = true
		response, body := r.send(t, request{path: "/v1/deliveries/finance/control_numbers.csv", body: large})
		if p := problemOf(t, response, body); p.Status != 507 || p.Code() != "disk_full" {
			t.Errorf("answer %d %s", p.Status, p.Code())
		}
	}
	for range 3 { // the room is given back each time
		if response, body := r.send(t, requestOf(large)); response.StatusCode != http.StatusCreated {
			t.Fatalf("answer %d: %s", response.StatusCode, body)
		}
	}
	if len(r.uploads) != 3 {
		t.Errorf("the hub got %d files", len(r.uploads))
	}
}

// Beyond so many uploads of one agency at once it is asked to come again; another agency is not.
func TestOverloaded(t *testing.T) {
	r := open(t)
	const most = 4 // of an agency
	var conns []*net.TCPConn
	for i := range most {
		conn := r.raw(t)
		conns = append(conns, conn)
		name := fmt.Sprintf("payroll-2026%02d", i+1)
		if _, err := fmt.Fprintf(conn, "%sContent-Length: 100\r\nExpect: 100-continue\r\n\r\n", strings.Replace(head, "payroll-202609", name, 1)); err != nil {
			t.Fatal(err)
		}
		if line, err := bufio.NewReader(conn).ReadString('\n'); err != nil || !strings.Contains(line, "100 Continue") {
			t.Fatalf("upload %d: %q, %v", i, line, err) // its body is wanted: it holds its place
		}
	}
	response, body := r.send(t, request{path: "/v1/deliveries/finance/control_numbers.csv", body: file})
	if p := problemOf(t, response, body); p.Status != 503 || p.Code() != "overloaded" || response.Header.Get("Retry-After") == "" {
		t.Errorf("answer %d %s", p.Status, p.Code())
	}
	if response, body := r.send(t, request{path: "/v1/deliveries/hr/events.ndjson", body: file, token: "hb_operator"}); response.StatusCode != http.StatusCreated {
		t.Errorf("another agency: answer %d: %s", response.StatusCode, body)
	}
	for _, conn := range conns {
		conn.CloseWrite() //nolint:errcheck // it breaks off either way
		io.Copy(io.Discard, conn)
	}
	if response, body := r.send(t, requestOf(file)); response.StatusCode != http.StatusCreated {
		t.Errorf("with room again: answer %d: %s", response.StatusCode, body)
	}
}

// An upload is streamed: what a large one allocates does not grow with it.
func TestMemory(t *testing.T) {
	r := open(t)
	allocated := func(body string) uint64 {
		r.house.contents = nil
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		r.during = func() { runtime.ReadMemStats(&after) }
		r.send(t, requestOf(body))
		return after.TotalAlloc - before.TotalAlloc - uint64(len(body)) // the house reads it whole
	}
	allocated(file) // buffers are made once
	small, large := allocated(strings.Repeat("x", 1<<10)), allocated(strings.Repeat("x", maxBytes))
	if large > small+1<<20 {
		t.Errorf("an upload of %d bytes allocated %d bytes, one of 1 KiB %d", maxBytes, large, small)
	}
}
