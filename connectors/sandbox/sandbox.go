// Package sandbox takes files in as the hub does and keeps nothing of them but the receipt and the rows that were refused. A partner
// tries its files there: every row is read and checked by the same profile, none reaches the log, so none can reach a case.
package sandbox

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"hebian/connectors"
	"hebian/connectors/push"
	"hebian/schemas"
)

// Bounds of what is remembered, for each agency.
const (
	maxReceipts = 200    // the oldest are forgotten
	maxRefused  = 10_000 // refused rows of a delivery that can be read again; all are counted
)

// Sandbox is a folder of receipts. It answers the doors as the hub does.
type Sandbox struct {
	dir string
	now func() time.Time

	mu       sync.Mutex
	last     int64
	receipts map[int64]connectors.Receipt
	declared map[string][]connectors.Declaration // until the hub stops: nothing hangs on them
}

// kept is what a file of the folder holds.
type kept struct {
	Receipt connectors.Receipt   `json:"receipt"`
	Refused []connectors.Refused `json:"refused"`
}

// Open opens a folder, and makes it if need be.
func Open(dir string, now func() time.Time) (*Sandbox, error) {
	s := &Sandbox{dir: dir, now: now, receipts: map[int64]connectors.Receipt{}, declared: map[string][]connectors.Declaration{}}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open sandbox: %w", err)
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("open sandbox: %w", err)
	}
	for _, file := range files {
		id, err := strconv.ParseInt(strings.TrimSuffix(file.Name(), ".json"), 10, 64)
		if err != nil {
			continue
		}
		s.last = max(s.last, id)
		k, err := s.read(id)
		if err != nil { // cut off by a crash: there never was an answer
			continue
		}
		s.receipts[id] = k.Receipt
	}
	return s, nil
}

func (s *Sandbox) path(id int64) string {
	return filepath.Join(s.dir, strconv.FormatInt(id, 10)+".json")
}

func (s *Sandbox) read(id int64) (k kept, err error) {
	text, err := os.ReadFile(s.path(id))
	if err == nil {
		err = json.Unmarshal(text, &k)
	}
	return k, err
}

// Deliver reads and checks a file.
func (s *Sandbox) Deliver(ctx context.Context, u connectors.Upload) (connectors.Receipt, error) {
	r := connectors.Receipt{
		Agency: u.Agency, File: u.Name, Subject: u.Subject, Mode: u.Mode, Key: u.Key, By: u.By, Digest: u.Digest, Bytes: u.Bytes,
		Outcome: connectors.Complete, Sandbox: true, Started: s.now(),
	}
	walker, err := schemas.NewWalker(schemas.SubjectOf("hub.misfit").Avro)
	if err != nil {
		return r, err
	}
	c := counter{receipt: &r, walker: walker, refused: []connectors.Refused{}}
	door := connectors.Door{SchemaID: func(string) uint32 { return 1 }, Temp: s.dir}
	reading, err := door.Read(ctx, u.Found, &c)
	var fileErr *connectors.FileError
	switch {
	case errors.As(err, &fileErr), errors.Is(err, connectors.ErrChanged):
		r.Outcome, r.Error, r.Accepted, r.Quarantined, r.RowsRead, c.refused = connectors.Failed, err.Error(), 0, 0, 0, nil
	case err != nil:
		return r, err
	}
	r.Form, r.Encoding, r.UnknownColumns, r.Notes = reading.Form, reading.Encoding, reading.UnknownColumns, reading.Notes
	r.Added, r.Live, r.Finished = r.Accepted, r.Accepted, s.now()
	return s.keep(r, c.refused)
}

// keep numbers a receipt and writes it down.
func (s *Sandbox) keep(r connectors.Receipt, refused []connectors.Refused) (connectors.Receipt, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last++
	r.Delivery = s.last
	text, err := json.Marshal(kept{r, refused})
	if err == nil {
		err = os.WriteFile(s.path(r.Delivery), text, 0o600)
	}
	if err != nil {
		return r, errors.Join(fmt.Errorf("keep a receipt of the sandbox: %w", err), os.Remove(s.path(r.Delivery)))
	}
	s.receipts[r.Delivery] = r
	return r, s.forget(r.Agency)
}

// forget removes what an agency has beyond the bound.
func (s *Sandbox) forget(agency string) error {
	theirs := s.of(agency)
	for _, r := range theirs[:max(0, len(theirs)-maxReceipts)] {
		delete(s.receipts, r.Delivery)
		if err := os.Remove(s.path(r.Delivery)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("forget a receipt of the sandbox: %w", err)
		}
	}
	return nil
}

