package evidence_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hebian/hub"
	"hebian/hub/sqldb"
	"hebian/hub/sqllog"
	"hebian/matcher/evidence"
	"hebian/matcher/matchertest"
	"hebian/matcher/state"
	"hebian/schemas"
)

// A made-up number: its division was never issued.
const number = "139721199001010015"

// receipts are those of two deliveries.
type receipts map[int64]hub.Receipt

func (r receipts) Get(_ context.Context, id int64) (hub.Receipt, error) {
	receipt, ok := r[id]
	if !ok {
		return hub.Receipt{}, hub.ErrUnknown
	}
	return receipt, nil
}

var (
	taken  = time.Date(2026, 9, 30, 8, 0, 0, 0, time.UTC)
	known  = receipts{1: {Delivery: 1, Agency: "finance", File: "finance/payroll-202609.csv", Finished: taken}, 2: {Delivery: 2, Agency: "staffing", File: "staffing/slots.csv", Finished: taken.Add(time.Hour)}}
	fund   = schemas.FundPartial
	unit   = "县第一中学"
	paidOn = schemas.Date(20726)
)

// openLog makes a log of two pay lines in one delivery and a slot in another.
func openLog(t testing.TB) hub.Log {
	t.Helper()
	db, err := sqldb.Open(t.Context(), filepath.Join(t.TempDir(), "hebian.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	log, err := sqllog.Open(t.Context(), db.DB)
	if err != nil {
		t.Fatal(err)
	}
	pay := &schemas.PayLine{
		Unit: "12139721A", Period: 202609, AmountFen: -123456, Name: "张三", WageType: schemas.WageOffset, FundChannel: &fund, PaidOn: &paidOn, UnitName: &unit, IDNumber: number,
		Rest: []schemas.Cell{
			{Column: "备注", Text: "补扣"}, {Column: "证件号码", Text: " 1397-damaged "}, {Column: "配偶", Text: "139721 19900101 0023"},
		},
	}
	bare := &schemas.PayLine{Unit: "12139721A", Period: 202608, AmountFen: 5, Name: "李四", WageType: schemas.WageBasic, IDNumber: "X1"}
	slot := &schemas.Slot{Unit: "12139721B", SlotType: schemas.SlotFull, FundChannel: schemas.FundFull, ValidFrom: 18262, IDNumber: number, SlotNo: "S-1", Name: "张三"}
	for _, b := range []hub.Batch{
		{Topic: "finance.pay_line", Partition: 2, Delivery: 1, Records: []schemas.Record{record(t, 1, pay), record(t, 2, bare)}},
		{Topic: "staffing.slot", Partition: 5, Delivery: 2, Records: []schemas.Record{record(t, 3, slot)}},
	} {
		if err := log.Append(t.Context(), []hub.Batch{b}); err != nil {
			t.Fatal(err)
		}
	}
	return log
}

func record(t testing.TB, n byte, row schemas.Row) schemas.Record {
	t.Helper()
	if field, reason := row.Derive(schemas.Delivered{PayMonth: 202610}); reason != "" {
		t.Fatalf("field %s: %s", field, reason)
	}
	value, err := schemas.NewEncoder(matchertest.SubjectOf(t, row)).Append(nil, 1, row)
	if err != nil {
		t.Fatal(err)
	}
	return schemas.Record{ID: schemas.ID{n}, Line: int64(n) + 1, Key: []byte(row.Key()), Value: value}
}

func TestRows(t *testing.T) {
	log := openLog(t)
	refs := []state.Ref{state.RefOf("staffing.slot", 5, 0), state.RefOf("finance.pay_line", 2, 1), state.RefOf("finance.pay_line", 2, 0)}
	rows, err := evidence.Rows(t.Context(), log, known, refs)
	if err != nil {
		t.Fatal(err)
	}
	got := ""
	for i, r := range rows {
		if r.Ref != refs[i] {
			t.Errorf("row %d is of %v, want them in the order asked for", i, r.Ref)
		}
		got += fmt.Sprintf("%s: %s %s of %s, line %d of %s, delivery %d at %s\n", r.Agency, r.Subject, r.Label, r.Record[:2], r.Line, r.File, r.Delivery, r.Taken.Format("15:04"))
		for _, f := range r.Fields {
			if f.Identity {
				f.Value = "<" + f.Value + ">"
			}
			got += fmt.Sprintf("  %s %s: %s\n", f.Name, f.Label, f.Value)
		}
	}
	if diff := cmp.Diff(wantRows, got); diff != "" {
		t.Errorf("rows differ (-want +got):\n%s", diff)
	}
}

const wantRows = `staffing: staffing.slot 编制占用 of 03, line 4 of staffing/slots.csv, delivery 2 at 09:00
  person 人员标识: <139721199001010015>
  unit 单位代码: 12139721B
  valid_from 生效日期: 2020-01-01
  valid_to 失效日期: 
  slot_type 编制类型: 事业全额
  fund_channel 经费渠道: 财政全额
  leader 领导职务: 
  permit_no 入编核准单号: 
  permit_date 入编核准日期: 
  name 姓名: 张三
  slot_no 编制序号: S-1
  id_number 证件号码: <139721199001010015>
finance: finance.pay_line 工资发放明细 of 02, line 3 of finance/payroll-202609.csv, delivery 1 at 08:00
  person 人员标识: <>
  unit 发放单位代码: 12139721A
  period 所属期: 202608
  class 发放性质: 在职工资
  amount_fen 金额: 0.05
  name 姓名: 李四
  wage_type 工资类别: 基本工资
  fund_channel 经费渠道: 
  payment_month 发放月份: 202610
  paid_on 发放日期: 
  unit_name 发放单位名称: 
  id_number 证件号码: <X1>
finance: finance.pay_line 工资发放明细 of 01, line 2 of finance/payroll-202609.csv, delivery 1 at 08:00
  person 人员标识: <139721199001010015>
  unit 发放单位代码: 12139721A
  period 所属期: 202609
  class 发放性质: 冲减更正
  amount_fen 金额: -1234.56
  name 姓名: 张三
  wage_type 工资类别: 冲减
  fund_channel 经费渠道: 财政差额
  payment_month 发放月份: 202610
  paid_on 发放日期: 2026-09-30
  unit_name 发放单位名称: 县第一中学
  id_number 证件号码: <139721199001010015>
  备注 备注: 补扣
  证件号码 证件号码: < 1397-damaged >
  配偶 配偶: <139721 19900101 0023>
`

func TestCite(t *testing.T) {
	cited, err := evidence.Cite(t.Context(), openLog(t), known, []state.Ref{state.RefOf("staffing.slot", 5, 0), state.RefOf("finance.pay_line", 2, 1)})
	if err != nil {
		t.Fatal(err)
	}
	want := []schemas.CitedRow{
		{File: "staffing/slots.csv", Line: 4, Delivery: 2, Record: schemas.ID{3}.String()},
		{File: "finance/payroll-202609.csv", Line: 3, Delivery: 1, Record: schemas.ID{2}.String()},
	}
	if diff := cmp.Diff(want, cited); diff != "" {
		t.Errorf("citations differ (-want +got):\n%s", diff)
	}
}

// A place where nothing lies, and a delivery that nobody knows, are errors.
func TestNoEvidence(t *testing.T) {
	log := openLog(t)
	if _, err := evidence.Rows(t.Context(), log, known, []state.Ref{state.RefOf("staffing.slot", 5, 9)}); err == nil {
		t.Error("a row beyond the end of the log was read")
	}
	if _, err := evidence.Cite(t.Context(), log, receipts{}, []state.Ref{state.RefOf("staffing.slot", 5, 0)}); err == nil {
		t.Error("a row of an unknown delivery was cited")
	}
	if rows, err := evidence.Rows(t.Context(), log, known, nil); err != nil || len(rows) != 0 {
		t.Errorf("no places gave %d rows, %v", len(rows), err)
	}
}
