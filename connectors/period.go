package connectors

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"hebian/schemas"
)

// ErrPeriod says that a month can't be declared complete yet, as it lies too far ahead.
var ErrPeriod = errors.New("the month has not come yet")

// Kind says how a month was delivered.
type Kind string

// The kinds of a declaration.
const (
	Whole   Kind = "full"    // every file whole
	Changes Kind = "changes" // by change sets on top of what was there
)

// Declaration is an agency's word that it has handed over everything for a month.
type Declaration struct {
	Agency   string
	Month    schemas.Month
	Kind     Kind
	Empty    []string // files that have no rows and are not delivered, as "finance/control_numbers.csv"
	Declared time.Time
	By       string
}

// Periods keeps what agencies declared.
type Periods interface {
	// Delivered names the files of an agency of which a delivery counts.
	Delivered(ctx context.Context, agency string) ([]string, error)
	// Declare writes a declaration down; a repeat changes nothing.
	Declare(ctx context.Context, d Declaration) error
	// Declared lists the declarations of an agency, in any order.
	Declared(ctx context.Context, agency string) ([]Declaration, error)
}

// Completeness is how far an agency's files are complete.
type Completeness struct {
	Through schemas.Month   // the last month of the first run of months without a hole; 0: none
	Missing []schemas.Month // months between the first and the last declared that nobody declared
}

// LackingError says that files of a month are not there.
type LackingError struct {
	Month schemas.Month
	Files []string
}

func (e *LackingError) Error() string {
	return fmt.Sprintf("%s is not complete: %s not delivered; deliver, or name as empty what has no rows", e.Month, strings.Join(e.Files, ", "))
}

// NotTheirsError says that a declaration names files that its agency doesn't deliver.
type NotTheirsError struct {
	Files []string
	Known []string
}

func (e *NotTheirsError) Error() string {
	return fmt.Sprintf("%s: no file of the agency; known are %s", strings.Join(e.Files, ", "), strings.Join(e.Known, ", "))
}

// Declare checks that everything of the month is there, writes the declaration down and says how far the
// agency is complete now. today is the day by the house's reckoning: nobody can know that a month is complete
// before it has begun. The error may be a *LackingError, a *NotTheirsError or ErrPeriod.
func (p *Profile) Declare(ctx context.Context, periods Periods, today schemas.Date, d Declaration) (Completeness, error) {
	if d.Month > today.Month() {
		return Completeness{}, fmt.Errorf("declare %s: %w", d.Month, ErrPeriod)
	}
	known := p.Names(d.Month)
	var others, lacking []string
	for _, file := range d.Empty {
		if !slices.Contains(known, file) {
			others = append(others, file)
		}
	}
	if len(others) > 0 {
		return Completeness{}, &NotTheirsError{Files: others, Known: known}
	}
	delivered, err := periods.Delivered(ctx, d.Agency)
	if err != nil {
		return Completeness{}, fmt.Errorf("look what %s delivered: %w", d.Agency, err)
	}
	for i := range p.Files {
		name := p.Files[i].name(d.Month)
		if !p.Files[i].Optional && !slices.Contains(delivered, name) && !slices.Contains(d.Empty, name) {
			lacking = append(lacking, name)
		}
	}
	if len(lacking) > 0 {
		slices.Sort(lacking)
		return Completeness{}, &LackingError{Month: d.Month, Files: lacking}
	}
	declared, err := periods.Declared(ctx, d.Agency)
	if err != nil {
		return Completeness{}, fmt.Errorf("look what %s declared: %w", d.Agency, err)
	}
	if covered(declared, d.Month) {
		return CompleteThrough(declared), nil
	}
	if err := periods.Declare(ctx, d); err != nil {
		return Completeness{}, fmt.Errorf("declare %s of %s: %w", d.Month, d.Agency, err)
	}
	return CompleteThrough(append(declared, d)), nil
}

// covered says whether a month was declared, or lies before the first that was, which covered all that came before: written
// down, it would leave a hole between the two.
func covered(declared []Declaration, month schemas.Month) bool {
	before := func(d Declaration) bool { return d.Month < month }
	is := func(d Declaration) bool { return d.Month == month }
	return slices.ContainsFunc(declared, is) || len(declared) > 0 && !slices.ContainsFunc(declared, before)
}

// Names lists the files that the agency hands over for a month, sorted.
func (p *Profile) Names(month schemas.Month) []string {
	names := make([]string, 0, len(p.Files))
	for i := range p.Files {
		names = append(names, p.Files[i].name(month))
	}
	slices.Sort(names)
	return names
}

// name is the file's path for a month.
func (f *File) name(month schemas.Month) string {
	return strings.ReplaceAll(f.Path, "{month}", month.String())
}

// CompleteThrough says how far the declarations of one agency reach without a hole.
func CompleteThrough(declared []Declaration) Completeness {
	var months []schemas.Month
	for _, d := range declared {
		months = append(months, d.Month)
	}
	slices.Sort(months)
	months = slices.Compact(months)
	var c Completeness
	for i, month := range months {
		if i == 0 || len(c.Missing) == 0 && months[i-1].Add(1) == month {
			c.Through = month
			continue
		}
		for hole := months[i-1].Add(1); hole < month && len(c.Missing) < maxHoles; hole = hole.Add(1) {
			c.Missing = append(c.Missing, hole)
		}
	}
	return c
}

// maxHoles bounds how many months are named as missing: ten years, which is more than anybody declares late.
const maxHoles = 120
