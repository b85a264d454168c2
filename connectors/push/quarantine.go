package push

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"hebian/connectors"
)

const tagQuarantine = "quarantine"

// mostRows is how many rows of a file are handed back in one download.
const mostRows = 100_000

type quarantineInput struct {
	Agency string `query:"agency" maxLength:"64" doc:"Files of this agency. Default: the caller's; an operator's: all."`
}

type quarantineOutput struct {
	Body struct {
		Files []QuarantinedFile `json:"files"`
	}
}

// quarantineFile names a file by address.
type quarantineFile struct {
	Agency string `path:"agency" maxLength:"64" doc:"The agency's short name." example:"finance"`
	File   string `path:"file" maxLength:"255" doc:"The file's name, without a path." example:"payroll-202609.csv"`
}

type quarantineRowsInput struct {
	quarantineFile
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
	quarantineFile
	Form   string `query:"form" enum:"csv,ndjson,xlsx" default:"csv" doc:"What to write them in."`
	Reason string `query:"reason" maxLength:"64" doc:"Rows refused for this reason only."`
}

type rowsBody struct {
	Rows   []string `json:"rows,omitempty" maxItems:"100000" doc:"IDs of rows; none: all of the file."`
	Reason string   `json:"reason,omitempty" maxLength:"64" doc:"Instead of IDs: all rows refused for this reason."`
	Note   string   `json:"note,omitempty" maxLength:"1000" doc:"Why; needed to let rows fall."`
}

type mendInput struct {
	quarantineFile
	Body rowsBody
}

