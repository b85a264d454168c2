package matcher_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"hebian/matcher"
	"hebian/matcher/matchertest"
	"hebian/matcher/rules"
	"hebian/schemas"
)

// TestOrderChangesNothing: however the rows come, findings are the same and stand on the same rows.
func TestOrderChangesNothing(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var log matchertest.Log
		addRows(t, rt, &log)
		want := judge(t, &log, nil)
		order := rapid.Permutation(upTo(log.Len())).Draw(rt, "order")
		if diff := cmp.Diff(want, judge(t, &log, order)); diff != "" {
			rt.Fatalf("in another order: -before +after\n%s", diff)
		}
	})
}

// TestRetractTakesBack: what is asserted and retracted, in whatever order, was never there.
func TestRetractTakesBack(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var log matchertest.Log
		addRows(t, rt, &log)
		kept := log.Len()
		want := judge(t, &log, nil)
		addRows(t, rt, &log)
		added := log.Len()
		for n := kept; n < added; n++ {
			log.Retract(n)
		}
		order := rapid.Permutation(upTo(log.Len())).Draw(rt, "order")
		if diff := cmp.Diff(want, judge(t, &log, order)); diff != "" {
			rt.Fatalf("with rows that were taken back: -never there +taken back\n%s", diff)
		}
	})
}

// TestEqualRowsOfSeveralFiles: of rows with one content, the one goes whose file lacks it now.
func TestEqualRowsOfSeveralFiles(t *testing.T) {
	for gone := range 3 {
		var log matchertest.Log
		for _, file := range []string{"a.csv", "b.csv", "b.csv"} {
			log.Assert(t, file, &schemas.Exemption{IDNumber: "12345", Unit: "U1", ValidFrom: 1, Category: schemas.ExemptRehired})
		}
		log.Retract(gone)
		want := [][]string{{"b.csv [1 2]"}, {"a.csv [0]", "b.csv [2]"}, {"a.csv [0]", "b.csv [1]"}}[gone]
		var got []string
		for _, f := range judge(t, &log, nil) {
			got = append(got, fmt.Sprintf("%s %v", f.Detail, f.Entries))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("without row %d: -want +got\n%s", gone, diff)
		}
	}
}

// found is a finding that tells its rows by their entries in the log.
type found struct {
	matcher.Finding
	Entries []int
}

func judge(t *testing.T, log *matchertest.Log, order []int) []found {
	t.Helper()
	s, entries := log.Fold(t, order)
	r, err := matcher.Judge(context.Background(), s, asOf, rules.Defaults(), matcher.AllComplete{})
	if err != nil {
		t.Fatal(err)
	}
	var all []found
	for _, f := range r.Findings {
		of := found{Finding: f}
		for _, ref := range f.Evidence {
			of.Entries = append(of.Entries, entries[ref])
		}
		slices.Sort(of.Entries)
		of.Evidence = nil
		all = append(all, of)
	}
	return all
}

const asOf = benchDay

func upTo(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}

// addRows draws rows of all kinds about few persons, units and days, so that they have to do with each
// other. The files are few as well: equal rows come up, in one file and in two.
func addRows(t *testing.T, rt *rapid.T, log *matchertest.Log) {
	d := drawer{rt}
	for range rapid.IntRange(0, 40).Draw(rt, "rows") {
		log.Assert(t, rapid.SampledFrom([]string{"one", "two"}).Draw(rt, "file"), d.row())
	}
}

type drawer struct{ t *rapid.T }

