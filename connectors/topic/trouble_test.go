package topic_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"hebian/connectors"
	"hebian/connectors/connectortest"
	"hebian/connectors/topic"
)

// certificate makes one for 127.0.0.1, which vouches for itself.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "made up"}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	text, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: text}))
}

// signed starts a simulated broker that lets a user in who has a right to a topic, and not to another.
func signed(t *testing.T, config *tls.Config) (addr string) {
	t.Helper()
	right := kfake.ACL{
		Resource: kmsg.ACLResourceTypeTopic, Name: "ours", Pattern: kmsg.ACLResourcePatternTypeLiteral, Operation: kmsg.ACLOperationAll, Allow: true,
	}
	broker, err := connectortest.NewBroker(1, []string{"ours", "theirs"}, config,
		kfake.EnableSASL(), kfake.EnableACLs(), kfake.Superuser("SCRAM-SHA-256", "admin", "made up"),
		kfake.User("PLAIN", "hebian", "p=,ass", right), kfake.User("SCRAM-SHA-256", "hebian", "p=,ass", right), kfake.User("SCRAM-SHA-512", "hebian", "p=,ass", right))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { broker.Close() })
	return broker.Addr
}

// Who may not do what they want is told so, in words that help.
func TestSignIn(t *testing.T) {
	addr := signed(t, nil)
	checkSignIn(t, addr, "hebian", "p=,ass")
}

// So it is with a real broker: HEBIAN_TEST_KAFKA_SASL is USER:PASSWORD@ADDRESS.
func TestSignInReal(t *testing.T) {
	who, addr, _ := strings.Cut(asked(t, "HEBIAN_TEST_KAFKA_SASL", "a broker of Apache Kafka that wants a password"), "@")
	user, password, _ := strings.Cut(who, ":")
	k := apache(t)
	for _, name := range []string{"ours", "theirs"} {
		k.remove(name)
		k.makeNamed(t, name, 1)
	}
	request := kmsg.NewPtrCreateACLsRequest()
	request.Creations = []kmsg.CreateACLsRequestCreation{{
		ResourceType: kmsg.ACLResourceTypeTopic, ResourceName: "ours", ResourcePatternType: kmsg.ACLResourcePatternTypeLiteral,
		Principal: "User:" + user, Host: "*", Operation: kmsg.ACLOperationAll, PermissionType: kmsg.ACLPermissionTypeAllow,
	}}
	if response, err := request.RequestWith(t.Context(), k.client); err != nil || response.Results[0].ErrorCode != 0 {
		t.Fatalf("give rights: %v, %+v", err, response)
	}
	checkSignIn(t, addr, user, password)
}

func checkSignIn(t *testing.T, addr, user, password string) {
	for _, test := range []struct {
		name   string
		change func(*topic.Config)
		kind   connectors.TroubleKind
		says   string
	}{
		{"plain", func(c *topic.Config) { c.SASL = topic.Plain }, "", ""},
		{"scram-sha-256", func(*topic.Config) {}, "", ""},
		{"scram-sha-512", func(c *topic.Config) { c.SASL = topic.ScramSHA512 }, "", ""},
		{"plain, wrong password", func(c *topic.Config) { c.SASL, c.Password = topic.Plain, "wrong" }, connectors.Denied, "the user in"},
		{"scram, wrong password", func(c *topic.Config) { c.Password = "wrong" }, connectors.Denied, "the user in"},
		{"scram, wrong user", func(c *topic.Config) { c.User = "nobody" }, connectors.Denied, "the user in"},
		{"nobody", func(c *topic.Config) { c.SASL, c.User, c.Password = "", "", "" }, connectors.Unreachable, "perhaps it wants sasl"},
		{"topic of others", func(c *topic.Config) { c.Topic = "theirs" }, connectors.Denied, "no right to the topic"},
		{"no such topic", func(c *topic.Config) { c.Topic = "nowhere" }, "", "topic"}, // real brokers and the simulated one differ
		{"not TLS", func(c *topic.Config) { c.TLS = true }, connectors.Unreachable, "speaks no TLS"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := topic.Config{Brokers: strings.Split(addr, ","), Topic: "ours", SASL: topic.ScramSHA256, User: user, Password: password}
			test.change(&c)
			source, err := topic.NewSource(c)
			if err != nil {
				t.Fatal(err)
			}
			defer source.Close()
			patience := 5 * time.Second
			if c.TLS { // brokers wait for the rest of what they take for a question
				patience = 300 * time.Millisecond
			}
			source.Patience(patience)
			sink, err := topic.NewSink(c)
			if err != nil {
				t.Fatal(err)
			}
			defer sink.Close()
			sink.Patience(patience)
			fetched := source.Fetch(t.Context(), "", func(_ context.Context, b connectors.Batch) (connectors.Receipt, error) {
				_, err := io.Copy(io.Discard, b.Body)
				return connectors.Receipt{}, err
			})
			_, sent := sink.Send(t.Context(), dispatch(1, 1))
			for _, err := range []error{fetched, sent} {
				if test.name == "no such topic" {
					if kind(err) != connectors.Unfit && kind(err) != connectors.Denied {
						t.Errorf("of a topic that isn't there: %v", err)
					}
					continue
				}
				if kind(err) != test.kind || test.kind != "" && !strings.Contains(err.Error(), test.says) || err != nil && test.kind == "" {
					t.Errorf("ended with %v", err)
				}
				if err != nil && (strings.Contains(err.Error(), c.Password) && c.Password != "" || strings.Contains(err.Error(), "\n")) {
					t.Errorf("the error says too much: %q", err)
				}
			}
		})
	}
}

