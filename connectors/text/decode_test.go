package text_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"

	"hebian/connectors/text"
	"hebian/schemas"
	"hebian/schemas/ident"
)

func TestDecode(t *testing.T) {
	const utf, gb = text.UTF8, text.GB18030
	const bad, none = schemas.ReasonEncoding, schemas.ReasonNoChar
	for _, c := range []struct {
		name   string
		enc    text.Encoding
		in     string
		want   string
		reason schemas.Reason
	}{
		{"empty", utf, "", "", ""},
		{"UTF-8", utf, "a,张三,𠮷", "a,张三,𠮷", ""},
		{"private use stays in UTF-8", utf, "\uE863", "\uE863", ""},
		{"FF in UTF-8", utf, "张\xFF三", "", bad},
		{"a character cut short", utf, "坏\xE5\xBC", "", bad},
		{"a surrogate in UTF-8", utf, "\xED\xA0\x80", "", bad},
		{"an overlong form", utf, "\xC0\x80", "", bad},
		{"beyond U+10FFFF", utf, "\xF4\x90\x80\x80", "", bad},
		{"U+FFFD", utf, "坏\uFFFD", "", none},
		{"the byte 00", utf, "a\x00b", "", none},

		{"empty GB18030", gb, "", "", ""},
		{"ASCII, long", gb, strings.Repeat("0123456789,", 20), strings.Repeat("0123456789,", 20), ""},
		{"ASCII and cells of two and four bytes", gb, "a\xC5\xB7\xD1\xF4b\x95\x34\xB2\x35c", "a欧阳b𠮷c", ""},
		{"ends in a cell", gb, "1234567890\xC5\xB7", "1234567890欧", ""},
		{"the interpunct of names", gb, "\xA1\xA4", "·", ""},
		{"the euro sign", gb, "\xA2\xE3", "€", ""},
		{"the byte 80", gb, "a\x80", "", bad},
		{"the byte FF", gb, "a\xFFb", "", bad},
		{"a lead byte at the end", gb, "ab\x81", "", bad},
		{"a lead byte before a comma", gb, "\x81,", "", bad},
		{"a lead byte before 7F", gb, "\x81\x7F", "", bad},
		{"a cell of four bytes cut short", gb, "\x95\x34\xB2", "", bad},
		{"a cell of four bytes with a wrong end", gb, "\x95\x34\xB2\x41", "", bad},
		{"a cell of four bytes between the planes", gb, "\x84\x31\xA5\x30", "", bad},
		{"a cell of four bytes beyond U+10FFFF", gb, "\xE3\x32\x9A\x36", "", bad},
		{"the highest cell", gb, "\xFE\x39\xFE\x39", "", bad},
		{"the byte 00 in GB18030", gb, "a\x00b", "", none},
		{"U+FFFD in GB18030", gb, "\x84\x31\xA4\x37", "", none},
		{"user-defined: AAA1", gb, "\xAA\xA1", "", none},
		{"user-defined: FEFE", gb, "\xFE\xFE", "", none},
		{"user-defined: A3A0, a blank elsewhere", gb, "\xA3\xA0", "", none},
		{"a cell that editions disagree on: A8BC", gb, "\xA8\xBC", "", none},
		{"a cell that editions disagree on: A6D9", gb, "\xA6\xD9", "", none},
		{"the same characters as cells of four bytes", gb, "\x81\x35\xF4\x37\x84\x31\x82\x36", "\u1E3F\uFE10", ""},
		{"four bytes for private use", gb, "\x83\x36\xC7\x39", "", none},
		{"four bytes for plane 15", gb, "\xD8\x38\x97\x34", "", none},
		{"four bytes for plane 16", gb, "\xE3\x32\x9A\x35", "", none},
		{"four bytes for a noncharacter", gb, "\x84\x30\xFA\x32", "", none},
		{"four bytes for a noncharacter beyond U+FFFF", gb, "\x95\x32\x82\x34", "", none},
		{"FE9F and the four bytes of U+E863 are both 䶮", gb, "\xFE\x9F\x83\x36\xCF\x39", "䶮䶮", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, flaw := text.NewDecoder(c.enc).Decode([]byte(c.in))
			if c.reason == "" {
				if flaw != nil || got != c.want {
					t.Errorf("%q, %+v", got, flaw)
				}
				return
			}
			if flaw == nil || flaw.Reason != c.reason || flaw.Column != "" || flaw.Detail == "" {
				t.Errorf("%q, %+v", got, flaw)
			}
		})
	}
}

