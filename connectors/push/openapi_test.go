package push_test

import (
	"encoding/json"
	"slices"
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

// document is what the tests look at of an OpenAPI document.
type document struct {
	Paths map[string]map[string]struct {
		OperationID string `json:"operationId"`
		Summary     string
		Description string
		Tags        []string
		Security    []map[string][]string
		Parameters  []struct{ Name, In, Description string }
		RequestBody *struct{ Content media }
		Responses   map[string]struct {
			Description string
			Headers     map[string]any
			Content     media
		}
	}
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
			for _, status := range []string{"401", "403", "422", "429", "500"} {
				if _, ok := op.Responses[status]; !ok {
					t.Errorf("%s %s: no response %s", method, path, status)
				}
			}
		}
	}
	slices.Sort(ids)
	if want := []string{"begin-upload", "declare-complete", "delete-upload", "deliver-file", "deliver-upload", "discard-delivery", "get-profile", "get-receipt", "get-upload", "list-periods", "list-receipts", "list-refused-rows", "release-delivery", "send-part"}; !slices.Equal(ids, want) {
		t.Errorf("operations %q, want %q", ids, want)
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
