// Package matchertest makes small logs for the tests of the matcher: rows go in as records of the
// schemas, through the very encoding that intake writes. It is no log to run on.
package matchertest

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"hash/fnv"
	"reflect"
	"slices"
	"testing"

	"hebian/hub"
	"hebian/matcher/state"
	"hebian/schemas"
)

// Partitions is how many partitions the logs have.
const Partitions = 3

// Log is what was delivered, entry by entry.
type Log struct {
	entries []entry
	equal   map[[sha256.Size]byte]int // rows of each content so far
}

type entry struct {
	file   string
	topic  string
	part   int
	record schemas.Record
}

// Assert adds a row that a file holds and gives the number of its entry, from 0 on. Equal rows of a
// file are different records.
func (l *Log) Assert(t testing.TB, file string, row schemas.Row) int {
	t.Helper()
	if field, reason := row.Derive(schemas.Delivered{}); reason != "" {
		t.Fatalf("row of %s: field %s: %s", file, field, reason)
	}
	subject := SubjectOf(t, row)
	value, err := schemas.NewEncoder(subject).Append(nil, 1, row)
	if err != nil {
		t.Fatal(err)
	}
	content := sha256.Sum256(fmt.Append(nil, file, "\x00", value))
	if l.equal == nil {
		l.equal = map[[sha256.Size]byte]int{}
	}
	l.equal[content]++
	id := sha256.Sum256(fmt.Append(nil, content, l.equal[content]))
	key := []byte(row.Key())
	e := entry{file: file, topic: subject.Name, record: schemas.Record{ID: schemas.ID(id[:16]), Key: key, Value: value}}
	if subject.Field("person") != nil {
		hash := fnv.New32a()
		hash.Write(key)
		e.part = int(hash.Sum32() % Partitions)
	}
	l.entries = append(l.entries, e)
	return len(l.entries) - 1
}

// Retract adds what takes the n-th entry back.
func (l *Log) Retract(n int) int {
	e := l.entries[n]
	e.record.Op = schemas.Retract
	l.entries = append(l.entries, e)
	return len(l.entries) - 1
}

// Len is the number of entries.
func (l *Log) Len() int { return len(l.entries) }

// Fold folds the entries in the order given, or as they were added. It also says which entry lies
// where.
func (l *Log) Fold(t testing.TB, order []int) (*state.State, map[state.Ref]int) {
	t.Helper()
	s, err := state.New(Partitions)
	if err != nil {
		t.Fatal(err)
	}
	if order == nil {
		for i := range l.entries {
			order = append(order, i)
		}
	}
	w := NewWriter(l)
	for _, i := range order {
		if err := w.Deliver(i).Each(s.Apply); err != nil {
			t.Fatal(err)
		}
	}
	return s, w.Entries
}

// Writer puts entries of a log into deliveries and gives them their places.
type Writer struct {
	Entries map[state.Ref]int // by where they lie

	log  *Log
	ends map[part]int64
	last int64 // delivery
}

// part is a partition of a topic.
type part struct {
	topic     string
	partition int
}

// Batch is a batch of a delivery of a file.
type Batch struct {
	hub.Batch
	File string
}

// Batches are those of a delivery.
type Batches []*Batch

// Each calls fn for each batch, as often as it is called itself.
func (all Batches) Each(fn func(file string, b *hub.Batch) error) error {
	for _, b := range all {
		if err := fn(b.File, &b.Batch); err != nil {
			return err
		}
	}
	return nil
}

// NewWriter begins with empty partitions.
func NewWriter(l *Log) *Writer {
	return &Writer{log: l, Entries: map[state.Ref]int{}, ends: map[part]int64{}}
}

// Deliver makes the next delivery of some entries, partition after partition. Within one, entries keep
// the order given.
func (w *Writer) Deliver(entries ...int) Batches {
	w.last++
	var batches Batches
	open := map[part]*Batch{}
	for _, i := range entries {
		e := w.log.entries[i]
		p := part{e.topic, e.part}
		b := open[p]
		if b == nil || b.File != e.file {
			b = &Batch{File: e.file, Batch: hub.Batch{Topic: e.topic, Partition: e.part, Delivery: w.last, Base: w.ends[p]}}
			open[p] = b
			batches = append(batches, b)
		}
		b.Records = append(b.Records, e.record)
		w.Entries[state.RefOf(e.topic, e.part, w.ends[p])] = i
		w.ends[p]++
	}
	slices.SortStableFunc(batches, func(a, b *Batch) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
	})
	return batches
}

// SubjectOf finds the subject whose records are such rows.
func SubjectOf(t testing.TB, row schemas.Row) *schemas.Subject {
	t.Helper()
	for _, s := range schemas.Subjects() {
		if reflect.TypeOf(s.New()) == reflect.TypeOf(row) {
			return s
		}
	}
	t.Fatalf("%T is no row of a subject", row)
	return nil
}
