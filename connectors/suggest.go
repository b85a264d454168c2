package connectors

import (
	"cmp"
	"fmt"
	"slices"
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
	var fits []fit
	for _, candidate := range schemas.Subjects() {
		if candidate.NewRow() == nil || subject != "" && candidate.Name != subject {
			continue
		}
		fits = append(fits, s.fit(candidate))
	}
	if len(fits) == 0 {
		return Suggestion{}, fmt.Errorf("no agency sends %q", subject)
	}
	slices.SortStableFunc(fits, func(a, b fit) int { return cmp.Compare(b.score(), a.score()) })
	best := fits[0]
	if best.score() <= 0 {
		return Suggestion{}, fmt.Errorf("no column of the sample looks like one that the hub knows: its columns are %s", strings.Join(s.Headers, ", "))
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
	points  float64
}

func (f *fit) score() float64 { return f.points - 1.5*float64(len(f.lacking)) }

// fit finds a column for each field: the pairs that go together best first.
func (s *Sample) fit(subject *schemas.Subject) fit {
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
		for j, header := range s.Headers {
			likeness, why := named(f, header)
			if likeness == 0 {
				continue // values alone tell dates from amounts, but not one date from another
			}
			held, says := holds(f, s.column(j))
			if points := likeness * held; points > 0 {
				pairs = append(pairs, pair{i, j, points, why + says})
			}
		}
	}
	slices.SortStableFunc(pairs, func(a, b pair) int { return cmp.Compare(b.points, a.points) })
	out := fit{subject: subject}
	fields, columns := map[int]bool{}, map[int]bool{}
	for _, p := range pairs {
		if fields[p.field] || columns[p.column] {
			continue
		}
		fields[p.field], columns[p.column] = true, true
		f := &subject.Fields[p.field]
		c := Suggested{Column: Column{Header: s.Headers[p.column], Field: f.Name, Required: !f.Optional}, Why: p.why}
		s.clean(&c.Column, f, p.column)
		out.columns = append(out.columns, c)
		out.points += p.points
	}
	slices.SortFunc(out.columns, func(a, b Suggested) int {
		return cmp.Compare(slices.Index(s.Headers, a.Header), slices.Index(s.Headers, b.Header))
	})
	for i := range subject.Fields {
		if f := &subject.Fields[i]; !fields[i] && !f.Optional && len(f.Headers) > 0 {
			out.lacking = append(out.lacking, f.Name)
		}
	}
	return out
}
