package text

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"

	"hebian/schemas"
)

const (
	// MaxRecord is the longest record in bytes, without its line end. The bound is the agencies'
	// contract; it keeps a lost quote from swallowing the machine's memory.
	MaxRecord = 1 << 20

	// HeadBytes is how much is kept of a record that is longer.
	HeadBytes = 64 << 10

	// blockBytes is how much is read at a time: some 2,500 pay lines, few enough to be still in the
	// processor's cache when a worker decodes them. It bounds the records of a block, too: the
	// smallest takes two bytes.
	blockBytes = 256 << 10
)

// Record is the bytes of one record and where they stand in the file.
type Record struct {
	Raw    []byte  // without the line end; only the first HeadBytes of a record that is too long
	Line   int64   // physical line on which it begins, from 1
	Misfit *Misfit // what is wrong with it as far as the splitter can tell; nil: to be decoded
}

// Misfit is a record that is none: its quotes break the form, or it is too long.
type Misfit struct {
	Reason schemas.Reason
	Column string // header of the cell at fault; empty: the record as a whole
	Detail string
	Length int64  // bytes of the whole record
	Digest []byte // SHA-256 of the whole record; nil where Raw holds all of it
}

// Block is a run of whole records, together with the memory that they lie in. It may be filled
// again and again; the records of one filling are gone with the next.
type Block struct {
	Records []Record
	buf     []byte
	made    int // bytes of buf that Append has used
}

// Reset empties the block and keeps its memory.
func (b *Block) Reset() {
	clear(b.Records) // or misfits of an earlier filling would stay reachable
	b.Records = b.Records[:0]
	b.made = 0
}

// Append copies a record to the end of the block, for forms that make their records themselves.
func (b *Block) Append(raw []byte, line int64, misfit *Misfit) {
	if b.made+len(raw) > len(b.buf) {
		b.buf = make([]byte, max(blockBytes, len(raw))) // records so far keep the old one
		b.made = 0
	}
	to := b.buf[b.made : b.made+len(raw) : b.made+len(raw)]
	copy(to, raw)
	b.made += len(raw)
	b.Records = append(b.Records, Record{Raw: to, Line: line, Misfit: misfit})
}

// Splitter cuts a file into records. It reads the file in order, and again from an earlier place
// where an opened quote turns out to have no end: the source must be one that can be read anywhere.
// Memory stays within a block whatever the file holds, and every byte is read a few times at most
// (csvForm says why).
type Splitter struct {
	src    io.ReaderAt
	enc    Encoding
	quotes bool
	bounds bounds
	at     int64 // offset of the next record
	line   int64 // physical line of the next record
}

// bounds are the constants above, smaller in tests only.
type bounds struct{ block, record, head int }

// NewCSV gives a splitter for CSV: a quoted field may hold line ends.
func NewCSV(src io.ReaderAt, enc Encoding) *Splitter {
	s := NewLines(src, enc)
	s.quotes = true
	return s
}

// NewLines gives a splitter for NDJSON: a line is a record.
func NewLines(src io.ReaderAt, enc Encoding) *Splitter {
	return &Splitter{src: src, enc: enc, bounds: bounds{blockBytes, MaxRecord, HeadBytes}, line: 1}
}

// Offset is how many bytes of the file have been cut into records so far.
func (s *Splitter) Offset() int64 { return s.at }

// Next fills the block with the next records, at least one, and returns io.EOF when there are none.
// A BOM at the start of the file and lines that hold nothing but white space are no records.
func (s *Splitter) Next(b *Block) error {
	b.Reset()
	// A block of the second size holds any record that isn't too long, with its line end.
	small, large := s.bounds.block, s.bounds.record+len("\r\n")
	for size := small; ; size = large {
		if len(b.buf) < size {
			b.buf = make([]byte, size)
		}
		p, last, err := s.read(b.buf[:size], s.at)
		if err != nil {
			return err
		}
		if s.at == 0 {
			bom := s.enc.bom(p)
			s.at, p = int64(bom), p[bom:]
		}
		n := s.cut(b, p, last)
		s.at += int64(n)
		switch {
		case len(b.Records) > 0:
			return nil
		case last && n == len(p):
			return io.EOF
		case n == 0 && size == large:
			if err := s.overlong(b); err != nil || len(b.Records) > 0 {
				return err
			}
		}
	}
}

// cut appends the records that lie whole in p to the block and returns how many bytes they take. It
// stops at a record that p doesn't hold whole or that is too long. With last set the file ends with p.
func (s *Splitter) cut(b *Block, p []byte, last bool) int {
	at, quote := 0, -1
	for at < len(p) {
		end := indexFrom(p, at, '\n')
		next, lines, whole, detail := min(end+1, len(p)), int64(1), end < len(p) || last, ""
		if s.quotes && quote < at {
			quote = indexFrom(p, at, '"') // known up to there: looked for once, not once a line
		}
		if s.quotes && quote < end {
			var form csvForm
			n := form.feed(p[at:], last)
			switch form.state {
			case formWhole:
				next, lines, whole = at+n, form.lines+1, true
			case formBroken:
				detail = quoteDetail // costs the first physical line only
			default:
				return at
			}
		}
		raw := withoutLineEnd(p[at:next])
		if !whole || len(raw) > s.bounds.record {
			return at
		}
		if detail != "" {
			b.add(raw, s.line, &Misfit{Reason: schemas.ReasonQuote, Detail: detail, Length: int64(len(raw))})
		} else if !s.enc.blank(raw) {
			b.add(raw, s.line, nil)
		}
		s.line += lines
		at = next
	}
	return at
}

