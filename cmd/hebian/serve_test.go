package main

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/simplifiedchinese"

	"hebian/connectors"
	"hebian/connectors/push"
	"hebian/matcher"
	"hebian/matcher/queue"
	"hebian/ops/desk"
	"hebian/schemas"
)

// served is a hub in a process of its own, on a data folder that outlives it. It may be started again after
// it was killed or stopped.
type served struct {
	test   *testing.T // that it lives as long as
	data   string
	args   []string          // of serve, beside those that every hub has
	tokens map[string]string // by agency, or account
	http   *http.Client
	url    string
	cmd    *exec.Cmd
	log    transcript // of all starts
}

// Accounts of a hub in tests. Two officers, for what they may do to each other.
const (
	operator = "zhao"
	officer  = "lin"
	another  = "wang"
)

// newServed makes a data folder with a token for every agency and account. args are further ones of serve.
func newServed(t *testing.T, args ...string) *served {
	t.Helper()
	return newServedIn(t, t.TempDir(), args...)
}

// newServedIn makes the data folder below another folder.
func newServedIn(t *testing.T, dir string, args ...string) *served {
	t.Helper()
	h := &served{test: t, data: filepath.Join(dir, "data"), args: args, tokens: map[string]string{}, http: &http.Client{Transport: &http.Transport{}}}
	t.Cleanup(h.kill)
	for _, agency := range agencies(t) {
		h.tokens[agency.Agency] = h.issue(t, "--agency", agency.Agency)
	}
	password := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(password, []byte("twelve or more characters"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, role := range map[string]string{operator: "operator", officer: "officer", another: "officer"} {
		mustRun(t, "account", "add", name, "--role", role, "--data", h.data, "--password-file", password)
		h.tokens[name] = h.issue(t, "--account", name)
	}
	return h
}

// agencies are those of the built-in profiles.
func agencies(t *testing.T) []connectors.Profile {
	t.Helper()
	profiles, err := connectors.Profiles()
	if err != nil {
		t.Fatal(err)
	}
	return profiles
}

func (h *served) issue(t *testing.T, args ...string) (secret string) {
	t.Helper()
	code, out, errs := hebian(t, append([]string{"token", "issue", "--data", h.data}, args...)...)
	if code != 0 {
		t.Fatalf("token issue: exit code %d: %s", code, errs)
	}
	return strings.TrimSpace(out)
}

// launch starts the process without waiting until it is ready; ready waits.
func (h *served) launch(t *testing.T) (ready func() error) {
	t.Helper()
	h.cmd = process(h.test, append([]string{"serve", "--data", h.data, "--listen", "127.0.0.1:0"}, h.args...)...)
	h.cmd.Stderr = &h.log
	out, err := h.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := h.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return func() error {
		line, err := bufio.NewReader(out).ReadString('\n')
		address, ok := strings.CutPrefix(strings.TrimSpace(line), "hebian serves ")
		if !ok {
			return fmt.Errorf("the hub did not start: %q, %w\n%s", line, err, h.log.String())
		}
		h.url = address
		return nil
	}
}

func (h *served) start(t *testing.T) {
	t.Helper()
	if err := h.launch(t)(); err != nil {
		t.Fatal(err)
	}
}

// kill ends the process as kill -9 does.
func (h *served) kill() {
	if h.cmd == nil || h.cmd.Process == nil {
		return
	}
	h.cmd.Process.Kill() //nolint:errcheck // it may have ended
	h.cmd.Wait()         //nolint:errcheck // it was killed
	h.http.CloseIdleConnections()
}

// stop ends the process as a service manager does. It must end well.
func (h *served) stop(t *testing.T) {
	t.Helper()
	if err := h.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := h.cmd.Wait(); err != nil {
		t.Fatalf("after SIGTERM: %v\n%s", err, h.log.String())
	}
	h.http.CloseIdleConnections()
}

// transcript keeps what a process writes while a test may look at it.
type transcript struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (t *transcript) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.Write(p)
}

func (t *transcript) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.String()
}

// reply is what the hub answers.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// ask sends a request for the holder of a token, nobody if empty. An error means that there was no whole answer.
func (h *served) ask(who, method, path string, body io.Reader, header ...string) (reply, error) {
	request, err := http.NewRequest(method, h.url+path, body)
	if err != nil {
		return reply{}, err
	}
	if who != "" {
		request.Header.Set("Authorization", "Bearer "+h.tokens[who])
	}
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response, err := h.http.Do(request)
	if err != nil {
		return reply{}, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return reply{response.StatusCode, response.Header, text}, err
}

// must sends a request that must be answered with a status.
func (h *served) must(t *testing.T, want int, who, method, path string, body io.Reader, header ...string) reply {
	t.Helper()
	r, err := h.ask(who, method, path, body, header...)
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", method, path, err, h.log.String())
	}
	if r.status != want {
		t.Fatalf("%s %s: status %d, want %d: %s\n%s", method, path, r.status, want, r.body, h.log.String())
	}
	return r
}

