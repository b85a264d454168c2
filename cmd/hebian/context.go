package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"hebian/connectors"
	"hebian/connectors/push"
)

// defaultHub is where a hub is by default.
const defaultHub = "http://127.0.0.1:8470"

// hubAddress is how a command finds a hub that runs, and shows who it is.
type hubAddress struct {
	URL       string `name:"url" env:"HEBIAN_URL" placeholder:"URL" help:"Where the hub is. Default: that of the context, else http://127.0.0.1:8470."`
	TokenFile string `env:"HEBIAN_TOKEN_FILE" placeholder:"FILE" help:"File with the token of the agency or account. Default: that of the context."`
	Context   string `env:"HEBIAN_CONTEXT" placeholder:"NAME" help:"Hub and token under a name, as hebian context keeps them. Default: the one in use."`
}

// client speaks to the hub.
func (a hubAddress) client() (*push.Client, error) {
	address, token, err := a.resolve()
	if err != nil {
		return nil, err
	}
	client, err := push.NewClient(address, token, nil)
	if err != nil {
		return nil, usageError(err.Error())
	}
	return client, nil
}

// resolve finds the hub and the token: what is given wins over the context. A context's token goes to its own hub alone.
func (a hubAddress) resolve() (address, token string, err error) {
	address, tokenFile := a.URL, a.TokenFile
	if address == "" || tokenFile == "" || a.Context != "" {
		known, err := loadContexts()
		if err != nil {
			return "", "", err
		}
		found, err := known.pick(a.Context)
		if err != nil {
			return "", "", err
		}
		if tokenFile == "" && (address == "" || strings.TrimRight(address, "/") == found.URL) {
			tokenFile = found.TokenFile
		}
		address = cmp.Or(address, found.URL, defaultHub)
	}
	if tokenFile == "" {
		return "", "", usageError("name the file with the token: --token-file FILE, HEBIAN_TOKEN_FILE in the environment, or a context of this hub (hebian context add; hebian token issue makes a token)")
	}
	text, err := readUpTo(tokenFile, maxTokenFile)
	if err != nil {
		return "", "", fmt.Errorf("read token: %w", err)
	}
	return address, string(bytes.TrimSpace(text)), nil
}

const (
	// maxTokenFile is longer than any token is.
	maxTokenFile = 4 << 10
	// maxContextFile has room for some ten thousand contexts.
	maxContextFile = 1 << 20
)

// readUpTo reads a file that has no business being long.
func readUpTo(path string, limit int64) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err == nil && int64(len(text)) > limit {
		err = fmt.Errorf("%s is longer than %d bytes", path, limit)
	}
	return text, err
}

// contextCommand keeps hubs and tokens under names.
type contextCommand struct {
	Add    contextAdd    `cmd:"" help:"Keep a hub and the file with its token under a name."`
	Use    contextUse    `cmd:"" help:"Say which one commands use that name none."`
	List   contextList   `cmd:"" help:"List them."`
	Remove contextRemove `cmd:"" help:"Forget one. The file with the token stays."`
}

func (contextCommand) Help() string {
	return `They stand in the file that HEBIAN_CONFIG names, by default hebian/contexts.yaml in the user's folder for configuration. A
token never stands there, only where its file is. --url, --token-file and their variables win over a context, --context and
HEBIAN_CONTEXT over the one in use. The token of a context is sent to the hub of that context only.`
}

// contexts is the file.
type contexts struct {
	Use string     `yaml:"use,omitempty" json:"use"`
	All []namedHub `yaml:"contexts" json:"contexts"`
}

// namedHub is a hub with the file of a token, under a name.
type namedHub struct {
	Name      string `yaml:"name" json:"name"`
	URL       string `yaml:"url" json:"url"`
	TokenFile string `yaml:"token_file" json:"token_file"`
}

// contextName is what may be typed without quotes.
var contextName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// contextsPath is where the file is.
func contextsPath() (string, error) {
	if path := os.Getenv("HEBIAN_CONFIG"); path != "" {
		return path, nil
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("find the file of contexts: %w; name one in HEBIAN_CONFIG", err)
	}
	return filepath.Join(dir, "hebian", "contexts.yaml"), nil
}

// loadContexts reads the file. Where there is none there are no contexts.
func loadContexts() (contexts, error) {
	var c contexts
	path, err := contextsPath()
	if err != nil {
		return c, nil // there is no home: a service; nothing was ever kept
	}
	text, err := readUpTo(path, maxContextFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return c, nil
	case err != nil:
		return c, fmt.Errorf("read contexts: %w", err)
	case len(bytes.TrimSpace(text)) == 0:
		return c, nil
	}
	if err := connectors.DecodeYAML(text, &c); err != nil {
		return c, usageError(fmt.Sprintf("contexts %s: %s", path, yaml.FormatError(err, false, true)))
	}
	return c, nil
}

