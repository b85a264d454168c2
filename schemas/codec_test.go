package schemas

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/hamba/avro/v2"
	"pgregory.net/rapid"
)

func TestWhatIsEncodedIsDecoded(t *testing.T) {
	for _, s := range Subjects() {
		t.Run(s.Name, func(t *testing.T) {
			encoder, walker := NewEncoder(s), walkerOf(t, s.Avro)
			got := s.New()
			rapid.Check(t, func(t *rapid.T) {
				want := drawRecord(t, s)
				framed, err := encoder.Append([]byte("before"), 0x01020304, want)
				if err != nil {
					t.Fatal(err)
				}
				if before := string(framed[:6]); before != "before" {
					t.Fatalf("Append overwrote what stood before: %q", before)
				}
				framed = framed[6:]
				if id, _, err := SplitFrame(framed); err != nil || id != 0x01020304 {
					t.Fatalf("frame of id %x, %v", id, err)
				}
				// got still holds the record before; nothing of it may shine through.
				if err := Decode(framed, walker, got); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
					t.Fatal(diff)
				}
			})
		})
	}
}

// drawRecord fills a record of the subject with anything that its schema allows.
func drawRecord(t *rapid.T, s *Subject) any {
	record := s.New()
	v := reflect.ValueOf(record).Elem()
	for i, f := range s.Fields {
		drawValue(t, v.Field(i), f.Name, f.Symbols)
	}
	return record
}

func drawValue(t *rapid.T, v reflect.Value, name string, symbols []string) {
	switch v.Kind() {
	case reflect.Pointer:
		if rapid.Bool().Draw(t, name+" there") {
			v.Set(reflect.New(v.Type().Elem()))
			drawValue(t, v.Elem(), name, symbols)
		}
	case reflect.String:
		if len(symbols) > 0 {
			v.SetString(rapid.SampledFrom(symbols).Draw(t, name))
			return
		}
		v.SetString(rapid.String().Draw(t, name))
	case reflect.Bool:
		v.SetBool(rapid.Bool().Draw(t, name))
	case reflect.Int32:
		v.SetInt(int64(rapid.Int32().Draw(t, name)))
	case reflect.Int64:
		v.SetInt(rapid.Int64().Draw(t, name))
	case reflect.Struct:
		for i := range v.NumField() {
			drawValue(t, v.Field(i), v.Type().Field(i).Name, nil)
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			v.SetBytes(rapid.SliceOf(rapid.Byte()).Draw(t, name))
			return
		}
		n := rapid.IntRange(0, 5).Draw(t, name)
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			drawValue(t, v.Index(i), name, nil)
		}
	default:
		t.Fatalf("field %s is a %s", name, v.Kind())
	}
}

func TestEncodeRefuses(t *testing.T) {
	wrongSet := FundChannel("NONE")
	tests := []struct {
		name   string
		record any
		want   string
	}{
		{"text that is not UTF-8", &PayLine{Name: "\xff", Class: ClassRegular, WageType: WageBasic}, "field name"},
		{"a symbol not of the set", &PayLine{Class: ClassRegular, WageType: "TIP"}, "unknown enum symbol"},
		{"an optional symbol not of the set", &PayLine{Class: ClassRegular, WageType: WageBasic, FundChannel: &wrongSet}, "unknown enum symbol"},
		{"a cell that is not UTF-8", &PayLine{Class: ClassRegular, WageType: WageBasic, Rest: []Cell{{Column: "a", Text: "\xe4\xbd"}}}, "field rest"},
		{"a record of another subject", &Slot{}, "got *schemas.Slot"},
		{"a struct by value", PayLine{}, "got schemas.PayLine"},
		{"nil", nil, "got <nil>"},
		{"a nil record", (*PayLine)(nil), "nil pointer"},
	}
	encoder := NewEncoder(SubjectOf("finance.pay_line"))
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b, err := encoder.Append([]byte("before"), 1, test.record)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %q", err, test.want)
			}
			if string(b) != "before" {
				t.Errorf("left %q", b)
			}
			// An error leaves no trace in the encoder.
			if _, err := encoder.Append(nil, 1, samplePayLine()); err != nil {
				t.Errorf("afterwards: %v", err)
			}
		})
	}
}

