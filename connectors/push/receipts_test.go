package push_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hebian/connectors"
	"hebian/connectors/push"
)

func rows(n int) []connectors.Refused {
	rows := make([]connectors.Refused, n)
	for i := range rows {
		rows[i] = connectors.Refused{File: "finance/payroll-202609.csv", Line: int64(i + 2), Column: "金额", Reason: "UNREADABLE", Detail: "want an amount such as 5432.1"}
	}
	return rows
}

func TestReceipt(t *testing.T) {
	r := open(t)
	r.send(t, requestOf(file))
	r.refused = rows(2500)
	var got []connectors.Refused
	path, pages := "/v1/receipts/1", 0
	for ; path != ""; pages++ {
		response, body := r.send(t, request{method: http.MethodGet, path: path})
		var page push.ReceiptPage
		if err := json.Unmarshal([]byte(body), &page); err != nil || response.StatusCode != http.StatusOK || page.Delivery != 1 || page.RowsRead != 3 {
			t.Fatalf("%s: answer %d, %v: %.200s", path, response.StatusCode, err, body)
		}
		got, path = append(got, page.Refused...), page.Next
	}
	if diff := cmp.Diff(rows(2500), got); diff != "" || pages != 3 {
		t.Errorf("%d pages, refused rows differ (-want +got):\n%.500s", pages, diff)
	}
	response, body := r.send(t, request{method: http.MethodGet, path: "/v1/receipts/1/refused.ndjson"})
	if n := strings.Count(body, "\n"); response.StatusCode != http.StatusOK || n != 2500 || response.Header.Get("Content-Type") != "application/x-ndjson" {
		t.Errorf("answer %d of %s, %d lines", response.StatusCode, response.Header.Get("Content-Type"), n)
	}
	var first connectors.Refused
	line, _, _ := strings.Cut(body, "\n")
	if err := json.Unmarshal([]byte(line), &first); err != nil || first != rows(1)[0] {
		t.Errorf("first line %s, %v", line, err)
	}
	for _, test := range []struct {
		path, token string
		status      int
	}{
		{"/v1/receipts/1", "hb_hr", 404},
		{"/v1/receipts/1/refused.ndjson", "hb_hr", 404},
		{"/v1/receipts/1", "hb_officer", 404},
		{"/v1/receipts/1", "-", 401},
		{"/v1/receipts/2", "hb_finance", 404},
		{"/v1/receipts/x", "hb_finance", 422},
		{"/v1/receipts/0", "hb_finance", 422},
		{"/v1/receipts/1?from=-1", "hb_finance", 422},
		{"/v1/receipts/1", "hb_operator", 200},
	} {
		response, body := r.send(t, request{method: http.MethodGet, path: test.path, token: test.token})
		if response.StatusCode != test.status {
			t.Errorf("%s by %s: answer %d, want %d: %.200s", test.path, test.token, response.StatusCode, test.status, body)
		}
		if test.status != 200 {
			problemOf(t, response, body)
		}
	}
}

// A stream of rows that breaks off is not taken for all of them.
func TestStreamBreaks(t *testing.T) {
	r := open(t)
	r.send(t, requestOf(file))
	r.refused, r.broken = rows(5000), errors.New("disk gone")
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.server.URL+"/v1/receipts/1/refused.ndjson", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer hb_finance")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if _, err := io.ReadAll(response.Body); err == nil {
		t.Error("the stream seems to end well")
	}
	if response, body := r.send(t, get("/v1/receipts/1?from=4500")); problemOf(t, response, body).Status != 500 {
		t.Errorf("a page: answer %d", response.StatusCode)
	}
}

func get(path string) request { return request{method: http.MethodGet, path: path} }

// The list shows who asks what he may see, page by page.
func TestReceipts(t *testing.T) {
	r := open(t)
	for i := range 25 {
		receipt := connectors.Receipt{Delivery: int64(i + 1), Agency: "finance", File: "finance/payroll-202609.csv", Outcome: connectors.Complete}
		switch i % 5 {
		case 1:
			receipt.Agency, receipt.File = "hr", "hr/events.ndjson"
		case 2:
			receipt.Outcome = connectors.Failed
		case 3:
			receipt.Connector, receipt.File = "finance-in", "finance/control_numbers.csv"
		}
		r.receipts = append(r.receipts, receipt)
	}
	for _, test := range []struct {
		query, token string
		count, pages int
	}{
		{"", "hb_finance", 20, 1},
		{"?limit=7", "hb_finance", 20, 3},
		{"?limit=5", "hb_finance", 20, 4},
		{"?limit=7", "hb_operator", 25, 4},
		{"?limit=2&agency=hr", "hb_operator", 5, 3},
		{"?limit=2&agency=finance&outcome=failed", "hb_operator", 5, 3},
		{"?limit=2&connector=finance-in", "hb_finance", 5, 3},
		{"?limit=10&file=finance/payroll-202609.csv", "hb_finance", 15, 2},
		{"?before=6", "hb_finance", 4, 1},
		{"", "hb_sandbox", 0, 1},
	} {
		path, pages, seen, last := "/v1/receipts"+test.query, 0, 0, int64(26)
		for ; path != ""; pages++ {
			response, body := r.send(t, request{method: http.MethodGet, path: path, token: test.token})
			var page push.ReceiptList
			if err := json.Unmarshal([]byte(body), &page); err != nil || response.StatusCode != 200 || page.Receipts == nil {
				t.Fatalf("%s: answer %d, %v: %s", path, response.StatusCode, err, body)
			}
			for _, receipt := range page.Receipts {
				if seen++; receipt.Delivery >= last {
					t.Errorf("%s: %d after %d", path, receipt.Delivery, last)
				}
				last = receipt.Delivery
			}
			path = page.Next
		}
		if seen != test.count || pages != test.pages {
			t.Errorf("%s by %s: %d receipts on %d pages, want %d on %d", test.query, test.token, seen, pages, test.count, test.pages)
		}
	}
	for _, test := range []struct {
		query, token string
		status       int
	}{
		{"?agency=hr", "hb_finance", 403},
		{"", "hb_officer", 403},
		{"?agency=customs", "hb_operator", 404},
		{"?outcome=done", "hb_operator", 422},
		{"?limit=1001", "hb_operator", 422},
		{"?limit=0", "hb_operator", 422},
	} {
		response, body := r.send(t, request{method: http.MethodGet, path: "/v1/receipts" + test.query, token: test.token})
		if problemOf(t, response, body).Status != test.status {
			t.Errorf("%s by %s: answer %d, want %d", test.query, test.token, response.StatusCode, test.status)
		}
	}
}
