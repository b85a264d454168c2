package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"hebian/connectors"
	"hebian/connectors/life"
	"hebian/hub"
)

// jobs makes what is kept alive of the connectors of the configuration.
func (s *service) jobs() ([]life.Job, error) {
	var jobs []life.Job
	for i := range s.config.Connectors {
		c := &s.config.Connectors[i]
		road, err := c.road()
		if err != nil {
			return nil, err
		}
		job := life.Job{Name: c.Name, Agency: c.Agency, Road: road, Direction: life.Out, About: c.about(), Every: c.Every, At: c.At}
		if c.fetches() {
			err = s.fetchJob(c, &job)
		} else {
			err = s.bringJob(c, &job)
		}
		if err != nil {
			return nil, usageError(fmt.Sprintf("connector %s: %v", c.Name, err))
		}
		jobs = append(jobs, job)
	}
	return jobs, nil
}

// fetchJob has a connector fetch rows.
func (s *service) fetchJob(c *connectorConfig, job *life.Job) error {
	source, err := c.source()
	if err != nil {
		return err
	}
	job.Direction, job.Close = life.In, source.Close
	profile := &s.agencies[slices.IndexFunc(s.agencies, func(p connectors.Profile) bool { return p.Agency == c.Agency })]
	found, err := c.dataset(profile, strings.ReplaceAll(c.File, monthMark, anyMonth.String()), anyMonth.First())
	if err != nil {
		return err
	}
	told := found.Subject != registrationSubject
	job.Run = func(ctx context.Context, position string, keep life.Keep) error {
		err := source.Fetch(ctx, position, func(ctx context.Context, b connectors.Batch) (connectors.Receipt, error) {
			return s.handIn(ctx, c, profile, b, keep)
		})
		if err == nil && !told {
			told, err = s.readToEnd(ctx, c)
		}
		return err
	}
	return nil
}

// readToEnd tells the judge that a connector has read a register to its end, once it has brought anything: of one that is read row by row
// no delivery says so. It says whether there is nothing more to tell.
func (s *service) readToEnd(ctx context.Context, c *connectorConfig) (told bool, err error) {
	status, err := s.keeper.Get(c.Name)
	if err != nil || status.Rows == 0 {
		return false, err
	}
	known, err := s.db.Setting(ctx, sourceSetting+c.Agency)
	if err != nil || known != "" {
		return err == nil, err
	}
	if err := s.db.Set(ctx, sourceSetting+c.Agency, c.Name); err != nil {
		return false, err
	}
	s.hand(arrival{source: c.Agency})
	return true, nil
}

// handIn takes a batch of a connector in. Promise 1: its position is kept after its rows are on disk; what a kill between the two brings
// again changes nothing.
func (s *service) handIn(ctx context.Context, c *connectorConfig, profile *connectors.Profile, b connectors.Batch, keep life.Keep) (connectors.Receipt, error) {
	name := b.Dataset
	if name == "" {
		name = c.File
	}
	found, err := c.dataset(profile, name, s.today())
	switch {
	case err != nil && b.Dataset != "": // a stray file stays where it is, and those behind it wait for nothing
		s.logger.Warn("a file is not what its agency hands over", "connector", c.Name, "reason", err)
		return connectors.Receipt{Outcome: connectors.Failed, Error: err.Error()}, keep(ctx, life.Done{Position: b.Position})
	case err != nil:
		return connectors.Receipt{}, &connectors.Trouble{Kind: connectors.Unfit, Err: err}
	}
	if b.Mode == connectors.Merge && !found.Keyed() {
		return connectors.Receipt{}, &connectors.Trouble{Kind: connectors.Unfit, Err: errNotKeyed(found.Name)}
	}
	spooled, err := s.spool.Take(b.Body)
	if err != nil {
		return connectors.Receipt{}, err
	}
	found.Path, found.Bytes, found.In = spooled.Path, spooled.Bytes, b.Encoding
	if b.Form != "" {
		found.As = b.Form
	}
	u := connectors.Upload{Found: found, Digest: spooled.Digest, Mode: b.Mode, By: c.Name, Connector: c.Name, Period: found.Month}
	r, fresh, err := s.handOn(ctx, u)
	if err := errors.Join(err, s.spool.Done(spooled)); err != nil {
		return r, err
	}
	switch {
	case r.Outcome != connectors.Failed:
	case b.Dataset != "": // a file: its receipt says so, and those behind it wait for nothing
		s.logger.Warn("a file does not count", "connector", c.Name, "file", r.File, "delivery", r.Delivery, "reason", r.Error)
		return r, keep(ctx, life.Done{Position: b.Position, Delivery: r.Delivery})
	default: // Promise 3: rows that nobody can lay down anew are not passed by
		return r, &connectors.Trouble{Kind: connectors.Unfit, Err: fmt.Errorf("delivery %d: %s", r.Delivery, r.Error)}
	}
	if !fresh {
		return r, keep(ctx, life.Done{Position: b.Position})
	}
	return r, keep(ctx, life.Done{Position: b.Position, Rows: r.RowsRead, Accepted: r.Accepted, Quarantined: r.Quarantined, Delivery: r.Delivery})
}

// claimWait is how often a connector looks whether another road has done with its file.
const claimWait = 50 * time.Millisecond

// handOn delivers what a connector fetched, once no other road has the file. What the hub has as it is, whole, is not delivered again:
// a connector that reads all every minute would fill the books. fresh says that it was delivered.
func (s *service) handOn(ctx context.Context, u connectors.Upload) (r connectors.Receipt, fresh bool, err error) {
	release, ok := s.claims.Take(u.Name)
	for !ok {
		select {
		case <-ctx.Done():
			return r, false, ctx.Err()
		case <-time.After(claimWait):
		}
		release, ok = s.claims.Take(u.Name)
	}
	defer release()
	d := doors{s}
	if u.Mode == connectors.Full {
		same, err := d.newest(ctx, u.Agency, u.Name)
		if err != nil {
			return same, false, err
		}
		if same.Digest == u.Digest && same.Mode == connectors.Full {
			return same, false, nil
		}
	}
	r, err = d.Deliver(ctx, u)
	return r, true, err
}

// newest is the receipt of a file's newest delivery that counts or waits; zero if there is none.
func (d doors) newest(ctx context.Context, agency, file string) (connectors.Receipt, error) {
	for _, outcome := range []hub.Outcome{hub.Held, hub.Complete} {
		all, err := d.deliveries.List(ctx, hub.ReceiptFilter{Agency: agency, File: file, Outcome: outcome, Limit: 1})
		if err != nil {
			return connectors.Receipt{}, err
		}
		if len(all) > 0 {
			return receiptOf(all[0]), nil
		}
	}
	return connectors.Receipt{}, nil
}
