package push

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"hebian/connectors"
)

// Bounds of the uploads in parts. What they hold lies on the hub's disk for as long as a day.
const (
	maxOpenUploads  = 8   // of an agency: a month's files, and some that were given up
	openAgencySizes = 2   // an agency's together may have so many times the size of the largest file,
	openSizes       = 4   // and those of all so many times
	maxSettled      = 100 // receipts' numbers that are kept of an agency's uploads
)

// PartialUpload is a file that comes in parts.
type PartialUpload struct {
	ID       string          `json:"id" doc:"Names the upload."`
	Agency   string          `json:"agency"`
	File     string          `json:"file" doc:"The file's name, without a path." example:"payroll-202609.csv"`
	Mode     connectors.Mode `json:"mode" enum:"full,add,remove,merge"`
	Key      string          `json:"key,omitempty" doc:"Idempotency key of the delivery; the id, if there is none."`
	Digest   string          `json:"digest,omitempty" doc:"sha256: and the digest that the file was announced with, in hexadecimal."`
	Bytes    int64           `json:"bytes" doc:"Size of the whole file."`
	Period   string          `json:"period,omitempty" doc:"Month that the file is said to be of."`
	Offset   int64           `json:"offset" doc:"Bytes that are here, on disk: where the next part begins."`
	Delivery int64           `json:"delivery,omitempty" doc:"Number of the receipt, once it was delivered."`
	Expires  time.Time       `json:"expires" doc:"When it is removed if nothing more comes."`
}

// Announce says which file is to come in parts.
type Announce struct {
	Agency string          `json:"agency,omitempty" maxLength:"64" doc:"The agency's short name; an agency's token needs none."`
	File   string          `json:"file" maxLength:"255" doc:"The file's name, without a path." example:"payroll-202609.csv"`
	Mode   connectors.Mode `json:"mode,omitempty" enum:"full,add,remove,merge" default:"full" doc:"As for a delivery."`
	Key    string          `json:"key,omitempty" maxLength:"200" pattern:"^[!-~]*$" doc:"Idempotency key of the delivery. None: the upload's id."`
	Digest string          `json:"digest,omitempty" pattern:"^sha256:[0-9a-f]{64}$" doc:"sha256: and the file's digest in hexadecimal. The file is refused if its bytes are others."`
	Bytes  int64           `json:"bytes" minimum:"0" doc:"Size of the whole file."`
	Period string          `json:"period,omitempty" pattern:"^[0-9]{6}$" doc:"Month that the file is of, YYYYMM, where its name does not say it."`
}

type announceInput struct {
	Body Announce
}

type uploadInput struct {
	ID string `path:"id" maxLength:"64" doc:"The upload's id."`
}

type partialOutput struct {
	Status   int
	Location string `header:"Location" doc:"Where the upload is."`
	Offset   string `header:"Upload-Offset" doc:"Bytes that are here: where the next part begins."`
	Length   string `header:"Upload-Length" doc:"Size of the whole file."`
	Body     PartialUpload
}

// partInput is a part. Its body is streamed, as that of a delivery.
type partInput struct {
	ID     string `path:"id" maxLength:"64" doc:"The upload's id."`
	Offset int64  `header:"Upload-Offset" required:"true" minimum:"0" doc:"Where in the file the part begins: as many bytes as the hub has."`
	Digest string `header:"Content-Digest" maxLength:"1000" doc:"RFC 9530, with sha-256, of the part. Without one, what came of a part that breaks off is kept."`

	body upload
}

// Resolve keeps the body for the handler to stream.
func (in *partInput) Resolve(ctx huma.Context) []error {
	in.body = newUpload(ctx)
	return nil
}

type partOutput struct {
	Offset string `header:"Upload-Offset" doc:"Bytes that are here now."`
}

// uploadProblems says what may be wrong with a request about an upload, beside the ones given.
func uploadProblems(more map[int]string) map[int]string {
	says := map[int]string{
		http.StatusNotFound: "unknown_upload: there is none of that id, or it is another agency's.",
		http.StatusConflict: "busy: another request changes the upload.",
	}
	for status, text := range more {
		says[status] = strings.TrimSpace(says[status] + " " + text)
	}
	return says
}

