package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A full disk is one clear error; with room again the same command ends in the same flags.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=700k"); err != nil {
		if os.Getenv("HEBIAN_SKIP_NOTHING") != "" {
			t.Fatalf("mount a small disk: %v", err)
		}
		t.Skipf("mount a small disk: %v (needs root; with HEBIAN_SKIP_NOTHING set this fails)", err)
	}
	defer syscall.Unmount(dir, syscall.MNT_DETACH)
	in, data, out := filepath.Join(county, "b", "in"), filepath.Join(dir, "data"), t.TempDir()
	args := []string{"check", in, "--as-of", "2026-09-30", "--data", data, "--out", out}
	code, _, errs := hebian(t, args...)
	if code != 1 || !strings.Contains(errs, "full") {
		t.Fatalf("exit code %d, want 1 and a word about the full disk:\n%s", code, errs)
	}
	if left, err := os.ReadDir(out); err != nil || len(left) != 0 {
		t.Errorf("the run that failed left %d files in the output folder, %v", len(left), err)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT, "size=64m"); err != nil {
		t.Fatal(err)
	}
	mustRun(t, args...)
	equalFiles(t, filepath.Join(county, "b", "expected", "flags.csv"), filepath.Join(out, "flags.csv"))
}
