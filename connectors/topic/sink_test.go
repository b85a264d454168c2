package topic_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"

	"hebian/connectors"
	"hebian/connectors/topic"
)

// dispatch is a dispatch of records with some keys.
func dispatch(number int64, records int) connectors.Dispatch {
	d := connectors.Dispatch{Connector: "finance-out", Agency: "finance", Feed: "corrections", Number: number}
	for i := range records {
		d.Records = append(d.Records, connectors.Out{
			ID: fmt.Sprintf("%d-%d", number, i), Key: fmt.Sprintf("key-%d", i%7), JSON: fmt.Appendf(nil, `{"姓名":"甲","n":%d}`, i),
		})
	}
	return d
}

func (k *kafka) sink(t *testing.T, name string) *topic.Sink {
	t.Helper()
	sink, err := topic.NewSink(topic.Config{Brokers: k.brokers(), Topic: name})
	if err != nil {
		t.Fatal(err)
	}
	if k.broker != nil {
		sink.Patience(5 * time.Second)
	}
	t.Cleanup(func() { sink.Close() })
	return sink
}

// read reads all of a topic with another's client, and where each message lies.
func (k *kafka) read(t *testing.T, name string) (all []connectors.Out, places map[string]int32) {
	t.Helper()
	ends := k.ends(t, name)
	count := int64(0)
	for _, end := range ends {
		count += end
	}
	client := k.connect(t, kgo.ConsumeTopics(name), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxWait(50*time.Millisecond))
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	places = map[string]int32{}
	for int64(len(all)) < count {
		fetched := client.PollFetches(ctx)
		if err := fetched.Err(); err != nil {
			t.Fatalf("read %d of %d messages: %v", len(all), count, err)
		}
		fetched.EachRecord(func(r *kgo.Record) {
			o := connectors.Out{Key: string(r.Key), JSON: r.Value}
			for _, h := range r.Headers {
				if h.Key == "hebian-id" {
					o.ID = string(h.Value)
				}
			}
			if place, ok := places[o.Key]; ok && place != r.Partition {
				t.Errorf("key %s lies in partitions %d and %d", o.Key, place, r.Partition)
			}
			places[o.Key] = r.Partition
			all = append(all, o)
		})
	}
	return all, places
}

// unique leaves each record once, where it first came.
func unique(all []connectors.Out) []connectors.Out {
	seen := map[string]bool{}
	return slices.DeleteFunc(slices.Clone(all), func(o connectors.Out) bool {
		before := seen[o.ID]
		seen[o.ID] = true
		return before
	})
}

// ofKey gives the records of one key in their order.
func ofKey(all []connectors.Out, key string) (some []connectors.Out) {
	for _, o := range all {
		if o.Key == key {
			some = append(some, o)
		}
	}
	return some
}

func TestSend(t *testing.T) {
	each(t, func(t *testing.T, k *kafka) {
		name := k.make(t, 3)
		sink := k.sink(t, name)
		var all []connectors.Out
		for number := range int64(3) {
			d := dispatch(number+1, 100)
			all = append(all, d.Records...)
			answer, err := sink.Send(t.Context(), d)
			if err != nil || !strings.Contains(answer, "100 messages") {
				t.Fatalf("sent with %q, %v", answer, err)
			}
		}
		got, places := k.read(t, name)
		for key, place := range places {
			if diff := cmp.Diff(ofKey(all, key), ofKey(got, key)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", key, diff)
			}
			r := &kgo.Record{Key: []byte(key)}
			if java := kgo.StickyKeyPartitioner(nil).ForTopic(name).Partition(r, 3); int32(java) != place {
				t.Errorf("%s lies in partition %d; Java's producers put it into %d", key, place, java)
			}
		}
		if len(got) != len(all) {
			t.Errorf("%d messages, want %d", len(got), len(all))
		}
	})
}

// A dispatch of the largest size arrives, also where the topic takes less at a time than brokers usually do; a record that the topic
// does not take at all is named.
func TestSendLarge(t *testing.T) {
	each(t, func(t *testing.T, k *kafka) {
		name := k.make(t, 2, "max.message.bytes=100000")
		sink := k.sink(t, name)
		d := dispatch(1, 400)
		for i := range d.Records {
			d.Records[i].JSON = fmt.Appendf(nil, `{"n":%d,"long":%q}`, i, strings.Repeat("x", 20_000))
		}
		if _, err := sink.Send(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		got, places := k.read(t, name)
		for key := range places {
			if diff := cmp.Diff(ofKey(d.Records, key), ofKey(got, key), cmp.Comparer(bytes.Equal)); diff != "" {
				t.Errorf("%s (-want +got):\n%.1000s", key, diff)
			}
		}
		d = dispatch(2, 3)
		d.Records[1].JSON = fmt.Appendf(nil, `{"long":%q}`, strings.Repeat("x", 200_000))
		if _, err := sink.Send(t.Context(), d); kind(err) != connectors.Unfit || !strings.Contains(err.Error(), "record 2-1 of") || strings.Contains(err.Error(), "xxx") {
			t.Errorf("sent with %v", err)
		}
	})
}

// What is not acknowledged is sent again, and the order of a key holds when repeats are told by their ID.
func TestSendThroughFaults(t *testing.T) {
	k := simulated(t)
	name := k.make(t, 2)
	sink := k.sink(t, name)
	sink.Patience(time.Second)
	var all []connectors.Out
	for number := range int64(20) {
		d := dispatch(number+1, 50)
		all = append(all, d.Records...)
		k.broker.DropAfter([]int64{0, 300, 700, 1100}[number%4]) // breaks before or after the broker has it
		for tries := 0; ; tries++ {
			_, err := sink.Send(t.Context(), d)
			if err == nil {
				break
			}
			if kind(err) != connectors.Unreachable || tries > 2 {
				t.Fatalf("dispatch %d: %v", number+1, err)
			}
			k.broker.DropAfter(0)
		}
	}
	k.broker.DropAfter(0)
	k.client = k.connect(t)
	got, places := k.read(t, name)
	for key := range places {
		if diff := cmp.Diff(ofKey(all, key), ofKey(unique(got), key)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", key, diff)
		}
	}
}
