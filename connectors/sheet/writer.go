package sheet

import (
	"archive/zip"
	"bufio"
	"fmt"
	"io"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// maxCell is how many characters a cell holds, in units of UTF-16.
const maxCell = 32767

// Writer writes a workbook of one sheet that holds texts only, as they come: a cell that begins with
// = or + is no formula, and a number keeps all its digits, also when the sheet is edited and saved. It
// keeps nothing in memory.
type Writer struct {
	archive *zip.Writer
	body    *bufio.Writer // of the sheet's part
	columns int
	rows    int
	err     error // the first one; nothing is written after it
}

// NewWriter begins a workbook with a header, in bold and always in sight, of one cell at least.
func NewWriter(w io.Writer, header []string) (*Writer, error) {
	if len(header) == 0 || len(header) > maxColumns {
		return nil, fmt.Errorf("write a workbook with %d columns: it has 1 to %d", len(header), maxColumns)
	}
	s := &Writer{archive: zip.NewWriter(w), columns: len(header)}
	for _, p := range fixedParts {
		part, err := s.archive.Create(p.name)
		if err == nil {
			_, err = io.WriteString(part, p.content)
		}
		if err != nil {
			return nil, fmt.Errorf("write a workbook's part %s: %w", p.name, err)
		}
	}
	part, err := s.archive.Create("xl/worksheets/sheet1.xml")
	if err != nil {
		return nil, fmt.Errorf("write a workbook's sheet: %w", err)
	}
	s.body = bufio.NewWriterSize(part, bufferBytes)
	fmt.Fprintf(s.body, sheetHead, s.columns)
	if err := s.row(2, header); err != nil {
		return nil, err
	}
	return s, nil
}

// Row writes the next row, of as many cells as the header at most. Of a text beyond what a cell holds,
// 32,767 characters, the rest is cut and an ellipsis put there; what XML may not hold is replaced by
// U+FFFD. A sheet has room for 1,048,575 rows.
func (s *Writer) Row(cells ...string) error {
	if len(cells) > s.columns {
		return fmt.Errorf("write row %d of a workbook: %d cells under a header of %d", s.rows+1, len(cells), s.columns)
	}
	return s.row(1, cells)
}

func (s *Writer) row(style int, cells []string) error {
	if s.err != nil {
		return s.err
	}
	if s.rows == maxRows {
		return fmt.Errorf("write row %d of a workbook: it holds no more than %d", s.rows+1, maxRows)
	}
	s.rows++
	b := s.body.AvailableBuffer()
	b = append(strconv.AppendInt(append(b, `<row r="`...), int64(s.rows), 10), `">`...)
	for i, cell := range cells {
		if cell == "" {
			continue
		}
		b = append(append(b, `<c r="`...), columnName(i+1)...)
		b = append(strconv.AppendInt(b, int64(s.rows), 10), `" s="`...)
		b = append(strconv.AppendInt(b, int64(style), 10), `" t="inlineStr"><is><t xml:space="preserve">`...)
		b = appendText(b, cell)
		b = append(b, `</t></is></c>`...)
		if _, s.err = s.body.Write(b); s.err != nil {
			return fmt.Errorf("write row %d of a workbook: %w", s.rows, s.err)
		}
		b = s.body.AvailableBuffer()
	}
	if _, s.err = s.body.Write(append(b, `</row>`...)); s.err != nil {
		return fmt.Errorf("write row %d of a workbook: %w", s.rows, s.err)
	}
	return nil
}

// Close ends the workbook. The writer beneath stays open: it is the caller's.
func (s *Writer) Close() error {
	if s.err != nil {
		return s.err
	}
	_, err := s.body.WriteString(`</sheetData></worksheet>`)
	if err == nil {
		err = s.body.Flush()
	}
	if err == nil {
		err = s.archive.Close()
	}
	if err != nil {
		return fmt.Errorf("write the end of a workbook: %w", err)
	}
	return nil
}

// appendText writes a text as XML, as much of it as a cell holds.
func appendText(b []byte, text string) []byte {
	whole := text
	text = cut(text)
	for at, size := 0, 0; at < len(text); at += size {
		var r rune
		r, size = utf8.DecodeRuneInString(text[at:])
		switch {
		case r == '&':
			b = append(b, "&amp;"...)
		case r == '<':
			b = append(b, "&lt;"...)
		case r == '>':
			b = append(b, "&gt;"...)
		case r == '\r':
			b = append(b, "&#13;"...)
		case r == '_' && isEscape(text[at:]):
			b = append(b, "_x005F_"...)
		case !isXML(r):
			b = utf8.AppendRune(b, utf8.RuneError)
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	if len(text) < len(whole) {
		b = append(b, "…"...)
	}
	return b
}

// cut is the part of a text that a cell holds, with room for an ellipsis if that is not all of it.
func cut(text string) string {
	if len(text) <= maxCell {
		return text
	}
	units, end := 0, 0
	for at, r := range text {
		if units += utf16.RuneLen(r); units < maxCell {
			end = at + utf8.RuneLen(r)
		}
		if units > maxCell {
			return text[:end]
		}
	}
	return text
}

// isEscape says whether a text begins as something that would be taken for the escape of a character.
func isEscape(text string) bool {
	_, ok := escapedUnit([]byte(text[:min(len(text), escapedBytes)]))
	return ok
}

// fixedParts are the parts of a workbook beside its sheet: what they are, where they are, and three
// styles, one of no use, one for texts, one for texts in bold.
var fixedParts = []struct{ name, content string }{
	{"[Content_Types].xml", xmlHead + `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">` +
		`<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>` +
		`<Default Extension="xml" ContentType="application/xml"/>` +
		`<Override PartName="/xl/workbook.xml" ContentType="` + spreadsheetType + `sheet.main+xml"/>` +
		`<Override PartName="/xl/styles.xml" ContentType="` + spreadsheetType + `styles+xml"/>` +
		`<Override PartName="/xl/worksheets/sheet1.xml" ContentType="` + spreadsheetType + `worksheet+xml"/></Types>`},
	{"_rels/.rels", xmlHead + `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">` +
		`<Relationship Id="rId1" Type="` + officeSpace + `/officeDocument" Target="xl/workbook.xml"/></Relationships>`},
	{"xl/workbook.xml", xmlHead + `<workbook ` + mainSpace + ` xmlns:r="` + officeSpace + `">` +
		`<sheets><sheet name="Sheet1" sheetId="1" r:id="rId1"/></sheets></workbook>`},
	{"xl/_rels/workbook.xml.rels", xmlHead + `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">` +
		`<Relationship Id="rId1" Type="` + officeSpace + `/worksheet" Target="worksheets/sheet1.xml"/>` +
		`<Relationship Id="rId2" Type="` + officeSpace + `/styles" Target="styles.xml"/></Relationships>`},
	{"xl/styles.xml", xmlHead + `<styleSheet ` + mainSpace + `>` +
		`<fonts count="2"><font><sz val="11"/><name val="Calibri"/></font><font><b/><sz val="11"/><name val="Calibri"/></font></fonts>` +
		`<fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill></fills>` +
		`<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>` +
		`<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>` +
		`<cellXfs count="3"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>` +
		`<xf numFmtId="49" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>` +
		`<xf numFmtId="49" fontId="1" fillId="0" borderId="0" xfId="0" applyNumberFormat="1" applyFont="1"/></cellXfs></styleSheet>`},
}

const (
	xmlHead         = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>` + "\n"
	mainSpace       = `xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"`
	officeSpace     = `http://schemas.openxmlformats.org/officeDocument/2006/relationships`
	spreadsheetType = `application/vnd.openxmlformats-officedocument.spreadsheetml.`

	// sheetHead takes the number of columns, whose cells are texts also where they are empty.
	sheetHead = xmlHead + `<worksheet ` + mainSpace + `><sheetViews><sheetView workbookViewId="0">` +
		`<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews>` +
		`<cols><col min="1" max="%d" width="20" style="1" customWidth="1"/></cols><sheetData>`
)
