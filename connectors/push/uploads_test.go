package push_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"hebian/connectors"
	"hebian/connectors/push"
)

// ask sends a request straight to the server, with a body that may break off.
func (r *road) ask(q request, body io.Reader) *httptest.ResponseRecorder {
	if q.token == "" {
		q.token = "hb_finance"
	}
	in := httptest.NewRequest(q.method, q.path, body)
	if in.ContentLength > 0 {
		in.Header.Set("Content-Length", strconv.FormatInt(in.ContentLength, 10)) // as a server finds it
	}
	in.Header.Set("Authorization", "Bearer "+q.token)
	for name, value := range q.header {
		in.Header.Set(name, value)
	}
	out := httptest.NewRecorder()
	r.mux.ServeHTTP(out, in)
	return out
}

// announce begins an upload of a file.
func (r *road) announce(t *testing.T, status int, token string, a push.Announce) push.PartialUpload {
	t.Helper()
	text, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	out := r.ask(request{method: http.MethodPost, path: "/v1/uploads", token: token, header: map[string]string{"Content-Type": "application/json"}}, bytes.NewReader(text))
	if out.Code != status {
		t.Fatalf("announced: answer %d, want %d: %s", out.Code, status, out.Body)
	}
	var p push.PartialUpload
	if err := json.Unmarshal(out.Body.Bytes(), &p); err != nil {
		t.Fatal(err)
	}
	if status < 300 && (out.Header().Get("Location") != "/v1/uploads/"+p.ID || out.Header().Get("Upload-Offset") != strconv.FormatInt(p.Offset, 10)) {
		t.Errorf("announced: headers %v", out.Header())
	}
	return p
}

func payroll(content string) push.Announce {
	return push.Announce{File: "payroll-202609.csv", Bytes: int64(len(content))}
}

// part sends a part, and gives the status, the code of the problem and the offset that the answer names.
func (r *road) part(id string, offset int64, body io.Reader, header ...string) (status int, code, at string) {
	q := request{method: http.MethodPatch, path: "/v1/uploads/" + id, header: map[string]string{"Upload-Offset": strconv.FormatInt(offset, 10)}}
	for i := 0; i < len(header); i += 2 {
		q.header[header[i]] = header[i+1]
	}
	out := r.ask(q, body)
	var p push.Problem
	json.Unmarshal(out.Body.Bytes(), &p) //nolint:errcheck // an answer without a problem has none
	if p.Offset != nil && strconv.FormatInt(*p.Offset, 10) != out.Header().Get("Upload-Offset") {
		return out.Code, "two offsets in one answer", ""
	}
	return out.Code, strings.TrimPrefix(p.Type, "urn:hebian:problem:"), out.Header().Get("Upload-Offset")
}

func (r *road) deliverUpload(id string) *httptest.ResponseRecorder {
	return r.ask(request{method: http.MethodPost, path: "/v1/uploads/" + id + "/deliver"}, nil)
}

// bare hides what a reader is, so that its length is not announced.
type bare struct{ io.Reader }

func digestName(s string) string { return fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(s))) }

