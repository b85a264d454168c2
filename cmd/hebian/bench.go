package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"hebian/cmd/hebian/simulate"
	"hebian/hub"
	"hebian/schemas"
	"hebian/schemas/ident"
)

// bench are the commands that measure what docs/benchmarks.md promises.
type bench struct {
	County   benchCounty   `cmd:"" default:"withargs" help:"Intake, check, a hub that runs, identifiers, walker. This is what bench alone does."`
	Entities benchEntities `cmd:"" help:"Legal entities: intake, linking, golden records, updates, search."`
}

// benchCounty measures what there is to do for persons and pay, each job in a process of its own.
type benchCounty struct {
	Persons []int  `default:"20000,200000" help:"Sizes of the simulated counties."`
	Seed    uint64 `default:"1" help:"Seed of the simulated counties."`
	format
}

// measure is one line of the result.
type measure struct {
	Work       string   `json:"work"`
	Count      int64    `json:"count"`
	Seconds    float64  `json:"seconds"`
	PerSecond  float64  `json:"per_second"`
	CPUMicros  float64  `json:"cpu_microseconds_each"`
	PeakMBytes float64  `json:"peak_rss_mbytes,omitempty"`
	Allocs     *float64 `json:"allocations_each,omitempty"` // where it was counted
}

func (c *benchCounty) Run(ctx context.Context, s streams) error {
	dir, err := os.MkdirTemp("", "hebian-bench-")
	if err != nil {
		return fmt.Errorf("make a folder for the bench: %w", err)
	}
	defer os.RemoveAll(dir) //nolint:errcheck // it lies in the system's folder for such things
	var all []measure
	for i, persons := range c.Persons {
		measured, err := c.county(ctx, filepath.Join(dir, fmt.Sprint(persons)), persons, s)
		if err != nil {
			return err
		}
		all = append(all, measured...)
		if i == len(c.Persons)-1 {
			if measured, err = c.served(ctx, filepath.Join(dir, fmt.Sprint(persons), "in"), persons); err != nil {
				return err
			}
			all = append(all, measured...)
		}
	}
	small, err := smallWork()
	if err != nil {
		return err
	}
	all = append(all, small...)
	return c.print(s.out, all, func(w io.Writer) { measureTable(w, all) })
}

func measureTable(w io.Writer, all []measure) {
	fmt.Fprintf(w, "%d processors, %s\n\n", runtime.GOMAXPROCS(0), runtime.Version())
	t := newTable(w, "work", "count", "seconds", "each second", "µs CPU each", "peak MB", "allocations each")
	for _, m := range all {
		t.AppendRow([]any{m.Work, count(m.Count), fmt.Sprintf("%.3f", m.Seconds), count(int64(m.PerSecond)), fmt.Sprintf("%.3f", m.CPUMicros), m.peak(), m.allocs()})
	}
	t.Render()
}

func (m measure) peak() string {
	if m.PeakMBytes == 0 {
		return ""
	}
	return fmt.Sprintf("%.0f", m.PeakMBytes)
}

func (m measure) allocs() string {
	if m.Allocs == nil {
		return ""
	}
	return fmt.Sprintf("%.2f", *m.Allocs)
}

// county measures intake alone and the whole check on a simulated county.
func (c *benchCounty) county(ctx context.Context, dir string, persons int, s streams) ([]measure, error) {
	options := simulate.DefaultOptions()
	options.Persons, options.Seed = persons, c.Seed
	if _, err := makeUp(ctx, dir, options, s); err != nil {
		return nil, err
	}
	return wholeRuns(ctx, dir, fmt.Sprintf(", %s persons", count(persons)))
}

// wholeRuns measures intake alone and the whole check, each in a process of its own. The log stays in dir/data. of says of what, behind the
// names of the two.
func wholeRuns(ctx context.Context, dir, of string) ([]measure, error) {
	in := filepath.Join(dir, "in")
	var receipts []hub.Receipt
	intake, err := runSelf(ctx, &receipts, "deliver", in, "--data", filepath.Join(dir, "data"), "-o", "json")
	if err != nil {
		return nil, err
	}
	var rows int64
	for _, r := range receipts {
		rows += r.RowsRead
	}
	var sum summary
	check, err := runSelf(ctx, &sum, "check", in, "--out", filepath.Join(dir, "out"), "-o", "json")
	if err != nil {
		return nil, err
	}
	intake.Work, check.Work = "files to durable log"+of, "check"+of
	return []measure{intake.of(rows), check.of(sum.RowsRead)}, nil
}

