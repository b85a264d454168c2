package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hebian/connectors"
)

// A profile is proposed, written down, tried, and shown, all without a hub.
func TestProfileCommands(t *testing.T) {
	dir := writeCounty(t, map[string]string{
		"wages-202609.csv": "单位编码,姓名,身份证号,工资项目,应发金额,发放时间,备注\n" +
			"11139723QA0000145B,张三,139721196001010003,基本工资,5432.10,2026/9/10,同139721196001010003\n" +
			"11139723QA0000145B,李四,139721196001010003,基本工资,很多,2026/9/10,\n",
		"broken.yaml": "agency: x\nfiles:\n  - file: x/y.csv\n    subjekt: civil.death\n",
		"none.csv":    "甲,乙\n1,2\n",
	})
	sample, profile := filepath.Join(dir, "wages-202609.csv"), filepath.Join(dir, "wages.yaml")
	mustRun(t, "profile", "suggest", sample, "--agency", "partner", "--out", profile)
	if _, err := connectors.ParseProfile([]byte(readText(t, profile))); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name  string
		args  []string
		code  int
		says  []string // all of them on one of the streams
		hides string
	}{
		{"check", []string{"check", profile, sample}, 0, []string{"1 rows accepted, 1 refused", "金额=5432.10", "UNREADABLE", "应发金额", "139721***********3", "所属期", "备注", "kept and not used"}, "139721196001010003"},
		{"check with numbers", []string{"check", profile, sample, "--show-numbers"}, 0, []string{"证件号码=139721196001010003"}, ""},
		{"check as JSON", []string{"check", profile, sample, "-o", "json"}, 0, []string{`"accepted": 1`, `"UNREADABLE": 1`, `"unused": [`}, "139721196001010003"},
		{"check strictly", []string{"check", profile, sample, "--strict"}, 3, []string{"1 rows were refused"}, ""},
		{"check no rows", []string{"check", profile, sample, "--rows", "0"}, 0, []string{"1 refused"}, "5432"},
		{"check a broken profile", []string{"check", filepath.Join(dir, "broken.yaml"), sample}, 1, []string{"[4:5]", "subjekt"}, ""},
		{"check another file", []string{"check", profile, sample, "--file", "other.csv"}, 2, []string{"partner/wages-{month}.csv"}, ""},
		{"suggest over a file", []string{"suggest", sample, "--out", profile}, 2, []string{"is there already"}, ""},
		{"suggest nothing", []string{"suggest", filepath.Join(dir, "none.csv")}, 1, []string{"no column of the sample looks like", "甲, 乙"}, ""},
		{"suggest for a subject", []string{"suggest", sample, "--subject", "civil.death"}, 0, []string{"subject: civil.death", "# unused:"}, ""},
		{"suggest for no subject", []string{"suggest", sample, "--subject", "weather"}, 2, []string{"--subjects"}, ""},
		{"suggest for no agency", []string{"suggest", sample, "--agency", "A B"}, 2, []string{"small letters"}, ""},
		{"list", []string{"list"}, 0, []string{"finance/payroll-{month}.csv", "财政"}, ""},
		{"show", []string{"show", "tax"}, 0, []string{"agency: tax", "header: 纳税人识别号"}, ""},
		{"show as JSON", []string{"show", "tax", "-o", "json"}, 0, []string{`"agency": "tax"`}, ""},
		{"show one to begin with", []string{"show", "generic"}, 0, []string{string(connectors.Template)}, ""},
		{"show subjects", []string{"show", "--subjects"}, 0, []string{"finance.pay_line 工资发放明细", "基本工资"}, "hub.misfit"},
		{"show nobody", []string{"show", "weather"}, 2, []string{"the agencies are civil"}, ""},
		{"show nothing", []string{"show"}, 2, []string{"--subjects"}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			code, out, errs := hebian(t, append([]string{"profile"}, test.args...)...)
			if code != test.code {
				t.Errorf("exit code %d, want %d", code, test.code)
			}
			for _, says := range test.says {
				if !strings.Contains(out+errs, says) {
					t.Errorf("it does not say %q", says)
				}
			}
			if test.hides != "" && strings.Contains(out+errs, test.hides) {
				t.Errorf("it says %q", test.hides)
			}
			if t.Failed() {
				t.Logf("%s%s", out, errs)
			}
		})
	}
}

// Numbers of persons are hidden wherever they stand in a trial; codes of units are not.
func TestHidden(t *testing.T) {
	for _, test := range []struct {
		name string
		cell connectors.MappedCell
		want string
	}{
		{"a number", connectors.MappedCell{Text: "139721196001010003", Identity: true}, "139721***********3"},
		{"a damaged number", connectors.MappedCell{Text: "1397211960010100", Identity: true}, "13**************"},
		{"a number where none is expected", connectors.MappedCell{Text: "13972119600101 0003"}, "139721***********3"},
		{"a number in a text", connectors.MappedCell{Text: "见139721196001010003号"}, "见139721***********3号"},
		{"a taxpayer number of a person", connectors.MappedCell{Text: "13972119600101000301"}, "13******************"},
		{"a credit code", connectors.MappedCell{Text: "11139723QA0000145B"}, "11139723QA0000145B"},
		{"an amount", connectors.MappedCell{Text: "5432.10"}, "5432.10"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := hidden(test.cell); got != test.want {
				t.Errorf("hidden is %q, want %q", got, test.want)
			}
		})
	}
}

// A profile of the office's own is listed and shown beside the built-in ones.
func TestProfileConfigured(t *testing.T) {
	dir := writeCounty(t, map[string]string{"c.yaml": "profiles: profiles\n", "profiles/p.yaml": string(connectors.Template)})
	code, out, errs := hebian(t, "profile", "show", "my-agency", "--config", filepath.Join(dir, "c.yaml"))
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	if _, err := connectors.ParseProfile([]byte(out)); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	if err := os.WriteFile(filepath.Join(dir, "profiles", "p.yaml"), []byte("agency: p\nfile: x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := hebian(t, "profile", "list", "--config", filepath.Join(dir, "c.yaml")); code != 2 || !strings.Contains(errs, "p.yaml") {
		t.Errorf("exit code %d: %s", code, errs)
	}
}
