package book_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"hebian/hub"
	"hebian/hub/sqldb"
	"hebian/hub/sqllog"
	"hebian/matcher/entity"
	"hebian/matcher/entity/book"
	"hebian/schemas"
)

const schemaID = 7

var day = time.Date(2026, 9, 30, 8, 0, 0, 0, time.UTC)

func openLog(t testing.TB, dir string) hub.Log {
	t.Helper()
	db, err := sqldb.Open(t.Context(), filepath.Join(dir, "hebian.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	log, err := sqllog.Open(t.Context(), db.DB)
	if err != nil {
		t.Fatal(err)
	}
	return log
}

func open(t testing.TB, log hub.Log) *book.Book {
	t.Helper()
	b, err := book.Open(t.Context(), log, schemaID)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func each(goldens ...*schemas.Golden) func(fn func(*schemas.Golden) error) error {
	return func(fn func(*schemas.Golden) error) error {
		for _, g := range goldens {
			if err := fn(g); err != nil {
				return err
			}
		}
		return nil
	}
}

// write writes and wants so many versions to be written.
func write(t testing.TB, b *book.Book, at time.Time, want int64, goldens ...*schemas.Golden) {
	t.Helper()
	if written, err := b.Write(t.Context(), at, each(goldens...)); err != nil || written != want {
		t.Fatalf("Write of %d golden records wrote %d versions, %v; want %d", len(goldens), written, err, want)
	}
}

// golden is a golden record of an entity with one member.
func golden(id entity.ID, code, name string, members ...schemas.GoldenMember) *schemas.Golden {
	day := schemas.Date(20726)
	g := &schemas.Golden{Entity: id.String(), Code: code, Members: members}
	if len(members) == 0 {
		g.Members = []schemas.GoldenMember{member("commerce", "C"+code, id)}
	}
	g.Fields = []schemas.GoldenField{
		{Field: "name", Value: name, Normal: name, Source: "commerce", SourceKey: "C" + code, File: "entities/commerce.ndjson", Line: 2, Delivery: 3, UpdatedOn: &day, Record: record},
		{Field: "status", Value: "存续", Normal: "ACTIVE", Source: "tax", SourceKey: code, File: "entities/tax.csv", Line: 9, Delivery: 4, Record: record},
	}
	return g
}

const record = "000102030405060708090a0b0c0d0e0f"

func member(source, key string, home entity.ID) schemas.GoldenMember {
	return schemas.GoldenMember{Source: source, SourceKey: key, Record: record, Home: home.String()}
}

// gone is the golden record of an entity that is no more.
func gone(id entity.ID, into entity.ID) *schemas.Golden {
	g := &schemas.Golden{Entity: id.String()}
	if into != 0 {
		text := into.String()
		g.MergedInto = &text
	}
	return g
}

func history(t testing.TB, b *book.Book, id entity.ID) []schemas.Golden {
	t.Helper()
	versions, err := b.History(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return versions
}

// numbered is a golden record as a version of it is read.
func numbered(g *schemas.Golden, version int64, at time.Time) schemas.Golden {
	v := *g
	v.Version, v.At = version, at.Format(time.RFC3339)
	return v
}

var same = cmpopts.EquateEmpty()

// TestVersions: a version is written where something differs, and only there; a book opened again knows all of it.
func TestVersions(t *testing.T) {
	dir := t.TempDir()
	b := open(t, openLog(t, dir))
	first, other := golden(1, "91A", "明德公司"), golden(2, "12B", "第一中学")
	write(t, b, day, 2, first, other)
	write(t, b, day.Add(time.Hour), 0, other, first)
	renamed := golden(1, "91A", "明德集团")
	write(t, b, day.Add(2*time.Hour), 1, renamed, other)
	for range 2 {
		want := []schemas.Golden{numbered(first, 1, day), numbered(renamed, 2, day.Add(2*time.Hour))}
		if diff := cmp.Diff(want, history(t, b, 1), same); diff != "" {
			t.Errorf("history: -want +got\n%s", diff)
		}
		if diff := cmp.Diff([]schemas.Golden{numbered(other, 1, day)}, history(t, b, 2), same); diff != "" {
			t.Errorf("history: -want +got\n%s", diff)
		}
		if got := history(t, b, 3); len(got) != 0 || b.Knows(3) || !b.Knows(1) {
			t.Errorf("of an entity that never was the book has %v", got)
		}
		b = open(t, openLog(t, dir))
		write(t, b, day.Add(3*time.Hour), 0, renamed, &want[1], other) // with a number and a time or without
	}
	write(t, b, day.Add(3*time.Hour), 2, golden(1, "91A", "明德厂"), golden(1, "91A", "明德店")) // both of one entity, in turn
	if got := history(t, b, 1); len(got) != 4 || got[3].Fields[0].Value != "明德店" || got[3].Version != 4 {
		t.Errorf("history = %v, want 4 versions", got)
	}
}

func TestFormer(t *testing.T) {
	dir := t.TempDir()
	b := open(t, openLog(t, dir))
	for i, c := range []struct{ code, name string }{{"tax:1", "甲"}, {"tax:1", "乙"}, {"91A", "乙"}, {"91A", "甲"}, {"91A", "丙"}, {"91A", "丙"}} {
		written := []int64{2, 1, 1, 1, 1, 0}[i]
		write(t, b, day, written, golden(1, c.code, c.name), golden(2, "12B", "第一中学"))
		if i == 0 {
			write(t, b, day, 1, golden(2, "12B", "第一中学", member("civil", "V1", 2))) // nothing that makes a former name
			write(t, b, day, 1, golden(2, "12B", "第一中学"))
		}
		if got, want := b.Former(1).Names, [][]string{nil, {"甲"}, {"甲"}, {"乙"}, {"乙", "甲"}, {"乙", "甲"}}[i]; !cmp.Equal(got, want, same) {
			t.Errorf("after version %d former names are %q, want %q", i+1, got, want)
		}
	}
	for range 2 {
		if diff := cmp.Diff(book.Former{Codes: []string{"tax:1"}, Names: []string{"乙", "甲"}}, b.Former(1), same); diff != "" {
			t.Errorf("former: -want +got\n%s", diff)
		}
		if diff := cmp.Diff(book.Former{}, b.Former(2), same); diff != "" {
			t.Errorf("former of one that kept its name: -want +got\n%s", diff)
		}
		b = open(t, openLog(t, dir))
	}
}

// identities collects what a standing would get.
type identities struct {
	Records map[string]entity.Identity // by source and key
	Retired map[entity.ID]entity.ID
	Next    entity.ID
}

func collect(t testing.TB, b *book.Book) identities {
	t.Helper()
	got := identities{Records: map[string]entity.Identity{}}
	if err := b.Identities(t.Context(), func(ids entity.Identities) error {
		for i := range ids.Records {
			key := i.Source.String() + ":" + i.Key
			if _, twice := got.Records[key]; twice {
				t.Errorf("%s is handed over twice", key)
			}
			got.Records[key] = i
		}
		got.Retired, got.Next = maps.Collect(ids.Retired), ids.Next
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return got
}

func identity(source entity.Source, key string, current, home entity.ID) entity.Identity {
	i := entity.Identity{RecordKey: entity.RecordKey{Source: source, Key: key}, Current: current, Home: home}
	copy(i.Record[:], "\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f")
	return i
}

// TestIdentities: records are where the newest versions say, whatever earlier ones said; withdrawn ones keep their homes.
func TestIdentities(t *testing.T) {
	log := openLog(t, t.TempDir())
	b := open(t, log)
	write(t, b, day, 4, golden(1, "A", "甲", member("commerce", "C1", 1), member("tax", "T1", 1)), golden(2, "B", "乙", member("tax", "T2", 2)),
		golden(3, "C", "丙", member("civil", "V3", 3)), golden(4, "D", "丁", member("quality", "Q4", 4), member("tax", "T4", 4)))
	write(t, b, day, 4, golden(1, "A", "甲", member("commerce", "C1", 1), member("tax", "T2", 2)), gone(2, 1), gone(3, 0), golden(4, "D", "丁", member("quality", "Q4", 4)))
	split := golden(5, "E", "戊", member("tax", "T4", 4))
	from := entity.ID(4).String()
	split.SplitFrom = &from
	write(t, b, day, 1, split)
	write(t, b, day, 1, golden(5, "E", "己", member("tax", "T4", 4)))
	want := identities{
		Records: map[string]entity.Identity{
			"commerce:C1": identity(entity.Commerce, "C1", 1, 1), "tax:T2": identity(entity.Tax, "T2", 1, 2), "quality:Q4": identity(entity.Quality, "Q4", 4, 4),
			"tax:T4": identity(entity.Tax, "T4", 5, 4), "tax:T1": identity(entity.Tax, "T1", 0, 1), "civil:V3": identity(entity.Civil, "V3", 0, 3),
		},
		Retired: map[entity.ID]entity.ID{2: 1, 3: 0},
		Next:    6,
	}
	for range 2 {
		if diff := cmp.Diff(want, collect(t, b)); diff != "" {
			t.Errorf("identities: -want +got\n%s", diff)
		}
		if v := history(t, b, 5); len(v) != 2 || v[1].SplitFrom == nil || *v[1].SplitFrom != from {
			t.Errorf("the split is forgotten: %v", v)
		}
		b = open(t, log)
		write(t, b, day, 0, golden(5, "E", "己", member("tax", "T4", 4)), gone(2, 1))
	}
	// The merger is undone.
	write(t, b, day, 2, golden(1, "A", "甲", member("commerce", "C1", 1)), golden(2, "B", "乙", member("tax", "T2", 2)))
	if got := collect(t, b); len(got.Retired) != 1 || got.Records["tax:T2"].Current != 2 {
		t.Errorf("identities = %v, want entity 2 alive", got)
	}
	if err := b.Identities(t.Context(), func(ids entity.Identities) error {
		for range ids.Records {
			return errors.New("enough of it")
		}
		return nil
	}); err == nil || err.Error() != "enough of it" {
		t.Errorf("Identities gave %v, want what restore said", err)
	}
}

// A crash is what a log does to Append.
type crash struct {
	hub.Log
	batches int // that are written before the error; those beyond are lost
	armed   bool
}

var errCrash = errors.New("crash")

func (c *crash) Append(ctx context.Context, batches []hub.Batch) error {
	if !c.armed {
		return c.Log.Append(ctx, batches)
	}
	c.armed = false
	if some := batches[:min(c.batches, len(batches))]; len(some) > 0 {
		if err := c.Log.Append(ctx, some); err != nil {
			return err
		}
	}
	return errCrash
}

// TestCrash: however much of an Append came on disk before the crash, the next try writes the rest and nothing twice, in the same process and in
// the next one.
func TestCrash(t *testing.T) {
	for _, batches := range []int{0, 1, 3, 1000} {
		for _, restart := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d batches, restart %t", batches, restart), func(t *testing.T) {
				dir := t.TempDir()
				log := &crash{Log: openLog(t, dir), batches: batches}
				b := open(t, log)
				var before, after []*schemas.Golden
				for id := entity.ID(1); id <= 40; id++ {
					before = append(before, golden(id, fmt.Sprint("K", id), "旧名"))
					after = append(after, golden(id, fmt.Sprint("K", id), "新名"))
				}
				write(t, b, day, 40, before...)
				log.armed = true
				if _, err := b.Write(t.Context(), day, each(after...)); !errors.Is(err, errCrash) {
					t.Fatalf("Write gave %v, want the crash", err)
				}
				if restart {
					log.Log = openLog(t, dir)
					b = open(t, log)
				}
				if _, err := b.Write(t.Context(), day, each(after...)); err != nil {
					t.Fatal(err)
				}
				write(t, b, day, 0, after...)
				if n := records(t, log); n != 80 {
					t.Errorf("%d records in the log, want 80", n)
				}
				for i, g := range after {
					if diff := cmp.Diff([]schemas.Golden{numbered(before[i], 1, day), numbered(g, 2, day)}, history(t, b, entity.ID(i+1)), same); diff != "" {
						t.Fatalf("history of %s: -want +got\n%s", g.Entity, diff)
					}
					if got := b.Former(entity.ID(i + 1)).Names; !slices.Equal(got, []string{"旧名"}) {
						t.Fatalf("former names of %s: %q", g.Entity, got)
					}
				}
			})
		}
	}
}

func records(t testing.TB, log hub.Log) (n int64) {
	t.Helper()
	for p := range log.Partitions(book.Topic) {
		end, err := log.End(t.Context(), book.Topic, p)
		if err != nil {
			t.Fatal(err)
		}
		n += end
	}
	return n
}

// TestTwice: a log that tried again may hold a version twice; it counts once.
func TestTwice(t *testing.T) {
	log := openLog(t, t.TempDir())
	b := open(t, log)
	write(t, b, day, 1, golden(1, "A", "甲"))
	var batch hub.Batch
	for p := range log.Partitions(book.Topic) {
		if err := log.Read(t.Context(), book.Topic, p, 0, &batch); err != nil {
			t.Fatal(err)
		}
		if len(batch.Records) > 0 {
			break
		}
	}
	if err := log.Append(t.Context(), []hub.Batch{batch}); err != nil {
		t.Fatal(err)
	}
	write(t, b, day, 1, golden(1, "A", "乙"))
	b = open(t, log)
	if got := history(t, b, 1); len(got) != 2 {
		t.Errorf("%d versions, want 2: %v", len(got), got)
	}
}

// TestBounds: of very many versions the newest are shown.
func TestBounds(t *testing.T) {
	b := open(t, openLog(t, t.TempDir()))
	var all []*schemas.Golden
	for i := range 300 {
		all = append(all, golden(1, "A", fmt.Sprint("名", i)))
	}
	write(t, b, day, 300, all...)
	got := history(t, b, 1)
	if len(got) != book.MaxHistory || got[0].Version != 101 || got[book.MaxHistory-1].Version != 300 {
		t.Errorf("History gave %d versions from %d on", len(got), got[0].Version)
	}
	if names := b.Former(1).Names; len(names) != 100 || names[99] != "名298" {
		t.Errorf("%d former names up to %q", len(names), names[len(names)-1])
	}
}

func TestWrongGolden(t *testing.T) {
	log := openLog(t, t.TempDir())
	b := open(t, log)
	for _, id := range []string{"", "42", "E42", "E99999999999"} {
		g := golden(1, "A", "甲")
		g.Entity = id
		if _, err := b.Write(t.Context(), day, each(g)); err == nil || !strings.Contains(err.Error(), "no entity's number") {
			t.Errorf("Write of entity %q gave %v", id, err)
		}
	}
	hole := numbered(golden(1, "A", "甲"), 2, day)
	value, err := schemas.NewEncoder(schemas.SubjectOf(book.Topic)).Append(nil, schemaID, &hole)
	if err != nil {
		t.Fatal(err)
	}
	if err := log.Append(t.Context(), []hub.Batch{{Topic: book.Topic, Partition: 1, Records: []schemas.Record{{Key: []byte("E00000001"), Value: value}}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := book.Open(t.Context(), log, schemaID); err == nil || !strings.Contains(err.Error(), "partition 1, offset 0: version 2 of E00000001 follows version 0") {
		t.Errorf("Open of a log with a hole gave %v", err)
	}
}

// TestReadersBesideWriter: whoever reads sees whole versions.
func TestReadersBesideWriter(t *testing.T) {
	b := open(t, openLog(t, t.TempDir()))
	done := make(chan struct{})
	var reading sync.WaitGroup
	for range 2 {
		reading.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				versions, err := b.History(t.Context(), 1)
				if err != nil {
					t.Error(err)
					return
				}
				for i, v := range versions {
					if v.Version != int64(i)+1 || v.Fields[0].Value != fmt.Sprint("名", i) {
						t.Errorf("version %d is %v", i+1, v)
					}
				}
				if names := b.Former(1).Names; len(names) > 30 {
					t.Errorf("%d former names", len(names))
				}
			}
		})
	}
	for i := range 30 {
		write(t, b, day, 1, golden(1, "A", fmt.Sprint("名", i)))
	}
	close(done)
	reading.Wait()
}
