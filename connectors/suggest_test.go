package connectors_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hebian/connectors"
	"hebian/schemas"
)

// A profile that is proposed for a file of an agency is of the same subject as the built-in one and takes as many of its rows.
func TestSuggestForCounties(t *testing.T) {
	profiles, err := connectors.Profiles()
	if err != nil {
		t.Fatal(err)
	}
	counties := []string{"edge", "a", "b"}
	if testing.Short() {
		counties = counties[:1]
	}
	seen, tried := map[string]bool{}, map[*connectors.File]bool{}
	for _, county := range counties {
		dir := filepath.Join("..", "testdata", "county", county, "in")
		folder, err := connectors.Scan(dir, profiles)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range folder.Found {
			if testing.Short() && tried[found.File] { // another month of the same
				continue
			}
			tried[found.File] = true
			t.Run(county+"/"+found.Name, func(t *testing.T) {
				seen[found.Subject] = true
				path := filepath.Join(dir, found.Name)
				want, err := found.File.Try(t.Context(), path, 0)
				if err != nil {
					t.Fatal(err)
				}
				profile, text := suggest(t, path, found.Agency) // some registers are read by whose they are
				got, err := profile.Files[0].Try(t.Context(), path, 0)
				if err != nil {
					t.Fatalf("%v\n%s", err, text)
				}
				if profile.Files[0].Subject != found.Subject || got.Accepted < want.Accepted {
					t.Errorf("as %s %d rows are accepted, want as %s %d; refused are %v\n%s", profile.Files[0].Subject, got.Accepted, found.Subject, want.Accepted, got.Reasons, text)
				}
			})
		}
	}
	if len(seen) < 15 {
		t.Errorf("the counties have files of %d subjects only", len(seen))
	}
}

// suggest proposes a profile for a file, which must be one.
func suggest(t *testing.T, path, agency string) (connectors.Profile, string) {
	t.Helper()
	sample, err := connectors.ReadSample(path)
	if err != nil {
		t.Fatal(err)
	}
	s, err := connectors.Suggest(sample, "")
	if err != nil {
		t.Fatal(err)
	}
	text, err := s.YAML(agency)
	if err != nil {
		t.Fatal(err)
	}
	p, err := connectors.ParseProfile(text)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return p, string(text)
}

func sampleFile(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Headers and values that no profile of ours has, as agencies write them.
func TestSuggestForStrangers(t *testing.T) {
	for _, test := range []struct {
		name, content string
		subject       string
		fields        map[string]string // of headers
		lacking       string            // the columns that a person must find
	}{
		{
			"wages-202609.csv", "单位编码,单位,人员姓名,身份证号码,工资项目,应发金额,发放时间\n11139723QA0000145B,某局,张三,139721196001010003,基本工资,\"5,432.10\",2026/9/10\n",
			"finance.pay_line", map[string]string{"单位编码": "unit", "单位": "unit_name", "身份证号码": "id_number", "工资项目": "wage_type", "应发金额": "amount_fen", "发放时间": "paid_on"}, "所属期",
		}, {
			"register.csv", "单位名称,社会信用代码,负责人,地址,注册时间,登记状态,区划代码\n某局,11139723QA0000145B,李四,建设路1号,2001年2月3日,存续,139721\n",
			"entity.registration", map[string]string{"单位名称": "name", "社会信用代码": "uscc", "负责人": "legal_rep", "注册时间": "established", "登记状态": "status"}, "source_id",
		}, {
			"insured.csv", "社保号码,参保人姓名,参保单位编码,缴费月份\n139721196001010003,张三,12139722QA0000372Y,202609\n",
			"social.insurance", map[string]string{"社保号码": "id_number", "参保单位编码": "unit", "缴费月份": "period"}, "",
		}, {
			"posts.csv", "身份证,姓名,单位代码,编制类型,经费形式,入编时间\n139721196001010003,张三,12139722QA0000372Y,3,财政全额,20200101\n",
			"staffing.slot", map[string]string{"身份证": "id_number", "编制类型": "slot_type", "经费形式": "fund_channel", "入编时间": "valid_from"}, "slot_no",
		}, {
			"away.ndjson", `{"公民身份号码":"139721196001010003","单位统一社会信用代码":"12139722QA0000372Y","类别":"absent","开始日期":"2026.1.1","结束日期":"","是否批准":"是"}` + "\n",
			"hr.absence", map[string]string{"公民身份号码": "id_number", "单位统一社会信用代码": "unit", "开始日期": "from_date", "结束日期": "to_date", "是否批准": "approved"}, "",
		}, {
			"x.csv", "a,b,c,d,e\n139721196001010003,张三,12139722QA0000372Y,retire,2026-01-01\n139721196001010003,李四,12139722QA0000372Y,retire,2026-01-01\n",
			"hr.staff_event", map[string]string{"a": "id_number", "c": "unit", "d": "event"}, "effective",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := sampleFile(t, test.name, test.content)
			p, text := suggest(t, path, "partner")
			f := &p.Files[0]
			if f.Subject != test.subject {
				t.Fatalf("subject is %s, want %s\n%s", f.Subject, test.subject, text)
			}
			fields := map[string]string{}
			for _, c := range f.Columns {
				fields[c.Header] = c.Field
			}
			for header, field := range test.fields {
				if fields[header] != field {
					t.Errorf("%s is taken for %q, want %s\n%s", header, fields[header], field, text)
				}
			}
			if test.lacking != "" {
				if fields[test.lacking] == "" || !strings.Contains(text, "# lacking: ") {
					t.Errorf("it is not told that %s is lacking\n%s", test.lacking, text)
				}
				return
			}
			if trial, err := f.Try(t.Context(), path, 0); err != nil || trial.Accepted != 1 {
				t.Errorf("the row is not accepted: %v, %v\n%s", err, trial.Reasons, text)
			}
		})
	}
}

