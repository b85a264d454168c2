package sheet_test

import (
	"archive/zip"
	"bytes"
	"maps"
	"slices"
	"strings"
	"testing"
)

const (
	spreadsheet = `xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"`
	office      = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
	packaged    = "http://schemas.openxmlformats.org/package/2006/relationships"
)

// made is a workbook that the tests make by hand: its parts by name. A part without content is left out.
type made map[string]string

// sheetOf is a workbook with one sheet of rows.
func sheetOf(rows string) made {
	return made{
		"_rels/.rels": `<Relationships xmlns="` + packaged + `"><Relationship Id="rId1" Type="` + office + `/officeDocument" Target="xl/workbook.xml"/></Relationships>`,
		"xl/workbook.xml": `<workbook ` + spreadsheet + ` xmlns:r="` + office + `"><sheets>` +
			`<sheet name="工资" sheetId="1" r:id="rId1"/></sheets></workbook>`,
		"xl/_rels/workbook.xml.rels": `<Relationships xmlns="` + packaged + `">` +
			`<Relationship Id="rId1" Type="` + office + `/worksheet" Target="worksheets/sheet1.xml"/>` +
			`<Relationship Id="rId2" Type="` + office + `/worksheet" Target="/xl/worksheets/sheet2.xml"/>` +
			`<Relationship Id="rId3" Type="` + office + `/chartsheet" Target="chartsheets/sheet1.xml"/>` +
			`<Relationship Id="rId4" Type="` + office + `/styles" Target="styles.xml"/>` +
			`<Relationship Id="rId5" Type="` + office + `/sharedStrings" Target="sharedStrings.xml"/></Relationships>`,
		"xl/styles.xml": `<styleSheet ` + spreadsheet + `><numFmts><numFmt numFmtId="164" formatCode="yyyy&quot;年&quot;m&quot;月&quot;d&quot;日&quot;"/>` +
			`<numFmt numFmtId="165" formatCode="yyyy\-mm\-dd\ hh:mm:ss"/><numFmt numFmtId="166" formatCode="[h]:mm"/></numFmts>` +
			`<cellStyleXfs><xf numFmtId="14"/></cellStyleXfs>` +
			`<cellXfs><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="164"/><xf numFmtId="165"/><xf numFmtId="21"/><xf numFmtId="166"/><xf numFmtId="4"/></cellXfs>` +
			`<cellStyles/><dxfs><dxf><numFmt numFmtId="4" formatCode="yyyy"/></dxf></dxfs></styleSheet>`,
		"xl/sharedStrings.xml": `<sst ` + spreadsheet + `><si><t>姓名</t></si><si><t>张三</t></si>` +
			`<si><r><rPr><b/></rPr><t>买买提</t></r><r><t xml:space="preserve"> ·吐尔逊</t></r><rPh sb="0" eb="1"><t>mai</t></rPh><phoneticPr fontId="1"/></si>` +
			`<si/><si><t>䶮㛃𬀩𠮷</t></si></sst>`,
		"xl/worksheets/sheet1.xml": `<?xml version="1.0" encoding="UTF-8"?>` + "\n" +
			`<worksheet ` + spreadsheet + `><dimension ref="A1"/><sheetViews><sheetView><pane/></sheetView></sheetViews><sheetData>` + rows +
			`</sheetData><mergeCells><mergeCell ref="A1:B1"/></mergeCells></worksheet>`,
	}
}

// with is the workbook with a part changed, by replacing old text in it, or all of it when old is "".
func (m made) with(part, old, changed string) made {
	m = maps.Clone(m)
	if old == "" {
		m[part] = changed
		return m
	}
	if !strings.Contains(m[part], old) {
		panic(part + " has no " + old)
	}
	m[part] = strings.ReplaceAll(m[part], old, changed)
	return m
}

// file packs the workbook.
func (m made) file(t testing.TB) []byte {
	t.Helper()
	var file bytes.Buffer
	archive := zip.NewWriter(&file)
	for _, name := range slices.Sorted(maps.Keys(m)) {
		if m[name] == "" {
			continue
		}
		part, err := archive.Create(name)
		if err == nil {
			_, err = part.Write([]byte(m[name]))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}
