package main

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"hebian/cmd/hebian/simulate"
	"hebian/matcher"
	"hebian/matcher/queue"
	"hebian/ops/desk"
	"hebian/schemas"
)

// shown is a demo in a process of its own, its hub as the visitor reaches it.
type shown struct {
	*served
	dir, password string
	says          *transcript
}

// startDemo starts a demo and waits until it has introduced itself.
func startDemo(t *testing.T, args ...string) *shown {
	t.Helper()
	d := &shown{served: &served{test: t, tokens: map[string]string{}, http: &http.Client{Transport: &http.Transport{}}}, says: &transcript{}}
	t.Cleanup(d.kill)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the demo said:\n%s%s", d.says.String(), d.log.String())
		}
	})
	d.cmd = process(t, append([]string{"demo", "--listen", "127.0.0.1:0"}, args...)...)
	d.cmd.Env = append(d.cmd.Env, "TMPDIR="+t.TempDir())
	d.cmd.Stdout, d.cmd.Stderr = d.says, &d.log
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the demo introduces itself", func() bool { return strings.Contains(d.says.String(), "Ctrl-C ends") })
	find := func(pattern string) string {
		found := regexp.MustCompile(pattern).FindStringSubmatch(d.says.String())
		if found == nil {
			t.Fatalf("the demo does not say %s:\n%s", pattern, d.says.String())
		}
		return found[1]
	}
	d.url, d.password = find(`desk +(http://\S+)`), find(`officer +`+visitor+` +password +(\S+)`)
	token := find(`token +(\S+)`)
	d.dir = filepath.Dir(token)
	d.tokens[officer] = strings.TrimSpace(readText(t, token))
	d.tokens[operator] = d.tokens[officer]
	return d
}

// waitFor waits until the demo has printed something.
func (d *shown) waitFor(t *testing.T, says string) {
	t.Helper()
	eventually(t, "the demo says "+says, func() bool { return strings.Contains(d.says.String(), says) })
}

// end stops the demo as a person does. It must end well and leave nothing but what it was told to keep.
func (d *shown) end(t *testing.T) {
	t.Helper()
	if err := d.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := d.cmd.Wait(); err != nil {
		t.Errorf("after SIGINT: %v\n%s%s", err, d.says.String(), d.log.String())
	}
	d.http.CloseIdleConnections()
	if text := d.log.String(); text != "" {
		t.Errorf("the demo complains:\n%s", text)
	}
}

// isOpen says whether nobody has decided a case yet.
func isOpen(c desk.CaseRow) bool { return c.State == string(queue.Open) }

// decideAll has the visitor decide all open cases that choose lets through, and gives them.
func (d *shown) decideAll(t *testing.T, choose func(desk.CaseRow) bool) map[string]desk.CaseRow {
	t.Helper()
	cases := d.cases(t)
	maps.DeleteFunc(cases, func(_ string, c desk.CaseRow) bool { return !isOpen(c) || !choose(c) })
	for id := range cases {
		// Deciding one may close others by and by: those are nobody's any more.
		if r, err := d.ask(officer, http.MethodPost, "/v1/cases/"+id+"/claim", nil); err != nil || r.status != http.StatusOK {
			delete(cases, id)
			continue
		}
		if r, err := d.decide(officer, id, queue.OutcomeConfirmed, "查实，请更正。"); err != nil || r.status != http.StatusOK {
			delete(cases, id)
		}
	}
	return cases
}

// decideConflicts has the visitor decide all open conflicts between registers for the authoritative one, and gives them.
func (d *shown) decideConflicts(t *testing.T) map[string]desk.CaseRow {
	t.Helper()
	cases := d.allCases(t)
	maps.DeleteFunc(cases, func(_ string, c desk.CaseRow) bool { return !isOpen(c) || c.Code != queue.CodeConflict })
	if len(cases) < 5 {
		t.Errorf("%d open conflicts between registers, want more", len(cases))
	}
	for id := range cases {
		d.decideEntity(t, id, map[string]string{"outcome": string(queue.OutcomeAuthority), "reason": "以登记机关为准。"})
	}
	return cases
}

// awaitSettled waits until cases have settled by the deliveries that answer them.
func (d *shown) awaitSettled(t *testing.T, cases map[string]desk.CaseRow) {
	t.Helper()
	for id, c := range cases {
		eventually(t, fmt.Sprintf("%s of %s %s settles", c.Code, c.Month, c.UnitName), func() bool {
			return d.look(t, id).State == string(queue.Settled)
		})
	}
}