// into reads an answer of JSON.
func (r reply) into(t *testing.T, v any) {
	t.Helper()
	if err := json.Unmarshal(r.body, v); err != nil {
		t.Fatalf("the answer is no JSON: %v\n%s", err, r.body)
	}
}

// problem reads an answer that says what is wrong.
func (r reply) problem(t *testing.T) *push.Problem {
	t.Helper()
	p := &push.Problem{}
	if kind := r.header.Get("Content-Type"); kind != "application/problem+json" {
		t.Errorf("an error comes as %s, want application/problem+json: %s", kind, r.body)
		return p
	}
	r.into(t, p)
	if p.Status != r.status || p.Title == "" || p.Detail == "" {
		t.Errorf("the problem does not say what is wrong: %s", r.body)
	}
	return p
}

func (r reply) receipt(t *testing.T) (c connectors.Receipt) {
	t.Helper()
	r.into(t, &c)
	return c
}

// deliver sends a file for its agency. name is that of a county folder, as finance/payroll-202609.csv.
func (h *served) deliver(name string, content []byte, header ...string) (reply, error) {
	agency, path := handedIn(h.test, name)
	return h.ask(agency, http.MethodPost, path, bytes.NewReader(content), header...)
}

// handedIn says whose a file of a county folder is, and where that agency posts it.
func handedIn(t *testing.T, name string) (agency, path string) {
	t.Helper()
	found, ok := connectors.Describe(agencies(t), name)
	if !ok {
		t.Fatalf("nobody delivers %s", name)
	}
	return found.Agency, "/v1/deliveries/" + found.Agency + name[strings.LastIndexByte(name, '/'):]
}

// take delivers a file that must be taken in.
func (h *served) take(t *testing.T, name string, content []byte) connectors.Receipt {
	t.Helper()
	r, err := h.deliver(name, content)
	if err != nil || r.status != http.StatusCreated {
		t.Fatalf("deliver %s: status %d, %v: %s\n%s", name, r.status, err, r.body, h.log.String())
	}
	return r.receipt(t)
}

// declare says that an agency's month is complete, with files that have no rows.
func (h *served) declare(t *testing.T, agency, month string, empty ...string) {
	t.Helper()
	body, err := json.Marshal(push.Declare{Empty: empty})
	if err != nil {
		t.Fatal(err)
	}
	h.must(t, http.StatusOK, agency, http.MethodPut, "/v1/periods/"+month+"/complete", bytes.NewReader(body), "Content-Type", "application/json")
}

// declareAll has every agency declare a month, the files that were never delivered as empty.
func (h *served) declareAll(t *testing.T, month string, delivered map[string][]byte) {
	t.Helper()
	for _, agency := range agencies(t) {
		h.declare(t, agency.Agency, month, lacking(t, agency, month, delivered)...)
	}
}

// lacking are the files of an agency's month that were not delivered.
func lacking(t *testing.T, agency connectors.Profile, month string, delivered map[string][]byte) (files []string) {
	t.Helper()
	m, ok := schemas.ParseMonth(month)
	if !ok {
		t.Fatalf("%q is no month", month)
	}
	for _, name := range agency.Names(m) {
		if delivered[name] == nil {
			files = append(files, name)
		}
	}
	return files
}

// flags are those as of a day, of all that was delivered.
func (h *served) flags(t *testing.T, day string) string {
	t.Helper()
	return string(h.must(t, http.StatusOK, operator, http.MethodGet, "/v1/flags.csv?as_of="+day, nil).body)
}

// status is how the hub says it does. Its ledger must balance at any moment.
func (h *served) status(t *testing.T) (s hubStatus) {
	t.Helper()
	h.must(t, http.StatusOK, operator, http.MethodGet, "/v1/status", nil).into(t, &s)
	for _, line := range s.Ledger {
		if line.Difference != 0 || line.Accepted != line.Delivered+line.Quarantined+line.Pending {
			t.Errorf("the ledger is out: %+v", line)
		}
	}
	return s
}

// countyFiles reads the files of a county folder by their names.
func countyFiles(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	for _, found := range mustScan(t, dir).Found {
		content, err := os.ReadFile(filepath.Join(dir, found.Name))
		if err != nil {
			t.Fatal(err)
		}
		files[found.Name] = content
	}
	return files
}

