package connectortest

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// Fault is what a request to a simulated service meets. Its parts go together: a delay comes first, a status takes the place of the
// service's own answer, and Break says how the answer breaks on its way.
type Fault struct {
	Delay      time.Duration // before anything else
	Status     int           // answers so; 0: as the service does
	RetryAfter string        // header of that name
	Location   string        // header of that name, for a redirect
	Break      Break
}

// Break is how an answer breaks.
type Break string

// The ways.
const (
	Whole      Break = ""            // it does not
	Reset      Break = "reset"       // the connection is reset
	Lost       Break = "lost"        // the service does what was asked, and the connection is reset before it says so
	HalfOpen   Break = "half-open"   // the connection stays, and nothing comes
	Garbage    Break = "garbage"     // bytes that are no HTTP
	Corrupt    Break = "corrupt"     // the body's bytes are changed
	Cut        Break = "cut"         // the body ends before its length
	CutQuietly Break = "cut quietly" // the body ends early, and no length tells
	Drip       Break = "drip"        // the body comes a byte at a time, dripEvery
	Stall      Break = "stall"       // the body stops halfway, and the connection stays
	Endless    Break = "endless"     // the body does not end
)

const (
	dripEvery  = 20 * time.Millisecond
	headWithin = 10 * time.Second // for a request's head to arrive
	closeIdle  = time.Minute
)

// Faulty makes a service fail. Service and Hook have one each.
type Faulty struct {
	mu     sync.Mutex
	next   []Fault
	always *Fault
	held   map[net.Conn]bool // taken away from the server
	closed chan struct{}
	server *http.Server
	url    string
	done   chan struct{}
}

// Fail has the next requests meet these faults, one each.
func (f *Faulty) Fail(faults ...Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.next = append(f.next, faults...)
}

// FailAlways has all requests meet a fault until mend is called.
func (f *Faulty) FailAlways(fault Fault) (mend func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.always = &fault
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.always = nil
	}
}

// URL is where the service is, such as http://127.0.0.1:40123.
func (f *Faulty) URL() string { return f.url }

// Close ends the service and all that waits in it.
func (f *Faulty) Close() error {
	f.mu.Lock()
	select {
	case <-f.closed:
		f.mu.Unlock()
		return nil
	default:
	}
	close(f.closed)
	for conn := range f.held {
		conn.Close() //nolint:errcheck // it is to end the other side's waiting
	}
	f.mu.Unlock()
	err := f.server.Close()
	<-f.done
	return err
}

// serve opens a service on the loopback interface.
func (f *Faulty) serve(handler http.Handler) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	f.held, f.closed, f.done = map[net.Conn]bool{}, make(chan struct{}), make(chan struct{})
	f.url = "http://" + listener.Addr().String()
	f.server = &http.Server{Handler: f.around(handler), ReadHeaderTimeout: headWithin, IdleTimeout: closeIdle}
	go func() {
		defer close(f.done)
		f.server.Serve(listener) //nolint:errcheck // it always ends with an error
	}()
	return nil
}

func (f *Faulty) fault() Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.next) > 0 {
		fault := f.next[0]
		f.next = f.next[1:]
		return fault
	}
	if f.always != nil {
		return *f.always
	}
	return Fault{}
}

// around lets requests meet their faults.
func (f *Faulty) around(handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fault := f.fault()
		if !f.wait(r, fault.Delay) {
			return
		}
		answer := &recorder{header: http.Header{}, status: http.StatusOK}
		switch {
		case fault.Status != 0:
			answer.WriteHeader(fault.Status)
		case fault.Break == Reset, fault.Break == HalfOpen, fault.Break == Garbage: // as if it had never arrived
		default:
			handler.ServeHTTP(answer, r)
		}
		for name, value := range map[string]string{"Retry-After": fault.RetryAfter, "Location": fault.Location} {
			if value != "" {
				answer.Header().Set(name, value)
			}
		}
		for name, values := range answer.Header() {
			w.Header()[name] = values
		}
		f.write(w, r, fault.Break, answer.status, answer.body.Bytes())
	})
}

// recorder keeps an answer until it is known what becomes of it.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) WriteHeader(status int)      { r.status = status }
func (r *recorder) Write(p []byte) (int, error) { return r.body.Write(p) }

// write writes an answer, or breaks it.
func (f *Faulty) write(w http.ResponseWriter, r *http.Request, how Break, status int, body []byte) {
	switch how {
	case Reset, Lost, HalfOpen, Garbage:
		f.take(w, how)
		return
	case Corrupt:
		body = bytes.Clone(body)
		for range len(body)/20 + 1 {
			if len(body) > 0 {
				body[rand.IntN(len(body))] ^= 0x80
			}
		}
	case CutQuietly:
		w.Header().Set("Connection", "close")
		w.Header().Set("Transfer-Encoding", "identity")
		w.WriteHeader(status)
		w.Write(body[:len(body)/2]) //nolint:errcheck // the other side sees
		return
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	if how == Endless {
		w.Header().Del("Content-Length")
	}
	w.WriteHeader(status)
	switch how {
	case Cut:
		w.Write(body[:len(body)/2])           //nolint:errcheck // the other side sees
		http.NewResponseController(w).Flush() //nolint:errcheck // the other side sees
		panic(http.ErrAbortHandler)
	case Drip:
		for i := range body {
			w.Write(body[i : i+1])                //nolint:errcheck // the other side sees
			http.NewResponseController(w).Flush() //nolint:errcheck // the other side sees
			if !f.wait(r, dripEvery) {
				return
			}
		}
	case Stall:
		w.Write(body[:len(body)/2])           //nolint:errcheck // the other side sees
		http.NewResponseController(w).Flush() //nolint:errcheck // the other side sees
		f.wait(r, time.Hour)
	case Endless:
		for r.Context().Err() == nil {
			if _, err := w.Write(bytes.Repeat([]byte(" "), 1<<16)); err != nil {
				return
			}
		}
	default:
		w.Write(body) //nolint:errcheck // the other side sees
	}
}

// take takes a connection away from the server and lets it end badly.
func (f *Faulty) take(w http.ResponseWriter, how Break) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err) // a server of HTTP/1.1 gives it
	}
	f.mu.Lock()
	f.held[conn] = true
	closed := errors.Is(f.ended(), net.ErrClosed)
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.held, conn)
		conn.Close() //nolint:errcheck // it was to break
	}()
	switch {
	case closed:
	case how == Reset, how == Lost:
		conn.(*net.TCPConn).SetLinger(0) //nolint:errcheck // then it is closed, not reset
	case how == Garbage:
		junk := make([]byte, 300)
		for i := range junk {
			junk[i] = byte(rand.IntN(256))
		}
		conn.Write(junk) //nolint:errcheck // the other side sees
	default:
		io.Copy(io.Discard, conn) //nolint:errcheck // until the other side, or Close, ends it
	}
}

func (f *Faulty) ended() error {
	select {
	case <-f.closed:
		return net.ErrClosed
	default:
		return nil
	}
}

// wait waits, unless the request or the service ends first.
func (f *Faulty) wait(r *http.Request, pause time.Duration) bool {
	timer := time.NewTimer(cmp.Or(pause, time.Nanosecond))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.Context().Done():
		return false
	case <-f.closed:
		return false
	}
}
