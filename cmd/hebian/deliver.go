package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"

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

func (c *deliver) Run(ctx context.Context, s streams) (err error) {
	h, err := openHouse(ctx, c.Data)
	if err != nil {
		return err
	}
	defer func() { err = cmp.Or(err, h.close()) }()
	defer debug.SetGCPercent(debug.SetGCPercent(deliverGCPercent))
	folder, err := scan(c.Dir)
	if err != nil {
		return err
	}
	taken, err := h.takeIn(ctx, folder, s)
	if err != nil {
		return err
	}
	if err := c.print(s.out, taken.receipts, func(w io.Writer) { receiptTable(w, taken.receipts) }); err != nil {
		return err
	}
	return taken.verdict(c.Strict)
}

// deliverGCPercent is how far the heap may grow, in percent of what lives, before it is collected. Files
// stream through on little; collecting twice as often as by default keeps the peak low.
const deliverGCPercent = 50

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

// scan looks through a county folder by the built-in profiles.
func scan(dir string) (connectors.Folder, error) {
	profiles, err := connectors.Profiles()
	if err != nil {
		return connectors.Folder{}, err
	}
	return connectors.Scan(dir, profiles)
}

// takeIn delivers every file of a county folder that a profile describes. A file that is not what its
// profile says fails alone, with a message; any other error ends it.
func (h *house) takeIn(ctx context.Context, folder connectors.Folder, s streams) (taken, error) {
	t := taken{folder: folder}
	var total, done int64
	for _, found := range folder.Found {
		total += found.Bytes
	}
	bar := newBar(s.err, total, "reading", true)
	defer bar.end()
	door := h.door(folder.Dir, func(bytes int64) { bar.set(done + bytes) })
	for _, found := range folder.Found {
		r, err := h.deliver(ctx, door, found, whole(found))
		done += found.Bytes
		var fileErr *connectors.FileError
		switch {
		case errors.As(err, &fileErr):
			fmt.Fprintf(s.err, "hebian: %s\n", printable(fileErr.Error()))
		case err != nil:
			return t, err
		}
		t.receipts = append(t.receipts, r)
	}
	return t, nil
}

// whole announces a file that is all its agency has under its name.
func whole(found connectors.Found) hub.Manifest {
	return hub.Manifest{Agency: found.Agency, File: found.Name, Subject: found.Subject, Mode: hub.Full, Keyed: found.Keyed(), Period: found.Month}
}

func receiptTable(w io.Writer, receipts []hub.Receipt) {
	t := newTable(w, "file", "rows read", "accepted", "quarantined", "new", "known", "taken back", "outcome")
	for _, r := range receipts {
		t.AppendRow([]any{r.File, count(r.RowsRead), count(r.Accepted), count(r.Quarantined), count(r.Added), count(r.Unchanged), count(r.Retracted), r.Outcome})
	}
	t.Render()
}
