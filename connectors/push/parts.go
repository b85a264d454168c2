package push

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/sony/gobreaker/v2"

	"hebian/connectors"
)

const (
	// partsFrom is the size from which on a file goes in parts: below, sending it again costs less than the requests around it.
	partsFrom = 256 << 20
	// partBytes is the size of a part: what a hub that is killed forgets at most.
	partBytes = 64 << 20
)

// errNoParts says that the hub takes no uploads in parts, or none of this file now.
var errNoParts = errors.New("the hub takes no uploads in parts")

// deliverParts sends a file in parts, so that a line that breaks goes on where it broke. A whole file that comes without a key of the
// caller's has none: the hub knows it by its digest until it is delivered, so that even a new call goes on where the last one ended.
func (c *Client) deliverParts(ctx context.Context, s Shipment, digest []byte, size int64) (r connectors.Receipt, err error) {
	a := Announce{Agency: s.Agency, File: s.File, Mode: s.Mode, Key: s.Key, Digest: "sha256:" + hex.EncodeToString(digest), Bytes: size}
	if s.Period != 0 {
		a.Period = s.Period.String()
	}
	var p PartialUpload
	err = c.Call(ctx, http.MethodPost, "/v1/uploads", a, &p)
	if refused := refusal(err); refused != nil && noParts(refused) {
		return r, errNoParts
	}
	if err != nil {
		return r, err
	}
	at := "/v1/uploads/" + url.PathEscape(p.ID)
	if err := c.sendParts(ctx, at, s.Path, p.Offset, size); err != nil {
		return r, err
	}
	err = c.do(ctx, call{method: http.MethodPost, path: at + "/deliver", timeout: takeInLimit, budget: 2 * takeInLimit}, &r)
	return r, err
}

// noParts says whether a refusal leaves the way in one piece open.
func noParts(p *Problem) bool {
	switch p.Status {
	case http.StatusNotFound:
		return p.Code() != "unknown_agency" && p.Code() != "unknown_file"
	case http.StatusMethodNotAllowed:
		return true
	}
	return p.Code() == "too_many_uploads"
}

// sendParts sends a file from an offset on. When a part breaks off it asks the hub what has come, and goes on there. Only tries that
// brought nothing forward are counted, and those not that found the last one still at work, as after a line that died without a word.
func (c *Client) sendParts(ctx context.Context, at, path string, offset, size int64) error {
	for tries := 1; offset < size; {
		a, err := c.breaker.Execute(func() (answer, error) { return c.try(ctx, part(at, path, offset, min(c.partBytes, size-offset), size)) })
		var pause time.Duration
		refused := refusal(err)
		switch {
		case err == nil:
			if offset, err = a.offset(offset, size); err != nil {
				return err
			}
			tries = 1
			continue
		case errors.Is(err, gobreaker.ErrOpenState), errors.Is(err, gobreaker.ErrTooManyRequests):
			err, pause = ErrAway, openFor/10
		case refused != nil && refused.Code() == "busy":
			pause = wait(a, tries)
		case refused != nil && refused.Code() == "offset" && tries < maxTries, again(ctx, err) && tries < maxTries:
			pause = wait(a, tries)
			tries++
		default:
			return err
		}
		if !sleep(ctx, pause) {
			return fmt.Errorf("%w (%w)", err, context.Cause(ctx))
		}
		var p PartialUpload
		if err := c.Call(ctx, http.MethodGet, at, nil, &p); err != nil {
			return err
		}
		if p.Offset > offset {
			tries = 1
		}
		offset = p.Offset
	}
	return nil
}

// part is the request that sends the part at an offset.
func part(at, path string, offset, length, size int64) call {
	return call{
		method: http.MethodPatch, path: at,
		header:  map[string]string{"Content-Type": "application/octet-stream", "Upload-Offset": strconv.FormatInt(offset, 10)},
		body:    &source{size: length, open: func() (io.ReadCloser, error) { return section(path, offset, length, size) }},
		timeout: callTimeout + stallLimit + time.Duration(length/slowestBytes)*time.Second,
	}
}

// offset reads from an answer where the next part begins, behind the last one.
func (a answer) offset(last, size int64) (int64, error) {
	text := a.header.Get("Upload-Offset")
	next, err := strconv.ParseInt(text, 10, 64)
	if err != nil || next <= last || next > size {
		return 0, fmt.Errorf("the hub has %q bytes of the file's %d, after a part from %d on", text, size, last)
	}
	return next, nil
}

// section opens a part of a file, as reopen does the whole.
func section(path string, offset, length, size int64) (io.ReadCloser, error) {
	file, err := reopen(path, size)
	if err != nil {
		return nil, err
	}
	if _, err := file.Seek(offset, io.SeekStart); err != nil {
		file.Close()
		return nil, err
	}
	return struct {
		io.Reader
		io.Closer
	}{io.LimitReader(file, length), file}, nil
}
