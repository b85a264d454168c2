package topic_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"

	"hebian/connectors"
	"hebian/connectors/connectortest"
	"hebian/connectors/topic"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// kafka is a broker, simulated or real, and another's client to it.
type kafka struct {
	addr   string                // or several, with commas
	broker *connectortest.Broker // nil: it is a real one
	client *kgo.Client
}

// each runs a test with a simulated broker and with a real one, if HEBIAN_TEST_KAFKA names it as host:port, or some with
// commas between.
func each(t *testing.T, test func(t *testing.T, k *kafka)) {
	t.Run("simulated", func(t *testing.T) { test(t, simulated(t)) })
	t.Run("real", func(t *testing.T) { test(t, apache(t)) })
}

func simulated(t *testing.T, options ...kfake.Opt) *kafka {
	t.Helper()
	broker, err := connectortest.NewBroker(1, nil, nil, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { broker.Close() })
	k := &kafka{addr: broker.Addr, broker: broker}
	k.client = k.connect(t)
	return k
}

// asked gives an environment variable that names something real, without which the test is skipped.
func asked(t *testing.T, name, what string) string {
	t.Helper()
	value := os.Getenv(name)
	if value == "" && os.Getenv("HEBIAN_SKIP_NOTHING") != "" {
		t.Fatalf("%s does not name %s", name, what)
	}
	if value == "" {
		t.Skipf("%s does not name %s", name, what)
	}
	return value
}

func apache(t *testing.T) *kafka {
	t.Helper()
	k := &kafka{addr: asked(t, "HEBIAN_TEST_KAFKA", "a broker of Apache Kafka")}
	k.client = k.connect(t)
	return k
}

func (k *kafka) brokers() []string { return strings.Split(k.addr, ",") }

func (k *kafka) connect(t *testing.T, options ...kgo.Opt) *kgo.Client {
	t.Helper()
	client, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(k.brokers()...), kgo.RecordPartitioner(kgo.ManualPartitioner())}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

var topics atomic.Int64

// make makes a topic of a name that no other test has.
func (k *kafka) make(t *testing.T, partitions int32, configs ...string) string {
	t.Helper()
	name := fmt.Sprintf("test-%d-%d-%d", os.Getpid(), time.Now().UnixNano(), topics.Add(1))
	k.makeNamed(t, name, partitions, configs...)
	return name
}

func (k *kafka) makeNamed(t *testing.T, name string, partitions int32, configs ...string) {
	t.Helper()
	made := kmsg.NewCreateTopicsRequestTopic()
	made.Topic, made.NumPartitions, made.ReplicationFactor = name, partitions, int16(len(k.brokers()))
	for _, config := range configs {
		key, value, _ := strings.Cut(config, "=")
		made.Configs = append(made.Configs, kmsg.CreateTopicsRequestTopicConfig{Name: key, Value: &value})
	}
	request := kmsg.NewPtrCreateTopicsRequest()
	request.Topics = []kmsg.CreateTopicsRequestTopic{made}
	request.TimeoutMillis = 10_000
	response, err := request.RequestWith(t.Context(), k.client)
	if err != nil || response.Topics[0].ErrorCode != 0 {
		t.Fatalf("make topic: %v, %+v", err, response)
	}
	t.Cleanup(func() { k.remove(name) })
}

func (k *kafka) remove(name string) {
	request := kmsg.NewPtrDeleteTopicsRequest()
	one := kmsg.NewDeleteTopicsRequestTopic()
	one.Topic = &name
	request.Topics, request.TopicNames, request.TimeoutMillis = []kmsg.DeleteTopicsRequestTopic{one}, []string{name}, 10_000
	request.RequestWith(context.Background(), k.client) // it may be gone
}

