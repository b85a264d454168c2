package search_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"hebian/matcher/entity/search"
)

// benchEntities is a province's.
const benchEntities = 1_000_000

// BenchmarkPut fills an index: a code of 18 places, of every second entity another of 15, a name, and of every tenth a former one.
func BenchmarkPut(b *testing.B) {
	for b.Loop() {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		x := search.New[number]()
		for id := number(1); id <= benchEntities; id++ {
			put(x, id)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		runtime.KeepAlive(x)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/benchEntities, "bytes/entity")
	}
	b.ReportMetric(float64(benchEntities*b.N)/b.Elapsed().Seconds(), "puts/s")
}

// BenchmarkFind looks for texts of each kind, alone and beside a writer that renames entities all the time.
func BenchmarkFind(b *testing.B) {
	x := search.New[number]()
	for id := number(1); id <= benchEntities; id++ {
		put(x, id)
	}
	all := queries()
	for _, kind := range []string{"code", "part of a code", "name", "beginning", "part of a name", "two characters", "one character", "rare character", "former name", "nobody's", "frequent pieces"} {
		b.Run(kind, func(b *testing.B) { find(b, x, all[kind]) })
	}
	var mixed []string
	for _, of := range all {
		mixed = append(mixed, of...)
	}
	slices.Sort(mixed)
	random := rand.New(rand.NewPCG(3, 3))
	random.Shuffle(len(mixed), func(i, j int) { mixed[i], mixed[j] = mixed[j], mixed[i] })
	b.Run("mixed", func(b *testing.B) { find(b, x, mixed) })
	b.Run("mixed/beside a writer", func(b *testing.B) {
		done := make(chan struct{})
		var writing sync.WaitGroup
		writing.Go(func() {
			for id := number(1); ; id = id%benchEntities + 1 {
				select {
				case <-done:
					return
				default:
					x.Put(id, nil, []string{madeUpName(int(id) + 7)}, nil)
					put(x, id)
				}
			}
		})
		find(b, x, mixed)
		close(done)
		writing.Wait()
	})
}

func find(b *testing.B, x *search.Index[number], queries []string) {
	var took []time.Duration
	hits, n := 0, 0
	for b.Loop() {
		started := time.Now()
		hits += len(x.Find(queries[n%len(queries)], 50))
		took = append(took, time.Since(started))
		n++
	}
	slices.Sort(took)
	b.ReportMetric(took[len(took)*99/100].Seconds()*1000, "p99-ms")
	b.ReportMetric(took[len(took)-1].Seconds()*1000, "max-ms")
	b.ReportMetric(float64(hits)/float64(n), "hits/op")
}

func put(x *search.Index[number], id number) {
	n := int(id)
	codes := []string{madeUpCode(n)}
	if n%2 == 0 {
		codes = append(codes, fmt.Sprintf("1397%011d", n*31))
	}
	var former []string
	if n%10 == 0 {
		former = []string{madeUpName(n + benchEntities)}
	}
	x.Put(id, codes, []string{madeUpName(n)}, former)
}

// queries are texts to look for, by what they are.
func queries() map[string][]string {
	random := rand.New(rand.NewPCG(1, 2))
	all := map[string][]string{
		"rare character":  {"𠮷", "𠮷𠮷", "德𠮷", "\U00020021"},
		"nobody's":        {"有限学校", "公司公司", "县有限", "00000000000000000X", "青岚"},
		"one character":   {"公", "县", "德", "学", "（", "1", "X"},
		"frequent pieces": {"德明德明", "有限公司有", "司有限公", "公司德", "县德县德", "中学校", "华泰公司"},
	}
	for range 200 {
		n := 1 + random.IntN(benchEntities)
		code, name := madeUpCode(n), []rune(madeUpName(n))
		at := random.IntN(10)
		all["code"] = append(all["code"], code)
		all["part of a code"] = append(all["part of a code"], code[at:at+4+at%5])
		all["name"] = append(all["name"], string(name))
		all["beginning"] = append(all["beginning"], string(name[:2+n%4]))
		all["part of a name"] = append(all["part of a name"], string(name[3:6+n%4]))
		all["two characters"] = append(all["two characters"], string(name[n%8:n%8+2]))
		all["former name"] = append(all["former name"], madeUpName(n/10*10+benchEntities))
	}
	return all
}

func madeUpCode(n int) string {
	return fmt.Sprintf("%d11397%02dQD%07d%X", 1+n%9, n%90, n, n%16)
}

var (
	places = []string{"云溪市", "青岚县", "白鹭县", "松原区", "石榴县", "望湖区", "丹枫县", "河北省云溪市"}
	trades = []string{"", "商贸", "科技", "建筑工程", "第一", "农业发展", "物业管理", "文化传媒", "餐饮", "信息技术", "实验"}
	forms  = []string{"有限公司", "有限责任公司", "（集团）有限公司", "中学", "小学校", "幼儿园", "专业合作社", "管理处", "协会", "经营部", "有限公司分公司"}
)

// madeUpName is a name of 9 to 20 characters. Of those in the middle some are frequent and most are rare.
func madeUpName(n int) string {
	random := rand.New(rand.NewPCG(uint64(n), 9))
	middle := make([]rune, 2+random.IntN(3))
	for i := range middle {
		if middle[i] = rune(0x4e00 + random.IntN(6000)); random.IntN(3) > 0 {
			middle[i] = []rune("德明华泰金盛丰瑞嘉恒远达润和顺宏福康永安诚信广源")[random.IntN(24)]
		}
	}
	if n%300_000 == 17 {
		middle[0] = '𠮷'
	}
	pick := func(from []string) string { return from[random.IntN(len(from))] }
	return pick(places) + string(middle) + pick(trades) + pick(forms)
}
