package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"hebian/connectors"
	"hebian/schemas"
	"hebian/schemas/ident"
)

// profileCommand is the commands about how files of agencies are read. They need no hub.
type profileCommand struct {
	List    profileList    `cmd:"" help:"List the agencies and their files."`
	Show    profileShow    `cmd:"" help:"Print the profile of an agency, one to begin with, or what rows can be."`
	Check   profileCheck   `cmd:"" help:"Try a profile on a sample: the rows as they would come in, and those that would be refused."`
	Suggest profileSuggest `cmd:"" help:"Propose a profile by the headers and values of a sample."`
}

// configured are the profiles of a configuration.
type configured struct {
	Config string `placeholder:"FILE" help:"Configuration of the hub, if it names profiles of its own."`
}

func (c configured) profiles() ([]connectors.Profile, error) {
	settings, err := readConfig(c.Config)
	return settings.agencies, err
}

type profileList struct {
	configured
	format
}

// profileFile is a file of a profile in a list.
type profileFile struct {
	Agency   string `json:"agency"`
	Name     string `json:"name"`
	File     string `json:"file"`
	Subject  string `json:"subject"`
	Form     string `json:"form"`
	Encoding string `json:"encoding,omitempty"`
	Optional bool   `json:"optional"`
	Due      string `json:"due,omitempty"`
}

func (c *profileList) Run(s streams) error {
	profiles, err := c.profiles()
	if err != nil {
		return err
	}
	files := []profileFile{}
	for _, p := range profiles {
		for i := range p.Files {
			f := &p.Files[i]
			row := profileFile{Agency: p.Agency, Name: p.Name, File: f.Path, Subject: f.Subject, Form: string(f.Form), Encoding: f.Encoding, Optional: f.Optional}
			if f.Due != nil {
				row.Due = fmt.Sprintf("day %d after each %s, %d days of grace", f.Due.Day, f.Due.Every, f.Due.Grace)
			}
			files = append(files, row)
		}
	}
	return c.print(s.out, files, func(w io.Writer) {
		t := newTable(w, "agency", "名称", "file", "subject", "form", "encoding", "optional", "due")
		for _, f := range files {
			optional := ""
			if f.Optional {
				optional = "yes"
			}
			t.AppendRow([]any{f.Agency, printable(f.Name), printable(f.File), f.Subject, f.Form, f.Encoding, optional, f.Due})
		}
		t.Render()
	})
}

type profileShow struct {
	Agency   string `arg:"" optional:"" help:"Short name of an agency; generic: a profile to begin with."`
	Subjects bool   `help:"Instead: what rows can be, and the fields of each."`
	configured
	format
}

// genericProfile asks for the profile to begin with.
const genericProfile = "generic"

func (c *profileShow) Run(s streams) error {
	if c.Subjects == (c.Agency != "") {
		return usageError("name an agency, or generic, or ask for --subjects")
	}
	if c.Subjects {
		return c.subjects(s)
	}
	text := connectors.Template
	if c.Agency != genericProfile {
		profiles, err := c.profiles()
		if err != nil {
			return err
		}
		at := slices.IndexFunc(profiles, func(p connectors.Profile) bool { return p.Agency == c.Agency })
		if at < 0 {
			var names []string
			for _, p := range profiles {
				names = append(names, p.Agency)
			}
			return usageError(fmt.Sprintf("there is no agency %q; the agencies are %s, and generic is a profile to begin with", c.Agency, strings.Join(names, ", ")))
		}
		text = profiles[at].YAML()
	}
	if c.Output == "json" {
		asJSON, err := yaml.YAMLToJSON(text)
		if err != nil {
			return err
		}
		text = asJSON
	}
	_, err := s.out.Write(text)
	return err
}

// subjectShown is what rows can be.
type subjectShown struct {
	Subject string       `json:"subject"`
	Label   string       `json:"label"`
	Fields  []fieldShown `json:"fields"`
}

type fieldShown struct {
	Field    string   `json:"field"`
	Label    string   `json:"label"`
	Required bool     `json:"required"`
	Headers  []string `json:"headers"`
	Values   []string `json:"values,omitempty"`
}

