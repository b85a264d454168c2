package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"hebian/connectors"
	"hebian/connectors/push"
	"hebian/schemas"
)

// hubAddress is how a command finds a hub that runs, and shows who it is.
type hubAddress struct {
	URL       string `name:"url" env:"HEBIAN_URL" default:"http://127.0.0.1:8470" help:"Where the hub is."`
	TokenFile string `env:"HEBIAN_TOKEN_FILE" placeholder:"FILE" help:"File with the token of the agency or account."`
}

// client speaks to the hub.
func (a hubAddress) client() (*push.Client, error) {
	if a.TokenFile == "" {
		return nil, usageError("name the file with the token: --token-file FILE, or HEBIAN_TOKEN_FILE in the environment (hebian token issue makes one)")
	}
	token, err := os.ReadFile(a.TokenFile)
	if err != nil {
		return nil, fmt.Errorf("read token: %w", err)
	}
	client, err := push.NewClient(a.URL, string(bytes.TrimSpace(token)), nil)
	if err != nil {
		return nil, usageError(err.Error())
	}
	return client, nil
}

// pushCommand is the command that delivers files to a hub that runs.
type pushCommand struct {
	Files    []string `arg:"" optional:"" type:"existingfile" help:"Files to deliver, named as the agency's profile says."`
	Agency   string   `help:"Agency that delivers. Default: the one whose file it is, by the name of the folder that it lies in."`
	Mode     string   `enum:"full,add,remove" default:"full" help:"full: the file replaces its earlier version; add, remove: its rows come on top, or are taken back."`
	Key      string   `help:"Idempotency key of a single file. Default: one for this command; of rows to add or remove, made of the file."`
	Complete string   `placeholder:"YYYYMM" help:"Then declare this month complete for the agency."`
	Empty    []string `help:"Files of that month that have no rows and are not delivered, as finance/control_numbers.csv."`
	hubAddress
	format
}

func (pushCommand) Help() string {
	return `A file is sent again until there is a receipt; sent twice it changes nothing. The exit code is 1 when a file could not be
taken or waits for an operator's yes; the receipt says why.`
}

func (c *pushCommand) Run(ctx context.Context, s streams) error {
	if len(c.Files) == 0 && c.Complete == "" {
		return usageError("name files to deliver, or a month with --complete")
	}
	if c.Key != "" && len(c.Files) > 1 {
		return usageError("--key is for a single file")
	}
	client, err := c.client()
	if err != nil {
		return err
	}
	receipts := []connectors.Receipt{}
	for _, path := range c.Files {
		agency, err := c.agencyOf(path)
		if err != nil {
			return err
		}
		r, err := client.Deliver(ctx, push.Shipment{Agency: agency, File: filepath.Base(path), Path: path, Mode: connectors.Mode(c.Mode), Key: c.Key})
		if err != nil {
			return err
		}
		receipts = append(receipts, r)
	}
	if err := c.print(s.out, receipts, func(w io.Writer) { sentTable(w, receipts) }); err != nil {
		return err
	}
	for _, r := range receipts {
		if r.Quarantined > 0 {
			fmt.Fprintf(s.err, "%s: %d rows were refused; why: hebian receipt show %d\n", r.File, r.Quarantined, r.Delivery)
		}
		if r.Outcome != connectors.Complete {
			return fmt.Errorf("%s is %s: %s", r.File, r.Outcome, r.Error)
		}
	}
	if c.Complete == "" {
		return nil
	}
	return c.declare(ctx, client, s)
}

// agencyOf is the agency named, else the one whose file it is by folder and name, else the folder that the file lies in.
func (c *pushCommand) agencyOf(path string) (string, error) {
	if c.Agency != "" {
		return c.Agency, nil
	}
	whole, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	profiles, err := connectors.Profiles()
	if err != nil {
		return "", err
	}
	folder := filepath.Base(filepath.Dir(whole))
	if found, ok := connectors.Describe(profiles, folder+"/"+filepath.Base(whole)); ok {
		return found.Agency, nil
	}
	return folder, nil
}

// declare says that a month is complete.
func (c *pushCommand) declare(ctx context.Context, client *push.Client, s streams) error {
	month, ok := schemas.ParseMonth(c.Complete)
	if !ok {
		return usageError(fmt.Sprintf("--complete is %q, want YYYYMM", c.Complete))
	}
	agency := c.Agency
	if agency == "" && len(c.Files) > 0 {
		var err error
		if agency, err = c.agencyOf(c.Files[0]); err != nil {
			return err
		}
	}
	done, err := client.Complete(ctx, agency, month, push.Declare{Empty: c.Empty})
	if err != nil {
		return err
	}
	fmt.Fprintf(s.err, "%s is complete through %s", done.Agency, done.CompleteThrough)
	if len(done.Missing) > 0 {
		fmt.Fprintf(s.err, "; still missing: %s", strings.Join(done.Missing, ", "))
	}
	fmt.Fprintln(s.err)
	return nil
}

func sentTable(w io.Writer, receipts []connectors.Receipt) {
	if len(receipts) == 0 {
		return
	}
	t := newTable(w, "delivery", "file", "rows read", "accepted", "quarantined", "new", "known", "taken back", "outcome")
	for _, r := range receipts {
		t.AppendRow([]any{r.Delivery, r.File, count(r.RowsRead), count(r.Accepted), count(r.Quarantined), count(r.Added), count(r.Unchanged), count(r.Retracted), r.Outcome})
	}
	t.Render()
}

// statusCommand is the command that says how a hub does.
type statusCommand struct {
	hubAddress
	format
}

func (c *statusCommand) Run(ctx context.Context, s streams) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	var st status
	if err := client.Call(ctx, http.MethodGet, "/v1/status", nil, &st); err != nil {
		return err
	}
	return c.print(s.out, st, st.write)
}
