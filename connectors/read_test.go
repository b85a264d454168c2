package connectors_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/simplifiedchinese"

	"hebian/connectors"
	"hebian/schemas"
)

// keeper is a Taker that decodes and keeps what it gets.
type keeper struct {
	t       *testing.T
	subject *schemas.Subject
	rows    []any
	lines   []int64
	misfits []schemas.Misfit
	ids     []schemas.ID
	fail    error

	misfitIDs []schemas.ID
}

func (k *keeper) Accept(_ context.Context, records []schemas.Record) error {
	walker, err := schemas.NewWalker(k.subject.Avro)
	if err != nil {
		return err
	}
	for _, r := range records {
		if r.Op == schemas.Retract {
			k.ids = append(k.ids, r.ID)
			continue
		}
		row := k.subject.New()
		if err := schemas.Decode(r.Value, walker, row); err != nil {
			k.t.Errorf("line %d: %v", r.Line, err)
		}
		if key := row.(schemas.Row).Key(); key != string(r.Key) {
			k.t.Errorf("line %d has the key %q, its row %q", r.Line, r.Key, key)
		}
		k.rows, k.lines, k.ids = append(k.rows, row), append(k.lines, r.Line), append(k.ids, r.ID)
	}
	return k.fail
}

func (k *keeper) Quarantine(_ context.Context, misfits []schemas.Record) error {
	walker, err := schemas.NewWalker(schemas.SubjectOf("hub.misfit").Avro)
	if err != nil {
		return err
	}
	for _, r := range misfits {
		var m schemas.Misfit
		if err := schemas.Decode(r.Value, walker, &m); err != nil {
			k.t.Errorf("line %d: %v", r.Line, err)
		}
		k.misfits, k.misfitIDs = append(k.misfits, m), append(k.misfitIDs, r.ID)
	}
	return nil
}

// read reads one file of a county folder.
func read(t *testing.T, name, content string) (*keeper, connectors.Reading, error) {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	profiles, err := connectors.Profiles()
	if err != nil {
		t.Fatal(err)
	}
	folder, err := connectors.Scan(dir, profiles)
	if err != nil || len(folder.Found) != 1 {
		t.Fatalf("Scan found %d files, %v", len(folder.Found), err)
	}
	k := &keeper{t: t, subject: schemas.SubjectOf(folder.Found[0].Subject)}
	door := connectors.Door{Dir: dir, SchemaID: func(string) uint32 { return 7 }}
	reading, err := door.Read(t.Context(), folder.Found[0], k)
	return k, reading, err
}

func gb18030(t *testing.T, s string) string {
	t.Helper()
	encoded, err := simplifiedchinese.GB18030.NewEncoder().String(s)
	if err != nil {
		t.Fatal(err)
	}
	return encoded
}

