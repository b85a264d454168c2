package desk

import (
	"cmp"
	"slices"
	"strings"

	"hebian/matcher/evidence"
	"hebian/schemas"
	"hebian/schemas/ident"
)

// source is what one agency's rows of one subject say: what all of them say once, the rest row by row.
type source struct {
	Agency  string
	Label   string
	Rows    int
	File    string // that all rows stand in, of one delivery; empty if there are several
	Common  []value
	Columns []string
	Lines   []line
}

// value is a labelled field. Differs says that another source says otherwise.
type value struct {
	Label, Text string
	Differs     bool
	name        string
}

// line is a row and where it stands.
type line struct {
	Cells   []string
	File    string
	Number  int64
	Receipt string
}

// hidden fields repeat others: the person key is the identity number in its present form, the class follows from the kind of
// pay, a registration's source is the agency, its capital in fen stands in yuan or wan.
var hidden = []string{"person", "class", "source", "capital_fen"}

// compared fields say the same thing of the same person in whichever source they stand.
var compared = []string{"name", "unit", "slot_type", "fund_channel"}

// sources puts rows side by side.
func (d *Desk) sources(l Language, rows []evidence.Row) []source {
	var all []source
	// What registrations say of a legal entity is compared in normal forms, not here.
	about := slices.ContainsFunc(rows, func(r evidence.Row) bool { return strings.HasPrefix(r.Subject, "entity.") })
	for len(rows) > 0 {
		first := rows[0]
		var group, rest []evidence.Row
		for _, r := range rows {
			if r.Agency == first.Agency && r.Subject == first.Subject {
				group = append(group, r)
			} else {
				rest = append(rest, r)
			}
		}
		all = append(all, d.source(l, group))
		rows = rest
	}
	// Those with few rows first: they say what the many are held against.
	slices.SortStableFunc(all, func(a, b source) int { return cmp.Compare(min(a.Rows, 2), min(b.Rows, 2)) })
	if !about {
		markDifferences(all)
	}
	return all
}

func (d *Desk) source(l Language, rows []evidence.Row) source {
	subject := rows[0].Subject
	s := source{Agency: l.agency(rows[0].Agency), Label: l.pick(rows[0].Label, plain(subject[strings.LastIndexByte(subject, '.')+1:])), Rows: len(rows)}
	var said []map[place]evidence.Field // by each row
	var order []place
	for _, r := range rows {
		fields := map[place]evidence.Field{}
		for _, f := range r.Fields {
			at := place{name: f.Name}
			for ; fields[at].Name != ""; at.n++ {
			}
			fields[at] = f
			if !slices.Contains(order, at) && !slices.Contains(hidden, f.Name) {
				order = append(order, at)
			}
		}
		said = append(said, fields)
		s.Lines = append(s.Lines, line{File: r.File, Number: r.Line, Receipt: l.T("case.sources.taken", r.Delivery, d.local(r.Taken, timeFormat))})
	}
	if !slices.ContainsFunc(s.Lines, func(n line) bool { return n.File != s.Lines[0].File || n.Receipt != s.Lines[0].Receipt }) {
		s.File = s.Lines[0].File
	}
	for _, at := range order {
		s.add(d, l, at, said)
	}
	return s
}

// place tells fields of a row apart: a cell that was kept as written may bear the name of a field.
type place struct {
	name string
	n    int
}

// add shows a field: not at all if no row has it, once if all say the same, else as a column.
func (s *source) add(d *Desk, l Language, at place, said []map[place]evidence.Field) {
	var label string
	same, empty := true, true
	for _, fields := range said {
		f := fields[at]
		same = same && f.Value == said[0][at].Value
		empty = empty && f.Value == ""
		if f.Name != "" {
			label = l.field(f.Name, f.Label)
		}
	}
	switch {
	case empty:
	case same:
		s.Common = append(s.Common, value{Label: label, Text: d.text(said[0][at]), name: at.name})
	default:
		s.Columns = append(s.Columns, label)
		for i, fields := range said {
			s.Lines[i].Cells = append(s.Lines[i].Cells, d.text(fields[at]))
		}
	}
}

// markDifferences marks what two sources say in different words.
func markDifferences(all []source) {
	said := map[string]map[string]bool{}
	for _, s := range all {
		for _, v := range s.Common {
			if said[v.name] == nil {
				said[v.name] = map[string]bool{}
			}
			said[v.name][v.Text] = true
		}
	}
	for _, s := range all {
		for i := range s.Common {
			v := &s.Common[i]
			v.Differs = slices.Contains(compared, v.name) && len(said[v.name]) > 1
		}
	}
}

// text is what a field says, with identity numbers masked and units named.
func (d *Desk) text(f evidence.Field) string {
	text := masked(f)
	if slices.Contains(unitFields, f.Name) {
		if name := d.unit(schemas.UnitCode(text)); name != text {
			return name + " " + text
		}
	}
	return text
}

// unitFields hold unit codes.
var unitFields = []string{"unit", "from_unit", "to_unit", "parent"}

func masked(f evidence.Field) string {
	if f.Identity {
		return ident.Mask(f.Value)
	}
	return maskCode(f.Value)
}
