package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"golang.org/x/sync/errgroup"

	"hebian/schemas"
)

// serve is the command that runs the hub.
type serve struct {
	Data   string `required:"" placeholder:"DIR" help:"Data folder that keeps everything. One hebian at a time runs on it."`
	Listen string `default:"127.0.0.1:8470" placeholder:"ADDR" help:"Address for agencies, officers and Prometheus. Port 0 takes a free one."`
	Watch  string `placeholder:"DIR" help:"County folder whose files are taken in as they come; over serve.watch of the configuration."`
	AsOf   string `name:"as-of" placeholder:"YYYY-MM-DD" help:"Day to judge by. Default: the last day of the last month that has ended."`
	Config string `placeholder:"FILE" help:"YAML file with the limits of the rules and of the hub."`
	Secure bool   `help:"The hub is reached over HTTPS only, through a proxy: cookies are sent no other way."`
}

func (serve) Help() string {
	return `Agencies post files to /v1/deliveries/AGENCY/FILE with their token, or lay them into the watched folder; officers sign
in at /. The interface is described at /openapi.json, metrics lie at /metrics. Make accounts and tokens with
hebian account and hebian token. SIGTERM stops in an orderly way; kill -9 loses nothing that was acknowledged.`
}

func (c *serve) Run(ctx context.Context, s streams) (err error) {
	o := serviceOptions{dir: c.Data, now: time.Now, secure: c.Secure, logger: slog.New(slog.NewTextHandler(s.err, nil))}
	if c.AsOf != "" {
		ok := false
		if o.day, ok = schemas.ParseDate(c.AsOf); !ok {
			return usageError(fmt.Sprintf("--as-of is %q, want a day YYYY-MM-DD", c.AsOf))
		}
	}
	if o.config, err = readConfig(c.Config); err != nil {
		return err
	}
	o.config.Serve.Watch = cmp.Or(c.Watch, o.config.Serve.Watch)
	listener, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	defer listener.Close()
	h, err := openService(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = cmp.Or(err, h.house.close()) }()
	return h.serve(ctx, listener, func() { fmt.Fprintf(s.out, "hebian serves http://%s\n", listener.Addr()) })
}

// Bounds of the HTTP server. bodySeconds is for forms and questions; of a file, which may take long over a slow line,
// push watches that it moves on.
const (
	headerSeconds = 10
	bodySeconds   = 60
	idleSeconds   = 120
	headerBytes   = 64 << 10
	// drainSeconds is what requests get to end when the hub stops, cutOffSeconds what is left for those that were
	// cut off, settleSeconds what judge and relay get after them. Whatever is not done then, the next start does.
	drainSeconds  = 30
	cutOffSeconds = 5
	settleSeconds = 30
)

// serve runs the hub until ctx is done and then stops it in order: doors, judge, relay. ready is called
// when the doors are open.
func (s *service) serve(ctx context.Context, listener net.Listener, ready func()) error {
	// What runs behind the doors outlives ctx: it stops when nothing can come in any more.
	inner, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer s.halt()
	if err := s.catchUp(ctx); err != nil {
		return err
	}
	handler, err := s.handler()
	if err != nil {
		return err
	}
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: headerSeconds * time.Second, ReadTimeout: bodySeconds * time.Second, IdleTimeout: idleSeconds * time.Second, MaxHeaderBytes: headerBytes,
		ErrorLog: slog.NewLogLogger(s.logger.Handler(), slog.LevelDebug), BaseContext: func(net.Listener) context.Context { return inner },
	}
	doorsClosed := make(chan struct{})
	group, failed := errgroup.WithContext(inner)
	group.Go(func() error { return s.judge(failed, doorsClosed) })
	group.Go(func() error {
		s.relay(failed, doorsClosed)
		return nil
	})
	group.Go(func() error {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve: %w", err)
		}
		return nil
	})
	stopped := make(chan struct{})
	group.Go(func() error {
		defer close(stopped)
		select {
		case <-ctx.Done():
		case <-failed.Done():
		}
		return s.shut(server)
	})
	group.Go(func() error {
		defer func() {
			close(doorsClosed)
			time.AfterFunc(settleSeconds*time.Second, cancel) // a database that refuses writes holds nobody for ever
		}()
		watching, cancel := context.WithCancel(failed)
		defer cancel()
		defer context.AfterFunc(ctx, cancel)()
		roads, watching := errgroup.WithContext(watching)
		roads.Go(func() error { return s.watchFolder(watching) })
		roads.Go(func() error { return s.keeper.Run(watching) })
		if err := roads.Wait(); err != nil {
			return err
		}
		<-stopped
		return nil
	})
	ready()
	return group.Wait()
}

// shut closes the HTTP door: requests under way may end, and what does not end in time is cut off.
func (s *service) shut(server *http.Server) error {
	drain, cancel := context.WithTimeout(context.Background(), drainSeconds*time.Second)
	defer cancel()
	err := server.Shutdown(drain)
	if err != nil {
		s.logger.Warn("requests were cut off", "error", err)
		err = server.Close()
	}
	s.halt() // what is half taken in stays open, and the next delivery of the file goes on with it
	answered := make(chan struct{})
	go func() {
		s.answering.Wait()
		close(answered)
	}()
	select {
	case <-answered:
	case <-time.After(cutOffSeconds * time.Second):
		s.logger.Warn("an answer does not end; what it wrote is on disk or not there")
	}
	return err
}

var errStopping = errors.New("the hub is stopping")

// makeFolder makes a folder that others on the machine may not look into.
func makeFolder(path string) error {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	return nil
}
