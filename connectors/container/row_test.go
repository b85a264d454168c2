package container_test

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hamba/avro/v2"
	"pgregory.net/rapid"

	"hebian/connectors/container"
	"hebian/connectors/text"
	"hebian/schemas"
)

func mustParse(t testing.TB, schema string) *container.Schema {
	parsed, err := container.ParseSchema([]byte(schema))
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func decimalOf(scale int) string {
	return fmt.Sprintf(`{"type":"bytes","logicalType":"decimal","precision":1000,"scale":%d}`, scale)
}

func logical(kind, name string) string {
	return fmt.Sprintf(`{"type":%q,"logicalType":%q}`, kind, name)
}

// cells are values of a field x with a schema, and the rows that they make.
var cells = []struct {
	name, schema string
	payload      []byte
	want         string
	reason       schemas.Reason
}{
	{"an empty cell", `"string"`, datum(""), `""`, ""},
	{"no value", `"null"`, nil, `""`, ""},
	{"a text", `"string"`, datum("欧阳,a"), `"欧阳,a"`, ""},
	{"a text with a line end", `"string"`, datum("a\nb"), "\"a\nb\"", ""},
	{"a text with CR", `"string"`, datum("a\rb"), "\"a\rb\"", ""},
	{"a text with quotes", `"string"`, datum(`""`), `""""""`, ""},
	{"a text with 00", `"string"`, datum("a\x00b"), "a\x00b", ""},
	{"a text with a mark", `"string"`, datum("\uFEFFa"), "\uFEFFa", ""},
	{"a text that is no UTF-8", `"string"`, datum("张\xff,三"), "\"张\xff,三\"", schemas.ReasonEncoding},
	{"half a character", `"string"`, datum("\xed\xa0\x80"), "\xed\xa0\x80", schemas.ReasonEncoding},
	{"a second branch in two bytes", `["null","string"]`, append([]byte{0x82, 0}, "\x02a"...), "a", ""},
	{"a double", `"double"`, datum(0.1), "0.1", ""},
	{"a double of 2^70", `"double"`, datum(math.Pow(2, 70)), "1.1805916207174113e+21", ""},
	{"a double of 2^60", `"double"`, datum(math.Pow(2, 60)), "1152921504606847000", ""},
	{"a small double", `"double"`, datum(1e-7), "1e-07", ""},
	{"a double of minus nought", `"double"`, datum(math.Copysign(0, -1)), "-0", ""},
	{"a float", `"float"`, datum(float32(0.1)), "0.1", ""},
	{"no number", `"double"`, datum(math.NaN()), "NaN", schemas.ReasonUnreadable},
	{"infinity", `"float"`, datum(float32(math.Inf(-1))), "-Inf", schemas.ReasonUnreadable},
	{"no number, below", `{"type":"array","items":"double"}`, datum(1, math.NaN(), 0), "[NaN]", schemas.ReasonUnreadable},
	{"the lowest long", `"long"`, datum(math.MinInt64), "-9223372036854775808", ""},
	{"a long in ten bytes", `"long"`, []byte{0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0}, "0", ""},

	{"a decimal", decimalOf(2), datum("\x04\xd2"), "12.34", ""},
	{"a decimal below nought", decimalOf(2), datum("\xff"), "-0.01", ""},
	{"a decimal of no scale", decimalOf(0), datum("\x80"), "-128", ""},
	{"a decimal of nought", decimalOf(3), datum("\x00"), "0.000", ""},
	{"a decimal of eight bytes", decimalOf(18), datum("\x80\x00\x00\x00\x00\x00\x00\x00"), "-9.223372036854775808", ""},
	{"a decimal of nine bytes", decimalOf(1), datum("\x00\xff\xff\xff\xff\xff\xff\xff\xff"), "1844674407370955161.5", ""},
	{"a decimal of nine bytes below nought", decimalOf(0), datum("\xff\x00\x00\x00\x00\x00\x00\x00\x00"), "-18446744073709551616", ""},
	{"a decimal padded", decimalOf(2), datum(strings.Repeat("\xff", 20)), "-0.01", ""},
	{"a decimal of no bytes", decimalOf(2), datum(""), `""`, schemas.ReasonUnreadable},
	{"a decimal of 513 bytes", decimalOf(2), datum(strings.Repeat("\x00", 513)), strings.Repeat("A", 684), schemas.ReasonUnreadable},
	{"a decimal of its own scale", logical("bytes", "big-decimal"), datum(string(datum("\x04\xd2", 3))), "1.234", ""},
	{"a decimal of its own scale below nought", logical("bytes", "big-decimal"), datum(string(datum("\x07", -3))), "7000", ""},
	{"a decimal of a scale of 2^31", logical("bytes", "big-decimal"), datum(string(datum("\x07", math.MaxInt32))), "Agf+////Dw==", schemas.ReasonUnreadable},
	{"half a big-decimal", logical("bytes", "big-decimal"), datum("\x02\x07"), "Agc=", schemas.ReasonUnreadable},

	{"the first day", logical("int", "date"), datum(0), "1970-01-01", ""},
	{"the day before", logical("int", "date"), datum(-1), "1969-12-31", ""},
	{"the last day", logical("int", "date"), datum(2932896), "9999-12-31", ""},
	{"a day after the last", logical("int", "date"), datum(2932897), "2932897", schemas.ReasonUnreadable},
	{"the first of all days", logical("int", "date"), datum(-719528), "0000-01-01", ""},
	{"a day before it", logical("int", "date"), datum(-719529), "-719529", schemas.ReasonUnreadable},
	{"the lowest day", logical("int", "date"), datum(math.MinInt32), "-2147483648", schemas.ReasonUnreadable},
	{"a date as a long", logical("long", "date"), datum(20261001), "20261001", ""},
	{"a moment before 1970", logical("long", "timestamp-millis"), datum(-1), "1969-12-31T23:59:59.999Z", ""},
	{"the lowest moment", logical("long", "timestamp-millis"), datum(math.MinInt64), "-9223372036854775808", schemas.ReasonUnreadable},
	{"the highest moment", logical("long", "timestamp-micros"), datum(math.MaxInt64), "9223372036854775807", schemas.ReasonUnreadable},
	{"nanoseconds", logical("long", "timestamp-nanos"), datum(1), "1970-01-01T00:00:00.000000001Z", ""},
	{"nanoseconds, local", logical("long", "local-timestamp-nanos"), datum(1_000_000), "1970-01-01T00:00:00.001", ""},
	{"midnight", logical("int", "time-millis"), datum(0), "00:00:00", ""},
	{"24 o'clock", logical("int", "time-millis"), datum(24 * 60 * 60 * 1000), "86400000", schemas.ReasonUnreadable},
	{"before midnight", logical("long", "time-micros"), datum(-1), "-1", schemas.ReasonUnreadable},
	{"a UUID of bytes", `{"type":"fixed","name":"U","size":16,"logicalType":"uuid"}`, []byte("0123456789abcdef"), "30313233-3435-3637-3839-616263646566", ""},
	{"a fixed of no bytes", `{"type":"fixed","name":"U","size":0}`, nil, `""`, ""},
	{"a symbol", `{"type":"enum","name":"E","symbols":["甲","a,b"]}`, datum(1), `"a,b"`, ""},

	{"an array in blocks with sizes", `{"type":"array","items":"int"}`, datum(-2, 2, 1, 2, 1, 3, 0), `"[1,2,3]"`, ""},
	{"a map", `{"type":"map","values":["null","boolean"]}`, datum(2, "a", 1, true, "b\"", 0, 0), `"{""a"":true,""b\"""":null}"`, ""},
	{"a map with the same key twice", `{"type":"map","values":"int"}`, datum(2, "a", 1, "a", 2, 0), `"{""a"":1,""a"":2}"`, ""},
	{"signs in JSON", `{"type":"array","items":"string"}`, datum(1, "\x00\x1f\n\r\t\\/\u2028", 0), `"[""\u0000\u001f\n\r\t\\/` + "\u2028" + `""]"`, ""},
	{"a text below that is no UTF-8", `{"type":"array","items":"string"}`, datum(1, "\xff", 0), "\"[\"\"\xff\"\"]\"", schemas.ReasonEncoding},
	{"a key that is no UTF-8", `{"type":"map","values":"int"}`, datum(1, "\xff", 1, 0), "\"{\"\"\xff\"\":1}\"", schemas.ReasonEncoding},
	{"an empty record", `{"type":"record","name":"S","fields":[]}`, nil, "{}", ""},
	{"a date below", `{"type":"array","items":` + logical("int", "date") + `}`, datum(1, 0, 0), `"[""1970-01-01""]"`, ""},
	{"a decimal below", `{"type":"array","items":` + decimalOf(2) + `}`, datum(1, "\x01", 0), "[0.01]", ""},
}

func TestCells(t *testing.T) {
	for _, c := range cells {
		t.Run(c.name, func(t *testing.T) {
			row, misfit, err := mustParse(t, recordOf(c.schema)).Row([]byte("> "), c.payload)
			if err != nil {
				t.Fatal(err)
			}
			if string(row) != "> "+c.want {
				t.Errorf("%q, want %q", row, c.want)
			}
			switch {
			case c.reason == "" && misfit != nil:
				t.Errorf("%+v", misfit)
			case c.reason != "" && (misfit == nil || misfit.Reason != c.reason || misfit.Column != "x" || misfit.Detail == "" ||
				misfit.Length != int64(len(c.want))):
				t.Errorf("%+v, want %s", misfit, c.reason)
			}
		})
	}
}

// TestRowRefuses leaves what stands before the row as it is.
func TestRowRefuses(t *testing.T) {
	schema := mustParse(t, textSchema)
	for name, payload := range map[string][]byte{"empty": nil, "short": []byte("\x08ab"), "behind": []byte("\x02ab")} {
		row, misfit, err := schema.Row([]byte("kept"), payload)
		refused, ok := errors.AsType[*container.Error](err)
		if !ok || string(row) != "kept" || misfit != nil || refused.Record != 0 || refused.Offset > int64(len(payload)) {
			t.Errorf("%s: %q %+v %v", name, row, misfit, err)
		}
		if strings.Contains(err.Error(), "ab") {
			t.Errorf("%v quotes the record", err)
		}
	}
}

// TestTooLong keeps the beginning of a row that is too long, and goes on behind it.
func TestTooLong(t *testing.T) {
	schema := recordOf(`"string"`)
	pair := `{"type":"record","name":"R","fields":[{"name":"x","type":"string"},{"name":"y","type":{"type":"array","items":"string"}}]}`
	for _, c := range []struct {
		name, schema string
		payload      []byte
		fits         bool
	}{
		{"1 MiB", schema, datum(strings.Repeat("x", 1<<20)), true},
		{"1 MiB and a byte", schema, datum(strings.Repeat("x", 1<<20+1)), false},
		{"quotes", schema, datum(strings.Repeat(`"`, 1<<19)), false},
		{"5 MiB", schema, datum(strings.Repeat("x", 5<<20)), false},
		{"bytes", recordOf(`"bytes"`), datum(strings.Repeat("x", 1<<20)), false},
		{"many items", pair, datum("a", 2, strings.Repeat("y", 1<<20), strings.Repeat(`"`, 1<<20), 1, "z", 0), false},
		{"many short items", pair, datum("a", append(itemsOf(300_000, "abc"), 0)), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			rows, err := read(whole(c.schema, "null", block(2, append(c.payload, c.payload...))), container.Options{})
			if err != nil || len(rows) != 3 {
				t.Fatal(len(rows), err)
			}
			for _, r := range rows[1:] {
				if c.fits {
					if r.Misfit != nil {
						t.Errorf("%+v", r.Misfit)
					}
					continue
				}
				digest := sha256.Sum256(c.payload)
				want := &text.Misfit{Reason: schemas.ReasonTooLong, Detail: "the row is longer than 1 MiB", Length: int64(len(c.payload)), Digest: digest[:]}
				if diff := cmp.Diff(want, r.Misfit); diff != "" || len(r.CSV) != text.HeadBytes {
					t.Error(diff, len(r.CSV))
				}
			}
		})
	}
}

