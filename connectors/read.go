package connectors

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"hebian/connectors/text"
	"hebian/schemas"
)

const (
	// maxUnknown bounds how many unknown columns of a file are named in its receipt.
	maxUnknown = 100
	// jobRecords and jobBytes are what a block of pay lines comes to, so that jobs rarely grow.
	jobRecords = 3000
	jobBytes   = 512 << 10
	// maxRows bounds a file. Whoever takes rows remembers each until the file ends, to count equal ones.
	maxRows = 1 << 27
)

// Taker takes the rows of one file, in their order. Records are the door's again when a call returns.
type Taker interface {
	Accept(ctx context.Context, records []schemas.Record) error
	Quarantine(ctx context.Context, misfits []schemas.Record) error
}

// Reading says what came of reading a file to its end.
type Reading struct {
	Digest         string // "sha256:" and hexadecimal
	Bytes          int64
	UnknownColumns []string
	Form           Form
	Encoding       string   // "" where the form says it itself
	Columns        []string // the header row, where there is one
	Notes          []string // what else the agency should know, 100 at most
	Mends          []Mend   // rows in quarantine that a mended file names
}

// Mend is a line of a mended file that stands for a row in quarantine.
type Mend struct {
	Line int64
	Row  string
}

// FileError says that a file as a whole is not what its profile describes. The other files are not
// touched by it.
type FileError struct {
	File   string
	Line   int64 // where it shows; 0: nowhere in particular
	Reason string
}

func (e *FileError) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: %s", e.File, e.Reason)
	}
	return fmt.Sprintf("%s, line %d: %s", e.File, e.Line, e.Reason)
}

// Door reads the files of one county folder, or files that lie elsewhere and only go by a name in it.
type Door struct {
	Dir      string                      // not needed for files that have a path of their own
	Temp     string                      // where files are unpacked; "": the system's folder for such
	MaxBytes int64                       // of a file, unpacked; 0: 4 GiB
	SchemaID func(subject string) uint32 // ids for the framing
	Progress func(bytes int64)           // called as reading goes on; may be nil

	spare sync.Pool // of *job, so that each file doesn't grow its own
}

// Read reads a file and hands its rows to taker. A *FileError means that the file can't be read as
// its profile says; other errors are of the disk or of the taker.
func (d *Door) Read(ctx context.Context, found Found, taker Taker) (Reading, error) {
	path := found.Path
	if path == "" {
		path = filepath.Join(d.Dir, filepath.FromSlash(found.Name))
	}
	file, err := openWatched(path, found.Name)
	if err != nil {
		return Reading{}, err
	}
	defer file.Close()
	from, err := d.open(&found, file)
	if err != nil {
		return Reading{}, err
	}
	defer from.close()
	p := &pipeline{door: d, found: found, encoding: from.encoding, cutter: from, source: file}
	if err := p.run(ctx, taker); err != nil {
		return Reading{}, err
	}
	if err := file.check(); err != nil {
		return Reading{}, fmt.Errorf("%s: %w", found.Name, err)
	}
	r := Reading{Bytes: file.hashed, UnknownColumns: p.unknown, Form: found.form(), Columns: p.layout.headers, Mends: p.mends}
	r.Digest = "sha256:" + hex.EncodeToString(file.digest.Sum(nil))
	if from.table != nil {
		for _, t := range from.table.Trimmed() {
			r.Notes = append(r.Notes, fmt.Sprintf("line %d: the value of %s was cut off in the middle of a character; it was taken without it", t.Line, t.Column))
		}
	}
	if r.Form.encoded() {
		r.Encoding = profileName(from.encoding)
	}
	return r, nil
}

// pipeline reads one file: one goroutine cuts it into blocks of records, several turn blocks into
// Avro, one hands them over in order. At most cap(jobs) blocks are in memory.
type pipeline struct {
	door     *Door
	found    Found
	encoding text.Encoding
	cutter   cutter
	source   *watchedFile
	layout   layout
	unknown  []string
	mends    []Mend
	taken    int // rows handed over
}

