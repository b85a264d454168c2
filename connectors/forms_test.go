package connectors_test

import (
	"bytes"
	"compress/gzip"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hebian/connectors"
	"hebian/connectors/sheet"
	"hebian/connectors/text"
	"hebian/schemas"
)

const register = `
agency: partner
files:
  - file: entities/register.csv
    subject: entity.registration
    form: csv
    encoding: auto
    key: [编号]
    gone: {column: 操作, values: [D]}
    columns:
      - {header: 编号, field: source_key, required: true, aliases: [id]}
      - {header: 名称, field: name, required: true}
      - {header: 成立日期, field: established, dates: any}
      - {header: 状态, field: status, required: true, values: {"1": 正常, "9": 注销}}
      - {header: 地址, field: address, empty: [无]}
`

func partner(t *testing.T) *connectors.Profile {
	t.Helper()
	p, err := connectors.ParseProfile([]byte(register))
	if err != nil {
		t.Fatal(err)
	}
	return &p
}

// readAs reads a file that a partner sends under a name.
func readAs(t *testing.T, base string, content []byte) (*keeper, connectors.Reading, error) {
	t.Helper()
	found, ok := partner(t).Find(base)
	if !ok {
		t.Fatalf("%s is not found", base)
	}
	found.Path = filepath.Join(t.TempDir(), base)
	if err := os.WriteFile(found.Path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	k := &keeper{t: t, subject: schemas.SubjectOf(found.Subject)}
	door := connectors.Door{SchemaID: func(string) uint32 { return 7 }, Temp: t.TempDir()}
	reading, err := door.Read(t.Context(), found, k)
	return k, reading, err
}

func workbook(t *testing.T, rows ...[]string) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := sheet.NewWriter(&b, rows[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows[1:] {
		if err := w.Row(row...); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func packed(t *testing.T, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func inGB18030(t *testing.T, content string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := text.NewWriter(&b, text.GB18030, false)
	for line := range strings.Lines(content) {
		if err := w.Row(strings.Split(strings.TrimSpace(line), ",")...); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// The same rows in any form are the same records: a partner may change the form of its file, and nothing changes.
func TestForms(t *testing.T) {
	table := "编号,名称,成立日期,状态,地址\nK1,甲局,2001年2月3日,1,无\nK2,𠮷䶮所,20010203,9,建设路1号\n"
	objects := `{"编号":"K1","名称":"甲局","成立日期":"2001/2/3","状态":1,"地址":"无"}` + "\n" + `{"编号":"K2","名称":"𠮷䶮所","成立日期":"2001-02-03","状态":"9","地址":"建设路1号"}` + "\n"
	cells := [][]string{{"编号", "名称", "成立日期", "状态", "地址"}, {"K1", "甲局", "2001-02-03", "1", ""}, {"K2", "𠮷䶮所", "2001-02-03", "9", "建设路1号"}}
	var ids []string
	for _, test := range []struct {
		name    string
		content []byte
		form    connectors.Form
		coding  string
	}{
		{"register.csv", []byte(table), connectors.CSV, "utf-8"},
		{"register.csv", append([]byte("\uFEFF"), strings.Replace(table, "编号,", "（ID）,", 1)...), connectors.CSV, "utf-8"},
		{"register.csv", inGB18030(t, table), connectors.CSV, "gb18030"},
		{"register.csv.gz", packed(t, []byte(table)), connectors.CSV, "utf-8"},
		{"register.ndjson", []byte(objects), connectors.NDJSON, "utf-8"},
		{"register.json", []byte("[" + strings.Replace(objects, "}\n{", "},\n{", 1) + "]"), connectors.JSON, "utf-8"},
		{"register.xlsx", workbook(t, cells...), connectors.XLSX, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			k, reading, err := readAs(t, test.name, test.content)
			if err != nil {
				t.Fatal(err)
			}
			var names, got []string
			for i := range k.rows {
				r := k.rows[i].(*schemas.Registration)
				names = append(names, fmt.Sprintf("%s %s %s %v", r.SourceKey, r.Name, *r.Established, r.Address != nil))
				got = append(got, hex.EncodeToString(k.ids[i][:]))
			}
			if diff := cmp.Diff([]string{"K1 甲局 2001-02-03 false", "K2 𠮷䶮所 2001-02-03 true"}, names); diff != "" || len(k.misfits) > 0 {
				t.Errorf("rows differ (-want +got):\n%s%+v", diff, k.misfits)
			}
			if ids == nil {
				ids = got
			}
			if !slices.Equal(ids, got) {
				t.Errorf("records are %v, in the first form they were %v", got, ids)
			}
			if reading.Form != test.form || reading.Encoding != test.coding || reading.Bytes != int64(len(test.content)) {
				t.Errorf("it was read as %s in %q, %d bytes", reading.Form, reading.Encoding, reading.Bytes)
			}
		})
	}
}

// A row of a key keeps the first part of its ID, whatever becomes of the rest; one that is gone says so.
func TestRowKey(t *testing.T) {
	k, _, err := readAs(t, "register.ndjson", []byte(`{"编号":"K1","名称":"甲","状态":"1"}
{"编号":"K1","名称":"乙","状态":"1"}
{"编号":"K1","名称":"乙","状态":"?"}
{"编号":"K1","操作":"D"}
{"名称":"丙","状态":"1"}
nonsense
`))
	if err != nil {
		t.Fatal(err)
	}
	if len(k.ids) != 3 || len(k.misfits) != 3 || len(k.rows) != 2 {
		t.Fatalf("%d records, %d misfits", len(k.ids), len(k.misfits))
	}
	key := k.ids[0].RowKey()
	for _, id := range append(k.ids[1:], k.misfitIDs[0]) {
		if id.RowKey() != key || id == k.ids[0] {
			t.Errorf("%s and %s of one key", id, k.ids[0])
		}
	}
	if k.misfits[1].Reason != schemas.ReasonMissing || *k.misfits[1].Column != "编号" || k.misfits[2].Reason != schemas.ReasonJSON || k.misfitIDs[1].RowKey() == k.misfitIDs[2].RowKey() {
		t.Errorf("misfits %+v", k.misfits[1:])
	}
}

// A number of 16 digits in a workbook is no number of a person any more, and no reading again brings it back.
func TestLost(t *testing.T) {
	row := connectors.QuarantinedRow{Reason: string(schemas.ReasonLost), Whole: true, Form: connectors.XLSX, Columns: []string{"编号"}}
	if row.Again() {
		t.Error("it can be read again")
	}
}

// Rows that were refused go back to their agency with the reason, and come in corrected.
func TestMended(t *testing.T) {
	table := "编号,名称,成立日期,状态,地址\nK1,甲局,2001-02-30,1,=HYPERLINK(1)\nK2,乙局,2001-02-03\nK3,\"丙\"局,2001-02-03,1,x\nK4,丁局,,7,-200\n"
	for _, form := range connectors.RefusedForms {
		t.Run(string(form), func(t *testing.T) {
			k, reading, err := readAs(t, "register.csv", []byte(table))
			if err != nil || len(k.misfits) != 4 {
				t.Fatalf("%d misfits, %v", len(k.misfits), err)
			}
			var rows []connectors.QuarantinedRow
			for i, m := range k.misfits {
				r := connectors.RefusedOf(&m)
				rows = append(rows, connectors.QuarantinedRow{
					Row: k.misfitIDs[i].String(), Line: m.Line, Column: r.Column, Reason: r.Reason, Detail: r.Detail, Raw: slices.Clone(m.Raw), Whole: true,
					Form: reading.Form, Encoding: reading.Encoding, Columns: reading.Columns,
				})
			}
			var file bytes.Buffer
			if err := connectors.WriteRefused(&file, form, "utf-8", rows); err != nil {
				t.Fatal(err)
			}
			if form == connectors.CSV && !strings.Contains(file.String(), ",'=HYPERLINK(1),") || form == connectors.CSV && !strings.Contains(file.String(), ",-200,") {
				t.Errorf("the file is\n%s", &file)
			}
			content := file.Bytes()
			if form != connectors.XLSX {
				content = []byte(strings.NewReplacer("2001-02-30", "2001-02-28", ",7,", ",9,", `:"7"`, `:"9"`).Replace(file.String()))
			}
			found, _ := partner(t).Find("register." + string(form))
			found.Mended, found.Path = true, filepath.Join(t.TempDir(), "mended")
			if err := os.WriteFile(found.Path, content, 0o600); err != nil {
				t.Fatal(err)
			}
			again := &keeper{t: t, subject: schemas.SubjectOf(found.Subject)}
			door := connectors.Door{SchemaID: func(string) uint32 { return 7 }}
			mended, err := door.Read(t.Context(), found, again)
			if err != nil {
				t.Fatal(err)
			}
			if len(mended.Mends) != 4 || mended.Mends[0].Row != rows[0].Row {
				t.Errorf("it mends %v", mended.Mends)
			}
			if form == connectors.XLSX { // nothing was corrected
				if len(again.misfits) != 4 {
					t.Errorf("%d misfits", len(again.misfits))
				}
				return
			}
			if len(again.rows) != 2 || len(again.misfits) != 2 {
				t.Fatalf("%d rows, %d misfits: %+v", len(again.rows), len(again.misfits), again.misfits)
			}
			first := again.rows[0].(*schemas.Registration)
			if *first.Address != "=HYPERLINK(1)" || len(first.Rest) != 0 {
				t.Errorf("the first row is %+v", first)
			}
		})
	}
}

// Rows in quarantine are read again when their profile has changed, under their own lines.
func TestReadAgain(t *testing.T) {
	k, reading, err := readAs(t, "register.csv", inGB18030(t, "编号,名称,成立日期,状态,地址\nK1,甲局,,3,x\nK2,乙局,,4,x\n"))
	if err != nil || len(k.misfits) != 2 {
		t.Fatalf("%d misfits, %v", len(k.misfits), err)
	}
	var rows []connectors.QuarantinedRow
	for i, m := range k.misfits {
		rows = append(rows, connectors.QuarantinedRow{Row: k.misfitIDs[i].String(), Line: m.Line, Reason: string(m.Reason), Raw: slices.Clone(m.Raw), Whole: true, Form: reading.Form, Encoding: reading.Encoding, Columns: reading.Columns})
	}
	p, err := connectors.ParseProfile([]byte(strings.Replace(register, `"9": 注销`, `"9": 注销, "4": 吊销`, 1)))
	if err != nil {
		t.Fatal(err)
	}
	found, _ := p.Find("register.csv")
	again := &keeper{t: t, subject: schemas.SubjectOf(found.Subject)}
	door := connectors.Door{SchemaID: func(string) uint32 { return 7 }}
	if err := door.ReadAgain(t.Context(), found, rows, again); err != nil {
		t.Fatal(err)
	}
	if len(again.rows) != 1 || again.rows[0].(*schemas.Registration).SourceKey != "K2" || again.lines[0] != 3 || len(again.misfits) != 1 || again.misfits[0].Line != 2 {
		t.Errorf("%d rows at lines %v, misfits %+v", len(again.rows), again.lines, again.misfits)
	}
}
