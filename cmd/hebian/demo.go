package main

import (
	"cmp"
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"hebian/cmd/hebian/simulate"
	"hebian/matcher"
	"hebian/matcher/rules"
	"hebian/schemas/ident"
)

// demo is the command that shows the main job on a made-up county.
type demo struct {
	Out     string `placeholder:"DIR" help:"Keep the county and the result here. Default: a new temporary folder, which stays."`
	Persons int    `default:"2000" help:"Persons on the books."`
	Seed    uint64 `default:"1" help:"Another seed, another county."`
}

// examples is how many flags and explained persons the demo shows.
const examples = 5

func (c *demo) Run(ctx context.Context, s streams) (err error) {
	dir := c.Out
	if dir == "" {
		if dir, err = os.MkdirTemp("", "hebian-demo-"); err != nil {
			return fmt.Errorf("make a folder for the demo: %w", err)
		}
	}
	options := simulate.DefaultOptions()
	options.Persons, options.Seed = c.Persons, c.Seed
	made, err := makeUp(ctx, dir, options, s)
	if err != nil {
		return err
	}
	fmt.Fprintf(s.out, "Simulated a county of %s persons and %s units: %s rows as %d files of six agencies.\n\n",
		count(made.Persons), count(made.Units), count(made.Rows), len(made.Files))
	h, err := openHouse(ctx, filepath.Join(dir, "data"))
	if err != nil {
		return err
	}
	defer func() { err = cmp.Or(err, h.close()) }()
	out := filepath.Join(dir, "out")
	folder, err := scan(filepath.Join(dir, "in"))
	if err != nil {
		return err
	}
	_, sum, j, err := h.checkFolder(ctx, folder, out, made.AsOf, defaultConfig().Parameters, s)
	if err != nil {
		return err
	}
	sum.write(s.out, out)
	if err := showExamples(s.out, dir, j); err != nil {
		return err
	}
	return compareWithWrongs(s.out, dir, out)
}

// showExamples prints some flags with the rows they stand on, and some persons who only look wrong.
func showExamples(w io.Writer, dir string, j judgement) error {
	texts, err := rules.Texts()
	if err != nil {
		return err
	}
	fmt.Fprintln(w, "\nFor example:")
	shown := 0
	for _, text := range texts {
		if f := firstOf(j.Findings, text.Code); f != nil && f.Person != "" && shown < examples {
			shown++
			fmt.Fprintf(w, "  %s %s: %s %s %s\n", f.Code, text.Label, ident.Mask(string(f.Person)), f.Unit, monthText(f.Month))
			for _, ref := range f.Evidence[:min(len(f.Evidence), 3)] {
				fmt.Fprintf(w, "    %s, line %d\n", j.sources[ref].File, j.sources[ref].Line)
			}
		}
	}
	explained, err := readCSV(filepath.Join(dir, "explained.csv"))
	if err != nil {
		return err
	}
	fmt.Fprintln(w, "\nThese only look wrong, and are not flagged for it:")
	seen := map[string]bool{}
	for _, row := range explained {
		if person, why := row[0], row[1]; !seen[why] && len(seen) < examples {
			seen[why] = true
			fmt.Fprintf(w, "  %s: %s\n", ident.Mask(person), why)
		}
	}
	return nil
}

func firstOf(findings []matcher.Finding, code string) *matcher.Finding {
	for i := range findings {
		if findings[i].Code == code {
			return &findings[i]
		}
	}
	return nil
}

// compareWithWrongs says whether the flags are exactly what was planted.
func compareWithWrongs(w io.Writer, dir, out string) error {
	planted, err := os.ReadFile(filepath.Join(dir, "wrongs.csv"))
	if err != nil {
		return err
	}
	found, err := os.ReadFile(filepath.Join(out, "flags.csv"))
	if err != nil {
		return err
	}
	fmt.Fprintln(w)
	if string(planted) != string(found) {
		return fmt.Errorf("%s differs from %s: please report this with the seed", filepath.Join(out, "flags.csv"), filepath.Join(dir, "wrongs.csv"))
	}
	fmt.Fprintf(w, "The flags are exactly the wrongs that were planted (%s).\nThe county lies in %s. What a code means: hebian explain CODE\n",
		filepath.Join(dir, "wrongs.csv"), filepath.Join(dir, "in"))
	return nil
}

// readCSV reads a small file of ours without its header.
func readCSV(path string) ([][]string, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return rows[min(1, len(rows)):], nil
}
