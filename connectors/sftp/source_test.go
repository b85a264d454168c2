package sftp_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"hebian/connectors"
	"hebian/connectors/connectortest"
	"hebian/connectors/sftp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// partner is a server, the folder that it serves, and what was taken from it.
type partner struct {
	*connectortest.SFTP
	dir      string
	config   sftp.Config
	position string
	taken    []string // NAME: CONTENT
	during   func(connectors.Batch)
	outcome  connectors.Outcome
}

func serve(t *testing.T) *partner {
	t.Helper()
	dir := t.TempDir()
	server, err := connectortest.NewSFTP(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	return &partner{SFTP: server, dir: dir, config: sftp.Config{
		Address: server.Addr, User: server.User, Password: server.Password, HostKeys: []string{server.HostKey}, Dir: "/",
	}}
}

func (p *partner) put(t *testing.T, name, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(p.dir, name), []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// touch gives a file a time of its last change.
func (p *partner) touch(t *testing.T, name string, at time.Time) {
	t.Helper()
	if err := os.Chtimes(filepath.Join(p.dir, name), at, at); err != nil {
		t.Fatal(err)
	}
}

func (p *partner) source(t *testing.T) *sftp.Source {
	t.Helper()
	source, err := sftp.NewSource(p.config)
	if err != nil {
		t.Fatal(err)
	}
	source.Clock(nil)
	t.Cleanup(func() { source.Close() })
	return source
}

// hand takes a batch in as a hub does: whole, or not at all.
func (p *partner) hand(_ context.Context, b connectors.Batch) (connectors.Receipt, error) {
	if p.during != nil {
		p.during(b)
	}
	content, err := io.ReadAll(b.Body)
	if err != nil {
		return connectors.Receipt{}, fmt.Errorf("spool: %w", err)
	}
	if b.Mode != connectors.Full || b.Form != "" || b.Encoding != "" || len(b.Position) > connectors.MaxPosition {
		return connectors.Receipt{}, fmt.Errorf("a strange batch: %+v", b)
	}
	p.taken = append(p.taken, b.Dataset+": "+string(content))
	p.position = b.Position
	return connectors.Receipt{Outcome: p.outcome}, nil
}

// fetch fetches what is new, and gives it.
func (p *partner) fetch(t *testing.T, source *sftp.Source) ([]string, error) {
	t.Helper()
	p.taken = nil
	err := source.Fetch(t.Context(), p.position, p.hand)
	return p.taken, err
}

func (p *partner) want(t *testing.T, source *sftp.Source, want ...string) {
	t.Helper()
	got, err := p.fetch(t, source)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("fetched (-want +got):\n%s", diff)
	}
}

func (p *partner) names(t *testing.T, folder string) []string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(p.dir, folder))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// kind is the kind of trouble that an error is.
func kind(err error) connectors.TroubleKind {
	var trouble *connectors.Trouble
	if errors.As(err, &trouble) {
		return trouble.Kind
	}
	return ""
}

func TestFetch(t *testing.T) {
	p := serve(t)
	source := p.source(t)
	if got, err := p.fetch(t, source); kind(err) != connectors.NoFile {
		t.Fatalf("an empty folder gave %q, %v", got, err)
	}
	p.put(t, "b.csv", "b1")
	p.put(t, "a.csv", "a1")
	for _, name := range []string{".hidden.csv", "c.csv.tmp", "c.part", "c.FilePart", "x.done"} {
		p.put(t, name, "not this")
	}
	if err := os.Mkdir(filepath.Join(p.dir, "folder.csv"), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc/passwd", filepath.Join(p.dir, "link.csv")); err != nil {
		t.Fatal(err)
	}
	p.want(t, source, "a.csv: a1", "b.csv: b1")
	p.want(t, source)
	p.put(t, "b.csv", "b2 is longer")
	p.want(t, source, "b.csv: b2 is longer")
	p.want(t, p.source(t)) // after a start of the hub
	p.put(t, "b.csv", "b1")
	p.want(t, source, "b.csv: b1")
	p.position = "" // read all again
	p.want(t, source, "a.csv: a1", "b.csv: b1")
	if err := source.Fetch(t.Context(), "no JSON", p.hand); err == nil {
		t.Error("a position that nobody wrote was read")
	}
}

