package connectors

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"hebian/connectors/text"
	"hebian/schemas"
)

// maxUnknown bounds how many unknown columns of a file are named in its receipt.
const maxUnknown = 100

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

// ErrChanged says that a file was written to or removed while it was read.
var ErrChanged = errors.New("changed while it was read; deliver it again when it is whole")

// Door reads the files of one county folder.
type Door struct {
	Dir      string
	SchemaID func(subject string) uint32 // ids for the framing
	Progress func(bytes int64)           // called as reading goes on; may be nil
}

// Read reads a file and hands its rows to taker. A *FileError means that the file can't be read as
// its profile says; other errors are of the disk or of the taker.
func (d *Door) Read(ctx context.Context, found Found, taker Taker) (Reading, error) {
	file, err := openWatched(filepath.Join(d.Dir, filepath.FromSlash(found.Name)))
	if err != nil {
		return Reading{}, err
	}
	defer file.Close()
	p, err := d.pipeline(found, file)
	if err != nil {
		return Reading{}, err
	}
	if err := p.run(ctx, taker); err != nil {
		return Reading{}, err
	}
	if err := file.check(); err != nil {
		return Reading{}, fmt.Errorf("%s: %w", found.Name, err)
	}
	return Reading{Digest: "sha256:" + hex.EncodeToString(file.digest.Sum(nil)), Bytes: file.hashed, UnknownColumns: p.unknown}, nil
}

// pipeline reads one file: one goroutine cuts it into blocks of records, several turn blocks into
// Avro, one hands them over in order. At most cap(jobs) blocks are in memory.
type pipeline struct {
	door     *Door
	found    Found
	encoding text.Encoding
	splitter *text.Splitter
	source   *watchedFile
	layout   layout
	unknown  []string
}

// job is a block on its way, with what became of it.
type job struct {
	block    text.Block
	accepted []schemas.Record
	misfits  []schemas.Record
	unknown  []string
	bytes    []byte // what records point into
	read     int64  // how far the file has been cut
	err      error
	done     chan struct{}
}

func (d *Door) pipeline(found Found, source *watchedFile) (*pipeline, error) {
	encoding, err := found.encoding()
	if err != nil {
		return nil, err
	}
	p := &pipeline{door: d, found: found, encoding: encoding, source: source}
	if found.Form == NDJSON {
		p.splitter = text.NewLines(source, encoding)
		p.layout = keyed(found.Columns)
		return p, nil
	}
	p.splitter = text.NewCSV(source, encoding)
	return p, nil
}

func (p *pipeline) run(ctx context.Context, taker Taker) error {
	first := &job{done: make(chan struct{})}
	err := p.splitter.Next(&first.block)
	if err != nil && err != io.EOF {
		return fmt.Errorf("read %s: %w", p.found.Name, err)
	}
	if p.found.Form == CSV {
		if p.layout, err = p.header(&first.block); err != nil {
			return err
		}
		p.unknown = p.layout.unknown
	} else if err == io.EOF {
		return nil
	}
	workers := runtime.GOMAXPROCS(0)
	group, ctx := errgroup.WithContext(ctx)
	free := make(chan *job, workers+2)
	for range cap(free) - 1 {
		free <- &job{}
	}
	work, ordered := make(chan *job, cap(free)), make(chan *job, cap(free))
	group.Go(func() error {
		defer close(work)
		defer close(ordered)
		return p.split(ctx, first, free, work, ordered)
	})
	for range workers {
		w, err := p.worker()
		if err != nil {
			return err
		}
		group.Go(func() error {
			for j := range work {
				w.run(j)
				close(j.done)
			}
			return nil
		})
	}
	group.Go(func() error { return p.handOver(ctx, taker, ordered, free) })
	return group.Wait()
}

// split cuts the file and hands each block to the workers and, in order, to handOver.
func (p *pipeline) split(ctx context.Context, j *job, free <-chan *job, work, ordered chan<- *job) error {
	for {
		j.done, j.read = make(chan struct{}), p.splitter.Offset()
		work <- j // both have room for every job there is
		ordered <- j
		select {
		case j = <-free:
		case <-ctx.Done():
			return ctx.Err()
		}
		switch err := p.splitter.Next(&j.block); {
		case err == io.EOF:
			return nil
		case err != nil:
			return fmt.Errorf("read %s: %w", p.found.Name, err)
		}
	}
}

