package book

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/maphash"
	"maps"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"

	"hebian/hub"
	"hebian/matcher/entity"
	"hebian/schemas"
)

// gist is what the book notes of a version.
type gist struct {
	Version    int64      `avro:"version"`
	Code       string     `avro:"code"`
	MergedInto *string    `avro:"merged_into"`
	SplitFrom  *string    `avro:"split_from"`
	Members    []struct{} `avro:"members"` // how many
	Fields     []struct {
		Field string `avro:"field"`
		Value string `avro:"value"`
	} `avro:"fields"`
}

func (g *gist) name() string {
	for i := range g.Fields {
		if g.Fields[i].Field == entity.FieldName.String() {
			return g.Fields[i].Value
		}
	}
	return ""
}

// readOn reads what the log has beyond what was read. The caller holds writing, or is alone.
func (b *Book) readOn(ctx context.Context) error {
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for p := range b.next {
		group.Go(func() error {
			return b.each(groupCtx, p, &b.next[p], b.note)
		})
	}
	if err := group.Wait(); err != nil {
		return fmt.Errorf("read %s: %w", Topic, err)
	}
	return nil
}

// each calls fn for the batches of a partition from an offset on, which it moves behind each that fn took.
func (b *Book) each(ctx context.Context, partition int, from *int64, fn func(*hub.Batch) error) error {
	var batch hub.Batch
	for {
		if err := b.log.Read(ctx, Topic, partition, *from, &batch); err != nil {
			return err
		}
		if len(batch.Records) == 0 {
			return nil
		}
		if err := fn(&batch); err != nil {
			return err
		}
		*from += int64(len(batch.Records))
	}
}

