package sqllog_test

import (
	"context"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"hebian/hub"
	"hebian/hub/sqldb"
	"hebian/hub/sqllog"
	"hebian/schemas"
)

// Appends, reads of partitions that nobody has looked at yet, and writers of other tables do not wait for each other in a
// circle: the database has few connections, and an append holds one of them.
func TestNoStall(t *testing.T) {
	dir := t.TempDir()
	log, _ := openDB(t, dir)
	record := []schemas.Record{{Key: []byte("k"), Value: []byte("v")}}
	for i := range 8 {
		if err := log.Append(t.Context(), []hub.Batch{{Topic: "keyed", Partition: i, Delivery: 1, Records: record}}); err != nil {
			t.Fatal(err)
		}
	}
	for round := range 20 {
		db, err := sqldb.Open(t.Context(), filepath.Join(dir, "hebian.db"))
		if err != nil {
			t.Fatal(err)
		}
		log, err := sqllog.Open(t.Context(), db.DB, "single") // a restart: it knows no end
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 8*time.Second) // less than a writer waits for the lock
		var wait sync.WaitGroup
		try := func(what string, do func() error) {
			wait.Go(func() {
				if err := do(); err != nil {
					t.Errorf("round %d: %s: %v", round, what, err)
				}
			})
		}
		for i := range 8 {
			try("append", func() error {
				return log.Append(ctx, []hub.Batch{{Topic: "keyed", Partition: i, Delivery: 1, Records: record}, {Topic: "keyed", Partition: 7 - i, Delivery: 1, Records: record}})
			})
			try("read", func() error {
				var b hub.Batch
				return log.Read(ctx, "keyed", i, 0, &b)
			})
			try("begin", func() error {
				return sqldb.Deliveries{DB: db}.Begin(ctx, &hub.Delivery{Agency: "finance", File: "f", Subject: "s", Started: time.Now()})
			})
		}
		wait.Wait()
		cancel()
		db.Close()
	}
}
