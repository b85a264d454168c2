package sqllog_test

import (
	"path/filepath"
	"strings"
	"testing"

	"hebian/hub"
	"hebian/hub/logtest"
	"hebian/hub/sqldb"
	"hebian/hub/sqllog"
	"hebian/schemas"
)

func TestLog(t *testing.T) { logtest.Run(t, open) }

func open(t *testing.T, dir string) hub.Log {
	log, _ := openDB(t, dir)
	return log
}

func openDB(t *testing.T, dir string) (*sqllog.Log, *sqldb.DB) {
	t.Helper()
	db, err := sqldb.Open(t.Context(), filepath.Join(dir, "hebian.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	log, err := sqllog.Open(t.Context(), db.DB, "single")
	if err != nil {
		t.Fatal(err)
	}
	return log, db
}

// Another set of topics with one partition would put keys elsewhere.
func TestOtherTopics(t *testing.T) {
	_, db := openDB(t, t.TempDir())
	if _, err := sqllog.Open(t.Context(), db.DB, "single", "other"); err == nil || !strings.Contains(err.Error(), "another version") {
		t.Errorf("Open with other single topics gave %v, want it to name another version", err)
	}
}

// A flipped bit anywhere in a batch is found, never handed on.
func TestDamage(t *testing.T) {
	log, db := openDB(t, t.TempDir())
	records := []schemas.Record{{ID: schemas.ID{1}, Line: 2, Key: []byte("key"), Value: []byte("a value of some length, a value")}}
	if err := log.Append(t.Context(), []hub.Batch{{Topic: "single", Delivery: 1, Records: records}}); err != nil {
		t.Fatal(err)
	}
	var blob []byte
	if err := db.QueryRow(`SELECT content FROM batches`).Scan(&blob); err != nil {
		t.Fatal(err)
	}
	for bit := range len(blob) * 8 {
		blob[bit/8] ^= 1 << (bit % 8)
		if _, err := db.Exec(`UPDATE batches SET content = ?`, blob); err != nil {
			t.Fatal(err)
		}
		var b hub.Batch
		if err := log.Read(t.Context(), "single", 0, 0, &b); err == nil || !strings.Contains(err.Error(), "damaged") {
			t.Fatalf("with bit %d flipped Read gave %v, want it to say that the batch is damaged", bit, err)
		}
		blob[bit/8] ^= 1 << (bit % 8)
	}
}
