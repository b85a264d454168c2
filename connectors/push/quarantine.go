package push

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"hebian/connectors"
)

const tagQuarantine = "quarantine"

// Bounds of a download, which is in memory whole: rows of a file, and bytes of what stands in them. A request that names rows holds as many.
const (
	mostRows      = 100_000
	mostRawBytes  = 64 << 20
	rowsBodyBytes = 8 << 20 // IDs have 32 digits
)

type quarantineInput struct {
	Agency string `query:"agency" maxLength:"64" doc:"Files of this agency. Default: the caller's; an operator's: all."`
}

type quarantineOutput struct {
	Body struct {
		Files []QuarantinedFile `json:"files"`
	}
}

// FileAddress names a file in the address of a request.
type FileAddress struct {
	Agency string `path:"agency" maxLength:"64" doc:"The agency's short name." example:"finance"`
	File   string `path:"file" maxLength:"255" doc:"The file's name, without a path." example:"payroll-202609.csv"`
}

type quarantineRowsInput struct {
	FileAddress
	Reason string `query:"reason" maxLength:"64" doc:"Rows refused for this reason only." example:"UNREADABLE"`
	From   int64  `query:"from" minimum:"0" doc:"How many of them to pass over."`
}

type quarantineRowsOutput struct {
	Body struct {
		Rows []connectors.QuarantinedRow `json:"rows" doc:"1,000 at most."`
		Next string                      `json:"next,omitempty" doc:"Address of the next ones."`
	}
}

type quarantineDownload struct {
	FileAddress
	Form   string `query:"form" enum:"csv,ndjson,xlsx" default:"csv" doc:"What to write them in."`
	Reason string `query:"reason" maxLength:"64" doc:"Rows refused for this reason only."`
}

type rowsBody struct {
	Rows   []string `json:"rows,omitempty" maxItems:"100000" doc:"IDs of rows; none: all of the file."`
	Reason string   `json:"reason,omitempty" maxLength:"64" doc:"Instead of IDs: rows refused for this reason, 100,000 at most."`
	Note   string   `json:"note,omitempty" maxLength:"1000" doc:"Why; needed to let rows fall."`
}

type mendInput struct {
	FileAddress
	Body rowsBody
}

type resubmitInput struct {
	FileAddress
	Form   string `query:"form" enum:"csv,ndjson,xlsx" default:"csv" doc:"What the corrected file is written in."`
	Digest string `header:"Content-Digest" maxLength:"1000" doc:"RFC 9530, with sha-256. The file is refused if its bytes are others."`

	body upload
}

// Resolve keeps the body for the handler to stream.
func (in *resubmitInput) Resolve(ctx huma.Context) []error {
	in.body = newUpload(ctx)
	return nil
}

func (s *Server) registerQuarantine() {
	says := func() map[int]string {
		return map[int]string{http.StatusNotFound: "unknown_agency, unknown_file: the known ones are named."}
	}
	const at = "/v1/quarantine/{agency}/{file}"
	huma.Register(s.api, scoped(s.operation(huma.Operation{
		OperationID: "list-quarantine", Method: http.MethodGet, Path: "/v1/quarantine", Summary: "See which files have rows in quarantine", Tags: []string{tagQuarantine},
		Description: "With how many wait in each.",
	}, says()), scopeRead), s.quarantined)
	huma.Register(s.api, scoped(s.operation(huma.Operation{
		OperationID: "list-quarantined-rows", Method: http.MethodGet, Path: at, Summary: "Read the rows of a file that wait in quarantine", Tags: []string{tagQuarantine},
		Description: "Line, column and reason of each; download-quarantined-rows has what stands in them.",
	}, says()), scopeRead), s.quarantinedRows)
	op := scoped(s.operation(huma.Operation{
		OperationID: "download-quarantined-rows", Method: http.MethodGet, Path: at + "/rows", Summary: "Download the rows of a file that wait in quarantine", Tags: []string{tagQuarantine},
		Description: "A file with the agency's own columns; in front of them stand _row, _line, _column, _reason and _detail. Correct it, leave _row as it is, and send it back with resubmit-rows. " +
			"A cell that a spreadsheet program would run has an apostrophe in front, which is taken away again.",
	}, says()), scopeRead)
	op.Responses["200"] = &huma.Response{
		Description: "The rows, 100,000 at most.",
		Headers:     map[string]*huma.Param{headerMore: textHeader("true: there are more rows than these; they come once these have left quarantine."), "Content-Disposition": textHeader("A name for the file.")},
		Content:     map[string]*huma.MediaType{"text/csv": {Schema: binary()}, ndjson: {Schema: binary()}, xlsx: {Schema: binary()}},
	}
	huma.Register(s.api, op, s.downloadRows)
	s.registerMending(at)
}

