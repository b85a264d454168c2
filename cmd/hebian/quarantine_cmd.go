package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"hebian/connectors"
	"hebian/connectors/push"
)

// waitingCommand is the commands that work on rows in quarantine of a hub that runs.
type waitingCommand struct {
	List     waitingList     `cmd:"" help:"See which files have rows in quarantine."`
	Show     waitingShow     `cmd:"" help:"See the rows of a file, each with its place and reason."`
	Download waitingDownload `cmd:"" help:"Fetch the rows of a file to correct them, the reason of each in front."`
	Resubmit waitingResubmit `cmd:"" help:"Send a corrected download."`
	Retry    waitingRetry    `cmd:"" help:"Have rows read again, after the profile of the file was mended."`
	Discard  waitingDiscard  `cmd:"" help:"Let rows fall, with the reason."`
}

type waitingList struct {
	Agency string `help:"Files of this agency only."`
	hubAddress
	format
}

// waitingFiles is an answer of the hub.
type waitingFiles struct {
	Files []push.QuarantinedFile `json:"files"`
}

func waitingOf(ctx context.Context, client *push.Client, agency string) (all waitingFiles, err error) {
	query := ""
	if agency != "" {
		query = "?agency=" + url.QueryEscape(agency)
	}
	return all, client.Call(ctx, http.MethodGet, "/v1/quarantine"+query, nil, &all)
}

func (c *waitingList) Run(ctx context.Context, s streams) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	all, err := waitingOf(ctx, client, c.Agency)
	if err != nil {
		return err
	}
	return c.print(s.out, all, func(w io.Writer) {
		t := newTable(w, "agency", "file", "subject", "rows", "newest delivery")
		for _, f := range all.Files {
			t.AppendRow([]any{f.Agency, printable(f.File), f.Subject, count(f.Rows), f.Delivery})
		}
		t.Render()
	})
}

// waitingFile is a file with rows in quarantine.
type waitingFile struct {
	File   string `arg:"" help:"The file, as receipts name it: finance/payroll-202609.csv."`
	Agency string `help:"Agency whose file it is. Default: found out."`
	hubAddress
}

// at is the address of the file at the hub. The folder in its name need not be that of its agency.
func (c *waitingFile) at(ctx context.Context, client *push.Client) (string, error) {
	folder, base := path.Split(strings.TrimSuffix(c.File, "/"))
	folder = strings.TrimSuffix(folder, "/")
	agency := c.Agency
	if agency == "" {
		if folder == "" {
			return "", usageError(fmt.Sprintf("%s: name the file as receipts do, with its folder: finance/payroll-202609.csv", c.File))
		}
		all, err := waitingOf(ctx, client, "")
		if err != nil {
			return "", err
		}
		at := slices.IndexFunc(all.Files, func(f push.QuarantinedFile) bool { return f.File == c.File })
		if at < 0 {
			at = slices.IndexFunc(all.Files, func(f push.QuarantinedFile) bool { return f.Agency == folder && path.Base(f.File) == base })
		}
		profiles, err := connectors.Profiles()
		if err != nil {
			return "", err
		}
		agency = folder
		if found, ok := connectors.Describe(profiles, c.File); ok {
			agency = found.Agency
		}
		if at >= 0 {
			agency = all.Files[at].Agency
		}
	}
	return "/v1/quarantine/" + url.PathEscape(agency) + "/" + url.PathEscape(base), nil
}

type waitingShow struct {
	waitingFile
	Reason string `placeholder:"CODE" help:"Rows refused for this reason only."`
	From   int64  `help:"How many rows to pass over; at most 1,000 are shown."`
	format
}

