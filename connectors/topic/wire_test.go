package topic_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"hebian/connectors"
	"hebian/connectors/topic"
)

// The exchange of RFC 7677, section 3.
func TestScram(t *testing.T) {
	const nonce, challenge = "rOprNGfwEbeRWgbNEkqO", "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
	const final = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
	const last = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
	first, proof, err := topic.Exchange("user", "pencil", nonce, challenge, last)
	if first != "n,,n=user,r="+nonce || proof != final || err != nil {
		t.Errorf("%q, %q, %v", first, proof, err)
	}
	if first, _, _ := topic.Exchange("a=b,c", "x", "n", "", ""); first != "n,,n=a=3Db=2Cc,r=n" {
		t.Errorf("%q", first)
	}
	for _, bad := range [][2]string{
		{"", ""}, {"r=another,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096", last}, {"r=" + nonce + ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096", last},
		{strings.Replace(challenge, "4096", "0", 1), last}, {strings.Replace(challenge, "4096", "99999999", 1), last},
		{strings.Replace(challenge, "s=", "s=!", 1), last}, {challenge, "e=invalid-proof"}, {challenge, "v="}, {challenge, strings.Replace(last, "6", "7", 1)},
	} {
		if _, _, err := topic.Exchange("user", "pencil", nonce, bad[0], bad[1]); err == nil {
			t.Errorf("%q was believed", bad)
		}
	}
}

func FuzzScram(f *testing.F) {
	f.Add("r=nx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=1", "v=")
	f.Add("r=nx,s=,i=1,x=y", "e=no")
	f.Fuzz(func(t *testing.T, challenge, last string) {
		if at := strings.Index(challenge, "i="); at >= 0 && len(challenge)-at > 5 {
			t.Skip("it only takes long")
		}
		if _, _, err := topic.Exchange("user", "pencil", "n", challenge, last); err == nil {
			t.Errorf("%q and %q were believed", challenge, last)
		}
	})
}

// Hashes as Kafka's own test has them.
func TestMurmur2(t *testing.T) {
	for key, want := range map[string]int32{
		"21": -973932308, "foobar": -790332482, "a-little-bit-long-string": -985981536, "a-little-bit-longer-string": -1486304829,
		"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971, "abc": 479470107,
	} {
		if got := int32(topic.Murmur2([]byte(key))); got != want {
			t.Errorf("%s: %d, want %d", key, got, want)
		}
	}
}

// Law: what is packed is read, from wherever in it.
func TestBatches(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var text []byte
		var want []topic.Message
		offset := rapid.Int64Range(0, 1<<40).Draw(t, "base")
		next := offset
		for range rapid.IntRange(0, 5).Draw(t, "batches") {
			offset += rapid.Int64Range(0, 3).Draw(t, "gap")
			values := rapid.SliceOfN(rapid.String(), 1, 5).Draw(t, "values")
			last := offset + int64(len(values)-1) + rapid.Int64Range(0, 3).Draw(t, "taken from its end")
			text = append(text, topic.Batch(offset, last, 0, -1, values...)...)
			for i, value := range values {
				want = append(want, topic.Message{Offset: offset + int64(i), Key: "k", Value: value})
			}
			offset = last + 1
		}
		cut := rapid.IntRange(0, 60).Draw(t, "rest of a batch")
		partly := append(slices.Clone(text), topic.Batch(offset, offset, 0, -1, "more")[:cut]...)
		from := rapid.Int64Range(next, offset).Draw(t, "from")
		want = slices.DeleteFunc(want, func(m topic.Message) bool { return m.Offset < from })
		got, end, err := topic.ReadBatches(partly, from)
		if len(text) == 0 {
			offset = from
		}
		if err != nil || end != offset {
			t.Fatalf("up to %d, want %d; %v", end, offset, err)
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("read (-want +got):\n%s", diff)
		}
	})
}

// Law: of transactions in any order, those that were given up are passed over and no others.
func TestGivenUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var text []byte
		var want []string
		var given [][2]int64
		type transaction struct {
			first  int64
			values []string
		}
		open := map[int64]*transaction{}
		offset := int64(0)
		order := map[string]int64{}
		finish := func(producer int64, commit bool) {
			if commit {
				want = append(want, open[producer].values...)
			} else {
				given = append(given, [2]int64{producer, open[producer].first})
			}
			delete(open, producer)
			text = append(text, topic.Mark(offset, producer, commit)...)
			offset++
		}
		for i := range rapid.IntRange(0, 30).Draw(t, "steps") {
			producer := rapid.Int64Range(0, 3).Draw(t, "producer")
			value := fmt.Sprintf("value %d", i)
			order[value] = offset
			switch kind := rapid.IntRange(0, 3).Draw(t, "kind"); {
			case kind == 0: // without a transaction
				text = append(text, topic.Batch(offset, offset, 0, producer+10, value)...)
				want = append(want, value)
				offset++
			case kind < 3 || open[producer] == nil:
				if open[producer] == nil {
					open[producer] = &transaction{first: offset}
				}
				open[producer].values = append(open[producer].values, value)
				text = append(text, topic.Batch(offset, offset, 1<<4, producer, value)...)
				offset++
			default:
				finish(producer, rapid.Bool().Draw(t, "commit"))
			}
		}
		for producer := range int64(4) {
			if open[producer] != nil {
				finish(producer, rapid.Bool().Draw(t, "commit"))
			}
		}
		slices.SortFunc(want, func(a, b string) int { return int(order[a] - order[b]) })
		var got []string
		messages, end, err := topic.ReadBatches(text, 0, given...)
		for _, m := range messages {
			got = append(got, m.Value)
		}
		if err != nil || end != offset || !slices.Equal(got, want) {
			t.Fatalf("got %q up to %d, %v; want %q", got, end, err, want)
		}
	})
}

