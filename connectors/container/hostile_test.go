package container_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"

	"hebian/connectors/container"
)

// datum writes values in Avro, one behind the other: a text with its length, bytes as they are, numbers as int or long.
func datum(values ...any) (b []byte) {
	for _, v := range values {
		switch v := v.(type) {
		case int:
			b = binary.AppendVarint(b, int64(v))
		case string:
			b = append(binary.AppendVarint(b, int64(len(v))), v...)
		case []byte:
			b = append(b, v...)
		case bool:
			b = append(b, map[bool]byte{true: 1}[v])
		case float32:
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
		case float64:
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
		default:
			panic(fmt.Sprintf("%T", v))
		}
	}
	return b
}

const magic = "Obj\x01"

var marker = []byte("0123456789abcdef")

// header is the beginning of a file.
func header(schema, codec string) []byte {
	return datum([]byte(magic), 2, "avro.schema", schema, "avro.codec", codec, 0, marker)
}

// block is a block of count records, with the marker behind it.
func block(count int, packed []byte) []byte { return datum(count, string(packed), marker) }

// whole is a file of blocks.
func whole(schema, codec string, blocks ...[]byte) []byte {
	return append(header(schema, codec), bytes.Join(blocks, nil)...)
}

func deflated(plain []byte) []byte {
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, 1)
	w.Write(plain)
	w.Close()
	return b.Bytes()
}

func snapped(plain []byte) []byte {
	return binary.BigEndian.AppendUint32(snappy.Encode(nil, plain), crc32.ChecksumIEEE(plain))
}

func zstandard(plain []byte) []byte {
	e, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		panic(err)
	}
	defer e.Close()
	return e.EncodeAll(plain, nil)
}

// deflateBomb is mebibytes of noughts, one repeated: compressed behind itself it is the same each time.
func deflateBomb(mebibytes int) []byte {
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, 1)
	noughts := make([]byte, 1<<20)
	sizes := [3]int{}
	for i := range sizes {
		w.Write(noughts)
		w.Flush()
		sizes[i] = b.Len()
	}
	bomb := append([]byte(nil), b.Bytes()...)
	for range mebibytes - len(sizes) {
		bomb = append(bomb, b.Bytes()[sizes[1]:sizes[2]]...)
	}
	return append(bomb, 1, 0, 0, 0xff, 0xff) // an empty last block
}

// zstdBomb is a frame that says nothing of its size, whose blocks are noughts of 128 KiB, told as one byte each.
func zstdBomb(mebibytes int) []byte {
	bomb := []byte{0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x38} // a window of 128 KiB
	for i := range 8 * mebibytes {
		head := uint32(128<<10)<<3 | 1<<1
		if i == 8*mebibytes-1 {
			head |= 1
		}
		bomb = append(bomb, byte(head), byte(head>>8), byte(head>>16), 0)
	}
	return bomb
}

const (
	textSchema   = `{"type":"record","name":"R","fields":[{"name":"a","type":"string"}]}`
	intSchema    = `{"type":"record","name":"R","fields":[{"name":"a","type":"int"}]}`
	nullSchema   = `{"type":"record","name":"R","fields":[{"name":"a","type":"null"}]}`
	arraySchema  = `{"type":"record","name":"R","fields":[{"name":"a","type":{"type":"array","items":"null"}}]}`
	longsSchema  = `{"type":"record","name":"R","fields":[{"name":"a","type":{"type":"array","items":"long"}}]}`
	mapSchema    = `{"type":"record","name":"R","fields":[{"name":"a","type":{"type":"map","values":"null"}}]}`
	unionSchema  = `{"type":"record","name":"R","fields":[{"name":"a","type":["null","string","int"]}]}`
	enumSchema   = `{"type":"record","name":"R","fields":[{"name":"a","type":{"type":"enum","name":"E","symbols":["X","Y"]}}]}`
	boolSchema   = `{"type":"record","name":"R","fields":[{"name":"a","type":"boolean"}]}`
	fixedSchema  = `{"type":"record","name":"R","fields":[{"name":"a","type":{"type":"fixed","name":"F","size":16}}]}`
	listSchema   = `{"type":"record","name":"R","fields":[{"name":"next","type":["null","R"]}]}`
	itselfSchema = `{"type":"record","name":"R","fields":[{"name":"a","type":"R"},{"name":"b","type":"R"}]}`
)

