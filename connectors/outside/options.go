package outside

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"
)

// Options say where an endpoint is, what it may take, and how we show who we are. What is not set has the value given in brackets.
type Options struct {
	URL string `yaml:"url"` // of the endpoint: http or https, with its path. Over plain http anyone on the way reads rows and secrets.
	// Allow are ranges of addresses within the office that may be reached; each other one that is not public is refused, whatever
	// name leads there.
	Allow   []netip.Prefix `yaml:"allow"`
	Timeout time.Duration  `yaml:"timeout"`  // for one try, from the connection to the answer's last byte (30s)
	Budget  time.Duration  `yaml:"budget"`   // for a call with all its tries (5m)
	Tries   int            `yaml:"tries"`    // of a call, at most (10)
	MaxBody int64          `yaml:"max_body"` // bytes of an answer, unpacked (32 MiB)
	Rate    Rate           `yaml:"rate"`
	Auth    Auth           `yaml:"auth"`
	TLS     TLS            `yaml:"tls"`

	// Transport carries requests in place of the network, for tests: no address is looked at. nil is the usual one.
	Transport http.RoundTripper `yaml:"-"`

	resolver *net.Resolver // for tests of names; nil: the machine's
}

// Rate bounds how fast requests follow one another.
type Rate struct {
	PerSecond float64 `yaml:"per_second"` // (10)
	Burst     int     `yaml:"burst"`      // how many may come at once (10)
}

// TLS names PEM files.
type TLS struct {
	CAFile   string `yaml:"ca_file"`   // authorities whose certificates count, and no others; "": the machine's
	CertFile string `yaml:"cert_file"` // our certificate; read anew for each connection, so that a renewed one needs no restart
	KeyFile  string `yaml:"key_file"`
}

// Secret is a text that shows itself in no log and no error.
type Secret string

// String is not the secret.
func (Secret) String() string { return "(secret)" }

// GoString is not the secret either.
func (Secret) GoString() string { return "(secret)" }

// LogValue is not the secret either.
func (Secret) LogValue() slog.Value { return slog.StringValue("(secret)") }

// MarshalText is not the secret either.
func (Secret) MarshalText() ([]byte, error) { return []byte("(secret)"), nil }

const (
	defaultTimeout = 30 * time.Second
	defaultBudget  = 5 * time.Minute
	defaultTries   = 10
	defaultMaxBody = 32 << 20
	defaultRate    = 10
	// longestBudget bounds a call: whoever waits for it must get to know.
	longestBudget = time.Hour
	// mostTries is beyond what any pause leaves room for within the longest budget.
	mostTries = 100
	// mostMaxBody bounds an answer, which is in memory whole.
	mostMaxBody = 256 << 20
	// fastestRate is beyond what any office's service bears.
	fastestRate = 10_000
	// widestV4 and widestV6 are the lengths of the widest private ranges, 10.0.0.0/8 and fc00::/7. A wider allowance would let in
	// everything, which is a mistake.
	widestV4, widestV6 = 8, 7

	connectTimeout = 10 * time.Second // a partner that is there answers far sooner; what remains of a try is for the answer
	keepIdle       = 90 * time.Second
	maxIdle        = 4
	maxHeaderBytes = 64 << 10
)

