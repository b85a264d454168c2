package book_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"hebian/hub"
	"hebian/matcher/entity"
	"hebian/matcher/entity/book"
	"hebian/schemas"
)

// benchEntities is a province's.
const benchEntities = 1_000_000

// BenchmarkBook writes the golden records of all entities, of four registrations each; then again with none of them changed, as after
// a restart; then with every tenth renamed. It opens the book and hands over who belongs where.
func BenchmarkBook(b *testing.B) {
	dir := b.TempDir()
	log := openLog(b, dir)
	bk := open(b, log)
	round := 0
	write := func(b *testing.B, every int) (written int64) {
		b.Helper()
		written, err := bk.Write(b.Context(), day, func(fn func(*schemas.Golden) error) error {
			for id := entity.ID(every); id <= benchEntities; id += entity.ID(every) {
				if err := fn(benchGolden(id, round)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
		return written
	}
	started := time.Now()
	write(b, 1)
	b.Logf("all new: %.0f goldens/s", benchEntities/time.Since(started).Seconds())
	b.Run("none changed", func(b *testing.B) {
		for b.Loop() {
			if written := write(b, 1); written != 0 {
				b.Fatalf("wrote %d versions, want none", written)
			}
		}
		b.ReportMetric(float64(benchEntities*b.N)/b.Elapsed().Seconds(), "goldens/s")
	})
	b.Run("a tenth renamed", func(b *testing.B) {
		for b.Loop() {
			round++
			if written := write(b, 10); written != benchEntities/10 {
				b.Fatalf("wrote %d versions, want a tenth", written)
			}
		}
		b.ReportMetric(float64(benchEntities/10*b.N)/b.Elapsed().Seconds(), "goldens/s")
	})
	b.Run("open", func(b *testing.B) { benchOpen(b, log) })
	b.Run("identities", func(b *testing.B) {
		for b.Loop() {
			if n := len(collectAll(b, bk)); n != 4*benchEntities {
				b.Fatalf("%d identities", n)
			}
		}
		b.ReportMetric(float64(4*benchEntities*b.N)/b.Elapsed().Seconds(), "records/s")
	})
	b.Run("history", func(b *testing.B) {
		for id := entity.ID(1); b.Loop(); id = id*7919%benchEntities + 1 {
			if v := history(b, bk, id); len(v) == 0 {
				b.Fatal("no version")
			}
		}
	})
	if size, err := os.Stat(filepath.Join(dir, "hebian.db")); err == nil {
		b.Logf("the log has %d MB", size.Size()>>20)
	}
}

func benchOpen(b *testing.B, log hub.Log) {
	var before, after runtime.MemStats
	for b.Loop() {
		runtime.GC()
		runtime.ReadMemStats(&before)
		bk := open(b, log)
		runtime.GC()
		runtime.ReadMemStats(&after)
		runtime.KeepAlive(bk)
	}
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/benchEntities, "bytes/entity")
}

func collectAll(b *testing.B, bk *book.Book) (homes []entity.ID) {
	if err := bk.Identities(b.Context(), func(ids entity.Identities) error {
		for i := range ids.Records {
			homes = append(homes, i.Home)
		}
		return nil
	}); err != nil {
		b.Fatal(err)
	}
	return homes
}

// benchGolden is a golden record of four registrations and seven fields.
func benchGolden(id entity.ID, round int) *schemas.Golden {
	code := fmt.Sprintf("91139721QD%07dX", id)
	g := &schemas.Golden{Entity: id.String(), Code: code}
	for _, source := range []string{"commerce", "tax", "statistics", "quality"} {
		g.Members = append(g.Members, member(source, fmt.Sprintf("%s-%d", source[:2], id), id))
	}
	for i, value := range []string{fmt.Sprintf("青岚县明德%d号贸易有限公司（%d）", id, round), "张三", fmt.Sprint("青岚县人民路", id, "号"), "1000000.00", "2015-07-01", "存续", "139721"} {
		day := schemas.Date(20000 + int(id)%700)
		g.Fields = append(g.Fields, schemas.GoldenField{
			Field: entity.Field(i).String(), Value: value, Normal: value, Source: "commerce", SourceKey: fmt.Sprintf("co-%d", id),
			File: "entities/commerce.ndjson", Line: int64(id) + 1, Delivery: 3, UpdatedOn: &day, Record: record,
		})
	}
	return g
}
