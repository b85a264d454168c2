package main

import (
	"context"
)

// check is the command that runs the main job once.
type check struct {
	Dir    string `arg:"" type:"existingdir" help:"County folder: one sub-folder an agency."`
	AsOf   string `name:"as-of" placeholder:"YYYY-MM-DD" help:"Day to judge by. Default: the last day of the newest payroll month."`
	Out    string `placeholder:"DIR" help:"Write flags.csv, flags.ndjson, quarantine.csv, quarantine.ndjson and summary.json here."`
	Data   string `placeholder:"DIR" help:"Keep log and receipts here; run again, only what changed is taken in. Default: a temporary folder."`
	Strict bool   `help:"Exit with 3 when a file could not be read."`
	format
}

func (c *check) Run(ctx context.Context, s streams) error {
	h, close, err := c.house(ctx)
	if err != nil {
		return err
	}
	defer close()
	taken, err := h.takeIn(ctx, c.Dir, s)
	if err != nil {
		return err
	}
	return taken.verdict(c.Strict)
}

// house opens the data folder, a temporary one if none was named.
func (c *check) house(ctx context.Context) (h *house, close func(), err error) {
	if c.Data == "" {
		h, remove, err := openTemporary(ctx)
		return h, func() { h.close(); remove() }, err
	}
	h, err = openHouse(ctx, c.Data)
	return h, func() { h.close() }, err
}
