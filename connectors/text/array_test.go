package text_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/simplifiedchinese"
	"pgregory.net/rapid"

	"hebian/connectors/text"
	"hebian/schemas"
)

// elements cuts a file to its end, or to where its form fails.
func elements(t testing.TB, a *text.Array) ([]row, *text.FormError) {
	t.Helper()
	var all []row
	var block text.Block
	for {
		err := a.Next(&block)
		var form *text.FormError
		switch {
		case err == io.EOF:
			return all, nil
		case errors.As(err, &form):
			if again := a.Next(&block); again == nil || again.Error() != err.Error() {
				t.Fatalf("the second time: %v", again)
			}
			return all, form
		case err != nil:
			t.Fatal(err)
		case len(block.Records) == 0:
			t.Fatal("a block without records and without io.EOF")
		}
		for _, r := range block.Records {
			one := row{Line: r.Line, Raw: string(r.Raw)}
			if m := r.Misfit; m != nil {
				one.Reason = m.Reason
				if m.Detail == "" || m.Digest == nil && m.Length != int64(len(r.Raw)) {
					t.Errorf("line %d: misfit %+v of %d raw bytes", r.Line, m, len(r.Raw))
				}
			}
			all = append(all, one)
		}
	}
}

func TestArray(t *testing.T) {
	const gb, bad = text.GB18030, schemas.ReasonJSON
	for _, c := range []struct {
		name string
		enc  text.Encoding
		in   string
		want []row
		fail string // of the file
	}{
		{"an empty array", 0, "[]", nil, ""},
		{"blanks around", 0, "\uFEFF \r\n[\n\t]\r\n ", nil, ""},
		{"an element", 0, `[{"a":1}]`, []row{{1, `{"a":1}`, ""}}, ""},
		{"one a line", 0, "[\n{\"a\":1},\r\n{\"a\":2}\n]\n", []row{{2, `{"a":1}`, ""}, {3, `{"a":2}`, ""}}, ""},
		{"over several lines", 0, "[ {\n \"a\": [1,\n {}]\n } ,\n\n{ } ]", []row{{1, "{\n \"a\": [1,\n {}]\n }", ""}, {6, "{ }", ""}}, ""},
		{"brackets and escapes in strings", 0, `[{"a":"]}{[,\"\\"},{"\\":"\u005D\\\""}]`, []row{{1, `{"a":"]}{[,\"\\"}`, ""}, {1, `{"\\":"\u005D\\\""}`, ""}}, ""},
		{"what is no object is passed on", 0, `[1, "a,]", null ,[{}],-1.5e3]`,
			[]row{{1, "1", ""}, {1, `"a,]"`, ""}, {1, "null", ""}, {1, "[{}]", ""}, {1, "-1.5e3", ""}}, ""},
		{"grammar within is not looked at", 0, `[{a:'x'},{"a":1,},{"b" "c"}]`, []row{{1, `{a:'x'}`, ""}, {1, `{"a":1,}`, ""}, {1, `{"b" "c"}`, ""}}, ""},
		{"512 levels", 0, "[{" + strings.Repeat("[", 511) + strings.Repeat("]", 511) + "}]",
			[]row{{1, "{" + strings.Repeat("[", 511) + strings.Repeat("]", 511) + "}", ""}}, ""},
		{"513 levels", 0, "[{" + strings.Repeat("[", 512) + strings.Repeat("]", 512) + "},1]",
			[]row{{1, "{" + strings.Repeat("[", 512) + strings.Repeat("]", 512) + "}", bad}, {1, "1", ""}}, ""},

		{"second bytes of GB18030", gb, "[{\"\x81\x5B\":\"\x81\x5C\"},{\"a\":\"\x81\x5D\x81\x7B\x81\x7D\x81\x5C\"}]",
			[]row{{1, "{\"\x81\x5B\":\"\x81\x5C\"}", ""}, {1, "{\"a\":\"\x81\x5D\x81\x7B\x81\x7D\x81\x5C\"}", ""}}, ""},
		{"outside strings, too", gb, "[{\x81\x7D},\x81\x5D,[\x81\x5D]]", []row{{1, "{\x81\x7D}", ""}, {1, "\x81\x5D", ""}, {1, "[\x81\x5D]", ""}}, ""},
		{"characters of four bytes", gb, "[{\"\x95\x34\xB2\x35\\\"\x81\x30\x81\x30\":1}]", []row{{1, "{\"\x95\x34\xB2\x35\\\"\x81\x30\x81\x30\":1}", ""}}, ""},
		{"which are none in UTF-8", 0, "[{\"\x81\\\"\":1}]", []row{{1, "{\"\x81\\\"\":1}", ""}}, ""},
		{"half a character before a quote", gb, "[{\"\x81\":1},{\"\x81\x5C\x81\":2}]", []row{{1, "{\"\x81\":1}", ""}, {1, "{\"\x81\x5C\x81\":2}", ""}}, ""},
		{"bytes that begin no character", gb, "[{\"\x80\\\"\xFF\\\"\":1}]", []row{{1, "{\"\x80\\\"\xFF\\\"\":1}", ""}}, ""},
		{"the mark of GB18030", gb, "\x84\x31\x95\x33[1]", []row{{1, "1", ""}}, ""},

		{"a string without an end", 0, "[{\"a\":\"x},\n{\"a\":2},\n{\"a\":3}]", []row{{1, `{"a":"x},`, bad}, {2, `{"a":2}`, ""}, {3, `{"a":3}`, ""}}, ""},
		{"within an element of several lines", 0, "[{\n\"a\":\"x,\r\n\"b\":2\n},\n{\"a\":3}]", []row{{1, "{\n\"a\":\"x,\r\n\"b\":2\n}", bad}, {5, `{"a":3}`, ""}}, ""},
		{"a brace that isn't closed", 0, "[{\"a\":1,\n{\"a\":2},\n{\"a\":3}]", []row{{1, `{"a":1,`, bad}, {2, `{"a":2}`, ""}, {3, `{"a":3}`, ""}}, ""},
		{"on one line", 0, `[{"a":1 , {"a":2},{"a":3}]`, []row{{1, `{"a":1 ,`, bad}, {1, `{"a":2}`, ""}, {1, `{"a":3}`, ""}}, ""},
		{"in the last element", 0, "[{\"a\":1},\n{\"a\":2 \n]\n", []row{{1, `{"a":1}`, ""}, {2, `{"a":2`, bad}}, ""},
		{"a bracket that isn't closed", 0, `[{"a":[1},{"a":{"b":[{}},"c":1},{"a":3}]`, []row{{1, `{"a":[1}`, bad}, {1, `{"a":{"b":[{}},"c":1}`, bad}, {1, `{"a":3}`, ""}}, ""},
		{"an inner brace that isn't closed", 0, `[{"a":[{"b":1],"c":1},{"a":3}]`, []row{{1, `{"a":[{"b":1],"c":1}`, bad}, {1, `{"a":3}`, ""}}, ""},
		{"a bracket too many", 0, `[{"a":1]},[2}],{"a":3}]`, []row{{1, `{"a":1]}`, bad}, {1, `[2}]`, bad}, {1, `{"a":3}`, ""}}, ""},
		{"a brace too many", 0, `[{"a":1}},{"a":3}]`, []row{{1, `{"a":1}`, ""}, {1, "}", bad}, {1, `{"a":3}`, ""}}, ""},
		{"an object where a key must stand, further in", 0, `[{"a":{"b":1,{"c":2}}},{"a":3}]`, []row{{1, `{"a":{"b":1,{"c":2}}}`, ""}, {1, `{"a":3}`, ""}}, ""},
		{"a comma is missing", 0, "[{\"a\":1}\n{\"a\":2},3 4]", []row{{1, `{"a":1}`, ""}, {2, `{"a":2}`, bad}, {2, "3", ""}, {2, "4", bad}}, ""},
		{"commas too many", 0, "[,{\"a\":1},,{\"a\":2},\n]", []row{{1, ",", bad}, {1, `{"a":1}`, ""}, {1, ",", bad}, {1, `{"a":2}`, ""}, {2, "]", bad}}, ""},
		{"words that are none", 0, "[NaN,:x},\u3000{}]", []row{{1, "NaN", ""}, {1, ":x}", ""}, {1, "\u3000", ""}, {1, "{}", bad}}, ""},
		{"a string that is cut between elements", 0, "[\"a\n,{}]", []row{{1, `"a`, bad}, {2, "{}", ""}}, ""},

		{"an empty file", 0, "", nil, "line 1: the file is empty; wanted is one JSON array of objects, [ {...}, {...} ]"},
		{"blanks only", 0, "\uFEFF\n \n", nil, "line 3: the file is empty; wanted is one JSON array of objects, [ {...}, {...} ]"},
		{"an object around the array", 0, "\n{\"data\":[{}]}", nil, "line 2: the file begins with an object; wanted is one JSON array of objects, [ {...}, {...} ]"},
		{"no JSON", 0, "a,b\n", nil, "line 1: the file doesn't begin with an array; wanted is one JSON array of objects, [ {...}, {...} ]"},
		{"UTF-16", 0, "\xFF\xFE[\x00]\x00", nil,
			"line 1: the file doesn't begin with an array; wanted is one JSON array of objects, [ {...}, {...} ] (the file looks like UTF-16)"},
		{"no end", 0, "[", nil, "line 1: the array has no end (]): the file ends before it"},
		{"no end behind an element", 0, "[{}\n", []row{{1, "{}", ""}}, "line 2: the array has no end (]): the file ends before it"},
		{"no end behind a comma", 0, "[{}, ", []row{{1, "{}", ""}}, "line 1: the array has no end (]): the file ends before it"},
		{"the file ends within an element", 0, "[1,\n{\"a\":[1],\n", []row{{1, "1", ""}, {2, `{"a":[1],`, bad}},
			"line 3: the array has no end (]): the file ends within the element that begins on line 2"},
		{"the file ends within an array in an element", 0, "[{\"a\":[1,{}]", []row{{1, `{"a":[1,{}]`, bad}},
			"line 1: the array has no end (]): the file ends within the element that begins on line 1"},
		{"the file ends within a string", 0, `[{"a":"x}]`, []row{{1, `{"a":"x}]`, bad}},
			"line 1: the array has no end (]): the file ends within the element that begins on line 1"},
		{"the file ends within a word", 0, `[nul`, []row{{1, `nul`, ""}}, "line 1: the array has no end (]): the file ends before it"},
		{"text behind the end", 0, "[1]\n\n,", []row{{1, "1", ""}}, "line 3: text behind the array's end; wanted is one JSON array of objects, [ {...}, {...} ]"},
		{"two arrays", 0, "[1][2]", []row{{1, "1", ""}}, "line 1: text behind the array's end; wanted is one JSON array of objects, [ {...}, {...} ]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, bound := range [][3]int{{256 << 10, text.MaxRecord, text.HeadBytes}, {4, 2000, 8}, {8, 1100, 8}} {
				a := text.NewArray(strings.NewReader(c.in), c.enc)
				a.Bound(bound[0], bound[1], bound[2])
				got, form := elements(t, a)
				fail := ""
				if form != nil {
					fail = form.Error()
				} else if a.Offset() != int64(len(c.in)) {
					t.Errorf("in blocks of %d: the end at %d of %d bytes", bound[0], a.Offset(), len(c.in))
				}
				if diff := cmp.Diff(c.want, got); diff != "" || fail != c.fail {
					t.Errorf("in blocks of %d: %q (-want +got)\n%s", bound[0], fail, diff)
				}
			}
		})
	}
}

