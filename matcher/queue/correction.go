package queue

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"time"

	"hebian/schemas"
)

// corrections are what the case's last decision asks of agencies.
func (c *Case) corrections(m *Decide, at time.Time) []schemas.Correction {
	asks := c.notice(m, at)
	var all []schemas.Correction
	switch authority := c.Grounds.side(RoleAuthority, ""); c.Outcome {
	case OutcomeAuthority:
		for i := range c.Grounds.Sides {
			if s := &c.Grounds.Sides[i]; s.Role == RoleDiffers {
				all = append(all, proposing(asks, s, authority, cited(m.Rows, s, authority)))
			}
		}
	case OutcomeDisputed:
		all = append(all, proposing(asks, authority, c.Grounds.differing(c.Right), cited(m.Rows)))
	default:
		asks.Agency = c.To
		for i := range c.Grounds.Sides {
			if s := &c.Grounds.Sides[i]; s.Agency == c.To && s.Role != RoleCandidate {
				asks.Value = s.Value
				break
			}
		}
		asks.Rows = cited(m.Rows)
		all = append(all, asks)
	}
	for i := range all {
		all[i].ID = correctionID(c.ID, c.Decisions, i).String()
	}
	return all
}

// notice is what all corrections of a decision have in common.
func (c *Case) notice(m *Decide, at time.Time) schemas.Correction {
	n := schemas.Correction{
		Case: c.ID, Outcome: string(c.Outcome), Reason: c.Reason, Decided: at.UTC().Format(time.RFC3339),
		Code: c.Key.Code, Person: c.Key.Person, Unit: c.Key.Unit, Detail: c.Key.Detail,
	}
	if c.Key.Month != 0 {
		n.Month = &c.Key.Month
	}
	if m.Due != 0 {
		n.Due = &m.Due
	}
	if c.Key.Entity != "" {
		n.Entity, n.EntityCode = c.Key.Entity, c.Unit
	}
	if c.Key.Code == CodeConflict {
		n.Field = c.Key.Detail
	}
	return n
}

// proposing asks a side to say what another says.
func proposing(n schemas.Correction, to, by *Side, rows []schemas.CitedRow) schemas.Correction {
	n.Agency, n.Value = to.Agency, to.Value
	n.Proposed, n.ProposedBy = by.Value, by.Agency
	n.Rows = rows
	return n
}

// cited chooses the rows of some sides; of no sides, all. Never null in JSON.
func cited(rows []schemas.CitedRow, of ...*Side) []schemas.CitedRow {
	if len(of) == 0 {
		return append([]schemas.CitedRow{}, rows...)
	}
	chosen := []schemas.CitedRow{}
	for _, s := range of {
		if s.Row >= 0 && s.Row < len(rows) {
			chosen = append(chosen, rows[s.Row])
		}
	}
	return chosen
}

// reminders ask again what was asked before, but not agencies that have put it right meanwhile.
func (c *Case) reminders(asked []schemas.Correction) (all []schemas.Correction) {
	for i, n := range asked {
		if c.Outcome == OutcomeAuthority && c.Grounds.side(RoleDiffers, n.Agency) == nil && c.Grounds.side(RoleLag, n.Agency) == nil {
			continue
		}
		n.ID, n.Reminder = reminderID(c.ID, c.Decisions, i).String(), true
		due := c.Due
		n.Due = &due
		all = append(all, n)
	}
	return all
}

func idsOf(corrections []schemas.Correction) string {
	var ids []string
	for i := range corrections {
		ids = append(ids, corrections[i].ID)
	}
	return strings.Join(ids, " ")
}

// correctionID names the i-th correction of a case's n-th decision for good. It is the ID of its record as well.
func correctionID(id string, n, i int) schemas.ID {
	text := fmt.Appendf(nil, "correction %s %d", id, n)
	if i > 0 { // the first was the only one once
		text = fmt.Appendf(text, " %d", i)
	}
	sum := sha256.Sum256(text)
	return schemas.ID(sum[:16])
}

// reminderID names the reminder of a correction.
func reminderID(id string, n, i int) schemas.ID {
	sum := sha256.Sum256(fmt.Appendf(nil, "reminder %s %d %d", id, n, i))
	return schemas.ID(sum[:16])
}
