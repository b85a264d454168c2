package connectors

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"path"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"hebian/schemas"
)

// Suggestion is a profile of one file, proposed for a person to look over.
type Suggestion struct {
	Sample  Sample
	Subject string
	Columns []Suggested
	Unused  []string // columns of the sample that go with no field: they are kept with the row
	Lacking []string // fields that may not be empty and no column goes with
	Others  []string // other subjects that the sample goes with, the better ones first
}

// Suggested is a column with the field that it seems to be.
type Suggested struct {
	Column
	Why string
}

// Suggest proposes a profile for a sample by its headers and values. subject, if it is not empty, is what its rows are.
func Suggest(s Sample, subject string) (Suggestion, error) {
	l := newLook(&s)
	var fits []fit
	for _, candidate := range schemas.Subjects() {
		if candidate.NewRow() == nil || subject != "" && candidate.Name != subject {
			continue
		}
		fits = append(fits, l.fit(candidate))
	}
	if len(fits) == 0 {
		return Suggestion{}, fmt.Errorf("no agency sends %q", subject)
	}
	slices.SortStableFunc(fits, func(a, b fit) int { return cmp.Compare(b.score(), a.score()) })
	best := fits[0]
	if len(best.columns) == 0 {
		return Suggestion{}, fmt.Errorf("no column of the sample looks like one that the hub knows; hebian profile show --subjects lists what it does. The sample has %s", strings.Join(s.Headers, ", "))
	}
	out := Suggestion{Sample: s, Subject: best.subject.Name, Columns: best.columns}
	for _, header := range s.Headers {
		if !slices.ContainsFunc(best.columns, func(c Suggested) bool { return c.Header == header }) {
			out.Unused = append(out.Unused, header)
		}
	}
	out.Lacking = best.lacking
	for _, other := range fits[1:min(len(fits), 4)] {
		if other.score() > 0 {
			out.Others = append(out.Others, other.subject.Name)
		}
	}
	return out, nil
}

// fit is how well a sample goes with a subject.
type fit struct {
	subject *schemas.Subject
	columns []Suggested
	lacking []string
	derived int // of those lacking, fields that the hub fills
	points  float64
}

// lackingPoints is what a field that is lacking counts against those that are there.
const lackingPoints = 1

func (f *fit) score() float64 { return f.points - lackingPoints*float64(len(f.lacking)-f.derived) }

// derivedFields are fields that agencies give and the hub fills where they leave them empty: it is tried on a row of nothing but sets, which
// are never empty in a row that the hub looks at.
func derivedFields(subject *schemas.Subject) map[string]bool {
	row := subject.NewRow()
	value := reflect.ValueOf(row).Elem()
	given := map[string]bool{}
	for i := range value.NumField() {
		f := subject.Field(value.Type().Field(i).Tag.Get("avro"))
		if len(f.Symbols) > 0 && value.Field(i).Kind() == reflect.String {
			value.Field(i).SetString(f.Symbols[0])
		}
		given[f.Name] = len(f.Headers) > 0 && value.Field(i).IsZero()
	}
	row.Derive(schemas.Delivered{Agency: "agency", PayMonth: 202601})
	all := map[string]bool{}
	for i := range value.NumField() {
		if name := value.Type().Field(i).Tag.Get("avro"); given[name] && !value.Field(i).IsZero() {
			all[name] = true
		}
	}
	return all
}

// leastPoints is below what anybody would take for the same thing, beside a header that is the very same.
const leastPoints = 0.1

