package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"hebian/cmd/hebian/simulate"
	"hebian/connectors"
	"hebian/connectors/push"
	"hebian/matcher"
	"hebian/matcher/queue"
	"hebian/ops/access"
	"hebian/schemas"
	"hebian/schemas/ident"
)

// benchLines is how many single lines are timed from their delivery to their case.
const benchLines = 300

// served measures a hub that runs: a month over HTTP, a line to its case, a restart.
func (c *benchCounty) served(ctx context.Context, county string, persons int) ([]measure, error) {
	data := filepath.Join(filepath.Dir(county), "served")
	token, err := benchToken(ctx, data)
	if err != nil {
		return nil, err
	}
	asOf := simulate.DefaultOptions().AsOf
	p, err := startServe(ctx, data, asOf.Last())
	if err != nil {
		return nil, err
	}
	defer func() { p.stop(syscall.SIGKILL) }() //nolint:errcheck // it has ended, but after an error
	client, err := push.NewClient(p.address, token, nil)
	if err != nil {
		return nil, err
	}
	month, err := deliverAll(ctx, client, county, asOf)
	if err != nil {
		return nil, err
	}
	line, err := timeLines(ctx, client, county, asOf)
	if err != nil {
		return nil, err
	}
	if err := p.stop(syscall.SIGTERM); err != nil {
		return nil, err
	}
	month.PeakMBytes = p.peakMBytes()
	again, err := timeRestart(ctx, data, asOf.Last())
	if err != nil {
		return nil, err
	}
	all := append([]measure{month}, line...)
	all = append(all, again)
	for i := range all {
		all[i].Work += fmt.Sprintf(", %s persons", count(persons))
	}
	return all, nil
}

// benchToken makes an operator with a token.
func benchToken(ctx context.Context, data string) (token string, err error) {
	err = dataFolder{data}.with(ctx, func(a *access.Access) error {
		if err := a.Add(ctx, "bench", access.Operator, "for this machine alone"); err != nil {
			return err
		}
		token, _, err = a.Issue(ctx, access.Token{Account: "bench", Expires: time.Now().Add(24 * time.Hour)})
		return err
	})
	return token, err
}

// served is a hub in a process of its own.
type servedHub struct {
	cmd     *exec.Cmd
	address string
}

// startServe starts a hub and waits until its doors are open.
func startServe(ctx context.Context, data string, asOf schemas.Date) (*servedHub, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self, "serve", "--data", data, "--listen", "127.0.0.1:0", "--as-of", asOf.String())
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	text, err := bufio.NewReader(out).ReadString('\n')
	address, ok := strings.CutPrefix(strings.TrimSpace(text), "hebian serves ")
	if err != nil || !ok {
		return nil, errors.Join(fmt.Errorf("serve said %q: %w", text, err), cmd.Process.Kill(), cmd.Wait())
	}
	return &servedHub{cmd, address}, nil
}

// stop ends the hub and waits for it.
func (p *servedHub) stop(s os.Signal) error {
	if err := p.cmd.Process.Signal(s); err != nil {
		return err
	}
	return p.cmd.Wait()
}

func (p *servedHub) peakMBytes() float64 {
	usage, ok := p.cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0
	}
	return float64(usage.Maxrss) / maxrssPerMByte()
}

// deliverAll sends a county's files and declares the month, and times the newest payroll.
func deliverAll(ctx context.Context, client *push.Client, county string, month schemas.Month) (m measure, err error) {
	folder, err := scan(county)
	if err != nil {
		return m, err
	}
	agencies := map[string]bool{}
	for _, found := range folder.Found {
		started := time.Now()
		r, err := client.Deliver(ctx, push.Shipment{Agency: found.Agency, File: filepath.Base(found.Name), Path: filepath.Join(county, found.Name)})
		if err != nil {
			return m, err
		}
		if found.Month == month {
			m = measure{Work: "a month's payroll over HTTP to its receipt", Seconds: time.Since(started).Seconds()}.of(r.RowsRead)
		}
		agencies[found.Agency] = true
	}
	for agency := range agencies {
		if _, err := client.Complete(ctx, agency, month, push.Declare{}); err != nil {
			return m, err
		}
	}
	return m, quiet(ctx, client)
}

