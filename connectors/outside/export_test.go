package outside

import "net"

var (
	RetryAfter = retryAfter
	ReadToken  = readToken
	Private    = private
)

const (
	OpenFor      = openFor
	TripAfter    = tripAfter
	DefaultTries = defaultTries
	LongestAsked = longestAsked
)

// WithResolver has names looked up elsewhere.
func (o Options) WithResolver(r *net.Resolver) Options {
	o.resolver = r
	return o
}
