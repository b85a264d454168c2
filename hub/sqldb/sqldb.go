// Package sqldb holds the hub's tables: deliveries and receipts, periods, schema ids, settings and, for package
// sqllog, the log itself. It opens the one SQLite file and brings its tables up to date. It holds no
// logic of the hub.
package sqldb

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"net/url"
	"runtime"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
	_ "modernc.org/sqlite" // the driver "sqlite"
)

//go:embed migrations/*.sql
var migrations embed.FS

// DB is the hub's database.
type DB struct{ *sql.DB }

// pragmas: a commit is on disk when it returns (synchronous FULL; Promise 7: a kill loses nothing), readers don't wait for the writer
// (WAL). The WAL is folded back into the file every 4,000 pages (16 MB), which bounds its size. Larger
// pages than the default take more memory and are no faster.
var pragmas = []string{
	"journal_mode(WAL)", "synchronous(FULL)", "busy_timeout(10000)", "cache_size(-8000)", "wal_autocheckpoint(4000)",
	"foreign_keys(1)", "temp_store(MEMORY)",
}

// Open opens the database file, creates it if need be, and migrates it.
func Open(ctx context.Context, path string) (*DB, error) {
	query := url.Values{"_pragma": pragmas, "_txlock": {"immediate"}}
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: query.Encode()}).String())
	if err != nil {
		return nil, fmt.Errorf("open database %s: %w", path, err)
	}
	// One connection writes, the others read: a partition each while the state is folded.
	db.SetMaxOpenConns(1 + max(2, runtime.GOMAXPROCS(0)))
	if err := migrate(ctx, db); err != nil {
		db.Close()
		return nil, fmt.Errorf("open database %s: %w", path, err)
	}
	return &DB{db}, nil
}

func migrate(ctx context.Context, db *sql.DB) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	return Migrate(ctx, db, files, goose.DefaultTablename)
}

// Migrate brings the tables of one package up to date: files holds its numbered migrations, table is
// where goose notes which of them ran. Tables made by a newer version are refused.
func Migrate(ctx context.Context, db *sql.DB, files fs.FS, table string) error {
	store, err := database.NewStore(goose.DialectSQLite3, table)
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider("", db, files, goose.WithStore(store))
	if err != nil {
		return err
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("bring tables up to date: %w", err)
	}
	current, target, err := provider.GetVersions(ctx)
	if err == nil && current > target {
		err = fmt.Errorf("its tables are of version %d, this hebian knows %d: use a newer one", current, target)
	}
	return err
}

// transact runs fn in a transaction that is on disk when transact returns nil.
func (db *DB) transact(ctx context.Context, fn func(*sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := fn(tx); err != nil {
		tx.Rollback() //nolint:errcheck // the error that made us roll back is the one to report
		return err
	}
	return tx.Commit()
}
