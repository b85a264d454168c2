package text_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"hebian/connectors/text"
	"hebian/schemas/ident"
)

// written is what a Writer makes of rows.
func written(t testing.TB, enc text.Encoding, neutralise bool, rows ...[]string) []byte {
	t.Helper()
	var file bytes.Buffer
	w := text.NewWriter(&file, enc, neutralise)
	for _, row := range rows {
		if err := w.Row(row...); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

func TestWriter(t *testing.T) {
	const utf, gb = text.UTF8, text.GB18030
	for _, c := range []struct {
		name       string
		enc        text.Encoding
		neutralise bool
		row        []string
		want       string
	}{
		{"plain cells", utf, false, []string{"a", "", "张三"}, "a,,张三\r\n"},
		{"commas, quotes and line ends", utf, false, []string{"a,b", `"c"d`, "e\nf\r"}, "\"a,b\",\"\"\"c\"\"d\",\"e\nf\r\"\r\n"},
		{"GB18030", gb, false, []string{"欧阳", "𠮷", "a,€"}, "\xC5\xB7\xD1\xF4,\x95\x34\xB2\x35,\"a,\xA2\xE3\"\r\n"},
		{"one cell that is empty", utf, false, []string{""}, "\"\"\r\n"},
		{"one cell that is blank", utf, false, []string{" \u3000"}, "\" \u3000\"\r\n"},
		{"no cell", utf, false, nil, "\"\"\r\n"},
		{"what reads as a byte order mark", utf, false, []string{"\uFEFFa"}, "\"\uFEFFa\"\r\n"},
		{"formulas", utf, true, []string{"=1+1", "@a", "-x", "\t1", "\r", "-5", "+1,234.50"}, "'=1+1,'@a,'-x,'\t1,\"'\r\",-5,\"+1,234.50\"\r\n"},
		{"formulas stay without the setting", utf, false, []string{"=1+1"}, "=1+1\r\n"},
		{"a character for private use that is a real one by now", gb, false, []string{"\uE863"}, "\xFE\x9F\r\n"},
		{"user-defined characters", gb, false, []string{"a\uE000\uE233b\uE234\uE4C5\uE4C6\uE505\uE765"},
			"a\xAA\xA1\xAF\xFEb\xF8\xA1\xFE\xFE\xA1\x40\xA1\x80\xA7\xA0\r\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := string(written(t, c.enc, c.neutralise, c.row)); got != c.want {
				t.Errorf("%q", got)
			}
		})
	}
}

func TestWriterErrors(t *testing.T) {
	var file bytes.Buffer
	w := text.NewWriter(&file, text.UTF8, false)
	if err := w.Row("a", "\xFF"); err == nil || !strings.Contains(err.Error(), "row 1: cell 2 ") {
		t.Errorf("a cell that isn't UTF-8: %v", err)
	}
	if err := errors.Join(w.Row("b"), w.Flush()); err != nil || file.String() != "b\r\n" {
		t.Errorf("the row after: %q, %v", file.String(), err)
	}

	full := errors.New("the disk is full")
	w = text.NewWriter(failingWriter{full}, text.UTF8, false)
	var err error
	for range 100 {
		if err = w.Row(strings.Repeat("x", 1<<10)); err != nil {
			break
		}
	}
	if !errors.Is(err, full) || !errors.Is(w.Row("a"), full) || !errors.Is(w.Flush(), full) {
		t.Errorf("%v", err)
	}
}

type failingWriter struct{ err error }

func (f failingWriter) Write([]byte) (int, error) { return 0, f.err }

// TestWriterEncodes holds every character's cell to Python's codec (testdata/gb18030.py), and to our own decoder.
func TestWriterEncodes(t *testing.T) {
	hash, count := sha256.New(), 0
	decoder := text.NewDecoder(text.GB18030)
	var line []byte
	for first := rune(0x80); first <= utf8.MaxRune; first += 0x80 {
		if first >= 0xD800 && first <= 0xDFFF {
			continue
		}
		var row []string
		for r := first; r < first+0x80; r++ {
			row = append(row, string(r))
		}
		file := bytes.TrimSuffix(written(t, text.GB18030, false, row), []byte("\r\n"))
		for i, cell := range bytes.Split(file, []byte(",")) {
			r := first + rune(i)
			if bytes.HasPrefix(cell, []byte(`"`)) {
				cell = bytes.Trim(cell, `"`)
			}
			char, mapped := ident.FromPrivateUse(r)
			if !mapped {
				count++
				line = append(strconv.AppendInt(line[:0], int64(r), 16), ' ')
				line = append(hex.AppendEncode(line, cell), '\n')
				hash.Write(bytes.ToUpper(line))
			}
			got, flaw := decoder.Decode(cell)
			switch {
			case flaw == nil && got != string(char):
				t.Errorf("U+%04X is read back as %q", r, got)
			case flaw != nil && !(r >= 0xE000 && r <= 0xF8FF || r >= 0xFDD0 && r <= 0xFDEF || r >= 0xF0000 || r&0xFFFE == 0xFFFE || r == 0xFFFD):
				t.Errorf("U+%04X, %X, is refused: %v", r, cell, flaw.Detail)
			}
		}
	}
	want, err := os.ReadFile("testdata/gb18030-encode.sha256")
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprintf("%d %x\n", count, hash.Sum(nil)); got != string(want) {
		t.Errorf("the cells differ from Python's: %s", got)
	}
}

