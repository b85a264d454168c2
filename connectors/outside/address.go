package outside

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"syscall"
)

// maxRedirects bounds how often one try is sent on.
const maxRedirects = 3

// AddressError says that an address may not be reached: it lies within our own network, or nowhere, and no option allows it.
type AddressError struct {
	Addr netip.Addr
	Why  string // such as "private"
}

func (e *AddressError) Error() string {
	return fmt.Sprintf("%s is not to be reached: it is %s and not among the allowed ranges", e.Addr, e.Why)
}

// Guard gives a net.Dialer's Control that refuses each address that is neither public nor allowed. It sees the address that the
// connection is really made to, so no name can change its meaning between the look and the leap. The error is an *AddressError.
func Guard(allow []netip.Prefix) func(network, address string, _ syscall.RawConn) error {
	return func(_, address string, _ syscall.RawConn) error {
		to, err := netip.ParseAddrPort(address)
		if err != nil {
			return fmt.Errorf("%q is no address: %w", address, err)
		}
		addr := to.Addr().WithZone("").Unmap()
		if slices.ContainsFunc(allow, func(p netip.Prefix) bool { return p.Contains(addr) }) {
			return nil
		}
		if why := private(addr); why != "" {
			return &AddressError{Addr: addr, Why: why}
		}
		return nil
	}
}

// span is a range of addresses that are no partner's on the internet.
type span struct {
	prefix netip.Prefix
	what   string
}

// notPublic lists the ranges of IPv4 that netip has no word for. After the IANA registry of special addresses.
var notPublic = []span{
	{netip.MustParsePrefix("0.0.0.0/8"), "of this network"},
	{netip.MustParsePrefix("100.64.0.0/10"), "shared behind a carrier's NAT"}, // a cloud's metadata too: 100.100.100.200
	{netip.MustParsePrefix("192.0.0.0/24"), "reserved"},
	{netip.MustParsePrefix("192.0.2.0/24"), "for documents"},
	{netip.MustParsePrefix("192.88.99.0/24"), "reserved"},
	{netip.MustParsePrefix("198.18.0.0/15"), "for measurements"},
	{netip.MustParsePrefix("198.51.100.0/24"), "for documents"},
	{netip.MustParsePrefix("203.0.113.0/24"), "for documents"},
	{netip.MustParsePrefix("240.0.0.0/4"), "reserved"},
}

var (
	global6  = netip.MustParsePrefix("2000::/3")      // all of IPv6 that is given out
	special6 = netip.MustParsePrefix("2001::/23")     // protocols; Teredo, which holds an IPv4 address, among them
	docs6    = netip.MustParsePrefix("2001:db8::/32") // documents
	docs6b   = netip.MustParsePrefix("3fff::/20")     // documents
	sixToV4  = netip.MustParsePrefix("2002::/16")     // 6to4: IPv4 in bytes 2 to 5
	nat64    = netip.MustParsePrefix("64:ff9b::/96")  // NAT64: IPv4 in the last four bytes
)

// private says what kind of address it is that is not public, or "". Addresses of IPv6 that stand for one of IPv4 are what that is.
func private(addr netip.Addr) string {
	switch {
	case addr.IsUnspecified():
		return "no address"
	case addr.IsLoopback():
		return "this machine"
	case addr.IsPrivate():
		return "private"
	case addr.IsLinkLocalUnicast(), addr.IsLinkLocalMulticast(), addr.IsInterfaceLocalMulticast():
		return "link-local" // metadata of clouds: 169.254.169.254
	case addr.IsMulticast():
		return "for many"
	}
	if addr.Is4() {
		for _, s := range notPublic {
			if s.prefix.Contains(addr) {
				return s.what
			}
		}
		return ""
	}
	b := addr.As16()
	switch {
	case nat64.Contains(addr):
		return private(netip.AddrFrom4([4]byte(b[12:16])))
	case sixToV4.Contains(addr):
		return private(netip.AddrFrom4([4]byte(b[2:6])))
	case !global6.Contains(addr), special6.Contains(addr), docs6.Contains(addr), docs6b.Contains(addr):
		return "reserved"
	}
	return ""
}

// redirectError says why a redirect is not followed.
type redirectError struct{ why string }

func (e *redirectError) Error() string { return "redirected " + e.why }

// follow lets a redirect go to another path of the same host, with the same method. What we show is meant for that host alone.
func follow(r *http.Request, via []*http.Request) error {
	switch first := via[0]; {
	case len(via) > maxRedirects:
		return &redirectError{fmt.Sprintf("more than %d times", maxRedirects)}
	case !sameOrigin(r.URL, first.URL) || r.URL.User != nil:
		return &redirectError{fmt.Sprintf("from %s to %s", origin(first.URL), origin(r.URL))}
	case r.Method != first.Method:
		return &redirectError{fmt.Sprintf("so that %s becomes %s", first.Method, r.Method)}
	}
	return nil
}