// Check says which key does not do.
func (o *Options) Check() error {
	u, err := checkURL("url", o.URL)
	if err != nil {
		return err
	}
	if u.Fragment != "" {
		return fmt.Errorf("url: it has a part behind #, which is never sent")
	}
	for _, prefix := range o.Allow {
		widest := widestV4
		if prefix.Addr().Is6() {
			widest = widestV6
		}
		if prefix.Addr().Is4In6() || prefix.Bits() < widest {
			return fmt.Errorf("allow: %s is no range within an office; want such as 10.20.0.0/16 or fd12::/16", prefix)
		}
	}
	f := o.filled()
	switch {
	case f.Budget < 0 || f.Budget > longestBudget:
		return fmt.Errorf("budget: %s, want more than 0 and at most %s", f.Budget, longestBudget)
	case f.Timeout < 0 || f.Timeout > f.Budget:
		return fmt.Errorf("timeout: %s, want more than 0 and at most the budget of %s", f.Timeout, f.Budget)
	case f.Tries < 1 || f.Tries > mostTries:
		return fmt.Errorf("tries: %d, want 1 to %d", f.Tries, mostTries)
	case f.MaxBody < 0 || f.MaxBody > mostMaxBody:
		return fmt.Errorf("max_body: %d bytes, want more than 0 and at most %d", f.MaxBody, mostMaxBody)
	case !(f.Rate.PerSecond > 0 && f.Rate.PerSecond <= fastestRate):
		return fmt.Errorf("rate.per_second: %v, want more than 0 and at most %d", f.Rate.PerSecond, fastestRate)
	case f.Rate.Burst < 0 || f.Rate.Burst > fastestRate:
		return fmt.Errorf("rate.burst: %d, want 1 to %d", f.Rate.Burst, fastestRate)
	case (o.TLS.CertFile == "") != (o.TLS.KeyFile == ""):
		return fmt.Errorf("tls: cert_file and key_file go together")
	case o.TLS != TLS{} && u.Scheme != "https":
		return fmt.Errorf("tls: the url is not https")
	}
	return o.Auth.check()
}

func checkURL(key, text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return nil, fmt.Errorf("%s: want http://HOST/PATH or https://HOST/PATH", key) // the text may hold a secret
	}
	if u.User != nil {
		return nil, fmt.Errorf("%s: a name or password stands in it; they belong to auth", key)
	}
	return u, nil
}

// filled gives each option that is not set its usual value.
func (o Options) filled() Options {
	o.Budget = cmp.Or(o.Budget, defaultBudget)
	o.Timeout = cmp.Or(o.Timeout, min(defaultTimeout, o.Budget))
	o.Tries = cmp.Or(o.Tries, defaultTries)
	o.MaxBody = cmp.Or(o.MaxBody, defaultMaxBody)
	o.Rate.PerSecond = cmp.Or(o.Rate.PerSecond, defaultRate)
	o.Rate.Burst = cmp.Or(o.Rate.Burst, defaultRate)
	return o
}

// transport makes what carries requests to the partner and nowhere else.
func (o *Options) transport() (http.RoundTripper, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if o.TLS.CAFile != "" {
		pem, err := os.ReadFile(o.TLS.CAFile)
		if err != nil {
			return nil, fmt.Errorf("tls.ca_file: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("tls.ca_file: %s holds no certificate", o.TLS.CAFile)
		}
	}
	if o.TLS.CertFile != "" {
		own := func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			pair, err := tls.LoadX509KeyPair(o.TLS.CertFile, o.TLS.KeyFile)
			return &pair, err
		}
		if _, err := own(nil); err != nil {
			return nil, fmt.Errorf("tls.cert_file: %w", err)
		}
		config.GetClientCertificate = own
	}
	dialer := &net.Dialer{Timeout: connectTimeout, Control: Guard(o.Allow), Resolver: o.resolver}
	// HTTP/1.1 only: a connection that died without a word ends with the try that met it, where one of HTTP/2 would
	// be taken for the next try again. And no proxy: it would look names up in our place, past the guard.
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Transport{
		DialContext: dialer.DialContext, TLSClientConfig: config, TLSHandshakeTimeout: connectTimeout, Protocols: protocols,
		MaxIdleConns: maxIdle, MaxIdleConnsPerHost: maxIdle, IdleConnTimeout: keepIdle, MaxResponseHeaderBytes: maxHeaderBytes,
	}, nil
}

// headerValue says whether a text may stand in a header.
func headerValue(text string) bool {
	return text != "" && httpguts.ValidHeaderFieldValue(text) && text == strings.TrimSpace(text)
}
