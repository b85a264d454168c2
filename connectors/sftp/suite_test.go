package sftp_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"hebian/connectors"
	"hebian/connectors/connectortest"
)

// suitePartner is a server as the suites see it: every Put is a file.
type suitePartner struct {
	*partner
	puts int
}

func (p *suitePartner) Put(t *testing.T, rows ...connectortest.Row) {
	var content strings.Builder
	for _, row := range rows {
		value := row.Value
		if row.Poison {
			value = "!"
		}
		fmt.Fprintf(&content, "%d %s\n", row.Key, value)
	}
	p.puts++
	p.put(t, fmt.Sprintf("rows-%05d.csv", p.puts), content.String())
}

func (p *suitePartner) Source(t *testing.T) connectors.Source { return formed{p.source(t)} }

// formed says what form files have, which a source leaves to their profile.
type formed struct{ connectors.Source }

func (f formed) Fetch(ctx context.Context, position string, hand connectors.Hand) error {
	return f.Source.Fetch(ctx, position, func(ctx context.Context, b connectors.Batch) (connectors.Receipt, error) {
		if b.Form != "" || b.Dataset == "" {
			return connectors.Receipt{}, fmt.Errorf("a strange batch: %+v", b)
		}
		b.Form = connectors.CSV
		return hand(ctx, b)
	})
}

func (p *suitePartner) Rows(t *testing.T, _ connectors.Batch, body []byte) (rows []connectortest.Row) {
	for line := range strings.Lines(string(body)) {
		var row connectortest.Row
		number, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		if _, err := fmt.Sscan(number, &row.Key); err != nil {
			t.Errorf("%q: %v", line, err)
		}
		if row.Poison = value == "!"; !row.Poison {
			row.Value = value
		}
		rows = append(rows, row)
	}
	return rows
}

func (p *suitePartner) Break(_ *testing.T, slow bool) (mend func()) { return p.fail(slow) }

// fail makes the server fail until it is mended.
func (p *partner) fail(slow bool) (mend func()) {
	if slow {
		p.Stall(true)
		return func() { p.Stall(false) }
	}
	p.SFTP.Down(true)
	return func() { p.SFTP.Down(false) }
}

func TestSource(t *testing.T) {
	connectortest.TestSource(t, func(t *testing.T) connectortest.Partner { return &suitePartner{partner: serve(t)} })
}

// suiteReceiver is a server that gets dispatches.
type suiteReceiver struct{ *partner }

func (r suiteReceiver) Sink(t *testing.T) connectors.Sink { return r.sink(t) }

func (r suiteReceiver) Received(t *testing.T) []connectors.Out { return received(t, r.dir) }

func (r suiteReceiver) Break(_ *testing.T, slow bool) (mend func()) { return r.fail(slow) }

func TestSink(t *testing.T) {
	connectortest.TestSink(t, func(t *testing.T) connectortest.Receiver { return suiteReceiver{serve(t)} })
}
