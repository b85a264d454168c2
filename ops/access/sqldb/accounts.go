package sqldb

import (
	"context"
	"database/sql"
	"errors"

	"hebian/ops/access"
)

// AddAccount adds an account.
func (s *Store) AddAccount(ctx context.Context, a access.Account) error {
	err := changed(s.db.ExecContext(ctx, `INSERT INTO access_accounts (name, role, password, created) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING`,
		a.Name, a.Role, a.Password, seconds(a.Created)))
	if errors.Is(err, access.ErrUnknown) {
		return access.ErrTaken
	}
	return err
}

// ChangePassword replaces an account's password hash.
func (s *Store) ChangePassword(ctx context.Context, name, password string) error {
	return changed(s.db.ExecContext(ctx, `UPDATE access_accounts SET password = ? WHERE name = ?`, password, name))
}

// Account finds an account by its name.
func (s *Store) Account(ctx context.Context, name string) (access.Account, error) {
	a := access.Account{Name: name}
	var created int64
	err := s.db.QueryRowContext(ctx, `SELECT role, password, created FROM access_accounts WHERE name = ?`, name).Scan(&a.Role, &a.Password, &created)
	if errors.Is(err, sql.ErrNoRows) {
		return access.Account{}, access.ErrUnknown
	}
	a.Created = instant(created)
	return a, err
}

// AllAccounts lists the accounts by name.
func (s *Store) AllAccounts(ctx context.Context) ([]access.Account, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT name, role, password, created FROM access_accounts ORDER BY name LIMIT ?`, maxListed)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []access.Account
	for rows.Next() {
		var a access.Account
		var created int64
		if err := rows.Scan(&a.Name, &a.Role, &a.Password, &created); err != nil {
			return nil, err
		}
		a.Created = instant(created)
		all = append(all, a)
	}
	return all, rows.Err()
}

// RemoveAccount removes an account and, by the foreign key, its tokens.
func (s *Store) RemoveAccount(ctx context.Context, name string) error {
	return changed(s.db.ExecContext(ctx, `DELETE FROM access_accounts WHERE name = ?`, name))
}
