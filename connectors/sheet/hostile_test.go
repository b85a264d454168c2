package sheet_test

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"hebian/connectors/sheet"
	"hebian/connectors/text"
)

func TestRefused(t *testing.T) {
	const sheet1, book, links, styles, shared = "xl/worksheets/sheet1.xml", "xl/workbook.xml", "xl/_rels/workbook.xml.rels", "xl/styles.xml", "xl/sharedStrings.xml"
	row2 := func(cells string) made { return sheetOf(head + `<row r="2">` + cells + `</row>`) }
	fine := row2(`<c r="A2"><v>1</v></c>`)
	for _, c := range []struct {
		name string
		book made
		line int64
		want string // within the reason
	}{
		{"a DOCTYPE", fine.with(sheet1, `<worksheet `, `<!DOCTYPE x [<!ENTITY a "aaaa">]><worksheet `), 0, "sheet1.xml is no XML: it has a DOCTYPE"},
		{"a DOCTYPE in the list of sheets", fine.with(book, `<workbook `, `<!DOCTYPE x><workbook `), 0, "workbook.xml is no XML: it has a DOCTYPE"},
		{"an entity", row2(`<c r="A2" t="str"><v>&a;</v></c>`), 2, "a & begins no reference"},
		{"a reference to a character that XML may not hold", row2(`<c r="A2" t="str"><v>&#0;</v></c>`), 2, "a & begins no reference"},
		{"a reference to no character", row2(`<c r="A2" t="str"><v>&#x110000;</v></c>`), 2, "a & begins no reference"},
		{"a & alone", row2(`<c r="A2" t="str"><v>a & b</v></c>`), 2, "a & begins no reference"},
		{"a control character", row2("<c r=\"A2\" t=\"str\"><v>\x01</v></c>"), 2, "a control character"},
		{"elements too deep", row2(strings.Repeat("<x>", 1000) + strings.Repeat("</x>", 1000)), 2, "more than 100 deep"},
		{"tags that don't match", row2(`<c r="A2"><v>1</c></v>`), 2, "tags don't match"},
		{"an end tag without a start", fine.with(sheet1, `</worksheet>`, `</worksheet></x>`), 2, "tags don't match"},
		{"a part that ends within an element", fine.with(sheet1, `</worksheet>`, ``), 2, "it ends within worksheet"},
		{"a part that ends within a tag", fine.with(sheet1, `</worksheet>`, `</worksheet`), 2, "it ends within a tag"},
		{"a part that ends within an attribute", fine.with(sheet1, "", `<worksheet a="`), 0, "it ends within a tag"},
		{"a part that ends within a comment", fine.with(sheet1, `</worksheet>`, `<!-- `), 2, "it ends within a comment"},
		{"text outside the root element", fine.with(sheet1, `</worksheet>`, `</worksheet>x`), 2, "text outside its root"},
		{"two root elements", fine.with(sheet1, `</worksheet>`, `</worksheet><x/>`), 2, "two root elements"},
		{"an attribute without quotes", row2(`<c r=A2><v>1</v></c>`), 2, "an attribute has no quotes"},
		{"an attribute without a value", row2(`<c r><v>1</v></c>`), 2, "an attribute is broken"},
		{"attributes without a blank", row2(`<c r="A2"t="str"><v>1</v></c>`), 2, "a tag is broken"},
		{"a place twice", row2(`<c r="A2" r="B2"><v>1</v></c>`), 2, "an attribute twice"},
		{"a tag without a name", row2(`< c r="A2"/>`), 2, "a tag has no name"},
		{"too many attributes", row2(`<c` + strings.Repeat(` a="1"`, 300) + `/>`), 2, "more than 256 attributes"},
		{"a tag without an end", row2(`<c r="` + strings.Repeat("x", 2<<20) + `"/>`), 2, "longer than 1 MiB"},
		{"a text without an end", row2(`<c r="A2" t="str"><v>` + strings.Repeat("x", 2<<20) + `</v></c>`), 2, "longer than 1 MiB"},
		{"a text in pieces", row2(`<c r="A2" t="str"><v>` + strings.Repeat(strings.Repeat("x", 1<<19)+"<!-- -->", 3) + `</v></c>`), 2, "longer than 1 MiB"},
		{"a text in runs", row2(`<c r="A2" t="inlineStr"><is>` + strings.Repeat("<r><t>"+strings.Repeat("x", 1<<19)+"</t></r>", 3) + `</is></c>`), 2, "longer than 1 MiB"},
		{"UTF-16", fine.with(sheet1, "", "\xFF\xFE<\x00"), 0, "it is not in UTF-8"},
		{"another encoding", fine.with(sheet1, `encoding="UTF-8"`, `encoding="GBK"`), 0, "it is not in UTF-8"},
		{"an empty part", fine.with(book, "", " "), 0, "workbook.xml is no XML: it is empty"},
		{"an element in a value", row2(`<c r="A2"><v><x/></v></c>`), 2, "an element where a text should be"},

		{"cells that go back", row2(`<c r="B2"><v>1</v></c><c r="A2"><v>1</v></c>`), 2, "the place of a cell"},
		{"a cell twice", row2(`<c r="B2"><v>1</v></c><c r="B2"><v>1</v></c>`), 2, "the place of a cell"},
		{"a cell of another row", row2(`<c r="A3"><v>1</v></c>`), 2, "the place of a cell"},
		{"a column beyond XFD", row2(`<c r="XFE2"><v>1</v></c>`), 2, "the place of a cell"},
		{"a column far beyond", row2(`<c r="AAAAAAAAAAAAAAAAAAAA2"><v>1</v></c>`), 2, "the place of a cell"},
		{"a place without a column", row2(`<c r="2"><v>1</v></c>`), 2, "the place of a cell"},
		{"a place without a row", row2(`<c r="A"><v>1</v></c>`), 2, "the place of a cell"},
		{"a place that is fixed", row2(`<c r="$A$2"><v>1</v></c>`), 2, "the place of a cell"},
		{"a cell behind the last column", row2(`<c r="XFD2"/><c><v>1</v></c>`), 2, "more than 16384 cells"},
		{"two values", row2(`<c r="A2"><v>1</v><v>2</v></c>`), 2, "two values"},
		{"a type that there is not", row2(`<c r="A2" t="x"><v>1</v></c>`), 2, "a type or a style"},
		{"a style that is no number", row2(`<c r="A2" s="x"><v>1</v></c>`), 2, "a type or a style"},
		{"rows that go back", sheetOf(head + `<row r="3"/><row r="2"/>`), 3, "the number of a row"},
		{"a row twice", sheetOf(head + `<row r="1"/>`), 1, "the number of a row"},
		{"row 0", sheetOf(`<row r="0"/>`), 0, "the number of a row"},
		{"a row beyond the last", sheetOf(`<row r="1048577"/>`), 0, "the number of a row"},
		{"a row behind the last", sheetOf(`<row r="1048576"/><row/>`), 1048576, "more than 1048576 rows"},
		{"a row that is no number", sheetOf(`<row r="1e3"/>`), 0, "the number of a row"},
		{"a header too wide", sheetOf(`<row r="1"><c r="XFD1" t="str"><v>a</v></c></row>`), 1, "more than 1024 columns"},
		{"the rows twice", fine.with(sheet1, `</sheetData>`, `</sheetData><sheetData/>`), 2, "sheetData) twice"},
		{"no rows", fine.with(sheet1, "sheetData", "sheetDatum"), 0, "no rows (sheetData)"},
		{"no sheet", fine.with(sheet1, "worksheet", "chartsheet"), 0, "does not begin with worksheet"},

		{"no sheet of cells", fine.with(book, `r:id="rId1"`, `r:id="rId3"`), 0, "no sheet of cells"},
		{"a link to nowhere", fine.with(book, `r:id="rId1"`, `r:id="rId2"`), 0, "it has no part xl/worksheets/sheet2.xml"},
		{"a link out of the workbook", fine.with(links, `Target="worksheets/sheet1.xml"`, `TargetMode="External" Target="file:///etc/passwd"`), 0, "no sheet of cells"},
		{"a link out of the archive", fine.with(links, `worksheets/sheet1.xml`, `../../../etc/passwd`), 0, "it has no part etc/passwd"},
		{"a style format without a number", fine.with(styles, `numFmtId="164"`, `numFmtId="x"`), 0, "no number in numFmtId"},
		{"a shared text that there is not", row2(`<c r="A2" t="s"><v>5</v></c>`), 2, "a text that the workbook does not have"},
		{"a shared text that is no number", row2(`<c r="A2" t="s"><v>-1</v></c>`), 2, "a text that the workbook does not have"},
		{"no shared texts", row2(`<c r="A2" t="s"><v>0</v></c>`).with(links, "/sharedStrings", "/theme"), 2, "a text that the workbook does not have"},
		{"the part of shared texts missing", fine.with(shared, "", ""), 0, "it has no part xl/sharedStrings.xml"},
		{"a shared text too long", fine.with(shared, "张三", strings.Repeat("x", 1<<20)), 0, "longer than 1 MiB"},
		{"a binary workbook", fine.with("_rels/.rels", "workbook.xml", "workbook.bin"), 0, "binary workbook (XLSB)"},
		{"another kind of document", fine.with("_rels/.rels", "/officeDocument\"", "/thumbnail\""), 0, "no workbook (XLSX)"},
		{"any archive", made{"readme.txt": "hello"}, 0, "no workbook (XLSX)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := read(t, c.book.file(t), sheet.Options{})
			var refused *sheet.Error
			if !errors.As(err, &refused) {
				t.Fatalf("%v", err)
			}
			if refused.Line != c.line || !strings.Contains(refused.Reason, c.want) {
				t.Errorf("line %d: %s", refused.Line, refused.Reason)
			}
		})
	}
}