// put writes messages KEY=VALUE to a partition; VALUE - is none at all, and so is an empty key.
func (k *kafka) put(t *testing.T, topic string, partition int32, messages ...string) {
	t.Helper()
	var records []*kgo.Record
	for _, m := range messages {
		records = append(records, record(topic, partition, m))
	}
	if err := k.client.ProduceSync(t.Context(), records...).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

func record(topic string, partition int32, message string) *kgo.Record {
	key, value, _ := strings.Cut(message, "=")
	r := &kgo.Record{Topic: topic, Partition: partition}
	if key != "" {
		r.Key = []byte(key)
	}
	if value != "-" {
		r.Value = []byte(value)
	}
	return r
}

// reader is who reads a topic with a source, as a hub does.
type reader struct {
	*kafka
	config   topic.Config
	source   *topic.Source
	position string
	lines    []string
	batches  int
	during   func(context.Context, connectors.Batch) error
}

func (k *kafka) reader(t *testing.T, name string) *reader {
	t.Helper()
	return &reader{kafka: k, config: topic.Config{Brokers: k.brokers(), Topic: name}}
}

// open opens the source anew.
func (r *reader) open(t *testing.T) {
	t.Helper()
	r.close()
	var err error
	if r.source, err = topic.NewSource(r.config); err != nil {
		t.Fatal(err)
	}
	source := r.source
	if r.kafka == nil || r.broker != nil {
		source.Wait(50 * time.Millisecond)
		source.Patience(5 * time.Second)
	}
	t.Cleanup(func() { source.Close() })
}

func (r *reader) close() {
	if r.source != nil {
		r.source.Close()
	}
}

func (r *reader) hand(ctx context.Context, b connectors.Batch) (connectors.Receipt, error) {
	if r.during != nil {
		if err := r.during(ctx, b); err != nil {
			return connectors.Receipt{}, err
		}
	}
	if b.Form != connectors.NDJSON || b.Mode != connectors.Merge || b.Dataset != "" || len(b.Position) > connectors.MaxPosition || b.Position == "" {
		return connectors.Receipt{}, fmt.Errorf("a strange batch: %+v", b)
	}
	body, err := io.ReadAll(b.Body)
	if err != nil {
		return connectors.Receipt{}, err
	}
	scanner := bufio.NewScanner(bytes.NewReader(body))
	scanner.Buffer(nil, 4<<20)
	for scanner.Scan() {
		r.lines = append(r.lines, scanner.Text())
	}
	r.batches++
	r.position = b.Position
	return connectors.Receipt{}, scanner.Err()
}

// fetch gives the lines that are new.
func (r *reader) fetch(t *testing.T) ([]string, error) {
	t.Helper()
	if r.source == nil {
		r.open(t)
	}
	r.lines, r.batches = nil, 0
	err := r.source.Fetch(t.Context(), r.position, r.hand)
	return r.lines, err
}

func (r *reader) want(t *testing.T, want ...string) {
	t.Helper()
	got, err := r.fetch(t)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("fetched (-want +got):\n%s", diff)
	}
}

// kind is the kind of trouble that an error is.
func kind(err error) connectors.TroubleKind {
	var trouble *connectors.Trouble
	if errors.As(err, &trouble) {
		return trouble.Kind
	}
	return ""
}

// rows are messages N={"n":N} and the lines that they become.
func rows(from, to int) (messages, lines []string) {
	for i := from; i < to; i++ {
		messages = append(messages, fmt.Sprintf(`%d={"n": %d}`, i, i))
		lines = append(lines, fmt.Sprintf(`{"n":%d}`, i))
	}
	return messages, lines
}

func TestFetch(t *testing.T) {
	each(t, func(t *testing.T, k *kafka) {
		name := k.make(t, 1)
		r := k.reader(t, name)
		r.want(t)
		messages, lines := rows(0, 100)
		k.put(t, name, 0, messages...)
		r.want(t, lines...)
		r.want(t)
		k.put(t, name, 0, `a={"b":1}`, `a={"b":2}`)
		r.want(t, `{"b":1}`, `{"b":2}`)
		r.open(t) // after a start of the hub
		r.want(t)
		k.put(t, name, 0, `a={"b":3}`)
		r.open(t)
		r.want(t, `{"b":3}`)
		r.position = ""
		r.want(t, append(lines, `{"b":1}`, `{"b":2}`, `{"b":3}`)...)
	})
}

