package entity_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"

	"hebian/hub"
	"hebian/matcher/entity"
	"hebian/schemas"
)

// The county of the benchmarks: so many entities, each with five of the sources with a chance of nine in ten, which makes some 900,000
// registrations.
const benchEntities = 200_000

// BenchmarkFoldAll folds, links and judges all of them at once.
func BenchmarkFoldAll(b *testing.B) {
	p := newProvince(b, benchEntities)
	batches, rows := p.batches(), 0
	for _, batch := range batches {
		rows += len(batch.Records)
	}
	for b.Loop() {
		s := entity.NewStanding(entity.Options{})
		fold(b, s, batches...)
		change, err := s.Judge(context.Background(), asOf)
		if err != nil {
			b.Fatal(err)
		}
		if n := len(change.Golden); n < benchEntities || n > benchEntities*5/4 {
			b.Fatalf("%d entities of %d", n, benchEntities)
		}
	}
	b.ReportMetric(float64(rows*b.N)/b.Elapsed().Seconds(), "records/s")
}

// BenchmarkMemory states what all of them take, and the most that the process had: batches are made as they are folded.
func BenchmarkMemory(b *testing.B) {
	for b.Loop() {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		p := newProvince(b, benchEntities)
		s := entity.NewStanding(entity.Options{})
		rows := 0
		if _, err := s.Fold(context.Background(), func(fn func(string, *hub.Batch) error) error {
			return p.each(func(batch *hub.Batch) error {
				rows += len(batch.Records)
				return fn("entities/file", batch)
			})
		}); err != nil {
			b.Fatal(err)
		}
		if _, err := s.Judge(context.Background(), asOf); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(peakMiB(), "peak-MiB")
		runtime.GC()
		runtime.ReadMemStats(&after)
		runtime.KeepAlive(s)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(rows), "bytes/record")
	}
}

// peakMiB is the most memory that the process ever had, where the system says so.
func peakMiB() float64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	var kib float64
	fmt.Sscan(rest, &kib)
	return kib / 1024
}