func itemsOf(n int, item string) []byte {
	b := datum(n)
	for range n {
		b = append(b, datum(item)...)
	}
	return b
}

// wide has a field of nearly every kind. plainWide is the same without logical types, so that the library writes what it is given.
const (
	wide = `{"type":"record","name":"R","fields":[{"name":"a","type":"string"},{"name":"b","type":["null","long"]},
		{"name":"c","type":{"type":"int","logicalType":"date"}},{"name":"d","type":{"type":"bytes","logicalType":"decimal","precision":40,"scale":2}},
		{"name":"e","type":{"type":"long","logicalType":"timestamp-micros"}},{"name":"f","type":"double"},{"name":"g","type":"boolean"},
		{"name":"h","type":{"type":"array","items":{"type":"record","name":"S","fields":[{"name":"m","type":{"type":"map","values":"string"}},
			{"name":"o","type":["null","string"]}]}}}]}`
	plainWide = `{"type":"record","name":"R","fields":[{"name":"a","type":"string"},{"name":"b","type":["null","long"]},
		{"name":"c","type":"int"},{"name":"d","type":"bytes"},{"name":"e","type":"long"},{"name":"f","type":"double"},{"name":"g","type":"boolean"},
		{"name":"h","type":{"type":"array","items":{"type":"record","name":"S","fields":[{"name":"m","type":{"type":"map","values":"string"}},
			{"name":"o","type":["null","string"]}]}}}]}`
)

