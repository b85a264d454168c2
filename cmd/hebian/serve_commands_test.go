package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hebian/connectors"
	"hebian/connectors/life"
	"hebian/connectors/push"
)

// as runs a command for the holder of a token. It must end with the exit code.
func (h *served) as(t *testing.T, who string, code int, args ...string) (out, errs string) {
	t.Helper()
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte(h.tokens[who]+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got, out, errs := hebian(t, append(args, "--url", h.url, "--token-file", token)...)
	if got != code {
		t.Fatalf("hebian %s: exit code %d, want %d\n%s%s\n%s", strings.Join(args, " "), got, code, out, errs, h.log.String())
	}
	return out, errs
}

// asked runs a command and reads its answer.
func (h *served) asked(t *testing.T, who string, v any, args ...string) {
	t.Helper()
	out, _ := h.as(t, who, 0, append(args, "-o", "json")...)
	if err := json.Unmarshal([]byte(out), v); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// saysAll looks for texts in the output of a command.
func saysAll(t *testing.T, text string, says ...string) {
	t.Helper()
	for _, s := range says {
		if !strings.Contains(text, s) {
			t.Errorf("it does not say %q:\n%s", s, text)
		}
	}
}

// replaceIn changes a file as somebody does who corrects it.
func replaceIn(t *testing.T, path, old, with string, times int) {
	t.Helper()
	text := readText(t, path)
	if !strings.Contains(text, old) {
		t.Fatalf("%s holds no %q:\n%s", path, old, text)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(text, old, with, times)), 0o600); err != nil {
		t.Fatal(err)
	}
}

// A partner delivers, sees what was refused, corrects it and sends it again, all by commands; receipts tell of each step.
func TestCommandsQuarantine(t *testing.T) {
	h := newConnected(t, usual, map[string]string{"profiles/finance.yaml": strings.Replace(wagesProfile, " DATES", "", 1)})
	h.start(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "payroll-202609.csv")
	bad := wageLine(4, "甲", "", refusedAmount) + wageLine(5, "乙", "2026/9/10", "1.00") + wageLine(6, "丙", "2026/9/10", "1.00")
	if err := os.WriteFile(file, gb18030(wagesHeader+wageLine(1, "张三", "", "5000.00")+bad), 0o600); err != nil {
		t.Fatal(err)
	}
	_, errs := h.as(t, "finance", 0, "push", file, "--agency", "finance", "--period", "202609")
	saysAll(t, errs, "3 rows were refused", "hebian quarantine download "+wages)
	h.as(t, "finance", 1, "push", file, "--agency", "finance", "--mode", "merge") // it has no row key
	h.as(t, "finance", 2, "push", file, "--agency", "finance", "--period", "2026")
	out, _ := h.as(t, "finance", 0, "quarantine", "list")
	saysAll(t, out, wages, "finance.pay_line")
	var page struct{ Rows []connectors.QuarantinedRow }
	h.asked(t, "finance", &page, "quarantine", "show", wages)
	if len(page.Rows) != 3 || page.Rows[0].Column != "金额" {
		t.Fatalf("the rows are %+v", page.Rows)
	}
	out, _ = h.as(t, "finance", 0, "quarantine", "show", wages, "--from", "1")
	saysAll(t, out, page.Rows[1].Row, "发放日期", "UNREADABLE")

	t.Run("download and resubmit", func(t *testing.T) {
		rows := filepath.Join(dir, "rows.ndjson")
		h.as(t, operator, 0, "quarantine", "download", wages, "--out", rows)
		h.as(t, operator, 2, "quarantine", "download", wages, "--out", rows) // it is there already
		saysAll(t, readText(t, rows), "_row", "甲", "丙")
		if stat, err := os.Stat(rows); err != nil || stat.Mode().Perm() != 0o600 {
			t.Errorf("others may read the rows: %v, %v", stat.Mode(), err)
		}
		out, _ := h.as(t, operator, 0, "quarantine", "download", wages, "--out", "-", "--reason", "MISSING", "--form", "csv")
		saysAll(t, out, "_row")
		replaceIn(t, rows, refusedAmount, "7.00", 1)
		replaceIn(t, rows, "2026/9/10", "2026-09-10", 1)
		_, errs := h.as(t, "finance", 0, "quarantine", "resubmit", wages, rows)
		saysAll(t, errs, "1 rows are still wrong")
		h.as(t, "finance", 2, "quarantine", "resubmit", wages, file+"x")
		h.counts(t, wages, 3, 1)
	})
	t.Run("retry and discard", func(t *testing.T) {
		h.as(t, "finance", 1, "quarantine", "retry", wages) // nothing fits yet
		h.as(t, "finance", 2, "quarantine", "discard", wages, "--note", "twice")
		h.as(t, "finance", 2, "quarantine", "discard", wages, "--note", "twice", "--row", "")
		h.asked(t, "finance", &page, "quarantine", "show", wages)
		var r connectors.Receipt
		h.asked(t, "finance", &r, "quarantine", "discard", wages, "--note", "twice", "--row", page.Rows[0].Row)
		if r.Settled != 1 || r.Note != "twice" {
			t.Errorf("the receipt is %+v", r)
		}
		h.counts(t, wages, 3, 0)
		h.as(t, "finance", 1, "quarantine", "discard", wages, "--note", "twice", "--all") // none is left
	})
	t.Run("receipts", func(t *testing.T) {
		var all push.ReceiptList
		h.asked(t, "finance", &all, "receipts", "--file", wages)
		if len(all.Receipts) != 3 || all.Receipts[2].Quarantined != 3 || all.Receipts[0].Settled != 1 {
			t.Errorf("the receipts are %+v", all)
		}
		out, _ := h.as(t, operator, 0, "receipts", "--limit", "1", "--outcome", "complete", "--agency", "finance")
		saysAll(t, out, wages, "There are more")
		h.as(t, operator, 2, "receipts", "--limit", "0")
		h.as(t, operator, 2, "receipts", "--outcome", "gone")
	})
	t.Run("expected", func(t *testing.T) {
		out, _ := h.as(t, operator, 0, "expected", "--from", "202608", "--to", "202609")
		saysAll(t, out, "agency", "missing after")
		h.as(t, operator, 2, "expected", "--from", "2026")
	})
}

// An operator watches and steers a connector and sees what it brought, and its agency pulls the same records.
func TestCommandsConnector(t *testing.T) {
	laid, dir := t.TempDir(), t.TempDir()
	h := newConnected(t, usual+fmt.Sprintf("connectors:\n  - {name: out, agency: finance, feed: corrections, every: 100ms, folder: %q}\n", laid), nil)
	h.start(t)
	ids := h.paidWithoutSlot(t, 2)
	for _, id := range ids {
		h.confirm(t, id)
	}
	eventually(t, "the corrections are brought", func() bool { return len(linesIn(t, laid)) == 2 })
	out, _ := h.as(t, operator, 0, "connector", "list")
	saysAll(t, out, "out", "finance", "folder")
	h.as(t, operator, 0, "connector", "pause", "out", "--why", "holidays")
	eventually(t, "the connector is paused", func() bool { return h.connector(t, "out").State == life.Paused })
	out, _ = h.as(t, operator, 0, "connector", "show", "out")
	saysAll(t, out, "paused since", "holidays", "out of finance, brings by folder")
	h.as(t, operator, 1, "connector", "show", "nobody")
	h.as(t, "finance", 1, "connector", "pause", "out") // an operator may
	h.as(t, operator, 2, "connector", "rewind", "out")
	h.as(t, operator, 2, "connector", "reset", "out")
	h.as(t, operator, 0, "connector", "reset", "out", "--yes")
	h.as(t, operator, 0, "connector", "resume", "out")
	h.as(t, operator, 0, "connector", "run", "out")
	var all struct{ Dispatches []push.Dispatched }
	h.asked(t, operator, &all, "connector", "dispatches", "out")
	if len(all.Dispatches) == 0 {
		t.Fatal("nothing was brought")
	}
	out, _ = h.as(t, operator, 0, "connector", "resend", "out", "--number", "1")
	saysAll(t, out, "corrections")
	h.as(t, operator, 1, "connector", "resend", "out", "--number", "999")

	args := []string{"pull", "corrections", "--out", filepath.Join(dir, "out"), "--state", filepath.Join(dir, "state")}
	for range 2 {
		h.as(t, "finance", 0, args...)
	}
	if n := strings.Count(readText(t, dir, "out"), "\n"); n != 2 {
		t.Errorf("%d corrections were pulled, want 2", n)
	}
	out, _ = h.as(t, "finance", 0, "pull", "findings", "--form", "csv")
	saysAll(t, out, "id,key,record\r\n", ids[0])
	h.as(t, "finance", 1, "pull", "golden") // it is not granted
	h.as(t, "finance", 1, "pull", "corrections", "--after", "nonsense")
}