const (
	quoteDetail   = "a quote breaks the form of CSV (RFC 4180)"
	tooLongDetail = "the record is longer than 1 MiB"
)

func (b *Block) add(raw []byte, line int64, misfit *Misfit) {
	b.Records = append(b.Records, Record{Raw: raw, Line: line, Misfit: misfit})
}

// overlong takes the record at hand, which the largest block can't hold. Either it is too long; or an
// opened quote has run on from a line and never closes well, which costs that line only; or it is a
// very long line of blanks and no record. The file is read in pieces, once for the end and once for
// the digest, so that nothing has to be held.
func (s *Splitter) overlong(b *Block) error {
	if skipped, err := s.skipBlankLine(b.buf); skipped || err != nil {
		return err
	}
	next, lines, err := s.extent(b.buf)
	if err != nil {
		return err
	}
	end, err := s.contentEnd(next)
	if err != nil {
		return err
	}
	misfit := &Misfit{Reason: schemas.ReasonQuote, Detail: quoteDetail}
	if err := s.again(b, end, misfit); err != nil {
		return err
	}
	s.at, s.line = next, s.line+lines
	return nil
}

// again reads the bytes from the record at hand up to end once more and adds them to the block, as the
// misfit that they are for another reason (nil: none), or as one that is too long.
func (s *Splitter) again(b *Block, end int64, misfit *Misfit) (err error) {
	length := end - s.at
	keep := length
	if length > int64(s.bounds.record) {
		misfit, keep = &Misfit{Reason: schemas.ReasonTooLong, Detail: tooLongDetail}, int64(s.bounds.head)
		if misfit.Digest, err = s.digest(b.buf, end); err != nil {
			return err
		}
	}
	if misfit != nil {
		misfit.Length = length
	}
	raw := b.buf[:keep]
	if _, err := io.ReadFull(io.NewSectionReader(s.src, s.at, keep), raw); err != nil {
		return fmt.Errorf("read %d bytes at offset %d again: %w", keep, s.at, err)
	}
	b.add(raw, s.line, misfit)
	return nil
}

// extent finds where the record at hand ends, line end included, and how many physical lines it
// takes: the first line only when its quotes break the form.
func (s *Splitter) extent(buf []byte) (next, lines int64, err error) {
	if !s.quotes {
		next, err = s.lineEnd(buf)
		return next, 1, err
	}
	var form csvForm
	for next = s.at; form.state != formWhole; {
		p, last, err := s.read(buf, next)
		if err != nil {
			return 0, 0, err
		}
		next += int64(form.feed(p, last))
		if form.state == formBroken {
			next, err = s.lineEnd(buf)
			return next, 1, err
		}
	}
	return next, form.lines + 1, nil
}

// lineEnd finds where the physical line at hand ends, line end included.
func (s *Splitter) lineEnd(buf []byte) (int64, error) {
	for next := s.at; ; {
		p, last, err := s.read(buf, next)
		if err != nil {
			return 0, err
		}
		if i := bytes.IndexByte(p, '\n'); i >= 0 {
			return next + int64(i) + 1, nil
		}
		if next += int64(len(p)); last {
			return next, nil
		}
	}
}

// skipBlankLine steps over the line at hand if it holds nothing but white space, however long it is.
func (s *Splitter) skipBlankLine(buf []byte) (bool, error) {
	for next := s.at; ; {
		p, last, err := s.read(buf, next)
		if err != nil {
			return false, err
		}
		end := indexFrom(p, 0, '\n')
		n := s.enc.leadingBlanks(p[:end])
		next += int64(n)
		switch {
		case n == end && end < len(p):
			s.at, s.line = next+1, s.line+1
			return true, nil
		case n == end && last:
			s.at = next
			return true, nil
		case n == 0: // else the piece may have ended within a character
			return false, nil
		}
	}
}

// contentEnd steps back from the start of the next line over the line end, if there is one: the
// last line of a file may lack it.
func (s *Splitter) contentEnd(next int64) (int64, error) {
	tail := make([]byte, len("\r\n"))
	p, _, err := s.read(tail, next-int64(len(tail)))
	return next - int64(len(p)-len(withoutLineEnd(p))), err
}

// digest is the SHA-256 of the bytes from the record at hand up to an offset.
func (s *Splitter) digest(buf []byte, end int64) ([]byte, error) {
	hash := sha256.New()
	n, err := io.CopyBuffer(hash, io.NewSectionReader(s.src, s.at, end-s.at), buf)
	if err == nil && s.at+n < end {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, fmt.Errorf("digest %d bytes at offset %d: %w", end-s.at, s.at, err)
	}
	return hash.Sum(nil), nil
}

// read reads a piece of the file. last says that the file ends with it.
func (s *Splitter) read(buf []byte, at int64) (p []byte, last bool, err error) {
	n, err := s.src.ReadAt(buf, at)
	if err != nil && err != io.EOF {
		return nil, false, fmt.Errorf("read %d bytes at offset %d: %w", len(buf), at, err)
	}
	return buf[:n], err == io.EOF, nil
}

// indexFrom is the index of c in p at or after from, or len(p).
func indexFrom(p []byte, from int, c byte) int {
	if i := bytes.IndexByte(p[from:], c); i >= 0 {
		return from + i
	}
	return len(p)
}

// withoutLineEnd cuts off LF or CRLF. A CR alone is no line end.
func withoutLineEnd(p []byte) []byte {
	if n := len(p); n > 0 && p[n-1] == '\n' {
		p = p[:n-1]
		if n > 1 && p[n-2] == '\r' {
			p = p[:n-2]
		}
	}
	return p
}
