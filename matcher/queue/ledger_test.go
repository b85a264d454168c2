package queue_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"hebian/hub"
	hubdb "hebian/hub/sqldb"
	"hebian/matcher/queue"
	"hebian/schemas"
)

const ledgerSubject = "staffing.slot"

// books is an office with an intake, and what the ledger ought to say.
type books struct {
	*office
	deliveries hubdb.Deliveries
	intake     *hub.Intake
	want       queue.LedgerLine
	unjudged   []hub.Receipt
}

func openBooks(t testing.TB) *books {
	b := &books{office: open(t), want: queue.LedgerLine{Subject: ledgerSubject}}
	b.deliveries = hubdb.Deliveries{DB: b.db}
	b.intake = hub.NewIntake(b.log, b.deliveries, func() time.Time { return morning }, 100)
	b.intake.MisfitSchema = 1
	return b
}

// deliver takes rows of a file in; every third text is a misfit.
func (b *books) deliver(t interface{ Fatal(...any) }, file string, mode hub.Mode, key string, texts []int) {
	ctx := context.Background()
	s, err := b.intake.Begin(ctx, hub.Manifest{Agency: "staffing", File: file, Subject: ledgerSubject, Mode: mode, Key: key})
	must(t, err)
	scope := schemas.Scope("staffing", file)
	for i, n := range texts {
		text := fmt.Appendf(nil, "%d", n)
		record := []schemas.Record{{ID: schemas.ContentID(scope, text), Line: int64(i + 2), Key: text, Value: text}}
		if n%3 == 0 {
			err = s.Quarantine(ctx, record)
		} else {
			err = s.Accept(ctx, record)
		}
		must(t, err)
	}
	receipt, err := s.Finish(ctx, hub.Ending{Digest: "sha256:00"})
	must(t, err)
	b.unjudged = append(b.unjudged, receipt)
	b.want.Accepted += int64(len(texts))
	b.want.Quarantined += receipt.Quarantined
}

// judge folds the n-th delivery that was not judged yet.
func (b *books) judge(t interface{ Fatal(...any) }, n int) {
	ctx := context.Background()
	rows := b.fold(t, b.unjudged[n])
	must(t, b.queue.Rule(ctx, nil, []queue.Judged{{Delivery: b.unjudged[n].Delivery, Subject: ledgerSubject, Rows: rows}}))
	b.unjudged = slices.Delete(b.unjudged, n, n+1)
}

// fold counts the rows that a delivery brought into the log, less those it took back.
func (b *books) fold(t interface{ Fatal(...any) }, r hub.Receipt) (rows int64) {
	must(t, hub.NewReader(b.log, map[int64]string{r.Delivery: r.File}).Delivery(context.Background(), r, func(_ string, batch *hub.Batch) error {
		for i := range batch.Records {
			rows += 1 - 2*int64(batch.Records[i].Op)
		}
		return nil
	}))
	return rows
}

// check compares the ledger with what was delivered, row by row.
func (b *books) check(t interface{ Fatal(...any) }) {
	b.want.Pending = 0
	for _, r := range b.unjudged {
		b.want.Pending += r.Accepted
	}
	b.want.Delivered = b.want.Accepted - b.want.Quarantined - b.want.Pending
	got, err := b.queue.Ledger(context.Background())
	must(t, err)
	if diff := cmp.Diff([]queue.LedgerLine{b.want}, got); diff != "" {
		t.Fatal("the ledger differs (-want +got):\n" + diff)
	}
}

// Files come whole and in change sets, and are judged in any order or not yet: the ledger balances after every step.
func TestLedgerBalances(t *testing.T) {
	b := openBooks(t)
	files, keys := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		files += 2 // of their own for each run
		for range rapid.IntRange(1, 6).Draw(t, "steps") {
			if len(b.unjudged) > 0 && rapid.Bool().Draw(t, "judge") {
				b.judge(t, rapid.IntRange(0, len(b.unjudged)-1).Draw(t, "which"))
			} else {
				keys++
				b.deliver(t, fmt.Sprintf("staffing/%d.csv", files+rapid.IntRange(0, 1).Draw(t, "file")),
					rapid.SampledFrom([]hub.Mode{hub.Full, hub.Full, hub.Add, hub.Remove}).Draw(t, "mode"), fmt.Sprint(keys),
					rapid.SliceOfN(rapid.IntRange(1, 6), 0, 8).Draw(t, "rows"))
			}
			b.check(t)
		}
		for len(b.unjudged) > 0 {
			b.judge(t, 0)
		}
		b.check(t)
	})
}

// Whoever tampers with what was received or folded is seen in the difference.
func TestLedgerShowsTampering(t *testing.T) {
	for _, test := range []struct {
		name, tamper string
		want         int64
	}{
		{"a row was lost on the way", `UPDATE judged SET rows = rows - 1 WHERE delivery = 1`, 1},
		{"a row was folded twice", `UPDATE judged SET rows = rows + 1 WHERE delivery = 2`, -1},
		{"a delivery that never was", `INSERT INTO judged VALUES (99, 'staffing.slot', 5)`, -5},
		{"a receipt says more than came", `UPDATE deliveries SET live = live + 3 WHERE id = 2`, 3},
		{"a delivery vanished", `DELETE FROM deliveries WHERE id = 2`, -1},
		{"nothing", `SELECT 1`, 0},
	} {
		b := openBooks(t)
		b.deliver(t, "staffing/a.csv", hub.Full, "", []int{1, 2, 2, 3})
		b.deliver(t, "staffing/a.csv", hub.Add, "1", []int{4})
		b.judge(t, 0)
		b.judge(t, 0)
		if _, err := b.db.Exec(test.tamper); err != nil {
			t.Fatal(err)
		}
		lines, err := b.queue.Ledger(t.Context())
		if err != nil || len(lines) != 1 || lines[0].Difference != test.want {
			t.Errorf("%s: the ledger is %+v, %v; want a difference of %d", test.name, lines, err, test.want)
		}
	}
}
