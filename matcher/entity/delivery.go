package entity

import (
	"context"
	"errors"
	"fmt"

	"hebian/hub"
	"hebian/schemas"
)

// delivery is one on its way in: read first, so that an error leaves everything as it was, then committed.
type delivery struct {
	*Standing
	rows      map[string]int64
	packed    []uint32     // records to assert; 0 stands for one of retracts
	retracts  []schemas.ID // in the order of their zeros
	divisions []divisionOp
	strangers map[string]int
	fields    []schemas.Field
}

type divisionOp struct {
	id    schemas.ID
	row   schemas.Division
	line  int64
	times int // 1 or -1
}

func newDelivery(s *Standing) *delivery {
	return &delivery{Standing: s, rows: map[string]int64{}, strangers: map[string]int{}, fields: make([]schemas.Field, s.form.fields)}
}

// read reads all batches.
func (d *delivery) read(ctx context.Context, batches func(fn func(file string, b *hub.Batch) error) error) error {
	return batches(func(file string, b *hub.Batch) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		var one func(string, *hub.Batch, int) error
		switch b.Topic {
		case topicRegistration:
			one = d.readRegistration
		case topicDivision:
			one = d.readDivision
		default:
			return fmt.Errorf("%d records of %s: no topic of legal entities", len(b.Records), b.Topic)
		}
		for i := range b.Records {
			if err := one(file, b, i); err != nil {
				return fmt.Errorf("%s, partition %d, offset %d: %w", b.Topic, b.Partition, b.Base+int64(i), err)
			}
			if b.Records[i].Op == schemas.Retract {
				d.rows[b.Topic]--
			} else {
				d.rows[b.Topic]++
			}
		}
		return nil
	})
}

func (d *delivery) readRegistration(file string, b *hub.Batch, i int) error {
	if b.Records[i].Op == schemas.Retract {
		d.packed, d.retracts = append(d.packed, 0), append(d.retracts, b.Records[i].ID)
		return nil
	}
	n, err := d.pack(file, b, i, d.fields)
	var stranger errNoSource
	if errors.As(err, &stranger) {
		d.strangers[string(stranger)]++
		return nil
	}
	if err == nil {
		d.packed = append(d.packed, n)
	}
	return err
}

func (d *delivery) readDivision(_ string, b *hub.Batch, i int) error {
	rec := &b.Records[i]
	op := divisionOp{id: rec.ID, line: rec.Line, times: 1}
	if rec.Op == schemas.Retract {
		op.times = -1
	}
	if err := schemas.Decode(rec.Value, d.divisionForm, &op.row); err != nil {
		return err
	}
	d.divisions = append(d.divisions, op)
	return nil
}

// forget undoes what was read.
func (d *delivery) forget() {
	for _, n := range d.packed {
		if n != 0 {
			d.drop(n)
		}
	}
}

// commit lets in what was read. It gives the records that are withdrawn and those that are new, and says whether the divisions are
// others. Records that come and go, in whatever order, leave nothing.
func (d *delivery) commit() (gone, fresh []uint32, divisions bool) {
	for _, n := range d.packed {
		if n == 0 {
			id := d.retracts[0]
			d.retracts = d.retracts[1:]
			gone = d.retract(id, gone)
			continue
		}
		if id := *d.id(n); d.owed[id] > 0 {
			if d.owed[id]--; d.owed[id] == 0 {
				delete(d.owed, id)
			}
			d.drop(n)
			continue
		}
		d.enter(n)
		if d.judged {
			fresh = append(fresh, n)
		}
	}
	stay := fresh[:0]
	for _, n := range fresh {
		if d.held.at(n).flags&flagGone != 0 {
			d.drop(n)
		} else {
			stay = append(stay, n)
		}
	}
	for agency, n := range d.strangers {
		d.Standing.strangers[agency] += n
	}
	for i := range d.divisions {
		d.enterDivision(&d.divisions[i])
	}
	return gone, stay, len(d.divisions) > 0
}

func (d *delivery) retract(id schemas.ID, gone []uint32) []uint32 {
	n := d.find(id)
	switch {
	case n == 0:
		d.owed[id]++
		return gone
	case !d.judged:
		d.leave(n)
		d.drop(n)
		return gone
	}
	d.leave(n)
	h := d.held.at(n)
	h.flags |= flagGone
	if h.entity == 0 { // it came with this very delivery
		return gone
	}
	return append(gone, n)
}

func (d *delivery) enterDivision(op *divisionOp) {
	row := d.Standing.divisions[op.id]
	if row == nil {
		row = &divisionRow{Division: op.row, line: op.line}
		d.Standing.divisions[op.id] = row
	}
	if row.times += op.times; row.times == 0 {
		delete(d.Standing.divisions, op.id)
	}
}
