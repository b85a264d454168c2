package dbf_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/simplifiedchinese"
	"pgregory.net/rapid"

	"hebian/connectors/dbf"
	"hebian/connectors/text"
	"hebian/schemas"
)

// row is a record as the tests write it.
type row struct {
	Line   int64
	Raw    string
	Reason schemas.Reason
	Column string
	Detail string
}

// read reads a table to its end and checks what holds of every record.
func read(t rapid.TB, file []byte, o dbf.Options) (all []row, trimmed []dbf.Trim, err error) {
	t.Helper()
	r, err := dbf.Open(bytes.NewReader(file), int64(len(file)), o)
	if err != nil {
		return nil, nil, err
	}
	defer r.Close()
	var block text.Block
	line := int64(0)
	for {
		err := r.Next(&block)
		if err == io.EOF {
			return all, r.Trimmed(), nil
		}
		if err != nil {
			return all, r.Trimmed(), err
		}
		if len(block.Records) == 0 {
			t.Fatal("a block without records and without io.EOF")
		}
		if r.Offset() > int64(len(file)) {
			t.Errorf("offset %d of %d", r.Offset(), len(file))
		}
		for _, record := range block.Records {
			if record.Line <= line {
				t.Errorf("line %d behind %d", record.Line, line)
			}
			line = record.Line
			one := row{Line: line, Raw: string(record.Raw)}
			if m := record.Misfit; m != nil {
				one.Reason, one.Column, one.Detail = m.Reason, m.Column, m.Detail
				if m.Length != int64(len(record.Raw)) {
					t.Errorf("line %d: length %d of %d raw bytes", line, m.Length, len(record.Raw))
				}
			}
			all = append(all, one)
		}
	}
}

// made is a table that the tests make by hand.
type made struct {
	version, page byte
	columns       []column
	records       []string // with the mark of deletion; blanks fill them up
	count         int      // beside those that there are
	start, length int      // beside those that are right
	tail          string   // beside 1A
}

type column struct {
	name     string
	kind     byte
	width    byte
	decimals byte
}

func (m made) file() []byte {
	length := 1
	var columns bytes.Buffer
	for _, c := range m.columns {
		p := make([]byte, 32)
		copy(p[:11], c.name)
		p[11], p[16], p[17] = c.kind, c.width, c.decimals
		length += int(c.width)
		if c.kind == 'C' {
			length += int(c.decimals) << 8
		}
		columns.Write(p)
	}
	columns.WriteByte(0x0D)
	head := make([]byte, 32)
	head[0], head[29] = 0x03, m.page
	if m.version != 0 {
		head[0] = m.version
	}
	binary.LittleEndian.PutUint32(head[4:], uint32(len(m.records)+m.count))
	binary.LittleEndian.PutUint16(head[8:], uint16(32+columns.Len()+m.start))
	binary.LittleEndian.PutUint16(head[10:], uint16(length+m.length))
	file := append(head, columns.Bytes()...)
	for _, record := range m.records {
		file = append(file, record...)
		file = append(file, strings.Repeat(" ", max(0, length-len(record)))...)
	}
	return append(append(file, 0x1A), m.tail...)
}

func gb(s string) string {
	encoded, err := simplifiedchinese.GB18030.NewEncoder().String(s)
	if err != nil {
		panic(err)
	}
	return encoded
}

