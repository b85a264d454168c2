package simulate

import (
	"fmt"
	"strings"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/simplifiedchinese"
)

// word is a piece of text in both encodings of the folder, so that GB18030 rows are put together
// from ready bytes.
type word struct{ utf8, gb string }

// speller makes words. It remembers the first text that GB18030 can't write.
type speller struct {
	gb  *encoding.Encoder
	err error
}

func newSpeller() *speller { return &speller{gb: simplifiedchinese.GB18030.NewEncoder()} }

func (s *speller) word(text string) word {
	gb, err := s.gb.String(text)
	if err != nil && s.err == nil {
		s.err = fmt.Errorf("write %q in GB18030: %w", text, err)
	}
	return word{utf8: text, gb: gb}
}

func (s *speller) words(texts string) []word {
	var out []word
	for _, text := range strings.Fields(texts) {
		out = append(out, s.word(text))
	}
	return out
}

// nameBook holds the pieces that names are made of.
type nameBook struct {
	surnames, given, rare []word
	long                  []word // parts of names that are written with an interpunct
	dot                   word
	dragon                word // 䶮, which old systems keep in the private-use area
	privateDragon         string
}

func newNameBook(s *speller) nameBook {
	return nameBook{
		surnames: s.words("王 李 张 刘 陈 杨 黄 赵 吴 周 徐 孙 马 朱 胡 郭 何 高 林 罗 郑 梁 谢 宋 唐 许 韩 冯 邓 曹 彭 曾 肖 田 董 " +
			"袁 潘 于 蒋 蔡 余 杜 叶 程 苏 魏 吕 丁 任 沈 姚 卢 姜 崔 钟 谭 陆 汪 范 金 石 廖 贾 夏 韦 付 方 白 邹 孟 熊 秦 邱 江 尹 薛 " +
			"闫 段 雷 侯 龙 史 陶 黎 贺 顾 毛 郝 龚 邵 万 钱 严 覃 武 戴 莫 孔 向 汤 欧阳 司马 上官 诸葛 慕容 尉迟"),
		given: s.words("伟 芳 娜 敏 静 丽 强 磊 军 洋 勇 艳 杰 娟 涛 明 超 秀 霞 平 刚 桂 英 华 玉 萍 红 建 文 辉 力 志 海 雪 梅 兰 " +
			"春 秋 冬 晓 东 西 南 北 国 庆 民 生 永 福 贵 祥 瑞 林 森 松 柏 竹 菊 莲 荷 云 雨 雷 电 山 川 江 河 湖 波 浪 清 澈 洁 净 思 " +
			"念 忆 怀 远 航 飞 翔 鹏 鹤 凤 龙 虎 骏 驰 腾 跃 欣 悦 怡 然 安 宁 康 健 乐 嘉 佳 美 慧 智 睿 聪 哲 博 雅 诗 书 琴 画"),
		rare:          s.words("堃 喆 淼 䶮 𠮷 昉 旸 珺 翀 骉 犇 垚"),
		long:          s.words("阿依古丽 买买提 艾山 吐尔逊 热依汗 努尔兰 古丽娜尔 木合塔尔 帕尔哈提 才仁 卓玛 扎西 多吉 次仁 央金 巴图 那仁 乌云 其木格 苏和"),
		dot:           s.word("·"),
		dragon:        s.word("䶮"),
		privateDragon: "\x83\x36\xcf\x39",
	}
}

// name appends a name in both encodings.
func (b *nameBook) name(d *draws, utf8, gb []byte) ([]byte, []byte) {
	put := func(w word) { utf8, gb = append(utf8, w.utf8...), append(gb, w.gb...) }
	if d.chance(15) {
		return b.longName(d, utf8, gb)
	}
	put(b.surnames[d.below(len(b.surnames))])
	put(b.given[d.below(len(b.given))])
	switch {
	case d.chance(20):
		put(b.rare[d.below(len(b.rare))])
	case d.chance(700):
		put(b.given[d.below(len(b.given))])
	}
	return utf8, gb
}

func (b *nameBook) longName(d *draws, utf8, gb []byte) ([]byte, []byte) {
	for _, w := range []word{b.long[d.below(len(b.long))], b.dot, b.long[d.below(len(b.long))]} {
		utf8, gb = append(utf8, w.utf8...), append(gb, w.gb...)
	}
	return utf8, gb
}
