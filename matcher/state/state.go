// Package state is what the matcher knows: the rows of the log, folded per person and per unit and
// packed so that millions of them fit into memory. It keeps what rules compare and where in the log
// each row lies; the rest of a row, its evidence, is read from the log when somebody asks.
//
// It is a multiset of rows: an Assert adds one, a Retract takes the one with the same ID away, and
// the order in which they come changes nothing (Promise 5). It does not know which records were folded already:
// whoever reads the log hands in each batch once, and says beside a snapshot which it holds. It judges nothing.
package state

import (
	"errors"
	"fmt"
	"sync/atomic"

	"hebian/hub"
)

// State is all rows: those about persons in one shard for each partition of the log, those about
// units in one table. Where several locks are held, they were taken in this order: that table's,
// then the shards' from the first on.
type State struct {
	layouts map[string]*layout // by subject
	values  *values
	units   unitTable
	shards  []*Shard
	numbers *Units      // the last that were given; used while the state is frozen
	spoilt  atomic.Bool // see ErrSpoilt
}

// ErrSpoilt says that a batch, or a delivery, was folded in part. Such a state is of no use: it must be
// loaded or folded anew.
var ErrSpoilt = errors.New("the state holds a part of a delivery")

// New makes an empty state for a log whose topics about persons have so many partitions.
func New(partitions int) (*State, error) {
	if partitions < 1 || partitions > maxPartitions {
		return nil, fmt.Errorf("state of %d partitions: 1 to %d are possible", partitions, maxPartitions)
	}
	layouts, err := layouts()
	if err != nil {
		return nil, err
	}
	s := &State{layouts: layouts, values: newValues(), units: unitTable{words: newWords()}}
	for range partitions {
		s.shards = append(s.shards, newShard(s.values))
	}
	return s, nil
}

// Topics lists the topics that the state is a fold of.
func Topics() []string {
	var topics []string
	for _, spec := range layoutSpecs {
		topics = append(topics, spec.subject)
	}
	return topics
}

// Apply folds a batch in, which came with a delivery of the file. Batches may be applied at the same
// time; those of one partition wait for each other. After an error the state is spoilt: the log holds
// something that intake never lets in.
func (s *State) Apply(file string, b *hub.Batch) error {
	l, err := s.place(b)
	if err != nil {
		return err
	}
	mu := &s.units.mu
	if !l.aboutUnit() {
		mu = &s.shards[b.Partition].mu
	}
	mu.Lock()
	defer mu.Unlock()
	return s.apply(l, file, b)
}

// place finds the layout of a batch's records.
func (s *State) place(b *hub.Batch) (*layout, error) {
	l := s.layouts[b.Topic]
	if l == nil {
		return nil, fmt.Errorf("fold %d records of %s: no topic of the state", len(b.Records), b.Topic)
	}
	if b.Partition < 0 || b.Partition >= len(s.shards) {
		return nil, fmt.Errorf("fold %d records of %s: partition %d of %d", len(b.Records), b.Topic, b.Partition, len(s.shards))
	}
	return l, nil
}

func (s *State) apply(l *layout, file string, b *hub.Batch) error {
	if s.spoilt.Load() {
		return fmt.Errorf("fold %d records of %s: %w", len(b.Records), b.Topic, ErrSpoilt)
	}
	var at int
	var err error
	if l.aboutUnit() {
		at, err = s.units.apply(l, file, b)
	} else {
		at, err = s.shards[b.Partition].apply(l, file, b)
	}
	if err != nil {
		s.spoilt.Store(true)
		return wrongRecord(b, at, err)
	}
	return nil
}

func wrongRecord(b *hub.Batch, at int, err error) error {
	return fmt.Errorf("fold %s, partition %d, offset %d: %w", b.Topic, b.Partition, b.Base+int64(at), err)
}

// Freeze waits for batches under way and keeps others out until thaw is called, so that a
// judgement sees one state. What follows here may be used while the state is frozen.
func (s *State) Freeze() (thaw func()) {
	s.units.mu.Lock()
	for _, shard := range s.shards {
		shard.mu.Lock()
	}
	return func() {
		for _, shard := range s.shards {
			shard.mu.Unlock()
		}
		s.units.mu.Unlock()
	}
}

// About says whom a batch is about, without folding it: fn is called for each record with the person's
// place in the shard of the batch's partition, -1 for somebody never seen. units is true, and fn not
// called, where the records are about units.
func (s *State) About(b *hub.Batch, fn func(person int)) (units bool, err error) {
	l, err := s.place(b)
	if err != nil || l.aboutUnit() {
		return true, err
	}
	if at, err := s.shards[b.Partition].about(l, b, fn); err != nil {
		return false, wrongRecord(b, at, err)
	}
	return false, nil
}

// Take folds all batches of a delivery. The state stays frozen, so that nobody sees a part of it. After an
// error, one of batches included, the state is spoilt.
func (s *State) Take(batches func(fn func(file string, b *hub.Batch) error) error) error {
	err := batches(func(file string, b *hub.Batch) error {
		l, err := s.place(b)
		if err != nil {
			return err
		}
		return s.apply(l, file, b)
	})
	if err != nil {
		s.spoilt.Store(true)
	}
	return err
}

// Spoilt gives ErrSpoilt if the state is.
func (s *State) Spoilt() error {
	if s.spoilt.Load() {
		return ErrSpoilt
	}
	return nil
}

// Shards are the persons, by partition.
func (s *State) Shards() []*Shard { return s.shards }
