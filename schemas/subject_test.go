package schemas

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"github.com/hamba/avro/v2"
)

func TestEverySchemaFileIsASubject(t *testing.T) {
	files, err := avscFiles.ReadDir("avro")
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for _, f := range files {
		want = append(want, strings.TrimSuffix(f.Name(), ".avsc"))
	}
	for _, s := range Subjects() {
		got = append(got, s.Name)
		if SubjectOf(s.Name) != s {
			t.Errorf("SubjectOf(%s) is another subject", s.Name)
		}
		record := s.Avro.(*avro.RecordSchema)
		agency, _, _ := strings.Cut(s.Name, ".")
		if name := "hebian." + agency + "." + reflect.TypeOf(s.New()).Elem().Name(); record.FullName() != name {
			t.Errorf("%s: record %s, want %s", s.Name, record.FullName(), name)
		}
		if isRow := s.NewRow() != nil; isRow != (agency != "hub") {
			t.Errorf("%s: a row: %v", s.Name, isRow)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if SubjectOf("finance.nothing") != nil {
		t.Error("a subject out of nothing")
	}
}

// The library pairs fields by name and would drop one that has no partner.
func TestStructsFollowTheirSchemas(t *testing.T) {
	for _, s := range Subjects() {
		typ := reflect.TypeOf(s.New()).Elem()
		var tags, names []string
		for i := range typ.NumField() {
			tags = append(tags, typ.Field(i).Tag.Get("avro"))
		}
		for i, f := range s.Fields {
			names = append(names, f.Name)
			if i >= typ.NumField() {
				continue
			}
			goType := typ.Field(i).Type
			if optional := goType.Kind() == reflect.Pointer; optional != f.Optional {
				t.Errorf("%s.%s: optional in the schema: %v, in the struct: %v", s.Name, f.Name, f.Optional, optional)
			} else if optional {
				goType = goType.Elem()
			}
			if want := kindOfGo(goType, f.Name); want != f.Kind {
				t.Errorf("%s.%s: kind %d for a %s", s.Name, f.Name, f.Kind, goType)
			}
		}
		if diff := cmp.Diff(names, tags); diff != "" {
			t.Errorf("%s: schema (-) and struct (+)\n%s", s.Name, diff)
		}
	}
}

func kindOfGo(t reflect.Type, field string) Kind {
	switch reflect.Zero(t).Interface().(type) {
	case IDNumber:
		return KindIDNumber
	case UnitCode:
		return KindUnitCode
	case Date:
		return KindDate
	case Month:
		return KindMonth
	case Fen:
		return KindFen
	case Yuan:
		return KindYuan
	case Wan:
		return KindWan
	case PartialDate:
		return KindPartialDate
	case IndustryCode:
		return KindIndustry
	case int64:
		return KindNumber
	case bool:
		return KindFlag
	case []byte:
		return KindBytes
	case []Cell:
		return KindCells
	case []CitedRow, []GoldenMember, []GoldenField:
		return KindRecords
	case string:
		if field == "person" {
			return KindIDNumber
		}
		return KindText
	case Reason:
		return KindText
	}
	return KindSet
}

func TestEveryFieldIsDescribed(t *testing.T) {
	authorities := []string{
		"staffing", "finance", "hr", "civil", "discipline", "social", "hub", "public_security",
		"commerce", "tax", "statistics", "quality", "hall", "registrar",
	}
	for _, s := range Subjects() {
		record := s.Avro.(*avro.RecordSchema)
		checkWords(t, s.Name, record.Doc(), s.Label)
		headers := map[string]bool{}
		for i, f := range record.Fields() {
			where := s.Name + "." + f.Name()
			checkWords(t, where, f.Doc(), s.Fields[i].Label)
			if level, _ := f.Prop("x-level").(float64); level < 1 || level > 4 {
				t.Errorf("%s: x-level %v", where, f.Prop("x-level"))
			}
			if _, ok := f.Prop("x-pii").(bool); !ok {
				t.Errorf("%s: x-pii %v", where, f.Prop("x-pii"))
			}
			if authority, _ := f.Prop("x-authority").(string); !slices.Contains(authorities, authority) {
				t.Errorf("%s: x-authority %v", where, f.Prop("x-authority"))
			}
			// Only a registration is about what two fields name: a register and a number there.
			if key := f.Prop("x-key") == true; key != (i == 0 || where == "entity.registration.source_key") {
				t.Errorf("%s: the key comes first and is one field", where)
			}
			for _, h := range s.Fields[i].Headers {
				// The code centre numbers its rows by what is a code beside the number in those of others.
				if headers[h] && where != "entity.registration.org_code" {
					t.Errorf("%s: header %s twice", where, h)
				}
				headers[h] = true
			}
			if enum := enumOf(f.Type()); enum != nil {
				label, _ := enum.Prop("x-label").(string)
				checkWords(t, enum.FullName(), enum.Doc(), label)
				if labels := slices.Compact(slices.Sorted(slices.Values(s.Fields[i].Labels))); len(labels) != len(enum.Symbols()) {
					t.Errorf("%s: a label stands for two symbols", enum.FullName())
				}
				if labels := enum.Prop("x-labels").(map[string]any); len(labels) != len(enum.Symbols()) {
					t.Errorf("%s: labels of symbols that aren't", enum.FullName())
				}
			}
		}
	}
}

func checkWords(t *testing.T, where, doc, label string) {
	t.Helper()
	if !strings.HasSuffix(doc, ".") || strings.ContainsFunc(doc, isHan) {
		t.Errorf("%s: doc %q", where, doc)
	}
	if !strings.ContainsFunc(label, isHan) {
		t.Errorf("%s: x-label %q", where, label)
	}
}

func isHan(r rune) bool { return unicode.Is(unicode.Han, r) }

func enumOf(s avro.Schema) *avro.EnumSchema {
	if union, ok := s.(*avro.UnionSchema); ok {
		_, other := union.Indices()
		s = union.Types()[other]
	}
	enum, _ := s.(*avro.EnumSchema)
	return enum
}

// A name that stands in several files means the same in all of them.
func TestSharedTypesAreEqual(t *testing.T) {
	seen := map[string]any{}
	var visit func(v any)
	visit = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			if v["namespace"] == "hebian" {
				name := v["name"].(string)
				if old, ok := seen[name]; ok {
					if diff := cmp.Diff(old, any(v)); diff != "" {
						t.Errorf("%s differs:\n%s", name, diff)
					}
				}
				seen[name] = v
			}
			for _, child := range v {
				visit(child)
			}
		case []any:
			for _, child := range v {
				visit(child)
			}
		}
	}
	for _, s := range Subjects() {
		var text any
		if err := json.Unmarshal([]byte(s.Schema), &text); err != nil {
			t.Fatalf("%s: %v", s.Name, err)
		}
		visit(text)
	}
}

