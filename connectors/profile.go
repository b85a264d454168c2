// Package connectors holds the doors of the house: how an outside system hands records in. An agency
// is a profile, which is data; a form or a protocol is a package. What a door reads it hands to a
// Taker, row by row checked and in Avro; where the rows go is not its business.
package connectors

import (
	"embed"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"hebian/schemas"
)

//go:embed profiles/*.yaml
var profiles embed.FS

// Template is a profile for an agency that has none yet, with everything that can stand in one.
//
//go:embed profiles/templates/generic.yaml
var Template []byte

// Profile says what an agency hands over and how its columns become our words.
type Profile struct {
	Agency string `yaml:"agency"` // short name, as in paths and metrics
	Name   string `yaml:"name"`   // as officers say it
	Files  []File `yaml:"files"`
}

// File describes one file, or one file a month, that an agency hands over.
type File struct {
	Path     string   `yaml:"file"` // relative to the county folder; {month} stands for YYYYMM
	Subject  string   `yaml:"subject"`
	Form     Form     `yaml:"form"`
	Encoding string   `yaml:"encoding"` // utf-8, gb18030 or auto; forms that say it themselves need none
	Sheet    string   `yaml:"sheet"`    // of a workbook; "": its first
	Optional bool     `yaml:"optional"` // a month is complete without it
	Key      []string `yaml:"key"`      // headers of the columns that name a row; with it rows can be replaced one by one (Merge)
	Gone     *Gone    `yaml:"gone"`     // which rows say that the row of their key is no more
	Due      *Due     `yaml:"due"`      // when the agency has promised it
	Columns  []Column `yaml:"columns"`

	Agency string `yaml:"-"`
}

// Column maps a header (CSV) or key (NDJSON) to a field of the subject's schema. A required cell may
// not be empty. What stands behind Required is cleaning that the agency agreed to; a cell is taken as it is without it.
type Column struct {
	Header   string            `yaml:"header"`
	Field    string            `yaml:"field"`
	Required bool              `yaml:"required"`
	Aliases  []string          `yaml:"aliases"` // other names of the header
	Empty    []string          `yaml:"empty"`   // cells that stand for none, such as "无" or "-"
	Values   map[string]string `yaml:"values"`  // the agency's codes, and the words of the schema
	Unit     string            `yaml:"unit"`    // fen: amounts are whole numbers of fen; "": yuan
	Dates    string            `yaml:"dates"`   // any: also 20261001, 2026/10/1, 2026.10.1 and 2026年10月1日; "": 2026-10-01
}

// Gone says which rows of a Merge take back the row of their key: those with one of the values in the column.
type Gone struct {
	Column string   `yaml:"column"`
	Values []string `yaml:"values"`
}

// Form is how rows are written in a file.
type Form string

// The forms that can be read.
const (
	CSV    Form = "csv"
	NDJSON Form = "ndjson"
	JSON   Form = "json" // an array of objects
	XLSX   Form = "xlsx"
	DBF    Form = "dbf"
	Avro   Form = "avro" // an object container file
)

// Profiles gives the built-in profiles of the county folder, in the order of their agencies.
var Profiles = sync.OnceValues(func() ([]Profile, error) {
	entries, err := profiles.ReadDir("profiles")
	if err != nil {
		return nil, err
	}
	var all []Profile
	for _, entry := range entries {
		content, err := profiles.ReadFile("profiles/" + entry.Name())
		if err != nil {
			return nil, err
		}
		p, err := ParseProfile(content)
		if err != nil {
			return nil, fmt.Errorf("profile %s: %w", entry.Name(), err)
		}
		all = append(all, p)
	}
	return all, nil
})

// LoadProfiles gives the built-in profiles with those of an office's own folder, *.yaml: a new agency comes beside them, a file of a
// known agency replaces the one of the same path or comes beside the others. Errors name file, line and column.
func LoadProfiles(dir string) ([]Profile, error) {
	builtin, err := Profiles()
	if err != nil || dir == "" {
		return builtin, err
	}
	all := slices.Clone(builtin)
	for i := range all {
		all[i].Files = slices.Clone(all[i].Files)
	}
	paths, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil {
		return nil, err
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("profiles: there is no *.yaml in %s", dir)
	}
	for _, name := range paths {
		content, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("read profile: %w", err)
		}
		p, err := ParseProfile(content)
		if err != nil {
			return nil, fmt.Errorf("profile %s: %w", name, err)
		}
		all = merge(all, p)
	}
	slices.SortFunc(all, func(a, b Profile) int { return strings.Compare(a.Agency, b.Agency) })
	for i := range all {
		if err := all[i].checkNames(); err != nil {
			return nil, fmt.Errorf("profiles of %s: %w", all[i].Agency, err)
		}
	}
	return all, nil
}

