package push

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"hebian/connectors"
	"hebian/schemas"
)

// Declare is what an agency says with a declaration.
type Declare struct {
	Kind  connectors.Kind `json:"kind,omitempty" enum:"full,changes" default:"full" doc:"full: every file whole. changes: by change sets on top of what was there."`
	Empty []string        `json:"empty,omitempty" maxItems:"100" doc:"Files that have no rows and are not delivered." example:"[\"finance/control_numbers.csv\"]"`
}

// Completeness says how far an agency's files are complete.
type Completeness struct {
	Agency          string   `json:"agency"`
	CompleteThrough string   `json:"complete_through,omitempty" doc:"Last month of the first run of months without a hole." example:"202609"`
	Missing         []string `json:"missing" doc:"Months in between that were not declared."`
	Periods         []Period `json:"periods,omitempty" doc:"The declarations, by month."`
}

// Period is a month that an agency declared complete.
type Period struct {
	Month    string          `json:"month" example:"202609"`
	Kind     connectors.Kind `json:"kind" enum:"full,changes"`
	Empty    []string        `json:"empty,omitempty"`
	Declared time.Time       `json:"declared"`
	By       string          `json:"by,omitempty"`
}

type declareInput struct {
	Month  string   `path:"month" maxLength:"16" doc:"The month as YYYYMM." example:"202609"`
	Agency string   `query:"agency" maxLength:"64" doc:"For which agency; an agency's token needs none."`
	Body   *Declare `required:"false"`
}

type declareOutput struct {
	Body Completeness
}

type periodsInput struct {
	Agency string `query:"agency" maxLength:"64" doc:"One agency only."`
}

type periodsOutput struct {
	Body struct {
		Agencies []Completeness `json:"agencies"`
	} `nameHint:"Periods"`
}

func (s *Server) registerPeriods() {
	huma.Register(s.api, scoped(s.operation(huma.Operation{
		OperationID: "declare-complete",
		Method:      http.MethodPut,
		Path:        "/v1/periods/{month}/complete",
		Summary:     "Declare a month complete",
		Description: "An agency's word that it has handed over everything for a month. Before that, what its files may still bring opens no case. A repeat changes nothing.",
		Tags:        []string{tagPeriods},
	}, withBody(map[int]string{
		http.StatusBadRequest: "agency_needed: an operator says for which agency.",
		http.StatusForbidden:  "forbidden: the token is another agency's.",
		http.StatusNotFound:   "unknown_period: no month, or one that has not come; the declared ones are named. unknown_agency, unknown_file: the known ones are named.",
		http.StatusConflict:   "files_lacking: files of the month were not delivered and are not named as empty.",
	})), scopeDeliver), s.declare)
	huma.Register(s.api, scoped(s.operation(huma.Operation{
		OperationID: "list-periods",
		Method:      http.MethodGet,
		Path:        "/v1/periods",
		Summary:     "See how far agencies are complete",
		Description: "An agency sees itself, an operator all agencies.",
		Tags:        []string{tagPeriods},
	}, map[int]string{
		http.StatusForbidden: "forbidden: the token is another agency's.",
		http.StatusNotFound:  "unknown_agency: the known ones are named.",
	}), scopeRead), s.periods)
}

// declare writes an agency's declaration down.
func (s *Server) declare(ctx context.Context, in *declareInput) (*declareOutput, error) {
	caller := callerOf(ctx)
	agency := cmp.Or(in.Agency, caller.Agency)
	if agency == "" {
		return nil, agencyNeeded(s.agencies())
	}
	profile, refused := s.profile(caller, agency)
	if refused != nil {
		return nil, refused
	}
	month, ok := schemas.ParseMonth(in.Month)
	if !ok {
		return nil, s.unknownPeriod(ctx, agency, in.Month)
	}
	d := connectors.Declaration{Agency: agency, Month: month, Kind: connectors.Whole, By: caller.Name}
	if in.Body != nil {
		d.Kind, d.Empty = cmp.Or(in.Body.Kind, connectors.Whole), in.Body.Empty
	}
	c, err := profile.Declare(ctx, s.hub(caller), s.Today(), d)
	var lack *connectors.LackingError
	var others *connectors.NotTheirsError
	switch {
	case errors.As(err, &lack):
		return nil, lacking(in.Month, lack.Files)
	case errors.As(err, &others):
		return nil, unknown("file", "文件", "file", others.Files[0], others.Known)
	case errors.Is(err, connectors.ErrPeriod):
		return nil, s.unknownPeriod(ctx, agency, in.Month)
	case err != nil:
		return nil, s.fault(ctx, "declare a month", err)
	}
	return &declareOutput{Body: completeness(agency, c)}, nil
}

// unknownPeriod names the months that an agency declared, as none other is known of it, and the present one.
func (s *Server) unknownPeriod(ctx context.Context, agency, name string) *Problem {
	declared, err := s.hub(callerOf(ctx)).Declared(ctx, agency)
	if err != nil {
		return s.fault(ctx, "read declarations", err)
	}
	known := []string{s.Today().Month().String()}
	for _, d := range declared {
		known = append(known, d.Month.String())
	}
	slices.Sort(known)
	return unknown("period", "月份", "period", name, slices.Compact(known))
}

// periods tells how far agencies are complete.
func (s *Server) periods(ctx context.Context, in *periodsInput) (*periodsOutput, error) {
	caller := callerOf(ctx)
	agencies := s.agencies()
	if one := cmp.Or(in.Agency, caller.Agency); one != "" {
		if _, refused := s.profile(caller, one); refused != nil {
			return nil, refused
		}
		agencies = []string{one}
	} else if !caller.Operator {
		return nil, operatorOnly()
	}
	out := &periodsOutput{}
	for _, agency := range agencies {
		declared, err := s.hub(caller).Declared(ctx, agency)
		if err != nil {
			return nil, s.fault(ctx, "read declarations", err)
		}
		slices.SortFunc(declared, func(a, b connectors.Declaration) int { return cmp.Compare(a.Month, b.Month) })
		c := completeness(agency, connectors.CompleteThrough(declared))
		for _, d := range declared {
			c.Periods = append(c.Periods, Period{Month: d.Month.String(), Kind: d.Kind, Empty: d.Empty, Declared: d.Declared, By: d.By})
		}
		out.Body.Agencies = append(out.Body.Agencies, c)
	}
	return out, nil
}

func completeness(agency string, c connectors.Completeness) Completeness {
	answer := Completeness{Agency: agency, Missing: []string{}}
	if c.Through != 0 {
		answer.CompleteThrough = c.Through.String()
	}
	for _, month := range c.Missing {
		answer.Missing = append(answer.Missing, month.String())
	}
	return answer
}