// save writes the file: whole, or not at all.
func (c *contexts) save() error {
	path, err := contextsPath()
	if err != nil {
		return err
	}
	text, err := yaml.Marshal(c)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("write contexts: %w", err)
	}
	if err := replaceFile(path, text); err != nil {
		return fmt.Errorf("write contexts: %w", err)
	}
	return nil
}

// replaceFile puts a file in the place of another, or of none: after a crash it is one or the other, whole. Nobody else may read it.
func replaceFile(path string, content []byte) error {
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	return syncFolder(filepath.Dir(path))
}

// pick finds a context; "": the one in use, if any is.
func (c *contexts) pick(name string) (namedHub, error) {
	wanted := cmp.Or(name, c.Use)
	if wanted == "" {
		return namedHub{}, nil
	}
	at := c.index(wanted)
	switch {
	case at >= 0:
		return c.All[at], nil
	case name == "": // an edited file
		return namedHub{}, usageError(fmt.Sprintf("the context in use, %q, is not there; %s", wanted, c.known()))
	}
	return namedHub{}, c.unknown(name)
}

func (c *contexts) index(name string) int {
	return slices.IndexFunc(c.All, func(h namedHub) bool { return h.Name == name })
}

func (c *contexts) unknown(name string) error {
	return usageError(fmt.Sprintf("there is no context %q; %s", name, c.known()))
}

func (c *contexts) known() string {
	if len(c.All) == 0 {
		return "there is none yet: hebian context add"
	}
	var names []string
	for _, h := range c.All {
		names = append(names, h.Name)
	}
	return "known: " + strings.Join(names, ", ")
}

type contextAdd struct {
	Name      string `arg:"" help:"Name to call it by."`
	URL       string `name:"url" required:"" placeholder:"URL" help:"Where the hub is."`
	TokenFile string `required:"" type:"existingfile" placeholder:"FILE" help:"File with the token; it stays where it is."`
}

func (c *contextAdd) Run(s streams) error {
	if !contextName.MatchString(c.Name) {
		return usageError(fmt.Sprintf("%q is no name for a context: want letters, digits, dots and hyphens, 64 at most", c.Name))
	}
	if _, err := push.NewClient(c.URL, "", nil); err != nil {
		return usageError(err.Error())
	}
	token, err := filepath.Abs(c.TokenFile)
	if err != nil {
		return err
	}
	known, err := loadContexts()
	if err != nil {
		return err
	}
	hub := namedHub{Name: c.Name, URL: strings.TrimRight(c.URL, "/"), TokenFile: token}
	if at := known.index(c.Name); at >= 0 {
		if known.All[at] == hub {
			return nil
		}
		return usageError(fmt.Sprintf("there is another context %s, of %s; remove it first", c.Name, known.All[at].URL))
	}
	known.All = append(known.All, hub)
	if len(known.All) == 1 {
		known.Use = c.Name
		fmt.Fprintf(s.err, "%s is in use now, as the only one.\n", c.Name)
	}
	return known.save()
}

type contextUse struct {
	Name string `arg:"" help:"Name of the context."`
}

func (c *contextUse) Run() error {
	known, err := loadContexts()
	if err != nil {
		return err
	}
	if known.index(c.Name) < 0 {
		return known.unknown(c.Name)
	}
	known.Use = c.Name
	return known.save()
}

type contextList struct{ format }

func (c *contextList) Run(_ context.Context, s streams) error {
	known, err := loadContexts()
	if err != nil {
		return err
	}
	if known.All == nil {
		known.All = []namedHub{}
	}
	return c.print(s.out, known, func(w io.Writer) {
		t := newTable(w, "in use", "name", "hub", "token file")
		for _, h := range known.All {
			mark := ""
			if h.Name == known.Use {
				mark = "*"
			}
			t.AppendRow([]any{mark, h.Name, printable(h.URL), printable(h.TokenFile)})
		}
		t.Render()
	})
}

type contextRemove struct {
	Name string `arg:"" help:"Name of the context."`
}

func (c *contextRemove) Run() error {
	known, err := loadContexts()
	if err != nil {
		return err
	}
	at := known.index(c.Name)
	if at < 0 {
		return known.unknown(c.Name)
	}
	known.All = slices.Delete(known.All, at, at+1)
	if known.Use == c.Name {
		known.Use = ""
	}
	return known.save()
}
