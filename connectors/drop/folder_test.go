package drop_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"hebian/connectors"
	"hebian/connectors/drop"
	"hebian/schemas"
)

// yard is a watched folder with a house behind it that keeps what it gets in memory.
type yard struct {
	t       *testing.T
	options drop.Options
	folder  *drop.Folder
	outcome connectors.Outcome // of the next deliveries; "": complete
	err     error              // that the next deliveries end with
	during  func()             // while a file is taken in

	log strings.Builder

	elsewhere map[string]bool // digests that another road's delivery superseded
	restored  bool            // the books are an old backup: they know of no delivery

	got      []string // file and content
	declared []connectors.Declaration
}

func newYard(t *testing.T) *yard {
	t.Helper()
	profiles, err := connectors.Profiles()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	spool, err := connectors.NewSpool(filepath.Join(dir, "spool"), 1<<20, 1<<21)
	if err != nil {
		t.Fatal(err)
	}
	y := &yard{t: t}
	y.options = drop.Options{
		Dir: filepath.Join(dir, "in"), Memory: filepath.Join(dir, "drop.json"), Profiles: profiles,
		Spool: spool, Claims: &connectors.Claims{}, Deliver: y.deliver, Periods: y, Books: y,
		Today: func() schemas.Date { return schemas.Month(202610).First() },
		Log:   slog.New(slog.NewTextHandler(&y.log, nil)),
	}
	y.open()
	t.Cleanup(func() {
		if left, err := os.ReadDir(filepath.Join(dir, "spool")); err != nil || len(left) > 0 {
			t.Errorf("the spool holds %d files in the end, %v", len(left), err)
		}
	})
	return y
}

func (y *yard) Superseded(_ context.Context, _, _, digest string) (bool, error) {
	return y.elsewhere[digest], nil
}

func (y *yard) Taken(context.Context, int64, string) (bool, error) { return !y.restored, nil }

// A file of a county folder that many agencies share is taken from each agency's own.
func TestShared(t *testing.T) {
	y := newYard(t)
	y.put("tax/tax.csv", "a")
	y.put("hr/tax.csv", "b")
	y.look(2)
	y.wants("an agency's own", "full entities/tax.csv: a")
}

// A version that another road has replaced is not brought back because the folder's memory of it was lost; laid there
// anew, it counts.
func TestSuperseded(t *testing.T) {
	y := newYard(t)
	y.put(events, "a")
	y.look(2)
	y.wants("first", "full hr/events.ndjson: a")
	sum := sha256.Sum256([]byte("a"))
	y.elsewhere = map[string]bool{"sha256:" + hex.EncodeToString(sum[:]): true}
	if err := os.Remove(y.options.Memory); err != nil {
		t.Fatal(err)
	}
	y.open()
	y.look(3)
	y.wants("memory lost")
	if err := os.Chtimes(y.path(events), time.Time{}, time.Unix(1_000_000, 0)); err != nil {
		t.Fatal(err)
	}
	y.look(3)
	y.wants("laid there anew", "full hr/events.ndjson: a")
}

// A folder that is gone for a while, as a share that is not mounted, is not a folder whose files were removed.
func TestUnmounted(t *testing.T) {
	y := newYard(t)
	y.put(events, "a")
	y.look(2)
	y.wants("first", "full hr/events.ndjson: a")
	away := filepath.Join(y.options.Dir, "..", "away")
	if err := os.Rename(filepath.Join(y.options.Dir, "hr"), away); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := y.folder.Look(t.Context()); err == nil {
			t.Error("a missing folder of an agency is no error")
		}
	}
	if err := os.Rename(away, filepath.Join(y.options.Dir, "hr")); err != nil {
		t.Fatal(err)
	}
	y.look(3)
	y.wants("mounted again")
}

// Where the database was put back from a backup, what it lacks is taken in again.
func TestRestored(t *testing.T) {
	y := newYard(t)
	y.put(events, "a")
	y.look(2)
	y.wants("first", "full hr/events.ndjson: a")
	y.restored = true
	y.open()
	y.look(3)
	y.wants("restored", "full hr/events.ndjson: a")
}

// open begins to watch, as after a restart.
func (y *yard) open() {
	y.t.Helper()
	folder, err := drop.Open(y.options)
	if err != nil {
		y.t.Fatal(err)
	}
	y.folder = folder
}

func (y *yard) deliver(_ context.Context, u connectors.Upload) (connectors.Receipt, error) {
	content, err := os.ReadFile(u.Path)
	if err != nil {
		return connectors.Receipt{}, err
	}
	if y.during != nil {
		y.during()
	}
	if y.err != nil {
		return connectors.Receipt{}, y.err
	}
	y.got = append(y.got, fmt.Sprintf("%s %s: %s", u.Mode, u.Name, content))
	r := connectors.Receipt{Delivery: int64(len(y.got)), Outcome: connectors.Complete}
	if y.outcome != "" {
		r.Outcome, r.Error = y.outcome, "no column wage_type"
	}
	return r, nil
}