func readText(t *testing.T, path ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// flagKeys reads a flags.csv.
func flagKeys(t *testing.T, text string) []matcher.Key {
	t.Helper()
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var keys []matcher.Key
	for _, row := range rows[1:] {
		month, _ := schemas.ParseMonth(row[3]) // some flags have none
		keys = append(keys, matcher.Key{Code: row[0], Person: schemas.IDNumber(row[1]), Unit: schemas.UnitCode(row[2]), Month: month, Detail: row[4]})
	}
	return keys
}

// casesOf are the cases that flags open, by what must have opened them.
func casesOf(t *testing.T, flags string) map[string]matcher.Key {
	t.Helper()
	cases := map[string]matcher.Key{}
	for _, key := range flagKeys(t, flags) {
		if key.Code != "PENDING_ENTRY" { // only tells: nobody need act
			cases[queue.CaseID(key)] = key
		}
	}
	return cases
}

// patience is how long a test waits for what must come about by itself.
const patience = 30 * time.Second

// eventually waits until something holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for end := time.Now().Add(patience); !holds(); <-look.C {
		if time.Now().After(end) {
			t.Fatalf("waited %s in vain: %s", patience, what)
		}
	}
}

// cases lists all cases of persons and units by their IDs.
func (h *served) cases(t *testing.T) map[string]desk.CaseRow {
	t.Helper()
	all := h.allCases(t)
	maps.DeleteFunc(all, func(_ string, c desk.CaseRow) bool { return c.Entity != "" })
	return all
}

// allCases lists those of legal entities too.
func (h *served) allCases(t *testing.T) map[string]desk.CaseRow {
	t.Helper()
	all := map[string]desk.CaseRow{}
	for after := ""; ; {
		var page struct {
			Cases []desk.CaseRow
			Next  string
		}
		h.must(t, http.StatusOK, officer, http.MethodGet, "/v1/cases?limit=500&after="+after, nil).into(t, &page)
		for _, c := range page.Cases {
			if _, twice := all[c.ID]; twice {
				t.Errorf("case %s is listed twice", c.ID)
			}
			all[c.ID] = c
		}
		if after = page.Next; after == "" {
			return all
		}
	}
}

// look reads a case with its history.
func (h *served) look(t *testing.T, id string) (c desk.CaseDetail) {
	t.Helper()
	h.must(t, http.StatusOK, officer, http.MethodGet, "/v1/cases/"+id, nil).into(t, &c)
	return c
}

// steps are what happened to a case.
func steps(c desk.CaseDetail) (kinds []string) {
	for _, e := range c.History {
		kinds = append(kinds, e.Kind)
	}
	return kinds
}

// claim has an officer take a case.
func (h *served) claim(t *testing.T, who, id string) {
	t.Helper()
	h.must(t, http.StatusOK, who, http.MethodPost, "/v1/cases/"+id+"/claim", nil)
}

// decide has an officer decide a case.
func (h *served) decide(who, id string, outcome queue.Outcome, reason string) (reply, error) {
	body, err := json.Marshal(map[string]string{"outcome": string(outcome), "reason": reason})
	if err != nil {
		return reply{}, err
	}
	return h.ask(who, http.MethodPost, "/v1/cases/"+id+"/decide", bytes.NewReader(body), "Content-Type", "application/json")
}