func TestArrayTooLong(t *testing.T) {
	full := `{"a":"` + strings.Repeat("x", text.MaxRecord-8) + `"}`
	spread := "{" + strings.Repeat("\n", text.MaxRecord) + "}"
	for _, c := range []struct {
		name, element string
		long          bool
	}{
		{"1 MiB", full, false},
		{"1 MiB and a byte", full[:len(full)-1] + " }", true},
		{"1 MiB, a word", strings.Repeat("1", text.MaxRecord), false},
		{"1 MiB and a byte, a word", strings.Repeat("1", text.MaxRecord+1), true},
		{"1 MiB and two bytes, most of them line ends", spread, true},
		{"3 MiB", "[" + strings.Repeat(full+",", 3) + "{}]", true},
		{"3 MiB, damaged", "[{" + strings.Repeat(full+",", 3) + "{}]", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := text.NewArray(strings.NewReader("[{},\n"+c.element+"\n, 1 ]"), text.UTF8)
			var got []text.Record
			for {
				var b text.Block
				if err := a.Next(&b); err == io.EOF {
					break
				} else if err != nil {
					t.Fatal(err)
				}
				got = append(got, b.Records...)
			}
			behind := int64(3 + strings.Count(c.element, "\n"))
			if len(got) != 3 || got[1].Line != 2 || string(got[2].Raw) != "1" || got[2].Line != behind {
				t.Fatalf("%d elements", len(got))
			}
			if m := got[1].Misfit; !c.long {
				if m != nil || string(got[1].Raw) != c.element {
					t.Errorf("misfit %+v, %d bytes", m, len(got[1].Raw))
				}
			} else {
				sum := sha256.Sum256([]byte(c.element))
				if m == nil || m.Reason != schemas.ReasonTooLong || m.Length != int64(len(c.element)) ||
					!bytes.Equal(m.Digest, sum[:]) || string(got[1].Raw) != c.element[:text.HeadBytes] {
					t.Errorf("misfit %+v, %d bytes", m, len(got[1].Raw))
				}
			}
		})
	}
}