// handOver gives the taker block after block in the order of the file.
func (p *pipeline) handOver(ctx context.Context, taker Taker, ordered <-chan *job, free chan<- *job) error {
	for j := range ordered {
		<-j.done
		if j.err != nil {
			return fmt.Errorf("read %s: %w", p.found.Name, j.err)
		}
		if err := taker.Accept(ctx, j.accepted); err != nil {
			return err
		}
		if err := taker.Quarantine(ctx, j.misfits); err != nil {
			return err
		}
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

// header takes the first record of a CSV file as its header.
func (p *pipeline) header(block *text.Block) (layout, error) {
	refuse := func(line int64, format string, args ...any) (layout, error) {
		reason := fmt.Sprintf(format, args...)
		if looks := text.Diagnose(p.source.head, p.encoding); looks != "" {
			reason = fmt.Sprintf("%s (the file %s)", reason, looks)
		}
		return layout{}, &FileError{File: p.found.Name, Line: line, Reason: reason}
	}
	want := fmt.Sprintf("want a header row in %s with %s", p.encoding, strings.Join(required(p.found.Columns), ", "))
	if len(block.Records) == 0 {
		return refuse(1, "no header row; %s", want)
	}
	record := block.Records[0]
	if record.Misfit != nil {
		return refuse(record.Line, "the header row can't be read: %s; %s", record.Misfit.Detail, want)
	}
	line, flaw := text.NewDecoder(p.encoding).Decode(record.Raw)
	if flaw != nil {
		return refuse(record.Line, "the header row can't be read: %s; %s", flaw.Detail, want)
	}
	headers, flaw := text.SplitFields(strings.Clone(line), nil)
	if flaw != nil {
		return refuse(record.Line, "the header row can't be read: %s; %s", flaw.Detail, want)
	}
	l := layout{fields: len(headers), unknown: nil, place: make([]int, len(p.found.Columns))}
	for i, column := range p.found.Columns {
		l.place[i] = slices.Index(headers, column.Header)
		if l.place[i] < 0 && column.Required {
			return refuse(record.Line, "no column %s; %s", column.Header, want)
		}
		if l.place[i] >= 0 && slices.Contains(headers[l.place[i]+1:], column.Header) {
			return refuse(record.Line, "column %s stands twice; %s", column.Header, want)
		}
	}
	for i, header := range headers {
		if !slices.Contains(l.place, i) {
			l.others = append(l.others, schemas.Cell{Column: header})
			l.otherPlace = append(l.otherPlace, i)
			if len(l.unknown) < maxUnknown {
				l.unknown = append(l.unknown, header)
			}
		}
	}
	block.Records = block.Records[1:]
	return l, nil
}

func required(columns []Column) []string {
	var headers []string
	for _, c := range columns {
		if c.Required {
			headers = append(headers, c.Header)
		}
	}
	return headers
}

// layout says where the columns of a profile stand in the rows of a file.
type layout struct {
	fields     int            // of a CSV row
	place      []int          // by column of the profile: its field, or -1
	others     []schemas.Cell // the columns that the profile doesn't name
	otherPlace []int
	unknown    []string // their names
	keys       []string // NDJSON: by column of the profile
}

func keyed(columns []Column) layout {
	var l layout
	for _, c := range columns {
		l.keys = append(l.keys, c.Header)
	}
	return l
}

// watchedFile is a file that is read once from start to end, here and there again, and digested on
// the way. It notices when somebody else writes to it or removes it.
type watchedFile struct {
	*os.File
	path   string
	opened os.FileInfo
	digest hash.Hash
	hashed int64  // bytes digested so far
	head   []byte // the first bytes, to tell what the file looks like
}

const headBytes = 4096

func openWatched(path string) (*watchedFile, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	stat, err := file.Stat()
	if err != nil {
		file.Close()
		return nil, err
	}
	if !stat.Mode().IsRegular() {
		file.Close()
		return nil, fmt.Errorf("%s is no regular file", path)
	}
	return &watchedFile{File: file, path: path, opened: stat, digest: sha256.New()}, nil
}

// ReadAt reads and digests what is read for the first time.
func (f *watchedFile) ReadAt(p []byte, off int64) (int, error) {
	n, err := f.File.ReadAt(p, off)
	if off <= f.hashed && f.hashed < off+int64(n) {
		f.digest.Write(p[f.hashed-off : n])
		f.hashed = off + int64(n)
	}
	if off == 0 && f.head == nil {
		f.head = slices.Clone(p[:min(n, headBytes)])
	}
	return n, err
}

// check says whether the file is still the one that was opened, read to its end.
func (f *watchedFile) check() error {
	now, err := os.Stat(f.path)
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("vanished: %w", ErrChanged)
	}
	if err != nil {
		return err
	}
	if !os.SameFile(now, f.opened) || now.Size() != f.opened.Size() || !now.ModTime().Equal(f.opened.ModTime()) || f.hashed != now.Size() {
		return ErrChanged
	}
	return nil
}
