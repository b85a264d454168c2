package entity_test

import (
	"slices"
	"testing"

	"hebian/matcher/entity"
	"hebian/schemas"
)

// An enterprise as five sources have it.
func enterprise() []entity.Record {
	records := []entity.Record{
		{Source: entity.Commerce, Key: "CO1", RegNo: "139721000000014", Capital: "1000000.00", CapitalFen: 100000000, CapitalUnit: entity.InYuan, Industry: "C301", Established: "2013-12-01"},
		{Source: entity.Tax, Key: "91139721QD00001970", Capital: "1000000", CapitalFen: 100000000, CapitalUnit: entity.InYuan, Industry: "C301", Established: "2013-12-01"},
		{Source: entity.Statistics, Key: "ST1", OrgCode: "QD0000197", Industry: "3011"},
		{Source: entity.Quality, Key: "QD0000197", OrgCode: "QD0000197"},
	}
	for i := range records {
		r := &records[i]
		r.USCC, r.Name, r.LegalRep = "91139722QD0000111B", "白鹭县泰瑞恒华商贸有限公司", "周华国"
		r.Address, r.Status, r.UpdatedOn, r.HasUpdated = "云溪市白鹭县滨河大道198号（东院）", schemas.StatusInOperation, asOf-100, true
		if r.Source != entity.Quality {
			r.Division = "139722"
		}
	}
	return records
}

func BenchmarkJudge(b *testing.B) {
	bench := &entity.Bench{Divisions: divisions(), Day: asOf}
	agreeing := enterprise()
	different := slices.Clone(agreeing)
	different[1].Name, different[2].LegalRep, different[3].Address = "白鹭县泰瑞恒华有限公司", "周 国", "河北省白鹭县滨河大道18号"
	written := slices.Clone(agreeing)
	for i := range written[1:] {
		r := &written[i+1]
		r.Name, r.LegalRep, r.Address = " 白鹭县泰瑞恒华商贸有限公司", "周　华国", "白鹭县滨河大道１９８号(东院)"
	}
	for _, c := range []struct {
		name    string
		members []entity.Record
	}{{"agreeing", agreeing}, {"written otherwise", written}, {"different", different}} {
		b.Run(c.name, func(b *testing.B) {
			e := entity.Entity{Members: c.members}
			b.ReportAllocs()
			for b.Loop() {
				bench.Judge(&e)
			}
		})
	}
}

func BenchmarkCodes(b *testing.B) {
	records := enterprise()
	b.ReportAllocs()
	for b.Loop() {
		for i := range records {
			records[i].Codes()
		}
	}
}

func BenchmarkTextKey(b *testing.B) {
	for name, s := range map[string]string{"plain": "白鹭县泰瑞恒华商贸有限公司", "brackets": "白鹭县泰瑞恒华(集团)有限公司", "rare": "买买提•吐尔逊"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				entity.TextKey(s)
			}
		})
	}
}

func BenchmarkAddressKey(b *testing.B) {
	d := divisions()
	for name, s := range map[string]string{"plain": "河北省云溪市白鹭县滨河大道198号", "punctuation": "云溪市白鹭县滨河大道198号（东院）"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				d.AddressKey(s, "139722", asOf)
			}
		})
	}
}

func BenchmarkAlike(b *testing.B) {
	bench := &entity.Bench{Divisions: divisions(), Day: asOf}
	members := enterprise()
	lone := members[1]
	lone.USCC, lone.Name = "", "白鹭县泰瑞恒华商茂有限公司"
	b.ReportAllocs()
	for b.Loop() {
		bench.Alike(&lone, members)
	}
}

func BenchmarkWorkingDays(b *testing.B) {
	c, err := entity.ParseCalendar([]byte("date,kind\n2026-10-01,holiday\n2026-10-10,workday\n"))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		c.WorkingDays(asOf-365, asOf+365)
	}
}