// corrections reads what went out to agencies, by the name of the file.
func corrections(t *testing.T, out string) map[string]schemas.Correction {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(out, "*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]schemas.Correction{}
	for _, path := range files {
		var c schemas.Correction
		if err := json.Unmarshal([]byte(readText(t, path)), &c); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		all[filepath.Base(filepath.Dir(path))+"/"+filepath.Base(path)] = c
	}
	return all
}

// noSlot is the case of a person paid without a slot.
func noSlot(person int) string {
	return queue.CaseID(matcher.Key{Code: "PAID_NO_SLOT", Person: schemas.IDNumber(villager(person)), Unit: villageUnit, Month: 202609})
}

// A case goes its way: a delivery, a flag, a case, a decision, a correction with the agency, a corrected delivery.
func TestServeCircle(t *testing.T) {
	h := newServed(t, "--as-of", "2026-09-30")
	h.start(t)
	files := village(40, 43) // 40, 41 and 42 are paid without a slot
	for name, content := range files {
		h.take(t, name, content)
	}
	if early := h.cases(t); len(early) != 0 {
		t.Fatalf("%d cases before the month was complete, want none", len(early))
	}
	h.declareAll(t, "202609", files)
	eventually(t, "three cases", func() bool { return len(h.cases(t)) == 3 })

	t.Run("decided, sent, settled, relapsed", func(t *testing.T) {
		id := noSlot(40)
		h.claim(t, officer, id)
		if r, err := h.decide(officer, id, queue.OutcomeConfirmed, "查无编制"); err != nil || r.status != http.StatusOK {
			t.Fatalf("decide: status %d, %v: %s", r.status, err, r.body)
		}
		eventually(t, "the correction is sent", func() bool { return h.look(t, id).State == "sent" })
		sent := corrections(t, filepath.Join(h.data, "out"))
		c := h.look(t, id)
		correction := sent["finance/"+c.History[2].Correction+".json"]
		if correction.Due == nil || correction.Due.Time().Before(time.Now()) {
			t.Errorf("the correction is due on %v", correction.Due)
		}
		correction.Rows, correction.Decided, correction.ID, correction.Due = nil, "", "", nil
		month := schemas.Month(202609)
		want := schemas.Correction{
			Case: id, Agency: "finance", Outcome: "confirmed", Reason: "查无编制", Code: "PAID_NO_SLOT",
			Person: schemas.IDNumber(villager(40)), Unit: villageUnit, Month: &month,
		}
		if diff := cmp.Diff(want, correction); diff != "" || len(sent) != 1 {
			t.Errorf("%d corrections went out, want this one (-want +got):\n%s", len(sent), diff)
		}

		h.take(t, "finance/payroll-202609.csv", payroll(append(villagers(0, 40), 41, 42)...))
		eventually(t, "the corrected delivery settles the case", func() bool { return h.look(t, id).State == "settled" })
		again := h.take(t, "finance/payroll-202609.csv", files["finance/payroll-202609.csv"])
		eventually(t, "the old delivery opens it again", func() bool { return h.look(t, id).State == "open" })
		c = h.look(t, id)
		if diff := cmp.Diff([]string{"opened", "claimed", "decided", "sent", "settled", "reopened"}, steps(c)); diff != "" {
			t.Errorf("history (-want +got):\n%s", diff)
		}
		if last := c.History[len(c.History)-1]; last.Delivery != again.Delivery || c.Relapses != 1 {
			t.Errorf("opened again by delivery %d, %d relapses; want delivery %d, 1", last.Delivery, c.Relapses, again.Delivery)
		}
	})

	t.Run("explained by late data", func(t *testing.T) {
		late := h.take(t, "staffing/exemptions.csv", exemptions(41))
		eventually(t, "the exemption explains the case", func() bool { return h.look(t, noSlot(41)).State == "explained" })
		c := h.look(t, noSlot(41))
		if diff := cmp.Diff([]string{"opened", "explained"}, steps(c)); diff != "" || c.History[1].Delivery != late.Delivery {
			t.Errorf("by delivery %d, want %d; history (-want +got):\n%s", c.History[1].Delivery, late.Delivery, diff)
		}
	})

	t.Run("explained by an officer", func(t *testing.T) {
		id := noSlot(42)
		h.claim(t, another, id)
		if r, err := h.decide(another, id, queue.OutcomeExplained, "返聘备案在途"); err != nil || r.status != http.StatusOK {
			t.Fatalf("decide: status %d, %v: %s", r.status, err, r.body)
		}
		h.take(t, "finance/payroll-202609.csv", payroll(villagers(0, 43)...)) // the finding stands, and the decision with it
		h.stop(t)
		h.start(t)
		c := h.look(t, id)
		if diff := cmp.Diff([]string{"opened", "claimed", "decided"}, steps(c)); diff != "" || c.State != "explained" {
			t.Errorf("state %s, want explained; history (-want +got):\n%s", c.State, diff)
		}
		if sent := corrections(t, filepath.Join(h.data, "out")); len(sent) != 1 {
			t.Errorf("%d corrections went out, want the one of the other case", len(sent))
		}
	})
	h.status(t)
}

// caughtUp waits until cases show all that was delivered and declared. Then nothing is pending in the books.
func (h *served) caughtUp(t *testing.T, day string) {
	t.Helper()
	h.flags(t, day)
	s := h.status(t)
	for _, line := range s.Ledger {
		if s.Waiting+int(line.Pending) != 0 {
			t.Errorf("%d deliveries wait to be judged after all were; %+v", s.Waiting, line)
		}
	}
}

// marks are how far agencies are complete, as the test itself keeps the books.
func marks(t *testing.T, declared map[string]schemas.Month) matcher.AgencyMarks {
	t.Helper()
	m := matcher.AgencyMarks{}
	for _, agency := range agencies(t) {
		for _, file := range agency.Files {
			if m[file.Subject] == nil {
				m[file.Subject] = map[string]schemas.Month{}
			}
			m[file.Subject][agency.Agency] = declared[agency.Agency]
		}
	}
	return m
}

// final are the cases of flags for which nobody owes anything.
func final(cases map[string]matcher.Key, day string, m matcher.Marks) map[string]string {
	asOf, _ := schemas.ParseDate(day)
	states := map[string]string{}
	for id, key := range cases {
		if !matcher.Provisional(key.Code, key.Month, asOf, m) {
			states[id] = "open"
		}
	}
	return states
}

// states are the states of all cases.
func (h *served) states(t *testing.T) map[string]string {
	t.Helper()
	states := map[string]string{}
	for id, c := range h.cases(t) {
		states[id] = c.State
	}
	return states
}

// samples are small counties with all flags known as of sampleDay.
func samples() []string {
	if testing.Short() {
		return []string{"edge"}
	}
	return []string{"a", "b", "edge"}
}

const sampleDay = "2026-09-30"

// Files posted one by one in any order, twice, with kill -9 in between, end in the flags of a check and one
// case for each, as far as agencies have declared themselves complete.
func TestServeExact(t *testing.T) {
	seeds := uint64(3)
	if testing.Short() {
		seeds = 1
	}
	for _, name := range samples() {
		for seed := range seeds {
			t.Run(fmt.Sprint(name, seed), func(t *testing.T) {
				random := rand.New(rand.NewPCG(seed, 1))
				files := countyFiles(t, filepath.Join(county, name, "in"))
				expected := readText(t, county, name, "expected", "flags.csv")
				h := newServed(t, "--as-of", sampleDay)
				h.start(t)
				for _, file := range shuffled(random, files, 2) {
					if random.IntN(3) == 0 {
						h.killMidway(t, random, file, files[file])
					}
					h.take(t, file, files[file])
				}
				if diff := cmp.Diff(expected, h.flags(t, sampleDay)); diff != "" {
					t.Fatalf("flags.csv differs (-want +got):\n%.3000s", diff)
				}
				h.checkEntities(t, filepath.Join(county, name, "expected"))
				h.declareEach(t, random, files, casesOf(t, expected))
				h.checkPrivate(t, flagKeys(t, expected))
				h.kill()
				h.start(t)
				if diff := cmp.Diff(expected, h.flags(t, sampleDay)); diff != "" {
					t.Errorf("flags.csv differs after all (-want +got):\n%.3000s", diff)
				}
				h.checkEntities(t, filepath.Join(county, name, "expected"))
			})
		}
	}
}

// checkPrivate looks for persons where operators and programs look who have no business with them.
func (h *served) checkPrivate(t *testing.T, flags []matcher.Key) {
	t.Helper()
	seen := map[string]string{
		"the log": h.log.String(),
		"metrics": string(h.must(t, http.StatusOK, "", http.MethodGet, "/metrics", nil).body),
		"status":  string(h.must(t, http.StatusOK, operator, http.MethodGet, "/v1/status", nil).body),
		"cases":   string(h.must(t, http.StatusOK, officer, http.MethodGet, "/v1/cases?limit=500", nil).body),
	}
	if !strings.Contains(seen["metrics"], "hebian_matcher_flags") {
		t.Error("metrics lack the flags")
	}
	for _, key := range flags {
		for where, text := range seen {
			if len(key.Person) == 18 && strings.Contains(text, string(key.Person)) { // shorter ones are wrong, and could be any number
				t.Fatalf("%s shows an identity number", where)
			}
		}
	}
}

// shuffled are the names of files, each several times, in any order.
func shuffled(random *rand.Rand, files map[string][]byte, times int) []string {
	names := slices.Repeat(slices.Sorted(maps.Keys(files)), times)
	random.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	return names
}

// killMidway kills the hub while it takes a file in, and starts it again.
func (h *served) killMidway(t *testing.T, random *rand.Rand, file string, content []byte) {
	t.Helper()
	killed := make(chan struct{})
	timer := time.AfterFunc(time.Duration(random.IntN(20))*time.Millisecond, func() {
		h.cmd.Process.Kill() //nolint:errcheck // kill says
		close(killed)
	})
	defer timer.Stop()
	h.deliver(file, content) //nolint:errcheck // it may or may not have been taken in
	<-killed
	h.kill()
	h.start(t)
}

// declareEach has the agencies declare September complete in any order. After each, there is a case for each
// flag for which nobody owes anything any more, and no other.
func (h *served) declareEach(t *testing.T, random *rand.Rand, files map[string][]byte, cases map[string]matcher.Key) {
	t.Helper()
	declared := map[string]schemas.Month{}
	all := agencies(t)
	random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	for i := -1; i < len(all); i++ {
		if i >= 0 {
			h.declare(t, all[i].Agency, "202609", lacking(t, all[i], "202609", files)...)
			declared[all[i].Agency] = 202609
		}
		h.caughtUp(t, sampleDay)
		if diff := cmp.Diff(final(cases, sampleDay, marks(t, declared)), h.states(t)); diff != "" {
			t.Fatalf("%d agencies are complete; cases differ (-want +got):\n%.3000s", i+1, diff)
		}
	}
	if states := h.states(t); len(states) != len(cases) {
		t.Errorf("%d cases in the end, want one for each of %d flags", len(states), len(cases))
	}
}

// The watched folder is a road like the other.
func TestServeWatched(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	in, watched := filepath.Join(county, "edge", "in"), t.TempDir()
	files, expected := countyFiles(t, in), readText(t, county, "edge", "expected", "flags.csv")
	h := newServed(t, "--as-of", sampleDay, "--watch", watched)
	h.start(t)
	names := shuffled(random, files, 2)
	for i, name := range names {
		copyFile(t, in, watched, name)
		if i == len(names)/3 || i == 2*len(names)/3 {
			eventually(t, "something is taken in", func() bool { return h.status(t).Findings > 0 })
			h.kill()
			h.start(t)
		}
	}
	for _, agency := range agencies(t) {
		empty := strings.Join(lacking(t, agency, "202609", files), ", ")
		if err := os.WriteFile(filepath.Join(watched, agency.Agency, "complete-202609"), []byte("empty: ["+empty+"]\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want := final(casesOf(t, expected), sampleDay, matcher.AllComplete{})
	eventually(t, "all cases are open", func() bool { return cmp.Equal(want, h.states(t)) })
	if diff := cmp.Diff(expected, h.flags(t, sampleDay)); diff != "" {
		t.Errorf("flags.csv differs (-want +got):\n%.3000s", diff)
	}
}

// While agencies deliver side by side and each declares itself complete when it is done, no case opens that
// the whole county does not justify, and none closes.
func TestServeWhileLoading(t *testing.T) {
	for _, name := range samples() {
		t.Run(name, func(t *testing.T) {
			random := rand.New(rand.NewPCG(1, 3))
			files := countyFiles(t, filepath.Join(county, name, "in"))
			expected := readText(t, county, name, "expected", "flags.csv")
			cases := casesOf(t, expected)
			h := newServed(t, "--as-of", sampleDay)
			h.start(t)
			for _, step := range loading(t, random, files, "202609") {
				step(h)
				h.caughtUp(t, sampleDay)
				for id, state := range h.states(t) {
					if _, justified := cases[id]; !justified || state != "open" {
						c := h.look(t, id)
						t.Fatalf("case %s %s %s is %s, justified: %t", id, c.Code, c.Month, state, justified)
					}
				}
			}
			if diff := cmp.Diff(final(cases, sampleDay, matcher.AllComplete{}), h.states(t)); diff != "" {
				t.Errorf("cases of the whole county differ (-want +got):\n%.3000s", diff)
			}
			checkSteps(t, h, cases)
		})
	}
}

// loading is what agencies do for a month, mixed at random: each delivers its files in any order, then
// declares the month complete.
func loading(t *testing.T, random *rand.Rand, files map[string][]byte, month string) (steps []func(*served)) {
	t.Helper()
	todo := map[string][]func(*served){}
	for _, name := range shuffled(random, files, 1) {
		agency, _ := handedIn(t, name)
		todo[agency] = append(todo[agency], func(h *served) { h.take(t, name, files[name]) })
	}
	for _, agency := range agencies(t) {
		todo[agency.Agency] = append(todo[agency.Agency], func(h *served) {
			h.declare(t, agency.Agency, month, lacking(t, agency, month, files)...)
		})
	}
	for len(todo) > 0 {
		names := slices.Sorted(maps.Keys(todo))
		agency := names[random.IntN(len(names))]
		steps = append(steps, todo[agency][0])
		if todo[agency] = todo[agency][1:]; len(todo[agency]) == 0 {
			delete(todo, agency)
		}
	}
	return steps
}

// Month by month no case opens that the completed month does not justify, and one closes only when a completed
// month no longer has its flag.
func TestServeMonths(t *testing.T) {
	seeds, days, persons := []uint64{1, 2, 3}, []string{"2026-06-30", "2026-07-31", "2026-08-31", "2026-09-30"}, "400"
	if testing.Short() {
		seeds, days, persons = seeds[:1], days[1:], "150"
	}
	for _, seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 4))
			dir := filepath.Join(t.TempDir(), "county")
			mustRun(t, "simulate", "--out", dir, "--persons", persons, "--months", fmt.Sprint(len(days)), "--seed", fmt.Sprint(seed))
			all := countyFiles(t, filepath.Join(dir, "in"))
			h := newServed(t)
			var months []map[string]matcher.Key // cases that each completed month justifies
			before := map[string]string{}
			for _, day := range days {
				month := day[:4] + day[5:7]
				files := known(all, day)
				expected := checked(t, files, day)
				now := casesOf(t, expected)
				months = append(months, now)
				h.args = []string{"--as-of", day}
				h.start(t)
				for _, step := range loading(t, random, monthly(files, month), month) {
					step(h)
					h.caughtUp(t, day)
					h.checkLoading(t, before, now)
				}
				if diff := cmp.Diff(expected, h.flags(t, day)); diff != "" {
					t.Fatalf("%s: flags.csv differs (-want +got):\n%.3000s", month, diff)
				}
				h.stop(t)
				for id := range before {
					before[id] = "explained"
				}
				for id := range now {
					before[id] = "open"
				}
			}
			h.start(t)
			if diff := cmp.Diff(before, h.states(t)); diff != "" {
				t.Errorf("cases in the end differ (-want +got):\n%.3000s", diff)
			}
			checkSteps(t, h, months...)
		})
	}
}