// registerMending adds the operations by which rows leave quarantine, below the address of a file.
func (s *Server) registerMending(at string) {
	mends := func(op huma.Operation, more map[int]string) huma.Operation {
		says := map[int]string{
			http.StatusNotFound:            "unknown_agency, unknown_file: the known ones are named. unknown_row: no row in quarantine is meant.",
			http.StatusConflict:            "busy: the file is being taken in.",
			http.StatusUnprocessableEntity: "invalid: the request is not understood.",
		}
		for status, text := range more {
			says[status] = strings.TrimSpace(says[status] + " " + text)
		}
		op.Method, op.DefaultStatus, op.Tags = http.MethodPost, http.StatusCreated, []string{tagQuarantine}
		op = scoped(s.operation(op, says), scopeDeliver)
		s.answersWith(&op, map[string]string{
			"201": "Done; the receipt says of how many rows.",
			"202": "Held: it would take back more of the file's rows than the limit. Nothing of it counts before an operator says yes.",
		})
		return op
	}
	huma.Register(s.api, mends(huma.Operation{
		OperationID: "resubmit-rows", Path: at + "/resubmit", Summary: "Send corrected rows",
		Description: "Takes a corrected download in. A row that fits and whose _row still waits comes on top of the file's others, or replaces the one of its key, and leaves quarantine. The others stay there as they were.",
		RequestBody: &huma.RequestBody{Required: true, Description: "The bytes of the file.", Content: map[string]*huma.MediaType{"application/octet-stream": {Schema: binary()}}},
	}, map[int]string{
		http.StatusBadRequest:            "truncated: the upload broke off. digest_mismatch: not the bytes announced. bad_digest: Content-Digest can't be read.",
		http.StatusRequestTimeout:        "stalled: the upload stalled or is too slow.",
		http.StatusRequestEntityTooLarge: "too_large: the file is larger than the hub takes.",
		http.StatusUnsupportedMediaType:  "unsupported: a form, or a body packed otherwise than by gzip.",
		http.StatusUnprocessableEntity:   "file_refused: the file can't be read. unknown_row: _row names none of the file's.",
		http.StatusTooManyRequests:       "quota: the agency has sent all the bytes of its day.",
		http.StatusServiceUnavailable:    "overloaded: too many uploads at once. closing: the hub is about to stop.",
	}), s.resubmit)
	huma.Register(s.api, mends(huma.Operation{
		OperationID: "retry-rows", Path: at + "/retry", Summary: "Read rows again", MaxBodyBytes: rowsBodyBytes,
		Description: "After the profile of the file was mended: rows that fit now come in and leave quarantine. The others stay.",
	}, withBody(map[int]string{http.StatusConflict: "nothing_fits: no row fits the profile as it is now."})), s.retry)
	huma.Register(s.api, mends(huma.Operation{
		OperationID: "discard-rows", Path: at + "/discard", Summary: "Let rows fall", MaxBodyBytes: rowsBodyBytes,
		Description: "Rows leave quarantine for good, with the reason. They stay so when the file is delivered again as it was.",
	}, withBody(map[int]string{http.StatusUnprocessableEntity: "note_required: it is to be said why."})), s.discardRows)
}

// binary is the schema of bytes that are no JSON.
func binary() *huma.Schema { return &huma.Schema{Type: huma.TypeString, Format: "binary"} }

// textHeader documents a header of an answer.
func textHeader(says string) *huma.Param {
	return &huma.Param{Description: says, Schema: &huma.Schema{Type: huma.TypeString}}
}

// xlsx is the media type of workbooks.
const xlsx = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

func (s *Server) quarantined(ctx context.Context, in *quarantineInput) (*quarantineOutput, error) {
	agency, refused := s.whose(ctx, in.Agency)
	if refused != nil {
		return nil, refused
	}
	out := &quarantineOutput{}
	out.Body.Files = []QuarantinedFile{}
	if callerOf(ctx).Sandbox {
		return out, nil
	}
	files, err := s.Quarantine.Files(ctx, agency)
	if err != nil {
		return nil, s.fault(ctx, "list quarantine", err)
	}
	out.Body.Files = append(out.Body.Files, files...)
	return out, nil
}

