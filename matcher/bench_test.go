package matcher_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"runtime"
	"testing"

	"hebian/hub"
	"hebian/matcher"
	"hebian/matcher/matchertest"
	"hebian/matcher/rules"
	"hebian/matcher/state"
	"hebian/schemas"
)

// BenchmarkFold folds what three months bring for so many persons: 15 rows for each.
func BenchmarkFold(b *testing.B) {
	for _, persons := range []int{20_000, 200_000} {
		batches, records := plainCounty(b, persons)
		b.Run(fmt.Sprintf("persons=%d", persons), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				fold(b, batches)
			}
			b.ReportMetric(float64(records*b.N)/b.Elapsed().Seconds(), "records/s")
		})
	}
}

// BenchmarkJudge judges three months of them, on one core and on all.
func BenchmarkJudge(b *testing.B) {
	for _, persons := range []int{20_000, 200_000} {
		batches, _ := plainCounty(b, persons)
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		s := fold(b, batches)
		runtime.GC()
		runtime.ReadMemStats(&after)
		runtime.KeepAlive(batches)
		for _, cores := range []int{1, runtime.NumCPU()} {
			b.Run(fmt.Sprintf("persons=%d/cores=%d", persons, cores), func(b *testing.B) {
				defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(cores))
				b.ReportAllocs()
				for b.Loop() {
					r, err := matcher.Judge(context.Background(), s, benchDay, rules.Defaults(), matcher.AllComplete{})
					if err != nil {
						b.Fatal(err)
					}
					if len(r.Months) != 3 || len(r.Findings) == 0 {
						b.Fatalf("%d months, %d findings", len(r.Months), len(r.Findings))
					}
				}
				b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(persons), "state-bytes/person")
			})
		}
	}
}

// benchDay is 2026-09-30.
const benchDay schemas.Date = 20726

const benchPartitions = 8

// plainCounty makes a county of mostly clean persons, 100 at a unit, as batches of a file each: one
// slot, one permit, three months of insurance and of three or four pay lines. Every 50th unit was
// renamed, every 200th person has no slot.
func plainCounty(tb testing.TB, persons int) (batches []*hub.Batch, records int) {
	encoders := map[string]*schemas.Encoder{}
	open := map[string]*hub.Batch{}
	next := map[string]int64{}
	add := func(subject, file string, partition int, row schemas.Row) {
		if encoders[subject] == nil {
			encoders[subject] = schemas.NewEncoder(schemas.SubjectOf(subject))
		}
		if field, reason := row.Derive(schemas.Delivered{}); reason != "" {
			tb.Fatalf("%s: %s %s", subject, field, reason)
		}
		value, err := encoders[subject].Append(nil, 1, row)
		if err != nil {
			tb.Fatal(err)
		}
		place := fmt.Sprint(subject, file, partition)
		b := open[place]
		if b == nil || len(b.Records) == 4096 {
			at := fmt.Sprint(subject, partition)
			b = &hub.Batch{Topic: subject, Partition: partition, Base: next[at]}
			next[at] += 4096
			open[place] = b
			batches = append(batches, b)
		}
		rec := schemas.Record{Value: value}
		binary.BigEndian.PutUint64(rec.ID[:], uint64(records)*0x9e3779b97f4a7c15)
		b.Records = append(b.Records, rec)
		records++
	}
	unit := func(i int) schemas.UnitCode { return schemas.UnitCode(fmt.Sprintf("12139721%09dX", i/100)) }
	start, _ := schemas.ParseDate("2015-07-01")
	permit := "P1"
	for i := 0; i < persons; i += 100 {
		add("staffing.institution", "i", 0, &schemas.Institution{
			Unit: unit(i), ValidFrom: start, Name: "单位", UnitType: schemas.UnitFull, Status: schemas.UnitNormal})
		add("staffing.quota", "q", 0, &schemas.Quota{Unit: unit(i), SlotType: schemas.SlotFull, ValidFrom: start, Quota: 100})
		if i/100%50 == 0 {
			old := schemas.UnitCode(fmt.Sprintf("OLD%d", i))
			to := unit(i)
			add("staffing.succession", "s", 0, &schemas.Succession{Unit: old, To: &to, Kind: schemas.Rename, Effective: start + 3000})
		}
	}
	for i := range persons {
		id, partition := madeUpNumber(i), partitionOf(i)
		name := string([]rune{rune(0x4e00 + i%400), rune(0x4e00 + i/400%3000), rune(0x4e00 + i%700)})
		if i%200 != 0 {
			at := unit(i)
			if i/100%50 == 0 && i%2 == 0 {
				at = schemas.UnitCode(fmt.Sprintf("OLD%d", i/100*100))
			}
			add("staffing.slot", "slots", partition, &schemas.Slot{Unit: at, ValidFrom: start, SlotType: schemas.SlotFull,
				FundChannel: schemas.FundFull, PermitNo: &permit, Name: name, SlotNo: fmt.Sprint(i), IDNumber: id})
		}
		add("staffing.permit", "permits", partition, &schemas.Permit{
			Unit: unit(i), PermitDate: start - 10, SlotType: schemas.SlotFull, PermitNo: permit, IDNumber: id})
	}
	wages := []schemas.WageType{schemas.WageBasic, schemas.WageAllowance, schemas.WagePerformance, schemas.WageYearEndBonus}
	for _, m := range []schemas.Month{202607, 202608, 202609} {
		file := "payroll-" + m.String()
		for i := range persons {
			id, partition := madeUpNumber(i), partitionOf(i)
			name := string([]rune{rune(0x4e00 + i%400), rune(0x4e00 + i/400%3000), rune(0x4e00 + i%700)})
			for n := range 3 + i%3/2 {
				add("finance.pay_line", file, partition, &schemas.PayLine{Unit: unit(i), Period: m, PaymentMonth: m,
					WageType: wages[n], AmountFen: schemas.Fen(300000 + i), Name: name, IDNumber: id})
			}
			add("social.insurance", "insurance", partition, &schemas.Insurance{Unit: unit(i), Period: m, IDNumber: id})
		}
	}
	return batches, records
}

