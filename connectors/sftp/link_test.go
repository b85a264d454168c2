package sftp_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"hebian/connectors"
	"hebian/connectors/sftp"
)

// keyPair makes a private key in PEM and its public one as in authorized_keys.
func keyPair(t *testing.T) (private, public string) {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(key, "")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(block)), string(ssh.MarshalAuthorizedKey(signer.PublicKey()))
}

func fingerprint(t *testing.T, line string) string {
	t.Helper()
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(line))
	if err != nil {
		t.Fatal(err)
	}
	return ssh.FingerprintSHA256(key)
}

// Who is not who they should be is told so, in words that help.
func TestSignIn(t *testing.T) {
	private, public := keyPair(t)
	_, another := keyPair(t)
	for _, test := range []struct {
		name   string
		change func(p *partner)
		kind   connectors.TroubleKind
		says   string
	}{
		{"password", func(*partner) {}, "", ""},
		{"fingerprint", func(p *partner) { p.config.HostKeys = []string{fingerprint(t, p.HostKey)} }, "", ""},
		{"one of several keys", func(p *partner) { p.config.HostKeys = []string{another, p.HostKey + " a comment"} }, "", ""},
		{"key", func(p *partner) { p.config.Password, p.config.Key = "", private }, "", ""},
		{"wrong password", func(p *partner) { p.config.Password = "wrong" }, connectors.Denied, "does not accept the password"},
		{"wrong user", func(p *partner) { p.config.User = "nobody" }, connectors.Denied, "as nobody"},
		{"key that is not known", func(p *partner) { p.config.Password = ""; p.config.Key, _ = keyPair(t) }, connectors.Denied, "does not accept the key"},
		{"no host key", func(p *partner) { p.config.HostKeys = nil }, connectors.Unfit, "SHA256:"},
		{"another host key", func(p *partner) { p.config.HostKeys = []string{another} }, connectors.Unfit, "not in host_keys"},
		{"no such folder", func(p *partner) { p.config.Dir = "/nowhere" }, connectors.Unfit, "list /nowhere: it is not there"},
		{"signs nobody in", func(p *partner) { p.Deny(true) }, connectors.Denied, "password"},
		{"down", func(p *partner) { p.Down(true) }, connectors.Unreachable, "connect to"},
		{"nobody there", func(p *partner) { p.Close() }, connectors.Unreachable, "connect to"},
		{"breaks at once", func(p *partner) { p.DropAfter(100) }, connectors.Unreachable, ""},
		{"breaks later", func(p *partner) { p.DropAfter(5000) }, connectors.Unreachable, "a.csv"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := serve(t)
			if err := p.Authorize(public); err != nil {
				t.Fatal(err)
			}
			p.put(t, "a.csv", strings.Repeat("rows", 10_000))
			test.change(p)
			_, err := p.fetch(t, p.source(t))
			if kind(err) != test.kind || test.kind != "" && !strings.Contains(err.Error(), test.says) {
				t.Errorf("fetched with %v", err)
			}
			if err != nil && strings.Contains(err.Error(), p.Password) {
				t.Errorf("the password is in the error: %v", err)
			}
			if test.name == "no host key" && !strings.Contains(err.Error(), fingerprint(t, p.HostKey)) {
				t.Errorf("the fingerprint is not in the error: %v", err)
			}
		})
	}
}