// TestReference reads tables that another program has made (testdata/make.py).
func TestReference(t *testing.T) {
	want := []row{
		{Line: 1, Raw: "姓名,证件号,AMOUNT,BORN,RETIRED"},
		{Line: 2, Raw: "张三,139721199001011234,5432.10,1990-01-01,F"},
		{Line: 3, Raw: "欧阳明,139721199001015678,-0.50,1988-02-29,T"},
		{Line: 4, Raw: `"Anna,""A""",,,,`},
		{Line: 5, Raw: "李四,139721199001019012,99.00,1990-01-01,F"},
	}
	for _, c := range []struct {
		file, encoding string
		want           []row
	}{
		{"cp936.dbf", "auto", want[:4]}, // the last one is deleted
		{"cp936.dbf", "gb18030", want[:4]},
		{"utf8.dbf", "utf-8", want},
		{"utf8.dbf", "auto", want},
	} {
		t.Run(c.file+" "+c.encoding, func(t *testing.T) {
			file, err := os.ReadFile("testdata/" + c.file)
			if err != nil {
				t.Fatal(err)
			}
			got, trimmed, err := read(t, file, dbf.Options{Encoding: c.encoding})
			if diff := cmp.Diff(c.want, got); err != nil || diff != "" || trimmed != nil {
				t.Errorf("%v, %v\n%s", err, trimmed, diff)
			}
		})
	}
}

func TestValues(t *testing.T) {
	const unreadable, encoding, none = schemas.ReasonUnreadable, schemas.ReasonEncoding, schemas.ReasonNoChar
	for _, c := range []struct {
		name  string
		kind  byte
		value string
		want  row
	}{
		{"text", 'C', " a b  ", row{Raw: " a b"}},
		{"text of Chinese", 'C', gb("张三丰"), row{Raw: "张三丰"}},
		{"rare characters", 'C', gb("㛃") + "\xFE\x9F", row{Raw: "㛃䶮"}},
		{"a character beyond U+FFFF", 'C', gb("𠮷"), row{Raw: "𠮷"}},
		{"text with commas and quotes", 'C', `a,"b"`, row{Raw: `"a,""b"""`}},
		{"text with line ends", 'C', "a\r\nb", row{Raw: "\"a\r\nb\""}},
		{"text filled up with 00", 'C', "a\x00\x00 \x00", row{Raw: "a"}},
		{"text around 00", 'C', "a\x00b", row{Raw: "a\uFFFDb", Reason: none, Column: "值", Detail: "byte 2 of the value: the byte 00 stands for no character"}},
		{"no text", 'C', "", row{}},
		{"a user-defined character", 'C', "a\xAA\xA1" + gb("三"), row{Raw: "a\uFFFD三", Reason: none, Column: "值",
			Detail: "byte 2 of the value: the cell AAA1 of GB18030 (user-defined, U+E000) stands for no character"}},
		{"a byte that is none", 'C', "a\xFFb", row{Raw: "a\uFFFDb", Reason: encoding, Column: "值", Detail: "byte 2 of the value, FF, is not GB18030"}},
		{"half a character in the middle", 'C', "a\xD5 b", row{Raw: "a\uFFFD b", Reason: encoding, Column: "值", Detail: "byte 2 of the value, D5, is not GB18030"}},
		{"half a character before the end", 'C', "abc\xD5", row{Raw: "abc\uFFFD", Reason: encoding, Column: "值", Detail: "byte 4 of the value, D5, is not GB18030"}},
		{"digits", 'C', "00012345", row{Raw: "00012345"}},

		{"a number", 'N', "  -12.50", row{Raw: "-12.50"}},
		{"a number in the old way", 'F', " 1.5E+03", row{Raw: "1.5E+03"}},
		{"a number of as many digits as there are", 'N', "12345678", row{Raw: "12345678"}},
		{"no number", 'N', "", row{}},
		{"a number of 00", 'N', "\x00\x00\x00\x00\x00\x00\x00\x00", row{}},
		{"a number too long", 'N', "********", row{Raw: "********", Reason: unreadable, Column: "值", Detail: "the number was too long for its column and is lost"}},
		{"a number that is none", 'N', "1,2\xFF", row{Raw: `"1,2?"`, Reason: unreadable, Column: "值", Detail: "it should hold a number and does not"}},

		{"a day", 'D', "20261001", row{Raw: "2026-10-01"}},
		{"no day", 'D', "", row{}},
		{"a day that there is not", 'D', "20260229", row{Raw: "20260229", Reason: unreadable, Column: "值", Detail: "it should hold a day YYYYMMDD and does not"}},
		{"a day of zeros", 'D', "00000000", row{Raw: "00000000", Reason: unreadable, Column: "值", Detail: "it should hold a day YYYYMMDD and does not"}},
		{"a short day", 'D', "202610", row{Raw: "202610", Reason: unreadable, Column: "值", Detail: "it should hold a day YYYYMMDD and does not"}},

		{"a memo", 'M', "00000012", row{Reason: unreadable, Column: "值", Detail: "its text lies in a memo file, which is not read; make it a column of characters"}},
		{"no memo", 'M', "", row{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			table := made{columns: []column{{gb("值"), c.kind, 8, 0}, {"L", 'L', 1, 0}}, records: []string{" " + fmt.Sprintf("%-8s", c.value)}}
			table.records[0] = " " + c.value + strings.Repeat(" ", 8-len(c.value)) + "T"
			c.want.Line, c.want.Raw = 2, c.want.Raw+",T"
			got, trimmed, err := read(t, table.file(), dbf.Options{Encoding: "gb18030"})
			if diff := cmp.Diff([]row{{Line: 1, Raw: "值,L"}, c.want}, got); err != nil || diff != "" || trimmed != nil {
				t.Errorf("%v, %v\n%s", err, trimmed, diff)
			}
		})
	}
}

