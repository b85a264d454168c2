package connectortest

import (
	"net"
	"sync"
	"sync/atomic"
)

// gate is what stands before a simulated partner, and fails in the ways that networks and servers do.
type gate struct {
	mu      sync.Mutex // guards what follows
	conns   map[*gated]bool
	down    bool          // hangs up at once
	stalled chan struct{} // closed when what is under way may go on; nil: nothing is held up
	drop    int64         // bytes after which a new connection breaks; 0: never
}

// Down makes the partner hang up on whoever is there or comes, until it is called with false.
func (g *gate) Down(down bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.down = down
	if down {
		for conn := range g.conns {
			conn.cut()
		}
	}
}

// Stall makes the partner say nothing more, on open connections and on new ones, until it is called with false.
func (g *gate) Stall(stall bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case stall == (g.stalled != nil):
	case stall:
		g.stalled = make(chan struct{})
	default:
		close(g.stalled)
		g.stalled = nil
	}
}

// DropAfter makes every new connection break once the partner has sent so many bytes over it; 0: never.
func (g *gate) DropAfter(bytes int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.drop = bytes
}

// guard gives a listener whose connections go through the gate.
func (g *gate) guard(l net.Listener) net.Listener { return &guarded{l, g} }

type guarded struct {
	net.Listener
	gate *gate
}

func (l *guarded) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if c := l.gate.let(conn); c != nil {
			return c, nil
		}
		conn.Close()
	}
}

// let gives a connection that goes through the gate; nil: it is not let in.
func (g *gate) let(conn net.Conn) net.Conn {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.down {
		return nil
	}
	c := &gated{Conn: conn, gate: g, drop: g.drop, gone: make(chan struct{})}
	if g.conns == nil {
		g.conns = map[*gated]bool{}
	}
	g.conns[c] = true
	return c
}

// gated is a connection that stalls or breaks when its gate is told to.
type gated struct {
	net.Conn
	gate *gate
	drop int64
	sent atomic.Int64
	once sync.Once
	gone chan struct{}
}

func (c *gated) Write(p []byte) (int, error) {
	c.gate.mu.Lock()
	stalled := c.gate.stalled
	c.gate.mu.Unlock()
	if stalled != nil {
		select {
		case <-stalled:
		case <-c.gone:
			return 0, net.ErrClosed
		}
	}
	if c.drop > 0 && c.sent.Add(int64(len(p))) > c.drop {
		c.cut()
		return 0, net.ErrClosed
	}
	return c.Conn.Write(p)
}

func (c *gated) Close() error {
	c.cut()
	c.gate.mu.Lock()
	defer c.gate.mu.Unlock()
	delete(c.gate.conns, c)
	return nil
}

func (c *gated) cut() {
	c.once.Do(func() {
		close(c.gone)
		c.Conn.Close()
	})
}
