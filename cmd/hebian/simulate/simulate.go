// Package simulate makes up a county: a folder of agency files in which it is known what is wrong
// (wrongs.csv), who only looks wrong (explained.csv) and which rows nobody can read
// (quarantine.csv). With legal entities it is also known which rows belong together (entities.csv)
// and what is to be found about them (conflicts.csv). It is for demonstrations, load tests and an
// end-to-end check of the rules: the expected findings come from what was planted, never from
// evaluating a rule. The folder is a pure function of the options.
package simulate

import (
	"cmp"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"hebian/schemas"
)

// Options say what to make up.
type Options struct {
	Persons  int           // persons on the books, pensioners and contract staff among them
	Seed     uint64        // another seed, another county
	Months   int           // payroll months
	AsOf     schemas.Month // the newest payroll month; findings are those of its last day
	Entities int           // legal entities, the county's units first; 0: no files about them
}

// DefaultOptions are those of a small county over a quarter.
func DefaultOptions() Options { return Options{Persons: 2000, Seed: 1, Months: 3, AsOf: 202609} }

// Every kind of case occurs from some 500 persons on, and from some 250 entities beside the units.
const (
	minPersons = 50
	maxMonths  = 60 // one payroll file each, all open at once
	minAsOf    = schemas.Month(200001)
	maxAsOf    = schemas.Month(209912)
)

// Flag is an expected finding, as a row of wrongs.csv.
type Flag struct{ Code, Person, Unit, Month, Detail string }

// FileCount says how many rows of a file are to be taken and to be refused.
type FileCount struct {
	File        string `json:"file"`
	Read        int64  `json:"rows_read"`
	Accepted    int64  `json:"accepted"`
	Quarantined int64  `json:"quarantined"`
}

// CodeCount is the number of expected findings of a code.
type CodeCount struct {
	Code  string `json:"code"`
	Count int    `json:"count"`
}

// Summary says what was made up.
type Summary struct {
	AsOf      schemas.Date `json:"as_of"`
	Persons   int          `json:"persons"`
	Units     int          `json:"units"`     // live and former ones
	Wrong     int          `json:"wrong"`     // persons with a finding
	Explained int          `json:"explained"` // persons who only look wrong
	Rows      int64        `json:"rows"`
	PayLines  int64        `json:"pay_lines"`
	Bytes     int64        `json:"bytes"` // in in/
	Flags     []CodeCount  `json:"flags"` // sorted by code
	Files     []FileCount  `json:"files"` // sorted by file

	Entities      int         `json:"entities,omitempty"`       // those of a case count as one
	WrongEntities int         `json:"wrong_entities,omitempty"` // with a finding
	Findings      []CodeCount `json:"findings,omitempty"`       // about entities, sorted by kind
}

// ErrOptions says that no county can be made up as the options ask.
var ErrOptions = errors.New("simulate")

// ErrNotEmpty says that the folder to write to has something in it.
var ErrNotEmpty = errors.New("folder is not empty; name a new one")

// Write makes a county in dir, which must be new or empty: dir/in holds the agencies' files, beside
// it lie wrongs.csv, explained.csv and quarantine.csv, and with entities conflicts.csv and
// entities.csv. A person may be in the first two: a pending entry is a finding and explained. After
// an error dir is left incomplete.
// progress, when not nil, hears now and then how many of the persons are written.
func Write(ctx context.Context, dir string, o Options, progress func(done, total int64)) (Summary, error) {
	if err := o.check(); err != nil {
		return Summary{}, fmt.Errorf("%w: %w", ErrOptions, err)
	}
	if err := makeEmpty(dir); err != nil {
		return Summary{}, fmt.Errorf("simulate into %s: %w", dir, err)
	}
	p, err := newPlan(o)
	if err != nil {
		return Summary{}, fmt.Errorf("simulate: %w", err)
	}
	summary, err := write(ctx, dir, p, progress)
	if err != nil {
		return Summary{}, fmt.Errorf("simulate into %s, which is left incomplete: %w", dir, err)
	}
	return summary, nil
}

func makeEmpty(dir string) error {
	found, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return os.MkdirAll(dir, 0o755)
	case err != nil:
		return err
	case len(found) > 0:
		return ErrNotEmpty
	}
	return nil
}

// county is what is being written.
type county struct {
	*folder
	tally     *tally
	flags     []Flag
	wrong     int
	explained [][2]string // person, why
	registers *registers  // nil: without entities
}

func write(ctx context.Context, dir string, p *plan, progress func(done, total int64)) (Summary, error) {
	f, err := newFolder(p, filepath.Join(dir, "in"))
	if err != nil {
		return Summary{}, err
	}
	c := &county{folder: f, tally: newTally(p)}
	err = c.writePersons(ctx, progress)
	if err == nil {
		c.writeUnits()
		if p.Entities > 0 {
			err = c.writeEntities(ctx, filepath.Join(dir, "in"))
		}
	}
	if closed := f.close(); err == nil {
		err = closed
	}
	if err != nil {
		return Summary{}, err
	}
	return c.settle(dir)
}