func (s *Server) registerUploads() {
	begin := scoped(s.operation(huma.Operation{
		OperationID:   "begin-upload",
		Method:        http.MethodPost,
		Path:          "/v1/uploads",
		DefaultStatus: http.StatusCreated,
		Summary:       "Begin an upload in parts",
		Description: "For large files on bad lines: what is here of a file stays here, over a broken line and a restart of the hub, for 24 hours after the last part. " +
			"Announced again with the same key or digest, an upload that was begun goes on, and the answer is 200.",
		Tags: []string{tagDeliveries},
	}, withBody(map[int]string{
		http.StatusBadRequest:            "agency_needed: an operator says for which agency.",
		http.StatusForbidden:             "forbidden: the token is another agency's.",
		http.StatusNotFound:              "unknown_agency, unknown_file: the known ones are named.",
		http.StatusConflict:              "too_many_uploads: the agency has as many on their way as it may.",
		http.StatusRequestEntityTooLarge: "too_large: the file is larger than the hub takes.",
		http.StatusUnprocessableEntity:   "not_keyed: merge, and the file has no row key. wrong_period: no month, or not that of the name. key_reused: another upload is on its way under the key. invalid: the request is not understood.",
		http.StatusInsufficientStorage:   "disk_full: no room on the disk.",
	})), scopeDeliver)
	schema := s.api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[PartialUpload](), true, "")
	begin.Responses["200"] = &huma.Response{Description: "It was begun earlier and goes on.", Content: map[string]*huma.MediaType{"application/json": {Schema: schema}}}
	huma.Register(s.api, begin, s.beginUpload)
	huma.Register(s.api, scoped(s.operation(huma.Operation{
		OperationID: "get-upload",
		Method:      http.MethodGet,
		Path:        "/v1/uploads/{id}",
		Summary:     "See how far an upload is",
		Description: "HEAD gives the headers alone: Upload-Offset says where the next part begins.",
		Tags:        []string{tagDeliveries},
	}, map[int]string{http.StatusNotFound: uploadProblems(nil)[http.StatusNotFound]}), scopeDeliver), s.showUpload)
	s.registerPart()
	deliver := scoped(s.operation(huma.Operation{
		OperationID:   "deliver-upload",
		Method:        http.MethodPost,
		Path:          "/v1/uploads/{id}/deliver",
		DefaultStatus: http.StatusCreated,
		Summary:       "Deliver an upload",
		Description:   "Takes the whole file in, as if it had come in one piece. Asked again it gives the same receipt.",
		Tags:          []string{tagDeliveries},
	}, uploadProblems(map[int]string{
		http.StatusBadRequest:          "digest_mismatch: not the bytes announced; the upload is removed.",
		http.StatusForbidden:           "forbidden: the token is another agency's.",
		http.StatusNotFound:            "unknown_agency, unknown_file: the profile changed meanwhile.",
		http.StatusConflict:            "incomplete: parts are lacking. waiting: a whole version of the file is held; a change set would have nothing to stand on.",
		http.StatusUnprocessableEntity: "file_refused: the file is not what its profile says; the receipt is named. key_reused: the key came with other bytes before. not_keyed, wrong_period: the profile changed meanwhile. invalid: the request is not understood.",
		http.StatusServiceUnavailable:  "overloaded: too many uploads at once. closing: the hub is about to stop.",
		http.StatusInsufficientStorage: "disk_full: no room on the disk; nothing of the file counts.",
	})), scopeDeliver)
	s.answersReceipt(&deliver)
	huma.Register(s.api, deliver, s.deliverUpload)
	huma.Register(s.api, scoped(s.operation(huma.Operation{
		OperationID: "delete-upload",
		Method:      http.MethodDelete,
		Path:        "/v1/uploads/{id}",
		Summary:     "Give an upload up",
		Description: "Removes what is here of the file. What was delivered stays.",
		Tags:        []string{tagDeliveries},
	}, uploadProblems(nil)), scopeDeliver), s.deleteUpload)
}

func (s *Server) registerPart() {
	huma.Register(s.api, scoped(s.operation(huma.Operation{
		OperationID: "send-part",
		Method:      http.MethodPatch,
		Path:        "/v1/uploads/{id}",
		Summary:     "Send a part",
		Description: "The body is the file's bytes from Upload-Offset on, as many as one likes. They are on disk when the answer comes.",
		Tags:        []string{tagDeliveries},
		RequestBody: &huma.RequestBody{
			Required:    true,
			Description: "The bytes of the part.",
			Content:     map[string]*huma.MediaType{"application/octet-stream": {Schema: &huma.Schema{Type: "string", Format: "binary"}}},
		},
	}, uploadProblems(map[int]string{
		http.StatusBadRequest:            "truncated: the part broke off; the offset says what is here. digest_mismatch: not the bytes announced. bad_digest: Content-Digest can't be read.",
		http.StatusRequestTimeout:        "stalled: the part stalled or is too slow; the offset says what is here.",
		http.StatusConflict:              "offset: the part does not begin where the upload goes on; the right offset is in the header and the body. delivered: the upload was delivered.",
		http.StatusRequestEntityTooLarge: "too_large: the part goes beyond the file.",
		http.StatusUnsupportedMediaType:  "unsupported: a compressed part.",
		http.StatusTooManyRequests:       "quota: the agency has sent all the bytes of its day.",
		http.StatusServiceUnavailable:    "overloaded: too many uploads at once.",
		http.StatusInsufficientStorage:   "disk_full: no room on the disk.",
	})), scopeDeliver), s.sendPart)
}

