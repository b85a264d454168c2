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
	huma.Register(a, do("decide-case", http.MethodPost, "/v1/cases/{id}/decide", "Decide a case that the caller holds", map[int]string{http.StatusConflict: held}), d.apiDecide)
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
	Unit        string    `json:"unit,omitempty"`
	UnitName    string    `json:"unit_name,omitempty"`
	Month       string    `json:"month,omitempty" example:"202609"`
	Detail      string    `json:"detail,omitempty"`
	Agency      string    `json:"agency" doc:"Where a correction goes unless the officer names another agency."`
	Opened      time.Time `json:"opened"`
	Updated     time.Time `json:"updated"`
	Officer     string    `json:"officer,omitempty" doc:"Who holds the case, or decided it."`
	Lease       time.Time `json:"lease,omitzero" doc:"Until when it is held."`
	Outcome     string    `json:"outcome,omitempty" doc:"Of the last decision."`
	Relapses    int       `json:"relapses"`
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
	To         string           `json:"to,omitempty" doc:"Agency that the correction goes to."`
	Rows       int              `json:"rows" doc:"How many rows the finding stands on; evidence names the first."`
	Evidence   []EvidenceRow    `json:"evidence"`
	History    []CaseEvent      `json:"history" doc:"Oldest first."`
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
		AsOf: c.Grounds.AsOf.String(), Parameters: c.Grounds.Parameters, Reason: maskText(c.Reason), To: c.To, Rows: c.Grounds.Rows,
		Evidence: []EvidenceRow{}, History: []CaseEvent{},
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
		Person: ident.Mask(string(c.Key.Person)), Unit: string(c.Key.Unit), Detail: maskText(c.Key.Detail), Agency: c.Agency,
		Opened: c.Opened, Updated: c.Updated, Officer: c.Officer, Lease: c.Lease, Outcome: string(c.Outcome), Relapses: c.Relapses,
	}
	if c.Key.Month != 0 {
		r.Month = c.Key.Month.String()
	}
	if name := d.unit(c.Key.Unit); name != r.Unit {
		r.UnitName = name
	}
	return r
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
		Outcome string `json:"outcome" doc:"confirmed, explained, data_error or forwarded." maxLength:"16"`
		Reason  string `json:"reason" doc:"At most 2,000 characters." maxLength:"4000"`
		To      string `json:"to,omitempty" doc:"Agency that the correction goes to; without it, the case's." maxLength:"64"`
	} `nameHint:"Decision"`
}

func (d *Desk) apiDecide(ctx context.Context, in *decideInput) (*rowOutput, error) {
	decision := queue.Decision{Outcome: queue.Outcome(in.Body.Outcome), Reason: in.Body.Reason, To: in.Body.To}
	return d.apiAct(ctx, func(officer string) (queue.Case, error) { return d.Queue.Decide(ctx, in.ID, officer, decision) })
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
		d.Report(fmt.Errorf("answer about cases: %w", err))
	}
	if d.IsFull(err) {
		return problem(http.StatusInsufficientStorage, "disk_full", "error.full")
	}
	return problem(http.StatusInternalServerError, "internal", "error.internal")
}