func TestReadPayroll(t *testing.T) {
	k, reading, err := read(t, "finance/payroll-202609.csv", gb18030(t, "备注,证件号码,金额,发放单位代码,所属期,姓名,工资类别,经费渠道\r\n"+
		"甲,139721-19600101 0003,\"5,432.10\",１2139721qa0000225q,202608,欧阳明,基本工资,财政全额\r\n"+
		",139721600101000,-200,12139721QA0000225Q,,𠮷,冲减,\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	full := schemas.FundChannel("FULL")
	want := []any{
		&schemas.PayLine{
			Person: "139721196001010003", Unit: "12139721QA0000225Q", Period: 202608, Class: "REG", AmountFen: 543210, Name: "欧阳明",
			WageType: "BASIC", FundChannel: &full, PaymentMonth: 202609, IDNumber: "139721196001010003",
			Rest: []schemas.Cell{{Column: "备注", Text: "甲"}, {Column: "发放单位代码", Text: "１2139721qa0000225q"}, {Column: "证件号码", Text: "139721-19600101 0003"}},
		},
		&schemas.PayLine{
			Person: "139721196001010003", Unit: "12139721QA0000225Q", Period: 202609, Class: "COR", AmountFen: -20000, Name: "𠮷",
			WageType: "OFFSET", PaymentMonth: 202609, IDNumber: "139721600101000", Rest: []schemas.Cell{},
		},
	}
	if diff := cmp.Diff(want, k.rows); diff != "" {
		t.Errorf("rows differ (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"备注"}, reading.UnknownColumns); diff != "" {
		t.Errorf("unknown columns differ (-want +got):\n%s", diff)
	}
	if !strings.HasPrefix(reading.Digest, "sha256:") || reading.Bytes == 0 {
		t.Errorf("reading says digest %q of %d bytes", reading.Digest, reading.Bytes)
	}
}

// What a registration's own number is good for hangs on the agency that sends it.
func TestReadRegistrations(t *testing.T) {
	code := func(s schemas.UnitCode) *schemas.UnitCode { return &s }
	text := func(s string) *string { return &s }
	fen := func(f schemas.Fen) *schemas.Fen { return &f }
	yuan, wan, established, industry := schemas.Yuan("5,000.5"), schemas.Wan("-1.000001"), schemas.PartialDate("2001-02"), schemas.IndustryCode("ｆ51")
	day, _ := schemas.ParseDate("2026-09-30")
	for _, test := range []struct {
		name, file, content string
		want                []any
	}{
		{"tax", "entities/tax.csv", gb18030(t, "行业代码,纳税人识别号,纳税人名称,注册资本_元,纳税人状态,更新日期\n"+
			"ｆ51,9113 9721qd00000154,甲,\"5,000.5\",非正常,2026-09-30\n,139721QD0000306,乙,,迁出,\n,－,丙,,存续,\n"), []any{
			&schemas.Registration{
				Source: "tax", SourceKey: "9113 9721qd00000154", USCC: code("91139721QD00000154"), Name: "甲", CapitalYuan: &yuan, CapitalFen: fen(500050),
				Status: schemas.StatusAbnormal, Industry: &industry, UpdatedOn: &day, Rest: []schemas.Cell{},
			},
			&schemas.Registration{Source: "tax", SourceKey: "139721QD0000306", TaxNo: code("139721QD0000306"), Name: "乙", Status: schemas.StatusMoved, Rest: []schemas.Cell{}},
			&schemas.Registration{Source: "tax", SourceKey: "－", Name: "丙", Status: schemas.StatusExisting, Rest: []schemas.Cell{}},
		}},
		{"quality", "entities/quality.csv", "org_code,uscc,name,status\nqd000015-4,,甲,存续\n—,-,乙,注销\n", []any{
			&schemas.Registration{Source: "quality", SourceKey: "qd000015-4", OrgCode: code("QD0000154"), Name: "甲", Status: schemas.StatusExisting, Rest: []schemas.Cell{}},
			&schemas.Registration{Source: "quality", SourceKey: "—", Name: "乙", Status: schemas.StatusClosed, Rest: []schemas.Cell{{Column: "uscc", Text: "-"}}},
		}},
		{"civil", "entities/civil.csv", gb18030(t, "登记编号,统一社会信用代码,名称,开办资金_万元,成立日期,状态\n91139721QD00000154,,甲,-1.000001,2001-02,筹建\n"), []any{
			&schemas.Registration{
				Source: "civil", SourceKey: "91139721QD00000154", Name: "甲", CapitalWan: &wan, CapitalFen: fen(-1000001), Established: &established,
				Status: schemas.StatusPreparing, Rest: []schemas.Cell{},
			},
		}},
		{"statistics", "entities/statistics.csv", "source_id,org_code,name,status,employees,division\nS1,qd0000154,甲,开业,约 12,无\n", []any{
			&schemas.Registration{
				Source: "statistics", SourceKey: "S1", OrgCode: code("QD0000154"), Name: "甲", Status: schemas.StatusOpen, Division: text("无"), Employees: text("约 12"),
				Rest: []schemas.Cell{{Column: "org_code", Text: "qd0000154"}},
			},
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			k, _, err := read(t, test.file, test.content)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, k.rows); diff != "" {
				t.Errorf("rows differ (-want +got):\n%s", diff)
			}
		})
	}
}

func TestMisfits(t *testing.T) {
	head := "id_number,uscc,kind,from,to,approved\n"
	const id = "139721196001010003"
	for _, test := range []struct {
		name, file, content string
		column              string
		reason              schemas.Reason
		line                int64
	}{
		{"a required value missing", "hr/absences.csv", head + ",U1,sick,2026-09-01,,Y\n", "id_number", "MISSING", 2},
		{"nothing but hyphens in a number", "hr/absences.csv", head + "－-\u00ad,U1,sick,2026-09-01,,Y\n", "id_number", "MISSING", 2},
		{"nothing but blanks in a code", "hr/absences.csv", head + id + ",\u200b-,sick,2026-09-01,,Y\n", "uscc", "MISSING", 2},
		{"a date that does not exist", "hr/absences.csv", head + id + ",U1,sick,2026-02-29,,Y\n", "from", "UNREADABLE", 2},
		{"a date in another form", "hr/absences.csv", head + id + ",U1,sick,2026/09/01,,Y\n", "from", "UNREADABLE", 2},
		{"an optional value that can't be read", "hr/absences.csv", head + id + ",U1,sick,2026-09-01,soon,Y\n", "to", "UNREADABLE", 2},
		{"a value outside of its set", "hr/absences.csv", head + id + ",U1,Sick,2026-09-01,,Y\n", "kind", "UNREADABLE", 2},
		{"an end at the start", "hr/absences.csv", head + id + ",U1,sick,2026-09-01,2026-09-01,Y\n", "to", "INTERVAL", 2},
		{"a field too many", "hr/absences.csv", head + id + ",U1,sick,2026-09-01,,Y,\n", "", "FIELD_COUNT", 2},
		{"a stray quote, behind a record of two lines", "hr/absences.csv", "x," + head + "\"a\nb\"," + id + ",U1,sick,2026-09-01,,Y\nx" + id + "\",U1,sick,2026-09-01,,Y\n", "", "QUOTE", 4},
		{"a byte that is no UTF-8", "hr/absences.csv", head + id + ",U\xff,sick,2026-09-01,,Y\n", "", "ENCODING", 2},
		{"a replacement character", "hr/absences.csv", head + id + ",U\uFFFD,sick,2026-09-01,,Y\n", "", "NO_CHARACTER", 2},
		{"a successor missing", "staffing/successions.csv", "from_uscc,to_uscc,kind,effective\nU1,,rename,2026-09-01\n", "to_uscc", "MISSING", 2},
		{"a fraction of a quota", "staffing/quotas.csv", "uscc,slot_type,quota,valid_from\nU1,行政,1.5,2026-09-01\n", "quota", "UNREADABLE", 2},
		{"a number under a key", "hr/events.ndjson", `{"id_number":true,"uscc":"U1","event":"hire","effective":"2026-09-01"}`, "id_number", "TYPE", 1},
		{"no object", "hr/events.ndjson", "\n[1]\n", "", "JSON", 2},
		{"an amount with three decimals", "finance/payroll-202609.csv", gb18030(t, "发放单位代码,姓名,证件号码,工资类别,金额\nU1,张,"+id+",补发,1.005\n"), "金额", "UNREADABLE", 2},
		{"a status that only tax knows", "entities/quality.csv", "org_code,name,status\nQ1,甲,非正常\n", "status", "UNREADABLE", 2},
		{"a status that nobody knows", "entities/tax.csv", gb18030(t, "纳税人识别号,纳税人名称,纳税人状态\n1,甲,良好\n"), "纳税人状态", "UNREADABLE", 2},
		{"seven decimals of 10,000 yuan", "entities/staffing.csv", "source_id,name,status,capital_wan\n1,甲,存续,1.0000001\n", "capital_wan", "UNREADABLE", 2},
		{"10,000 yuan too often", "entities/staffing.csv", "source_id,name,status,capital_wan\n1,甲,存续,9223372036854.775808\n", "capital_wan", "UNREADABLE", 2},
		{"three decimals of a yuan", "entities/commerce.ndjson", `{"source_id":1,"name":"甲","status":"存续","capital_yuan":1.005}`, "capital_yuan", "UNREADABLE", 1},
		{"a month that does not exist", "entities/staffing.csv", "source_id,name,status,established\n1,甲,存续,2001-13\n", "established", "UNREADABLE", 2},
		{"an industry of five digits", "entities/statistics.csv", "source_id,name,status,industry\n1,甲,存续,F51931\n", "industry", "UNREADABLE", 2},
		{"an industry of nothing but hyphens", "entities/statistics.csv", "source_id,name,status,industry\n1,甲,存续,--\n", "industry", "UNREADABLE", 2},
		{"an update of a month", "entities/statistics.csv", "source_id,name,status,updated_on\n1,甲,存续,2026-09\n", "updated_on", "UNREADABLE", 2},
		{"a registration without a number", "entities/quality.csv", "org_code,name,status\n,甲,存续\n", "org_code", "MISSING", 2},
		{"a division that ends as it begins", "entities/divisions.csv", "code,name,valid_from,valid_to\n139721,甲,2026-09-01,2026-09-01\n", "valid_to", "INTERVAL", 2},
		{"an event of no kind", "entities/civil_events.ndjson", `{"source_id":"1","uscc":"U1","name":"甲","event":"迁移","effective":"2026-09-01"}`, "event", "UNREADABLE", 1},
		{"half a chief", "staffing/departments.csv", "uscc,department_no,name,chief,valid_from\nU1,1,办公室,0.5,2026-09-01\n", "chief", "UNREADABLE", 2},
		{"a digest that is none", "staffing/establishment_plans.csv", "uscc,document_no,title,issued_on,digest\nU1,1,三定规定,2026-09-01,abc\n", "digest", "UNREADABLE", 2},
		{"a duty of no kind", "staffing/duties.csv", "uscc,item_code,name,kind,valid_from\nU1,1,取水,征用,2026-09-01\n", "kind", "UNREADABLE", 2},
		{"an online name elsewhere", "staffing/online_names.csv", "uscc,domain,kind,registered_on,expires_on\nU1,某局.公司,政务,2026-09-01,2027-09-01\n", "domain", "UNREADABLE", 2},
		{"an online name that was never held", "staffing/online_names.csv", "uscc,domain,kind,registered_on,expires_on\nU1,某局.政务,政务,2026-09-01,2026-09-01\n", "expires_on", "INTERVAL", 2},
		{"fewer cases than none", "hall/case_figures.csv", "uscc,month,accepted,finished,overdue,poor_ratings\nU1,202609,-1,0,0,0\n", "accepted", "UNREADABLE", 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			k, _, err := read(t, test.file, test.content)
			if err != nil {
				t.Fatal(err)
			}
			if len(k.misfits) != 1 {
				t.Fatalf("%d misfits and %d rows, want 1 misfit", len(k.misfits), len(k.rows))
			}
			m := k.misfits[0]
			column := ""
			if m.Column != nil {
				column = *m.Column
			}
			if m.File != test.file || m.Line != test.line || column != test.column || m.Reason != test.reason || m.Detail == "" {
				t.Errorf("got %s line %d column %q %s (%s), want line %d column %q %s", m.File, m.Line, column, m.Reason, m.Detail, test.line, test.column, test.reason)
			}
			if line := strings.Split(test.content, "\n")[test.line-1]; string(m.Raw) != line {
				t.Errorf("kept %q of the row, want %q", m.Raw, line)
			}
			if strings.Contains(m.Detail, id) {
				t.Errorf("the detail holds a person's number: %s", m.Detail)
			}
		})
	}
}

// An abolished unit has no successor, whatever stands there.
func TestAbolishIgnoresSuccessor(t *testing.T) {
	k, _, err := read(t, "staffing/successions.csv", "from_uscc,to_uscc,kind,effective\nU1,U2,abolish,2026-09-01\nU1,U2,merge,2026-09-01\n")
	if err != nil || len(k.rows) != 2 {
		t.Fatalf("%d rows, %v", len(k.rows), err)
	}
	if s := k.rows[0].(*schemas.Succession); s.To != nil {
		t.Errorf("the abolished unit has the successor %s", *s.To)
	}
	if s := k.rows[1].(*schemas.Succession); s.To == nil || *s.To != "U2" {
		t.Errorf("the merged unit has the successor %v, want U2", s.To)
	}
}

// Many blocks on several workers come out in the order of the file, each row with its line.
func TestOrder(t *testing.T) {
	var b strings.Builder
	b.WriteString("id_number,insured_uscc,month\n")
	const n = 60_000
	for i := range n {
		fmt.Fprintf(&b, "13972119600101%04d,U%d,202609\n", i%10_000, i)
	}
	k, reading, err := read(t, "social/insurance.csv", b.String())
	if err != nil || len(k.rows) != n {
		t.Fatalf("%d rows, %v; want %d", len(k.rows), err, n)
	}
	for i, row := range k.rows {
		if want := fmt.Sprintf("U%d", i); string(row.(*schemas.Insurance).Unit) != want || k.lines[i] != int64(i+2) {
			t.Fatalf("row %d is of unit %s, line %d; want %s, line %d", i, row.(*schemas.Insurance).Unit, k.lines[i], want, i+2)
		}
	}
	if reading.Bytes != int64(b.Len()) {
		t.Errorf("read %d bytes of %d", reading.Bytes, b.Len())
	}
}

// What a row means decides its ID: how it is quoted or spaced does not, nor where the columns stand.
func TestContentID(t *testing.T) {
	first, _, err1 := read(t, "social/insurance.csv", "id_number,insured_uscc,month,b,a\n139721196001010003,U1,202609,2,1\n")
	second, _, err2 := read(t, "social/insurance.csv", "\uFEFFa,month,id_number,b,insured_uscc\r\n1,\"202609\", 139721196001010003 ,2,U1\r\n")
	other, _, err3 := read(t, "social/insurance.csv", "id_number,insured_uscc,month\n139721196001010003,U1,202608\n")
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	if first.ids[0] != second.ids[0] {
		t.Error("the same row written in another way has another ID")
	}
	if first.ids[0] == other.ids[0] {
		t.Error("another row has the same ID")
	}
}

// Unknown columns are never an error. One with an endless name goes by its place, or each record would
// hold the name.
func TestEndlessHeader(t *testing.T) {
	k, reading, err := read(t, "social/insurance.csv", "id_number,"+strings.Repeat("名", 300_000)+",insured_uscc,month,note\n139721196001010003,x,U1,202609,y\n")
	if err != nil || len(k.rows) != 1 {
		t.Fatalf("%d rows, %v", len(k.rows), err)
	}
	want := []schemas.Cell{{Column: "#2", Text: "x"}, {Column: "note", Text: "y"}}
	if diff := cmp.Diff(want, k.rows[0].(*schemas.Insurance).Rest); diff != "" {
		t.Errorf("cells kept differ (-want +got):\n%s", diff)
	}
	for _, name := range reading.UnknownColumns {
		if len(name) > 300 {
			t.Errorf("the receipt holds a name of %d bytes", len(name))
		}
	}
}

// A taker that refuses ends the reading with its error.
func TestTakerRefuses(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "social"), 0o755); err != nil {
		t.Fatal(err)
	}
	content := "id_number,insured_uscc,month\n" + strings.Repeat("139721196001010003,U1,202609\n", 100_000)
	if err := os.WriteFile(filepath.Join(dir, "social", "insurance.csv"), []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	profiles, err := connectors.Profiles()
	if err != nil {
		t.Fatal(err)
	}
	folder, err := connectors.Scan(dir, profiles)
	if err != nil {
		t.Fatal(err)
	}
	refused := errors.New("refused")
	k := &keeper{t: t, subject: schemas.SubjectOf("social.insurance"), fail: refused}
	door := connectors.Door{Dir: dir, SchemaID: func(string) uint32 { return 7 }}
	if _, err := door.Read(t.Context(), folder.Found[0], k); !errors.Is(err, refused) {
		t.Errorf("Read gave %v, want %v", err, refused)
	}
}