// beginUpload takes note of a file that is to come, or finds that it is coming already.
func (s *Server) beginUpload(ctx context.Context, in *announceInput) (*partialOutput, error) {
	caller, a := callerOf(ctx), in.Body
	agency := cmp.Or(a.Agency, caller.Agency)
	if agency == "" {
		return nil, agencyNeeded(s.agencies())
	}
	found, refused := s.find(caller, agency, a.File)
	if refused != nil {
		return nil, refused
	}
	mode := cmp.Or(a.Mode, connectors.Full)
	if _, refused := judge(found, mode, a.Period); refused != nil {
		return nil, refused
	}
	if a.Bytes > s.Spool.MaxBytes() {
		return nil, tooLarge(s.Spool.MaxBytes())
	}
	p, begun, refused, err := s.uploads.begin(partial{Sandbox: caller.Sandbox, PartialUpload: PartialUpload{
		Agency: agency, File: a.File, Mode: mode, Key: a.Key, Digest: a.Digest, Bytes: a.Bytes, Period: a.Period,
	}}, s.Spool.MaxBytes())
	switch {
	case err != nil:
		return nil, s.fault(ctx, "begin an upload", err)
	case refused != nil:
		return nil, refused
	}
	out := shown(p)
	if begun {
		out.Status = http.StatusCreated
	}
	return out, nil
}

// shown is an upload as its sender sees it.
func shown(p partial) *partialOutput {
	return &partialOutput{Status: http.StatusOK, Location: "/v1/uploads/" + p.ID, Offset: decimal(p.Offset), Length: decimal(p.Bytes), Body: p.PartialUpload}
}

func (s *Server) showUpload(ctx context.Context, in *uploadInput) (*partialOutput, error) {
	p, refused := s.uploadOf(ctx, in.ID)
	if refused != nil {
		return nil, refused
	}
	return shown(p), nil
}

// uploadOf gives an upload to those who may act for its agency. To the others there is none.
func (s *Server) uploadOf(ctx context.Context, id string) (partial, *Problem) {
	caller := callerOf(ctx)
	p, found, err := s.uploads.find(id)
	switch {
	case err != nil:
		return p, s.fault(ctx, "look for an upload", err)
	case !found || !caller.may(p.Agency) || caller.Sandbox != p.Sandbox:
		return p, unknownUpload(id)
	}
	return p, nil
}

// takeUpload is uploadOf for one request at a time.
func (s *Server) takeUpload(ctx context.Context, id string) (p partial, leave func(), refused *Problem) {
	if _, refused := s.uploadOf(ctx, id); refused != nil {
		return p, nil, refused
	}
	p, leave, ok := s.uploads.take(id)
	if !ok {
		return p, nil, busy("upload " + id)
	}
	return p, leave, nil
}

// sendPart takes the next part of a file in.
func (s *Server) sendPart(ctx context.Context, in *partInput) (*partOutput, error) {
	p, leave, refused := s.takeUpload(ctx, in.ID)
	if refused != nil {
		return nil, refused
	}
	defer leave()
	digest, refused := judgePart(p, in)
	if refused != nil {
		return nil, refused
	}
	if refused := s.meter(callerOf(ctx), p.Agency, &in.body); refused != nil {
		return nil, refused
	}
	if !s.slots.take(p.Agency) {
		return nil, overloaded()
	}
	defer s.slots.giveBack(p.Agency)
	p, err := s.uploads.grow(p, &in.body, digest != "", func(n int64, got string) error {
		broken := in.body.problem()
		switch {
		case n > p.Bytes-p.Offset:
			return beyond(p.Bytes)
		case digest != "" && broken != nil:
			return broken.at(p.Offset)
		case digest != "" && got != digest:
			return digestMismatch().at(p.Offset)
		}
		return nil
	})
	in.body.end()
	if refused := refusal(err); refused != nil {
		return nil, refused
	}
	if err != nil {
		return nil, s.fault(ctx, "write a part", err)
	}
	if broken := in.body.problem(); broken != nil {
		return nil, broken.at(p.Offset)
	}
	return &partOutput{Offset: decimal(p.Offset)}, nil
}

// judgePart looks at what was announced of a part. It returns the digest that its bytes must have, "" for any.
func judgePart(p partial, in *partInput) (digest string, refused *Problem) {
	encoding := in.body.ctx.Header("Content-Encoding")
	switch {
	case p.delivered():
		return "", settledUpload(p.Delivery)
	case in.Offset != p.Offset:
		return "", wrongOffset(p.Offset)
	case in.body.length > p.Bytes-p.Offset:
		return "", beyond(p.Bytes)
	case encoding != "" && !strings.EqualFold(encoding, "identity"):
		return "", unsupported("Send the bytes of the part as they are; the file itself may be packed.", "请直接发送各部分内容；文件本身可以是压缩文件。")
	}
	digest, ok := parseDigest(in.Digest)
	if !ok {
		return "", badDigest()
	}
	return digest, nil
}