// fit finds a column for each field: the pairs that go together best first.
func (l *look) fit(subject *schemas.Subject) fit {
	type pair struct {
		field, column int
		points        float64
		why           string
	}
	var pairs []pair
	for i := range subject.Fields {
		f := &subject.Fields[i]
		if len(f.Headers) == 0 {
			continue
		}
		for j, header := range l.Headers {
			if header == "" || slices.Index(l.Headers, header) != j { // a profile can't name it
				continue
			}
			points, why := l.goes(f, j)
			if points >= leastPoints {
				pairs = append(pairs, pair{i, j, points, why})
			}
		}
	}
	slices.SortStableFunc(pairs, func(a, b pair) int { return cmp.Compare(b.points, a.points) })
	out, derived := fit{subject: subject}, derivedFields(subject)
	fields, columns := map[int]bool{}, map[int]bool{}
	for _, p := range pairs {
		if fields[p.field] || columns[p.column] {
			continue
		}
		fields[p.field], columns[p.column] = true, true
		f := &subject.Fields[p.field]
		c := Suggested{Column: Column{Header: l.Headers[p.column], Field: f.Name, Required: !f.Optional && !derived[f.Name]}, Why: p.why}
		l.clean(&c.Column, f, p.column)
		out.columns = append(out.columns, c)
		out.points += p.points
	}
	slices.SortFunc(out.columns, func(a, b Suggested) int {
		return cmp.Compare(slices.Index(l.Headers, a.Header), slices.Index(l.Headers, b.Header))
	})
	for j := range l.Headers { // rows that name a person are no rows about a unit
		if cells := l.cells[j]; !columns[j] && len(cells) > 0 && !slices.ContainsFunc(cells, func(cell string) bool { return !isPerson(cell) }) {
			out.points--
		}
	}
	for i := range subject.Fields {
		if f := &subject.Fields[i]; !fields[i] && !f.Optional && len(f.Headers) > 0 {
			out.lacking = append(out.lacking, f.Name)
			if derived[f.Name] {
				out.derived++
			}
		}
	}
	return out
}

// YAML writes the suggestion as a profile that ParseProfile takes, with the reason of each column. agency is its short name. A field that may
// not be empty and has no column in the sample stands there under its own name, for a person to put right.
func (s *Suggestion) YAML(agency string) ([]byte, error) {
	if !agencyName.MatchString(agency) {
		return nil, fmt.Errorf("agency is %q, want a short name of small letters, digits and hyphens", agency)
	}
	f := File{Path: agency + "/" + s.plainName(), Subject: s.Subject, Form: s.Sample.Form}
	if f.Form.encoded() {
		if f.Encoding = autoEncoding; s.Sample.Mixed {
			f.Encoding = s.Sample.Encoding
		}
	}
	why := map[string]string{}
	for _, c := range s.Columns {
		f.Columns = append(f.Columns, c.Column)
		why[c.Header] = c.Why
	}
	subject := schemas.SubjectOf(s.Subject)
	derived := derivedFields(subject)
	for _, name := range s.Lacking {
		header := s.freeHeader(subject.Field(name), why)
		c := Column{Header: header, Field: name, Required: !derived[name]}
		f.Columns = append(f.Columns, c)
		why[c.Header] = "lacking: no column of the sample looks like it; put its header here"
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "# Proposed from a sample of %d rows: look it over, and try it with hebian profile check.\n", len(s.Sample.Rows))
	if len(s.Others) > 0 {
		fmt.Fprintf(&b, "# Its rows may also be: %s (--subject).\n", strings.Join(s.Others, ", "))
	}
	switch {
	case s.Sample.Mixed:
		fmt.Fprintf(&b, "# Most lines of the sample are written in %s and some are not, so it is not found out from the file.\n", s.Sample.Encoding)
	case s.Sample.Encoding != "":
		fmt.Fprintf(&b, "# The sample is written in %s.\n", s.Sample.Encoding)
	}
	p := Profile{Agency: agency, Name: agency, Files: []File{f}}
	p.write(&b, func(c *Column) string { return why[c.Header] })
	for _, note := range []struct {
		what  string
		names []string
	}{{"unused", s.Unused}, {"lacking", s.Lacking}} {
		if len(note.names) > 0 {
			fmt.Fprintf(&b, "# %s: %s\n", note.what, strings.Join(scalars(note.names), ", "))
		}
	}
	return b.Bytes(), nil
}

// plainName is the name of the sample as a profile has it. A payroll needs its month there.
func (s *Suggestion) plainName() string {
	name := s.Sample.plainName()
	if stem := strings.TrimSuffix(name, path.Ext(name)); schemas.SubjectOf(s.Subject).Field("payment_month") != nil && !strings.Contains(name, "{month}") {
		return stem + "-{month}" + path.Ext(name)
	}
	return name
}

