package main

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hebian/connectors"
	"hebian/connectors/life"
	"hebian/matcher/queue"
)

// feedLine is a record of a feed as it is pulled.
type feedLine struct {
	ID     string          `json:"id"`
	Key    string          `json:"key"`
	Record json.RawMessage `json:"record"`
}

// pull reads one page of a feed.
func (h *served) pull(t *testing.T, who, feed, after string, limit int) (lines []feedLine, next string, more bool) {
	t.Helper()
	r := h.must(t, http.StatusOK, who, http.MethodGet, fmt.Sprintf("/v1/feeds/%s?limit=%d&after=%s", feed, limit, url.QueryEscape(after)), nil)
	for scan := bufio.NewScanner(bytes.NewReader(r.body)); scan.Scan(); {
		var line feedLine
		if err := json.Unmarshal(scan.Bytes(), &line); err != nil {
			t.Fatalf("%v\n%s", err, scan.Bytes())
		}
		lines = append(lines, line)
	}
	if len(lines) > limit {
		t.Errorf("%d records in a page of %d", len(lines), limit)
	}
	return lines, r.header.Get("Hebian-Next"), r.header.Get("Hebian-More") == "true"
}

// pullAll reads a feed to its end. between is called between two pages.
func (h *served) pullAll(t *testing.T, who, feed, after string, limit int, between func()) (all []feedLine, next string) {
	t.Helper()
	for next = after; ; {
		lines, to, more := h.pull(t, who, feed, next, limit)
		if again, _, _ := h.pull(t, who, feed, next, limit); cmp.Diff(lines, again) != "" {
			t.Errorf("asked again behind %q, the page is another", next)
		}
		all, next = append(all, lines...), to
		if !more {
			return all, next
		}
		between()
	}
}

// once says which records there are, by their IDs. None may be there twice.
func once(t *testing.T, lines []feedLine) map[string]feedLine {
	t.Helper()
	all := map[string]feedLine{}
	for _, line := range lines {
		if _, twice := all[line.ID]; twice {
			t.Errorf("record %s came twice", line.ID)
		}
		all[line.ID] = line
	}
	return all
}

