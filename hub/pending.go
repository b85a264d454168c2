package hub

import "hebian/schemas"

// pending is a transaction being filled: batches by topic and partition, their bytes in one buffer.
type pending struct {
	batches []Batch
	records int
	bytes   []byte
}

func (p *pending) add(topic string, partition int, r schemas.Record) {
	b := p.batch(topic, partition)
	start := len(p.bytes)
	p.bytes = append(append(p.bytes, r.Key...), r.Value...)
	r.Key = p.bytes[start : start+len(r.Key) : start+len(r.Key)]
	r.Value = p.bytes[start+len(r.Key):]
	b.Records = append(b.Records, r)
	p.records++
}

func (p *pending) batch(topic string, partition int) *Batch {
	for i := range p.batches {
		if p.batches[i].Partition == partition && p.batches[i].Topic == topic {
			return &p.batches[i]
		}
	}
	if len(p.batches) < cap(p.batches) { // a batch used before, with its records' room
		p.batches = p.batches[:len(p.batches)+1]
	} else {
		p.batches = append(p.batches, Batch{})
	}
	b := &p.batches[len(p.batches)-1]
	b.Topic, b.Partition, b.Records = topic, partition, b.Records[:0]
	return b
}

func (p *pending) reset() {
	p.batches, p.records, p.bytes = p.batches[:0], 0, p.bytes[:0]
}
