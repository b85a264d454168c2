package table

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// errClosed says that a source or sink was closed.
var errClosed = errors.New("it is closed")

// door is the way to a partner's database. Between two calls it keeps one connection, if the last was a good one.
type door struct {
	open    opener
	closing context.Context
	close   context.CancelFunc

	mu sync.Mutex // held by a call
	db link       // nil: none is open
}

func newDoor(open opener) *door {
	d := &door{open: open}
	d.closing, d.close = context.WithCancel(context.Background())
	return d
}

// call does something with the database, until it is done, ctx ends, or the door is closed.
func (d *door) call(ctx context.Context, do func(ctx context.Context) error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closing.Err() != nil {
		return errClosed
	}
	within, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(d.closing, cancel)()
	err := do(within)
	if err == nil {
		return nil
	}
	d.disconnect() // whatever was under way on it ends with it
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("broken off: %w", errors.Join(ctx.Err(), context.Cause(ctx)))
	case within.Err() != nil:
		return errClosed
	}
	return err
}

// connect opens a connection and looks at a table, unless one is open and still good. A table may have changed since the last time.
func (d *door) connect(ctx context.Context, look func(ctx context.Context) error) error {
	if d.db != nil {
		if err := look(ctx); err == nil || !isUnreachable(err) {
			return err
		}
		d.disconnect() // it broke while nobody looked: once more with a new one
	}
	db, err := d.open(ctx)
	if err != nil {
		return asTrouble("connect to the database", err)
	}
	d.db = db
	return look(ctx)
}

func (d *door) disconnect() {
	if d.db != nil {
		d.db.close()
		d.db = nil
	}
}

// Close lets go of the connection. A call that is under way ends.
func (d *door) Close() error {
	d.close()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.disconnect()
	return nil
}

// closeTime is how long a server is told that a connection ends, and a query with it.
const closeTime = time.Second

// wires are the connections of a link. A driver may go on talking to a server that does not answer when nobody waits for that any
// more; cut ends it.
type wires struct {
	ctx   context.Context
	stop  context.CancelFunc
	mu    sync.Mutex
	conns []net.Conn
}

func newWires() *wires {
	w := &wires{}
	w.ctx, w.stop = context.WithCancel(context.Background())
	return w
}

func (w *wires) dial(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(w.ctx, cancel)()
	dialer := net.Dialer{Timeout: connectTime, KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 15 * time.Second, Count: 4}}
	conn, err := dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ctx.Err() != nil {
		conn.Close() //nolint:errcheck // it was never used
		return nil, w.ctx.Err()
	}
	w.conns = append(w.conns, conn)
	return conn, nil
}

func (w *wires) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stop()
	for _, conn := range w.conns {
		conn.Close() //nolint:errcheck // most are closed already
	}
	w.conns = nil
}