// Whoever follows a feed by its cursor gets every record once, those of a key in their order, whatever happens to the hub meanwhile.
func TestFeeds(t *testing.T) {
	t.Parallel()
	h := newConnected(t, usual+"golden: [finance]\n", nil)
	h.start(t)
	count := 12
	ids := h.paidWithoutSlot(t, count)
	for _, id := range ids[:count-2] {
		h.confirm(t, id)
	}
	eventually(t, "corrections are sent", func() bool { return h.look(t, ids[count-3]).State == "sent" })
	killed := false
	restart := func() {
		if !killed {
			h.kill()
			h.start(t)
		}
		killed = true
	}

	t.Run("corrections", func(t *testing.T) {
		killed = false
		lines, cursor := h.pullAll(t, "finance", "corrections", "", 3, restart)
		for _, id := range ids[count-2:] { // more come while it is followed
			h.confirm(t, id)
			eventually(t, "the correction is sent", func() bool { return h.look(t, id).State == "sent" })
		}
		more, cursor := h.pullAll(t, "finance", "corrections", cursor, 3, func() {})
		if len(more) != 2 {
			t.Errorf("%d more corrections, want 2", len(more))
		}
		var records []string
		for _, line := range once(t, append(lines, more...)) {
			records = append(records, string(line.Record))
		}
		got := correctionsIn(t, records)
		var laid []string
		for _, c := range corrections(t, h.data+"/out") {
			laid = append(laid, c.Case)
			if diff := cmp.Diff(c, got[c.Case]); diff != "" && c.Due == nil {
				t.Errorf("the correction differs from the one laid (-laid +pulled):\n%s", diff)
			}
		}
		slices.Sort(laid)
		if diff := cmp.Diff(laid, slices.Sorted(maps.Keys(got))); diff != "" {
			t.Errorf("corrections differ (-laid +pulled):\n%s", diff)
		}
		if lines, next, more := h.pull(t, "finance", "corrections", cursor, 3); len(lines) != 0 || next != cursor || more {
			t.Errorf("behind the end are %d records", len(lines))
		}
		if lines, _ := h.pullAll(t, "tax", "corrections", "", 3, func() {}); len(lines) != 0 {
			t.Errorf("another agency pulls %d corrections that are not for it", len(lines))
		}
		if lines, _ := h.pullAll(t, operator, "corrections", "", 100, func() {}); len(lines) != count {
			t.Errorf("an operator pulls %d corrections, want %d", len(lines), count)
		}
		for _, form := range []string{"csv", "avro"} {
			r := h.must(t, http.StatusOK, "finance", http.MethodGet, "/v1/feeds/corrections?form="+form, nil)
			if form == "csv" {
				if table, err := csv.NewReader(bytes.NewReader(r.body)).ReadAll(); err != nil || len(table) != count+1 {
					t.Errorf("%d lines in CSV, %v", len(table), err)
				}
			} else if !bytes.HasPrefix(r.body, []byte("Obj\x01")) {
				t.Errorf("an Avro file begins with %q", r.body[:min(len(r.body), 4)])
			}
		}
	})

	t.Run("findings", func(t *testing.T) {
		killed = false
		lines, cursor := h.pullAll(t, "finance", "findings", "", 4, restart)
		once(t, lines)
		happened, last := map[string][]string{}, int64(0)
		for _, line := range lines {
			var turned turn
			if err := json.Unmarshal(line.Record, &turned); err != nil {
				t.Fatal(err)
			}
			if turned.Number <= last || turned.Case != line.Key || turned.Code != "PAID_NO_SLOT" || turned.Month != 202609 {
				t.Errorf("behind %d comes %s", last, line.Record)
			}
			last = turned.Number
			happened[turned.Case] = append(happened[turned.Case], turned.What)
		}
		if len(happened) != count {
			t.Errorf("of %d cases something is told, want %d", len(happened), count)
		}
		for id, what := range happened {
			if !slices.Equal(what, []string{"opened", "decided", "sent"}) {
				t.Errorf("case %s: %v", id, what)
			}
		}
		// What becomes of them is told to those whom it concerns, and to nobody else.
		files := village(40+count, 40+count)
		h.take(t, "staffing/slots.csv", files["staffing/slots.csv"])
		eventually(t, "the cases are settled", func() bool { return h.look(t, ids[0]).State == "settled" })
		h.caughtUp(t, "2026-09-30")
		settled, _ := h.pullAll(t, "finance", "findings", cursor, 100, func() {})
		if len(settled) != count {
			t.Errorf("%d lines of cases that were settled, want %d", len(settled), count)
		}
		if lines, _ := h.pullAll(t, "civil", "findings", "", 100, func() {}); len(lines) != 0 {
			t.Errorf("an agency that it does not concern is told %d lines", len(lines))
		}
	})

	t.Run("golden", func(t *testing.T) {
		killed = false
		header := "纳税人识别号,纳税人名称,纳税人状态,更新日期\n"
		for version := range 5 {
			var rows strings.Builder
			for n := range 7 + version {
				fmt.Fprintf(&rows, "T%d,企业%d第%d版,正常,\n", n, n, version*(n%2))
			}
			h.take(t, "entities/tax.csv", gb18030(header+rows.String()))
			h.caughtUp(t, "2026-09-30")
		}
		lines, _ := h.pullAll(t, "finance", "golden", "", 4, restart)
		once(t, lines)
		versions, names := map[string]int64{}, map[string]bool{}
		for _, line := range lines {
			var g struct {
				Code    string
				Version int64
			}
			if err := json.Unmarshal(line.Record, &g); err != nil {
				t.Fatal(err)
			}
			if g.Version != versions[line.Key]+1 {
				t.Errorf("behind version %d of %s comes %d", versions[line.Key], line.Key, g.Version)
			}
			versions[line.Key] = g.Version
			names[g.Code] = true
		}
		text := h.must(t, http.StatusOK, operator, http.MethodGet, "/v1/golden.ndjson", nil).body
		for _, g := range goldenLines(t, string(text)) {
			if !names[g.Entity] {
				t.Errorf("entity %s was not told", g.Entity)
			}
			delete(names, g.Entity)
		}
		if len(names) != 0 || len(versions) != 11 {
			t.Errorf("%d entities were told, of which %v are none", len(versions), names)
		}
		r := h.must(t, http.StatusNotFound, "tax", http.MethodGet, "/v1/feeds/golden", nil)
		if p := r.problem(t); p.Type != "urn:hebian:problem:unknown_feed" {
			t.Errorf("to whom they are not granted: %s", p.Type)
		}
	})

	t.Run("no cursor", func(t *testing.T) {
		_, cursor, _ := h.pull(t, "finance", "corrections", "", 3)
		for feed, bad := range map[string]string{"corrections": "nonsense", "golden": cursor, "findings": "-1"} {
			if p := h.must(t, http.StatusUnprocessableEntity, "finance", http.MethodGet, "/v1/feeds/"+feed+"?after="+bad, nil).problem(t); p.Type != "urn:hebian:problem:bad_cursor" {
				t.Errorf("cursor %q of %s: %s", bad, feed, p.Type)
			}
		}
	})
}

