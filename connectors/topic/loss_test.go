package topic_test

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"hebian/connectors"
)

// ends gives where the partitions of a topic end.
func (k *kafka) ends(t *testing.T, name string) map[int32]int64 {
	t.Helper()
	return k.list(t, name, -1)
}

func (k *kafka) list(t *testing.T, name string, place int64) map[int32]int64 {
	t.Helper()
	request := kmsg.NewPtrListOffsetsRequest()
	request.ReplicaID = -1
	one := kmsg.NewListOffsetsRequestTopic()
	one.Topic = name
	for p := range int32(64) {
		if p < k.partitions(t, name) {
			part := kmsg.NewListOffsetsRequestTopicPartition()
			part.Partition, part.Timestamp = p, place
			one.Partitions = append(one.Partitions, part)
		}
	}
	request.Topics = []kmsg.ListOffsetsRequestTopic{one}
	ends := map[int32]int64{}
	for _, shard := range k.client.RequestSharded(t.Context(), request) {
		if shard.Err != nil {
			t.Fatal(shard.Err)
		}
		for _, part := range shard.Resp.(*kmsg.ListOffsetsResponse).Topics[0].Partitions {
			ends[part.Partition] = part.Offset
		}
	}
	return ends
}

func (k *kafka) partitions(t *testing.T, name string) int32 {
	t.Helper()
	request := kmsg.NewPtrMetadataRequest()
	request.Topics = []kmsg.MetadataRequestTopic{{Topic: &name}}
	response, err := request.RequestWith(t.Context(), k.client)
	if err != nil {
		t.Fatal(err)
	}
	return int32(len(response.Topics[0].Partitions))
}

// lose removes the messages before an offset, as retention does.
func (k *kafka) lose(t *testing.T, name string, before int64) {
	t.Helper()
	request := kmsg.NewPtrDeleteRecordsRequest()
	request.TimeoutMillis = 10_000
	request.Topics = []kmsg.DeleteRecordsRequestTopic{{Topic: name, Partitions: []kmsg.DeleteRecordsRequestTopicPartition{{Partition: 0, Offset: before}}}}
	for _, shard := range k.client.RequestSharded(t.Context(), request) {
		if shard.Err != nil {
			t.Fatal(shard.Err)
		}
		if code := shard.Resp.(*kmsg.DeleteRecordsResponse).Topics[0].Partitions[0].ErrorCode; code != 0 {
			t.Fatalf("remove messages: error %d", code)
		}
	}
}

// What was removed before it was read is said, and nothing skipped, however often it is asked; from its start what is left is read.
func TestRetention(t *testing.T) {
	each(t, func(t *testing.T, k *kafka) {
		name := k.make(t, 1)
		messages, lines := rows(0, 30)
		k.put(t, name, 0, messages[:10]...)
		r := k.reader(t, name)
		r.want(t, lines[:10]...)
		k.put(t, name, 0, messages[10:]...)
		k.lose(t, name, 10) // what was read
		r.want(t, lines[10:]...)
		k.put(t, name, 0, messages...)
		k.lose(t, name, 35)
		for range 2 {
			got, err := r.fetch(t)
			if kind(err) != connectors.Unfit || len(got) != 0 || !strings.Contains(err.Error(), "partition 0") || !strings.Contains(err.Error(), "30 to 34") {
				t.Fatalf("fetched %d lines, %v", len(got), err)
			}
			r.open(t)
		}
		r.position = "" // rewound
		r.want(t, lines[5:]...)
	})
}

// A topic that was made anew is not the one that was read.
func TestMadeAnew(t *testing.T) {
	each(t, func(t *testing.T, k *kafka) {
		name := k.make(t, 1)
		messages, lines := rows(0, 30)
		k.put(t, name, 0, messages[:10]...)
		r := k.reader(t, name)
		r.want(t, lines[:10]...)
		k.remove(name)
		waitFor(t, func() bool { return k.partitions(t, name) == 0 })
		k.makeNamed(t, name, 1)
		k.client = k.connect(t)
		k.put(t, name, 0, messages...) // more than there was
		for range 2 {
			got, err := r.fetch(t)
			if kind(err) != connectors.Unfit || len(got) != 0 || !strings.Contains(err.Error(), "made anew") {
				t.Fatalf("fetched %d lines, %v", len(got), err)
			}
			r.open(t)
		}
		r.position = ""
		r.want(t, lines...)
	})
}

// waitFor waits until something is so.
func waitFor(t *testing.T, so func() bool) {
	t.Helper()
	deadline := time.After(time.Minute)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !so() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("it is not so within a minute")
		}
	}
}

