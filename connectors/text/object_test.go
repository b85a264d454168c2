package text_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"hebian/connectors/text"
	"hebian/schemas"
)

func TestObject(t *testing.T) {
	nested := func(n int) string {
		return `{"x":` + strings.Repeat("[", n-1) + strings.Repeat("]", n-1) + `,"name":"张三"}`
	}
	for _, c := range []struct {
		name   string
		in     string
		values string // of the keys name and no, with a bar in between
		rest   []schemas.Cell
	}{
		{"an empty object", "{}", "|", nil},
		{"text", `{"name":"张三","no":"1"}`, "张三|1", nil},
		{"in another order", `{"no":"1","name":"张三"}`, "张三|1", nil},
		{"white space between tokens", " {\t\"name\" :\r\"张三\"\n, \"no\":\"1\" } ", "张三|1", nil},
		{"a number as it is written", `{"name":-12.50E+3,"no":12345678901234567890}`, "-12.50E+3|12345678901234567890", nil},
		{"more numbers", `{"name":0,"no":-0.0e-0}`, "0|-0.0e-0", nil},
		{"null is empty", `{"name":null,"no":"1"}`, "|1", nil},
		{"no key is empty", `{"no":"1"}`, "|1", nil},
		{"escapes", `{"name":"\"\\\/\b\f\n\r\t.\u5f20\uD842\udfb7","no":"\u0031"}`, "\"\\/\b\f\n\r\t.张𠮷|1", nil},
		{"text is trimmed", "{\"name\":\" 张 三\u3000\",\"no\":\"\\u3000\\t1\\n\"}", "张 三|1", nil},
		{"keys are compared unescaped", `{"n\u0061me":"张三","no":"1"}`, "张三|1", nil},
		{"keys are compared exactly", `{"Name":"张三"," name":"x"}`, "|", []schemas.Cell{{Column: "Name", Text: "张三"}, {Column: " name", Text: "x"}}},

		{"of repeated keys the last counts", `{"name":"a","no":1,"name":"b"}`, "b|1", nil},
		{"also when it is null", `{"name":"a","name":null}`, "|", nil},
		{"an earlier value of another type is no error", `{"name":[1],"name":"b"}`, "b|", nil},
		{"nor is an earlier lone surrogate", `{"name":"\ud800","name":"b"}`, "b|", nil},
		{"nor an earlier U+FFFD", `{"name":"\ufffd","n\u0061me":7}`, "7|", nil},

		{"other keys are kept", `{"x":" 1 ","name":"a","y":2.0,"z":{"name":[true,null]},"":false,"x":null}`, "a|",
			[]schemas.Cell{{Column: "x", Text: "1"}, {Column: "y", Text: "2.0"}, {Column: "z", Text: `{"name":[true,null]}`}, {Column: "", Text: "false"}, {Column: "x", Text: "null"}}},
		{"other keys' text unescaped", `{"\u0078":"\u5f20\ud842\udfb7\ufffd"}`, "|", []schemas.Cell{{Column: "x", Text: "张𠮷\uFFFD"}}},
		{"but as written where it has no Unicode", `{"x":"a\ud800","y\udc00":"\u0031"}`, "|",
			[]schemas.Cell{{Column: "x", Text: `"a\ud800"`}, {Column: `y\udc00`, Text: "1"}}},

		{"512 levels", nested(512), "张三|", []schemas.Cell{{Column: "x", Text: strings.Repeat("[", 511) + strings.Repeat("]", 511)}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := text.NewObject("name", "no")
			o.Read(`{"name":"left","no":"over","other":"\u0041"}`) // leaves no traces
			if flaw := o.Read(c.in); flaw != nil {
				t.Fatal(flaw)
			}
			if got := strings.Join(o.Values, "|"); got != c.values {
				t.Errorf("values %q", got)
			}
			if diff := cmp.Diff(c.rest, append([]schemas.Cell(nil), o.Rest...)); diff != "" {
				t.Errorf("rest (-want +got)\n%s", diff)
			}
		})
	}
}

