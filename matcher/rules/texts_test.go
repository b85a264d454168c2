package rules_test

import (
	"slices"
	"testing"

	"hebian/matcher/rules"
)

// Every rule has its words, and says to whom corrections go.
func TestTexts(t *testing.T) {
	texts, err := rules.Texts()
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for _, rule := range rules.All() {
		want = append(want, rule.Code)
	}
	for _, text := range texts {
		got = append(got, text.Code)
		if !slices.Contains([]string{"critical", "high", "medium", "low", "info"}, text.Severity) {
			t.Errorf("%s: severity %q", text.Code, text.Severity)
		}
		if text.Label == "" || text.Owner == "" || text.ZH == "" || text.EN == "" || text.CheckZH == "" || text.CheckEN == "" {
			t.Errorf("%s: words are missing", text.Code)
		}
		agencies := []string{"civil", "discipline", "finance", "hr", "social", "staffing"}
		if text.Code == "BAD_IDENTITY" {
			agencies = []string{""} // that of the file
		}
		if !slices.Contains(agencies, text.Agency) {
			t.Errorf("%s: agency %q", text.Code, text.Agency)
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(want, got) {
		t.Errorf("there are words for %q, want for %q", got, want)
	}
}
