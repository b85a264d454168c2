package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"hebian/cmd/hebian/simulate"
	"hebian/connectors/push"
	"hebian/ops/access"
	"hebian/schemas"
)

// demo is the command that shows a hub at work: simulated agencies deliver a made-up county month after month into
// a hub that is served as hebian serve does it, a simulated colleague decides, simulated clerks answer.
type demo struct {
	Data    string        `placeholder:"DIR" help:"Keep everything here, in a new folder. Default: a temporary one that is removed at the end."`
	Listen  string        `default:"127.0.0.1:8470" placeholder:"ADDR" help:"Address of the desk. If its port is taken, a free one is."`
	Persons int           `default:"2000" help:"Persons on the books."`
	Seed    uint64        `default:"1" help:"Another seed, another county."`
	Pace    time.Duration `default:"20s" help:"Time from one month to the next."`
	For     time.Duration `help:"Stop by itself after this time. Default: on Ctrl-C."`
}

func (demo) Help() string {
	return `Three months of the county are delivered at once, so that there are cases to work on; then one month at every pace. All
persons, units and agencies are made up. Sign in with the account that is printed: what you decide goes out to a simulated agency, which
answers after some seconds, and the case settles.`
}

const (
	demoMonths = 6                     // that the county has
	demoAtOnce = 3                     // of them at the start: a slot without pay shows after three
	demoNewest = schemas.Month(202609) // the last of them
	// The agencies keep their files in memory: with these, hub and all take some 340 MB.
	maxDemoPersons = 20_000
	minPace        = 100 * time.Millisecond // a month of the usual county takes the hub half of it
)

func (c *demo) check() error {
	switch {
	case c.Persons > maxDemoPersons:
		return usageError(fmt.Sprintf("--persons is %d: the demo has room for %d; hebian simulate makes larger counties", c.Persons, maxDemoPersons))
	case c.Pace < minPace:
		return usageError(fmt.Sprintf("--pace is %s, must be %s or more", c.Pace, minPace))
	case c.For < 0:
		return usageError(fmt.Sprintf("--for is %s, must be more than nothing", c.For))
	}
	return nil
}

func (c *demo) Run(ctx context.Context, s streams) (err error) {
	if err := c.check(); err != nil {
		return err
	}
	if c.For > 0 {
		limited, cancel := context.WithTimeout(ctx, c.For)
		defer cancel()
		ctx = limited
	}
	dir, leave, err := c.folder()
	if err != nil {
		return err
	}
	defer func() { err = cmp.Or(err, leave(s.out)) }()
	options := simulate.DefaultOptions()
	options.Persons, options.Seed, options.Months, options.AsOf = c.Persons, c.Seed, demoMonths, demoNewest
	made, err := makeUp(ctx, filepath.Join(dir, "county"), options, s)
	registers := ""
	if err == nil {
		registers, err = makeRegisters(ctx, dir, options, s)
	}
	switch {
	case ctx.Err() != nil:
		return nil // stopped before it began
	case err != nil:
		return err
	}
	listener, taken, err := listen(c.Listen)
	if err != nil {
		return err
	}
	defer listener.Close()
	d := &stage{dir: dir, registers: registers, url: urlOf(listener), say: narrator(s.out), pace: c.Pace}
	switch err := d.open(ctx, s.err); {
	case ctx.Err() != nil:
		return nil
	case err != nil:
		return err
	}
	defer func() { err = cmp.Or(err, d.hub.house.close()) }()
	fmt.Fprintf(s.out, "A made-up county of %s persons and %s units. Its agencies deliver into this hub, month after month.\n\n", count(made.Persons), count(made.Units))
	d.introduce(s.out, taken, c.Data == "")
	return d.run(ctx, listener)
}

// folder makes the folder that everything lies in. leave removes it again unless it is to be kept, and says
// which.
func (c *demo) folder() (dir string, leave func(io.Writer) error, err error) {
	if c.Data == "" {
		if dir, err = os.MkdirTemp("", "hebian-demo-"); err != nil {
			return "", nil, fmt.Errorf("make a folder for the demo: %w", err)
		}
		return dir, func(w io.Writer) error {
			if err := os.RemoveAll(dir); err != nil {
				return fmt.Errorf("remove the folder of the demo: %w", err)
			}
			fmt.Fprintf(w, "Stopped; %s is removed.\n", dir)
			return nil
		}, nil
	}
	if err := makeFolder(c.Data); err != nil {
		return "", nil, err
	}
	there, err := os.ReadDir(c.Data)
	if err != nil {
		return "", nil, fmt.Errorf("look into the folder for the demo: %w", err)
	}
	if len(there) > 0 {
		return "", nil, usageError(fmt.Sprintf("--data is %s, which is not empty: name a new folder. What an earlier demo left is served by hebian serve --data %s --as-of %s",
			c.Data, filepath.Join(c.Data, "hub"), demoNewest.Last()))
	}
	return c.Data, func(w io.Writer) error {
		fmt.Fprintf(w, "Stopped; %s is kept. hebian serve --data %s --as-of %s shows it again.\n", c.Data, filepath.Join(c.Data, "hub"), demoNewest.Last())
		return nil
	}, nil
}

// listen takes an address or, if its port is taken, a free port beside it.
func listen(address string) (l net.Listener, taken bool, err error) {
	l, err = net.Listen("tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		host, _, _ := net.SplitHostPort(address) // it was good enough to be taken
		taken = true
		l, err = net.Listen("tcp", net.JoinHostPort(host, "0"))
	}
	if err != nil {
		return nil, false, fmt.Errorf("listen: %w", err)
	}
	return l, taken, nil
}