// manySchema is of records that lie in one another: each holds the one before twice, and the first nothing.
func manySchema(levels int) string {
	s := `"null"`
	for i := range levels {
		s = fmt.Sprintf(`{"type":"record","name":"R%d","fields":[{"name":"a","type":%s},{"name":"b","type":%s}]}`, i, s,
			map[bool]string{true: `"null"`, false: fmt.Sprintf(`"R%d"`, i-1)}[i == 0])
	}
	return s
}

var one = []byte("\x04ab") // a record of textSchema

// lie is a file that must be refused, with a part of the reason.
type lie struct {
	name   string
	file   []byte
	reason string
}

const huge = 1 << 62

func lies() []lie {
	return slices.Concat(liesOfHeaders(), liesOfBlocks(), liesOfValues(), liesOfCodecs())
}

// textFile is a file of one column of texts.
func textFile(blocks ...[]byte) []byte { return whole(textSchema, "null", blocks...) }

func liesOfHeaders() []lie {
	meta := func(values ...any) []byte { return datum(append([]any{[]byte(magic)}, values...)...) }
	good := textFile(block(1, one))
	return []lie{
		{"nothing", nil, "doesn't begin"},
		{"three bytes", []byte("Obj"), "doesn't begin"},
		{"another magic", append([]byte("Obj\x02"), good[4:]...), "doesn't begin"},
		{"a CSV file", []byte("a,b\n1,2\n"), "doesn't begin"},
		{"only the magic", meta(), "ends early"},
		{"no schema", meta(1, "avro.codec", "null", 0, marker), "no schema"},
		{"no marker", meta(1, "avro.schema", textSchema, 0, marker[:15]), "ends early"},
		{"a schema that is none", whole(`{"type":"record"`, "null"), "no JSON"},
		{"a schema of no record", whole(`"int"`, "null"), "not of a record"},
		{"entries without end", meta(huge), "entries"},
		{"entries of the lowest number", meta(math.MinInt64, 0), "entries"},
		{"entries in a block beyond the end", meta(-1, huge), "of a size"},
		{"entries in a block of another size", meta(-1, 12, "avro.schema", textSchema, 0, marker), "of the size"},
		{"a name of 2^62 bytes", meta(1, huge), "a text of"},
		{"a name of -1 bytes", meta(1, -1), "a text of"},
		{"a value beyond the end", meta(1, "avro.schema", 1000), "ends early"},
		{"metadata of 3 MiB", meta(3, "x", strings.Repeat("x", 1<<20), "y", strings.Repeat("y", 1<<20), "z", "", 0, marker), "a text of"},
		{"a schema twice", meta(2, "avro.schema", textSchema, "avro.schema", intSchema, 0, marker), "twice"},
		{"endless blocks of metadata", meta([]byte(strings.Repeat("\x02\x02a\x00", 2000))), "twice"},
		{"a number of 11 bytes", meta(bytes.Repeat([]byte{0x80}, 11)), "64 bits"},
		{"a number of 70 bits", meta(append(bytes.Repeat([]byte{0xff}, 9), 2)), "64 bits"},
		{"a codec that nobody has", whole(textSchema, "lzma2", block(1, one)), `"lzma2" is none of null, deflate, snappy and zstandard`},
		{"bzip2", whole(textSchema, "bzip2", block(1, one)), `"bzip2"`},
	}
}

