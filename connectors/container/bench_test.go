package container_test

import (
	"bytes"
	"fmt"
	"io"
	"testing"

	"github.com/hamba/avro/v2"

	"hebian/connectors/container"
	"hebian/connectors/text"
)

// payLine is ten columns as a payroll has them.
type payLine struct {
	IDNumber string  `avro:"id_number"`
	Name     string  `avro:"name"`
	USCC     string  `avro:"uscc"`
	Unit     string  `avro:"unit"`
	Month    int     `avro:"month"`
	Paid     int     `avro:"paid"` // days since 1970
	Item     string  `avro:"kind"`
	Amount   []byte  `avro:"amount"`
	Fund     *string `avro:"fund"`
	Changed  int64   `avro:"changed"`
}

// payLineSchema has the logical types, payLinePlain the same bytes without them: hamba makes a *big.Rat and a time.Time of the former.
const (
	payLineSchema = `{"type": "record", "name": "PayLine", "fields": [
		{"name": "id_number", "type": "string"}, {"name": "name", "type": "string"}, {"name": "uscc", "type": "string"},
		{"name": "unit", "type": "string"}, {"name": "month", "type": "int"}, {"name": "paid", "type": {"type": "int", "logicalType": "date"}},
		{"name": "kind", "type": {"type": "enum", "name": "Kind", "symbols": ["basic", "post", "other"]}},
		{"name": "amount", "type": {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2}},
		{"name": "fund", "type": ["null", "string"]}, {"name": "changed", "type": {"type": "long", "logicalType": "timestamp-millis"}}]}`
	payLinePlain = `{"type": "record", "name": "PayLine", "fields": [
		{"name": "id_number", "type": "string"}, {"name": "name", "type": "string"}, {"name": "uscc", "type": "string"},
		{"name": "unit", "type": "string"}, {"name": "month", "type": "int"}, {"name": "paid", "type": "int"},
		{"name": "kind", "type": {"type": "enum", "name": "Kind", "symbols": ["basic", "post", "other"]}},
		{"name": "amount", "type": "bytes"}, {"name": "fund", "type": ["null", "string"]}, {"name": "changed", "type": "long"}]}`
)

const benchRows = 100_000

var benchLine = datum("139721199001010001", "张三喜", "12139721MA00000001", "某某县第一中学", 202609, 20711, 0, "\x08\x49\x01", 1, "财政全额", 1790843400000)

func payLines(b *testing.B, schema, codec string) []byte {
	parsed, err := avro.ParseWithCache(payLinePlain, "", &avro.SchemaCache{})
	if err != nil {
		b.Fatal(err)
	}
	var file bytes.Buffer
	w, err := container.NewWriter(&file, schema, codec)
	if err != nil {
		b.Fatal(err)
	}
	fund := "财政全额"
	for n := range benchRows {
		datum, err := avro.Marshal(parsed, payLine{
			fmt.Sprintf("13972119900101%04d", n%10000), "张三喜", fmt.Sprintf("12139721MA%08d", n), "某某县第一中学", 202609, 20711, "basic",
			[]byte{0x08, 0x49, byte(n)}, &fund, 1790843400000 + int64(n)*1000})
		if err != nil {
			b.Fatal(err)
		}
		if err := w.Append(datum); err != nil {
			b.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	return file.Bytes()
}

func perRow(b *testing.B) {
	b.ReportMetric(float64(b.N)*benchRows/b.Elapsed().Seconds(), "rows/s")
}

func BenchmarkRead(b *testing.B) {
	for _, codec := range []string{"null", "deflate", "snappy", "zstandard"} {
		b.Run(codec, func(b *testing.B) {
			file := payLines(b, payLineSchema, codec)
			b.SetBytes(int64(len(file)))
			b.ReportAllocs()
			var block text.Block
			for b.Loop() {
				r, err := container.Open(bytes.NewReader(file), int64(len(file)), container.Options{})
				if err != nil {
					b.Fatal(err)
				}
				rows := 0
				for {
					if err := r.Next(&block); err == io.EOF {
						break
					} else if err != nil {
						b.Fatal(err)
					}
					rows += len(block.Records)
				}
				if r.Close(); rows != benchRows+1 {
					b.Fatal(rows)
				}
			}
			perRow(b)
		})
	}
}

// BenchmarkHamba decodes the same records by the library, without making CSV of them and without the container around them.
func BenchmarkHamba(b *testing.B) {
	run := func(name, text string, decode func(schema avro.Schema, d []byte) error) {
		b.Run(name, func(b *testing.B) {
			schema, err := avro.ParseWithCache(text, "", &avro.SchemaCache{})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if err := decode(schema, benchLine); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
	run("map", payLineSchema, func(s avro.Schema, d []byte) error { var v map[string]any; return avro.Unmarshal(s, d, &v) })
	run("struct", payLinePlain, func(s avro.Schema, d []byte) error { var v payLine; return avro.Unmarshal(s, d, &v) })
}

// BenchmarkRow is a message of a topic, checked and made a row.
func BenchmarkRow(b *testing.B) {
	schema, err := container.ParseSchema([]byte(payLineSchema))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	var row []byte
	for b.Loop() {
		var misfit *text.Misfit
		if row, misfit, err = schema.Row(row[:0], benchLine); err != nil || misfit != nil {
			b.Fatal(misfit, err)
		}
	}
}

func BenchmarkWrite(b *testing.B) {
	for _, codec := range []string{"null", "deflate", "snappy", "zstandard"} {
		b.Run(codec, func(b *testing.B) {
			w, err := container.NewWriter(io.Discard, payLineSchema, codec)
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(benchLine)))
			for b.Loop() {
				if err := w.Append(benchLine); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