func TestProfileErrors(t *testing.T) {
	for _, test := range []struct{ name, profile, says string }{
		{"unknown key", "agency: x\nfiles:\n  - file: a\n    colour: red\n", "[4:5] unknown field"},
		{"unknown subject", "agency: x\nfiles:\n  - {file: a, subject: x.y, form: csv, encoding: utf-8}\n", "no schema"},
		{"unknown form", "agency: x\nfiles:\n  - {file: a, subject: civil.death, form: pdf, encoding: utf-8}\n", "want one of"},
		{"unknown encoding", "agency: x\nfiles:\n  - {file: a, subject: civil.death, form: csv, encoding: big5}\n", "want utf-8, gb18030 or auto"},
		{"unknown field", "agency: x\nfiles:\n  - {file: a, subject: civil.death, form: csv, encoding: utf-8, columns: [{header: h, field: f}]}\n", `no field "f"`},
		{"a field that nothing fills", "agency: x\nfiles:\n  - {file: a, subject: civil.death, form: csv, encoding: utf-8, columns: [{header: h, field: name}]}\n", `no column gives the field "died_on"`},
		{"header twice", "agency: x\nfiles:\n  - {file: a, subject: civil.death, form: csv, encoding: utf-8, columns: [{header: h, field: name}, {header: h, field: name}]}\n", "stands twice"},
		{"two files of one name", "agency: x\nfiles:\n" + strings.Repeat("  - {file: a/b, subject: civil.death, form: csv, encoding: utf-8, columns: [{header: h, field: died_on}, {header: i, field: id_number}]}\n", 2), "the same name"},
		{"a subject that no agency sends", "agency: x\nfiles:\n  - {file: a, subject: hub.misfit, form: csv, encoding: utf-8}\n", "no agency sends"},
	} {
		if _, err := connectors.ParseProfile([]byte(test.profile)); err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: ParseProfile gave %v, want it to say %q", test.name, err, test.says)
		}
	}
}

