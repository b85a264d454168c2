package archive_test

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"

	"hebian/connectors/archive"
)

var ample = archive.Limits{MaxBytes: 64 << 20, MaxRatio: 200}

// gzipped is a gzip file with a member for each text. The name is Latin-1.
func gzipped(name string, members ...string) string {
	var file bytes.Buffer
	for _, member := range members {
		w := gzip.NewWriter(&file)
		w.Name = name
		must(io.WriteString(w, member))
		must(0, w.Close())
	}
	return file.String()
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// entry is a file in a ZIP archive.
type entry struct {
	zip.FileHeader
	body string
}

func file(name, body string) entry {
	return entry{zip.FileHeader{Name: name, Method: zip.Deflate}, body}
}

func zipped(entries ...entry) string {
	var file bytes.Buffer
	w := zip.NewWriter(&file)
	for _, e := range entries {
		must(io.WriteString(must(w.CreateHeader(&e.FileHeader)), e.body))
	}
	must(0, w.Close())
	return file.String()
}

// raw is a ZIP archive whose one entry says of itself what it will.
func raw(header zip.FileHeader, body string) string {
	var file bytes.Buffer
	w := zip.NewWriter(&file)
	must(io.WriteString(must(w.CreateRaw(&header)), body))
	must(0, w.Close())
	return file.String()
}

func link(name, to string) entry {
	e := file(name, to)
	e.SetMode(fs.ModeSymlink | 0o777)
	return e
}

func deflated(body string) string {
	var packed bytes.Buffer
	w := must(flate.NewWriter(&packed, flate.BestCompression))
	must(io.WriteString(w, body))
	must(0, w.Close())
	return packed.String()
}

func expand(packed string, limits archive.Limits) (name, body string, err error) {
	var into bytes.Buffer
	name, err = archive.Expand(strings.NewReader(packed), int64(len(packed)), &into, limits)
	return name, into.String(), err
}

func TestExpand(t *testing.T) {
	rows := strings.Repeat("12139721MA00000001,张三,5432.10\r\n", 5000)
	stored := entry{zip.FileHeader{Name: "a.csv", Method: zip.Store}, rows}
	workbook := zipped(file("[Content_Types].xml", "<Types/>"), file("xl/workbook.xml", "<workbook/>"))
	for _, c := range []struct{ name, packed, fileName, body string }{
		{"gzip", gzipped("rows.csv", rows), "rows.csv", rows},
		{"gzip without a name", gzipped("", rows), "", rows},
		{"gzip of nothing", gzipped("", ""), "", ""},
		{"gzip of several members", gzipped("a", rows, "", "x", rows), "a", rows + "x" + rows},
		{"a name in UTF-8", gzipped("\u00E5\u00BC\u00A0.csv", "x"), "张.csv", "x"},
		{"a name in GBK", gzipped("\u00D5\u00C5.csv", "x"), "张.csv", "x"},
		{"a name with folders", gzipped("../../x\\y/rows.csv", "x"), "rows.csv", "x"},
		{"a name that can't be shown", gzipped("a\u001Bb", "x"), "", "x"},
		{"ZIP", zipped(file("rows.csv", rows)), "rows.csv", rows},
		{"ZIP, stored", zipped(stored), "a.csv", rows},
		{"ZIP of an empty file", zipped(file("rows.csv", "")), "rows.csv", ""},
		{"ZIP with folders", zipped(entry{zip.FileHeader{Name: "七月/"}, ""}, file("七月/rows.csv", rows)), "rows.csv", rows},
		{"ZIP with a name in GBK", zipped(entry{zip.FileHeader{Name: "\xC6\xDF\\\x81\x5C.csv", NonUTF8: true, Method: zip.Deflate}, rows}), "乗.csv", rows},
		{"ZIP with what systems put there", zipped(file("__MACOSX/._rows.csv", "x"), file("rows.csv", rows), file(".DS_Store", "x"), file("a/.DS_Store", "x")), "rows.csv", rows},
		{"ZIP behind something else", "PK\x03\x04, and more\n" + zipped(file("rows.csv", rows)), "rows.csv", rows},
		{"ZIP of a workbook", zipped(file("a.xlsx", workbook)), "a.xlsx", workbook},
		{"ZIP with a comment", strings.TrimSuffix(zipped(file("a", "x")), "\x00\x00") + "\x02\x00hi", "a", "x"},
	} {
		t.Run(c.name, func(t *testing.T) {
			name, body, err := expand(c.packed, ample)
			if err != nil || name != c.fileName || body != c.body {
				t.Errorf("%q, %d bytes, %v", name, len(body), err)
			}
		})
	}
}

func TestExpandRefuses(t *testing.T) {
	rows := strings.Repeat("12139721MA00000001,张三,5432.10\r\n", 500)
	whole, packed := gzipped("", rows), zipped(file("rows.csv", rows))
	flipped := []byte(whole)
	flipped[len(flipped)-6] ^= 1 // of the checksum
	corrupt := []byte(packed)
	corrupt[60] ^= 0x55
	wrongSum := raw(zip.FileHeader{Name: "a", Method: zip.Store, CRC32: 1, CompressedSize64: 3, UncompressedSize64: 3}, "abc")
	lies := raw(zip.FileHeader{Name: "a", Method: zip.Deflate, CRC32: crc32.ChecksumIEEE([]byte(rows)), CompressedSize64: uint64(len(deflated(rows))), UncompressedSize64: 10}, deflated(rows))
	tar := strings.Repeat("\x00", 257) + "ustar" + strings.Repeat("\x00", 762)
	for _, c := range []struct{ name, packed, want string }{
		{"nothing", "", "neither a gzip nor a ZIP"},
		{"text", "a,b\n", "neither a gzip nor a ZIP"},
		{"7z", "7z\xBC\xAF\x27\x1C", "neither a gzip nor a ZIP"},
		{"gzip cut in its header", whole[:5], "ends within it"},
		{"gzip cut", whole[:len(whole)/2], "ends within it"},
		{"gzip cut in its checksum", whole[:len(whole)-1], "ends within it"},
		{"gzip with a wrong checksum", string(flipped), "checksum"},
		{"gzip and a byte", whole + "x", "behind its end"},
		{"gzip and zeros", whole + strings.Repeat("\x00", 20), "behind its end"},
		{"gzip and text", whole + "a,b\nc,d\ne,f\n", "behind its end"},
		{"gzip and half a member", whole + whole[:len(whole)/2], "ends within it"},
		{"gzip and half a header", whole + "\x1F\x8B\x08", "ends within it"},
		{"gzip and a member cut in its name", whole + gzipped("rows.csv", "")[:14], "ends within it"},
		{"gzip and a header that is none", whole + "\x1F\x8B\x00" + strings.Repeat("\x00", 20), "invalid header"},
		{"gzip in gzip", gzipped("", whole), "another archive (gzip)"},
		{"ZIP in gzip", gzipped("", packed), "another archive (ZIP)"},
		{"tar in gzip", gzipped("", tar), "another archive (tar)"},
		{"RAR in ZIP", zipped(file("a.rar", "Rar!\x1A\x07\x01\x00")), "another archive (RAR)"},
		{"ZIP in ZIP", zipped(file("a.zip", packed)), "another archive (ZIP)"},
		{"ZIP without a file", zipped(), "holds no file"},
		{"ZIP with a folder only", zipped(entry{zip.FileHeader{Name: "a/"}, ""}), "holds no file"},
		{"ZIP with two files", zipped(file("a", "x"), file("b", "y")), "holds 2 files"},
		{"ZIP with the same file twice", zipped(file("a", "x"), file("a", "x")), "holds 2 files"},
		{"ZIP with a link", zipped(link("a", "/etc/passwd")), "no regular file"},
		{"ZIP, encrypted", raw(zip.FileHeader{Name: "a", Method: zip.Deflate, Flags: 1, CompressedSize64: 3, UncompressedSize64: 3}, "xyz"), "is encrypted"},
		{"ZIP, Deflate64", raw(zip.FileHeader{Name: "a", Method: 9, CompressedSize64: 3, UncompressedSize64: 3}, "xyz"), "method 9 (Deflate64)"},
		{"ZIP, an unknown method", raw(zip.FileHeader{Name: "a", Method: 77, CompressedSize64: 3, UncompressedSize64: 3}, "xyz"), "method 77;"},
		{"ZIP cut", packed[:len(packed)-30], "broken"},
		{"ZIP, corrupt", string(corrupt), "broken"},
		{"ZIP with a wrong checksum", wrongSum, "checksum"},
		{"ZIP that says it is smaller", lies, "broken"},
		{"ZIP with a huge directory", manyFiles(1100, strings.Repeat("x", 1000)), "its directory is longer than 1 MiB"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, err := expand(c.packed, ample)
			var refused *archive.Error
			if !errors.As(err, &refused) || !strings.Contains(refused.Reason, c.want) {
				t.Errorf("%v", err)
			}
		})
	}
}

