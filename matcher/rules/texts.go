package rules

import (
	_ "embed"
	"fmt"
	"sync"

	"github.com/goccy/go-yaml"
)

//go:embed texts.yaml
var texts []byte

// Text says in words what a code means and what to look at before acting on it.
type Text struct {
	Code     string `yaml:"code" json:"code"`
	Label    string `yaml:"label" json:"label"`       // Chinese name
	Severity string `yaml:"severity" json:"severity"` // critical, high, medium, low, info
	Owner    string `yaml:"owner" json:"owner"`       // office that acts first
	Agency   string `yaml:"agency" json:"agency"`     // that holds the rows to put right, and gets corrections unless an officer names another; empty: that of the file which the finding names
	ZH       string `yaml:"zh" json:"zh"`
	EN       string `yaml:"en" json:"en"`
	CheckZH  string `yaml:"check_zh" json:"check_zh"` // what to look at before acting: what may look like it and is none
	CheckEN  string `yaml:"check_en" json:"check_en"`
}

// Texts gives the words for every rule's code, in the order of a case list.
var Texts = sync.OnceValues(func() ([]Text, error) {
	var all []Text
	if err := yaml.UnmarshalWithOptions(texts, &all, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("texts of rules: %w", err)
	}
	return all, nil
})
