package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/simplifiedchinese"

	"hebian/connectors"
	"hebian/schemas/ident"
)

// hebian runs a command in this process and returns its exit code and output.
func hebian(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	code = run(context.Background(), args, streams{&o, &e})
	return code, o.String(), e.String()
}

func mustRun(t *testing.T, args ...string) {
	t.Helper()
	if code, out, errs := hebian(t, args...); code != 0 {
		t.Fatalf("hebian %s: exit code %d\n%s%s", strings.Join(args, " "), code, out, errs)
	}
}

// The flags, entities and conflicts of the sample counties are exact, and every refused row is refused, and no other.
func TestCounty(t *testing.T) {
	for _, name := range []string{"a", "b", "edge"} {
		t.Run(name, func(t *testing.T) {
			out := t.TempDir()
			mustRun(t, "check", filepath.Join(county, name, "in"), "--as-of", "2026-09-30", "--out", out)
			expected := filepath.Join(county, name, "expected")
			equalFiles(t, filepath.Join(expected, "flags.csv"), filepath.Join(out, "flags.csv"))
			for _, name := range []string{"quarantine.csv", "entities.csv", "conflicts.csv"} {
				equalFiles(t, filepath.Join(expected, name), filepath.Join(out, name))
			}
			if diff := cmp.Diff(goldenLines(t, readText(t, expected, "golden.ndjson")), goldenLines(t, readText(t, out, "golden.ndjson"))); diff != "" {
				t.Errorf("golden.ndjson differs (-want +got):\n%.3000s", diff)
			}
			if diff := cmp.Diff(refusedRows(t, filepath.Join(expected, "quarantine_rows.csv")), misfitRows(t, filepath.Join(out, "quarantine.ndjson"))); diff != "" {
				t.Errorf("refused rows differ (-want +got):\n%s", diff)
			}
			checkEvidence(t, filepath.Join(county, name, "in"), filepath.Join(out, "flags.ndjson"))
		})
	}
}

type place struct {
	File string
	Line int
}

func refusedRows(t *testing.T, path string) map[place]bool {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	refused := map[place]bool{}
	for _, row := range rows[1:] {
		refused[place{row[0], atoi(t, row[1])}] = true
	}
	return refused
}

func misfitRows(t *testing.T, path string) map[place]bool {
	t.Helper()
	refused := map[place]bool{}
	eachLine(t, path, func(line []byte) {
		var p struct {
			place
			Raw []byte
		}
		if err := json.Unmarshal(line, &p); err != nil {
			t.Fatal(err)
		}
		if len(p.Raw) == 0 {
			t.Errorf("%s, line %d: the raw bytes are not kept", p.File, p.Line)
		}
		refused[p.place] = true
	})
	return refused
}

// checkEvidence looks up the rows that flags about one person stand on: they must hold that person's
// number, in the file and line named.
func checkEvidence(t *testing.T, in, path string) {
	t.Helper()
	lines := map[string][]string{}
	flags := 0
	eachLine(t, path, func(line []byte) {
		var flag struct {
			Code, Person string
			Evidence     []place
		}
		if err := json.Unmarshal(line, &flag); err != nil {
			t.Fatal(err)
		}
		flags++
		if len(flag.Evidence) == 0 {
			t.Errorf("%s of %s stands on no row", flag.Code, flag.Person)
		}
		for _, row := range flag.Evidence {
			if lines[row.File] == nil {
				text, err := os.ReadFile(filepath.Join(in, row.File))
				if err != nil {
					t.Fatal(err)
				}
				if strings.HasPrefix(row.File, "finance/payroll") || strings.HasPrefix(row.File, "civil/") {
					if text, err = simplifiedchinese.GB18030.NewDecoder().Bytes(text); err != nil {
						t.Fatal(err)
					}
				}
				lines[row.File] = strings.Split(string(text), "\n")
			}
			// The record may run over a line end, and the number may be written in its old form.
			text := strings.Join(lines[row.File][row.Line-1:min(row.Line+2, len(lines[row.File]))], "\n")
			key, _ := ident.Pack(flag.Person)
			text = ident.Clean(strings.ToValidUTF8(text, "?"))
			if row.File != "staffing/institutions.csv" && flag.Person != "" &&
				!strings.Contains(text, flag.Person) && (key.Short() == "" || !strings.Contains(text, key.Short())) {
				t.Errorf("%s of %s stands on line %d of %s, which does not name the person", flag.Code, flag.Person, row.Line, row.File)
			}
		}
	})
	if flags == 0 {
		t.Error("no flag has evidence")
	}
}

func eachLine(t *testing.T, path string, fn func([]byte)) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range bytes.Split(bytes.TrimSpace(text), []byte("\n")) {
		fn(line)
	}
}

func atoi(t *testing.T, s string) int {
	t.Helper()
	var n int
	if err := json.Unmarshal([]byte(s), &n); err != nil {
		t.Fatal(err)
	}
	return n
}

func mustScan(t *testing.T, dir string) connectors.Folder {
	t.Helper()
	folder, err := scan(dir)
	if err != nil {
		t.Fatal(err)
	}
	return folder
}
