package connectortest

import (
	"crypto/tls"
	"fmt"
	"net"

	"github.com/twmb/franz-go/pkg/kfake"
)

// Broker is a partner's Kafka of one broker on the loopback interface, in memory. It is for tests alone: it trusts whoever talks to it.
type Broker struct {
	*kfake.Cluster
	gate
	Addr string // host:port
}

// NewBroker starts a broker that has topics of so many partitions. Close ends it. config is for TLS; nil: it speaks none.
func NewBroker(partitions int, topics []string, config *tls.Config, options ...kfake.Opt) (*Broker, error) {
	b := &Broker{}
	listen := func(network, addr string) (net.Listener, error) {
		l, err := net.Listen(network, addr)
		if err != nil {
			return nil, err
		}
		l = b.guard(l)
		if config != nil {
			l = tls.NewListener(l, config)
		}
		return l, nil
	}
	options = append([]kfake.Opt{kfake.NumBrokers(1), kfake.ListenFn(listen), kfake.SeedTopics(int32(partitions), topics...)}, options...)
	var err error
	if b.Cluster, err = kfake.NewCluster(options...); err != nil {
		return nil, fmt.Errorf("start a broker: %w", err)
	}
	b.Addr = b.Cluster.ListenAddrs()[0]
	return b, nil
}

// Close ends the broker and every connection to it.
func (b *Broker) Close() error {
	b.Down(true)
	b.Stall(false)
	b.Cluster.Close()
	return nil
}