func partitionOf(person int) int { return person * 7 % benchPartitions }

// madeUpNumber is the i-th citizen number of a division that was never issued.
func madeUpNumber(i int) schemas.IDNumber {
	return withCheck(fmt.Sprintf("1397%02d%04d%02d%02d%03d", 21+i/1_000_000, 1960+i%40, 1+i/40%12, 1+i/480%28, i/13440%999))
}

// withCheck adds the check digit to 17 digits.
func withCheck(number string) schemas.IDNumber {
	sum := 0
	for _, digit := range number {
		sum = sum*2 + int(digit-'0')
	}
	return schemas.IDNumber(number + "10X98765432"[sum*2%11:][:1])
}

func fold(tb testing.TB, batches []*hub.Batch) *state.State {
	s, err := state.New(benchPartitions)
	if err != nil {
		tb.Fatal(err)
	}
	for _, b := range batches {
		if err := s.Apply("file", b); err != nil {
			tb.Fatal(err)
		}
	}
	return s
}

// BenchmarkStanding folds deliveries into a standing judgement of 200,000 persons: rows that come and
// go. That of the pay line at a new unit brings a unit never seen each time.
func BenchmarkStanding(b *testing.B) {
	const persons = 200_000
	batches, _ := plainCounty(b, persons)
	st := matcher.NewStanding(fold(b, batches), rules.Defaults())
	judge := func(b *testing.B) {
		if _, err := st.Judge(context.Background(), benchDay); err != nil {
			b.Fatal(err)
		}
	}
	judge(b)
	b.Run("everybody", func(b *testing.B) {
		for b.Loop() {
			judge(b)
		}
	})
	payLine := func(person int, unit schemas.UnitCode) delivery {
		return newDelivery(b, person, &schemas.PayLine{Unit: unit, Period: 202609, PaymentMonth: 202609, WageType: schemas.WageBasic,
			AmountFen: 1, Name: "n", IDNumber: madeUpNumber(person)})
	}
	comeAndGo := func(d delivery) func(*testing.B) {
		return func(b *testing.B) {
			for b.Loop() {
				d.turn()
				if _, err := st.Fold(context.Background(), d.each); err != nil {
					b.Fatal(err)
				}
			}
		}
	}
	var many delivery
	for first := range benchPartitions {
		all := payLine(first, "12139721000000001X")
		for i := first + benchPartitions; i < persons/10; i += benchPartitions {
			all[0].Records = append(all[0].Records, payLine(i, "12139721000000001X")[0].Records...)
		}
		many = append(many, all...)
	}
	b.Run("one pay line", comeAndGo(payLine(4711, "12139721000000001X")))
	b.Run("one slot", comeAndGo(newDelivery(b, 4711, &schemas.Slot{Unit: "12139721000000002X", ValidFrom: 1, SlotType: schemas.SlotFull,
		FundChannel: schemas.FundFull, Name: "n", SlotNo: "s", IDNumber: madeUpNumber(4711)})))
	b.Run("a quota", comeAndGo(newDelivery(b, 0, &schemas.Quota{Unit: "12139721000000002X", SlotType: schemas.SlotFull, ValidFrom: 1, Quota: 1})))
	b.Run("a tenth of all", comeAndGo(many))
	b.Run("a new unit", func(b *testing.B) {
		n := 0
		for b.Loop() {
			n++
			d := payLine(4711, schemas.UnitCode(fmt.Sprint("12", n)))
			d.turn()
			if _, err := st.Fold(context.Background(), d.each); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// delivery is one of rows that come and go.
type delivery []*hub.Batch

// newDelivery makes one of a row about a person of plainCounty, or about a unit. The first turn asserts
// it.
func newDelivery(tb testing.TB, person int, row schemas.Row) delivery {
	if field, reason := row.Derive(schemas.Delivered{}); reason != "" {
		tb.Fatalf("%s %s", field, reason)
	}
	subject := matchertest.SubjectOf(tb, row)
	value, err := schemas.NewEncoder(subject).Append(nil, 1, row)
	if err != nil {
		tb.Fatal(err)
	}
	return delivery{{Topic: subject.Name, Partition: partitionOf(person), Base: 1 << 40,
		Records: []schemas.Record{{Value: value, Op: schemas.Retract}}}}
}

// turn makes a retraction of what was asserted, and the other way round.
func (d delivery) turn() {
	for _, b := range d {
		b.Delivery++
		b.Base += int64(len(b.Records))
		for i := range b.Records {
			b.Records[i].Op ^= schemas.Retract
		}
	}
}

func (d delivery) each(fn func(file string, b *hub.Batch) error) error {
	for _, b := range d {
		if err := fn("file", b); err != nil {
			return err
		}
	}
	return nil
}