type wideRow struct {
	A string    `avro:"a"`
	B *int64    `avro:"b"`
	C int       `avro:"c"`
	D []byte    `avro:"d"`
	E int64     `avro:"e"`
	F float64   `avro:"f"`
	G bool      `avro:"g"`
	H []wideSub `avro:"h"`
}

type wideSub struct {
	M map[string]string `avro:"m" json:"m"`
	O *string           `avro:"o" json:"o"`
}

// cells is the row as the test would write it, by other means than the package's.
func (w wideRow) cells(t *rapid.T) []string {
	optional := ""
	if w.B != nil {
		optional = strconv.FormatInt(*w.B, 10)
	}
	v := new(big.Int).SetBytes(w.D)
	if w.D[0] >= 0x80 {
		v.Sub(v, new(big.Int).Lsh(big.NewInt(1), uint(8*len(w.D))))
	}
	list := w.H
	if list == nil {
		list = []wideSub{}
	}
	nested, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	return []string{w.A, optional, time.Unix(0, 0).UTC().AddDate(0, 0, w.C).Format("2006-01-02"), new(big.Rat).SetFrac(v, big.NewInt(100)).FloatString(2),
		moment(w.E), strconv.FormatFloat(w.F, 'f', -1, 64), strconv.FormatBool(w.G), string(nested)}
}

