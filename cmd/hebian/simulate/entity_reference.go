package simulate

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"

	"hebian/schemas"
)

// reference holds the files on what an institution is beside its registration: how it is made up, what it may do, what it is called
// online, how many applications it dealt with. Nothing in them is wrong.
type reference struct {
	*folder
	departments, plans, duties, online, figures *table
}

// writeReference writes all of it for the units that live.
func (r *registers) writeReference(dir string) error {
	f := &reference{folder: r.folder}
	figures := csvForm("hall/case_figures.csv", "uscc,month,item_code,item_name,accepted,finished,overdue,poor_ratings", 1, 0)
	figures.spoil = spoilCSV(1, "202613", 0, false)
	for _, place := range []struct {
		table **table
		form  form
	}{
		{&f.departments, csvForm("staffing/departments.csv", "uscc,department_no,name,duties,slots,chief,deputy,valid_from,valid_to", 7, 2)},
		{&f.plans, csvForm("staffing/establishment_plans.csv", "uscc,document_no,title,issued_by,issued_on,effective_on,status,digest", 4, 2)},
		{&f.duties, csvForm("staffing/duties.csv", "uscc,item_code,name,kind,basis,department_no,document_no,valid_from,valid_to", 7, 2)},
		{&f.online, csvForm("staffing/online_names.csv", "uscc,domain,kind,registered_on,expires_on", 3, 1)},
		{&f.figures, figures},
	} {
		if err := f.open(dir, place.form, place.table); err != nil {
			return err
		}
	}
	breakEvery := max(1, f.plan.live/brokenRows)
	for i := range f.plan.live {
		if i%breakEvery == 0 {
			for _, t := range []*table{f.departments, f.plans, f.duties, f.online, f.figures} {
				t.due++
			}
		}
		f.unit(i)
	}
	return f.failed()
}

func put(t *table, cells ...string) { t.endRow(append(t.row(), csvRow(cells...)...)) }

func (f *reference) unit(index int) {
	d := drawsOf(f.plan.Seed, streamReference, uint64(index))
	u := &f.plan.units[index]
	issued := f.plan.asOf - schemas.Date(d.between(200, 3000))
	document := "编发〔" + strconv.Itoa(int(issued.Month())/100) + "〕" + strconv.Itoa(index+1) + "号"
	f.plansOf(u, &d, issued, document)
	departments := d.between(2, 5)
	for n := range departments {
		names := [...]string{"办公室", "人事股", "业务一股", "业务二股", "政策法规股"}
		what := [...]string{"负责文电、会务、保密和后勤工作", "负责人事管理和机构编制工作", "承担业务办理工作", "承担监督检查工作", "承担规范性文件合法性审核工作"}
		put(f.departments, u.code, departmentNo(n), names[n], what[n], strconv.Itoa(d.between(2, 9)), "1", strconv.Itoa(d.below(2)), issued.String(), "")
	}
	f.dutiesOf(index, &d, departments, issued, document)
	f.onlineName(index, &d)
}

func departmentNo(n int) string { return strconv.Itoa(n + 101)[1:] }

// plansOf writes the document in force, and now and then the one before it.
func (f *reference) plansOf(u *unit, d *draws, issued schemas.Date, document string) {
	line := func(document string, on schemas.Date, status string) {
		title := u.name.utf8 + "职能配置、内设机构和人员编制规定"
		sum := sha256.Sum256([]byte(document + title))
		put(f.plans, u.code, document, title, cityName+"机构编制委员会", on.String(), on.String(), status, hex.EncodeToString(sum[:]))
	}
	line(document, issued, "现行")
	if d.chance(300) {
		line("旧"+document, issued.AddMonths(-60), "废止")
	}
}

// dutiesOf writes what the unit may do, and how the hall fared with what people apply for.
func (f *reference) dutiesOf(index int, d *draws, departments int, since schemas.Date, document string) {
	u := &f.plan.units[index]
	kinds := [...]string{"许可", "处罚", "强制", "征收", "给付", "检查", "确认", "奖励", "裁决", "其他"}
	for n := range d.between(2, 6) {
		kind := kinds[d.below(len(kinds))]
		code, name := string(serial(nil, "QZ", index*10+n+1)), "业务事项"+strconv.Itoa(n+1)+"（行政"+kind+"）"
		put(f.duties, u.code, code, name, kind, "《"+cityName+"办事条例》第"+strconv.Itoa(d.between(1, 60))+"条", departmentNo(d.below(departments)), document, since.String(), "")
		if kind == "许可" || kind == "给付" || kind == "确认" || n == 0 {
			f.figuresOf(u, d, code, name)
		}
	}
}

func (f *reference) figuresOf(u *unit, d *draws, code, name string) {
	usual := d.between(5, 200)
	for _, m := range f.plan.months {
		accepted := usual*3/4 + d.below(usual/2+1)
		finished := accepted - d.below(accepted/10+1)
		put(f.figures, u.code, m.text, code, name, strconv.Itoa(accepted), strconv.Itoa(finished), strconv.Itoa(d.below(accepted/20+1)), strconv.Itoa(d.below(accepted/30+1)))
	}
}

// onlineName has long expired for some, and expires soon for others.
func (f *reference) onlineName(index int, d *draws) {
	if d.chance(100) {
		return
	}
	u := &f.plan.units[index]
	kind, ending := "公益", "xn--55qw42g"
	if u.kind.category == organ {
		kind, ending = "政务", "xn--zfr164b"
	}
	domain := "单位" + strconv.Itoa(index+1) + "." + kind
	if d.chance(200) {
		domain = "danwei" + strconv.Itoa(index+1) + "." + ending
	}
	expires := f.plan.asOf + schemas.Date(d.between(-200, 1500))
	put(f.online, u.code, domain, kind, expires.AddMonths(-60).String(), expires.String())
}