func liesOfBlocks() []lie {
	good := textFile(block(1, one))
	return []lie{
		{"a block cut short", good[:len(good)-17], "ends early"},
		{"a marker cut short", good[:len(good)-1], "ends early"},
		{"a marker of another file", textFile(datum(1, string(one), bytes.Repeat([]byte{7}, 16))), "marker"},
		{"a block of -1 records", textFile(block(-1, one)), "-1 records"},
		{"a block of 2^62 records", textFile(block(huge, one)), "says that it holds 4611686018427387904 records"},
		{"a block of one record too many", textFile(block(2, one)), "record 2: field a: want a text"},
		{"a block of one record too few", textFile(block(1, append(one, one...))), "3 bytes of the block are behind"},
		{"a block of no records with bytes", textFile(block(0, one)), "without records"},
		{"a block of 2^62 bytes", textFile(datum(1, huge, one, marker)), "4611686018427387904 bytes"},
		{"a block of -1 bytes", textFile(datum(1, -1, one, marker)), "-1 bytes"},
		{"a block of 64 MiB that aren't there", textFile(datum(1, 64<<20, one, marker)), "ends early"},
		{"a second block that is damaged", textFile(block(1, one), block(1, []byte("\x08ab"))), "record 2"},
		{"2^62 records of nulls", whole(nullSchema, "null", block(huge, nil)), "holds 4611686018427387904 records"},
		{"too many records of nulls", whole(nullSchema, "null", block(1<<20+1, nil)), "holds 1048577 records"},
		{"records of nulls in many blocks", whole(nullSchema, "null", block(1<<19, nil), block(1<<18, nil), block(1<<19, nil)), "holds 262144 records"},
	}
}

func liesOfValues() []lie {
	return []lie{
		{"a text of 2^62 bytes", textFile(block(1, datum(huge))), "a text of a length"},
		{"a text of -1 bytes", textFile(block(1, datum(-1))), "a text of a length"},
		{"a text of the lowest length", textFile(block(1, datum(math.MinInt64))), "a text of a length"},
		{"a text beyond the block", textFile(block(1, []byte("\x08ab"))), "field a: want a text"},
		{"a number cut short", whole(intSchema, "null", block(1, []byte{0x80})), "want an int"},
		{"an int of 33 bits", whole(intSchema, "null", block(1, datum(1<<31))), "want an int"},
		{"an int of 6 bytes", whole(intSchema, "null", block(1, []byte{0x80, 0x80, 0x80, 0x80, 0x80, 0})), "want an int"},
		{"an int of 10 bytes too large", whole(intSchema, "null", block(1, append(bytes.Repeat([]byte{0xff}, 9), 0x7f))), "want an int"},
		{"a branch that is none", whole(unionSchema, "null", block(1, datum(3))), "index of a branch"},
		{"branch -1", whole(unionSchema, "null", block(1, datum(-1))), "index of a branch"},
		{"branch 2^62", whole(unionSchema, "null", block(1, datum(huge))), "index of a branch"},
		{"a symbol that is none", whole(enumSchema, "null", block(1, datum(2))), "index of a symbol"},
		{"symbol -1", whole(enumSchema, "null", block(1, datum(-1))), "index of a symbol"},
		{"a boolean of 2", whole(boolSchema, "null", block(1, []byte{2})), "a boolean"},
		{"a fixed cut short", whole(fixedSchema, "null", block(1, make([]byte, 15))), "holds 1 records"},
		{"an array of 2^62 nulls", whole(arraySchema, "null", block(1, datum(huge, 0))), "as many items"},
		{"an array of 2^62 nulls in a block of no bytes", whole(arraySchema, "null", block(1, datum(-huge, 0, 0))), "as many items"},
		{"an array of the lowest number", whole(arraySchema, "null", block(1, datum(math.MinInt64, 0, 0))), "as many items"},
		{"an array in many blocks of nulls", whole(arraySchema, "null", block(1, datum(append(many(1000, 1<<16), 0)...))), "want "},
		{"an array of more longs than bytes", whole(longsSchema, "null", block(1, datum(3, 1, 0))), "as many items"},
		{"an array in a block of another size", whole(longsSchema, "null", block(1, datum(-2, 3, 1, 1, 0))), "of the size"},
		{"an array in a block beyond the end", whole(longsSchema, "null", block(1, datum(-2, 300, 1, 1, 0))), "within the data"},
		{"a double cut short", whole(recordOf(`["null","double"]`), "null", block(1, datum(1, []byte{1, 2, 3}))), "a double"},
		{"a float cut short", whole(recordOf(`["null","float"]`), "null", block(1, datum(1, []byte{1, 2, 3}))), "a float"},
		{"a fixed cut short in a union", whole(recordOf(`["null",{"type":"fixed","name":"F","size":4}]`), "null", block(1, datum(1, []byte{1}))), "a fixed"},
		{"bytes cut short in an array", whole(recordOf(`{"type":"array","items":"bytes"}`), "null", block(1, datum(1, 5, 0))), "bytes of a length"},
		{"a text cut short in an array", whole(recordOf(`{"type":"array","items":"string"}`), "null", block(1, datum(1, 5, 0))), "a text of a length"},
		{"a symbol that is none in an array", whole(recordOf(`{"type":"array","items":{"type":"enum","name":"E","symbols":["A"]}}`), "null",
			block(1, datum(1, 1, 0))), "a symbol"},
		{"a branch that is none in an array", whole(recordOf(`{"type":"array","items":["null"]}`), "null", block(1, datum(1, 1, 0))), "a branch"},
		{"a map in a block of another size", whole(mapSchema, "null", block(1, datum(-1, 3, "a", 0))), "of the size"},
		{"an array without end", whole(longsSchema, "null", block(1, datum(2, 1, 1))), "a number"},
		{"a map of 2^62 nulls", whole(mapSchema, "null", block(1, datum(huge, 0))), "as many items"},
		{"a list of 5,000 links", whole(listSchema, "null", block(1, datum(append(many(5000, 1), 0)...))), "nested less deep"},
		{"a record in itself", whole(itselfSchema, "null", block(1, nil)), "nested less deep"},
		{"2^60 nulls in 60 records", whole(manySchema(60), "null", block(1, nil)), "fewer values without bytes"},
	}
}

