package life

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/robfig/cron/v3"

	"hebian/connectors"
)

// When a connector in trouble is tried again.
const (
	// firstPause is up to how long the first wait lasts; each is up to twice the one before, and none longer than longestPause, after which
	// an agency whose system is back has its rows here.
	firstPause, longestPause = time.Second, 5 * time.Minute
	// failedPause is rare enough not to lock an account for good, and often enough that nobody need press a button after mending.
	failedPause = 10 * time.Minute
	// filePause is how soon a connector that runs at given times looks again for a file that was not there.
	filePause = 5 * time.Minute
	// longestUntil bounds what a partner says: a wrong clock must not put a connector to sleep for good.
	longestUntil = 24 * time.Hour
	// maxReason is what a page shows of an error, in bytes.
	maxReason = 1 << 10
)

// ending is how a run ended.
type ending struct {
	state  State
	reason string
	until  time.Time // not to be tried before; zero: not known
}

// judge says what a run's error means.
func judge(err error) ending {
	if err == nil {
		return ending{state: Waiting}
	}
	e := ending{state: BackingOff, reason: shorten(err.Error())}
	var trouble *connectors.Trouble
	if !errors.As(err, &trouble) {
		return e
	}
	e.until = trouble.Until
	switch trouble.Kind {
	case connectors.NoFile:
		e.state = NoFile
	case connectors.CircuitOpen:
		e.state = CircuitOpen
	case connectors.Denied, connectors.Unfit:
		e.state = Failed
	}
	return e
}

// next says when a connector runs again. failures is how many runs in a row have failed.
func next(e ending, now time.Time, every time.Duration, schedule cron.Schedule, failures int64) time.Time {
	usual := now.Add(every)
	if schedule != nil {
		usual = after(schedule, now)
	}
	switch e.state {
	case Waiting:
		return usual
	case NoFile:
		if schedule != nil {
			usual = earlier(usual, now.Add(filePause))
		}
	case Failed:
		usual = now.Add(failedPause)
	default:
		usual = now.Add(pause(failures))
		if e.until.After(now) { // whoever says so knows better
			usual = now.Add(max(e.until.Sub(now), minEvery))
		}
	}
	if e.until.After(usual) {
		usual = e.until
	}
	return earlier(usual, now.Add(longestUntil))
}

// pause is a random share of a span that doubles, so that connectors of one partner do not come back all at once.
func pause(failures int64) time.Duration {
	span := longestPause
	if failures < 10 { // 1 s doubled nine times is beyond five minutes
		span = min(firstPause<<max(failures-1, 0), longestPause)
	}
	return max(rand.N(span)+1, minEvery)
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// parseAt reads a cron expression. Time zones are refused: it is the county's own time. So is @every, which is what Every is for.
func parseAt(expression string) (cron.Schedule, error) {
	if strings.HasPrefix(expression, "TZ=") || strings.HasPrefix(expression, "CRON_TZ=") || strings.HasPrefix(expression, "@every") {
		return nil, fmt.Errorf("read time %q: want five fields of cron, or @daily and its like", expression)
	}
	schedule, err := cron.ParseStandard(expression)
	if err != nil {
		return nil, fmt.Errorf("read time %q: %w", expression, err)
	}
	if schedule.Next(time.Date(2026, 1, 1, 0, 0, 0, 0, time.Local)).IsZero() { // it looks five years ahead
		return nil, fmt.Errorf("read time %q: there is no such day", expression)
	}
	return schedule, nil
}

// after is the next time of a schedule, by the wall clock even if that is set anew meanwhile.
func after(schedule cron.Schedule, now time.Time) time.Time {
	at := schedule.Next(now.Round(0).Local())
	if at.IsZero() {
		return now.Add(longestUntil)
	}
	return at
}

// shorten cuts a reason to what a page shows.
func shorten(reason string) string {
	reason = strings.ToValidUTF8(reason, "?")
	if len(reason) <= maxReason {
		return reason
	}
	cut := maxReason - len("…")
	for !utf8.RuneStart(reason[cut]) {
		cut--
	}
	return reason[:cut] + "…"
}
