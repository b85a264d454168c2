package topic

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"hebian/connectors"
)

const (
	// chunkBytes is how much goes into one batch; brokers take 1 MiB if nobody told them otherwise.
	chunkBytes = 512 << 10
	// ackAll asks for every replica that is in step to have a batch before it is acknowledged.
	ackAll = -1
)

// Sink writes records to a topic: a message for each, with its key, its JSON, and its ID in the header hebian-id.
type Sink struct{ *cluster }

// NewSink gives a sink for a configuration, which is checked. It connects to nobody yet.
func NewSink(c Config) (*Sink, error) {
	c.Format, c.Schema, c.SchemaOf = JSON, "", nil
	if err := c.Check(); err != nil {
		return nil, fmt.Errorf("topic: %w", err)
	}
	return &Sink{newCluster(&c)}, nil
}

// Send writes a dispatch and returns when all replicas have it. What is not acknowledged is sent again, so that a record may be
// there twice; its ID tells. Of one key's partition one batch is under way at a time, so that its order holds.
func (s *Sink) Send(ctx context.Context, d connectors.Dispatch) (answer string, err error) {
	what := fmt.Sprintf("write %s to topic %s", d.ID(), s.config.Topic)
	var left map[int32][][]outgoing
	for tries := 0; ; {
		moved := false
		err := s.locate(ctx)
		if err == nil && left == nil {
			left = s.spread(d.Records)
		}
		if err == nil {
			moved, err = s.round(ctx, left)
		}
		if err == nil && len(left) == 0 {
			return fmt.Sprintf("%d messages in topic %s", len(d.Records), s.config.Topic), nil
		}
		if moved {
			tries = 0
		}
		if err == nil {
			continue
		}
		s.drop()
		if tries++; !mayPass(err) || tries > maxTries || ctx.Err() != nil {
			return "", trouble(ctx, what, err)
		}
		if err := pause(ctx, s.first<<(tries-1)); err != nil {
			return "", fmt.Errorf("%s: %w", what, err)
		}
	}
}

// spread puts records into batches by partition, in their order.
func (s *Sink) spread(records []connectors.Out) map[int32][][]outgoing {
	left := map[int32][][]outgoing{}
	bytes := map[int32]int{} // of the last batch
	partitions := s.layout.partitions()
	for i := range records {
		m := outgoing{key: []byte(records[i].Key), value: records[i].JSON, id: records[i].ID}
		p := partitions[int(murmur2(m.key)&0x7fffffff)%len(partitions)]
		chunks := left[p]
		if len(chunks) == 0 || bytes[p]+m.size() > chunkBytes {
			chunks, bytes[p] = append(chunks, nil), 0
		}
		chunks[len(chunks)-1] = append(chunks[len(chunks)-1], m)
		bytes[p] += m.size()
		left[p] = chunks
	}
	return left
}

// round sends the next batch of every partition, and takes those that are acknowledged off what is left.
func (s *Sink) round(ctx context.Context, left map[int32][][]outgoing) (moved bool, err error) {
	by, err := s.led(slices.Sorted(maps.Keys(left)))
	if err != nil {
		return false, err
	}
	var errs []error
	for _, addr := range slices.Sorted(maps.Keys(by)) {
		acked, err := s.produce(ctx, addr, by[addr], left)
		if err != nil {
			errs = append(errs, fmt.Errorf("ask %s: %w", addr, err))
		}
		for _, p := range by[addr] {
			code, ok := acked[p]
			switch {
			case !ok:
			case code == 0:
				moved = true
				if left[p] = left[p][1:]; len(left[p]) == 0 {
					delete(left, p)
				}
			case (code == errMessage || code == errBatch) && len(left[p][0]) > 1: // the topic takes less than brokers usually do
				moved = true
				half := len(left[p][0]) / 2
				left[p] = slices.Concat([][]outgoing{left[p][0][:half], left[p][0][half:]}, left[p][1:])
			case code == errMessage || code == errBatch:
				errs = append(errs, fmt.Errorf("record %s of %d bytes: %w", left[p][0][0].id, len(left[p][0][0].value), code))
			default:
				errs = append(errs, fmt.Errorf("partition %d: %w", p, code))
			}
		}
		if ctx.Err() != nil {
			return moved, ctx.Err()
		}
	}
	return moved, worst(errs)
}

// produce sends the first batch that is left of each partition to the broker that leads them all.
func (s *Sink) produce(ctx context.Context, addr string, partitions []int32, left map[int32][][]outgoing) (map[int32]kafkaError, error) {
	b, err := s.to(ctx, addr)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	a, err := b.ask(ctx, 0, produceKey, produceVersion, false, func(r *request) {
		r.int16(-1) // no transaction
		r.int16(ackAll)
		r.int32(int32(s.answer.Milliseconds()))
		r.array(1)
		r.str(s.config.Topic)
		r.array(len(partitions))
		for _, p := range partitions {
			r.int32(p)
			r.bytes(pack(left[p][0], now))
		}
	})
	if err != nil {
		return nil, err
	}
	acked, err := readAcks(a)
	if err != nil {
		return nil, err
	}
	for _, p := range partitions {
		if _, ok := acked[p]; !ok {
			return nil, fmt.Errorf("%w: nothing is said of partition %d", errForm, p)
		}
	}
	return acked, nil
}

// readAcks reads what became of each partition's batch.
func readAcks(a *answer) (map[int32]kafkaError, error) {
	acked := map[int32]kafkaError{}
	for range a.array(6) {
		a.str()
		for range a.array(30) {
			p, code := a.int32(), kafkaError(a.int16())
			a.int64() // offset
			a.int64() // time
			a.int64() // start of the partition
			for range a.array(6) {
				a.int32()
				a.str()
			}
			a.str()
			acked[p] = code
		}
	}
	return acked, a.err
}
