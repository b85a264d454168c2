package sheet_test

import (
	"bytes"
	"fmt"
	"io"
	"sync"
	"testing"

	"github.com/xuri/excelize/v2"

	"hebian/connectors/sheet"
	"hebian/connectors/text"
)

const benchRows = 30_000

// payroll is a workbook of 30,000 rows with 12 columns, as a spreadsheet program writes it: texts
// shared, amounts as numbers, the day as one.
var payroll = sync.OnceValue(func() []byte {
	var file bytes.Buffer
	f := excelize.NewFile()
	defer f.Close()
	day := 14
	style, err := f.NewStyle(&excelize.Style{NumFmt: day})
	if err != nil {
		panic(err)
	}
	for n := range benchRows {
		cells := []any{
			fmt.Sprintf("12139721MA%08d", n%400), "某某县第一中学", fmt.Sprintf("张三%d", n), fmt.Sprintf("13972119900101%04d", n%10000), "202609",
			excelize.Cell{StyleID: style, Value: 46280 + n%30}, "基本工资", 5432.1 + float64(n%1000)/100, 120.5, 0, 88, "财政全额",
		}
		if n == 0 {
			cells = []any{"统一社会信用代码", "单位名称", "姓名", "证件号码", "发放月份", "发放日期", "工资项目", "应发", "扣款", "补发", "绩效", "资金渠道"}
		}
		for i, cell := range cells {
			ref, err := excelize.CoordinatesToCellName(i+1, n+1)
			if err != nil {
				panic(err)
			}
			if styled, ok := cell.(excelize.Cell); ok {
				cell = styled.Value
				if err := f.SetCellStyle("Sheet1", ref, ref, styled.StyleID); err != nil {
					panic(err)
				}
			}
			if err := f.SetCellValue("Sheet1", ref, cell); err != nil {
				panic(err)
			}
		}
	}
	if err := f.Write(&file); err != nil {
		panic(err)
	}
	return file.Bytes()
})

// inline is the same workbook with its texts in the cells.
func inline(b *testing.B) []byte {
	rows, err := read(b, payroll(), sheet.Options{})
	if err != nil {
		b.Fatal(err)
	}
	var file bytes.Buffer
	var w *sheet.Writer
	for i, r := range rows {
		cells, _ := text.SplitFields(r.Raw, nil)
		if i == 0 {
			w, err = sheet.NewWriter(&file, cells)
		} else {
			err = w.Row(cells...)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	return file.Bytes()
}

func BenchmarkRead(b *testing.B) {
	for _, c := range []struct {
		name string
		file []byte
	}{{"shared", payroll()}, {"inline", inline(b)}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				readAll(b, c.file)
			}
			b.ReportMetric(float64(benchRows*b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

func readAll(b *testing.B, file []byte) {
	r, err := sheet.Open(bytes.NewReader(file), int64(len(file)), sheet.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	rows := 0
	for block := new(text.Block); ; rows += len(block.Records) {
		if err := r.Next(block); err == io.EOF {
			break
		} else if err != nil {
			b.Fatal(err)
		}
	}
	if rows != benchRows {
		b.Fatalf("%d rows", rows)
	}
}

// BenchmarkExcelize reads the same sheet with the library that others use, row by row as it does best.
func BenchmarkExcelize(b *testing.B) {
	file := payroll()
	b.ReportAllocs()
	for b.Loop() {
		f, err := excelize.OpenReader(bytes.NewReader(file), excelize.Options{RawCellValue: true})
		if err != nil {
			b.Fatal(err)
		}
		rows, err := f.Rows("Sheet1")
		if err != nil {
			b.Fatal(err)
		}
		n := 0
		for ; rows.Next(); n++ {
			if _, err := rows.Columns(); err != nil {
				b.Fatal(err)
			}
		}
		if n != benchRows {
			b.Fatalf("%d rows", n)
		}
		rows.Close()
		f.Close()
	}
	b.ReportMetric(float64(benchRows*b.N)/b.Elapsed().Seconds(), "rows/s")
}

func BenchmarkWrite(b *testing.B) {
	header := []string{"统一社会信用代码", "姓名", "证件号码", "发放月份", "应发", "行号", "原因"}
	b.ReportAllocs()
	for b.Loop() {
		w, err := sheet.NewWriter(io.Discard, header)
		if err != nil {
			b.Fatal(err)
		}
		for range benchRows {
			if err := w.Row("12139721MA00000001", "张三", "139721199001011234", "202609", "5432.1", "17", "UNREADABLE: want a day YYYY-MM-DD"); err != nil {
				b.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(benchRows*b.N)/b.Elapsed().Seconds(), "rows/s")
}
