// Package sqllog is the log inside the hub's one SQLite file: each batch is a row, its records packed
// into a compressed, checksummed blob. An Append is one transaction, on disk before it returns.
package sqllog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"hebian/hub"
)

// Partitions is how many partitions a keyed topic of a new data folder gets. More than cores, so that
// a fold spreads evenly; few, so that a batch stays large enough to compress well.
const Partitions = 8

// Log is a hub.Log in a SQLite database that package sqldb has opened. One process writes.
type Log struct {
	db         *sql.DB
	read       *sql.Stmt
	single     map[string]bool // topics with one partition
	partitions int

	writing sync.Mutex // one Append at a time; taken before mu
	packer  packer     // the writer's

	mu   sync.Mutex
	next map[place]int64 // next offset by partition, for those written to or asked for
	all  bool            // next has every partition that holds anything: the log was empty when it was opened
}

type place struct {
	topic     string
	partition int
}

// Open gives the log of a database. The topics named have one partition; the others have as many as
// the database was made with. Which topics those are can't change: keys would change places.
func Open(ctx context.Context, db *sql.DB, singleTopics ...string) (*Log, error) {
	partitions, err := setting(ctx, db, "partitions", strconv.Itoa(Partitions))
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	n, err := strconv.Atoi(partitions)
	if err != nil || n < 1 {
		return nil, fmt.Errorf("open log: number of partitions is %q", partitions)
	}
	single := strings.Join(slices.Sorted(slices.Values(singleTopics)), " ")
	made, err := setting(ctx, db, "single_topics", single)
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	if made != single {
		return nil, fmt.Errorf("open log: it was made by another version, with one partition for %q instead of %q", made, single)
	}
	l := &Log{db: db, single: map[string]bool{}, partitions: n, next: map[place]int64{}}
	for _, topic := range singleTopics {
		l.single[topic] = true
	}
	// Prepared once: a reader that looks at many small batches would spend half its time on that.
	if l.read, err = db.PrepareContext(ctx, `SELECT base, records, delivery, content FROM batches
		WHERE topic = ? AND part = ? AND base <= ? ORDER BY base DESC LIMIT 1`); err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	if err := db.QueryRowContext(ctx, `SELECT NOT EXISTS (SELECT 1 FROM batches)`).Scan(&l.all); err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	return l, nil
}

// setting reads a setting of the data folder, written down the first time it is asked for.
func setting(ctx context.Context, db *sql.DB, name, value string) (string, error) {
	if _, err := db.ExecContext(ctx, `INSERT OR IGNORE INTO settings (name, value) VALUES (?, ?)`, name, value); err != nil {
		return "", err
	}
	err := db.QueryRowContext(ctx, `SELECT value FROM settings WHERE name = ?`, name).Scan(&value)
	return value, err
}

// Partitions is the number of partitions of a topic.
func (l *Log) Partitions(topic string) int {
	if l.single[topic] {
		return 1
	}
	return l.partitions
}

// Append writes all batches or none, and sets their Base.
func (l *Log) Append(ctx context.Context, batches []hub.Batch) error {
	l.writing.Lock()
	defer l.writing.Unlock()
	tx, err := l.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("append to log: %w", err)
	}
	defer tx.Rollback() //nolint:errcheck // after a commit it does nothing
	insert, err := tx.PrepareContext(ctx, `INSERT INTO batches (topic, part, base, records, delivery, content) VALUES (?, ?, ?, ?, ?, ?)`)
	if err != nil {
		return fmt.Errorf("append to log: %w", err)
	}
	defer insert.Close()
	next := map[place]int64{}
	for i := range batches {
		b := &batches[i]
		at := place{b.Topic, b.Partition}
		base, ok := next[at]
		if !ok {
			// By the transaction's own connection: another may have to wait for one that waits for this transaction.
			if base, err = l.end(ctx, tx, at); err != nil {
				return err
			}
		}
		b.Base = base
		blob, err := l.packer.pack(b)
		if err != nil {
			return fmt.Errorf("append %d records to %s: %w", len(b.Records), b.Topic, err)
		}
		if _, err := insert.ExecContext(ctx, b.Topic, b.Partition, base, len(b.Records), b.Delivery, blob); err != nil {
			return fmt.Errorf("append %d records to %s: %w", len(b.Records), b.Topic, err)
		}
		next[at] = base + int64(len(b.Records))
	}
	if err := tx.Commit(); err != nil { // Promise 1: synchronous FULL has it on disk here
		return fmt.Errorf("append %d batches to log: %w", len(batches), err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	maps.Copy(l.next, next)
	return nil
}

// End is the offset that the next record of a partition will get.
func (l *Log) End(ctx context.Context, topic string, partition int) (int64, error) {
	return l.end(ctx, l.db, place{topic, partition})
}

// querier is a database or a transaction.
type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// end looks in the database where nobody has looked or written before. It asks without the lock, which an Append
// may be waiting for.
func (l *Log) end(ctx context.Context, db querier, at place) (int64, error) {
	if n, ok := l.known(at); ok {
		return n, nil
	}
	var n int64
	err := db.QueryRowContext(ctx, `SELECT base + records FROM batches WHERE topic = ? AND part = ? ORDER BY base DESC LIMIT 1`, at.topic, at.partition).Scan(&n)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, fmt.Errorf("find end of %s/%d: %w", at.topic, at.partition, err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if newer, ok := l.next[at]; ok { // somebody appended meanwhile
		return newer, nil
	}
	l.next[at] = n
	return n, nil
}

func (l *Log) known(at place) (int64, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n, ok := l.next[at]
	return n, ok || l.all
}

// Read fills b with the records of the batch that holds offset from, those before it left out.
func (l *Log) Read(ctx context.Context, topic string, partition int, from int64, b *hub.Batch) error {
	b.Topic, b.Partition, b.Base, b.Records = topic, partition, from, b.Records[:0]
	end, err := l.End(ctx, topic, partition)
	if err != nil || from >= end {
		return err
	}
	rows, err := l.read.QueryContext(ctx, topic, partition, from)
	if err != nil {
		return fmt.Errorf("read %s/%d from %d: %w", topic, partition, from, err)
	}
	defer rows.Close()
	found := false
	for rows.Next() {
		var records int64
		var blob sql.RawBytes
		if err := rows.Scan(&b.Base, &records, &b.Delivery, &blob); err != nil {
			return fmt.Errorf("read %s/%d from %d: %w", topic, partition, from, err)
		}
		if err := unpack(blob, int(records), b); err != nil {
			return fmt.Errorf("read %s/%d at %d: %w", topic, partition, b.Base, err)
		}
		if found = from < b.Base+records; found {
			b.Base, b.Records = from, b.Records[from-b.Base:]
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read %s/%d from %d: %w", topic, partition, from, err)
	}
	if !found {
		return fmt.Errorf("read %s/%d from %d: no batch holds it, and the partition goes on to %d: %w", topic, partition, from, end, errDamaged)
	}
	return nil
}
