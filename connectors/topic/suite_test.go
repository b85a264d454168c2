package topic_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"hebian/connectors"
	"hebian/connectors/connectortest"
	"hebian/connectors/topic"
)

// suitePartner is a topic of one partition as the suites see it.
type suitePartner struct {
	*kafka
	name string
}

func (p suitePartner) Put(t *testing.T, rows ...connectortest.Row) {
	var records []*kgo.Record
	for _, row := range rows {
		value, err := json.Marshal(row)
		if err != nil {
			t.Fatal(err)
		}
		if row.Poison {
			value = fmt.Appendf(nil, "poison %d", row.Key)
		}
		records = append(records, &kgo.Record{Topic: p.name, Key: fmt.Append(nil, row.Key), Value: value})
	}
	if err := p.client.ProduceSync(t.Context(), records...).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

func (p suitePartner) Source(t *testing.T) connectors.Source {
	r := p.reader(t, p.name)
	r.open(t)
	r.source.Rows(15)
	return r.source
}

func (p suitePartner) Rows(t *testing.T, _ connectors.Batch, body []byte) (rows []connectortest.Row) {
	for line := range strings.Lines(string(body)) {
		var row connectortest.Row
		var poison string
		switch {
		case json.Unmarshal([]byte(line), &row) == nil:
		case json.Unmarshal([]byte(line), &poison) == nil:
			value, err := base64.StdEncoding.DecodeString(poison)
			if _, scanErr := fmt.Sscanf(string(value), "poison %d", &row.Key); err != nil || scanErr != nil {
				t.Errorf("%q: %v, %v", line, err, scanErr)
			}
			row.Poison = true
		default:
			t.Errorf("%q is no line", line)
		}
		rows = append(rows, row)
	}
	return rows
}

// fragile is a broker that can be made to fail: the simulated one.
type fragile struct{ *kafka }

func (f fragile) Break(_ *testing.T, slow bool) (mend func()) {
	if slow {
		f.broker.Stall(true)
		return func() { f.broker.Stall(false) }
	}
	f.broker.Down(true)
	return func() { f.broker.Down(false) }
}

func TestSource(t *testing.T) {
	t.Run("simulated", func(t *testing.T) {
		connectortest.TestSource(t, func(t *testing.T) connectortest.Partner {
			k := simulated(t)
			return struct {
				suitePartner
				fragile
			}{suitePartner{k, k.make(t, 1)}, fragile{k}}
		})
	})
	t.Run("real", func(t *testing.T) {
		k := apache(t)
		connectortest.TestSource(t, func(t *testing.T) connectortest.Partner { return suitePartner{k, k.make(t, 1)} })
	})
}

// suiteReceiver is a topic of one partition that gets dispatches.
type suiteReceiver struct {
	*kafka
	name string
}

func (r suiteReceiver) Sink(t *testing.T) connectors.Sink { return r.sink(t, r.name) }

func (r suiteReceiver) Received(t *testing.T) []connectors.Out {
	k := &kafka{addr: r.addr, client: r.connect(t)}
	defer k.client.Close() // or what the broker does for it would count as left behind
	all, _ := k.read(t, r.name)
	return unique(all)
}

func TestSink(t *testing.T) {
	t.Run("simulated", func(t *testing.T) {
		connectortest.TestSink(t, func(t *testing.T) connectortest.Receiver {
			k := simulated(t)
			r := suiteReceiver{k, k.make(t, 1)}
			return struct {
				suiteReceiver
				fragile
			}{r, fragile{k}}
		})
	})
	t.Run("real", func(t *testing.T) {
		k := apache(t)
		connectortest.TestSink(t, func(t *testing.T) connectortest.Receiver { return suiteReceiver{k, k.make(t, 1)} })
	})
}

var _ connectors.Source = (*topic.Source)(nil)
