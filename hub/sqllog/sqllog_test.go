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

// So is damage to where a batch says it lies, and a batch that is gone.
func TestDamagedRow(t *testing.T) {
	for name, damage := range map[string]string{
		"another offset":             `UPDATE batches SET base = base + 1 WHERE base = 2`,
		"fewer records":              `UPDATE batches SET records = 1 WHERE base = 2`,
		"another delivery":           `UPDATE batches SET delivery = 2 WHERE base = 2`,
		"another topic, a hole here": `UPDATE batches SET topic = 'keyed' WHERE base = 2`,
		"gone":                       `DELETE FROM batches WHERE base = 2`,
		"the first is gone":          `DELETE FROM batches WHERE base = 0`,
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			log, db := openDB(t, dir)
			for range 3 {
				records := []schemas.Record{{Key: []byte("k"), Value: []byte("v")}, {Key: []byte("k"), Value: []byte("w")}}
				if err := log.Append(t.Context(), []hub.Batch{{Topic: "single", Delivery: 1, Records: records}}); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := db.Exec(damage); err != nil {
				t.Fatal(err)
			}
			log, _ = openDB(t, dir)
			var b hub.Batch
			var err error
			for at := int64(0); at < 6 && err == nil; at += int64(len(b.Records)) {
				if err = log.Read(t.Context(), "single", 0, at, &b); err == nil && len(b.Records) == 0 {
					t.Fatalf("the partition seems to end at %d", at)
				}
			}
			if err == nil || !strings.Contains(err.Error(), "damaged") {
				t.Errorf("reading gave %v, want it to say that a batch is damaged", err)
			}
		})
	}
}
