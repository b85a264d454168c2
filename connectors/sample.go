package connectors

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"hebian/connectors/text"
	"hebian/schemas"
)

// Bounds of a look at a sample.
const (
	sampleRows    = 1000
	sampleColumns = 500
)

// Sample is the first rows of a file, as they stand there.
type Sample struct {
	Name     string // of the file, without its folder
	Form     Form
	Encoding string // "" where the form says it itself
	Mixed    bool   // some lines are in another encoding
	Headers  []string
	Rows     [][]string // cells in the order of the headers; at most sampleRows
	Unread   int        // of those rows, the ones that break the form
}

// ReadSample reads the first rows of a file whatever it is: its form is that of its name's ending.
func ReadSample(path string) (Sample, error) {
	base := filepath.Base(path)
	form, ok := formOf(base)
	if !ok {
		return Sample{}, &FileError{File: base, Reason: fmt.Sprintf("its name ends in none of %s", strings.Join(names(endings), ", "))}
	}
	s, err := readSampleIn(path, form, autoEncoding)
	if err == nil || !form.encoded() {
		return s, err
	}
	// Some lines may not be in the encoding of the others, and a profile must say which one counts. Text in GB18030 is hardly ever valid
	// UTF-8 by chance; the other way round it often is.
	for _, encoding := range []string{"utf-8", "gb18030"} {
		if s, otherErr := readSampleIn(path, form, encoding); otherErr == nil && s.Unread < len(s.Rows) {
			s.Mixed = true
			return s, nil
		}
	}
	return Sample{}, err
}

func readSampleIn(path string, form Form, encoding string) (Sample, error) {
	base := filepath.Base(path)
	file, err := openWatched(path, base)
	if err != nil {
		return Sample{}, err
	}
	defer file.Close()
	d := Door{}
	found := Found{File: &File{Path: base}, Name: base, As: form, In: encoding}
	from, err := d.open(&found, file)
	if err != nil {
		return Sample{}, err
	}
	defer from.close()
	s := Sample{Name: base, Form: form}
	if form.encoded() {
		s.Encoding = profileName(from.encoding)
	}
	return s, s.read(&from, base)
}

// formOf is the form that a file's name says, whether it is packed or not.
func formOf(base string) (Form, bool) {
	form, ok := endings[strings.ToLower(filepath.Ext(unpackedName(base)))]
	return form, ok
}

func unpackedName(base string) string {
	for _, ending := range packed {
		if rest := strings.TrimSuffix(base, ending); rest != base {
			return rest
		}
	}
	return base
}

// monthInName finds a month in a file's name that no other digits touch.
var monthInName = regexp.MustCompile(`(?:^|[^0-9])(20[0-9]{2}(?:0[1-9]|1[0-2]))(?:[^0-9]|$)`)

// plainName is the name of the sample as a profile has it: not packed, in small letters, {month} in the place of a month.
func (s *Sample) plainName() string {
	name := unpackedName(s.Name)
	ending := filepath.Ext(name)
	stem := strings.TrimSuffix(name, ending)
	if at := monthInName.FindStringSubmatchIndex(stem); at != nil {
		stem = stem[:at[2]] + "{month}" + stem[at[3]:]
	}
	return cmp.Or(stem, "sample") + strings.ToLower(ending)
}

func names(endings map[string]Form) []string {
	var all []string
	for ending := range endings {
		all = append(all, ending)
	}
	slices.Sort(all)
	return all
}

func (s *Sample) read(from *opened, base string) error {
	decoder, object := text.NewDecoder(from.encoding), text.NewObject()
	var block text.Block
	for len(s.Rows) < sampleRows {
		if err := from.Next(&block); err == io.EOF {
			return nil
		} else if err != nil {
			return fileError(base, err)
		}
		for i := range block.Records {
			line, ok := "", block.Records[i].Misfit == nil
			if ok {
				var flaw *text.Flaw
				line, flaw = decoder.Decode(block.Records[i].Raw)
				ok = flaw == nil
			}
			switch {
			case !ok:
				s.Unread++
			case s.Form.columned():
				s.addCells(strings.Clone(line))
			case object.Read(strings.Clone(line)) == nil:
				s.addMembers(object.Rest)
			default:
				s.Unread++
			}
			if len(s.Rows) == sampleRows {
				return nil
			}
		}
	}
	return nil
}

func (s *Sample) addCells(line string) {
	fields, flaw := text.SplitFields(line, nil)
	switch {
	case s.Headers == nil && flaw == nil:
		s.Headers = fields[:min(len(fields), sampleColumns)]
	case flaw != nil || len(fields) != len(s.Headers):
		s.Unread++
	default:
		s.Rows = append(s.Rows, fields)
	}
}

func (s *Sample) addMembers(members []schemas.Cell) {
	row := make([]string, len(s.Headers))
	for _, m := range members {
		at := slices.Index(s.Headers, m.Column)
		if at < 0 && len(s.Headers) < sampleColumns {
			at = len(s.Headers)
			s.Headers = append(s.Headers, strings.Clone(m.Column))
			row = append(row, "")
		}
		if at >= 0 {
			row[at] = strings.Clone(m.Text)
		}
	}
	s.Rows = append(s.Rows, row)
}

// column gives the cells of a column that are not empty. Rows of objects may be shorter than the headers.
func (s *Sample) column(at int) []string {
	var cells []string
	for _, row := range s.Rows {
		if at < len(row) && row[at] != "" {
			cells = append(cells, row[at])
		}
	}
	return cells
}

