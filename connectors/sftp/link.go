package sftp

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"hebian/connectors"
)

const (
	// connectWithin bounds the way to a server that can be asked; one that looks up names of whoever comes takes ten seconds.
	connectWithin = 20 * time.Second
	// answerWithin bounds the wait for one answer; a server that writes to a slow disk takes a few seconds.
	answerWithin = 30 * time.Second
	// maxListing bounds what a listing of a folder may take, some 100,000 files. More is no folder to hand files over in.
	maxListing = 16 << 20
)

// errListing says that a folder's listing is longer than maxListing.
var errListing = errors.New("the folder's listing is longer than 16 MiB")

// link is a connection to a server.
type link struct {
	*sftp.Client
	ssh    *ssh.Client
	wire   *wire
	leash  *leash
	unhook func() bool // of the context
}

// wire is a network connection that counts what comes and can be given a bound.
type wire struct {
	net.Conn
	left atomic.Int64 // bytes that may still come; negative: any number
	over atomic.Bool  // more came
}

func (w *wire) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	if left := w.left.Load(); left >= 0 {
		if w.left.Store(max(left-int64(n), 0)); left < int64(n) {
			w.over.Store(true)
			w.Conn.Close()
			return 0, errListing
		}
	}
	return n, err
}

// usual is a leash of the usual length.
func usual() *leash { return &leash{connect: connectWithin, answer: answerWithin} }

// leash is what bounds connections from outside: time, and Close.
type leash struct {
	connect time.Duration // for the whole way to a server that can be asked: TCP, keys, sign-in
	answer  time.Duration // for one answer

	mu     sync.Mutex // guards what follows
	conn   net.Conn
	closed bool
}

var errClosed = errors.New("it is closed")

func (l *leash) tie(conn net.Conn) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return errClosed
	}
	l.conn = conn
	return nil
}

// Close cuts the connection, whatever the server does; what is under way ends.
func (l *leash) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	if l.conn != nil {
		l.conn.Close() // it may have been closed before
	}
	return nil
}

