package push

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"hebian/connectors"
	"hebian/connectors/container"
	"hebian/connectors/text"
)

const tagFeeds = "feeds"

// Headers of answers that may be only a part.
const (
	headerNext = "Hebian-Next"
	headerMore = "Hebian-More"
)

// avroFile is the media type of object container files.
const avroFile = "application/avro"

// Bounds of a page of a feed, which is in memory whole: its cursor stands in front of it.
const (
	feedRecords = 20_000
	feedBytes   = 32 << 20
)

type feedsInput struct {
	Agency string `query:"agency" maxLength:"64" doc:"Feeds of this agency. Default: the caller's."`
}

type feedsOutput struct {
	Body struct {
		Feeds []Feed `json:"feeds"`
	}
}

type feedInput struct {
	Name   string `path:"name" maxLength:"64" doc:"Name of the feed." example:"corrections"`
	After  string `query:"after" maxLength:"1000" doc:"Cursor of the page before, from Hebian-Next. Without it: from the start."`
	Limit  int    `query:"limit" minimum:"1" maximum:"20000" default:"1000" doc:"Records at most; there may be fewer, and still more behind them."`
	Form   string `query:"form" enum:"ndjson,csv,avro" default:"ndjson" doc:"ndjson: an object a line. csv: id, key, record. avro: an object container file of the same three."`
	Agency string `query:"agency" maxLength:"64" doc:"An operator says for which agency; none: all."`
}

func (s *Server) registerFeeds() {
	says := func() map[int]string {
		return map[int]string{http.StatusNotFound: "unknown_feed, unknown_agency: the known ones are named."}
	}
	huma.Register(s.api, scoped(s.operation(huma.Operation{
		OperationID: "list-feeds", Method: http.MethodGet, Path: "/v1/feeds", Summary: "See which feeds there are", Tags: []string{tagFeeds},
		Description: "Those that the caller may pull.",
	}, says()), scopePull), s.listFeeds)
	m := says()
	m[http.StatusUnprocessableEntity] = "bad_cursor: the cursor is none of this feed. invalid: the request is not understood."
	op := scoped(s.operation(huma.Operation{
		OperationID: "pull-feed", Method: http.MethodGet, Path: "/v1/feeds/{name}", Summary: "Pull records", Tags: []string{tagFeeds},
		Description: "Records behind a cursor, in an order that stays. The header Hebian-Next holds the cursor to go on from, Hebian-More says whether there is more at this moment. Asked again with the same cursor the answer is the same records. " +
			"A record that was seen before has the same id: keep the cursor only once the page is stored, and nothing is lost.",
	}, m), scopePull)
	op.Responses["200"] = &huma.Response{
		Description: "The records.",
		Headers: map[string]*huma.Param{
			headerNext: textHeader("Cursor to go on from."), headerMore: textHeader("true or false: there are more at this moment."), "Link": textHeader("Address of the next page, rel=next."),
		},
		Content: map[string]*huma.MediaType{ndjson: {Schema: binary()}, "text/csv": {Schema: binary()}, avroFile: {Schema: binary()}},
	}
	huma.Register(s.api, op, s.pull)
}

func (s *Server) listFeeds(ctx context.Context, in *feedsInput) (*feedsOutput, error) {
	agency, refused := s.whose(ctx, in.Agency)
	if refused != nil {
		return nil, refused
	}
	out := &feedsOutput{}
	out.Body.Feeds = []Feed{}
	if !callerOf(ctx).Sandbox {
		out.Body.Feeds = append(out.Body.Feeds, s.Feeds.List(agency)...)
	}
	return out, nil
}

