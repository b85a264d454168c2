package main

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A disk that is full at whatever moment of an upload is told to the sender, nothing of the file counts, and the hub
// goes on: with room again the same upload is taken in.
func TestServeFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=48m"); err != nil {
		if os.Getenv("HEBIAN_SKIP_NOTHING") != "" {
			t.Fatalf("mount a small disk: %v", err)
		}
		t.Skipf("mount a small disk: %v (needs root; with HEBIAN_SKIP_NOTHING set this fails)", err)
	}
	t.Cleanup(func() { syscall.Unmount(dir, syscall.MNT_DETACH) }) //nolint:errcheck // gone with the machine
	files := countyFiles(t, filepath.Join(county, "a", "in"))
	const name = "finance/payroll-202609.csv"
	h := newServedIn(t, dir, "--as-of", sampleDay)
	h.start(t)
	for file, content := range files {
		h.take(t, file, content)
	}
	h.declareAll(t, "202609", files)
	refused := 0
	lines := bytes.SplitAfter(files[name], []byte("\n"))
	for i, free := range []int64{0, 16 << 10, 64 << 10, 200 << 10, 400 << 10, 500 << 10, 600 << 10, 800 << 10, 1000 << 10, 1200 << 10, 1500 << 10, 2 << 20, 3 << 20} {
		t.Run(fmt.Sprint(free>>10, " KB free"), func(t *testing.T) {
			content := bytes.Join(append(lines[:1:1], lines[2+i:]...), nil) // another version each time
			before := h.flags(t, sampleDay)
			fill(t, dir, free)
			r, err := h.deliver(name, content)
			if err != nil {
				t.Fatalf("%v\n%s", err, h.log.String())
			}
			switch r.status {
			case http.StatusInsufficientStorage:
				refused++
				if p := r.problem(t); p.Code() != "disk_full" || r.header.Get("Retry-After") == "" {
					t.Errorf("the sender is told %+v", p)
				}
				if diff := cmp.Diff(before, h.flags(t, sampleDay)); diff != "" {
					t.Errorf("something of the file counts (-before +after):\n%.2000s", diff)
				}
			case http.StatusCreated:
			default:
				t.Errorf("status %d: %s", r.status, r.body)
			}
			h.status(t)
			h.must(t, http.StatusOK, "", http.MethodGet, "/healthz", nil)
			if err := os.Remove(filepath.Join(dir, "ballast")); err != nil {
				t.Fatal(err)
			}
			h.take(t, name, content)
			h.caughtUp(t, sampleDay)
			h.emptySpool(t)
		})
	}
	if refused < 4 {
		t.Errorf("the disk was full for %d uploads, want some more", refused)
	}
	h.take(t, name, files[name])
	expected := readText(t, county, "a", "expected", "flags.csv")
	for range 2 {
		if diff := cmp.Diff(expected, h.flags(t, sampleDay)); diff != "" {
			t.Errorf("flags in the end (-want +got):\n%.3000s", diff)
		}
		h.kill()
		h.start(t)
	}
	if diff := cmp.Diff(len(casesOf(t, expected)), len(h.cases(t))); diff != "" {
		t.Errorf("cases in the end (-want +got):\n%s", diff)
	}
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
