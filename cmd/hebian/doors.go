package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"hebian/connectors"
	"hebian/connectors/push"
	"hebian/hub"
	"hebian/hub/sqldb"
	"hebian/schemas"
)

// doors is the service as the doors see it: what a road brings goes in here, and what became of it is told
// in the doors' words.
type doors struct{ *service }

// heldFolder keeps the files that wait for an operator's yes, each under the number of its delivery.
const heldFolder = "held"

// Deliver takes an upload in. A file that is held is moved away to wait.
func (d doors) Deliver(ctx context.Context, u connectors.Upload) (connectors.Receipt, error) {
	if u.Mode != connectors.Full {
		if err := d.noneWaits(ctx, u); err != nil {
			return connectors.Receipt{}, err
		}
	}
	r, err := d.take(ctx, d.door("", nil), u.Found, manifestOf(u))
	switch {
	case err != nil:
	case r.Outcome == hub.Held:
		if err = d.keepHeld(u.Path, r.Delivery); err == nil {
			d.tidy(d.supersede(ctx, r))
		}
	case r.Outcome == hub.Complete && r.Mode == hub.Full:
		d.tidy(d.supersede(ctx, r))
	}
	return answer(r, err)
}

// manifestOf announces what a road brings.
func manifestOf(u connectors.Upload) hub.Manifest {
	return hub.Manifest{
		Agency: u.Agency, File: u.Name, Subject: u.Subject, Mode: hub.Mode(u.Mode), Key: u.Key, Keyed: u.Keyed(), By: u.By, Period: u.Period, Connector: u.Connector,
	}
}

// answer tells in the doors' words how a delivery went. That a file is not what its profile says is no error
// of the delivery: the receipt says it.
func answer(r hub.Receipt, err error) (connectors.Receipt, error) {
	var fileErr *connectors.FileError
	switch {
	case errors.As(err, &fileErr), errors.Is(err, connectors.ErrChanged), errors.Is(err, hub.ErrTooLarge):
		err = nil
	case errors.Is(err, hub.ErrBusy), errors.Is(err, hub.ErrKeyUsed): // asked again, the key's receipt is the answer
		err = fmt.Errorf("%w: %w", connectors.ErrBusy, err)
	case isFull(err):
		err = fmt.Errorf("%w: %w", connectors.ErrFull, err)
	case errors.Is(err, hub.ErrUnknown):
		err = fmt.Errorf("%w: %w", connectors.ErrUnknown, err)
	}
	return receiptOf(r), err
}

// isFull says whether an error is of a disk without room, be it the system's or the database's word for it.
func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || sqldb.IsFull(err)
}

func receiptOf(r hub.Receipt) connectors.Receipt {
	c := connectors.Receipt{
		Delivery: r.Delivery, Agency: r.Agency, File: r.File, Subject: r.Subject, Mode: connectors.Mode(r.Mode), Key: r.Key,
		Outcome: connectors.Outcome(r.Outcome), Error: r.Error, Digest: r.Digest, Bytes: r.Bytes,
		RowsRead: r.RowsRead, Accepted: r.Accepted, Quarantined: r.Quarantined, Added: r.Added, Unchanged: r.Unchanged, Retracted: r.Retracted,
		Withdrawn: r.Withdrawn, Earlier: r.Earlier, Live: r.Live, UnknownColumns: r.UnknownColumns, Started: r.Started, Finished: r.Finished,
		Notes: r.Notes, Form: connectors.Form(r.Form), Encoding: r.Encoding, Connector: r.Connector, By: r.By, Settled: r.Settled, Note: r.Note,
	}
	if r.Period != 0 {
		c.Period = r.Period.String()
	}
	for _, span := range r.Spans {
		if span.Next > span.First {
			c.Positions = append(c.Positions, connectors.Span(span))
		}
	}
	return c
}

// keepHeld moves a file to where it waits, and brings it to disk. One that a crash loses all the same is found out
// when somebody says yes.
func (d doors) keepHeld(path string, id int64) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	if err := errors.Join(file.Sync(), file.Close(), os.Rename(path, d.held(id))); err != nil {
		return fmt.Errorf("keep a held file: %w", err)
	}
	return syncFolder(d.folder(heldFolder))
}

// noneWaits refuses a change set while a whole version of its file waits for a yes: on what would the rows come?
func (d doors) noneWaits(ctx context.Context, u connectors.Upload) error {
	held, err := d.books().Held(ctx, u.Agency)
	for _, h := range held {
		if h.File == u.Name {
			return &connectors.HeldError{Delivery: h.Delivery}
		}
	}
	return err
}

// Superseded and Taken are for the watched folder, whose own memory may be older or newer than the database.
func (d doors) Superseded(ctx context.Context, agency, file, digest string) (bool, error) {
	return d.books().Superseded(ctx, agency, file, digest)
}

