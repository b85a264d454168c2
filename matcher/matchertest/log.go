// Package matchertest makes small logs for the tests of the matcher: rows go in as records of the
// schemas, through the very encoding that intake writes. It is no log to run on.
package matchertest

import (
	"crypto/sha256"
	"fmt"
	"hash/fnv"
	"reflect"
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
	type place struct {
		topic string
		part  int
	}
	ends := map[place]int64{}
	at := map[state.Ref]int{}
	for _, i := range order {
		e := l.entries[i]
		p := place{e.topic, e.part}
		b := hub.Batch{Topic: e.topic, Partition: e.part, Base: ends[p], Records: []schemas.Record{e.record}}
		if err := s.Apply(e.file, &b); err != nil {
			t.Fatal(err)
		}
		at[state.RefOf(e.topic, e.part, ends[p])] = i
		ends[p]++
	}
	return s, at
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