// checkLoading holds the cases of a hub in the middle of a month against those before it and those that the whole
// month will justify.
func (h *served) checkLoading(t *testing.T, before map[string]string, now map[string]matcher.Key) {
	t.Helper()
	for id, state := range h.states(t) {
		_, justified := now[id]
		switch was, old := before[id]; {
		case old && state == was: // nothing yet
		case justified && state == "open", !justified && old && state == "explained":
		default:
			c := h.look(t, id)
			t.Fatalf("case %s %s %s was %q and is %s; justified by the whole month: %t", id, c.Code, c.Month, was, state, justified)
		}
	}
}

// checkSteps holds the history of every case against the completed months that justify it, one after the other: it
// opens, closes and opens again with them, and at no other time.
func checkSteps(t *testing.T, h *served, months ...map[string]matcher.Key) {
	t.Helper()
	for id, row := range h.cases(t) {
		var want []string
		stood := false
		for _, month := range months {
			_, stands := month[id]
			switch {
			case stands && len(want) == 0:
				want = append(want, "opened")
			case stands && !stood:
				want = append(want, "reopened")
			case stood && !stands:
				want = append(want, "explained")
			}
			stood = stands
		}
		if len(want) == 1 && row.State == "open" && row.Relapses == 0 {
			continue // opened once, and it stayed so
		}
		c := h.look(t, id)
		got := slices.DeleteFunc(steps(c), func(kind string) bool { return kind == "refreshed" })
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("history of %s %s %s (-want +got):\n%s", id, c.Code, c.Month, diff)
		}
	}
}

