package schemas

import (
	"embed"
	"fmt"
	"slices"
	"sync"

	"github.com/hamba/avro/v2"
)

//go:embed avro/*.avsc
var avscFiles embed.FS

// Subject is a kind of record as it crosses walls: its name, also the topic's, and the contract in
// its Avro schema. Beside doc, the schema carries x-label (Chinese name), x-authority (the agency
// that owns the datum; registrar: whichever registers the entity), x-level (1 public, 2 internal,
// 3 personal, 4 identity and health), x-pii (says something of a natural person), x-code (the standard
// behind a code), x-key, x-unit, x-format, x-headers (columns as partners write them) and x-labels
// (values as partners write them).
type Subject struct {
	Name   string      // "finance.pay_line"
	Label  string      // Chinese name
	Schema string      // text of the .avsc file
	Avro   avro.Schema // the same, parsed
	Fields []SubjectField
	New    func() any // a pointer to a new struct of the subject's record type
}

// NewRow is a new row of the subject; nil for those of the hub itself, which no agency sends.
func (s *Subject) NewRow() Row {
	row, _ := s.New().(Row)
	return row
}

// Field finds a field by its name; nil if there is none.
func (s *Subject) Field(name string) *SubjectField {
	for i := range s.Fields {
		if s.Fields[i].Name == name {
			return &s.Fields[i]
		}
	}
	return nil
}

// SubjectField is a top-level field of a subject.
type SubjectField struct {
	Name     string
	Label    string   // Chinese name
	Headers  []string // columns as partners write them; none for what the hub derives
	Kind     Kind
	Optional bool     // may be null
	Symbols  []string // of a KindSet, in the order of the enum
	Labels   []string // how agencies write the symbol of the same place
}

// Kind is how the text of a cell becomes the value of a field.
type Kind uint8

// The kinds of fields.
const (
	KindText     Kind = iota
	KindIDNumber      // a citizen's number, cleaned
	KindUnitCode      // a unit's or an entity's code, cleaned
	KindDate
	KindMonth
	KindFen         // money
	KindYuan        // money in yuan, checked and kept as written
	KindWan         // money in units of 10,000 yuan, checked and kept as written
	KindPartialDate // a day, month or year, checked and kept as written
	KindIndustry    // a code of GB/T 4754, checked and kept as written
	KindNumber      // a whole number
	KindFlag        // yes or no
	KindSet         // one of Symbols
	KindBytes
	KindCells   // cells kept as written
	KindRecords // records of another type, such as cited rows
)

// Subjects lists every subject. Nobody may change what it points to.
func Subjects() []*Subject { return parsedSubjects() }

// SubjectOf finds a subject by its name; nil if there is none.
func SubjectOf(name string) *Subject {
	for _, s := range parsedSubjects() {
		if s.Name == name {
			return s
		}
	}
	return nil
}

// Parsed once, because that takes milliseconds. The files are part of the binary: a fault in them
// is a broken build and panics.
var parsedSubjects = sync.OnceValue(func() []*Subject {
	subjects := []*Subject{
		{Name: "civil.death", New: func() any { return new(Death) }},
		{Name: "discipline.penalty", New: func() any { return new(Penalty) }},
		{Name: "entity.division", New: func() any { return new(Division) }},
		{Name: "entity.event", New: func() any { return new(RegistrationEvent) }},
		{Name: "entity.registration", New: func() any { return new(Registration) }},
		{Name: "finance.control_number", New: func() any { return new(ControlNumber) }},
		{Name: "finance.pay_line", New: func() any { return new(PayLine) }},
		{Name: "hall.case_figure", New: func() any { return new(CaseFigure) }},
		{Name: "hr.absence", New: func() any { return new(Absence) }},
		{Name: "hr.staff_event", New: func() any { return new(StaffEvent) }},
		{Name: "hub.correction", New: func() any { return new(Correction) }},
		{Name: "hub.golden", New: func() any { return new(Golden) }},
		{Name: "hub.misfit", New: func() any { return new(Misfit) }},
		{Name: "social.insurance", New: func() any { return new(Insurance) }},
		{Name: "staffing.certificate", New: func() any { return new(Certificate) }},
		{Name: "staffing.department", New: func() any { return new(Department) }},
		{Name: "staffing.duty", New: func() any { return new(Duty) }},
		{Name: "staffing.establishment_plan", New: func() any { return new(EstablishmentPlan) }},
		{Name: "staffing.exemption", New: func() any { return new(Exemption) }},
		{Name: "staffing.institution", New: func() any { return new(Institution) }},
		{Name: "staffing.leader_post", New: func() any { return new(LeaderPost) }},
		{Name: "staffing.online_name", New: func() any { return new(OnlineName) }},
		{Name: "staffing.permit", New: func() any { return new(Permit) }},
		{Name: "staffing.quota", New: func() any { return new(Quota) }},
		{Name: "staffing.secondment", New: func() any { return new(Secondment) }},
		{Name: "staffing.slot", New: func() any { return new(Slot) }},
		{Name: "staffing.succession", New: func() any { return new(Succession) }},
	}
	for _, s := range subjects {
		if err := s.parse(); err != nil {
			panic(fmt.Sprintf("subject %s: %v", s.Name, err))
		}
	}
	return subjects
})