func TestTruths(t *testing.T) {
	table := made{columns: []column{{"L", 'L', 1, 0}, {"M", 'M', 10, 0}}}
	want := []row{{Line: 1, Raw: "L,M"}}
	for i, c := range []struct{ in, want string }{{"T", "T"}, {"t", "T"}, {"Y", "T"}, {"y", "T"}, {"F", "F"}, {"f", "F"}, {"N", "F"}, {"n", "F"}, {"?", ""}, {" ", ""}} {
		table.records = append(table.records, " "+c.in+"0000000000") // a memo without a text
		want = append(want, row{Line: int64(i) + 2, Raw: c.want + ","})
	}
	table.records = append(table.records, " X")
	want = append(want, row{Line: 12, Raw: "X,", Reason: schemas.ReasonUnreadable, Column: "L", Detail: "it should hold T or F and does not"})
	got, _, err := read(t, table.file(), dbf.Options{})
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
}

// Characters that the width of a column has cut are trimmed and told.
func TestTrimmed(t *testing.T) {
	for _, c := range []struct {
		name, encoding string
		value, want    string
		trimmed        bool
	}{
		{"a cell of two bytes", "gb18030", gb("张三丰张")[:7], "张三丰", true},
		{"a cell of four bytes, one left", "gb18030", "abcdef" + gb("𠮷")[:1], "abcdef", true},
		{"a cell of four bytes, two left", "gb18030", "abcde" + gb("𠮷")[:2], "abcde", true},
		{"a cell of four bytes, three left", "gb18030", "abcd" + gb("𠮷")[:3], "abcd", true},
		{"a cell of four bytes that is whole", "gb18030", "abc" + gb("𠮷"), "abc𠮷", false},
		{"blanks before it", "gb18030", gb("张") + "    " + gb("三")[:1], "张", true},
		{"nothing before it", "gb18030", "      \xD5", "", true},
		{"three bytes, one left", "utf-8", "张三\xE5", "张三", true},
		{"three bytes, two left", "utf-8", "abcde\xE5\xBC", "abcde", true},
		{"four bytes, three left", "utf-8", "张a\xF0\xA0\xAE", "张a", true},
		{"four bytes that are whole", "utf-8", "张𠮷", "张𠮷", false},
		{"two bytes, one left", "utf-8", "abcdef\xC3", "abcdef", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := made{columns: []column{{"NAME", 'C', 7, 0}, {"A", 'C', 1, 0}}, records: []string{" " + c.value + "z"}}.file()
			got, trimmed, err := read(t, file, dbf.Options{Encoding: c.encoding})
			if err != nil || got[1] != (row{Line: 2, Raw: c.want + ",z"}) {
				t.Fatalf("%+v, %v", got, err)
			}
			var want []dbf.Trim
			if c.trimmed {
				want = []dbf.Trim{{Line: 2, Column: "NAME"}}
			}
			if diff := cmp.Diff(want, trimmed); diff != "" {
				t.Error(diff)
			}
		})
	}
	many := made{columns: []column{{"NAME", 'C', 3, 0}}}
	for range 300 {
		many.records = append(many.records, " ab\xD5")
	}
	if _, trimmed, err := read(t, many.file(), dbf.Options{}); err != nil || len(trimmed) != 100 {
		t.Errorf("%d, %v", len(trimmed), err)
	}
}