func TestNoSuchTopic(t *testing.T) {
	each(t, func(t *testing.T, k *kafka) {
		_, err := k.reader(t, "nowhere").fetch(t)
		if kind(err) != connectors.Unfit || !strings.Contains(err.Error(), "there is no topic nowhere") {
			t.Errorf("fetched with %v", err)
		}
	})
}

func TestTLS(t *testing.T) {
	cert, key := certificate(t)
	pair, err := tls.X509KeyPair([]byte(cert), []byte(key))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(cert))
	broker, err := connectortest.NewBroker(1, []string{"t"}, &tls.Config{Certificates: []tls.Certificate{pair}})
	if err != nil {
		t.Fatal(err)
	}
	defer broker.Close()
	strict, err := connectortest.NewBroker(1, []string{"t"}, &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool})
	if err != nil {
		t.Fatal(err)
	}
	defer strict.Close()
	both := signed(t, &tls.Config{Certificates: []tls.Certificate{pair}})
	c := topic.Config{Brokers: []string{broker.Addr}, Topic: "t", TLS: true, CA: cert}
	for _, test := range []struct {
		name   string
		change func(c *topic.Config)
		kind   connectors.TroubleKind
		says   string
	}{
		{"known", func(*topic.Config) {}, "", ""},
		{"unknown", func(c *topic.Config) { c.CA = "" }, connectors.Unfit, "certificate"},
		{"another's", func(c *topic.Config) { c.CA, _ = certificate(t) }, connectors.Unfit, "certificate"},
		{"another name", func(c *topic.Config) { c.Brokers[0] = strings.Replace(broker.Addr, "127.0.0.1", "localhost", 1) }, connectors.Unfit, "localhost"},
		{"no TLS", func(c *topic.Config) { c.TLS, c.CA = false, "" }, connectors.Unreachable, "set tls"},
		{"our certificate", func(c *topic.Config) { c.Brokers[0], c.Cert, c.Key = strict.Addr, cert, key }, "", ""},
		{"no certificate", func(c *topic.Config) { c.Brokers[0] = strict.Addr }, connectors.Denied, "certificate"},
		{"sign in", func(c *topic.Config) {
			c.Brokers[0], c.Topic, c.SASL, c.User, c.Password = both, "ours", topic.ScramSHA512, "hebian", "p=,ass"
		}, "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := c
			c.Brokers = slices.Clone(c.Brokers)
			test.change(&c)
			r := &reader{config: c}
			_, err := r.fetch(t)
			if kind(err) != test.kind || test.kind != "" && !strings.Contains(err.Error(), test.says) || err != nil && test.kind == "" {
				t.Errorf("fetched with %v", err)
			}
		})
	}
}

// A real broker's TLS: HEBIAN_TEST_KAFKA_TLS is its address, its certificate lies in HEBIAN_TEST_KAFKA_DIR.
func TestTLSReal(t *testing.T) {
	addr := asked(t, "HEBIAN_TEST_KAFKA_TLS", "a broker of Apache Kafka that speaks TLS")
	cert, err := os.ReadFile(filepath.Join(asked(t, "HEBIAN_TEST_KAFKA_DIR", "where brokers of Apache Kafka lie"), "tls.crt"))
	if err != nil {
		t.Fatal(err)
	}
	name := apache(t).make(t, 1)
	r := &reader{config: topic.Config{Brokers: strings.Split(addr, ","), Topic: name, TLS: true, CA: string(cert)}}
	if _, err := r.fetch(t); err != nil && !strings.Contains(err.Error(), "right") { // whom a certificate doesn't name has no rights
		t.Errorf("fetched with %v", err)
	}
	r = &reader{config: topic.Config{Brokers: strings.Split(addr, ","), Topic: name}}
	if _, err := r.fetch(t); err == nil || kind(err) == connectors.Denied {
		t.Errorf("without TLS, fetched with %v", err)
	}
}

