package simulate

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/simplifiedchinese"
)

func write2000(t *testing.T, seed uint64) (string, Summary) {
	t.Helper()
	o := DefaultOptions()
	o.Seed = seed
	dir := t.TempDir()
	s, err := Write(context.Background(), dir, o, nil)
	if err != nil {
		t.Fatal(err)
	}
	return dir, s
}

// contents reads every file under dir.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		files[filepath.ToSlash(strings.TrimPrefix(path, dir+string(filepath.Separator)))] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func rowsOf(t *testing.T, text string) [][]string {
	t.Helper()
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func TestSameOptionsSameBytes(t *testing.T) {
	first, _ := write2000(t, 7)
	second, _ := write2000(t, 7)
	third, _ := write2000(t, 8)
	a, b, c := contents(t, first), contents(t, second), contents(t, third)
	if diff := cmp.Diff(a, b); diff != "" {
		t.Errorf("the same seed wrote two counties:\n%s", diff)
	}
	for file := range a {
		if strings.HasSuffix(file, ".ndjson") && a[file] == c[file] {
			t.Errorf("two seeds wrote the same %s", file)
		}
	}
}

func TestFiles(t *testing.T) {
	dir, s := write2000(t, 1)
	files := contents(t, dir)
	var rows int64
	for _, f := range s.Files {
		text, ok := files["in/"+f.File]
		if !ok {
			t.Errorf("%s is missing", f.File)
		}
		lines := int64(strings.Count(text, "\n"))
		if strings.HasSuffix(f.File, ".csv") {
			lines-- // the header
		}
		if lines != f.Read || f.Read != f.Accepted+f.Quarantined {
			t.Errorf("%s has %d rows, counted are %+v", f.File, lines, f)
		}
		if f.Quarantined < brokenRows {
			t.Errorf("%s has %d broken rows", f.File, f.Quarantined)
		}
		rows += f.Read
	}
	if rows != s.Rows {
		t.Errorf("%d rows in all, counted are %d", rows, s.Rows)
	}
	// Beside the agencies' files: wrongs, explained, quarantine.
	if want := len(s.Files) + 3; len(files) != want {
		t.Errorf("%d files, want %d", len(files), want)
	}
	perMonth := float64(s.PayLines) / float64(s.Persons) / 3
	if perMonth < 3.1 || perMonth > 3.5 {
		t.Errorf("%.2f pay lines per person and month", perMonth)
	}
	if want := "file,rows_read,accepted,quarantined\ncivil/deaths.csv,"; !strings.HasPrefix(files["quarantine.csv"], want) {
		t.Errorf("quarantine.csv begins %q", files["quarantine.csv"][:60])
	}
}

func TestEncodings(t *testing.T) {
	dir, _ := write2000(t, 1)
	for file, text := range contents(t, filepath.Join(dir, "in")) {
		gb := strings.HasPrefix(file, "finance/payroll") || file == "civil/deaths.csv"
		if got := strings.HasPrefix(text, "\ufeff"); got != (file == "staffing/slots.csv") {
			t.Errorf("%s: BOM %v", file, got)
		}
		end := "\n"
		if gb {
			end = "\r\n"
		}
		unreadable := 0
		for line := range strings.Lines(text) {
			if strings.HasSuffix(line, "\r\n") != gb {
				t.Fatalf("%s: a line ends other than with %q", file, end)
			}
			line = strings.TrimSuffix(line, end)
			if gb {
				if strings.IndexByte(line, 0x80) == len(line)-1 {
					unreadable++
					continue
				}
				decoded, err := simplifiedchinese.GB18030.NewDecoder().String(line)
				if err != nil {
					t.Fatal(err)
				}
				line = decoded
			}
			if !utf8.ValidString(line) || strings.ContainsRune(line, utf8.RuneError) {
				unreadable++
			}
		}
		if unreadable < 1 || unreadable > 2 {
			t.Errorf("%s: %d lines with bytes that mean nothing", file, unreadable)
		}
	}
}

func TestEveryCodeOccurs(t *testing.T) {
	all := []string{
		absentPaid, badIdentity, contractOver, deadUnitPay, dualPay, dualSlot, fundMismatch, insuredElsewhere, mixedPost, nameMismatch,
		noPermitEntry, overPosts, overQuota, paidAfterDeath, paidAfterExit, paidAfterRetire, paidNoSlot, payerMismatch, penaltyNotApplied,
		pendingEntry, pensionAndPay, secondmentOverdue, slotNoPay, slotStale,
	}
	for _, persons := range []int{500, 2000} {
		o := DefaultOptions()
		o.Persons = persons
		dir := t.TempDir()
		s, err := Write(context.Background(), dir, o, nil)
		if err != nil {
			t.Fatal(err)
		}
		var codes []string
		for _, c := range s.Flags {
			codes = append(codes, c.Code)
		}
		if diff := cmp.Diff(all, codes); diff != "" {
			t.Errorf("codes at %d persons (- want, + got):\n%s", persons, diff)
		}
		rows := rowsOf(t, contents(t, dir)["wrongs.csv"])[1:]
		if !slices.IsSortedFunc(rows, slices.Compare) || len(slices.CompactFunc(slices.Clone(rows), slices.Equal)) != len(rows) {
			t.Error("wrongs.csv is not sorted, or repeats itself")
		}
	}
}