// The demo shows the whole circle: cases at once, months that go by, an agency that is late, a colleague who decides,
// agencies that answer whatever the visitor decides.
func TestDemo(t *testing.T) {
	d := startDemo(t, "--pace", "400ms", "--persons", "800")
	eventually(t, "there are cases", func() bool {
		cases := d.cases(t)
		maps.DeleteFunc(cases, func(_ string, c desk.CaseRow) bool { return !isOpen(c) })
		return len(cases) > 10
	})
	some := d.decideAll(t, func(c desk.CaseRow) bool { return c.Code == "PENSION_AND_PAY" || c.Code == "DUAL_SLOT" })
	if len(some) == 0 {
		t.Fatal("there is no such case to decide")
	}
	d.awaitSettled(t, some)
	d.waitFor(t, "That was the last month")
	d.awaitSettled(t, d.decideConflicts(t))
	all := d.decideAll(t, func(c desk.CaseRow) bool { return c.Code != "BAD_IDENTITY" }) // whose number is it? nobody can tell everywhere
	if len(all) < 10 {
		t.Errorf("%d cases are open in the end, want more to work on", len(all))
	}
	d.awaitSettled(t, all)
	if st := d.status(t); len(st.Held) > 0 || st.AsOf != "2026-09-30" {
		t.Errorf("in the end the hub stands at %s and holds %v", st.AsOf, st.Held)
	}
	for _, says := range []string{
		"finance 财政 hands over 2026-04 to 2026-06:", "of them refused", "hands over 2026-09:",
		"discipline 纪检监察 is late with 2026-07", "provisional", "discipline 纪检监察 hands over 2026-07:",
		"lin decides PAID_NO_SLOT 无编领薪", "lin takes DUAL_PAY 双重领薪", "finance 财政 has a correction", "冲减", "staffing 机构编制 answers: ", "settled: ",
		"judged as of 2026-09-30:",
	} {
		if !strings.Contains(d.says.String(), says) {
			t.Errorf("the demo does not say %q", says)
		}
	}
	d.end(t)
	if _, err := os.Stat(d.dir); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(d.says.String(), "Stopped; "+d.dir+" is removed.") {
		t.Errorf("the folder of the demo is left: %v\n%s", err, d.says.String())
	}
}

// Nothing that a month brings opens a case before the month is complete, and none that it does not justify: no case
// of a month closes again unless somebody decided something about the person.
func TestDemoOpensWhatStands(t *testing.T) {
	d := startDemo(t, "--pace", "200ms", "--persons", "500", "--seed", "5")
	d.waitFor(t, "That was the last month")
	decided := map[string]bool{}
	cases := d.cases(t)
	for _, c := range cases {
		if c.Outcome != "" && c.Officer != "" {
			decided[c.Person] = true
		}
	}
	for _, c := range cases {
		if c.State == string(queue.Explained) && c.Month != "" && !decided[c.Person] {
			t.Errorf("%s of %s was opened and closed: %v", c.Code, c.Month, steps(d.look(t, c.ID)))
		}
	}
	d.end(t)
}

// A folder that is named is kept, can be served again, and is not written over; a port that is taken is no
// obstacle.
func TestDemoKeeps(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	dir := filepath.Join(t.TempDir(), "demo")
	d := startDemo(t, "--data", dir, "--listen", taken.Addr().String(), "--persons", "200", "--pace", "1m")
	d.waitFor(t, "judged as of 2026-06-30")
	d.end(t)
	for _, says := range []string{"is taken", "hebian serve --data " + filepath.Join(dir, "hub")} {
		if !strings.Contains(d.says.String(), says) {
			t.Errorf("the demo does not say %q:\n%s", says, d.says.String())
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "hub", databaseName)); err != nil {
		t.Error(err)
	}
	if code, _, errs := hebian(t, "demo", "--data", dir); code != exitUsage || !strings.Contains(errs, "not empty") {
		t.Errorf("over an earlier demo: exit code %d, %s", code, errs)
	}
	if code, out, errs := hebian(t, "demo", "--for", "1ms"); code != 0 || !strings.Contains(out, "is removed") {
		t.Errorf("stopped by itself before it began: exit code %d\n%s%s", code, out, errs)
	}
	for _, args := range [][]string{{"--persons", "20001"}, {"--persons", "3"}, {"--pace", "1ms"}, {"--for", "-1s"}} {
		if code, _, errs := hebian(t, append([]string{"demo"}, args...)...); code != exitUsage || !strings.Contains(errs, args[1]) && !strings.Contains(errs, "persons") {
			t.Errorf("%v: exit code %d, %s", args, code, errs)
		}
	}
}

// What agencies hand over of a month does not know the future: judged at its end, the flags of months are those that
// were planted for the months so far. At the end of the last month it is the whole county, byte by byte.
func TestBooksKnowNoFuture(t *testing.T) {
	const newest = schemas.Month(202609)
	seeds := []uint64{1, 7}
	if testing.Short() {
		seeds = seeds[:1]
	}
	for _, seed := range seeds {
		dir := t.TempDir()
		if _, err := simulate.Write(t.Context(), dir, simulate.Options{Persons: 500, Seed: seed, Months: 6, AsOf: newest}, nil); err != nil {
			t.Fatal(err)
		}
		files := countyFiles(t, filepath.Join(dir, "in"))
		planted := flagKeys(t, readText(t, dir, "wrongs.csv"))
		for m := newest.Add(-5); m <= newest; m = m.Add(1) {
			now := map[string][]byte{}
			for name := range files {
				b, err := openBook(filepath.Join(dir, "in", name), name)
				if err != nil {
					t.Fatal(err)
				}
				if b.month() > m {
					continue
				}
				rows, _ := b.on(m.Last())
				now[name] = b.file(rows)
			}
			if m == newest {
				for name, content := range files {
					if string(now[name]) != string(content) {
						t.Errorf("seed %d: at the end %s is not the simulated file", seed, name)
					}
				}
			}
			sameMonths(t, fmt.Sprintf("seed %d, judged at the end of %s", seed, m), planted, flagKeys(t, checked(t, now, m.Last().String())), m)
		}
	}
}

// sameMonths compares flags of months up to one.
func sameMonths(t *testing.T, when string, planted, found []matcher.Key, last schemas.Month) {
	t.Helper()
	open := map[matcher.Key]bool{}
	for _, key := range planted {
		if key.Month != 0 && key.Month <= last {
			open[key] = true
		}
	}
	for _, key := range found {
		if key.Month != 0 && !open[key] {
			t.Errorf("%s: %v was not planted", when, key)
		}
		delete(open, key)
	}
	for key := range open {
		t.Errorf("%s: %v is not found", when, key)
	}
}
