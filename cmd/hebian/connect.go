package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"hebian/connectors"
	"hebian/connectors/drop"
	"hebian/connectors/outside"
	"hebian/connectors/rest"
	"hebian/connectors/sftp"
	"hebian/connectors/table"
	"hebian/connectors/topic"
	"hebian/connectors/webhook"
	"hebian/schemas"
)

// connectorConfig is a connector as an operator writes it down: whose, what, how often, and one road. With file it fetches, with feed it
// brings. Secrets stand in files of their own, named by what ends in _file, from the folder of the configuration on.
type connectorConfig struct {
	Name   string        `yaml:"name"`
	Agency string        `yaml:"agency"`
	File   string        `yaml:"file"`  // that rows fetched belong to, as the agency's profile names it without folder: tax.csv, payroll-{month}.csv
	Month  monthChoice   `yaml:"month"` // for a file a month: which. Files that are fetched by sftp say it themselves
	Feed   string        `yaml:"feed"`  // whose records are brought: corrections, findings, golden
	Every  time.Duration `yaml:"every"` // pause between two runs; default 1m to fetch, 5s to bring
	At     string        `yaml:"at"`    // instead: when it runs, as five fields of cron

	REST    *rest.Config    `yaml:"rest"`
	SFTP    *sftpConfig     `yaml:"sftp"`
	Table   *tableConfig    `yaml:"table"`
	Topic   *topicConfig    `yaml:"topic"`
	Webhook *webhook.Config `yaml:"webhook"`
	Folder  string          `yaml:"folder"`
}

// monthChoice says which month a fetch is of.
type monthChoice string

const (
	lastMonth monthChoice = "last" // the last that has ended
	thisMonth monthChoice = "this"
)

type sftpConfig struct {
	sftp.Config  `yaml:",inline"`
	PasswordFile string `yaml:"password_file"`
	KeyFile      string `yaml:"key_file"`
}

type tableConfig struct {
	table.Config `yaml:",inline"`
	DSNFile      string `yaml:"dsn_file"`
}

type topicConfig struct {
	topic.Config `yaml:",inline"`
	PasswordFile string            `yaml:"password_file"`
	CAFile       string            `yaml:"ca_file"`
	CertFile     string            `yaml:"cert_file"`
	KeyFile      string            `yaml:"key_file"`
	SchemaFile   string            `yaml:"schema_file"`  // format avro: the schema of every message
	SchemaFiles  map[uint32]string `yaml:"schema_files"` // format framed: by the id in the frame
}

const (
	fetchEvery = time.Minute
	bringEvery = 5 * time.Second
)

// feedNames are what may be brought to an agency, or be pulled by it.
var feedNames = []string{feedCorrections, feedFindings, feedGolden}

const (
	feedCorrections = "corrections"
	feedFindings    = "findings"
	feedGolden      = "golden"
)

// fetches says which way records go.
func (c *connectorConfig) fetches() bool { return c.File != "" }

// road is the name of the one road that is given.
func (c *connectorConfig) road() (string, error) {
	var given []string
	for name, is := range map[string]bool{
		"rest": c.REST != nil, "sftp": c.SFTP != nil, "table": c.Table != nil, "topic": c.Topic != nil, "webhook": c.Webhook != nil, "folder": c.Folder != "",
	} {
		if is {
			given = append(given, name)
		}
	}
	slices.Sort(given)
	in, out := []string{"rest", "sftp", "table", "topic"}, []string{"folder", "sftp", "table", "topic", "webhook"}
	fit := out
	if c.fetches() {
		fit = in
	}
	switch {
	case len(given) != 1:
		return "", fmt.Errorf("want one road of %s; given are %d", strings.Join(fit, ", "), len(given))
	case !slices.Contains(fit, given[0]):
		return "", fmt.Errorf("%s is no road that way; want one of %s", given[0], strings.Join(fit, ", "))
	}
	return given[0], nil
}

