package connectors

import (
	"fmt"
	"slices"
	"strings"

	"hebian/connectors/text"
)

// Names of unknown columns stand in every record that has a value there, so they are bounded: one, and
// all of a file together. Beyond that a column goes by its place, "#17".
const (
	maxHeaderBytes  = 256
	maxHeadersBytes = 16 << 10
)

// layout says where the columns of a profile stand in the rows of a file.
type layout struct {
	fields  int           // of a CSV row
	headers []string      // of a CSV file
	place   []int         // by column of the profile: its field, or -1
	others  []otherColumn // the columns that the profile doesn't name
	unknown []string      // their names
	keys    []string      // NDJSON: by column of the profile
}

// header takes the first record of a CSV file as its header.
func (p *pipeline) header(block *text.Block) (layout, error) {
	refuse := func(line int64, format string, args ...any) (layout, error) {
		reason := fmt.Sprintf(format, args...)
		if looks := p.looks(); looks != "" {
			reason = fmt.Sprintf("%s (the file %s)", reason, looks)
		}
		return layout{}, &FileError{File: p.found.Name, Line: line, Reason: reason}
	}
	want := fmt.Sprintf("want a header row in %s with %s", p.encoding, strings.Join(required(p.found.Columns), ", "))
	if p.found.form() != CSV {
		want = fmt.Sprintf("want the first row to be the header, with %s", strings.Join(required(p.found.Columns), ", "))
	}
	if len(block.Records) == 0 {
		return refuse(1, "no header row; %s", want)
	}
	record := block.Records[0]
	if record.Misfit != nil {
		return refuse(record.Line, "the header row can't be read: %s; %s", record.Misfit.Detail, want)
	}
	line, flaw := text.NewDecoder(p.encoding).Decode(record.Raw)
	if flaw != nil {
		return refuse(record.Line, "the header row can't be read: %s; %s", flaw.Detail, want)
	}
	headers, flaw := text.SplitFields(strings.Clone(line), nil)
	if flaw != nil {
		return refuse(record.Line, "the header row can't be read: %s; %s", flaw.Detail, want)
	}
	l := layout{fields: len(headers), headers: headers, place: make([]int, len(p.found.Columns))}
	known := map[int]bool{}
	for i := range p.found.Columns {
		column := &p.found.Columns[i]
		place, twice := column.find(headers)
		if place < 0 && column.Required {
			return refuse(record.Line, "no column %s; %s", column.Header, want)
		}
		if twice || place >= 0 && known[place] {
			return refuse(record.Line, "column %s stands twice; %s", column.Header, want)
		}
		l.place[i] = place
		known[place] = true
	}
	names := 0
	for i, header := range headers {
		if known[i] {
			continue
		}
		if header != "" && len(l.unknown) < maxUnknown && !(p.found.Mended && slices.Contains(notes, header)) {
			l.unknown = append(l.unknown, shortened(header))
		}
		if len(header) > maxHeaderBytes || names+len(header) > maxHeadersBytes {
			header = fmt.Sprintf("#%d", i+1)
		}
		names += len(header)
		l.others = append(l.others, otherColumn{header, i})
	}
	// By name, so that a row's ID does not hang on where the columns stand.
	slices.SortStableFunc(l.others, func(a, b otherColumn) int { return strings.Compare(a.header, b.header) })
	block.Records = block.Records[1:]
	return l, nil
}

// looks says what a text file looks like that has no header as it should be; "" where there is nothing to say.
func (p *pipeline) looks() string {
	if p.found.form() != CSV {
		return ""
	}
	if head := strings.TrimLeft(string(p.source.head), "\uFEFF \t\r\n"); strings.HasPrefix(head, "[") || strings.HasPrefix(head, "{") {
		return "looks like JSON: give its name the ending .json, or .ndjson for an object a line"
	}
	looks := text.Diagnose(p.source.head, p.encoding)
	if looks == "looks like UTF-8" || looks == "looks like GB18030" {
		looks += fmt.Sprintf(", and the profile wants %s: save it so, or send it as .xlsx", p.encoding)
	}
	return looks
}

// find looks for the column among the headers of a file: by its own name, then by another one, then by one that differs in width, blanks,
// brackets or case only, last by the name of its field. twice says that there are two of the name that was found.
func (c *Column) find(headers []string) (place int, twice bool) {
	for _, is := range []func(header string) bool{
		func(header string) bool { return header == c.Header },
		func(header string) bool { return slices.Contains(c.Aliases, header) },
		func(header string) bool {
			plain := sameHeader(header)
			return plain == sameHeader(c.Header) || slices.ContainsFunc(c.Aliases, func(alias string) bool { return plain == sameHeader(alias) })
		},
		func(header string) bool { return header == c.Field },
	} {
		if place = slices.IndexFunc(headers, is); place >= 0 {
			return place, slices.ContainsFunc(headers[place+1:], is)
		}
	}
	return -1, false
}

// shortened is a name as a receipt shows it.
func shortened(name string) string {
	if len(name) <= maxHeaderBytes {
		return name
	}
	return strings.ToValidUTF8(name[:maxHeaderBytes], "") + "…"
}

func required(columns []Column) []string {
	var headers []string
	for _, c := range columns {
		if c.Required {
			headers = append(headers, c.Header)
		}
	}
	return headers
}

// otherColumn is a column that the profile doesn't name, and where it stands.
type otherColumn struct {
	header string
	place  int
}

func keyed(columns []Column) layout {
	var l layout
	for _, c := range columns {
		l.keys = append(l.keys, c.Header)
	}
	return l
}