// urlOf is where a browser on this machine finds a listener.
func urlOf(l net.Listener) string {
	at := l.Addr().(*net.TCPAddr) //nolint:forcetypeassert // it listens on TCP
	if at.IP.IsUnspecified() {
		return fmt.Sprintf("http://127.0.0.1:%d", at.Port)
	}
	return "http://" + at.String()
}

// narrator prints what happens, a line each, with the time.
func narrator(w io.Writer) func(format string, args ...any) {
	var mu sync.Mutex
	return func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintf(w, "%s  %s\n", time.Now().Format(time.TimeOnly), fmt.Sprintf(format, args...))
	}
}

// The accounts of the demo.
const (
	visitor   = "chen"
	watcher   = "wu"
	colleague = "lin" // simulated
)

// open opens the hub with its accounts, and the agencies' lines to it.
func (d *stage) open(ctx context.Context, logs io.Writer) (err error) {
	o := serviceOptions{
		dir: filepath.Join(d.dir, "hub"), config: defaultConfig(), now: time.Now, calendar: d.today,
		logger: slog.New(slog.NewTextHandler(logs, &slog.HandlerOptions{Level: slog.LevelWarn})),
	}
	o.config.Serve.Out = filepath.Join(d.dir, "out")
	d.turn(demoNewest.Add(demoAtOnce - demoMonths))
	if d.hub, err = openService(ctx, o); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.hub.house.close())
		}
	}()
	for _, account := range []struct {
		name string
		role access.Role
		keep *string
	}{{visitor, access.Officer, &d.officerPassword}, {watcher, access.Operator, &d.operatorPassword}, {colleague, access.Officer, new(string)}} {
		*account.keep = newPassword(account.name)
		if err := d.hub.access.Add(ctx, account.name, account.role, *account.keep); err != nil {
			return err
		}
	}
	token, err := d.token(ctx, access.Token{Account: visitor})
	if err == nil {
		err = os.WriteFile(d.tokenFile(), []byte(token+"\n"), 0o600)
	}
	if err != nil {
		return err
	}
	if d.colleague, err = d.line(ctx, access.Token{Account: colleague}); err != nil {
		return err
	}
	d.offices, err = openOffices(d.hub.agencies, filepath.Join(d.dir, "county", "in"), d.registers, filepath.Join(d.dir, "desks"), func(name string) (*push.Client, error) {
		return d.line(ctx, access.Token{Agency: name})
	})
	return err
}

// newPassword makes one that is typed without mistakes: 60 bits in three groups. None holds the name of its account, which short names
// are in by chance now and then.
func newPassword(name string) string {
	for {
		text := strings.ToLower(rand.Text())
		if password := text[:4] + "-" + text[4:8] + "-" + text[8:12]; !strings.Contains(password, name) {
			return password
		}
	}
}

// tokenDays is more than any demo lasts.
const tokenDays = 30

func (d *stage) token(ctx context.Context, t access.Token) (string, error) {
	t.Label, t.Expires = "demo", time.Now().AddDate(0, 0, tokenDays)
	secret, _, err := d.hub.access.Issue(ctx, t)
	return secret, err
}

// line is somebody's line to the hub, over HTTP with a token of its own.
func (d *stage) line(ctx context.Context, t access.Token) (*push.Client, error) {
	secret, err := d.token(ctx, t)
	if err != nil {
		return nil, err
	}
	return push.NewClient(d.url, secret, nil)
}

func (d *stage) tokenFile() string { return filepath.Join(d.dir, "officer.token") }

// introduce says where the desk is, who may sign in and what there is to do.
func (d *stage) introduce(w io.Writer, taken, temporary bool) {
	note := ""
	if taken {
		note = "   (the port asked for is taken; this one was free)"
	}
	fmt.Fprintf(w, "  desk      %s%s\n", d.url, note)
	fmt.Fprintf(w, "  officer   %-10s password  %s\n", visitor, d.officerPassword)
	fmt.Fprintf(w, "  operator  %-10s password  %s\n", watcher, d.operatorPassword)
	fmt.Fprintf(w, "  token     %s   (the officer's, for hebian case and hebian status)\n\n", d.tokenFile())
	fmt.Fprintln(w, "Sign in as the officer, claim a case, compare the rows of both sides, decide. The agency answers after some seconds: reload, and the case has settled.")
	end := "keeps all of it in " + d.dir
	if temporary {
		end = "removes " + d.dir
	}
	fmt.Fprintf(w, "A month passes every %s until %s. Ctrl-C ends the demo and %s.\n\n", d.pace, dashed(demoNewest), end)
}

// run serves the hub and lets things happen in it until ctx is done. Then the players stop first, each when it has
// done what it is at, and the hub when nobody speaks to it any more.
func (d *stage) run(ctx context.Context, listener net.Listener) error {
	inner, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	group, alive := errgroup.WithContext(inner)
	ready := make(chan struct{})
	group.Go(func() error { return d.hub.serve(alive, listener, func() { close(ready) }) })
	group.Go(func() error {
		defer stop()
		select {
		case <-ready:
		case <-ctx.Done():
			return nil
		case <-alive.Done():
			return nil
		}
		return d.play(alive, ctx.Done())
	})
	err := group.Wait()
	if ctx.Err() != nil && errors.Is(err, context.Canceled) { // stopped before the hub was ready
		return nil
	}
	return err
}
