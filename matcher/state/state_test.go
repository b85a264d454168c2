package state_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hebian/hub"
	"hebian/matcher/matchertest"
	"hebian/matcher/state"
	"hebian/schemas"
)

func TestRef(t *testing.T) {
	for _, topic := range state.Topics() {
		for _, partition := range []int{0, 1, 2047} {
			for _, offset := range []int64{0, 1, 1<<48 - 1} {
				ref := state.RefOf(topic, partition, offset)
				if ref.Topic() != topic || ref.Partition() != partition || ref.Offset() != offset {
					t.Errorf("%s %d %d comes back as %s %d %d", topic, partition, offset, ref.Topic(), ref.Partition(), ref.Offset())
				}
			}
		}
	}
}

// TestTopics: a row of every subject that an agency sends can be referred to.
func TestTopics(t *testing.T) {
	topics := map[string]bool{"hub.misfit": true, "hub.correction": true, "hub.golden": true}
	for _, topic := range state.RefTopics() {
		topics[topic] = true
	}
	for _, s := range schemas.Subjects() {
		if !topics[s.Name] {
			t.Errorf("no place for %s", s.Name)
		}
	}
}

// TestMentionsNameTheirFile: batches of several files lie among each other, and come in any order.
func TestMentionsNameTheirFile(t *testing.T) {
	s, err := state.New(1)
	if err != nil {
		t.Fatal(err)
	}
	value := encode(t, &schemas.Death{DiedOn: 1, IDNumber: "12345"})
	for _, b := range []struct {
		file string
		base int64
		n    int
	}{{"c", 7, 2}, {"a", 0, 2}, {"a", 2, 1}, {"b", 3, 1}, {"a", 5, 1}} {
		batch := hub.Batch{Topic: "civil.death", Base: b.base, Records: make([]schemas.Record, b.n)}
		for i := range batch.Records {
			batch.Records[i].Value = value
		}
		if err := s.Apply(b.file, &batch); err != nil {
			t.Fatal(err)
		}
	}
	got := map[int64]string{}
	for _, m := range s.Shards()[0].Mentions(0) {
		got[m.Ref.Offset()] = m.File
	}
	want := map[int64]string{0: "a", 1: "a", 2: "a", 3: "b", 5: "a", 7: "c", 8: "c"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestApplyRefuses(t *testing.T) {
	good := encode(t, &schemas.Insurance{Person: "139721198001010013", Unit: "U", Period: 202609, IDNumber: "139721198001010013"})
	for name, c := range map[string]struct {
		batch hub.Batch
		want  string
	}{
		"topic":     {hub.Batch{Topic: "hub.misfit"}, "no topic of the state"},
		"partition": {hub.Batch{Topic: "social.insurance", Partition: 2}, "partition 2 of 2"},
		"frame":     {batch(good[:3]), "byte 00"},
		"cut":       {batch(good[:len(good)-1]), "malformed Avro"},
		"person":    {batch(encode(t, &schemas.Insurance{Person: "1", Period: 202609})), "person key"},
		"month":     {batch(encode(t, &schemas.Insurance{Period: 202613, IDNumber: "1"})), "never lets in"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := state.New(2)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Apply("file", &c.batch); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
	for _, partitions := range []int{0, 2049} {
		if _, err := state.New(partitions); err == nil {
			t.Errorf("a state of %d partitions", partitions)
		}
	}
}

// FuzzApply: whatever lies in the log, folding it gives an error or rows that can be loaded.
func FuzzApply(f *testing.F) {
	topics := state.Topics()
	for i := range topics {
		f.Add(uint8(i), true, []byte{0, 0, 0, 0, 0, 0, 0, 0})
	}
	f.Add(uint8(7), false, encode(f, &schemas.Death{DiedOn: 1, IDNumber: "12345"}))
	f.Fuzz(func(t *testing.T, topic uint8, assert bool, value []byte) {
		s, err := state.New(1)
		if err != nil {
			t.Fatal(err)
		}
		rec := schemas.Record{Value: value}
		if !assert {
			rec.Op = schemas.Retract
		}
		b := hub.Batch{Topic: topics[int(topic)%len(topics)], Records: []schemas.Record{rec, rec}}
		if s.Apply("file", &b) != nil {
			return
		}
		defer s.Freeze()()
		units := s.Units()
		s.Reference(units)
		var p state.Person
		for i := range s.Shards()[0].Len() {
			s.Shards()[0].Load(i, units, &p)
			s.Shards()[0].Mentions(i)
		}
	})
}

func batch(value []byte) hub.Batch {
	return hub.Batch{Topic: "social.insurance", Base: 5, Records: []schemas.Record{{Value: value}}}
}

// encode does not derive: what it writes may be what intake never lets in.
func encode(t testing.TB, row schemas.Row) []byte {
	t.Helper()
	value, err := schemas.NewEncoder(matchertest.SubjectOf(t, row)).Append(nil, 1, row)
	if err != nil {
		t.Fatal(err)
	}
	return value
}
