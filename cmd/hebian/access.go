package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/term"

	"hebian/hub/sqldb"
	"hebian/ops/access"
	accessdb "hebian/ops/access/sqldb"
)

// accountCommand keeps the accounts of people.
type accountCommand struct {
	Add      accountAdd      `cmd:"" help:"Make an account."`
	Password accountPassword `cmd:"" help:"Give an account another password; its sessions end."`
	Remove   accountRemove   `cmd:"" help:"Remove an account with its tokens."`
	List     accountList     `cmd:"" help:"List the accounts."`
}

// tokenCommand keeps the tokens of programs.
type tokenCommand struct {
	Issue  tokenIssue  `cmd:"" help:"Make a token for an agency or an account and print it, once."`
	Revoke tokenRevoke `cmd:"" help:"End a token."`
	List   tokenList   `cmd:"" help:"List the tokens, without their secrets."`
}

// dataFolder is where the commands about access look. A hub may be running on it.
type dataFolder struct {
	Data string `required:"" placeholder:"DIR" help:"Data folder of the hub, which may be running."`
}

// open opens what is known of access; close it in the end.
func (d dataFolder) open(ctx context.Context) (*access.Access, func() error, error) {
	if err := os.MkdirAll(d.Data, 0o700); err != nil {
		return nil, nil, fmt.Errorf("open data folder: %w", err)
	}
	db, err := sqldb.Open(ctx, filepath.Join(d.Data, databaseName))
	if err != nil {
		return nil, nil, err
	}
	store, err := accessdb.Open(ctx, db.DB)
	if err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	return access.New(store, time.Now), db.Close, nil
}

// with does something with what is known of access.
func (d dataFolder) with(ctx context.Context, do func(*access.Access) error) (err error) {
	a, closeAccess, err := d.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = cmp.Or(err, closeAccess()) }()
	return do(a)
}

// passwordFile is where a password comes from: a secret is never an argument, which everybody on the machine
// can read.
type passwordFile struct {
	PasswordFile string `placeholder:"FILE" help:"Read the password from a file, - for standard input. Default: ask on the terminal."`
}

// maxPasswordFile is longer than any password may be.
const maxPasswordFile = 4 << 10

func (p passwordFile) read(w io.Writer) (string, error) {
	if p.PasswordFile == "" {
		return askPassword(w)
	}
	in := os.Stdin
	if p.PasswordFile != "-" {
		file, err := os.Open(p.PasswordFile)
		if err != nil {
			return "", fmt.Errorf("read password: %w", err)
		}
		defer file.Close()
		in = file
	}
	text, err := io.ReadAll(io.LimitReader(in, maxPasswordFile))
	if err != nil {
		return "", fmt.Errorf("read password: %w", err)
	}
	return string(bytes.TrimRight(text, "\r\n")), nil
}

func askPassword(w io.Writer) (string, error) {
	fd := int(os.Stdin.Fd())
	if !term.IsTerminal(fd) {
		return "", usageError("there is no terminal to ask for the password: name a file with --password-file, - for standard input")
	}
	fmt.Fprint(w, "password: ")
	text, err := term.ReadPassword(fd)
	fmt.Fprintln(w)
	if err != nil {
		return "", fmt.Errorf("read password: %w", err)
	}
	return string(text), nil
}

type accountAdd struct {
	Name string `arg:"" help:"Name to sign in with."`
	Role string `enum:"officer,operator" default:"officer" help:"officer: takes and decides cases; operator: keeps the hub running."`
	dataFolder
	passwordFile
}

func (c *accountAdd) Run(ctx context.Context, s streams) error {
	password, err := c.read(s.err)
	if err != nil {
		return err
	}
	return c.with(ctx, func(a *access.Access) error { return a.Add(ctx, c.Name, access.Role(c.Role), password) })
}

type accountPassword struct {
	Name string `arg:"" help:"Name of the account."`
	dataFolder
	passwordFile
}

func (c *accountPassword) Run(ctx context.Context, s streams) error {
	password, err := c.read(s.err)
	if err != nil {
		return err
	}
	return c.with(ctx, func(a *access.Access) error { return a.ChangePassword(ctx, c.Name, password) })
}

type accountRemove struct {
	Name string `arg:"" help:"Name of the account."`
	dataFolder
}

func (c *accountRemove) Run(ctx context.Context) error {
	return c.with(ctx, func(a *access.Access) error { return a.Remove(ctx, c.Name) })
}

type accountList struct {
	dataFolder
	format
}

func (c *accountList) Run(ctx context.Context, s streams) error {
	return c.with(ctx, func(a *access.Access) error {
		all, err := a.Accounts(ctx)
		if err != nil {
			return err
		}
		return c.print(s.out, all, func(w io.Writer) {
			t := newTable(w, "name", "role", "made")
			for _, account := range all {
				t.AppendRow([]any{account.Name, account.Role, day(account.Created)})
			}
			t.Render()
		})
	})
}

type tokenIssue struct {
	Agency  string   `xor:"for" required:"" help:"Agency that the token speaks for."`
	Account string   `xor:"for" required:"" help:"Account that the token speaks for."`
	Label   string   `help:"What it is for, in words."`
	Days    int      `default:"365" help:"Days until it expires."`
	Scope   []string `enum:"deliver,read,pull" help:"What an agency's token is for: deliver, read, pull. Default: all of it."`
	Sandbox bool     `help:"For trying things out: what comes with it is checked and never counts."`
	Config  string   `placeholder:"FILE" help:"Configuration of the hub, if it names profiles of its own."`
	dataFolder
}

func (c *tokenIssue) Run(ctx context.Context, s streams) error {
	if c.Agency != "" {
		if err := knownAgency(c.Config, c.Agency); err != nil {
			return err
		}
	}
	return c.with(ctx, func(a *access.Access) error {
		t := access.Token{Agency: c.Agency, Account: c.Account, Label: c.Label, Sandbox: c.Sandbox, Expires: time.Now().AddDate(0, 0, c.Days)}
		for _, scope := range c.Scope {
			t.Scopes = append(t.Scopes, access.Scope(scope))
		}
		secret, _, err := a.Issue(ctx, t)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(s.out, secret)
		return err
	})
}

// knownAgency refuses a name that no profile has.
func knownAgency(config, name string) error {
	settings, err := readConfig(config)
	if err != nil {
		return err
	}
	profiles := settings.agencies
	var names []string
	for _, p := range profiles {
		names = append(names, p.Agency)
	}
	if !slices.Contains(names, name) {
		return usageError(fmt.Sprintf("there is no agency %q; the agencies are %s", name, strings.Join(names, ", ")))
	}
	return nil
}

type tokenRevoke struct {
	ID int64 `arg:"" help:"Number of the token, as token list gives it."`
	dataFolder
}

func (c *tokenRevoke) Run(ctx context.Context) error {
	return c.with(ctx, func(a *access.Access) error { return a.Revoke(ctx, c.ID) })
}

type tokenList struct {
	dataFolder
	format
}

func (c *tokenList) Run(ctx context.Context, s streams) error {
	return c.with(ctx, func(a *access.Access) error {
		all, err := a.Tokens(ctx)
		if err != nil {
			return err
		}
		return c.print(s.out, all, func(w io.Writer) {
			t := newTable(w, "number", "for", "label", "made", "expires", "last used")
			for _, token := range all {
				t.AppendRow([]any{token.ID, cmp.Or(token.Agency, token.Account), token.Label, day(token.Created), day(token.Expires), day(token.Used)})
			}
			t.Render()
		})
	})
}

// day writes a time as its local day; nothing for no time.
func day(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Local().Format(time.DateOnly)
}