func liesOfCodecs() []lie {
	return []lie{
		{"deflate that is none", whole(textSchema, "deflate", block(1, []byte{0xff, 0xff})), "expand a block of deflate"},
		{"deflate cut short", whole(textSchema, "deflate", block(1, deflated(one)[:3])), "expand a block of deflate"},
		{"deflate with bytes behind it", whole(textSchema, "deflate", block(1, append(deflated(one), 1, 2, 3, 4, 5))), "5 bytes stand behind"},
		{"a bomb of deflate", whole(textSchema, "deflate", block(1, deflateBomb(129))), "more than 33554432 bytes"},
		{"snappy without a checksum", whole(textSchema, "snappy", block(1, []byte{1, 2, 3})), "no checksum"},
		{"snappy with another checksum", whole(textSchema, "snappy", block(1, append(snapped(one)[:5], 1, 2, 3, 4))), "checksum is wrong"},
		{"snappy of 2^31 bytes", whole(textSchema, "snappy", block(1, []byte{0xff, 0xff, 0xff, 0xff, 7, 0, 0, 0, 0, 0})), "expand a block of snappy"},
		{"snappy of 20 MiB in seven bytes", whole(textSchema, "snappy", block(1, append(binary.AppendUvarint(nil, 20<<20), 0, 0, 0, 0, 0, 0))), "say that"},
		{"zstandard that is none", whole(textSchema, "zstandard", block(1, one)), "expand a block of zstandard"},
		{"zstandard cut short", whole(textSchema, "zstandard", block(1, zstandard(one)[:8])), "expand a block of zstandard"},
		{"zstandard with another checksum", whole(textSchema, "zstandard", block(1, flipped(zstandard(one)))), "expand a block of zstandard"},
		{"a bomb of zstandard", whole(textSchema, "zstandard", block(1, zstdBomb(129))), "more than 33554432 bytes"},
		{"zstandard that says it is 2^40 bytes", whole(textSchema, "zstandard", block(1, append([]byte{0x28, 0xb5, 0x2f, 0xfd, 0xe0},
			0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0))), "more than 33554432 bytes"},
	}
}