// A batch that is not as it should be is said, never skipped, and what came before it is read.
func TestDamagedBatch(t *testing.T) {
	good := topic.Batch(0, 1, 0, -1, "a", "b")
	for name, change := range map[string]func(b []byte){
		"check sum":          func(b []byte) { b[70]++ },
		"old form":           func(b []byte) { b[16] = 1 },
		"negative length":    func(b []byte) { b[8] = 0x80 },
		"too many messages":  func(b []byte) { b[57] = 0x7f; topic.Sum(b) },
		"negative messages":  func(b []byte) { b[57] = 0x80; topic.Sum(b) },
		"last before first":  func(b []byte) { b[23] = 0x80; topic.Sum(b) },
		"unknown codec":      func(b []byte) { b[22] = 7; topic.Sum(b) },
		"not compressed":     func(b []byte) { b[22] = 1; topic.Sum(b) },
		"message beyond end": func(b []byte) { b[26] = 0; topic.Sum(b) },
		"message too long":   func(b []byte) { b[61] = 0xfe; topic.Sum(b) },
	} {
		bad := topic.Batch(2, 3, 0, -1, "c", "d")
		change(bad)
		got, end, err := topic.ReadBatches(slices.Concat(good, bad), 0)
		if err == nil || end < 2 || len(got) < 2 {
			t.Errorf("%s: %v up to %d, %v", name, got, end, err)
		}
	}
}

func FuzzBatches(f *testing.F) {
	f.Add(topic.Batch(0, 5, 0, -1, "a", "b"), int64(0))
	f.Add(topic.Batch(7, 7, 1<<4, 3, "a"), int64(7))
	f.Add(topic.Mark(7, 3, false), int64(7))
	f.Fuzz(func(t *testing.T, text []byte, next int64) {
		next = max(next, 0)
		text = topic.Sum(text)
		got, end, _ := topic.ReadBatches(text, next, [2]int64{3, 0})
		size := 0
		for i, m := range got {
			if m.Offset < next || m.Offset >= end || i > 0 && m.Offset <= got[i-1].Offset {
				t.Errorf("offset %d in messages from %d to %d", m.Offset, next, end)
			}
			size += len(m.Key) + len(m.Value)
		}
		if end < next {
			t.Errorf("went back from %d to %d", next, end)
		}
	})
}

func FuzzAnswer(f *testing.F) {
	for kind := range 5 {
		f.Add(kind, slices.Repeat([]byte{0}, 100))
		f.Add(kind, slices.Concat(slices.Repeat([]byte{0}, 4), []byte{0x7f, 0xff, 0xff, 0xff}, slices.Repeat([]byte{1}, 100)))
	}
	f.Fuzz(func(t *testing.T, kind int, text []byte) {
		things, err := topic.ReadAnswer(((kind%5)+5)%5, text)
		if err == nil && things > len(text) {
			t.Errorf("%d things in %d bytes", things, len(text))
		}
	})
}

const fuzzSchema = `{"type":"record","name":"r","fields":[{"name":"a","type":"string"},{"name":"b","type":["null","long"]}]}`

// Law: a message is one line, and either an object or a string of base64.
func FuzzLine(f *testing.F) {
	f.Add([]byte("k"), []byte(`{"a":1}`), 0)
	f.Add([]byte("\xff"), []byte("{}\n"), 0)
	f.Add([]byte("k"), []byte("\x04ab\x02\x04"), 1)
	f.Add([]byte("k"), []byte("\x00\x00\x00\x00\x07\x04a\n\x00"), 2)
	f.Fuzz(func(t *testing.T, key, value []byte, format int) {
		c := topic.Config{KeyColumn: "$key", Format: []topic.Format{topic.JSON, topic.Avro, topic.Framed}[((format%3)+3)%3], Schema: fuzzSchema}
		c.SchemaOf = func(id uint32) (string, error) {
			if id != 7 {
				return "", fmt.Errorf("no schema %d", id)
			}
			return fuzzSchema, nil
		}
		line, err := topic.Line(c, key, value)
		rest, ok := strings.CutPrefix(line, "before\n")
		if !ok {
			t.Fatalf("%q: what was there is gone", line)
		}
		if err != nil {
			if c.Format != topic.Framed || rest != "" {
				t.Errorf("%q, %v", rest, err)
			}
			return
		}
		var object map[string]any
		var poison string
		switch {
		case strings.Count(rest, "\n") != 1 || rest[len(rest)-1] != '\n':
			t.Errorf("%q is no line", rest)
		case json.Unmarshal([]byte(rest), &object) == nil:
			if got, ok := object["$key"].(string); key != nil && (!ok || got != strings.ToValidUTF8(string(key), "?")) {
				t.Errorf("%q has another key than %q", rest, key)
			}
		case json.Unmarshal([]byte(rest), &poison) != nil:
			t.Errorf("%q is neither an object nor a string", rest)
		default:
			if back, err := base64.StdEncoding.DecodeString(poison); err != nil || string(back) != string(value) {
				t.Errorf("%q is not the base64 of %q", rest, value)
			}
		}
	})
}