// A file in parts, some of which go wrong: what was acknowledged stays, over restarts, and is taken in as if it had come in one piece.
func TestUpload(t *testing.T) {
	r := open(t)
	a := payroll(file)
	a.Digest, a.Key, a.Period = digestName(file), "september", "202609"
	p := r.announce(t, 201, "", a)
	if again := r.announce(t, 200, "", a); again.ID != p.ID {
		t.Errorf("announced again it is another upload")
	}
	for _, test := range []struct {
		name   string
		offset int64
		body   io.Reader
		header []string
		status int
		code   string
		at     string
	}{
		{"first", 0, strings.NewReader(file[:10]), nil, 204, "", "10"},
		{"again", 0, strings.NewReader(file[:10]), nil, 409, "offset", "10"},
		{"too far on", 11, strings.NewReader(file[11:]), nil, 409, "offset", "10"},
		{"other bytes than announced", 10, strings.NewReader("x"), []string{"Content-Digest", contentDigest("y")}, 400, "digest_mismatch", "10"},
		{"a digest that is none", 10, strings.NewReader("x"), []string{"Content-Digest", "x"}, 400, "bad_digest", ""},
		{"compressed", 10, strings.NewReader("x"), []string{"Content-Encoding", "gzip"}, 415, "unsupported", ""},
		{"beyond, as announced", 10, strings.NewReader(file), nil, 413, "too_large", ""},
		{"beyond, as it turns out", 10, bare{strings.NewReader(file)}, nil, 413, "too_large", ""},
		{"nothing", 10, strings.NewReader(""), nil, 204, "", "10"},
		{"breaks off", 10, io.MultiReader(strings.NewReader(file[10:15]), iotest.ErrReader(errors.New("gone"))), nil, 400, "truncated", "15"},
		{"breaks off, with a digest", 15, io.MultiReader(strings.NewReader(file[15:20]), iotest.ErrReader(errors.New("gone"))), []string{"Content-Digest", contentDigest(file[15:25])}, 400, "truncated", "15"},
		{"with a digest", 15, bare{strings.NewReader(file[15:20])}, []string{"Content-Digest", contentDigest(file[15:20])}, 204, "", "20"},
	} {
		if status, code, at := r.part(p.ID, test.offset, test.body, test.header...); status != test.status || code != test.code || at != test.at {
			t.Errorf("%s: answer %d %s at %q, want %d %s at %q", test.name, status, code, at, test.status, test.code, test.at)
		}
		r.start()
	}
	if out := r.deliverUpload(p.ID); out.Code != 409 || !strings.Contains(out.Body.String(), "incomplete") || out.Header().Get("Upload-Offset") != "20" {
		t.Errorf("delivered early: answer %d: %s", out.Code, out.Body)
	}
	for _, method := range []string{http.MethodHead, http.MethodGet} {
		out := r.ask(request{method: method, path: "/v1/uploads/" + p.ID}, nil)
		if out.Code != 200 || out.Header().Get("Upload-Offset") != "20" || out.Header().Get("Upload-Length") != strconv.Itoa(len(file)) {
			t.Errorf("%s: answer %d, headers %v", method, out.Code, out.Header())
		}
	}
	if status, _, at := r.part(p.ID, 20, strings.NewReader(file[20:])); status != 204 || at != strconv.Itoa(len(file)) {
		t.Errorf("last part: answer %d at %s", status, at)
	}
	for i, status := range []int{201, 200, 200} {
		if i == 2 {
			r.start()
		}
		out := r.deliverUpload(p.ID)
		if out.Code != status || receiptOf(t, out.Body.String()).Delivery != 1 || (status == 200) != (out.Header().Get("Idempotent-Replayed") == "true") {
			t.Errorf("delivered for the %d. time: answer %d: %s", i+1, out.Code, out.Body)
		}
	}
	u := r.uploads[0]
	if len(r.uploads) != 1 || r.contents[0] != file || u.Key != "september" || u.Digest != a.Digest || u.Bytes != a.Bytes || u.Period != 202609 || u.By != "finance" || u.Name != "finance/payroll-202609.csv" {
		t.Errorf("the hub got %d files, the first %+v: %q", len(r.uploads), u, r.contents[0])
	}
	if status, code, _ := r.part(p.ID, a.Bytes, strings.NewReader("")); status != 409 || code != "delivered" {
		t.Errorf("a part once it is delivered: answer %d %s", status, code)
	}
	if left, err := filepath.Glob(filepath.Join(r.options.Uploads, "*.part")); err != nil || len(left) > 0 {
		t.Errorf("left of the bytes: %q, %v", left, err)
	}
	response, body := r.send(t, request{body: file, header: map[string]string{"Idempotency-Key": "september"}})
	if response.StatusCode != 200 || receiptOf(t, body).Delivery != 1 {
		t.Errorf("under its key, in one piece: answer %d: %s", response.StatusCode, body)
	}
}

