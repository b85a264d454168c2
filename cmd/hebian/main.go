// Command hebian checks pay against establishment slots: a county's files in, exact flags out.
//
// Exit codes: 0 done, findings or not; 1 it could not be done; 2 the command line is wrong; 3 done, but
// a file could not be read, or rows of a sample were refused, and --strict was given.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

// The exit codes. They are part of the interface.
const (
	exitFailed     = 1
	exitUsage      = 2
	exitUnreadable = 3
)

type commands struct {
	Check      check           `cmd:"" help:"Check a county folder: take every file in, judge, write the flags."`
	Deliver    deliver         `cmd:"" help:"Take the files of a county folder in and print the receipts, without judging."`
	Serve      serve           `cmd:"" help:"Run the hub: deliveries in over HTTP or a folder, cases out."`
	Push       pushCommand     `cmd:"" help:"Deliver files to a hub that runs."`
	Pull       pullCommand     `cmd:"" help:"Fetch the records of a feed from a hub that runs: corrections, findings, golden."`
	Receipts   receiptList     `cmd:"" help:"List the receipts of a hub that runs, the newest first."`
	Receipt    receiptCommand  `cmd:"" help:"Receipts of a hub that runs: show, release, discard."`
	Expected   expectedCommand `cmd:"" help:"See what agencies have promised a hub that runs: what is due, late and missing."`
	Quarantine waitingCommand  `cmd:"" help:"Rows in quarantine of a hub that runs: list, show, download, resubmit, retry, discard."`
	Connector  steerCommand    `cmd:"" help:"Connectors of a hub that runs: list, show, pause, resume, run, rewind, reset, dispatches, resend."`
	Case       caseCommand     `cmd:"" help:"Cases of a hub that runs: list, show, claim, release, decide."`
	Entity     entityCommand   `cmd:"" help:"Legal entities of a hub that runs: find, show."`
	Status     statusCommand   `cmd:"" help:"Say how a hub that runs does."`
	Simulate   simulateCommand `cmd:"" help:"Make up a county with known wrongs and their list."`
	Demo       demo            `cmd:"" help:"Show a hub at work: simulated agencies deliver, you decide."`
	Profile    profileCommand  `cmd:"" help:"How files of agencies are read: list, show, check, suggest."`
	Context    contextCommand  `cmd:"" help:"Hubs and tokens under names: add, use, list, remove."`
	Account    accountCommand  `cmd:"" help:"Accounts of people: add, password, remove, list."`
	Token      tokenCommand    `cmd:"" help:"Tokens of programs: issue, revoke, list."`
	Explain    explain         `cmd:"" help:"Say what the code of a flag or of a quarantine reason means."`
	Bench      bench           `cmd:"" help:"Measure this machine: intake, check, a hub that runs, identifiers, walker."`
	Completion completion      `cmd:"" help:"Print a completion script for a shell."`
	Version    version         `cmd:"" help:"Say which build this is."`
}

// streams are where a command writes, so that tests can stand in.
type streams struct {
	out, err io.Writer
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	code := run(ctx, os.Args[1:], streams{os.Stdout, os.Stderr})
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string, s streams) int {
	code := -1
	parser, err := kong.New(&commands{},
		kong.Name("hebian"),
		kong.Description("hebian (核编) checks every pay line against an establishment slot."),
		kong.Writers(s.out, s.err),
		kong.Exit(func(c int) { code = c }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 120}),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(s),
	)
	if err != nil {
		panic(err) // the command tree is part of the binary
	}
	command, err := parser.Parse(args)
	if code >= 0 { // --help was printed
		return code
	}
	if err != nil {
		fmt.Fprintf(s.err, "hebian: %v\n", err)
		return exitUsage
	}
	err = command.Run()
	if err != nil && ctx.Err() != nil {
		err = errInterrupted
	}
	var usage usageError
	var unreadable unreadableError
	var refused refusedError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &usage):
		code = exitUsage
	case errors.As(err, &unreadable), errors.As(err, &refused):
		code = exitUnreadable
	default:
		code = exitFailed
	}
	fmt.Fprintf(s.err, "hebian: %v\n", err)
	return code
}

// errInterrupted says that somebody asked to stop. What was taken in so far is not lost.
var errInterrupted = errors.New("interrupted; run the same command again to go on")

// usageError is a wrong command line.
type usageError string

func (e usageError) Error() string { return string(e) }

// unreadableError says that files could not be read in a run that is otherwise done.
type unreadableError int

func (e unreadableError) Error() string { return fmt.Sprintf("%d files could not be read", int(e)) }

// refusedError says that rows of a sample were refused in a trial that is otherwise done.
type refusedError int64

func (e refusedError) Error() string { return fmt.Sprintf("%d rows were refused", int64(e)) }
