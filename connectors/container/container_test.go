package container_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hebian/connectors/container"
	"hebian/connectors/text"
)

// row is a record of a block, in words that can be compared.
type row struct {
	CSV    string
	Line   int64
	Misfit *text.Misfit
}

// read reads a file to its end or its error.
func read(file []byte, o container.Options) (rows []row, err error) {
	r, err := container.Open(bytes.NewReader(file), int64(len(file)), o)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var b text.Block
	for last := int64(0); ; {
		switch err := r.Next(&b); {
		case err == io.EOF:
			return rows, nil
		case err != nil:
			return rows, err
		}
		for _, record := range b.Records {
			rows = append(rows, row{string(record.Raw), record.Line, record.Misfit})
		}
		if at := r.Offset(); at < last || at > int64(len(file)) {
			panic("the offset goes astray")
		} else {
			last = at
		}
	}
}

func csvOf(rows []row) string {
	var all strings.Builder
	for _, r := range rows {
		all.WriteString(r.CSV + "\n")
	}
	return all.String()
}

// TestFilesOfOthers holds what is read of files that Python's libraries wrote to the CSV that a script made of the same records.
func TestFilesOfOthers(t *testing.T) {
	files, err := filepath.Glob("testdata/*.avro")
	if err != nil || len(files) < 7 {
		t.Fatal(files, err)
	}
	for _, name := range files {
		t.Run(filepath.Base(name), func(t *testing.T) {
			file, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			stem, _, _ := strings.Cut(strings.TrimSuffix(name, ".avro"), "-")
			want, err := os.ReadFile(stem + ".csv")
			if err != nil {
				t.Fatal(err)
			}
			rows, err := read(file, container.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), csvOf(rows)); diff != "" {
				t.Error(diff)
			}
			for i, r := range rows {
				if r.Line != int64(i+1) || r.Misfit != nil {
					t.Errorf("row %d is on line %d with %+v", i, r.Line, r.Misfit)
				}
			}
		})
	}
}

// TestNext hands rows out by the block, some 2,500 at a time, and says how far it is.
func TestNext(t *testing.T) {
	var halves [2][]byte
	for n := range 10_000 {
		halves[n/5000] = append(halves[n/5000], datum(fmt.Sprintf("某某县第%d中学", n))...)
	}
	file := whole(textSchema, "null", block(0, nil), block(5000, halves[0]), block(5000, halves[1]))
	r, err := container.Open(bytes.NewReader(file), int64(len(file)), container.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var b text.Block
	rows, last := 0, int64(0)
	for {
		if err = r.Next(&b); err != nil {
			break
		}
		if rows += len(b.Records); len(b.Records) > 2500 || r.Offset() < last {
			t.Errorf("%d rows, up to %d after %d", len(b.Records), r.Offset(), last)
		}
		last = r.Offset()
	}
	if err != io.EOF || rows != 10_001 || last != int64(len(file)) || len(b.Records) != 0 {
		t.Error(err, rows, last)
	}
	if err := r.Next(&b); err != io.EOF {
		t.Error("behind the end:", err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if err := r.Next(&b); err == nil || err == io.EOF {
		t.Error("closed:", err)
	}
}

// TestWideRows: rows of many bytes come fewer at a time, and each whole.
func TestWideRows(t *testing.T) {
	word := strings.Repeat("x", 100<<10)
	file := whole(textSchema, "snappy", block(20, snapped(bytes.Repeat(datum(word), 20))))
	r, err := container.Open(bytes.NewReader(file), int64(len(file)), container.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var b text.Block
	rows := 0
	for r.Next(&b) == nil {
		for _, record := range b.Records {
			if rows++; rows > 1 && string(record.Raw) != word {
				t.Fatal("a row is spoilt")
			}
		}
		if len(b.Records) > 4 {
			t.Error(len(b.Records), "rows at a time")
		}
	}
	if rows != 21 {
		t.Error(rows)
	}
}

// TestMaxBytes bounds the blocks and the rows of a file.
func TestMaxBytes(t *testing.T) {
	long := whole(textSchema, "snappy", block(1, snapped(datum(strings.Repeat("x", 1000)))))
	wide := whole(enumSchema, "null", block(600, make([]byte, 600))) // two bytes of text for each
	for _, c := range []struct {
		name   string
		file   []byte
		bound  int64
		reason string
	}{
		{"blocks", long, 1001, "the blocks come to more than 1001 bytes"},
		{"blocks within", long, 1005, ""},
		{"rows", wide, 1201, "the rows come to more than 1201 bytes"},
		{"rows within", wide, 1202, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := read(c.file, container.Options{MaxBytes: c.bound})
			if c.reason == "" && err != nil || c.reason != "" && (err == nil || !strings.Contains(err.Error(), c.reason)) {
				t.Errorf("%v, want %q", err, c.reason)
			}
		})
	}
}

// TestManyReaders: a schema serves several goroutines.
func TestManyReaders(t *testing.T) {
	schema := mustParse(t, wide)
	message := datum("a", 1, 5, 20000, "\x01", 1000, 1.5, true, 1, 1, "k", "v", 0, 1, "o", 0)
	want, misfit, err := schema.Row(nil, message)
	if err != nil || misfit != nil {
		t.Fatal(misfit, err)
	}
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range 100 {
				if got, _, _ := schema.Row(nil, message); string(got) != string(want) {
					t.Errorf("%q, want %q", got, want)
				}
			}
		})
	}
	group.Wait()
}

func nextErr(r *container.Reader) error {
	var b text.Block
	for {
		if err := r.Next(&b); err != nil {
			return err
		}
	}
}
