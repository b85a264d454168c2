package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"hebian/connectors"
	"hebian/connectors/life"
	"hebian/connectors/push"
	"hebian/hub"
	"hebian/hub/sqldb"
)

// bringer brings a feed's records to an agency, in numbered dispatches.
type bringer struct {
	*service
	config *connectorConfig
	sink   connectors.Sink
}

// bringJob has a connector bring records.
func (s *service) bringJob(c *connectorConfig, job *life.Job) error {
	sink, err := c.sink()
	if err != nil {
		return err
	}
	b := &bringer{s, c, sink}
	s.bringers[c.Name] = b
	job.Close = sink.Close
	job.Run = b.run
	return nil
}

// bringsCorrections says whether a connector brings an agency its corrections: then they are not laid into its folder.
func (s *service) bringsCorrections(agency string) bool {
	return slices.ContainsFunc(s.config.Connectors, func(c connectorConfig) bool { return c.Agency == agency && c.Feed == feedCorrections })
}

// books is where dispatches are written down.
func (s *service) dispatches() sqldb.Dispatches { return sqldb.Dispatches{DB: s.db} }

// run brings what lies behind a position, dispatch after dispatch.
func (b *bringer) run(ctx context.Context, position string, keep life.Keep) error {
	position, err := b.goOn(ctx, position, keep)
	if err != nil {
		return err
	}
	for more := true; more; {
		var d hub.Dispatch
		d, more, err = b.cut(ctx, position)
		if err != nil {
			return err
		}
		if d.Records == 0 {
			if d.Next != position { // it was looked through, and nothing was for this agency
				if err := keep(ctx, life.Done{Position: d.Next}); err != nil {
					return err
				}
				position = d.Next
			}
			continue
		}
		if d, err = b.dispatches().Begin(ctx, d); err != nil { // an unsent one comes back as it was
			return err
		}
		if err := b.send(ctx, &d); err != nil {
			return err
		}
		if err := keep(ctx, life.Done{Position: d.Next, Rows: d.Records, Accepted: d.Records, Delivery: d.Number}); err != nil {
			return err
		}
		position, more = d.Next, true
	}
	return nil
}

// goOn passes over a dispatch that the partner has, but whose position a kill kept from being noted.
func (b *bringer) goOn(ctx context.Context, position string, keep life.Keep) (string, error) {
	status, err := b.keeper.Get(b.config.Name)
	if err != nil {
		return position, err
	}
	last, err := b.dispatches().List(ctx, b.config.Name, 0, 1)
	if err != nil || len(last) == 0 || last[0].Sent.IsZero() || last[0].After != position || last[0].Number == status.LastDelivery {
		return position, err
	}
	d := &last[0]
	if err := b.noteSent(ctx, d, nil); err != nil {
		return position, err
	}
	return d.Next, keep(ctx, life.Done{Position: d.Next, Rows: d.Records, Accepted: d.Records, Delivery: d.Number})
}

// cut cuts the next dispatch out of the feed.
func (b *bringer) cut(ctx context.Context, after string) (d hub.Dispatch, more bool, err error) {
	d = hub.Dispatch{Connector: b.config.Name, Feed: b.config.Feed, Agency: b.config.Agency, After: after, Created: b.now()}
	digest := sha256.New()
	d.Next, more, err = b.feeds.Read(ctx, d.Feed, d.Agency, after, connectors.DispatchRecords, connectors.DispatchBytes, func(out connectors.Out) error {
		digest.Write(out.JSON)
		digest.Write([]byte{'\n'})
		d.Records++
		return nil
	})
	d.Digest = "sha256:" + hex.EncodeToString(digest.Sum(nil))
	return d, more, err
}

// errOther says that a dispatch can't be made again as it was.
var errOther = errors.New("its records are not those that it was made of")

