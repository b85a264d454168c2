package topic_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"hebian/connectors"
	"hebian/connectors/topic"
)

// BenchmarkFetch reads rows of 200 bytes from four partitions of a real broker.
func BenchmarkFetch(b *testing.B) {
	k := &kafka{}
	k.bench(b)
	const rows, note = 200_000, "a note that makes the row as long as rows are, which is 200 bytes or about"
	records := make([]*kgo.Record, rows)
	for i := range records {
		value := fmt.Appendf(nil, `{"person_id":"%018d","unit_code":"%018d","month":"202609","amount":"5432.10","note":%q}`, i, i%999, note)
		records[i] = &kgo.Record{Topic: "bench", Partition: int32(i % 4), Key: fmt.Append(nil, i), Value: value}
	}
	if err := k.client.ProduceSync(b.Context(), records...).FirstErr(); err != nil {
		b.Fatal(err)
	}
	source, err := topic.NewSource(topic.Config{Brokers: k.brokers(), Topic: "bench"})
	if err != nil {
		b.Fatal(err)
	}
	defer source.Close()
	source.Wait(1)
	b.SetBytes(int64(rows * len(records[0].Value)))
	b.ReportAllocs()
	for b.Loop() {
		if err := source.Fetch(b.Context(), "", func(_ context.Context, batch connectors.Batch) (connectors.Receipt, error) {
			_, err := io.Copy(io.Discard, batch.Body)
			return connectors.Receipt{}, err
		}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*rows)/b.Elapsed().Seconds(), "rows/s")
}

func BenchmarkSend(b *testing.B) {
	k := &kafka{}
	k.bench(b)
	sink, err := topic.NewSink(topic.Config{Brokers: k.brokers(), Topic: "bench"})
	if err != nil {
		b.Fatal(err)
	}
	defer sink.Close()
	d := dispatch(1, connectors.DispatchRecords)
	for b.Loop() {
		if _, err := sink.Send(b.Context(), d); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*len(d.Records))/b.Elapsed().Seconds(), "rows/s")
}

// bench starts a broker for a benchmark, or takes the one that HEBIAN_TEST_KAFKA names, with an empty topic bench.
func (k *kafka) bench(b *testing.B) {
	b.Helper()
	if k.addr = os.Getenv("HEBIAN_TEST_KAFKA"); k.addr == "" {
		b.Skip("HEBIAN_TEST_KAFKA names no broker")
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(k.brokers()...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(client.Close)
	k.client = client
	k.remove("bench")
	request := kmsg.NewPtrCreateTopicsRequest()
	one := kmsg.NewCreateTopicsRequestTopic()
	one.Topic, one.NumPartitions, one.ReplicationFactor = "bench", 4, 1
	request.Topics, request.TimeoutMillis = []kmsg.CreateTopicsRequestTopic{one}, 10_000
	for range 100 {
		response, err := request.RequestWith(b.Context(), client)
		if err != nil {
			b.Fatal(err)
		}
		if response.Topics[0].ErrorCode == 0 {
			break
		}
	}
	b.Cleanup(func() { k.remove("bench") })
}
