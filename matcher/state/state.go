// Package state is what the matcher knows: the rows of the log, folded per person and per unit and
// packed so that millions of them fit into memory. It keeps what rules compare and where in the log
// each row lies; the rest of a row, its evidence, is read from the log when somebody asks.
//
// It is a multiset of rows: an Assert adds one, a Retract takes the one with the same ID away, and
// the order in which they come changes nothing (Promise 5). It does not know which records were folded already:
// whoever reads the log hands in each batch once. It judges nothing.
package state

import (
	"fmt"
	"slices"

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
}

// New makes an empty state for a log whose topics about persons have so many partitions.
func New(partitions int) (*State, error) {
	if partitions < 1 || partitions > maxPartitions {
		return nil, fmt.Errorf("state of %d partitions: 1 to %d are possible", partitions, maxPartitions)
	}
	layouts, err := newLayouts()
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
// time; those of one partition wait for each other. After an error the batch is folded in part: the
// log holds something that intake never lets in, and the state can't be used on.
func (s *State) Apply(file string, b *hub.Batch) error {
	l := s.layouts[b.Topic]
	if l == nil {
		return fmt.Errorf("fold %d records of %s: no topic of the state", len(b.Records), b.Topic)
	}
	if b.Partition < 0 || b.Partition >= len(s.shards) {
		return fmt.Errorf("fold %d records of %s: partition %d of %d", len(b.Records), b.Topic, b.Partition, len(s.shards))
	}
	var at int
	var err error
	if l.aboutUnit() {
		at, err = s.units.apply(l, file, b)
	} else {
		at, err = s.shards[b.Partition].apply(l, file, b)
	}
	if err != nil {
		return fmt.Errorf("fold %s, partition %d, offset %d: %w", b.Topic, b.Partition, b.Base+int64(at), err)
	}
	return nil
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

// Shards are the persons, by partition.
func (s *State) Shards() []*Shard { return s.shards }

// Unit is a unit's code as a number. Numbers hold for one judgement and follow the order of the
// codes, so that the smallest number is the smallest code. 0 is no unit.
type Unit uint32

// Units numbers the codes of units.
type Units struct {
	Codes  []string // by number; the first is of no unit
	tables map[*words][]Unit
}

// Units numbers all codes that the state has seen.
func (s *State) Units() *Units {
	tables := []*words{&s.units.words}
	for _, shard := range s.shards {
		tables = append(tables, &shard.words)
	}
	var codes []string
	for _, w := range tables {
		codes = append(codes, w.units.texts...)
	}
	slices.Sort(codes)
	codes = slices.Compact(codes)
	numbers := make(map[string]Unit, len(codes))
	for i, code := range codes {
		numbers[code] = Unit(i + 1)
	}
	u := &Units{Codes: append([]string{""}, codes...), tables: map[*words][]Unit{}}
	for _, w := range tables {
		of := make([]Unit, len(w.units.texts)+1)
		for i, code := range w.units.texts {
			of[i+1] = numbers[code]
		}
		u.tables[w] = of
	}
	return u
}