// Avro messages become rows of their fields; what is none becomes poison, and a schema that nobody has stops the topic.
func TestAvro(t *testing.T) {
	c := topic.Config{Format: topic.Avro, Schema: fuzzSchema}
	framed := topic.Config{Format: topic.Framed, SchemaOf: func(id uint32) (string, error) {
		switch id {
		case 7:
			return fuzzSchema, nil
		case 8:
			return `{"type":"record","name":"r","fields":[{"name":"other","type":"boolean"}]}`, nil
		case 9:
			return "no schema", nil
		}
		return "", fmt.Errorf("no file for it")
	}}
	for _, test := range []struct {
		c     topic.Config
		value string
		want  string // "": an error
	}{
		{c, "\x06a\"b\x02\x54", `{"a":"a\"b","b":"42"}`},
		{c, "\x00\x00", `{}`},
		{c, "\x04a", `"BGE="`},
		{c, "", `""`},
		{framed, "\x00\x00\x00\x00\x07\x02a\x00", `{"a":"a"}`},
		{framed, "\x00\x00\x00\x00\x08\x01", `{"other":"true"}`},
		{framed, "\x01\x00\x00\x00\x08\x01", `"AQAAAAgB"`},
		{framed, "\x00\x00\x00", `"AAAA"`},
		{framed, "\x00\x00\x00\x00\x0a\x01", ""},
		{framed, "\x00\x00\x00\x00\x09\x01", ""},
	} {
		line, err := topic.Line(test.c, nil, []byte(test.value))
		if want := "before\n" + test.want + "\n"; test.want != "" && (line != want || err != nil) || test.want == "" && err == nil {
			t.Errorf("%q: %q, %v", test.value, line, err)
		}
	}
	each(t, func(t *testing.T, k *kafka) {
		name := k.make(t, 1)
		k.put(t, name, 0, "k=\x00\x00\x00\x00\x07\x02a\x00", "k=\x00\x00\x00\x00\x08\x01", "k=-", "k=\x00\x00\x00\x00\x0a\x01", "k=\x00\x00\x00\x00\x08\x01")
		r := k.reader(t, name)
		r.config.Format, r.config.SchemaOf = framed.Format, framed.SchemaOf
		for _, want := range [][]string{{`{"a":"a"}`, `{"other":"true"}`, `{"$gone":true,"$key":"k"}`}, nil} {
			got, err := r.fetch(t)
			if kind(err) != connectors.Unfit || !strings.Contains(err.Error(), "offset 3") || !strings.Contains(err.Error(), "schema 10") {
				t.Errorf("fetched with %v", err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("fetched (-want +got):\n%s", diff)
			}
		}
	})
}

// What answers is no broker, or one that says what it likes.
func TestNoBroker(t *testing.T) {
	for name, says := range map[string]string{
		"nothing":       "",
		"web server":    "HTTP/1.1 400 Bad Request\r\n\r\n",
		"endless":       "\x7f\xff\xff\xff" + strings.Repeat("x", 1000),
		"long and less": "\x03\xff\xff\xff" + strings.Repeat("x", 1000),
		"TLS":           "\x15\x03\x03\x00\x02\x02\x50",
		"other number":  "\x00\x00\x00\x06\x00\x00\x00\x09\x00\x00",
		"too old":       "\x00\x00\x00\x0a\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00",
		"too many":      "\x00\x00\x00\x0a\x00\x00\x00\x01\x00\x00\x7f\xff\xff\xff",
	} {
		t.Run(name, func(t *testing.T) {
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				for {
					conn, err := listener.Accept()
					if err != nil {
						return
					}
					io.ReadFull(conn, make([]byte, 20))
					io.WriteString(conn, says)
					conn.Close()
				}
			}()
			r := &reader{config: topic.Config{Brokers: []string{listener.Addr().String()}, Topic: "t"}}
			r.open(t)
			r.source.Patience(time.Second)
			if _, err := r.fetch(t); kind(err) != connectors.Unfit && kind(err) != connectors.Unreachable {
				t.Errorf("fetched with %v", err)
			}
			listener.Close()
			<-ended
		})
	}
}