// quiet waits until everything delivered is judged.
func quiet(ctx context.Context, client *push.Client) error {
	for {
		var st hubStatus
		if err := client.Call(ctx, http.MethodGet, "/v1/status", nil, &st); err != nil || st.Waiting == 0 {
			return err
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// timeLines delivers single pay lines of persons without a slot, and times each until its case can be read.
func timeLines(ctx context.Context, client *push.Client, county string, month schemas.Month) ([]measure, error) {
	header, row, unit, err := payRow(county, month)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(filepath.Dir(county), "line.csv")
	var took []time.Duration
	for i := range benchLines {
		person := ident.Key(13980119600101001 + uint64(i)).String() // of a division that the simulation does not use
		fields := slices.Clone(row)
		fields[3] = []byte(person)
		if err := os.WriteFile(path, slices.Concat(header, []byte("\r\n"), bytes.Join(fields, []byte(",")), []byte("\r\n")), 0o600); err != nil {
			return nil, err
		}
		id := queue.CaseID(matcher.Key{Code: "PAID_NO_SLOT", Person: schemas.IDNumber(person), Unit: unit, Month: month})
		started := time.Now()
		if _, err := client.Deliver(ctx, push.Shipment{Agency: "finance", File: "payroll-" + month.String() + ".csv", Path: path, Mode: connectors.Add}); err != nil {
			return nil, err
		}
		if err := untilVisible(ctx, client, id); err != nil {
			return nil, err
		}
		took = append(took, time.Since(started))
	}
	slices.Sort(took)
	return []measure{
		{Work: "a line to its case, p50", Count: benchLines, Seconds: took[len(took)/2].Seconds()},
		{Work: "a line to its case, p99", Count: benchLines, Seconds: took[len(took)*99/100].Seconds()},
	}, nil
}

// untilVisible asks for a case until it is there.
func untilVisible(ctx context.Context, client *push.Client, id string) error {
	for deadline := time.Now().Add(30 * time.Second); ; {
		err := client.Call(ctx, http.MethodGet, "/v1/cases/"+id, nil, nil)
		var p *push.Problem
		if err == nil || !errors.As(err, &p) || p.Status != http.StatusNotFound || time.Now().After(deadline) {
			return err
		}
		time.Sleep(time.Millisecond)
	}
}

// payRow finds a regular pay line of a unit without successions: the header, the row's fields, the unit.
func payRow(county string, month schemas.Month) (header []byte, row [][]byte, unit schemas.UnitCode, err error) {
	successions, err := os.ReadFile(filepath.Join(county, "staffing", "successions.csv"))
	if err != nil {
		return nil, nil, "", err
	}
	file, err := os.Open(filepath.Join(county, "finance", "payroll-"+month.String()+".csv"))
	if err != nil {
		return nil, nil, "", err
	}
	defer file.Close()
	lines := bufio.NewScanner(io.LimitReader(file, 1<<20))
	for lines.Scan() {
		fields := bytes.Split(bytes.Clone(lines.Bytes()), []byte(","))
		switch {
		case header == nil:
			header = bytes.Clone(lines.Bytes())
		case bytes.Count(header, []byte(",")) == len(fields)-1 && len(fields[0]) == 18 && len(fields[7]) > 3 && fields[7][0] != '-' && !bytes.Contains(successions, fields[0]):
			return header, fields, schemas.UnitCode(fields[0]), nil
		}
	}
	return nil, nil, "", errors.Join(lines.Err(), errors.New("no pay line to take as a pattern"))
}

// timeRestart kills a hub and times how long the next takes to open its doors.
func timeRestart(ctx context.Context, data string, asOf schemas.Date) (measure, error) {
	p, err := startServe(ctx, data, asOf)
	if err != nil {
		return measure{}, err
	}
	p.stop(syscall.SIGKILL) //nolint:errcheck // killed, it says so
	started := time.Now()
	if p, err = startServe(ctx, data, asOf); err != nil {
		return measure{}, err
	}
	m := measure{Work: "kill -9 to open doors", Count: 1, Seconds: time.Since(started).Seconds()}
	err = p.stop(syscall.SIGTERM)
	m.PeakMBytes = p.peakMBytes()
	return m, err
}