// BenchmarkUpdates folds deliveries of a thousand changed rows each into all of them: each row goes and comes anew under its key.
func BenchmarkUpdates(b *testing.B) {
	const changed = 1000
	p := newProvince(b, benchEntities)
	s := entity.NewStanding(entity.Options{})
	fold(b, s, p.batches()...)
	if _, err := s.Judge(context.Background(), asOf); err != nil {
		b.Fatal(err)
	}
	deliveries := make([]*hub.Batch, 200)
	for i := range deliveries {
		deliveries[i] = p.update(i, changed)
	}
	b.Run("batch=1000", func(b *testing.B) {
		n := 0
		for b.Loop() {
			fold(b, s, deliveries[n%len(deliveries)])
			if n++; n%len(deliveries) == 0 { // the same again, the other way round
				for _, d := range deliveries {
					turn(d)
				}
			}
		}
		b.ReportMetric(float64(changed*b.N)/b.Elapsed().Seconds(), "updates/s")
	})
	b.Run("batch=1", func(b *testing.B) {
		d := p.update(0, 1)
		for b.Loop() {
			fold(b, s, d)
			turn(d)
		}
	})
	b.Run("another day", func(b *testing.B) {
		day := asOf
		for b.Loop() {
			day++
			if _, err := s.Judge(context.Background(), day); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkHostile changes one row among so many that have something in common.
func BenchmarkHostile(b *testing.B) {
	for _, c := range []struct {
		name string
		rows int
		row  func(i int) entity.Record
	}{
		{"a placeholder", 20_000, func(i int) entity.Record { return entity.Record{Name: fmt.Sprint("局", i), OrgCode: "000000000"} }},
		{"a name and a representative", 20_000, func(i int) entity.Record { return entity.Record{Name: "局"} }},
		{"a code, in thousands", 20_000, func(i int) entity.Record { return entity.Record{Name: "局", OrgCode: orgOf(uint64(i / 999))} }},
		{"USCCs in one component", 3_000, func(i int) entity.Record {
			if i%3 == 0 {
				return entity.Record{Name: "局", USCC: usccOf("91139721", orgOf(uint64(i)))}
			}
			return entity.Record{Name: "局", OrgCode: orgOf(uint64(i - i%3)), TaxNo: "139721" + orgOf(uint64(i-i%3+3))}
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			j, s := newJournal(b), entity.NewStanding(entity.Options{})
			var rows []change
			for i := range c.rows {
				r := c.row(i)
				r.Source, r.Key, r.LegalRep, r.Division = entity.Quality, fmt.Sprint(i), "张三", "139721"
				rows = append(rows, change{row: j.add(r)})
			}
			foldInto(b, s, j, rows...)
			judgeAsOf(b, s, asOf)
			for b.Loop() {
				foldInto(b, s, j, change{rows[5].row, true})
				foldInto(b, s, j, change{rows[5].row, false})
			}
		})
	}
}

func fold(b *testing.B, s *entity.Standing, batches ...*hub.Batch) {
	b.Helper()
	if _, err := s.Fold(context.Background(), func(fn func(string, *hub.Batch) error) error {
		for _, batch := range batches {
			if err := fn("entities/file", batch); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		b.Fatal(err)
	}
}

// turn makes a delivery of rows that go and come the one that takes it back.
func turn(d *hub.Batch) {
	for i := range d.Records {
		d.Records[i].Op ^= schemas.Assert ^ schemas.Retract
	}
	for i := 0; i+1 < len(d.Records); i += 2 {
		d.Records[i], d.Records[i+1] = d.Records[i+1], d.Records[i]
	}
}

// province makes registrations. What it makes of an entity depends on nothing else.
type province struct {
	tb       testing.TB
	entities int
	encoder  *schemas.Encoder
}

func newProvince(tb testing.TB, entities int) *province {
	return &province{tb: tb, entities: entities, encoder: schemas.NewEncoder(schemas.SubjectOf("entity.registration"))}
}

var benchSources = []entity.Source{entity.Staffing, entity.Commerce, entity.Tax, entity.Statistics, entity.Quality}

const benchBatch = 4096

// each calls fn for batches of all registrations, source after source, and uses the room again.
func (p *province) each(fn func(*hub.Batch) error) error {
	b := &hub.Batch{Topic: "entity.registration", Delivery: 1}
	for _, source := range benchSources {
		for i := range p.entities {
			if r, ok := p.row(i, source, 0); ok {
				b.Bytes = p.add(b, b.Bytes, schemas.Assert, &r)
			}
			if len(b.Records) == benchBatch || i == p.entities-1 {
				if err := fn(b); err != nil {
					return err
				}
				b.Base += int64(len(b.Records))
				b.Records, b.Bytes = b.Records[:0], b.Bytes[:0]
			}
		}
	}
	return nil
}

// batches makes all of them, to stay.
func (p *province) batches() (all []*hub.Batch) {
	if err := p.each(func(b *hub.Batch) error {
		kept := *b
		b.Records, b.Bytes = nil, nil
		all = append(all, &kept)
		return nil
	}); err != nil {
		p.tb.Fatal(err)
	}
	return all
}

// update makes a delivery in which so many rows are written otherwise.
func (p *province) update(n, rows int) *hub.Batch {
	b := &hub.Batch{Topic: "entity.registration", Delivery: 2, Base: 1 << 30}
	d := draws(uint64(n) + 1<<40)
	for len(b.Records) < 2*rows {
		i, source := int(d.draw()%uint64(p.entities)), benchSources[d.draw()%uint64(len(benchSources))]
		if r, ok := p.row(i, source, 0); ok && !seen(b, recordID(i, source, 0)) {
			b.Bytes = p.add(b, b.Bytes, schemas.Retract, &r)
			r, _ = p.row(i, source, 1)
			b.Bytes = p.add(b, b.Bytes, schemas.Assert, &r)
		}
	}
	return b
}

func seen(b *hub.Batch, id schemas.ID) bool {
	for i := range b.Records {
		if b.Records[i].ID == id {
			return true
		}
	}
	return false
}

func (p *province) add(b *hub.Batch, room []byte, op schemas.Op, r *entity.Record) []byte {
	start := len(room)
	room, err := p.encoder.Append(room, 1, registration(r))
	if err != nil {
		p.tb.Fatal(err)
	}
	b.Records = append(b.Records, schemas.Record{ID: r.ID, Op: op, Line: r.Line, Value: room[start:]})
	return room
}

func recordID(i int, source entity.Source, version int) (id schemas.ID) {
	d := draws(uint64(i)<<8 | uint64(source)<<4 | uint64(version) | 1<<60)
	binary.LittleEndian.PutUint64(id[:], d.draw())
	binary.LittleEndian.PutUint64(id[8:], d.draw())
	return id
}

// row makes the row of a source about an entity. Version 1 has another representative, another address, or just another date.
func (p *province) row(i int, source entity.Source, version int) (r entity.Record, ok bool) {
	d := draws(uint64(i)<<8 | uint64(source) + 1)
	if d.chance(10) {
		return r, false
	}
	whole := draws(uint64(i)<<8 | 0xFF)
	head, kind := "91", "有限公司"
	if k := whole.draw() % 10; k < 3 {
		head, kind = "12", "服务中心"
	} else if k == 3 {
		head, kind = "52", "促进会"
	}
	county := int(whole.draw() % 6)
	division := fmt.Sprint(139721 + county)
	org := orgOf(uint64(i))
	town := []string{"青岚县", "白鹭县", "松原区", "石榴县", "望湖区", "丹枫县"}[county]
	brand := string([]rune{han(&whole, 900), han(&whole, 900), han(&whole, 60)})
	trade := []string{"商贸", "科技", "建筑", "物流", "文化", "农业", "餐饮", "机械"}[whole.draw()%8]
	rep := string([]rune{han(&whole, 100), han(&whole, 500), han(&whole, 200)})
	street := fmt.Sprintf("%c%c路%d号", han(&whole, 40), han(&whole, 10), whole.draw()%600+1)
	capital := int64(whole.draw()%5000+1) * 1_000_000
	r = entity.Record{
		ID: recordID(i, source, version), Source: source, Line: int64(i + 2), Key: fmt.Sprintf("%s%08d", source.String()[:2], i),
		Name: town + brand + trade + kind, Address: "河北省云溪市" + town + street, LegalRep: rep, Division: division,
		Status: schemas.StatusInOperation, UpdatedOn: asOf - schemas.Date(d.draw()%700), HasUpdated: true,
	}
	p.code(&r, &d, head+division, org)
	switch source {
	case entity.Commerce, entity.Tax:
		r.Capital, r.CapitalFen, r.CapitalUnit = fmt.Sprintf("%d.00", capital/100), capital, entity.InYuan
		r.Industry, r.Established = "C301", "2013-12-01"
	case entity.Staffing:
		r.Capital, r.CapitalFen, r.CapitalUnit, r.EntityType = fmt.Sprintf("%d.000000", capital/1_000_000), capital, entity.InWan, "单位"
		r.Established = "2013-12"
	case entity.Statistics:
		r.Industry, r.Employees = "3011", "12"
	case entity.Quality:
		r.Division = ""
	}
	if d.chance(4) {
		r.Name = town + brand + "(" + trade + ")" + kind
	}
	if d.chance(3) {
		r.Address = town + street + "（东院）"
	}
	if d.chance(12) {
		r.LegalRep = string([]rune{han(&d, 100), han(&d, 500)})
	}
	if version > 0 {
		r.UpdatedOn, r.Line = asOf, r.Line+1
		switch d.draw() % 3 {
		case 0:
			r.LegalRep = string([]rune{han(&d, 100), han(&d, 500)})
		case 1:
			r.Address = town + street + "（西院）"
		}
	}
	return r, true
}

// code gives a row its codes: mostly the USCC, now and then none, an old number, or a wrong one.
func (p *province) code(r *entity.Record, d *draws, head, org string) {
	uscc := usccOf(head, org)
	switch n := d.draw() % 100; {
	case n < 5:
	case n < 10 && r.Source == entity.Commerce:
		r.RegNo = regOf(head[2:] + fmt.Sprintf("%08d", r.Line))
	case n < 15:
		r.OrgCode = org
	case n < 16:
		r.USCC = uscc[:17] + string("0123456789"[(uscc[17]+1)%10])
	default:
		r.USCC = uscc
		if r.Source == entity.Commerce {
			r.RegNo = regOf(head[2:] + fmt.Sprintf("%08d", r.Line))
		}
	}
}

// orgOf makes the organisation code of an entity.
func orgOf(i uint64) string {
	body := fmt.Sprintf("Q%07d", i)
	sum := 26 * 3
	for k, weight := range []int{7, 9, 10, 5, 8, 4, 2} {
		sum += int(body[k+1]-'0') * weight
	}
	return body + string("0X987654321"[sum%11])
}

func han(d *draws, of uint64) rune { return rune(0x4E00 + d.draw()%of*7) }

// draws is a row of numbers as good as drawn by lot.
type draws uint64

func (d *draws) draw() uint64 {
	*d += 0x9E3779B97F4A7C15
	z := uint64(*d)
	z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
	z = (z ^ z>>27) * 0x94D049BB133111EB
	return z ^ z>>31
}

func (d *draws) chance(of uint64) bool { return d.draw()%of == 0 }