// Taken says whether a delivery of these bytes is in the books.
func (d doors) Taken(ctx context.Context, id int64, digest string) (bool, error) {
	r, err := d.deliveries.Get(ctx, id)
	if errors.Is(err, hub.ErrUnknown) {
		return false, nil
	}
	return r.Digest == digest || digest == "", err
}

// supersede discards what waits of the same file from before: said yes to, it would bring an older version back.
func (d doors) supersede(ctx context.Context, newer hub.Receipt) error {
	held, err := d.books().Held(ctx, newer.Agency)
	if err != nil {
		return err
	}
	for _, h := range held {
		if h.File == newer.File && h.Delivery < newer.Delivery {
			if err := d.discard(ctx, h, fmt.Sprintf("superseded by delivery %d", newer.Delivery)); err != nil {
				return err
			}
		}
	}
	return nil
}

// ByKey finds what an agency sent under a key: what is complete, else what was held.
func (d doors) ByKey(ctx context.Context, agency, key string) (connectors.Receipt, bool, error) {
	r, found, err := d.deliveries.ByKey(ctx, agency, key)
	if found || err != nil {
		return receiptOf(r), found, err
	}
	r, found, err = d.books().Waited(ctx, agency, key)
	return receiptOf(r), found, err
}

// Receipt gives the receipt of a delivery.
func (d doors) Receipt(ctx context.Context, id int64) (connectors.Receipt, error) {
	return answer(d.deliveries.Get(ctx, id))
}

// Refused calls fn for each row of a delivery's file that is in quarantine.
func (d doors) Refused(ctx context.Context, id int64, fn func(connectors.Refused) error) error {
	r, err := d.deliveries.Get(ctx, id)
	if err != nil {
		_, err = answer(r, err)
		return err
	}
	return hub.Refused(ctx, d.log, d.deliveries, r, func(m schemas.Misfit) error {
		refused := connectors.Refused{File: m.File, Line: m.Line, Reason: string(m.Reason), Detail: m.Detail}
		if m.Column != nil {
			refused.Column = *m.Column
		}
		return fn(refused)
	})
}

// books is the deliveries with what only their keeper does.
func (d doors) books() sqldb.Deliveries { return sqldb.Deliveries{DB: d.db} }

func (d doors) held(id int64) string {
	return filepath.Join(d.dir, heldFolder, strconv.FormatInt(id, 10))
}

// sweepHeld puts receipts and files of held deliveries in line after a crash: what lost its file waits for nothing.
func (d doors) sweepHeld(ctx context.Context) error {
	held, err := d.books().Held(ctx, "")
	if err != nil {
		return err
	}
	waiting := map[string]bool{}
	for _, h := range held {
		waiting[filepath.Base(d.held(h.Delivery))] = true
		why, err := d.notStanding(ctx, h)
		if err == nil && why != "" {
			d.logger.Warn("a held delivery waits no more", "delivery", h.Delivery, "why", why)
			err = d.discard(ctx, h, why)
		}
		if err != nil {
			return err
		}
	}
	files, err := os.ReadDir(d.folder(heldFolder))
	for _, file := range files {
		if !waiting[file.Name()] {
			err = errors.Join(err, os.Remove(filepath.Join(d.folder(heldFolder), file.Name())))
		}
	}
	return err
}

// tidy reports that a held delivery could not be put away. The delivery that replaced it counts all the same, its sender
// must hear so, and whoever says yes to the old one finds out.
func (d doors) tidy(err error) {
	if err != nil {
		d.logger.Error("a held delivery is still in the books", "error", err)
	}
}

// notStanding says why a held delivery can't be said yes to any more; empty if it can: its file is there as it was
// received, and nothing newer of it came since.
func (d doors) notStanding(ctx context.Context, held hub.Receipt) (why string, err error) {
	versions, err := d.deliveries.Of(ctx, held.Agency, held.File)
	if err != nil {
		return "", err
	}
	for _, v := range versions {
		if v.ID > held.Delivery && v.Outcome == hub.Complete {
			return fmt.Sprintf("superseded by delivery %d", v.ID), nil
		}
	}
	file, err := os.Open(d.held(held.Delivery))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("look for the held file: %w", err)
	}
	if err == nil {
		defer file.Close()
		digest := sha256.New()
		if _, err := io.Copy(digest, file); err != nil {
			return "", fmt.Errorf("read the held file: %w", err)
		}
		if "sha256:"+hex.EncodeToString(digest.Sum(nil)) == held.Digest {
			return "", nil
		}
	}
	return "its file was lost when the hub stopped; deliver it again", nil
}

