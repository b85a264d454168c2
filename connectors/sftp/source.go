package sftp

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/pkg/sftp"

	"hebian/connectors"
)

const (
	// aside is where files go that were taken in, below their folder.
	aside = "done"
	// done is what the name of a marker ends with.
	done = ".done"
	// maxName is the longest name that file systems allow, in bytes.
	maxName = 255
	// window is how much of a file is asked for at a time, in many requests at once: it hides the way to the server and back.
	window = 512 << 10
)

// unfinished are the ends of names under which programs write files that are not whole yet.
var unfinished = []string{".tmp", ".part", ".filepart", done}

// Source fetches the files of a folder on an SFTP server, each whole. It connects for every fetch: servers cut idle connections.
type Source struct {
	config Config
	since  map[string]sighting // files that were not taken in yet, as last seen
	ended  map[string]glance   // files that were taken in and are still to be moved or deleted
	now    func() time.Time
	pause  func(ctx context.Context, d time.Duration) error
	*leash
}

// sighting is a file and since when it has been as it is.
type sighting struct {
	glance
	at time.Time
}

// entry is a file that counts.
type entry struct {
	name string
	glance
}

// NewSource gives a source for a configuration, which is checked. It connects to nobody yet.
func NewSource(c Config) (*Source, error) {
	if err := c.Check(); err != nil {
		return nil, fmt.Errorf("sftp: %w", err)
	}
	return &Source{config: c, since: map[string]sighting{}, ended: map[string]glance{}, now: time.Now, pause: pause, leash: usual()}, nil
}

