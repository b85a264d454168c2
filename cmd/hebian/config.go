package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/goccy/go-yaml"

	"hebian/connectors"
	"hebian/matcher/rules"
)

// config is what an office may set. hebian runs without any.
type config struct {
	Profiles   string           `yaml:"profiles"`   // folder of the office's own profiles, beside the built-in ones
	Parameters rules.Parameters `yaml:"parameters"` // limits of the rules
	Entities   entityConfig     `yaml:"entities"`
	Serve      serveConfig      `yaml:"serve"`
	Limits     limitConfig      `yaml:"limits"`
	// Connectors fetch from agencies and bring to them.
	Connectors []connectorConfig `yaml:"connectors"`
	// Golden are the agencies that may pull golden records, or have them brought.
	Golden []string `yaml:"golden"`

	agencies []connectors.Profile // of all profiles
}

// serveConfig is what an operator may set for a hub that stays up. Empty folders are not used.
type serveConfig struct {
	Watch           string `yaml:"watch"`            // county folder whose files are taken in as they come
	Out             string `yaml:"out"`              // where corrections are laid, a sub-folder an agency; default: out in the data folder
	WithdrawPercent int    `yaml:"withdraw_percent"` // a new version that takes back more of a file waits for an operator's yes
	UploadMBytes    int64  `yaml:"upload_mbytes"`    // longest file of a delivery
	SpoolMBytes     int64  `yaml:"spool_mbytes"`     // room for all files that are on their way at once
}

// limitConfig bounds what an agency may ask for; 0: no bound.
type limitConfig struct {
	RequestsPerSecond float64 `yaml:"requests_per_second"`
	Burst             int     `yaml:"burst"`
	DailyMBytes       int64   `yaml:"daily_mbytes"` // of files, in a day
}

func (c *limitConfig) check() error {
	if c.RequestsPerSecond < 0 || c.Burst < 0 || c.DailyMBytes < 0 || c.RequestsPerSecond > 0 && c.Burst == 0 {
		return fmt.Errorf("limits: no number may be below 0, and burst must be 1 or more where requests are limited")
	}
	return nil
}

func defaultConfig() config {
	return config{Parameters: rules.Defaults(), Entities: defaultEntityConfig(), Serve: serveConfig{WithdrawPercent: 10, UploadMBytes: 4096, SpoolMBytes: 16384}, Limits: limitConfig{RequestsPerSecond: 50, Burst: 200}}
}

func (c *serveConfig) check() error {
	switch {
	case c.WithdrawPercent < 0 || c.WithdrawPercent > 100:
		return fmt.Errorf("serve.withdraw_percent is %d, must be 0 to 100", c.WithdrawPercent)
	case c.UploadMBytes < 1 || c.UploadMBytes > 1<<20:
		return fmt.Errorf("serve.upload_mbytes is %d, must be 1 to %d", c.UploadMBytes, 1<<20)
	case c.SpoolMBytes < c.UploadMBytes || c.SpoolMBytes > 1<<20:
		return fmt.Errorf("serve.spool_mbytes is %d, must be at least upload_mbytes, %d, and at most %d", c.SpoolMBytes, c.UploadMBytes, 1<<20)
	}
	return nil
}

// readConfig reads a YAML file over the defaults. Unknown keys are refused with line and column.
func readConfig(path string) (_ config, err error) {
	c := defaultConfig()
	var text []byte
	if path != "" {
		if text, err = os.ReadFile(path); err != nil {
			return c, fmt.Errorf("read configuration: %w", err)
		}
		switch err := connectors.DecodeYAML(text, &c); {
		case errors.Is(err, io.EOF) || len(bytes.TrimSpace(text)) == 0: // nothing, or comments only
			c = defaultConfig()
		case err != nil:
			return c, usageError(fmt.Sprintf("configuration %s: %s", path, yaml.FormatError(err, false, true)))
		}
	}
	if c.agencies, err = connectors.LoadProfiles(beside(path, c.Profiles)); err != nil {
		return c, usageError(fmt.Sprintf("configuration %s: %v", path, err))
	}
	for _, check := range []func() error{c.Parameters.Check, c.Entities.check, c.Serve.check, c.Limits.check, func() error { return c.checkConnectors(path) }, func() error { return c.Entities.load(filepath.Dir(path)) }} {
		if err := check(); err != nil {
			return c, usageError(fmt.Sprintf("configuration %s: %v", path, err))
		}
	}
	return c, nil
}

// beside is a path that stands in the configuration: it is meant from the folder of the configuration on. Empty stays empty.
func beside(config, path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(config), path)
}

// checkConnectors looks at the connectors, reads their secrets, and sets what is not given.
func (c *config) checkConnectors(path string) error {
	known := func(agency string) bool {
		return slices.ContainsFunc(c.agencies, func(p connectors.Profile) bool { return p.Agency == agency })
	}
	for _, agency := range c.Golden {
		if !known(agency) {
			return fmt.Errorf("golden: there is no agency called %q", agency)
		}
	}
	for i := range c.Connectors {
		if err := c.Connectors[i].check(path, c.agencies); err != nil {
			return fmt.Errorf("connectors[%d] %s: %w", i, c.Connectors[i].Name, err)
		}
		if c.Connectors[i].Feed == feedGolden && !slices.Contains(c.Golden, c.Connectors[i].Agency) {
			return fmt.Errorf("connectors[%d] %s: golden does not grant golden records to %s", i, c.Connectors[i].Name, c.Connectors[i].Agency)
		}
	}
	return nil
}