func (d drawer) row() schemas.Row {
	from, to := d.interval()
	switch id, u := d.person(), d.unit(); rapid.IntRange(0, 17).Draw(d.t, "kind") {
	case 0:
		return &schemas.Succession{Unit: u, Kind: schemas.Abolish, Effective: from}
	case 1:
		next := d.unit()
		return &schemas.Succession{Unit: u, To: &next, Kind: schemas.Split, Effective: from}
	case 2:
		return &schemas.Institution{Unit: u, ValidFrom: from, ValidTo: to, Name: "n", UnitType: schemas.UnitFull, Status: schemas.UnitNormal}
	case 3:
		return &schemas.Quota{Unit: u, ValidFrom: from, ValidTo: to, SlotType: d.slotType(), Quota: d.number()}
	case 4:
		return &schemas.LeaderPost{Unit: u, ValidFrom: from, ValidTo: to, Chief: d.number(), Deputy: d.number()}
	case 5:
		return &schemas.ControlNumber{Unit: u, ValidFrom: from, ValidTo: to, ControlNumber: d.number()}
	case 6, 7:
		chief := schemas.Chief
		return &schemas.Slot{IDNumber: id, Unit: u, ValidFrom: from, ValidTo: to, SlotType: d.slotType(), FundChannel: schemas.FundFull,
			Leader: &chief, Name: d.name(), SlotNo: "1"}
	case 8:
		return &schemas.Permit{IDNumber: id, Unit: u, PermitDate: from, PermitNo: "1", SlotType: schemas.SlotFull}
	case 9:
		return &schemas.Exemption{IDNumber: id, Unit: u, ValidFrom: from, ValidTo: to, Category: schemas.ExemptRehired}
	case 10:
		return &schemas.Secondment{IDNumber: id, From: u, Unit: d.unit(), ValidFrom: from, ValidTo: to}
	case 11:
		event := rapid.SampledFrom([]schemas.EventKind{schemas.EventHire, schemas.EventRetire, schemas.EventResign}).Draw(d.t, "event")
		return &schemas.StaffEvent{IDNumber: id, Unit: u, Event: event, Effective: from}
	case 12:
		return &schemas.Absence{IDNumber: id, Unit: u, From: from, To: to, Kind: schemas.AbsenceAbsent, Approved: schemas.No}
	case 13:
		return &schemas.Death{IDNumber: id, DiedOn: from}
	case 14:
		return &schemas.Penalty{IDNumber: id, PayEffect: schemas.PayCut, Effective: from, Ended: to}
	case 15:
		return &schemas.Insurance{IDNumber: id, Unit: u, Period: 202609}
	default:
		wage := rapid.SampledFrom([]schemas.WageType{schemas.WageBasic, schemas.WageOffset, schemas.WagePension, schemas.WageLabourFee}).Draw(d.t, "wage")
		m := schemas.Month(rapid.IntRange(202607, 202609).Draw(d.t, "month"))
		return &schemas.PayLine{IDNumber: id, Unit: u, Period: m, PaymentMonth: m, WageType: wage, Name: d.name(),
			AmountFen: schemas.Fen(rapid.SampledFrom([]int64{100, 200, -100, 1<<63 - 1, -1 << 63}).Draw(d.t, "amount"))}
	}
}

// person is one of five, who may be named by the 15-place form, or nobody. The others are born two
// weeks before the day.
func (d drawer) person() schemas.IDNumber {
	number := madeUpNumber(rapid.IntRange(0, 1).Draw(d.t, "person"))
	switch rapid.IntRange(0, 6).Draw(d.t, "form") {
	case 0:
		return number[:6] + number[8:17]
	case 1:
		return "12345"
	case 2:
		return withCheck(rapid.SampledFrom([]string{"13972120260916001", "13972120260916002", "13972120260916003"}).Draw(d.t, "unborn"))
	}
	return number
}

// unit is mostly one of three. The others come up late, if at all.
func (d drawer) unit() schemas.UnitCode {
	units := []string{"U1", "U2", "U3"}
	if rapid.IntRange(0, 15).Draw(d.t, "another unit") == 0 {
		units = []string{"T1", "T2", "T3"}
	}
	return schemas.UnitCode(rapid.SampledFrom(units).Draw(d.t, "unit"))
}

func (d drawer) slotType() schemas.SlotType {
	return rapid.SampledFrom([]schemas.SlotType{schemas.SlotFull, schemas.SlotPartial}).Draw(d.t, "type")
}

func (d drawer) name() string {
	return rapid.SampledFrom([]string{"李雷", "李 雷", "李磊"}).Draw(d.t, "name")
}

func (d drawer) number() int64 { return rapid.SampledFrom([]int64{0, 1, 1 << 40}).Draw(d.t, "number") }

func (d drawer) interval() (schemas.Date, *schemas.Date) {
	from := asOf - schemas.Date(rapid.SampledFrom([]int{0, 29, 30, 60, 91, 400}).Draw(d.t, "from"))
	to := from + schemas.Date(rapid.SampledFrom([]int{0, 1, 30, 31}).Draw(d.t, "days"))
	if to == from {
		return from, nil
	}
	return from, &to
}
