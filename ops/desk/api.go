package desk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"hebian/matcher/evidence"
	"hebian/matcher/queue"
	"hebian/matcher/rules"
	"hebian/ops/access"
	"hebian/schemas"
	"hebian/schemas/ident"
)

// Register adds the operations on cases to an API. Callers show the token of an account.
func (d *Desk) Register(on huma.API) {
	a := api{on}
	do := func(id, method, path, summary string, says map[int]string) huma.Operation {
		return a.operation(huma.Operation{
			OperationID: id, Method: method, Path: path, Summary: summary, Tags: []string{"cases"},
			Security: []map[string][]string{{"bearer": {}}}, Middlewares: huma.Middlewares{d.authenticate},
		}, says)
	}
	held := "not_held: the caller does not hold the case, or no longer."
	huma.Register(a, do("list-cases", http.MethodGet, "/v1/cases", "List cases, the worst first, then the oldest", map[int]string{}), d.apiList)
	huma.Register(a, do("get-case", http.MethodGet, "/v1/cases/{id}", "A case with its evidence and history", map[int]string{}), d.apiGet)
	huma.Register(a, do("claim-case", http.MethodPost, "/v1/cases/{id}/claim", "Claim a case for 30 minutes, or hold it for longer",
		map[int]string{http.StatusConflict: "taken: another officer holds it. not_open: there is nothing left to decide."}), d.apiClaim)
	huma.Register(a, do("release-case", http.MethodPost, "/v1/cases/{id}/release", "Give a case back", map[int]string{http.StatusConflict: held}), d.apiRelease)
	huma.Register(a, do("decide-case", http.MethodPost, "/v1/cases/{id}/decide", "Decide a case that the caller holds", withBody(map[int]string{http.StatusConflict: held})), d.apiDecide)
	huma.Register(a, do("revoke-link", http.MethodPost, "/v1/cases/{id}/revoke", "Take back what was decided on a link",
		withBody(map[int]string{http.StatusConflict: "no_link: there is no decision on a link that holds."})), d.apiRevoke)
	if d.Entities == nil {
		return
	}
	find := do("find-entities", http.MethodGet, "/v1/entities", "Find legal entities by code or name, the best match first", map[int]string{})
	get := do("get-entity", http.MethodGet, "/v1/entities/{id}", "All that is known of a legal entity", map[int]string{http.StatusNotFound: "unknown_entity: there never was one of this ID."})
	find.Tags, get.Tags = []string{"entities"}, []string{"entities"}
	huma.Register(a, find, d.apiFind)
	huma.Register(a, get, d.apiEntity)
}

// CaseRow is a case in a list. Identity numbers are masked.
type CaseRow struct {
	ID          string    `json:"id" example:"1f0c9e2ab3d44c55"`
	Code        string    `json:"code" doc:"Code of the rule." example:"PAID_NO_SLOT"`
	Label       string    `json:"label" doc:"Chinese name of the rule."`
	Severity    string    `json:"severity" enum:"critical,high,medium,low"`
	State       string    `json:"state" enum:"open,claimed,decided,sent,settled,explained"`
	Present     bool      `json:"present" doc:"The finding stands."`
	Provisional bool      `json:"provisional" doc:"A source is not complete: nothing changes by itself."`
	Person      string    `json:"person,omitempty" doc:"Identity number, masked."`
	Unit        string    `json:"unit,omitempty" doc:"Code of a unit, or the one that a legal entity goes by."`
	UnitName    string    `json:"unit_name,omitempty"`
	Month       string    `json:"month,omitempty" example:"202609"`
	Detail      string    `json:"detail,omitempty"`
	Entity      string    `json:"entity,omitempty" doc:"ID of the legal entity that is judged." example:"E00000042"`
	EntityName  string    `json:"entity_name,omitempty"`
	Agency      string    `json:"agency" doc:"Where a correction goes unless the officer names another agency, or the sides say to whom."`
	Agencies    []string  `json:"agencies" doc:"That hold the rows to put right, the main one first."`
	Opened      time.Time `json:"opened"`
	Updated     time.Time `json:"updated"`
	Officer     string    `json:"officer,omitempty" doc:"Who holds the case, or decided it."`
	Lease       time.Time `json:"lease,omitzero" doc:"Until when it is held."`
	Outcome     string    `json:"outcome,omitempty" doc:"Of the last decision."`
	Relapses    int       `json:"relapses"`
	Due         string    `json:"due,omitempty" doc:"Day by which the agencies asked should have answered." example:"2026-10-30"`
	Escalated   bool      `json:"escalated,omitempty" doc:"That day has passed."`
	Until       string    `json:"until,omitempty" doc:"Last day on which an accepted difference is left alone."`
}

