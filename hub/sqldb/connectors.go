package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"hebian/hub"
)

// ConnectorStates is hub.ConnectorStates in this database.
type ConnectorStates struct{ *DB }

// Load gives the state of a connector, and whether it has one.
func (db ConnectorStates) Load(ctx context.Context, name string) (state string, found bool, err error) {
	err = db.QueryRowContext(ctx, `SELECT state FROM connectors WHERE name = ?`, name).Scan(&state)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return "", false, nil
	case err != nil:
		return "", false, fmt.Errorf("load state of connector %s: %w", name, err)
	}
	return state, true, nil
}

// Save writes a state in place of the one before.
func (db ConnectorStates) Save(ctx context.Context, name, state string) error {
	if len(state) > hub.MaxState {
		return fmt.Errorf("save state of connector %s: it takes %d bytes, at most %d are kept", name, len(state), hub.MaxState)
	}
	if _, err := db.ExecContext(ctx, `INSERT OR REPLACE INTO connectors (name, state) VALUES (?, ?)`, name, state); err != nil {
		return fmt.Errorf("save state of connector %s: %w", name, err)
	}
	return nil
}

// All gives every state by the name of its connector.
func (db ConnectorStates) All(ctx context.Context) (map[string]string, error) {
	states := map[string]string{}
	for after := ""; ; {
		n, last, err := db.page(ctx, after, states)
		if err != nil {
			return nil, fmt.Errorf("load states of connectors: %w", err)
		}
		if n < pageRows {
			return states, nil
		}
		after = last
	}
}

// page reads the states of some names into states.
func (db ConnectorStates) page(ctx context.Context, after string, states map[string]string) (n int, last string, err error) {
	rows, err := db.QueryContext(ctx, `SELECT name, state FROM connectors WHERE name > ? ORDER BY name LIMIT ?`, after, pageRows)
	if err != nil {
		return 0, "", err
	}
	defer rows.Close()
	for ; rows.Next(); n++ {
		var state string
		if err := rows.Scan(&last, &state); err != nil {
			return 0, "", err
		}
		states[last] = state
	}
	return n, last, rows.Err()
}

// Delete forgets a connector.
func (db ConnectorStates) Delete(ctx context.Context, name string) error {
	if _, err := db.ExecContext(ctx, `DELETE FROM connectors WHERE name = ?`, name); err != nil {
		return fmt.Errorf("forget connector %s: %w", name, err)
	}
	return nil
}
