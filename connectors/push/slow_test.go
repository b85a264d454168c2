package push_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// pipes is a listener whose connections are in memory, so that time in a bubble runs by itself.
type pipes struct {
	conns chan net.Conn
}

func (p pipes) Accept() (net.Conn, error) {
	conn, ok := <-p.conns
	if !ok {
		return nil, net.ErrClosed
	}
	return conn, nil
}

func (pipes) Close() error   { return nil }
func (pipes) Addr() net.Addr { return &net.TCPAddr{} }

// A sender that stalls, or sends next to nothing for long, loses its place; a slow one that keeps at it does not.
func TestSlow(t *testing.T) {
	for _, test := range []struct {
		name   string
		every  time.Duration
		bytes  int
		times  int
		status int
		after  time.Duration
	}{
		{"stalls at once", 0, 0, 0, 408, 30 * time.Second},
		{"stalls after a while", 10 * time.Second, 500 << 10, 3, 408, 60 * time.Second},
		{"next to nothing", time.Second, 1, 1000, 408, 30 * time.Second},
		{"slow", time.Second, 10 << 10, 100, 201, 100 * time.Second},
		{"with pauses", 29 * time.Second, 300 << 10, 10, 201, 290 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := build(t) // files and their cleaning up stay outside the bubble
			synctest.Test(t, func(t *testing.T) {
				listener := pipes{make(chan net.Conn)}
				server := &http.Server{Handler: r.mux}
				served := make(chan error)
				go func() { served <- server.Serve(listener) }()
				here, there := net.Pipe()
				listener.conns <- there
				started := time.Now()
				stop := make(chan struct{})
				go func() {
					defer close(stop)
					conn := io.Writer(here)
					io.WriteString(conn, head+"Transfer-Encoding: chunked\r\n\r\n")
					chunk := strings.Repeat("x", test.bytes)
					for range test.times {
						time.Sleep(test.every)
						if _, err := io.WriteString(conn, chunked(chunk)); err != nil {
							return // it lost its place
						}
					}
					if test.status == http.StatusCreated {
						io.WriteString(conn, "0\r\n\r\n")
					}
				}()
				response, err := http.ReadResponse(bufio.NewReader(here), nil)
				if err != nil {
					t.Fatal(err)
				}
				if response.StatusCode != test.status || time.Since(started).Round(time.Second) != test.after {
					t.Errorf("answer %d after %v, want %d after %v", response.StatusCode, time.Since(started), test.status, test.after)
				}
				here.Close()
				<-stop
				close(listener.conns)
				if err := <-served; !errors.Is(err, net.ErrClosed) {
					t.Error(err)
				}
				server.Close()
			})
		})
	}
}

func chunked(s string) string { return fmt.Sprintf("%x\r\n%s\r\n", len(s), s) }
