package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"hebian/cmd/hebian/simulate"
	"hebian/hub"
)

// copyFile brings one file of a county folder into another.
func copyFile(t *testing.T, from, to, name string) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(from, name))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(to, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
}

// Files in any order, one at a time and some of them twice, end in the same flags.
func TestAnyOrder(t *testing.T) {
	in := filepath.Join(county, "edge", "in")
	found := mustScan(t, in).Found
	for seed := range uint64(3) {
		random := rand.New(rand.NewPCG(seed, 0))
		random.Shuffle(len(found), func(i, j int) { found[i], found[j] = found[j], found[i] })
		data, out := filepath.Join(t.TempDir(), "data"), t.TempDir()
		for i, f := range found {
			one := t.TempDir()
			copyFile(t, in, one, f.Name)
			if i > 0 && random.IntN(2) == 0 {
				copyFile(t, in, one, found[random.IntN(i)].Name)
			}
			mustRun(t, "check", one, "--as-of", "2026-09-30", "--data", data, "--out", out)
		}
		for _, name := range []string{"flags.csv", "entities.csv", "conflicts.csv"} {
			equalFiles(t, filepath.Join(county, "edge", "expected", name), filepath.Join(out, name))
		}
	}
}

// A file that changes step by step on a data folder gives, at each step, the flags of a county that has
// just the newest version; and the summary tells what is new and what is gone.
func TestChangedFile(t *testing.T) {
	in, data := t.TempDir(), filepath.Join(t.TempDir(), "data")
	for _, f := range mustScan(t, filepath.Join(county, "edge", "in")).Found {
		copyFile(t, filepath.Join(county, "edge", "in"), in, f.Name)
	}
	slots := filepath.Join(in, "staffing", "slots.csv")
	original, err := os.ReadFile(slots)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(original, []byte("\n"))
	random := rand.New(rand.NewPCG(1, 2))
	var last summary
	for step := range 6 {
		var changed []byte
		for i, line := range lines {
			switch {
			case i == 0 || step == 5 || random.IntN(4) > 0:
				changed = append(changed, line...)
			case random.IntN(2) == 0: // twice instead of not at all
				changed = append(append(changed, line...), line...)
			}
		}
		if err := os.WriteFile(slots, changed, 0o644); err != nil {
			t.Fatal(err)
		}
		fresh, kept := t.TempDir(), t.TempDir()
		mustRun(t, "check", in, "--as-of", "2026-09-30", "--out", fresh)
		mustRun(t, "check", in, "--as-of", "2026-09-30", "--data", data, "--out", kept)
		for _, name := range []string{"flags.csv", "quarantine.csv"} {
			equalFiles(t, filepath.Join(fresh, name), filepath.Join(kept, name))
		}
		sum := readSummary(t, kept)
		if step > 0 && sum.Flags != last.Flags+sum.Opened-sum.Closed {
			t.Errorf("step %d: %d flags after %d, with %d new and %d gone", step, sum.Flags, last.Flags, sum.Opened, sum.Closed)
		}
		last = sum
	}
	if out := readSummary(t, checkAgain(t, in, data)); out.Opened+out.Refreshed+out.Closed != 0 {
		t.Errorf("the same again: %d new, %d refreshed, %d gone; want none", out.Opened, out.Refreshed, out.Closed)
	}
}

func checkAgain(t *testing.T, in, data string) (out string) {
	t.Helper()
	out = t.TempDir()
	mustRun(t, "check", in, "--as-of", "2026-09-30", "--data", data, "--out", out)
	return out
}

func readSummary(t *testing.T, out string) (sum summary) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(out, "summary.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &sum); err != nil {
		t.Fatal(err)
	}
	return sum
}

