// Package book keeps the golden records of legal entities: every version of each, in the log of the hub. In memory it has where they lie
// and what the newest one is told by, so that only what differs is written and everything can be read back. It judges nothing: whoever
// does hands in what is golden now.
package book

import (
	"context"
	"fmt"
	"hash/maphash"
	"slices"
	"sync"

	"hebian/hub"
	"hebian/matcher/entity"
	"hebian/schemas"
)

// Topic is where golden records lie.
const Topic = "hub.golden"

// MaxHistory bounds the versions that History gives: more than a page can show.
const MaxHistory = 200

// Book is the golden records of a log. It is the only one that writes to their topic, and is a fold of it (Promise 5): a version counts
// when it is read, not when it is written. So a repeat after a crash, or after an error that leaves open how far an Append came,
// finds what is there and writes the rest (Promise 2).
//
// All of it may be used by several goroutines at once.
type Book struct {
	log    hub.Log
	schema uint32
	walker *schemas.Walker
	seed   maphash.Seed

	writing sync.Mutex // guards what follows, up to mu; taken before it
	encoder *schemas.Encoder
	plain   []byte  // of a version while it is compared
	next    []int64 // by partition, the offset to read on from

	mu     sync.RWMutex // guards what follows
	ledger ledger
	owed   []hub.Position // versions with a name or a code that their entity bears no more; settle reads them
}

// Open reads the golden records of a log. schemaID is the id of their schema.
func Open(ctx context.Context, log hub.Log, schemaID uint32) (*Book, error) {
	subject := schemas.SubjectOf(Topic)
	walker, err := schemas.NewWalker(subject.Avro)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", Topic, err)
	}
	b := &Book{
		log: log, schema: schemaID, walker: walker, seed: maphash.MakeSeed(), encoder: schemas.NewEncoder(subject),
		next: make([]int64, log.Partitions(Topic)), ledger: newLedger(),
	}
	if err := b.readOn(ctx); err != nil {
		return nil, err
	}
	if err := b.settle(ctx); err != nil {
		return nil, err
	}
	return b, nil
}

// Knows says whether an entity has, or had, a golden record.
func (b *Book) Knows(id entity.ID) bool {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.ledger.page(id).version > 0
}

// Former is what an entity was called and is no more, in the order in which it was last called so.
type Former struct{ Names, Codes []string }

// Former gives the former names and codes of an entity: the newest maxFormer of each.
func (b *Book) Former(id entity.ID) Former {
	b.mu.RLock()
	defer b.mu.RUnlock()
	f := b.ledger.former[id]
	return Former{slices.Clone(f.Names), slices.Clone(f.Codes)}
}

// History reads the versions of an entity back, oldest first: the newest MaxHistory of them.
func (b *Book) History(ctx context.Context, id entity.ID) ([]schemas.Golden, error) {
	b.mu.RLock()
	offsets := b.ledger.offsets(id, MaxHistory)
	b.mu.RUnlock()
	at := make([]hub.Position, len(offsets))
	for i, offset := range offsets {
		at[i] = hub.Position{Topic: Topic, Partition: b.partition(id.String()), Offset: offset}
	}
	versions := make([]schemas.Golden, 0, len(at))
	err := hub.Trace(ctx, b.log, at, func(_ hub.Position, _ int64, r *schemas.Record) error {
		versions = append(versions, schemas.Golden{})
		return schemas.Decode(r.Value, b.walker, &versions[len(versions)-1])
	})
	if err != nil {
		return nil, fmt.Errorf("read %d versions of %s: %w", len(at), id, err)
	}
	return versions, nil
}

// partition is where the versions of an entity lie.
func (b *Book) partition(id string) int {
	return hub.PartitionOf([]byte(id), len(b.next))
}