func TestSuggestNothing(t *testing.T) {
	sample, err := connectors.ReadSample(sampleFile(t, "none.csv", "甲,乙\n1,2\n"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := connectors.Suggest(sample, ""); err == nil || !strings.Contains(err.Error(), "甲, 乙") {
		t.Errorf("the error is %v, want one that names the columns", err)
	}
	if _, err := connectors.ReadSample(sampleFile(t, "none.txt", "x")); err == nil || !strings.Contains(err.Error(), ".csv") {
		t.Errorf("the error is %v, want one that names the endings", err)
	}
}

// What is written of a profile is read again as the same profile.
func TestProfileYAML(t *testing.T) {
	profiles, err := connectors.Profiles()
	if err != nil {
		t.Fatal(err)
	}
	template, err := connectors.ParseProfile(connectors.Template)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range append(slices.Clone(profiles), template, *partner(t)) {
		got, err := connectors.ParseProfile(want.YAML())
		if err != nil {
			t.Fatalf("%v\n%s", err, want.YAML())
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s differs (-want +got):\n%s", want.Agency, diff)
		}
	}
}

// A trial shows rows in words, and what the sample and the profile have not in common.
func TestTry(t *testing.T) {
	f := &partner(t).Files[0]
	trial, err := f.Try(t.Context(), sampleFile(t, "other.csv", "ID,名称,状态,备注\nK1,甲局,1,新\nK2,乙局,7,\n"), 5)
	if err != nil {
		t.Fatal(err)
	}
	if trial.Accepted != 1 || trial.Quarantined != 1 || trial.Reasons["UNREADABLE"] != 1 || len(trial.Refused) != 1 || trial.Refused[0].Column != "状态" {
		t.Errorf("the trial is %+v", trial)
	}
	if diff := cmp.Diff([]string{"成立日期", "地址"}, trial.Lacking); diff != "" {
		t.Errorf("lacking columns differ (-want +got):\n%s", diff)
	}
	words := map[string]string{}
	for _, c := range trial.Rows[0].Cells(schemas.SubjectOf(f.Subject)) {
		words[c.Label] = c.Text
	}
	if diff := cmp.Diff(map[string]string{"来源部门": "partner", "来源编号": "K1", "名称": "甲局", "状态": "正常", "备注": "新"}, words); diff != "" {
		t.Errorf("the row differs (-want +got):\n%s", diff)
	}
}

// Whatever stands in a sample, what is proposed for it is a profile.
func FuzzSuggest(f *testing.F) {
	f.Add("x.csv", "证件号码,姓名,死亡日期\n139721196001010003,张三,20260101\n")
	f.Add("a b: #.csv", "证件号码,姓名,死亡日期,\"a\nb\",\"'\"\"\",: x,- y,#,null,\u2028\n139721196001010003,张三,20260101,,,,,,,\n")
	f.Add("202609{month}.ndjson", "{\"id_number\":\"139721196001010003\",\"\":1,\"uscc\":\"x\",\"event\":\"{\"}\n")
	f.Add("y.csv", "身份证,身份证,死亡时间,\xff\n")
	f.Fuzz(func(t *testing.T, name, content string) {
		name = strings.ReplaceAll(strings.ToValidUTF8(name, ""), "/", "")
		if ext := filepath.Ext(name); strings.ContainsRune(name, 0) || len(name) > 60 || ext != ".csv" && ext != ".ndjson" {
			return
		}
		sample, err := connectors.ReadSample(sampleFile(t, name, content))
		if err != nil {
			return
		}
		s, err := connectors.Suggest(sample, "")
		if err != nil {
			return
		}
		text, err := s.YAML("partner")
		if err != nil {
			t.Fatal(err)
		}
		p, err := connectors.ParseProfile(text)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		for i, c := range s.Columns {
			if diff := cmp.Diff(c.Column, p.Files[0].Columns[i]); diff != "" {
				t.Fatalf("the column is not read as it was meant (-want +got):\n%s\n%s", diff, text)
			}
		}
	})
}