// CaseDetail is a case with everything that is known of it.
type CaseDetail struct {
	CaseRow
	Sentence   string           `json:"sentence" doc:"What the finding means."`
	SentenceZH string           `json:"sentence_zh"`
	Check      string           `json:"check" doc:"What to look at before acting."`
	CheckZH    string           `json:"check_zh"`
	Version    int              `json:"version" doc:"Of the rule."`
	AsOf       string           `json:"as_of"`
	Parameters rules.Parameters `json:"parameters"`
	Reason     string           `json:"reason,omitempty" doc:"Of the last decision."`
	To         string           `json:"to,omitempty" doc:"Agencies that corrections go to, a blank between two."`
	Right      string           `json:"right,omitempty" doc:"Agency whose value the officer found right, where it is not the authority's."`
	Outcomes   []string         `json:"outcomes" doc:"That a decision on the case can have."`
	Sides      []CaseSide       `json:"sides,omitempty" doc:"Of a finding about a legal entity: what each registration says."`
	Rows       int              `json:"rows" doc:"How many rows the finding stands on; evidence names the first."`
	Evidence   []EvidenceRow    `json:"evidence"`
	History    []CaseEvent      `json:"history" doc:"Oldest first."`
}

// CaseSide is a registration in a finding about a legal entity.
type CaseSide struct {
	Agency    string   `json:"agency"`
	Key       string   `json:"key" doc:"Of the registration, the agency's own."`
	Value     string   `json:"value,omitempty" doc:"That it has in the field, or the code that is bad."`
	Role      string   `json:"role" enum:"authority,differs,lag,candidate,member"`
	Entity    string   `json:"entity,omitempty" doc:"Of a candidate: the legal entity that it belongs to."`
	Candidate string   `json:"candidate,omitempty" doc:"Names the candidate in a decision."`
	For       []string `json:"for,omitempty" doc:"Reasons for the link, as stable words." example:"[\"NAME_EQUAL\"]"`
	Against   []string `json:"against,omitempty"`
	Row       int      `json:"row" doc:"Its place in evidence; -1: its row is not there."`
}

// EvidenceRow is a row that a finding stands on.
type EvidenceRow struct {
	Agency   string          `json:"agency"`
	Subject  string          `json:"subject"`
	Label    string          `json:"label" doc:"Chinese name of the subject."`
	File     string          `json:"file"`
	Line     int64           `json:"line"`
	Delivery int64           `json:"delivery"`
	Record   string          `json:"record"`
	Fields   []EvidenceField `json:"fields"`
}

// EvidenceField is a field of a row, as an officer reads it.
type EvidenceField struct {
	Name  string `json:"name"`
	Label string `json:"label"`
	Value string `json:"value"`
}

// CaseEvent is a line of a case's history.
type CaseEvent struct {
	At         time.Time `json:"at"`
	Kind       string    `json:"kind"`
	State      string    `json:"state" doc:"That the case was in afterwards."`
	Officer    string    `json:"officer,omitempty"`
	Delivery   int64     `json:"delivery,omitempty" doc:"That brought it about."`
	Outcome    string    `json:"outcome,omitempty"`
	Reason     string    `json:"reason,omitempty"`
	To         string    `json:"to,omitempty"`
	Correction string    `json:"correction,omitempty"`
}

