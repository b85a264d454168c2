package schemas

import (
	"strings"
	"unicode"
)

// OnlineName is a Chinese domain name that a unit holds (网上名称), until it expires.
type OnlineName struct {
	Unit         UnitCode       `avro:"unit"`
	Domain       string         `avro:"domain"` // as written
	Kind         OnlineNameKind `avro:"kind"`
	RegisteredOn Date           `avro:"registered_on"`
	ExpiresOn    Date           `avro:"expires_on"`
	Rest         []Cell         `avro:"rest"`
}

// Key is the unit.
func (r *OnlineName) Key() string { return string(r.Unit) }

// Derive checks the domain and the interval.
func (r *OnlineName) Derive(Delivered) (string, Reason) {
	if !isOnlineName(r.Domain) {
		return "domain", ReasonUnreadable
	}
	return interval("expires_on", r.RegisteredOn, &r.ExpiresOn)
}

// isOnlineName tells a name right or further below .政务 or .公益, which may be written as the resolvers do. What the labels hold
// is the registry's to judge.
func isOnlineName(domain string) bool {
	at := strings.LastIndexByte(domain, '.')
	if at < 0 {
		return false
	}
	for label := range strings.SplitSeq(domain[:at], ".") {
		if label == "" || strings.ContainsFunc(label, unicode.IsSpace) {
			return false
		}
	}
	switch strings.ToLower(domain[at+1:]) {
	case "政务", "xn--zfr164b", "公益", "xn--55qw42g":
		return true
	}
	return false
}
