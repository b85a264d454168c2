package sqllog

import (
	"testing"

	"hebian/hub"
	"hebian/schemas"
)

// Whatever bytes stand in the place of a batch, unpacking them ends in records or an error, and takes no
// more memory than a batch may.
func FuzzUnpack(f *testing.F) {
	var p packer
	whole := hub.Batch{Topic: "t", Delivery: 1, Records: []schemas.Record{{Key: []byte("k"), Value: []byte("value")}, {Op: schemas.Retract, Line: 7}}}
	blob, err := p.pack(&whole)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(blob, 2, true)
	f.Add(blob[:len(blob)-1], 2, true)
	f.Fuzz(func(t *testing.T, blob []byte, n int, sealed bool) {
		if n < 0 || n > 1000 {
			return
		}
		b := hub.Batch{Topic: "t", Delivery: 1}
		if sealed && len(blob) >= headBytes { // past the checksum, as damage in memory would be
			blob = append([]byte{}, blob...)
			blob[0] = version
			seal(&b, n, blob)
		}
		if err := unpack(blob, n, &b); err == nil && len(b.Records) != n {
			t.Errorf("unpacked %d records of %d without an error", len(b.Records), n)
		}
	})
}

// A run of what intake writes at a time.
func BenchmarkPack(b *testing.B) {
	batch := hub.Batch{Topic: "finance.pay_line", Delivery: 1}
	for i := range 2048 {
		value := make([]byte, 130)
		copy(value, "139721196001010003 12139721QA0000225Q")
		value[40], value[41] = byte(i), byte(i>>8)
		batch.Records = append(batch.Records, schemas.Record{ID: schemas.ID{byte(i), byte(i >> 8)}, Key: value[:18], Value: value})
	}
	var p packer
	var read hub.Batch
	read.Topic, read.Delivery = batch.Topic, batch.Delivery
	b.ReportAllocs()
	for b.Loop() {
		blob, err := p.pack(&batch)
		if err != nil {
			b.Fatal(err)
		}
		read.Records = read.Records[:0]
		if err := unpack(blob, len(batch.Records), &read); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*len(batch.Records))/b.Elapsed().Seconds(), "records/s")
}
