package schemas

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/hamba/avro/v2"
	"pgregory.net/rapid"
)

func TestWalkFindsFields(t *testing.T) {
	s := SubjectOf("finance.pay_line")
	w, line := walkerOf(t, s.Avro), samplePayLine()
	line.FundChannel, line.Rest = nil, []Cell{{Column: "备注", Text: "x"}}
	framed, err := NewEncoder(s).Append(nil, 1, line)
	if err != nil {
		t.Fatal(err)
	}
	payload := framed[frameBytes:]
	fields := make([]Field, len(s.Fields))
	if err := w.Walk(payload, fields); err != nil {
		t.Fatal(err)
	}
	text := func(name string) string {
		f := fields[w.Index(name)]
		return string(payload[f.Start:f.End])
	}
	number := func(name string) int64 { return fields[w.Index(name)].Int }
	got := map[string]any{
		"person": text("person"), "name": text("name"), "unit_name": text("unit_name"), "rest": text("rest"),
		"period": number("period"), "class": number("class"), "amount_fen": number("amount_fen"), "paid_on": number("paid_on"),
		"fund_channel": fields[w.Index("fund_channel")].Null, "paid_on there": !fields[w.Index("paid_on")].Null,
	}
	want := map[string]any{
		"person": "139752197702118999", "name": "徐堃军", "unit_name": "松原区住房保障办公室（14）", "rest": "\x02\x0c备注\x02x\x00",
		"period": int64(202609), "class": int64(0), "amount_fen": int64(269600), "paid_on": int64(20700),
		"fund_channel": true, "paid_on there": true,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if w.Index("salary") != -1 {
		t.Error("an index for a field that isn't there")
	}
	// Fewer fields asked for are the first fields, and the rest is checked all the same.
	few := make([]Field, 5)
	if err := w.Walk(payload, few); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(fields[:5], few); diff != "" {
		t.Error(diff)
	}
	if err := w.Walk(payload[:len(payload)-1], few); err == nil {
		t.Error("a cut behind the fields asked for went through")
	}
}

func TestWalkEveryType(t *testing.T) {
	w := walkerOf(t, parse(t, `{"type":"record","name":"R","fields":[
		{"name":"no","type":"null"}, {"name":"flag","type":"boolean"}, {"name":"f","type":"float"}, {"name":"d","type":"double"},
		{"name":"x","type":{"type":"fixed","name":"X","size":2}}, {"name":"b","type":"bytes"},
		{"name":"m","type":{"type":"map","values":"long"}}, {"name":"u","type":["null","int","string"]},
		{"name":"v","type":["null","int","string"]}, {"name":"last","type":["string","null"]}, {"name":"r","type":["null","R"]}
	]}`))
	data := unhex(t, "01"+"00000000"+"0000000000000000"+"abcd"+"04ffff"+"02026b0500"+"0409e4bda0e5a5bd"[:2]+"0ce4bda0e5a5bd"+"00"+"02"+"00")
	fields := make([]Field, 11)
	if err := w.Walk(data, fields); err != nil {
		t.Fatal(err)
	}
	want := []Field{
		{Null: true}, {End: 1, Int: 1}, {Start: 1, End: 5}, {Start: 5, End: 13}, {Start: 13, End: 15}, {Start: 16, End: 18},
		{Start: 18, End: 23}, {Start: 25, End: 31}, {Start: 32, End: 32, Null: true}, {Start: 33, End: 33, Null: true},
		{Start: 34, End: 34, Null: true},
	}
	if diff := cmp.Diff(want, fields); diff != "" {
		t.Error(diff)
	}
}

func TestWalkNumbers(t *testing.T) {
	for _, test := range []struct {
		schema, hex string
		want        int64
		ok          bool
	}{
		{`"int"`, "00", 0, true},
		{`"int"`, "01", -1, true},
		{`"int"`, "feffffff0f", 2147483647, true},
		{`"int"`, "ffffffff0f", -2147483648, true},
		{`"int"`, "8080808010", 0, false},
		{`"int"`, "8000", 0, true}, // longer than need be, as other decoders take it
		{`"int"`, "808080808000", 0, false},
		{`"long"`, "feffffffffffffffff01", 9223372036854775807, true},
		{`"long"`, "ffffffffffffffffff01", -9223372036854775808, true},
		{`"long"`, "80808080808080808002", 0, false},
		{`"long"`, "8080808080808080808000", 0, false},
		{`"long"`, "808001", 8192, true},
		{`"long"`, "80808001", 1048576, true},
		{`["null","int"]`, "0202", 1, true},
		{`["null","int"]`, "820002", 0, false},
		{`["null","int"]`, "03", 0, false},
		{`["null","int","long"]`, "820002", 1, true},
		{`["null","int","long"]`, "82808080800002", 0, false},
		{`{"type":"enum","name":"E","symbols":["A","B"]}`, "02", 1, true},
		{`{"type":"enum","name":"E","symbols":["A","B"]}`, "01", 0, false},
	} {
		t.Run(test.schema+" "+test.hex, func(t *testing.T) {
			data := unhex(t, test.hex)
			var fields [1]Field
			err := walkerOf(t, parse(t, test.schema)).Walk(data, fields[:])
			if (err == nil) != test.ok || err == nil && fields[0].Int != test.want {
				t.Errorf("got %d, %v", fields[0].Int, err)
			}
		})
	}
}

// Sizes of blocks, and what a datum may claim without bytes.
func TestWalkBlocks(t *testing.T) {
	ints, nulls := `{"type":"array","items":"int"}`, `{"type":"array","items":"null"}`
	bomb := `{"type":"record","name":"R0","fields":[]}`
	for _, name := range strings.Fields("R1 R2 R3 R4 R5 R6 R7 R8 R9 S0 S1 S2 S3 S4 S5 S6 S7 S8 S9 T0 T1 T2 T3 T4 T5 T6 T7 T8 T9") {
		inner := bomb[strings.Index(bomb, `"name":"`)+8:]
		inner = inner[:strings.Index(inner, `"`)]
		bomb = `{"type":"record","name":"` + name + `","fields":[{"name":"a","type":` + bomb + `},{"name":"b","type":"` + inner + `"}]}`
	}
	for _, test := range []struct {
		name, schema, hex string
		ok                bool
	}{
		{"empty", ints, "00", true},
		{"two blocks", ints, "02020402" + "0400", true},
		{"with its size", ints, "030404040" + "0", true},
		{"size one short", ints, "0302040400", false},
		{"size one long", ints, "0306040400", false},
		{"size beyond the datum", ints, "03080404", false},
		{"negative size", ints, "0301040400", false},
		{"no end", ints, "020404", false},
		{"500 nulls", nulls, "e80700", true},
		{"2,000 nulls", nulls, "a01f00", false},
		{"2,000 nulls in two blocks", nulls, "d00f" + "d00f00", false},
		{"record of 2^29 empty records", bomb, "", false},
		{"record that can only hold itself", `{"type":"record","name":"R","fields":[{"name":"r","type":"R"}]}`, "", false},
		{"array of those", `{"type":"array","items":{"type":"record","name":"R","fields":[{"name":"r","type":"R"}]}}`, "0200", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := walkerOf(t, parse(t, test.schema)).Walk(unhex(t, test.hex), nil)
			if (err == nil) != test.ok {
				t.Error(err)
			}
		})
	}
}

