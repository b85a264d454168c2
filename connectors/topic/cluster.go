package topic

import (
	"context"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"time"
)

// cluster is the brokers as far as one topic goes. One goroutine uses it at a time, but for connections to different brokers.
type cluster struct {
	config *Config
	*leash
	conns  map[string]*conn // by address
	layout *layout          // nil: to be asked for
}

// layout is where a topic's partitions are.
type layout struct {
	id      [16]byte // of the topic, which another of the same name doesn't have; zero: not known
	brokers map[int32]string
	leaders map[int32]int32 // by partition; -1: none
	asked   time.Time
}

func newCluster(c *Config) *cluster {
	return &cluster{config: c, leash: usual(), conns: map[string]*conn{}}
}

// to gives a connection to a broker.
func (c *cluster) to(ctx context.Context, addr string) (*conn, error) {
	if b := c.conns[addr]; b != nil {
		return b, nil
	}
	b, err := dial(ctx, c.config, c.leash, addr)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", addr, err)
	}
	c.conns[addr] = b
	return b, nil
}

// drop ends the connections, and forgets where things are.
func (c *cluster) drop() {
	for addr, b := range c.conns {
		b.close()
		delete(c.conns, addr)
	}
	c.layout = nil
}

// locate asks where the topic is, if that isn't known.
func (c *cluster) locate(ctx context.Context) error {
	if c.layout != nil {
		return nil
	}
	addrs := slices.Collect(maps.Keys(c.conns)) // those that answered before, first
	for _, addr := range c.config.Brokers {
		if !slices.Contains(addrs, addr) {
			addrs = append(addrs, addr)
		}
	}
	var errs []error
	for _, addr := range addrs {
		l, err := c.metadata(ctx, addr)
		if err == nil {
			c.layout = l
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if b := c.conns[addr]; b != nil {
			b.close()
			delete(c.conns, addr)
		}
		if err = fmt.Errorf("%s: %w", addr, err); !mayPass(err) {
			errs = []error{err} // says more than that others are away
			break
		}
		errs = append(errs, err)
	}
	return fmt.Errorf("ask where topic %s is: %w", c.config.Topic, together(errs))
}

// metadata asks one broker where the topic is.
func (c *cluster) metadata(ctx context.Context, addr string) (*layout, error) {
	b, err := c.to(ctx, addr)
	if err != nil {
		return nil, err
	}
	ids := b.knows(metadataKey, metadataWithIDs)
	version := int16(metadataVersion)
	if ids {
		version = metadataWithIDs
	}
	a, err := b.ask(ctx, 0, metadataKey, version, ids, func(r *request) {
		r.array(1)
		if ids {
			r.b = append(r.b, make([]byte, 16)...)
		}
		r.str(c.config.Topic)
		r.tags()
		r.bool(false) // make no topic
		if ids {
			r.bool(false)
			r.bool(false)
		}
		r.tags()
	})
	if err != nil {
		return nil, err
	}
	b.fresh = false
	return readLayout(a, c.config.Topic, ids)
}

// readLayout reads the answer about one topic.
func readLayout(a *answer, topic string, ids bool) (*layout, error) {
	l := &layout{brokers: map[int32]string{}, leaders: map[int32]int32{}, asked: time.Now()}
	a.int32() // throttling
	for range a.array(10) {
		id, host, port := a.int32(), a.str(), a.int32()
		a.str() // rack
		a.tags()
		l.brokers[id] = net.JoinHostPort(host, strconv.Itoa(int(port)))
	}
	a.str()   // cluster
	a.int32() // controller
	found := false
	for range a.array(6) {
		code, name := kafkaError(a.int16()), a.str()
		if ids {
			copy(l.id[:], a.take(16))
		}
		a.int8() // internal
		for range a.array(16) {
			a.int16() // that it has no leader shows by the leader
			partition, leader := a.int32(), a.int32()
			a.int32() // epoch
			a.int32s()
			a.int32s()
			a.int32s()
			a.tags()
			l.leaders[partition] = leader
		}
		if ids {
			a.int32() // rights
		}
		a.tags()
		if a.err == nil && name == topic {
			found = true
			if code == errNoTopic {
				return nil, unfit{fmt.Errorf("there is no topic %s, or the user has no right to see it (Kafka says the same to both): "+
					"make the topic, or allow Describe and Read or Write", name)}
			}
			if code != 0 {
				return nil, code
			}
		}
	}
	switch {
	case a.err != nil:
		return nil, a.err
	case !found || len(l.leaders) == 0:
		return nil, errForm
	case len(l.leaders) > maxPartitions:
		return nil, unfit{fmt.Errorf("topic %s has %d partitions, want at most %d", topic, len(l.leaders), maxPartitions)}
	}
	return l, nil
}

// led groups partitions by the broker that leads them, in their order.
func (c *cluster) led(partitions []int32) (map[string][]int32, error) {
	by := map[string][]int32{}
	for _, p := range partitions {
		addr, ok := c.layout.brokers[c.layout.leaders[p]]
		if !ok {
			return nil, fmt.Errorf("partition %d: %w", p, kafkaError(5))
		}
		by[addr] = append(by[addr], p)
	}
	return by, nil
}

// partitions lists them all, in order.
func (l *layout) partitions() []int32 { return slices.Sorted(maps.Keys(l.leaders)) }

// The places whose offset can be asked for.
const (
	first = int64(-2) // that the broker still has
	end   = int64(-1) // behind the last message that is settled
)

// offsets asks where partitions begin or end.
func (c *cluster) offsets(ctx context.Context, partitions []int32, place int64) (map[int32]int64, error) {
	by, err := c.led(partitions)
	if err != nil {
		return nil, err
	}
	offsets := map[int32]int64{}
	for addr, asked := range by {
		b, err := c.to(ctx, addr)
		if err != nil {
			return nil, err
		}
		a, err := b.ask(ctx, 0, listOffsetsKey, listOffsetsVersion, false, func(r *request) {
			r.int32(-1)
			r.int8(readCommitted)
			r.array(1)
			r.str(c.config.Topic)
			r.array(len(asked))
			for _, p := range asked {
				r.int32(p)
				r.int64(place)
			}
		})
		if err != nil {
			return nil, fmt.Errorf("ask %s for offsets: %w", addr, err)
		}
		if err := readOffsets(a, offsets); err != nil {
			return nil, fmt.Errorf("ask %s for offsets: %w", addr, err)
		}
	}
	for _, p := range partitions {
		if _, ok := offsets[p]; !ok {
			return nil, errForm
		}
	}
	return offsets, nil
}

// readOffsets adds the offsets that a broker gave.
func readOffsets(a *answer, offsets map[int32]int64) error {
	a.int32() // throttling
	for range a.array(6) {
		a.str()
		for range a.array(22) {
			partition, code := a.int32(), kafkaError(a.int16())
			a.int64() // time
			offset := a.int64()
			switch {
			case a.err != nil:
			case code != 0:
				return fmt.Errorf("partition %d: %w", partition, code)
			case offset < 0:
				return errForm
			}
			offsets[partition] = offset
		}
	}
	return a.err
}
