package main

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A disk that is full at whatever moment of an upload is told to the sender, nothing of the file counts, and the hub
// goes on: with room again the same upload is taken in.
func TestServeFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64m"); err != nil {
		if os.Getenv("HEBIAN_SKIP_NOTHING") != "" {
			t.Fatalf("mount a small disk: %v", err)
		}
		t.Skipf("mount a small disk: %v (needs root; with HEBIAN_SKIP_NOTHING set this fails)", err)
	}
	t.Cleanup(func() { syscall.Unmount(dir, syscall.MNT_DETACH) }) //nolint:errcheck // gone with the machine
	const name = "finance/payroll-202609.csv"
	h := newServedIn(t, dir, "--as-of", sampleDay)
	files := village(40, 43)
	files[name] = manyLines(0)
	h.start(t)
	for file, content := range files {
		h.take(t, file, content)
	}
	h.declareAll(t, "202608", files)
	h.caughtUp(t, sampleDay)
	d := &fullDisk{h: h, dir: dir, name: name}
	fill(t, dir, 0)
	month := h.must(t, http.StatusInsufficientStorage, "civil", http.MethodPut, "/v1/periods/202610/complete?agency=civil", strings.NewReader(`{"empty":["civil/deaths.csv"]}`), "Content-Type", "application/json")
	if p := month.problem(t); p.Code() != "disk_full" {
		t.Errorf("who declares a month is told %+v", p)
	}
	if err := os.Remove(filepath.Join(dir, "ballast")); err != nil {
		t.Fatal(err)
	}
	h.declareAll(t, "202609", files)
	enough := int64(0)
	for !d.try(t, enough) {
		enough += 64 << 10
	}
	step := int64(4 << 10)
	if testing.Short() {
		step = 32 << 10
	}
	for free := enough - 64<<10; free < enough; free += step { // the last moments, a page of the database apart
		d.try(t, free)
	}
	files[name] = manyLines(d.version)
	expected := checked(t, files, sampleDay)
	for range 2 {
		if diff := cmp.Diff(expected, h.flags(t, sampleDay)); diff != "" {
			t.Errorf("flags in the end (-want +got):\n%.3000s", diff)
		}
		if diff := cmp.Diff(len(casesOf(t, expected)), len(h.cases(t))); diff != "" {
			t.Errorf("cases in the end (-want +got):\n%s", diff)
		}
		h.kill()
		h.start(t)
	}
}

// fullDisk tries uploads to a hub whose disk has little room.
type fullDisk struct {
	h       *served
	dir     string // where the disk is mounted
	name    string // of the file
	version int    // of it that was taken in last
}

// try delivers another version of the file with so many bytes free, and again with room enough. It says whether
// the first was taken in.
func (d *fullDisk) try(t *testing.T, free int64) (taken bool) {
	t.Helper()
	h := d.h
	d.version++
	content := manyLines(d.version)
	before := h.flags(t, sampleDay)
	h.kill() // so that the database has no room in hand
	h.start(t)
	fill(t, d.dir, free)
	r, err := h.deliver(d.name, content)
	if err != nil {
		t.Fatalf("%d bytes free: %v\n%s", free, err, h.log.String())
	}
	switch r.status {
	case http.StatusInsufficientStorage:
		if p := r.problem(t); p.Code() != "disk_full" || r.header.Get("Retry-After") == "" {
			t.Errorf("%d bytes free: the sender is told %+v", free, p)
		}
		if diff := cmp.Diff(before, h.flags(t, sampleDay)); diff != "" {
			t.Errorf("%d bytes free: something of the file counts (-before +after):\n%.2000s", free, diff)
		}
	case http.StatusCreated:
		taken = true
	default:
		t.Errorf("%d bytes free: status %d: %s", free, r.status, r.body)
	}
	h.status(t)
	h.must(t, http.StatusOK, "", http.MethodGet, "/healthz", nil)
	if err := os.Remove(filepath.Join(d.dir, "ballast")); err != nil {
		t.Fatal(err)
	}
	h.take(t, d.name, content)
	h.caughtUp(t, sampleDay)
	h.must(t, http.StatusOK, "", http.MethodGet, "/readyz", nil)
	h.emptySpool(t)
	return taken
}

// manyLines is a payroll of some thousand lines. No two versions share one.
func manyLines(version int) []byte {
	text := "发放单位代码,姓名,证件号码,工资类别,金额\n"
	for n := range 2000 {
		text += fmt.Sprintf("%s,张三,%s,基本工资,%d.%02d\n", villageUnit, villager(n%500), 1000+n, version)
	}
	return gb18030(text)
}

// fill leaves so many bytes free on a small disk.
func fill(t *testing.T, dir string, free int64) {
	t.Helper()
	ballast, err := os.Create(filepath.Join(dir, "ballast"))
	if err != nil {
		t.Fatal(err)
	}
	defer ballast.Close()
	block := make([]byte, 4<<10)
	size := int64(0)
	for {
		n, err := ballast.Write(block)
		size += int64(n)
		if errors.Is(err, syscall.ENOSPC) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := ballast.Truncate(max(0, size-free)); err != nil {
		t.Fatal(err)
	}
}