func TestPattern(t *testing.T) {
	p := serve(t)
	p.config.Pattern = "payroll-*.csv"
	p.put(t, "payroll-202609.csv", "rows")
	p.put(t, "slots.csv", "rows")
	p.want(t, p.source(t), "payroll-202609.csv: rows")
}

func TestAfter(t *testing.T) {
	for _, test := range []struct {
		after      sftp.After
		outcome    connectors.Outcome
		left, done []string
	}{
		{sftp.Keep, connectors.Complete, []string{"a.csv"}, nil},
		{sftp.Move, connectors.Complete, []string{"done"}, []string{"a.csv"}},
		{sftp.Move, connectors.Held, []string{"done"}, []string{"a.csv"}},
		{sftp.Move, connectors.Failed, []string{"a.csv"}, nil},
		{sftp.Delete, connectors.Complete, nil, nil},
		{sftp.Delete, connectors.Failed, []string{"a.csv"}, nil},
	} {
		t.Run(string(test.after)+" "+string(test.outcome), func(t *testing.T) {
			p := serve(t)
			p.config.After, p.outcome = test.after, test.outcome
			source := p.source(t)
			for _, content := range []string{"first", "second version"} {
				p.put(t, "a.csv", content)
				p.want(t, source, "a.csv: "+content)
				if diff := cmp.Diff(test.left, p.names(t, ".")); diff != "" {
					t.Errorf("left (-want +got):\n%s", diff)
				}
				if test.done != nil {
					if diff := cmp.Diff(test.done, p.names(t, "done")); diff != "" {
						t.Errorf("in done (-want +got):\n%s", diff)
					}
				}
				p.want(t, source)
			}
		})
	}
}

// A file that is written to is not whole; nor is one that waits for its marker.
func TestStable(t *testing.T) {
	p := serve(t)
	source := p.source(t)
	p.put(t, "a.csv", "1")
	p.put(t, "whole.csv", "1")
	grow := func() { p.put(t, "a.csv", strings.Repeat("1", 1+len(p.names(t, "."))+rand.IntN(1000))) }
	source.Clock(grow)
	p.want(t, source, "whole.csv: 1")
	if got, err := p.fetch(t, source); kind(err) != connectors.NoFile || len(got) != 0 {
		t.Fatalf("a file that grows gave %q, %v", got, err)
	}
	p.put(t, "a.csv", "whole")
	source.Clock(nil)
	p.want(t, source, "a.csv: whole")
}

func TestMarker(t *testing.T) {
	p := serve(t)
	p.config.Marker, p.config.After = true, sftp.Delete
	source := p.source(t)
	now := time.Now().Truncate(time.Second)
	p.put(t, "a.csv", "rows")
	p.touch(t, "a.csv", now)
	if got, err := p.fetch(t, source); kind(err) != connectors.NoFile || len(got) != 0 {
		t.Fatalf("a file without a marker gave %q, %v", got, err)
	}
	p.put(t, "a.csv.done", "")
	p.touch(t, "a.csv.done", now.Add(-time.Minute)) // of an earlier file
	if got, err := p.fetch(t, source); kind(err) != connectors.NoFile || len(got) != 0 {
		t.Fatalf("a file with an old marker gave %q, %v", got, err)
	}
	p.touch(t, "a.csv.done", now)
	p.want(t, source, "a.csv: rows")
	if left := p.names(t, "."); left != nil {
		t.Errorf("%q are left", left)
	}
}