type listInput struct {
	State    string `query:"state" doc:"open, claimed, decided, sent, settled or explained; any or none for all." maxLength:"16"`
	Code     string `query:"code" maxLength:"64"`
	Severity string `query:"severity" maxLength:"16"`
	Agency   string `query:"agency" maxLength:"64"`
	Month    string `query:"month" maxLength:"7" doc:"YYYYMM" example:"202609"`
	Unit     string `query:"unit" maxLength:"256" doc:"A unit's code or a part of it."`
	Mine     bool   `query:"mine" doc:"Only those that the caller holds or decided."`
	After    string `query:"after" maxLength:"128" doc:"Where to go on: next of the answer before."`
	Limit    int    `query:"limit" minimum:"1" maximum:"500" default:"50"`
}

type listOutput struct {
	Body struct {
		Cases []CaseRow `json:"cases"`
		Next  string    `json:"next,omitempty" doc:"For after; none on the last page."`
	} `nameHint:"CaseList"`
}

func (d *Desk) apiList(ctx context.Context, in *listInput) (*listOutput, error) {
	v := url.Values{"state": {in.State}, "code": {in.Code}, "severity": {in.Severity}, "agency": {in.Agency}, "month": {in.Month}, "unit": {in.Unit}}
	if in.Mine {
		v.Set("mine", "1")
	}
	f, err := d.parseFilter(v, anyState)
	if err != nil {
		return nil, d.problemOf(err)
	}
	cases, err := d.Queue.List(ctx, f.queue(callerOf(ctx).Account), in.After, min(in.Limit+1, queue.MaxPage))
	if err != nil {
		return nil, d.problemOf(err)
	}
	out := &listOutput{}
	out.Body.Cases = []CaseRow{}
	if len(cases) > in.Limit || len(cases) == queue.MaxPage {
		cases = cases[:min(in.Limit, len(cases))]
		out.Body.Next = cases[len(cases)-1].Cursor()
	}
	for i := range cases {
		out.Body.Cases = append(out.Body.Cases, d.row(&cases[i]))
	}
	return out, nil
}

type caseInput struct {
	ID string `path:"id" maxLength:"64"`
}

type caseOutput struct{ Body CaseDetail }

type rowOutput struct{ Body CaseRow }

func (d *Desk) apiGet(ctx context.Context, in *caseInput) (*caseOutput, error) {
	c, events, err := d.Queue.Get(ctx, in.ID)
	if err != nil {
		return nil, d.problemOf(err)
	}
	rows, err := d.Sources(ctx, c.Grounds.Evidence)
	if err != nil {
		return nil, d.problemOf(err)
	}
	text := d.texts[c.Key.Code]
	out := CaseDetail{
		CaseRow: d.row(&c), Sentence: text.EN, SentenceZH: text.ZH, Check: text.CheckEN, CheckZH: text.CheckZH, Version: c.Grounds.Version,
		AsOf: c.Grounds.AsOf.String(), Parameters: c.Grounds.Parameters, Reason: maskText(c.Reason), To: c.To, Right: c.Right, Rows: c.Grounds.Rows,
		Outcomes: []string{}, Evidence: []EvidenceRow{}, History: []CaseEvent{},
	}
	for _, o := range offered(&c) {
		out.Outcomes = append(out.Outcomes, string(o))
	}
	for i := range c.Grounds.Sides {
		out.Sides = append(out.Sides, caseSide(&c.Grounds.Sides[i]))
	}
	for _, r := range rows {
		out.Evidence = append(out.Evidence, evidenceRow(r))
	}
	for _, e := range events {
		out.History = append(out.History, CaseEvent{
			At: e.At, Kind: string(e.Kind), State: string(e.State), Officer: e.Officer, Delivery: e.Delivery,
			Outcome: string(e.Outcome), Reason: maskText(e.Reason), To: e.To, Correction: e.Correction,
		})
	}
	return &caseOutput{out}, nil
}

