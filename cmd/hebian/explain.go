package main

import (
	"context"
	_ "embed"
	"fmt"
	"io"
	"strings"

	"github.com/goccy/go-yaml"

	"hebian/matcher/entity"
	"hebian/matcher/rules"
)

//go:embed reasons.yaml
var reasonTexts []byte

// explain is the command that says what a code means.
type explain struct {
	Code string `arg:"" optional:"" help:"Code of a flag or of a quarantine reason. Without one, all are listed."`
	format
}

// explanation is what there is to say of a code.
type explanation struct {
	Kind       string `json:"kind" yaml:"kind"` // flag, entity or quarantine
	rules.Text `yaml:",inline"`
}

func (c *explain) Run(ctx context.Context, s streams) error {
	all, err := explanations()
	if err != nil {
		return err
	}
	if c.Code == "" {
		return c.print(s.out, all, func(w io.Writer) {
			t := newTable(w, "code", "名称", "kind", "severity", "owner")
			for _, e := range all {
				t.AppendRow([]any{e.Code, e.Label, e.Kind, e.Severity, e.Owner})
			}
			t.Render()
		})
	}
	var codes []string
	for _, e := range all {
		if strings.EqualFold(e.Code, c.Code) {
			return c.print(s.out, e, func(w io.Writer) { e.write(w) })
		}
		codes = append(codes, e.Code)
	}
	return usageError(fmt.Sprintf("no code %q; there are %s", c.Code, strings.Join(codes, ", ")))
}

func (e explanation) write(w io.Writer) {
	fmt.Fprintf(w, "%s  %s\n\n%s\n%s\n", e.Code, e.Label, e.ZH, e.EN)
	if e.Severity != "" {
		fmt.Fprintf(w, "\nSeverity: %s. First to act: %s.\n", e.Severity, e.Owner)
	}
	fmt.Fprintf(w, "\n处理之前：%s\nBefore you act: %s\n", e.CheckZH, e.CheckEN)
}

func explanations() ([]explanation, error) {
	texts, err := rules.Texts()
	if err != nil {
		return nil, err
	}
	var all []explanation
	for _, text := range texts {
		all = append(all, explanation{"flag", text})
	}
	if texts, err = entity.Texts(); err != nil {
		return nil, err
	}
	for _, text := range texts {
		all = append(all, explanation{"entity", text})
	}
	var reasons []rules.Text
	if err := yaml.UnmarshalWithOptions(reasonTexts, &reasons, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("texts of quarantine reasons: %w", err)
	}
	for _, text := range reasons {
		all = append(all, explanation{"quarantine", text})
	}
	return all, nil
}
