package main

import (
	"context"
	"errors"
	"fmt"

	"hebian/connectors"
	"hebian/hub"
)

// check is the command that runs the main job once.
type check struct {
	Dir    string `arg:"" type:"existingdir" help:"County folder: one sub-folder an agency."`
	AsOf   string `name:"as-of" placeholder:"YYYY-MM-DD" help:"Day to judge by. Default: the last day of the newest payroll month."`
	Out    string `placeholder:"DIR" help:"Write flags.csv, flags.ndjson, quarantine.csv, quarantine.ndjson and summary.json here."`
	Data   string `placeholder:"DIR" help:"Keep log and receipts here; run again, only what changed is taken in. Default: a temporary folder."`
	Strict bool   `help:"Exit with 3 when a file could not be read."`
}

func (c *check) Run(ctx context.Context, s streams) error {
	var h *house
	var err error
	if c.Data != "" {
		h, err = openHouse(ctx, c.Data)
	} else {
		var remove func()
		h, remove, err = openTemporary(ctx)
		if err == nil {
			defer remove()
		}
	}
	if err != nil {
		return err
	}
	defer h.close()
	profiles, err := connectors.Profiles()
	if err != nil {
		return err
	}
	folder, err := connectors.Scan(c.Dir, profiles)
	if err != nil {
		return err
	}
	door := h.door(c.Dir, nil)
	var receipts []hub.Receipt
	for _, found := range folder.Found {
		r, err := h.deliver(ctx, door, found)
		var fileErr *connectors.FileError
		if errors.As(err, &fileErr) {
			fmt.Fprintf(s.err, "hebian: %v\n", fileErr)
		} else if err != nil {
			return err
		}
		receipts = append(receipts, r)
		fmt.Fprintf(s.out, "%s,%d,%d,%d\n", r.File, r.RowsRead, r.Accepted, r.Quarantined)
	}
	return nil
}