func flipped(b []byte) []byte {
	b[len(b)-1] ^= 1
	return b
}

func many(n, v int) []any {
	all := make([]any, n)
	for i := range all {
		all[i] = v
	}
	return all
}

// TestHostile reads files that lie. None may be taken, run on, or take memory beyond what it could hold.
func TestHostile(t *testing.T) {
	for _, c := range lies() {
		t.Run(c.name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			rows, err := read(c.file, container.Options{})
			runtime.ReadMemStats(&after)
			refused, ok := errors.AsType[*container.Error](err)
			if !ok || !strings.Contains(err.Error(), c.reason) {
				t.Fatalf("%v, want %q", err, c.reason)
			}
			if refused.Offset < 0 || refused.Offset > int64(len(c.file)) {
				t.Errorf("at %d of %d bytes", refused.Offset, len(c.file))
			}
			bound := uint64(8<<20 + 20*len(c.file) + 400*len(rows))
			if strings.Contains(c.name, "bomb") {
				bound = 1 << 30 // memory that grows up to 128 MiB, each time a little
			}
			if took := after.TotalAlloc - before.TotalAlloc; took > bound {
				t.Errorf("took %d bytes of memory", took)
			}
		})
	}
}

// TestCut cuts a file at every byte: what is left is refused, but where a block ends. A file may end there.
func TestCut(t *testing.T) {
	for _, name := range []string{"staff-null", "staff-deflate", "staff-snappy", "staff-zstandard", "nested-deflate", "types-null"} {
		file, err := os.ReadFile("testdata/" + name + ".avro")
		if err != nil {
			t.Fatal(err)
		}
		marker := file[len(file)-16:]
		step := 1
		if testing.Short() {
			step = 7
		}
		for n := 0; n < len(file); n += step {
			_, err := read(file[:n], container.Options{})
			if ends := bytes.HasSuffix(file[:n], marker); (err == nil) != ends {
				t.Fatalf("%s cut at %d: %v", name, n, err)
			}
		}
	}
}

// TestDamaged changes every byte of a file's blocks in turn. The sums and markers of Snappy's leave no change unseen.
func TestDamaged(t *testing.T) {
	file := whole(textSchema, "snappy", block(2, snapped(datum("张三", "李四"))), block(1, snapped(datum("王五"))))
	for n := len(header(textSchema, "snappy")); n < len(file); n++ {
		for bit := range 8 {
			file[n] ^= 1 << bit
			if _, err := read(file, container.Options{}); err == nil {
				t.Errorf("bit %d of byte %d changed: nothing is said", bit, n)
			}
			file[n] ^= 1 << bit
		}
	}
}

// broken is a disk that fails beyond a place.
type broken struct {
	io.ReaderAt
	from int64
}

var errDisk = errors.New("input/output error")

func (d broken) ReadAt(p []byte, at int64) (int, error) {
	if at+int64(len(p)) > d.from {
		return 0, errDisk
	}
	return d.ReaderAt.ReadAt(p, at)
}

// TestDisk tells a disk that fails from a file that is damaged.
func TestDisk(t *testing.T) {
	file := whole(textSchema, "null", block(1, datum(strings.Repeat("x", 200<<10))))
	if _, err := container.Open(broken{bytes.NewReader(file), 0}, int64(len(file)), container.Options{}); !errors.Is(err, errDisk) {
		t.Error(err)
	}
	r, err := container.Open(broken{bytes.NewReader(file), 100 << 10}, int64(len(file)), container.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	_, refused := errors.AsType[*container.Error](err)
	if err := nextErr(r); !errors.Is(err, errDisk) || refused {
		t.Error(err)
	}
}
