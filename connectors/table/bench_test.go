package table_test

import (
	"context"
	"fmt"
	"io"
	"testing"

	"hebian/connectors"
	"hebian/connectors/table"
)

// BenchmarkFetch fetches 200,000 rows of eight columns in each mode. It needs the servers that the tests need.
func BenchmarkFetch(b *testing.B) {
	const rows = 200_000
	for _, driver := range drivers {
		d := open(b, driver, "")
		fillNumbers(b, d, rows)
		moment := map[table.Driver]string{table.Postgres: "timestamptz", table.MySQL: "timestamp"}[driver]
		exec(b, d.Client, `CREATE TABLE wide (id bigint PRIMARY KEY, name varchar(40), unit varchar(40), amount numeric(14,2), since date, at %s NOT NULL,
			note text, done int NOT NULL)`, moment)
		exec(b, d.Client, `INSERT INTO wide SELECT id, '张三丰', '河边县第一中学', id * 1.25, '2026-10-01', '2026-10-01 08:30:00',
			'a plain note of some length', 0 FROM exchange`)
		for _, mode := range []table.Mode{table.Growing, table.ByStatus, table.Whole} {
			b.Run(fmt.Sprintf("%s/%s", driver, mode), func(b *testing.B) {
				c := table.Config{
					Driver: driver, DSN: d.DSN, Table: "wide", Key: []string{"id"}, Mode: mode,
					Columns: []string{"id", "name", "unit", "amount", "since", "at", "note", "done"},
				}
				switch mode {
				case table.Growing:
					c.Growing = "id"
				case table.ByStatus:
					c.Status = table.Status{Column: "done", New: "0", Read: "1"}
				}
				b.ReportAllocs()
				for b.Loop() {
					if mode == table.ByStatus {
						b.StopTimer()
						exec(b, d.Client, "UPDATE wide SET done = 0")
						exec(b, d.Client, "%s wide", map[table.Driver]string{table.Postgres: "VACUUM ANALYZE", table.MySQL: "ANALYZE TABLE"}[driver])
						b.StartTimer()
					}
					var n int64
					src := source(b, c)
					err := src.Fetch(context.Background(), "", func(_ context.Context, batch connectors.Batch) (connectors.Receipt, error) {
						got, err := io.Copy(io.Discard, batch.Body)
						n += got
						return taken, err
					})
					if err != nil || n < 100*rows {
						b.Fatalf("%d bytes, %v", n, err)
					}
					src.Close() //nolint:errcheck // it never says anything
				}
				b.ReportMetric(float64(rows*b.N)/b.Elapsed().Seconds(), "rows/s")
			})
		}
	}
}
