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
)

// deliverInput is a request to take a file in. Its body is not read before everything else is known to be right.
type deliverInput struct {
	Agency string          `path:"agency" maxLength:"64" doc:"The agency's short name." example:"finance"`
	File   string          `path:"file" maxLength:"255" doc:"The file's name, without a path." example:"payroll-202609.csv"`
	Mode   connectors.Mode `query:"mode" enum:"full,add,remove" default:"full" doc:"full: the file is whole, and what it lacks is taken back. add: its rows come on top. remove: its rows are taken back."`
	Key    string          `header:"Idempotency-Key" maxLength:"200" pattern:"^[!-~]*$" doc:"Names this delivery: sent again under its key it is not taken in twice. Needed for add and remove."`
	Digest string          `header:"Content-Digest" maxLength:"1000" doc:"RFC 9530, with sha-256. The file is refused if its bytes are others."`

	encoding  string
	mediaType string
	length    int64 // as announced; -1: not
	body      upload
}

// Resolve keeps the body for the handler to stream: huma itself would read it into memory.
func (in *deliverInput) Resolve(ctx huma.Context) []error {
	in.encoding, in.mediaType = ctx.Header("Content-Encoding"), ctx.Header("Content-Type")
	in.length = -1
	if n, err := strconv.ParseInt(ctx.Header("Content-Length"), 10, 64); err == nil {
		in.length = n
	}
	in.body = upload{ctx: ctx, started: time.Now()}
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
	op := s.operation(huma.Operation{
		OperationID:   "deliver-file",
		Method:        http.MethodPost,
		Path:          "/v1/deliveries/{agency}/{file}",
		DefaultStatus: http.StatusCreated,
		Summary:       "Deliver a file",
		Description: "Takes a file in, as the profile of its agency describes it. The body is the file as it is, streamed. The answer comes when every row is on disk, " +
			"accepted or in quarantine with a reason. A file delivered again under its name replaces its earlier version row by row.",
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
	}, map[int]string{
		http.StatusBadRequest:            "truncated: the upload broke off. digest_mismatch: not the bytes announced. bad_digest: Content-Digest can't be read. key_required: add and remove need an Idempotency-Key.",
		http.StatusForbidden:             "forbidden: the token is another agency's.",
		http.StatusNotFound:              "unknown_agency, unknown_file: the known ones are named.",
		http.StatusRequestTimeout:        "stalled: the upload stalled or is too slow.",
		http.StatusConflict:              "busy: the same file is being taken in. waiting: a whole version of it is held; a change set would have nothing to stand on.",
		http.StatusRequestEntityTooLarge: "too_large: the file is larger than the hub takes.",
		http.StatusUnsupportedMediaType:  "unsupported: a compressed body or a form.",
		http.StatusUnprocessableEntity:   "file_refused: the file is not what its profile says; the receipt is named. key_reused: the key came with other bytes before. invalid: the request is not understood.",
		http.StatusServiceUnavailable:    "overloaded: too many uploads at once. closing: the hub is about to stop.",
		http.StatusInsufficientStorage:   "disk_full: no room on the disk; nothing of the file counts.",
	})
	schema := s.api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[connectors.Receipt](), true, "")
	for status, says := range map[string]string{
		"200": "The file was taken in earlier, under the same key: its receipt, with Idempotent-Replayed: true.",
		"201": "Taken in.",
		"202": "Held: the file would take back more of its earlier rows than the limit. Nothing of it counts before an operator says yes.",
	} {
		op.Responses[status] = &huma.Response{Description: says, Content: map[string]*huma.MediaType{"application/json": {Schema: schema}}}
	}
	huma.Register(s.api, op, s.deliver)
}

// deliver takes a file in: everything but the bytes is judged first, then the bytes are streamed to the spool,
// and only a whole file is handed on.
func (s *Server) deliver(ctx context.Context, in *deliverInput) (*receiptOutput, error) {
	caller := callerOf(ctx)
	found, refused := s.find(caller, in)
	if refused != nil {
		return nil, refused
	}
	digest, refused := s.judge(in)
	if refused != nil {
		return nil, refused
	}
	leave, refused := s.enter(found.Agency, found.Name, in.Key)
	if refused != nil {
		return nil, refused
	}
	defer leave()
	spooled, refused := s.receive(ctx, in, digest)
	if refused != nil {
		return nil, refused
	}
	found.Path, found.Bytes = spooled.Path, spooled.Bytes
	u := connectors.Upload{Found: found, Digest: spooled.Digest, Mode: in.Mode, Key: in.Key, By: caller.Name}
	// A file that is here whole is taken in, whether or not its sender still waits: half-done work would only
	// be done again.
	out, err := s.hand(context.WithoutCancel(ctx), u)
	if err := s.Spool.Done(spooled); err != nil {
		s.Log.ErrorContext(ctx, "a file is left in the spool", "error", err)
	}
	return out, err
}

