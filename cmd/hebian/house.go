package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"hebian/connectors"
	"hebian/hub"
	"hebian/hub/sqldb"
	"hebian/hub/sqllog"
	findingdb "hebian/matcher/sqldb"
	"hebian/schemas"
)

// house is the rooms of one data folder, tied together.
type house struct {
	dir        string
	lock       *os.File
	db         *sqldb.DB
	log        hub.Log
	deliveries hub.Deliveries
	intake     *hub.Intake
	findings   *findingdb.Findings
	schemaIDs  map[string]uint32
}

// databaseName is the one file of a data folder that holds everything that counts.
const databaseName = "hebian.db"

// singleTopics are those that every part of the matcher needs whole, and the quarantine.
var singleTopics = []string{
	"staffing.institution", "staffing.quota", "staffing.leader_post", "staffing.succession", "finance.control_number", hub.MisfitTopic,
}

// neverHeld is the share of a file's rows, in percent, that a new version may withdraw where whoever delivers stands
// by and sees the receipt.
const neverHeld = 100

// openHouse opens a data folder, makes it if need be, and keeps other processes out of it.
func openHouse(ctx context.Context, dir string) (*house, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open data folder: %w", err)
	}
	h := &house{dir: dir}
	err := h.open(ctx)
	if err != nil {
		h.close()
		return nil, err
	}
	return h, nil
}

func (h *house) open(ctx context.Context) (err error) {
	if h.lock, err = lock(filepath.Join(h.dir, "lock")); err != nil {
		return err
	}
	if h.db, err = sqldb.Open(ctx, filepath.Join(h.dir, databaseName)); err != nil {
		return err
	}
	if h.log, err = sqllog.Open(ctx, h.db.DB, singleTopics...); err != nil {
		return err
	}
	texts := map[string]string{}
	for _, s := range schemas.Subjects() {
		texts[s.Name] = s.Schema
	}
	if h.schemaIDs, err = h.db.SchemaIDs(ctx, texts); err != nil {
		return err
	}
	if h.findings, err = findingdb.Open(ctx, h.db.DB); err != nil {
		return err
	}
	h.deliveries = sqldb.Deliveries{DB: h.db}
	h.openIntake(time.Now, neverHeld)
	return nil
}

// openIntake opens the way in. A new version of a file that would withdraw more than so many percent of its
// rows is held.
func (h *house) openIntake(now hub.Clock, withdrawalPercent int) {
	h.intake = hub.NewIntake(h.log, h.deliveries, now, withdrawalPercent)
	h.intake.MisfitSchema = h.schemaIDs[hub.MisfitTopic]
}

// temporary names the folders of checks that keep nothing.
const temporary = "hebian-check-*"

// openTemporary opens a data folder that closing removes.
func openTemporary(ctx context.Context) (h *house, closeHouse func() error, err error) {
	sweepTemporary()
	dir, err := os.MkdirTemp("", temporary)
	if err != nil {
		return nil, nil, fmt.Errorf("make temporary data folder: %w", err)
	}
	if h, err = openHouse(ctx, dir); err != nil {
		return nil, nil, errors.Join(err, os.RemoveAll(dir))
	}
	// Removed first, so that closing does not fold a write-ahead log that nobody will read.
	return h, func() error { return errors.Join(os.RemoveAll(dir), h.close()) }, nil
}

// sweepTemporary removes what checks that were killed left: folders whose lock nobody holds, and old
// enough that nobody is about to take it.
func sweepTemporary() {
	folders, _ := filepath.Glob(filepath.Join(os.TempDir(), temporary)) // the pattern is right
	for _, dir := range folders {
		stat, err := os.Stat(filepath.Join(dir, "lock"))
		if err != nil || time.Since(stat.ModTime()) < time.Hour {
			continue
		}
		if held, err := lock(filepath.Join(dir, "lock")); err == nil {
			os.RemoveAll(dir) //nolint:errcheck // the next check tries again
			held.Close()
		}
	}
}

func (h *house) close() error {
	var errs []error
	if h.db != nil {
		errs = append(errs, h.db.Close())
	}
	if h.lock != nil {
		errs = append(errs, h.lock.Close()) // gives the lock back
	}
	return errors.Join(errs...)
}

// deliver takes one file of a county folder in. The receipt says how it went; the error is a
// *connectors.FileError when only this file is to blame.
func (h *house) deliver(ctx context.Context, door *connectors.Door, found connectors.Found, m hub.Manifest) (hub.Receipt, error) {
	session, err := h.intake.Begin(ctx, m)
	if err != nil {
		return hub.Receipt{}, err
	}
	reading, err := door.Read(ctx, found, session)
	var fileErr *connectors.FileError
	switch {
	case errors.As(err, &fileErr), errors.Is(err, connectors.ErrChanged), errors.Is(err, hub.ErrTooLarge):
		return session.Fail(ctx, err)
	case err != nil:
		session.Leave()
		return hub.Receipt{}, err
	}
	return session.Finish(ctx, hub.Ending{
		Digest: reading.Digest, Bytes: reading.Bytes, UnknownColumns: reading.UnknownColumns, Notes: reading.Notes,
		Form: string(reading.Form), Encoding: reading.Encoding, Columns: reading.Columns,
	})
}

// door opens a county folder for this house.
func (h *house) door(dir string, progress func(int64)) *connectors.Door {
	return &connectors.Door{Dir: dir, Temp: h.dir, SchemaID: func(subject string) uint32 { return h.schemaIDs[subject] }, Progress: progress}
}

// lock makes sure that one process at a time uses a data folder. The kernel gives the lock back when
// the process ends, however it ends.
func lock(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock data folder: %w", err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer file.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			holder, _ := os.ReadFile(path) // only for the message
			return nil, fmt.Errorf("data folder %s is in use by another hebian (process %s): wait for it or end it", filepath.Dir(path), strings.TrimSpace(string(holder)))
		}
		return nil, fmt.Errorf("lock data folder: %w", err)
	}
	if err = file.Truncate(0); err == nil {
		_, err = file.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("lock data folder: %w", err)
	}
	return file, nil
}