func TestTables(t *testing.T) {
	two := []column{{gb("姓名"), 'C', 6, 0}, {"N", 'N', 3, 0}}
	records := []string{" " + gb("张三"), "*" + gb("李四"), " " + gb("王五")}
	want := []row{{Line: 1, Raw: "姓名,N"}, {Line: 2, Raw: "张三,"}, {Line: 4, Raw: "王五,"}}
	wide := made{columns: []column{{"T", 'C', 44, 1}, {"N", 'N', 3, 0}}, records: []string{" " + strings.Repeat("x", 300) + "  7"}}
	garbage := made{columns: []column{{"T", 'C', 3, 0}}, records: []string{" abc"}}.file()
	garbage[32+17] = 9 // as if it had decimals
	for _, c := range []struct {
		name string
		file []byte
		want []row
	}{
		{"the usual", made{columns: two, records: records}.file(), want},
		{"code page 936 by dBase", made{columns: two, records: records, page: 0x4D}.file(), want},
		{"code page 936 by FoxPro", made{columns: two, records: records, page: 0x7A}.file(), want},
		{"the machine's code page", made{columns: two, records: records, page: 0x57}.file(), want},
		{"FoxPro, with room behind the columns", made{version: 0x30, columns: two, records: records[:0], start: 263, tail: strings.Repeat("\x00", 262)}.file(), want[:1]},
		{"with memos", made{version: 0x83, columns: two, records: records}.file(), want},
		{"no records", made{columns: two}.file(), want[:1]},
		{"nothing but deleted records", made{columns: two, records: records[1:2]}.file(), want[:1]},
		{"without an end mark", bytes.TrimSuffix(made{columns: two, records: records}.file(), []byte{0x1A}), want},
		{"filled up", made{columns: two, records: records, tail: "\x00\x00\x1A\x00"}.file(), want},
		{"a text wider than 255", wide.file(), []row{{Line: 1, Raw: "T,N"}, {Line: 2, Raw: strings.Repeat("x", 300) + ",7"}}},
		{"a text with decimals", garbage, []row{{Line: 1, Raw: "T"}, {Line: 2, Raw: "abc"}}},
		{"a name cut in the middle of a character", made{columns: []column{{"A" + gb("单位名称表")[:9], 'C', 1, 0}}, records: []string{" x"}}.file(),
			[]row{{Line: 1, Raw: "A单位名称"}, {Line: 2, Raw: "x"}}},
		{"a name that ends in what UTF-8 has for a blank", made{page: 0x4D, columns: []column{{"\xC2\xA0", 'C', 1, 0}}, records: []string{" x"}}.file(),
			[]row{{Line: 1, Raw: "聽"}, {Line: 2, Raw: "x"}}},
		{"a name without a character", made{columns: []column{{"A\xAA\xA1", 'C', 1, 0}}}.file(),
			[]row{{Line: 1, Raw: "A\uFFFD", Reason: schemas.ReasonNoChar,
				Detail: "the name of column 1: byte 2 of the value: the cell AAA1 of GB18030 (user-defined, U+E000) stands for no character"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, _, err := read(t, c.file, dbf.Options{Encoding: "auto"})
			if diff := cmp.Diff(c.want, got); err != nil || diff != "" {
				t.Errorf("%v\n%s", err, diff)
			}
		})
	}
}

// A table of many blocks, with a run of deleted records that is longer than one.
func TestBlocks(t *testing.T) {
	table := made{columns: []column{{"N", 'N', 90, 0}}}
	for n := range 12_000 {
		mark := " "
		if n >= 2000 && n < 9000 {
			mark = "*"
		}
		table.records = append(table.records, mark+fmt.Sprintf("%90d", n))
	}
	got, _, err := read(t, table.file(), dbf.Options{})
	if err != nil || len(got) != 5001 || got[2000] != (row{Line: 2001, Raw: "1999"}) || got[2001] != (row{Line: 9002, Raw: "9000"}) || got[5000].Raw != "11999" {
		t.Errorf("%d rows, %v", len(got), err)
	}
}

func TestRefused(t *testing.T) {
	one := []column{{"A", 'C', 3, 0}}
	records := []string{" abc", " def"}
	plain := made{columns: one, records: records}
	fine := plain.file()
	noEnd := bytes.Clone(fine)
	noEnd[32+32] = 'B'
	for _, c := range []struct {
		name     string
		file     []byte
		encoding string
		line     int64
		want     string
	}{
		{"nothing", nil, "", 0, "no table of dBase III (DBF), or it is cut short"},
		{"text", []byte("统一社会信用代码,姓名\n张三,139721199001011234\n"), "", 0, "no table of dBase III (DBF)"},
		{"half a header", fine[:20], "", 0, "cut short"},
		{"half of the columns", fine[:50], "", 0, "cut short"},
		{"records cut short", fine[:len(fine)-4], "", 0, "the table is cut short: it has 70 bytes and 73 for the 2 records that its header counts"},
		{"more records than there are", made{columns: one, records: records, count: 1}.file(), "", 0, "the table is cut short"},
		{"very many more", made{columns: one, records: records, count: 1 << 31}.file(), "", 0, "the table is cut short"},
		{"fewer records than there are", made{columns: one, records: records, count: -1}.file(), "", 0, "the table has 5 bytes behind the records"},
		{"something behind the end", made{columns: one, records: records, tail: "x"}.file(), "", 0, "the table has 2 bytes behind the records"},
		{"much behind the end", made{columns: one, records: records, tail: strings.Repeat("\x00", 1<<20)}.file(), "", 0, "bytes behind the records"},
		{"records too long", made{columns: one, records: records, length: 1}.file(), "", 0, "a record to have 5 bytes, and its columns have 4"},
		{"records too short", made{columns: one, records: records, length: -1}.file(), "", 0, "a record to have 3 bytes, and its columns have 4"},
		{"records of nothing", made{columns: one, records: records, length: -4}.file(), "", 0, "a record to have 0"},
		{"a header too long", made{columns: one, records: records, start: 1}.file(), "", 2, "its first byte is 61"},
		{"a header too short", made{columns: one, records: records, start: -1}.file(), "", 0, "header says of itself to have 64 bytes"},
		{"a header without an end", noEnd, "", 0, "the table's header has no end"},
		{"a header that ends within a column", made{columns: one, records: []string{strings.Repeat("x", 60)}, start: 20}.file(), "", 0, ""},
		{"no columns", made{version: 3, start: 40}.file(), "", 0, ""},
		{"an end mark among the records", made{columns: one, records: []string{" abc", "\x1Adef"}}.file(), "", 3, "its first byte is 1A"},
		{"a column without a name", made{columns: []column{{"", 'C', 3, 0}}}.file(), "", 0, "column 1 of the table has no name"},
		{"a column of nothing", made{columns: []column{{"A", 'C', 0, 0}, {"B", 'C', 1, 0}}}.file(), "", 0, "column 1 of the table, of the type C, is 0 bytes wide"},
		{"a short day", made{columns: []column{{"A", 'D', 6, 0}}}.file(), "", 0, "of the type D, is 6 bytes wide"},
		{"a type of FoxPro", made{columns: []column{{"A", 'I', 4, 0}}}.file(), "", 0, "column 1 of the table is of a type that is not read, 'I'"},
		{"Big5", made{columns: one, page: 0x78}.file(), "auto", 0, "code page 78, Big5"},
		{"another code page", made{columns: one, page: 0xC8}.file(), "auto", 0, "code page C8, which is not Chinese"},
		{"UTF-8 that does not say so", made{columns: []column{{"A", 'C', 9, 0}}, records: []string{" 张三丰", " abc"}}.file(), "auto", 0, "looks like UTF-8"},
		{"names in UTF-8 that do not say so", made{columns: []column{{"姓名", 'C', 9, 0}}}.file(), "auto", 0, "looks like UTF-8"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, err := read(t, c.file, dbf.Options{Encoding: c.encoding})
			var refused *text.FormError
			if !errors.As(err, &refused) {
				t.Fatalf("%v", err)
			}
			if refused.Line != c.line || !strings.Contains(refused.Reason, c.want) {
				t.Errorf("line %d: %s", refused.Line, refused.Reason)
			}
		})
	}
	if _, _, err := read(t, fine, dbf.Options{Encoding: "big5"}); err == nil {
		t.Error("an encoding that there is not")
	}
	// What the profile says goes before what the table says.
	named := made{columns: one, page: 0x78, records: []string{" " + gb("张")}}
	if got, _, err := read(t, named.file(), dbf.Options{Encoding: "gb18030"}); err != nil || got[1].Raw != "张" {
		t.Errorf("%+v, %v", got, err)
	}
}

