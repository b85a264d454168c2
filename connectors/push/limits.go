package push

import (
	"errors"
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"hebian/schemas"
)

// errQuota ends a body that is more than its agency may send in a day.
var errQuota = errors.New("no more bytes today")

// limits keeps count of what agencies ask for. What they had counts from anew when the hub starts.
type limits struct {
	max     Limits
	buckets map[string]*rate.Limiter // by agency; "": of all that have no profile. It is not written to

	mu    sync.Mutex
	day   schemas.Date
	bytes map[string]int64 // of the day, by agency
}

func newLimits(max Limits, agencies []string) *limits {
	l := &limits{max: max, bytes: map[string]int64{}}
	if max.RequestsPerSecond <= 0 {
		return l
	}
	burst := max.Burst
	if burst < 1 { // a bucket that holds nothing never gives
		burst = int(math.Ceil(max.RequestsPerSecond))
	}
	l.buckets = map[string]*rate.Limiter{"": rate.NewLimiter(rate.Limit(max.RequestsPerSecond), burst)}
	for _, agency := range agencies {
		l.buckets[agency] = rate.NewLimiter(rate.Limit(max.RequestsPerSecond), burst)
	}
	return l
}

// wait says how long an agency must wait before it may ask; 0: it may, and has.
func (l *limits) wait(agency string) time.Duration {
	bucket := l.buckets[agency]
	if bucket == nil {
		if bucket = l.buckets[""]; bucket == nil {
			return 0
		}
	}
	now := time.Now()
	r := bucket.ReserveN(now, 1)
	pause := r.DelayFrom(now)
	if pause > 0 {
		r.CancelAt(now)
	}
	return pause
}

// spend counts bytes that an agency sends on a day, and says whether they are within what it may.
func (l *limits) spend(agency string, day schemas.Date, n int64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if day > l.day {
		l.day = day
		clear(l.bytes)
	}
	l.bytes[agency] += n
	return l.bytes[agency] <= l.max.DailyBytes
}

// left is what an agency may still send on a day.
func (l *limits) left(agency string, day schemas.Date) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if day > l.day {
		return l.max.DailyBytes
	}
	return l.max.DailyBytes - l.bytes[agency]
}

// meter has the bytes of a body counted as they come, if there is a bound to them. One that was announced beyond it is not read at all.
func (s *Server) meter(caller Caller, agency string, body *upload) *Problem {
	if s.Limits.DailyBytes <= 0 || caller.Operator {
		return nil
	}
	today := s.Today()
	if left := s.limits.left(agency, today); left <= 0 || body.length > left {
		return quota()
	}
	body.spend = func(n int64) bool { return s.limits.spend(agency, today, n) }
	return nil
}