func (y *yard) Delivered(context.Context, string) ([]string, error) {
	var names []string
	for _, got := range y.got {
		name, _, _ := strings.Cut(strings.TrimPrefix(got, "full "), ":")
		names = append(names, name)
	}
	return names, nil
}

func (y *yard) Declare(_ context.Context, d connectors.Declaration) error {
	y.declared = append(y.declared, d)
	return nil
}

func (y *yard) Declared(context.Context, string) ([]connectors.Declaration, error) {
	return y.declared, nil
}

func (y *yard) path(name string) string {
	return filepath.Join(y.options.Dir, filepath.FromSlash(name))
}

func (y *yard) put(name, content string) {
	y.t.Helper()
	if err := os.WriteFile(y.path(name), []byte(content), 0o600); err != nil {
		y.t.Fatal(err)
	}
}

func (y *yard) rename(from, to string) {
	y.t.Helper()
	if err := os.Rename(y.path(from), y.path(to)); err != nil {
		y.t.Fatal(err)
	}
}

// look looks at the folder so many times.
func (y *yard) look(times int) {
	y.t.Helper()
	for range times {
		if err := y.folder.Look(y.t.Context()); err != nil {
			y.t.Fatal(err)
		}
	}
}

// wants compares what the house got since the last time.
func (y *yard) wants(says string, want ...string) {
	y.t.Helper()
	if diff := cmp.Diff(want, y.got); diff != "" {
		y.t.Errorf("%s (-want +got):\n%s", says, diff)
	}
	y.got = nil
}

// warned counts the lines of the log that hold a text.
func (y *yard) warned(text string) int {
	n := 0
	for line := range strings.Lines(y.log.String()) {
		if strings.Contains(line, text) {
			n++
		}
	}
	return n
}

const deaths, events = "civil/deaths.csv", "hr/events.ndjson"

func TestGrowing(t *testing.T) {
	y := newYard(t)
	y.put(events, "a")
	y.look(1)
	y.put(events, "ab")
	y.look(1)
	y.put(events, "abc")
	y.look(1)
	y.wants("while it grows")
	y.look(1)
	y.wants("once it is still", "full hr/events.ndjson: abc")
	y.look(3)
	y.wants("unchanged")
}

func TestRenamedIn(t *testing.T) {
	y := newYard(t)
	y.put("hr/.events.part", "a")
	y.look(3)
	y.wants("under another name")
	y.rename("hr/.events.part", events)
	y.look(1)
	y.wants("at once, as it was still before", "full hr/events.ndjson: a")
	y.put("hr/.events.part", "b")
	y.look(1)
	y.rename("hr/.events.part", events)
	y.look(1)
	y.wants("over the one before", "full hr/events.ndjson: b")
	y.put("hr/.events.part", "c")
	y.rename("hr/.events.part", events)
	y.look(1)
	y.wants("never seen before")
	y.look(1)
	y.wants("seen twice", "full hr/events.ndjson: c")
}

func TestChanged(t *testing.T) {
	y := newYard(t)
	y.put(events, "a")
	y.look(2)
	y.wants("first", "full hr/events.ndjson: a")
	y.put(events, "ab")
	y.look(2)
	y.wants("changed", "full hr/events.ndjson: ab")
	if err := os.Chtimes(y.path(events), time.Time{}, time.Unix(1_000_000, 0)); err != nil {
		t.Fatal(err)
	}
	y.look(3)
	y.wants("touched only: somebody may have sent another version by another road", "full hr/events.ndjson: ab")
	y.put(events, "a")
	y.look(2)
	y.wants("changed back", "full hr/events.ndjson: a")
}

func TestRemoved(t *testing.T) {
	y := newYard(t)
	y.put(events, "a")
	y.look(2)
	y.wants("first", "full hr/events.ndjson: a")
	if err := os.Remove(y.path(events)); err != nil {
		t.Fatal(err)
	}
	y.look(2)
	y.wants("removed")
	y.put(events, "a")
	y.look(2)
	y.wants("put there again", "full hr/events.ndjson: a")
}

