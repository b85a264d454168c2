package sftp_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hebian/connectors"
	"hebian/connectors/sftp"
)

func (p *partner) sink(t *testing.T) *sftp.Sink {
	t.Helper()
	sink, err := sftp.NewSink(p.config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sink.Close() })
	return sink
}

// dispatch is a dispatch of three records.
func dispatch(number int64) connectors.Dispatch {
	d := connectors.Dispatch{Connector: "finance-out", Agency: "finance", Feed: "corrections", Number: number}
	for i := range 3 {
		id := fmt.Sprintf("%d-%d", number, i)
		d.Records = append(d.Records, connectors.Out{ID: id, Key: "key-" + id, JSON: []byte(`{"姓名":"甲","b":"<&>"}`)})
	}
	return d
}

// received reads what the files of a folder hold, in the order of their names.
func received(t *testing.T, dir string) []connectors.Out {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.ndjson"))
	if err != nil {
		t.Fatal(err)
	}
	var all []connectors.Out
	for _, name := range names {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for scanner := bufio.NewScanner(bytes.NewReader(content)); scanner.Scan(); {
			var line struct {
				ID, Key string
				Record  json.RawMessage
			}
			if err := json.Unmarshal(scanner.Bytes(), &line); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			all = append(all, connectors.Out{ID: line.ID, Key: line.Key, JSON: line.Record})
		}
	}
	return all
}

func TestSend(t *testing.T) {
	p := serve(t)
	sink := p.sink(t)
	var want []connectors.Out
	for number := range int64(3) {
		d := dispatch(number + 1)
		want = append(want, d.Records...)
		answer, err := sink.Send(t.Context(), d)
		if err != nil || !strings.Contains(answer, d.ID()) || len(answer) > 1024 {
			t.Fatalf("sent with %q, %v", answer, err)
		}
	}
	if diff := cmp.Diff(want, received(t, p.dir)); diff != "" {
		t.Errorf("received (-want +got):\n%s", diff)
	}
	if names := p.names(t, "."); len(names) != 3 {
		t.Errorf("%q are there", names)
	}
}

// A repeat leaves a file as it is; one that was taken away or cut short is laid there again.
func TestSendAgain(t *testing.T) {
	p := serve(t)
	d := dispatch(1)
	name := d.ID() + ".ndjson"
	send := func() {
		t.Helper()
		if _, err := p.sink(t).Send(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(d.Records, received(t, p.dir)); diff != "" {
			t.Errorf("received (-want +got):\n%s", diff)
		}
	}
	send()
	long := time.Unix(1_700_000_000, 0)
	p.touch(t, name, long)
	send()
	if stat, err := os.Stat(filepath.Join(p.dir, name)); err != nil || !stat.ModTime().Equal(long) {
		t.Errorf("a repeat wrote the file anew: %v, %v", stat.ModTime(), err)
	}
	p.put(t, name, "cut sho")
	p.put(t, "."+name+".part", strings.Repeat("what a crash left", 1000))
	send()
	if err := os.Remove(filepath.Join(p.dir, name)); err != nil {
		t.Fatal(err)
	}
	send()
}

func TestSendTroubles(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(t *testing.T, p *partner)
		kind   connectors.TroubleKind
	}{
		{"no such folder", func(t *testing.T, p *partner) { p.config.Dir = "/nowhere" }, connectors.Unfit},
		{"denied", func(_ *testing.T, p *partner) { p.Deny(true) }, connectors.Denied},
		{"down", func(_ *testing.T, p *partner) { p.Down(true) }, connectors.Unreachable},
		{"breaks", func(_ *testing.T, p *partner) { p.DropAfter(1500) }, connectors.Unreachable},
		{"no place to write to", func(t *testing.T, p *partner) {
			if err := os.Mkdir(filepath.Join(p.dir, ".finance-out-corrections-000000001.ndjson.part"), 0o750); err != nil {
				t.Fatal(err)
			}
		}, connectors.Unreachable},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := serve(t)
			test.change(t, p)
			if _, err := p.sink(t).Send(t.Context(), dispatch(1)); kind(err) != test.kind {
				t.Errorf("sent with %v", err)
			}
			if got := received(t, p.dir); got != nil {
				t.Errorf("received %v", got)
			}
		})
	}
	p := serve(t)
	d := dispatch(1)
	d.Connector = "../finance"
	if _, err := p.sink(t).Send(t.Context(), d); err == nil {
		t.Error("a name that leads elsewhere was taken")
	}
	d = dispatch(1)
	d.Records[1].JSON = []byte("no JSON")
	if _, err := p.sink(t).Send(t.Context(), d); err == nil {
		t.Error("a record that is no JSON was taken")
	}
	if err := filepath.WalkDir(p.dir, func(name string, entry fs.DirEntry, err error) error {
		if !entry.IsDir() {
			t.Errorf("%s was written", name)
		}
		return err
	}); err != nil {
		t.Error(err)
	}
}
