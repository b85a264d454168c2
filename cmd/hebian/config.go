package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/goccy/go-yaml"

	"hebian/connectors"
	"hebian/matcher/rules"
)

// config is what an office may set. hebian runs without any.
type config struct {
	Parameters rules.Parameters `yaml:"parameters"` // limits of the rules
}

func defaultConfig() config { return config{Parameters: rules.Defaults()} }

// readConfig reads a YAML file over the defaults. Unknown keys are refused with line and column.
func readConfig(path string) (config, error) {
	c := defaultConfig()
	if path == "" {
		return c, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return c, fmt.Errorf("read configuration: %w", err)
	}
	switch err := connectors.DecodeYAML(text, &c); {
	case errors.Is(err, io.EOF) || len(bytes.TrimSpace(text)) == 0: // nothing, or comments only
		return defaultConfig(), nil
	case err != nil:
		return c, usageError(fmt.Sprintf("configuration %s: %s", path, yaml.FormatError(err, false, true)))
	}
	if err := c.Parameters.Check(); err != nil {
		return c, usageError(fmt.Sprintf("configuration %s: %v", path, err))
	}
	return c, nil
}