func manyFiles(n int, name string) string {
	entries := make([]entry, n)
	for i := range entries {
		entries[i] = entry{zip.FileHeader{Name: name, Method: zip.Store}, ""}
	}
	return zipped(entries...)
}

func TestLimits(t *testing.T) {
	const mib, size = 1 << 20, 1<<20 + 64<<10
	blank, noise := strings.Repeat(" ", size), noise(size)
	var packed int64
	for _, c := range []struct {
		name   string
		body   string
		limits archive.Limits
		want   string
	}{
		{"exactly as many bytes", noise, archive.Limits{MaxBytes: size, MaxRatio: 1}, ""},
		{"a byte more", noise, archive.Limits{MaxBytes: size - 1, MaxRatio: 1}, "more than 1114111 bytes"},
		{"a bomb", blank, archive.Limits{MaxBytes: 100 * mib, MaxRatio: 20}, "more than 20 times its size"},
		{"a bomb that is small", blank[:mib], archive.Limits{MaxBytes: 100 * mib, MaxRatio: 2}, ""},
		{"a bomb where anything goes", blank, archive.Limits{MaxBytes: 100 * mib, MaxRatio: 2000}, ""},
		{"nothing", "x", archive.Limits{}, "more than 0 bytes"},
		{"nothing of nothing", "", archive.Limits{}, ""},
	} {
		for kind, file := range map[string]string{"gzip": gzipped("", c.body), "ZIP": zipped(file("a", c.body))} {
			t.Run(c.name+", "+kind, func(t *testing.T) {
				packed = int64(len(file))
				_, body, err := expand(file, c.limits)
				var refused *archive.Error
				switch {
				case c.want == "" && (err != nil || body != c.body):
					t.Errorf("%d bytes, %v", len(body), err)
				case c.want != "" && (!errors.As(err, &refused) || !strings.Contains(refused.Reason, c.want)):
					t.Errorf("%v", err)
				case int64(len(body)) > c.limits.MaxBytes || int64(len(body)) > mib+packed*int64(c.limits.MaxRatio):
					t.Errorf("%d bytes came out of %d", len(body), packed)
				}
			})
		}
	}
}

