package sqldb

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	hubdb "hebian/hub/sqldb"
	"hebian/matcher/queue"
)

// Every query walks an index that has its order; none sorts cases or reads the whole table.
func TestPlans(t *testing.T) {
	db, err := hubdb.Open(t.Context(), filepath.Join(t.TempDir(), "hebian.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := Open(t.Context(), db.DB); err != nil {
		t.Fatal(err)
	}
	list := func(f queue.Filter) (string, []any) {
		return listQuery(queue.Open, f, queue.Place{Rank: 1, Opened: 2, ID: "0123456789abcdef"}, 50)
	}
	count := func(f queue.Filter) (string, []any) { return countQuery(queue.Open, f) }
	every := queue.Filter{Code: "PAID_NO_SLOT", Agency: "finance", Month: 202609, Unit: "1213"}
	const (
		walk  = "SEARCH cases USING INDEX cases_list (state=? AND (rank,opened,id)>(?,?,?) AND rank<?)"
		tally = "SEARCH cases USING COVERING INDEX cases_list (state=? AND rank>? AND rank<?); USE TEMP B-TREE FOR GROUP BY" // of the few rules
	)
	for _, test := range []struct {
		name, want string
		query      func() (string, []any)
	}{
		{"list", walk, func() (string, []any) { return list(queue.Filter{}) }},
		{"list by rule", walk, func() (string, []any) { return list(queue.Filter{Code: "PAID_NO_SLOT"}) }},
		{"list by all", walk, func() (string, []any) { return list(every) }},
		{"list by unit", walk, func() (string, []any) { return list(queue.Filter{Unit: "121397210000000001"}) }},
		{"list by severity", walk, func() (string, []any) { return list(queue.Filter{Severity: "low"}) }},
		{"list of one officer", "SEARCH cases USING INDEX cases_officer (officer=? AND state=? AND (rank,opened,id)>(?,?,?) AND rank<?)", func() (string, []any) { return list(queue.Filter{Officer: "Wang"}) }},
		{"list of one legal entity", "SEARCH cases USING INDEX cases_entity (entity=? AND state=? AND (rank,opened,id)>(?,?,?) AND rank<?)", func() (string, []any) { return list(queue.Filter{Entity: "E00000042"}) }},
		{"counts", tally, func() (string, []any) { return count(queue.Filter{}) }},
		{"counts by all", tally, func() (string, []any) { return count(every) }},
		{"present", "SEARCH cases USING INDEX cases_present (id>?)", func() (string, []any) { return presentQuery, []any{0, 10} }},
		{"lapsed", "SEARCH cases USING COVERING INDEX cases_lease (lease<?)", func() (string, []any) { return lapsedQuery, []any{0, 10} }},
		{"overdue", "SEARCH cases USING INDEX cases_due (due<?)", func() (string, []any) { return overdueQuery, []any{0, 10} }},
		{"expired", "SEARCH cases USING COVERING INDEX cases_until (until<?)", func() (string, []any) { return expiredQuery, []any{0, 10} }},
		{"cases", "SEARCH cases USING PRIMARY KEY (id=?); LIST SUBQUERY 1; SCAN json_each VIRTUAL TABLE INDEX 1:", func() (string, []any) { return lookupQuery, []any{"[1,2]"} }},
		{"history", "SEARCH events USING PRIMARY KEY (case_id=?)", func() (string, []any) { return historyQuery, []any{1, 10} }},
		{"waiting", "SCAN outbox USING COVERING INDEX outbox_waiting", func() (string, []any) { return waitingQuery, []any{10} }},
		{"asked", "SEARCH outbox USING INDEX outbox_case (case_id=? AND decision=?)", func() (string, []any) { return askedQuery, []any{1, 1, 10} }},
		{"left", "SEARCH outbox USING INDEX outbox_case (case_id=? AND decision=?)", func() (string, []any) { return leftQuery, []any{1, 1} }},
		{"links", "SEARCH links USING INTEGER PRIMARY KEY (rowid>?)", func() (string, []any) { return linksQuery, []any{1, 10} }},
		{"revoke", "SEARCH links USING INTEGER PRIMARY KEY (rowid=?); SCALAR SUBQUERY 1; SEARCH links USING COVERING INDEX links_case (case_id=?)", func() (string, []any) { return revokeQuery, []any{1, 10} }},
		{"pending", "SEARCH outbox USING INDEX outbox_waiting (agency=?)", func() (string, []any) { return pendingQuery, []any{"finance", 10} }},
	} {
		text, values := test.query()
		if diff := cmp.Diff(test.want, plan(t, db, text, values)); diff != "" {
			t.Errorf("%s: the plan differs (-want +got):\n%s", test.name, diff)
		}
	}
}

func plan(t *testing.T, db *hubdb.DB, text string, values []any) string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+text, values...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var steps []string
	for rows.Next() {
		var id, parent, unused int
		var step string
		if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
			t.Fatal(err)
		}
		steps = append(steps, fmt.Sprint(step))
	}
	return strings.Join(steps, "; ")
}
