package connectortest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"
	"time"
)

// Entries are what a test binary can run instead of its tests, by name, in a process of its own that a test kills. Each gets the folder of
// what it works on, goes on from whatever is there, and returns when its work is done.
type Entries map[string]func(dir string) error

// Environment variables that have a test binary run an entry.
const (
	entryVariable  = "HEBIAN_TEST_ENTRY"
	folderVariable = "HEBIAN_TEST_FOLDER"
)

// begun is the line that an entry's process writes when the entry begins.
const begun = "begun"

// Main is called first in TestMain. In a process that Kill or Complete started it runs the entry and ends the process; else it does nothing.
func (e Entries) Main() {
	name, asked := os.LookupEnv(entryVariable)
	if !asked {
		return
	}
	go func() {
		io.Copy(io.Discard, os.Stdin) //nolint:errcheck // its end is all that counts
		os.Exit(2)                    // the test is gone
	}()
	run := e[name]
	if run == nil {
		fmt.Fprintf(os.Stderr, "there is no entry %q\n", name)
		os.Exit(1)
	}
	fmt.Println(begun)
	if err := run(os.Getenv(folderVariable)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// Killing is how often and when a process is killed.
type Killing struct {
	Entry  string        // of the test binary's Entries
	Dir    string        // that it works on
	Times  int           // it is started and killed, at most 1000
	Within time.Duration // from its beginning: a kill comes at a random moment of it, at most 10 s
	Check  func()        // after each kill, when nobody works on Dir; nil: nothing
}

// Bounds of a killing.
const (
	maxKills  = 1000
	maxWithin = 10 * time.Second
	// startTime is how long a process may take to begin, on a slow machine; doneTime how long an entry may take when nobody kills it.
	startTime = 30 * time.Second
	doneTime  = time.Minute
)

// Kill starts an entry again and again and kills it with SIGKILL, each time at a random moment. It says how often it was killed before
// its work was done; if that was less than a quarter of the times, the test has failed. An entry that fails fails the test.
func Kill(t *testing.T, k Killing) (killed int) {
	t.Helper()
	if k.Times < 1 || k.Times > maxKills || k.Within <= 0 || k.Within > maxWithin {
		t.Fatalf("kill %d times within %v: want 1 to %d times within at most %v", k.Times, k.Within, maxKills, maxWithin)
	}
	for n := range k.Times {
		ok, err := runEntry(t, k.Entry, k.Dir, rand.N(k.Within)+1)
		if err != nil {
			t.Fatalf("kill %d: %v", n+1, err)
		}
		if ok {
			killed++
		}
		if k.Check != nil {
			k.Check()
		}
		if t.Failed() {
			t.Fatalf("after %d kills", killed)
		}
	}
	if killed < (k.Times+3)/4 {
		t.Errorf("only %d of %d processes were killed before they ended", killed, k.Times)
	}
	return killed
}

// Complete runs an entry to its end.
func Complete(t *testing.T, entry, dir string) {
	t.Helper()
	killed, err := runEntry(t, entry, dir, doneTime)
	if err == nil && killed {
		err = fmt.Errorf("it has not ended within %v", doneTime)
	}
	if err != nil {
		t.Fatalf("run %s to its end: %v", entry, err)
	}
}

// runEntry runs an entry in a process of its own and kills it so long after it began, unless it has ended then.
func runEntry(t *testing.T, entry, dir string, after time.Duration) (killed bool, err error) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		return false, err
	}
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), entryVariable+"="+entry, folderVariable+"="+dir)
	var says bytes.Buffer
	cmd.Stderr = &says
	alive, err := cmd.StdinPipe() // closed when this process ends, however it does
	if err != nil {
		return false, err
	}
	defer alive.Close()
	out, err := cmd.StdoutPipe()
	if err != nil {
		return false, err
	}
	if err := cmd.Start(); err != nil {
		return false, err
	}
	late := time.AfterFunc(startTime, func() { cmd.Process.Kill() }) //nolint:errcheck // Wait says
	defer late.Stop()
	lines := bufio.NewReader(out)
	if line, err := lines.ReadString('\n'); line != begun+"\n" {
		return false, fmt.Errorf("it did not begin but said %q (%w): %w\n%s", line, err, errors.Join(cmd.Process.Kill(), cmd.Wait()), says.Bytes())
	}
	late.Reset(after)
	io.Copy(io.Discard, lines) //nolint:errcheck // to its end, which a kill is
	err = cmd.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == -1 {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("%w\n%s", err, says.Bytes())
	}
	return false, nil
}