// A file that changes while it is read is not taken in, and comes again.
func TestChangedWhileRead(t *testing.T) {
	long := strings.Repeat("0123456789abcdef", 1<<17) // 2 MiB: more than is asked for at a time
	for _, test := range []struct {
		name   string
		change func(t *testing.T, p *partner)
		later  []string
	}{
		{"grown", func(t *testing.T, p *partner) { p.put(t, "a.csv", long+"more") }, []string{"a.csv: " + long + "more"}},
		{"shrunk", func(t *testing.T, p *partner) { p.put(t, "a.csv", "less") }, []string{"a.csv: less"}},
		{"gone", func(t *testing.T, p *partner) { os.Remove(filepath.Join(p.dir, "a.csv")) }, nil},
		{"written over", func(t *testing.T, p *partner) { p.touch(t, "a.csv", time.Unix(1_700_000_000, 0)) }, []string{"a.csv: " + long}},
		{"replaced", func(t *testing.T, p *partner) {
			p.put(t, "b.tmp", "another")
			if err := os.Rename(filepath.Join(p.dir, "b.tmp"), filepath.Join(p.dir, "a.csv")); err != nil {
				t.Fatal(err)
			}
		}, []string{"a.csv: another"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := serve(t)
			source := p.source(t)
			p.put(t, "a.csv", long)
			p.put(t, "b.csv", "b")
			p.during = func(b connectors.Batch) {
				if b.Dataset != "a.csv" {
					return
				}
				head := make([]byte, 1000)
				if _, err := io.ReadFull(b.Body, head); err != nil {
					t.Error(err)
				}
				test.change(t, p)
				if _, err := io.Copy(io.Discard, b.Body); !errors.Is(err, connectors.ErrChanged) {
					t.Errorf("read to the end with %v", err)
				}
			}
			p.want(t, source, "b.csv: b")
			p.during = nil
			p.want(t, source, test.later...)
		})
	}
}

func TestTooLarge(t *testing.T) {
	p := serve(t)
	p.config.MaxFileBytes = 5
	p.put(t, "a.csv", "123456")
	p.put(t, "b.csv", "12345")
	got, err := p.fetch(t, p.source(t))
	if kind(err) != connectors.Unfit || !strings.Contains(err.Error(), "max_file_bytes") || !slices.Equal(got, []string{"b.csv: 12345"}) {
		t.Errorf("fetched %q, %v", got, err)
	}
}

func TestHostileNames(t *testing.T) {
	p := serve(t)
	names := []string{"../../etc/passwd", "/etc/passwd", "a\nb.csv", "\x1b[2Jb.csv", `..\b.csv`, "\xff\xfe.csv", strings.Repeat("a", 300), "", ".", "..", "a\u0085.csv"}
	p.Pretend(names...)
	p.put(t, "good.csv", "rows")
	p.put(t, "passwd", "the folder's own") // what path.Base makes of the first
	got, err := p.fetch(t, p.source(t))
	if err != nil && kind(err) == "" {
		t.Error(err)
	}
	for _, taken := range got {
		if taken != "good.csv: rows" && taken != "passwd: the folder's own" {
			t.Errorf("fetched %.60q", taken)
		}
	}
	if !slices.Contains(got, "good.csv: rows") {
		t.Errorf("fetched %q", got)
	}
}

func FuzzName(f *testing.F) {
	for _, name := range []string{"a.csv", "../a", "", ".a", "a.tmp", "a\x00b", "工资.csv"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		config := sftp.Config{}
		if config.Counts(name) && (strings.ContainsAny(name, "/\\\x00\n") || name[0] == '.' || filepath.Base(name) != name) {
			t.Errorf("%q counts", name)
		}
	})
}

// A hub that does not take a file in gets it again, and none that comes after it.
func TestHandFails(t *testing.T) {
	p := serve(t)
	p.config.After = sftp.Move
	p.put(t, "a.csv", "a")
	p.put(t, "b.csv", "b")
	full := errors.New("no room")
	source := p.source(t)
	err := source.Fetch(t.Context(), "", func(_ context.Context, b connectors.Batch) (connectors.Receipt, error) {
		io.Copy(io.Discard, b.Body)
		return connectors.Receipt{}, full
	})
	if !errors.Is(err, full) {
		t.Fatalf("fetched with %v", err)
	}
	p.want(t, source, "a.csv: a", "b.csv: b")
}