func (s *Server) pull(ctx context.Context, in *feedInput) (*huma.StreamResponse, error) {
	agency, refused := s.whose(ctx, in.Agency)
	if refused != nil {
		return nil, refused
	}
	if callerOf(ctx).Sandbox {
		return nil, sandboxClosed()
	}
	theirs := s.Feeds.List(agency)
	if !slices.ContainsFunc(theirs, func(f Feed) bool { return f.Name == in.Name }) {
		var known []string
		for _, f := range theirs {
			known = append(known, f.Name)
		}
		return nil, unknown("feed", "数据流", "feed", in.Name, known)
	}
	page, err := newPage(in.Form)
	if err != nil {
		return nil, s.fault(ctx, "write a feed", err)
	}
	next, more, err := s.Feeds.Read(ctx, in.Name, agency, in.After, min(in.Limit, feedRecords), feedBytes, page.add)
	if err == nil {
		err = page.close()
	}
	switch {
	case errors.Is(err, ErrCursor):
		return nil, problem(http.StatusUnprocessableEntity, "bad_cursor", "No cursor of this feed", "The cursor is damaged, of another feed, or of a log that was put back from a backup. Start over without one: records have the same ids.", "游标无效，请不带游标重新开始；同一记录的编号不变。")
	case err != nil:
		return nil, s.fault(ctx, "read feed "+in.Name, err)
	}
	return &huma.StreamResponse{Body: func(out huma.Context) {
		query := url.Values{"after": {next}, "limit": {strconv.Itoa(in.Limit)}, "form": {in.Form}}
		if in.Agency != "" {
			query.Set("agency", in.Agency)
		}
		out.SetHeader("Content-Type", page.media)
		out.SetHeader("Content-Length", strconv.Itoa(len(page.bytes()))) // so that a page cut off is not taken for a whole one
		out.SetHeader("Cache-Control", "no-store")
		out.SetHeader(headerNext, next)
		out.SetHeader(headerMore, strconv.FormatBool(more))
		out.SetHeader("Link", fmt.Sprintf(`</v1/feeds/%s?%s>; rel="next"`, url.PathEscape(in.Name), query.Encode()))
		out.SetStatus(http.StatusOK)
		out.BodyWriter().Write(page.bytes()) //nolint:errcheck // the reader has gone, and will ask again
	}}, nil
}

// feedPage is a page of a feed being written.
type feedPage struct {
	media string
	buf   bytes.Buffer
	line  []byte
	avro  *container.Writer
}

// feedSchema is what a record of a feed is in an object container file.
const feedSchema = `{"type":"record","name":"FeedRecord","namespace":"hebian","fields":[{"name":"id","type":"string"},{"name":"key","type":"string"},{"name":"record","type":"string","doc":"JSON"}]}`

func newPage(form string) (p *feedPage, err error) {
	switch p = new(feedPage); form {
	case "csv":
		p.media = "text/csv; charset=utf-8"
		p.line = append(p.line, "id,key,record\r\n"...)
		p.buf.Write(p.line)
	case "avro":
		p.media = avroFile
		p.avro, err = container.NewWriter(&p.buf, feedSchema, "deflate")
	default:
		p.media = ndjson
	}
	return p, err
}

// add writes a record.
func (p *feedPage) add(r connectors.Out) error {
	p.line = p.line[:0]
	switch {
	case p.avro != nil:
		for _, s := range []string{r.ID, r.Key} {
			p.line = appendAvro(p.line, s)
		}
		p.line = appendAvro(p.line, string(r.JSON))
		return p.avro.Append(p.line)
	case p.media != ndjson:
		p.line = append(text.AppendField(p.line, r.ID), ',')
		p.line = append(text.AppendField(p.line, r.Key), ',')
		p.line = append(text.AppendField(p.line, string(r.JSON)), "\r\n"...)
	default:
		p.line = append(p.line, `{"id":"`...) // letters, digits and hyphens
		p.line = append(p.line, r.ID...)
		p.line = append(p.line, `","key":`...)
		key, err := json.Marshal(r.Key)
		if err != nil {
			return err
		}
		p.line = append(p.line, key...)
		p.line = append(p.line, `,"record":`...)
		p.line = append(p.line, r.JSON...)
		p.line = append(p.line, "}\n"...)
	}
	p.buf.Write(p.line)
	return nil
}

// appendAvro appends a string as Avro has it.
func appendAvro(b []byte, s string) []byte {
	for n := uint64(len(s)) << 1; ; n >>= 7 {
		if n < 0x80 {
			return append(append(b, byte(n)), s...)
		}
		b = append(b, byte(n)|0x80)
	}
}

func (p *feedPage) close() error {
	if p.avro != nil {
		return p.avro.Close()
	}
	return nil
}

func (p *feedPage) bytes() []byte { return p.buf.Bytes() }
