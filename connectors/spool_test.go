package connectors_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"

	"hebian/connectors"
	"hebian/schemas"
)

func newSpool(t *testing.T, maxBytes, roomBytes int64) (*connectors.Spool, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "spool")
	spool, err := connectors.NewSpool(dir, maxBytes, roomBytes)
	if err != nil {
		t.Fatal(err)
	}
	return spool, dir
}

func count(t *testing.T, dir string) int {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	return len(files)
}

func TestSpool(t *testing.T) {
	spool, dir := newSpool(t, 1<<20, 1<<20)
	content := strings.Repeat("一行\n", 100_000)
	got, err := spool.Take(iotest.HalfReader(strings.NewReader(content)))
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(content))
	read, err := os.ReadFile(got.Path)
	if err != nil || string(read) != content || got.Bytes != int64(len(content)) || got.Digest != "sha256:"+hex.EncodeToString(sum[:]) {
		t.Errorf("%d bytes of digest %s, %v", got.Bytes, got.Digest, err)
	}
	if err := spool.Done(got); err != nil || count(t, dir) != 0 {
		t.Errorf("%d files left, %v", count(t, dir), err)
	}
}

// Whatever goes wrong, nothing stays, and the room is given back.
func TestSpoolFails(t *testing.T) {
	gone := errors.New("the sender is gone")
	for _, test := range []struct {
		name  string
		from  io.Reader
		disk  error
		wants error
	}{
		{"too large", strings.NewReader(strings.Repeat("x", 101)), nil, connectors.ErrTooLarge},
		{"sender gone", io.MultiReader(strings.NewReader("half"), iotest.ErrReader(gone)), nil, gone},
		{"disk full", strings.NewReader("x"), &os.PathError{Op: "write", Err: syscall.ENOSPC}, connectors.ErrFull},
		{"over quota", strings.NewReader("x"), syscall.EDQUOT, connectors.ErrFull},
		{"disk broken", strings.NewReader("x"), syscall.EIO, syscall.EIO},
	} {
		t.Run(test.name, func(t *testing.T) {
			spool, dir := newSpool(t, 100, 150)
			if test.disk != nil {
				spool.FailWrites(test.disk)
			}
			if _, err := spool.Take(test.from); !errors.Is(err, test.wants) {
				t.Errorf("Take gave %v, want %v", err, test.wants)
			}
			if n := count(t, dir); n != 0 {
				t.Errorf("%d files left", n)
			}
		})
	}
	spool, _ := newSpool(t, 100, 150)
	full := func() io.Reader { return strings.NewReader(strings.Repeat("x", 100)) }
	first, err := spool.Take(full())
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := spool.Take(full()); !errors.Is(err, connectors.ErrFull) {
			t.Errorf("beyond its room Take gave %v", err)
		}
	}
	if err := os.Rename(first.Path, filepath.Join(t.TempDir(), "kept")); err != nil { // as the house may
		t.Fatal(err)
	}
	if err := spool.Done(first); err != nil {
		t.Error(err)
	}
	if _, err := spool.Take(full()); err != nil {
		t.Errorf("with room again Take gave %v", err)
	}
}

// What a crash left is swept at the next start; other files are not touched.
func TestSweep(t *testing.T) {
	spool, dir := newSpool(t, 100, 100)
	if _, err := spool.Take(strings.NewReader("x")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "README"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	again, err := connectors.NewSpool(dir, 100, 100)
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Sweep(); err != nil || count(t, dir) != 1 {
		t.Errorf("%d files left, %v", count(t, dir), err)
	}
}

// A door reads a file that lies elsewhere under the name that it goes by.
func TestReadSpooled(t *testing.T) {
	spool, _ := newSpool(t, 1<<20, 1<<20)
	spooled, err := spool.Take(strings.NewReader("id_number,insured_uscc,month\n139721196001010003,U1,202609\n139721196001010003,U1,2026\n"))
	if err != nil {
		t.Fatal(err)
	}
	profiles, err := connectors.Profiles()
	if err != nil {
		t.Fatal(err)
	}
	found, _ := connectors.Describe(profiles, "social/insurance.csv")
	found.Path = spooled.Path
	k := &keeper{t: t, subject: schemas.SubjectOf(found.Subject)}
	door := connectors.Door{SchemaID: func(string) uint32 { return 7 }}
	reading, err := door.Read(t.Context(), found, k)
	if err != nil || len(k.rows) != 1 || len(k.misfits) != 1 {
		t.Fatalf("%d rows, %d misfits, %v", len(k.rows), len(k.misfits), err)
	}
	if reading.Digest != spooled.Digest || reading.Bytes != spooled.Bytes || k.misfits[0].File != "social/insurance.csv" {
		t.Errorf("read %+v as %s", reading, k.misfits[0].File)
	}
	other, _, err := read(t, "social/insurance.csv", "id_number,insured_uscc,month\n139721196001010003,U1,202609\n")
	if err != nil || other.ids[0] != k.ids[0] {
		t.Errorf("the same row has another ID in the county folder, %v", err)
	}
}