// Fetch hands over every file that is new or changed and whole, by name; a file is a batch. It waits once for files that may still
// be written to, as long as the configuration says. A file that changes while it is read comes again later. Its position is
// what was taken in, as JSON.
func (s *Source) Fetch(ctx context.Context, position string, hand connectors.Hand) error {
	memory, err := recall(position)
	if err != nil {
		return err
	}
	l, err := connect(ctx, &s.config, s.leash)
	if err != nil {
		return err
	}
	defer l.close()
	f := fetch{Source: s, link: l, hand: hand, memory: memory}
	wait, err := f.round(ctx)
	if err == nil && wait > 0 {
		if err = s.pause(ctx, wait); err == nil {
			_, err = f.round(ctx)
		}
	}
	if err != nil {
		return err
	}
	return f.outcome()
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// fetch is one call of Fetch.
type fetch struct {
	*Source
	*link
	hand   connectors.Hand
	memory memory
	there  map[string]bool // names that the last listing has
	taken  int             // files handed over
	odd    error           // the first file that could not be taken though it counts
	open   string          // a file that may still be written to
	none   bool            // no file counts
}

// round looks at the folder once and hands over what is whole. wait is how long the files that may still be written to need to
// show that they are not; 0: there are none.
func (f *fetch) round(ctx context.Context) (wait time.Duration, err error) {
	entries, markers, err := f.look(ctx)
	if err != nil {
		return 0, err
	}
	f.odd, f.open, f.none = nil, "", len(entries) == 0
	for _, e := range entries {
		if f.memory.knows(e.name, e.glance) {
			if f.ended[e.name] == e.glance {
				f.end(ctx, e)
			}
			continue
		}
		if left := f.left(e, markers); left != 0 {
			f.open = e.name
			if left > 0 && (wait == 0 || left > wait) {
				wait = left // for the latest: the others are whole by then, too
			}
			continue
		}
		if err := f.take(ctx, e); err != nil {
			return 0, err
		}
	}
	return wait, nil
}

// look lists the files that count, by name, and the markers.
func (f *fetch) look(ctx context.Context) (entries []entry, markers map[string]glance, err error) {
	f.wire.left.Store(maxListing)
	stats, err := within(f.link, func() ([]fs.FileInfo, error) { return f.ReadDirContext(ctx, f.config.Dir) })
	f.wire.left.Store(-1)
	if err != nil {
		return nil, nil, f.trouble(ctx, "list "+f.config.Dir, err)
	}
	f.there, markers = map[string]bool{}, map[string]glance{}
	for _, stat := range stats {
		name := stat.Name()
		if !stat.Mode().IsRegular() || !harmless(name) { // no links: one could lead anywhere
			continue
		}
		f.there[name] = true
		if whose, is := strings.CutSuffix(name, done); is {
			markers[whose] = see(stat)
		}
		if f.config.counts(name) {
			entries = append(entries, entry{name, see(stat)})
		}
	}
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	for name := range f.since {
		if !f.there[name] {
			delete(f.since, name)
		}
	}
	for name := range f.ended {
		if !f.there[name] {
			delete(f.ended, name)
		}
	}
	return entries, markers, nil
}

// harmless says whether a name is one that a file of this folder can have, whatever a server says.
func harmless(name string) bool {
	return name != "" && len(name) <= maxName && name[0] != '.' && utf8.ValidString(name) &&
		!strings.ContainsAny(name, `/\`) && !strings.ContainsFunc(name, isControl)
}

// counts says whether a file of this name is one to fetch.
func (c *Config) counts(name string) bool {
	lower := strings.ToLower(name)
	if slices.ContainsFunc(unfinished, func(end string) bool { return strings.HasSuffix(lower, end) }) {
		return false
	}
	matches, _ := path.Match(c.Pattern, name) // Check has tried the pattern
	return matches || c.Pattern == ""
}

// left is how long a file must still stay as it is to be whole; 0: it is whole; negative: nobody can tell, its marker is missing.
func (f *fetch) left(e entry, markers map[string]glance) time.Duration {
	if f.config.Marker {
		if marker, ok := markers[e.name]; !ok || marker.Modified < e.Modified {
			return -1
		}
		return 0
	}
	if f.since[e.name].glance != e.glance || f.since[e.name].at.IsZero() {
		f.since[e.name] = sighting{e.glance, f.now()}
	}
	return max(f.config.stable()-f.now().Sub(f.since[e.name].at), 0)
}

// take hands one file over. An error is one that ends the fetch.
func (f *fetch) take(ctx context.Context, e entry) error {
	if e.Size > f.config.maxFile() {
		f.strange(e, connectors.Unfit, fmt.Errorf("it has %d bytes, max_file_bytes is %d", e.Size, f.config.maxFile()))
		return nil
	}
	memory, position, err := f.memory.with(e.name, e.glance, func(name string) bool { return f.there[name] })
	if err != nil {
		return err
	}
	if position == "" {
		err := fmt.Errorf("%s holds %d files that were taken in, more than can be remembered: move them away, or set after to move", f.config.Dir, len(f.memory.Taken))
		return &connectors.Trouble{Kind: connectors.Unfit, Err: err}
	}
	file, err := within(f.link, func() (*sftp.File, error) { return f.Open(path.Join(f.config.Dir, e.name)) })
	switch {
	case errors.Is(err, fs.ErrNotExist): // gone since
		return nil
	case errors.Is(err, fs.ErrPermission):
		f.strange(e, connectors.Denied, errors.New("the server does not let it be read"))
		return nil
	case err != nil:
		return f.trouble(ctx, "open "+e.name, err)
	}
	b := &body{fetch: f, file: file, want: e.glance}
	receipt, err := f.hand(ctx, connectors.Batch{Body: bufio.NewReaderSize(b, window), Dataset: e.name, Mode: connectors.Full, Position: position})
	closing := f.within(file.Close)
	switch {
	case errors.Is(b.err, connectors.ErrChanged):
		f.since[e.name] = sighting{} // to be watched anew
		f.open = e.name
		return nil
	case b.err != nil && b.err != io.EOF:
		return f.trouble(ctx, "read "+e.name, b.err)
	case err != nil:
		return err
	}
	f.memory, f.taken = memory, f.taken+1
	delete(f.since, e.name)
	if f.config.After != Keep && f.config.After != "" && receipt.Outcome != connectors.Failed { // one that counts for nothing stays, for its owner to look at
		f.ended[e.name] = e.glance
		f.end(ctx, e)
	}
	if closing != nil {
		return f.trouble(ctx, "close "+e.name, closing)
	}
	return nil
}

// strange notes a file that can't be taken; the others do not suffer for it.
func (f *fetch) strange(e entry, kind connectors.TroubleKind, err error) {
	if f.odd == nil {
		f.odd = &connectors.Trouble{Kind: kind, Err: fmt.Errorf("fetch %s: %w", path.Join(f.config.Dir, e.name), err)}
	}
}

// end does with a file that was taken in what the configuration says. What the server does not allow is noted, and tried again
// at the next fetch. After a restart it isn't: whether the file counted is not known then, and nothing is moved by guess.
func (f *fetch) end(ctx context.Context, e entry) {
	name := path.Join(f.config.Dir, e.name)
	err := f.within(func() error {
		if now, err := f.Lstat(name); err != nil || see(now) != e.glance {
			return nil // gone, or another by now, which the next listing finds
		}
		if f.config.Marker { // first: one that is left would stand for the next file of the name
			if err := f.Remove(name + done); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
		if f.config.After == Delete {
			return f.Remove(name)
		}
		folder := path.Join(f.config.Dir, aside)
		if _, err := f.Lstat(folder); errors.Is(err, fs.ErrNotExist) {
			if err := f.Mkdir(folder); err != nil {
				return err
			}
		}
		return f.rename(name, path.Join(folder, e.name))
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		if f.odd == nil {
			f.odd = f.trouble(ctx, fmt.Sprintf("%s %s, which was taken in", f.config.After, name), err)
		}
		return
	}
	delete(f.ended, e.name)
}

// rename gives a file a new name, in place of one that has it.
func (l *link) rename(from, to string) error {
	if _, ok := l.HasExtension("posix-rename@openssh.com"); ok {
		return l.PosixRename(from, to)
	}
	if err := l.Remove(to); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return l.Rename(from, to)
}

// outcome is what the last round found, when nothing ended the fetch.
func (f *fetch) outcome() error {
	nothing := func(format string, args ...any) error {
		return &connectors.Trouble{Kind: connectors.NoFile, Err: fmt.Errorf(format, args...)}
	}
	emptied := (f.config.After == Move || f.config.After == Delete) && len(f.memory.Taken) > 0
	switch {
	case f.odd != nil:
		return f.odd
	case f.taken > 0:
		return nil
	case f.open != "" && f.config.Marker:
		return nothing("%s waits for a file %s that is no older than it", f.open, f.open+done)
	case f.open != "":
		return nothing("%s is still being written", f.open)
	case f.none && !emptied:
		return nothing("no file to fetch in %s", f.config.Dir)
	}
	return nil
}

// body reads a file that must stay as it was seen. It keeps the error that it ended with.
type body struct {
	*fetch
	file *sftp.File
	want glance
	read int64
	err  error
}

func (b *body) Read(p []byte) (n int, err error) {
	if b.err != nil {
		return 0, b.err
	}
	n, err = within(b.link, func() (int, error) { return b.file.Read(p) })
	b.read += int64(n)
	switch {
	case b.read > b.want.Size, errors.Is(err, io.EOF) && b.read < b.want.Size:
		b.err = connectors.ErrChanged
	case errors.Is(err, io.EOF):
		b.err = b.unchanged()
	case err != nil:
		b.err = err
	}
	return n, b.err
}

// unchanged is io.EOF if the file is still as it was seen.
func (b *body) unchanged() error {
	now, err := within(b.link, func() (fs.FileInfo, error) { return b.Lstat(b.file.Name()) })
	if errors.Is(err, fs.ErrNotExist) || err == nil && see(now) != b.want {
		return connectors.ErrChanged
	}
	if err != nil {
		return err
	}
	return io.EOF
}