// noise is bytes that don't pack.
func noise(n int) string {
	out, x := make([]byte, 0, n), uint64(88172645463325252)
	for len(out) < n {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		out = binary.LittleEndian.AppendUint64(out, x)
	}
	return string(out[:n])
}

// TestMemoryIsBounded unpacks a file of many members and one that is large.
func TestMemoryIsBounded(t *testing.T) {
	for name, packed := range map[string]string{
		"members": strings.Repeat(gzipped("", "x"), 5000),
		"large":   gzipped("", strings.Repeat("12139721MA00000001,5432.10\r\n", 1<<18)),
		"ZIP":     zipped(file("a", strings.Repeat("12139721MA00000001,5432.10\r\n", 1<<18))),
		"files":   manyFiles(10000, ""),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := archive.Expand(strings.NewReader(packed), int64(len(packed)), io.Discard, archive.Limits{MaxBytes: 1 << 30, MaxRatio: 2000})
		runtime.ReadMemStats(&after)
		if err != nil && name != "files" {
			t.Errorf("%s: %v", name, err)
		}
		if used := after.TotalAlloc - before.TotalAlloc; used > 12<<20 {
			t.Errorf("%s: %d bytes allocated", name, used)
		}
	}
}

func TestOtherErrors(t *testing.T) {
	body := noise(1 << 20)
	broken := errors.New("the disk is gone")
	for kind, packed := range map[string]string{"gzip": gzipped("", body), "ZIP": zipped(file("a", body))} {
		for after := range 6 {
			src := &failing{strings.NewReader(packed), after, broken}
			if _, err := archive.Expand(src, int64(len(packed)), io.Discard, ample); !errors.Is(err, broken) || errors.As(err, new(*archive.Error)) {
				t.Errorf("%s, after %d reads: %v", kind, after, err)
			}
		}
		into := iotest.TruncateWriter(io.Discard, 0)
		if _, err := archive.Expand(strings.NewReader(packed), int64(len(packed)), into, ample); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
		if _, err := archive.Expand(strings.NewReader(packed), int64(len(packed)), &full{broken}, ample); !errors.Is(err, broken) || errors.As(err, new(*archive.Error)) {
			t.Errorf("%s, into a full disk: %v", kind, err)
		}
		if _, err := archive.Expand(strings.NewReader(packed[:100]), int64(len(packed)), io.Discard, ample); err == nil {
			t.Errorf("%s, shorter than it was: no error", kind)
		}
	}
}

type failing struct {
	io.ReaderAt
	after int
	err   error
}

