// Package drop is the road over a folder: agencies put files into a folder laid out as a county folder, and
// corrections come back as files in a folder of each agency. What a file means is not its business: whole files
// are handed on as they lie.
package drop

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"hebian/connectors"
	"hebian/schemas"
)

const (
	// lookEvery is the time between two looks at the folder.
	lookEvery = time.Second
	// maxEntries bounds how many files an agency's folder may hold; a real one has some dozens.
	maxEntries = 10_000
	// firstPause and longestPause bound the wait before a file that could not be handed on is tried again.
	firstPause   = time.Second
	longestPause = time.Minute
)

// Options are what a watched folder is made of. All are needed.
type Options struct {
	Dir      string // laid out as a county folder
	Memory   string // the file that remembers what was taken in
	Profiles []connectors.Profile
	Spool    *connectors.Spool
	Claims   *connectors.Claims // shared with every other road that delivers
	Deliver  func(ctx context.Context, u connectors.Upload) (connectors.Receipt, error)
	Periods  connectors.Periods
	Books    Books
	Today    func() schemas.Date // the day by the house's reckoning
	Log      *slog.Logger        // for what an operator should look at: a folder can't answer
}

// Books is what the house knows of deliveries, by whatever road they came.
type Books interface {
	// Superseded says whether a file was taken in with these bytes before, and with others since.
	Superseded(ctx context.Context, agency, file, digest string) (bool, error)
	// Taken says whether there is a delivery of that number, of these bytes if a digest is given.
	Taken(ctx context.Context, delivery int64, digest string) (bool, error)
}

// Folder is a folder that is watched.
//
// A file counts when a look finds it as the look before did, under this name or another: written to its end,
// or renamed in. One that was taken in, refused or held is not looked at again before it changes. A file
// complete-YYYYMM declares the month complete for the agency of its sub-folder, once all that lies there is
// taken in; it is empty, or says {kind: changes, empty: [FILE, …]}. Removing a file changes nothing but that it
// is forgotten.
type Folder struct {
	Options
	seen    map[inode]glance // by the look before
	memory  memory
	waiting map[string]pause // files to be tried again
	told    map[string]bool  // files that nothing describes
	checked bool             // memory was held against the books
}

// pause is how long to leave a file alone.
type pause struct {
	until time.Time
	next  time.Duration
	says  string
}

// entry is a regular file in the folder of an agency.
type entry struct {
	profile *connectors.Profile
	base    string
	name    string // agency and base, with /
	path    string
	month   schemas.Month // that it declares complete; 0: it is another file
	glance
}

// Open makes the folders of the agencies if need be and reads what is remembered.
func Open(o Options) (*Folder, error) {
	f := &Folder{Options: o, waiting: map[string]pause{}, told: map[string]bool{}}
	for _, p := range o.Profiles {
		if err := os.MkdirAll(filepath.Join(o.Dir, p.Agency), 0o770); err != nil {
			return nil, fmt.Errorf("open watched folder: %w", err)
		}
	}
	var err error
	if f.memory, err = recall(o.Memory); err != nil {
		return nil, err
	}
	return f, nil
}

