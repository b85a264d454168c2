package state_test

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"hebian/matcher"
	"hebian/matcher/matchertest"
	"hebian/matcher/rules"
	"hebian/matcher/state"
	"hebian/schemas"
)

// TestSnapshotOfOtherSchemas: where records were laid out in another way, rows mean something else.
func TestSnapshotOfOtherSchemas(t *testing.T) {
	content := state.Unseal(smallSnapshot(t))
	content[0]++ // of the fingerprint
	if _, err := state.Load(bytes.NewReader(state.Seal(content)), matchertest.Partitions); !errors.Is(err, state.ErrSnapshot) {
		t.Errorf("got %v", err)
	}
}

// TestSnapshotThatPretends: with checksums that are right, but some byte that nobody wrote, a snapshot is
// refused or makes another state, of which nothing goes astray.
func TestSnapshotThatPretends(t *testing.T) {
	content, more := state.Unseal(smallSnapshot(t)), moreRows(t)
	step := 1
	if testing.Short() {
		step = 17
	}
	for at := 0; at < len(content); at += step {
		other := bytes.Clone(content)
		other[at] ^= 1 << (at % 8)
		loadAndUse(t, state.Seal(other), more)
		loadAndUse(t, state.Seal(content[:at]), more)
	}
}

// FuzzLoad: whatever the bytes, loading them gives an error or a state that can be used.
func FuzzLoad(f *testing.F) {
	snapshot, more := smallSnapshot(f), moreRows(f)
	f.Add(false, snapshot)
	f.Add(true, state.Unseal(snapshot))
	f.Fuzz(func(t *testing.T, seal bool, snapshot []byte) {
		if seal {
			snapshot = state.Seal(snapshot)
		}
		loadAndUse(t, snapshot, more)
	})
}

// loadAndUse judges what a snapshot gives, if anything, and folds more rows into it.
func loadAndUse(t *testing.T, snapshot []byte, more matchertest.Batches) {
	t.Helper()
	s, err := state.Load(bytes.NewReader(snapshot), matchertest.Partitions)
	if err != nil {
		if !errors.Is(err, state.ErrSnapshot) {
			t.Fatal(err)
		}
		return
	}
	if again := saved(t, s); !bytes.Equal(snapshot, again) {
		t.Fatal("saved again it is another")
	}
	for _, shard := range s.Shards() {
		for i := range shard.Len() {
			shard.Mentions(i)
		}
	}
	st := matcher.NewStanding(s, rules.Defaults())
	if _, err := st.Judge(context.Background(), asOf); err != nil {
		t.Fatal(err)
	}
	if _, err := st.Fold(context.Background(), more.Each); err != nil {
		t.Fatal(err)
	}
	saved(t, s)
}

// asOf is 2026-09-30.
const asOf schemas.Date = 20726

func saved(t testing.TB, s *state.State) []byte {
	t.Helper()
	var w bytes.Buffer
	if err := s.Save(&w); err != nil {
		t.Fatal(err)
	}
	return w.Bytes()
}

func smallSnapshot(t testing.TB) []byte {
	t.Helper()
	s, _ := smallLog(t).Fold(t, nil)
	return saved(t, s)
}

// moreRows are some that a small snapshot holds, and retractions.
func moreRows(t testing.TB) matchertest.Batches {
	t.Helper()
	return matchertest.NewWriter(smallLog(t)).Deliver(2, 5, 7, 9, 20)
}

// smallLog has rows of all subjects, some of which are taken back, two of them twice.
func smallLog(t testing.TB) *matchertest.Log {
	t.Helper()
	const id, old, bad = "139721198001010013", "139721800101001", "12345"
	to, permit, chief := schemas.UnitCode("U2"), "P", schemas.Chief
	end := asOf + 1
	log := new(matchertest.Log)
	for _, row := range []schemas.Row{
		&schemas.Institution{Unit: "U1", ValidFrom: 1, ValidTo: &end, Name: "n", UnitType: schemas.UnitFull, Status: schemas.UnitNormal},
		&schemas.Quota{Unit: "U1", ValidFrom: 1, SlotType: schemas.SlotFull, Quota: 1},
		&schemas.LeaderPost{Unit: "U1", ValidFrom: 1, Chief: 1, Deputy: 2},
		&schemas.ControlNumber{Unit: "U1", ValidFrom: 1, ControlNumber: 1},
		&schemas.Succession{Unit: "U1", To: &to, Kind: schemas.Rename, Effective: 2},
		&schemas.Succession{Unit: "U3", Kind: schemas.Abolish, Effective: 2},
		&schemas.Slot{IDNumber: id, Unit: "U1", ValidFrom: 1, SlotType: schemas.SlotFull, FundChannel: schemas.FundFull, Leader: &chief,
			PermitNo: &permit, Name: "李雷", SlotNo: "1"},
		&schemas.Permit{IDNumber: id, Unit: "U1", PermitDate: 1, PermitNo: "P", SlotType: schemas.SlotFull},
		&schemas.Exemption{IDNumber: id, Unit: "U1", ValidFrom: 1, Category: schemas.ExemptRehired},
		&schemas.Secondment{IDNumber: id, From: "U1", Unit: "U2", ValidFrom: 1, ApprovalNo: &permit},
		&schemas.StaffEvent{IDNumber: id, Unit: "U1", Event: schemas.EventRetire, Effective: 9},
		&schemas.Absence{IDNumber: id, Unit: "U1", From: 1, To: &end, Kind: schemas.AbsenceAbsent, Approved: schemas.No},
		&schemas.Death{IDNumber: old, DiedOn: 9},
		&schemas.Penalty{IDNumber: id, PayEffect: schemas.PayCut, Effective: 1},
		&schemas.Insurance{IDNumber: id, Unit: "U2", Period: 202609},
		&schemas.Insurance{IDNumber: bad, Unit: "U2", Period: 202609},
		&schemas.PayLine{IDNumber: id, Unit: "U3", Period: 202609, PaymentMonth: 202609, WageType: schemas.WageBasic, Name: "李 雷", AmountFen: 1},
		&schemas.PayLine{IDNumber: id, Unit: "U2", Period: 202608, PaymentMonth: 202608, WageType: schemas.WagePension, Name: "李磊", AmountFen: -1},
	} {
		log.Assert(t, "f", row)
	}
	for _, n := range []int{7, 7, 1, 1, 16} {
		log.Retract(n)
	}
	return log
}
