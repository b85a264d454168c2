package push

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"path"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"hebian/connectors"
	"hebian/schemas"
)

// deliverInput is a request to take a file in. Its body is not read before everything else is known to be right.
type deliverInput struct {
	Agency string          `path:"agency" maxLength:"64" doc:"The agency's short name." example:"finance"`
	File   string          `path:"file" maxLength:"255" doc:"The file's name, without a path." example:"payroll-202609.csv"`
	Mode   connectors.Mode `query:"mode" enum:"full,add,remove,merge" default:"full" doc:"full: the file is whole, and what it lacks is taken back. add: its rows come on top. remove: its rows are taken back. merge: its rows replace those of the same row key; only for files whose profile names one."`
	Period string          `query:"period" pattern:"^[0-9]{6}$" doc:"Month that the file is of, YYYYMM, where its name does not say it." example:"202609"`
	Key    string          `header:"Idempotency-Key" maxLength:"200" pattern:"^[!-~]*$" doc:"Names this delivery: sent again under its key it is not taken in twice. Needed for add and remove."`
	Digest string          `header:"Content-Digest" maxLength:"1000" doc:"RFC 9530, with sha-256. The file is refused if its bytes are others."`

	body upload
}

// Resolve keeps the body for the handler to stream: huma itself would read it into memory.
func (in *deliverInput) Resolve(ctx huma.Context) []error {
	in.body = newUpload(ctx)
	return nil
}

// receiptOutput is a receipt on its way to the sender.
type receiptOutput struct {
	Status   int
	Location string `header:"Location" doc:"Where the receipt is."`
	Replayed string `header:"Idempotent-Replayed" doc:"true when the file was taken in earlier, under the same key."`
	Body     connectors.Receipt
}

func (s *Server) registerDeliveries() {
	op := scoped(s.operation(huma.Operation{
		OperationID:   "deliver-file",
		Method:        http.MethodPost,
		Path:          "/v1/deliveries/{agency}/{file}",
		DefaultStatus: http.StatusCreated,
		Summary:       "Deliver a file",
		Description: "Takes a file in, as the profile of its agency describes it. The body is the file as it is, streamed; it may be packed by gzip, and Content-Digest is " +
			"that of the bytes as they are sent. The answer comes when every row is on disk, accepted or in quarantine with a reason. A file delivered again under its " +
			"name replaces its earlier version row by row.",
		Tags: []string{tagDeliveries},
		RequestBody: &huma.RequestBody{
			Required:    true,
			Description: "The bytes of the file.",
			Content: map[string]*huma.MediaType{
				"application/octet-stream": {Schema: &huma.Schema{Type: "string", Format: "binary"}},
				"text/csv":                 {Schema: &huma.Schema{Type: "string", Format: "binary"}},
				"application/x-ndjson":     {Schema: &huma.Schema{Type: "string", Format: "binary"}},
			},
		},
	}, deliverProblems()), scopeDeliver)
	s.answersReceipt(&op)
	huma.Register(s.api, op, s.deliver)
}

// deliverProblems says what may be wrong with a delivery.
func deliverProblems() map[int]string {
	return map[int]string{
		http.StatusBadRequest:            "truncated: the upload broke off. digest_mismatch: not the bytes announced. bad_digest: Content-Digest can't be read. key_required: add and remove need an Idempotency-Key.",
		http.StatusForbidden:             "forbidden: the token is another agency's.",
		http.StatusNotFound:              "unknown_agency, unknown_file: the known ones are named.",
		http.StatusRequestTimeout:        "stalled: the upload stalled or is too slow.",
		http.StatusConflict:              "busy: the same file is being taken in. waiting: a whole version of it is held; a change set would have nothing to stand on.",
		http.StatusRequestEntityTooLarge: "too_large: the file is larger than the hub takes.",
		http.StatusUnsupportedMediaType:  "unsupported: a form, or a body packed otherwise than by gzip.",
		http.StatusUnprocessableEntity:   "file_refused: the file is not what its profile says; the receipt is named. key_reused: the key came with other bytes before. not_keyed: merge, and the file has no row key. wrong_period: no month, or not that of the name. invalid: the request is not understood.",
		http.StatusTooManyRequests:       "quota: the agency has sent all the bytes of its day.",
		http.StatusServiceUnavailable:    "overloaded: too many uploads at once. closing: the hub is about to stop.",
		http.StatusInsufficientStorage:   "disk_full: no room on the disk; nothing of the file counts.",
	}
}