// A file that failed or is held waits for another version, after a restart too.
func TestFailed(t *testing.T) {
	for _, outcome := range []connectors.Outcome{connectors.Failed, connectors.Held} {
		y := newYard(t)
		y.outcome = outcome
		y.put(events, "a")
		y.look(3)
		y.wants(string(outcome), "full hr/events.ndjson: a")
		if n := y.warned("no column wage_type"); n != 1 {
			t.Errorf("%s: %d lines in the log", outcome, n)
		}
		if err := os.Chtimes(y.path(events), time.Time{}, time.Unix(1_000_000, 0)); err != nil {
			t.Fatal(err)
		}
		y.look(3)
		y.wants("touched", "full hr/events.ndjson: a")
		y.open()
		y.look(3)
		y.wants("restarted")
		y.outcome = ""
		y.put(events, "ab")
		y.look(2)
		y.wants("another version", "full hr/events.ndjson: ab")
	}
}

func TestTooLarge(t *testing.T) {
	y := newYard(t)
	y.put(events, strings.Repeat("x", 1<<20+1))
	y.look(3)
	y.wants("too large")
	if n := y.warned("too large"); n != 1 {
		t.Errorf("%d lines in the log", n)
	}
}

// What was taken in is remembered over a restart; a memory that is damaged is as good as none.
func TestRestart(t *testing.T) {
	y := newYard(t)
	y.put(events, "a")
	y.put(deaths, "b")
	y.look(2)
	y.wants("first", "full civil/deaths.csv: b", "full hr/events.ndjson: a")
	y.open()
	y.look(3)
	y.wants("restarted")
	if err := os.WriteFile(y.options.Memory, []byte(`{"hr/events.nd`), 0o600); err != nil {
		t.Fatal(err)
	}
	y.open()
	y.look(2)
	y.wants("without memory", "full civil/deaths.csv: b", "full hr/events.ndjson: a")
}

// A file that is written to while it is taken in is not handed on; another one that takes its name is.
func TestChangesWhileTaken(t *testing.T) {
	y := newYard(t)
	y.put(events, "a")
	y.look(1)
	y.during = func() { y.put(events, "ab"); y.during = nil }
	y.look(1)
	y.wants("the version that was copied", "full hr/events.ndjson: a")
	y.look(2)
	y.wants("the next", "full hr/events.ndjson: ab")
}

// Files that are no agency's stay where they are, and are told of once.
func TestOthers(t *testing.T) {
	y := newYard(t)
	outside := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(outside, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, y.path(deaths)); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(y.path(events), 0o700); err != nil {
		t.Fatal(err)
	}
	y.put("hr/notes.txt", "x")
	y.put("hr/.hidden", "x")
	y.put("hr/deaths.csv", "x")
	y.put("top.csv", "x")
	y.look(5)
	y.wants("nothing")
	if got := [3]int{y.warned("hr/notes.txt"), y.warned("hr/deaths.csv"), y.warned("hidden")}; got != [3]int{1, 1, 0} {
		t.Errorf("lines in the log: %v", got)
	}
}

func TestClaimed(t *testing.T) {
	y := newYard(t)
	release, _ := y.options.Claims.Take(events)
	y.put(events, "a")
	y.look(3)
	y.wants("while another road has it")
	release()
	y.look(1)
	y.wants("afterwards", "full hr/events.ndjson: a")
}

// What could not be taken in is tried again, less and less often; the others go on.
func TestTriedAgain(t *testing.T) {
	y := newYard(t)
	synctest.Test(t, func(*testing.T) {
		watch := func(seconds int) {
			for range seconds {
				y.look(1)
				time.Sleep(time.Second)
			}
		}
		tries := 0
		y.err, y.during = connectors.ErrFull, func() { tries++ }
		y.put(events, "a")
		watch(600)
		if tries < 10 || tries > 20 {
			t.Errorf("%d tries in ten minutes", tries)
		}
		if n := y.warned("no room"); n != 1 {
			t.Errorf("%d lines in the log", n)
		}
		y.err = nil
		y.put(deaths, "b")
		watch(2)
		y.wants("another file meanwhile", "full civil/deaths.csv: b")
		watch(60)
		y.wants("in the end", "full hr/events.ndjson: a")
	})
}

// The folder is looked at every second until the context ends; what can't be read is told of once.
func TestRun(t *testing.T) {
	y := newYard(t)
	y.put(events, "a")
	y.rename("civil", "away")
	y.put("civil", "no folder")
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute+time.Second/2)
		defer cancel()
		begun := time.Now()
		var taken time.Duration
		y.during = func() { taken = time.Since(begun) }
		if err := y.folder.Run(ctx); err != nil || time.Since(begun) != time.Minute+time.Second/2 {
			t.Errorf("Run ended after %v with %v", time.Since(begun), err)
		}
		if taken != time.Second {
			t.Errorf("the file was taken in after %v", taken)
		}
	})
	y.wants("files", "full hr/events.ndjson: a")
	if n := y.warned("can't be read"); n != 1 {
		t.Errorf("%d lines in the log: %s", n, y.log.String())
	}
}

