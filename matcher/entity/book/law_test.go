package book_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"hebian/hub"
	"hebian/matcher/entity"
	"hebian/matcher/entity/book"
	"hebian/schemas"
)

// memory is a log that a law may open a thousand times.
type memory struct{ partitions [3][]schemas.Record }

func (m *memory) Partitions(string) int { return len(m.partitions) }

func (m *memory) Append(_ context.Context, batches []hub.Batch) error {
	for i := range batches {
		b := &batches[i]
		b.Base = int64(len(m.partitions[b.Partition]))
		m.partitions[b.Partition] = append(m.partitions[b.Partition], b.Records...)
	}
	return nil
}

func (m *memory) End(_ context.Context, _ string, partition int) (int64, error) {
	return int64(len(m.partitions[partition])), nil
}

func (m *memory) Read(_ context.Context, topic string, partition int, from int64, b *hub.Batch) error {
	rest := m.partitions[partition][from:]
	b.Topic, b.Partition, b.Base, b.Records = topic, partition, from, append(b.Records[:0], rest[:min(4, len(rest))]...)
	return nil
}

// chronicle is what a book should know: every version of every entity.
type chronicle map[entity.ID][]schemas.Golden

// write does what Write should do.
func (c chronicle) write(id entity.ID, g *schemas.Golden) (written int64) {
	v := numbered(g, int64(len(c[id])+1), day)
	if v.SplitFrom == nil {
		for _, earlier := range c[id] {
			if earlier.SplitFrom != nil {
				v.SplitFrom = earlier.SplitFrom
			}
		}
	}
	if n := len(c[id]); n > 0 {
		last := c[id][n-1]
		last.Version++
		if cmp.Equal(last, v, same) {
			return 0
		}
	}
	c[id] = append(c[id], v)
	return 1
}

// former is what was borne, by when it was last, without what is.
func (c chronicle) former(id entity.ID) book.Former {
	name := func(g *schemas.Golden) string {
		for _, f := range g.Fields {
			if f.Field == "name" {
				return f.Value
			}
		}
		return ""
	}
	last := func(text func(*schemas.Golden) string) (texts []string) {
		for i := range c[id] {
			now := text(&c[id][i])
			texts = append(slices.DeleteFunc(texts, func(t string) bool { return t == now }), now)
		}
		if len(texts) > 0 {
			texts = texts[:len(texts)-1]
		}
		return slices.DeleteFunc(texts, func(t string) bool { return t == "" })
	}
	return book.Former{Names: last(name), Codes: last(func(g *schemas.Golden) string { return g.Code })}
}

// identities are those of the newest versions; of members that none has, where they were first of all.
func (c chronicle) identities() identities {
	all := identities{Records: map[string]entity.Identity{}, Retired: map[entity.ID]entity.ID{}, Next: 1}
	for id, versions := range c {
		all.Next = max(all.Next, id+1)
		newest := &versions[len(versions)-1]
		if newest.MergedInto != nil {
			all.Retired[id], _ = entity.ParseID(*newest.MergedInto)
		} else if len(newest.Members) == 0 {
			all.Retired[id] = 0
		}
		for i := range versions {
			for _, m := range versions[i].Members {
				source, _ := entity.SourceOf(m.Source)
				key := m.Source + ":" + m.SourceKey
				home, _ := entity.ParseID(m.Home)
				if &versions[i] == newest && newest.MergedInto == nil {
					all.Records[key] = identity(source, m.SourceKey, id, home)
				} else if _, known := all.Records[key]; !known {
					all.Records[key] = identity(source, m.SourceKey, 0, home)
				}
			}
		}
	}
	return all
}

// TestBookIsWhatWasWritten: whatever is written in whatever batches, with crashes at any step and with new starts, the book knows every version
// once, and nothing else.
func TestBookIsWhatWasWritten(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		log := &crash{Log: &memory{}}
		b, want := open(t, log), chronicle{}
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			var goldens []*schemas.Golden
			for _, id := range rapid.SliceOfNDistinct(rapid.IntRange(1, entities), 0, entities, rapid.ID[int]).Draw(rt, "entities") {
				goldens = append(goldens, drawGolden(rt, entity.ID(id)))
			}
			expected := int64(0)
			for _, g := range goldens {
				id, _ := entity.ParseID(g.Entity)
				expected += want.write(id, g)
			}
			if rapid.IntRange(0, 3).Draw(rt, "crash") == 0 {
				log.armed, log.batches = true, rapid.IntRange(0, 3).Draw(rt, "batches")
				b.Write(t.Context(), day, each(goldens...)) //nolint:errcheck // the crash, unless there is nothing to write
				log.armed, expected = false, -1
			}
			if rapid.Bool().Draw(rt, "restart") {
				b = open(t, log)
			}
			written, err := b.Write(t.Context(), day, each(goldens...))
			if err != nil || expected >= 0 && written != expected {
				rt.Fatalf("Write wrote %d versions, %v; want %d", written, err, expected)
			}
		}
		if rapid.Bool().Draw(rt, "restart at the end") {
			b = open(t, log)
		}
		check(t, rt, b, want, log)
	})
}

func check(t *testing.T, rt *rapid.T, b *book.Book, want chronicle, log hub.Log) {
	versions := int64(0)
	for id := entity.ID(1); id <= entities; id++ {
		versions += int64(len(want[id]))
		if diff := cmp.Diff(want[id], history(t, b, id), same); diff != "" {
			rt.Fatalf("history of %s: -want +got\n%s", id, diff)
		}
		if diff := cmp.Diff(want.former(id), b.Former(id), same); diff != "" {
			rt.Fatalf("former of %s: -want +got\n%s", id, diff)
		}
		if b.Knows(id) != (len(want[id]) > 0) {
			rt.Fatalf("Knows(%s) = %t", id, b.Knows(id))
		}
	}
	if n := records(t, log); n != versions {
		rt.Fatalf("%d records in the log, want %d", n, versions)
	}
	if diff := cmp.Diff(want.identities(), collect(t, b)); diff != "" {
		rt.Fatalf("identities: -want +got\n%s", diff)
	}
}

const entities = 5

// drawGolden draws one of few. Every entity has members of its own, so that none is in two at once.
func drawGolden(rt *rapid.T, id entity.ID) *schemas.Golden {
	if rapid.IntRange(0, 4).Draw(rt, "gone") == 0 {
		return gone(id, entity.ID(rapid.IntRange(0, entities).Draw(rt, "into")))
	}
	var members []schemas.GoldenMember
	for _, n := range rapid.SliceOfNDistinct(rapid.IntRange(1, 3), 1, 3, rapid.ID[int]).Draw(rt, "members") {
		members = append(members, member("tax", fmt.Sprint(id, "/", n), id))
	}
	g := golden(id, rapid.SampledFrom([]string{"A", "B"}).Draw(rt, "code"), rapid.SampledFrom([]string{"甲", "乙", "丙"}).Draw(rt, "name"), members...)
	if rapid.IntRange(0, 3).Draw(rt, "split") == 0 {
		from := entity.ID(rapid.IntRange(1, entities).Draw(rt, "from")).String()
		g.SplitFrom = &from
	}
	return g
}