// Small batches come in order; a hub that stops between two goes on behind the last that it has.
func TestSmallBatches(t *testing.T) {
	each(t, func(t *testing.T, k *kafka) {
		name := k.make(t, 1)
		messages, lines := rows(0, 95)
		k.put(t, name, 0, messages...)
		r := k.reader(t, name)
		r.open(t)
		r.source.Rows(10)
		r.want(t, lines...)
		if r.batches != 10 {
			t.Errorf("%d batches", r.batches)
		}
		full := errors.New("no room")
		var kept []string
		r.position = ""
		for stop := range 10 {
			r.open(t)
			r.source.Rows(10)
			calls := 0
			r.during = func(context.Context, connectors.Batch) error {
				if calls++; calls > 1 {
					return full
				}
				return nil
			}
			got, err := r.fetch(t)
			if stop < 9 && !errors.Is(err, full) {
				t.Fatalf("fetched with %v", err)
			}
			kept = append(kept, got...)
		}
		if diff := cmp.Diff(lines, kept); diff != "" {
			t.Errorf("kept (-want +got):\n%s", diff)
		}
	})
}

// The order of every key holds over partitions, batches and starts; partitions that come later are read from their start.
func TestPartitions(t *testing.T) {
	each(t, func(t *testing.T, k *kafka) {
		name := k.make(t, 4)
		r := k.reader(t, name)
		last := map[string]int{}
		count := 0
		check := func() {
			t.Helper()
			r.open(t)
			r.source.Rows(7)
			got, err := r.fetch(t)
			if err != nil {
				t.Fatal(err)
			}
			for _, line := range got {
				var key string
				var n int
				if _, err := fmt.Sscanf(strings.NewReplacer(`{"k":"`, "", `","n":`, " ", "}", "").Replace(line), "%s %d", &key, &n); err != nil {
					t.Fatalf("%s: %v", line, err)
				}
				if n != last[key]+1 {
					t.Fatalf("key %s: %d after %d", key, n, last[key])
				}
				last[key] = n
				count++
			}
		}
		write := func(partitions int, from, to int) {
			for n := from; n < to; n++ {
				for p := range partitions {
					k.put(t, name, int32(p), fmt.Sprintf(`k%d={"k":"k%d","n":%d}`, p, p, n))
				}
			}
		}
		write(4, 1, 6)
		check()
		write(4, 6, 9)
		check()
		request := kmsg.NewPtrCreatePartitionsRequest()
		request.Topics = []kmsg.CreatePartitionsRequestTopic{{Topic: name, Count: 6}}
		request.TimeoutMillis = 10_000
		if response, err := request.RequestWith(t.Context(), k.client); err != nil || response.Topics[0].ErrorCode != 0 {
			t.Fatalf("add partitions: %v, %+v", err, response)
		}
		k.client.ForceMetadataRefresh()
		client := k.client
		k.client = k.connect(t) // which knows of them
		write(6, 100, 101)
		k.client = client
		for _, key := range []string{"k0", "k1", "k2", "k3", "k4", "k5"} {
			last[key] = 99
		}
		check()
		if want := 8*4 + 6; count != want {
			t.Errorf("%d messages, want %d", count, want)
		}
	})
}

func TestLatest(t *testing.T) {
	each(t, func(t *testing.T, k *kafka) {
		name := k.make(t, 2)
		k.put(t, name, 0, `a={"old":1}`)
		r := k.reader(t, name)
		r.config.Start = topic.Latest
		r.want(t)
		if r.batches != 1 || r.position == "" {
			t.Fatalf("from now on is not written down: %d batches, position %q", r.batches, r.position)
		}
		k.put(t, name, 0, `a={"new":1}`)
		k.put(t, name, 1, `b={"new":2}`)
		r.open(t)
		r.want(t, `{"new":1}`, `{"new":2}`)
	})
}

