package state

const (
	partitionBits = 11
	offsetBits    = 48 // 281 million million records in a partition

	maxPartitions = 1 << partitionBits
)

// Ref is where a row lies in the log: topic, partition and offset in eight bytes. Refs are ordered
// as that says.
type Ref uint64

// RefOf makes the reference to a row. The topic must be one of Topics.
func RefOf(topic string, partition int, offset int64) Ref {
	for i := range layoutSpecs {
		if layoutSpecs[i].subject == topic {
			return newRef(i, partition, offset)
		}
	}
	panic("a reference into " + topic + ", no topic of the state")
}

func newRef(topic, partition int, offset int64) Ref {
	return Ref(topic)<<(partitionBits+offsetBits) | Ref(partition)<<offsetBits | Ref(offset)
}

// Topic is the subject of the row's record.
func (r Ref) Topic() string { return layoutSpecs[r.topic()].subject }

// Partition is the partition of the topic.
func (r Ref) Partition() int { return int(r >> offsetBits & (maxPartitions - 1)) }

// Offset is the record's offset in the partition.
func (r Ref) Offset() int64 { return int64(r & (1<<offsetBits - 1)) }

func (r Ref) topic() int { return int(r >> (partitionBits + offsetBits)) }