// job is a block on its way, with what became of it.
type job struct {
	block    text.Block
	accepted []schemas.Record
	misfits  []schemas.Record
	unknown  []string
	mends    []Mend // rows in quarantine that it names
	bytes    []byte // what records point into
	read     int64  // how far the file has been cut
	err      error
	done     chan struct{}
}

// run reads the header, if the form has one, and then the rows.
func (p *pipeline) run(ctx context.Context, taker Taker) error {
	first := p.door.job()
	err := p.cutter.Next(&first.block)
	if err != nil && err != io.EOF {
		return fileError(p.found.Name, err)
	}
	if !p.found.form().columned() {
		p.layout = keyed(p.found.Columns)
	}
	if p.found.form().columned() {
		if p.layout, err = p.header(&first.block); err != nil {
			return err
		}
		p.unknown = p.layout.unknown
	} else if err == io.EOF {
		return nil
	}
	return p.rows(ctx, first, taker)
}

// rows ties the goroutines of the pipeline together and waits for them.
func (p *pipeline) rows(ctx context.Context, first *job, taker Taker) error {
	workers := make([]*worker, runtime.GOMAXPROCS(0))
	for i := range workers {
		var err error
		if workers[i], err = p.worker(); err != nil {
			return err
		}
	}
	group, ctx := errgroup.WithContext(ctx)
	free := make(chan *job, len(workers)+2)
	for range cap(free) - 1 {
		free <- p.door.job()
	}
	work, ordered := make(chan *job, cap(free)), make(chan *job, cap(free))
	group.Go(func() error {
		defer close(work)
		defer close(ordered)
		return p.split(ctx, first, free, work, ordered)
	})
	for _, w := range workers {
		group.Go(func() error {
			for j := range work {
				w.run(j)
				close(j.done)
			}
			return nil
		})
	}
	group.Go(func() error { return p.handOver(ctx, taker, ordered, free) })
	err := group.Wait()
	for range len(free) {
		p.door.spare.Put(<-free)
	}
	return err
}

func (d *Door) job() *job {
	j, ok := d.spare.Get().(*job)
	if !ok {
		j = &job{accepted: make([]schemas.Record, 0, jobRecords), bytes: make([]byte, 0, jobBytes)}
	}
	return j
}

// split cuts the file and hands each block to the workers and, in order, to handOver.
func (p *pipeline) split(ctx context.Context, j *job, free chan *job, work, ordered chan<- *job) error {
	for {
		j.done, j.read = make(chan struct{}), p.cutter.Offset()
		work <- j // both have room for every job there is
		ordered <- j
		select {
		case j = <-free:
		case <-ctx.Done():
			return ctx.Err()
		}
		if err := p.cutter.Next(&j.block); err != nil {
			free <- j
			if err == io.EOF {
				return nil
			}
			return fileError(p.found.Name, err)
		}
	}
}

// handOver gives the taker block after block in the order of the file. Promise 4: so order holds within a key.
func (p *pipeline) handOver(ctx context.Context, taker Taker, ordered <-chan *job, free chan<- *job) error {
	for j := range ordered {
		<-j.done
		if j.err != nil {
			return fmt.Errorf("read %s: %w", p.found.Name, j.err)
		}
		if p.taken += len(j.accepted) + len(j.misfits); p.taken > maxRows {
			return &FileError{File: p.found.Name, Reason: fmt.Sprintf("more than %d rows; deliver it in parts", maxRows)}
		}
		if err := taker.Accept(ctx, j.accepted); err != nil {
			return err
		}
		if err := taker.Quarantine(ctx, j.misfits); err != nil {
			return err
		}
		p.mends = append(p.mends, j.mends...)
		for _, column := range j.unknown {
			if len(p.unknown) < maxUnknown && !slices.Contains(p.unknown, column) {
				p.unknown = append(p.unknown, column)
			}
		}
		if p.door.Progress != nil {
			p.door.Progress(j.read)
		}
		free <- j
	}
	return nil
}