// Errors of the disk are not the table's, and what the records have ended with they end with for good.
func TestDisk(t *testing.T) {
	table := made{columns: []column{{"N", 'N', 200, 0}}}
	for range 3000 {
		table.records = append(table.records, " 1")
	}
	file := table.file()
	for _, at := range []int64{0, 40, 100, 300_000, int64(len(file)) - 1} {
		r, err := dbf.Open(brokenDisk{bytes.NewReader(file), at}, int64(len(file)), dbf.Options{Encoding: "gb18030"})
		if err == nil {
			var block text.Block
			for err == nil {
				err = r.Next(&block)
			}
			if again := r.Next(&block); again != err {
				t.Errorf("%v, then %v", err, again)
			}
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("broken at %d: %v", at, err)
		}
	}
}

// brokenDisk can't be read where at lies.
type brokenDisk struct {
	r  io.ReaderAt
	at int64
}

func (d brokenDisk) ReadAt(p []byte, off int64) (int, error) {
	if off <= d.at && d.at < off+int64(len(p)) {
		return 0, os.ErrDeadlineExceeded
	}
	return d.r.ReadAt(p, off)
}

// TestLaw: texts that fit come back, in either encoding; those that don't come back up to the last character that does.
func TestLaw(t *testing.T) {
	char := rapid.SampledFrom([]rune("aB7,\"'· 张三欧阳㛃𬀩𠮷é"))
	rapid.Check(t, func(t *rapid.T) {
		value := []rune(strings.TrimRight(rapid.StringOf(char).Draw(t, "value"), " "))
		width := rapid.IntRange(1, 40).Draw(t, "width")
		name := rapid.SampledFrom([]string{"gb18030", "utf-8"}).Draw(t, "encoding")
		encode := gb
		if name == "utf-8" {
			encode = func(s string) string { return s }
		}
		stored := encode(string(value))
		fits := value
		for len(encode(string(fits))) > width {
			fits = fits[:len(fits)-1]
		}
		cut := len(stored) > width && len(encode(string(fits))) < width
		stored = stored[:min(len(stored), width)]
		file := made{columns: []column{{"A", 'C', byte(width), 0}}, records: []string{" " + stored}}.file()
		got, trimmed, err := read(t, file, dbf.Options{Encoding: name})
		if err != nil || got[1].Reason != "" || (len(trimmed) > 0) != cut {
			t.Fatalf("%+v, %v, %v", got, trimmed, err)
		}
		fields, flaw := text.SplitFields(got[1].Raw, nil)
		if flaw != nil || len(fields) != 1 || fields[0] != strings.TrimSpace(string(fits)) {
			t.Fatalf("%q, not %q", fields, string(fits))
		}
	})
}

