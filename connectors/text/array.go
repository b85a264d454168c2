package text

import (
	"fmt"
	"io"

	"hebian/schemas"
)

// FormError says that a file as a whole doesn't have the form that it should have.
type FormError struct {
	Line   int64 // physical line where it shows, from 1; 0: nowhere in particular
	Reason string
}

func (e *FormError) Error() string {
	if e.Line == 0 {
		return e.Reason
	}
	return fmt.Sprintf("line %d: %s", e.Line, e.Reason)
}

// Array cuts a JSON file that is one array of objects into its elements, one record each. Like Splitter it reads the file in order, its
// memory stays within a block whatever the file holds, and every byte is read a few times at most. A damaged element is a misfit with
// reason JSON, and the rest goes on (element says how). Whether an element is an object, and well-formed within, is for those who
// decode it. What joins the elements must be right, too: an element without a comma before it is a misfit, and so is a comma without
// an element, whose Raw is what stands in the element's place.
type Array struct {
	file   Splitter // which is used for its reading only
	phase  arrayPhase
	opened int64 // line of an element that the file ends within; 0: none
	end    error // io.EOF, or what is wrong with the file
}

type arrayPhase uint8

const (
	beforeArray arrayPhase = iota
	beforeFirst            // behind "["
	behindElement
	behindComma
	behindArray
)

// NewArray gives a splitter for a file that is one JSON array.
func NewArray(src io.ReaderAt, enc Encoding) *Array {
	return &Array{file: *NewLines(src, enc)}
}

// Offset is how many bytes of the file have been cut into records so far.
func (a *Array) Offset() int64 { return a.file.at }

// Next fills the block with the next records, at least one, and returns io.EOF when there are none. It returns a *FormError where the
// file is no array, has no end of the array, or goes on behind it; the records before have been handed out by then.
func (a *Array) Next(b *Block) error {
	b.Reset()
	if a.end != nil {
		return a.end
	}
	s := &a.file
	// A block of the second size holds any record that isn't too long, and a byte to see its end by.
	small, large := s.bounds.block, s.bounds.record+1
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
		n, end := a.cut(b, p, last)
		s.at += int64(n)
		switch {
		case len(b.Records) > 0:
			return nil
		case end != nil:
			a.end = end
			return end
		case n == 0 && size == large:
			return a.overlong(b)
		}
	}
}

// cut appends the elements that lie whole in p to the block and returns how many bytes they take. It stops at an element that p doesn't
// hold whole or that is too long. With last set the file ends with p; the error says that it is read to its end, or can't be.
func (a *Array) cut(b *Block, p []byte, last bool) (int, error) {
	s, at := &a.file, 0
	var e element
	for at < s.bounds.block || len(b.Records) == 0 {
		if at = a.blanks(p, at); at == len(p) {
			if last {
				return at, a.ending()
			}
			break
		}
		if size, err := a.joint(b, p[at:]); err != nil {
			return at, err
		} else if size > 0 {
			at += size
			continue
		}
		e = element{gb: s.enc == GB18030}
		e.feed(p[at:], last)
		if e.state < elementWhole || e.end > int64(s.bounds.record) {
			break
		}
		b.add(p[at:at+int(e.end)], s.line, a.misfit(&e))
		a.pass(&e)
		at += int(e.next)
	}
	return at, nil
}

// blanks steps over blanks and counts their lines.
func (a *Array) blanks(p []byte, at int) int {
	for ; at < len(p) && isJSONBlank(p[at]); at++ {
		if p[at] == '\n' {
			a.file.line++
		}
	}
	return at
}

const wanted = "wanted is one JSON array of objects, [ {...}, {...} ]"

// joint takes what stands at the front of p if that belongs to the array itself: its brackets and commas. It returns how many bytes
// that is; 0: an element begins there.
func (a *Array) joint(b *Block, p []byte) (int, error) {
	c := p[0]
	switch {
	case a.phase == behindArray:
		return 0, a.wrong("text behind the array's end; " + wanted)
	case a.phase == beforeArray && c == '[':
		a.phase = beforeFirst
	case a.phase == beforeArray && c == '{':
		return 0, a.wrong("the file begins with an object; " + wanted)
	case a.phase == beforeArray:
		reason := "the file doesn't begin with an array; " + wanted
		if looks := Diagnose(p[:min(len(p), diagnosedBytes)], a.file.enc); looks != "" {
			reason += " (the file " + looks + ")"
		}
		return 0, a.wrong(reason)
	case a.phase == behindElement && c == ',':
		a.phase = behindComma
	case c == ',':
		a.stray(b, p[:1])
		a.phase = behindComma
	case c == ']':
		if a.phase == behindComma {
			a.stray(b, p[:1])
		}
		a.phase = behindArray
	default:
		return 0, nil
	}
	return 1, nil
}

func (a *Array) stray(b *Block, raw []byte) {
	b.add(raw, a.file.line, &Misfit{Reason: schemas.ReasonJSON, Detail: strayDetail, Length: int64(len(raw))})
}

func (a *Array) wrong(reason string) error { return &FormError{Line: a.file.line, Reason: reason} }

// ending is what the end of the file means.
func (a *Array) ending() error {
	switch {
	case a.phase == behindArray:
		return io.EOF
	case a.phase == beforeArray:
		return a.wrong("the file is empty; " + wanted)
	case a.opened > 0:
		return a.wrong(fmt.Sprintf("the array has no end (]): the file ends within the element that begins on line %d", a.opened))
	}
	return a.wrong("the array has no end (]): the file ends before it")
}

// misfit says what is wrong with an element, nil for nothing.
func (a *Array) misfit(e *element) *Misfit {
	if a.phase == behindElement {
		e.wrong(commaDetail)
	}
	if e.flaw == "" {
		return nil
	}
	return &Misfit{Reason: schemas.ReasonJSON, Detail: e.flaw, Length: e.end}
}

// pass goes on behind an element.
func (a *Array) pass(e *element) {
	a.phase = behindElement
	switch {
	case e.reset:
		a.phase = behindComma
	case e.state == elementOpen:
		a.opened = a.file.line
	}
	a.file.line += e.lines
}

// overlong takes the element at hand, which the largest block can't hold, or whose end shows only further on.
func (a *Array) overlong(b *Block) error {
	s := &a.file
	e := element{gb: s.enc == GB18030}
	for at := s.at; e.state < elementWhole; {
		p, last, err := s.read(b.buf, at)
		if err != nil {
			return err
		}
		at += int64(e.feed(p, last))
	}
	if err := s.again(b, s.at+e.end, a.misfit(&e)); err != nil {
		return err
	}
	s.at += e.next
	a.pass(&e)
	return nil
}
