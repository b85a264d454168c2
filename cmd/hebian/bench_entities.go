package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	"hebian/cmd/hebian/simulate"
	"hebian/hub"
	"hebian/matcher/entity"
	"hebian/matcher/entity/search"
	"hebian/schemas"
)

// benchEntities measures what there is to do for legal entities.
type benchEntities struct {
	Entities int    `default:"200000" help:"Simulated legal entities. Six sources have four to five rows on each."`
	Seed     uint64 `default:"1" help:"Seed of the simulated county."`
	format
}

// benchPersons are so few that the rest of the county costs nothing beside its legal entities.
const benchPersons = 50

const (
	benchUpdates   = 100 // deliveries
	benchUpdateLen = 1000
	benchNames     = 1_000_000 // entities to search among: a province's
	benchQueries   = 3000
)

func (c *benchEntities) Run(ctx context.Context, s streams) error {
	dir, err := os.MkdirTemp("", "hebian-bench-")
	if err != nil {
		return fmt.Errorf("make a folder for the bench: %w", err)
	}
	defer os.RemoveAll(dir) //nolint:errcheck // it lies in the system's folder for such things
	options := simulate.DefaultOptions()
	options.Persons, options.Months, options.Seed, options.Entities = benchPersons, 1, c.Seed, c.Entities
	if _, err := makeUp(ctx, dir, options, s); err != nil {
		return err
	}
	all, err := wholeRuns(ctx, dir, "")
	if err != nil {
		return err
	}
	more, err := c.phases(ctx, filepath.Join(dir, "data"), options.AsOf.Last())
	if err != nil {
		return err
	}
	all = append(all, more...)
	for i := range all {
		all[i].Work += fmt.Sprintf(", %s legal entities", count(c.Entities))
	}
	all = append(all, c.search()...)
	return c.print(s.out, all, func(w io.Writer) { measureTable(w, all) })
}

// phases measures what follows intake in this process. The peak of memory is that up to the phase's end.
func (c *benchEntities) phases(ctx context.Context, data string, asOf schemas.Date) (all []measure, err error) {
	h, err := openHouse(ctx, data)
	if err != nil {
		return nil, err
	}
	defer h.close() //nolint:errcheck // nothing was written
	counts, err := hub.Counting(ctx, h.deliveries)
	if err != nil {
		return nil, err
	}
	config := defaultEntityConfig()
	standing := config.standing(false)
	rows := func() int64 { return int64(standing.Counts().Records) }
	phase := func(work string, do func() error, n func() int64) {
		if err == nil {
			var m measure
			m, err = timed(work, do)
			all = append(all, m.of(n()))
		}
	}
	phase("log to memory", func() error { return h.foldEntities(ctx, standing, counts) }, rows)
	phase("link and judge everything", func() error { _, err := standing.Judge(ctx, asOf); return err }, rows)
	phase("golden records", func() error { return entity.WriteGolden(io.Discard, standing.Each) }, func() int64 { return int64(standing.Counts().Entities) })
	if err != nil {
		return nil, err
	}
	updates, err := h.updates(ctx, counts)
	if err != nil {
		return nil, err
	}
	phase(fmt.Sprintf("updates of %s rows each", count(benchUpdateLen)), func() error {
		for i := range updates {
			batch := []hub.Batch{updates[i]}
			if _, err := standing.Fold(ctx, func(fn func(string, *hub.Batch) error) error { return fn("entities/statistics.csv", &batch[0]) }); err != nil {
				return err
			}
		}
		return nil
	}, func() int64 { return int64(len(updates)) * benchUpdateLen })
	return all, err
}

// timed measures a piece of work in this process.
func timed(work string, do func() error) (measure, error) {
	var from, to syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &from) //nolint:errcheck // it can't fail on this process
	started := time.Now()
	err := do()
	m := measure{Work: work, Seconds: time.Since(started).Seconds()}
	syscall.Getrusage(syscall.RUSAGE_SELF, &to) //nolint:errcheck // as above
	m.CPUMicros, m.PeakMBytes = cpuMicros(&to)-cpuMicros(&from), float64(to.Maxrss)/maxrssPerMByte()
	return m, err
}

// updates makes deliveries that write rows of statistics anew: mostly with another representative, now and then with another status
// or without the code by which the row was linked.
func (h *house) updates(ctx context.Context, counts map[int64]string) (updates []hub.Batch, err error) {
	subject := schemas.SubjectOf(registrationSubject)
	walker, err := schemas.NewWalker(subject.Avro)
	if err != nil {
		return nil, err
	}
	encoder := schemas.NewEncoder(subject)
	var records []schemas.Record
	for p := range h.log.Partitions(registrationSubject) {
		_, err := hub.NewReader(h.log, counts).Replay(ctx, registrationSubject, p, 0, func(_ string, b *hub.Batch) error {
			for i := range b.Records {
				if len(records) == 2*benchUpdates*benchUpdateLen {
					return nil
				}
				r := &b.Records[i]
				var row schemas.Registration
				if err := schemas.Decode(r.Value, walker, &row); err != nil {
					return err
				}
				if row.Source != entity.Statistics.String() {
					continue
				}
				change(&row, len(records)/2)
				value, err := encoder.Append(nil, h.schemaIDs[registrationSubject], &row)
				if err != nil {
					return err
				}
				key, id := slices.Clone(r.Key), r.ID
				id[0] ^= 0xff // nobody else's: IDs are digests
				records = append(records, schemas.Record{ID: r.ID, Op: schemas.Retract, Line: r.Line, Key: key}, schemas.Record{ID: id, Line: r.Line, Key: key, Value: value})
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	end, err := h.log.End(ctx, registrationSubject, 0)
	for chunk := range slices.Chunk(records, 2*benchUpdateLen) {
		if len(chunk) == 2*benchUpdateLen {
			updates = append(updates, hub.Batch{Topic: registrationSubject, Delivery: 1<<30 + end, Base: end, Records: chunk})
			end += int64(len(chunk))
		}
	}
	return updates, err
}

// change makes the n-th row to be written anew another one.
func change(row *schemas.Registration, n int) {
	switch n % 20 {
	case 0:
		row.USCC = nil
	case 1:
		row.Status = schemas.StatusClosed
	default:
		rep := "周新" + strconv.Itoa(n%7)
		row.LegalRep = &rep
	}
}

// search measures looking for names and codes among as many entities as a province has, with made-up names.
func (c *benchEntities) search() []measure {
	index := search.New[entity.ID]()
	fill, _ := timed("index names and codes for search", func() error { // it can't fail
		for n := range benchNames {
			code, name := simulate.CodeAndName(n)
			index.Put(entity.ID(n+1), []string{code}, []string{name}, nil)
		}
		return nil
	})
	took := make([]time.Duration, benchQueries)
	for i := range took {
		code, text := simulate.CodeAndName(i * (benchNames / benchQueries))
		name := []rune(text)
		query := [...]string{code, code[8:14], text, string(name[:4]), string(name[2:5]), string(name[4:])}[i%6]
		started := time.Now()
		index.Find(query, 50)
		took[i] = time.Since(started)
	}
	slices.Sort(took)
	among := fmt.Sprintf(" among %s legal entities", count(benchNames))
	return []measure{
		fill.of(benchNames),
		{Work: "find by code, name or a part" + among + ", p50", Count: benchQueries, Seconds: took[len(took)/2].Seconds()},
		{Work: "find by code, name or a part" + among + ", p99", Count: benchQueries, Seconds: took[len(took)*99/100].Seconds()},
	}
}
