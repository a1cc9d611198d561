package fetch

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gwe-project/gwe/engine/fault"
)

// later is a fault of a server that another try may not meet; after is how long it asked to be left alone.
type later struct {
	error
	after time.Duration
}

func (l *later) Unwrap() error { return l.error }

// unreachable is the fault of an exchange that brought no answer. Certificates are not tried again.
func unreachable(ctx context.Context, address *url.URL, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	var (
		verification *tls.CertificateVerificationError
		authority    x509.UnknownAuthorityError
		alert        tls.AlertError
	)
	switch {
	case errors.Is(err, errPin):
		return fault.New(fault.Refused, "download-pin-wrong", "cannot download %s", shown(address)).WithCause(errPin).
			WithHint("see whether somebody else answers in the server's place; if its key was changed on purpose, give the new one in pins").AsPermanent()
	case errors.As(err, &verification), errors.As(err, &authority):
		return fault.New(fault.Refused, "download-certificate", "cannot download %s: the server's certificate is not trusted", shown(address)).WithCause(err).
			WithHint("give the authority that signed it in ca, and see whether the clock is right: date").AsPermanent()
	case errors.As(err, &alert):
		return fault.New(fault.Failed, "download-tls-refused", "cannot download %s: the server ends the TLS handshake", shown(address)).WithCause(err).
			WithHint("see whether it wants a client certificate: client-cert and client-key").AsPermanent()
	}
	return &later{error: fault.New(fault.Failed, "download-unreachable", "cannot download %s", shown(address)).WithCause(err).
		WithHint("see whether this machine reaches the server: curl -sI %s", shown(address))}
}

// refusedBy is the fault of an answer that is neither 200 nor 206 nor 416.
func refusedBy(address *url.URL, response *http.Response, now time.Time) error {
	status := strconv.Itoa(response.StatusCode)
	if name := http.StatusText(response.StatusCode); name != "" {
		status += " " + name
	}
	switch code := response.StatusCode; {
	case code == http.StatusNotFound, code == http.StatusGone:
		return fault.New(fault.Failed, "download-not-found", "cannot download %s: the server answers %s", shown(address), status).
			WithHint("see whether the address is right, and whether the server still has the file").AsPermanent()
	case code == http.StatusUnauthorized, code == http.StatusForbidden, code == http.StatusProxyAuthRequired:
		return fault.New(fault.Failed, "download-denied", "cannot download %s: the server answers %s", shown(address), status).
			WithHint("see whether user and password, token or headers are right; they are not sent to another host than the recipe names").AsPermanent()
	case code == http.StatusTooManyRequests, code == http.StatusRequestTimeout, code == http.StatusTooEarly, code >= 500:
		return &later{fault.New(fault.Failed, "download-server-busy", "cannot download %s: the server answers %s", shown(address), status).
			WithHint("try again later, or raise attempts; mirrors are tried in turn"), retryAfter(response.Header.Get("Retry-After"), now)}
	}
	return answerWrong(address, "the server answers "+status)
}

// longestRetryAfter bounds how long a server can make a download wait.
const longestRetryAfter = 15 * time.Minute

// retryAfter reads the header: seconds, or a date.
func retryAfter(text string, now time.Time) time.Duration {
	text = strings.TrimSpace(text)
	if seconds, err := strconv.ParseUint(text, 10, 63); err == nil {
		return time.Duration(min(seconds, uint64(longestRetryAfter/time.Second))) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(0, min(at.Sub(now), longestRetryAfter))
	}
	return 0
}

// contentRange reads "bytes FIRST-LAST/TOTAL"; total is -1 for "*".
func contentRange(text string) (first, last, total int64, ok bool) {
	text, found := strings.CutPrefix(text, "bytes ")
	span, length, cut := strings.Cut(text, "/")
	from, to, dash := strings.Cut(span, "-")
	if !found || !cut || !dash {
		return 0, 0, 0, false
	}
	first, ok = number(from)
	last, lastOK := number(to)
	total, totalOK := int64(-1), true
	if length != "*" {
		total, totalOK = number(length)
	}
	return first, last, total, ok && lastOK && totalOK && first <= last && (total == -1 || last < total)
}

// number reads digits, and nothing else.
func number(text string) (int64, bool) {
	if text == "" || strings.Trim(text, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil && n < math.MaxInt64
}
