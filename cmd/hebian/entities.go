package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"hebian/hub"
	"hebian/matcher/entity"
	"hebian/schemas"
)

// registrationSubject is what the sources say of legal entities.
const registrationSubject = "entity.registration"

// entityConfig is what an office may set about legal entities. Files are found from the configuration's own folder.
type entityConfig struct {
	Authority  string   `yaml:"authority"`   // YAML file: which source is believed for a field; empty: as built in
	Calendar   string   `yaml:"calendar"`    // CSV file date,kind of holidays and make-up days; empty: Monday to Friday
	AnswerDays int      `yaml:"answer_days"` // working days that an agency has to answer a correction
	Sharers    int      `yaml:"max_sharers"` // a code that more registrations bear names nobody
	Sources    []string `yaml:"sources"`     // agencies that hand a register in; before all of them have, no case is opened

	authority *entity.Authority
	calendar  *entity.Calendar
}

func defaultEntityConfig() entityConfig {
	c := entityConfig{AnswerDays: 15, Sharers: entity.DefaultMaxSharers, authority: entity.DefaultAuthority()}
	for _, source := range entity.Sources() {
		c.Sources = append(c.Sources, source.String())
	}
	return c
}

// maxAnswerDays bounds the time for an answer: a year of working days.
const maxAnswerDays = 250

func (c *entityConfig) check() error {
	switch {
	case c.AnswerDays < 1 || c.AnswerDays > maxAnswerDays:
		return fmt.Errorf("entities.answer_days is %d, must be 1 to %d", c.AnswerDays, maxAnswerDays)
	case c.Sharers < 2 || c.Sharers > 1_000_000:
		return fmt.Errorf("entities.max_sharers is %d, must be 2 to 1000000", c.Sharers)
	case len(c.Sources) == 0:
		return fmt.Errorf("entities.sources is empty, must name agencies")
	}
	for _, name := range c.Sources {
		if _, ok := entity.SourceOf(name); !ok {
			return fmt.Errorf("entities.sources names %q, want some of %v", name, entity.Sources())
		}
	}
	return nil
}

// load reads the files that the configuration names.
func (c *entityConfig) load(dir string) error {
	if c.Authority != "" {
		text, err := os.ReadFile(from(dir, c.Authority))
		if err != nil {
			return fmt.Errorf("entities.authority: %w", err)
		}
		if c.authority, err = entity.ParseAuthority(text); err != nil {
			return fmt.Errorf("entities.authority %s: %s", c.Authority, yaml.FormatError(err, false, true))
		}
	}
	if c.Calendar != "" {
		text, err := os.ReadFile(from(dir, c.Calendar))
		if err != nil {
			return fmt.Errorf("entities.calendar: %w", err)
		}
		if c.calendar, err = entity.ParseCalendar(text); err != nil {
			return fmt.Errorf("entities.calendar %s: %w", c.Calendar, err)
		}
	}
	return nil
}

// from is a path that is meant from a folder on.
func from(dir, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

// standing makes one that follows deliveries, or one for a single judgement.
func (c *entityConfig) standing(once bool) *entity.Standing {
	return entity.NewStanding(entity.Options{Authority: c.authority, Calendar: c.calendar, MaxSharers: c.Sharers, Once: once})
}

// foldEntities folds everything that the log holds of legal entities.
func (h *house) foldEntities(ctx context.Context, standing *entity.Standing, counts map[int64]string) error {
	_, err := standing.Fold(ctx, func(fn func(string, *hub.Batch) error) error {
		reader := hub.NewReader(h.log, counts)
		for _, topic := range entity.Topics() {
			for p := range h.log.Partitions(topic) {
				if _, err := reader.Replay(ctx, topic, p, 0, fn); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("fold legal entities: %w", err)
	}
	return nil
}

// judgeEntities folds the log and judges legal entities as of a day.
func (h *house) judgeEntities(ctx context.Context, counts map[int64]string, asOf schemas.Date, c *entityConfig) (*entity.Standing, error) {
	standing := c.standing(true)
	if err := h.foldEntities(ctx, standing, counts); err != nil {
		return nil, err
	}
	if _, err := standing.Judge(ctx, asOf); err != nil {
		return nil, err
	}
	return standing, nil
}

// answerDay is the day by which an agency should have answered a correction that it gets now.
func (s *service) answerDay(now time.Time) schemas.Date {
	c := &s.config.Entities
	day := schemas.DateOf(now)
	for left := c.AnswerDays; left > 0; {
		day++
		left -= c.calendar.WorkingDays(day-1, day)
	}
	return day
}

// entitySummary is what a check says of legal entities.
type entitySummary struct {
	Entities      int           `json:"entities"`
	Registrations int           `json:"registrations"`
	Findings      []entityCount `json:"findings"`
}

// entityCount counts findings of a kind, conflicts by state.
type entityCount struct {
	Kind     string `json:"kind"`
	State    string `json:"state,omitempty"`
	Findings int    `json:"findings"`
}

func summarizeEntities(counts entity.Counts) *entitySummary {
	if counts.Records == 0 {
		return nil
	}
	return &entitySummary{Entities: counts.Entities, Registrations: counts.Records, Findings: summarizeFindings(counts)}
}

// counting walks over the entities of a standing for a single judgement, and counts what is found on the way.
func counting(standing *entity.Standing, counts *entity.Counts) entity.Each {
	return func(fn func(*entity.Entity) error) error {
		*counts = standing.Counts()
		return standing.Each(func(e *entity.Entity) error {
			for i := range e.Findings {
				f := &e.Findings[i]
				if counts.Findings[f.Kind] == nil {
					counts.Findings[f.Kind] = map[string]int{}
				}
				counts.Findings[f.Kind][f.State()]++
			}
			return fn(e)
		})
	}
}

// String is the count in a line with others.
func (c entityCount) String() string {
	return fmt.Sprintf("%s %s", strings.TrimSpace(c.Kind+" "+c.State), count(c.Findings))
}

func summarizeFindings(counts entity.Counts) []entityCount {
	all := []entityCount{}
	for kind, states := range counts.Findings {
		for state, n := range states {
			all = append(all, entityCount{string(kind), state, n})
		}
	}
	slices.SortFunc(all, func(a, b entityCount) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.State, b.State)) })
	return all
}

// write prints the summary for a person.
func (sum *entitySummary) write(w io.Writer) {
	if sum == nil {
		return
	}
	fmt.Fprintf(w, "Legal entities: %s of %s registrations.\n", count(sum.Entities), count(sum.Registrations))
	t := newTable(w, "finding", "state", "findings")
	for _, f := range sum.Findings {
		t.AppendRow([]any{f.Kind, f.State, count(f.Findings)})
	}
	t.Render()
}
