package matcher_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"hebian/matcher"
	"hebian/matcher/matchertest"
	"hebian/matcher/rules"
	"hebian/matcher/state"
)

// TestLoadedGoesOnAsSaved: of two states that fold the same deliveries, one is saved and loaded time and
// again. Row for row they stay the same, though rows are taken back before they come, and those of one
// record come twice.
func TestLoadedGoesOnAsSaved(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var log matchertest.Log
		addRows(t, rt, &log)
		for n := range log.Len() {
			for range rapid.IntRange(0, 2).Draw(rt, "retractions") {
				log.Retract(n)
			}
		}
		entries := append(upTo(log.Len()), rapid.SliceOfN(rapid.IntRange(0, max(log.Len()-1, 0)), 0, log.Len()).Draw(rt, "again")...)
		kept, err := state.New(matchertest.Partitions)
		if err != nil {
			t.Fatal(err)
		}
		loaded := load(rt, save(rt, kept))
		w := matchertest.NewWriter(&log)
		for rest := rapid.Permutation(entries).Draw(rt, "order"); len(rest) > 0; {
			n := rapid.IntRange(1, len(rest)).Draw(rt, "entries")
			batches := w.Deliver(rest[:n]...)
			rest = rest[n:]
			take(rt, kept, batches)
			take(rt, loaded, batches)
			want, got := save(rt, kept), save(rt, loaded)
			if !bytes.Equal(want, got) {
				rt.Fatalf("the state kept and the one loaded are not the same")
			}
			loaded = load(rt, got)
		}
		if diff := cmp.Diff(judged(rt, kept), judged(rt, loaded)); diff != "" {
			rt.Fatalf("findings: -of the state kept +of the one loaded\n%s", diff)
		}
	})
}

func take(t rapid.TB, s *state.State, batches matchertest.Batches) {
	t.Helper()
	defer s.Freeze()()
	if err := s.Take(batches.Each); err != nil {
		t.Fatal(err)
	}
}

func judged(t rapid.TB, s *state.State) []matcher.Finding {
	t.Helper()
	r, err := matcher.Judge(context.Background(), s, asOf, rules.Defaults(), matcher.AllComplete{})
	if err != nil {
		t.Fatal(err)
	}
	return r.Findings
}

func save(t rapid.TB, s *state.State) []byte {
	t.Helper()
	var w bytes.Buffer
	if err := s.Save(&w); err != nil {
		t.Fatal(err)
	}
	return w.Bytes()
}

func load(t rapid.TB, snapshot []byte) *state.State {
	t.Helper()
	s, err := state.Load(bytes.NewReader(snapshot), matchertest.Partitions)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestSnapshotDamaged: wherever a snapshot is damaged, or ends, it is refused.
func TestSnapshotDamaged(t *testing.T) {
	snapshot := smallSnapshot(t)
	refused := func(what string, bytes io.Reader, partitions int) {
		t.Helper()
		if _, err := state.Load(bytes, partitions); !errors.Is(err, state.ErrSnapshot) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for at := range snapshot {
		damaged := bytes.Clone(snapshot)
		damaged[at] ^= 1 << (at % 8)
		refused("a bit is another", bytes.NewReader(damaged), matchertest.Partitions)
		refused("it ends early", bytes.NewReader(snapshot[:at]), matchertest.Partitions)
	}
	refused("something follows", bytes.NewReader(append(bytes.Clone(snapshot), 0)), matchertest.Partitions)
	refused("it is there twice", bytes.NewReader(append(bytes.Clone(snapshot), snapshot...)), matchertest.Partitions)
	refused("another log", bytes.NewReader(snapshot), matchertest.Partitions+1)
}

// TestSnapshotOfManyBlocks: none of them may be missing, there twice, or at another place.
func TestSnapshotOfManyBlocks(t *testing.T) {
	batches, _ := plainCounty(t, 4000)
	s := fold(t, batches)
	snapshot := save(t, s)
	again, err := state.Load(bytes.NewReader(snapshot), benchPartitions)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(judged(t, s), judged(t, again)); diff != "" {
		t.Errorf("findings: -saved +loaded\n%s", diff)
	}
	var blocks [][]byte
	for rest := snapshot; len(rest) > 0; {
		n := 8 + binary.LittleEndian.Uint32(rest)
		blocks, rest = append(blocks, rest[:n]), rest[n:]
	}
	if len(blocks) < 5 {
		t.Fatalf("only %d blocks", len(blocks))
	}
	for what, order := range map[string][][]byte{
		"missing": slices.Concat(blocks[:2], blocks[3:]),
		"twice":   slices.Concat(blocks[:2], blocks[1:]),
		"swapped": slices.Concat(blocks[:1], blocks[2:3], blocks[1:2], blocks[3:]),
	} {
		_, err := state.Load(bytes.NewReader(slices.Concat(order...)), benchPartitions)
		if !errors.Is(err, state.ErrSnapshot) || !strings.Contains(err.Error(), "checksum") {
			t.Errorf("a block is %s: %v", what, err)
		}
	}
}

// TestSnapshotOnABrokenDisk: the disk's own error comes back.
func TestSnapshotOnABrokenDisk(t *testing.T) {
	snapshot := smallSnapshot(t)
	disk := brokenDisk{errors.New("the disk is broken")}
	if _, err := state.Load(io.MultiReader(bytes.NewReader(snapshot[:20]), disk), matchertest.Partitions); !errors.Is(err, disk.err) {
		t.Errorf("load: %v", err)
	}
	if err := load(t, snapshot).Save(disk); !errors.Is(err, disk.err) {
		t.Errorf("save: %v", err)
	}
}

type brokenDisk struct{ err error }

func (d brokenDisk) Read([]byte) (int, error)  { return 0, d.err }
func (d brokenDisk) Write([]byte) (int, error) { return 0, d.err }

// smallSnapshot holds rows of all kinds.
func smallSnapshot(t testing.TB) []byte {
	var log matchertest.Log
	rapid.Custom(func(rt *rapid.T) bool {
		for range 60 {
			log.Assert(t, "one", drawer{rt}.row())
		}
		return true
	}).Example(1)
	log.Retract(3)
	log.Retract(3)
	s, _ := log.Fold(t, nil)
	return save(t, s)
}

// BenchmarkSnapshot saves and loads the state of 200,000 persons.
func BenchmarkSnapshot(b *testing.B) {
	batches, _ := plainCounty(b, 200_000)
	s := fold(b, batches)
	snapshot := save(b, s)
	b.Run("save", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(snapshot)))
		for b.Loop() {
			if err := s.Save(io.Discard); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("load", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(snapshot)))
		for b.Loop() {
			if _, err := state.Load(bytes.NewReader(snapshot), benchPartitions); err != nil {
				b.Fatal(err)
			}
		}
	})
}