func TestNeutralise(t *testing.T) {
	for cell, want := range map[string]string{
		"": "", "a": "a", "'": "'", "'a": "'a", "1": "1", "a=1": "a=1", " =1": " =1",
		"=1": "'=1", "'=1": "''=1", "''@": "'''@", "+": "'+", "-": "'-", "@": "'@", "\t": "'\t", "\r1": "'\r1",
		"-1": "-1", "+1": "+1", "-1,234.50": "-1,234.50", "'-1": "'-1",
		"-,1": "'-,1", "-1.": "'-1.", "-.5": "'-.5", "-1.2.3": "'-1.2.3", "-1,2,": "-1,2,", "+1+1": "'+1+1", "-１": "'-１", "=1.0": "'=1.0", "+-1": "'+-1",
	} {
		if got := text.Neutralise(cell); got != want {
			t.Errorf("%q becomes %q, not %q", cell, got, want)
		}
	}
}

func FuzzNeutralise(f *testing.F) {
	for _, cell := range []string{"=1", "'=1", "-1,234.5", "''-", "\t", "@x", "+1.", "-1.0\n"} {
		f.Add(cell)
	}
	plain := regexp.MustCompile(`^[+-]?[0-9][0-9,]*(\.[0-9]+)?$`)
	f.Fuzz(func(t *testing.T, cell string) {
		safe := text.Neutralise(cell)
		if got := text.Unneutralise(safe); got != cell {
			t.Errorf("%q became %q and then %q", cell, safe, got)
		}
		if safe != "" && strings.IndexByte("=+-@\t\r", safe[0]) >= 0 && !plain.MatchString(safe) {
			t.Errorf("%q is left as a formula", safe)
		}
		if plain.MatchString(cell) && safe != cell {
			t.Errorf("the number %q became %q", cell, safe)
		}
	})
}

// TestWriterRoundTrip: what a Writer writes is read as it was, but for white space around cells.
func TestWriterRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cell := rapid.StringOf(rapid.OneOf(rapid.RuneFrom([]rune("\",\r\n\t='+-@1.\\a张丗\u3000€𠮷\u0085\uFEFF")), rapid.RuneFrom([]rune("欧阳龴ḿ︐䶮"))))
		table := rapid.SliceOfN(rapid.SliceOfN(cell, 1, 5), 1, 8).Draw(t, "table")
		enc := rapid.SampledFrom([]text.Encoding{text.UTF8, text.GB18030}).Draw(t, "encoding")
		neutralise := rapid.Bool().Draw(t, "neutralise")
		checkRoundTrip(t, table, enc, neutralise)
	})
}

func FuzzWriter(f *testing.F) {
	f.Add("a\x1fb\"\x1e=1\x1f\r\n", true, true)
	f.Add("\uFEFF,\x1e\x1e \u3000", false, false)
	f.Fuzz(func(t *testing.T, cells string, gb, neutralise bool) {
		decoder := text.NewDecoder(text.UTF8)
		if _, flaw := decoder.Decode([]byte(cells)); flaw != nil {
			return
		}
		for _, r := range cells {
			if r >= 0xE000 && r <= 0xF8FF || r >= 0xFDD0 && r <= 0xFDEF || r >= 0xF0000 || r&0xFFFE == 0xFFFE {
				return // Decoder refuses what is for private use or no character
			}
		}
		var table [][]string
		for _, row := range strings.Split(cells, "\x1e") {
			table = append(table, strings.Split(row, "\x1f"))
		}
		enc := text.UTF8
		if gb {
			enc = text.GB18030
		}
		checkRoundTrip(t, table, enc, neutralise)
	})
}

type failer interface {
	Fatal(...any)
	Fatalf(string, ...any)
}

func checkRoundTrip(t failer, table [][]string, enc text.Encoding, neutralise bool) {
	var file bytes.Buffer
	w := text.NewWriter(&file, enc, neutralise)
	for _, row := range table {
		if err := w.Row(row...); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	s, decoder := text.NewCSV(bytes.NewReader(file.Bytes()), enc), text.NewDecoder(enc)
	var block text.Block
	if err := s.Next(&block); err != nil || len(block.Records) != len(table) {
		t.Fatalf("%d rows are read as %d of %q: %v", len(table), len(block.Records), file.Bytes(), err)
	}
	for i, record := range block.Records {
		plain, flaw := decoder.Decode(record.Raw)
		if record.Misfit != nil || flaw != nil {
			t.Fatalf("row %d of %q: %+v, %+v", i, file.Bytes(), record.Misfit, flaw)
		}
		fields, flaw := text.SplitFields(plain, nil)
		if flaw != nil {
			t.Fatalf("row %d of %q: %+v", i, file.Bytes(), flaw)
		}
		want := make([]string, len(table[i]))
		for n, cell := range table[i] {
			if neutralise {
				cell = text.Neutralise(cell)
			}
			want[n] = strings.TrimSpace(cell)
		}
		if diff := cmp.Diff(want, fields); diff != "" {
			t.Fatalf("row %d of %q (-want +got)\n%s", i, file.Bytes(), diff)
		}
	}
}