// connect opens a connection that ends with the context at the latest, or when the leash is closed.
func connect(ctx context.Context, c *Config, leash *leash) (*link, error) {
	hosts, err := parseHostKeys(c.HostKeys)
	if err != nil {
		return nil, err
	}
	dialer := net.Dialer{Timeout: leash.connect}
	conn, err := dialer.DialContext(ctx, "tcp", c.Address)
	if err != nil {
		return nil, unreachable(ctx, "connect to "+c.Address, err)
	}
	w := &wire{Conn: conn}
	w.left.Store(-1)
	l := &link{wire: w, leash: leash, unhook: context.AfterFunc(ctx, func() { conn.Close() })}
	if err = leash.tie(conn); err == nil {
		err = l.shake(ctx, c, hosts)
	}
	if err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

// shake proves who both are and starts SFTP.
func (l *link) shake(ctx context.Context, c *Config, hosts hostKeys) error {
	if err := l.wire.SetDeadline(time.Now().Add(l.leash.connect)); err != nil {
		return unreachable(ctx, "connect to "+c.Address, err)
	}
	var stranger error
	config := &ssh.ClientConfig{
		User:              c.User,
		Auth:              c.credentials(),
		HostKeyAlgorithms: hosts.algorithms(),
		HostKeyCallback: func(_ string, _ net.Addr, key ssh.PublicKey) error {
			if !hosts.knows(key) {
				stranger = unknownHost(c, key)
			}
			return stranger
		},
	}
	conn, channels, requests, err := ssh.NewClientConn(l.wire, c.Address, config)
	switch {
	case err == nil:
	case stranger != nil:
		return &connectors.Trouble{Kind: connectors.Unfit, Err: stranger}
	case ctx.Err() == nil && strings.Contains(err.Error(), "unable to authenticate"):
		err = fmt.Errorf("sign in at %s as %s: the server does not accept the %s", c.Address, c.User, c.shown())
		return &connectors.Trouble{Kind: connectors.Denied, Err: err}
	case ctx.Err() == nil && strings.Contains(err.Error(), "no common algorithm"):
		err = fmt.Errorf("connect to %s: it has no host key of the kind in host_keys, or speaks only methods that are no longer safe: %w", c.Address, err)
		return &connectors.Trouble{Kind: connectors.Unfit, Err: err}
	default:
		return unreachable(ctx, "connect to "+c.Address, err)
	}
	l.ssh = ssh.NewClient(conn, channels, requests)
	if l.Client, err = sftp.NewClient(l.ssh); err != nil {
		return l.trouble(ctx, "start SFTP at "+c.Address, err)
	}
	return l.wire.SetDeadline(time.Time{})
}

// unknownHost tells an operator what to compare with what the server's keepers say, and where to put it.
func unknownHost(c *Config, key ssh.PublicKey) error {
	if len(c.HostKeys) == 0 {
		return fmt.Errorf("host_keys is empty, so nobody can tell whether %s is the right server; it shows %s %s: "+
			"ask its keepers whether that is theirs, then put it into host_keys", c.Address, key.Type(), ssh.FingerprintSHA256(key))
	}
	return fmt.Errorf("%s shows %s %s, which is not in host_keys: either its keepers changed its key, or this is another server",
		c.Address, key.Type(), ssh.FingerprintSHA256(key))
}

// credentials are the ways to sign in. Some servers ask for the password as a question with one answer.
func (c *Config) credentials() []ssh.AuthMethod {
	var methods []ssh.AuthMethod
	if signer, err := ssh.ParsePrivateKey([]byte(c.Key)); err == nil { // Check has tried it
		methods = append(methods, ssh.PublicKeys(signer))
	}
	if c.Password != "" {
		methods = append(methods, ssh.Password(c.Password), ssh.KeyboardInteractive(func(_, _ string, questions []string, echos []bool) ([]string, error) {
			answers := make([]string, len(questions))
			for i := range questions {
				if !echos[i] {
					answers[i] = c.Password
				}
			}
			return answers, nil
		}))
	}
	return methods
}

// shown names what is shown to the server.
func (c *Config) shown() string {
	switch {
	case c.Key != "" && c.Password != "":
		return "key nor the password"
	case c.Key != "":
		return "key"
	}
	return "password"
}

// within does one thing with the server, which must have answered in time.
func (l *link) within(do func() error) error {
	if err := l.wire.SetDeadline(time.Now().Add(l.leash.answer)); err != nil {
		return err
	}
	if err := do(); err != nil {
		return err
	}
	return l.wire.SetDeadline(time.Time{})
}

// within gets one thing from the server, which must have answered in time.
func within[T any](l *link, get func() (T, error)) (v T, err error) {
	err = l.within(func() (err error) { v, err = get(); return err })
	return v, err
}

// close cuts the connection and waits for what belongs to it. It takes no goodbye from a server that may not answer.
func (l *link) close() {
	l.unhook()
	l.wire.Close() // first, or the others could wait for the server
	if l.Client != nil {
		l.Client.Close()
	}
	if l.ssh != nil {
		l.ssh.Close()
		l.ssh.Wait() // its error says that it was cut
	}
}

// trouble says what an error of the server or of the way to it means.
func (l *link) trouble(ctx context.Context, what string, err error) error {
	kind := connectors.Unfit
	var status *sftp.StatusError
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("%s: %w", what, ctx.Err())
	case l.wire.over.Load():
		err = errListing
	case errors.Is(err, fs.ErrPermission):
		kind = connectors.Denied
		err = errors.New("the server does not allow it")
	case errors.Is(err, fs.ErrNotExist):
		err = errors.New("it is not there")
	case errors.As(err, &status): // for instance a full disk
		kind = connectors.Unreachable
	default:
		return unreachable(ctx, what, err)
	}
	return &connectors.Trouble{Kind: kind, Err: fmt.Errorf("%s: %w", what, err)}
}

func unreachable(ctx context.Context, what string, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", what, ctx.Err())
	}
	return &connectors.Trouble{Kind: connectors.Unreachable, Err: fmt.Errorf("%s: %w", what, err)}
}
