package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"

	"hebian/ops/access"
)

// AddToken keeps a token under its digest.
func (s *Store) AddToken(ctx context.Context, digest []byte, t access.Token) (id int64, err error) {
	account := sql.NullString{String: t.Account, Valid: t.Account != ""}
	err = s.db.QueryRowContext(ctx, `INSERT INTO access_tokens (digest, label, agency, account, created, expires, scopes, sandbox)
		SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8 WHERE ?4 IS NULL OR EXISTS (SELECT 1 FROM access_accounts WHERE name = ?4) RETURNING id`,
		digest, t.Label, t.Agency, account, seconds(t.Created), seconds(t.Expires), joined(t.Scopes), t.Sandbox).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, access.ErrUnknown
	}
	return id, err
}

const tokenColumns = `id, label, agency, coalesce(account, ''), created, expires, used, scopes, sandbox`

func scanToken(scan func(...any) error) (access.Token, error) {
	var t access.Token
	var created, expires, used int64
	var scopes string
	err := scan(&t.ID, &t.Label, &t.Agency, &t.Account, &created, &expires, &used, &scopes, &t.Sandbox)
	for scope := range strings.FieldsSeq(scopes) {
		t.Scopes = append(t.Scopes, access.Scope(scope))
	}
	t.Created, t.Expires, t.Used = instant(created), instant(expires), instant(used)
	return t, err
}

// Token finds a token by its digest.
func (s *Store) Token(ctx context.Context, digest []byte) (access.Token, error) {
	t, err := scanToken(s.db.QueryRowContext(ctx, `SELECT `+tokenColumns+` FROM access_tokens WHERE digest = ?`, digest).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return access.Token{}, access.ErrUnknown
	}
	return t, err
}

// AllTokens lists the tokens in the order they were made.
func (s *Store) AllTokens(ctx context.Context) ([]access.Token, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT `+tokenColumns+` FROM access_tokens ORDER BY id LIMIT ?`, maxListed)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []access.Token
	for rows.Next() {
		t, err := scanToken(rows.Scan)
		if err != nil {
			return nil, err
		}
		all = append(all, t)
	}
	return all, rows.Err()
}

// TouchToken notes when a token was used last.
func (s *Store) TouchToken(ctx context.Context, id int64, used time.Time) error {
	_, err := s.db.ExecContext(ctx, `UPDATE access_tokens SET used = max(used, ?) WHERE id = ?`, seconds(used), id)
	return err
}

// RemoveToken removes a token.
func (s *Store) RemoveToken(ctx context.Context, id int64) error {
	return changed(s.db.ExecContext(ctx, `DELETE FROM access_tokens WHERE id = ?`, id))
}

// joined writes scopes into a column.
func joined(scopes []access.Scope) string {
	var names []string
	for _, s := range scopes {
		names = append(names, string(s))
	}
	return strings.Join(names, " ")
}