// deliverUpload takes a whole file in, on the same path as one that came in one piece.
func (s *Server) deliverUpload(ctx context.Context, in *uploadInput) (*receiptOutput, error) {
	p, leave, refused := s.takeUpload(ctx, in.ID)
	if refused != nil {
		return nil, refused
	}
	defer leave()
	switch {
	case p.delivered():
		r, err := s.hub(callerOf(ctx)).Receipt(ctx, p.Delivery)
		if errors.Is(err, connectors.ErrUnknown) {
			return nil, unknownReceipt(p.Delivery)
		}
		if err != nil {
			return nil, s.fault(ctx, "read a receipt", err)
		}
		return s.answer(ctx, r, true)
	case p.Offset < p.Bytes:
		return nil, incomplete(p.Offset, p.Bytes)
	}
	u, refused := s.asUpload(callerOf(ctx), p)
	if refused != nil {
		return nil, refused
	}
	exit, refused := s.enter(callerOf(ctx), u)
	if refused != nil {
		return nil, refused
	}
	defer exit()
	ctx = context.WithoutCancel(ctx)
	if p, refused = s.seal(ctx, p); refused != nil {
		return nil, refused
	}
	u.Digest = p.Sum
	r, replayed, refused := s.handUpload(ctx, p, u)
	if refused != nil {
		return nil, refused
	}
	p.Delivery = r.Delivery
	if err := s.uploads.settle(p); err != nil { // asked again, the hub knows it by its key
		s.Log.ErrorContext(ctx, "the receipt of an upload is not noted", "upload", p.ID, "error", err)
	}
	return s.answer(ctx, r, replayed)
}

// asUpload makes of an upload in parts what the hub takes in, the digest apart. Its key is the upload's ID if it has none: so rows to add
// are never added twice.
func (s *Server) asUpload(caller Caller, p partial) (u connectors.Upload, refused *Problem) {
	if u.Found, refused = s.find(caller, p.Agency, p.File); refused != nil {
		return u, refused
	}
	u.Path, u.Bytes = s.uploads.path(p.ID, bytesEnding), p.Bytes
	u.Mode, u.Key, u.By = p.Mode, cmp.Or(p.Key, p.ID), caller.Name
	u.Period, refused = judge(u.Found, p.Mode, p.Period)
	return u, refused
}

// seal reads the whole file through for its digest. That is noted before the hub gets the file, which may move it away: only with it can
// the receipt be told from another's under the same key.
func (s *Server) seal(ctx context.Context, p partial) (partial, *Problem) {
	if p.Sum != "" {
		return p, nil
	}
	sum, err := s.uploads.digest(p)
	if err != nil {
		return p, s.fault(ctx, "read an upload", err)
	}
	if p.Digest != "" && p.Digest != sum {
		if err := s.uploads.drop(p.ID); err != nil {
			return p, s.fault(ctx, "remove an upload", err)
		}
		return p, digestMismatch()
	}
	p.Sum = sum
	if err := s.uploads.save(p); err != nil {
		return p, s.fault(ctx, "note the digest of an upload", err)
	}
	return p, nil
}

// handUpload gives the file to the hub. One that the hub took away before a crash, and has no receipt of, is gone.
func (s *Server) handUpload(ctx context.Context, p partial, u connectors.Upload) (r connectors.Receipt, replayed bool, refused *Problem) {
	hub := s.hub(callerOf(ctx))
	if !s.uploads.gone(p) {
		return s.hand(ctx, hub, u)
	}
	r, found, err := hub.ByKey(ctx, u.Agency, u.Key)
	switch {
	case err != nil:
		return r, false, s.fault(ctx, "look for a key", err)
	case found && r.Digest == u.Digest:
		return r, true, nil
	}
	if err := s.uploads.drop(p.ID); err != nil {
		return r, false, s.fault(ctx, "remove an upload", err)
	}
	return r, false, unknownUpload(p.ID)
}

// deleteUpload removes what is here of a file.
func (s *Server) deleteUpload(ctx context.Context, in *uploadInput) (*struct{}, error) {
	p, leave, refused := s.takeUpload(ctx, in.ID)
	if refused != nil {
		return nil, refused
	}
	defer leave()
	if err := s.uploads.drop(p.ID); err != nil {
		return nil, s.fault(ctx, "remove an upload", err)
	}
	return nil, nil
}

func decimal(n int64) string { return strconv.FormatInt(n, 10) }