// Every header that a built-in profile looks for is one that the schema says partners write.
func TestProfilesAgreeWithSchemas(t *testing.T) {
	profiles, err := connectors.Profiles()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range profiles {
		for _, f := range p.Files {
			for _, c := range f.Columns {
				field := schemas.SubjectOf(f.Subject).Field(c.Field)
				if !strings.Contains(","+strings.Join(field.Headers, ",")+",", ","+c.Header+",") {
					t.Errorf("%s: column %s is not among the x-headers of %s: %q", f.Path, c.Header, c.Field, field.Headers)
				}
			}
		}
	}
}

// An agency names its files without a folder. Whatever an agency may send, some file brings it.
func TestFind(t *testing.T) {
	profiles, err := connectors.Profiles()
	if err != nil {
		t.Fatal(err)
	}
	brought := map[string]bool{}
	for i := range profiles {
		p := &profiles[i]
		for j := range p.Files {
			brought[p.Files[j].Subject] = true
			want := strings.ReplaceAll(p.Files[j].Path, "{month}", "202609")
			for _, ending := range []string{"", ".gz", ".zip"} {
				found, _ := p.Find(path.Base(want) + ending)
				if found.File != &p.Files[j] || found.Name != want || found.As != "" || (found.Month == 202609) != (want != found.File.Path) {
					t.Errorf("%s%s of %s is found as %s of %s", path.Base(want), ending, p.Agency, found.Name, found.Month)
				}
			}
			stem := strings.TrimSuffix(path.Base(want), path.Ext(want))
			if found, _ := p.Find(stem + ".XLSX"); found.File != &p.Files[j] || found.Name != want || found.As != connectors.XLSX {
				t.Errorf("a workbook %s of %s is found as %s in form %s", stem, p.Agency, found.Name, found.As)
			}
			for _, other := range []string{want, "../" + want, "x/../" + path.Base(want), "./" + path.Base(want), path.Base(want) + "/", "", ".", ".."} {
				if found, ok := p.Find(other); ok {
					t.Errorf("%q of %s is found as %s", other, p.Agency, found.File.Path)
				}
			}
		}
	}
	for _, s := range schemas.Subjects() {
		if brought[s.Name] != (s.NewRow() != nil) {
			t.Errorf("%s: brought by a file: %t", s.Name, brought[s.Name])
		}
	}
}

func FuzzParseProfile(f *testing.F) {
	f.Add("agency: x\nfiles:\n  - {file: a, subject: civil.death, form: csv, encoding: utf-8, columns: [{header: h, field: died_on}]}\n")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := connectors.ParseProfile([]byte(text))
		if err != nil {
			return
		}
		for _, file := range p.Files {
			if schemas.SubjectOf(file.Subject) == nil {
				t.Errorf("a profile of the unknown subject %q passes", file.Subject)
			}
		}
	})
}

// The template is a profile as it stands.
func TestTemplate(t *testing.T) {
	p, err := connectors.ParseProfile(connectors.Template)
	if err != nil {
		t.Fatal(err)
	}
	if found, ok := p.Find("register.xlsx"); !ok || found.As != connectors.XLSX {
		t.Errorf("register.xlsx is found as %+v", found)
	}
	if found, ok := p.Find("wages-202609.csv.gz"); !ok || found.Month != 202609 {
		t.Errorf("wages-202609.csv.gz is found as %+v", found)
	}
}
