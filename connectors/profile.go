// Package connectors holds the doors of the house: how an outside system hands records in. An agency
// is a profile, which is data; a form or a protocol is a package. What a door reads it hands to a
// Taker, row by row checked and in Avro; where the rows go is not its business.
package connectors

import (
	"embed"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"

	"hebian/connectors/text"
	"hebian/schemas"
)

//go:embed profiles/*.yaml
var profiles embed.FS

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
	Encoding string   `yaml:"encoding"` // utf-8 or gb18030
	Optional bool     `yaml:"optional"` // a month is complete without it
	Columns  []Column `yaml:"columns"`

	Agency string `yaml:"-"`
}

// Column maps a header (CSV) or key (NDJSON) to a field of the subject's schema. A required cell may
// not be empty.
type Column struct {
	Header   string `yaml:"header"`
	Field    string `yaml:"field"`
	Required bool   `yaml:"required"`
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

// ParseProfile reads a profile and checks it against the schemas. Errors name line and column.
func ParseProfile(text []byte) (Profile, error) {
	var p Profile
	if err := DecodeYAML(text, &p); err != nil {
		return p, err
	}
	for i := range p.Files {
		p.Files[i].Agency = p.Agency
		if err := p.Files[i].check(); err != nil {
			return p, fmt.Errorf("%s: %w", p.Files[i].Path, err)
		}
		for j := range i {
			if path.Base(p.Files[i].Path) == path.Base(p.Files[j].Path) {
				return p, fmt.Errorf("%s: another file of the agency has the same name", p.Files[i].Path)
			}
		}
	}
	return p, nil
}

// Find looks for the agency's file of a name without a folder, which is how an agency hands it over. It gives the path of the
// county folder too, and the payment month, if the name holds one; nil if there is none.
func (p *Profile) Find(base string) (file *File, name string, month schemas.Month) {
	for i := range p.Files {
		file := &p.Files[i]
		name := path.Join(path.Dir(file.Path), base)
		if month, ok := file.Match(name); ok && path.Base(name) == base {
			return file, name, month
		}
	}
	return nil, "", 0
}

func (f *File) check() error {
	subject := schemas.SubjectOf(f.Subject)
	if subject == nil {
		return fmt.Errorf("no schema for subject %q", f.Subject)
	}
	if f.Form != CSV && f.Form != NDJSON {
		return fmt.Errorf("form is %q, want csv or ndjson", f.Form)
	}
	if _, err := f.encoding(); err != nil {
		return err
	}
	headers := map[string]bool{}
	for _, c := range f.Columns {
		if headers[c.Header] {
			return fmt.Errorf("column %q stands twice", c.Header)
		}
		headers[c.Header] = true
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

func (f *File) encoding() (text.Encoding, error) {
	switch f.Encoding {
	case "utf-8":
		return text.UTF8, nil
	case "gb18030":
		return text.GB18030, nil
	}
	return 0, fmt.Errorf("encoding is %q, want utf-8 or gb18030", f.Encoding)
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
