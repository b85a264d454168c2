package push_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// media is the content of a body.
type media map[string]struct {
	Schema struct {
		Ref    string `json:"$ref"`
		Type   string
		Format string
	}
}

// parameter is one of an operation.
type parameter struct{ Name, In, Description string }

// document is what the tests look at of an OpenAPI document.
type document struct {
	Paths map[string]map[string]struct {
		OperationID string `json:"operationId"`
		Summary     string
		Description string
		Tags        []string
		Security    []map[string][]string
		Parameters  []parameter
		RequestBody *struct{ Content media }
		Responses   map[string]struct {
			Description string
			Headers     map[string]any
			Content     media
		}
	}
	Tags       []struct{ Name, Description string }
	Components struct {
		SecuritySchemes map[string]struct{ Type, Scheme string }
	}
}

func openAPI(t *testing.T) document {
	t.Helper()
	text, err := json.Marshal(build(t).api.OpenAPI())
	if err != nil {
		t.Fatal(err)
	}
	var doc document
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

// The OpenAPI document tells a partner's programmer all there is to know: how to come in, what to send and
// what may come back.
func TestOpenAPI(t *testing.T) {
	doc := openAPI(t)
	if s := doc.Components.SecuritySchemes["bearer"]; s.Type != "http" || s.Scheme != "bearer" {
		t.Errorf("security scheme %+v", s)
	}
	var ids []string
	for path, operations := range doc.Paths {
		for method, op := range operations {
			ids = append(ids, op.OperationID)
			if op.Summary == "" || op.Description == "" || len(op.Tags) != 1 || len(op.Security) != 1 || op.Security[0]["bearer"] == nil {
				t.Errorf("%s %s lacks something: %+v", method, path, op)
			}
			for _, p := range op.Parameters {
				if p.Description == "" {
					t.Errorf("%s %s: parameter %s is not described", method, path, p.Name)
				}
			}
			for status, response := range op.Responses {
				if response.Description == "" {
					t.Errorf("%s %s: %s is not described", method, path, status)
				}
				if schema := response.Content["application/problem+json"].Schema.Ref; (status >= "400") != (schema == "#/components/schemas/DoorProblem") {
					t.Errorf("%s %s: %s answers with the problem %q", method, path, status, schema)
				}
			}
			for _, status := range []string{"401", "403", "422", "429", "500", "503", "507"} {
				if _, ok := op.Responses[status]; !ok {
					t.Errorf("%s %s: no response %s", method, path, status)
				}
			}
		}
	}
	slices.Sort(ids)
	want := []string{
		"begin-upload", "declare-complete", "delete-upload", "deliver-file", "deliver-upload", "discard-delivery", "discard-rows", "download-quarantined-rows", "get-connector",
		"get-profile", "get-receipt", "get-upload", "list-connectors", "list-dispatches", "list-expected", "list-feeds", "list-periods", "list-quarantine", "list-quarantined-rows",
		"list-receipts", "list-refused-rows", "pause-connector", "pull-feed", "release-delivery", "resend-dispatch", "reset-connector", "resubmit-rows", "resume-connector", "retry-rows",
		"rewind-connector", "run-connector", "send-part",
	}
	if !slices.Equal(ids, want) {
		t.Errorf("operations %q, want %q", ids, want)
	}
}

// What stands in a path is a parameter of the operation, what is answered has a form, and every tag is explained.
func TestOpenAPIWhole(t *testing.T) {
	doc := openAPI(t)
	var tags []string
	for _, tag := range doc.Tags {
		if tag.Description == "" {
			t.Errorf("tag %s is not described", tag.Name)
		}
		tags = append(tags, tag.Name)
	}
	for path, operations := range doc.Paths {
		for method, op := range operations {
			if !slices.Contains(tags, op.Tags[0]) {
				t.Errorf("%s %s: tag %s is not explained", method, path, op.Tags[0])
			}
			for _, part := range strings.Split(path, "/") {
				name, ok := strings.CutPrefix(part, "{")
				name = strings.TrimSuffix(name, "}")
				if ok && !slices.ContainsFunc(op.Parameters, func(p parameter) bool { return p.Name == name && p.In == "path" }) {
					t.Errorf("%s %s: %s is no parameter", method, path, name)
				}
			}
			if body := op.RequestBody; body != nil && len(body.Content) == 0 {
				t.Errorf("%s %s: a body without a form", method, path)
			}
			good := 0
			for status, response := range op.Responses {
				if status < "400" {
					good++
				}
				if len(response.Content) == 0 && status != "204" {
					t.Errorf("%s %s: %s has no form", method, path, status)
				}
			}
			if good == 0 {
				t.Errorf("%s %s never succeeds", method, path)
			}
		}
	}
}

func TestOpenAPIDeliver(t *testing.T) {
	doc := openAPI(t)
	deliver := doc.Paths["/v1/deliveries/{agency}/{file}"]["post"]
	for _, kind := range []string{"application/octet-stream", "text/csv", "application/x-ndjson"} {
		if s := deliver.RequestBody.Content[kind].Schema; s.Type != "string" || s.Format != "binary" {
			t.Errorf("a body of %s has the schema %+v", kind, s)
		}
	}
	for _, status := range []string{"200", "201", "202", "400", "403", "404", "408", "409", "413", "415", "503", "507"} {
		if _, ok := deliver.Responses[status]; !ok {
			t.Errorf("deliver-file: no response %s", status)
		}
	}
	for _, status := range []string{"200", "201", "202"} {
		if ref := deliver.Responses[status].Content["application/json"].Schema.Ref; ref != "#/components/schemas/Receipt" {
			t.Errorf("deliver-file: %s answers with %q", status, ref)
		}
	}
	if h := deliver.Responses["201"].Headers; h["Location"] == nil || h["Idempotent-Replayed"] == nil {
		t.Errorf("deliver-file: headers %v", h)
	}
}