func (c *waitingShow) Run(ctx context.Context, s streams) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	at, err := c.at(ctx, client)
	if err != nil {
		return err
	}
	query := url.Values{"from": {strconv.FormatInt(c.From, 10)}}
	if c.Reason != "" {
		query.Set("reason", c.Reason)
	}
	var page struct {
		Rows []connectors.QuarantinedRow `json:"rows"`
		Next string                      `json:"next,omitempty"`
	}
	if err := client.Call(ctx, http.MethodGet, at+"?"+query.Encode(), nil, &page); err != nil {
		return err
	}
	return c.print(s.out, page, func(w io.Writer) {
		t := newTable(w, "row", "delivery", "line", "column", "reason", "")
		for i := range page.Rows {
			r := &page.Rows[i]
			t.AppendRow([]any{r.Row, r.Delivery, r.Line, printable(r.Column), r.Reason, printable(r.Detail)})
		}
		t.Render()
		if page.Next != "" {
			fmt.Fprintln(w, "There are more: pass these over with --from.")
		}
	})
}

type waitingDownload struct {
	waitingFile
	Reason string `placeholder:"CODE" help:"Rows refused for this reason only."`
	Form   string `enum:",csv,ndjson,xlsx" default:"" help:"csv, ndjson or xlsx. Default: by the ending of --out, else csv."`
	Out    string `required:"" placeholder:"FILE" help:"Where to, - for standard output. What is there already stays."`
}

func (waitingDownload) Help() string {
	return `In front of the file's own columns stand _row, _line, _column, _reason and _detail. Correct the others, leave _row as it is, and
send the file with hebian quarantine resubmit: each row that it names leaves quarantine. Rows hold personal data: the file is for its
owner alone.`
}

// rowForms are the forms of downloads by the endings of files.
var rowForms = map[string]string{".csv": "csv", ".ndjson": "ndjson", ".jsonl": "ndjson", ".xlsx": "xlsx"}

func (c *waitingDownload) Run(ctx context.Context, s streams) error {
	form := cmp.Or(c.Form, rowForms[strings.ToLower(filepath.Ext(c.Out))], "csv")
	if _, err := os.Lstat(c.Out); c.Out != "-" && err == nil {
		return usageError(fmt.Sprintf("%s is there already, and may be half corrected; name another file", c.Out))
	}
	client, err := c.client()
	if err != nil {
		return err
	}
	at, err := c.at(ctx, client)
	if err != nil {
		return err
	}
	query := url.Values{"form": {form}}
	if c.Reason != "" {
		query.Set("reason", c.Reason)
	}
	return c.save(ctx, s, exchange{method: http.MethodGet, path: at + "/rows?" + query.Encode()})
}

// save downloads into a file that takes its name when it is whole.
func (c *waitingDownload) save(ctx context.Context, s streams, x exchange) (err error) {
	dir := filepath.Dir(c.Out)
	if c.Out == "-" {
		dir = "" // the system's folder for such
	}
	file, err := os.CreateTemp(dir, ".hebian-rows-*") // mode 0600
	if err != nil {
		return fmt.Errorf("write rows: %w", err)
	}
	defer func() {
		if removed := os.Remove(file.Name()); !errors.Is(removed, fs.ErrNotExist) {
			err = errors.Join(err, removed)
		}
	}()
	err = c.exchange(ctx, x, func(response *http.Response) error {
		if _, err := file.Seek(0, io.SeekStart); err != nil {
			return ownFault{err}
		}
		if err := file.Truncate(0); err != nil {
			return ownFault{err}
		}
		_, err := io.Copy(writing{file}, response.Body)
		return err
	})
	if err == nil && c.Out == "-" {
		if _, err = file.Seek(0, io.SeekStart); err == nil {
			_, err = io.Copy(s.out, file)
		}
	}
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("download rows of %s: %w", c.File, err)
	}
	if c.Out == "-" {
		return nil
	}
	err = os.Link(file.Name(), c.Out) // a rename would take the place of a file that came meanwhile
	if err != nil && !errors.Is(err, fs.ErrExist) {
		err = os.Rename(file.Name(), c.Out) // there are disks without links
	}
	if err != nil {
		return fmt.Errorf("download rows of %s: %w", c.File, err)
	}
	return nil
}

