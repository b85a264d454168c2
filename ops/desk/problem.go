package desk

import (
	"cmp"
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// Problem is what an API answers instead of what was asked for, as RFC 9457 has it.
type Problem struct {
	Type     string `json:"type" doc:"urn:hebian:problem: and a stable code." example:"urn:hebian:problem:taken"`
	Title    string `json:"title" doc:"What kind of problem it is."`
	Status   int    `json:"status" example:"409"`
	Detail   string `json:"detail" doc:"What is wrong and what to do, in English."`
	DetailZH string `json:"detail_zh" doc:"The same in Chinese."`
	Field    string `json:"field,omitempty" doc:"The part of the request that it is about."`
}

// Error says what is wrong.
func (p *Problem) Error() string { return p.Detail }

// GetStatus makes the problem an answer of huma.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType is that of RFC 9457.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// problem makes one of a code and words. Its title follows from the code.
func problem(status int, code, key string, args ...any) *Problem {
	return &Problem{Type: "urn:hebian:problem:" + code, Title: plain(code), Status: status, Detail: English.T(key, args...), DetailZH: Chinese.T(key, args...)}
}

// api is a huma.API whose own errors are problems as ours.
type api struct{ huma.API }

// Transform sees every body before it is written.
func (a api) Transform(ctx huma.Context, status string, v any) (any, error) {
	if m, ok := v.(*huma.ErrorModel); ok {
		v = invalid(m)
	}
	return a.API.Transform(ctx, status, v)
}

// invalid turns an error that huma made into a problem. Values are left out, and numbers in names masked: one may
// be a person's.
func invalid(m *huma.ErrorModel) *Problem {
	if m.Status >= http.StatusInternalServerError {
		return problem(m.Status, "internal", "error.internal")
	}
	says := []string{m.Detail}
	field := ""
	for _, e := range m.Errors {
		if e != nil {
			location := maskText(e.Location)
			says, field = append(says, strings.TrimSpace(location+" "+maskText(e.Message))), cmp.Or(field, location)
		}
	}
	p := problem(m.Status, "invalid", "problem.invalid", strings.Join(says, "; "))
	p.Field = field
	return p
}

// deskProblem names the schema of a problem in the OpenAPI document, where other rooms have a Problem of their own.
type deskProblem Problem

// withBody adds what may be wrong with a body of JSON, before anybody looks at what it says.
func withBody(says map[int]string) map[int]string {
	says[http.StatusBadRequest] = "invalid: there is no body, or it is no JSON."
	says[http.StatusRequestTimeout] = "invalid: the body comes too slowly."
	says[http.StatusRequestEntityTooLarge] = "invalid: the body is too large."
	says[http.StatusUnsupportedMediaType] = "invalid: the body is not said to be JSON."
	return says
}

// operation documents the problems of an operation: what each status means.
func (a api) operation(op huma.Operation, says map[int]string) huma.Operation {
	says[http.StatusUnauthorized] = "unauthorized: no token, or one that opens nothing."
	says[http.StatusForbidden] = "forbidden: a token of an agency, or an account that decides no cases."
	says[http.StatusUnprocessableEntity] = "invalid, incomplete_decision: the request is not understood, or lacks something."
	says[http.StatusInternalServerError] = "internal: the hub's own fault."
	if _, ok := says[http.StatusNotFound]; !ok && strings.Contains(op.Path, "{id}") {
		says[http.StatusNotFound] = "unknown_case: there is no such case."
	}
	op.RejectUnknownQueryParameters = true // a filter with a slip in its name must not pass for none
	op.Responses = map[string]*huma.Response{}
	schema := a.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[deskProblem](), true, "")
	for status, description := range says {
		op.Responses[strconv.Itoa(status)] = &huma.Response{
			Description: description, Content: map[string]*huma.MediaType{"application/problem+json": {Schema: schema}},
		}
	}
	return op
}