// find looks for the file among those of the agency's profile. A name that holds a path is none of them.
func (s *Server) find(caller Caller, in *deliverInput) (connectors.Found, *Problem) {
	profile, refused := s.profile(caller, in.Agency)
	if refused != nil {
		return connectors.Found{}, refused
	}
	if found, ok := profile.Find(in.File); ok {
		return found, nil
	}
	var known []string
	for _, file := range profile.Files {
		known = append(known, strings.ReplaceAll(path.Base(file.Path), "{month}", "YYYYMM"))
	}
	return connectors.Found{}, unknown("file", "文件", "file", in.File, known)
}

// judge looks at what was announced. It returns the digest that the bytes must have, "" for any.
func (s *Server) judge(in *deliverInput) (digest string, refused *Problem) {
	if in.Mode != connectors.Full && in.Key == "" {
		return "", keyRequired()
	}
	if in.encoding != "" && !strings.EqualFold(in.encoding, "identity") {
		return "", unsupported("Send the file as it is, not compressed.", "请直接发送文件，不要压缩。")
	}
	if mediaType, _, err := mime.ParseMediaType(in.mediaType); err == nil && strings.HasPrefix(mediaType, "multipart/") {
		return "", unsupported("Send the file as the body, not as a part of a form (curl: --data-binary @FILE, not -F).", "请将文件作为请求体发送，不要用表单（curl 用 --data-binary @文件，不要用 -F）。")
	}
	if in.length > s.Spool.MaxBytes() {
		return "", tooLarge(s.Spool.MaxBytes())
	}
	digest, ok := parseDigest(in.Digest)
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
func (s *Server) enter(agency, name, key string) (leave func(), refused *Problem) {
	if !s.slots.take(agency) {
		return nil, overloaded()
	}
	names := []string{name}
	if key != "" {
		names = append(names, agency+" "+key) // no file's name holds a blank
	}
	release, ok := s.Claims.Take(names...)
	if !ok {
		s.slots.giveBack(agency)
		return nil, busy(name)
	}
	return func() { release(); s.slots.giveBack(agency) }, nil
}

// receive streams the body to the spool.
func (s *Server) receive(ctx context.Context, in *deliverInput, digest string) (connectors.Spooled, *Problem) {
	spooled, err := s.Spool.Take(&in.body)
	in.body.end()
	switch {
	case errors.Is(err, connectors.ErrTooLarge):
		return spooled, tooLarge(s.Spool.MaxBytes())
	case errors.Is(in.body.err, os.ErrDeadlineExceeded):
		return spooled, stalled(in.body.read)
	case in.body.err != nil:
		return spooled, truncated(in.body.read)
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

// hand gives a whole file to the hub, unless it has it under the same key.
func (s *Server) hand(ctx context.Context, u connectors.Upload) (*receiptOutput, error) {
	if u.Key != "" {
		r, found, err := s.Hub.ByKey(ctx, u.Agency, u.Key)
		if err != nil {
			return nil, s.fault(ctx, "look for a key", err)
		}
		if found && (r.Digest != u.Digest || r.File != u.Name || r.Mode != u.Mode) {
			return nil, keyReused(r.Delivery)
		}
		if found {
			return s.answer(ctx, r, true)
		}
	}
	r, err := s.Hub.Deliver(ctx, u)
	var held *connectors.HeldError
	switch {
	case errors.Is(err, connectors.ErrBusy):
		return nil, busy(u.Name)
	case errors.As(err, &held):
		return nil, waiting(u.Name, held.Delivery)
	case err != nil:
		return nil, s.fault(ctx, "take in "+u.Name, err)
	}
	return s.answer(ctx, r, false)
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

// upload reads the body of a request and gives up on a sender that is too slow.
type upload struct {
	ctx     huma.Context
	started time.Time
	read    int64
	err     error // other than io.EOF
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
	if err != nil && err != io.EOF {
		u.err = err
	}
	return n, err
}

// end takes the deadline away again: left to pass, it would end the request while its file is taken in.
func (u *upload) end() { u.ctx.SetReadDeadline(time.Time{}) } //nolint:errcheck // as above
