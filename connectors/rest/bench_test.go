package rest_test

import (
	"context"
	"fmt"
	"io"
	"testing"
	"time"

	"hebian/connectors"
	"hebian/connectors/outside"
	"hebian/connectors/rest"
)

// Pages of 1000 rows with twelve keys, from a partner that answers at once.
func BenchmarkFetch(b *testing.B) {
	const pages, pageRows = 20, 1000
	texts := make([]string, pages+1)
	for p := range pages {
		list := make([]string, pageRows)
		for i := range list {
			n := p*pageRows + i
			list[i] = fmt.Sprintf(`{"id": "%d", "name": "第%d人", "unit": "A%04d", "post": "科员", "grade": 7, "from": "2020-09-01", "wage": "%d.50", "tax": "12.00",
				"note": null, "bank": "62280000000000%05d", "month": "202609", "t": %q}`, n, n, n%500, 3000+n%900, n, begin.Add(time.Duration(n)*time.Second).Format(time.RFC3339))
		}
		texts[p] = `{"data":{"items":` + rows(list...) + `,"total":20000}}`
	}
	texts[pages] = `{"data":{"items":[],"total":20000}}`
	for _, mode := range []connectors.Mode{connectors.Full, connectors.Merge} {
		b.Run(string(mode), func(b *testing.B) {
			size := int64(0)
			for b.Loop() {
				c := rest.Config{Options: outside.Options{Rate: outside.Rate{PerSecond: 10_000}}, RowsAt: "data.items", Mode: mode, Paging: rest.Paging{Style: rest.Numbers}}
				if mode == connectors.Merge {
					c.Since = rest.Since{Param: "since", Field: "t"}
				}
				source, err := rest.New(with(bodies(texts...), c))
				if err != nil {
					b.Fatal(err)
				}
				size = 0
				err = source.Fetch(b.Context(), "", func(_ context.Context, batch connectors.Batch) (connectors.Receipt, error) {
					n, err := io.Copy(io.Discard, batch.Body)
					size += n
					return connectors.Receipt{}, err
				})
				if err != nil {
					b.Fatal(err)
				}
			}
			b.SetBytes(size)
			b.ReportMetric(float64(pages*pageRows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