func TestWalkDepth(t *testing.T) {
	w := walkerOf(t, parse(t, `{"type":"record","name":"L","fields":[{"name":"t","type":["null","L"]}]}`))
	list := func(links int) []byte { return append([]byte(strings.Repeat("\x02", links)), 0) }
	if err := w.Walk(list(maxDepth-1), nil); err != nil {
		t.Error(err)
	}
	if err := w.Walk(list(1e6), nil); !errors.Is(err, ErrMalformed) {
		t.Error(err)
	}
}

func TestWalkError(t *testing.T) {
	framed := encodedPayLine(t)
	err := walkerOf(t, SubjectOf("finance.pay_line").Avro).Walk(framed[frameBytes:frameBytes+40], nil)
	var walkError *WalkError
	if !errors.As(err, &walkError) || !errors.Is(err, ErrMalformed) {
		t.Fatalf("a %T", err)
	}
	if diff := cmp.Diff(&WalkError{Offset: 38, Field: "period", Want: "a number"}, walkError); diff != "" {
		t.Error(diff)
	}
	if want := "malformed Avro: field period, byte 38: want a number"; err.Error() != want {
		t.Errorf("%q, want %q", err, want)
	}
}

func TestHostile(t *testing.T) {
	var vectors struct {
		Cases []struct {
			Name   string
			Schema json.RawMessage
			Hex    string
		}
	}
	readJSON(t, "testdata/avro_hostile.json", &vectors)
	if len(vectors.Cases) < 20 {
		t.Fatalf("%d cases", len(vectors.Cases))
	}
	for _, c := range vectors.Cases {
		t.Run(c.Name, func(t *testing.T) {
			w, data := walkerOf(t, parse(t, string(c.Schema))), unhex(t, c.Hex)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			var v any
			err := Decode(append([]byte{0, 0, 0, 0, 1}, data...), w, &v)
			runtime.ReadMemStats(&after)
			took := time.Hour
			for range 5 { // the fastest: a busy machine may interrupt any of them
				start := time.Now()
				if again := Decode(append([]byte{0, 0, 0, 0, 1}, data...), w, &v); !errors.Is(again, ErrMalformed) {
					t.Errorf("refused as %v, then as %v", err, again)
				}
				took = min(took, time.Since(start))
			}
			if !errors.Is(err, ErrMalformed) {
				t.Errorf("not refused: %v", err)
			}
			if took > 100*time.Millisecond {
				t.Errorf("took %v", took)
			}
			if sizeBytes := after.TotalAlloc - before.TotalAlloc; sizeBytes > 1<<20 {
				t.Errorf("took %d bytes", sizeBytes)
			}
		})
	}
}