func FuzzTable(f *testing.F) {
	for _, name := range []string{"testdata/cp936.dbf", "testdata/utf8.dbf"} {
		file, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(file, "auto")
		f.Add(file, "utf-8")
	}
	f.Add(made{columns: []column{{"T", 'C', 44, 1}, {"M", 'M', 10, 0}, {"F", 'F', 3, 0}}, records: []string{" a", "*", " \xD5\xD5\xFF"}}.file(), "gb18030")
	f.Fuzz(func(t *testing.T, file []byte, encoding string) {
		rows, trimmed, err := read(t, file, dbf.Options{Encoding: encoding})
		var refused *text.FormError
		if err != nil && !errors.As(err, &refused) && (encoding == "" || encoding == "auto" || encoding == "utf-8" || encoding == "gb18030") {
			t.Fatal(err)
		}
		if len(trimmed) > 100 {
			t.Fatalf("%d trimmed", len(trimmed))
		}
		width := 0
		decoder := text.NewDecoder(text.UTF8)
		for i, row := range rows {
			fields, flaw := text.SplitFields(row.Raw, nil)
			if flaw != nil {
				t.Fatalf("%q is no CSV: %s", row.Raw, flaw.Detail)
			}
			if i == 0 {
				width = len(fields)
			}
			if len(fields) != width {
				t.Fatalf("%d fields below a header of %d", len(fields), width)
			}
			if _, flaw := decoder.Decode([]byte(row.Raw)); row.Reason == "" && flaw != nil {
				t.Fatalf("%q: %s", row.Raw, flaw.Detail)
			}
		}
	})
}