func TestShares(t *testing.T) {
	o := DefaultOptions()
	o.Persons = 50_000
	s, err := Write(context.Background(), t.TempDir(), o, nil)
	if err != nil {
		t.Fatal(err)
	}
	if wrong := s.Wrong * 1000 / s.Persons; wrong < 10 || wrong > 30 {
		t.Errorf("%d per thousand are wrong", wrong)
	}
	if explained := s.Explained * 1000 / s.Persons; explained < 20 || explained > 40 {
		t.Errorf("%d per thousand only look wrong", explained)
	}
}

// Each kind, built for many persons, has findings exactly when it is a wrong.
func TestKinds(t *testing.T) {
	for _, months := range []int{1, 2, 3, 6} {
		o := DefaultOptions()
		o.Months = months
		p, err := newPlan(o)
		if err != nil {
			t.Fatal(err)
		}
		var d dossier
		for i, k := range allKinds() {
			if months < k.months {
				continue
			}
			for person := range 200 {
				d.reset(p, person, person%p.live)
				d.identify(k.elder)
				k.build(&d)
				if len(d.slots) > slotsEach || len(d.permits) > slotsEach {
					t.Errorf("%s: %d slots, %d permits", k.name, len(d.slots), len(d.permits))
				}
				if !d.keyed {
					d.flagBadEverywhere()
				}
				wrong := i < len(wrongs())
				if got := len(d.flags) > 0; got != wrong {
					t.Errorf("%s over %d months: %d findings", k.name, months, len(d.flags))
					break
				}
			}
			if wrong := i < len(wrongs()); !wrong && k.why == "" {
				t.Errorf("%s: nobody says why nothing is wrong", k.name)
			}
		}
	}
}

func TestRefused(t *testing.T) {
	full := t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "notes.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Write(context.Background(), full, DefaultOptions(), nil); !errors.Is(err, ErrNotEmpty) || !strings.Contains(err.Error(), full) {
		t.Errorf("folder with a file: %v", err)
	}
	for name, change := range map[string]func(*Options){
		"too few persons":  func(o *Options) { o.Persons = 1 },
		"too many persons": func(o *Options) { o.Persons = MaxPersons + 1 },
		"no month":         func(o *Options) { o.Months = 0 },
		"month 13":         func(o *Options) { o.AsOf = 202613 },
	} {
		o, dir := DefaultOptions(), filepath.Join(t.TempDir(), "new")
		change(&o)
		if _, err := Write(context.Background(), dir, o, nil); err == nil {
			t.Errorf("%s is taken", name)
		}
		if _, err := os.Stat(dir); err == nil {
			t.Errorf("%s: the folder was made all the same", name)
		}
	}
}

func TestCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	o, dir := DefaultOptions(), filepath.Join(t.TempDir(), "new")
	o.Persons = 3 * personsAtOnce
	var heard []int64
	_, err := Write(ctx, dir, o, func(done, total int64) {
		heard = append(heard, done)
		cancel()
	})
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), dir) {
		t.Errorf("cancelled: %v", err)
	}
	if diff := cmp.Diff([]int64{0}, heard); diff != "" {
		t.Error(diff)
	}
}

func TestWriteErrorNamesTheFile(t *testing.T) {
	table, err := newTable(t.TempDir(), csvForm("staffing/quotas.csv", "uscc,slot_type", 0, 0))
	if err != nil {
		t.Fatal(err)
	}
	if err := table.file.Close(); err != nil {
		t.Fatal(err)
	}
	table.endRow(bytes.Repeat([]byte("x"), 2*tableBuffer))
	if err := table.failed(); !errors.Is(err, os.ErrClosed) || !strings.Contains(err.Error(), "staffing/quotas.csv") {
		t.Errorf("after a write that went wrong: %v", err)
	}
}

func BenchmarkWrite(b *testing.B) {
	o := DefaultOptions()
	o.Persons = 50_000
	var rows, bytes int64
	for b.Loop() {
		s, err := Write(context.Background(), b.TempDir(), o, nil)
		if err != nil {
			b.Fatal(err)
		}
		rows, bytes = rows+s.Rows, bytes+s.Bytes
	}
	b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
	b.ReportMetric(float64(bytes)/float64(b.N), "bytes")
}
