package topic

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

const (
	// connectWithin bounds the way to a broker that can be asked: TCP, TLS, sign-in.
	connectWithin = 15 * time.Second
	// answerWithin bounds the wait for one answer, beyond what the question itself lets the broker wait.
	answerWithin = 30 * time.Second
	// maxAnswer bounds an answer in bytes. Brokers take batches of 1 MiB if nobody told them otherwise, some of them 10 MiB.
	maxAnswer = 64 << 20
	// keepRoom bounds the memory that a connection keeps for its next answer.
	keepRoom = 8 << 20
	// clientName is what brokers' logs and quotas know the hub by.
	clientName = "hebian"
)

// The questions that are asked, and the versions that they are asked in. All brokers from Kafka 2.4 to 4 know them.
const (
	produceKey, produceVersion           = 0, 8
	fetchKey, fetchVersion               = 1, 11
	listOffsetsKey, listOffsetsVersion   = 2, 2
	metadataKey, metadataVersion         = 3, 7
	metadataWithIDs                      = 10 // from Kafka 2.8
	handshakeKey, handshakeVersion       = 17, 1
	apiVersionsKey, apiVersionsVersion   = 18, 0
	authenticateKey, authenticateVersion = 36, 0
)

var (
	errClosed   = errors.New("it is closed")
	errTooLarge = fmt.Errorf("the broker's answer is longer than %d MiB: a batch in the topic is too large to be read", maxAnswer>>20)
	errWantsTLS = errors.New("the broker speaks TLS there: set tls")
	errNoTLS    = errors.New("the broker speaks no TLS there: unset tls, or give the port of its TLS listener")
)

// leash is what bounds connections from outside: time, and Close.
type leash struct {
	connect time.Duration // for the way to a broker that can be asked
	answer  time.Duration // for one answer
	first   time.Duration // the wait before a question is asked again

	mu     sync.Mutex // guards what follows
	tied   map[net.Conn]bool
	closed bool
}

// usual is a leash of the usual length.
func usual() *leash {
	return &leash{connect: connectWithin, answer: answerWithin, first: firstPause, tied: map[net.Conn]bool{}}
}

func (l *leash) tie(conn net.Conn) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return errClosed
	}
	l.tied[conn] = true
	return nil
}

func (l *leash) untie(conn net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.tied, conn)
}

// Close cuts the connections, whatever the brokers do; what is under way ends.
func (l *leash) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	for conn := range l.tied {
		conn.Close() // it may have been closed before
	}
	return nil
}

// conn is a connection to a broker. One goroutine asks at a time.
type conn struct {
	net.Conn
	bare     net.Conn // below TLS; closing it waits for nobody
	addr     string
	leash    *leash
	versions map[int16][2]int16 // the lowest and highest version of each question that the broker knows
	asked    int32
	fresh    bool // nothing was asked but what all may ask
	buf      []byte
}

// dial connects to a broker and signs in.
func dial(ctx context.Context, c *Config, leash *leash, addr string) (*conn, error) {
	config, err := c.tls()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, leash.connect)
	defer cancel()
	var dialer net.Dialer
	bare, err := dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	if err := leash.tie(bare); err != nil {
		bare.Close()
		return nil, err
	}
	b := &conn{Conn: bare, bare: bare, addr: addr, leash: leash, fresh: true}
	if err := b.shake(ctx, c, config); err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

// shake starts TLS, learns what the broker knows and signs in.
func (b *conn) shake(ctx context.Context, c *Config, config *tls.Config) error {
	if config != nil {
		if config.ServerName == "" {
			config.ServerName, _, _ = net.SplitHostPort(b.addr) // it was dialled
		}
		secure := tls.Client(b.bare, config)
		if err := secure.HandshakeContext(ctx); err != nil {
			if record := (tls.RecordHeaderError{}); errors.As(err, &record) {
				return errNoTLS
			}
			if errors.Is(err, io.EOF) || errors.Is(err, context.DeadlineExceeded) { // what brokers make of a question in TLS
				return fmt.Errorf("%w: perhaps the broker speaks no TLS there", err)
			}
			return err
		}
		b.Conn = secure
	}
	a, err := b.ask(ctx, 0, apiVersionsKey, apiVersionsVersion, false, func(*request) {})
	if err != nil {
		return err
	}
	if code := kafkaError(a.int16()); code != 0 {
		return code
	}
	b.versions = map[int16][2]int16{}
	for range a.array(6) {
		key, low, high := a.int16(), a.int16(), a.int16()
		b.versions[key] = [2]int16{low, high}
	}
	if a.err != nil {
		return a.err
	}
	if c.SASL == "" {
		return nil
	}
	b.fresh = false
	return b.signIn(ctx, c)
}

// knows says whether the broker knows a version of a question.
func (b *conn) knows(key, version int16) bool {
	known, ok := b.versions[key]
	return ok && known[0] <= version && version <= known[1]
}

// ask asks and waits for the answer, which is good until the next. The broker itself may wait as long as it is let. After an error
// the connection is of no more use.
func (b *conn) ask(ctx context.Context, let time.Duration, key, version int16, flexible bool, write func(*request)) (*answer, error) {
	if b.versions != nil && !b.knows(key, version) {
		return nil, fmt.Errorf("%w: it does not know version %d of question %d", errOld, version, key)
	}
	stop := context.AfterFunc(ctx, func() { b.bare.Close() })
	defer stop()
	if err := b.bare.SetDeadline(time.Now().Add(b.leash.answer + let)); err != nil {
		return nil, err
	}
	b.asked++
	r := &request{b: make([]byte, 4, 512), flexible: flexible}
	r.int16(key)
	r.int16(version)
	r.int32(b.asked)
	r.int16(int16(len(clientName))) // in every version this text is written so
	r.b = append(r.b, clientName...)
	r.tags()
	write(r)
	binary.BigEndian.PutUint32(r.b, uint32(len(r.b)-4))
	if _, err := b.Write(r.b); err != nil {
		return nil, b.lost(ctx, err)
	}
	text, err := b.read()
	if err != nil {
		return nil, b.lost(ctx, err)
	}
	a := &answer{b: text, flexible: flexible}
	if number := a.int32(); number != b.asked {
		return nil, errForm
	}
	a.tags()
	return a, a.err
}

// read reads one answer. It makes room as bytes come, not as they are promised.
func (b *conn) read() ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(b, head[:]); err != nil {
		return nil, err
	}
	if b.bare == b.Conn && head[0] == 0x15 && head[1] == 3 {
		return nil, errWantsTLS // it is a TLS alert
	}
	size := binary.BigEndian.Uint32(head[:])
	if size > maxAnswer {
		return nil, errTooLarge
	}
	if cap(b.buf) > keepRoom {
		b.buf = nil
	}
	room := bytes.NewBuffer(b.buf[:0])
	n, err := room.ReadFrom(io.LimitReader(b, int64(size)))
	b.buf = room.Bytes()
	if err == nil && n < int64(size) {
		err = io.ErrUnexpectedEOF
	}
	return b.buf, err
}

// lost is what the loss of a connection means.
func (b *conn) lost(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	switch {
	case !errors.Is(err, io.EOF) || !b.fresh:
	case b.versions != nil:
		return fmt.Errorf("%w: the broker hung up at the first question; perhaps it wants sasl", err)
	case b.Conn == b.bare:
		return fmt.Errorf("%w: the broker hung up at once; perhaps it speaks TLS there: then set tls", err)
	}
	return err
}

// close cuts the connection, without a goodbye that could take time.
func (b *conn) close() {
	b.leash.untie(b.bare)
	b.bare.Close()
}