func TestNoWorkbook(t *testing.T) {
	whole := sheetOf(head).file(t)
	encrypted := bytes.Clone(whole)
	for at := 0; ; at += 4 { // the flag of encryption, in every entry of the directory
		n := bytes.Index(encrypted[at:], []byte("PK\x01\x02"))
		if n < 0 {
			break
		}
		at += n
		encrypted[at+8] |= 1
	}
	damaged := bytes.Clone(whole)
	name := bytes.Index(damaged, []byte("sheet1.xml"))
	damaged[name+40] ^= 0xFF
	for _, c := range []struct {
		name string
		file []byte
		want string
	}{
		{"nothing", nil, "no workbook"},
		{"a short file", []byte("PK"), "damaged"},
		{"text", []byte("统一社会信用代码,姓名\n"), "no workbook"},
		{"an old workbook, or one with a password", []byte("\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1 and more"), "XLS), or one with a password"},
		{"an archive with a password", encrypted, "is encrypted"},
		{"cut short", whole[:len(whole)/2], "damaged"},
		{"damaged", damaged, "damaged"},
		{"a part twice", twice(t), "sheet1.xml twice"},
		{"a directory without end", directory(t), "directory has more than 4 MiB"},
		{"a bomb", bomb(t, 4<<20), "grows more than 500 times"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := read(t, c.file, sheet.Options{})
			var refused *sheet.Error
			if !errors.As(err, &refused) || !strings.Contains(refused.Reason, c.want) {
				t.Errorf("%v", err)
			}
		})
	}
}

