package outside_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"hebian/connectors"
	"hebian/connectors/connectortest"
	"hebian/connectors/outside"
)

// Each way to show who we are, as the partner sees it.
func TestAuth(t *testing.T) {
	for _, test := range []struct {
		name         string
		auth         outside.Auth
		header, want string
	}{
		{"none", outside.Auth{}, "Authorization", ""},
		{"key", outside.Auth{Kind: outside.APIKey, Header: "x-api-key", Secret: "hush"}, "X-Api-Key", "hush"},
		{"bearer", outside.Auth{Kind: outside.Bearer, Secret: "hush"}, "Authorization", "Bearer hush"},
		{"basic", outside.Auth{Kind: outside.Basic, User: "office", Secret: "hush"}, "Authorization", "Basic b2ZmaWNlOmh1c2g="},
	} {
		t.Run(test.name, func(t *testing.T) {
			road := &line{meets: meets{fine}}
			if _, err := get(t, newClient(t, outside.Options{Transport: road, Auth: test.auth})); err != nil {
				t.Fatal(err)
			}
			if got := road.asked[0].Header.Get(test.header); got != test.want {
				t.Errorf("%s is %q, want %q", test.header, got, test.want)
			}
		})
	}
}

// office is a partner with tokens that last ten minutes.
type office struct {
	mu           sync.Mutex
	asked, made  int
	good         string // the token that counts
	tokenStatus  int
	refuseAlways bool
}

func (o *office) RoundTrip(q *http.Request) (*http.Response, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if q.URL.Path == "/token" {
		o.asked++
		id, secret, _ := q.BasicAuth()
		form, _ := io.ReadAll(q.Body)
		if id != "h%2Fub" || secret != "hush" || string(form) != "grant_type=client_credentials&scope=rows+more" {
			return answers(401, nil, "")(q)
		}
		if o.tokenStatus != 0 {
			return answers(o.tokenStatus, nil, `{"error":"invalid_client"}`)(q)
		}
		o.made++
		o.good = fmt.Sprintf("t%d", o.made)
		return answers(200, nil, `{"access_token":"`+o.good+`","token_type":"bearer","expires_in":"600"}`)(q)
	}
	if o.refuseAlways || q.Header.Get("Authorization") != "Bearer "+o.good {
		return answers(401, nil, "")(q)
	}
	return fine(q)
}

func (o *office) client(t *testing.T) *outside.Client {
	return newClient(t, outside.Options{Transport: o, Auth: outside.Auth{
		Kind: outside.OAuth2, TokenURL: "https://login.example/token", ClientID: "h/ub", Secret: "hush", Scopes: []string{"rows", "more"},
	}})
}

// A token is kept until shortly before its end, asked for once by many, and renewed once when it is not accepted.
func TestTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &office{}
		client := o.client(t)
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() {
				if _, err := get(t, client); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if o.made != 1 {
			t.Errorf("%d tokens for ten calls", o.made)
		}
		<-time.After(9*time.Minute - time.Second) // by the bubble's clock
		get(t, client)
		if o.made != 1 {
			t.Errorf("%d tokens after nine minutes, less a second", o.made)
		}
		<-time.After(2 * time.Second)
		get(t, client)
		if o.made != 2 {
			t.Errorf("%d tokens after nine minutes, and a second", o.made)
		}
		o.good = "another"
		before := time.Now()
		if _, err := get(t, client); err != nil || o.made != 3 {
			t.Errorf("a token that was withdrawn: %v, %d tokens", err, o.made)
		}
		if time.Since(before) > 0 {
			t.Error("it waited before it asked for a new token")
		}
		o.refuseAlways = true
		if _, err := get(t, client); kindOf(t, err) != connectors.Denied || o.made != 4 {
			t.Errorf("a partner that refuses all tokens: %v, %d tokens", err, o.made)
		}
	})
}

// Troubles with tokens are troubles of the endpoint.
func TestTokenTroubles(t *testing.T) {
	for status, kind := range map[int]connectors.TroubleKind{
		400: connectors.Denied, 401: connectors.Denied, 403: connectors.Denied, 404: connectors.Unfit, 500: connectors.Unreachable, 429: connectors.Busy,
	} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := &office{tokenStatus: status}
				_, err := get(t, o.client(t))
				if kindOf(t, err) != kind || !strings.Contains(err.Error(), "token") {
					t.Errorf("got %v, want kind %s", err, kind)
				}
			})
		})
	}
}