// check says what is wrong with a connector, reads its secrets, and sets what is not given.
func (c *connectorConfig) check(config string, agencies []connectors.Profile) error {
	profile := slices.IndexFunc(agencies, func(p connectors.Profile) bool { return p.Agency == c.Agency })
	switch {
	case profile < 0:
		return fmt.Errorf("agency: there is none called %q", c.Agency)
	case (c.File == "") == (c.Feed == ""):
		return errors.New("want file, to fetch it, or feed, to bring it")
	case c.Feed != "" && !slices.Contains(feedNames, c.Feed):
		return fmt.Errorf("feed is %q, want one of %s", c.Feed, strings.Join(feedNames, ", "))
	case c.Month != "" && c.Month != lastMonth && c.Month != thisMonth:
		return fmt.Errorf("month is %q, want %s or %s", c.Month, lastMonth, thisMonth)
	}
	if _, err := c.road(); err != nil {
		return err
	}
	if c.fetches() {
		if err := c.checkFile(&agencies[profile]); err != nil {
			return err
		}
	}
	if c.Every == 0 && c.At == "" {
		c.Every = bringEvery
		if c.fetches() {
			c.Every = fetchEvery
		}
	}
	c.hurry()
	return c.readSecrets(config)
}

// callBudget is how long a connector tries a call where nothing else is said: then its trouble is shown, and it comes back by itself.
const callBudget = 45 * time.Second

func (c *connectorConfig) hurry() {
	switch {
	case c.REST != nil && c.REST.Budget == 0:
		c.REST.Budget = max(callBudget, c.REST.Timeout)
	case c.Webhook != nil && c.Webhook.Budget == 0:
		c.Webhook.Budget = max(callBudget, c.Webhook.Timeout)
	}
}

// checkFile looks whether there is such a file, and sets which names on an SFTP server are its.
func (c *connectorConfig) checkFile(profile *connectors.Profile) error {
	name := c.File
	if c.SFTP != nil {
		if c.SFTP.Pattern == "" {
			c.SFTP.Pattern = strings.ReplaceAll(strings.TrimSuffix(c.File, path.Ext(c.File)), monthMark, "??????") + ".*" // it may come in another form
		}
		name = strings.ReplaceAll(name, monthMark, anyMonth.String())
	}
	found, err := c.dataset(profile, name, anyMonth.First())
	if err != nil {
		return err
	}
	if merges := c.Topic != nil || c.REST != nil && c.REST.Mode == connectors.Merge || c.Table != nil && c.Table.Mode != table.Whole; merges && !found.Keyed() {
		return fmt.Errorf("file: %w", errNotKeyed(found.Name))
	}
	return nil
}

const (
	// monthMark stands for the month in the name of a file a month.
	monthMark = "{month}"
	anyMonth  = schemas.Month(202601)
)

// errNotKeyed says why rows of a file can't be changed one by one.
func errNotKeyed(name string) error {
	return fmt.Errorf("the profile says of %s no key that names a row, so changed rows can't be told from new ones", name)
}

// dataset finds the file that rows belong to. today says which month, where there is a file a month.
func (c *connectorConfig) dataset(profile *connectors.Profile, name string, today schemas.Date) (connectors.Found, error) {
	if strings.Contains(name, monthMark) {
		if c.Month == "" {
			return connectors.Found{}, fmt.Errorf("file %s is one a month: say which with month", name)
		}
		month := today.Month()
		if c.Month == lastMonth {
			month = month.Add(-1)
		}
		name = strings.ReplaceAll(name, monthMark, month.String())
	}
	found, ok := profile.Find(name)
	if !ok {
		return found, fmt.Errorf("file: the profile of %s describes no %s", profile.Agency, name)
	}
	return found, nil
}

// secretBytes is longer than any key or password is.
const secretBytes = 64 << 10