// Between looks at ctx, the files' errors and the progress.
const personsAtOnce = 4096

// A few broken rows a file, and more in large ones.
const (
	brokenRows      = 6
	personsPerBreak = 25_000
)

func (c *county) writePersons(ctx context.Context, progress func(done, total int64)) error {
	p := c.plan
	breakEvery := max(1, p.Persons/(brokenRows+p.Persons/personsPerBreak))
	var d dossier
	home := 0
	for person := range p.Persons {
		if person%personsAtOnce == 0 {
			if err := errors.Join(ctx.Err(), c.failed()); err != nil {
				return err
			}
			if progress != nil {
				progress(int64(person), int64(p.Persons))
			}
		}
		for person >= p.starts[home+1] {
			home++
		}
		if person%breakEvery == 0 {
			c.plantBroken()
		}
		p.fill(&d, person, home)
		c.person(&d)
		c.tally.person(&d)
		c.expect(&d)
	}
	if progress != nil {
		progress(int64(p.Persons), int64(p.Persons))
	}
	return nil
}

// expect keeps what is to be said of a person.
func (c *county) expect(d *dossier) {
	if len(d.flags) > 0 {
		c.wrong++
		c.flags = append(c.flags, d.flags...)
	}
	if d.kind != nil && d.kind.why != "" {
		c.explained = append(c.explained, [2]string{string(d.born[:]), d.kind.why})
	}
}

// writeUnits comes last: what is approved follows from who holds slots.
func (c *county) writeUnits() {
	c.writeInstitutions()
	c.writeSuccessions()
	c.flags = append(c.flags, c.writeQuotas(c.tally)...)
	c.flags = append(c.flags, c.writeLeaderPosts(c.tally)...)
	c.flags = append(c.flags, c.writeControls(c.tally)...)
}

// settle writes the lists beside in/.
func (c *county) settle(dir string) (Summary, error) {
	p := c.plan
	slices.SortFunc(c.flags, compareFlags)
	c.flags = slices.Compact(c.flags) // several persons may meet in one finding of a unit
	slices.SortFunc(c.explained, func(a, b [2]string) int { return strings.Compare(a[0], b[0]) })
	s := Summary{AsOf: p.asOf, Persons: p.Persons, Units: len(p.units), Wrong: c.wrong, Explained: len(c.explained)}
	for _, t := range c.all {
		s.Files = append(s.Files, t.count)
		s.Rows += t.count.Read
		s.Bytes += t.bytes
	}
	for _, t := range c.payroll {
		s.PayLines += t.count.Read
	}
	slices.SortFunc(s.Files, func(a, b FileCount) int { return strings.Compare(a.File, b.File) })
	for _, f := range c.flags {
		s.Flags = countCode(s.Flags, f.Code)
	}
	return s, errors.Join(
		c.settleEntities(dir, &s),
		writeList(dir, "wrongs.csv", "code,person,unit,month,detail", len(c.flags), func(i int) []string {
			f := c.flags[i]
			return []string{f.Code, f.Person, f.Unit, f.Month, f.Detail}
		}),
		writeList(dir, "explained.csv", "person,why", len(c.explained), func(i int) []string { return c.explained[i][:] }),
		writeList(dir, "quarantine.csv", "file,rows_read,accepted,quarantined", len(s.Files), func(i int) []string {
			f := s.Files[i]
			return []string{f.File, strconv.FormatInt(f.Read, 10), strconv.FormatInt(f.Accepted, 10), strconv.FormatInt(f.Quarantined, 10)}
		}),
	)
}

// countCode counts one more of a code; equal codes come one after the other.
func countCode(counts []CodeCount, code string) []CodeCount {
	if n := len(counts); n == 0 || counts[n-1].Code != code {
		counts = append(counts, CodeCount{Code: code})
	}
	counts[len(counts)-1].Count++
	return counts
}

func compareFlags(a, b Flag) int {
	return cmp.Or(
		strings.Compare(a.Code, b.Code), strings.Compare(a.Person, b.Person), strings.Compare(a.Unit, b.Unit),
		strings.Compare(a.Month, b.Month), strings.Compare(a.Detail, b.Detail),
	)
}

// writeList writes a CSV file of n rows.
func writeList(dir, name, header string, n int, row func(i int) []string) error {
	file, err := os.Create(filepath.Join(dir, name))
	if err != nil {
		return err
	}
	if _, err = io.WriteString(file, header+"\n"); err == nil {
		w := csv.NewWriter(file)
		for i := range n {
			// The writer keeps its first error; Error gives it below.
			_ = w.Write(row(i))
		}
		w.Flush()
		err = w.Error()
	}
	if closed := file.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}