// An agency whose folder can't be read does not keep the others waiting, and nothing of it is forgotten.
func TestUnreadable(t *testing.T) {
	y := newYard(t)
	y.put(events, "a")
	y.look(2)
	y.wants("first", "full hr/events.ndjson: a")
	y.rename("hr", "away")
	y.put("hr", "no folder")
	y.put(deaths, "b")
	for range 2 {
		if err := y.folder.Look(t.Context()); err == nil || !strings.Contains(err.Error(), "hr") {
			t.Errorf("Look gave %v", err)
		}
	}
	y.wants("the others", "full civil/deaths.csv: b")
	if err := os.Remove(y.path("hr")); err != nil {
		t.Fatal(err)
	}
	y.rename("away", "hr")
	y.look(2)
	y.wants("readable again")
}

func TestStops(t *testing.T) {
	y := newYard(t)
	ctx, cancel := context.WithCancel(t.Context())
	y.put(events, "a")
	y.look(1)
	y.during = cancel
	y.err = context.Canceled
	if err := y.folder.Look(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Look gave %v", err)
	}
	y.during, y.err = nil, nil
	y.open()
	y.look(2)
	y.wants("after a restart", "full hr/events.ndjson: a")
	if y.warned("") != 0 {
		t.Errorf("the log says %s", y.log.String())
	}
}

func TestDeclaration(t *testing.T) {
	y := newYard(t)
	y.put("hr/complete-202609", "")
	y.put(events, "a")
	y.look(1)
	y.put(events, "ab")
	y.look(1)
	if len(y.declared) != 0 {
		t.Fatal("declared while a file is still coming")
	}
	synctest.Test(t, func(t *testing.T) {
		y.t = t
		y.look(2)
		if len(y.declared) != 0 || y.warned("hr/absences.csv") != 1 {
			t.Fatalf("declared %v while a file is lacking", y.declared)
		}
		y.put("hr/absences.csv", "c")
		time.Sleep(time.Minute)
		y.look(2)
	})
	y.t = t
	y.wants("files", "full hr/events.ndjson: ab", "full hr/absences.csv: c")
	want := []connectors.Declaration{{Agency: "hr", Month: 202609, Kind: connectors.Whole, By: "hr"}}
	if diff := cmp.Diff(want, y.declared); diff != "" {
		t.Errorf("declared (-want +got):\n%s", diff)
	}
	y.open()
	y.look(3)
	if len(y.declared) != 1 {
		t.Error("declared again, though nothing changed")
	}
}

func TestDeclarationSays(t *testing.T) {
	for _, test := range []struct {
		content string
		kind    connectors.Kind // "": refused
		empty   []string
	}{
		{"", connectors.Whole, []string{}},
		{"empty: [civil/deaths.csv]\n", connectors.Whole, []string{deaths}},
		{`{"kind": "changes", "empty": ["civil/deaths.csv"]}`, connectors.Changes, []string{deaths}},
		{"kind: half\nempty: [civil/deaths.csv]\n", "", nil},
		{"empty: [hr/events.ndjson, civil/deaths.csv]\n", "", nil},
		{"colour: red\n", "", nil},
		{"\x00\xff", "", nil},
		{strings.Repeat("# much\n", 10_000), "", nil},
	} {
		y := newYard(t)
		if len(test.empty) == 0 {
			y.put(deaths, "a")
		}
		y.put("civil/complete-202609", test.content)
		y.look(4)
		if test.kind == "" {
			if len(y.declared) != 0 || y.warned("civil/complete-202609") != 1 {
				t.Errorf("%.40q: declared %v, log %s", test.content, y.declared, y.log.String())
			}
			continue
		}
		if len(y.declared) != 1 || y.declared[0].Kind != test.kind || !cmp.Equal(append([]string{}, y.declared[0].Empty...), test.empty) {
			t.Errorf("%.40q: declared %+v, log %s", test.content, y.declared, y.log.String())
		}
	}
}

// A month that has not come is declared when it comes; a name that is no month is no declaration.
func TestDeclaredMonth(t *testing.T) {
	y := newYard(t)
	y.put(deaths, "a")
	y.put("civil/complete-202611", "")
	y.put("civil/complete-202613", "")
	y.look(3)
	if len(y.declared) != 0 || y.warned("complete-202613") != 1 || y.warned("complete-202611") != 1 {
		t.Errorf("declared %v, log %s", y.declared, y.log.String())
	}
	y.options.Today = func() schemas.Date { return schemas.Month(202611).First() }
	y.open()
	y.look(2)
	if len(y.declared) != 1 || y.declared[0].Month != 202611 {
		t.Errorf("declared %v", y.declared)
	}
}