func TestFlawNamesTheCell(t *testing.T) {
	for in, want := range map[string]string{
		"a\xFF":            "byte 2 of the row, FF, is not GB18030",
		"abc\xAA\xA1":      "byte 4 of the row: the cell AAA1 of GB18030 (user-defined, U+E000) stands for no character",
		"\xAF\xFE":         "byte 1 of the row: the cell AFFE of GB18030 (user-defined, U+E233) stands for no character",
		"\xFE\xFE":         "byte 1 of the row: the cell FEFE of GB18030 (user-defined, U+E4C5) stands for no character",
		"\xA1\x80":         "byte 1 of the row: the cell A180 of GB18030 (user-defined, U+E505) stands for no character",
		"\xA7\xA0":         "byte 1 of the row: the cell A7A0 of GB18030 (user-defined, U+E765) stands for no character",
		"\xA8\xBC":         "byte 1 of the row: the cell A8BC of GB18030 stands for no character",
		"\x84\x31\xA4\x37": "byte 1 of the row: the cell 8431A437 of GB18030 stands for no character",
	} {
		if _, flaw := text.NewDecoder(text.GB18030).Decode([]byte(in)); flaw == nil || flaw.Detail != want {
			t.Errorf("%X: %+v", in, flaw)
		}
	}
}

// fourteen are the cells of two bytes that were left at private use and are read as characters.
var fourteen = map[string]rune{
	"FE51": 0x20087, "FE52": 0x20089, "FE53": 0x200CC, "FE59": 0x9FB4, "FE61": 0x9FB5, "FE66": 0x9FB6, "FE67": 0x9FB7,
	"FE6C": 0x215D7, "FE6D": 0x9FB8, "FE76": 0x2298F, "FE7E": 0x9FB9, "FE90": 0x9FBA, "FE91": 0x241FE, "FEA0": 0x9FBB,
}

// sixtySix are the cells of four bytes for the private-use characters U+E815 to U+E864: one after
// the other, but for those that the fourteen cells stand for.
func sixtySix() map[string]rune {
	taken := map[rune]bool{}
	for _, r := range fourteen {
		taken[r] = true
	}
	cells := map[string]rune{}
	cell := 0
	for fmt.Sprintf("%X", text.GB18030Cell(cell)) != "8336C934" {
		cell++
	}
	for r := rune(0xE815); r <= 0xE864; r++ {
		if char, _ := ident.FromPrivateUse(r); !taken[char] {
			cells[fmt.Sprintf("%X", text.GB18030Cell(cell))] = char
			cell++
		}
	}
	return cells
}

// TestGB18030 holds every cell to Python's codec (testdata/gb18030.py), but for the cells above.
func TestGB18030(t *testing.T) {
	exceptions := sixtySix()
	if len(exceptions) != 66 || exceptions["8336CF39"] != '䶮' {
		t.Fatalf("%d exceptions of four bytes", len(exceptions))
	}
	for cell, r := range fourteen {
		exceptions[cell] = r
	}
	hash, count := sha256.New(), 0
	decoder := text.NewDecoder(text.GB18030)
	check := func(cell []byte) {
		plain, flaw := decoder.Decode(cell)
		name := fmt.Sprintf("%X", cell)
		if want, ok := exceptions[name]; ok {
			if plain != string(want) {
				t.Errorf("%s is %q, not %q", name, plain, want)
			}
			delete(exceptions, name)
			return
		}
		if flaw != nil {
			if len(cell) == 2 && flaw.Reason != schemas.ReasonNoChar {
				t.Errorf("%s: %v", name, flaw.Reason)
			}
			return
		}
		r, size := utf8.DecodeRuneInString(plain)
		if size != len(plain) {
			t.Errorf("%s is %q", name, plain)
		}
		count++
		fmt.Fprintf(hash, "%s %X\n", name, r)
	}
	for lead := 0x81; lead <= 0xFE; lead++ {
		for trail := 0x40; trail <= 0xFE; trail++ {
			if trail != 0x7F {
				check([]byte{byte(lead), byte(trail)})
			}
		}
	}
	for n := range 126 * 10 * 126 * 10 {
		check(text.GB18030Cell(n))
	}
	if len(exceptions) != 0 {
		t.Errorf("not reached: %v", exceptions)
	}
	want, err := os.ReadFile("testdata/gb18030.sha256")
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprintf("%d %x\n", count, hash.Sum(nil)); got != string(want) {
		t.Errorf("the table differs from Python's: %s", got)
	}
}

