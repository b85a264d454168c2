package sqldb_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	hubdb "hebian/hub/sqldb"
	"hebian/matcher"
	"hebian/matcher/rules"
	"hebian/matcher/sqldb"
	"hebian/matcher/state"
	"hebian/schemas"
)

// What is kept comes back as it was, over several pages, and changes as told.
func TestFindings(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hebian.db")
	open := func() *sqldb.Findings {
		db, err := hubdb.Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		findings, err := sqldb.Open(t.Context(), db.DB)
		if err != nil {
			t.Fatal(err)
		}
		return findings
	}
	var all []matcher.Finding
	for i := range 25_000 {
		f := matcher.Finding{Code: "PAID_NO_SLOT", Unit: "U1", Month: 202609, Version: 1, Parameters: rules.Defaults(), AsOf: 20726, Rows: i % 3}
		f.Person = personNumber(i)
		for row := range f.Rows {
			f.Evidence = append(f.Evidence, state.Ref(1<<60+i*3+row))
		}
		all = append(all, f)
	}
	if err := open().Change(t.Context(), all, nil, nil); err != nil {
		t.Fatal(err)
	}
	expect(t, all, open())

	changed := all[7]
	changed.Version, changed.Provisional, changed.Evidence, changed.Rows = 2, true, []state.Ref{9}, 900
	if err := open().Change(t.Context(), nil, []matcher.Finding{changed}, all[20_000:]); err != nil {
		t.Fatal(err)
	}
	want := append([]matcher.Finding{}, all[:20_000]...)
	want[7] = changed
	expect(t, want, open())
}

func expect(t *testing.T, want []matcher.Finding, findings *sqldb.Findings) {
	t.Helper()
	got, err := findings.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("findings differ (-want +got):\n%.2000s", diff)
	}
}

// personNumber is a made-up number of a division that was never issued.
func personNumber(i int) schemas.IDNumber { return schemas.IDNumber(fmt.Sprintf("139721%012d", i)) }