// What was planted in a simulated county is what a check finds, whatever the seed.
func TestSimulated(t *testing.T) {
	for _, o := range []simulate.Options{
		{Persons: 500, Seed: 1, Months: 3, AsOf: 202609, Entities: 400},
		{Persons: 3000, Seed: 2, Months: 5, AsOf: 202402, Entities: 3000},
		{Persons: 1000, Seed: 3, Months: 1, AsOf: 202512},
	} {
		t.Run(fmt.Sprint(o), func(t *testing.T) {
			dir, out := t.TempDir(), t.TempDir()
			mustRun(t, "simulate", "--out", dir, "--persons", fmt.Sprint(o.Persons), "--seed", fmt.Sprint(o.Seed), "--months", fmt.Sprint(o.Months), "--month", o.AsOf.String(), "--entities", fmt.Sprint(o.Entities))
			mustRun(t, "check", filepath.Join(dir, "in"), "--out", out)
			equalFiles(t, filepath.Join(dir, "wrongs.csv"), filepath.Join(out, "flags.csv"))
			equalFiles(t, filepath.Join(dir, "quarantine.csv"), filepath.Join(out, "quarantine.csv"))
			if o.Entities > 0 {
				equalFiles(t, filepath.Join(dir, "entities.csv"), filepath.Join(out, "entities.csv"))
				equalFiles(t, filepath.Join(dir, "conflicts.csv"), filepath.Join(out, "conflicts.csv"))
			}
		})
	}
}

// A limit that the office sets moves the edge of its rule, and the flags say so.
func TestConfiguredLimit(t *testing.T) {
	dir := writeCounty(t, map[string]string{
		"finance/payroll-202609.csv": "",
		"staffing/secondments.csv":   "id_number,from_uscc,to_uscc,approval_no,valid_from\n139721196001010003,U1,U2,A1,2026-01-01\n",
		"c.yaml":                     "parameters:\n  secondment_limit: 6\n",
	})
	for config, want := range map[string]bool{"": false, filepath.Join(dir, "c.yaml"): true} {
		out := t.TempDir()
		mustRun(t, "check", dir, "--as-of", "2026-09-30", "--out", out, "--config", config)
		text, err := os.ReadFile(filepath.Join(out, "flags.ndjson"))
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(string(text), "SECONDMENT_OVERDUE") && strings.Contains(string(text), `"secondment_limit":6`); got != want {
			t.Errorf("with the configuration %q a secondment of nine months is flagged: %t, want %t", config, got, want)
		}
	}
}

func TestExplain(t *testing.T) {
	_, list, _ := hebian(t, "explain")
	all, err := explanations()
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		if !strings.Contains(list, e.Code) || !strings.Contains(list, e.Label) {
			t.Errorf("the list lacks %s %s", e.Code, e.Label)
		}
		code, out, errs := hebian(t, "explain", strings.ToLower(e.Code))
		if code != 0 || !strings.Contains(out, e.ZH) || !strings.Contains(out, e.EN) || !strings.Contains(out, e.CheckZH) || !strings.Contains(out, e.CheckEN) {
			t.Errorf("explain %s: exit code %d\n%s%s", e.Code, code, out, errs)
		}
	}
	if code, _, errs := hebian(t, "explain", "NONSENSE"); code != 2 || !strings.Contains(errs, "PAID_NO_SLOT") {
		t.Errorf("explain of an unknown code: exit code %d, %s", code, errs)
	}
}

func TestDeliverPrintsReceipts(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	code, out, errs := hebian(t, "deliver", filepath.Join(county, "a", "in"), "--data", data, "-o", "json")
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	var receipts []hub.Receipt
	if err := json.Unmarshal([]byte(out), &receipts); err != nil || len(receipts) != 24 {
		t.Fatalf("%d receipts, %v; want 24", len(receipts), err)
	}
	for _, r := range receipts {
		if r.Outcome != hub.Complete || r.RowsRead != r.Accepted+r.Quarantined || r.RowsRead == 0 || len(r.Spans) == 0 {
			t.Errorf("receipt of %s does not add up: %+v", r.File, r)
		}
	}
	for output, says := range map[string]string{"yaml": "file: finance/payroll-202609.csv", "table": "rows read"} {
		if code, out, _ := hebian(t, "deliver", filepath.Join(county, "a", "in"), "--data", data, "-o", output); code != 0 || !strings.Contains(out, says) {
			t.Errorf("-o %s: exit code %d, does not say %q:\n%s", output, code, says, out)
		}
	}
}