// What is no object ends in quarantine, as one line each.
func TestValues(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	each(t, func(t *testing.T, k *kafka) {
		name := k.make(t, 1, "max.message.bytes=4000000")
		k.client = k.connect(t, kgo.ProducerBatchMaxBytes(3<<20))
		r := k.reader(t, name)
		r.config.KeyColumn = "$key"
		k.put(t, name, 0,
			"1={ \"a\" : [1, \"\\u6c49\\n\"] }\n", "2={}", "3=[1]", "4=", "5=no JSON", "6={\"a\":1} {}", "={\"a\":\"no key\"}",
			"7=-", "=-", "8={\"$key\":\"another\"}", "9={\"a\":\""+long+"\"}", "\"\\\x01=-", "\xff={}")
		got, err := r.fetch(t)
		if err != nil {
			t.Fatal(err)
		}
		for i := range got {
			if len(got[i]) > 1<<20 && len(got[i]) < 3<<19 && got[i][0] == '"' && got[i][len(got[i])-1] == '"' {
				got[i] = "too long"
			}
		}
		want := []string{
			`{"a":[1,"\u6c49\n"],"$key":"1"}`, `{"$key":"2"}`, `"WzFd"`, `""`, `"bm8gSlNPTg=="`, `"eyJhIjoxfSB7fQ=="`, `{"a":"no key"}`,
			`{"$gone":true,"$key":"7"}`, `""`, `{"$key":"another","$key":"8"}`, "too long", `{"$gone":true,"$key":"\"\\\u0001"}`, `"e30="`,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("fetched (-want +got):\n%s", diff)
		}
		r.config.KeyColumn = "person"
		r.position = ""
		r.open(t)
		got, err = r.fetch(t)
		if err != nil || !slices.Contains(got, `{"person":"2"}`) || !slices.Contains(got, `{"$gone":true,"$key":"7","person":"7"}`) {
			t.Errorf("with another name of the key: %.200q, %v", got, err)
		}
	})
}

// Every compression that producers use is taken off.
func TestCompression(t *testing.T) {
	each(t, func(t *testing.T, k *kafka) {
		for name, codec := range map[string]kgo.CompressionCodec{
			"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(), "lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
		} {
			t.Run(name, func(t *testing.T) {
				k := &kafka{addr: k.addr, broker: k.broker}
				k.client = k.connect(t, kgo.ProducerBatchCompression(codec), kgo.ProducerLinger(10*time.Millisecond))
				name := k.make(t, 1)
				messages, lines := rows(0, 2000)
				k.put(t, name, 0, messages...)
				k.reader(t, name).want(t, lines...)
			})
		}
	})
}

// transact writes messages within a transaction and ends it, or leaves it open until the function that it returns is called.
func (k *kafka) transact(t *testing.T, topic string, id string, messages ...string) (finish func(commit bool)) {
	t.Helper()
	client := k.connect(t, kgo.TransactionalID(id+topic), kgo.TransactionTimeout(time.Minute))
	if err := client.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	for _, m := range messages { // a batch each
		if err := client.ProduceSync(t.Context(), record(topic, 0, m)).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	return func(commit bool) {
		t.Helper()
		if err := client.EndTransaction(t.Context(), kgo.TransactionEndTry(commit)); err != nil {
			t.Fatal(err)
		}
		client.Close()
	}
}

// Messages of transactions that were given up are passed over, those of open ones waited for, and the marks are no messages.
func TestTransactions(t *testing.T) {
	each(t, func(t *testing.T, k *kafka) {
		name := k.make(t, 1)
		r := k.reader(t, name)
		k.put(t, name, 0, `a={"n":1}`)
		abort1 := k.transact(t, name, "a", `a={"no":1}`, `a={"no":2}`)
		commit := k.transact(t, name, "b", `b={"n":2}`)
		abort1(false)
		k.put(t, name, 0, `a={"n":3}`)
		again := k.transact(t, name, "a", `a={"n":4}`) // of the producer that gave one up
		commit(true)
		again(true)
		abort2 := k.transact(t, name, "c", `a={"no":3}`)
		abort2(false)
		r.want(t, `{"n":1}`, `{"n":2}`, `{"n":3}`, `{"n":4}`)
		open := k.transact(t, name, "d", `a={"n":5}`)
		k.put(t, name, 0, `a={"n":6}`)
		r.want(t)
		open(true)
		r.want(t, `{"n":5}`, `{"n":6}`)
		r.position = ""
		r.open(t)
		r.want(t, `{"n":1}`, `{"n":2}`, `{"n":3}`, `{"n":4}`, `{"n":5}`, `{"n":6}`)
	})
}

// A partition that ends with what is no row is read to its end, each time.
func TestOnlyAborted(t *testing.T) {
	each(t, func(t *testing.T, k *kafka) {
		name := k.make(t, 1)
		r := k.reader(t, name)
		for i := range 3 {
			k.transact(t, name, strconv.Itoa(i), `a={"no":1}`)(false)
			r.want(t)
		}
		k.put(t, name, 0, `a={"n":1}`)
		r.want(t, `{"n":1}`)
	})
}