// Findings and golden records are brought as corrections are, each once, also over a kill; what was granted to nobody is brought to nobody.
func TestFeedsBrought(t *testing.T) {
	t.Parallel()
	findings, golden := newHook(t, hookSecret), newHook(t, hookSecret)
	service := newTaxService(t)
	for n := range 30 {
		service.put(fmt.Sprintf("T%02d", n), fmt.Sprintf("企业%d", n))
	}
	h := newConnected(t, usual+"golden: [finance]\nconnectors:"+service.merging("tax-in")+hooked("found", "finance", "findings", findings)+hooked("gold", "finance", "golden", golden), nil)
	h.start(t)
	h.shows(t, service.rows)
	ids := h.paidWithoutSlot(t, 5)
	h.kill()
	h.start(t)
	for i, id := range ids {
		h.confirm(t, id)
		service.put(fmt.Sprintf("T%02d", i), fmt.Sprintf("企业%d改", i))
	}
	h.shows(t, service.rows)
	defer func() {
		if t.Failed() {
			t.Logf("%d findings, %d golden\n%+v\n%+v\n%s", len(findings.Received()), len(golden.Received()), h.connector(t, "found"), h.connector(t, "gold"), h.log.String())
		}
	}()
	eventually(t, "everything is brought", func() bool { return len(findings.Received()) >= 15 && len(golden.Received()) >= 35 })
	h.rested(t, "found", 2)
	h.rested(t, "gold", 2)
	for name, hook := range map[string][]feedLine{"found": received(findings.Received), "gold": received(golden.Received)} {
		once(t, hook)
		var pulled []feedLine
		if name == "found" {
			pulled, _ = h.pullAll(t, "finance", "findings", "", 1000, func() {})
		} else {
			pulled, _ = h.pullAll(t, "finance", "golden", "", 1000, func() {})
		}
		if diff := cmp.Diff(idsOfLines(pulled), idsOfLines(hook)); diff != "" {
			t.Errorf("%s: what is brought differs from what is pulled (-pulled +brought):\n%s", name, diff)
		}
		if s := h.connector(t, name); s.State != life.Waiting && s.State != life.Running || s.Rows != int64(len(hook)) {
			t.Errorf("%s brought %d records and is %+v", name, len(hook), s)
		}
	}
	if state := h.look(t, ids[0]).State; state != string(queue.Sent) {
		t.Errorf("a case is %s, whose correction is laid into the folder, as no connector brings it", state)
	}
}

// idsOfLines are the records' IDs, by their keys, in the order in which they came.
func idsOfLines(lines []feedLine) map[string][]string {
	all := map[string][]string{}
	for _, line := range lines {
		all[line.Key] = append(all[line.Key], line.ID)
	}
	return all
}

// received is what a partner has, as if it had pulled it.
func received(of func() []connectors.Out) (lines []feedLine) {
	for _, r := range of() {
		lines = append(lines, feedLine{r.ID, r.Key, r.JSON})
	}
	return lines
}