// TestArrayMemoryIsBounded feeds large files that are one element, one string, blanks, brackets or commas.
func TestArrayMemoryIsBounded(t *testing.T) {
	size := int64(64 << 20)
	if testing.Short() {
		size = 4 << 20
	}
	tooLong, bad := schemas.ReasonTooLong, schemas.ReasonJSON
	for _, c := range []struct {
		name       string
		head, tail string
		fill       byte
		want       []row
		fail       bool
	}{
		{"a string", `[1,{"a":"`, `"},2]`, 'x', []row{{1, "1", ""}, {1, `{"a":"x`, tooLong}, {1, "2", ""}}, false},
		{"a string of escapes", `[1,{"a":"`, `"},2]`, '\\', []row{{1, "1", ""}, {1, `{"a":"\`, tooLong}, {1, "2", ""}}, false},
		{"a string without an end", `[1,{"a":"`, "\n},2]", 'x', []row{{1, "1", ""}, {1, `{"a":"x`, tooLong}, {2, "2", ""}}, false},
		{"a word", `[1,`, `,2]`, '1', []row{{1, "1", ""}, {1, "11", tooLong}, {1, "2", ""}}, false},
		{"blanks", `[1,`, `2]`, ' ', []row{{1, "1", ""}, {1, "2", ""}}, false},
		{"blanks in an element", `[1,{`, `},2]`, '\t', []row{{1, "1", ""}, {1, "{\t", tooLong}, {1, "2", ""}}, false},
		{"blanks behind what may be the end", `[1,{"a":1]`, ``, ' ', []row{{1, "1", ""}, {1, `{"a":1`, bad}}, false},
		{"blanks behind what isn't", `[1,{"a":1]`, `},2]`, ' ', []row{{1, "1", ""}, {1, `{"a":1]`, tooLong}, {1, "2", ""}}, false},
		{"brackets", `[1,{"a":`, `]`, '[', []row{{1, "1", ""}, {1, `{"a":[`, tooLong}}, true},
		{"braces", `[1,`, `]`, '{', []row{{1, "1", ""}, {1, "{", tooLong}}, true},
		{"nothing behind the end", `[1]`, ``, ' ', []row{{1, "1", ""}}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			counted := &countedReads{ReaderAt: &filled{head: c.head, fill: c.fill, size: size, tail: c.tail}}
			got, form := elements(t, text.NewArray(counted, text.UTF8))
			runtime.ReadMemStats(&after)
			for i := range got {
				if got[i].Reason == tooLong && i < len(c.want) {
					got[i].Raw = got[i].Raw[:len(c.want[i].Raw)]
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" || (form != nil) != c.fail {
				t.Errorf("%v (-want +got)\n%s", form, diff)
			}
			if used := after.TotalAlloc - before.TotalAlloc; used > 8<<20 {
				t.Errorf("%d bytes allocated", used)
			}
			if counted.bytes > 3*size {
				t.Errorf("read %d bytes of a file of %d", counted.bytes, size)
			}
		})
	}
}

// TestArrayIsLinear feeds files that would take hours if damage made the splitter read on from it again and again.
func TestArrayIsLinear(t *testing.T) {
	for _, c := range []struct{ name, unit string }{
		{"elements that aren't closed", "{\"a\":1,\n"},
		{"openings", "{\n[\n"},
		{"arrays that aren't closed", "{\"a\":[1,\n"},
		{"strings without an end", "{\"a\":\"\n"},
		{"brackets that nothing opened", "{] ] ] \n"},
		{"closings", "}\n"},
		{"closings of the other kind", "{" + strings.Repeat("[", 600) + "}}}}\n"},
		{"commas", ","},
		{"no commas", "1 "},
		{"elements just beyond a block", `{"a":"` + strings.Repeat("x", 300<<10) + "\"},\n"},
		{"elements just too long", `{"a":"` + strings.Repeat("x", 1<<20) + "\"},\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			size := 4 << 20
			if testing.Short() {
				size = 512 << 10
			}
			file := "[" + strings.Repeat(c.unit, size/len(c.unit)+1)
			counted := &countedReads{ReaderAt: strings.NewReader(file)}
			var block text.Block
			for a := text.NewArray(counted, text.UTF8); ; {
				if a.Next(&block) != nil {
					break
				}
				if most := 1 << 18; len(block.Records) > most {
					t.Fatalf("%d records in a block", len(block.Records))
				}
			}
			if most := 8 * int64(len(file)); counted.bytes > most {
				t.Errorf("read %d bytes of a file of %d", counted.bytes, len(file))
			}
		})
	}
}

func TestArrayReadError(t *testing.T) {
	broken := errors.New("the disk is gone")
	for after := range 6 {
		a := text.NewArray(&failing{&filled{head: "[1,{", fill: 'x', size: 3 << 20}, after, broken}, text.UTF8)
		var b text.Block
		var err error
		for err == nil {
			err = a.Next(&b)
		}
		if !errors.Is(err, broken) {
			t.Errorf("after %d reads: %v", after, err)
		}
	}
}

// reference gives the elements of a JSON array as encoding/json does, and false where that finds no array.
func reference(file []byte) ([]row, bool) {
	file = bytes.TrimPrefix(file, []byte("\uFEFF"))
	var raws []json.RawMessage
	if json.Unmarshal(file, &raws) != nil || !bytes.HasPrefix(bytes.TrimLeft(file, " \t\r\n"), []byte("[")) {
		return nil, false
	}
	decoder := json.NewDecoder(bytes.NewReader(file))
	if _, err := decoder.Token(); err != nil {
		return nil, false
	}
	var all []row
	for decoder.More() {
		var raw json.RawMessage
		if err := decoder.Decode(&raw); err != nil {
			return nil, false
		}
		start := decoder.InputOffset() - int64(len(raw))
		all = append(all, row{Line: 1 + int64(bytes.Count(file[:start], []byte("\n"))), Raw: string(raw)})
	}
	return all, true
}

// drawArray draws a well-formed array of objects.
func drawArray(t *rapid.T) string {
	blank := rapid.StringOfN(rapid.RuneFrom([]rune(" \n\r\t")), 0, 3, -1)
	char := rapid.SampledFrom([]string{"a", "{", "}", "[", "]", ",", ":", " ", `\"`, `\\`, `\u005d`, "张", "丗", "乗", "𠮷", "€", "癧", "巃"})
	str := rapid.Custom(func(t *rapid.T) string {
		return `"` + strings.Join(rapid.SliceOfN(char, 0, 12).Draw(t, "characters"), "") + `"`
	})
	var value *rapid.Generator[string]
	object := rapid.Custom(func(t *rapid.T) string {
		pad := func() string { return blank.Draw(t, "blank") }
		var members []string
		for range rapid.IntRange(0, 3).Draw(t, "members") {
			members = append(members, pad()+str.Draw(t, "key")+pad()+":"+pad()+value.Draw(t, "value")+pad())
		}
		return "{" + strings.Join(members, ",") + pad() + "}"
	})
	value = rapid.OneOf(str, rapid.SampledFrom([]string{"1", "-1.5e3", "null", "true", "[]", `["]",[{}]]`}), rapid.Deferred(func() *rapid.Generator[string] { return object }))
	var all []string
	for range rapid.IntRange(0, 6).Draw(t, "elements") {
		all = append(all, blank.Draw(t, "blank")+object.Draw(t, "element")+blank.Draw(t, "blank"))
	}
	return "[" + strings.Join(all, ",") + "]" + blank.Draw(t, "blank")
}

// TestArrayAgainstReference: the elements of a well-formed array are those that encoding/json finds, in either encoding and in blocks of any
// size, and those of two arrays joined are those of the one and of the other.
func TestArrayAgainstReference(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		one, other := drawArray(r), drawArray(r)
		joined := strings.TrimRight(one, " \t\r\n")
		joined = joined[:len(joined)-1]
		if want, _ := reference([]byte(one)); len(want) > 0 {
			if more, _ := reference([]byte(other)); len(more) > 0 {
				joined += ","
			}
		}
		shift := int64(strings.Count(joined, "\n"))
		joined += other[1:]
		want, ok := reference([]byte(joined))
		first, _ := reference([]byte(one))
		second, _ := reference([]byte(other))
		for i := range second {
			second[i].Line += shift
		}
		if !ok || !cmp.Equal(want, append(first, second...)) {
			r.Fatalf("the reference finds no array in %s", joined)
		}
		block := rapid.IntRange(4, 40).Draw(r, "block")
		for _, enc := range []text.Encoding{text.UTF8, text.GB18030} {
			file := joined
			if enc == text.GB18030 {
				file, want = encoded(t, joined), encodedRows(t, want)
			}
			a := text.NewArray(strings.NewReader(file), enc)
			a.Bound(block, 4000, 8)
			got, form := elements(t, a)
			if diff := cmp.Diff(want, got); diff != "" || form != nil {
				r.Fatalf("%v: %v (-want +got)\n%s", enc, form, diff)
			}
		}
	})
}

func encoded(t testing.TB, s string) string {
	raw, err := simplifiedchinese.GB18030.NewEncoder().String(s)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func encodedRows(t testing.TB, rows []row) (all []row) {
	for _, r := range rows {
		r.Raw = encoded(t, r.Raw)
		all = append(all, r)
	}
	return all
}

func FuzzArray(f *testing.F) {
	for _, in := range []string{
		`[{"a":"]}{[,\"\\"},{"\\":"\u005D\\\""}]`, "[{\"a\":\"x},\n{\"a\":2},\n{\"a\":3}]", "[{\"a\":1,\n{\"a\":2},\n3]", "[{\"a\":1},\n{\"a\":2 \n]\n",
		`[{"a":[1},{"a":{"b":[{}},"c":1},,{"a":3}]`, "\uFEFF[ ]", "[{\"\x81\x5B\":\"\x81\x5C\"},{\"a\":\"\x81\x5D\x81\x7B\"}]", `[{"a":1]},[2}],{"a":3}`, "[[[{}]]",
	} {
		for _, gb := range []bool{false, true} {
			f.Add([]byte(in), gb, uint8(3))
		}
	}
	f.Fuzz(func(t *testing.T, file []byte, gb bool, block uint8) {
		enc := text.UTF8
		if gb {
			enc = text.GB18030
		}
		got, form := elements(t, text.NewArray(bytes.NewReader(file), enc))
		tight := text.NewArray(bytes.NewReader(file), enc)
		tight.Bound(int(block)+4, len(file)+1, 8)
		again, tightForm := elements(t, tight)
		for _, f := range []*text.FormError{form, tightForm} {
			if f != nil { // what the file looks like hangs on how much of it is looked at
				f.Reason, _, _ = strings.Cut(f.Reason, " (the file ")
			}
		}
		if diff := cmp.Diff(got, again); diff != "" || !cmp.Equal(form, tightForm) {
			t.Fatalf("in blocks of %d: %v, %v (-large +small)\n%s", int(block)+4, form, tightForm, diff)
		}
		tiny := text.NewArray(bytes.NewReader(file), enc)
		tiny.Bound(int(block)+4, 8, 4)
		if cut, tinyForm := elements(t, tiny); len(cut) != len(got) || (form == nil) != (tinyForm == nil) {
			t.Fatalf("with a bound of 8 bytes: %d elements instead of %d", len(cut), len(got))
		}
		checkNothingIsLost(t, file, enc, got, form)
		if gb {
			return
		}
		// An array is cut as encoding/json does it; what is none doesn't pass for one.
		want, ok := reference(file)
		fine := form == nil
		for _, r := range got {
			fine = fine && r.Reason == "" && json.Valid([]byte(r.Raw))
		}
		deep := bytes.Count(file, []byte("["))+bytes.Count(file, []byte("{")) > 512
		switch {
		case ok && !deep:
			if diff := cmp.Diff(want, got); diff != "" || form != nil {
				t.Fatalf("%v (-want +got)\n%s", form, diff)
			}
		case fine && !ok:
			t.Fatal("passes for an array")
		}
	})
}

// checkNothingIsLost: the elements lie in the file in their order, on their lines, and between them is nothing but what joins them.
func checkNothingIsLost(t *testing.T, file []byte, enc text.Encoding, got []row, form *text.FormError) {
	rest, line := file, int64(1)
	if bytes.HasPrefix(rest, []byte("\uFEFF")) {
		rest = rest[3:]
	} else if enc == text.GB18030 {
		rest = bytes.TrimPrefix(rest, []byte("\x84\x31\x95\x33"))
	}
	opened := false // the array's own bracket
	for _, r := range got {
		at := 0
		for ; ; at++ {
			next := bytes.Index(rest[at:], []byte(r.Raw))
			if next < 0 {
				t.Fatalf("%q isn't in the file any more, or on line %d", r.Raw, r.Line)
			}
			at += next
			if (opened || bytes.Contains(rest[:at], []byte("["))) && line+int64(bytes.Count(rest[:at], []byte("\n"))) == r.Line {
				break
			}
		}
		if between := bytes.Trim(rest[:at], " \t\r\n[,"); len(between) > 0 && string(between) != "]" {
			t.Fatalf("%q is lost", between)
		}
		opened, line = true, line+int64(bytes.Count(rest[:at+len(r.Raw)], []byte("\n")))
		rest = rest[at+len(r.Raw):]
	}
	if form == nil && len(bytes.Trim(rest, " \t\r\n[],")) > 0 {
		t.Fatalf("%q is lost", rest)
	}
}
