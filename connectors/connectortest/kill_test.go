package connectortest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var entries = Entries{
	"count": count,
	"fail":  func(string) error { return errors.New("it is broken") },
	"done":  func(string) error { return nil },
	"hang":  func(string) error { select {} },
}

func TestMain(m *testing.M) {
	entries.Main()
	os.Exit(m.Run())
}

const counted = 2000

// count writes lines to a file, each whole or not at all, and goes on from those that are there.
func count(dir string) error {
	file, err := os.OpenFile(filepath.Join(dir, "count"), os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	there, err := os.ReadFile(file.Name())
	if err != nil {
		return err
	}
	for n := bytes.Count(there, []byte("\n")); n < counted; n++ {
		if _, err := fmt.Fprintf(file, "%d\n", n); err != nil {
			return err
		}
		if n%10 == 0 {
			<-time.After(time.Millisecond)
		}
	}
	return nil
}

// What is killed at random moments goes on, and is complete in the end.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	checks := 0
	read := func() []byte {
		text, err := os.ReadFile(filepath.Join(dir, "count"))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		return text
	}
	killed := Kill(t, Killing{Entry: "count", Dir: dir, Times: 6, Within: 10 * time.Millisecond, Check: func() {
		checks++
		for n, line := range strings.Fields(string(read())) {
			if line != fmt.Sprint(n) {
				t.Errorf("line %d is %q", n, line)
			}
		}
	}})
	Complete(t, "count", dir)
	if got := bytes.Count(read(), []byte("\n")); got != counted || checks != 6 || killed == 0 {
		t.Errorf("%d lines in the end, %d kills, %d checks", got, killed, checks)
	}
}

// An entry that fails, or is none, is told from one that is killed and one that is done.
func TestRunEntry(t *testing.T) {
	for _, c := range []struct {
		entry  string
		killed bool
		says   string
	}{
		{entry: "done"},
		{entry: "hang", killed: true},
		{entry: "fail", says: "it is broken"},
		{entry: "nobody", says: `there is no entry "nobody"`},
	} {
		t.Run(c.entry, func(t *testing.T) {
			after := startTime
			if c.killed {
				after = time.Millisecond
			}
			killed, err := runEntry(t, c.entry, t.TempDir(), after)
			if killed != c.killed || (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("killed %t, %v; want %t, %q", killed, err, c.killed, c.says)
			}
		})
	}
}