func (d *Desk) row(c *queue.Case) CaseRow {
	r := CaseRow{
		ID: c.ID, Code: c.Key.Code, Label: d.texts[c.Key.Code].Label, Severity: c.Severity, State: string(c.State), Present: c.Present, Provisional: c.Provisional,
		Person: ident.Mask(string(c.Key.Person)), Unit: string(c.Key.Unit), Detail: maskText(c.Key.Detail), Agency: c.Agency(), Agencies: append([]string{}, c.Agencies...), Escalated: c.Escalated,
		Opened: c.Opened, Updated: c.Updated, Officer: c.Officer, Lease: c.Lease, Outcome: string(c.Outcome), Relapses: c.Relapses,
	}
	if c.Key.Entity != "" {
		r.Entity, r.EntityName, r.Unit = c.Key.Entity, maskText(c.Title), maskCode(c.Unit)
	}
	if c.Due != 0 {
		r.Due = c.Due.String()
	}
	if c.Until != 0 {
		r.Until = c.Until.String()
	}
	if c.Key.Month != 0 {
		r.Month = c.Key.Month.String()
	}
	if name := d.unit(c.Key.Unit); name != r.Unit {
		r.UnitName = name
	}
	return r
}

func caseSide(s *queue.Side) CaseSide {
	t := CaseSide{Agency: s.Agency, Key: maskCode(s.Key), Value: maskCode(s.Value), Role: string(s.Role), Entity: s.Entity, For: s.For, Against: s.Against, Row: s.Row}
	if s.Role == queue.RoleCandidate {
		t.Candidate = tokenOf(s)
	}
	return t
}

func evidenceRow(r evidence.Row) EvidenceRow {
	out := EvidenceRow{Agency: r.Agency, Subject: r.Subject, Label: r.Label, File: r.File, Line: r.Line, Delivery: r.Delivery, Record: r.Record, Fields: []EvidenceField{}}
	for _, f := range r.Fields {
		out.Fields = append(out.Fields, EvidenceField{f.Name, f.Label, masked(f)})
	}
	return out
}

func (d *Desk) apiClaim(ctx context.Context, in *caseInput) (*rowOutput, error) {
	return d.apiAct(ctx, func(officer string) (queue.Case, error) { return d.Queue.Claim(ctx, in.ID, officer) })
}

func (d *Desk) apiRelease(ctx context.Context, in *caseInput) (*rowOutput, error) {
	return d.apiAct(ctx, func(officer string) (queue.Case, error) { return d.Queue.Release(ctx, in.ID, officer) })
}

type decideInput struct {
	ID   string `path:"id" maxLength:"64"`
	Body struct {
		Outcome string `json:"outcome" doc:"One of the case's outcomes." maxLength:"16"`
		Reason  string `json:"reason" doc:"At most 2,000 characters." maxLength:"4000"`
		To      string `json:"to,omitempty" doc:"Agency that the correction goes to; without it, the case's." maxLength:"64"`
		Right   string `json:"right,omitempty" doc:"Of disputed: the agency whose value is right." maxLength:"64"`
		Until   string `json:"until,omitempty" doc:"Of accepted: the last day on which the difference is left alone." example:"2027-06-30" maxLength:"10"`
		With    string `json:"with,omitempty" doc:"Of same and different: candidate of one of the case's sides." maxLength:"64"`
	} `nameHint:"Decision"`
}

func (d *Desk) apiDecide(ctx context.Context, in *decideInput) (*rowOutput, error) {
	decision := queue.Decision{Outcome: queue.Outcome(in.Body.Outcome), Reason: in.Body.Reason, To: in.Body.To, Right: in.Body.Right}
	decision.Until, _ = schemas.ParseDate(in.Body.Until) // what is no day is none, and missed by the queue
	return d.apiAct(ctx, func(officer string) (queue.Case, error) {
		return d.decideOn(ctx, in.ID, officer, decision, in.Body.With)
	})
}

type revokeInput struct {
	ID   string `path:"id" maxLength:"64"`
	Body struct {
		Reason string `json:"reason" doc:"At most 2,000 characters." maxLength:"4000"`
	} `nameHint:"Revocation"`
}

func (d *Desk) apiRevoke(ctx context.Context, in *revokeInput) (*rowOutput, error) {
	return d.apiAct(ctx, func(officer string) (queue.Case, error) { return d.Queue.Revoke(ctx, in.ID, officer, in.Body.Reason) })
}

