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
