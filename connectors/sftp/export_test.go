package sftp

import (
	"context"
	"time"
)

// Clock makes a source wait by a clock of the test's; during is called when it waits.
func (s *Source) Clock(during func()) {
	now := time.Unix(1_800_000_000, 0)
	s.now = func() time.Time { return now }
	s.pause = func(ctx context.Context, d time.Duration) error {
		now = now.Add(d)
		if during != nil {
			during()
		}
		return ctx.Err()
	}
}

// Counts says whether a file of a name would be looked at.
func (c *Config) Counts(name string) bool { return harmless(name) && c.counts(name) }

// Remember gives the position after a file was taken in, or "" if nothing more can be remembered.
func Remember(position, name string, size, modified int64, there func(string) bool) (string, error) {
	m, err := recall(position)
	if err != nil {
		return "", err
	}
	_, next, err := m.with(name, glance{size, modified}, there)
	return next, err
}

// Knows says whether a position has a file.
func Knows(position, name string, size, modified int64) bool {
	m, err := recall(position)
	return err == nil && m.knows(name, glance{size, modified})
}

// Patience bounds how long a source waits for its server.
func (s *Source) Patience(d time.Duration) { s.connect, s.answer = d, d }

// Patience bounds how long a sink waits for its server.
func (s *Sink) Patience(d time.Duration) { s.connect, s.answer = d, d }