// answersReceipt documents the receipts that a delivery answers with.
func (s *Server) answersReceipt(op *huma.Operation) {
	s.answersWith(op, map[string]string{
		"200": "The file was taken in earlier, under the same key: its receipt, with Idempotent-Replayed: true.",
		"201": "Taken in.",
		"202": "Held: the file would take back more of its earlier rows than the limit. Nothing of it counts before an operator says yes.",
	})
}

// answersWith documents receipts by their status.
func (s *Server) answersWith(op *huma.Operation, says map[string]string) {
	schema := s.api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[connectors.Receipt](), true, "")
	for status, text := range says {
		op.Responses[status] = &huma.Response{Description: text, Content: map[string]*huma.MediaType{"application/json": {Schema: schema}}}
	}
}

// deliver takes a file in: everything but the bytes is judged first, then the bytes are streamed to the spool,
// and only a whole file is handed on.
func (s *Server) deliver(ctx context.Context, in *deliverInput) (*receiptOutput, error) {
	caller := callerOf(ctx)
	found, refused := s.find(caller, in.Agency, in.File)
	if refused != nil {
		return nil, refused
	}
	u := connectors.Upload{Found: found, Mode: in.Mode, Key: in.Key, By: caller.Name}
	if u.Period, refused = judge(found, in.Mode, in.Period); refused != nil {
		return nil, refused
	}
	digest, refused := s.judgeBody(in)
	if refused != nil {
		return nil, refused
	}
	if refused := s.meter(caller, in.Agency, &in.body); refused != nil {
		return nil, refused
	}
	leave, refused := s.enter(caller, u)
	if refused != nil {
		return nil, refused
	}
	defer leave()
	spooled, refused := s.receive(ctx, &in.body, digest)
	if refused != nil {
		return nil, refused
	}
	u.Path, u.Bytes, u.Digest = spooled.Path, spooled.Bytes, spooled.Digest
	// A file that is here whole is taken in, whether or not its sender still waits: half-done work would only
	// be done again.
	ctx = context.WithoutCancel(ctx)
	r, replayed, refused := s.hand(ctx, s.hub(caller), u)
	if err := s.Spool.Done(spooled); err != nil {
		s.Log.ErrorContext(ctx, "a file is left in the spool", "error", err)
	}
	if refused != nil {
		return nil, refused
	}
	return s.answer(ctx, r, replayed)
}

// find looks for the file among those of the agency's profile. A name that holds a path is none of them.
func (s *Server) find(caller Caller, agency, name string) (connectors.Found, *Problem) {
	profile, refused := s.profile(caller, agency)
	if refused != nil {
		return connectors.Found{}, refused
	}
	if found, ok := profile.Find(name); ok {
		return found, nil
	}
	var known []string
	for _, file := range profile.Files {
		known = append(known, strings.ReplaceAll(path.Base(file.Path), "{month}", "YYYYMM"))
	}
	return connectors.Found{}, unknown("file", "文件", "file", name, known)
}

// judge looks at what the file is said to be, and says of which month it is: as said, else as its name has it.
func judge(found connectors.Found, mode connectors.Mode, period string) (schemas.Month, *Problem) {
	if mode == connectors.Merge && !found.Keyed() {
		return 0, notKeyed(found.Name)
	}
	if period == "" {
		return found.Month, nil
	}
	month, ok := schemas.ParseMonth(period)
	if !ok || found.Month != 0 && month != found.Month {
		return 0, wrongPeriod(found.Name, period)
	}
	return month, nil
}

