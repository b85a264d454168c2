package drop_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"hebian/connectors"
	"hebian/connectors/drop"
)

func TestSink(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	sink := drop.Sink{Dir: out}
	path := filepath.Join(out, "finance", "0123abcd-1.json")
	for _, test := range []struct{ name, body string }{{"first", `{"a":1}`}, {"repeated", `{"a":1}`}, {"otherwise", `{"a":2}`}} {
		if err := sink.Write(t.Context(), "finance", "0123abcd-1", []byte(test.body)); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != test.body {
			t.Errorf("%s: the file holds %q, %v", test.name, got, err)
		}
		if files, err := os.ReadDir(filepath.Dir(path)); err != nil || len(files) != 1 {
			t.Errorf("%s: %d files, %v", test.name, len(files), err)
		}
	}
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := sink.Write(t.Context(), "finance", "0123abcd-1", []byte(`{"a":2}`)); err != nil {
		t.Fatal(err)
	}
	if after, err := os.Stat(path); err != nil || !os.SameFile(before, after) {
		t.Errorf("a repeat puts another file there, %v", err)
	}
	if err := os.Remove(path); err != nil { // the agency has fetched it
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(out, "finance", ".0123abcd-1.json.unfinished"), []byte("half"), 0o600); err != nil { // a crash
		t.Fatal(err)
	}
	if err := sink.Write(t.Context(), "finance", "0123abcd-1", []byte(`{}`)); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != "{}" {
		t.Errorf("after a crash the file holds %q, %v", got, err)
	}
}

func TestSinkRefuses(t *testing.T) {
	out := t.TempDir()
	sink := drop.Sink{Dir: filepath.Join(out, "out")}
	for _, test := range [][2]string{{"..", "a"}, {"finance", "../a"}, {"finance/x", "a"}, {"", "a"}, {"finance", ""}, {"finance", ".a"}, {"finance", "a\x00"}} {
		if err := sink.Write(t.Context(), test[0], test[1], nil); err == nil {
			t.Errorf("agency %q, id %q: no error", test[0], test[1])
		}
	}
	if files, err := os.ReadDir(out); err != nil || len(files) != 0 {
		t.Errorf("%d files, %v", len(files), err)
	}
	if err := os.WriteFile(sink.Dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := sink.Write(t.Context(), "finance", "a", nil); err == nil {
		t.Error("a file in place of the folder: no error")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := sink.Write(ctx, "finance", "a", nil); !errors.Is(err, context.Canceled) {
		t.Errorf("told to stop: %v", err)
	}
}

// A dispatch lies in the folder as one file, whole; the same again changes nothing, and a share that is not mounted is the partner's trouble.
func TestParcels(t *testing.T) {
	dir := t.TempDir()
	sink := drop.Parcels{Dir: dir}
	d := connectors.Dispatch{Connector: "tax-out", Agency: "tax", Feed: "corrections", Number: 7, Records: []connectors.Out{
		{ID: "a1", Key: "k", JSON: []byte(`{"n":1}`)}, {ID: "a2", JSON: []byte(`{"n":"<2>"}`)},
	}}
	for range 2 {
		if _, err := sink.Send(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 1 || files[0].Name() != "tax-out-corrections-000000007.ndjson" {
		t.Fatalf("in the folder lie %v, %v", files, err)
	}
	content, err := os.ReadFile(filepath.Join(dir, files[0].Name()))
	want := `{"id":"a1","key":"k","record":{"n":1}}` + "\n" + `{"id":"a2","key":"","record":{"n":"<2>"}}` + "\n"
	if err != nil || string(content) != want {
		t.Errorf("the file holds\n%s%v", content, err)
	}
	var trouble *connectors.Trouble
	if _, err := (drop.Parcels{Dir: filepath.Join(dir, "away")}).Send(t.Context(), d); !errors.As(err, &trouble) || trouble.Kind != connectors.Unreachable {
		t.Errorf("a folder that is not there: %v", err)
	}
	d.Connector = "../x"
	if _, err := sink.Send(t.Context(), d); err == nil {
		t.Error("a dispatch left its folder")
	}
}