// whose is the agency that a caller asks about: its own, or any if it is an operator; "": all.
func (s *Server) whose(ctx context.Context, asked string) (string, *Problem) {
	caller := callerOf(ctx)
	switch {
	case asked == "" && !caller.Operator && caller.Agency == "":
		return "", operatorOnly()
	case asked == "" && !caller.Operator:
		return caller.Agency, nil
	case asked == "":
		return "", nil
	}
	_, refused := s.profile(caller, asked)
	return asked, refused
}

// file finds a file by its address, for a caller that may act for its agency.
func (s *Server) file(ctx context.Context, in FileAddress) (connectors.Found, *Problem) {
	caller := callerOf(ctx)
	if caller.Sandbox {
		return connectors.Found{}, sandboxClosed()
	}
	return s.find(caller, in.Agency, in.File)
}

func (s *Server) quarantinedRows(ctx context.Context, in *quarantineRowsInput) (*quarantineRowsOutput, error) {
	found, refused := s.file(ctx, in.FileAddress)
	if refused != nil {
		return nil, refused
	}
	out := &quarantineRowsOutput{}
	out.Body.Rows = []connectors.QuarantinedRow{}
	var seen int64
	err := s.Quarantine.Rows(ctx, found.Agency, found.Name, func(r connectors.QuarantinedRow) error {
		if in.Reason != "" && r.Reason != in.Reason {
			return nil
		}
		switch seen++; {
		case seen <= in.From:
		case len(out.Body.Rows) == pageRows:
			query := url.Values{"from": {strconv.FormatInt(in.From+pageRows, 10)}}
			if in.Reason != "" {
				query.Set("reason", in.Reason)
			}
			out.Body.Next = fmt.Sprintf("/v1/quarantine/%s/%s?%s", url.PathEscape(in.Agency), url.PathEscape(in.File), query.Encode())
			return errPageFull
		default:
			out.Body.Rows = append(out.Body.Rows, r)
		}
		return nil
	})
	if err != nil && !errors.Is(err, errPageFull) {
		return nil, s.fault(ctx, "read quarantine", err)
	}
	return out, nil
}

var errPageFull = errors.New("the page is full")

// chosen reads the rows of a file that were refused for a reason; "": all. more says that there are more than one answer holds.
func (s *Server) chosen(ctx context.Context, found connectors.Found, reason string) (rows []connectors.QuarantinedRow, more bool, err error) {
	held := 0
	err = s.Quarantine.Rows(ctx, found.Agency, found.Name, func(r connectors.QuarantinedRow) error {
		if reason != "" && r.Reason != reason {
			return nil
		}
		if held += len(r.Raw); len(rows) == mostRows || held > mostRawBytes && len(rows) > 0 {
			return errPageFull
		}
		r.Raw = bytes.Clone(r.Raw)
		rows = append(rows, r)
		return nil
	})
	if errors.Is(err, errPageFull) {
		return rows, true, nil
	}
	return rows, false, err
}

func (s *Server) downloadRows(ctx context.Context, in *quarantineDownload) (*huma.StreamResponse, error) {
	found, refused := s.file(ctx, in.FileAddress)
	if refused != nil {
		return nil, refused
	}
	rows, more, err := s.chosen(ctx, found, in.Reason)
	if err != nil {
		return nil, s.fault(ctx, "read quarantine", err)
	}
	encoding := ""
	if len(rows) > 0 {
		encoding = rows[0].Encoding
	}
	name := path.Base(found.Name)
	name = strings.TrimSuffix(name, path.Ext(name)) + "-refused." + in.Form
	media := map[string]string{"csv": "text/csv; charset=" + map[bool]string{true: "gb18030", false: "utf-8"}[encoding == "gb18030"], "ndjson": ndjson, "xlsx": xlsx}[in.Form]
	return &huma.StreamResponse{Body: func(out huma.Context) {
		out.SetHeader("Content-Type", media)
		out.SetHeader("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": name}))
		out.SetHeader(headerMore, strconv.FormatBool(more))
		out.SetHeader("Cache-Control", "no-store")
		out.SetStatus(http.StatusOK)
		if err := connectors.WriteRefused(out.BodyWriter(), connectors.Form(in.Form), encoding, rows); err != nil {
			if ctx.Err() == nil {
				s.Log.ErrorContext(ctx, "request failed", "doing", "write refused rows", "error", err)
			}
			panic(http.ErrAbortHandler) // the only way left to tell the reader that this was not all
		}
	}}, nil
}

