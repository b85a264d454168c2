package schemas

import (
	"testing"

	"github.com/hamba/avro/v2"
)

func samplePayLine() *PayLine {
	channel, paidOn, unitName := FundFull, Date(20700), "松原区住房保障办公室（14）"
	return &PayLine{
		Person: "139752197702118999", Unit: "11139723QA0000145B", Period: 202609, Class: ClassRegular, AmountFen: 269600,
		Name: "徐堃军", WageType: WageBasic, FundChannel: &channel, PaymentMonth: 202609, PaidOn: &paidOn, UnitName: &unitName,
		IDNumber: "139752197702118999",
	}
}

func encoded(tb testing.TB, v any, subject string) []byte {
	b, err := NewEncoder(SubjectOf(subject)).Append(nil, 7, v)
	if err != nil {
		tb.Fatal(err)
	}
	return b
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

func BenchmarkWalkPayLine(b *testing.B) {
	subject := SubjectOf("finance.pay_line")
	walker, err := NewWalker(subject.Avro)
	if err != nil {
		b.Fatal(err)
	}
	_, payload, _ := SplitFrame(encoded(b, samplePayLine(), subject.Name))
	fields := make([]Field, len(subject.Fields))
	b.ReportAllocs()
	b.SetBytes(int64(len(payload)))
	for b.Loop() {
		if err := walker.Walk(payload, fields); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkHambaUnmarshalPayLine(b *testing.B) {
	subject := SubjectOf("finance.pay_line")
	_, payload, _ := SplitFrame(encoded(b, samplePayLine(), subject.Name))
	api := avro.Config{}.Freeze()
	var line PayLine
	b.ReportAllocs()
	b.SetBytes(int64(len(payload)))
	for b.Loop() {
		if err := api.Unmarshal(subject.Avro, payload, &line); err != nil {
			b.Fatal(err)
		}
	}
}
