package life

import (
	"context"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"
)

// maxBy and maxWhy bound what an act says, in bytes.
const (
	maxBy  = 256
	maxWhy = 1 << 10
)

// Pause stops a connector until it is resumed, also beyond a start of the hub. A run on its way is interrupted; when Pause returns without
// an error it has ended. ErrRunning says that it is paused but its run has not ended within ten seconds. One that is paused stays so.
func (k *Keeper) Pause(ctx context.Context, name, by, why string) error {
	c, err := k.act(ctx, name, Act{By: by, What: DidPause, Why: why}, func(c *connector, s *saved) error {
		if s.Paused {
			return errSame
		}
		s.Paused, s.PausedWhy, s.PausedSince = true, why, c.o.Now()
		return nil
	}, func(c *connector) {
		if c.run == nil {
			c.turn(Paused, why, time.Time{})
		}
	})
	if err != nil {
		return err
	}
	c.mu.Lock()
	running := c.run
	c.mu.Unlock()
	if running == nil {
		return nil
	}
	running.cancel()
	late := time.NewTimer(endTime)
	defer late.Stop()
	select {
	case <-running.ended:
		return nil
	case <-late.C:
		return fmt.Errorf("pause connector %s: %w", name, ErrRunning)
	case <-ctx.Done():
		return fmt.Errorf("pause connector %s: %w (%w)", name, ErrRunning, context.Cause(ctx))
	}
}

// Resume lets a paused connector go on, at once. One that is not paused goes on as it does.
func (k *Keeper) Resume(ctx context.Context, name, by string) error {
	_, err := k.act(ctx, name, Act{By: by, What: DidResume}, func(_ *connector, s *saved) error {
		if !s.Paused {
			return errSame
		}
		s.Paused, s.PausedWhy, s.PausedSince, s.Unfinished = false, "", time.Time{}, true
		return nil
	}, func(c *connector) {
		if c.run == nil { // else it was interrupted, and goes on after that
			c.turn(Waiting, "", time.Time{})
		}
	})
	return err
}

// RunNow has a connector run at once, whatever it waits for; one that runs, once more after that. The error may be ErrPaused.
func (k *Keeper) RunNow(ctx context.Context, name, by string) error {
	_, err := k.act(ctx, name, Act{By: by, What: DidRunNow}, func(_ *connector, s *saved) error {
		if s.Paused {
			return ErrPaused
		}
		s.Unfinished = true // also after a kill
		return nil
	}, func(c *connector) {
		if c.again = c.run != nil; !c.again {
			c.until = time.Time{}
		}
	})
	return err
}

// Rewind has a paused connector go on from another position, older or newer. The act remembers the one before. The error may be
// ErrNotPaused, or ErrRunning if the run that was interrupted has not ended yet.
func (k *Keeper) Rewind(ctx context.Context, name, position, by string) error {
	if err := check(Done{Position: position}); err != nil {
		return fmt.Errorf("rewind connector %s: take position: %w", name, err)
	}
	return k.move(ctx, name, position, Act{By: by, What: DidRewind})
}

// Reset has a paused connector begin anew from the start. Its counts stay. Errors are those of Rewind.
func (k *Keeper) Reset(ctx context.Context, name, by string) error {
	return k.move(ctx, name, "", Act{By: by, What: DidReset})
}

func (k *Keeper) move(ctx context.Context, name, position string, a Act) error {
	_, err := k.act(ctx, name, a, func(c *connector, s *saved) error {
		switch {
		case !s.Paused:
			return ErrNotPaused
		case c.run != nil:
			return ErrRunning // what it keeps would undo this
		}
		s.Position = position
		return nil
	}, func(*connector) {})
	return err
}

// errSame says that a connector is already what it is to become: there is nothing to do, and nothing to remember.
var errSame = errors.New("it is so already")

// act saves what fn makes of a connector's state, together with who did it, and does what follows from it. Both are called with mu held.
func (k *Keeper) act(ctx context.Context, name string, a Act, fn func(*connector, *saved) error, then func(*connector)) (*connector, error) {
	c, err := k.find(name)
	if err != nil {
		return nil, err
	}
	switch {
	case a.By == "" || len(a.By) > maxBy || !utf8.ValidString(a.By):
		return nil, fmt.Errorf("connector %s: want the name of who acts, in at most %d bytes of UTF-8", name, maxBy)
	case len(a.Why) > maxWhy || !utf8.ValidString(a.Why):
		return nil, fmt.Errorf("connector %s: want a reason of at most %d bytes of UTF-8", name, maxWhy)
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("connector %s is not %s: %w", name, a.What, err)
	}
	err = c.change(ctx, func(s *saved) error {
		a.At, a.From = c.o.Now(), s.Position
		if err := fn(c, s); err != nil {
			return err
		}
		s.Acts = remember(s.Acts, a)
		return nil
	}, func() { then(c) })
	if errors.Is(err, errSame) {
		return c, nil
	}
	if err != nil {
		return nil, fmt.Errorf("connector %s is not %s: %w", name, a.What, err)
	}
	select {
	case c.wake <- struct{}{}: // it may be due
	default: // it will look anyway
	}
	c.tell()
	return c, nil
}
