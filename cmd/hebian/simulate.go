package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"hebian/cmd/hebian/simulate"
	"hebian/schemas"
)

// simulateCommand is the command that makes a county up.
type simulateCommand struct {
	Out      string `required:"" placeholder:"DIR" help:"New folder: in/ gets the agencies' files; beside it lie wrongs.csv, explained.csv, conflicts.csv, entities.csv and quarantine.csv."`
	Persons  int    `default:"2000" help:"Persons on the books."`
	Entities int    `default:"-1" help:"Legal entities; 0: no registers. Default: a fifth of the persons."`
	Seed     uint64 `default:"1" help:"Another seed, another county."`
	Months   int    `default:"3" help:"Payroll months."`
	Month    string `default:"202609" placeholder:"YYYYMM" help:"Newest payroll month."`
	format
}

func (simulateCommand) Help() string {
	return `The same options write the same bytes. wrongs.csv is the flags.csv that a check must give, explained.csv names persons who
only look wrong; conflicts.csv and entities.csv are those that a check must give. All persons and units are made up; their numbers use division codes that were never issued.`
}

func (c *simulateCommand) Run(ctx context.Context, s streams) error {
	month, ok := schemas.ParseMonth(c.Month)
	if !ok {
		return usageError(fmt.Sprintf("--month is %q, want YYYYMM", c.Month))
	}
	options := simulate.Options{Persons: c.Persons, Seed: c.Seed, Months: c.Months, AsOf: month, Entities: c.Entities}
	if c.Entities == -1 {
		options.Entities = simulate.EntitiesFor(c.Persons)
	}
	made, err := makeUp(ctx, c.Out, options, s)
	if err != nil {
		return err
	}
	return c.print(s.out, made, func(w io.Writer) {
		fmt.Fprintf(w, "%s persons and %s units, %s rows, %s of them pay lines, in %s/in\n",
			count(made.Persons), count(made.Units), count(made.Rows), count(made.PayLines), c.Out)
		fmt.Fprintf(w, "%s persons are wrong (wrongs.csv), %s only look wrong (explained.csv)\n", count(made.Wrong), count(made.Explained))
		if made.Entities > 0 {
			fmt.Fprintf(w, "%s legal entities, %s of them with something wrong (conflicts.csv)\n", count(made.Entities), count(made.WrongEntities))
		}
		fmt.Fprintf(w, "Check it: hebian check %s/in --as-of %s --out %s/out\n", c.Out, made.AsOf, c.Out)
	})
}

// makeUp simulates with progress on the terminal.
func makeUp(ctx context.Context, dir string, o simulate.Options, s streams) (simulate.Summary, error) {
	bar := newBar(s.err, int64(o.Persons), "simulating", false)
	defer bar.end()
	made, err := simulate.Write(ctx, dir, o, func(done, _ int64) { bar.set(done) })
	if errors.Is(err, simulate.ErrOptions) {
		return made, usageError(err.Error())
	}
	return made, err
}