// readSecrets reads the files that secrets stand in.
func (c *connectorConfig) readSecrets(config string) error {
	var errs []error
	read := func(key, path string) string {
		if path == "" {
			return ""
		}
		content, err := os.ReadFile(beside(config, path))
		if err != nil || len(content) > secretBytes {
			errs = append(errs, fmt.Errorf("%s: %w", key, cmp.Or(err, errors.New("the file is too long for a secret"))))
		}
		return strings.TrimRight(string(content), "\r\n")
	}
	files := func(t *outside.TLS) {
		t.CAFile, t.CertFile, t.KeyFile = beside(config, t.CAFile), beside(config, t.CertFile), beside(config, t.KeyFile)
	}
	switch {
	case c.REST != nil:
		c.REST.Auth.Secret = outside.Secret(read("rest.auth.secret_file", c.REST.Auth.SecretFile))
		files(&c.REST.TLS)
	case c.Webhook != nil:
		c.Webhook.Secret = outside.Secret(read("webhook.secret_file", c.Webhook.SecretFile))
		c.Webhook.Auth.Secret = outside.Secret(read("webhook.auth.secret_file", c.Webhook.Auth.SecretFile))
		files(&c.Webhook.TLS)
	case c.SFTP != nil:
		c.SFTP.Password, c.SFTP.Key = read("sftp.password_file", c.SFTP.PasswordFile), read("sftp.key_file", c.SFTP.KeyFile)
	case c.Table != nil:
		c.Table.DSN = read("table.dsn_file", c.Table.DSNFile)
	case c.Topic != nil:
		c.Topic.read(read)
	default:
		c.Folder = beside(config, c.Folder)
	}
	return errors.Join(errs...)
}

// read reads what a topic needs beside its configuration.
func (c *topicConfig) read(read func(key, path string) string) {
	c.Password = read("topic.password_file", c.PasswordFile)
	c.Schema = read("topic.schema_file", c.SchemaFile)
	c.CA, c.Cert, c.Key = read("topic.ca_file", c.CAFile), read("topic.cert_file", c.CertFile), read("topic.key_file", c.KeyFile)
	if len(c.SchemaFiles) == 0 {
		return
	}
	texts := map[uint32]string{}
	for id, path := range c.SchemaFiles {
		texts[id] = read(fmt.Sprintf("topic.schema_files.%d", id), path)
	}
	c.SchemaOf = func(id uint32) (string, error) {
		if text, ok := texts[id]; ok {
			return text, nil
		}
		return "", fmt.Errorf("topic.schema_files names no schema of id %d", id)
	}
}

// source opens the road that rows are fetched by.
func (c *connectorConfig) source() (connectors.Source, error) {
	switch {
	case c.REST != nil:
		return rest.New(*c.REST)
	case c.SFTP != nil:
		return sftp.NewSource(c.SFTP.Config)
	case c.Table != nil:
		return table.NewSource(c.Table.Config)
	}
	return topic.NewSource(c.Topic.Config)
}

// sink opens the road that records are brought by.
func (c *connectorConfig) sink() (connectors.Sink, error) {
	switch {
	case c.Webhook != nil:
		return webhook.New(*c.Webhook)
	case c.SFTP != nil:
		return sftp.NewSink(c.SFTP.Config)
	case c.Table != nil:
		return table.NewSink(table.SinkConfig{Driver: c.Table.Driver, DSN: c.Table.DSN, Table: c.Table.Table})
	case c.Topic != nil:
		return topic.NewSink(c.Topic.Config)
	}
	return drop.Parcels{Dir: filepath.Clean(c.Folder)}, nil
}

// about says where a connector leads, for people.
func (c *connectorConfig) about() string {
	switch {
	case c.REST != nil:
		return c.REST.URL
	case c.Webhook != nil:
		return c.Webhook.URL
	case c.SFTP != nil:
		return "sftp://" + c.SFTP.Address + c.SFTP.Dir
	case c.Table != nil:
		return string(c.Table.Driver) + " " + c.Table.Table
	case c.Topic != nil:
		return strings.Join(c.Topic.Brokers, ",") + " " + c.Topic.Topic
	}
	return c.Folder
}
