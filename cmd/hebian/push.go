package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"

	"hebian/connectors"
	"hebian/connectors/push"
	"hebian/schemas"
)

// pushCommand is the command that delivers files to a hub that runs.
type pushCommand struct {
	Files    []string `arg:"" optional:"" type:"existingfile" help:"Files to deliver, named as the agency's profile says."`
	Agency   string   `help:"Agency that delivers. Default: the one whose file it is, by the name of the folder that it lies in."`
	Mode     string   `enum:"full,add,remove,merge" default:"full" help:"full: the file replaces its earlier version; add, remove: its rows come on top, or are taken back; merge: they replace those of the same row key."`
	Period   string   `placeholder:"YYYYMM" help:"Month that the files are of, where their names don't say it."`
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
	period, ok := schemas.ParseMonth(c.Period)
	if c.Period != "" && !ok {
		return usageError(fmt.Sprintf("--period is %q, want YYYYMM", c.Period))
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
		r, err := client.Deliver(ctx, push.Shipment{Agency: agency, File: filepath.Base(path), Path: path, Mode: connectors.Mode(c.Mode), Key: c.Key, Period: period})
		if err != nil {
			return err
		}
		receipts = append(receipts, r)
	}
	if err := c.print(s.out, receipts, func(w io.Writer) { sentTable(w, receipts) }); err != nil {
		return err
	}
	for _, r := range receipts {
		switch {
		case r.Quarantined > 0 && r.Sandbox:
			fmt.Fprintf(s.err, "%s: %d rows would be refused; why: hebian receipt show %d\n", r.File, r.Quarantined, r.Delivery)
		case r.Quarantined > 0 && r.Outcome == connectors.Complete:
			fmt.Fprintf(s.err, "%s: %d rows were refused; why: hebian receipt show %d; to correct them: hebian quarantine download %s --out FILE, then hebian quarantine resubmit %s FILE\n",
				r.File, r.Quarantined, r.Delivery, r.File, r.File)
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
	var st hubStatus
	if err := client.Call(ctx, http.MethodGet, "/v1/status", nil, &st); err != nil {
		return err
	}
	return c.print(s.out, st, st.write)
}