// A datum of every subject, cut anywhere or with a byte more, is none.
func TestPrefixesAreRefused(t *testing.T) {
	for _, s := range Subjects() {
		t.Run(s.Name, func(t *testing.T) {
			encoder, w := NewEncoder(s), walkerOf(t, s.Avro)
			rapid.Check(t, func(t *rapid.T) {
				framed, err := encoder.Append(nil, 1, drawRecord(t, s))
				if err != nil {
					t.Fatal(err)
				}
				mustBeWhole(t, w, framed[frameBytes:])
			})
		})
	}
}

type failer interface {
	Helper()
	Errorf(format string, args ...any)
}

func mustBeWhole(t failer, w *Walker, data []byte) {
	t.Helper()
	if err := w.Walk(data, nil); err != nil {
		t.Errorf("refused: %v", err)
	}
	for n := range data {
		if err := w.Walk(data[:n], nil); !errors.Is(err, ErrMalformed) {
			t.Errorf("%d of %d bytes: %v", n, len(data), err)
		}
	}
	if err := w.Walk(append(data[:len(data):len(data)], 0), nil); !errors.Is(err, ErrMalformed) {
		t.Errorf("a byte more: %v", err)
	}
}

// What Avro in Java writes goes through, for the writer's schema and for the reader's. But Java reads
// any bytes as a string: the amounts that it made into text are no text.
func TestJavaData(t *testing.T) {
	walkers, data := javaVectors(t)
	notText := 0
	for _, row := range data {
		reader, writer := row[0], row[1]
		mustBeWhole(t, walkers[writer], unhex(t, row[2]))
		again := unhex(t, row[3])
		var e *WalkError
		if err := walkers[reader].Walk(again, nil); strings.HasPrefix(writer, "dec_") && errors.As(err, &e) && e.Want == "UTF-8" {
			notText++
			continue
		}
		mustBeWhole(t, walkers[reader], again)
	}
	if len(data) < 500 || notText != 12 {
		t.Errorf("%d data, %d of them no text", len(data), notText)
	}
}

// javaVectors gives a walker for every schema that the library parses, and rows of reader, writer,
// datum of the writer, the same datum of the reader.
func javaVectors(tb testing.TB) (map[string]*Walker, [][4]string) {
	tb.Helper()
	var vectors struct {
		Schemas []struct {
			Name   string
			Schema json.RawMessage
		}
		Data [][4]string
	}
	readJSON(tb, "testdata/avro_java_1_12_1.json", &vectors)
	walkers := map[string]*Walker{}
	for _, s := range vectors.Schemas {
		walkers[s.Name] = walkerOf(tb, parse(tb, string(s.Schema)))
	}
	return walkers, vectors.Data
}