// resubmit takes corrected rows in, on the same way as a delivery up to where the hub has them.
func (s *Server) resubmit(ctx context.Context, in *resubmitInput) (*receiptOutput, error) {
	caller := callerOf(ctx)
	found, refused := s.file(ctx, in.FileAddress)
	if refused != nil {
		return nil, refused
	}
	digest, refused := s.judgeBytes(&in.body, in.Digest)
	if refused != nil {
		return nil, refused
	}
	if refused := s.meter(caller, in.Agency, &in.body); refused != nil {
		return nil, refused
	}
	leave, refused := s.enter(caller, connectors.Upload{Found: found})
	if refused != nil {
		return nil, refused
	}
	defer leave()
	spooled, refused := s.receive(ctx, &in.body, digest)
	if refused != nil {
		return nil, refused
	}
	found.Path, found.Bytes, found.As, found.In, found.Mended = spooled.Path, spooled.Bytes, connectors.Form(in.Form), "auto", true
	u := connectors.Upload{Found: found, Digest: spooled.Digest, Mode: connectors.Add, By: caller.Name}
	r, err := s.Quarantine.Resubmit(context.WithoutCancel(ctx), u)
	if err := s.Spool.Done(spooled); err != nil {
		s.Log.ErrorContext(ctx, "a file is left in the spool", "error", err)
	}
	return s.mended(ctx, found.Name, r, err)
}

// mended answers with the receipt of what became of rows in quarantine.
func (s *Server) mended(ctx context.Context, name string, r connectors.Receipt, err error) (*receiptOutput, error) {
	var p *Problem
	switch {
	case errors.As(err, &p):
		return nil, p
	case errors.Is(err, connectors.ErrBusy):
		return nil, busy(name)
	case errors.Is(err, connectors.ErrUnknown):
		return nil, problem(http.StatusNotFound, "unknown_row", "No such rows", "No row in quarantine is meant by that.", "隔离区中没有符合条件的行。")
	case err != nil:
		return nil, s.fault(ctx, "mend rows of "+name, err)
	}
	return s.answer(ctx, r, false)
}

// named gives the IDs of the rows that a request means; nil: all of the file.
func (s *Server) named(ctx context.Context, found connectors.Found, in rowsBody) ([]string, error) {
	switch {
	case in.Reason == "":
		return in.Rows, nil
	case len(in.Rows) > 0:
		return nil, notUnderstood("Name rows, or a reason, not both.", "rows 与 reason 只能给出一项。")
	}
	rows, _, err := s.chosen(ctx, found, in.Reason)
	ids := make([]string, len(rows))
	for i := range rows {
		ids[i] = rows[i].Row
	}
	if err == nil && len(ids) == 0 {
		err = connectors.ErrUnknown
	}
	return ids, err
}

func (s *Server) retry(ctx context.Context, in *mendInput) (*receiptOutput, error) {
	found, refused := s.file(ctx, in.FileAddress)
	if refused != nil {
		return nil, refused
	}
	rows, err := s.named(ctx, found, in.Body)
	var r connectors.Receipt
	if err == nil {
		r, err = s.Quarantine.Retry(context.WithoutCancel(ctx), found.Agency, found.Name, rows, callerOf(ctx).Name)
	}
	return s.mended(ctx, found.Name, r, err)
}

func (s *Server) discardRows(ctx context.Context, in *mendInput) (*receiptOutput, error) {
	found, refused := s.file(ctx, in.FileAddress)
	if refused != nil {
		return nil, refused
	}
	if strings.TrimSpace(in.Body.Note) == "" {
		return nil, problem(http.StatusUnprocessableEntity, "note_required", "A reason is needed", "Say in note why the rows are let fall.", "请在 note 中说明放弃这些行的原因。")
	}
	rows, err := s.named(ctx, found, in.Body)
	var r connectors.Receipt
	if err == nil {
		r, err = s.Quarantine.Discard(context.WithoutCancel(ctx), found.Agency, found.Name, rows, in.Body.Note, callerOf(ctx).Name)
	}
	return s.mended(ctx, found.Name, r, err)
}