// of lists the receipts of an agency, the oldest first. The caller holds mu.
func (s *Sandbox) of(agency string) []connectors.Receipt {
	var theirs []connectors.Receipt
	for _, r := range s.receipts {
		if r.Agency == agency || agency == "" {
			theirs = append(theirs, r)
		}
	}
	slices.SortFunc(theirs, func(a, b connectors.Receipt) int { return cmp.Compare(a.Delivery, b.Delivery) })
	return theirs
}

// ByKey finds what an agency sent under a key.
func (s *Sandbox) ByKey(_ context.Context, agency, key string) (connectors.Receipt, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.of(agency) {
		if r.Key == key && r.Outcome == connectors.Complete {
			return r, true, nil
		}
	}
	return connectors.Receipt{}, false, nil
}

// Receipt gives a receipt.
func (s *Sandbox) Receipt(_ context.Context, id int64) (connectors.Receipt, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.receipts[id]
	if !ok {
		return r, connectors.ErrUnknown
	}
	return r, nil
}

// Refused calls fn for the refused rows of a delivery that are remembered.
func (s *Sandbox) Refused(ctx context.Context, id int64, fn func(connectors.Refused) error) error {
	if _, err := s.Receipt(ctx, id); err != nil {
		return err
	}
	k, err := s.read(id)
	if err != nil {
		return fmt.Errorf("read a receipt of the sandbox: %w", err)
	}
	for _, row := range k.Refused {
		if err := fn(row); err != nil {
			return err
		}
	}
	return nil
}

// List gives the receipts of an agency, the newest first.
func (s *Sandbox) List(_ context.Context, f push.Filter) ([]connectors.Receipt, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	theirs := s.of(f.Agency)
	slices.Reverse(theirs)
	theirs = slices.DeleteFunc(theirs, func(r connectors.Receipt) bool {
		return f.Before > 0 && r.Delivery >= f.Before || f.File != "" && r.File != f.File || f.Outcome != "" && r.Outcome != f.Outcome || f.Connector != ""
	})
	return theirs[:min(f.Limit, len(theirs))], nil
}

// Release says that nothing is held here.
func (s *Sandbox) Release(context.Context, int64, string) (connectors.Receipt, error) {
	return connectors.Receipt{}, connectors.ErrNotHeld
}

// Discard says so too.
func (s *Sandbox) Discard(context.Context, int64, string) (connectors.Receipt, error) {
	return connectors.Receipt{}, connectors.ErrNotHeld
}

// Delivered names the files that an agency has tried.
func (s *Sandbox) Delivered(_ context.Context, agency string) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var names []string
	for _, r := range s.of(agency) {
		if r.Outcome == connectors.Complete && !slices.Contains(names, r.File) {
			names = append(names, r.File)
		}
	}
	return names, nil
}

// Declare notes a declaration.
func (s *Sandbox) Declare(_ context.Context, d connectors.Declaration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	theirs := slices.DeleteFunc(s.declared[d.Agency], func(other connectors.Declaration) bool { return other.Month == d.Month })
	s.declared[d.Agency] = append(theirs[max(0, len(theirs)-maxReceipts):], d)
	return nil
}

// Declared lists what an agency declared.
func (s *Sandbox) Declared(_ context.Context, agency string) ([]connectors.Declaration, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.declared[agency]), nil
}

// counter counts rows and keeps the first that are refused.
type counter struct {
	receipt *connectors.Receipt
	walker  *schemas.Walker
	refused []connectors.Refused
}

// Accept counts rows.
func (c *counter) Accept(_ context.Context, records []schemas.Record) error {
	c.receipt.Accepted += int64(len(records))
	c.receipt.RowsRead += int64(len(records))
	return nil
}

// Quarantine counts misfits and keeps them up to the bound.
func (c *counter) Quarantine(_ context.Context, misfits []schemas.Record) error {
	c.receipt.Quarantined += int64(len(misfits))
	c.receipt.RowsRead += int64(len(misfits))
	for i := range misfits[:min(len(misfits), maxRefused-len(c.refused))] {
		var m schemas.Misfit
		if err := schemas.Decode(misfits[i].Value, c.walker, &m); err != nil {
			return err
		}
		refused := connectors.Refused{File: m.File, Line: m.Line, Reason: string(m.Reason), Detail: m.Detail}
		if m.Column != nil {
			refused.Column = *m.Column
		}
		c.refused = append(c.refused, refused)
	}
	return nil
}
