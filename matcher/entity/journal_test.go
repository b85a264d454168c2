package entity_test

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"testing"

	"hebian/hub"
	"hebian/matcher/entity"
	"hebian/schemas"
)

// journal is a log of registrations and divisions, in the very encoding that intake writes, with what is left of it.
type journal struct {
	t         testing.TB
	entries   []schemas.Record // by number, as asserted
	rows      []entity.Record  // by number; zero where the entry is a division
	divisions map[int]schemas.Division
	times     map[int]int // by number: how often it is asserted and not retracted

	encoders map[string]*schemas.Encoder
	ends     map[string]int64 // by topic and partition
	delivery int64
}

// journalPartitions is how many partitions the topics have.
const journalPartitions = 3

func newJournal(t testing.TB) *journal {
	return &journal{t: t, divisions: map[int]schemas.Division{}, times: map[int]int{}, encoders: map[string]*schemas.Encoder{}, ends: map[string]int64{}}
}

// add writes a row down, to be asserted later, and gives its number. Its record ID and its line follow from that.
func (j *journal) add(r entity.Record) int {
	n := len(j.entries)
	r.Line = cmpOr(r.Line, int64(n+2))
	r.File = "entities/" + r.Source.String()
	rec := schemas.Record{ID: idOf(n), Line: r.Line, Key: []byte(r.SourceKey()), Value: j.encode("entity.registration", registration(&r))}
	r.ID = rec.ID
	j.entries, j.rows = append(j.entries, rec), append(j.rows, r)
	return n
}

func (j *journal) addDivision(d schemas.Division) int {
	n := len(j.entries)
	j.entries = append(j.entries, schemas.Record{ID: idOf(n), Line: int64(n + 2), Key: []byte(d.Code), Value: j.encode("entity.division", &d)})
	j.rows = append(j.rows, entity.Record{})
	j.divisions[n] = d
	return n
}

func idOf(n int) schemas.ID {
	sum := sha256.Sum256(fmt.Append(nil, n))
	return schemas.ID(sum[:16])
}

func cmpOr(a, b int64) int64 {
	if a != 0 {
		return a
	}
	return b
}

func (j *journal) encode(subject string, row any) []byte {
	if j.encoders[subject] == nil {
		j.encoders[subject] = schemas.NewEncoder(schemas.SubjectOf(subject))
	}
	value, err := j.encoders[subject].Append(nil, 1, row)
	if err != nil {
		j.t.Fatal(err)
	}
	return value
}

// change asserts a row, or retracts it.
type change struct {
	row     int
	retract bool
}

// deliver makes batches of a delivery: what is to be done, in this order.
func (j *journal) deliver(changes ...change) func(func(string, *hub.Batch) error) error {
	j.delivery++
	var batches []*hub.Batch
	var files []string
	for _, c := range changes {
		rec, topic, file := j.entries[c.row], "entity.registration", j.rows[c.row].File
		if _, ok := j.divisions[c.row]; ok {
			topic, file = "entity.division", "entities/divisions.csv"
		}
		partition := int(rec.Key[len(rec.Key)-1]) % journalPartitions
		place := fmt.Sprint(topic, partition)
		if c.retract {
			rec.Op = schemas.Retract
			j.times[c.row]--
		} else {
			j.times[c.row]++
			j.rows[c.row].Delivery = j.delivery
		}
		if n := len(batches); n == 0 || batches[n-1].Topic != topic || batches[n-1].Partition != partition || files[n-1] != file {
			batches = append(batches, &hub.Batch{Topic: topic, Partition: partition, Delivery: j.delivery, Base: j.ends[place]})
			files = append(files, file)
		}
		last := batches[len(batches)-1]
		last.Records = append(last.Records, rec)
		j.ends[place]++
	}
	return func(fn func(string, *hub.Batch) error) error {
		for i, b := range batches {
			if err := fn(files[i], b); err != nil {
				return err
			}
		}
		return nil
	}
}

// again is a journal with the same rows, of which none was delivered yet.
func (j *journal) again() *journal {
	fresh := newJournal(j.t)
	fresh.entries, fresh.rows, fresh.divisions = j.entries, slices.Clone(j.rows), j.divisions
	return fresh
}

// left gives the numbers of the rows that are asserted and not retracted.
func (j *journal) left() (rows []int) {
	for n := range j.entries {
		if j.times[n] > 0 {
			rows = append(rows, n)
		}
	}
	return rows
}

// registration makes the row that a record is unpacked from.
func registration(r *entity.Record) *schemas.Registration {
	row := &schemas.Registration{
		Source: r.Source.String(), SourceKey: r.Key, Name: r.Name, Status: r.Status,
		USCC: some[schemas.UnitCode](r.USCC), OrgCode: some[schemas.UnitCode](r.OrgCode), RegNo: some[schemas.UnitCode](r.RegNo),
		TaxNo: some[schemas.UnitCode](r.TaxNo), SecondName: some[string](r.SecondName), EntityType: some[string](r.EntityType),
		Address: some[string](r.Address), LegalRep: some[string](r.LegalRep), Established: some[schemas.PartialDate](r.Established),
		Division: some[string](r.Division), Parent: some[string](r.Parent), Industry: some[schemas.IndustryCode](r.Industry),
		Employees: some[string](r.Employees),
	}
	if row.Status == "" {
		row.Status = schemas.StatusExisting
	}
	fen := schemas.Fen(r.CapitalFen)
	switch r.CapitalUnit {
	case entity.InYuan:
		row.CapitalYuan, row.CapitalFen = some[schemas.Yuan](r.Capital), &fen
	case entity.InWan:
		row.CapitalWan, row.CapitalFen = some[schemas.Wan](r.Capital), &fen
	}
	if r.HasUpdated {
		row.UpdatedOn = &r.UpdatedOn
	}
	return row
}

func some[T ~string](s string) *T {
	if s == "" {
		return nil
	}
	v := T(s)
	return &v
}
