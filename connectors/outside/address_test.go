package outside_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"hebian/connectors"
	"hebian/connectors/outside"
)

// Addresses of our own network, or of nobody, are refused in whatever form they come, unless they are allowed.
func TestGuard(t *testing.T) {
	for _, test := range []struct {
		address string
		allow   string
		refused bool
	}{
		{address: "8.8.8.8"}, {address: "93.184.216.34"}, {address: "2606:4700::1111"}, {address: "::ffff:8.8.8.8"},
		{address: "64:ff9b::808:808"}, {address: "2002:808:808::1"},
		{address: "127.0.0.1", refused: true}, {address: "127.9.9.9", refused: true}, {address: "::1", refused: true},
		{address: "0.0.0.0", refused: true}, {address: "0.1.2.3", refused: true}, {address: "::", refused: true},
		{address: "10.1.2.3", refused: true}, {address: "172.31.255.255", refused: true}, {address: "192.168.0.1", refused: true},
		{address: "169.254.169.254", refused: true}, {address: "100.100.100.200", refused: true}, {address: "198.19.0.1", refused: true},
		{address: "192.0.0.192", refused: true}, {address: "224.0.0.1", refused: true}, {address: "239.1.1.1", refused: true},
		{address: "240.0.0.1", refused: true}, {address: "255.255.255.255", refused: true}, {address: "203.0.113.9", refused: true},
		{address: "::ffff:127.0.0.1", refused: true}, {address: "::ffff:a9fe:a9fe", refused: true}, {address: "::127.0.0.1", refused: true},
		{address: "::ffff:0:10.0.0.1", refused: true}, {address: "64:ff9b::10.0.0.1", refused: true}, {address: "64:ff9b::169.254.169.254", refused: true},
		{address: "64:ff9b:1::808:808", refused: true}, {address: "2002:a00:1::1", refused: true}, {address: "2001:0:4136:e378::1", refused: true},
		{address: "fe80::1%eth0", refused: true}, {address: "fd00:ec2::254", refused: true}, {address: "fec0::1", refused: true},
		{address: "ff02::1", refused: true}, {address: "2001:db8::1", refused: true}, {address: "100::1", refused: true},
		{address: "10.20.3.4", allow: "10.20.0.0/16"}, {address: "::ffff:10.20.3.4", allow: "10.20.0.0/16"},
		{address: "10.21.3.4", allow: "10.20.0.0/16", refused: true}, {address: "64:ff9b::10.20.3.4", allow: "10.20.0.0/16", refused: true},
		{address: "127.0.0.1", allow: "127.0.0.1/32"}, {address: "fd12::7", allow: "fd12::/16"}, {address: "8.8.8.8", allow: "10.20.0.0/16"},
	} {
		t.Run(test.address+" with "+test.allow, func(t *testing.T) {
			var allow []netip.Prefix
			if test.allow != "" {
				allow = append(allow, netip.MustParsePrefix(test.allow))
			}
			err := outside.Guard(allow)("tcp", net.JoinHostPort(test.address, "443"), nil)
			if got := errors.As(err, new(*outside.AddressError)); got != test.refused || !got && err != nil {
				t.Errorf("got %v, want that it is refused: %t", err, test.refused)
			}
		})
	}
}

// loopback allows this machine.
var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

// names answers look-ups: each name has the addresses given, in turn.
func names(t *testing.T, addresses map[string][]string) *net.Resolver {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { conn.Close(); <-done })
	go func() {
		defer close(done)
		query := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(query)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(query[:n]) != nil {
				continue
			}
			m.Response, m.RecursionAvailable, m.Additionals = true, true, nil
			for _, text := range addresses[strings.TrimSuffix(m.Questions[0].Name.String(), ".")] {
				addr := netip.MustParseAddr(text)
				head := dnsmessage.ResourceHeader{Name: m.Questions[0].Name, Class: dnsmessage.ClassINET}
				switch {
				case addr.Is4() && m.Questions[0].Type == dnsmessage.TypeA:
					m.Answers = append(m.Answers, dnsmessage.Resource{Header: head, Body: &dnsmessage.AResource{A: addr.As4()}})
				case addr.Is6() && m.Questions[0].Type == dnsmessage.TypeAAAA:
					m.Answers = append(m.Answers, dnsmessage.Resource{Header: head, Body: &dnsmessage.AAAAResource{AAAA: addr.As16()}})
				}
			}
			answer, err := m.Pack()
			if err == nil {
				conn.WriteTo(answer, from)
			}
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

// A name is what it leads to: none opens what its address would not.
func TestNames(t *testing.T) {
	reached := 0
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached++ }))
	defer server.Close()
	_, port, _ := net.SplitHostPort(server.Listener.Addr().String())
	resolver := names(t, map[string][]string{
		"inner.example": {"127.0.0.1"}, "mapped.example": {"::ffff:127.0.0.1"}, "six.example": {"::1"}, "cloud.example": {"169.254.169.254"},
		"several.example": {"10.0.0.1", "::1", "127.0.0.1"}, "nat.example": {"64:ff9b::7f00:1"},
	})
	for _, host := range []string{"inner.example", "mapped.example", "six.example", "cloud.example", "several.example", "nat.example", "127.0.0.1", "[::ffff:127.0.0.1]", "[::1]", "localhost", "0.0.0.0"} {
		t.Run(host, func(t *testing.T) {
			client := newClient(t, outside.Options{URL: "http://" + host + ":" + port + "/", Budget: 5 * time.Second}.WithResolver(resolver))
			_, err := get(t, client)
			if kindOf(t, err) != connectors.Unfit || !errors.As(err, new(*outside.AddressError)) {
				t.Errorf("got %v, want that the address is refused", err)
			}
		})
	}
	if reached > 0 {
		t.Errorf("%d requests arrived", reached)
	}
	for _, host := range []string{"inner.example", "several.example", "127.0.0.1"} {
		client := newClient(t, outside.Options{URL: "http://" + host + ":" + port + "/", Allow: loopback}.WithResolver(resolver))
		if _, err := get(t, client); err != nil {
			t.Errorf("%s, which is allowed: %v", host, err)
		}
	}
}

