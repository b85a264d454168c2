package text_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"pgregory.net/rapid"

	"hebian/connectors/text"
)

func TestDetect(t *testing.T) {
	const utf, gb = text.UTF8, text.GB18030
	chinese := strings.Repeat("12139721MA00000001,某某县第一中学,张三喜,基本工资\r\n", 18000) // more than a piece
	ascii := strings.Repeat("12139721MA00000001,1,2,3\r\n", 45000)
	broken := chinese[:1000] + strings.Replace(chinese[1000:], "张三喜", "张三\xE5\x96", 1)
	oneLine := strings.ReplaceAll(chinese, "\r\n", " ")
	for _, c := range []struct {
		name string
		file string
		want text.Encoding
		fail string
	}{
		{"an empty file", "", utf, ""},
		{"blanks", " \n", utf, ""},
		{"ASCII", ascii, utf, ""},
		{"UTF-8", chinese, utf, ""},
		{"with the mark", "\uFEFF" + chinese, utf, ""},
		{"GB18030", encoded(t, chinese), gb, ""},
		{"GB18030 with a mark of its own", "\x84\x31\x95\x33" + encoded(t, chinese), gb, ""},
		{"GB18030 far in", ascii + encoded(t, chinese), gb, ""},
		{"GB18030 in the last byte", ascii + encoded(t, "张"), gb, ""},
		{"GB18030 on one line", encoded(t, oneLine), gb, ""},
		{"GB18030 with a broken byte", encoded(t, chinese) + "\xFF", gb, ""},
		{"UTF-8 in the last line", ascii + "张", utf, ""},
		{"one row of GB18030", encoded(t, "张三喜"), gb, ""},
		{"UTF-16", "\xFF\xFEa\x00", 0, "the file looks like UTF-16; wanted is text in UTF-8 or GB18030"},
		{"a workbook", "PK\x03\x04\x14\x00", 0, "the file looks like a workbook (XLSX) or another ZIP archive; wanted is text in UTF-8 or GB18030"},
		{"UTF-8 with a broken character", broken, 0, "lines beyond ASCII that were looked at are UTF-8, the others are not; the encoding must be declared"},
		{"the same with the mark", "\uFEFF" + broken, utf, ""},
		{"far in", chinese + broken, 0, "the encoding must be declared"},
		{"in the last byte", chinese + "\xE5", 0, "the encoding must be declared"},
		{"on one line", oneLine + "\xFF" + oneLine, 0, "the encoding must be declared"},
		{"UTF-8 and then GB18030", chinese + encoded(t, chinese), 0, "the encoding must be declared"},
		{"GB18030 with the mark of UTF-8", "\uFEFF" + encoded(t, chinese), 0, "the file has the mark of UTF-8 (BOM), but its lines are not UTF-8; the encoding must be declared"},
		{"neither", strings.Repeat("a\xFF\xFF,b\n", 20), 0, "the file looks like neither UTF-8 nor GB18030; the encoding must be declared"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := text.Detect(strings.NewReader(c.file), int64(len(c.file)))
			var form *text.FormError
			switch {
			case c.fail == "" && (err != nil || got != c.want):
				t.Errorf("%v, %v", got, err)
			case c.fail != "" && (!errors.As(err, &form) || !strings.HasSuffix(form.Reason, c.fail)):
				t.Errorf("%v, %v", got, err)
			}
		})
	}
}

// TestDetectAtPieces: where a piece of the file ends within a character makes no difference.
func TestDetectAtPieces(t *testing.T) {
	for _, char := range []string{"é", "张", "𠮷"} {
		for before := range len(char) + 1 {
			for _, end := range []string{"", "a" + char} {
				file := strings.Repeat("a", 1<<20-before) + char + end
				if got, err := text.Detect(strings.NewReader(file), int64(len(file))); got != text.UTF8 || err != nil {
					t.Errorf("%s %d bytes before the end of a piece, then %q: %v, %v", char, before, end, got, err)
				}
			}
		}
	}
}

func TestDetectReadError(t *testing.T) {
	if _, err := text.Detect(strings.NewReader("张"), 10); err == nil || errors.As(err, new(*text.FormError)) {
		t.Errorf("a file that is shorter than it was: %v", err)
	}
	broken := iotest.ErrTimeout
	if _, err := text.Detect(&failing{strings.NewReader(strings.Repeat("a", 3<<20)), 2, broken}, 3<<20); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
}

// TestDetectNames: files of names in UTF-8 are told, and none in GB18030 is taken for UTF-8, though short names may pass for it (欧 for ŷ).
func TestDetectNames(t *testing.T) {
	name := rapid.StringOfN(rapid.RuneFrom([]rune("欧阳龴张三喜买提吐尔逊𠮷")), 1, 8, -1)
	rapid.Check(t, func(r *rapid.T) {
		file := "证件号码,姓名\n" + strings.Join(rapid.SliceOf(name).Draw(r, "names"), "\n")
		if got, err := text.Detect(strings.NewReader(file), int64(len(file))); got != text.UTF8 || err != nil {
			r.Fatalf("%q: %v, %v", file, got, err)
		}
		raw := encoded(t, file)
		if got, err := text.Detect(strings.NewReader(raw), int64(len(raw))); got != text.GB18030 && !errors.As(err, new(*text.FormError)) {
			r.Fatalf("%q: %v, %v", raw, got, err)
		}
	})
}

func FuzzDetect(f *testing.F) {
	for _, file := range []string{"", "a,张\n", "\uFEFFa", "\xC5\xB7\xD1\xF4\n", "张\n\xE5\xBC\n", "\xFF\xFEa\x00", "\x84\x31\x95\x33a\xFF"} {
		f.Add([]byte(file))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		if text.ValidUTF8(file) != utf8.Valid(file) {
			t.Fatalf("%q is UTF-8: %v", file, !utf8.Valid(file))
		}
		got, err := text.Detect(bytes.NewReader(file), int64(len(file)))
		if err != nil && !errors.As(err, new(*text.FormError)) {
			t.Fatal(err)
		}
		if err == nil && got == text.GB18030 && utf8.Valid(file) {
			t.Errorf("%q is taken for GB18030", file)
		}
		if err == nil && got == text.UTF8 && !utf8.Valid(file) && !bytes.HasPrefix(file, []byte("\uFEFF")) {
			t.Errorf("%q is taken for UTF-8", file)
		}
	})
}

// TestValidUTF8 holds every lead byte with all that may follow it to utf8.Valid, in places where two characters are looked at together.
func TestValidUTF8(t *testing.T) {
	edges := []byte{0x00, 0x41, 0x7F, 0x80, 0x81, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC2, 0xE4, 0xFF}
	for lead := 0x7F; lead <= 0xFF; lead++ {
		for _, second := range edges {
			for _, third := range edges {
				for _, fourth := range []byte{0x41, 0x80, 0xBF, 0xC0, 0xE4} {
					char := []byte{byte(lead), second, third, fourth}
					for _, file := range [][]byte{append(char, "张三喜张"...), append([]byte("张"), append(char, "三喜"...)...), append([]byte("a张三"), char...)} {
						if text.ValidUTF8(file) != utf8.Valid(file) {
							t.Fatalf("%X is UTF-8: %v", file, utf8.Valid(file))
						}
					}
				}
			}
		}
	}
}