// Compaction leaves gaps, also at the end of a batch and of whole batches; what is left is read to the end.
func TestCompaction(t *testing.T) {
	each(t, func(t *testing.T, k *kafka) {
		name := k.make(t, 1, "cleanup.policy=compact", "segment.bytes=1048576", "segment.ms=500", "min.cleanable.dirty.ratio=0.01", "max.compaction.lag.ms=1000")
		k.client = k.connect(t, kgo.ProducerLinger(20*time.Millisecond))
		r := k.reader(t, name)
		var all []string
		for i := range 100 { // one batch, of which the even ones are replaced, and so is the last
			all = append(all, fmt.Sprintf(`%d={"old":%d}`, i, i))
		}
		k.put(t, name, 0, all...)
		var newer []string
		for i := range 100 {
			if i%2 == 0 || i > 90 {
				newer = append(newer, fmt.Sprintf(`%d={"new":%d}`, i, i))
			}
		}
		k.put(t, name, 0, newer...)
		got, err := r.fetch(t)
		if err != nil || len(got) != len(all)+len(newer) {
			t.Fatalf("fetched %d lines, %v", len(got), err)
		}
		midway := moved(r.position, int64(95)) // where the messages are gone up to the end of the batch
		more := 0
		waitFor(t, func() bool { // a segment is rolled and compacted when another message comes
			k.put(t, name, 0, fmt.Sprintf(`more={"more":%d}`, more))
			more++
			if k.broker != nil {
				k.broker.Compact()
			}
			r.position = ""
			r.open(t)
			got, err = r.fetch(t)
			if err != nil {
				t.Fatal(err)
			}
			return !slices.ContainsFunc(got, func(line string) bool { return strings.HasPrefix(line, `{"old":0}`) })
		})
		for i := range 100 {
			want := fmt.Sprintf(`{"old":%d}`, i)
			if i%2 == 0 || i > 90 {
				want = fmt.Sprintf(`{"new":%d}`, i)
			}
			if !slices.Contains(got, want) {
				t.Errorf("%s is missing", want)
			}
		}
		r.position = midway
		r.open(t)
		if got, err = r.fetch(t); err != nil || len(got) < len(newer) || got[0] != `{"new":0}` {
			t.Errorf("from within a gap: %d lines, %v", len(got), err)
		}
	})
}

// moved gives a position of one partition another offset.
func moved(position string, offset int64) string {
	at := strings.LastIndex(position, ":")
	return position[:at] + fmt.Sprintf(":%d}}", offset)
}

// A broker that is killed while it is read, and started again, loses nothing; if there are others they go on. HEBIAN_TEST_KAFKA_DIR says
// where ops/kafka/kafka started it.
func TestKilledBroker(t *testing.T) {
	k := apache(t)
	dir := asked(t, "HEBIAN_TEST_KAFKA_DIR", "where brokers of Apache Kafka lie")
	script := func(args ...string) {
		t.Helper()
		if out, err := exec.CommandContext(t.Context(), "../../ops/kafka/kafka", args...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v: %s", strings.Join(args, " "), err, out)
		}
	}
	name := k.make(t, 1, "flush.messages=1")
	messages, lines := rows(0, 3000)
	k.put(t, name, 0, messages...)
	leader := ""
	r := k.reader(t, name)
	r.open(t)
	r.source.Rows(100)
	r.during = func(context.Context, connectors.Batch) error {
		if len(r.lines) >= 1000 && leader == "" {
			leader = fmt.Sprint(k.leader(t, name))
			script("kill", dir, leader)
		}
		return nil
	}
	got, err := r.fetch(t)
	if leader == "" {
		t.Fatalf("the broker was not killed: fetched %d lines, %v", len(got), err)
	}
	if len(k.brokers()) == 1 {
		if kind(err) != connectors.Unreachable { // what was on its way is handed over all the same
			t.Errorf("fetched %d lines from a broker that is dead, %v", len(got), err)
		}
		if again, err := r.fetch(t); kind(err) != connectors.Unreachable || len(again) != 0 {
			t.Errorf("fetched %d lines from a broker that is dead, %v", len(again), err)
		}
		script("again", dir, leader)
	}
	waitFor(t, func() bool {
		var more []string
		more, err = r.fetch(t)
		got = append(got, more...)
		return err == nil
	})
	if !slices.Equal(got, lines) {
		t.Errorf("fetched %d lines, want %d", len(got), len(lines))
	}
	sink := k.sink(t, name)
	waitFor(t, func() bool {
		_, err := sink.Send(t.Context(), dispatch(1, 10))
		return err == nil
	})
	if len(k.brokers()) > 1 {
		script("again", dir, leader)
	}
}

// leader is the number of the broker that leads partition 0.
func (k *kafka) leader(t *testing.T, name string) int32 {
	t.Helper()
	request := kmsg.NewPtrMetadataRequest()
	request.Topics = []kmsg.MetadataRequestTopic{{Topic: &name}}
	response, err := request.RequestWith(t.Context(), k.client)
	if err != nil {
		t.Fatal(err)
	}
	return response.Topics[0].Partitions[0].Leader
}

// A fetch that follows goes on for ever, and finds what comes.
func TestFollow(t *testing.T) {
	k := simulated(t)
	name := k.make(t, 2)
	r := k.reader(t, name)
	r.config.Follow = true
	r.open(t)
	ctx, cancel := context.WithCancel(t.Context())
	handed := make(chan struct{})
	r.during = func(context.Context, connectors.Batch) error {
		handed <- struct{}{}
		return nil
	}
	ended := make(chan error)
	go func() { ended <- r.source.Fetch(ctx, "", r.hand) }()
	for i := range int32(6) {
		k.put(t, name, i%2, fmt.Sprintf(`a={"n":%d}`, i))
		<-handed
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("ended with %v", err)
	}
	if len(r.lines) < 5 { // of the last it is not known
		t.Errorf("fetched %q", r.lines)
	}
}