func TestObjectFlaws(t *testing.T) {
	const json, kind, none = schemas.ReasonJSON, schemas.ReasonType, schemas.ReasonNoChar
	for _, c := range []struct {
		name   string
		in     string
		reason schemas.Reason
		column string
	}{
		{"nothing", "", json, ""},
		{"an array", `[{"name":"a"}]`, json, ""},
		{"text", `"name"`, json, ""},
		{"null", "null", json, ""},
		{"cut short in text", `{"name":"a`, json, ""},
		{"cut short behind a key", `{"name"`, json, ""},
		{"cut short behind a colon", `{"name":`, json, ""},
		{"cut short behind a value", `{"name":1`, json, ""},
		{"cut short behind a comma", `{"name":1,`, json, ""},
		{"a comma at the end", `{"name":1,}`, json, ""},
		{"bytes behind the object", `{"name":"a"}x`, json, ""},
		{"two objects", `{}{}`, json, ""},
		{"a blank that JSON has not", "{\"name\":\u3000\"a\"}", json, ""},
		{"a BOM", "\uFEFF{}", json, ""},
		{"a control character in text", "{\"name\":\"a\tb\"}", json, ""},
		{"a line feed in a key", "{\"na\nme\":1}", json, ""},
		{"single quotes", `{'name':'a'}`, json, ""},
		{"a key without quotes", `{name:"a"}`, json, ""},
		{"an unknown escape", `{"name":"\x41"}`, json, ""},
		{"a short escape", `{"name":"\u041"}`, json, ""},
		{"a backslash at the end", `{"name":"\`, json, ""},
		{"NaN", `{"name":NaN}`, json, ""},
		{"Infinity", `{"name":-Infinity}`, json, ""},
		{"a plus", `{"name":+1}`, json, ""},
		{"a leading zero", `{"name":01}`, json, ""},
		{"a bare point", `{"name":1.}`, json, ""},
		{"no digit before the point", `{"name":.5}`, json, ""},
		{"an empty exponent", `{"name":1e}`, json, ""},
		{"a minus alone", `{"name":-}`, json, ""},
		{"True", `{"name":True}`, json, ""},
		{"bad JSON under another key", `{"x":[1,],"name":"a"}`, json, ""},
		{"a bad key within", `{"x":{"y" 1},"name":"a"}`, json, ""},
		{"a comment", `{/**/}`, json, ""},
		{"513 levels", `{"x":` + strings.Repeat("[", 512) + strings.Repeat("]", 512) + `}`, json, ""},
		{"a million brackets", `{"x":` + strings.Repeat("[", 1<<20), json, ""},

		{"true", `{"name":true}`, kind, "name"},
		{"false", `{"no":false}`, kind, "no"},
		{"an array under a key", `{"name":["x"]}`, kind, "name"},
		{"an object under a key", `{"name":{}}`, kind, "name"},
		{"of repeated keys the last counts", `{"name":"a","name":[]}`, kind, "name"},

		{"U+FFFD escaped", `{"name":"a\ufffdb"}`, none, "name"},
		{"in capitals", `{"name":"\uFFFD"}`, none, "name"},
		{"a lone high surrogate", `{"name":"\ud842"}`, none, "name"},
		{"a lone low surrogate", `{"no":"a\udfb7b"}`, none, "no"},
		{"surrogates in the wrong order", `{"name":"\udfb7\ud842"}`, none, "name"},
		{"two high surrogates and a low one", `{"name":"\ud842\ud842\udfb7"}`, none, "name"},
		{"a high surrogate and another escape", `{"name":"\ud842\n"}`, none, "name"},
		{"bad JSON comes before a bad value", `{"name":"\ud842",}`, json, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			flaw := text.NewObject("name", "no").Read(c.in)
			if flaw == nil || flaw.Reason != c.reason || flaw.Column != c.column || flaw.Detail == "" {
				t.Errorf("%+v", flaw)
			}
		})
	}
}

func TestObjectDetail(t *testing.T) {
	flaw := text.NewObject("name").Read(`{"name":"a" "no":1}`)
	if want := "byte 13 of the row is not JSON: expected a comma or the end of the object"; flaw == nil || flaw.Detail != want {
		t.Errorf("%+v", flaw)
	}
}

func TestObjectAllocatesNothing(t *testing.T) {
	o := text.NewObject("id_number", "name", "uscc", "event", "effective", "detail")
	for _, row := range []string{
		`{"id_number": "139721199001011234", "name": "张三", "uscc": "12139721QA00001965", "event": "retire", "effective": "2026-01-01", "detail": null, "x": 1}`,
		`{"id_number": "139721199001011234", "name": "\u5f20\u4e09", "uscc": "12139721QA00001965", "event": "retire", "effective": "2026-01-01", "detail": "\n\u5f20"}`,
	} {
		if n := testing.AllocsPerRun(100, func() { o.Read(row) }); n != 0 {
			t.Errorf("%v allocations for %s", n, row)
		}
	}
}

// FuzzObject holds the reader to encoding/json: it accepts the same objects, save for depth, and
// finds the same values.
func FuzzObject(f *testing.F) {
	for _, seed := range []string{
		`{"name":"a\u5f20\ud842\udfb7","no":-1.5e3,"x":[{"name":null}]}`, `{"no":"\ud800","name":"\ufffd"}`,
		` {"n\u0061me":true,"name":"\b"}`, `{"x":"\udc00 ","\ud800":{"":0}}`,
	} {
		f.Add(seed)
	}
	o := text.NewObject("name", "no")
	f.Fuzz(func(t *testing.T, row string) {
		if !utf8.ValidString(row) || strings.Contains(row, "\uFFFD") {
			return // the decoder refuses it
		}
		flaw := o.Read(row)
		isObject := json.Valid([]byte(row)) && strings.HasPrefix(strings.TrimLeft(row, " \t\r\n"), "{")
		if refused := flaw != nil && flaw.Reason == schemas.ReasonJSON; refused == isObject {
			if !strings.Contains(fmt.Sprint(flaw), "512 levels") {
				t.Fatalf("%s: %+v, encoding/json: an object: %v", row, flaw, isObject)
			}
		}
		if flaw != nil {
			return
		}
		var members map[string]json.RawMessage
		if err := json.Unmarshal([]byte(row), &members); err != nil {
			t.Fatal(err)
		}
		for i, key := range []string{"name", "no"} {
			var want string
			if raw := members[key]; len(raw) > 0 && raw[0] == '"' {
				if err := json.Unmarshal(raw, &want); err != nil {
					t.Fatal(err)
				}
				want = strings.TrimSpace(want)
			} else if !bytes.Equal(raw, []byte("null")) {
				want = string(raw)
			}
			if o.Values[i] != want {
				t.Fatalf("%s: %s is %q, not %q", row, key, o.Values[i], want)
			}
		}
		for _, cell := range o.Rest {
			if !utf8.ValidString(cell.Column) || !utf8.ValidString(cell.Text) {
				t.Fatalf("%s: cell %q", row, cell)
			}
		}
	})
}
