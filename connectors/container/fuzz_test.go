package container_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hamba/avro/v2"

	"hebian/connectors/container"
	"hebian/connectors/text"
	"hebian/schemas"
)

// recordsOf takes a file of codec null apart into its schema and its records.
func recordsOf(t testing.TB, file []byte) (schema string, records [][]byte) {
	at := bytes.Index(file, []byte("avro.schema")) + len("avro.schema")
	n, used := binary.Varint(file[at:])
	at += used
	schema = string(file[at : at+int(n)])
	marker := file[len(file)-16:]
	at = bytes.Index(file, marker) + len(marker)
	parsed := mustParse(t, schema)
	for at < len(file) {
		count, used := binary.Varint(file[at:])
		at += used
		size, used := binary.Varint(file[at:])
		at += used
		data := file[at : at+int(size)]
		at += int(size) + len(marker)
		for range count {
			// The shortest beginning that is a record by itself: no record of the files begins with another.
			for end := 1; ; end++ {
				if end > len(data) {
					t.Fatal("a record has no end")
				}
				if _, _, err := parsed.Row(nil, data[:end]); err == nil {
					records, data = append(records, data[:end]), data[end:]
					break
				}
			}
		}
	}
	return schema, records
}

// FuzzReader reads any bytes as a file: it comes to an end, within bounds, and what it says can be taken apart.
func FuzzReader(f *testing.F) {
	files, err := filepath.Glob("testdata/*.avro")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range files {
		file, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(file)
	}
	for _, c := range lies() {
		if len(c.file) < 10<<10 && !strings.Contains(c.name, "bomb") { // a bomb takes its time
			f.Add(c.file)
		}
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		rows, err := read(file, container.Options{MaxBytes: 64 << 10})
		if refused, ok := errors.AsType[*container.Error](err); err != nil && (!ok || refused.Offset > int64(len(file))) {
			t.Fatal(err)
		}
		again, errAgain := read(file, container.Options{MaxBytes: 64 << 10})
		if len(again) != len(rows) || (err == nil) != (errAgain == nil) {
			t.Fatal("a second reading says something else")
		}
		for i, r := range rows {
			if r.Line != int64(i+1) || len(r.CSV) > text.MaxRecord {
				t.Fatalf("row %d is on line %d with %d bytes", i, r.Line, len(r.CSV))
			}
			if r.Misfit != nil {
				continue
			}
			if _, flaw := text.SplitFields(r.CSV, nil); flaw != nil {
				t.Fatalf("%q: %+v", r.CSV, flaw)
			}
		}
	})
}

// FuzzSchema reads any text as a schema, and the shortest message by it.
func FuzzSchema(f *testing.F) {
	for _, s := range []string{textSchema, wide, payLineSchema, listSchema, itselfSchema, manySchema(10), recordOf(decimalOf(2))} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, schema []byte) {
		parsed, err := container.ParseSchema(schema)
		if err != nil {
			return
		}
		cells, flaw := text.SplitFields(string(parsed.Header(nil)), nil)
		if flaw != nil || len(cells) != len(parsed.Fields()) {
			t.Fatalf("%d cells of %d fields: %+v", len(cells), len(parsed.Fields()), flaw)
		}
		for _, payload := range [][]byte{nil, make([]byte, 100)} {
			row, misfit, err := parsed.Row(nil, payload)
			if err == nil && misfit == nil {
				if cells, flaw := text.SplitFields(string(row), nil); flaw != nil || len(cells) != len(parsed.Fields()) {
					t.Fatalf("%q: %+v", row, flaw)
				}
			}
		}
	})
}

// FuzzRow holds what is taken for a record to the schema room's walker, which knows nothing of this package.
func FuzzRow(f *testing.F) {
	texts := []string{wide, payLineSchema, unionSchema, enumSchema, mapSchema, arraySchema, longsSchema, fixedSchema, boolSchema}
	var mine []*container.Schema
	var walkers []*schemas.Walker
	for _, s := range texts {
		mine = append(mine, mustParse(f, s))
		parsed, err := avro.ParseWithCache(s, "", &avro.SchemaCache{})
		if err != nil {
			f.Fatal(err)
		}
		walker, err := schemas.NewWalker(parsed)
		if err != nil {
			f.Fatal(err)
		}
		walkers = append(walkers, walker)
	}
	f.Add(uint8(1), benchLine)
	f.Add(uint8(0), datum("a", 1, 5, 20000, "\x01", 1000, 1.5, true, 1, 1, "k", "v", 0, 1, "o", 0))
	f.Add(uint8(2), datum(1, "x"))
	f.Add(uint8(4), datum(-1, 2, "x", 0))
	f.Fuzz(func(t *testing.T, which uint8, payload []byte) {
		n := int(which) % len(texts)
		row, misfit, err := mine[n].Row(nil, payload)
		walked := walkers[n].Walk(payload, nil)
		if walked == nil && err != nil {
			t.Fatalf("the walker takes what is refused: %v", err)
		}
		if refused, ok := errors.AsType[*schemas.WalkError](walked); ok && err == nil {
			known := refused.Want == "UTF-8" && misfit != nil || // a misfit here
				refused.Want == "the index of a branch" || // it wants the shortest way to write one
				refused.Want == "a count that the datum can hold" || refused.Want == "fewer values without bytes" // it has less to spare
			if !known {
				t.Fatalf("the walker refuses what is taken: %v", walked)
			}
		}
		if err == nil && misfit == nil {
			if cells, flaw := text.SplitFields(string(row), nil); flaw != nil || len(cells) != len(mine[n].Fields()) {
				t.Fatalf("%q: %+v", row, flaw)
			}
		}
		if err != nil && len(payload) > 8 && strings.Contains(err.Error(), string(payload)) {
			t.Fatal("an error quotes the message")
		}
	})
}
