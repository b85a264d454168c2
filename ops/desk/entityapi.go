package desk

import (
	"context"

	"hebian/matcher/queue"
)

type findInput struct {
	Query string `query:"q" required:"true" doc:"A code, or a part of a present or former name: 2 to 64 characters, one if it is no Latin letter or digit." maxLength:"256"`
	Limit int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
}

type findOutput struct {
	Body struct {
		Entities []EntityHit `json:"entities"`
		More     bool        `json:"more" doc:"There are more than asked for."`
	} `nameHint:"EntityList"`
}

func (d *Desk) apiFind(ctx context.Context, in *findInput) (*findOutput, error) {
	q, err := parseQuery(in.Query)
	if err == nil && q == "" {
		err = errQuery
	}
	if err != nil {
		return nil, d.problemOf(err)
	}
	out := &findOutput{}
	out.Body.Entities, out.Body.More, err = d.find(ctx, q, in.Limit)
	if err != nil {
		return nil, d.problemOf(err)
	}
	if out.Body.Entities == nil {
		out.Body.Entities = []EntityHit{}
	}
	return out, nil
}

// EntityDetail is a legal entity and its cases.
type EntityDetail struct {
	Dossier
	Cases     []CaseRow `json:"cases" doc:"The worst first."`
	CasesMore bool      `json:"cases_more,omitempty" doc:"There are more than these."`
}

type entityInput struct {
	ID string `path:"id" maxLength:"64" example:"E00000042"`
}

type entityOutput struct{ Body EntityDetail }

func (d *Desk) apiEntity(ctx context.Context, in *entityInput) (*entityOutput, error) {
	x, err := d.dossier(ctx, in.ID)
	if err != nil {
		return nil, d.problemOf(err)
	}
	cases, err := d.Queue.List(ctx, queue.Filter{Entity: x.ID}, "", entityCases+1)
	if err != nil {
		return nil, d.problemOf(err)
	}
	out := &entityOutput{EntityDetail{Dossier: x, Cases: []CaseRow{}, CasesMore: len(cases) > entityCases}}
	for i := range cases[:min(len(cases), entityCases)] {
		out.Body.Cases = append(out.Body.Cases, d.row(&cases[i]))
	}
	return out, nil
}
