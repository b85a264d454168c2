package text_test

import (
	"bytes"
	"crypto/sha256"
	"io"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"hebian/connectors/text"
	"hebian/schemas"
)

func TestSplitFields(t *testing.T) {
	for _, c := range []struct {
		name string
		in   string
		want []string
	}{
		{"one field", "a", []string{"a"}},
		{"an empty record is one empty field", "", []string{""}},
		{"empty fields", ",,", []string{"", "", ""}},
		{"fields", "a,二,3", []string{"a", "二", "3"}},
		{"a comma in quotes", `"5,432.10",x`, []string{"5,432.10", "x"}},
		{"doubled quotes", `"甲""乙","""",""`, []string{`甲"乙`, `"`, ""}},
		{"line ends in quotes", "\"戊\r\n己\",x", []string{"戊\r\n己", "x"}},
		{"trimmed", " a\t,\u3000二\u00A0,\u2028 \u1680\u2009", []string{"a", "二", ""}},
		{"trimmed inside the quotes", "\" a \",\"\u3000\",\"\n二\u3000\"\"\"", []string{"a", "", "二\u3000\""}},
		{"white space inside stays", "a b,张 三", []string{"a b", "张 三"}},
		{"zero-width characters and other controls stay", "\u200Ba\uFEFF,\x1Cb\x1F,\u180Ec", []string{"\u200Ba\uFEFF", "\x1Cb\x1F", "\u180Ec"}},
		{"a lone CR at the end goes, as white space", "a,b\r", []string{"a", "b"}},
		{"a quoted field at the end", `a,"b"`, []string{"a", "b"}},
		{"an empty field behind a quoted one", `"a",`, []string{"a", ""}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, flaw := text.SplitFields(c.in, nil)
			if flaw != nil {
				t.Fatal(flaw)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
	for _, broken := range []string{`a"`, `"a`, `"a"b`, `"a" ,b`, ` "a"`, `a,"b""`, `"`, `"a",b"`} {
		if got, flaw := text.SplitFields(broken, nil); flaw == nil || flaw.Reason != schemas.ReasonQuote {
			t.Errorf("%q: %q, %v", broken, got, flaw)
		}
	}
}

// TestTrimAtEveryCharacter holds trimming to the Unicode property White_Space, character by character.
func TestTrimAtEveryCharacter(t *testing.T) {
	var fields []string
	for r := range unicode.MaxRune + 1 {
		if r == ',' || r == '"' || !utf8.ValidRune(r) {
			continue
		}
		for _, field := range []string{string(r), string(r) + "a", "张" + string(r), "a·" + string(r), string(r) + "." + string(r)} {
			if fields, _ = text.SplitFields(field, fields[:0]); fields[0] != strings.TrimFunc(field, unicode.IsSpace) {
				t.Errorf("%q becomes %q", field, fields[0])
			}
		}
	}
}

func TestSplitFieldsAllocatesNothing(t *testing.T) {
	fields := make([]string, 0, 16)
	record := `12139721MA00000001,某某县第一中学,"张三",139721199001011234,202609,2026-09-15,基本工资,"5,432.10",财政全额`
	if n := testing.AllocsPerRun(100, func() { fields, _ = text.SplitFields(record, fields[:0]) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// csvRow is what a row of a CSV file comes to, decoded and split.
type csvRow struct {
	Line   int64
	Reason schemas.Reason
	Raw    string // of a misfit: what is kept of it
	Length int64
	Digest string
	Fields []string
}

// readCSV reads a whole file the way a connector does.
func readCSV(t rapid.TB, file []byte, enc text.Encoding, block, record, head int) []csvRow {
	s := text.NewCSV(bytes.NewReader(file), enc)
	s.Bound(block, record, head)
	decoder := text.NewDecoder(enc)
	var all []csvRow
	for {
		var b text.Block
		if err := s.Next(&b); err == io.EOF {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		for _, r := range b.Records {
			one := csvRow{Line: r.Line}
			if m := r.Misfit; m != nil {
				one.Reason, one.Raw, one.Length, one.Digest = m.Reason, string(r.Raw), m.Length, string(m.Digest)
			} else if plain, flaw := decoder.Decode(r.Raw); flaw != nil {
				one.Reason, one.Raw, one.Length = flaw.Reason, string(r.Raw), int64(len(r.Raw))
			} else {
				fields, flaw := text.SplitFields(plain, nil)
				if flaw != nil {
					t.Fatalf("line %d: fields of a whole record: %v", r.Line, flaw)
				}
				for _, f := range fields {
					one.Fields = append(one.Fields, strings.Clone(f))
				}
			}
			all = append(all, one)
		}
	}
}

// referenceCSV reads the same, slowly, straight from the wording of the contract.
func referenceCSV(file []byte, enc text.Encoding, longest, head int) (all []csvRow) {
	if cut, ok := bytes.CutPrefix(file, []byte("\xEF\xBB\xBF")); ok {
		file = cut
	} else if cut, ok := bytes.CutPrefix(file, []byte("\x84\x31\x95\x33")); ok && enc == text.GB18030 {
		file = cut
	}
	line := int64(1)
	for len(file) > 0 {
		first, next := referenceLine(file)
		if plain, ok := referenceDecode(first, enc); ok && strings.TrimFunc(plain, unicode.IsSpace) == "" {
			file, line = next, line+1
			continue
		}
		row, raw := csvRow{Line: line}, first
		fields, size, rest, ok := referenceRecord(file)
		if ok {
			raw, next = file[:size], rest
		}
		switch {
		case len(raw) > longest:
			sum := sha256.Sum256(raw)
			row.Reason, row.Raw, row.Length, row.Digest = schemas.ReasonTooLong, string(raw[:head]), int64(len(raw)), string(sum[:])
		case !ok:
			row.Reason, row.Raw, row.Length = schemas.ReasonQuote, string(raw), int64(len(raw))
		default:
			if _, ok := referenceDecode(raw, enc); !ok {
				_, flaw := text.NewDecoder(enc).Decode(raw)
				row.Reason, row.Raw, row.Length = flaw.Reason, string(raw), int64(len(raw))
				break
			}
			for _, f := range fields {
				plain, _ := referenceDecode(f, enc)
				row.Fields = append(row.Fields, strings.TrimFunc(plain, unicode.IsSpace))
			}
		}
		all = append(all, row)
		line += int64(bytes.Count(file[:len(file)-len(next)], []byte("\n")))
		file = next
	}
	return all
}

// referenceLine splits off the first physical line.
func referenceLine(file []byte) (line, rest []byte) {
	line, rest, found := bytes.Cut(file, []byte("\n"))
	if found {
		line = bytes.TrimSuffix(line, []byte("\r"))
	}
	return line, rest
}

// referenceRecord reads one record by the grammar of RFC 4180: record = field *("," field).
func referenceRecord(file []byte) (fields [][]byte, size int, rest []byte, ok bool) {
	at := 0
	for {
		var field []byte
		if at < len(file) && file[at] == '"' {
			for at++; ; at++ {
				if at == len(file) {
					return nil, 0, nil, false
				}
				if file[at] == '"' {
					if at+1 < len(file) && file[at+1] == '"' {
						at++
					} else {
						break
					}
				}
				field = append(field, file[at])
			}
			at++
		} else {
			for ; at < len(file) && file[at] != ',' && file[at] != '\n' && !bytes.HasPrefix(file[at:], []byte("\r\n")); at++ {
				if file[at] == '"' {
					return nil, 0, nil, false
				}
				field = append(field, file[at])
			}
		}
		fields = append(fields, field)
		switch {
		case at == len(file):
			return fields, at, nil, true
		case file[at] == ',':
			at++
		case file[at] == '\n':
			return fields, at, file[at+1:], true
		case bytes.HasPrefix(file[at:], []byte("\r\n")):
			return fields, at, file[at+2:], true
		default:
			return nil, 0, nil, false
		}
	}
}

// referenceDecode decodes with the decoder under test where only that knows: TestGB18030 holds it to
// Python's.
func referenceDecode(raw []byte, enc text.Encoding) (string, bool) {
	if enc == text.UTF8 {
		return string(raw), utf8.Valid(raw) && !bytes.Contains(raw, []byte("\uFFFD")) && !bytes.Contains(raw, []byte{0})
	}
	plain, flaw := text.NewDecoder(enc).Decode(raw)
	return plain, flaw == nil
}

func checkCSV(t rapid.TB, file []byte, enc text.Encoding, block, longest, head int) {
	want := referenceCSV(file, enc, longest, head)
	if diff := cmp.Diff(want, readCSV(t, file, enc, block, longest, head)); diff != "" {
		t.Fatalf("%q in %v, blocks of %d, records up to %d (-want +got)\n%s", file, enc, block, longest, diff)
	}
}

func TestCSVAgainstReference(t *testing.T) {
	pieces := []string{`"`, `"`, `"`, ",", ",", "\n", "\n", "\r\n", "\r", " ", "a", "bc", "\xA1\xA1", "\x81\x30\x84\x32", "\u3000", "张",
		"\x00", "\xFF", "\uFEFF", "\x84\x31\x95\x33", `","`, `""`, "\"\n", "xxxxxxxxxxxx"}
	rapid.Check(t, func(t *rapid.T) {
		file := strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 0, 40).Draw(t, "file"), "")
		enc := rapid.SampledFrom([]text.Encoding{text.UTF8, text.GB18030}).Draw(t, "encoding")
		longest := rapid.IntRange(8, 64).Draw(t, "longest")
		checkCSV(t, []byte(file), enc, rapid.IntRange(8, 80).Draw(t, "block"), longest, rapid.IntRange(1, longest).Draw(t, "head"))
	})
}

func FuzzCSV(f *testing.F) {
	f.Add([]byte("\uFEFFa,\"b\"\"\r\n\",c\r\n\n \"\n"), false, byte(8), byte(8))
	f.Add([]byte("\"\",\"\n\"\n\xA1\xA1\n\"x"), true, byte(20), byte(40))
	f.Fuzz(func(t *testing.T, file []byte, gb bool, block, longest byte) {
		enc := text.UTF8
		if gb {
			enc = text.GB18030
		}
		checkCSV(t, file, enc, max(8, int(block)), max(8, int(longest)), 4)
	})
}