func (f *failing) ReadAt(p []byte, at int64) (int, error) {
	if f.after--; f.after < 0 {
		return 0, f.err
	}
	return f.ReaderAt.ReadAt(p, at)
}

type full struct{ err error }

func (f *full) Write([]byte) (int, error) { return 0, f.err }

func TestSniff(t *testing.T) {
	for head, want := range map[string]archive.Kind{
		"": archive.None, "\x1F": archive.None, "\x1F\x8B": archive.Gzip, "PK": archive.None, "PK\x03\x04\x14": archive.Zip, "PK\x05\x06": archive.Zip,
		"PK\x07\x08": archive.None, "a,b": archive.None,
	} {
		if got := archive.Sniff([]byte(head)); got != want {
			t.Errorf("%q: %v", head, got)
		}
	}
}

func TestIsWorkbook(t *testing.T) {
	for _, c := range []struct {
		name, file string
		want       bool
	}{
		{"a workbook", zipped(file("_rels/.rels", "<Relationships/>"), file("[Content_Types].xml", "<Types/>"), file("xl/workbook.xml", "")), true},
		{"a file", zipped(file("rows.csv", "a,b\n")), false},
		{"no archive", "a,b\n", false},
		{"nothing", "", false},
		{"a broken one", "PK\x03\x04", false},
	} {
		if got := archive.IsWorkbook(strings.NewReader(c.file), int64(len(c.file))); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		members := rapid.SliceOfN(rapid.StringN(0, 2000, -1), 1, 4).Draw(t, "members")
		body := "," + strings.Join(members, "") // begins as no archive does
		members[0] = "," + members[0]
		for kind, packed := range map[string]string{"gzip": gzipped("", members...), "ZIP": zipped(file("a", body))} {
			if _, got, err := expand(packed, ample); err != nil || got != body {
				t.Fatalf("%s: %q, %v", kind, got, err)
			}
			cut := rapid.IntRange(0, len(packed)-1).Draw(t, "cut")
			if _, got, err := expand(packed[:cut], ample); err == nil && (kind != "gzip" || !strings.HasPrefix(body, got)) {
				t.Fatalf("%s cut at %d of %d: no error", kind, cut, len(packed))
			}
		}
	})
}

func FuzzExpand(f *testing.F) {
	for _, packed := range []string{
		gzipped("rows.csv", "a,b\n", "c,d\n"), zipped(file("七月/a.csv", "a,b\n")), zipped(file("a", strings.Repeat(" ", 1<<16))), zipped(link("a", "b")),
		zipped(file("__MACOSX/a", ""), file("b", "x")), zipped(file("[Content_Types].xml", "")), gzipped("", gzipped("", "x")), "PK\x05\x06" + strings.Repeat("\x00", 18),
		raw(zip.FileHeader{Name: "a", Method: zip.Deflate, CompressedSize64: 1 << 40, UncompressedSize64: 3}, "xyz"),
	} {
		f.Add([]byte(packed))
	}
	limits := archive.Limits{MaxBytes: 1<<20 + 1<<16, MaxRatio: 20}
	f.Fuzz(func(t *testing.T, packed []byte) {
		var into bytes.Buffer
		name, err := archive.Expand(bytes.NewReader(packed), int64(len(packed)), &into, limits)
		if err != nil && !errors.As(err, new(*archive.Error)) {
			t.Errorf("%v", err)
		}
		if out := int64(into.Len()); out > limits.MaxBytes || out > 1<<20+int64(len(packed))*int64(limits.MaxRatio) {
			t.Errorf("%d bytes came out of %d", out, len(packed))
		}
		if strings.ContainsAny(name, "/\\\x00\n") {
			t.Errorf("the name %q", name)
		}
		archive.IsWorkbook(bytes.NewReader(packed), int64(len(packed)))
	})
}

func BenchmarkExpand(b *testing.B) {
	var rows strings.Builder
	for n := 0; rows.Len() < 16<<20; n++ {
		fmt.Fprintf(&rows, "12139721MA%08d,某某县第一中学,张三喜,13972119900101%04d,202609,2026-09-15,基本工资,5432.10,财政全额\r\n", n, n%10000)
	}
	for kind, packed := range map[string]string{"gzip": gzipped("", rows.String()), "ZIP": zipped(file("a", rows.String()))} {
		b.Run(kind, func(b *testing.B) {
			b.SetBytes(int64(rows.Len()))
			for b.Loop() {
				if _, err := archive.Expand(strings.NewReader(packed), int64(len(packed)), io.Discard, ample); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