func TestValidText(t *testing.T) {
	texts := rapid.OneOf(
		rapid.StringOf(rapid.SampledFrom([]rune("aZ9·徐堃（）𠮷ࠀ\ud7ff\ue000\uffff\x00"))).AsAny(),
		rapid.SliceOf(rapid.SampledFrom([]byte{0, 'a', 0x80, 0xbf, 0xc2, 0xe0, 0xa0, 0xe4, 0xed, 0xef, 0xf0, 0xff})).AsAny(),
	)
	rapid.Check(t, func(t *rapid.T) {
		var b []byte
		switch v := texts.Draw(t, "text").(type) {
		case string:
			b = []byte(v)
			if n := rapid.IntRange(0, len(b)).Draw(t, "cut"); len(b) > 0 && rapid.Bool().Draw(t, "damaged") {
				b = append(b[:n:n], b[min(n+1, len(b)):]...)
			}
		case []byte:
			b = v
		}
		if got := validText(b); got != utf8.Valid(b) {
			t.Errorf("%x: %v", b, got)
		}
	})
}

// Whatever bytes come, Walk ends; what it lets through, the library decodes, and encoded again it
// is the same record.
func FuzzWalkSubject(f *testing.F) {
	payload := encodedPayLine(f)[frameBytes:]
	for i, s := range Subjects() {
		if s.Name == "finance.pay_line" {
			f.Add(uint8(i), payload)
		}
		f.Add(uint8(i), payload[:20])
	}
	walkers := make([]*Walker, len(Subjects()))
	for i, s := range Subjects() {
		walkers[i] = walkerOf(f, s.Avro)
	}
	f.Fuzz(func(t *testing.T, which uint8, data []byte) {
		i := int(which) % len(walkers)
		s, w := Subjects()[i], walkers[i]
		record, again := s.New(), s.New()
		if err := Decode(frame(data), w, record); err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Fatalf("walked but not decoded: %v", err)
			}
			return
		}
		encoder := NewEncoder(s)
		first, err := encoder.Append(nil, 1, record)
		if err != nil {
			t.Fatal(err)
		}
		if err := Decode(first, w, again); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(record, again); diff != "" {
			t.Fatal(diff)
		}
		second, err := encoder.Append(nil, 1, again)
		if err != nil || string(second) != string(first) {
			t.Fatalf("%x became %x, %v", first, second, err)
		}
	})
}

// The same for schemas of all kinds.
func FuzzWalkSchema(f *testing.F) {
	walkers, data := javaVectors(f)
	var names []string
	for _, row := range data {
		f.Add(len(names), unhex(f, row[2]))
		names = append(names, row[1])
	}
	f.Fuzz(func(t *testing.T, which int, data []byte) {
		w := walkers[names[uint(which)%uint(len(names))]]
		var v any
		if err := Decode(frame(data), w, &v); err != nil && !errors.Is(err, ErrMalformed) {
			t.Fatalf("walked but not decoded: %v", err)
		}
	})
}

func frame(data []byte) []byte { return append([]byte{0, 0, 0, 0, 1}, data...) }

func parse(tb testing.TB, schema string) avro.Schema {
	tb.Helper()
	s, err := avro.ParseWithCache(schema, "", &avro.SchemaCache{})
	if err != nil {
		tb.Fatalf("%s: %v", schema, err)
	}
	return s
}

func unhex(tb testing.TB, s string) []byte {
	tb.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func readJSON(tb testing.TB, name string, v any) {
	tb.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		tb.Fatal(err)
	}
	if err := json.Unmarshal(b, v); err != nil {
		tb.Fatal(err)
	}
}

func BenchmarkWalkPayLine(b *testing.B) {
	walker := walkerOf(b, SubjectOf("finance.pay_line").Avro)
	payload := encodedPayLine(b)[frameBytes:]
	fields := make([]Field, 13)
	b.ReportAllocs()
	b.SetBytes(int64(len(payload)))
	for b.Loop() {
		if err := walker.Walk(payload, fields); err != nil {
			b.Fatal(err)
		}
	}
}
