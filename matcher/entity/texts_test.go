package entity_test

import (
	"slices"
	"testing"

	"hebian/matcher/entity"
	"hebian/matcher/rules"
)

// Every code of a case about a legal entity has its words, none of them a rule's, and leaves the agencies to the finding.
func TestTexts(t *testing.T) {
	texts, err := entity.Texts()
	if err != nil {
		t.Fatal(err)
	}
	var codes []string
	for _, text := range texts {
		codes = append(codes, text.Code)
		if !slices.Contains([]string{"critical", "high", "medium", "low"}, text.Severity) {
			t.Errorf("%s: severity %q, which opens no case", text.Code, text.Severity)
		}
		if text.Label == "" || text.Owner == "" || text.ZH == "" || text.EN == "" || text.CheckZH == "" || text.CheckEN == "" {
			t.Errorf("%s: words are missing", text.Code)
		}
		if text.Agency != "" {
			t.Errorf("%s: agency %q, but the finding names the agencies", text.Code, text.Agency)
		}
	}
	people, err := rules.Texts()
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range people {
		if slices.Contains(codes, text.Code) {
			t.Errorf("%s has words twice", text.Code)
		}
	}
	slices.Sort(codes)
	want := []string{"ENTITY_BAD_CODE", "ENTITY_CODE_CLASH", "ENTITY_CONFLICT", "ENTITY_DUPLICATE_CODE", "ENTITY_ORPHAN", "LINK_REVIEW"}
	if !slices.Equal(codes, want) {
		t.Errorf("there are words for %q, want for %q", codes, want)
	}
}
