package book

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"time"

	"hebian/hub"
	"hebian/matcher/entity"
	"hebian/schemas"
)

// Bounds of an Append: one fsync costs little beside so many records, and they are in memory until then.
const (
	appendRecords = 8 << 10
	appendBytes   = 8 << 20
)

// digestBytes is how much of a record's ID says what the version says. The rest is its number.
const digestBytes = len(schemas.ID{}) - 4

// Write writes down what is golden from now on, as goldens hands it over: a version for each that differs from the newest of its entity in
// more than number and time, which are the book's to give. A golden record of an entity that is no more says what it was merged into, or
// has no members. One without SplitFrom keeps that of the version before.
//
// It says how many versions it wrote. After an error some may be written; a repeat writes the others, if each entity comes once.
func (b *Book) Write(ctx context.Context, at time.Time, goldens func(fn func(*schemas.Golden) error) error) (written int64, err error) {
	b.writing.Lock()
	defer b.writing.Unlock()
	if err := b.readOn(ctx); err != nil {
		return 0, err
	}
	w := writer{book: b, at: at.Format(time.RFC3339), waiting: map[entity.ID]bool{}}
	err = goldens(func(g *schemas.Golden) error { return w.add(ctx, g) })
	if err == nil {
		err = w.flush(ctx)
	}
	if err == nil {
		err = b.settle(ctx)
	}
	if err != nil {
		err = fmt.Errorf("write golden records: %w", err)
	}
	return w.written, err
}

// writer gathers versions.
type writer struct {
	book    *Book
	at      string
	batches []hub.Batch
	waiting map[entity.ID]bool // that have a version in batches
	bytes   int
	written int64
}

func (w *writer) add(ctx context.Context, g *schemas.Golden) error {
	b := w.book
	id, ok := entity.ParseID(g.Entity)
	if !ok || id >= maxEntities {
		return fmt.Errorf("%q is no entity's number", g.Entity)
	}
	if w.waiting[id] || len(w.waiting) == appendRecords {
		if err := w.flush(ctx); err != nil {
			return err
		}
	}
	v := *g
	b.mu.RLock()
	newest, from := b.ledger.page(id), b.ledger.split[id]
	b.mu.RUnlock()
	if v.SplitFrom == nil && from != 0 {
		text := from.String()
		v.SplitFrom = &text
	}
	says, err := b.digest(&v)
	if err != nil || newest.version > 0 && says == [digestBytes]byte(newest.record[:]) { // Promise 2
		return err
	}
	record := schemas.Record{ID: recordID(says, newest.version+1), Key: []byte(g.Entity)}
	v.Version, v.At = int64(newest.version)+1, w.at
	if record.Value, err = b.encoder.Append(nil, b.schema, &v); err != nil {
		return err
	}
	if w.bytes+len(record.Value) > appendBytes {
		if err := w.flush(ctx); err != nil {
			return err
		}
	}
	w.put(b.partition(g.Entity), record)
	w.waiting[id] = true
	return nil
}

// digest stands for all that a version says but its number and time.
func (b *Book) digest(v *schemas.Golden) (says [digestBytes]byte, err error) {
	v.Version, v.At = 0, ""
	if b.plain, err = b.encoder.Append(b.plain[:0], 0, v); err != nil {
		return says, err
	}
	sum := sha256.Sum256(b.plain)
	return [digestBytes]byte(sum[:]), nil
}

// recordID is the ID of a version's record. Of two versions of an entity it shows whether they say the same, and a version that says again what
// an earlier one said is another record.
func recordID(says [digestBytes]byte, version uint32) (id schemas.ID) {
	copy(id[:], says[:])
	binary.BigEndian.PutUint32(id[digestBytes:], version)
	return id
}

func (w *writer) put(partition int, r schemas.Record) {
	w.bytes += len(r.Key) + len(r.Value)
	for i := range w.batches {
		if w.batches[i].Partition == partition {
			w.batches[i].Records = append(w.batches[i].Records, r)
			return
		}
	}
	w.batches = append(w.batches, hub.Batch{Topic: Topic, Partition: partition, Records: []schemas.Record{r}})
}

// flush appends what was gathered, and reads it.
func (w *writer) flush(ctx context.Context) error {
	if len(w.waiting) == 0 {
		return nil
	}
	if err := w.book.log.Append(ctx, w.batches); err != nil { // Promise 1: from here on it is on disk
		return err
	}
	w.written += int64(len(w.waiting))
	w.batches, w.bytes = nil, 0
	clear(w.waiting)
	return w.book.readOn(ctx)
}
