package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// Sitting finds a session that has not ended.
func (s *Store) Sitting(ctx context.Context, key string, now time.Time) (content []byte, ok bool, err error) {
	err = s.db.QueryRowContext(ctx, `SELECT content FROM access_sessions WHERE digest = ? AND until > ?`, key, seconds(now)).Scan(&content)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, false, nil
	}
	return content, err == nil, err
}

// PutSitting keeps a session and removes those that have ended.
func (s *Store) PutSitting(ctx context.Context, key string, content []byte, now, until time.Time) error {
	if _, err := s.db.ExecContext(ctx, `DELETE FROM access_sessions WHERE until <= ?`, seconds(now)); err != nil {
		return err
	}
	_, err := s.db.ExecContext(ctx, `INSERT OR REPLACE INTO access_sessions (digest, content, until) VALUES (?, ?, ?)`, key, content, seconds(until))
	return err
}

// RemoveSitting removes a session.
func (s *Store) RemoveSitting(ctx context.Context, key string) error {
	_, err := s.db.ExecContext(ctx, `DELETE FROM access_sessions WHERE digest = ?`, key)
	return err
}