// checked gives the flags of a check of some files.
func checked(t *testing.T, files map[string][]byte, day string) string {
	t.Helper()
	in, out := t.TempDir(), t.TempDir()
	for name, content := range files {
		path := filepath.Join(in, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, content, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	mustRun(t, "check", in, "--as-of", day, "--out", out)
	return readText(t, out, "flags.csv")
}

// known is what a county's files say by a day: of what lies after it, nobody knows yet.
func known(files map[string][]byte, day string) map[string][]byte {
	by := map[string][]byte{}
	for name, content := range files {
		_, month, payroll := strings.Cut(strings.TrimSuffix(name, ".csv"), "payroll-")
		if payroll && month > day[:4]+day[5:7] {
			continue
		}
		lines := strings.SplitAfter(string(content), "\n")
		kept := lines[0]
		columns := strings.Split(strings.TrimSpace(lines[0]), ",")
		if strings.HasSuffix(name, ".ndjson") {
			kept, columns = "", nil
			lines = append([]string{""}, lines...)
		}
		for _, line := range lines[1:] {
			kept += knownLine(line, columns, day)
		}
		by[name] = []byte(kept)
	}
	return by
}

// knownLine is what a line says by a day, empty if nothing. An end that lies ahead is still open.
func knownLine(line string, columns []string, day string) string {
	if _, rest, ok := strings.Cut(line, `"effective":"`); ok && columns == nil {
		if date, _, _ := strings.Cut(rest, `"`); date > day {
			return ""
		}
		return line
	}
	end := line[len(strings.TrimRight(line, "\r\n")):]
	fields := strings.Split(strings.TrimSuffix(line, end), ",")
	for i := range min(len(columns), len(fields)) {
		_, isDate := schemas.ParseDate(fields[i])
		_, isMonth := schemas.ParseMonth(fields[i])
		switch {
		case isDate && fields[i] <= day, isMonth && fields[i] <= day[:4]+day[5:7], !isDate && !isMonth:
		case slices.Contains([]string{"valid_to", "to", "ended"}, columns[i]):
			fields[i] = ""
		case isDate, columns[i] == "month":
			return ""
		}
	}
	return strings.Join(fields, ",") + end
}

// monthly are the files that agencies deliver for a month: registers whole, and the payroll of the month.
func monthly(files map[string][]byte, month string) map[string][]byte {
	of := maps.Clone(files)
	maps.DeleteFunc(of, func(name string, _ []byte) bool {
		return strings.Contains(name, "payroll-") && !strings.Contains(name, month)
	})
	return of
}

// Of two officers who want one case at the same moment, one gets it, and the other is told who has it and until
// when.
func TestServeRace(t *testing.T) {
	h := newServed(t, "--as-of", "2026-09-30")
	h.start(t)
	files := village(40, 60)
	for name, content := range files {
		h.take(t, name, content)
	}
	h.declareAll(t, "202609", files)
	h.caughtUp(t, "2026-09-30")
	if n := len(h.cases(t)); n != 20 {
		t.Fatalf("%d cases, want 20", n)
	}
	for id := range h.cases(t) {
		both := []string{officer, another}
		var replies [2]reply
		var errs [2]error
		var race sync.WaitGroup
		for i, who := range both {
			race.Go(func() { replies[i], errs[i] = h.ask(who, http.MethodPost, "/v1/cases/"+id+"/claim", nil) })
		}
		race.Wait()
		if err := errors.Join(errs[:]...); err != nil {
			t.Fatal(err)
		}
		won := slices.IndexFunc(replies[:], func(r reply) bool { return r.status == http.StatusOK })
		if won < 0 || replies[1-won].status != http.StatusConflict {
			t.Fatalf("the claims were answered %d and %d, want 200 and 409", replies[0].status, replies[1].status)
		}
		c := h.look(t, id)
		if c.State != "claimed" || c.Officer != both[won] || !c.Lease.After(time.Now()) {
			t.Errorf("the case is %s by %q until %s, want it claimed by %s", c.State, c.Officer, c.Lease, both[won])
		}
		p := replies[1-won].problem(t)
		if !strings.Contains(p.Detail, both[won]) || !strings.Contains(p.Detail, c.Lease.Local().Format("15:04")) {
			t.Errorf("the loser is told %q, want by whom the case is held and until %s", p.Detail, c.Lease)
		}
		if r, err := h.decide(both[1-won], id, queue.OutcomeConfirmed, "不属本人"); err != nil || r.status != http.StatusConflict {
			t.Errorf("a decision by the one without the case: status %d, %v, want 409", r.status, err)
		}
		if diff := cmp.Diff([]string{"opened", "claimed"}, steps(h.look(t, id))); diff != "" {
			t.Errorf("history (-want +got):\n%s", diff)
		}
	}
}

// What follows makes up a village: one unit, whose persons go by small numbers.

const villageUnit = "12139721QA0000225Q"

// villager is the identity number of a person. Division 139721 was never issued.
func villager(n int) string {
	digits := fmt.Sprintf("13972119800101%03d", n)
	sum := 0
	for i, digit := range digits {
		sum += int(digit-'0') * (1 << (17 - i) % 11)
	}
	return digits + string("10X98765432"[sum%11])
}

// villagers are the numbers from first to before last.
func villagers(first, last int) (all []int) {
	for n := first; n < last; n++ {
		all = append(all, n)
	}
	return all
}

// payroll pays persons for September 2026.
func payroll(persons ...int) []byte {
	return gb18030("发放单位代码,姓名,证件号码,工资类别,金额,经费渠道\n" + payLines(persons...))
}

func gb18030(text string) []byte {
	encoded, err := simplifiedchinese.GB18030.NewEncoder().String(text)
	if err != nil {
		panic(err) // tests write nothing but Chinese
	}
	return []byte(encoded)
}

func payLines(persons ...int) (lines string) {
	for _, n := range persons {
		lines += fmt.Sprintf("%s,张三,%s,基本工资,5000.00,财政全额\n", villageUnit, villager(n))
	}
	return lines
}

// slots give persons a slot each.
func slots(persons ...int) []byte {
	text := "slot_no,id_number,name,uscc,slot_type,fund_channel,permit_no,permit_date,valid_from\n"
	for _, n := range persons {
		text += fmt.Sprintf("S%d,%s,张三,%s,事业全额,财政全额,P%d,2020-01-01,2020-02-01\n", n, villager(n), villageUnit, n)
	}
	return []byte(text)
}

// exemptions exempt persons from having a slot.
func exemptions(persons ...int) []byte {
	text := "id_number,uscc,category,valid_from,valid_to\n"
	for _, n := range persons {
		text += fmt.Sprintf("%s,%s,特岗,2020-01-01,\n", villager(n), villageUnit)
	}
	return []byte(text)
}

// village is all that is delivered of the village: its persons below slotted have a slot, and all below paid
// are paid.
func village(slotted, paid int) map[string][]byte {
	return map[string][]byte{
		"staffing/institutions.csv":  []byte("uscc,name,unit_type,status,valid_from\n" + villageUnit + ",青石村小学,全额事业,正常,2000-01-01\n"),
		"staffing/quotas.csv":        []byte("uscc,slot_type,quota,valid_from\n" + villageUnit + ",事业全额,900,2000-01-01\n"),
		"staffing/slots.csv":         slots(villagers(0, slotted)...),
		"staffing/exemptions.csv":    exemptions(),
		"finance/payroll-202609.csv": payroll(villagers(0, paid)...),
	}
}