func (d *Desk) apiAct(ctx context.Context, do func(officer string) (queue.Case, error)) (*rowOutput, error) {
	who := callerOf(ctx)
	if who.Role != access.Officer {
		return nil, problem(http.StatusForbidden, "forbidden", "error.role")
	}
	c, err := do(who.Account)
	if err != nil {
		return nil, d.problemOf(err)
	}
	return &rowOutput{d.row(&c)}, nil
}

// callerKey is where a request's context holds its caller.
type callerKey struct{}

func callerOf(ctx context.Context) access.Caller {
	who, _ := ctx.Value(callerKey{}).(access.Caller)
	return who
}

// authenticate finds out who calls before anything else of the request is looked at.
func (d *Desk) authenticate(ctx huma.Context, next func(huma.Context)) {
	ctx.SetHeader("Cache-Control", "no-store")
	scheme, token, _ := strings.Cut(ctx.Header("Authorization"), " ")
	if !strings.EqualFold(scheme, "bearer") {
		token = ""
	}
	who, err := d.Access.Who(ctx.Context(), strings.TrimSpace(token))
	switch {
	case errors.Is(err, access.ErrToken):
		ctx.SetHeader("WWW-Authenticate", "Bearer")
		write(ctx, problem(http.StatusUnauthorized, "unauthorized", "problem.unauthorized"))
	case err != nil:
		write(ctx, d.problemOf(err))
	case who.Account == "":
		write(ctx, problem(http.StatusForbidden, "forbidden", "problem.agency"))
	default:
		next(huma.WithValue(ctx, callerKey{}, who))
	}
}

// write answers with a problem where huma does not do it.
func write(ctx huma.Context, p *Problem) {
	ctx.SetHeader("Content-Type", p.ContentType(""))
	ctx.SetStatus(p.Status)
	json.NewEncoder(ctx.BodyWriter()).Encode(p) //nolint:errcheck // the caller has gone
}

// problemOf says what an error means to a caller. What is nobody's doing outside is reported, and the caller
// learns only that it happened.
func (d *Desk) problemOf(err error) *Problem {
	var taken *queue.TakenError
	var state *queue.StateError
	var decision *queue.DecisionError
	var bad *filterError
	switch {
	case errors.Is(err, queue.ErrUnknown):
		return problem(http.StatusNotFound, "unknown_case", "problem.unknown")
	case errors.As(err, &taken):
		return problem(http.StatusConflict, "taken", "problem.taken", taken.By, taken.Until.In(d.Now().Location()).Format(timeFormat))
	case errors.As(err, &state):
		return problem(http.StatusConflict, "not_open", "problem.state", state.State)
	case errors.Is(err, queue.ErrNoLink):
		return problem(http.StatusConflict, "no_link", "problem.nolink")
	case errors.Is(err, ErrNoEntity):
		return problem(http.StatusNotFound, "unknown_entity", "problem.noentity")
	case errors.Is(err, queue.ErrNotHeld):
		return problem(http.StatusConflict, "not_held", "problem.notheld")
	case errors.As(err, &decision):
		key, args := lacking(decision.Field)
		p := problem(http.StatusUnprocessableEntity, "incomplete_decision", key, args...)
		p.Field = decision.Field
		return p
	case errors.As(err, &bad):
		p := problem(http.StatusUnprocessableEntity, "invalid", "problem.filter", bad.Parameter, bad.Want)
		p.Field = bad.Parameter
		return p
	case errors.Is(err, queue.ErrCursor):
		p := problem(http.StatusUnprocessableEntity, "invalid", "problem.cursor")
		p.Field = "after"
		return p
	}
	if !errors.Is(err, context.Canceled) { // whoever asked has gone
		d.Report(fmt.Errorf("answer a program: %w", err))
	}
	if d.IsFull(err) {
		return problem(http.StatusInsufficientStorage, "disk_full", "error.full")
	}
	return problem(http.StatusInternalServerError, "internal", "error.internal")
}