// What can't be moved is taken in once all the same, and tells somebody.
func TestCannotMove(t *testing.T) {
	p := serve(t)
	p.config.After = sftp.Move
	p.put(t, "a.csv", "a")
	p.put(t, "done", "a file where the folder should be")
	p.config.Pattern = "*.csv"
	source := p.source(t)
	got, err := p.fetch(t, source)
	if kind(err) == "" || !slices.Equal(got, []string{"a.csv: a"}) {
		t.Fatalf("fetched %q, %v", got, err)
	}
	if err := os.Remove(filepath.Join(p.dir, "done")); err != nil {
		t.Fatal(err)
	}
	p.want(t, source)
	if diff := cmp.Diff([]string{"done"}, p.names(t, ".")); diff != "" {
		t.Errorf("left (-want +got):\n%s", diff)
	}
}

// Law: a position never outgrows its bound, and what was taken and is there is never forgotten.
func TestMemory(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		there := map[string]int64{}
		position := ""
		for i := range rapid.IntRange(1, 40).Draw(t, "files") {
			name := fmt.Sprintf("%s-%03d.csv", strings.Repeat("工资", rapid.IntRange(1, 40).Draw(t, "length")), rapid.IntRange(0, 50).Draw(t, "name"))
			next, err := sftp.Remember(position, name, int64(i), 1, func(name string) bool { return there[name] > 0 })
			if err != nil || len(next) > connectors.MaxPosition || next == "" {
				t.Fatalf("%d bytes, %v", len(next), err)
			}
			position = next
			there[name] = int64(i) + 1
			for name, size := range there {
				if !sftp.Knows(position, name, size-1, 1) {
					t.Fatalf("forgot %s, which is there", name)
				}
			}
		}
	})
}

func TestMemoryIsBounded(t *testing.T) {
	position, forgotten := "", false
	name := func(i int) string { return fmt.Sprintf("payroll-%s-%06d.csv", strings.Repeat("x", 800), i) }
	for i := range 100 {
		next, err := sftp.Remember(position, name(i), 1000, 1_800_000_000, func(string) bool { return false })
		if err != nil || next == "" || len(next) > connectors.MaxPosition {
			t.Fatalf("file %d: %d bytes, %v", i, len(next), err)
		}
		position = next
		forgotten = forgotten || !sftp.Knows(position, name(0), 1000, 1_800_000_000)
	}
	if !forgotten || !sftp.Knows(position, name(99), 1000, 1_800_000_000) || !sftp.Knows(position, name(90), 1000, 1_800_000_000) {
		t.Error("not the oldest were forgotten")
	}
	all := func(string) bool { return true }
	if next, err := sftp.Remember(position, strings.Repeat("x", 60_000), 1, 1, all); next != "" || err != nil {
		t.Errorf("what is there was forgotten: %d bytes, %v", len(next), err)
	}
}

func BenchmarkFetch(b *testing.B) {
	dir := b.TempDir()
	server, err := connectortest.NewSFTP(dir)
	if err != nil {
		b.Fatal(err)
	}
	defer server.Close()
	content := bytes.Repeat([]byte("0123456789abcde\n"), 64<<16) // 64 MiB
	if err := os.WriteFile(filepath.Join(dir, "a.csv"), content, 0o640); err != nil {
		b.Fatal(err)
	}
	source, err := sftp.NewSource(sftp.Config{Address: server.Addr, User: server.User, Password: server.Password, HostKeys: []string{server.HostKey}, Dir: "/"})
	if err != nil {
		b.Fatal(err)
	}
	source.Clock(nil)
	b.SetBytes(int64(len(content)))
	b.ReportAllocs()
	for b.Loop() {
		err := source.Fetch(b.Context(), "", func(_ context.Context, batch connectors.Batch) (connectors.Receipt, error) {
			_, err := io.Copy(io.Discard, batch.Body)
			return connectors.Receipt{}, err
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}