// The simulated service asks for what it is told to.
func TestService(t *testing.T) {
	service, err := connectortest.NewService(connectortest.ServiceOptions{APIKey: "k", ClientID: "hub", ClientSecret: "hush"})
	if err != nil {
		t.Fatal(err)
	}
	defer service.Close()
	client := newClient(t, outside.Options{URL: service.URL() + "/none", Allow: loopback, Auth: outside.Auth{
		Kind: outside.OAuth2, TokenURL: service.URL() + "/token", ClientID: "hub", Secret: "hush",
	}})
	ask := func(key string) error {
		_, err := client.Do(t.Context(), http.MethodGet, "", http.Header{"X-Api-Key": {key}}, nil)
		return err
	}
	if err := ask("k"); err != nil {
		t.Fatal(err)
	}
	if err := ask("wrong"); kindOf(t, err) != connectors.Denied {
		t.Errorf("with a wrong key: %v", err)
	}
	service.Revoke()
	if err := ask("k"); err != nil || service.Tokens() != 2 {
		t.Errorf("after the tokens were withdrawn: %v, %d tokens", err, service.Tokens())
	}
}

// authority gives certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	dir  string
}

func newAuthority(t *testing.T, name string) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	a := &authority{cert: cert, key: key, dir: t.TempDir()}
	writePEM(t, filepath.Join(a.dir, "ca.pem"), "CERTIFICATE", der)
	return a
}

// leaf gives a certificate, as files too.
func (a *authority) leaf(t *testing.T, name string, until time.Time) (pair tls.Certificate, certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: until,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile = filepath.Join(a.dir, name+".pem"), filepath.Join(a.dir, name+".key")
	writePEM(t, certFile, "CERTIFICATE", der)
	writePEM(t, keyFile, "PRIVATE KEY", private)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, certFile, keyFile
}

func writePEM(t *testing.T, path, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Both sides look at the other's certificate, and one that is not accepted is for a person to act on.
func TestCertificates(t *testing.T) {
	own, foreign := newAuthority(t, "own"), newAuthority(t, "foreign")
	hour := time.Now().Add(time.Hour)
	_, cert, key := own.leaf(t, "hub", hour)
	_, foreignCert, foreignKey := foreign.leaf(t, "hub", hour)
	ca := filepath.Join(own.dir, "ca.pem")
	for _, test := range []struct {
		name string
		by   *authority // of the server's certificate
		host string
		ends time.Time
		tls  outside.TLS
		kind connectors.TroubleKind
	}{
		{name: "good", by: own, host: "partner.example", ends: hour, tls: outside.TLS{CAFile: ca, CertFile: cert, KeyFile: key}},
		{name: "unknown authority", by: foreign, host: "partner.example", ends: hour, tls: outside.TLS{CAFile: ca, CertFile: cert, KeyFile: key}, kind: connectors.Denied},
		{name: "no authority of ours", by: own, host: "partner.example", ends: hour, tls: outside.TLS{CertFile: cert, KeyFile: key}, kind: connectors.Denied},
		{name: "another name", by: own, host: "another.example", ends: hour, tls: outside.TLS{CAFile: ca, CertFile: cert, KeyFile: key}, kind: connectors.Denied},
		{name: "ended", by: own, host: "partner.example", ends: time.Now().Add(-time.Minute), tls: outside.TLS{CAFile: ca, CertFile: cert, KeyFile: key}, kind: connectors.Denied},
		{name: "ours is lacking", by: own, host: "partner.example", ends: hour, tls: outside.TLS{CAFile: ca}, kind: connectors.Denied},
		{name: "ours is foreign", by: own, host: "partner.example", ends: hour, tls: outside.TLS{CAFile: ca, CertFile: foreignCert, KeyFile: foreignKey}, kind: connectors.Denied},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
			pair, _, _ := test.by.leaf(t, "partner.example", test.ends)
			clients := x509.NewCertPool()
			clients.AddCert(own.cert)
			server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients}
			server.Config.ErrorLog = log.New(io.Discard, "", 0)
			server.StartTLS()
			defer server.Close()
			o := outside.Options{URL: strings.Replace(server.URL, "127.0.0.1", test.host, 1), Allow: loopback, TLS: test.tls, Budget: 10 * time.Second}
			client := newClient(t, o.WithResolver(names(t, map[string][]string{test.host: {"127.0.0.1"}})))
			if _, err := get(t, client); kindOf(t, err) != test.kind {
				t.Errorf("got %v, want kind %q", err, test.kind)
			}
		})
	}
}

// A partner that speaks plain HTTP where TLS is wanted, and the other way round.
func TestSchemes(t *testing.T) {
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	client := newClient(t, outside.Options{URL: strings.Replace(plain.URL, "http", "https", 1), Allow: loopback, Budget: time.Second})
	if _, err := get(t, client); kindOf(t, err) != connectors.Unfit {
		t.Errorf("got %v", err)
	}
}

