package sqldb

import (
	"io/fs"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"

	hubdb "hebian/hub/sqldb"
	"hebian/matcher"
	"hebian/matcher/queue"
	"hebian/matcher/rules"
	"hebian/matcher/state"
	"hebian/schemas"
)

// Cases, corrections and lists of a database from before there were cases of legal entities are what they were.
func TestMigrateEntities(t *testing.T) {
	ctx := t.Context()
	db, err := hubdb.Open(ctx, filepath.Join(t.TempDir(), "hebian.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		t.Fatal(err)
	}
	store, err := database.NewStore(goose.DialectSQLite3, "queue_db_version")
	if err != nil {
		t.Fatal(err)
	}
	goes, err := goose.NewProvider("", db.DB, files, goose.WithStore(store))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := goes.UpTo(ctx, 1); err != nil {
		t.Fatal(err)
	}
	decided := time.Date(2026, 9, 30, 8, 0, 0, 0, time.UTC)
	if _, err := db.Exec(`INSERT INTO cases (id, code, person, unit, month, detail, opened, state, present, provisional, severity, agency, updated, officer, lease,
			outcome, reason, recipient, decisions, relapses, events, version, as_of, parameters, evidence, evidence_rows)
		VALUES (1, 'PAID_NO_SLOT', '139721199001010014', '12139721000000001A', 202609, '', ?1, 'decided', 1, 0, 1, 'finance', ?1, 'Wang', 0,
			'confirmed', 'x', 'finance', 1, 0, 3, 1, 20726, ?2, x'0000000000000007', 1),
		(2, 'BAD_IDENTITY', '1', '', 0, '', ?1, 'open', 1, 0, 3, '', ?1, '', 0, '', '', '', 0, 0, 1, 1, 20726, ?2, x'', 0);
		INSERT INTO outbox (id, case_id, decision, agency, content) VALUES ('00', 1, 1, 'finance', '{"id":"00","decided":"2026-09-30T08:00:00Z"}')`,
		decided.UnixNano(), `{"entry_grace":2,"exit_grace":1,"transfer_overlap":1,"no_pay_months":3,"secondment_limit":12,"absent_limit":15}`); err != nil {
		t.Fatal(err)
	}
	cases, err := Open(ctx, db.DB)
	if err != nil {
		t.Fatal(err)
	}
	want := []queue.Case{
		{
			ID: digits(1), Key: matcher.Key{Code: "PAID_NO_SLOT", Person: "139721199001010014", Unit: "12139721000000001A", Month: 202609},
			State: queue.Decided, Present: true, Severity: "high", Agencies: []string{"finance"}, Unit: "12139721000000001A", Opened: decided, Updated: decided,
			Officer: "Wang", Outcome: queue.OutcomeConfirmed, Reason: "x", To: "finance", Decisions: 1, Events: 3,
			Grounds: queue.Grounds{Version: 1, Parameters: rules.Defaults(), AsOf: 20726, Evidence: []state.Ref{7}, Rows: 1},
		},
		{
			ID: digits(2), Key: matcher.Key{Code: "BAD_IDENTITY", Person: schemas.IDNumber("1")}, State: queue.Open, Present: true, Severity: "low",
			Agencies: []string{}, Opened: decided, Updated: decided, Events: 1, Grounds: queue.Grounds{Version: 1, Parameters: rules.Defaults(), AsOf: 20726},
		},
	}
	got, err := cases.Present(ctx, "", 10)
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v, cases differ (-want +got):\n%s", err, diff)
	}
	n, oldest, err := cases.Outstanding(ctx)
	if err != nil || n != 1 || !oldest.Equal(decided) {
		t.Errorf("%d corrections wait since %s, %v; want 1 since %s", n, oldest, err, decided)
	}
	list, err := cases.List(ctx, queue.Filter{States: []queue.State{queue.Decided}, Agency: "finance", Severity: "high"}, queue.Place{Rank: -1}, 10)
	if diff := cmp.Diff(want[:1], list); diff != "" || err != nil {
		t.Errorf("%v, the list differs (-want +got):\n%s", err, diff)
	}
	if _, err := goes.DownTo(ctx, 1); err != nil {
		t.Errorf("back again: %v", err)
	}
	var agency, severity string
	if err := db.QueryRow(`SELECT agency, severity FROM cases WHERE id = 1`).Scan(&agency, &severity); err != nil || agency != "finance" || severity != "1" {
		t.Errorf("back again the case is of agency %q and severity %s, %v", agency, severity, err)
	}
}
