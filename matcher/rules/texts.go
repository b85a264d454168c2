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
	ZH       string `yaml:"zh" json:"zh"`
	EN       string `yaml:"en" json:"en"`
	Check    string `yaml:"check" json:"check"` // what may look like it and is none
}

// Texts gives the words for every rule's code, gravest first.
var Texts = sync.OnceValues(func() ([]Text, error) {
	var all []Text
	if err := yaml.UnmarshalWithOptions(texts, &all, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("texts of rules: %w", err)
	}
	return all, nil
})
