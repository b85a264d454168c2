package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"hebian/hub"
	"hebian/matcher/state"
)

// A snapshot is the state as it was after some deliveries, so that a restart folds the others alone. It is
// a help, never the truth: one that is missing, damaged or of another version is passed over, and the whole
// log folded (Promise 5). The file is: magic, number of deliveries, for each in ascending order the step from
// the id before as a varint and the print of its receipt, CRC-32C of all that, then the state as package state writes it.
const (
	snapshotName  = "state.snapshot"
	snapshotMagic = "hebian-snapshot-1\n"
	// maxFolded bounds how many deliveries a snapshot may name: some 27 years of 1,000 a day.
	maxFolded = 10_000_000
)

// folded is the deliveries in a state, with prints of their receipts: a database that was restored from a
// backup may give an id anew.
type folded map[int64]uint64

// note adds a delivery.
func (f folded) note(r hub.Receipt) { f[r.Delivery] = printOf(r) }

// printOf tells receipts apart.
func printOf(r hub.Receipt) uint64 {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %s %s %s %s %d", r.Delivery, r.Agency, r.File, r.Digest, r.Finished.UTC().Format(time.RFC3339Nano), r.RowsRead))
	return binary.LittleEndian.Uint64(sum[:])
}

// among says whether each delivery noted is one of those with a receipt.
func (f folded) among(receipts map[int64]hub.Receipt) bool {
	for id, print := range f {
		if r, there := receipts[id]; !there || printOf(r) != print {
			return false
		}
	}
	return true
}

// saveSnapshot writes the state and the deliveries in it, whole or not at all.
func saveSnapshot(dir string, s *state.State, f folded) error {
	path := filepath.Join(dir, unfinished(snapshotName))
	defer os.Remove(path) //nolint:errcheck // renamed, it is gone
	err := writeFile(path, func(w *bufio.Writer) error {
		w.Write(snapshotHead(f)) //nolint:errcheck // a bufio.Writer keeps its error
		return s.Save(w)
	})
	if err == nil {
		err = os.Rename(path, filepath.Join(dir, snapshotName))
	}
	if err == nil {
		err = syncFolder(dir)
	}
	if err != nil {
		return fmt.Errorf("write snapshot: %w", err)
	}
	return nil
}

func snapshotHead(f folded) []byte {
	head := binary.AppendUvarint([]byte(snapshotMagic), uint64(len(f)))
	last := int64(0)
	for _, id := range slices.Sorted(maps.Keys(f)) {
		head = binary.LittleEndian.AppendUint64(binary.AppendUvarint(head, uint64(id-last)), f[id])
		last = id
	}
	return binary.LittleEndian.AppendUint32(head, crc32.Checksum(head, castagnoli))
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// errSnapshot says that a snapshot can't be used.
var errSnapshot = errors.New("snapshot is damaged or of another version")

// loadSnapshot reads a snapshot for a log of so many partitions. An error of os.ErrNotExist says that there
// is none.
func loadSnapshot(dir string, partitions int) (*state.State, folded, error) {
	file, err := os.Open(filepath.Join(dir, snapshotName))
	if err != nil {
		return nil, nil, err
	}
	defer file.Close()
	r := bufio.NewReaderSize(file, 1<<20)
	f, err := readSnapshotHead(r)
	if err != nil {
		return nil, nil, err
	}
	s, err := state.Load(r, partitions)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", errSnapshot, err)
	}
	return s, f, nil
}

func readSnapshotHead(r *bufio.Reader) (folded, error) {
	head := make([]byte, len(snapshotMagic))
	if _, err := io.ReadFull(r, head); err != nil || string(head) != snapshotMagic {
		return nil, errSnapshot
	}
	next := func() uint64 {
		n, err := binary.ReadUvarint(r)
		if err != nil {
			return 0 // the checksum will tell
		}
		head = binary.AppendUvarint(head, n)
		return n
	}
	n := next()
	if n > maxFolded {
		return nil, errSnapshot
	}
	f, id := folded{}, int64(0)
	for range n {
		id += int64(next())
		var print [8]byte
		if _, err := io.ReadFull(r, print[:]); err != nil {
			return nil, errSnapshot
		}
		head = append(head, print[:]...)
		f[id] = binary.LittleEndian.Uint64(print[:])
	}
	var sum [4]byte
	if _, err := io.ReadFull(r, sum[:]); err != nil || binary.LittleEndian.Uint32(sum[:]) != crc32.Checksum(head, castagnoli) {
		return nil, errSnapshot
	}
	return f, nil
}

// syncFolder brings the names in a folder to disk.
func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
