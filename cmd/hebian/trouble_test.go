package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"hebian/hub"
)

// writeCounty makes a county folder of the files given by name.
func writeCounty(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const insurance = "id_number,name,insured_uscc,month\n139721196001010003,张三,12139721QA0000225Q,202609\n"

// What is wrong with a file or with the surroundings is said in one line that names the place; the exit
// code tells a wrong command line from work that could not be done.
func TestTrouble(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	good := writeCounty(t, map[string]string{"social/insurance.csv": insurance})
	pipe, dangling := t.TempDir(), t.TempDir()
	for _, dir := range []string{pipe, dangling} {
		if err := os.Mkdir(filepath.Join(dir, "social"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(
		syscall.Mkfifo(filepath.Join(pipe, "social", "insurance.csv"), 0o644),
		os.Symlink("nowhere", filepath.Join(dangling, "social", "insurance.csv")),
		os.Symlink("nowhere", filepath.Join(dangling, ".#x")),
	); err != nil {
		t.Fatal(err)
	}
	check := func(dir string, more ...string) []string {
		return append([]string{"check", dir, "--as-of", "2026-09-30"}, more...)
	}
	config := func(text string) string {
		return filepath.Join(writeCounty(t, map[string]string{"c.yaml": text}), "c.yaml")
	}
	of := func(name, content string) string { return writeCounty(t, map[string]string{name: content}) }
	for _, test := range []struct {
		name string
		args []string
		code int
		says []string
	}{
		{"no day to judge by", []string{"check", good}, 2, []string{"no payroll file", "--as-of"}},
		{"a day that is none", []string{"check", good, "--as-of", "2026-02-30"}, 2, []string{"2026-02-30", "YYYY-MM-DD"}},
		{"no such folder", []string{"check", filepath.Join(good, "nowhere")}, 2, []string{"nowhere"}},
		{"no command", nil, 2, []string{"expected one of"}},
		{"output below a file", check(good, "--out", filepath.Join(file, "out")), 1, []string{"output folder", "not a directory"}},
		{"data below a file", check(good, "--data", filepath.Join(file, "data")), 1, []string{"data folder", "not a directory"}},
		{"a file of nothing", check(of("social/insurance.csv", "")), 0, []string{"social/insurance.csv, line 1: no header row", "is empty"}},
		{"a required column missing", check(of("social/insurance.csv", "id_number,month\n")), 0, []string{"social/insurance.csv, line 1", "no column insured_uscc"}},
		{"a column twice", check(of("social/insurance.csv", "id_number,insured_uscc,month,month\n")), 0, []string{"line 1: column month stands twice"}},
		{"payroll in UTF-8", check(of("finance/payroll-202609.csv", "发放单位代码,姓名,证件号码,工资类别,金额\n")), 0, []string{"finance/payroll-202609.csv, line 1", "want a header row in GB18030", "looks like UTF-8"}},
		{"insurance in UTF-16", check(of("social/insurance.csv", "\xff\xfei\x00d\x00\n\x00")), 0, []string{"line 1", "looks like UTF-16"}},
		{"a workbook under the name of a CSV", check(of("social/insurance.csv", "PK\x03\x04\x14\x00")), 0, []string{"XLSX"}},
		{"a broken header", check(of("social/insurance.csv", "id_number,\"month\n")), 0, []string{"line 1: the header row can't be read"}},
		{"a broken header, strictly", check(of("social/insurance.csv", "id_number,\"month\n"), "--strict"), 3, []string{"1 files could not be read"}},
		{"an unknown key in the configuration", check(good, "--config", config("parameters:\n  entry_grease: 2\n")), 2, []string{"[2:3]", "entry_grease"}},
		{"a limit out of range", check(good, "--config", config("parameters: {no_pay_months: 0}\n")), 2, []string{"no_pay_months is 0, must be 1 to"}},
		{"no such configuration", check(good, "--config", file+".yaml"), 1, []string{"read configuration", "file.yaml"}},
		{"an empty configuration", check(good, "--config", config("")), 0, nil},
		{"a folder under the name of a file", check(of("social/insurance.csv/x", "")), 0, []string{"social/insurance.csv: is no regular file"}},
		{"a pipe under the name of a file", check(pipe), 0, []string{"social/insurance.csv: is no regular file"}},
		{"a link to nowhere under the name of a file", check(dangling), 0, []string{"social/insurance.csv: can't be opened: no such file"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			code, out, errs := hebian(t, test.args...)
			if code != test.code {
				t.Errorf("exit code %d, want %d\n%s%s", code, test.code, out, errs)
			}
			for _, says := range test.says {
				if !strings.Contains(errs, says) {
					t.Errorf("stderr does not say %q:\n%s", says, errs)
				}
			}
			if strings.Contains(errs, "goroutine") {
				t.Errorf("stderr holds a stack:\n%s", errs)
			}
		})
	}
}

// A file that can't be read fails alone: it counts nothing and the others are judged.
func TestFileFailsAlone(t *testing.T) {
	dir := writeCounty(t, map[string]string{"social/insurance.csv": insurance, "hr/absences.csv": "nothing,of,use\n1,2,3\n"})
	out := t.TempDir()
	mustRun(t, "check", dir, "--as-of", "2026-09-30", "--out", out)
	text, err := os.ReadFile(filepath.Join(out, "quarantine.csv"))
	if err != nil {
		t.Fatal(err)
	}
	if want := "file,rows_read,accepted,quarantined\nhr/absences.csv,0,0,0\nsocial/insurance.csv,1,1,0\n"; string(text) != want {
		t.Errorf("quarantine.csv is\n%swant\n%s", text, want)
	}
}

func TestSecondProcess(t *testing.T) {
	data := t.TempDir()
	h, err := openHouse(t.Context(), data)
	if err != nil {
		t.Fatal(err)
	}
	defer h.close()
	out, err := process(t, "check", filepath.Join(county, "a", "in"), "--data", data).CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 || !strings.Contains(string(out), "in use by another hebian") {
		t.Errorf("a second process on the data folder: %v\n%s", err, out)
	}
}

// A file that changes while it is read fails, and nothing of it counts.
func TestFileChangesWhileRead(t *testing.T) {
	for name, change := range map[string]func(path string) error{
		"grows": func(path string) error {
			return appendTo(path, "139721196001010003,张三,12139721QA0000225Q,202609\n")
		},
		"vanishes": os.Remove,
		"is replaced": func(path string) error {
			return errors.Join(os.Remove(path), os.WriteFile(path, []byte(insurance), 0o644))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := writeCounty(t, map[string]string{"social/insurance.csv": insurance + strings.Repeat("139721196001010003,李四,12139721QA0000225Q,202609\n", 50_000)})
			h, err := openHouse(t.Context(), filepath.Join(t.TempDir(), "data"))
			if err != nil {
				t.Fatal(err)
			}
			defer h.close()
			folder := mustScan(t, dir)
			done := false
			door := h.door(dir, func(int64) {
				if !done {
					done = true
					if err := change(filepath.Join(dir, "social", "insurance.csv")); err != nil {
						t.Error(err)
					}
				}
			})
			r, err := h.deliver(t.Context(), door, folder.Found[0], whole(folder.Found[0]))
			if err == nil || !strings.Contains(err.Error(), "changed while it was read") {
				t.Errorf("deliver gave %v, want it to say that the file changed", err)
			}
			if r.Outcome != "failed" || r.RowsRead != 0 || r.Error == "" {
				t.Errorf("the receipt says %+v, want a failed delivery of no rows", r)
			}
			counts, err := hub.Counting(t.Context(), h.deliveries)
			if err != nil || len(counts) != 0 {
				t.Errorf("%d deliveries count, %v; want none", len(counts), err)
			}
		})
	}
}

// A line of a gigabyte without a line end is one row in quarantine; the next row is read; memory stays small.
func TestLongLine(t *testing.T) {
	if testing.Short() {
		t.Skip("reads a gigabyte; the long run does")
	}
	dir := writeCounty(t, map[string]string{"social/insurance.csv": insurance})
	file, err := os.OpenFile(filepath.Join(dir, "social", "insurance.csv"), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := file.Truncate(1 << 30); err != nil { // a hole of NUL bytes, which costs no disk
		t.Fatal(err)
	}
	if _, err := io.WriteString(file, "\n139721196001010003,李四,12139721QA0000225Q,202609\n"); err != nil {
		t.Fatal(err)
	}
	out := t.TempDir()
	cmd := process(t, "check", dir, "--as-of", "2026-09-30", "--out", out)
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("check: %v\n%s", err, text)
	}
	text, err := os.ReadFile(filepath.Join(out, "quarantine.csv"))
	if err != nil || !strings.Contains(string(text), "social/insurance.csv,3,2,1\n") {
		t.Errorf("quarantine.csv is\n%s%v", text, err)
	}
	if peak := float64(cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss) / maxrssPerMByte(); peak > 400 {
		t.Errorf("peak memory was %.0f MB, want far less than the line", peak)
	}
	misfits, err := os.ReadFile(filepath.Join(out, "quarantine.ndjson"))
	if err != nil || !bytes.Contains(misfits, []byte(`"reason":"TOO_LONG"`)) || !bytes.Contains(misfits, []byte(`"length":1073741`)) || !bytes.Contains(misfits, []byte(`"digest":"sha256:`)) {
		t.Errorf("quarantine.ndjson does not keep length and digest of the long row: %.300s %v", misfits, err)
	}
}

func appendTo(path, text string) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	_, err = io.WriteString(file, text)
	return errors.Join(err, file.Close())
}
