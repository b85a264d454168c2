package sheet_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"unicode"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"
	"github.com/xuri/excelize/v2"
	"pgregory.net/rapid"

	"hebian/connectors/sheet"
	"hebian/connectors/text"
)

// write makes a workbook of a header and rows.
func write(t rapid.TB, header []string, rows ...[]string) []byte {
	t.Helper()
	var file bytes.Buffer
	w, err := sheet.NewWriter(&file, header)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		if err := w.Row(row...); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

func TestWriter(t *testing.T) {
	header := []string{"证件号码", "姓名", "原因"}
	rows := [][]string{
		{"139721199001011234", "䶮㛃𬀩𠮷", `<a> & "b"`},
		{"=1+1", "+1", "-1"},
		{"@x", "\tx", "\rx"},
		{" a ", "_x0041_", "第一行\n第二行"},
		{"", "", "x"},
		{},
		{"00017"},
	}
	f, err := excelize.OpenReader(bytes.NewReader(write(t, header, rows...)))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	got, err := f.GetRows("Sheet1")
	if err != nil {
		t.Fatal(err)
	}
	rows[3][1] = "_x0041_"
	if diff := cmp.Diff(append([][]string{header}, rows...), got, cmp.Transformer("cells", func(cells []string) string { return strings.Join(cells, "|") })); diff != "" {
		t.Error(diff)
	}
	for ref, want := range map[string]bool{"A1": true, "A2": false} {
		style, err := f.GetCellStyle("Sheet1", ref)
		if err != nil {
			t.Fatal(err)
		}
		s, err := f.GetStyle(style)
		if err != nil || s.NumFmt != 49 || (s.Font != nil && s.Font.Bold) != want {
			t.Errorf("%s: %+v, %v", ref, s, err)
		}
		if kind, err := f.GetCellType("Sheet1", ref); err != nil || kind != excelize.CellTypeInlineString {
			t.Errorf("%s: %v, %v", ref, kind, err)
		}
	}
	if panes, err := f.GetPanes("Sheet1"); err != nil || !panes.Freeze || panes.YSplit != 1 {
		t.Errorf("%+v, %v", panes, err)
	}
	if style, err := f.GetColStyle("Sheet1", "C"); err != nil || style == 0 {
		t.Errorf("style %d, %v", style, err)
	}
}

// TestWriterLaw: what is written is read again, but for what XML can't hold.
func TestWriterLaw(t *testing.T) {
	cell := rapid.StringOf(rapid.OneOf(rapid.Rune(), rapid.SampledFrom([]rune("_x0041_<&>\"'\r\n\t,=张䶮𠮷\x00\uFFFE"))))
	rapid.Check(t, func(t *rapid.T) {
		width := rapid.IntRange(1, 5).Draw(t, "width")
		header := make([]string, width)
		for i := range header {
			header[i] = string(rune('a' + i))
		}
		rows := rapid.SliceOf(rapid.SliceOfN(cell, 0, width)).Draw(t, "rows")
		file := write(t, header, rows...)
		var want [][]string
		for _, row := range append([][]string{header}, rows...) {
			clean := make([]string, width)
			for i, value := range row {
				clean[i] = strings.TrimSpace(strings.Map(func(r rune) rune {
					if r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF {
						return unicode.ReplacementChar
					}
					return r
				}, value))
			}
			if strings.Join(clean, "") != "" {
				want = append(want, clean)
			}
		}
		var got [][]string
		all, err := readTB(t, file)
		for _, r := range all {
			fields, flaw := text.SplitFields(r, nil)
			if flaw != nil {
				t.Fatal(flaw)
			}
			got = append(got, fields)
		}
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Fatalf("%v\n%s", err, diff)
		}
	})
}

// readTB reads the rows of a workbook, of less than a block.
func readTB(t rapid.TB, file []byte) ([]string, error) {
	r, err := sheet.Open(bytes.NewReader(file), int64(len(file)), sheet.Options{})
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var block text.Block
	if err := r.Next(&block); err != nil {
		return nil, err
	}
	var all []string
	for _, record := range block.Records {
		all = append(all, string(record.Raw))
	}
	return all, nil
}

func TestWriterCuts(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"as many as there may be", strings.Repeat("长", 32767), strings.Repeat("长", 32767)},
		{"one more", strings.Repeat("长", 32768), strings.Repeat("长", 32766) + "…"},
		{"characters of two halves", strings.Repeat("𠮷", 16384), strings.Repeat("𠮷", 16383) + "…"},
		{"one half too many", "a" + strings.Repeat("𠮷", 16383), "a" + strings.Repeat("𠮷", 16383)},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := readTB(t, write(t, []string{"a"}, []string{c.in}))
			if err != nil || len(got) != 2 || got[1] != c.want {
				t.Errorf("%v", err)
			}
			if len(utf16.Encode([]rune(c.want))) > 32767 {
				t.Error("more than a cell holds")
			}
		})
	}
}

func TestWriterBounds(t *testing.T) {
	if _, err := sheet.NewWriter(new(bytes.Buffer), nil); err == nil {
		t.Error("a workbook without columns")
	}
	if _, err := sheet.NewWriter(new(bytes.Buffer), make([]string, 16385)); err == nil {
		t.Error("a workbook of 16,385 columns")
	}
	w, err := sheet.NewWriter(new(bytes.Buffer), []string{"a"})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Row("a", "b"); err == nil {
		t.Error("a row beyond the header")
	}
	w.Skip(1<<20 - 2)
	if err := w.Row("the last"); err != nil {
		t.Error(err)
	}
	if err := w.Row(); err == nil {
		t.Error("a row beyond the sheet")
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
}

// A disk that is full is told, and nothing is written after it.
func TestWriterDisk(t *testing.T) {
	full := errors.New("full")
	for room := range 3 {
		disk := &fullDisk{room: room * 2000, err: full}
		w, err := sheet.NewWriter(disk, []string{"a"})
		for i := 0; err == nil && i < 10_000; i++ {
			err = w.Row(strings.Repeat(string(rune('a'+i%20)), 1+i%700))
		}
		if err == nil {
			err = w.Close()
		}
		if !errors.Is(err, full) {
			t.Errorf("room for %d bytes: %v", disk.room, err)
		}
		if w != nil && w.Close() == nil {
			t.Error("closes as if nothing had happened")
		}
	}
}

type fullDisk struct {
	room int
	err  error
}

func (d *fullDisk) Write(p []byte) (int, error) {
	if d.room -= len(p); d.room < 0 {
		return 0, d.err
	}
	return len(p), nil
}