// Run looks at the folder again and again until the context ends.
func (f *Folder) Run(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	says := ""
	for {
		err := f.Look(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil && err.Error() != says { // once, not every second
			f.Log.ErrorContext(ctx, "the watched folder can't be read", "error", err)
		}
		if says = ""; err != nil {
			says = err.Error()
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// Look looks at the folder once and takes in what is there and whole.
func (f *Folder) Look(ctx context.Context) error {
	if err := f.check(ctx); err != nil {
		return err
	}
	var entries []entry
	var errs []error
	unread, unsettled := map[string]bool{}, map[string]bool{} // agencies whose folder can't be read; with files still to come
	for i := range f.Profiles {
		more, err := f.list(&f.Profiles[i])
		if err != nil { // the other agencies do not suffer for it
			errs = append(errs, fmt.Errorf("look at watched folder: %w", err))
			unread[f.Profiles[i].Agency] = true
		}
		entries = append(entries, more...)
	}
	for _, e := range entries {
		if e.month != 0 || strings.HasPrefix(e.base, ".") {
			continue
		}
		settled, err := f.settle(ctx, e, f.file)
		if err != nil {
			return err
		}
		if !settled {
			unsettled[e.profile.Agency] = true
		}
	}
	for _, e := range entries { // after the files that they speak of
		if e.month == 0 || unsettled[e.profile.Agency] {
			continue
		}
		if _, err := f.settle(ctx, e, f.declaration); err != nil {
			return err
		}
	}
	return errors.Join(append(errs, f.turn(entries, unread))...)
}

// check forgets, once, what the books do not know: they may be a backup that was put back.
func (f *Folder) check(ctx context.Context) error {
	if f.checked {
		return nil
	}
	for name, m := range f.memory {
		if m.Delivery == 0 {
			continue
		}
		taken, err := f.Books.Taken(ctx, m.Delivery, m.Digest)
		if err != nil {
			return fmt.Errorf("hold what was taken in against the books: %w", err)
		}
		if !taken {
			delete(f.memory, name)
		}
	}
	f.checked = true
	return nil
}

// list gives the regular files of an agency, by name. Links are not followed: one could lead to another
// agency's file.
func (f *Folder) list(p *connectors.Profile) ([]entry, error) {
	dir := filepath.Join(f.Dir, p.Agency)
	there, err := os.ReadDir(dir)
	if err != nil { // a folder that is not there is a share that was not mounted, not one without files
		return nil, err
	}
	if len(there) > maxEntries {
		return nil, fmt.Errorf("%s holds more than %d files", dir, maxEntries)
	}
	var entries []entry
	for _, file := range there {
		if !file.Type().IsRegular() {
			continue
		}
		stat, err := file.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // gone since
		}
		if err != nil {
			return nil, err
		}
		e := entry{profile: p, base: file.Name(), name: p.Agency + "/" + file.Name(), path: filepath.Join(dir, file.Name()), glance: see(stat)}
		if month, ok := strings.CutPrefix(e.base, declares); ok {
			e.month, _ = schemas.ParseMonth(month)
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// settle does what a file is there for, unless that was done or must wait. It says whether nothing more is to
// come of the file as it lies there.
func (f *Folder) settle(ctx context.Context, e entry, do func(context.Context, entry) (mark, error)) (settled bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	known, ok := f.memory[e.name]
	if ok && known.Glance == e.glance {
		return true, nil
	}
	if f.seen[e.inode()] != e.glance {
		return false, nil
	}
	if time.Now().Before(f.waiting[e.name].until) {
		return false, nil
	}
	done, err := do(ctx, e)
	switch {
	case ctx.Err() != nil && err != nil:
		return false, ctx.Err() // told to stop, not the file's fault
	case errors.Is(err, errNotOurs):
		f.tell(ctx, e)
		return true, nil
	case errors.Is(err, connectors.ErrChanged), errors.Is(err, connectors.ErrBusy):
		return false, nil // the next look sees
	case err != nil:
		f.wait(ctx, e, err)
		return false, nil
	}
	delete(f.waiting, e.name)
	done.Glance = e.glance
	if done.Error != "" && (done.Error != known.Error || done.Digest != known.Digest) {
		f.Log.WarnContext(ctx, "a file in the watched folder does not count", "file", unnumbered(e.name), "outcome", done.Outcome, "delivery", done.Delivery, "reason", unnumbered(done.Error))
	}
	f.memory[e.name] = done
	return true, f.memory.write(f.Memory) // now, so that a kill forgets one file at most
}

// errNotOurs says that nothing describes a file.
var errNotOurs = errors.New("no profile describes the file")

// file hands a file on. Bytes that were replaced by another road since are handed on only if somebody laid them
// there anew; else they are what lay there all along, and the memory of it was lost.
func (f *Folder) file(ctx context.Context, e entry) (mark, error) {
	found, ok := e.profile.Find(e.base)
	if !ok {
		return mark{}, errNotOurs
	}
	release, ok := f.Claims.Take(found.Name)
	if !ok {
		return mark{}, connectors.ErrBusy
	}
	defer release()
	spooled, err := f.spool(e)
	if errors.Is(err, connectors.ErrTooLarge) {
		return mark{Outcome: connectors.Failed, Error: err.Error()}, nil
	}
	if err != nil {
		return mark{}, err
	}
	known := f.memory[e.name]
	old, err := f.Books.Superseded(ctx, e.profile.Agency, found.Name, spooled.Digest)
	if err != nil {
		return mark{}, errors.Join(err, f.Spool.Done(spooled))
	}
	if old && known.Digest != spooled.Digest {
		return mark{Digest: spooled.Digest, Outcome: connectors.Discarded, Error: "a newer version came by another road; lay the file there anew to have it count"}, f.Spool.Done(spooled)
	}
	found.Path, found.Bytes = spooled.Path, spooled.Bytes
	u := connectors.Upload{Found: found, Digest: spooled.Digest, Mode: connectors.Full, By: e.profile.Agency}
	r, err := f.Deliver(ctx, u)
	if err := errors.Join(err, f.Spool.Done(spooled)); err != nil {
		return mark{}, err
	}
	return mark{Digest: spooled.Digest, Outcome: r.Outcome, Delivery: r.Delivery, Error: r.Error}, nil
}

// spool copies a file, which must stay as it was seen.
func (f *Folder) spool(e entry) (connectors.Spooled, error) {
	file, err := e.open()
	if err != nil {
		return connectors.Spooled{}, err
	}
	defer file.Close()
	spooled, err := f.Spool.Take(file)
	if err != nil {
		return spooled, err
	}
	if err := e.check(file); err != nil {
		return spooled, errors.Join(err, f.Spool.Done(spooled))
	}
	return spooled, nil
}

// tell says once that nothing describes a file.
func (f *Folder) tell(ctx context.Context, e entry) {
	if !f.told[e.name] {
		f.told[e.name] = true
		f.Log.WarnContext(ctx, "a file in the watched folder is not what its agency hands over", "file", unnumbered(e.name))
	}
}

// unnumbered is a text fit for a log: whatever somebody wrote into a file's name, no number in it is a person's.
func unnumbered(text string) string { return numbers.ReplaceAllString(text, "…") }

// numbers is longer than a month in a file's name.
var numbers = regexp.MustCompile(`[0-9]{8,}[Xx]?`)

// wait leaves a file alone for a while that doubles.
func (f *Folder) wait(ctx context.Context, e entry, err error) {
	p := f.waiting[e.name]
	if p.says != err.Error() {
		f.Log.WarnContext(ctx, "a file in the watched folder has to wait", "file", unnumbered(e.name), "error", unnumbered(err.Error()))
	}
	p.says, p.next = err.Error(), min(max(2*p.next, firstPause), longestPause)
	p.until = time.Now().Add(p.next)
	f.waiting[e.name] = p
}

// turn makes this look the look before, and forgets what is no longer there. Of agencies that could not be read
// nothing is forgotten.
func (f *Folder) turn(entries []entry, unread map[string]bool) error {
	f.seen = map[inode]glance{}
	there := map[string]bool{}
	for _, e := range entries {
		f.seen[e.inode()] = e.glance
		there[e.name] = true
	}
	gone := func(name string) bool {
		agency, _, _ := strings.Cut(name, "/")
		return !there[name] && !unread[agency]
	}
	maps.DeleteFunc(f.waiting, func(name string, _ pause) bool { return gone(name) })
	maps.DeleteFunc(f.told, func(name string, _ bool) bool { return gone(name) })
	before := len(f.memory)
	maps.DeleteFunc(f.memory, func(name string, _ mark) bool { return gone(name) })
	if len(f.memory) == before {
		return nil
	}
	return f.memory.write(f.Memory)
}