// Brokers that are away are a trouble; when they are back the rest comes.
func TestAway(t *testing.T) {
	k := simulated(t)
	name := k.make(t, 1)
	messages, lines := rows(0, 50)
	k.put(t, name, 0, messages...)
	r := k.reader(t, name)
	r.config.Brokers = append([]string{"127.0.0.1:1"}, r.config.Brokers...) // nobody listens there
	r.open(t)
	r.source.Rows(10)
	r.during = func(context.Context, connectors.Batch) error {
		k.broker.Down(len(r.lines) >= 20)
		return nil
	}
	got, err := r.fetch(t)
	if len(got) != 50 && kind(err) != connectors.Unreachable {
		t.Fatalf("fetched %d lines, %v", len(got), err)
	}
	r.during = nil
	if _, err := r.fetch(t); kind(err) != connectors.Unreachable {
		t.Errorf("fetched with %v", err)
	}
	k.broker.Down(false)
	rest, err := r.fetch(t)
	if err != nil || !slices.Equal(slices.Concat(got, rest), lines) {
		t.Errorf("then fetched %d lines, %v", len(rest), err)
	}
}

// A broker that says nothing more hangs nobody.
func TestStalled(t *testing.T) {
	stop := map[string]func(s *topic.Source, cancel func()){
		"close":   func(s *topic.Source, _ func()) { s.Close() },
		"cancel":  func(_ *topic.Source, cancel func()) { cancel() },
		"timeout": func(*topic.Source, func()) {},
	}
	for how, end := range stop {
		t.Run(how, func(t *testing.T) {
			k := simulated(t)
			name := k.make(t, 1)
			messages, _ := rows(0, 50)
			k.put(t, name, 0, messages...)
			for _, late := range []bool{false, true} {
				k.broker.Stall(!late)
				r := k.reader(t, name)
				r.open(t)
				r.source.Patience(time.Second)
				ctx, cancel := context.WithCancel(t.Context())
				r.during = func(context.Context, connectors.Batch) error {
					k.broker.Stall(true)
					go end(r.source, cancel)
					return nil
				}
				if !late {
					go end(r.source, cancel)
				}
				err := r.source.Fetch(ctx, "", r.hand)
				if err == nil || how == "timeout" && kind(err) != connectors.Unreachable || how == "cancel" && !errors.Is(err, context.Canceled) {
					t.Errorf("late: %v: fetched with %v", late, err)
				}
				cancel()
				k.broker.Stall(false)
			}
		})
	}
}

func TestCheck(t *testing.T) {
	cert, key := certificate(t)
	for _, test := range []struct {
		key    string
		change func(*topic.Config)
	}{
		{"", func(*topic.Config) {}},
		{"", func(c *topic.Config) { c.TLS, c.CA, c.Cert, c.Key = true, cert, cert, key }},
		{"brokers", func(c *topic.Config) { c.Brokers = nil }},
		{"brokers", func(c *topic.Config) { c.Brokers = []string{"kafka.example"} }},
		{"brokers", func(c *topic.Config) { c.Brokers = slices.Repeat(c.Brokers, 40) }},
		{"topic", func(c *topic.Config) { c.Topic = "a b" }},
		{"topic", func(c *topic.Config) { c.Topic = ".." }},
		{"tls", func(c *topic.Config) { c.CA = cert }},
		{"ca", func(c *topic.Config) { c.TLS, c.CA = true, "nothing" }},
		{"cert", func(c *topic.Config) { c.TLS, c.Cert = true, cert }},
		{"sasl", func(c *topic.Config) { c.SASL = "kerberos" }},
		{"password", func(c *topic.Config) { c.SASL, c.User = topic.Plain, "hebian" }},
		{"format", func(c *topic.Config) { c.Format = "xml" }},
		{"schema", func(c *topic.Config) { c.Format = topic.Avro }},
		{"schema", func(c *topic.Config) { c.Format, c.Schema = topic.Avro, `"string"` }},
		{"schemas", func(c *topic.Config) { c.Format = topic.Framed }},
		{"start", func(c *topic.Config) { c.Start = "middle" }},
		{"key_column", func(c *topic.Config) { c.KeyColumn = strings.Repeat("k", 300) }},
	} {
		c := topic.Config{Brokers: []string{"kafka.example:9092"}, Topic: "payroll"}
		test.change(&c)
		err := c.Check()
		if test.key == "" && err != nil || test.key != "" && (err == nil || !strings.Contains(err.Error(), test.key)) {
			t.Errorf("%q: %v", test.key, err)
		}
		if _, err2 := topic.NewSource(c); (err2 != nil) != (err != nil) {
			t.Errorf("%q: %v, but %v", test.key, err, err2)
		}
	}
}