// writing marks errors of its writer as our own, not the line's.
type writing struct{ io.Writer }

func (w writing) Write(p []byte) (int, error) {
	n, err := w.Writer.Write(p)
	if err != nil {
		err = ownFault{err}
	}
	return n, err
}

type waitingResubmit struct {
	waitingFile
	Path string `arg:"" type:"existingfile" help:"The corrected file: .csv, .ndjson or .xlsx."`
	format
}

func (c *waitingResubmit) Run(ctx context.Context, s streams) error {
	form, ok := rowForms[strings.ToLower(filepath.Ext(c.Path))]
	if !ok {
		return usageError(fmt.Sprintf("%s: want a name that ends in .csv, .ndjson or .xlsx", c.Path))
	}
	client, err := c.client()
	if err != nil {
		return err
	}
	at, err := c.at(ctx, client)
	if err != nil {
		return err
	}
	var r connectors.Receipt
	if err := c.exchange(ctx, exchange{method: http.MethodPost, path: at + "/resubmit?form=" + form, file: c.Path}, receiptInto(&r)); err != nil {
		return fmt.Errorf("send corrected rows of %s: %w", c.File, err)
	}
	return printMended(c.format, s, &r)
}

// printMended prints what became of rows in quarantine.
func printMended(f format, s streams, r *connectors.Receipt) error {
	if err := f.print(s.out, r, func(w io.Writer) {
		t := newTable(w, "delivery", "file", "rows read", "accepted", "quarantined", "settled", "outcome")
		t.AppendRow([]any{r.Delivery, r.File, count(r.RowsRead), count(r.Accepted), count(r.Quarantined), count(r.Settled), r.Outcome})
		t.Render()
	}); err != nil {
		return err
	}
	if r.Left > 0 {
		fmt.Fprintf(s.err, "%s: %d rows are still wrong, or wait no more, and stay as they were; hebian quarantine show %s\n", r.File, r.Left, r.File)
	}
	if r.Outcome != connectors.Complete {
		return fmt.Errorf("%s is %s: %s", r.File, r.Outcome, r.Error)
	}
	return nil
}

// mend asks the hub to do something to rows and prints the receipt.
func (c *waitingFile) mend(ctx context.Context, s streams, f format, verb string, with map[string]any) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	at, err := c.at(ctx, client)
	if err != nil {
		return err
	}
	var r connectors.Receipt
	if err := client.Call(ctx, http.MethodPost, at+"/"+verb, with, &r); err != nil {
		return fmt.Errorf("%s rows of %s: %w", verb, c.File, err)
	}
	return printMended(f, s, &r)
}

type waitingRetry struct {
	waitingFile
	Row []string `placeholder:"ID" help:"Only this row, as quarantine show gives it; may be repeated. Default: all of the file."`
	format
}

func (c *waitingRetry) Run(ctx context.Context, s streams) error {
	with := map[string]any{}
	if len(c.Row) > 0 {
		with["rows"] = c.Row
	}
	return c.mend(ctx, s, c.format, "retry", with)
}

type waitingDiscard struct {
	waitingFile
	Note   string   `required:"" help:"Why, in a sentence. It stands in the receipt."`
	Row    []string `xor:"which" required:"" placeholder:"ID" help:"This row, as quarantine show gives it; may be repeated."`
	Reason string   `xor:"which" required:"" placeholder:"CODE" help:"All rows that were refused for this reason."`
	All    bool     `xor:"which" required:"" help:"All rows of the file."`
	format
}

func (c *waitingDiscard) Run(ctx context.Context, s streams) error {
	with := map[string]any{"note": c.Note}
	switch {
	case len(c.Row) > 0:
		with["rows"] = c.Row
	case c.Reason != "":
		with["reason"] = c.Reason
	case !c.All: // the hub takes none named for all
		return usageError("say which rows: --row ID, --reason CODE, or --all")
	}
	return c.mend(ctx, s, c.format, "discard", with)
}
