package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"time"

	"hebian/connectors"
	"hebian/hub"
	"hebian/matcher/entity"
	"hebian/schemas"
)

// check is the command that runs the main job once.
type check struct {
	Dir    string `arg:"" type:"existingdir" help:"County folder: one sub-folder an agency."`
	AsOf   string `name:"as-of" placeholder:"YYYY-MM-DD" help:"Day to judge by. Default: the last day of the newest payroll month."`
	Out    string `placeholder:"DIR" help:"Write the output files here: flags, entities, conflicts, golden records, quarantine and summary."`
	Data   string `placeholder:"DIR" help:"Keep log and receipts here; run again, only what changed is taken in. Default: a temporary folder."`
	Config string `placeholder:"FILE" help:"YAML file with limits of the rules, such as parameters: {entry_grace: 2}."`
	Strict bool   `help:"Exit with 3 when a file could not be read."`
	format
}

func (check) Help() string {
	return `The folder has a sub-folder for each agency (staffing, finance, hr, civil, discipline, social) with the files that it
hands over, and the sub-folder entities with the registers of legal entities. Rows that can't be taken go to quarantine with file, line, column and reason; the rest is judged. Findings
are no error: the exit code is 0. What a code means: hebian explain CODE.`
}

func (c *check) Run(ctx context.Context, s streams) (err error) {
	asOf, given, err := c.day()
	if err != nil {
		return err
	}
	config, err := readConfig(c.Config)
	if err != nil {
		return err
	}
	folder, err := connectors.Scan(c.Dir, config.agencies)
	if err != nil {
		return err
	}
	h, closeHouse, err := c.house(ctx)
	if err != nil {
		return err
	}
	defer func() { err = cmp.Or(err, closeHouse()) }()
	if !given {
		if asOf, err = h.lastPayday(ctx, folder, config.agencies); err != nil {
			return err
		}
	}
	if today := time.Now(); asOf > schemas.DateOf(today) {
		fmt.Fprintf(s.err, "hebian: judging as of %s, which is still to come\n", asOf)
	}
	taken, sum, _, err := h.checkFolder(ctx, folder, c.Out, asOf, &config, s)
	if err != nil {
		return err
	}
	if err := c.print(s.out, sum, func(w io.Writer) { sum.write(w, c.Out) }); err != nil {
		return err
	}
	return taken.verdict(c.Strict)
}

// checkFolder takes a county folder in, judges, and writes the output if a folder for it is named.
func (h *house) checkFolder(ctx context.Context, folder connectors.Folder, out string, asOf schemas.Date, c *config, s streams) (t taken, sum *summary, j judgement, err error) {
	if out != "" {
		if err := writable(out); err != nil {
			return t, sum, j, err
		}
	}
	if t, err = h.takeIn(ctx, folder, s); err != nil {
		return t, sum, j, err
	}
	counts, err := hub.Counting(ctx, h.deliveries)
	if err != nil {
		return t, sum, j, err
	}
	if j, err = h.judge(ctx, counts, asOf, c.Parameters); err != nil {
		return t, sum, j, err
	}
	if j.entities, err = h.judgeEntities(ctx, counts, asOf, &c.Entities); err != nil {
		return t, sum, j, err
	}
	if sum, err = summarize(t, counts, j); err != nil {
		return t, sum, j, err
	}
	if out != "" {
		if err := h.write(ctx, out, t, j, sum); err != nil {
			return t, sum, j, err
		}
	} else {
		var found entity.Counts
		if err := counting(j.entities, &found)(func(*entity.Entity) error { return nil }); err != nil {
			return t, sum, j, err
		}
		sum.Entities = summarizeEntities(found)
	}
	// After the files: should they not be written, what is new stays new.
	return t, sum, j, h.findings.Change(ctx, j.opened, j.refreshed, j.closed)
}

// day reads --as-of, if it is given.
func (c *check) day() (day schemas.Date, given bool, err error) {
	if c.AsOf == "" {
		return 0, false, nil
	}
	if day, given = schemas.ParseDate(c.AsOf); !given {
		err = usageError(fmt.Sprintf("--as-of is %q, want a day YYYY-MM-DD", c.AsOf))
	}
	return day, given, err
}

// house opens the data folder, a temporary one if none was named.
func (c *check) house(ctx context.Context) (h *house, closeHouse func() error, err error) {
	if c.Data == "" {
		return openTemporary(ctx)
	}
	h, err = openHouse(ctx, c.Data)
	return h, h.close, err
}

// lastPayday is the last day of the newest month that a payroll file of the folder, or one delivered
// before, has in its name.
func (h *house) lastPayday(ctx context.Context, folder connectors.Folder, profiles []connectors.Profile) (schemas.Date, error) {
	counts, err := hub.Counting(ctx, h.deliveries)
	if err != nil {
		return 0, err
	}
	var newest schemas.Month
	for _, found := range folder.Found {
		newest = max(newest, found.Month)
	}
	for _, file := range counts {
		found, _ := connectors.Describe(profiles, file)
		newest = max(newest, found.Month)
	}
	if newest == 0 {
		return 0, usageError("there is no payroll file to tell the day to judge by: name it with --as-of YYYY-MM-DD")
	}
	return newest.Last(), nil
}
