package text_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hebian/connectors/text"
	"hebian/schemas"
)

// row is a record as the tests write it: line, raw bytes and, for a misfit, its reason.
type row struct {
	Line   int64
	Raw    string
	Reason schemas.Reason
}

// rows cuts a file to the end and checks what holds of every misfit.
func rows(t testing.TB, s *text.Splitter) []row {
	t.Helper()
	var all []row
	var block text.Block
	for {
		err := s.Next(&block)
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		if len(block.Records) == 0 {
			t.Fatal("a block without records and without io.EOF")
		}
		for _, r := range block.Records {
			one := row{Line: r.Line, Raw: string(r.Raw)}
			if m := r.Misfit; m != nil {
				one.Reason = m.Reason
				if m.Detail == "" {
					t.Errorf("line %d: a misfit without a detail", r.Line)
				}
				if m.Digest == nil && m.Length != int64(len(r.Raw)) {
					t.Errorf("line %d: length %d of %d raw bytes without a digest", r.Line, m.Length, len(r.Raw))
				}
			}
			all = append(all, one)
		}
	}
}

func TestCSVRecords(t *testing.T) {
	const gb = text.GB18030
	const quote = schemas.ReasonQuote
	for _, c := range []struct {
		name string
		enc  text.Encoding
		in   string
		want []row
	}{
		{"an empty file has no rows", 0, "", nil},
		{"a line is a row", 0, "a,b\n1,2\n", []row{{1, "a,b", ""}, {2, "1,2", ""}}},
		{"lines end with CRLF, too", 0, "a,b\r\n1,2\r\n", []row{{1, "a,b", ""}, {2, "1,2", ""}}},
		{"both line ends in one file", 0, "a\r\nb\nc", []row{{1, "a", ""}, {2, "b", ""}, {3, "c", ""}}},
		{"the last line needs no end", 0, "a,b\n1,2", []row{{1, "a,b", ""}, {2, "1,2", ""}}},
		{"a lone CR is data", 0, "a\rb\r\r\nc\r", []row{{1, "a\rb\r", ""}, {2, "c\r", ""}}},

		{"a BOM is dropped", 0, "\uFEFFa\nb", []row{{1, "a", ""}, {2, "b", ""}}},
		{"the BOM of UTF-8 before GB18030", gb, "\uFEFFa", []row{{1, "a", ""}}},
		{"the BOM of GB18030", gb, "\x84\x31\x95\x33a", []row{{1, "a", ""}}},
		{"which is none in UTF-8", 0, "\x84\x31\x95\x33a", []row{{1, "\x84\x31\x95\x33a", ""}}},
		{"one BOM, not two", 0, "\uFEFF\uFEFFa", []row{{1, "\uFEFFa", ""}}},
		{"a BOM further on is data", 0, "a\n\uFEFFb", []row{{1, "a", ""}, {2, "\uFEFFb", ""}}},
		{"nothing but a BOM", 0, "\uFEFF", nil},
		{"a BOM before a quote", 0, "\uFEFF\"a\nb\"", []row{{1, "\"a\nb\"", ""}}},

		{"lines of blanks are no rows but count as lines", 0, "\n \t\na\n\u3000\u00A0\u2028\u0085\r\nb\n\v\f",
			[]row{{3, "a", ""}, {5, "b", ""}}},
		{"many lines of blanks", 0, strings.Repeat("\n", 8+66) + "a\n" + strings.Repeat(" \n", 300) + "b",
			[]row{{75, "a", ""}, {376, "b", ""}}}, // whole small blocks of them
		{"in GB18030, too", gb, "\xA1\xA1 \xA1\xA1\r\n\x81\x30\x84\x32\na\n\x81\x36\xA3\x39\n", []row{{3, "a", ""}}},
		{"zero-width characters are no blanks", 0, "\u200B\n", []row{{1, "\u200B", ""}}},
		{"A3A0 of GB18030 is no blank", gb, "\xA3\xA0\n", []row{{1, "\xA3\xA0", ""}}},
		{"bad bytes are no blanks", 0, "\x80\n \xE3\x80\n", []row{{1, "\x80", ""}, {2, " \xE3\x80", ""}}},
		{"half a cell is no blank", gb, "\xA1\n\xA1\xA1\x81", []row{{1, "\xA1", ""}, {2, "\xA1\xA1\x81", ""}}},
		{"a line of empty fields is a row", 0, ",,\n", []row{{1, ",,", ""}}},

		{"a quoted field holds commas", 0, `"a,b",c`, []row{{1, `"a,b",c`, ""}}},
		{"doubled quotes", 0, `"a""b",""""` + "\n", []row{{1, `"a""b",""""`, ""}}},
		{"line ends", 0, "\"a\nb\r\nc\",d\r\ne", []row{{1, "\"a\nb\r\nc\",d", ""}, {4, "e", ""}}},
		{"a blank line within quotes is data", 0, "\"a\n\n\"\nb", []row{{1, "\"a\n\n\"", ""}, {4, "b", ""}}},
		{"an empty quoted field", 0, "\"\"\n\"\",\"\"", []row{{1, `""`, ""}, {2, `"",""`, ""}}},
		{"a quoted field at the end of the file", 0, "a,\"b\"", []row{{1, `a,"b"`, ""}}},

		{"a quote inside an unquoted field", 0, "a\nb\"c\"\nd", []row{{1, "a", ""}, {2, `b"c"`, quote}, {3, "d", ""}}},
		{"a space before a quote", 0, "a, \"b\"\nc", []row{{1, `a, "b"`, quote}, {2, "c", ""}}},
		{"a space after a quote", 0, "\"b\" ,a\nc", []row{{1, `"b" ,a`, quote}, {2, "c", ""}}},
		{"text after a closing quote", 0, "\"b\"x\r\nc", []row{{1, `"b"x`, quote}, {2, "c", ""}}},
		{"a lone CR between a closing quote and a comma", 0, "\"b\"\r,a\nc", []row{{1, "\"b\"\r,a", quote}, {2, "c", ""}}},
		{"a lone CR after a closing quote", 0, "\"b\"\ra\nc\n\"d\"\r", []row{{1, "\"b\"\ra", quote}, {2, "c", ""}, {3, "\"d\"\r", quote}}},
		{"the file ends within quotes", 0, "a\n\"b\nc,d\n", []row{{1, "a", ""}, {2, `"b`, quote}, {3, "c,d", ""}}},
		{"a broken row of several lines costs its first line", 0, "\"a\nb\",c\n\"d\ne\"x\nf",
			[]row{{1, "\"a\nb\",c", ""}, {3, `"d`, quote}, {4, `e"x`, quote}, {5, "f", ""}}},
		{"which may hold well-formed fields before", 0, "\"a\",\"b\n1,2\n3,\"4\n",
			[]row{{1, `"a","b`, quote}, {2, "1,2", ""}, {3, `3,"4`, quote}}},
		{"quotes on the line after are judged anew", 0, "x\"\n\"a\nb\"\n", []row{{1, `x"`, quote}, {2, "\"a\nb\"", ""}}},
		{"a blank line after a broken one", 0, "x\"\n\n\"y\n \nz", []row{{1, `x"`, quote}, {3, `"y`, quote}, {5, "z", ""}}},

		{"no byte of a GB18030 character is a quote, comma or line end", gb, "\x81\x30\x81\x30\xFE\x40\xA1\x7E\n\"\x90\x30\x81\x30\"\n",
			[]row{{1, "\x81\x30\x81\x30\xFE\x40\xA1\x7E", ""}, {2, "\"\x90\x30\x81\x30\"", ""}}},
		{"a line end after half a character ends the line", gb, "\x81\n\x81\"a\"\n", []row{{1, "\x81", ""}, {2, "\x81\"a\"", quote}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, rows(t, text.NewCSV(strings.NewReader(c.in), c.enc))); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			tight := text.NewCSV(strings.NewReader(c.in), c.enc)
			tight.Bound(8, 64, 8)
			if diff := cmp.Diff(c.want, rows(t, tight)); diff != "" {
				t.Errorf("in small blocks (-want +got)\n%s", diff)
			}
		})
	}
}