func (c *profileShow) subjects(s streams) error {
	all := []subjectShown{}
	for _, subject := range schemas.Subjects() {
		if subject.NewRow() == nil {
			continue
		}
		shown := subjectShown{Subject: subject.Name, Label: subject.Label}
		for i := range subject.Fields {
			if f := &subject.Fields[i]; len(f.Headers) > 0 {
				shown.Fields = append(shown.Fields, fieldShown{Field: f.Name, Label: f.Label, Required: !f.Optional, Headers: f.Headers, Values: f.Labels})
			}
		}
		all = append(all, shown)
	}
	return c.print(s.out, all, func(w io.Writer) {
		for i, subject := range all {
			if i > 0 {
				fmt.Fprintln(w)
			}
			fmt.Fprintf(w, "%s %s\n", subject.Subject, subject.Label)
			t := newTable(w, "field", "名称", "", "headers in use", "values")
			for _, f := range subject.Fields {
				t.AppendRow([]any{f.Field, f.Label, map[bool]string{true: "required"}[f.Required], strings.Join(f.Headers, " "), strings.Join(f.Values, " ")})
			}
			t.Render()
		}
	})
}

type profileCheck struct {
	Profile     string `arg:"" type:"existingfile" help:"The profile, a YAML file."`
	Sample      string `arg:"" type:"existingfile" help:"A file as the agency hands it over."`
	File        string `help:"Which file of the profile it is. Default: by the sample's name, or the only one."`
	Rows        int    `default:"10" help:"How many rows of each kind to show."`
	ShowNumbers bool   `help:"Show identity numbers whole."`
	Strict      bool   `help:"Exit code 3 when rows were refused."`
	format
}

// trialShown is what a profile makes of a sample.
type trialShown struct {
	File        string               `json:"file"`
	Subject     string               `json:"subject"`
	Form        connectors.Form      `json:"form"`
	Encoding    string               `json:"encoding,omitempty"`
	Accepted    int64                `json:"accepted"`
	Quarantined int64                `json:"quarantined"`
	Reasons     map[string]int64     `json:"reasons"`
	Unused      []string             `json:"unused"`
	Lacking     []string             `json:"lacking"`
	Notes       []string             `json:"notes,omitempty"`
	Rows        []mappedShown        `json:"rows"`
	Refused     []connectors.Refused `json:"refused"`
}

type mappedShown struct {
	Line  int64                   `json:"line"`
	Gone  bool                    `json:"gone,omitempty"`
	Cells []connectors.MappedCell `json:"cells"`
}

func (c *profileCheck) Run(ctx context.Context, s streams) error {
	if c.Rows < 0 || c.Rows > mostShown {
		return usageError(fmt.Sprintf("--rows is %d, must be 0 to %d", c.Rows, mostShown))
	}
	text, err := readUpTo(c.Profile, maxProfile)
	if err != nil {
		return fmt.Errorf("read profile: %w", err)
	}
	profile, err := connectors.ParseProfile(text)
	if err != nil {
		return fmt.Errorf("profile %s: %s", c.Profile, yaml.FormatError(err, false, true))
	}
	file, err := c.choose(&profile)
	if err != nil {
		return err
	}
	trial, err := file.Try(ctx, c.Sample, c.Rows)
	if err != nil {
		return err
	}
	shown := c.shown(file, &trial)
	if err := c.print(s.out, shown, func(w io.Writer) { shown.write(w) }); err != nil {
		return err
	}
	if c.Strict && trial.Quarantined > 0 {
		return refusedError(trial.Quarantined)
	}
	return nil
}

const (
	// mostShown is more rows than anybody reads on a screen.
	mostShown = 1000
	// maxProfile is longer than any profile is.
	maxProfile = 4 << 20
)

// choose finds the file of the profile that the sample is.
func (c *profileCheck) choose(p *connectors.Profile) (*connectors.File, error) {
	var names []string
	for i := range p.Files {
		f := &p.Files[i]
		if c.File != "" && (f.Path == c.File || path.Base(f.Path) == c.File) {
			return f, nil
		}
		names = append(names, f.Path)
	}
	switch found, ok := p.Find(cmp.Or(c.File, filepath.Base(c.Sample))); {
	case ok:
		return found.File, nil
	case c.File != "":
		return nil, usageError(fmt.Sprintf("--file: the profile has no %s; it has %s", c.File, strings.Join(names, ", ")))
	case len(p.Files) == 1:
		return &p.Files[0], nil
	}
	return nil, usageError(fmt.Sprintf("%s: say with --file which file of the profile it is: %s", filepath.Base(c.Sample), strings.Join(names, ", ")))
}

