package desk_test

import (
	"fmt"
	"html"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"hebian/matcher"
	"hebian/schemas"
)

var (
	rowID    = regexp.MustCompile(`<tr id="c-([0-9a-f]{16})"`)
	nextPage = regexp.MustCompile(`href="([^"]+)" data-key="n"`)
)

// rows lists the cases of a page.
func rows(body string) (ids []string) {
	for _, found := range rowID.FindAllStringSubmatch(body, -1) {
		ids = append(ids, found[1])
	}
	return ids
}

// Every case is listed once, whatever is opened before the place where the reader is.
func TestPagesFollowEachOther(t *testing.T) {
	o := open(t)
	opened, seen := map[string]bool{}, map[string]int{}
	for i := range 120 {
		opened[o.find(matcher.Finding{Code: []string{"PAID_NO_SLOT", "SLOT_NO_PAY", "INSURED_ELSEWHERE"}[i%3]})] = true
	}
	b := o.signedIn("李梅", "en")
	pages := 0
	for path := "/cases"; path != "" && pages < 10; pages++ {
		status, body := b.get(path)
		if want := 120 + pages; status != http.StatusOK || !strings.Contains(body, fmt.Sprintf("Cases: %d<", want)) {
			t.Fatalf("%s: %d, want a page that counts %d cases: %s", path, status, want, body)
		}
		for _, id := range rows(body) {
			seen[id]++
		}
		path = ""
		if found := nextPage.FindStringSubmatch(body); found != nil {
			path = html.UnescapeString(found[1])
		}
		o.find(matcher.Finding{Code: "PAID_AFTER_DEATH"})
	}
	if pages != 3 {
		t.Errorf("%d pages, want 3", pages)
	}
	for id := range opened {
		if seen[id] != 1 {
			t.Errorf("case %s was listed %d times", id, seen[id])
		}
	}
	if len(seen) != len(opened) {
		t.Errorf("%d cases were listed, want %d", len(seen), len(opened))
	}
}

func TestFilters(t *testing.T) {
	o := open(t)
	ids := everyState(o)
	other := o.find(matcher.Finding{Code: "SLOT_NO_PAY", Month: 202601, Unit: "11139721000000002B"})
	b := o.signedIn("李梅", "en")
	for _, test := range []struct {
		query    string
		has, not []string
	}{
		{"", []string{ids["open"], ids["open, relapsed"], other}, []string{ids["claimed by me"], ids["sent"], ids["explained"]}},
		{"?state=any", []string{ids["open"], ids["claimed by me"], ids["sent"], ids["settled"], ids["explained by itself"], other}, nil},
		{"?state=claimed", []string{ids["claimed by me"], ids["claimed by another"]}, []string{ids["open"]}},
		{"?state=explained", []string{ids["explained"], ids["explained by itself"]}, []string{ids["settled"]}},
		{"?mine=1", []string{ids["claimed by me"], ids["sent"], ids["decided"]}, []string{ids["claimed by another"], ids["explained"], ids["open"]}},
		{"?mine=1&state=claimed", []string{ids["claimed by me"]}, []string{ids["sent"]}},
		{"?code=paid_no_slot", []string{ids["open"]}, []string{other}},
		{"?severity=medium", []string{other}, []string{ids["open"]}},
		{"?month=2026-01", []string{other}, []string{ids["open"]}},
		{"?month=202609", []string{ids["open"]}, []string{other}},
		{"?unit=11139721", []string{other}, []string{ids["open"]}},
		{"?agency=finance&state=any", []string{ids["decided"]}, []string{ids["open, of a unit"]}},
	} {
		status, body := b.get("/cases" + test.query)
		if status != http.StatusOK {
			t.Errorf("%s: %d", test.query, status)
		}
		listed := strings.Join(rows(body), " ")
		for _, id := range test.has {
			if !strings.Contains(listed, id) {
				t.Errorf("%s: case %s is missing", test.query, id)
			}
		}
		for _, id := range test.not {
			if strings.Contains(listed, id) {
				t.Errorf("%s: case %s is listed", test.query, id)
			}
		}
	}
	for _, query := range []string{"?state=gone", "?code=NOTHING", "?severity=9", "?agency=mars", "?month=202613", "?unit=" + strings.Repeat("1", 65), "?after=x"} {
		if status, body := b.get("/cases" + query); status != http.StatusBadRequest || !strings.Contains(body, "Unknown filter") {
			t.Errorf("%s gave %d, want 400", query, status)
		}
	}
}

func TestCounts(t *testing.T) {
	o := open(t)
	for i := range 7 {
		o.find(matcher.Finding{Code: []string{"PAID_NO_SLOT", "DUAL_PAY"}[i%2], Month: schemas.Month(202608 + i%2)})
	}
	if _, err := o.queue.Claim(t.Context(), o.find(matcher.Finding{Code: "DUAL_PAY"}), "李梅"); err != nil {
		t.Fatal(err)
	}
	b := o.signedIn("李梅", "en")
	for query, want := range map[string][]string{
		"":                          {`Open<span class="count">7<`, `In hand<span class="count">1<`, `All<span class="count">8<`, `Mine<span class="count">1<`, `Dual pay</span><span class="count">3<`},
		"?code=DUAL_PAY":            {`Open<span class="count">3<`, `All<span class="count">4<`, `Paid no slot</span><span class="count">4<`, "Cases: 3<"},
		"?month=202609&state=any":   {`Open<span class="count">3<`, `All<span class="count">3<`, "Cases: 3<"},
		"?mine=1":                   {`Dual pay</span><span class="count">1<`, "Cases: 1<"},
		"?code=OVER_QUOTA":          {`Over quota</span><span class="count">0<`, "No case matches", "Clear filters"},
		"?state=settled":            {"No case matches"},
		"?state=claimed&mine=1":     {"Cases: 1<"},
		"?severity=high&state=open": {`Open<span class="count">7<`},
	} {
		_, body := b.get("/cases" + query)
		for _, w := range want {
			if !strings.Contains(body, w) {
				t.Errorf("%q does not say %s", query, w)
			}
		}
	}
}

func TestAnEmptyQueueSaysWhatWillCome(t *testing.T) {
	o := open(t)
	if _, body := o.signedIn("李梅", "zh-CN").get("/cases"); !strings.Contains(body, "没有待领取的事项") {
		t.Error("the empty list says nothing")
	}
}

func TestNextCase(t *testing.T) {
	o := open(t)
	first := o.find(matcher.Finding{Code: "PAID_AFTER_DEATH"})
	o.find(matcher.Finding{Code: "SLOT_NO_PAY"})
	last := o.find(matcher.Finding{Code: "INSURED_ELSEWHERE"})
	b := o.signedIn("李梅", "en")
	if _, body := b.get("/cases/" + first + "/next?code=INSURED_ELSEWHERE"); !strings.Contains(body, "/cases/"+last+"/claim?code=INSURED_ELSEWHERE") {
		t.Errorf("the next case is not the next one of the list: %s", body)
	}
	if _, body := b.get("/cases/" + last + "/next"); !strings.Contains(body, "That was the last case") {
		t.Errorf("after the last case: %s", body)
	}
}