// Whatever becomes of the parts and however often the hub is killed, what is delivered is the file.
func TestUploadLaw(t *testing.T) {
	r := build(t)
	rapid.Check(t, func(t *rapid.T) {
		r.house.receipts, r.house.contents, r.house.uploads = nil, nil, nil
		content := rapid.StringN(1, 3000, 8000).Draw(t, "content")
		text, _ := json.Marshal(payroll(content))
		out := r.ask(request{method: http.MethodPost, path: "/v1/uploads", header: map[string]string{"Content-Type": "application/json"}}, bytes.NewReader(text))
		var p push.PartialUpload
		if err := json.Unmarshal(out.Body.Bytes(), &p); err != nil || out.Code != 201 {
			t.Fatalf("announced: answer %d: %s", out.Code, out.Body)
		}
		for acked := int64(0); acked < p.Bytes; {
			n := rapid.Int64Range(1, p.Bytes-acked).Draw(t, "part")
			body := io.Reader(strings.NewReader(content[acked : acked+n]))
			var header []string
			if rapid.Bool().Draw(t, "digested") {
				header = []string{"Content-Digest", contentDigest(content[acked : acked+n])}
			}
			if rapid.IntRange(0, 3).Draw(t, "breaks") == 0 {
				body = io.MultiReader(io.LimitReader(body, n/2), iotest.ErrReader(io.ErrUnexpectedEOF))
			}
			_, code, at := r.part(p.ID, acked, body, header...)
			next, err := strconv.ParseInt(at, 10, 64)
			if err != nil || next < acked || next > acked+n {
				t.Fatalf("after %d bytes and a part of %d the hub has %q: %s", acked, n, at, code)
			}
			acked = next
			if rapid.IntRange(0, 3).Draw(t, "killed") == 0 { // in the midst of the next part, and of a note of it
				torn, err := os.OpenFile(filepath.Join(r.options.Uploads, p.ID+".part"), os.O_WRONLY|os.O_APPEND, 0)
				if err != nil {
					t.Fatal(err)
				}
				_, err = torn.WriteString("torn")
				if err := errors.Join(err, torn.Close(), os.WriteFile(filepath.Join(r.options.Uploads, p.ID+".draft"), []byte("{"), 0o600)); err != nil {
					t.Fatal(err)
				}
				r.start()
			}
		}
		out = r.deliverUpload(p.ID)
		if out.Code != 201 || len(r.contents) != 1 || r.contents[0] != content {
			t.Fatalf("delivered: answer %d, %q", out.Code, r.contents)
		}
	})
}

