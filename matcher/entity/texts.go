package entity

import (
	_ "embed"
	"fmt"
	"sync"

	"github.com/goccy/go-yaml"

	"hebian/matcher/rules"
)

//go:embed texts.yaml
var texts []byte

// Texts gives the words for the code of every case about a legal entity, in the order of a case list.
var Texts = sync.OnceValues(func() ([]rules.Text, error) {
	var all []rules.Text
	if err := yaml.UnmarshalWithOptions(texts, &all, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("texts of findings about legal entities: %w", err)
	}
	return all, nil
})