// Trial is what a profile makes of a sample.
type Trial struct {
	Reading
	Accepted    int64
	Quarantined int64
	Rows        []MappedRow // the first that were accepted
	Refused     []Refused   // the first that were not
	Reasons     map[string]int64
	Lacking     []string // columns of the profile that the sample has not, by their headers
}

// MappedRow is a row in our words.
type MappedRow struct {
	Line   int64
	Gone   bool // it says that the row of its key is no more
	Record any  // a pointer to the subject's struct
}

// MappedCell is a field of a row in words.
type MappedCell struct {
	Name     string `json:"name"` // of the schema; of a cell kept as written its column
	Label    string `json:"label"`
	Text     string `json:"text"`
	Identity bool   `json:"-"` // an identity number, to be masked
}

// Cells gives the fields of the row that hold something, in the order of the subject's schema, then the cells kept as written.
func (r *MappedRow) Cells(subject *schemas.Subject) []MappedCell {
	if r.Record == nil {
		return nil
	}
	value := reflect.ValueOf(r.Record).Elem()
	var cells []MappedCell
	for i := range subject.Fields {
		f := &subject.Fields[i]
		for at := range value.NumField() {
			if value.Type().Field(at).Tag.Get("avro") != f.Name {
				continue
			}
			if kept, ok := value.Field(at).Interface().([]schemas.Cell); ok {
				for _, c := range kept {
					cells = append(cells, MappedCell{Name: c.Column, Label: c.Column, Text: c.Text})
				}
				continue
			}
			if text := inWords(f, value.Field(at)); text != "" {
				cells = append(cells, MappedCell{Name: f.Name, Label: f.Label, Text: text, Identity: f.Kind == schemas.KindIDNumber})
			}
		}
	}
	return cells
}

// inWords writes a field as agencies do; "" for none.
func inWords(f *schemas.SubjectField, v reflect.Value) string {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return ""
		}
		v = v.Elem()
	}
	if f.Kind == schemas.KindMonth && v.IsZero() {
		return ""
	}
	text := fmt.Sprint(v.Interface())
	if at := slices.Index(f.Symbols, text); at >= 0 {
		return f.Labels[at]
	}
	return text
}

// Try reads a sample as a file of the profile, keeping up to limit rows of each kind.
func (f *File) Try(ctx context.Context, path string, limit int) (Trial, error) {
	base := filepath.Base(path)
	found, ok := f.find(base)
	if !ok { // by another name than in earnest: what counts is how it is written
		found = Found{File: f, Name: f.plain(0)}
		if at := monthInName.FindStringSubmatch(base); at != nil {
			found.Month, _ = schemas.ParseMonth(at[1])
		}
		if other, known := formOf(base); known && other != f.Form {
			found.As = other
		}
	}
	found.Path, found.Name = path, base
	t := &trial{Trial: Trial{Reasons: map[string]int64{}}, subject: schemas.SubjectOf(f.Subject), limit: limit}
	door := Door{SchemaID: func(string) uint32 { return 1 }}
	var err error
	if t.Reading, err = door.Read(ctx, found, t); err != nil {
		return t.Trial, err
	}
	headers := t.Columns
	if !found.form().columned() {
		sample, err := readSampleIn(path, found.form(), found.encodingName())
		if err != nil {
			return t.Trial, fileError(base, err)
		}
		headers = sample.Headers
	}
	for i := range f.Columns {
		c := &f.Columns[i]
		there := slices.Contains(headers, c.Header)
		if found.form().columned() {
			place, _ := c.find(headers)
			there = place >= 0
		}
		if !there {
			t.Lacking = append(t.Lacking, c.Header)
		}
	}
	return t.Trial, nil
}

// trial is a Taker that keeps the first rows.
type trial struct {
	Trial
	subject *schemas.Subject
	limit   int
}

// Accept keeps rows.
func (t *trial) Accept(_ context.Context, records []schemas.Record) error {
	t.Accepted += int64(len(records))
	for i := range records[:min(len(records), max(0, t.limit-len(t.Rows)))] {
		row := MappedRow{Line: records[i].Line, Gone: records[i].Op == schemas.Retract}
		if !row.Gone {
			walker, err := schemas.NewWalker(t.subject.Avro)
			if err != nil {
				return err
			}
			row.Record = t.subject.New()
			if err := schemas.Decode(records[i].Value, walker, row.Record); err != nil {
				return err
			}
		}
		t.Rows = append(t.Rows, row)
	}
	return nil
}

// Quarantine keeps misfits.
func (t *trial) Quarantine(_ context.Context, misfits []schemas.Record) error {
	t.Quarantined += int64(len(misfits))
	walker, err := schemas.NewWalker(schemas.SubjectOf("hub.misfit").Avro)
	if err != nil {
		return err
	}
	for i := range misfits {
		var m schemas.Misfit
		if err := schemas.Decode(misfits[i].Value, walker, &m); err != nil {
			return err
		}
		t.Reasons[string(m.Reason)]++
		if len(t.Refused) < t.limit {
			t.Refused = append(t.Refused, RefusedOf(&m))
		}
	}
	return nil
}

// RefusedOf is a misfit as its sender is told of it.
func RefusedOf(m *schemas.Misfit) Refused {
	r := Refused{File: m.File, Line: m.Line, Reason: string(m.Reason), Detail: m.Detail}
	if m.Column != nil {
		r.Column = *m.Column
	}
	return r
}
