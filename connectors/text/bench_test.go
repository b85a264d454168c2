package text_test

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"

	"golang.org/x/text/encoding/simplifiedchinese"

	"hebian/connectors/text"
)

const (
	payLine = "12139721MA%08d,某某县第一中学,张三喜,13972119900101%04d,202609,2026-09-15,基本工资,5432.10,财政全额\r\n"
	event   = `{"id_number": "13972119900101%04d", "name": "买买提·吐尔逊", "uscc": "12139721MA%08d", "event": "retire", "effective": "2026-01-01", "detail": null}` + "\n"
)

func payroll(b *testing.B, format string, enc text.Encoding) []byte {
	var file bytes.Buffer
	for n := 0; file.Len() < 16<<20; n++ {
		fmt.Fprintf(&file, format, n, n%10000)
	}
	if enc == text.UTF8 {
		return file.Bytes()
	}
	encoded, err := simplifiedchinese.GB18030.NewEncoder().Bytes(file.Bytes())
	if err != nil {
		b.Fatal(err)
	}
	return encoded
}

func BenchmarkSplit(b *testing.B) {
	quoted := `12139721MA%08d,"某某县第一中学",张三喜,13972119900101%04d,202609,2026-09-15,基本工资,"5,432.10",财政全额` + "\r\n"
	for _, c := range []struct {
		name     string
		file     []byte
		splitter func(io.ReaderAt, text.Encoding) *text.Splitter
	}{
		{"plain", payroll(b, payLine, text.GB18030), text.NewCSV},
		{"quoted", payroll(b, quoted, text.GB18030), text.NewCSV},
		{"lines", payroll(b, payLine, text.UTF8), text.NewLines},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(c.file)))
			var block text.Block
			for b.Loop() {
				for s := c.splitter(bytes.NewReader(c.file), text.GB18030); ; {
					if err := s.Next(&block); err == io.EOF {
						break
					} else if err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}

// records gives the records of a file, as one block of many.
func records(b *testing.B, format string, enc text.Encoding) (all [][]byte, size int64) {
	for line := range bytes.Lines(payroll(b, format, enc)) {
		line = bytes.TrimRight(line, "\r\n")
		if all, size = append(all, line), size+int64(len(line)); len(all) == 2000 {
			break
		}
	}
	return all, size
}

func BenchmarkDecode(b *testing.B) {
	for _, enc := range []text.Encoding{text.GB18030, text.UTF8} {
		b.Run(enc.String(), func(b *testing.B) {
			rows, size := records(b, payLine, enc)
			decoder := text.NewDecoder(enc)
			b.SetBytes(size)
			for b.Loop() {
				for _, raw := range rows {
					if _, flaw := decoder.Decode(raw); flaw != nil {
						b.Fatal(flaw)
					}
				}
			}
		})
	}
}

func BenchmarkSplitFields(b *testing.B) {
	rows, size := records(b, payLine, text.UTF8)
	var plain []string
	for _, raw := range rows {
		plain = append(plain, string(raw))
	}
	var fields []string
	b.SetBytes(size)
	for b.Loop() {
		for _, row := range plain {
			fields, _ = text.SplitFields(row, fields[:0])
		}
	}
	if len(fields) != 9 {
		b.Fatal(fields)
	}
}

func BenchmarkObject(b *testing.B) {
	rows, size := records(b, event, text.UTF8)
	var plain []string
	for _, raw := range rows {
		plain = append(plain, string(raw))
	}
	o := text.NewObject("id_number", "name", "uscc", "event", "effective", "detail")
	b.SetBytes(size)
	for b.Loop() {
		for _, row := range plain {
			if flaw := o.Read(row); flaw != nil {
				b.Fatal(flaw)
			}
		}
	}
}

func BenchmarkArray(b *testing.B) {
	lines := func(enc text.Encoding) []byte {
		file := bytes.ReplaceAll(payroll(b, event, enc), []byte("}\n"), []byte("},\n"))
		return append(append([]byte("[\n"), file...), "{}]\n"...)
	}
	indented := strings.NewReplacer("{", "  {\n    ", ", ", ",\n    ", "}", "\n  }").Replace(strings.TrimSuffix(event, "\n")) + ",\n"
	for _, c := range []struct {
		name string
		enc  text.Encoding
		file []byte
	}{
		{"UTF-8", text.UTF8, lines(text.UTF8)},
		{"GB18030", text.GB18030, lines(text.GB18030)},
		{"indented", text.UTF8, append(append([]byte("[\n"), payroll(b, indented, text.UTF8)...), "{}]\n"...)},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(c.file)))
			var block text.Block
			for b.Loop() {
				for a := text.NewArray(bytes.NewReader(c.file), c.enc); ; {
					if err := a.Next(&block); err == io.EOF {
						break
					} else if err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}

func BenchmarkDetect(b *testing.B) {
	for _, c := range []struct {
		name string
		file []byte
	}{
		{"pay lines", payroll(b, payLine, text.UTF8)},
		{"events", payroll(b, event, text.UTF8)},
		{"names", bytes.Repeat([]byte("买买提·吐尔逊,欧阳明月,张三喜\n"), 400000)},
		{"ASCII", bytes.Repeat([]byte("12139721MA00000001,202609,2026-09-15,5432.10\n"), 400000)},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(c.file)))
			for b.Loop() {
				if _, err := text.Detect(bytes.NewReader(c.file), int64(len(c.file))); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkWriter(b *testing.B) {
	rows, size := records(b, payLine, text.UTF8)
	var table [][]string
	for _, raw := range rows {
		table = append(table, strings.Split(string(raw), ","))
	}
	for _, enc := range []text.Encoding{text.GB18030, text.UTF8} {
		b.Run(enc.String(), func(b *testing.B) {
			b.SetBytes(size)
			w := text.NewWriter(io.Discard, enc, true)
			for b.Loop() {
				for _, row := range table {
					if err := w.Row(row...); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}