// A hub that is killed between its receipt and the note of it gives the same receipt, also where it took the file away.
func TestUploadKilledLate(t *testing.T) {
	for _, outcome := range []connectors.Outcome{connectors.Complete, connectors.Held} {
		for _, moved := range []bool{false, true} {
			r := build(t)
			r.outcome = outcome
			p := r.announce(t, 201, "", payroll(file))
			r.part(p.ID, 0, strings.NewReader(file))
			before := map[string][]byte{}
			r.during = func() { before = files(t, r.options.Uploads) }
			first := r.deliverUpload(p.ID)
			for name, content := range before {
				if moved && strings.HasSuffix(name, ".part") {
					continue
				}
				if err := os.WriteFile(filepath.Join(r.options.Uploads, name), content, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			r.start()
			again := r.deliverUpload(p.ID)
			if first.Code/100 != 2 || again.Code/100 != 2 || receiptOf(t, again.Body.String()).Delivery != 1 || again.Header().Get("Idempotent-Replayed") != "true" || len(r.uploads) != 1 {
				t.Errorf("%s, moved %v: answers %d and %d: %s", outcome, moved, first.Code, again.Code, again.Body)
			}
			if left, err := filepath.Glob(filepath.Join(r.options.Uploads, "*.part")); err != nil || len(left) > 0 {
				t.Errorf("left of the bytes: %q, %v", left, err)
			}
			if moved { // and without a receipt there is nothing more to be done
				r.receipts = nil
				if err := os.WriteFile(filepath.Join(r.options.Uploads, p.ID+".json"), before[p.ID+".json"], 0o600); err != nil {
					t.Fatal(err)
				}
				r.start()
				if out := r.deliverUpload(p.ID); out.Code != 404 {
					t.Errorf("with nothing left: answer %d: %s", out.Code, out.Body)
				}
			}
		}
	}
}

func files(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string][]byte{}
	for _, entry := range entries {
		if found[entry.Name()], err = os.ReadFile(filepath.Join(dir, entry.Name())); err != nil {
			t.Fatal(err)
		}
	}
	return found
}

// A file that the hub does not take now can be delivered later; one that is not what its profile says stays refused.
func TestUploadRefused(t *testing.T) {
	r := build(t)
	p := r.announce(t, 201, "", payroll(file))
	r.part(p.ID, 0, strings.NewReader(file))
	for _, test := range []struct {
		err    error
		status int
		code   string
	}{
		{connectors.ErrBusy, 409, "busy"},
		{&connectors.HeldError{Delivery: 3}, 409, "waiting"},
		{connectors.ErrFull, 507, "disk_full"},
		{connectors.ErrClosing, 503, "closing"},
	} {
		r.err = test.err
		if out := r.deliverUpload(p.ID); out.Code != test.status || !strings.Contains(out.Body.String(), test.code) {
			t.Errorf("%s: answer %d: %s", test.code, out.Code, out.Body)
		}
	}
	r.err, r.outcome = nil, connectors.Failed
	release, _ := r.claims.Take("finance/payroll-202609.csv")
	if out := r.deliverUpload(p.ID); out.Code != 409 {
		t.Errorf("taken by another road: answer %d: %s", out.Code, out.Body)
	}
	release()
	for range 2 {
		if out := r.deliverUpload(p.ID); out.Code != 422 || !strings.Contains(out.Body.String(), `"delivery":1`) {
			t.Errorf("refused: answer %d: %s", out.Code, out.Body)
		}
	}
	a := payroll("half")
	a.Digest = digestName("whole")
	p = r.announce(t, 201, "", a)
	r.part(p.ID, 0, strings.NewReader("half"))
	if out := r.deliverUpload(p.ID); out.Code != 400 || !strings.Contains(out.Body.String(), "digest_mismatch") {
		t.Errorf("other bytes than announced: answer %d: %s", out.Code, out.Body)
	}
	if out := r.deliverUpload(p.ID); out.Code != 404 || len(r.uploads) != 1 {
		t.Errorf("it is gone: answer %d: %s", out.Code, out.Body)
	}
}

func TestAnnounceRefused(t *testing.T) {
	r := build(t)
	for _, test := range []struct {
		name, token string
		announce    push.Announce
		status      int
	}{
		{"unknown file", "", push.Announce{File: "payroll.csv"}, 404},
		{"unknown agency", "", push.Announce{File: "payroll-202609.csv", Agency: "customs"}, 404},
		{"foreign agency", "hb_hr", push.Announce{File: "payroll-202609.csv", Agency: "finance"}, 403},
		{"no agency", "hb_operator", push.Announce{File: "payroll-202609.csv"}, 400},
		{"an officer", "hb_officer", push.Announce{File: "payroll-202609.csv", Agency: "finance"}, 403},
		{"only to read", "hb_read", push.Announce{File: "payroll-202609.csv"}, 403},
		{"merge without a row key", "", push.Announce{File: "payroll-202609.csv", Mode: connectors.Merge}, 422},
		{"another period", "", push.Announce{File: "payroll-202609.csv", Period: "202608"}, 422},
		{"unknown mode", "", push.Announce{File: "payroll-202609.csv", Mode: "replace"}, 422},
		{"a digest that is none", "", push.Announce{File: "payroll-202609.csv", Digest: "sha256:AB"}, 422},
		{"below nothing", "", push.Announce{File: "payroll-202609.csv", Bytes: -1}, 422},
		{"too large", "", push.Announce{File: "payroll-202609.csv", Bytes: maxBytes + 1}, 413},
	} {
		t.Run(test.name, func(t *testing.T) { r.announce(t, test.status, test.token, test.announce) })
	}
	a := payroll(file)
	a.Key = "k"
	p := r.announce(t, 201, "", a)
	if left := files(t, r.options.Uploads); len(left) != 2 {
		t.Errorf("%d files, want those of one upload", len(left))
	}
	a.Bytes++
	r.announce(t, 422, "", a) // the key is another upload's
	for _, token := range []string{"hb_hr", "hb_officer", "hb_sandbox"} {
		for _, q := range []request{{method: http.MethodGet}, {method: http.MethodDelete}, {method: http.MethodPatch, header: map[string]string{"Upload-Offset": "0"}}} {
			q.path, q.token = "/v1/uploads/"+p.ID, token
			if out := r.ask(q, nil); out.Code != 404 {
				t.Errorf("%s by %s: answer %d", q.method, token, out.Code)
			}
		}
	}
	if out := r.ask(request{method: http.MethodGet, path: "/v1/uploads/" + p.ID, token: "hb_operator"}, nil); out.Code != 200 {
		t.Errorf("an operator: answer %d", out.Code)
	}
}

// An agency has no more than so many on their way, nor all together more bytes; those given up make room.
func TestUploadBounds(t *testing.T) {
	r := build(t)
	var ids []string
	for range 8 {
		ids = append(ids, r.announce(t, 201, "", payroll(file)).ID)
	}
	r.announce(t, 409, "", payroll(file))
	r.announce(t, 201, "hb_sandbox", payroll(file))
	if out := r.ask(request{method: http.MethodDelete, path: "/v1/uploads/" + ids[0]}, nil); out.Code != 204 {
		t.Errorf("given up: answer %d: %s", out.Code, out.Body)
	}
	r.part(ids[1], 0, strings.NewReader(file))
	r.deliverUpload(ids[1])
	r.announce(t, 201, "", payroll(file))
	r.announce(t, 201, "", payroll(file))
	for range 2 {
		r.announce(t, 201, "hb_hr", push.Announce{File: "events.ndjson", Bytes: maxBytes})
	}
	r.announce(t, 409, "hb_hr", push.Announce{File: "events.ndjson", Bytes: 1})
	r.announce(t, 201, "hb_operator", push.Announce{Agency: "tax", File: "tax.csv", Bytes: maxBytes})
	r.announce(t, 201, "hb_operator", push.Announce{Agency: "social", File: "insurance.csv", Bytes: maxBytes}) // nothing of them is there yet: what was only announced takes no room
}

// While a part comes, no other is taken; the upload can be looked at.
func TestUploadAtOnce(t *testing.T) {
	r := build(t)
	p := r.announce(t, 201, "", payroll(file))
	first := true
	body := readerFunc(func(b []byte) (int, error) {
		if !first {
			return 0, io.EOF
		}
		first = false
		if status, code, _ := r.part(p.ID, 0, strings.NewReader(file)); status != 409 || code != "busy" {
			t.Errorf("another part: answer %d %s", status, code)
		}
		if out := r.ask(request{method: http.MethodDelete, path: "/v1/uploads/" + p.ID}, nil); out.Code != 409 {
			t.Errorf("given up meanwhile: answer %d", out.Code)
		}
		if out := r.deliverUpload(p.ID); out.Code != 409 {
			t.Errorf("delivered meanwhile: answer %d", out.Code)
		}
		if out := r.ask(request{method: http.MethodGet, path: "/v1/uploads/" + p.ID}, nil); out.Code != 200 || out.Header().Get("Upload-Offset") != "0" {
			t.Errorf("looked at: answer %d", out.Code)
		}
		return copy(b, file), nil
	})
	if status, _, at := r.part(p.ID, 0, body); status != 204 || at != strconv.Itoa(len(file)) {
		t.Errorf("answer %d at %s", status, at)
	}
	r.during = func() {
		r.during = nil
		if out := r.deliverUpload(p.ID); out.Code != 409 {
			t.Errorf("delivered twice at once: answer %d", out.Code)
		}
		out := r.ask(request{method: http.MethodPost, path: "/v1/deliveries/finance/payroll-202609.csv"}, strings.NewReader(file))
		if out.Code != 409 {
			t.Errorf("the same file in one piece: answer %d", out.Code)
		}
	}
	if out := r.deliverUpload(p.ID); out.Code != 201 {
		t.Errorf("delivered: answer %d: %s", out.Code, out.Body)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// An upload is removed a day after its last part; its receipt's number a day after the receipt.
func TestUploadExpires(t *testing.T) {
	r := build(t)
	synctest.Test(t, func(t *testing.T) {
		p := r.announce(t, 201, "", payroll(file))
		see := func() int { return r.ask(request{method: http.MethodGet, path: "/v1/uploads/" + p.ID}, nil).Code }
		time.Sleep(23 * time.Hour)
		r.part(p.ID, 0, strings.NewReader(file))
		time.Sleep(23 * time.Hour)
		if out := r.deliverUpload(p.ID); out.Code != 201 {
			t.Errorf("delivered: answer %d: %s", out.Code, out.Body)
		}
		time.Sleep(23 * time.Hour)
		if got := see(); got != 200 {
			t.Errorf("in time: answer %d", got)
		}
		time.Sleep(2 * time.Hour)
		if got := see(); got != 404 {
			t.Errorf("too late: answer %d", got)
		}
		p = r.announce(t, 201, "", payroll(file))
		time.Sleep(25 * time.Hour)
		r.ask(request{method: http.MethodGet, path: "/v1/periods"}, nil)
		if left := files(t, r.options.Uploads); len(left) > 0 {
			t.Errorf("left after another's request: %d files", len(left))
		}
		p = r.announce(t, 201, "", payroll(file))
		time.Sleep(25 * time.Hour)
		r.start()
		if got := see(); got != 404 {
			t.Errorf("too late, after a restart: answer %d", got)
		}
	})
	if left := files(t, r.options.Uploads); len(left) > 0 {
		t.Errorf("left: %d files", len(left))
	}
}

// The numbers of receipts are kept of the last hundred uploads.
func TestUploadForgets(t *testing.T) {
	r := build(t)
	var ids []string
	for range 101 {
		p := r.announce(t, 201, "", push.Announce{File: "payroll-202609.csv", Bytes: 0})
		if out := r.deliverUpload(p.ID); out.Code != 201 {
			t.Fatalf("answer %d: %s", out.Code, out.Body)
		}
		ids = append(ids, p.ID)
	}
	for i, want := range map[int]int{0: 404, 1: 200, 100: 200} {
		if out := r.deliverUpload(ids[i]); out.Code != want {
			t.Errorf("%d.: answer %d, want %d", i, out.Code, want)
		}
	}
}

// Of what a killed hub left only that stays that somebody was told of.
func TestUploadSweeps(t *testing.T) {
	r := build(t)
	p := r.announce(t, 201, "", payroll(file))
	r.part(p.ID, 0, strings.NewReader(file[:10]))
	for _, name := range []string{"AAAA.part", "BBBB.draft", p.ID + ".draft", "README"} {
		if err := os.WriteFile(filepath.Join(r.options.Uploads, name), []byte("{"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r.start()
	if status, _, at := r.part(p.ID, 10, strings.NewReader(file[10:12])); status != 204 || at != "12" {
		t.Errorf("answer %d at %s", status, at)
	}
	var names []string
	for name := range files(t, r.options.Uploads) {
		names = append(names, name)
	}
	slices.Sort(names)
	want := []string{p.ID + ".json", p.ID + ".part", "README"}
	slices.Sort(want)
	if fmt.Sprint(names) != fmt.Sprint(want) {
		t.Errorf("left: %q, want %q", names, want)
	}
}