// repack writes a workbook's archive anew, with one more part.
func repack(t *testing.T, add func(w *zip.Writer) error) []byte {
	t.Helper()
	var file bytes.Buffer
	w := zip.NewWriter(&file)
	for name, content := range sheetOf(head) {
		part, err := w.Create(name)
		if err == nil {
			_, err = io.WriteString(part, content)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(add(w), w.Close()); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

func twice(t *testing.T) []byte {
	return repack(t, func(w *zip.Writer) error {
		_, err := w.Create("XL/Worksheets\\SHEET1.xml")
		return err
	})
}

func directory(t *testing.T) []byte {
	return repack(t, func(w *zip.Writer) error {
		for n := range 100 {
			if _, err := w.CreateRaw(&zip.FileHeader{Name: strings.Repeat("x", 50_000) + fmt.Sprint(n)}); err != nil {
				return err
			}
		}
		return nil
	})
}

// bomb is a workbook whose sheet is so many blanks.
func bomb(t *testing.T, size int) []byte {
	return sheetOf(head).with("xl/worksheets/sheet1.xml", "<sheetData>", strings.Repeat(" ", size)+"<sheetData>").file(t)
}

// A part that says of itself to be small is read no further than it says.
func TestLies(t *testing.T) {
	file := sheetOf(head + `<row r="2"><c r="A2"><v>1</v></c></row>`).file(t)
	entry := bytes.LastIndex(file, []byte("PK\x01\x02")) // of sheet1.xml, the last by name
	for _, size := range []uint32{0, 1, 100, 600, 1 << 20} {
		lying := bytes.Clone(file)
		binary.LittleEndian.PutUint32(lying[entry+24:], size)
		_, err := read(t, lying, sheet.Options{})
		var refused *sheet.Error
		if !errors.As(err, &refused) {
			t.Errorf("%d: %v", size, err)
		}
	}
}

func TestBounds(t *testing.T) {
	many := head + strings.Repeat(`<row><c t="s"><v>1</v></c><c t="s"><v>1</v></c></row>`, 100)
	long := sheetOf(many).with("xl/sharedStrings.xml", "张三", strings.Repeat("x", 10_000))
	for _, c := range []struct {
		name string
		book made
		max  int64
		want string
	}{
		{"a part", long, 10_000, "sharedStrings.xml has"},
		{"the rows", long, 1 << 20, "the rows have more than 1048576 bytes"},
		{"a row", long.with("xl/worksheets/sheet1.xml", many, head+"<row>"+strings.Repeat(`<c t="s"><v>1</v></c>`, 16384)+"</row>"), 2 << 20,
			"the rows have more than 2097152 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := read(t, c.book.file(t), sheet.Options{MaxBytes: c.max})
			var refused *sheet.Error
			if !errors.As(err, &refused) || !strings.Contains(refused.Reason, c.want) {
				t.Errorf("%v", err)
			}
		})
	}
}

// Shared texts of more than the bound are refused, before they take more.
func TestSharedTextsBound(t *testing.T) {
	n, err := sheet.AddTexts(strings.Repeat("长", 300_000))
	if err == nil || n != 298 || !strings.Contains(err.Error(), "take more than 256 MiB; save the sheet as CSV") {
		t.Errorf("%d: %v", n, err)
	}
}

// Errors of the disk are not the workbook's.
func TestDisk(t *testing.T) {
	file := sheetOf(head).file(t)
	for n := range len(file) {
		disk := brokenDisk{bytes.NewReader(file), int64(n)}
		r, err := sheet.Open(disk, int64(len(file)), sheet.Options{})
		if err == nil {
			err = r.Next(new(text.Block))
			if err == nil {
				if again := r.Next(new(text.Block)); again != io.EOF {
					err = again
				}
			}
			r.Close()
		}
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("broken behind %d bytes: %v", n, err)
		}
	}
}

// brokenDisk can't be read where at lies.
type brokenDisk struct {
	r  io.ReaderAt
	at int64
}

func (d brokenDisk) ReadAt(p []byte, off int64) (int, error) {
	if off <= d.at && d.at < off+int64(len(p)) {
		return 0, os.ErrDeadlineExceeded
	}
	return d.r.ReadAt(p, off)
}

// What the rows have ended with, they end with for good.
func TestEndsForGood(t *testing.T) {
	for _, rows := range []string{head, head + `<row r="1"/>`} {
		file := sheetOf(rows).file(t)
		r, err := sheet.Open(bytes.NewReader(file), int64(len(file)), sheet.Options{})
		if err != nil {
			t.Fatal(err)
		}
		var block text.Block
		for range 2 {
			if err = r.Next(&block); err != nil {
				break
			}
		}
		for range 3 {
			if again := r.Next(&block); err == nil || again != err || len(block.Records) != 0 {
				t.Errorf("%v, then %v", err, again)
			}
		}
		r.Close()
	}
}

// FuzzWorkbook opens anything. What comes out keeps to the form whatever goes in.
func FuzzWorkbook(f *testing.F) {
	f.Add(sheetOf(head + `<row r="2"><c r="A2" t="s"><v>1</v></c><c r="C2" s="1"><v>46296.5</v></c></row>`).file(f))
	f.Fuzz(func(t *testing.T, file []byte) {
		read(t, file, sheet.Options{MaxBytes: 1 << 20})
	})
}

// FuzzParts fills the parts of a workbook with anything.
func FuzzParts(f *testing.F) {
	f.Add(head+`<row r="2"><c r="A2" t="s"><v>1</v></c><c r="C2" s="1"><v>46296.5</v></c></row>`, `<si><r><t>a</t></r></si>`, `<xf numFmtId="14"/>`)
	f.Add(head+`<row><c t="inlineStr"><is><t>_x0041_</t></is></c><c t="b"><v>1</v></c><c t="e"><v>#N/A</v></c></row>`, ``, `<xf/>`)
	f.Fuzz(func(t *testing.T, rows, texts, styles string) {
		book := sheetOf(rows).with("xl/sharedStrings.xml", "</sst>", texts+"</sst>").with("xl/styles.xml", "<cellXfs>", "<cellXfs>"+styles)
		got, err := read(t, book.file(t), sheet.Options{MaxBytes: 1 << 20})
		var refused *sheet.Error
		if err != nil && !errors.As(err, &refused) {
			t.Fatal(err)
		}
		width := -1
		for _, row := range got {
			fields, flaw := text.SplitFields(row.Raw, nil)
			if flaw != nil {
				t.Fatalf("%q is no CSV: %s", row.Raw, flaw.Detail)
			}
			if width < 0 {
				width = len(fields)
			}
			if row.Reason == "" && len(fields) != width {
				t.Fatalf("%d fields below a header of %d", len(fields), width)
			}
		}
	})
}

// FuzzXML holds the scanner of XML against Go's, where both take a part.
func FuzzXML(f *testing.F) {
	for _, content := range sheetOf(head + `<row><c t="s" ><v>&lt;<![CDATA[<]]>&#65;` + "\r\n" + `</v></c ><!-- - --><?a b?></row>`) {
		f.Add([]byte(content))
	}
	f.Fuzz(func(t *testing.T, part []byte) {
		got, err := sheet.Events(part)
		if err != nil || !utf8.Valid(part) {
			return
		}
		want, err := goEvents(part)
		if err != nil {
			return
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q\n%s", part, diff)
		}
	})
}

func goEvents(part []byte) (all []sheet.Event, err error) {
	decoder := xml.NewDecoder(bytes.NewReader(bytes.TrimPrefix(part, []byte("\uFEFF"))))
	depth := 0
	for {
		token, err := decoder.RawToken()
		if err == io.EOF {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		switch token := token.(type) {
		case xml.StartElement:
			depth++
			e := sheet.Event{Start: true, Name: token.Name.Local}
			for _, a := range token.Attr {
				name := a.Name.Local
				if a.Name.Space != "" {
					name = a.Name.Space + ":" + name
				}
				e.Attrs = append(e.Attrs, name, a.Value)
			}
			all = append(all, e)
		case xml.EndElement:
			depth--
			all = append(all, sheet.Event{End: true})
		case xml.CharData:
			if last := len(all) - 1; last >= 0 && !all[last].Start && !all[last].End {
				all[last].Text += string(token)
			} else if depth > 0 && len(token) > 0 {
				all = append(all, sheet.Event{Text: string(token)})
			}
		}
	}
}
