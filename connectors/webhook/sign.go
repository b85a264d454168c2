package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Headers of a dispatch.
const (
	headerDispatch  = "Hebian-Dispatch"  // its ID
	headerTimestamp = "Hebian-Timestamp" // when it was signed, in seconds since 1970
	headerSignature = "Hebian-Signature" // v1= and HMAC-SHA256 of timestamp.ID.body in hexadecimal; several with commas between them
)

// Why a dispatch is not to be taken.
var (
	ErrUnsigned = errors.New("the dispatch is not signed")
	ErrForged   = errors.New("the dispatch was not signed with this secret, or was changed on its way")
	ErrStale    = errors.New("the dispatch was signed too long ago, or clocks differ")
)

// Verify says whether a request came from who has the secret, as it was sent, and not longer than tolerance ago by the receiver's
// clock; five minutes do. It is for receivers. A dispatch that is taken should be known by its Hebian-Dispatch from then on, so that
// one which comes again is answered with 409 or 2xx and changes nothing. The error is one of the above.
func Verify(secret string, header http.Header, body []byte, now time.Time, tolerance time.Duration) error {
	id, stamp, signatures := header.Get(headerDispatch), header.Get(headerTimestamp), header.Get(headerSignature)
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if id == "" || err != nil {
		return ErrUnsigned
	}
	want := signature(secret, stamp, id, body)
	found, good := false, false
	for part := range strings.SplitSeq(signatures, ",") {
		sum, ok := strings.CutPrefix(strings.TrimSpace(part), "v1=")
		found = found || ok
		good = good || ok && hmac.Equal([]byte(sum), []byte(want))
	}
	switch {
	case !found:
		return ErrUnsigned
	case !good:
		return ErrForged
	}
	if age := now.Sub(time.Unix(seconds, 0)); age > tolerance || age < -tolerance {
		return fmt.Errorf("%w: %s", ErrStale, age.Round(time.Second))
	}
	return nil
}

// sign puts the time and the signature into a header.
func sign(secret string, header http.Header, id string, body []byte, now time.Time) {
	stamp := strconv.FormatInt(now.Unix(), 10)
	header.Set(headerTimestamp, stamp)
	header.Set(headerSignature, "v1="+signature(secret, stamp, id, body))
}

func signature(secret, stamp, id string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(stamp + "." + id + "."))
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}
