package main

import (
	"os"
	"testing"

	"github.com/chromedp/chromedp"
)

func TestZShoot(t *testing.T) {
	out := "/tmp/h6/shots/"
	os.MkdirAll(out, 0o755)
	d := startDemo(t, "--pace", "5m")
	d.waitFor(t, "lin takes")
	for lang, words := range map[string][]string{"zh": {"账号", "密码", "登录", "发薪单位不符", "领取此事项"}, "en": {"Account", "Password", "Sign in", "Payer mismatch", "Claim this case"}} {
		b := newBrowser(t, d.url, map[string]string{"zh": "zh-CN", "en": "en"}[lang])
		b.do("view", chromedp.EmulateViewport(1366, 768))
		shot := func(name string) {
			p, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
			if err != nil {
				t.Fatal(err)
			}
			os.WriteFile(out+lang+"-"+name+".png", p, 0o644)
		}
		b.open("/")
		shot("signin")
		b.write(words[0], "officer")
		b.write(words[1], d.password)
		b.press("button", words[2])
		b.do("wait", chromedp.WaitVisible(chromedp.CSS("tbody a")))
		shot("list")
		b.open("/cases?code=PAYER_MISMATCH")
		b.do("open the case", chromedp.Click(chromedp.CSS("tbody a"), chromedp.NodeVisible))
		b.see(words[4])
		shot("case")
		b.press("button", words[4])
		b.do("wait", chromedp.WaitVisible(chromedp.CSS("#reason")))
		shot("decide")
		b.open("/cases?code=OVER_QUOTA")
		b.do("open the case", chromedp.Click(chromedp.CSS("tbody a"), chromedp.NodeVisible))
		b.see(words[4])
		shot("quota")
		b.open("/cases?state=claimed")
		b.do("open the case", chromedp.Click(chromedp.CSS("tbody a"), chromedp.NodeVisible))
		b.see("lin")
		shot("held")
		b.open("/cases?state=settled")
		b.do("open the case", chromedp.Click(chromedp.CSS("tbody a"), chromedp.NodeVisible))
		b.see("lin")
		shot("settled")
	}
	d.end(t)
}
