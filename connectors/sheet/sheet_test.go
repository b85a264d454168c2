package sheet_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/xuri/excelize/v2"
	"pgregory.net/rapid"

	"hebian/connectors/sheet"
	"hebian/connectors/text"
	"hebian/schemas"
)

// row is a record as the tests write it.
type row struct {
	Line   int64
	Raw    string
	Reason schemas.Reason
	Column string
	Detail string
}

// read reads a workbook to its end and checks what holds of every record.
func read(t testing.TB, file []byte, o sheet.Options) ([]row, error) {
	t.Helper()
	r, err := sheet.Open(bytes.NewReader(file), int64(len(file)), o)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var all []row
	var block text.Block
	offset, line := r.Offset(), int64(0)
	for {
		err := r.Next(&block)
		if now := r.Offset(); now < offset || now > int64(len(file)) {
			t.Errorf("offset %d behind %d", now, offset)
		} else {
			offset = now
		}
		if err == io.EOF {
			return all, nil
		}
		if err != nil {
			return all, err
		}
		if len(block.Records) == 0 {
			t.Fatal("a block without records and without io.EOF")
		}
		for _, record := range block.Records {
			if record.Line <= line {
				t.Errorf("line %d behind %d", record.Line, line)
			}
			line = record.Line
			one := row{Line: record.Line, Raw: string(record.Raw)}
			if m := record.Misfit; m != nil {
				one.Reason, one.Column, one.Detail = m.Reason, m.Column, m.Detail
				if m.Digest == nil && m.Length != int64(len(record.Raw)) {
					t.Errorf("line %d: length %d of %d raw bytes without a digest", record.Line, m.Length, len(record.Raw))
				}
			}
			all = append(all, one)
		}
	}
}

// head is the header that most tests have, of three columns.
const head = `<row r="1"><c r="A1" t="str"><v>甲</v></c><c r="B1" t="str"><v>乙</v></c><c r="C1" t="str"><v>丙</v></c></row>`

