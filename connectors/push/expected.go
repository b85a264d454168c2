package push

import (
	"cmp"
	"context"
	"net/http"
	"path"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"hebian/connectors"
	"hebian/schemas"
)

type expectedInput struct {
	Agency string `query:"agency" maxLength:"64" doc:"Default: the caller's; an operator's: all."`
	From   string `query:"from" pattern:"^[0-9]{6}$" doc:"First month, YYYYMM. Default: the one before last."`
	To     string `query:"to" pattern:"^[0-9]{6}$" doc:"Last month, YYYYMM. Default: the last that has ended."`
}

type expectedOutput struct {
	Body struct {
		Expected []connectors.Expected `json:"expected" doc:"What was promised, in the order of days."`
	}
}

// mostMonths bounds a calendar.
const mostMonths = 36

func (s *Server) registerExpected() {
	huma.Register(s.api, scoped(s.operation(huma.Operation{
		OperationID: "list-expected", Method: http.MethodGet, Path: "/v1/expected", Summary: "See what is due, late and missing", Tags: []string{tagPeriods},
		Description: "What the profiles of agencies promise for periods that end in the months asked for, 36 at most, and what came of it.",
	}, map[int]string{http.StatusNotFound: "unknown_agency: the known ones are named."}), scopeRead), s.expected)
}

func (s *Server) expected(ctx context.Context, in *expectedInput) (*expectedOutput, error) {
	agency, refused := s.whose(ctx, in.Agency)
	if refused != nil {
		return nil, refused
	}
	to := s.Today().Month().Add(-1)
	from := to.Add(-1)
	for _, given := range []struct {
		text  string
		month *schemas.Month
	}{{in.From, &from}, {in.To, &to}} {
		if given.text == "" {
			continue
		}
		month, ok := schemas.ParseMonth(given.text)
		if !ok {
			return nil, problem(http.StatusUnprocessableEntity, "invalid", "The request is not understood", "from and to are months YYYYMM.", "from 与 to 应为年月 YYYYMM。")
		}
		*given.month = month
	}
	from = max(from, to.Add(1-mostMonths))
	out := &expectedOutput{}
	out.Body.Expected = []connectors.Expected{}
	for _, name := range s.agencies() {
		if agency != "" && name != agency {
			continue
		}
		all, err := s.Expected(ctx, name, from, to)
		if err != nil {
			return nil, s.fault(ctx, "look what is due", err)
		}
		out.Body.Expected = append(out.Body.Expected, all...)
	}
	slices.SortStableFunc(out.Body.Expected, func(a, b connectors.Expected) int { return cmp.Compare(a.Due, b.Due) })
	return out, nil
}

// Described is how the hub reads a file of an agency.
type Described struct {
	File     string            `json:"file" doc:"Name to deliver it under; {month} stands for YYYYMM."`
	Subject  string            `json:"subject"`
	Form     connectors.Form   `json:"form" doc:"The form by default; by its name's ending it may come in another one."`
	Encoding string            `json:"encoding,omitempty"`
	Optional bool              `json:"optional" doc:"A month is complete without it."`
	Key      []string          `json:"key,omitempty" doc:"Columns that name a row; with them mode merge is possible."`
	Columns  []DescribedColumn `json:"columns"`
}

// DescribedColumn is how the hub reads a column.
type DescribedColumn struct {
	Header   string   `json:"header"`
	Aliases  []string `json:"aliases,omitempty"`
	Field    string   `json:"field" doc:"Field of the subject's schema."`
	Label    string   `json:"label" doc:"What it is, in Chinese."`
	Required bool     `json:"required"`
	Values   []string `json:"values,omitempty" doc:"The values that are taken, where there is a set."`
}

type profileInput struct {
	Agency string `path:"agency" maxLength:"64" doc:"The agency's short name." example:"finance"`
}

type profileOutput struct {
	Body struct {
		Agency string      `json:"agency"`
		Name   string      `json:"name"`
		Forms  []string    `json:"forms" doc:"The forms that files may come in."`
		Files  []Described `json:"files"`
	}
}

func (s *Server) registerProfiles() {
	huma.Register(s.api, scoped(s.operation(huma.Operation{
		OperationID: "get-profile", Method: http.MethodGet, Path: "/v1/profiles/{agency}", Summary: "See how the files of an agency are read", Tags: []string{tagDeliveries},
		Description: "For an agency's programmer: names, forms, columns and values of the files that it hands over.",
	}, map[int]string{http.StatusNotFound: "unknown_agency: the known ones are named."}), scopeRead, scopeDeliver), s.describe)
}

func (s *Server) describe(ctx context.Context, in *profileInput) (*profileOutput, error) {
	profile, refused := s.profile(callerOf(ctx), in.Agency)
	if refused != nil {
		return nil, refused
	}
	out := &profileOutput{}
	out.Body.Agency, out.Body.Name, out.Body.Forms, out.Body.Files = profile.Agency, profile.Name, connectors.Forms(), []Described{}
	for i := range profile.Files {
		f := &profile.Files[i]
		d := Described{File: path.Base(f.Path), Subject: f.Subject, Form: f.Form, Encoding: f.Encoding, Optional: f.Optional, Key: f.Key, Columns: []DescribedColumn{}}
		subject := schemas.SubjectOf(f.Subject)
		for _, c := range f.Columns {
			field := subject.Field(c.Field)
			values := slices.Clone(field.Labels)
			for own := range c.Values {
				values = append(values, own)
			}
			slices.Sort(values)
			d.Columns = append(d.Columns, DescribedColumn{Header: c.Header, Aliases: c.Aliases, Field: c.Field, Label: field.Label, Required: c.Required, Values: slices.Compact(values)})
		}
		out.Body.Files = append(out.Body.Files, d)
	}
	return out, nil
}