// runSelf runs a command of this binary in a process of its own and reads its JSON.
func runSelf(ctx context.Context, result any, args ...string) (measure, error) {
	self, err := os.Executable()
	if err != nil {
		return measure{}, err
	}
	cmd := exec.CommandContext(ctx, self, args...)
	cmd.Stderr = os.Stderr
	started := time.Now()
	out, err := cmd.Output()
	took := time.Since(started)
	if err != nil {
		return measure{}, fmt.Errorf("hebian %s: %w", args[0], err)
	}
	if err := json.Unmarshal(out, result); err != nil {
		return measure{}, fmt.Errorf("hebian %s: %w", args[0], err)
	}
	usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return measure{}, fmt.Errorf("hebian %s: this system does not tell what it used", args[0])
	}
	return measure{Seconds: took.Seconds(), CPUMicros: cpuMicros(usage), PeakMBytes: float64(usage.Maxrss) / maxrssPerMByte()}, nil
}

func cpuMicros(u *syscall.Rusage) float64 { return float64(u.Utime.Nano()+u.Stime.Nano()) / 1000 }

// maxrssPerMByte is the unit of Rusage.Maxrss: KiB on Linux, bytes on macOS.
func maxrssPerMByte() float64 {
	if runtime.GOOS == "darwin" {
		return 1 << 20
	}
	return 1 << 10
}

// of spreads the cost over so many pieces of work.
func (m measure) of(n int64) measure {
	m.Count, m.PerSecond = n, float64(n)/m.Seconds
	m.CPUMicros /= float64(n)
	return m
}

// smallWork measures what is done for every record, on one processor.
func smallWork() ([]measure, error) {
	subject := schemas.SubjectOf("finance.pay_line")
	line := schemas.PayLine{
		Person: "139721196001010003", Unit: "12139721QA0000225Q", Period: 202609, Class: schemas.ClassRegular, AmountFen: 543210,
		Name: "欧阳明", WageType: "BASIC", PaymentMonth: 202609, IDNumber: "139721196001010003",
	}
	framed, err := schemas.NewEncoder(subject).Append(nil, 1, &line)
	if err != nil {
		return nil, err
	}
	_, payload, err := schemas.SplitFrame(framed)
	if err != nil {
		return nil, err
	}
	walker, err := schemas.NewWalker(subject.Avro)
	if err != nil {
		return nil, err
	}
	fields := make([]schemas.Field, len(subject.Fields))
	return []measure{
		repeat("identity number to person key", func() bool { return ident.PersonKey(string(line.IDNumber)) != "" }),
		repeat("credit code (USCC)", func() bool { return ident.USCC("12320106QW00004870").Verdict == ident.Valid }),
		repeat("walk a pay line", func() bool { return walker.Walk(payload, fields) == nil }),
	}, nil
}

// repeat does a piece of work for a second or so.
func repeat(work string, do func() bool) measure {
	const step = 100_000
	var before, after runtime.MemStats
	var from, to syscall.Rusage
	runtime.ReadMemStats(&before)
	syscall.Getrusage(syscall.RUSAGE_SELF, &from) //nolint:errcheck // it can't fail on this process
	started, n := time.Now(), int64(0)
	for time.Since(started) < time.Second {
		for range step {
			if !do() {
				panic(work + " does not work")
			}
		}
		n += step
	}
	m := measure{Work: work, Seconds: time.Since(started).Seconds()}
	syscall.Getrusage(syscall.RUSAGE_SELF, &to) //nolint:errcheck // as above
	runtime.ReadMemStats(&after)
	allocs := float64(after.Mallocs-before.Mallocs) / float64(n)
	m.CPUMicros, m.Allocs = cpuMicros(&to)-cpuMicros(&from), &allocs
	return m.of(n)
}