func merge(all []Profile, p Profile) []Profile {
	at := slices.IndexFunc(all, func(other Profile) bool { return other.Agency == p.Agency })
	if at < 0 {
		return append(all, p)
	}
	for _, file := range p.Files {
		files := &all[at].Files
		if same := slices.IndexFunc(*files, func(f File) bool { return f.Path == file.Path }); same >= 0 {
			(*files)[same] = file
		} else {
			*files = append(*files, file)
		}
	}
	return all
}

// ParseProfile reads a profile and checks it against the schemas. Errors name line and column.
func ParseProfile(text []byte) (Profile, error) {
	var p Profile
	if err := DecodeYAML(text, &p); err != nil {
		return p, err
	}
	if !agencyName.MatchString(p.Agency) {
		return p, fmt.Errorf("agency is %q, want a short name of small letters, digits and hyphens", p.Agency)
	}
	for i := range p.Files {
		p.Files[i].Agency = p.Agency
		if err := p.Files[i].check(); err != nil {
			return p, fmt.Errorf("%s: %w", p.Files[i].Path, err)
		}
	}
	return p, p.checkNames()
}

// agencyName is what stands in paths, tokens and metrics.
var agencyName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,31}$`)

// checkNames makes sure that a file's name without its folder, in whatever form, means one file of the agency.
func (p *Profile) checkNames() error {
	seen := map[string]bool{}
	for i := range p.Files {
		stem := strings.TrimSuffix(path.Base(p.Files[i].Path), path.Ext(p.Files[i].Path))
		if stem == "" || seen[stem] {
			return fmt.Errorf("%s: another file of the agency has the same name", p.Files[i].Path)
		}
		seen[stem] = true
	}
	return nil
}

// Find looks for the agency's file of a name without a folder, which is how an agency hands it over. The name may end in that of
// another form than the profile's, and of a compressed file: "tax.xlsx", "payroll-202609.csv.gz". False if there is none.
func (p *Profile) Find(base string) (Found, bool) {
	for i := range p.Files {
		file := &p.Files[i]
		name := path.Join(path.Dir(file.Path), base)
		if path.Base(name) != base { // it holds a path
			continue
		}
		if found, ok := file.find(name); ok {
			return found, true
		}
	}
	return Found{}, false
}

func (f *File) check() error {
	subject := schemas.SubjectOf(f.Subject)
	if subject == nil {
		return fmt.Errorf("no schema for subject %q", f.Subject)
	}
	if !slices.Contains(forms, f.Form) {
		return fmt.Errorf("form is %q, want one of %v", f.Form, forms)
	}
	if f.Sheet != "" && f.Form != XLSX {
		return fmt.Errorf("sheet is %q, but a file in form %s has none", f.Sheet, f.Form)
	}
	if err := checkEncoding(f.Form, f.Encoding); err != nil {
		return err
	}
	if err := f.checkColumns(); err != nil {
		return err
	}
	if _, err := bind(subject, f.Columns); err != nil {
		return err
	}
	for _, field := range subject.Fields {
		// A field with headers is the agency's to give; the hub derives the others.
		mapped := slices.ContainsFunc(f.Columns, func(c Column) bool { return c.Field == field.Name })
		if !mapped && !field.Optional && len(field.Headers) > 0 {
			return fmt.Errorf("no column gives the field %q, which may not be empty", field.Name)
		}
	}
	return nil
}

// checkColumns looks at the columns by themselves, and at what names them.
func (f *File) checkColumns() error {
	headers := map[string]bool{}
	for _, c := range f.Columns {
		for _, header := range append([]string{c.Header}, c.Aliases...) {
			if header == "" {
				return fmt.Errorf("a column of the field %q has no header", c.Field)
			}
			if headers[header] {
				return fmt.Errorf("column %q stands twice", header)
			}
			headers[header] = true
		}
		if c.Unit != "" && c.Unit != "fen" {
			return fmt.Errorf("column %q: unit is %q, want fen or none", c.Header, c.Unit)
		}
		if c.Dates != "" && c.Dates != "any" {
			return fmt.Errorf("column %q: dates is %q, want any or none", c.Header, c.Dates)
		}
	}
	if f.Gone != nil && (f.Gone.Column == "" || len(f.Gone.Values) == 0 || len(f.Key) == 0) {
		return errors.New("gone wants a column, values, and a key")
	}
	for i, name := range f.Key {
		if name == "" || slices.Contains(f.Key[:i], name) {
			return fmt.Errorf("key names %q, which is empty or stands twice", name)
		}
	}
	return f.Due.check()
}

// Match says whether a path relative to the county folder, with /, is this file, and of which payment
// month, if its name holds one.
func (f *File) Match(name string) (month schemas.Month, ok bool) {
	before, after, monthly := strings.Cut(f.Path, "{month}")
	if !monthly {
		return 0, name == f.Path
	}
	middle, ok := strings.CutPrefix(name, before)
	if !ok {
		return 0, false
	}
	if middle, ok = strings.CutSuffix(middle, after); !ok {
		return 0, false
	}
	return schemas.ParseMonth(middle)
}