func BenchmarkRead(b *testing.B) {
	table := made{columns: []column{{"USCC", 'C', 18, 0}, {gb("单位名称"), 'C', 40, 0}, {gb("姓名"), 'C', 20, 0}, {gb("证件号码"), 'C', 18, 0}, {"MONTH", 'C', 6, 0},
		{"PAID", 'D', 8, 0}, {gb("工资项目"), 'C', 20, 0}, {"AMOUNT", 'N', 12, 2}, {"MINUS", 'N', 12, 2}, {"PLUS", 'N', 12, 2}, {"RETIRED", 'L', 1, 0}, {gb("资金"), 'C', 12, 0}}}
	for n := range 30_000 {
		var record strings.Builder
		record.WriteByte(' ')
		for i, value := range []string{fmt.Sprintf("12139721MA%08d", n%400), gb("某某县第一中学"), gb("张三喜"), fmt.Sprintf("13972119900101%04d", n%10000), "202609",
			"20260915", gb("基本工资"), "     5432.10", "       12.50", "        0.00", "F", gb("财政全额")} {
			record.WriteString(value + strings.Repeat(" ", int(table.columns[i].width)-len(value)))
		}
		table.records = append(table.records, record.String())
	}
	file := table.file()
	b.SetBytes(int64(len(file)))
	b.ReportAllocs()
	var block text.Block
	for b.Loop() {
		r, err := dbf.Open(bytes.NewReader(file), int64(len(file)), dbf.Options{})
		if err != nil {
			b.Fatal(err)
		}
		rows := 0
		for err == nil {
			if err = r.Next(&block); err == nil {
				rows += len(block.Records)
			}
		}
		if err != io.EOF || rows != 30_001 {
			b.Fatal(rows, err)
		}
	}
	b.ReportMetric(float64(30_000*b.N)/b.Elapsed().Seconds(), "rows/s")
}
