package sandbox_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hebian/connectors"
	"hebian/connectors/push"
	"hebian/connectors/sandbox"
)

func clock() time.Time { return time.Date(2026, 10, 8, 9, 0, 0, 0, time.UTC) }

func open(t *testing.T, dir string) *sandbox.Sandbox {
	t.Helper()
	s, err := sandbox.Open(dir, clock)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// upload is a file of deaths, as the civil office sends it.
func upload(t *testing.T, content string) connectors.Upload {
	t.Helper()
	profiles, err := connectors.Profiles()
	if err != nil {
		t.Fatal(err)
	}
	found, ok := connectors.Describe(profiles, "civil/deaths.csv")
	if !ok {
		t.Fatal("civil/deaths.csv is no file")
	}
	found.In = "utf-8"
	found.Path = filepath.Join(t.TempDir(), "deaths.csv")
	if err := os.WriteFile(found.Path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return connectors.Upload{Found: found, Digest: "sha256:x", Mode: connectors.Full, By: "civil", Key: "k"}
}

func header(t *testing.T) string {
	t.Helper()
	u := upload(t, "")
	line := ""
	for i, c := range u.Columns {
		if i > 0 {
			line += ","
		}
		line += c.Header
	}
	return line + "\n"
}

// What is tried out is checked as in earnest, and found again after a restart; of the rows only the refused ones are told.
func TestTry(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	u := upload(t, header(t)+"nonsense\n")
	r, err := s.Deliver(t.Context(), u)
	if err != nil {
		t.Fatal(err)
	}
	if !r.Sandbox || r.Outcome != connectors.Complete || r.RowsRead != 1 || r.Quarantined != 1 || r.Accepted != 0 || r.Delivery != 1 {
		t.Errorf("the receipt is %+v", r)
	}
	s = open(t, dir)
	again, err := s.Receipt(t.Context(), 1)
	if diff := cmp.Diff(r, again); diff != "" || err != nil {
		t.Errorf("after a restart (-want +got):\n%s%v", diff, err)
	}
	var refused []connectors.Refused
	if err := s.Refused(t.Context(), 1, func(row connectors.Refused) error { refused = append(refused, row); return nil }); err != nil || len(refused) != 1 || refused[0].Line != 2 {
		t.Errorf("refused rows %+v, %v", refused, err)
	}
	if byKey, found, err := s.ByKey(t.Context(), "civil", "k"); !found || err != nil || byKey.Delivery != 1 {
		t.Errorf("under its key: %+v, %t, %v", byKey, found, err)
	}
	if _, err := s.Receipt(t.Context(), 2); !errors.Is(err, connectors.ErrUnknown) {
		t.Errorf("an unknown receipt: %v", err)
	}
}

// A file that is not what its profile says gets a receipt that says so.
func TestFailed(t *testing.T) {
	s := open(t, t.TempDir())
	r, err := s.Deliver(t.Context(), upload(t, "a,b\n"))
	if err != nil || r.Outcome != connectors.Failed || r.Error == "" || r.RowsRead != 0 {
		t.Errorf("%+v, %v", r, err)
	}
	if _, found, _ := s.ByKey(t.Context(), "civil", "k"); found {
		t.Error("its key stands for it, though nothing was taken in")
	}
}

// A receipt that a crash cut off is none, and its number is not given again.
func TestCutOff(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "7.json"), []byte(`{"receipt":{"deli`), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := open(t, dir).Deliver(t.Context(), upload(t, header(t)))
	if err != nil || r.Delivery != 8 {
		t.Errorf("%+v, %v", r, err)
	}
}

// The sandbox does not grow for ever.
func TestForgets(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	u := upload(t, header(t))
	for i := range 203 {
		u.Key = fmt.Sprint(i)
		if _, err := s.Deliver(t.Context(), u); err != nil {
			t.Fatal(err)
		}
	}
	all, err := s.List(t.Context(), push.Filter{Agency: "civil", Limit: 1000})
	if err != nil || len(all) != 200 || all[0].Delivery != 203 {
		t.Errorf("%d receipts, %v", len(all), err)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 200 {
		t.Errorf("%d files, %v", len(files), err)
	}
}