func TestLines(t *testing.T) {
	in := "\uFEFF{\"a\":\"\n\r\n \u3000\n\"b\r\r\n{}"
	want := []row{{1, `{"a":"`, ""}, {4, "\"b\r", ""}, {5, "{}", ""}}
	if diff := cmp.Diff(want, rows(t, text.NewLines(strings.NewReader(in), text.UTF8))); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestTooLong covers the bound itself; TestCSVAgainstReference and the fuzz tests cross it in all
// other ways.
func TestTooLong(t *testing.T) {
	full := strings.Repeat("x", text.MaxRecord)
	quoted := `"` + strings.Repeat("a\n", text.MaxRecord/2-1) + `"`
	for _, c := range []struct {
		name   string
		record string
		long   bool
	}{
		{"1 MiB", full, false},
		{"1 MiB and a byte", full + "x", true},
		{"1 MiB in quotes", quoted, false},
		{"1 MiB and a byte in quotes", quoted + ",", true},
		{"3 MiB in quotes", `"` + full + "\r\n" + full + full + `"`, true},
		{"a quote that breaks in a line beyond 1 MiB", full + `x"`, true},
		{"a quote that breaks early in a line beyond 1 MiB", `x"` + full, true},
	} {
		for _, end := range []string{"", "\n", "\r\n"} {
			t.Run(fmt.Sprintf("%s %q", c.name, end), func(t *testing.T) {
				file := "a,b\n" + c.record + end
				if end != "" {
					file += "c,d"
				}
				s := text.NewCSV(strings.NewReader(file), text.UTF8)
				var got []text.Record
				for {
					var b text.Block
					if err := s.Next(&b); err == io.EOF {
						break
					} else if err != nil {
						t.Fatal(err)
					}
					got = append(got, b.Records...)
				}
				if len(got) < 2 || string(got[0].Raw) != "a,b" || got[1].Line != 2 {
					t.Fatalf("%d rows", len(got))
				}
				if end != "" {
					lines := int64(strings.Count(c.record, "\n"))
					if len(got) != 3 || string(got[2].Raw) != "c,d" || got[2].Line != 3+lines {
						t.Errorf("the row behind is missing or on a wrong line")
					}
				}
				if m := got[1].Misfit; !c.long {
					if m != nil || string(got[1].Raw) != c.record {
						t.Errorf("misfit %v, %d bytes", m, len(got[1].Raw))
					}
				} else {
					sum := sha256.Sum256([]byte(c.record))
					if m == nil || m.Reason != schemas.ReasonTooLong || m.Length != int64(len(c.record)) ||
						!bytes.Equal(m.Digest, sum[:]) || string(got[1].Raw) != c.record[:text.HeadBytes] {
						t.Errorf("misfit %+v, %d bytes", m, len(got[1].Raw))
					}
				}
			})
		}
	}
}

func TestQuoteThatRunsOnBeyondTheBound(t *testing.T) {
	rest := strings.Repeat("1,2\n", text.MaxRecord)
	for name, end := range map[string]string{"to the end of the file": "", "to a quote that breaks": "3,\"4\n"} {
		t.Run(name, func(t *testing.T) {
			got := rows(t, text.NewCSV(strings.NewReader("a,\"b\r\n"+rest+end), text.UTF8))
			if len(got) < text.MaxRecord+1 || got[0] != (row{1, `a,"b`, schemas.ReasonQuote}) {
				t.Fatalf("%d rows, the first is %v", len(got), got[0])
			}
			for i, r := range got[1 : text.MaxRecord+1] {
				if r != (row{int64(i) + 2, "1,2", ""}) {
					t.Fatalf("row %d is %v", i+1, r)
				}
			}
		})
	}
}

// TestQuoteThatRunsOnFromALineAtTheBound tells the two misfits apart: the line itself is 1 MiB long.
func TestQuoteThatRunsOnFromALineAtTheBound(t *testing.T) {
	line := `"` + strings.Repeat("x", text.MaxRecord-1)
	want := []row{{1, line, schemas.ReasonQuote}, {2, "a", ""}}
	if got := rows(t, text.NewCSV(strings.NewReader(line+"\na\n"), text.UTF8)); !cmp.Equal(want, got) {
		t.Errorf("%d rows, the first is %v of %d bytes", len(got), got[0].Reason, len(got[0].Raw))
	}
}

// TestLinearInTheNumberOfQuotes feeds files that would take hours if an opened quote made the
// splitter read all that follows more than a few times.
func TestLinearInTheNumberOfQuotes(t *testing.T) {
	for _, c := range []struct{ name, unit string }{
		{"openings", "\"a\n"},
		{"openings after commas", "a,\"\n"},
		{"doubled", "\"\"\n"},
		{"three", "\"\"\"\n"},
		{"opening, then even lines", "\"x\n" + strings.Repeat("\"\",\"\"\n", 1000)},
		{"many quoted fields in one line", strings.Repeat(`"",`, 500000) + "\n"},
		{"closed and opened", "\",\"\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := strings.Repeat(c.unit, (4<<20)/len(c.unit)+1)
			counted := &countedReads{ReaderAt: strings.NewReader(file)}
			rows(t, text.NewCSV(counted, text.UTF8))
			if most := 8 * int64(len(file)); counted.bytes > most {
				t.Errorf("read %d bytes of a file of %d", counted.bytes, len(file))
			}
		})
	}
}