func TestGB18030Vectors(t *testing.T) {
	raw, err := os.ReadFile("testdata/gb18030.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors struct{ Decode [][2]any }
	if err := json.Unmarshal(raw, &vectors); err != nil {
		t.Fatal(err)
	}
	for _, v := range vectors.Decode {
		cell, err := hex.DecodeString(v[0].(string))
		if err != nil {
			t.Fatal(err)
		}
		got, flaw := text.NewDecoder(text.GB18030).Decode(cell)
		if v[1] == nil {
			if flaw == nil || flaw.Reason != schemas.ReasonEncoding {
				t.Errorf("%X: %+v", cell, flaw)
			}
			continue
		}
		var want strings.Builder
		for _, hex := range v[1].([]any) {
			n, err := strconv.ParseUint(hex.(string), 16, 32)
			if err != nil {
				t.Fatal(err)
			}
			r, _ := ident.FromPrivateUse(rune(n))
			want.WriteRune(r)
		}
		r, _ := utf8.DecodeRuneInString(want.String())
		if private := r >= 0xE000 && r <= 0xF8FF || r >= 0xF0000; private {
			if flaw == nil || flaw.Reason != schemas.ReasonNoChar {
				t.Errorf("%X: %q, %+v", cell, got, flaw)
			}
		} else if flaw != nil || got != want.String() {
			t.Errorf("%X: %q, %+v", cell, got, flaw)
		}
	}
}

func TestDecodeAllocatesNothing(t *testing.T) {
	row := []byte("12139721MA00000001,\xC5\xB7\xD1\xF4,139721199001011234,202609")
	for _, enc := range []text.Encoding{text.UTF8, text.GB18030} {
		decoder := text.NewDecoder(enc)
		if enc == text.UTF8 {
			row = []byte("12139721MA00000001,欧阳,139721199001011234,202609")
		}
		if n := testing.AllocsPerRun(100, func() { decoder.Decode(row) }); n != 0 {
			t.Errorf("%v: %v allocations", enc, n)
		}
	}
}

func FuzzGB18030(f *testing.F) {
	f.Add([]byte("ab\xC5\xB7\xD1\xF4,\x95\x34\xB2\x35\xFE\x51"))
	f.Add([]byte("12345678\x81\x30\x81\x30\xA3\xA0"))
	decoder := text.NewDecoder(text.GB18030)
	reference := simplifiedchinese.GB18030.NewDecoder()
	f.Fuzz(func(t *testing.T, row []byte) {
		got, flaw := decoder.Decode(row)
		plain, err := reference.Bytes(row)
		if flaw != nil {
			return
		}
		if !utf8.ValidString(got) || strings.ContainsRune(got, utf8.RuneError) {
			t.Fatalf("%X gives %q", row, got)
		}
		// x/text has no character for the fourteen cells, and private use for the sixty-six.
		want, left := []rune(string(plain)), []rune(got)
		if err != nil || len(want) != len(left) {
			t.Fatalf("%X gives %q, x/text %q, %v", row, got, plain, err)
		}
		for i, r := range want {
			if r == utf8.RuneError {
				want[i] = left[i]
			} else {
				want[i], _ = ident.FromPrivateUse(r)
			}
		}
		if string(want) != got {
			t.Fatalf("%X gives %q, x/text %q", row, got, plain)
		}
	})
}

func TestDiagnose(t *testing.T) {
	const utf, gb = text.UTF8, text.GB18030
	for _, c := range []struct {
		name string
		head string
		enc  text.Encoding
		want string
	}{
		{"nothing", "", utf, "is empty"},
		{"nothing but a BOM and blanks", "\uFEFF\r\n \u3000", utf, "is empty"},
		{"what it should be", "统一,码\n", utf, ""},
		{"cut within a character", "统一,码\n\xE7\xBB", utf, ""},
		{"GB18030 as it should be", "\xC5\xB7\xD1\xF4\n", gb, ""},
		{"GB18030 cut within a character", "\xC5\xB7\xD1\xF4\n\x95\x34\xB2", gb, ""},
		{"ASCII is both", "uscc,name\n", gb, ""},
		{"UTF-8 for GB18030", "证件号码,姓名\n", gb, "looks like UTF-8"},
		{"GB18030 for UTF-8", "\xC5\xB7\xD1\xF4\n", utf, "looks like GB18030"},
		{"UTF-16", "\xFF\xFEa\x00,\x00", utf, "looks like UTF-16"},
		{"UTF-16, high byte first", "\xFE\xFF\x00a", gb, "looks like UTF-16"},
		{"UTF-16 without a BOM", "a\x00,\x00", utf, "looks like UTF-16 or no text at all"},
		{"a workbook", "PK\x03\x04\x14\x00", utf, "looks like a workbook (XLSX) or another ZIP archive"},
		{"an old workbook", "\xD0\xCF\x11\xE0\xA1", utf, "looks like a workbook (XLS)"},
		{"neither", "a\xFF\xFFb,c,d,e\n", gb, "looks like neither UTF-8 nor GB18030"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := text.Diagnose([]byte(c.head), c.enc); got != c.want {
				t.Errorf("%q", got)
			}
		})
	}
}