// No configuration that does not do gets through, and the error names its key.
func TestCheck(t *testing.T) {
	for _, test := range []struct {
		name string
		o    outside.Options
		key  string
	}{
		{"no url", outside.Options{}, "url"},
		{"no scheme", outside.Options{URL: "partner.example"}, "url"},
		{"another scheme", outside.Options{URL: "ftp://partner.example"}, "url"},
		{"no host", outside.Options{URL: "https://:443/"}, "url"},
		{"a password", outside.Options{URL: "https://a:b@partner.example/"}, "url"},
		{"a fragment", outside.Options{URL: "https://partner.example/#x"}, "url"},
		{"everything allowed", outside.Options{URL: "https://x/", Allow: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}}, "allow"},
		{"all of v6 allowed", outside.Options{URL: "https://x/", Allow: []netip.Prefix{netip.MustParsePrefix("::/0")}}, "allow"},
		{"mapped", outside.Options{URL: "https://x/", Allow: []netip.Prefix{netip.MustParsePrefix("::ffff:10.0.0.0/104")}}, "allow"},
		{"nothing", outside.Options{URL: "https://x/", Allow: []netip.Prefix{{}}}, "allow"},
		{"timeout", outside.Options{URL: "https://x/", Timeout: -1}, "timeout"},
		{"timeout beyond the budget", outside.Options{URL: "https://x/", Timeout: 2, Budget: 1}, "timeout"},
		{"budget", outside.Options{URL: "https://x/", Budget: 2 * time.Hour}, "budget"},
		{"tries", outside.Options{URL: "https://x/", Tries: -1}, "tries"},
		{"body", outside.Options{URL: "https://x/", MaxBody: 1 << 40}, "max_body"},
		{"rate", outside.Options{URL: "https://x/", Rate: outside.Rate{PerSecond: -1}}, "rate.per_second"},
		{"burst", outside.Options{URL: "https://x/", Rate: outside.Rate{Burst: -1}}, "rate.burst"},
		{"kind", outside.Options{URL: "https://x/", Auth: outside.Auth{Kind: "magic"}}, "auth.kind"},
		{"no secret", outside.Options{URL: "https://x/", Auth: outside.Auth{Kind: outside.Bearer}}, "auth.secret_file"},
		{"secret not read", outside.Options{URL: "https://x/", Auth: outside.Auth{Kind: outside.Bearer, SecretFile: "x"}}, "auth.secret_file"},
		{"secret with a line end", outside.Options{URL: "https://x/", Auth: outside.Auth{Kind: outside.Bearer, Secret: "x\n"}}, "auth.secret_file"},
		{"header", outside.Options{URL: "https://x/", Auth: outside.Auth{Kind: outside.APIKey, Header: "X Key", Secret: "x"}}, "auth.header"},
		{"user", outside.Options{URL: "https://x/", Auth: outside.Auth{Kind: outside.Basic, User: "a:b", Secret: "x"}}, "auth.user"},
		{"token", outside.Options{URL: "https://x/", Auth: outside.Auth{Kind: outside.OAuth2, ClientID: "a", Secret: "x"}}, "auth.token_url"},
		{"client", outside.Options{URL: "https://x/", Auth: outside.Auth{Kind: outside.OAuth2, TokenURL: "https://x", Secret: "x"}}, "auth.client_id"},
		{"half a pair", outside.Options{URL: "https://x/", TLS: outside.TLS{CertFile: "x"}}, "tls"},
		{"tls without", outside.Options{URL: "http://x/", TLS: outside.TLS{CAFile: "x"}}, "tls"},
		{"no authority", outside.Options{URL: "https://x/", TLS: outside.TLS{CAFile: os.DevNull}}, "tls.ca_file"},
		{"no certificate", outside.Options{URL: "https://x/", TLS: outside.TLS{CertFile: os.DevNull, KeyFile: os.DevNull}}, "tls.cert_file"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, err := outside.New(test.o); err == nil || !strings.HasPrefix(err.Error(), test.key) {
				t.Errorf("got %v, want an error about %s", err, test.key)
			}
		})
	}
}

// A secret shows itself nowhere.
func TestSecret(t *testing.T) {
	o := outside.Options{URL: "https://x/", Auth: outside.Auth{Kind: outside.Bearer, Secret: "hush"}}
	for _, text := range []string{fmt.Sprint(o), fmt.Sprintf("%+v %#v %s %q %x", o, o, o.Auth.Secret, o.Auth.Secret, o.Auth.Secret)} {
		if strings.Contains(text, "hush") || strings.Contains(text, "68757368") {
			t.Error(text)
		}
	}
}
