package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"hebian/connectors"
	"hebian/connectors/push"
	"hebian/schemas"
)

// agency is a simulated agency: its files, its line to the hub, and, in demo_clerk.go, the clerk who answers
// corrections.
type agency struct {
	name, label string // as the profile has them
	dir         string // where a file lies while it is sent
	hub         *push.Client

	mu       sync.Mutex // one file at a time, so that a clerk's answer and a month's files never cross
	books    []*book    // by name
	through  schemas.Month
	sent     map[int64]sending  // by delivery
	reversed map[entry]struct{} // pay lines that were taken back
}

// sending says which rows of a book went out as a delivery, in order.
type sending struct {
	book   *book
	places []int
}

// entry is a row of a book.
type entry struct {
	book  *book
	place int
}

// handed is what an agency has handed over at one time.
type handed struct {
	files             int
	rows, quarantined int64
}

// openAgency gives an agency with its files of the simulated county and of the one of the registers. dir is a new folder for its
// files on the way.
func openAgency(p *connectors.Profile, county, registers connectors.Folder, dir string, hub *push.Client) (*agency, error) {
	a := &agency{name: p.Agency, label: p.Name, dir: dir, hub: hub, sent: map[int64]sending{}, reversed: map[entry]struct{}{}}
	if err := makeFolder(dir); err != nil {
		return nil, err
	}
	for _, folder := range []connectors.Folder{county, registers} {
		for _, found := range folder.Found {
			if found.Agency != p.Agency || isRegister(found) != (folder.Dir == registers.Dir) {
				continue
			}
			b, err := openBook(filepath.Join(folder.Dir, filepath.FromSlash(found.Name)), found.Name)
			if err != nil {
				return nil, err
			}
			a.books = append(a.books, b)
		}
	}
	slices.SortFunc(a.books, func(a, b *book) int { return cmp.Compare(a.name, b.name) })
	return a, nil
}

// handOver delivers everything up to the end of a month that the hub can't know yet, and declares the months from
// first on complete.
func (a *agency) handOver(ctx context.Context, first, last schemas.Month) (handed, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	before := a.through
	a.through = last
	var sum handed
	for _, b := range a.books {
		if m := b.month(); m != 0 && (m <= before || m > last) {
			continue
		}
		r, err := a.deliver(ctx, b)
		if err != nil {
			return sum, err
		}
		sum.files++
		sum.rows += r.RowsRead
		sum.quarantined += r.Quarantined
	}
	for m := first; m <= last; m = m.Add(1) {
		if _, err := a.hub.Complete(ctx, "", m, push.Declare{}); err != nil {
			return sum, err
		}
	}
	return sum, nil
}

// deliver sends a whole book as it is known now. The caller holds mu, as for all below.
func (a *agency) deliver(ctx context.Context, b *book) (connectors.Receipt, error) {
	rows, places := b.on(a.through.Last())
	return a.send(ctx, b, connectors.Full, rows, places)
}

// add sends rows on top of what the hub has of a book.
func (a *agency) add(ctx context.Context, b *book, rows []string) (connectors.Receipt, error) {
	var places []int
	for _, row := range rows {
		places = append(places, len(b.rows))
		b.rows = append(b.rows, row)
	}
	return a.send(ctx, b, connectors.Add, rows, places)
}

// takeBack takes rows of a book back.
func (a *agency) takeBack(ctx context.Context, b *book, places []int) (connectors.Receipt, error) {
	var rows []string
	for _, place := range places {
		rows = append(rows, b.rows[place])
	}
	return a.send(ctx, b, connectors.Remove, rows, places)
}

func (a *agency) send(ctx context.Context, b *book, mode connectors.Mode, rows []string, places []int) (connectors.Receipt, error) {
	base := path.Base(b.name)
	out := filepath.Join(a.dir, base)
	if err := os.WriteFile(out, b.file(rows), 0o600); err != nil {
		return connectors.Receipt{}, fmt.Errorf("write a file to deliver: %w", err)
	}
	r, err := a.hub.Deliver(ctx, push.Shipment{Agency: a.name, File: base, Path: out, Mode: mode})
	if err == nil && r.Outcome != connectors.Complete {
		err = fmt.Errorf("the hub says that %s is %s: %s", r.File, r.Outcome, r.Error)
	}
	if err != nil {
		return r, err
	}
	a.sent[r.Delivery] = sending{b, places}
	return r, os.Remove(out)
}

// book finds one of the agency's books; nil if it has none of that name.
func (a *agency) book(name string) *book {
	at, found := slices.BinarySearchFunc(a.books, name, func(b *book, name string) int { return cmp.Compare(b.name, name) })
	if !found {
		return nil
	}
	return a.books[at]
}

// citation is a row that a correction names, as its agency has it.
type citation struct {
	entry
	name string // of the book
	row  string
}

// find looks up a row that the hub names by delivery and line.
func (a *agency) find(row schemas.CitedRow) (citation, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	s, known := a.sent[row.Delivery]
	at := int(row.Line) - 1
	if known && s.book.head != "" {
		at-- // the header is line 1
	}
	if !known || at < 0 || at >= len(s.places) {
		return citation{}, false
	}
	place := s.places[at]
	text, ok := s.book.days.on(s.book.rows[place], a.through.Last())
	return citation{entry{s.book, place}, s.book.name, text}, ok
}

// offices is all simulated agencies.
type offices []*agency

// openOffices gives the agencies of a simulated county. line makes an agency's line to the hub.
func openOffices(profiles []connectors.Profile, in, registers, scratch string, line func(agency string) (*push.Client, error)) (offices, error) {
	county, err := connectors.Scan(in, profiles)
	if err != nil {
		return nil, err
	}
	entities, err := connectors.Scan(registers, profiles)
	if err != nil {
		return nil, err
	}
	var all offices
	for i := range profiles {
		p := &profiles[i]
		hub, err := line(p.Agency)
		if err != nil {
			return nil, err
		}
		a, err := openAgency(p, county, entities, filepath.Join(scratch, p.Agency), hub)
		if err != nil {
			return nil, err
		}
		all = append(all, a)
	}
	return all, nil
}

// cited looks up the rows of a correction at the agencies that sent them.
func (o offices) cited(rows []schemas.CitedRow) []citation {
	var found []citation
	for _, row := range rows {
		for _, a := range o {
			if at, ok := a.find(row); ok {
				found = append(found, at)
			}
		}
	}
	return found
}

// holdsSlot says whether a person has an open slot at a unit, as the establishment office has it now.
func (o offices) holdsSlot(person, unit string) bool {
	for _, a := range o {
		a.mu.Lock()
		b := a.book("staffing/slots.csv")
		if b == nil {
			a.mu.Unlock()
			continue
		}
		rows, _ := b.on(a.through.Last())
		a.mu.Unlock()
		return slices.ContainsFunc(rows, func(row string) bool {
			return strings.Contains(row, ","+person+",") && strings.Contains(row, ","+unit+",") && strings.HasSuffix(row, ",")
		})
	}
	return false
}
