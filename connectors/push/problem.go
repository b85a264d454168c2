package push

import (
	"fmt"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// Problem says what is wrong with a request, after RFC 9457. It is the error that both halves speak: the
// server answers with it, and the client returns it.
type Problem struct {
	Type     string    `json:"type" doc:"urn:hebian:problem: and a stable code." example:"urn:hebian:problem:unknown_file"`
	Title    string    `json:"title" doc:"What kind of problem it is."`
	Status   int       `json:"status" example:"404"`
	Detail   string    `json:"detail" doc:"What is wrong and what to do, in English."`
	DetailZH string    `json:"detail_zh,omitempty" doc:"The same in Chinese."`
	Known    []string  `json:"known,omitempty" doc:"The names that would have been right."`
	Files    []string  `json:"files,omitempty" doc:"The files that it is about."`
	Delivery int64     `json:"delivery,omitempty" doc:"The delivery that it is about; its receipt tells more."`
	Offset   *int64    `json:"offset,omitempty" doc:"How many bytes of an upload in parts the hub has."`
	Errors   []Invalid `json:"errors,omitempty" doc:"What is wrong with each part of the request."`

	retrySeconds int
}

// Invalid is what is wrong with one part of a request.
type Invalid struct {
	Location string `json:"location,omitempty" example:"query.mode"`
	Message  string `json:"message"`
}

// problemType begins the types of problems.
const problemType = "urn:hebian:problem:"

func (p *Problem) Error() string { return p.Detail }

// Code is the stable code at the end of the type.
func (p *Problem) Code() string { return strings.TrimPrefix(p.Type, problemType) }

// GetStatus makes the problem an answer of huma.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType is that of RFC 9457, whatever was asked for.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// GetHeaders says when to come again, or what is needed to come in.
func (p *Problem) GetHeaders() http.Header {
	header := http.Header{}
	if p.retrySeconds > 0 {
		header.Set("Retry-After", strconv.Itoa(p.retrySeconds))
	}
	if p.Offset != nil {
		header.Set("Upload-Offset", strconv.FormatInt(*p.Offset, 10))
	}
	if p.Status == http.StatusUnauthorized {
		header.Set("WWW-Authenticate", `Bearer realm="hebian"`)
	}
	return header
}

func problem(status int, code, title, detail, detailZH string) *Problem {
	return &Problem{Type: problemType + code, Title: title, Status: status, Detail: detail, DetailZH: detailZH}
}

// How long a sender waits before it comes again.
const (
	busySeconds    = 2
	closingSeconds = 5
	fullSeconds    = 60
	quotaSeconds   = 3600
)

func unauthorized() *Problem {
	return problem(http.StatusUnauthorized, "unauthorized", "No valid token",
		"Send a valid token as Authorization: Bearer hb_….", "请用 Authorization: Bearer hb_… 提供有效令牌。")
}

func forbidden(agency string) *Problem {
	return problem(http.StatusForbidden, "forbidden", "Not allowed",
		fmt.Sprintf("This token may not act for %s.", agency), fmt.Sprintf("此令牌无权代表 %s 操作。", agency))
}

func operatorOnly() *Problem {
	return problem(http.StatusForbidden, "forbidden", "Not allowed", "Only an operator may do this.", "仅限运维人员操作。")
}

func scopeNeeded(scope string) *Problem {
	return problem(http.StatusForbidden, "forbidden", "Not allowed",
		fmt.Sprintf("This token is not for that: it lacks the scope %q.", scope), fmt.Sprintf("此令牌没有“%s”权限。", scope))
}

func sandboxClosed() *Problem {
	return problem(http.StatusForbidden, "sandbox_closed", "Not in the sandbox",
		"This token opens the sandbox only, and that has nothing here. Ask the operator for a token of your agency.",
		"此令牌仅用于试报环境，而此处不提供试报。请向运维人员申请正式令牌。")
}

func tooManyRequests(pause time.Duration) *Problem {
	p := problem(http.StatusTooManyRequests, "too_many_requests", "Too many requests",
		"Your agency asks for more than the hub answers at a time. Come again when Retry-After says.", "贵单位请求过于频繁，请按 Retry-After 稍后再试。")
	p.retrySeconds = int((pause + time.Second - 1) / time.Second)
	return p
}

func quota() *Problem {
	p := problem(http.StatusTooManyRequests, "quota", "No more bytes today",
		"Your agency has sent all the bytes that it may send in a day. Go on tomorrow, or ask the operator for more.",
		"贵单位今日报送的数据量已达上限，请明日再报，或联系运维人员调整。")
	p.retrySeconds = quotaSeconds
	return p
}

func notKeyed(file string) *Problem {
	return problem(http.StatusUnprocessableEntity, "not_keyed", "The file has no row key",
		fmt.Sprintf("The profile of %s does not say which columns name a row, so no row can replace another. Send the whole file, or rows to add or remove.", file),
		fmt.Sprintf("%s 的约定格式没有行主键，无法按行合并。请报送整份文件，或用增补、撤回方式。", file))
}

func wrongPeriod(file, period string) *Problem {
	return problem(http.StatusUnprocessableEntity, "wrong_period", "Not the month of the file",
		fmt.Sprintf("%q is no month, or not the one in the name of %s.", period, file),
		fmt.Sprintf("“%s”不是有效月份，或与文件名 %s 中的月份不符。", period, file))
}

func unknown(what, whatZH, code, name string, known []string) *Problem {
	p := problem(http.StatusNotFound, "unknown_"+code, "Unknown "+what,
		fmt.Sprintf("There is no %s %q. Known: %s.", what, name, strings.Join(known, ", ")),
		fmt.Sprintf("没有%s“%s”。已知的有：%s。", whatZH, name, strings.Join(known, "、")))
	p.Known = known
	return p
}

func notUnderstood(detail, detailZH string) *Problem {
	return problem(http.StatusUnprocessableEntity, "invalid", "The request is not understood", detail, detailZH)
}

func unknownReceipt(id int64) *Problem {
	return problem(http.StatusNotFound, "unknown_receipt", "Unknown receipt",
		fmt.Sprintf("There is no receipt %d of yours.", id), fmt.Sprintf("您没有编号为 %d 的回执。", id))
}

func keyRequired() *Problem {
	return problem(http.StatusBadRequest, "key_required", "An Idempotency-Key is needed",
		"Rows that come on top or are taken back need an Idempotency-Key: without one a repeat could not be told from more rows.",
		"增补或撤回行时必须提供 Idempotency-Key，否则无法区分重发与新增。")
}

func badDigest() *Problem {
	return problem(http.StatusBadRequest, "bad_digest", "Content-Digest can't be read",
		"Want Content-Digest: sha-256=:BASE64:, after RFC 9530.", "Content-Digest 应为 sha-256=:BASE64:（RFC 9530）。")
}

func digestMismatch() *Problem {
	return problem(http.StatusBadRequest, "digest_mismatch", "Not the bytes that were sent",
		"The bytes that came do not have the digest that was announced. Nothing was taken in; send the file again.",
		"收到的内容与声明的摘要不符，未接收任何内容，请重新发送。")
}

func truncated(bytes int64) *Problem {
	return problem(http.StatusBadRequest, "truncated", "The upload broke off",
		fmt.Sprintf("The upload broke off after %d bytes. Nothing was taken in; send the file again.", bytes),
		fmt.Sprintf("上传在 %d 字节后中断，未接收任何内容，请重新发送。", bytes))
}

func stalled(bytes int64) *Problem {
	return problem(http.StatusRequestTimeout, "stalled", "The upload is too slow",
		fmt.Sprintf("After %d bytes the upload stalled or became too slow. Nothing was taken in; send the file again.", bytes),
		fmt.Sprintf("上传在 %d 字节后停滞或过慢，未接收任何内容，请重新发送。", bytes))
}

func tooLarge(limit int64) *Problem {
	return problem(http.StatusRequestEntityTooLarge, "too_large", "The file is too large",
		fmt.Sprintf("A file may have %d bytes at most; deliver it in parts.", limit), fmt.Sprintf("文件最多 %d 字节，请分批报送。", limit))
}

func unsupported(detail, detailZH string) *Problem {
	return problem(http.StatusUnsupportedMediaType, "unsupported", "Not a plain file", detail, detailZH)
}

func busy(file string) *Problem {
	p := problem(http.StatusConflict, "busy", "The file is being taken in",
		fmt.Sprintf("Another upload of %s, or one under the same key, is on its way. Come again when it is done.", file),
		fmt.Sprintf("%s（或同一幂等键）正在接收另一次上传，请稍后再试。", file))
	p.retrySeconds = busySeconds
	return p
}

func waiting(file string, delivery int64) *Problem {
	p := problem(http.StatusConflict, "waiting", "A version of the file waits",
		fmt.Sprintf("Delivery %d, the whole of %s, waits for an operator's yes. Send rows to add or remove when that is settled, or a whole file instead.", delivery, file),
		fmt.Sprintf("%s 的整份报送（%d 号）正等待管理员确认；请待其办结后再报增减，或改报整份文件。", file, delivery))
	p.Delivery = delivery
	return p
}

func overloaded() *Problem {
	p := problem(http.StatusServiceUnavailable, "overloaded", "Too many uploads at once",
		"The hub takes as many uploads as it can at once. Come again shortly.", "同时上传过多，请稍后再试。")
	p.retrySeconds = busySeconds
	return p
}

func closing() *Problem {
	p := problem(http.StatusServiceUnavailable, "closing", "The hub is about to stop",
		"The hub is about to stop. Come again shortly.", "系统即将停止，请稍后再试。")
	p.retrySeconds = closingSeconds
	return p
}

func diskFull() *Problem {
	p := problem(http.StatusInsufficientStorage, "disk_full", "No room on the disk",
		"The hub has no room on its disk. Nothing of the file counts; send it again when an operator has made room.",
		"系统磁盘已满，该文件未生效，请待运维人员清理后重新发送。")
	p.retrySeconds = fullSeconds
	return p
}

func keyReused(id int64) *Problem {
	p := problem(http.StatusUnprocessableEntity, "key_reused", "The key belongs to another file",
		fmt.Sprintf("Delivery %d came under this Idempotency-Key with other bytes, another name or another mode. Send this file under a key of its own.", id),
		fmt.Sprintf("此 Idempotency-Key 已用于内容、名称或方式不同的报送 %d，请换用新的键。", id))
	p.Delivery = id
	return p
}

func fileRefused(id int64, reason string) *Problem {
	p := problem(http.StatusUnprocessableEntity, "file_refused", "The file is not what its profile says",
		reason+". Nothing of it counts; what was delivered earlier under its name stays.",
		fmt.Sprintf("文件与约定格式不符（%s）。该文件未生效，此前同名文件的内容保持不变。", reason))
	p.Delivery = id
	return p
}

func unknownUpload(id string) *Problem {
	return problem(http.StatusNotFound, "unknown_upload", "Unknown upload",
		fmt.Sprintf("There is no upload %q of yours; one that nothing came of for 24 hours is removed.", id),
		fmt.Sprintf("您没有编号为“%s”的上传；24 小时无进展的上传会被清除。", id))
}

func wrongOffset(offset int64) *Problem {
	p := problem(http.StatusConflict, "offset", "Not where the upload goes on",
		fmt.Sprintf("The hub has %d bytes of the upload; send the part from there on.", offset), fmt.Sprintf("已收到 %d 字节，请从该位置续传。", offset))
	p.Offset = &offset
	return p
}

func incomplete(offset, bytes int64) *Problem {
	p := problem(http.StatusConflict, "incomplete", "Parts are lacking",
		fmt.Sprintf("The hub has %d of %d bytes. Send the rest first.", offset, bytes), fmt.Sprintf("已收到 %d 字节，共 %d 字节，请先传完其余部分。", offset, bytes))
	p.Offset = &offset
	return p
}

func beyond(bytes int64) *Problem {
	return problem(http.StatusRequestEntityTooLarge, "too_large", "The part goes beyond the file",
		fmt.Sprintf("The upload was announced with %d bytes, and the part goes beyond them.", bytes), fmt.Sprintf("该上传声明为 %d 字节，此部分超出其末尾。", bytes))
}

func settledUpload(delivery int64) *Problem {
	p := problem(http.StatusConflict, "delivered", "The upload was delivered",
		fmt.Sprintf("The file of this upload was delivered; its receipt is %d.", delivery), fmt.Sprintf("该上传已完成报送，回执编号为 %d。", delivery))
	p.Delivery = delivery
	return p
}

func tooManyUploads(ids []string) *Problem {
	p := problem(http.StatusConflict, "too_many_uploads", "Too many uploads in parts",
		"Your agency has as many uploads in parts on their way as it may. Deliver or delete one of those named.", "贵单位未完成的分段上传已达上限，请先报送或删除所列的上传。")
	p.Known = ids
	return p
}

func keyTaken(id string) *Problem {
	return problem(http.StatusUnprocessableEntity, "key_reused", "The key belongs to another upload",
		fmt.Sprintf("Upload %s is on its way under this key, and announces another file. Go on with it, delete it, or take another key.", id),
		fmt.Sprintf("上传 %s 正使用此键，且声明的文件不同。请续传、删除，或换用新的键。", id))
}

// at says of a part that did not come as it should from where the upload goes on.
func (p *Problem) at(offset int64) *Problem {
	p.Offset = &offset
	p.Detail = fmt.Sprintf("The part did not come whole. The hub has %d bytes of the upload; go on from there.", offset)
	p.DetailZH = fmt.Sprintf("此部分未完整收到。已收到 %d 字节，请从该位置续传。", offset)
	return p
}

func notHeld(id int64) *Problem {
	p := problem(http.StatusConflict, "not_held", "The delivery is not held",
		fmt.Sprintf("Delivery %d does not wait for an operator.", id), fmt.Sprintf("报送 %d 并非待确认状态。", id))
	p.Delivery = id
	return p
}

func lacking(month string, files []string) *Problem {
	p := problem(http.StatusConflict, "files_lacking", "Files are lacking",
		fmt.Sprintf("%s is not complete: %s not delivered. Deliver, or name under \"empty\" what has no rows.", month, strings.Join(files, ", ")),
		fmt.Sprintf("%s 尚不完整：%s 未报送。请报送，或在 empty 中列明无数据的文件。", month, strings.Join(files, "、")))
	p.Files = files
	return p
}

func agencyNeeded(known []string) *Problem {
	p := problem(http.StatusBadRequest, "agency_needed", "For which agency?",
		fmt.Sprintf("An operator names the agency: ?agency=NAME. Known: %s.", strings.Join(known, ", ")),
		fmt.Sprintf("运维人员须用 ?agency= 指明单位。已知的有：%s。", strings.Join(known, "、")))
	p.Known = known
	return p
}

func internal() *Problem {
	return problem(http.StatusInternalServerError, "internal", "The hub made a mistake",
		"Something went wrong in the hub; its log tells what. Nothing of an unfinished file counts. Send it again.",
		"系统内部错误，详情见系统日志。未完成的文件不生效，请重新发送。")
}

// invalid turns an error that huma made into a problem. Values are left out: one may be a person's number.
func invalid(m *huma.ErrorModel) *Problem {
	p := problem(m.Status, "invalid", "The request is not understood", "", "请求有误。")
	if m.Status >= http.StatusInternalServerError {
		return internal()
	}
	says := []string{}
	for _, e := range m.Errors {
		if e == nil {
			continue
		}
		p.Errors = append(p.Errors, Invalid{Location: e.Location, Message: e.Message})
		says = append(says, strings.TrimSpace(e.Location+" "+e.Message))
	}
	p.Detail = m.Detail
	if len(says) > 0 {
		p.Detail = fmt.Sprintf("%s: %s", m.Detail, strings.Join(says, "; "))
	}
	return p
}

// api is a huma.API whose own errors are problems as ours.
type api struct{ huma.API }

// Transform sees every body before it is written.
func (a api) Transform(ctx huma.Context, status string, v any) (any, error) {
	if m, ok := v.(*huma.ErrorModel); ok {
		v = invalid(m)
	}
	return a.API.Transform(ctx, status, v)
}

// Speaking gives an API whose own errors are problems, too, for operations beside those of the doors. It is no huma.Group.
func Speaking(on huma.API) huma.API { return api{on} }

// Answers documents the problems of such an operation: what each status means.
func Answers(on huma.API, op *huma.Operation, says map[int]string) { api{on}.answers(op, says) }

// doorProblem names the schema of a problem in the OpenAPI document, where other rooms may have a Problem of
// their own.
type doorProblem Problem

// withBody adds what may be wrong with a body of JSON, before anybody looks at what it says.
func withBody(says map[int]string) map[int]string {
	for status, text := range map[int]string{
		http.StatusBadRequest:            "invalid: the body is no JSON.",
		http.StatusRequestTimeout:        "invalid: the body comes too slowly.",
		http.StatusRequestEntityTooLarge: "invalid: the body is too large.",
		http.StatusUnsupportedMediaType:  "invalid: the body is not said to be JSON.",
	} {
		says[status] = strings.TrimSpace(says[status] + " " + text)
	}
	return says
}

// answers documents the problems of an operation: what each status means.
func (a api) answers(op *huma.Operation, says map[int]string) {
	if op.Responses == nil {
		op.Responses = map[string]*huma.Response{}
	}
	schema := a.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[doorProblem](), true, "")
	for status, description := range says {
		op.Responses[strconv.Itoa(status)] = &huma.Response{
			Description: description,
			Content:     map[string]*huma.MediaType{"application/problem+json": {Schema: schema}},
		}
	}
}
