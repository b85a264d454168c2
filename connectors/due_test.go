package connectors_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"hebian/connectors"
	"hebian/schemas"
)

// A promise is expected until its day, late within the grace, and missing after it.
func TestCalendar(t *testing.T) {
	p := connectors.Profile{Agency: "x", Files: []connectors.File{
		{Agency: "x", Path: "x/pay-{month}.csv", Due: &connectors.Due{Every: connectors.Monthly, Day: 10, Grace: 5}},
		{Agency: "x", Path: "x/register.csv", Due: &connectors.Due{Every: connectors.Quarterly, Day: 20}},
		{Agency: "x", Path: "x/other.csv"},
	}}
	day := func(text string) schemas.Date {
		d, ok := schemas.ParseDate(text)
		if !ok {
			t.Fatal(text)
		}
		return d
	}
	for _, test := range []struct {
		name, today, came string
		want              map[string]connectors.Standing
	}{
		{"before", "2026-10-09", "", map[string]connectors.Standing{"x/pay-202609.csv": connectors.NotYet, "x/register.csv": connectors.NotYet}},
		{"on the day", "2026-10-10", "", map[string]connectors.Standing{"x/pay-202609.csv": connectors.DueNow, "x/register.csv": connectors.NotYet}},
		{"late", "2026-10-15", "", map[string]connectors.Standing{"x/pay-202609.csv": connectors.Late, "x/register.csv": connectors.NotYet}},
		{"missing", "2026-10-21", "", map[string]connectors.Standing{"x/pay-202609.csv": connectors.Missing, "x/register.csv": connectors.Missing}},
		{"came", "2026-10-21", "2026-10-10", map[string]connectors.Standing{"x/pay-202609.csv": connectors.Delivered, "x/register.csv": connectors.Delivered}},
		{"came late", "2026-10-21", "2026-10-21", map[string]connectors.Standing{"x/pay-202609.csv": connectors.DeliveredLate, "x/register.csv": connectors.DeliveredLate}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := map[string]connectors.Standing{}
			for _, e := range p.Calendar(202609, 202609, day(test.today), func(string, schemas.Month) schemas.Date {
				if test.came == "" {
					return 0
				}
				return day(test.came)
			}) {
				got[e.File] = e.State
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("calendar differs (-want +got):\n%s", diff)
			}
		})
	}
	if all := p.Calendar(202601, 202612, day("2026-10-01"), func(string, schemas.Month) schemas.Date { return 0 }); len(all) != 12+4 {
		t.Errorf("a year has %d promises, want 16", len(all))
	}
}
