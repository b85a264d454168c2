package sqldb_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hebian/hub"
	"hebian/hub/sqldb"
)

// deliver writes a delivery down as it ended: "full complete a", mode, outcome and what stands for its bytes.
func deliver(t *testing.T, db sqldb.Deliveries, file, how string) int64 {
	t.Helper()
	word := strings.Fields(how)
	d := hub.Delivery{Agency: "hr", File: file, Subject: "hr.absence", Mode: hub.Mode(word[0]), Started: time.Unix(1, 0)}
	if err := db.Begin(t.Context(), &d); err != nil {
		t.Fatal(err)
	}
	if word[1] == string(hub.Open) {
		return d.ID
	}
	outcome, discard := hub.Outcome(word[1]), word[1] == string(hub.Discarded)
	if discard {
		outcome = hub.Held
	}
	r := hub.Receipt{Delivery: d.ID, Agency: "hr", File: file, Subject: d.Subject, Mode: d.Mode, Outcome: outcome, Digest: word[2], Key: fmt.Sprint("key ", d.ID), Started: d.Started, Finished: d.Started}
	if err := db.Finish(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if discard {
		if err := db.Discard(t.Context(), d.ID, "because"); err != nil {
			t.Fatal(err)
		}
	}
	return d.ID
}

// A file stands when its newest delivery counts, and its newest whole version does; and bytes are superseded when
// others came after them.
func TestStanding(t *testing.T) {
	for _, test := range []struct {
		deliveries []string
		stands     bool
		superseded bool // the bytes a
	}{
		{[]string{"full complete a"}, true, false},
		{[]string{"full complete a", "full complete b"}, true, true},
		{[]string{"full complete a", "full complete b", "full complete a"}, true, false},
		{[]string{"full complete a", "full held b"}, false, false},
		{[]string{"full complete a", "full failed b"}, false, false},
		{[]string{"full complete a", "full open"}, false, false},
		{[]string{"full complete a", "full discarded b"}, true, false},
		{[]string{"full complete a", "add complete x"}, true, true},
		{[]string{"full complete a", "add failed x"}, false, false},
		{[]string{"full complete a", "full held b", "add complete x"}, false, true},
		{[]string{"full complete a", "full failed b", "add complete x"}, false, true},
		{[]string{"add complete a"}, true, false},
		{[]string{"full failed a"}, false, false},
	} {
		name := strings.Join(test.deliveries, ", ")
		db := sqldb.Deliveries{DB: open(t, filepath.Join(t.TempDir(), "hebian.db"))}
		for _, how := range test.deliveries {
			deliver(t, db, "hr/absences.csv", how)
		}
		deliver(t, db, "hr/events.ndjson", "full complete z")
		want := []string{"hr/events.ndjson"}
		if test.stands {
			want = []string{"hr/absences.csv", "hr/events.ndjson"}
		}
		files, err := db.Files(t.Context(), "hr")
		if diff := cmp.Diff(want, files); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
		superseded, err := db.Superseded(t.Context(), "hr", "hr/absences.csv", "a")
		if err != nil || superseded != test.superseded {
			t.Errorf("%s: superseded %t, %v", name, superseded, err)
		}
	}
}

func TestWaited(t *testing.T) {
	db := sqldb.Deliveries{DB: open(t, filepath.Join(t.TempDir(), "hebian.db"))}
	for _, how := range []string{"full complete a", "full held b", "full discarded c", "full failed d"} {
		deliver(t, db, "hr/absences.csv", how)
	}
	for key, want := range map[string]hub.Outcome{"key 1": "", "key 2": hub.Held, "key 3": hub.Discarded, "key 4": "", "": ""} {
		r, found, err := db.Waited(t.Context(), "hr", key)
		if err != nil || found != (want != "") || r.Outcome != want {
			t.Errorf("under %q: %q, %t, %v; want %q", key, r.Outcome, found, err, want)
		}
	}
	held, err := db.Held(t.Context(), "")
	if err != nil || len(held) != 1 || held[0].Delivery != 2 {
		t.Errorf("held: %v, %v", held, err)
	}
	if err := db.Discard(t.Context(), 1, "no"); err == nil {
		t.Error("a complete delivery was discarded")
	}
}