func TestCells(t *testing.T) {
	const unreadable = schemas.ReasonUnreadable
	lost := "a number of 16 digits or more has lost its last digits in the workbook; format the column as text and enter it again"
	for _, c := range []struct {
		name string
		row  string // the cells of row 2
		want row
	}{
		{"a shared text", `<c r="A2" t="s"><v>1</v></c>`, row{Raw: "张三,,"}},
		{"a shared text in several fonts, and how it is read", `<c r="A2" t="s"><v>2</v></c>`, row{Raw: "买买提 ·吐尔逊,,"}},
		{"rare characters", `<c r="C2" t="s"><v>4</v></c>`, row{Raw: ",,䶮㛃𬀩𠮷"}},
		{"an empty shared text", `<c r="A2" t="s"><v>3</v></c><c r="B2"><v>1</v></c>`, row{Raw: ",1,"}},
		{"a text in the cell", `<c r="B2" t="inlineStr"><is><t>张三</t></is></c>`, row{Raw: ",张三,"}},
		{"a text in the cell in several fonts", `<c r="B2" t="inlineStr"><is><r><t>张</t></r><r><rPr/><t>三</t></r><rPh><t>no</t></rPh></is></c>`, row{Raw: ",张三,"}},
		{"a text that a formula gave", `<c r="A2" t="str"><f>B2&amp;C2</f><v>a,b</v></c>`, row{Raw: `"a,b",,`}},
		{"a number that a formula gave", `<c r="A2"><f t="shared" si="0"/><v>5432.1000000000004</v></c>`, row{Raw: "5432.1,,"}},
		{"an empty text that a formula gave", `<c r="A2" t="str"><f>""</f><v></v></c><c r="B2"><v>1</v></c>`, row{Raw: ",1,"}},
		{"a formula that was never calculated", `<c r="A2"><f>B2</f></c>`,
			row{Raw: "=,,", Reason: unreadable, Column: "甲", Detail: "cell A2: its formula has no stored value; open the workbook, calculate it and save it"}},
		{"a formula with an empty number", `<c r="A2"><f>B2</f><v></v></c>`,
			row{Raw: "=,,", Reason: unreadable, Column: "甲", Detail: "cell A2: its formula has no stored value; open the workbook, calculate it and save it"}},
		{"true and false", `<c r="A2" t="b"><v>1</v></c><c r="B2" t="b"><v>0</v></c>`, row{Raw: "TRUE,FALSE,"}},
		{"a boolean that is none", `<c r="A2" t="b"><v>2</v></c>`,
			row{Raw: "2,,", Reason: unreadable, Column: "甲", Detail: "cell A2: it should hold TRUE or FALSE and does not"}},
		{"an error", `<c r="A2"><v>1</v></c><c r="B2" t="e"><v>#N/A</v></c>`,
			row{Raw: "1,#N/A,", Reason: unreadable, Column: "乙", Detail: "cell B2: it holds the error #N/A"}},
		{"an error that may be anything", `<c r="B2" t="e"><v>张三</v></c>`, row{Raw: ",张三,", Reason: unreadable, Column: "乙", Detail: "cell B2: it holds an error"}},
		{"an identity number as a number", `<c r="B2" s="6"><v>5.10104199001011E+17</v></c>`,
			row{Raw: ",5.10104199001011E+17,", Reason: unreadable, Column: "乙", Detail: "cell B2: " + lost}},
		{"an identity number as a number with all digits", `<c r="B2"><v>510104199001011234</v></c>`,
			row{Raw: ",510104199001011234,", Reason: unreadable, Column: "乙", Detail: "cell B2: " + lost}},
		{"the first of two faults counts", `<c r="A2" t="e"><v>#REF!</v></c><c r="B2"><v>510104199001011234</v></c>`,
			row{Raw: "#REF!,510104199001011234,", Reason: unreadable, Column: "甲", Detail: "cell A2: it holds the error #REF!"}},
		{"a number that is none", `<c r="A2"><v>0x12</v></c>`,
			row{Raw: "0x12,,", Reason: unreadable, Column: "甲", Detail: "cell A2: it should hold a number and does not"}},
		{"a day", `<c r="A2" s="1"><v>46296</v></c>`, row{Raw: "2026-10-01,,"}},
		{"a day by a format of its own", `<c r="A2" s="2"><v>46296</v></c>`, row{Raw: "2026-10-01,,"}},
		{"a day and a time", `<c r="A2" s="3"><v>46296.354166666664</v></c>`, row{Raw: "2026-10-01 08:30:00,,"}},
		{"midnight", `<c r="A2" s="3"><v>46296</v></c>`, row{Raw: "2026-10-01,,"}},
		{"a time", `<c r="A2" s="4"><v>0.35416666666666669</v></c>`, row{Raw: "08:30:00,,"}},
		{"hours beyond a day", `<c r="A2" s="5"><v>1.0625</v></c>`, row{Raw: "25:30:00,,"}},
		{"the day that never was", `<c r="A2" s="1"><v>60</v></c>`,
			row{Raw: "60,,", Reason: unreadable, Column: "甲", Detail: "cell A2: the number is formatted as a day and is none"}},
		{"a format that other cells give to differences", `<c r="A2" s="6"><v>1234.50</v></c>`, row{Raw: "1234.5,,"}},
		{"a style that there is not", `<c r="A2" s="7"><v>1</v></c>`,
			row{Raw: "1,,", Reason: unreadable, Column: "甲", Detail: "cell A2: it has a format that the workbook does not have"}},
		{"a day as text", `<c r="A2" t="d" s="1"><v>2026-10-01</v></c>`, row{Raw: "2026-10-01,,"}},
		{"commas, quotes and line ends", `<c r="A2" t="str"><v>a,"b"` + "\r\n" + `c</v></c><c r="B2" t="str"><v>x&#13;y</v></c>`, row{Raw: "\"a,\"\"b\"\"\nc\",\"x\ry\","}},
		{"references and CDATA", `<c r="A2" t="str"><v>&lt;&#x20BB7;<!-- no --><![CDATA[<&amp;]]>&apos;</v></c>`, row{Raw: "<𠮷<&amp;',,"}},
		{"escapes of the workbook", `<c r="A2" t="str"><v>a_x000A_b_x005F_x0041__xD842__xDFB7__xZZZZ__x41</v></c>`, row{Raw: "\"a\nb_x0041_𠮷_xZZZZ__x41\",,"}},
		{"half a character", `<c r="A2" t="str"><v>_xD842_</v></c>`, row{Raw: "\uFFFD,,"}},
		{"cells without a place", `<c><v>1</v></c><c t="str"><v>b</v></c>`, row{Raw: "1,b,"}},
		{"a cell without a place behind one with", `<c r="B2"><v>1</v></c><c><v>2</v></c>`, row{Raw: ",1,2"}},
		{"cells beyond the header", `<c r="A2"><v>1</v></c><c r="XFD2"><v>2</v></c>`,
			row{Raw: "1,,,2", Reason: schemas.ReasonFieldCount, Detail: "cell XFD2: it lies beyond the header"}},
		{"cells beyond the header without a value", `<c r="A2"><v>1</v></c><c r="E2" s="1"/><c r="F2" t="str"><v> </v></c>`, row{Raw: "1,,"}},
		{"what else a cell may have", `<c r="A2" s="0" cm="1" vm="1" ph="1" x:y="z"><extLst><ext><v>9</v></ext></extLst><v>1</v></c>`, row{Raw: "1,,"}},
		{"elements with prefixes", `<x:c r="A2" t='inlineStr' ><x:is ><x:t >a</x:t ></x:is></x:c >`, row{Raw: "a,,"}},
		{"bytes that are no UTF-8 are refused later", `<c r="A2" t="str"><v>` + "\xFF" + `</v></c>`, row{Raw: "\xFF,,"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := read(t, sheetOf(head+`<row r="2">`+c.row+`</row>`).file(t), sheet.Options{})
			c.want.Line = 2
			want := []row{{Line: 1, Raw: "甲,乙,丙"}, c.want}
			if diff := cmp.Diff(want, got); err != nil || diff != "" {
				t.Errorf("%v\n%s", err, diff)
			}
		})
	}
}

