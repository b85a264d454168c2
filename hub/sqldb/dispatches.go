package sqldb

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"hebian/hub"
)

// Dispatches is hub.Dispatches in this database.
type Dispatches struct{ *DB }

const dispatchColumns = `connector, number, feed, agency, after, next, records, digest, created, sent, answer, tries, error`

// Begin writes the connector's next dispatch down, or gives the one that is unsent.
func (db Dispatches) Begin(ctx context.Context, d hub.Dispatch) (hub.Dispatch, error) {
	begun := d
	err := db.transact(ctx, func(tx *sql.Tx) error {
		unsent, err := dispatch(tx.QueryRowContext(ctx, `SELECT `+dispatchColumns+` FROM dispatches WHERE connector = ? AND sent = ''`, d.Connector))
		if err == nil || !errors.Is(err, sql.ErrNoRows) {
			begun = unsent
			return err
		}
		begun.Sent, begun.Answer, begun.Tries, begun.Error = time.Time{}, "", 0, ""
		return tx.QueryRowContext(ctx, `INSERT INTO dispatches (connector, number, feed, agency, after, next, records, digest, created)
			SELECT ?1, COALESCE((SELECT MAX(number) FROM dispatches WHERE connector = ?1), 0) + 1, ?2, ?3, ?4, ?5, ?6, ?7, ?8 RETURNING number`,
			d.Connector, d.Feed, d.Agency, d.After, d.Next, d.Records, d.Digest, timestamp(d.Created)).Scan(&begun.Number)
	})
	if err != nil {
		return hub.Dispatch{}, fmt.Errorf("begin a dispatch of %s: %w", d.Connector, err)
	}
	return begun, nil
}

// Sent notes that the partner has a dispatch.
func (db Dispatches) Sent(ctx context.Context, connector string, number int64, answer string, at time.Time) error {
	result, err := db.ExecContext(ctx, `UPDATE dispatches SET sent = ?, answer = ?, tries = tries + 1 WHERE connector = ? AND number = ? AND sent = ''`,
		timestamp(at), cut(answer), connector, number)
	if err != nil {
		return fmt.Errorf("note dispatch %d of %s as sent: %w", number, connector, err)
	}
	if n, err := result.RowsAffected(); err != nil || n == 1 {
		return err
	}
	_, err = db.Get(ctx, connector, number)
	return err
}

// Failed notes that a try to send a dispatch went wrong.
func (db Dispatches) Failed(ctx context.Context, connector string, number int64, why string) error {
	result, err := db.ExecContext(ctx, `UPDATE dispatches SET error = ?, tries = tries + 1 WHERE connector = ? AND number = ? AND sent = ''`,
		cut(why), connector, number)
	var n int64
	if err == nil {
		n, err = result.RowsAffected()
	}
	if err == nil && n == 0 {
		err = hub.ErrUnknown
	}
	if err != nil {
		return fmt.Errorf("note that dispatch %d of %s went wrong: %w", number, connector, err)
	}
	return nil
}

// Get gives a dispatch.
func (db Dispatches) Get(ctx context.Context, connector string, number int64) (hub.Dispatch, error) {
	d, err := dispatch(db.QueryRowContext(ctx, `SELECT `+dispatchColumns+` FROM dispatches WHERE connector = ? AND number = ?`, connector, number))
	if errors.Is(err, sql.ErrNoRows) {
		err = hub.ErrUnknown
	}
	if err != nil {
		return hub.Dispatch{}, fmt.Errorf("look up dispatch %d of %s: %w", number, connector, err)
	}
	return d, nil
}

// List gives dispatches of a connector, the newest first.
func (db Dispatches) List(ctx context.Context, connector string, before int64, limit int) ([]hub.Dispatch, error) {
	rows, err := db.QueryContext(ctx, `SELECT `+dispatchColumns+` FROM dispatches WHERE connector = ? AND number < ? ORDER BY number DESC LIMIT ?`,
		connector, older(before), pageOf(limit))
	if err != nil {
		return nil, fmt.Errorf("list dispatches of %s: %w", connector, err)
	}
	defer rows.Close()
	var page []hub.Dispatch
	for rows.Next() {
		d, err := dispatch(rows)
		if err != nil {
			return nil, fmt.Errorf("list dispatches of %s: %w", connector, err)
		}
		page = append(page, d)
	}
	return page, rows.Err()
}

// dispatch reads a row of dispatchColumns.
func dispatch(row interface{ Scan(...any) error }) (d hub.Dispatch, err error) {
	var created, sent string
	if err := row.Scan(&d.Connector, &d.Number, &d.Feed, &d.Agency, &d.After, &d.Next, &d.Records, &d.Digest,
		&created, &sent, &d.Answer, &d.Tries, &d.Error); err != nil {
		return d, err
	}
	var wrong error
	d.Created, err = parseTimestamp(created)
	d.Sent, wrong = parseTimestamp(sent)
	return d, cmp.Or(err, wrong)
}

// cut keeps the bounds of what a partner may say.
func cut(s string) string {
	if len(s) > hub.MaxAnswer {
		s = s[:hub.MaxAnswer]
	}
	return strings.ToValidUTF8(s, "")
}
