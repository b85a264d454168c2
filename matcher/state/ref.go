package state

const (
	partitionBits = 11
	offsetBits    = 48 // 281 million million records in a partition

	maxPartitions = 1 << partitionBits
)

// Ref is where a row lies in the log: topic, partition and offset in eight bytes. Refs are ordered
// as that says.
type Ref uint64

// firstOther is the number in a Ref of the first of otherTopics. Those of the state are below it.
const firstOther = 20

// otherTopics are those beside the state's that rows are referred to in, by their number less firstOther. New ones go to the end.
var otherTopics = [...]string{
	"entity.registration", "entity.division", "entity.event",
	"staffing.department", "staffing.establishment_plan", "staffing.duty", "staffing.online_name", "hall.case_figure",
	"staffing.certificate",
}

// RefTopics lists the topics that references may lead into.
func RefTopics() []string { return append(Topics(), otherTopics[:]...) }

// RefOf makes the reference to a row. The topic must be one of RefTopics.
func RefOf(topic string, partition int, offset int64) Ref {
	for i := range layoutSpecs {
		if layoutSpecs[i].subject == topic {
			return newRef(i, partition, offset)
		}
	}
	for i, other := range otherTopics {
		if other == topic {
			return newRef(firstOther+i, partition, offset)
		}
	}
	panic("a reference into " + topic + ", where none may lead")
}

func newRef(topic, partition int, offset int64) Ref {
	return Ref(topic)<<(partitionBits+offsetBits) | Ref(partition)<<offsetBits | Ref(offset)
}

// Topic is the subject of the row's record.
func (r Ref) Topic() string {
	if at := r.topic() - firstOther; at >= 0 {
		return otherTopics[at]
	}
	return layoutSpecs[r.topic()].subject
}

// Partition is the partition of the topic.
func (r Ref) Partition() int { return int(r >> offsetBits & (maxPartitions - 1)) }

// Offset is the record's offset in the partition.
func (r Ref) Offset() int64 { return int64(r & (1<<offsetBits - 1)) }

func (r Ref) topic() int { return int(r >> (partitionBits + offsetBits)) }