// A proxy of the environment is not asked: it would reach what we must not.
func TestNoProxy(t *testing.T) {
	proxied := 0
	proxy := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { proxied++ }))
	defer proxy.Close()
	t.Setenv("HTTP_PROXY", proxy.URL)
	t.Setenv("http_proxy", proxy.URL)
	t.Setenv("ALL_PROXY", proxy.URL)
	resolver := names(t, map[string][]string{"inner.example": {"127.0.0.1"}})
	client := newClient(t, outside.Options{URL: "http://inner.example/"}.WithResolver(resolver))
	if _, err := get(t, client); kindOf(t, err) != connectors.Unfit || proxied > 0 {
		t.Errorf("got %v, and the proxy %d requests", err, proxied)
	}
}

// A redirect goes to the same door and keeps the method; what we show goes nowhere else.
func TestRedirect(t *testing.T) {
	shown := ""
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		shown += r.URL.Path + r.Header.Get("Authorization") + r.Header.Get("X-Api-Key")
	}))
	defer elsewhere.Close()
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	defer server.Close()
	mux.HandleFunc("/good", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s %s %d", r.Method, r.Header.Get("X-Api-Key"), r.ContentLength)
	})
	port := server.URL[strings.LastIndex(server.URL, ":"):]
	for path, to := range map[string]struct {
		status int
		to     string
	}{
		"/once": {302, "/good"}, "/twice": {301, "/once"}, "/thrice": {308, "/twice"}, "/often": {302, "/thrice"}, "/round": {302, "/round"},
		"/kept": {307, "/good"}, "/changed": {303, "/good"}, "/away": {302, elsewhere.URL + "/away"}, "/metadata": {302, "http://169.254.169.254/latest"},
		"/name": {302, "http://localhost" + port + "/good"}, "/user": {302, "http://a:b@" + server.Listener.Addr().String() + "/good"},
		"/other": {302, "https://" + server.Listener.Addr().String() + "/good"}, "/file": {302, "file:///etc/passwd"}, "/nowhere": {302, ""},
	} {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", to.to)
			w.WriteHeader(to.status)
		})
	}
	client := newClient(t, outside.Options{
		URL: server.URL + "/", Allow: loopback, Budget: time.Second,
		Auth: outside.Auth{Kind: outside.APIKey, Header: "X-Api-Key", Secret: "hush"},
	})
	for _, test := range []struct{ method, ref, want string }{
		{"GET", "/once", "GET hush 0"}, {"GET", "/twice", "GET hush 0"}, {"GET", "/thrice", "GET hush 0"}, {"POST", "/kept", "POST hush 4"},
		{"GET", "/changed", "GET hush 0"}, {"GET", "/often", ""}, {"GET", "/round", ""}, {"POST", "/once", ""}, {"POST", "/changed", ""},
		{"GET", "/away", ""}, {"POST", "/away", ""}, {"GET", "/metadata", ""}, {"GET", "/name", ""}, {"GET", "/user", ""}, {"GET", "/other", ""},
		{"GET", "/file", ""}, {"GET", "/nowhere", ""},
	} {
		t.Run(test.method+test.ref, func(t *testing.T) {
			var body []byte
			if test.method == "POST" {
				body = []byte("body")
			}
			a, err := client.Do(t.Context(), test.method, test.ref, nil, body)
			if test.want == "" {
				if kindOf(t, err) != connectors.Unfit {
					t.Errorf("got %v, %+v", err, a)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if string(a.Body) != test.want {
				t.Errorf("got %s, want %s", a.Body, test.want)
			}
		})
	}
	if shown != "" {
		t.Errorf("elsewhere got %q", shown)
	}
}

// The address of tokens is looked at like any other.
func TestTokenAddress(t *testing.T) {
	client := newClient(t, outside.Options{
		URL: "https://partner.example/", Budget: time.Second,
		Auth: outside.Auth{Kind: outside.OAuth2, TokenURL: "http://127.0.0.1:9/token", ClientID: "hub", Secret: "hush"},
	})
	if _, err := get(t, client); kindOf(t, err) != connectors.Unfit || !errors.As(err, new(*outside.AddressError)) {
		t.Errorf("got %v", err)
	}
}