func (s *Subject) parse() error {
	text, err := avscFiles.ReadFile("avro/" + s.Name + ".avsc")
	if err != nil {
		return err
	}
	s.Schema = string(text)
	// A cache of its own: the library's global one mixes up the names of different schemas.
	if s.Avro, err = avro.ParseWithCache(s.Schema, "", &avro.SchemaCache{}); err != nil {
		return err
	}
	record, ok := s.Avro.(*avro.RecordSchema)
	if !ok {
		return fmt.Errorf("a %s, not a record", s.Avro.Type())
	}
	s.Label, _ = record.Prop("x-label").(string)
	for _, f := range record.Fields() {
		field, err := subjectField(f)
		if err != nil {
			return fmt.Errorf("field %s: %w", f.Name(), err)
		}
		s.Fields = append(s.Fields, field)
	}
	return nil
}

func subjectField(f *avro.Field) (SubjectField, error) {
	field := SubjectField{Name: f.Name()}
	field.Label, _ = f.Prop("x-label").(string)
	headers, _ := f.Prop("x-headers").([]any)
	for _, h := range headers {
		header, ok := h.(string)
		if !ok {
			return field, fmt.Errorf("x-headers holds a %T", h)
		}
		field.Headers = append(field.Headers, header)
	}
	schema := f.Type()
	if union, ok := schema.(*avro.UnionSchema); ok {
		if !union.Nullable() {
			return field, fmt.Errorf("a union of other than null and one type")
		}
		_, other := union.Indices()
		field.Optional, schema = true, union.Types()[other]
	}
	if enum, ok := schema.(*avro.EnumSchema); ok {
		labels, _ := enum.Prop("x-labels").(map[string]any)
		for _, symbol := range enum.Symbols() {
			label, ok := labels[symbol].(string)
			if !ok {
				return field, fmt.Errorf("no x-labels for %s", symbol)
			}
			field.Symbols = append(field.Symbols, symbol)
			field.Labels = append(field.Labels, label)
		}
	}
	var err error
	field.Kind, err = kindOf(f, schema)
	return field, err
}

func kindOf(f *avro.Field, schema avro.Schema) (Kind, error) {
	logical := avro.LogicalType("")
	if l, ok := schema.(avro.LogicalTypeSchema); ok && l.Logical() != nil {
		logical = l.Logical().Type()
	}
	switch t := schema.Type(); {
	case t == avro.String && f.Prop("x-code") == "GB 11643":
		return KindIDNumber, nil
	case t == avro.String && f.Prop("x-code") == "GB/T 4754":
		return KindIndustry, nil
	case t == avro.String && slices.Contains([]any{"GB 32100", "GB 11714", "GS 15"}, f.Prop("x-code")):
		return KindUnitCode, nil
	case t == avro.String && f.Prop("x-unit") == "yuan":
		return KindYuan, nil
	case t == avro.String && f.Prop("x-unit") == "wan":
		return KindWan, nil
	case t == avro.String && f.Prop("x-format") == "YYYY[-MM[-DD]]":
		return KindPartialDate, nil
	case t == avro.String:
		return KindText, nil
	case t == avro.Int && logical == avro.Date:
		return KindDate, nil
	case t == avro.Int && f.Prop("x-format") == "YYYYMM":
		return KindMonth, nil
	case t == avro.Long && f.Prop("x-unit") == "fen":
		return KindFen, nil
	case t == avro.Long:
		return KindNumber, nil
	case t == avro.Boolean:
		return KindFlag, nil
	case t == avro.Enum:
		return KindSet, nil
	case t == avro.Bytes:
		return KindBytes, nil
	case t == avro.Array && itemName(schema) == "hebian.Cell":
		return KindCells, nil
	case t == avro.Array && itemName(schema) != "":
		return KindRecords, nil
	}
	return 0, fmt.Errorf("no kind for Avro %s", schema.Type())
}

// itemName is the name of the type that an array holds, empty if it has none.
func itemName(array avro.Schema) string {
	if named, ok := array.(*avro.ArraySchema).Items().(avro.NamedSchema); ok {
		return named.FullName()
	}
	return ""
}