// moment is microseconds since 1970 with as many groups of three digits as it takes.
func moment(micros int64) string {
	layout := "2006-01-02T15:04:05.000000Z"
	switch {
	case micros%1e6 == 0:
		layout = "2006-01-02T15:04:05Z"
	case micros%1e3 == 0:
		layout = "2006-01-02T15:04:05.000Z"
	}
	return time.UnixMicro(micros).UTC().Format(layout)
}

// TestLaw: what the library writes, in any codec, comes out as the row that it is, through a file and alone.
func TestLaw(t *testing.T) {
	library, err := avro.ParseWithCache(plainWide, "", &avro.SchemaCache{})
	if err != nil {
		t.Fatal(err)
	}
	schema := mustParse(t, wide)
	words := rapid.StringMatching(`[a-zA-Z0-9 ,"\\\n张三𠮷·]{0,20}`)
	rapid.Check(t, func(t *rapid.T) {
		codec := rapid.SampledFrom([]string{"null", "deflate", "snappy", "zstandard"}).Draw(t, "codec")
		rows := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) wideRow {
			return wideRow{words.Draw(t, "a"), rapid.Ptr(rapid.Int64(), true).Draw(t, "b"), rapid.IntRange(-719528, 2932896).Draw(t, "c"),
				rapid.SliceOfN(rapid.Byte(), 1, 17).Draw(t, "d"), rapid.Int64Range(-1e16, 1e16).Draw(t, "e"),
				float64(rapid.IntRange(-1e9, 1e9).Draw(t, "f")) / 1000, rapid.Bool().Draw(t, "g"),
				rapid.SliceOfN(rapid.Custom(func(t *rapid.T) wideSub {
					m := map[string]string{}
					if rapid.Bool().Draw(t, "has") {
						m[words.Draw(t, "k")] = words.Draw(t, "v")
					}
					return wideSub{m, rapid.Ptr(words, true).Draw(t, "o")}
				}), 0, 3).Draw(t, "h")}
		}), 0, 5).Draw(t, "rows")
		file := new(strings.Builder)
		w, err := container.NewWriter(file, wide, codec)
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range rows {
			payload, err := avro.Marshal(library, row)
			if err != nil {
				t.Fatal(err)
			}
			if err := w.Append(payload); err != nil {
				t.Fatal(err)
			}
			alone, misfit, err := schema.Row(nil, payload)
			if err != nil || misfit != nil {
				t.Fatal(misfit, err)
			}
			compareCells(t, string(alone), row)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		got, err := read([]byte(file.String()), container.Options{})
		if err != nil || len(got) != len(rows)+1 {
			t.Fatal(len(got), err)
		}
		for i, row := range rows {
			compareCells(t, got[i+1].CSV, row)
		}
	})
}

func compareCells(t *rapid.T, row string, want wideRow) {
	cells, flaw := text.SplitFields(row, nil)
	if flaw != nil {
		t.Fatalf("%q: %+v", row, flaw)
	}
	trimmed := want.cells(t)
	for i := range trimmed {
		trimmed[i] = strings.TrimSpace(trimmed[i])
	}
	if diff := cmp.Diff(trimmed, cells); diff != "" {
		t.Fatalf("%q: %s", row, diff)
	}
}