// freeHeader is a name for a column that the sample lacks: one that no other column has.
func (s *Suggestion) freeHeader(f *schemas.SubjectField, taken map[string]string) string {
	free := func(header string) bool { return taken[header] == "" && !slices.Contains(s.Sample.Headers, header) }
	for _, header := range append(slices.Clone(f.Headers), f.Label) {
		if header != "" && free(header) {
			return header
		}
	}
	header := f.Name
	for !free(header) {
		header += "?"
	}
	return header
}

// YAML writes the profile as a person would, so that it can be changed and read again.
func (p *Profile) YAML() []byte {
	var b bytes.Buffer
	p.write(&b, func(*Column) string { return "" })
	return b.Bytes()
}

// write writes the profile, with a remark behind a column.
func (p *Profile) write(b *bytes.Buffer, remark func(*Column) string) {
	fmt.Fprintf(b, "agency: %s\nname: %s\nfiles:\n", scalar(p.Agency), scalar(p.Name))
	for i := range p.Files {
		f := &p.Files[i]
		fmt.Fprintf(b, "  - file: %s\n    subject: %s", scalar(f.Path), scalar(f.Subject))
		if subject := schemas.SubjectOf(f.Subject); subject != nil {
			fmt.Fprintf(b, " # %s", subject.Label)
		}
		fmt.Fprintf(b, "\n    form: %s\n", scalar(string(f.Form)))
		for _, m := range []struct{ key, value string }{{"encoding", f.Encoding}, {"sheet", f.Sheet}} {
			if m.value != "" {
				fmt.Fprintf(b, "    %s: %s\n", m.key, scalar(m.value))
			}
		}
		if f.Optional {
			b.WriteString("    optional: true\n")
		}
		if len(f.Key) > 0 {
			fmt.Fprintf(b, "    key: %s\n", sequence(f.Key))
		}
		if f.Gone != nil {
			fmt.Fprintf(b, "    gone: {column: %s, values: %s}\n", scalar(f.Gone.Column), sequence(f.Gone.Values))
		}
		if f.Due != nil {
			fmt.Fprintf(b, "    due: {every: %s, day: %d, grace: %d}\n", scalar(string(f.Due.Every)), f.Due.Day, f.Due.Grace)
		}
		b.WriteString("    columns:\n")
		for j := range f.Columns {
			c := &f.Columns[j]
			fmt.Fprintf(b, "      - {%s}", c.members())
			if says := remark(c); says != "" {
				fmt.Fprintf(b, " # %s", says)
			}
			b.WriteByte('\n')
		}
	}
}

// members writes what is said of a column.
func (c *Column) members() string {
	all := []string{"header: " + scalar(c.Header), "field: " + scalar(c.Field)}
	if c.Required {
		all = append(all, "required: true")
	}
	if len(c.Aliases) > 0 {
		all = append(all, "aliases: "+sequence(c.Aliases))
	}
	if len(c.Empty) > 0 {
		all = append(all, "empty: "+sequence(c.Empty))
	}
	if len(c.Values) > 0 {
		var pairs []string
		for _, own := range slices.Sorted(maps.Keys(c.Values)) {
			pairs = append(pairs, scalar(own)+": "+scalar(c.Values[own]))
		}
		all = append(all, "values: {"+strings.Join(pairs, ", ")+"}")
	}
	for _, m := range []struct{ key, value string }{{"unit", c.Unit}, {"dates", c.Dates}} {
		if m.value != "" {
			all = append(all, m.key+": "+scalar(m.value))
		}
	}
	return strings.Join(all, ", ")
}

func sequence(words []string) string { return "[" + strings.Join(scalars(words), ", ") + "]" }

func scalars(words []string) []string {
	all := make([]string, len(words))
	for i, word := range words {
		all[i] = scalar(word)
	}
	return all
}

// bare is what YAML takes for a text without quotes, wherever it stands. Words that mean something else are not.
var bare = regexp.MustCompile(`^[\pL_][\pL\pN_]*(?:[./-][\pL\pN_]+)*$`)

// meaning are words that YAML, by one of its versions, takes for something else than a text.
var meaning = []string{"null", "true", "false", "yes", "no", "on", "off", "y", "n"}

// scalar writes a text in YAML. Quoted as in Go it means the same there.
func scalar(s string) string {
	if bare.MatchString(s) && !slices.Contains(meaning, strings.ToLower(s)) {
		return s
	}
	return strconv.Quote(s)
}