func TestCheck(t *testing.T) {
	private, public := keyPair(t)
	for _, test := range []struct {
		key    string
		change func(*sftp.Config)
	}{
		{"", func(*sftp.Config) {}},
		{"", func(c *sftp.Config) { c.Password, c.Key = "", private }},
		{"address", func(c *sftp.Config) { c.Address = "agency.example" }},
		{"address", func(c *sftp.Config) { c.Address = "agency.example:ssh" }},
		{"user", func(c *sftp.Config) { c.User = "" }},
		{"password", func(c *sftp.Config) { c.Password = "" }},
		{"key", func(c *sftp.Config) { c.Key = "no key" }},
		{"host_keys", func(c *sftp.Config) { c.HostKeys = []string{"ssh-ed25519 nothing"} }},
		{"host_keys", func(c *sftp.Config) { c.HostKeys = slices.Repeat([]string{public}, 17) }},
		{"dir", func(c *sftp.Config) { c.Dir = "" }},
		{"pattern", func(c *sftp.Config) { c.Pattern = "[a" }},
		{"stable_seconds", func(c *sftp.Config) { c.StableSeconds = -1 }},
		{"stable_seconds", func(c *sftp.Config) { c.StableSeconds = 3601 }},
		{"after", func(c *sftp.Config) { c.After = "burn" }},
		{"max_file_bytes", func(c *sftp.Config) { c.MaxFileBytes = -1 }},
	} {
		c := sftp.Config{Address: "agency.example:22", User: "hebian", Password: "made up", HostKeys: []string{public}, Dir: "/out"}
		test.change(&c)
		err := c.Check()
		if test.key == "" && err != nil || test.key != "" && (err == nil || !strings.Contains(err.Error(), test.key)) {
			t.Errorf("%q: %v", test.key, err)
		}
		_, sourceErr := sftp.NewSource(c)
		_, sinkErr := sftp.NewSink(c)
		if (sourceErr != nil) != (err != nil) || (sinkErr != nil) != (err != nil) {
			t.Errorf("%q: %v, but %v and %v", test.key, err, sourceErr, sinkErr)
		}
	}
}

// A server that says nothing more hangs nobody, at whatever point it stops.
func TestStalled(t *testing.T) {
	stop := map[string]func(s *sftp.Source, cancel func()){
		"close":   func(s *sftp.Source, _ func()) { s.Close() },
		"cancel":  func(_ *sftp.Source, cancel func()) { cancel() },
		"timeout": func(s *sftp.Source, _ func()) {},
	}
	for how, end := range stop {
		t.Run(how+" while it connects", func(t *testing.T) {
			p := serve(t)
			source := p.source(t)
			if how == "timeout" {
				source.Patience(50 * time.Millisecond)
			}
			p.Stall(true)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			ended := make(chan error)
			go func() { ended <- source.Fetch(ctx, "", p.hand) }()
			end(source, cancel)
			if err := <-ended; err == nil {
				t.Error("fetched from a server that says nothing")
			}
		})
		t.Run(how+" while it reads", func(t *testing.T) {
			p := serve(t)
			source := p.source(t)
			source.Patience(time.Second)
			p.put(t, "a.csv", strings.Repeat("rows", 1<<20))
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			p.during = func(connectors.Batch) {
				p.Stall(true)
				go end(source, cancel)
			}
			if err := source.Fetch(ctx, "", p.hand); err == nil {
				t.Error("fetched from a server that says nothing")
			} else if how == "cancel" && !errors.Is(err, context.Canceled) {
				t.Errorf("cancelled, and fetched with %v", err)
			} else if how == "timeout" && kind(err) != connectors.Unreachable {
				t.Errorf("timed out with %v", err)
			}
		})
	}
}

// A closed source and sink connect to nobody.
func TestClosed(t *testing.T) {
	p := serve(t)
	source := p.source(t)
	sink := p.sink(t)
	for _, err := range []error{source.Close(), source.Close(), sink.Close(), sink.Close()} {
		if err != nil {
			t.Error(err)
		}
	}
	if err := source.Fetch(t.Context(), "", p.hand); err == nil {
		t.Error("a closed source fetched")
	}
	if _, err := sink.Send(t.Context(), dispatch(1)); err == nil {
		t.Error("a closed sink sent")
	}
}

// What answers is no SSH server, or one that never ends to say who it is.
func TestNoServer(t *testing.T) {
	for _, says := range []string{"HTTP/1.1 400 Bad Request\r\n\r\n", "SSH-1.5-old\r\n", "\x00\x00\x00", strings.Repeat("garbage\n", 1<<16)} {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			io.WriteString(conn, says)
			conn.Close()
		}()
		p := serve(t)
		p.config.Address = listener.Addr().String()
		if _, err := p.fetch(t, p.source(t)); kind(err) != connectors.Unreachable {
			t.Errorf("%.20q: fetched with %v", says, err)
		}
		listener.Close()
		<-ended
	}
}

// A folder without end is no folder to hand files over in.
func TestEndlessListing(t *testing.T) {
	p := serve(t)
	p.Pretend(slices.Repeat([]string{strings.Repeat("x", 250)}, 60_000)...)
	if _, err := p.fetch(t, p.source(t)); kind(err) != connectors.Unfit || !strings.Contains(err.Error(), "16 MiB") {
		t.Errorf("fetched with %v", err)
	}
}