// note enters the versions of a batch.
func (b *Book) note(batch *hub.Batch) error {
	all := make([]gist, len(batch.Records))
	ids := make([]entity.ID, len(batch.Records))
	for i := range batch.Records {
		var err error
		if ids[i], err = b.decode(&batch.Records[i], &all[i]); err != nil {
			return wrongRecord(batch, i, err)
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range all {
		if err := b.enter(ids[i], &all[i], batch.Records[i].ID, batch.Partition, batch.Base+int64(i)); err != nil {
			return wrongRecord(batch, i, err)
		}
	}
	return nil
}

// decode reads as much of a version as v has fields for.
func (b *Book) decode(r *schemas.Record, v any) (entity.ID, error) {
	id, ok := entity.ParseID(string(r.Key))
	if !ok || id >= maxEntities {
		return 0, fmt.Errorf("its key %q is no entity's number", r.Key)
	}
	return id, schemas.Decode(r.Value, b.walker, v)
}

func wrongRecord(batch *hub.Batch, at int, err error) error {
	return fmt.Errorf("partition %d, offset %d: %w", batch.Partition, batch.Base+int64(at), err)
}

// enter notes a version.
func (b *Book) enter(id entity.ID, g *gist, record schemas.ID, partition int, offset int64) error {
	l := &b.ledger
	p := l.page(id)
	switch newest := int64(p.version); {
	case g.Version <= newest: // written twice by a log that tried again
		return nil
	case g.Version > newest+1:
		return fmt.Errorf("version %d of %s follows version %d", g.Version, id, newest)
	}
	now := page{record: record, version: uint32(g.Version), name: b.hash(g.name()), code: b.hash(g.Code)}
	if p.version > 0 && (now.name != p.name || now.code != p.code) {
		b.owed = append(b.owed, hub.Position{Topic: Topic, Partition: partition, Offset: l.newest(p)})
		b.drop(id, now)
	}
	if g.MergedInto != nil || len(g.Members) == 0 {
		l.retired[id] = number(g.MergedInto)
	} else {
		delete(l.retired, id)
	}
	if from := number(g.SplitFrom); from != 0 {
		l.split[id] = from
	}
	l.add(id, now, offset)
	return nil
}

// drop takes from an entity's former names and codes what it bears again.
func (b *Book) drop(id entity.ID, now page) {
	f, known := b.ledger.former[id]
	if !known {
		return
	}
	f.Names = slices.DeleteFunc(f.Names, func(name string) bool { return b.hash(name) == now.name })
	f.Codes = slices.DeleteFunc(f.Codes, func(code string) bool { return b.hash(code) == now.code })
	b.ledger.former[id] = f
}

// settle reads the names and codes that became former ones. What it could not read stays owed. The caller holds writing, or is alone.
func (b *Book) settle(ctx context.Context) error {
	slices.SortFunc(b.owed, hub.Position.Compare) // so that nothing is read twice
	err := hub.Trace(ctx, b.log, b.owed, func(_ hub.Position, _ int64, r *schemas.Record) error {
		var g gist
		id, err := b.decode(r, &g)
		if err != nil {
			return err
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		now, f := b.ledger.page(id), b.ledger.former[id]
		if b.hash(g.name()) != now.name {
			f.Names = addFormer(f.Names, g.name())
		}
		if b.hash(g.Code) != now.code {
			f.Codes = addFormer(f.Codes, g.Code)
		}
		b.ledger.former[id] = f
		return nil
	})
	if err != nil {
		return fmt.Errorf("read %d former names in %s: %w", len(b.owed), Topic, err)
	}
	b.owed = nil
	return nil
}

func (b *Book) hash(text string) uint32 { return uint32(maphash.String(b.seed, text)) }

// number reads the ID of an entity; 0 where there is none.
func number(text *string) entity.ID {
	if text == nil {
		return 0
	}
	id, _ := entity.ParseID(*text)
	return id
}

// membership is what a version says of who belongs to the entity.
type membership struct {
	Members []schemas.GoldenMember `avro:"members"`
}

// Identities says which entity each record belongs to, and which it belonged to last that is withdrawn. It calls restore, which goes
// through the records while they are read from the log: nothing of them is kept.
func (b *Book) Identities(ctx context.Context, restore func(entity.Identities) error) error {
	b.writing.Lock()
	defer b.writing.Unlock()
	var failed error
	err := restore(entity.Identities{
		Records: func(yield func(entity.Identity) bool) { failed = errors.Join(failed, b.identities(ctx, yield)) },
		Retired: maps.All(b.ledger.retired),
		Next:    b.ledger.last + 1,
	})
	if failed != nil {
		return fmt.Errorf("read identities in %s: %w", Topic, failed)
	}
	return err
}

// errEnough ends reading when nobody wants more.
var errEnough = errors.New("enough")

// identities hands over the members of newest versions, then those of earlier ones whose key no newest version has.
func (b *Book) identities(ctx context.Context, yield func(entity.Identity) bool) error {
	var live []uint64 // hashes of keys
	err := b.eachMember(ctx, true, func(i entity.Identity) bool {
		live = append(live, b.hashKey(i.RecordKey))
		return yield(i)
	})
	if err == nil && len(b.ledger.places)-1 > b.ledger.entities-len(b.ledger.retired) {
		slices.Sort(live)
		told := map[uint64]bool{}
		err = b.eachMember(ctx, false, func(i entity.Identity) bool {
			hash := b.hashKey(i.RecordKey)
			if _, lives := slices.BinarySearch(live, hash); lives || told[hash] {
				return true
			}
			told[hash] = true
			i.Current = 0
			return yield(i)
		})
	}
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

func (b *Book) hashKey(key entity.RecordKey) uint64 {
	return maphash.String(b.seed, key.Key) + uint64(key.Source)
}

// eachMember calls fn for the members of all newest versions, or of all others.
func (b *Book) eachMember(ctx context.Context, newest bool, fn func(entity.Identity) bool) error {
	for p := range b.next {
		from := int64(0)
		if err := b.each(ctx, p, &from, func(batch *hub.Batch) error {
			for i := range batch.Records {
				id, _ := entity.ParseID(string(batch.Records[i].Key))
				if b.isNewest(id, batch.Base+int64(i)) != newest {
					continue
				}
				if err := b.membersOf(&batch.Records[i], fn); err != nil {
					return wrongRecord(batch, i, err)
				}
			}
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}

// isNewest says whether an offset is that of the newest version of an entity that lives.
func (b *Book) isNewest(id entity.ID, offset int64) bool {
	b.mu.RLock()
	defer b.mu.RUnlock()
	p := b.ledger.page(id)
	_, retired := b.ledger.retired[id]
	return p.version > 0 && !retired && b.ledger.newest(p) == offset
}

func (b *Book) membersOf(r *schemas.Record, fn func(entity.Identity) bool) error {
	var m membership
	id, err := b.decode(r, &m)
	if err != nil {
		return err
	}
	for i := range m.Members {
		member := &m.Members[i]
		source, ok := entity.SourceOf(member.Source)
		if !ok {
			return fmt.Errorf("a member of %s is of the source %q", id, member.Source)
		}
		identity := entity.Identity{RecordKey: entity.RecordKey{Source: source, Key: member.SourceKey}, Current: id, Home: number(&member.Home)}
		if member.Record != "" && len(member.Record) != hex.EncodedLen(len(identity.Record)) {
			return fmt.Errorf("a member of %s is of the record %q", id, member.Record)
		}
		if _, err := hex.Decode(identity.Record[:], []byte(member.Record)); err != nil {
			return fmt.Errorf("a member of %s is of the record %q: %w", id, member.Record, err)
		}
		if !fn(identity) {
			return errEnough
		}
	}
	return nil
}