func TestDecodeRefuses(t *testing.T) {
	walker := walkerOf(t, SubjectOf("finance.pay_line").Avro)
	framed := encodedPayLine(t)
	for _, bad := range [][]byte{nil, framed[:4], append([]byte{1}, framed[1:]...), framed[:len(framed)-1], append(framed[:len(framed):len(framed)], 0)} {
		if err := Decode(bad, walker, new(PayLine)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%d bytes: %v", len(bad), err)
		}
	}
	for _, target := range []any{nil, PayLine{}, (*PayLine)(nil)} {
		if err := Decode(framed, walker, target); err == nil {
			t.Errorf("decoded into a %T", target)
		}
	}
}

// Part of a record is decoded into a struct that names only that part.
func TestDecodePart(t *testing.T) {
	var part struct {
		Unit UnitCode `avro:"unit"`
		Name string   `avro:"name"`
	}
	if err := Decode(encodedPayLine(t), walkerOf(t, SubjectOf("finance.pay_line").Avro), &part); err != nil {
		t.Fatal(err)
	}
	if want := samplePayLine(); part.Unit != want.Unit || part.Name != want.Name {
		t.Errorf("got %+v", part)
	}
}

// A misfit keeps a row that is longer than the library's own limit on bytes.
func TestLongMisfit(t *testing.T) {
	s := SubjectOf("hub.misfit")
	want := &Misfit{Reason: ReasonTooLong, Raw: make([]byte, 3<<20), Digest: []byte{}}
	framed, err := NewEncoder(s).Append(nil, 1, want)
	if err != nil {
		t.Fatal(err)
	}
	got := new(Misfit)
	if err := Decode(framed, walkerOf(t, s.Avro), got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func samplePayLine() *PayLine {
	channel, paidOn, unitName := FundFull, Date(20700), "松原区住房保障办公室（14）"
	return &PayLine{
		Person: "139752197702118999", Unit: "11139723QA0000145B", Period: 202609, Class: ClassRegular,
		AmountFen: 269600, Name: "徐堃军", WageType: WageBasic, FundChannel: &channel, PaymentMonth: 202609,
		PaidOn: &paidOn, UnitName: &unitName, IDNumber: "139752197702118999",
	}
}

func encodedPayLine(tb testing.TB) []byte {
	tb.Helper()
	framed, err := NewEncoder(SubjectOf("finance.pay_line")).Append(nil, 7, samplePayLine())
	if err != nil {
		tb.Fatal(err)
	}
	return framed
}

func walkerOf(tb testing.TB, schema avro.Schema) *Walker {
	tb.Helper()
	w, err := NewWalker(schema)
	if err != nil {
		tb.Fatal(err)
	}
	return w
}

func TestEncodeAndWalkAllocateNothing(t *testing.T) {
	encoder, line := NewEncoder(SubjectOf("finance.pay_line")), samplePayLine()
	framed := encodedPayLine(t)
	if n := testing.AllocsPerRun(100, func() {
		if _, err := encoder.Append(framed[:0], 7, line); err != nil {
			t.Fatal(err)
		}
	}); n > 1 {
		t.Errorf("Append allocates %v times", n)
	}
	walker := walkerOf(t, SubjectOf("finance.pay_line").Avro)
	fields := make([]Field, 13)
	if n := testing.AllocsPerRun(100, func() {
		if err := walker.Walk(framed[frameBytes:], fields); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("Walk allocates %v times", n)
	}
}

func BenchmarkEncodePayLine(b *testing.B) {
	encoder, line := NewEncoder(SubjectOf("finance.pay_line")), samplePayLine()
	buf := make([]byte, 0, 1024)
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if buf, err = encoder.Append(buf[:0], 7, line); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodePayLine(b *testing.B) {
	walker, framed := walkerOf(b, SubjectOf("finance.pay_line").Avro), encodedPayLine(b)
	var line PayLine
	b.ReportAllocs()
	for b.Loop() {
		if err := Decode(framed, walker, &line); err != nil {
			b.Fatal(err)
		}
	}
}

// What the library alone takes to decode, without the checks of the walk.
func BenchmarkUnmarshalPayLine(b *testing.B) {
	schema, payload := SubjectOf("finance.pay_line").Avro, encodedPayLine(b)[frameBytes:]
	api := newAPI()
	var line PayLine
	b.ReportAllocs()
	b.SetBytes(int64(len(payload)))
	for b.Loop() {
		if err := api.Unmarshal(schema, payload, &line); err != nil {
			b.Fatal(err)
		}
	}
}
