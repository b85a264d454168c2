package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"hebian/connectors/container"
	"hebian/connectors/text"
)

// feedServer is a hub with one feed, whose cursor is the number of a record.
type feedServer struct {
	*httptest.Server
	token string // file with one

	mu       sync.Mutex
	records  int // there are so many
	arrived  int // what it was told, by the highest cursor
	troubles int // requests that it answers with trouble first
}

func newFeedServer(t *testing.T, records int) *feedServer {
	t.Helper()
	f := &feedServer{records: records, token: filepath.Join(t.TempDir(), "token")}
	if err := os.WriteFile(f.token, []byte("hb_x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	return f
}

// pageOfTest is how many records a page of the test's feed has.
const pageOfTest = 7

func (f *feedServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	after, _ := strconv.Atoi(r.URL.Query().Get("after")) // none is the start
	switch {
	case r.URL.Path != "/v1/feeds/corrections" || r.Header.Get("Authorization") != "Bearer hb_x":
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusNotFound)
		io.WriteString(w, `{"type":"urn:hebian:problem:unknown_feed","detail":"There is no feed."}`) //nolint:errcheck // a test
		return
	case f.troubles > 0:
		f.troubles--
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	f.arrived = max(f.arrived, after)
	last := min(after+pageOfTest, f.records)
	w.Header().Set("Hebian-Next", strconv.Itoa(last))
	w.Header().Set("Hebian-More", strconv.FormatBool(last < f.records))
	w.Write(feedPage(r.URL.Query().Get("form"), after+1, last)) //nolint:errcheck // a test
}

// feedPage writes records, from the first to the last.
func feedPage(form string, first, last int) []byte {
	var b bytes.Buffer
	switch form {
	case "csv":
		b.WriteString("id,key,record\r\n")
		for n := first; n <= last; n++ {
			fmt.Fprintf(&b, "r-%d,甲局,\"{\"\"n\"\":%d}\"\r\n", n, n)
		}
	case "avro":
		w, err := container.NewWriter(&b, `{"type":"record","name":"R","fields":[{"name":"n","type":"string"}]}`, "deflate")
		for n := first; err == nil && n <= last; n++ {
			text := strconv.Itoa(n)
			err = w.Append(append([]byte{byte(2 * len(text))}, text...))
		}
		if err == nil {
			err = w.Close()
		}
		if err != nil {
			panic(err) // into memory
		}
	default:
		for n := first; n <= last; n++ {
			fmt.Fprintf(&b, "{\"id\":\"r-%d\",\"record\":{\"n\":%d}}\n", n, n)
		}
	}
	return b.Bytes()
}

func (f *feedServer) grow(records int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.records = records
}

// args pull from the server.
func (f *feedServer) args(more ...string) []string {
	return append([]string{"pull", "corrections", "--url", f.URL, "--token-file", f.token}, more...)
}

// avroRows reads the rows of an object container file.
func avroRows(t *testing.T, content []byte) (rows []string) {
	t.Helper()
	r, err := container.Open(bytes.NewReader(content), int64(len(content)), container.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for block := new(text.Block); ; {
		switch err := r.Next(block); {
		case err == io.EOF:
			return rows[1:] // without the header
		case err != nil:
			t.Fatal(err)
		}
		for _, record := range block.Records {
			rows = append(rows, string(record.Raw))
		}
	}
}

// wholeFeed is what stands in a file of all records from the first on.
func wholeFeed(t *testing.T, form string, content []byte, records int) {
	t.Helper()
	if form == "avro" {
		rows := avroRows(t, content)
		for i, row := range rows {
			if row != strconv.Itoa(i+1) {
				t.Fatalf("record %d is %s", i+1, row)
			}
		}
		if len(rows) != records {
			t.Fatalf("there are %d records, want %d", len(rows), records)
		}
		return
	}
	if want := string(feedPage(form, 1, records)); string(content) != want {
		t.Fatalf("the file has %d bytes, want %d:\n%.500s", len(content), len(want), content)
	}
}

// Page after page becomes one file, whether it is written in one go or in several; and the hub learns that all has arrived.
func TestPullForms(t *testing.T) {
	for _, form := range []string{"ndjson", "csv", "avro"} {
		t.Run(form, func(t *testing.T) {
			hub, dir := newFeedServer(t, 20), t.TempDir()
			args := hub.args("--form", form, "--out", filepath.Join(dir, "out"), "--state", filepath.Join(dir, "state"))
			mustRun(t, args...)
			hub.grow(31)
			hub.troubles = 1
			mustRun(t, args...)
			mustRun(t, args...) // nothing is new
			wholeFeed(t, form, []byte(readText(t, dir, "out")), 31)
			if hub.arrived != 31 {
				t.Errorf("the hub knows of %d records that they arrived, want 31", hub.arrived)
			}
			code, out, errs := hebian(t, hub.args("--form", form)...)
			if code != 0 || !strings.Contains(errs, "31 records") || !strings.Contains(errs, "--after 31") {
				t.Errorf("exit code %d: %s", code, errs)
			}
			wholeFeed(t, form, []byte(out), 31)
		})
	}
}

// A kill -9 at any moment leaves a file that goes on where it was: nothing is missing, nothing stands there twice.
func TestPullKilled(t *testing.T) {
	records, kills := 7*60, 30
	if testing.Short() {
		records, kills = 7*20, 6
	}
	for _, form := range []string{"ndjson", "avro"} {
		hub, dir := newFeedServer(t, records), t.TempDir()
		args := hub.args("--form", form, "--out", filepath.Join(dir, "out"), "--state", filepath.Join(dir, "state"))
		for range kills {
			cmd := process(t, args...)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			at := hub.reached()
			wanted := at + rand.IntN(5*pageOfTest)
			eventually(t, "the pull comes on", func() bool { now := hub.reached(); return now >= wanted || now == records })
			cmd.Process.Kill() //nolint:errcheck // it may have ended
			cmd.Wait()         //nolint:errcheck // it was killed
		}
		// What a page that does not count may leave.
		file, err := os.OpenFile(filepath.Join(dir, "out"), os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := file.WriteString("half a pa"); err != nil {
			t.Fatal(err)
		}
		if err := file.Close(); err != nil {
			t.Fatal(err)
		}
		mustRun(t, args...)
		wholeFeed(t, form, []byte(readText(t, dir, "out")), records)
	}
}

func (f *feedServer) reached() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.arrived
}

// Pulls that follow take what comes until they are told to stop, and end well.
func TestPullFollows(t *testing.T) {
	hub, dir := newFeedServer(t, 3), t.TempDir()
	out := filepath.Join(dir, "out")
	cmd := process(t, hub.args("--follow", "--out", out, "--state", filepath.Join(dir, "state"))...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := func() int {
		content, err := os.ReadFile(out)
		if err != nil {
			return 0
		}
		return bytes.Count(content, []byte("\n"))
	}
	eventually(t, "the first records are there", func() bool { return lines() == 3 })
	if code, _, errs := hebian(t, hub.args("--out", out, "--state", filepath.Join(dir, "state"))...); code != 1 || !strings.Contains(errs, "in use by another") {
		t.Errorf("a second pull of the same state: exit code %d: %s", code, errs)
	}
	hub.grow(9)
	eventually(t, "the later records are there", func() bool { return lines() == 9 })
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("after an interrupt: %v", err)
	}
}

// What would lose or damage records is refused before anything is touched.
func TestPullRefuses(t *testing.T) {
	hub, dir := newFeedServer(t, 10), t.TempDir()
	out, state := filepath.Join(dir, "out"), filepath.Join(dir, "state")
	mustRun(t, hub.args("--out", out, "--state", state)...)
	before := readText(t, out)
	other := filepath.Join(dir, "other")
	if err := os.WriteFile(other, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name string
		args []string
		code int
		says string
	}{
		{"a state of another file", hub.args("--out", other, "--state", state), 2, "its out is"},
		{"a state of another form", hub.args("--out", out, "--state", state, "--form", "csv"), 2, "its form is"},
		{"two cursors", hub.args("--out", out, "--state", state, "--after", "3"), 2, "leave one away"},
		{"a state that is none", hub.args("--out", out, "--state", other), 1, "none that hebian pull wrote"},
		{"Avro behind something else", hub.args("--out", other, "--form", "avro"), 1, "no object container file"},
		{"no such feed", []string{"pull", "gossip", "--url", hub.URL, "--token-file", hub.token}, 1, "There is no feed."},
	} {
		t.Run(test.name, func(t *testing.T) {
			if code, _, errs := hebian(t, test.args...); code != test.code || !strings.Contains(errs, test.says) {
				t.Errorf("exit code %d, want %d: %s", code, test.code, errs)
			}
		})
	}
	if readText(t, out) != before || readText(t, other) != "precious" {
		t.Error("a file was changed")
	}
	if err := os.Truncate(out, 5); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := hebian(t, hub.args("--out", out, "--state", state)...); code != 1 || !strings.Contains(errs, "taken away") {
		t.Errorf("a file cut short: exit code %d: %s", code, errs)
	}
}

// Pages of any bytes are told apart or refused, and never more than they are.
func FuzzAvroPage(f *testing.F) {
	f.Add(feedPage("avro", 1, 7), feedPage("avro", 8, 9))
	f.Add(feedPage("avro", 1, 0), []byte("Obj\x01\x00"))
	f.Add(feedPage("avro", 1, 2), []byte("Obj\x01\x03\x00\xff\xff\xff\xff\xff\xff\xff\xff\x7f"))
	f.Fuzz(func(t *testing.T, first, second []byte) {
		var a avroFile
		n, body, err := a.join(first, false)
		if err != nil {
			return
		}
		if !bytes.Equal(body, first) {
			t.Fatal("the first page is changed")
		}
		m, more, err := a.join(second, true)
		if err != nil {
			return
		}
		var whole avroFile
		if all, _, err := whole.join(append(body, more...), false); err != nil || all != n+m {
			t.Fatalf("together they have %d records, want %d and %d: %v", all, n, m, err)
		}
	})
}

// The state holds what the next pull needs, and nobody else may read it.
func TestPullState(t *testing.T) {
	hub, dir := newFeedServer(t, 10), t.TempDir()
	mustRun(t, hub.args("--state", filepath.Join(dir, "state"))...)
	var state pullState
	if err := json.Unmarshal([]byte(readText(t, dir, "state")), &state); err != nil {
		t.Fatal(err)
	}
	if state.Cursor != "10" || state.Feed != "corrections" || state.Hub != hub.URL {
		t.Errorf("the state is %+v", state)
	}
	stat, err := os.Stat(filepath.Join(dir, "state"))
	if err != nil {
		t.Fatal(err)
	}
	if stat.Mode().Perm() != 0o600 {
		t.Errorf("the state may be read by others: %s", stat.Mode())
	}
}
