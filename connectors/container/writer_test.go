package container_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"hebian/connectors/container"
)

// TestWriter writes the records of a file of others into one of its own and reads it back.
func TestWriter(t *testing.T) {
	for _, codec := range []string{"null", "deflate", "snappy", "zstandard"} {
		t.Run(codec, func(t *testing.T) {
			var file bytes.Buffer
			w, err := container.NewWriter(&file, textSchema, codec)
			if err != nil {
				t.Fatal(err)
			}
			var want strings.Builder
			want.WriteString("a\n")
			reused := []byte{}
			for n := range 10_000 {
				word := fmt.Sprintf("某某县第%d中学", n)
				want.WriteString(word + "\n")
				if reused = append(reused[:0], datum(word)...); w.Append(reused) != nil {
					t.Fatal(err)
				}
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			rows, err := read(file.Bytes(), container.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if got := csvOf(rows); got != want.String() {
				t.Errorf("%d bytes, want %d", len(got), want.Len())
			}
			if n := bytes.Count(file.Bytes(), file.Bytes()[file.Len()-16:]); n < 4 || n > 6 {
				t.Errorf("%d markers: not blocks of some 64 KiB", n)
			}
		})
	}
}

func TestWriterWithoutRecords(t *testing.T) {
	var file bytes.Buffer
	w, err := container.NewWriter(&file, textSchema, "deflate")
	if err != nil || w.Close() != nil || w.Close() != nil {
		t.Fatal(err)
	}
	if err := w.Append(one); err == nil {
		t.Error("a record was taken by a closed file")
	}
	rows, err := read(file.Bytes(), container.Options{})
	if err != nil || csvOf(rows) != "a\n" {
		t.Error(rows, err)
	}
}

// full is a disk with room for so many bytes.
type full struct{ room int }

func (d *full) Write(p []byte) (int, error) {
	if d.room -= len(p); d.room < 0 {
		return 0, errDisk
	}
	return len(p), nil
}

// TestWriterDisk: a disk that fails shows at the latest when the file is closed.
func TestWriterDisk(t *testing.T) {
	if _, err := container.NewWriter(&full{10}, textSchema, "null"); !errors.Is(err, errDisk) {
		t.Error(err)
	}
	w, err := container.NewWriter(&full{200}, textSchema, "null")
	if err != nil {
		t.Fatal(err)
	}
	for range 100 {
		if err := w.Append(one); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); !errors.Is(err, errDisk) {
		t.Error(err)
	}
	w, err = container.NewWriter(&full{200}, textSchema, "null")
	if err != nil {
		t.Fatal(err)
	}
	for range 100_000 {
		if err = w.Append(one); err != nil {
			break
		}
	}
	if !errors.Is(err, errDisk) || !errors.Is(w.Close(), errDisk) {
		t.Error(err)
	}
}

func TestWriterRefuses(t *testing.T) {
	if _, err := container.NewWriter(&full{1 << 20}, `"int"`, "null"); err == nil {
		t.Error("a schema without a record was taken")
	}
	if _, err := container.NewWriter(&full{1 << 20}, textSchema, "lz4"); err == nil || !strings.Contains(err.Error(), `"lz4"`) {
		t.Error(err)
	}
	w, err := container.NewWriter(&full{1 << 30}, textSchema, "null")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Append(make([]byte, 32<<20+1)); err == nil {
		t.Error("a record was taken that no block has room for")
	}
	if err := w.Append(one); err != nil || w.Close() != nil {
		t.Error("a record that is too long spoils the file:", err)
	}
}

// TestRewritten: files of others say the same once our own writer has written their bytes again.
func TestRewritten(t *testing.T) {
	file, err := os.ReadFile("testdata/staff-null.avro")
	if err != nil {
		t.Fatal(err)
	}
	want, err := read(file, container.Options{})
	if err != nil {
		t.Fatal(err)
	}
	schema, records := recordsOf(t, file)
	var again bytes.Buffer
	w, err := container.NewWriter(&again, schema, "zstandard")
	if err != nil {
		t.Fatal(err)
	}
	for _, record := range records {
		if err := w.Append(record); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := read(again.Bytes(), container.Options{})
	if err != nil || csvOf(got) != csvOf(want) {
		t.Error(len(got), err)
	}
}