type resubmitInput struct {
	quarantineFile
	Form string `query:"form" enum:"csv,ndjson,xlsx" default:"csv" doc:"What the corrected file is written in."`

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
	changes := func() map[int]string {
		m := says()
		m[http.StatusConflict] = "busy: the file is being taken in. nothing_fits: no row fits the profile as it is now."
		m[http.StatusServiceUnavailable] = "closing: the hub is about to stop."
		m[http.StatusInsufficientStorage] = "disk_full: no room on the disk."
		m[http.StatusUnprocessableEntity] = "invalid: the request is not understood. file_refused: the file can't be read. unknown_row: a row is none of the file's."
		return m
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
	binary := &huma.Schema{Type: "string", Format: "binary"}
	op.Responses["200"] = &huma.Response{Description: "The rows, 100,000 at most.", Content: map[string]*huma.MediaType{
		"text/csv": {Schema: binary}, ndjson: {Schema: binary}, xlsx: {Schema: binary},
	}}
	huma.Register(s.api, op, s.downloadRows)
	op = scoped(s.operation(huma.Operation{
		OperationID: "resubmit-rows", Method: http.MethodPost, Path: at + "/resubmit", Summary: "Send corrected rows", Tags: []string{tagQuarantine},
		Description: "Takes a corrected download in. Rows that fit come on top of the file's others, or replace those of their key; each row that its column _row names leaves quarantine. What is still wrong comes back as a new row there.",
		RequestBody: &huma.RequestBody{Required: true, Description: "The bytes of the file.", Content: map[string]*huma.MediaType{"application/octet-stream": {Schema: binary}}},
	}, changes()), scopeDeliver)
	huma.Register(s.api, op, s.resubmit)
	huma.Register(s.api, scoped(s.operation(huma.Operation{
		OperationID: "retry-rows", Method: http.MethodPost, Path: at + "/retry", Summary: "Read rows again", Tags: []string{tagQuarantine},
		Description: "After the profile of the file was mended: rows that fit now come in and leave quarantine. The others stay.",
	}, changes()), scopeDeliver), s.retry)
	huma.Register(s.api, scoped(s.operation(huma.Operation{
		OperationID: "discard-rows", Method: http.MethodPost, Path: at + "/discard", Summary: "Let rows fall", Tags: []string{tagQuarantine},
		Description: "Rows leave quarantine for good, with the reason. They stay so when the file is delivered again as it was.",
	}, changes()), scopeDeliver), s.discardRows)
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
func (s *Server) file(ctx context.Context, in quarantineFile) (connectors.Found, *Problem) {
	caller := callerOf(ctx)
	if caller.Sandbox {
		return connectors.Found{}, sandboxOnly()
	}
	return s.find(caller, in.Agency, in.File)
}

func (s *Server) quarantinedRows(ctx context.Context, in *quarantineRowsInput) (*quarantineRowsOutput, error) {
	found, refused := s.file(ctx, in.quarantineFile)
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
			out.Body.Next = fmt.Sprintf("/v1/quarantine/%s/%s?from=%d", in.Agency, in.File, in.From+pageRows)
			if in.Reason != "" {
				out.Body.Next += "&reason=" + in.Reason
			}
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

// chosen reads the rows of a file that were refused for a reason; "": all.
func (s *Server) chosen(ctx context.Context, found connectors.Found, reason string) (rows []connectors.QuarantinedRow, err error) {
	err = s.Quarantine.Rows(ctx, found.Agency, found.Name, func(r connectors.QuarantinedRow) error {
		if reason != "" && r.Reason != reason {
			return nil
		}
		if len(rows) == mostRows {
			return errPageFull
		}
		r.Raw = bytes.Clone(r.Raw)
		rows = append(rows, r)
		return nil
	})
	if errors.Is(err, errPageFull) {
		err = nil
	}
	return rows, err
}

func (s *Server) downloadRows(ctx context.Context, in *quarantineDownload) (*huma.StreamResponse, error) {
	found, refused := s.file(ctx, in.quarantineFile)
	if refused != nil {
		return nil, refused
	}
	rows, err := s.chosen(ctx, found, in.Reason)
	if err != nil {
		return nil, s.fault(ctx, "read quarantine", err)
	}
	encoding := ""
	if len(rows) > 0 {
		encoding = rows[0].Encoding
	}
	media := map[string]string{"csv": "text/csv; charset=" + map[bool]string{true: "gb18030", false: "utf-8"}[encoding == "gb18030"], "ndjson": ndjson, "xlsx": xlsx}[in.Form]
	return &huma.StreamResponse{Body: func(out huma.Context) {
		out.SetHeader("Content-Type", media)
		out.SetHeader("Content-Disposition", fmt.Sprintf("attachment; filename=%q", strings.TrimSuffix(in.File, "."+string(found.Form))+"-refused."+in.Form))
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

func (s *Server) resubmit(ctx context.Context, in *resubmitInput) (*receiptOutput, error) {
	found, refused := s.file(ctx, in.quarantineFile)
	if refused != nil {
		return nil, refused
	}
	leave, refused := s.enter(callerOf(ctx), connectors.Upload{Found: found})
	if refused != nil {
		return nil, refused
	}
	defer leave()
	spooled, err := s.Spool.Take(&in.body)
	in.body.end()
	switch {
	case errors.Is(err, connectors.ErrTooLarge):
		return nil, tooLarge(s.Spool.MaxBytes())
	case errors.Is(in.body.err, os.ErrDeadlineExceeded):
		return nil, stalled(in.body.read)
	case in.body.err != nil:
		return nil, truncated(in.body.read)
	case err != nil:
		return nil, s.fault(ctx, "spool an upload", err)
	}
	found.Path, found.Bytes, found.As, found.Mended = spooled.Path, spooled.Bytes, connectors.Form(in.Form), true
	found.In = "auto"
	u := connectors.Upload{Found: found, Digest: spooled.Digest, Mode: connectors.Add, By: callerOf(ctx).Name}
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
	if in.Reason == "" || len(in.Rows) > 0 {
		return in.Rows, nil
	}
	rows, err := s.chosen(ctx, found, in.Reason)
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
	found, refused := s.file(ctx, in.quarantineFile)
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
	found, refused := s.file(ctx, in.quarantineFile)
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

// sandboxOnly turns away what the sandbox has nothing of.
func sandboxOnly() *Problem {
	return problem(http.StatusForbidden, "sandbox", "Not in the sandbox", "The token opens the sandbox, which keeps no rows.", "此令牌仅用于沙箱，沙箱不保存数据行。")
}