// send brings a dispatch to the agency. Cut out of the log again, it is the same. Promise 1: what went out is written down before it goes.
func (b *bringer) send(ctx context.Context, d *hub.Dispatch) error {
	parcel := connectors.Dispatch{Connector: d.Connector, Agency: d.Agency, Feed: d.Feed, Number: d.Number}
	digest := sha256.New()
	err := b.feeds.Range(ctx, d.Feed, d.Agency, d.After, d.Next, func(out connectors.Out) error {
		out.JSON = slices.Clone(out.JSON)
		digest.Write(out.JSON)
		digest.Write([]byte{'\n'})
		parcel.Records = append(parcel.Records, out)
		return nil
	})
	if err != nil {
		return err
	}
	// What becomes of a case may be told otherwise by now; what the log holds may not.
	if d.Feed != feedFindings && d.Digest != "sha256:"+hex.EncodeToString(digest.Sum(nil)) {
		return fmt.Errorf("dispatch %d: %w", d.Number, errOther)
	}
	answer, err := b.sink.Send(ctx, parcel)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return errors.Join(err, b.dispatches().Failed(ctx, d.Connector, d.Number, err.Error()))
	}
	ctx = context.WithoutCancel(ctx) // the agency has it
	if err := b.dispatches().Sent(ctx, d.Connector, d.Number, answer, b.now()); err != nil {
		return err
	}
	return b.noteSent(ctx, d, parcel.Records)
}

// noteSent marks the corrections of a dispatch as sent: their cases then wait for the agency's answer.
func (b *bringer) noteSent(ctx context.Context, d *hub.Dispatch, records []connectors.Out) error {
	if d.Feed != feedCorrections {
		return nil
	}
	var ids []string
	note := func(out connectors.Out) error {
		ids = append(ids, out.ID)
		return nil
	}
	for _, out := range records {
		ids = append(ids, out.ID)
	}
	if records == nil {
		if err := b.feeds.Range(ctx, d.Feed, d.Agency, d.After, d.Next, note); err != nil {
			return err
		}
	}
	return b.queue.Sent(ctx, ids)
}

// steering is how operators watch and steer connectors.
type steering struct{ *service }

func (s steering) List() []life.Status                  { return s.keeper.List() }
func (s steering) Get(name string) (life.Status, error) { return s.keeper.Get(name) }
func (s steering) Resume(ctx context.Context, name, by string) error {
	return s.keeper.Resume(ctx, name, by)
}
func (s steering) RunNow(ctx context.Context, name, by string) error {
	return s.keeper.RunNow(ctx, name, by)
}
func (s steering) Reset(ctx context.Context, name, by string) error {
	return s.keeper.Reset(ctx, name, by)
}
func (s steering) Pause(ctx context.Context, name, by, why string) error {
	return s.keeper.Pause(ctx, name, by, why)
}
func (s steering) Rewind(ctx context.Context, name, position, by string) error {
	return s.keeper.Rewind(ctx, name, position, by)
}

// Dispatches lists what a connector brought.
func (s steering) Dispatches(ctx context.Context, name string, before int64, limit int) ([]push.Dispatched, error) {
	if _, err := s.keeper.Get(name); err != nil {
		return nil, err
	}
	all, err := s.dispatches().List(ctx, name, before, limit)
	list := make([]push.Dispatched, len(all))
	for i := range all {
		list[i] = dispatched(&all[i])
	}
	return list, err
}

// Resend brings a dispatch again.
func (s steering) Resend(ctx context.Context, name string, number int64, by string) (push.Dispatched, error) {
	b := s.bringers[name]
	if b == nil {
		return push.Dispatched{}, connectors.ErrUnknown
	}
	d, err := s.dispatches().Get(ctx, name, number)
	if errors.Is(err, hub.ErrUnknown) {
		return push.Dispatched{}, connectors.ErrUnknown
	}
	if err == nil {
		err = b.send(ctx, &d)
	}
	if err != nil {
		return dispatched(&d), err
	}
	s.logger.Info("a dispatch was brought again", "connector", name, "number", number, "by", by)
	d, err = s.dispatches().Get(ctx, name, number)
	return dispatched(&d), err
}

func dispatched(d *hub.Dispatch) push.Dispatched {
	return push.Dispatched{
		Number: d.Number, Feed: d.Feed, Records: int(d.Records), Digest: d.Digest, Created: d.Created, Sent: d.Sent, Answer: d.Answer, Tries: int(d.Tries), Error: d.Error,
	}
}