// judgeBody looks at what was announced of the body. It returns the digest that the bytes must have, "" for any.
func (s *Server) judgeBody(in *deliverInput) (digest string, refused *Problem) {
	if (in.Mode == connectors.Add || in.Mode == connectors.Remove) && in.Key == "" {
		return "", keyRequired()
	}
	return s.judgeBytes(&in.body, in.Digest)
}

// judgeBytes looks at how a file is sent, before any of it is read. It returns the digest that its bytes must have, "" for any.
func (s *Server) judgeBytes(body *upload, announced string) (digest string, refused *Problem) {
	if encoding := body.ctx.Header("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") && !strings.EqualFold(encoding, "gzip") {
		return "", unsupported("Send the file as it is, or packed by gzip.", "请直接发送文件，或仅用 gzip 压缩。")
	}
	if mediaType, _, err := mime.ParseMediaType(body.ctx.Header("Content-Type")); err == nil && strings.HasPrefix(mediaType, "multipart/") {
		return "", unsupported("Send the file as the body, not as a part of a form (curl: --data-binary @FILE, not -F).", "请将文件作为请求体发送，不要用表单（curl 用 --data-binary @文件，不要用 -F）。")
	}
	if body.length > s.Spool.MaxBytes() {
		return "", tooLarge(s.Spool.MaxBytes())
	}
	digest, ok := parseDigest(announced)
	if !ok {
		return "", badDigest()
	}
	return digest, nil
}

// parseDigest reads the SHA-256 of a Content-Digest, which may name other digests too.
func parseDigest(header string) (digest string, ok bool) {
	if header == "" {
		return "", true
	}
	for member := range strings.SplitSeq(header, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(member), "=")
		if name != "sha-256" {
			continue
		}
		value, opens := strings.CutPrefix(value, ":")
		value, closes := strings.CutSuffix(value, ":")
		sum, err := base64.StdEncoding.DecodeString(value)
		return "sha256:" + hex.EncodeToString(sum), opens && closes && err == nil && len(sum) == 32
	}
	return "", false
}

// enter lets an upload in if there is room, and no other of the same file or key is on its way.
func (s *Server) enter(caller Caller, u connectors.Upload) (leave func(), refused *Problem) {
	if !s.slots.take(u.Agency) {
		return nil, overloaded()
	}
	names := []string{u.Name}
	if u.Key != "" {
		names = append(names, u.Agency+" "+u.Key) // no file's name holds a blank
	}
	if caller.Sandbox { // nor does any begin with one: what is tried out is in nobody's way
		for i := range names {
			names[i] = " " + names[i]
		}
	}
	release, ok := s.Claims.Take(names...)
	if !ok {
		s.slots.giveBack(u.Agency)
		return nil, busy(u.Name)
	}
	return func() { release(); s.slots.giveBack(u.Agency) }, nil
}

// receive streams the body to the spool.
func (s *Server) receive(ctx context.Context, body *upload, digest string) (connectors.Spooled, *Problem) {
	spooled, err := s.Spool.Take(body)
	body.end()
	if errors.Is(err, connectors.ErrTooLarge) {
		return spooled, tooLarge(s.Spool.MaxBytes())
	}
	refused := body.problem()
	switch {
	case refused != nil:
		return spooled, refused
	case err != nil:
		return spooled, s.fault(ctx, "spool an upload", err)
	case digest != "" && digest != spooled.Digest:
		if err := s.Spool.Done(spooled); err != nil {
			return spooled, s.fault(ctx, "clear the spool", err)
		}
		return spooled, digestMismatch()
	}
	return spooled, nil
}