// The constants of value.go are the symbols of the schemas, no more and no fewer.
func TestConstantsAreSymbols(t *testing.T) {
	symbols := map[string][]string{}
	for _, s := range Subjects() {
		for _, f := range s.Avro.(*avro.RecordSchema).Fields() {
			if enum := enumOf(f.Type()); enum != nil {
				symbols[enum.Name()] = slices.Sorted(slices.Values(enum.Symbols()))
			}
		}
	}
	file, err := parser.ParseFile(token.NewFileSet(), "value.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	constants := map[string][]string{}
	for _, d := range file.Decls {
		group, ok := d.(*ast.GenDecl)
		if !ok || group.Tok != token.CONST {
			continue
		}
		for _, spec := range group.Specs {
			c := spec.(*ast.ValueSpec)
			value, err := strconv.Unquote(c.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			name := c.Type.(*ast.Ident).Name
			constants[name] = append(constants[name], value)
			slices.Sort(constants[name])
		}
	}
	if diff := cmp.Diff(symbols, constants); diff != "" {
		t.Errorf("symbols (-) and constants (+)\n%s", diff)
	}
}

func TestLabelsAreWhatAgenciesWrite(t *testing.T) {
	want := map[string]string{ // subject.field symbol
		"staffing.institution.unit_type SELF":          "自收自支事业",
		"staffing.institution.status WITHDRAWN":        "撤销",
		"staffing.slot.slot_type POLICE_SPECIAL":       "政法专项",
		"staffing.slot.fund_channel PARTIAL":           "财政差额",
		"staffing.slot.leader DEPUTY":                  "deputy",
		"staffing.exemption.category RURAL_SERVICE":    "三支一扶",
		"staffing.succession.kind SPLIT":               "split",
		"finance.pay_line.wage_type DEATH_GRANT":       "抚恤金",
		"finance.pay_line.fund_channel SELF":           "自筹",
		"hr.staff_event.event TRANSFER_OUT":            "transfer_out",
		"hr.absence.kind ABSENT":                       "absent",
		"hr.absence.approved N":                        "N",
		"discipline.penalty.pay_effect STOP":           "stop",
		"finance.pay_line.wage_type SURVIVOR_SUBSIDY":  "遗属补助",
		"staffing.permit.slot_type CIVIL_SERVICE_LIKE": "参公",
		"staffing.duty.kind LEVY":                      "征收",
		"staffing.online_name.kind PUBLIC_BENEFIT":     "公益",
		"entity.event.event ANNUAL_REPORT":             "年检",
		"entity.registration.status EXISTING":          "存续",
		"entity.registration.status OUT_OF_BUSINESS":   "歇业",
		"entity.registration.status ABNORMAL":          "非正常",
	}
	got := map[string]string{}
	for _, s := range Subjects() {
		for _, f := range s.Fields {
			for i, symbol := range f.Symbols {
				key := s.Name + "." + f.Name + " " + symbol
				if _, ok := want[key]; ok {
					got[key] = f.Labels[i]
				}
			}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestEveryWageTypeHasAClass(t *testing.T) {
	classes := map[PayClass]bool{}
	for _, symbol := range SubjectOf("finance.pay_line").Field("wage_type").Symbols {
		classes[WageType(symbol).Class()] = true
	}
	for _, symbol := range SubjectOf("finance.pay_line").Field("class").Symbols {
		if !classes[PayClass(symbol)] {
			t.Errorf("no wage type has class %s", symbol)
		}
	}
}

func TestAdmits(t *testing.T) {
	slotTypes := SubjectOf("staffing.slot").Field("slot_type").Symbols
	wantFunds := map[string]string{
		"ADMIN": "FULL", "POLICE_SPECIAL": "FULL", "CIVIL_SERVICE_LIKE": "FULL", "FULL": "FULL",
		"PARTIAL": "PARTIAL", "SELF": "SELF", "WORKER": "FULL PARTIAL",
	}
	gotFunds := map[string]string{}
	for _, slot := range slotTypes {
		var admitted []string
		for _, fund := range SubjectOf("staffing.slot").Field("fund_channel").Symbols {
			if SlotType(slot).Admits(FundChannel(fund)) {
				admitted = append(admitted, fund)
			}
		}
		gotFunds[slot] = strings.Join(admitted, " ")
	}
	if diff := cmp.Diff(wantFunds, gotFunds); diff != "" {
		t.Errorf("fund channels of a slot type\n%s", diff)
	}
	wantSlots := map[string]string{
		"ADMIN": "ADMIN POLICE_SPECIAL WORKER", "CIVIL_SERVICE_LIKE": "CIVIL_SERVICE_LIKE WORKER",
		"FULL": "FULL WORKER", "PARTIAL": "PARTIAL WORKER", "SELF": "SELF",
	}
	gotSlots := map[string]string{}
	for _, unit := range SubjectOf("staffing.institution").Field("unit_type").Symbols {
		var admitted []string
		for _, slot := range slotTypes {
			if UnitType(unit).Admits(SlotType(slot)) {
				admitted = append(admitted, slot)
			}
		}
		gotSlots[unit] = strings.Join(admitted, " ")
	}
	if diff := cmp.Diff(wantSlots, gotSlots); diff != "" {
		t.Errorf("slot types of a unit type\n%s", diff)
	}
}
