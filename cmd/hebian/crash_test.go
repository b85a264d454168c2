package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hebian/hub"
	"hebian/schemas"
)

// asHebian makes the test binary run as hebian itself, so that tests can start and kill real processes.
const asHebian = "HEBIAN_TEST_RUN"

func TestMain(m *testing.M) {
	if os.Getenv(asHebian) != "" {
		main()
	}
	os.Exit(m.Run())
}

// process prepares hebian as a process of its own.
func process(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, args...)
	cmd.Env = append(os.Environ(), asHebian+"=1")
	return cmd
}

const county = "../../testdata/county"

// A kill -9 at any moment loses nothing that was acknowledged, and the same command given again ends
// in the same flags.
func TestKill(t *testing.T) {
	in := filepath.Join(county, "b", "in")
	kills := 40
	if testing.Short() {
		kills = 8
	}
	started := time.Now()
	whole := t.TempDir()
	if out, err := process(t, "check", in, "--as-of", "2026-09-30", "--data", filepath.Join(whole, "data"), "--out", filepath.Join(whole, "out")).CombinedOutput(); err != nil {
		t.Fatalf("check: %v\n%s", err, out)
	}
	took := time.Since(started)
	dir := t.TempDir()
	data, out := filepath.Join(dir, "data"), filepath.Join(dir, "out")
	args := []string{"check", in, "--as-of", "2026-09-30", "--data", data, "--out", out}
	killed := 0
	for i := range kills {
		if i%2 == 0 { // from the start, else where the kill before left it
			if err := os.RemoveAll(data); err != nil {
				t.Fatal(err)
			}
		}
		cmd := process(t, args...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		timer := time.AfterFunc(took*time.Duration(i+1)/time.Duration(2*kills), func() { cmd.Process.Kill() })
		err := cmd.Wait()
		timer.Stop()
		var exit *exec.ExitError
		if errors.As(err, &exit) && exit.ExitCode() == -1 {
			killed++
		} else if err != nil {
			t.Fatalf("kill %d: %v", i, err)
		}
		acknowledged(t, data)
	}
	if killed < kills/4 {
		t.Errorf("only %d of %d processes were killed before they ended", killed, kills)
	}
	if text, err := process(t, args...).CombinedOutput(); err != nil {
		t.Fatalf("check after the kills: %v\n%s", err, text)
	}
	acknowledged(t, data)
	equalFiles(t, filepath.Join(county, "b", "expected", "flags.csv"), filepath.Join(out, "flags.csv"))
	equalFiles(t, filepath.Join(whole, "out", "quarantine.csv"), filepath.Join(out, "quarantine.csv"))
}

// acknowledged checks that every receipt in a data folder is true: the rows it counts are in the log.
func acknowledged(t *testing.T, data string) {
	t.Helper()
	if _, err := os.Stat(data); errors.Is(err, os.ErrNotExist) {
		return // killed before it made the folder
	}
	h, err := openHouse(t.Context(), data)
	if err != nil {
		t.Fatalf("open data folder after a kill: %v", err)
	}
	defer h.close()
	counts, newest := map[int64]string{}, map[string]hub.Receipt{}
	if err := h.deliveries.Each(t.Context(), func(r hub.Receipt) error {
		if r.Outcome == hub.Complete {
			counts[r.Delivery], newest[r.File] = r.File, r
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	live := map[string]int64{}
	for _, s := range schemas.Subjects() {
		for p := range h.log.Partitions(s.Name) {
			if _, err := hub.NewReader(h.log, counts).Replay(t.Context(), s.Name, p, 0, func(file string, b *hub.Batch) error {
				for _, r := range b.Records {
					live[file] += 1 - 2*int64(r.Op)
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
		}
	}
	want := map[string]int64{}
	for file, r := range newest {
		want[file] = r.Live + r.Refused
	}
	if diff := cmp.Diff(want, live); diff != "" {
		t.Errorf("rows by receipt and rows in the log differ (-receipt +log):\n%s", diff)
	}
}

func equalFiles(t *testing.T, want, got string) {
	t.Helper()
	a, err := os.ReadFile(want)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(got)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(a), string(b)); diff != "" {
		t.Errorf("%s differs (-want +got):\n%.3000s", filepath.Base(got), diff)
	}
}