// hand gives a whole file to a hub, unless that has it under the same key.
func (s *Server) hand(ctx context.Context, hub Hub, u connectors.Upload) (r connectors.Receipt, replayed bool, refused *Problem) {
	if u.Key != "" {
		r, found, err := hub.ByKey(ctx, u.Agency, u.Key)
		switch {
		case err != nil:
			return r, false, s.fault(ctx, "look for a key", err)
		case found && (r.Digest != u.Digest || r.File != u.Name || r.Mode != u.Mode):
			return r, false, keyReused(r.Delivery)
		case found:
			return r, true, nil
		}
	}
	r, err := hub.Deliver(ctx, u)
	var held *connectors.HeldError
	switch {
	case errors.Is(err, connectors.ErrBusy):
		return r, false, busy(u.Name)
	case errors.As(err, &held):
		return r, false, waiting(u.Name, held.Delivery)
	case err != nil:
		return r, false, s.fault(ctx, "take in "+u.Name, err)
	}
	return r, false, nil
}

// answer turns a receipt into what the sender sees.
func (s *Server) answer(ctx context.Context, r connectors.Receipt, replayed bool) (*receiptOutput, error) {
	out := &receiptOutput{Status: http.StatusCreated, Location: where(r.Delivery), Body: r}
	if replayed {
		out.Status, out.Replayed = http.StatusOK, "true"
	}
	switch r.Outcome {
	case connectors.Complete, connectors.Discarded:
		return out, nil
	case connectors.Held:
		out.Status = http.StatusAccepted
		return out, nil
	case connectors.Failed:
		return nil, fileRefused(r.Delivery, r.Error)
	}
	return nil, s.fault(ctx, "take in "+r.File, errors.New("the hub gave a receipt of an open delivery"))
}

// How slow an upload may be: a pause of stallLimit, or on the whole less than slowestBytes a second after a
// start of stallLimit, end it. A village office's line brings that; somebody who only holds doors open does not.
const (
	stallLimit   = 30 * time.Second
	slowestBytes = 8 << 10
)

// upload reads the body of a request and gives up on a sender that is too slow, or sends more than it may.
type upload struct {
	ctx     huma.Context
	started time.Time
	length  int64            // as announced; -1: not
	spend   func(int64) bool // counts bytes, and says whether so many are allowed; nil: any
	read    int64
	err     error // other than io.EOF
	whole   bool  // it was read to its end
}

func newUpload(ctx huma.Context) upload {
	u := upload{ctx: ctx, started: time.Now(), length: -1}
	if n, err := strconv.ParseInt(ctx.Header("Content-Length"), 10, 64); err == nil {
		u.length = n
	}
	return u
}

func (u *upload) Read(p []byte) (int, error) {
	pause := time.Now().Add(stallLimit)
	whole := u.started.Add(stallLimit + time.Duration(u.read/slowestBytes)*time.Second)
	if whole.Before(pause) {
		pause = whole
	}
	u.ctx.SetReadDeadline(pause) //nolint:errcheck // a connection without deadlines has none to set
	n, err := u.ctx.BodyReader().Read(p)
	u.read += int64(n)
	if u.spend != nil && !u.spend(int64(n)) {
		n, err = 0, errQuota
	}
	if err != nil && err != io.EOF {
		u.err = err
	}
	u.whole = err == io.EOF
	return n, err
}

// problem says why the body did not come whole, or nil.
func (u *upload) problem() *Problem {
	switch {
	case u.err == nil:
		return nil
	case errors.Is(u.err, errQuota):
		return quota()
	case errors.Is(u.err, os.ErrDeadlineExceeded):
		return stalled(u.read)
	}
	return truncated(u.read)
}

// end takes the deadline away again: left to pass, it would end the request while its file is taken in. Of a body that did not come whole
// nothing more is waited for: the server would read on to its end before it answers.
func (u *upload) end() {
	if u.whole {
		u.ctx.SetReadDeadline(time.Time{}) //nolint:errcheck // as above
		return
	}
	u.ctx.SetReadDeadline(time.Now()) //nolint:errcheck // as above
	u.ctx.SetHeader("Connection", "close")
}
