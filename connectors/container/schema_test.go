package container_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hebian/connectors/container"
)

// recordOf is a record with a field x of a type.
func recordOf(of string) string {
	return `{"type":"record","name":"R","fields":[{"name":"x","type":` + of + `}]}`
}

func TestFields(t *testing.T) {
	schema, err := container.ParseSchema([]byte(`{"type": "record", "name": "R", "namespace": "county", "fields": [
		{"name": "id", "type": "string", "aliases": ["证件号码", "身份证"], "doc": "of the person", "x-pii": true},
		{"name": "实发", "type": ["null", {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}], "default": null},
		{"name": "day", "type": [{"type": "int", "logicalType": "date"}, "null"]},
		{"name": "a,b", "type": ["int", "string"]},
		{"name": "void", "type": "null"},
		{"name": "unknown", "type": {"type": "int", "logicalType": "star-date"}},
		{"name": "wrong", "type": {"type": "string", "logicalType": "date"}},
		{"name": "kind", "type": {"type": "enum", "name": "K", "symbols": ["A"]}},
		{"name": "money", "type": {"type": "fixed", "name": "other.M", "size": 8}},
		{"name": "again", "type": {"type": "other.M", "logicalType": "decimal", "precision": 5}},
		{"name": "once more", "type": "other.M"},
		{"name": "list", "type": {"type": "array", "items": "county.K"}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	want := []container.Field{
		{Name: "id", Kind: "string", Aliases: []string{"证件号码", "身份证"}, Doc: "of the person"},
		{Name: "实发", Kind: "bytes", Logical: "decimal"},
		{Name: "day", Kind: "int", Logical: "date"},
		{Name: "a,b", Kind: "union"},
		{Name: "void", Kind: "null"},
		{Name: "unknown", Kind: "int"},
		{Name: "wrong", Kind: "string"},
		{Name: "kind", Kind: "enum"},
		{Name: "money", Kind: "fixed"},
		{Name: "again", Kind: "fixed", Logical: "decimal"},
		{Name: "once more", Kind: "fixed"},
		{Name: "list", Kind: "array"},
	}
	if diff := cmp.Diff(want, schema.Fields()); diff != "" {
		t.Error(diff)
	}
	if header := string(schema.Header([]byte("> "))); header != `> id,实发,day,"a,b",void,unknown,wrong,kind,money,again,once more,list` {
		t.Error(header)
	}
}

// TestNames finds types by their names, as the specification resolves them.
func TestNames(t *testing.T) {
	for _, c := range []struct{ name, schema, wrong string }{
		{"a name in its own namespace", `{"type":"record","name":"R","namespace":"a","fields":[
			{"name":"x","type":{"type":"fixed","name":"F","size":1}},{"name":"y","type":"F"},{"name":"z","type":"a.F"}]}`, ""},
		{"a name in the namespace of the record around it", `{"type":"record","name":"a.R","fields":[
			{"name":"x","type":{"type":"record","name":"b.S","fields":[{"name":"x","type":{"type":"fixed","name":"F","size":1}}]}},
			{"name":"y","type":"b.F"}]}`, ""},
		{"a name of another namespace", `{"type":"record","name":"a.R","fields":[
			{"name":"x","type":{"type":"fixed","name":"b.F","size":1}},{"name":"y","type":"F"}]}`, `no type has the name "a.F"`},
		{"a namespace that is given away", `{"type":"record","name":"R","namespace":"a","fields":[
			{"name":"x","type":{"type":"fixed","name":"F","namespace":"","size":1}},{"name":"y","type":"F"}]}`, `no type has the name "a.F"`},
		{"a name before it is there", `{"type":"record","name":"R","fields":[
			{"name":"y","type":"F"},{"name":"x","type":{"type":"fixed","name":"F","size":1}}]}`, `no type has the name "F"`},
		{"a record in itself", recordOf(`["null","R"]`), ""},
		{"a name twice", recordOf(`{"type":"fixed","name":"R","size":1}`), `two types have the name "R"`},
		{"a name of Avro's", recordOf(`{"type":"fixed","name":"int","size":1}`), `two types have the name "int"`},
		{"a simple type spelt out", recordOf(`{"type":"string","avro.java.string":"String"}`), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := container.ParseSchema([]byte(c.schema))
			if c.wrong == "" && err != nil || c.wrong != "" && (err == nil || !strings.Contains(err.Error(), c.wrong)) {
				t.Errorf("%v, want %q", err, c.wrong)
			}
		})
	}
}

func TestWrongSchemas(t *testing.T) {
	decimal := func(more string) string { return recordOf(`{"type":"bytes","logicalType":"decimal"` + more + `}`) }
	for _, c := range []struct{ name, schema, wrong string }{
		{"empty", "", "no JSON"},
		{"no JSON", "{", "no JSON"},
		{"two", recordOf(`"int"`) + " {}", "behind"},
		{"no UTF-8", recordOf(`"int"`) + "\xff", "not UTF-8"},
		{"2 MiB", strings.Repeat(" ", 2<<20), "2097152 bytes"},
		{"deep", strings.Repeat("[", 5000) + strings.Repeat("]", 5000), "levels deep"},
		{"deep arrays", recordOf(strings.Repeat(`{"type":"array","items":`, 200) + `"int"` + strings.Repeat("}", 200)), "levels deep"},
		{"a number", "7", "where a type should be"},
		{"null", "null", "where a type should be"},
		{"a simple type", `"string"`, "of string, not of a record"},
		{"a union", `["null",` + recordOf(`"int"`) + `]`, "of union, not of a record"},
		{"no fields", `{"type":"record","name":"R"}`, "record R has no fields"},
		{"an empty record", `{"type":"record","name":"R","fields":[]}`, "without fields"},
		{"no name", `{"type":"record","fields":[]}`, "record: a name is missing"},
		{"a long name", `{"type":"record","name":"` + strings.Repeat("x", 257) + `","fields":[]}`, "257 bytes"},
		{"a long name in full", `{"type":"record","name":"x","namespace":"` + strings.Repeat("x", 257) + `","fields":[]}`, "259 bytes"},
		{"a name of control characters", `{"type":"record","name":"a\u0000","fields":[]}`, "can't be seen"},
		{"half a character in a name", `{"type":"record","name":"a\ud800","fields":[]}`, "can't be seen"},
		{"a field without a name", `{"type":"record","name":"R","fields":[{"type":"int"}]}`, "field of record R: a name is missing"},
		{"a field that is none", `{"type":"record","name":"R","fields":[1]}`, "field of record R: a name is missing"},
		{"a field without a type", `{"type":"record","name":"R","fields":[{"name":"x"}]}`, "field x: <nil> where a type"},
		{"a field twice", `{"type":"record","name":"R","fields":[{"name":"x","type":"int"},{"name":"x","type":"int"}]}`, "two fields"},
		{"an unknown type", recordOf(`"text"`), `no type has the name "text"`},
		{"a type of a type", recordOf(`{"type":{"type":"int"}}`), "no name of its kind"},
		{"no symbols", recordOf(`{"type":"enum","name":"E","symbols":[]}`), "no symbols"},
		{"a symbol twice", recordOf(`{"type":"enum","name":"E","symbols":["A","A"]}`), "twice"},
		{"a symbol that is a number", recordOf(`{"type":"enum","name":"E","symbols":[1]}`), "symbol of enum E"},
		{"no size", recordOf(`{"type":"fixed","name":"F"}`), "no size"},
		{"a negative size", recordOf(`{"type":"fixed","name":"F","size":-1}`), "no size"},
		{"a size of 2^62", recordOf(`{"type":"fixed","name":"F","size":4611686018427387904}`), "no size"},
		{"a size of 1.5", recordOf(`{"type":"fixed","name":"F","size":1.5}`), "no size"},
		{"no items", recordOf(`{"type":"array"}`), "items of an array"},
		{"no values", recordOf(`{"type":"map"}`), "values of a map"},
		{"an empty union", recordOf(`[]`), "no branches"},
		{"a union in a union", recordOf(`["null",["int"]]`), "a union holds another"},
		{"a union of two strings", recordOf(`["string","string"]`), "string twice"},
		{"a union of two arrays", recordOf(`[{"type":"array","items":"int"},{"type":"array","items":"long"}]`), "array twice"},
		{"a decimal without precision", decimal(``), "no precision"},
		{"a decimal of precision 0", decimal(`,"precision":0`), "no precision"},
		{"a decimal of a million digits", decimal(`,"precision":1000000`), "no precision"},
		{"a decimal of a scale beyond", decimal(`,"precision":4,"scale":5`), "no scale"},
		{"a decimal of a negative scale", decimal(`,"precision":4,"scale":-1`), "no scale"},
		{"a decimal of a scale in quotes", decimal(`,"precision":4,"scale":"2"`), "no scale"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := container.ParseSchema([]byte(c.schema)); err == nil || !strings.Contains(err.Error(), c.wrong) {
				t.Errorf("%v, want %q", err, c.wrong)
			}
		})
	}
}

// TestWideSchema reads a schema of thousands of fields, as wide tables have them.
func TestWideSchema(t *testing.T) {
	var fields []string
	for n := range 10_000 {
		fields = append(fields, fmt.Sprintf(`{"name":"c%d","type":["null","int"]}`, n))
	}
	schema, err := container.ParseSchema([]byte(`{"type":"record","name":"R","fields":[` + strings.Join(fields, ",") + `]}`))
	if err != nil || len(schema.Fields()) != 10_000 {
		t.Fatal(err)
	}
	row, misfit, err := schema.Row(nil, make([]byte, 10_000))
	if err != nil || misfit != nil || string(row) != strings.Repeat(",", 9_999) {
		t.Error(len(row), misfit, err)
	}
}