func TestRows(t *testing.T) {
	for _, c := range []struct {
		name string
		rows string
		want []row
	}{
		{"none", "", nil},
		{"none with a value", `<row r="1"/><row r="2"><c r="A2"/></row><row r="3"><c r="A3" t="str"><v> &#x3000;</v></c></row>`, nil},
		{"the first row with a value is the header", `<row r="1"/><row r="3"><c r="B3" t="str"><v>a</v></c></row><row r="4"><c r="A4"><v>1</v></c></row>`,
			[]row{{Line: 3, Raw: ",a"}, {Line: 4, Raw: "1,"}}},
		{"rows without a value are left out", head + `<row r="5"/><row r="7"><c r="C7"><v>1</v></c></row><row r="8"><c r="A8" t="str"><v></v></c></row>`,
			[]row{{Line: 1, Raw: "甲,乙,丙"}, {Line: 7, Raw: ",,1"}}},
		{"rows without a number", `<row><c t="str"><v>a</v></c></row><row/><row><c><v>1</v></c></row>`, []row{{Line: 1, Raw: "a"}, {Line: 3, Raw: "1"}}},
		{"rows and what else there may be", head + `<x><row r="9"/></x><row r="2"><x><c><v>1</v></c></x><c r="A2"><v>2</v></c></row>`,
			[]row{{Line: 1, Raw: "甲,乙,丙"}, {Line: 2, Raw: "2,,"}}},
		{"the last row of a sheet", head + `<row r="1048576"><c r="A1048576"><v>1</v></c></row>`, []row{{Line: 1, Raw: "甲,乙,丙"}, {Line: 1048576, Raw: "1,,"}}},
		{"a header without a value at its end", `<row r="1"><c r="A1" t="str"><v>a</v></c><c r="B1" t="str"><v> </v></c></row><row r="2"><c r="A2"><v>1</v></c></row>`,
			[]row{{Line: 1, Raw: "a"}, {Line: 2, Raw: "1"}}},
		{"a header of numbers and days", `<row r="1"><c r="A1"><v>2026</v></c><c r="B1" s="1"><v>46296</v></c></row>`, []row{{Line: 1, Raw: "2026,2026-10-01"}}},
		{"a header that can't be read", `<row r="1"><c r="A1" t="e"><v>#REF!</v></c></row>`,
			[]row{{Line: 1, Raw: "#REF!", Reason: schemas.ReasonUnreadable, Detail: "cell A1: it holds the error #REF!"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := read(t, sheetOf(c.rows).file(t), sheet.Options{})
			if diff := cmp.Diff(c.want, got); err != nil || diff != "" {
				t.Errorf("%v\n%s", err, diff)
			}
		})
	}
}

// A workbook of more than a block, read block by block.
func TestBlocks(t *testing.T) {
	var rows strings.Builder
	rows.WriteString(head)
	long := strings.Repeat("长", 1000)
	for n := 2; n <= 6000; n++ {
		value := "短"
		if n > 5000 {
			value = long
		}
		fmt.Fprintf(&rows, `<row r="%d"><c r="A%d" t="str"><v>%s</v></c></row>`, n, n, value)
	}
	got, err := read(t, sheetOf(rows.String()).file(t), sheet.Options{})
	if err != nil || len(got) != 6000 || got[2600].Raw != "短,," || got[5999].Raw != long+",," || got[5999].Line != 6000 {
		t.Errorf("%d rows, %v", len(got), err)
	}
}

// A row beyond the longest record is kept with its first bytes, its length and its digest.
func TestTooLong(t *testing.T) {
	value := strings.Repeat("长\"", 150_000)
	var cells strings.Builder
	for i := range 3 {
		fmt.Fprintf(&cells, `<c r="%c2" t="inlineStr"><is><t>%s</t></is></c>`, 'A'+i, value)
	}
	file := sheetOf(head + `<row r="2">` + cells.String() + `</row><row r="3"><c r="A3"><v>1</v></c></row>`).file(t)
	r, err := sheet.Open(bytes.NewReader(file), int64(len(file)), sheet.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var block text.Block
	if err := r.Next(&block); err != nil || len(block.Records) != 3 || string(block.Records[2].Raw) != "1,," {
		t.Fatalf("%d records, %v", len(block.Records), err)
	}
	quoted := `"` + strings.ReplaceAll(value, `"`, `""`) + `"`
	whole := quoted + "," + quoted + "," + quoted
	digest := sha256.Sum256([]byte(whole))
	got := block.Records[1]
	want := &text.Misfit{Reason: schemas.ReasonTooLong, Detail: got.Misfit.Detail, Length: int64(len(whole)), Digest: digest[:]}
	if diff := cmp.Diff(want, got.Misfit); diff != "" || got.Line != 2 || string(got.Raw) != whole[:text.HeadBytes] {
		t.Errorf("line %d, %d bytes\n%s", got.Line, len(got.Raw), diff)
	}
}

// TestOpenpyxl reads workbooks that another program has made (testdata/make.py).
func TestOpenpyxl(t *testing.T) {
	days := []row{
		{Line: 1, Raw: "格式,值"},
		{Line: 2, Raw: "yyyy-mm-dd,2026-10-01"},
		{Line: 3, Raw: `"yyyy""年""m""月""d""日""",2026-10-01`},
		{Line: 4, Raw: `"[$-804]yyyy""年""m""月""d""日"";@",2026-10-01`},
		{Line: 5, Raw: "[DBNum1][$-804]yyyy年m月d日,2026-10-01"},
		{Line: 6, Raw: "mm-dd-yy,2026-10-01"},
		{Line: 7, Raw: "yyyymm,2026-10-01"},
		{Line: 8, Raw: "yyyy-mm-dd hh:mm:ss,2026-10-01 08:30:00"},
		{Line: 9, Raw: "m/d/yy h:mm,2026-10-01 08:30:00"},
		{Line: 10, Raw: "yyyy-mm-dd hh:mm:ss,2026-10-01"},
		{Line: 11, Raw: "h:mm,08:30:00"},
		{Line: 12, Raw: `"上午/下午h""时""mm""分""",08:30:00`},
		{Line: 13, Raw: "[h]:mm:ss,25:30:00"},
		{Line: 14, Raw: "0.00,46296.5"},
		{Line: 15, Raw: "@,2026-10-01"},
	}
	const id, lost = "证件号码", "a number of 16 digits or more has lost its last digits in the workbook; format the column as text and enter it again"
	for name, want := range map[string][]row{
		"days1900.xlsx": days,
		"days1904.xlsx": days,
		"persons.xlsx": {
			{Line: 1, Raw: "证件号码,姓名,应发"},
			{Line: 2, Raw: "139721199001011234,张三,5432.1"},
			{Line: 3, Raw: "1.397211990010112e+17,李四,0.3", Reason: schemas.ReasonUnreadable, Column: id, Detail: "cell A3: " + lost},
			{Line: 4, Raw: "1.39721199001011e+17,王五,100", Reason: schemas.ReasonUnreadable, Column: id, Detail: "cell A4: " + lost},
			{Line: 5, Raw: "139721199001015678,䶮㛃𬀩𠮷,-0.5"},
			{Line: 6, Raw: "139721199001019012,买买提 · 吐尔逊,#N/A", Reason: schemas.ReasonUnreadable, Column: "应发", Detail: "cell C6: it holds the error #N/A"},
			{Line: 7, Raw: "139721199001013456,\"赵\n六,\"\"小\"\"\",=", Reason: schemas.ReasonUnreadable, Column: "应发",
				Detail: "cell C7: its formula has no stored value; open the workbook, calculate it and save it"},
			{Line: 9, Raw: ",TRUE,FALSE"},
			{Line: 10, Raw: "合计,,5532.4"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			file, err := os.ReadFile("testdata/" + name)
			if err != nil {
				t.Fatal(err)
			}
			got, err := read(t, file, sheet.Options{})
			if diff := cmp.Diff(want, got); err != nil || diff != "" {
				t.Errorf("%v\n%s", err, diff)
			}
		})
	}
}

// TestSheets finds sheets in a workbook of several, among them hidden ones and a chart.
func TestSheets(t *testing.T) {
	one := `<sheet name="工资" sheetId="1" r:id="rId1"/>`
	second := strings.Replace(sheetOf(``)["xl/worksheets/sheet1.xml"], "<sheetData>", `<sheetData><row><c t="str"><v>second</v></c></row>`, 1)
	several := func(sheets string) made {
		return sheetOf(head).with("xl/worksheets/sheet2.xml", "", second).with("xl/workbook.xml", one, sheets)
	}
	const first, chart = "甲,乙,丙", `<sheet name="图" sheetId="3" r:id="rId3"/>`
	hidden, veryHidden := strings.Replace(one, "r:id", `state="hidden" r:id`, 1), strings.Replace(one, "r:id", `state="veryHidden" r:id`, 1)
	two := `<sheet name="A&amp;B" sheetId="2" r:id="rId2"/>`
	for _, c := range []struct {
		name   string
		sheets string
		sheet  string
		want   string // the header, or within the error
	}{
		{"the only one", one, "", first},
		{"the only one, hidden", hidden, "", first},
		{"the first", one + two, "", first},
		{"the first that isn't a chart", chart + two + one, "", "second"},
		{"the first that isn't hidden", hidden + two, "", "second"},
		{"the first that isn't hidden well", veryHidden + two, "", "second"},
		{"all hidden", hidden + hidden, "", `all sheets of the workbook are hidden: "工资", "工资"`},
		{"by name", two + one, "工资", first},
		{"by name, hidden", two + hidden, "工资", first},
		{"by a name with a reference", one + two, "A&B", "second"},
		{"by a name that there is not", one + chart + two, "九月", `the workbook has no sheet "九月"; it has "工资", "A&B"`},
		{"by the name of a chart", one + chart, "图", `the workbook has no sheet "图"; it has "工资"`},
		{"by a name among many", strings.Repeat(one, 30), "九月", `"工资", …`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := read(t, several(c.sheets).file(t), sheet.Options{Sheet: c.sheet})
			if err != nil {
				if !strings.Contains(err.Error(), c.want) {
					t.Error(err)
				}
			} else if got[0].Raw != c.want {
				t.Errorf("%+v", got)
			}
		})
	}
}

// TestWritings reads the same workbook as programs write it in different ways.
func TestWritings(t *testing.T) {
	const sheet1, book, links, styles, shared = "xl/worksheets/sheet1.xml", "xl/workbook.xml", "xl/_rels/workbook.xml.rels", "xl/styles.xml", "xl/sharedStrings.xml"
	plain := sheetOf(head + `<row r="2"><c r="A2" t="s"><v>1</v></c><c r="B2" s="1"><v>46296</v></c></row>`)
	strict := plain
	for name := range plain {
		strict = strict.with(name, "", strings.NewReplacer("http://schemas.openxmlformats.org/spreadsheetml/2006/main", "http://purl.oclc.org/ooxml/spreadsheetml/main",
			office, "http://purl.oclc.org/ooxml/officeDocument/relationships").Replace(plain[name]))
	}
	prefixed := plain
	for _, name := range []string{sheet1, book, styles, shared} {
		content := strings.NewReplacer("</", "</x:", "<", "<x:", "<?", "<?", "xmlns=", "xmlns:x=").Replace(plain[name])
		prefixed = prefixed.with(name, "", strings.ReplaceAll(content, "<x:?xml", "<?xml"))
	}
	moved := plain.with("xl/SharedStrings.xml", "", plain[shared]).with(shared, "", "").with("a/b.xml", "", plain[sheet1]).with(links, "worksheets/sheet1.xml", "../A/./B.xml")
	early := plain.with(book, "<sheets>", `<workbookPr date1904="1"/><sheets>`).with(sheet1, "46296", "44834")
	for name, file := range map[string]made{
		"transitional":                     plain,
		"strict":                           strict,
		"prefixes":                         prefixed,
		"other names and places":           moved,
		"no links of the archive":          plain.with("_rels/.rels", "", ""),
		"backslashes":                      plain.with(`xl\worksheets\sheet1.xml`, "", plain[sheet1]).with(sheet1, "", ""),
		"a byte order mark":                plain.with(sheet1, "", "\uFEFF"+plain[sheet1]),
		"line ends and comments":           plain.with(sheet1, "><", ">\r\n<!-- > -->\t<"),
		"single quotes":                    plain.with(sheet1, `"`, `'`),
		"days from 1904":                   early,
		"days from 1904, in a word":        early.with(book, `date1904="1"`, `date1904="true"`),
		"days from 1900, said so":          plain.with(book, "<sheets>", `<workbookPr date1904="0"/><x15:workbookPr/><sheets>`),
		"a link's namespace called else":   plain.with(book, "r:id", "d3p1:id"),
		"empty elements written out":       plain.with(sheet1, `<dimension ref="A1"/>`, `<dimension ref="A1"></dimension>`),
		"extensions with their own cells":  plain.with(sheet1, `</worksheet>`, `<extLst><ext><sheetData><row r="1"/></sheetData></ext></extLst></worksheet>`),
		"a format of a number that is one": plain.with(styles, `<numFmts>`, `<numFmts><numFmt numFmtId="14" formatCode="m/d/yyyy"/>`),
	} {
		t.Run(name, func(t *testing.T) {
			got, err := read(t, file.file(t), sheet.Options{})
			want := []row{{Line: 1, Raw: "甲,乙,丙"}, {Line: 2, Raw: "张三,2026-10-01,"}}
			if diff := cmp.Diff(want, got); err != nil || diff != "" {
				t.Errorf("%v\n%s", err, diff)
			}
		})
	}
}

// Without styles every cell is of none.
func TestNoStyles(t *testing.T) {
	file := sheetOf(head+`<row><c><v>46296</v></c></row>`).with("xl/_rels/workbook.xml.rels", "/styles", "/theme")
	if got, err := read(t, file.file(t), sheet.Options{}); err != nil || got[1].Raw != "46296,," {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestExcelizeLaw reads what the library writes that others use.
func TestExcelizeLaw(t *testing.T) {
	cells := rapid.StringOf(rapid.SampledFrom([]rune("张三䶮㛃𬀩𠮷,\"\n <>&'_xA0041_é·\t")))
	rapid.Check(t, func(t *rapid.T) {
		f := excelize.NewFile()
		defer f.Close()
		day, err := f.NewStyle(&excelize.Style{CustomNumFmt: new(`yyyy"年"m"月"d"日"`)})
		if err != nil {
			t.Fatal(err)
		}
		want := []string{"a", "b", "c"}
		header := []any{"a", "b", "c"}
		if err := f.SetSheetRow("Sheet1", "A1", &header); err != nil {
			t.Fatal(err)
		}
		for n := range rapid.IntRange(0, 5).Draw(t, "rows") {
			text, fen := cells.Draw(t, "text"), rapid.Int64Range(-1e12, 1e12).Draw(t, "fen")
			at := time.Date(2026, 1, 1+rapid.IntRange(0, 1000).Draw(t, "day"), 0, 0, rapid.IntRange(1, 86399).Draw(t, "second"), 0, time.UTC)
			row := []any{text, float64(fen) / 100, at}
			if rapid.Bool().Draw(t, "rich") {
				row[0] = []excelize.RichTextRun{{Text: text}, {Text: "丰", Font: &excelize.Font{Bold: true}}}
				text += "丰"
			}
			ref := fmt.Sprintf("A%d", n+2)
			err := f.SetSheetRow("Sheet1", ref, &row)
			if rich, ok := row[0].([]excelize.RichTextRun); ok && err == nil {
				err = f.SetCellRichText("Sheet1", ref, rich)
			}
			if err == nil {
				err = f.SetCellStyle("Sheet1", fmt.Sprintf("C%d", n+2), fmt.Sprintf("C%d", n+2), day)
			}
			if err != nil {
				t.Fatal(err)
			}
			want = append(want, strings.TrimSpace(text), strconv.FormatFloat(float64(fen)/100, 'f', -1, 64), at.Format(time.DateTime))
		}
		var file bytes.Buffer
		if err := f.Write(&file); err != nil {
			t.Fatal(err)
		}
		rows, err := readTB(t, file.Bytes())
		var got []string
		for _, row := range rows {
			got, _ = text.SplitFields(row, got)
		}
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Fatalf("%v\n%s", err, diff)
		}
	})
}