// The script for bash completes commands, flags and the values of a set.
func TestBashCompletion(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil && os.Getenv("HEBIAN_SKIP_NOTHING") == "" {
		t.Skip("no bash to try it with (with HEBIAN_SKIP_NOTHING set this fails)")
	}
	_, script, _ := hebian(t, "completion", "bash")
	for _, test := range []struct {
		words string
		want  string
	}{
		{"hebian che", "check"},
		{"hebian check --as", "--as-of"},
		{"hebian check -o j", "json"},
		{"hebian check --output y", "yaml"},
		{"hebian completion f", "fish"},
		{"hebian case sh", "show"},
		{"hebian case list --ag", "--agency"},
		{"hebian case list --state sett", "settled"},
		{"hebian push --mode rem", "remove"},
	} {
		words := strings.Fields(test.words)
		try := fmt.Sprintf("%s\nCOMP_WORDS=(%s) COMP_CWORD=%d\n_hebian\nprintf '%%s\\n' \"${COMPREPLY[@]}\"\n", script, test.words, len(words)-1)
		out, err := exec.CommandContext(t.Context(), bash, "-c", try).CombinedOutput()
		if err != nil || strings.TrimSpace(string(out)) != test.want {
			t.Errorf("%q completes to %q, %v; want %q", test.words, out, err, test.want)
		}
	}
	for _, shell := range []string{"zsh", "fish"} {
		if code, out, _ := hebian(t, "completion", shell); code != 0 || !strings.Contains(out, "simulate") || !strings.Contains(out, "json yaml") {
			t.Errorf("the script for %s lacks commands or values:\n%s", shell, out)
		}
	}
}

// Findings stay new until they are written down, and output that can't be printed is an error.
func TestOutputFails(t *testing.T) {
	in, data, out := filepath.Join(county, "a", "in"), filepath.Join(t.TempDir(), "data"), t.TempDir()
	blocked := filepath.Join(out, "flags.csv", "in the way")
	if err := os.MkdirAll(blocked, 0o755); err != nil {
		t.Fatal(err)
	}
	args := []string{"check", in, "--as-of", "2026-09-30", "--data", data, "--out", out}
	if code, _, errs := hebian(t, args...); code != 1 || !strings.Contains(errs, "flags.csv") {
		t.Fatalf("with a folder in the place of flags.csv: exit code %d, %s", code, errs)
	}
	if err := os.RemoveAll(filepath.Join(out, "flags.csv")); err != nil {
		t.Fatal(err)
	}
	mustRun(t, args...)
	if sum := readSummary(t, out); sum.Opened != sum.Flags || sum.Flags == 0 {
		t.Errorf("after a run that could not write, %d of %d flags are new, want all", sum.Opened, sum.Flags)
	}
	if left, err := filepath.Glob(filepath.Join(out, ".*")); err != nil || len(left) != 0 {
		t.Errorf("unfinished files are left: %q", left)
	}
	var e strings.Builder
	if code := run(t.Context(), args, streams{broken{}, &e}); code != 1 || !strings.Contains(e.String(), "broken") {
		t.Errorf("printing to a broken pipe: exit code %d, %s", code, e.String())
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

// Entities of one name stand in golden.ndjson in the order of their first rows, whichever of their rows gave them the name.
func TestGoldenOrder(t *testing.T) {
	const head = "source_id,uscc,org_code,name,address,legal_rep,status,division,industry,employees,updated_on\n"
	dir := writeCounty(t, map[string]string{"entities/statistics.csv": head +
		"S9,,,甲,路1号,王,在业,139721,,,\n" + // with S1 of line 4: the same name, division and representative
		"S1,,,乙,,,在业,139722,,,\n" +
		"S1,,,甲,,王,在业,139721,,,\n"})
	out := t.TempDir()
	mustRun(t, "check", dir, "--as-of", "2026-09-30", "--out", out)
	var names []string
	for _, g := range goldenLines(t, readText(t, filepath.Join(out, "golden.ndjson"))) {
		names = append(names, g.Entity+" "+g.Fields["name"].Value)
	}
	if len(names) != 2 || names[0] != "statistics:S1 甲" || names[1] != "statistics:S1 乙" {
		t.Errorf("the order is %q", names)
	}
}