type countedReads struct {
	io.ReaderAt
	bytes int64
}

func (r *countedReads) ReadAt(p []byte, at int64) (int, error) {
	n, err := r.ReaderAt.ReadAt(p, at)
	r.bytes += int64(n)
	return n, err
}

// TestMemoryIsBounded feeds files of gigabytes that are one line, one quoted field, or blanks.
func TestMemoryIsBounded(t *testing.T) {
	tooLong, quote := schemas.ReasonTooLong, schemas.ReasonQuote
	for _, c := range []struct {
		name       string
		splitter   func(io.ReaderAt, text.Encoding) *text.Splitter
		head, tail string
		fill       byte
		size       int64
		want       []row
	}{
		{"a line", text.NewLines, "{}\n[", "]\n{}", '1', 256 << 20, []row{{1, "{}", ""}, {2, "[1", tooLong}, {3, "{}", ""}}},
		{"a quoted field", text.NewCSV, "a,\"\n", "\"\nb", 'x', 256 << 20, []row{{1, "a,\"\nx", tooLong}, {3, "b", ""}}},
		{"a quoted field that never ends", text.NewCSV, "a,\"b\n", "\nc", 'x', 3 << 30, []row{{1, "a,\"b", quote}, {2, "x", tooLong}, {3, "c", ""}}},
		{"a quoted field of line ends", text.NewCSV, "a,\"b\n", "\"", '\n', 256 << 20, []row{{1, "a,\"b\n\n", tooLong}}},
		{"a line of blanks", text.NewCSV, "a\n", "\nb", ' ', 256 << 20, []row{{1, "a", ""}, {3, "b", ""}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if testing.Short() {
				c.size = 16 << 20
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			s := c.splitter(&filled{head: c.head, fill: c.fill, size: c.size, tail: c.tail}, text.UTF8)
			got := rows(t, s)
			runtime.ReadMemStats(&after)
			for i := range got { // of a head, the test names the beginning only
				if got[i].Reason == tooLong && i < len(c.want) {
					got[i].Raw = got[i].Raw[:len(c.want[i].Raw)]
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if used := after.TotalAlloc - before.TotalAlloc; used > 8<<20 {
				t.Errorf("%d bytes allocated", used)
			}
		})
	}
}

// filled is a file of size bytes fill between a head and a tail.
type filled struct {
	head, tail string
	fill       byte
	size       int64
	chunk      []byte
}

func (f *filled) ReadAt(p []byte, at int64) (n int, err error) {
	if f.chunk == nil {
		f.chunk = bytes.Repeat([]byte{f.fill}, 256<<10)
	}
	for n < len(p) {
		here, head := at+int64(n), int64(len(f.head))
		switch {
		case here < head:
			n += copy(p[n:], f.head[here:])
		case here < head+f.size:
			n += copy(p[n:], f.chunk[:min(int64(len(f.chunk)), head+f.size-here)])
		case here < head+f.size+int64(len(f.tail)):
			n += copy(p[n:], f.tail[here-head-f.size:])
		default:
			return n, io.EOF
		}
	}
	return n, nil
}

func TestReadError(t *testing.T) {
	broken := errors.New("the disk is gone")
	file := &filled{head: "a\n", fill: 'x', size: 3 << 20}
	for _, after := range []int{0, 1, 2, 3, 4, 5, 6} {
		s := text.NewCSV(&failing{file, after, broken}, text.UTF8)
		var b text.Block
		var err error
		for err == nil {
			err = s.Next(&b)
		}
		if !errors.Is(err, broken) {
			t.Errorf("after %d reads: %v", after, err)
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

func TestBlockIsReused(t *testing.T) {
	line := strings.Repeat("1234567890,", 10) + "\n"
	s := text.NewCSV(strings.NewReader(strings.Repeat(line, 100000)), text.UTF8)
	var b text.Block
	if err := s.Next(&b); err != nil {
		t.Fatal(err)
	}
	perBlock := testing.AllocsPerRun(10, func() {
		if err := s.Next(&b); err != nil {
			t.Fatal(err)
		}
	})
	if perBlock > 2 { // the records of a block vary a little
		t.Errorf("%v allocations a block", perBlock)
	}
	if s.Offset()%int64(len(line)) != 0 {
		t.Errorf("offset %d isn't at a record", s.Offset())
	}
}