func (c *profileCheck) shown(f *connectors.File, t *connectors.Trial) *trialShown {
	shown := &trialShown{
		File: f.Path, Subject: f.Subject, Form: t.Form, Encoding: t.Encoding, Accepted: t.Accepted, Quarantined: t.Quarantined, Reasons: t.Reasons,
		Unused: append([]string{}, t.UnknownColumns...), Lacking: append([]string{}, t.Lacking...), Notes: t.Notes,
		Rows: []mappedShown{}, Refused: append([]connectors.Refused{}, t.Refused...),
	}
	subject := schemas.SubjectOf(f.Subject)
	for i := range t.Rows {
		row := mappedShown{Line: t.Rows[i].Line, Gone: t.Rows[i].Gone, Cells: []connectors.MappedCell{}}
		for _, cell := range t.Rows[i].Cells(subject) {
			if !c.ShowNumbers {
				cell.Text = hidden(cell)
			}
			row.Cells = append(row.Cells, cell)
		}
		shown.Rows = append(shown.Rows, row)
	}
	return shown
}

// longNumbers are as long as an identity number, or longer.
var longNumbers = regexp.MustCompile(`[0-9](?:[ -]?[0-9]){13,}[ -]?[Xx]?`)

// hidden masks identity numbers, wherever they stand. Credit codes stay.
func hidden(cell connectors.MappedCell) string {
	clean := ident.Clean(cell.Text)
	switch {
	case cell.Identity, ident.PersonKey(clean) != "":
		return ident.Mask(clean)
	case ident.USCC(clean).Verdict != ident.Invalid:
		return cell.Text
	}
	return longNumbers.ReplaceAllStringFunc(cell.Text, func(run string) string { return ident.Mask(ident.Clean(run)) })
}

func (t *trialShown) write(w io.Writer) {
	fmt.Fprintf(w, "%s, %s, read as %s%s: %s rows accepted, %s refused\n", t.File, t.Subject, t.Form, strings.TrimSuffix(" in "+t.Encoding, " in "), count(t.Accepted), count(t.Quarantined))
	for _, list := range []struct {
		says  string
		names []string
	}{{"Columns that the profile does not name, kept and not used", t.Unused}, {"Columns of the profile that the sample has not", t.Lacking}} {
		if len(list.names) > 0 {
			fmt.Fprintf(w, "%s: %s\n", list.says, printable(strings.Join(list.names, ", ")))
		}
	}
	for _, note := range t.Notes {
		fmt.Fprintf(w, "Note: %s\n", printable(note))
	}
	if len(t.Rows) > 0 {
		fmt.Fprintln(w)
		table := newTable(w, "line", "row")
		for _, r := range t.Rows {
			table.AppendRow([]any{r.Line, r.text()})
		}
		table.Render()
	}
	if len(t.Refused) > 0 {
		fmt.Fprintln(w)
		table := newTable(w, "line", "column", "reason", "")
		for _, r := range t.Refused {
			table.AppendRow([]any{r.Line, printable(r.Column), r.Reason, printable(r.Detail)})
		}
		table.Render()
		fmt.Fprintln(w)
		table = newTable(w, "reason", "rows")
		for _, reason := range slices.Sorted(maps.Keys(t.Reasons)) {
			table.AppendRow([]any{reason, count(t.Reasons[reason])})
		}
		table.Render()
	}
}

func (r *mappedShown) text() string {
	if r.Gone {
		return "says that the row of its key is no more"
	}
	var cells []string
	for _, c := range r.Cells {
		cells = append(cells, printable(c.Label)+"="+printable(c.Text))
	}
	return strings.Join(cells, "  ")
}

type profileSuggest struct {
	Sample  string `arg:"" type:"existingfile" help:"A file as the agency hands it over: csv, ndjson, json, xlsx, dbf or avro."`
	Agency  string `default:"my-agency" help:"Short name of the agency."`
	Subject string `help:"What its rows are, as profile show --subjects lists. Default: what fits best."`
	Out     string `placeholder:"FILE" help:"Write the profile to this file. Default: to standard output."`
}

func (c *profileSuggest) Run(s streams) error {
	if c.Subject != "" && schemas.SubjectOf(c.Subject) == nil {
		return usageError(fmt.Sprintf("--subject: there is no %q; hebian profile show --subjects lists all", c.Subject))
	}
	sample, err := connectors.ReadSample(c.Sample)
	if err != nil {
		return err
	}
	suggestion, err := connectors.Suggest(sample, c.Subject)
	if err != nil {
		return err
	}
	text, err := suggestion.YAML(c.Agency)
	if err != nil {
		return usageError(err.Error())
	}
	if c.Out == "" {
		_, err := s.out.Write(text)
		return err
	}
	file, err := os.OpenFile(c.Out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if errors.Is(err, fs.ErrExist) {
		return usageError(fmt.Sprintf("%s is there already; name another file", c.Out))
	}
	if err != nil {
		return fmt.Errorf("write profile: %w", err)
	}
	_, err = file.Write(text)
	if err := errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("write profile: %w", err)
	}
	return nil
}
