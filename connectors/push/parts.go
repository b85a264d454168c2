package push

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
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

// sendParts sends a file from an offset on. When a part breaks off it asks the hub what has come, and goes on there: a try that brought
// something forward is none of those that end it.
func (c *Client) sendParts(ctx context.Context, at, path string, offset, size int64) error {
	for tries := 1; offset < size; {
		next, pause, err := c.sendPart(ctx, at, path, offset, size)
		if err == nil {
			offset, tries = next, 1
			continue
		}
		if tries == maxTries {
			return err
		}
		if !sleep(ctx, max(pause, wait(answer{}, tries)*min(pause+1, 1))) {
			return fmt.Errorf("%w (%w)", err, context.Cause(ctx))
		}
		var p PartialUpload
		if err := c.Call(ctx, http.MethodGet, at, nil, &p); err != nil {
			return err
		}
		if p.Offset > offset {
			tries = 0
		}
		offset, tries = p.Offset, tries+1
	}
	return nil
}