// findHeld gives the receipt of a delivery that waits for a yes, and its file as a door reads it. Nobody else
// delivers the file until release is called.
func (d doors) findHeld(ctx context.Context, id int64) (r hub.Receipt, found connectors.Found, release func(), err error) {
	if r, err = d.deliveries.Get(ctx, id); err != nil {
		_, err = answer(r, err)
		return r, found, nil, err
	}
	giveBack, ok := d.claims.Take(r.File)
	if !ok {
		return r, found, nil, connectors.ErrBusy
	}
	defer func() {
		if err != nil {
			giveBack()
		}
	}()
	if r, err = d.deliveries.Get(ctx, id); err != nil { // as it is now that it is ours
		return r, found, nil, err
	}
	found, known := connectors.Describe(d.agencies, r.File)
	if r.Outcome != hub.Held || !known {
		return r, found, nil, connectors.ErrNotHeld
	}
	why, err := d.notStanding(ctx, r)
	if err != nil {
		return r, found, nil, err
	}
	if why != "" {
		return r, found, nil, errors.Join(connectors.ErrNotHeld, d.discard(ctx, r, why))
	}
	found.Path, found.Bytes, found.As, found.In = d.held(id), r.Bytes, connectors.Form(r.Form), r.Encoding
	return r, found, giveBack, nil
}

// Release takes a held delivery in: a new delivery with a receipt of its own.
func (d doors) Release(ctx context.Context, id int64, by string) (connectors.Receipt, error) {
	held, found, release, err := d.findHeld(ctx, id)
	if err != nil {
		return receiptOf(held), err
	}
	defer release()
	r, err := d.take(ctx, d.door("", nil), found, hub.Manifest{Agency: held.Agency, File: held.File, Subject: held.Subject, Mode: held.Mode, Key: held.Key, Keyed: found.Keyed(), By: by, Period: held.Period, Connector: held.Connector, Confirmed: true})
	if err != nil {
		return answer(r, err)
	}
	d.logger.Info("a held delivery was released", "delivery", id, "as", r.Delivery, "by", by)
	d.tidy(d.discard(ctx, held, fmt.Sprintf("released as delivery %d by %s", r.Delivery, by)))
	return receiptOf(r), nil
}

// Discard lets a held delivery fall.
func (d doors) Discard(ctx context.Context, id int64, by string) (connectors.Receipt, error) {
	held, _, release, err := d.findHeld(ctx, id)
	if err != nil {
		return receiptOf(held), err
	}
	defer release()
	if err := d.discard(ctx, held, "discarded by "+by); err != nil {
		return receiptOf(held), err
	}
	return d.Receipt(ctx, id)
}

// discard writes down what became of a held delivery and removes its file.
func (d doors) discard(ctx context.Context, held hub.Receipt, why string) error {
	if err := d.books().Discard(ctx, held.Delivery, why); err != nil {
		return err
	}
	if err := os.Remove(d.held(held.Delivery)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove the held file: %w", err)
	}
	return nil
}

// Delivered names the files of an agency of which a delivery counts.
func (d doors) Delivered(ctx context.Context, agency string) ([]string, error) {
	return d.books().Files(ctx, agency)
}

// Declare notes that an agency's month is complete.
func (d doors) Declare(ctx context.Context, c connectors.Declaration) error {
	_, err := answer(hub.Receipt{}, d.declare(ctx, hub.Period{Agency: c.Agency, Month: c.Month, Kind: string(c.Kind), Empty: c.Empty, Declared: d.now(), By: c.By}))
	return err
}

// Declared lists what an agency declared.
func (d doors) Declared(ctx context.Context, agency string) ([]connectors.Declaration, error) {
	all, err := d.periods.All(ctx)
	if err != nil {
		return nil, err
	}
	var theirs []connectors.Declaration
	for _, p := range all {
		if p.Agency == agency {
			theirs = append(theirs, declarationOf(p))
		}
	}
	return theirs, nil
}

func declarationOf(p hub.Period) connectors.Declaration {
	return connectors.Declaration{Agency: p.Agency, Month: p.Month, Kind: connectors.Kind(p.Kind), Empty: p.Empty, Declared: p.Declared, By: p.By}
}

// List gives receipts, the newest first.
func (d doors) List(ctx context.Context, f push.Filter) (list []connectors.Receipt, err error) {
	if f.Agency == "" && f.File != "" { // the books are by agency
		found, ok := connectors.Describe(d.agencies, f.File)
		if !ok {
			return nil, nil
		}
		f.Agency = found.Agency
	}
	for len(list) < f.Limit {
		all, err := d.deliveries.List(ctx, hub.ReceiptFilter{Agency: f.Agency, File: f.File, Outcome: hub.Outcome(f.Outcome), Connector: f.Connector, Before: f.Before, Limit: min(f.Limit-len(list), mostListed)})
		if err != nil {
			return nil, err
		}
		for i := range all {
			list = append(list, receiptOf(all[i]))
		}
		if len(all) < mostListed {
			break
		}
		f.Before = all[len(all)-1].Delivery
	}
	return list, nil
}

// mostListed is how many receipts the books give at once.
const mostListed = 1000
