package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"hebian/connectors"
	"hebian/hub"
)

// deliver is the command that takes the files of a county folder in, and no more.
type deliver struct {
	Dir    string `arg:"" type:"existingdir" help:"County folder: one sub-folder an agency."`
	Data   string `required:"" placeholder:"DIR" help:"Data folder that keeps log and receipts."`
	Strict bool   `help:"Exit with 3 when a file could not be read."`
	format
}

func (c *deliver) Run(ctx context.Context, s streams) error {
	h, err := openHouse(ctx, c.Data)
	if err != nil {
		return err
	}
	defer h.close()
	taken, err := h.takeIn(ctx, c.Dir, s)
	if err != nil {
		return err
	}
	if err := c.print(s.out, taken.receipts, func(w io.Writer) { receiptTable(w, taken.receipts) }); err != nil {
		return err
	}
	return taken.verdict(c.Strict)
}

// taken is what came of taking a county folder in.
type taken struct {
	folder   connectors.Folder
	receipts []hub.Receipt // in the order of the folder's files
}

// verdict turns files that could not be read into an error where that was asked for.
func (t taken) verdict(strict bool) error {
	failed := 0
	for _, r := range t.receipts {
		if r.Outcome == hub.Failed {
			failed++
		}
	}
	if strict && failed > 0 {
		return unreadableError(failed)
	}
	return nil
}

// takeIn delivers every file of a county folder that a profile describes. A file that is not what its
// profile says fails alone, with a message; any other error ends it.
func (h *house) takeIn(ctx context.Context, dir string, s streams) (taken, error) {
	profiles, err := connectors.Profiles()
	if err != nil {
		return taken{}, err
	}
	t := taken{}
	if t.folder, err = connectors.Scan(dir, profiles); err != nil {
		return t, err
	}
	progress := newProgress(s.err, t.folder.Found)
	defer progress.end()
	for _, found := range t.folder.Found {
		r, err := h.deliver(ctx, h.door(dir, progress.read), found)
		progress.next(found)
		var fileErr *connectors.FileError
		switch {
		case errors.As(err, &fileErr):
			fmt.Fprintf(s.err, "hebian: %v\n", fileErr)
		case err != nil:
			return t, err
		}
		t.receipts = append(t.receipts, r)
	}
	return t, nil
}

func receiptTable(w io.Writer, receipts []hub.Receipt) {
	t := newTable(w, "file", "rows read", "accepted", "quarantined", "new", "known", "taken back", "outcome")
	for _, r := range receipts {
		t.AppendRow([]any{r.File, count(r.RowsRead), count(r.Accepted), count(r.Quarantined), count(r.Added), count(r.Unchanged), count(r.Retracted), r.Outcome})
	}
	t.Render()
}

// progress shows on a terminal how much of the files has been read. Elsewhere it is silent.
type progress struct {
	bar  *progressbar.ProgressBar
	done int64 // bytes of the files before this one
}

func newProgress(w io.Writer, files []connectors.Found) *progress {
	file, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return &progress{}
	}
	var total int64
	for _, f := range files {
		total += f.Bytes
	}
	return &progress{bar: progressbar.NewOptions64(total,
		progressbar.OptionSetWriter(file),
		progressbar.OptionSetDescription("reading"),
		progressbar.OptionShowBytes(true),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionClearOnFinish(),
	)}
}

func (p *progress) read(bytes int64) {
	if p.bar != nil {
		p.bar.Set64(p.done + bytes) //nolint:errcheck // a bar that can't be drawn is no reason to stop
	}
}

func (p *progress) next(f connectors.Found) {
	p.done += f.Bytes
	p.read(0)
}

func (p *progress) end() {
	if p.bar != nil {
		p.bar.Finish() //nolint:errcheck // as above
	}
}
