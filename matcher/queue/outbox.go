package queue

import (
	"context"
	"fmt"
	"time"

	"hebian/hub"
)

// The queue is the outbox of its corrections.
var _ hub.Outbox = (*Queue)(nil)

// Outstanding counts the corrections that were not sent, and says when the oldest of them was decided.
func (q *Queue) Outstanding(ctx context.Context) (n int64, oldest time.Time, err error) {
	return q.store.Outstanding(ctx)
}

// Waiting lists the agencies that corrections wait for.
func (q *Queue) Waiting(ctx context.Context) ([]string, error) { return q.store.Waiting(ctx) }

// Pending gives up to limit corrections to an agency that were not sent, in the order of their decisions.
func (q *Queue) Pending(ctx context.Context, agency string, limit int) ([]hub.Outgoing, error) {
	return q.store.Pending(ctx, agency, limit)
}

// Logged notes that corrections are in the log.
func (q *Queue) Logged(ctx context.Context, ids []string) error { return q.store.Logged(ctx, ids) }

// Sent notes that their agency has corrections, and takes the cases on.
func (q *Queue) Sent(ctx context.Context, ids []string) error {
	err := q.store.Write(ctx, func(tx Tx) error {
		at := q.now()
		for _, id := range ids {
			if err := q.sent(tx, id, at); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("note %d corrections as sent: %w", len(ids), err)
	}
	return nil
}

func (q *Queue) sent(tx Tx, id string, at time.Time) error {
	caseID, relayed, first, err := tx.Relayed(id, at)
	if err != nil || !first {
		return err
	}
	c, err := find(tx, caseID)
	if err != nil {
		return err
	}
	relayed.Due = q.deadline(at)
	e, err := Next(c, relayed, at)
	if err != nil {
		return err
	}
	return tx.Save([]Effects{e})
}
