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
	From   string `query:"from" pattern:"^[0-9]{6}$" doc:"First month, YYYYMM. Default: the one before the last asked for."`
	To     string `query:"to" pattern:"^[0-9]{6}$" doc:"Last month, YYYYMM. Default: the last that has ended."`
}

type expectedOutput struct {
	Body struct {
		Expected []Expected `json:"expected" doc:"What was promised, in the order of days."`
	}
}

// Expected is a file that was promised for a period.
type Expected struct {
	Agency string              `json:"agency"`
	File   string              `json:"file" doc:"Name of the file, of the period's last month." example:"finance/payroll-202609.csv"`
	Period string              `json:"period" doc:"Last month of the period, YYYYMM." example:"202609"`
	Due    string              `json:"due" format:"date" doc:"Day by whose end it is to be there."`
	Late   string              `json:"late" format:"date" doc:"Last day of grace; after it the file is missing."`
	State  connectors.Standing `json:"state" enum:"expected,due,late,missing,delivered,delivered_late"`
	Came   string              `json:"came,omitempty" format:"date" doc:"Day of the delivery that brought it."`
}

func expectedOf(e *connectors.Expected) Expected {
	x := Expected{Agency: e.Agency, File: e.File, Period: e.Period.String(), Due: e.Due.String(), Late: e.Late.String(), State: e.State}
	if e.Came != 0 {
		x.Came = e.Came.String()
	}
	return x
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
	from, to, ok := monthsOf(in.From, in.To, s.Today().Month().Add(-1))
	if !ok {
		return nil, notUnderstood("from and to are months YYYYMM, the first not after the last, and 36 of them at most.", "from 与 to 应为年月 YYYYMM，起止顺序正确，且最多 36 个月。")
	}
	out := &expectedOutput{}
	out.Body.Expected = []Expected{}
	if callerOf(ctx).Sandbox {
		return out, nil
	}
	for _, name := range s.agencies() {
		if agency != "" && name != agency {
			continue
		}
		all, err := s.Expected(ctx, name, from, to)
		if err != nil {
			return nil, s.fault(ctx, "look what is due", err)
		}
		for i := range all {
			out.Body.Expected = append(out.Body.Expected, expectedOf(&all[i]))
		}
	}
	slices.SortStableFunc(out.Body.Expected, func(a, b Expected) int { return cmp.Compare(a.Due, b.Due) })
	return out, nil
}

// monthsOf reads which months are asked for; the last one is last if it is not said.
func monthsOf(first, end string, last schemas.Month) (from, to schemas.Month, ok bool) {
	if to, ok = last, true; end != "" {
		to, ok = schemas.ParseMonth(end)
	}
	if !ok || to.Index() < mostMonths {
		return 0, 0, false
	}
	if from = to.Add(-1); first != "" {
		from, ok = schemas.ParseMonth(first)
	}
	return from, to, ok && from <= to && to.Index()-from.Index() < mostMonths
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
